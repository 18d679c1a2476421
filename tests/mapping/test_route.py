"""Mapping by a gallery: each tile by the card of its bucket, far ones by mono, and a layer that says which."""

from __future__ import annotations

import dataclasses
import itertools
import json
import pickle
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import rasterio
from tests.gallery.making import make_gallery
from tests.mapping.places import grid_at, make_card, make_catalog, make_scene

from landweave.errors import CardError, ConfigError, GalleryError, LandweaveError
from landweave.gallery.models import MODELS, BucketModel, Models, told_of, write_models
from landweave.gallery.route import Router
from landweave.jobs.serial import Serial
from landweave.mapping.buckets import told
from landweave.mapping.job import run
from landweave.mapping.prepare import MapJob, prepare
from landweave.mapping.route import Sent
from landweave.models.sight import Sight
from landweave.raster.read import read, read_map

BANDS = ("B03", "B04", "B05")
CORE_PX = 64


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Two scenes side by side that look different, and a gallery whose buckets are their looks."""
    scenes = [
        make_scene(tmp_path, name, grid_at(130, 128, col=128 * n), seed=n, day=n + 1, bands=BANDS)
        for n, name in enumerate(("west", "east"))
    ]
    make_catalog(tmp_path / "c.parquet", *scenes)
    make_models(tmp_path / "gallery", far_limit=48.0)
    return tmp_path


def make_models(folder: Path, far_limit: float, centroids: tuple[int, ...] = (0, 2**48 - 1)) -> None:
    """A gallery with mono and a card of its own for each bucket, all of random weights."""
    gallery = make_gallery(folder, centroids)
    names = ("mono", *(f"bucket-{bucket}" for bucket in range(len(centroids))))
    cards = [make_card(folder / "models" / name, "pixel", seed=n, bands=BANDS) for n, name in enumerate(names)]
    buckets = tuple(
        BucketModel(bucket, f"models/bucket-{bucket}", cards[bucket + 1].identity, 9, 9)
        for bucket in range(len(centroids))
    )
    mono = {**told_of(cards[0]), "card": "models/mono"}
    write_models(gallery, Models(folder, mono, buckets, far_limit, 0.2, "mean_iou"), {"made": "for tests"})


def job(place: Path, **changes: Any) -> MapJob:
    values = {"gallery": place / "gallery", "scenes": place / "c.parquet", "core_px": CORE_PX, "precision": "fp32"}
    return MapJob.model_validate({**values, **changes})


def mapped(place: Path, out: str = "out", executor: Any = None, **changes: Any) -> dict[str, Any]:
    records = list(run(job(place, **changes), place / out, executor))
    assert not [record.failed for record in records if record.failed]
    return dict(json.loads((place / out / "summary.json").read_text()))


def test_every_tile_is_mapped_by_the_card_of_its_bucket(place: Path) -> None:
    summary = mapped(place)
    frame = geopandas.read_parquet(place / "out" / "buckets.parquet")
    assert len(frame) == 12
    router = Router(place / "gallery")
    single = {name: single_map(place, name) for name in ("mono", "bucket-0", "bucket-1")}
    found, grid = read_map(place / "out" / "map.tif")
    plan = prepare(job(place)).plan
    scenes = prepare(job(place)).scenes
    for piece in plan.pieces:
        row = frame[frame["tile"] == piece.tile.key].iloc[0]
        values, valid = read(scenes[piece.scenes[0]], router.bands, piece.tile.core.on(plan.grid))
        route = router.route(values, valid)
        assert (row["bucket"], row["card"]) == (route.bucket, route.identity)
        assert row["distance"] == pytest.approx(route.distance, abs=1e-3)
        name = route.card.name
        np.testing.assert_array_equal(found[piece.tile.core.slices], single[name][piece.tile.core.slices])
    assert summary["route"]["tiles_far"] == 0
    assert sum(summary["route"]["tiles_by_bucket"].values()) == 12
    assert not summary["route"]["has_drifted"]
    assert summary["phases_s"]["route"] > 0
    assert summary["wall_s"]["route"] > 0
    assert grid.shape == (130, 256)


def single_map(place: Path, name: str) -> np.ndarray:
    """The same scenes by one card alone."""
    values = {"gallery": None, "card": place / "gallery" / "models" / name}
    list(run(job(place, **values), place / f"by-{name}"))
    return read_map(place / f"by-{name}" / "map.tif")[0]


def test_the_second_layer_lies_on_the_map(place: Path) -> None:
    mapped(place)
    frame = geopandas.read_parquet(place / "out" / "buckets.parquet")
    _, grid = read_map(place / "out" / "map.tif")
    assert frame.crs == "EPSG:32633"
    assert frame.union_all().equals(grid.extent.geom)
    with rasterio.open(place / "out" / "buckets.tif") as file:
        assert file.shape == (3, 4)
        assert file.res == (640, 640)
        assert file.descriptions == ("bucket", "distance")
        assert (file.bounds.left, file.bounds.top) == (grid.extent.boundingbox.left, grid.extent.boundingbox.top)
        buckets, distances = file.read()
    at = {(int(key[1:6]), int(key[7:12])): n for n, key in enumerate(frame["tile"])}
    for (row, col), n in at.items():
        assert buckets[row, col] == frame["bucket"][n]
        assert distances[row, col] == pytest.approx(frame["distance"][n], abs=1e-3)


def test_far_tiles_go_to_mono_and_too_many_are_a_drift(place: Path) -> None:
    make_models(place / "gallery", far_limit=-1.0)
    summary = mapped(place)
    mono = prepare(job(place)).card.identity
    assert summary["route"]["tiles_by_card"] == {mono: 12}
    assert (summary["route"]["tiles_far"], summary["route"]["far_share"]) == (12, 1.0)
    assert summary["route"]["has_drifted"] is True
    properties = json.loads((place / "out" / "map.json").read_text())["properties"]
    assert properties["landweave:has_drifted"] is True
    assert properties["landweave:far_share"] == 1.0
    assert (read_map(place / "out" / "map.tif")[0] == single_map(place, "mono")).all()


class Sending:
    """Hands tasks over as another process gets them, several at once."""

    num_workers = 2

    def run(self, function: Any, tasks: Any) -> Any:
        return Serial(in_flight=3).run(function, [pickle.loads(pickle.dumps(task)) for task in tasks])


def test_other_processes_would_give_the_same_bytes(place: Path) -> None:
    """In sheets, with objects: every phase there is."""
    values = {"sheet_px": 128, "objects": ("Class 0", "Class 1", "Class 2")}
    mapped(place, "one", **values)
    mapped(place, "two", Sending(), **values)
    sheets = [f"sheets/map-r00{row}c00{col}.tif" for row in (0, 1) for col in (0, 1)]
    for name in ("map.vrt", *sheets, "objects.parquet", "buckets.tif", "buckets.parquet", "map.json"):
        assert (place / "one" / name).read_bytes() == (place / "two" / name).read_bytes()


def test_tiles_of_one_card_come_together(place: Path) -> None:
    orders: list[str] = []

    class Watching:
        num_workers = 1

        def run(self, function: Any, tasks: Any) -> Any:
            every = list(tasks)
            if function.__name__ == "map_tile":
                orders.extend(task.order.identity for task in every)
            return Serial().run(function, every)

    mapped(place, executor=Watching())
    switches = sum(one != other for one, other in itertools.pairwise(orders))
    assert len(orders) == 12
    assert switches == len(set(orders)) - 1


def test_a_gallery_decides_the_job(place: Path) -> None:
    mapped(place)
    make_models(place / "gallery", far_limit=3.0)
    with pytest.raises(LandweaveError, match="gallery was"):
        mapped(place)


def test_a_card_or_a_gallery(place: Path) -> None:
    from landweave.config import check

    for values in ({"scenes": place}, {"scenes": place, "card": place, "gallery": place}):
        with pytest.raises(ConfigError, match="either a card or a gallery"):
            check(MapJob, values, "options")


def no_models(folder: Path) -> None:
    (folder / MODELS).unlink()


def no_card(folder: Path) -> None:
    (folder / "models" / "bucket-1" / "card.json").unlink()


def damaged_card(folder: Path) -> None:
    path = folder / "models" / "bucket-1" / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-3])


def another_encoder(folder: Path) -> None:
    content = json.loads((folder / MODELS).read_text())
    (folder / MODELS).write_text(json.dumps({**content, "hash": "f" * 64}))


@pytest.mark.parametrize("spoil", [no_models, no_card, damaged_card, another_encoder])
def test_a_gallery_that_cannot_serve_is_refused_before_the_first_pixel(place: Path, spoil: Any) -> None:
    spoil(place / "gallery")
    with pytest.raises((GalleryError, CardError)) as caught:
        mapped(place)
    assert "gallery" in caught.value.given or "card" in caught.value.given
    assert caught.value.expected
    assert "gallery train" in caught.value.do
    assert not (place / "out").exists()


def test_cards_that_see_otherwise_than_mono_are_refused(place: Path) -> None:
    folder = place / "gallery" / "models" / "bucket-1"
    card = make_card(folder, "pixel", seed=2, bands=BANDS, sight=Sight(1, 4))
    content = json.loads((place / "gallery" / MODELS).read_text())
    content["buckets"][1]["identity"] = card.identity
    (place / "gallery" / MODELS).write_text(json.dumps(content))
    with pytest.raises(CardError, match="bucket 1 with sight") as caught:
        mapped(place)
    assert "as mono has" in caught.value.expected
    assert caught.value.do


def test_what_is_told_of_routes() -> None:
    near = Sent(0, 1.5, "a", False)
    routes = {"1": near, "2": dataclasses.replace(near, bucket=1), "3": Sent(1, 20.0, "m", True)}
    assert told(routes, 0.5)["far_share"] == pytest.approx(1 / 3, abs=1e-4)
    assert not told(routes, 0.5)["has_drifted"]
    assert told(routes, 0.3)["has_drifted"]
    # Where nothing was seen, nothing was far.
    routes["4"] = Sent(-1, None, "m", False)
    assert told(routes, 0.3)["far_share"] == pytest.approx(1 / 3, abs=1e-4)
    assert told(routes, 0.3)["tiles_by_bucket"] == {"-1": 1, "0": 1, "1": 2}
    assert told({}, 0.3)["far_share"] == 0

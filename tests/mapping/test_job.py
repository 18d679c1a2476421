"""Whole jobs: what lies in the folder at the end, which scenes fill which pixels, resampling, classical cards."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.mapping.places import BANDS, LEGEND, grid_at, make_card, make_catalog, make_scene

from landweave.classical import store
from landweave.jobs.run import Progress
from landweave.mapping.job import compared_tiles, run
from landweave.mapping.prepare import MapJob
from landweave.models.card import save_card
from landweave.models.sight import Sight
from landweave.provenance import file_sha256
from landweave.raster.read import read, read_map


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_card(tmp_path / "card", "pixel")
    return tmp_path


def mapped(place: Path, out: str = "out", **changes: object) -> list[Progress]:
    job = MapJob(card=place / "card", scenes=place / "c.parquet", core_px=64, precision="fp32", **changes)  # type: ignore[arg-type]
    records = list(run(job, place / out))
    assert not [record.failed for record in records if record.failed]
    return records


def test_what_lies_in_the_folder(place: Path) -> None:
    make_catalog(place / "c.parquet", make_scene(place, "s", grid_at(100, 130)))
    records = mapped(place, probabilities=True, entropy=True)
    assert [(r.phase, r.done, r.total, r.unit) for r in records][-1] == ("assemble", 3, 3, "sheets")
    assert records[6].summary["valid"] == "100%"
    names = {path.name for path in (place / "out").iterdir() if not path.name.startswith(".")}
    layers = {"map.tif", "map.tif.aux.xml", "probabilities.tif", "entropy.tif"}
    assert names >= layers | {"map.json", "job.json", "summary.json", "ledger.jsonl", "tiles"}
    summary = json.loads((place / "out" / "summary.json").read_text())
    assert summary["format"] == 1
    assert (summary["tiles"], summary["written_px"], summary["valid_px"]) == (6, 13000, 13000)
    assert summary["seen_per_written"] == 1
    assert summary["km2_per_s"] == pytest.approx(summary["mpx_per_s"] * 100, rel=0.01)
    assert set(summary["phases_s"]) >= {"read", "wait", "compute", "write", "assemble"}
    assert summary["bf16"] is None
    record = json.loads((place / "out" / "job.json").read_text())
    assert record["kind"] == "map"
    assert record["configuration"]["card"] == summary["card"]


def test_the_map_is_a_valid_cog_with_colours_and_names(place: Path) -> None:
    from rio_cogeo.cogeo import cog_validate

    make_catalog(place / "c.parquet", make_scene(place, "s", grid_at(700, 600)))
    mapped(place, probabilities=True)
    for name in ("map.tif", "probabilities.tif"):
        valid, errors, _ = cog_validate(str(place / "out" / name), strict=True)
        assert valid, errors
    import rasterio

    with rasterio.open(place / "out" / "map.tif") as file:
        assert file.overviews(1)
        assert file.nodata == 0
        assert file.colormap(1)[20] == (0xAA, 0, 0, 255)
        assert file.tags()["landweave_card"]
    with rasterio.open(place / "out" / "probabilities.tif") as file:
        assert file.descriptions == LEGEND.names
    assert "Class 3" in (place / "out" / "map.tif.aux.xml").read_text()


def test_run_again_nothing_changes(place: Path) -> None:
    make_catalog(place / "c.parquet", make_scene(place, "s", grid_at(100, 130)))
    mapped(place)
    before, told = file_sha256(place / "out" / "map.tif"), (place / "out" / "summary.json").read_bytes()
    again = mapped(place)
    assert [record.done for record in again] == [6, 1]
    assert file_sha256(place / "out" / "map.tif") == before
    assert (place / "out" / "summary.json").read_bytes() == told


def test_scenes_beside_each_other_and_over_each_other(place: Path) -> None:
    hole = (slice(0, 50), slice(0, 50))
    late = make_scene(place, "late", grid_at(100, 100), seed=1, day=20, holes=[hole])
    early = make_scene(place, "early", grid_at(100, 100, 30, 40), seed=2, day=2)
    make_catalog(place / "c.parquet", late, early)
    alone = {}
    for scene in (late, early):
        mapped(place, scene.id, only=(scene.id,))
        alone[scene.id] = read_map(place / scene.id / "map.tif")[0]
    mapped(place, "both")
    both, grid = read_map(place / "both" / "map.tif")
    assert grid.shape == (130, 140)
    expected = np.zeros((130, 140), np.uint8)
    expected[30:, 40:] = alone["early"]
    expected[:100, :100] = np.where(alone["late"] > 0, alone["late"], expected[:100, :100])
    assert (both == expected).all()
    assert not both[:30, 100:].any()
    assert both[40, 45] == alone["early"][10, 5]


def test_majority_of_three(place: Path) -> None:
    scenes = [make_scene(place, f"s{n}", grid_at(40, 40), seed=n, day=n + 1) for n in range(3)]
    make_catalog(place / "c.parquet", *scenes)
    labels = []
    for scene in scenes:
        mapped(place, scene.id, only=(scene.id,))
        labels.append(read_map(place / scene.id / "map.tif")[0])
    mapped(place, "majority", rule="majority")
    found = read_map(place / "majority" / "map.tif")[0]
    agree = (labels[0] == labels[1]) | (labels[0] == labels[2])
    assert agree.any()
    assert (found[agree] == labels[0][agree]).all()
    all_differ = (labels[0] != labels[1]) & (labels[0] != labels[2]) & (labels[1] != labels[2])
    assert (found[all_differ] == labels[2][all_differ]).all()


def test_another_zone_is_read_onto_the_maps_grid(place: Path) -> None:
    make_catalog(place / "c.parquet", make_scene(place, "s", grid_at(100, 100)))
    mapped(place, crs="EPSG:32632", reproject=True)
    ids, grid = read_map(place / "out" / "map.tif")
    assert grid.crs == "EPSG:32632"
    assert grid.resolution.x == 10
    assert 0.5 < (ids > 0).mean() < 1


@pytest.mark.parametrize(("name", "window_px"), [("linear", 1), ("forest", 5)])
def test_a_classical_card_maps_as_its_model_predicts(place: Path, name: str, window_px: int) -> None:
    from landweave.classical.neighbourhood import features

    scene = make_scene(place, "s", grid_at(100, 130), holes=[(slice(10, 30), slice(0, 20))])
    make_catalog(place / "c.parquet", scene)
    values, valid = read(scene, BANDS, scene.grid)
    x = features(values, valid, window_px).reshape(-1, valid.size).T.copy()
    y = np.digitize(values[0].ravel(), [0.1, 0.2, 0.3, 0.4]).astype(np.uint8)
    model = store.fit(name, x[::7], y[::7], len(LEGEND), seed=1)
    template = make_card(place / "template", "pixel")
    changes = {"network": name, "arguments": {"window_px": window_px}, "sight": Sight(1, window_px // 2)}
    save_card(place / "card", type(template)(**{**vars(template), **changes}), model.to_arrays())
    mapped(place, probabilities=True)
    found = read_map(place / "out" / "map.tif")[0]
    probabilities = store.predict_map(model, values, valid, window_px)
    expected = np.where(valid, np.array(LEGEND.ids, np.uint8)[probabilities.argmax(0)], 0)
    best = np.sort(probabilities, axis=0)
    clear = ~valid | (best[-1] - best[-2] > 1e-5)
    assert (found == expected)[clear].all()
    assert clear.mean() > 0.9
    assert '"precision": "fp32"' in (place / "out" / "summary.json").read_text()


@pytest.mark.parametrize(
    ("num", "expected"), [(1, {0}), (5, {2}), (16, {8}), (40, {10, 30}), (1000, set(range(62, 1000, 125)))]
)
def test_tiles_to_compare_are_spread(num: int, expected: set[int]) -> None:
    assert compared_tiles(num) == expected

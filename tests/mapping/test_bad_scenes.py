"""Scenes that do not fit, or cannot be read: named with what to do, and the others are mapped."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from tests.mapping.places import BANDS, grid_at, make_card, make_catalog, make_scene

from landweave.errors import LandweaveError, RadiometryError
from landweave.jobs.ledger import retry_failed
from landweave.mapping.job import run
from landweave.mapping.prepare import MapJob
from landweave.raster.read import read_map
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_card(tmp_path / "card", "pixel")
    return tmp_path


def mapped(place: Path, out: str = "out", **changes: Any) -> tuple[list[str], dict[str, Any], Any]:
    """What was said to be set aside, the summary and the map."""
    values = {"card": place / "card", "scenes": place / "c.parquet", "core_px": 64, "precision": "fp32", **changes}
    failed = [record.failed for record in run(MapJob.model_validate(values), place / out) if record.failed]
    return failed, json.loads((place / out / "summary.json").read_text()), read_map(place / out / "map.tif")[0]


def another_sensor(place: Path, grid: GeoBox) -> Scene:
    scene, naip = make_scene(place, "bad", grid, day=9), sensor("naip")
    files = dict(zip(naip.band_names, scene.files.values(), strict=False))
    return dataclasses.replace(scene, sensor=naip, files=files)


def without_a_band(place: Path, grid: GeoBox) -> Scene:
    scene = make_scene(place, "bad", grid, day=9)
    return dataclasses.replace(scene, files={name: scene.files[name] for name in BANDS[:-1]})


def digital_numbers(place: Path, grid: GeoBox) -> Scene:
    scene = make_scene(place, "bad", grid, day=9)
    raw = {name: BandFile(file.href, file.index, 1.0, 0.0, 0) for name, file in scene.files.items()}
    return dataclasses.replace(scene, files=raw)


def another_depth(place: Path, grid: GeoBox) -> Scene:
    """Eight bits where scale and offset are those of sixteen: every number is below the offset."""
    scene = make_scene(place, "bad", grid, day=9)
    write_tile(place / "bad.tif", np.full((4, *grid.shape), 200, np.uint8), grid, nodata=0)
    return scene


def another_order(place: Path, grid: GeoBox) -> Scene:
    """A file that says which layer is which, read in another order."""
    scene = make_scene(place, "bad", grid, day=9)
    with rasterio.open(place / "bad.tif", "r+") as file:
        file.descriptions = BANDS
    swapped = dict(zip(BANDS, reversed(scene.files.values()), strict=True))
    return dataclasses.replace(scene, files=swapped)


def larger_pixels(place: Path, grid: GeoBox) -> Scene:
    return make_scene(place, "bad", grid_at(30, 30, size=20), day=9)


def truncated(place: Path, grid: GeoBox) -> Scene:
    scene = make_scene(place, "bad", grid, day=9)
    (place / "bad.tif").write_bytes(b"II*\x00torn")
    return scene


def gone(place: Path, grid: GeoBox) -> Scene:
    scene = make_scene(place, "bad", grid, day=9)
    (place / "bad.tif").unlink()
    return scene


CASES = {
    without_a_band: "without B08",
    digital_numbers: "looks like digital numbers",
    another_depth: "bad",
    another_order: "calls its layer 4 B08",
    larger_pixels: "pixels of 20 m",
    truncated: "bad.tif, which cannot be read",
    gone: "bad.tif, which cannot be read",
}


@pytest.mark.parametrize("make", list(CASES))
def test_the_other_scenes_are_mapped(place: Path, make: Any) -> None:
    grid = grid_at(100, 100)
    good, bad = make_scene(place, "good", grid), make(place, grid_at(100, 100))
    make_catalog(place / "c.parquet", good)
    _, _, expected = mapped(place, "alone")
    make_catalog(place / "c.parquet", good, bad)
    failed, summary, found = mapped(place)
    assert [line for line in failed if line.startswith("bad: ")] == failed
    assert len(failed) == 1
    assert CASES[make] in failed[0]
    # What to do comes after what was given.
    assert "; " in failed[0]
    assert CASES[make] in summary["scenes_lost"]["bad"]
    assert summary["scenes"] == 1
    np.testing.assert_array_equal(found, expected)
    item = json.loads((place / "out" / "map.json").read_text())
    assert item["properties"]["landweave:scenes"] == ["good"]
    assert "bad" in item["properties"]["landweave:scenes_lost"]


@pytest.mark.parametrize("make", [*CASES, another_sensor])
def test_alone_it_is_refused(place: Path, make: Any) -> None:
    make_catalog(place / "c.parquet", make(place, grid_at(100, 100)))
    with pytest.raises(LandweaveError) as caught:
        mapped(place)
    assert "bad" in caught.value.given
    assert caught.value.expected
    assert caught.value.do
    assert not (place / "out" / "map.tif").exists()


def test_the_order_in_a_file_does_not_matter_where_names_are_right(place: Path) -> None:
    grid = grid_at(100, 100)
    make_catalog(place / "c.parquet", make_scene(place, "s", grid))
    _, _, expected = mapped(place, "one")
    with rasterio.open(place / "s.tif") as file:
        array = file.read()
    write_tile(place / "s.tif", array[::-1].copy(), grid, nodata=0)
    scene = make_scene(place / "elsewhere", "s", grid)
    turned = {name: BandFile(str(place / "s.tif"), 4 - n, 0.0001, -0.1, 0) for n, name in enumerate(BANDS)}
    make_catalog(place / "c.parquet", dataclasses.replace(scene, files=turned))
    failed, _, found = mapped(place, "other")
    assert not failed
    np.testing.assert_array_equal(found, expected)


def test_scenes_of_other_sensors_are_told_but_are_no_fault(place: Path) -> None:
    grid = grid_at(100, 100)
    make_catalog(place / "c.parquet", make_scene(place, "good", grid), another_sensor(place, grid))
    failed, summary, _ = mapped(place)
    assert not failed
    assert summary["scenes_of_other_sensors"] == ["bad"]
    failed, summary, _ = mapped(place, "named", only=("good", "bad"))
    assert "of sensor naip" in failed[0]
    assert list(summary["scenes_lost"]) == ["bad"]


def test_a_scene_that_comes_back_is_mapped_where_it_lies(place: Path) -> None:
    good, bad = make_scene(place, "good", grid_at(100, 200)), make_scene(place, "bad", grid_at(100, 60), seed=3, day=9)
    make_catalog(place / "c.parquet", good, bad)
    _, _, expected = mapped(place, "undisturbed")
    whole = (place / "bad.tif").read_bytes()
    (place / "bad.tif").write_bytes(b"torn")
    failed, _, without = mapped(place)
    assert failed
    assert (without != expected).any()
    (place / "bad.tif").write_bytes(whole)
    failed, summary, found = mapped(place)
    assert not failed
    assert not summary["scenes_lost"]
    np.testing.assert_array_equal(found, expected)
    assert (place / "out" / "map.tif").read_bytes() == (place / "undisturbed" / "map.tif").read_bytes()


def damage(path: Path) -> bytes:
    """Spoil blocks in the middle of a file's body; gives the whole file."""
    whole = path.read_bytes()
    size = len(whole)
    path.write_bytes(whole[: int(size * 0.97)])
    return whole


def test_a_body_cut_short_costs_only_what_cannot_be_read(place: Path) -> None:
    grid = grid_at(512, 768)
    good, bad = make_scene(place, "good", grid, seed=1), make_scene(place, "bad", grid, seed=2, day=9)
    make_catalog(place / "c.parquet", good, bad)
    _, _, expected = mapped(place, "undisturbed", core_px=128)
    _, _, alone = mapped(place, "alone", core_px=128, only=("good",))
    whole = damage(place / "bad.tif")
    failed, summary, found = mapped(place, core_px=128)
    assert failed
    assert all("without scene bad" in line or "scene bad" in line for line in failed)
    assert not summary["tiles_missing"]
    lost = set(summary["scenes_lost"])
    assert 0 < len(lost) < 24
    for row in range(4):
        for col in range(6):
            part = (slice(128 * row, 128 * row + 128), slice(128 * col, 128 * col + 128))
            other = alone if f"r{row:05d}c{col:05d}" in lost else expected
            np.testing.assert_array_equal(found[part], other[part])
    (place / "bad.tif").write_bytes(whole)
    assert retry_failed(place / "out") == len(lost)
    failed, summary, found = mapped(place, core_px=128)
    assert not failed
    np.testing.assert_array_equal(found, expected)


def test_all_wrong_is_refused_early(place: Path) -> None:
    bad = digital_numbers(place, grid_at(100, 100))
    make_catalog(place / "c.parquet", bad, dataclasses.replace(bad, id="worse"))
    with pytest.raises(RadiometryError):
        mapped(place)
    assert not (place / "out").exists()

"""Sheets: blocks of tiles partition the area; a map in sheets has the pixels of a map in one file."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import rasterio
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.mapping.places import LEGEND, grid_at, make_card, make_catalog, make_scene
from tests.mapping.test_plan import card, scene

from landweave.mapping.job import run
from landweave.mapping.plan import Wish, make_plan
from landweave.mapping.prepare import MapJob
from landweave.mapping.sheet import sheets
from landweave.provenance import file_sha256
from landweave.raster.classes import read_legend
from landweave.raster.read import read_map


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 700), st.integers(1, 700), st.integers(1, 400), st.data())
def test_windows_partition_the_area(height: int, width: int, sheet_px: int, data: st.DataObject) -> None:
    row, col = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    grid = grid_at(height, width)
    part = grid[row:, col:].extent.boundingbox
    plan = make_plan(card(), [scene("s", grid)], Wish(area=part.bbox, core_px=64))
    times = np.zeros((height, width), np.uint8)
    every = sheets(plan, sheet_px)
    keys = [key for sheet in every for key in sheet.tiles]
    for sheet in every:
        times[sheet.window.slices] += 1
        inside = [piece.tile.core for piece in plan.pieces if piece.tile.key in sheet.tiles]
        assert all(core.clip(sheet.window) == core for core in inside)
    assert (times[plan.area.slices] == 1).all()
    assert times.sum() == plan.area.num_pixels
    assert sorted(keys) == sorted(piece.tile.key for piece in plan.pieces)
    assert all(sheet.is_whole for sheet in every) == (len(every) == 1)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_card(tmp_path / "card", "pixel")
    make_catalog(tmp_path / "c.parquet", make_scene(tmp_path, "s", grid_at(1500, 1300)))
    return tmp_path


def mapped(place: Path, out: str, **changes: object) -> Path:
    job = MapJob(card=place / "card", scenes=place / "c.parquet", core_px=256, precision="fp32", **changes)  # type: ignore[arg-type]
    records = list(run(job, place / out))
    assert not [record.failed for record in records if record.failed]
    return place / out


def test_a_map_in_sheets_is_the_map_in_one_file(place: Path) -> None:
    one, many = mapped(place, "one"), mapped(place, "many", sheet_px=600, entropy=True)
    assert {path.name for path in many.glob("*.vrt")} == {"map.vrt", "entropy.vrt"}
    assert not (many / "map.tif").exists()
    assert len(list((many / "sheets").glob("map-*.tif"))) == 9
    (whole, grid), (seen, seen_grid) = read_map(one / "map.tif"), read_map(many / "map.vrt")
    assert grid == seen_grid
    np.testing.assert_array_equal(whole, seen)
    assert len(np.unique(whole)) > 2


def test_each_sheet_has_all_that_a_map_has(place: Path) -> None:
    from rio_cogeo.cogeo import cog_validate

    out = mapped(place, "many", sheet_px=1100)
    for path in (out / "sheets").glob("*.tif"):
        valid, errors, _ = cog_validate(str(path), strict=True)
        assert valid, errors
        assert read_legend(path).names == LEGEND.names  # type: ignore[union-attr]
        with rasterio.open(path) as file:
            assert file.colormap(1)[20] == (0xAA, 0, 0, 255)
            assert file.nodata == 0
            assert file.tags()["landweave_card"]
            assert max(file.shape) <= 512 or file.overviews(1)


def test_the_small_file_moves_with_its_sheets(place: Path) -> None:
    out = mapped(place, "many", sheet_px=600)
    whole, _ = read_map(out / "map.vrt")
    shutil.move(out, place / "elsewhere")
    assert (read_map(place / "elsewhere" / "map.vrt")[0] == whole).all()
    assert read_legend(place / "elsewhere" / "map.vrt").names == LEGEND.names  # type: ignore[union-attr]
    with rasterio.open(place / "elsewhere" / "map.vrt") as file:
        assert file.nodata == 0
        assert file.colormap(1)[20] == (0xAA, 0, 0, 255)
        assert file.overviews(1) == [2, 4]
        # A small picture comes from the overviews of the sheets, in which the most frequent class stands.
        coarse = file.read(1, out_shape=(375, 325))
    assert set(np.unique(coarse)) <= {0, *LEGEND.ids}


def test_the_item_and_the_summary_tell(place: Path) -> None:
    out = mapped(place, "many", sheet_px=600)
    assets = json.loads((out / "map.json").read_text())["assets"]
    assert assets["map"]["href"] == "./map.vrt"
    parts = [name for name in assets if name.startswith("map-")]
    assert len(parts) == 9
    assert all((out / assets[name]["href"]).is_file() for name in parts)
    assert assets["map-r000c000"]["proj:shape"] == [512, 512]
    summary = json.loads((out / "summary.json").read_text())
    assert (summary["map"], summary["sheets"]) == ("map.vrt", 9)


def test_it_is_judged_like_a_map_in_one_file(place: Path) -> None:
    from landweave.evaluation.job import EvaluateJob
    from landweave.evaluation.job import run as evaluate

    one, many = mapped(place, "one"), mapped(place, "many", sheet_px=600)
    list(evaluate(EvaluateJob(map=many / "map.vrt", truth=one / "map.tif"), place / "judged"))
    found = json.loads((place / "judged" / "evaluation.json").read_text())
    assert np.trace(found["confusion"]) == np.sum(found["confusion"]) == 1500 * 1300


def test_how_a_map_is_cut_decides_nothing_where_it_is_one_file(place: Path) -> None:
    one, same = mapped(place, "one"), mapped(place, "same", sheet_px=2000)
    for name in ("map.tif", "map.json"):
        assert file_sha256(one / name) == file_sha256(same / name)
    configuration = json.loads((one / "job.json").read_text())["configuration"]
    assert "sheet_px" not in configuration


def test_a_lost_sheet_is_made_again(place: Path) -> None:
    out = mapped(place, "many", sheet_px=600)
    path = out / "sheets" / "map-r001c001.tif"
    before = path.read_bytes()
    path.unlink()
    mapped(place, "many", sheet_px=600)
    assert path.read_bytes() == before

"""Pairs of one shard: what both sensors see of a patch, which scene comes first, and what is left away and counted."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.datasets.pair_making import LEGEND

from landweave.datasets.pairs import PairChoice, Rasters, Source, make_pair_layout
from landweave.datasets.pairshard import PairCut, PairTask, cut_pairs, place, probe_pairs
from landweave.errors import GridError, SceneError, SensorError
from landweave.patches.extract import hull
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_map, write_tile
from landweave.sensors import sensor
from landweave.tiling import Window

RGB, HSI = ("R", "G", "B"), ("H01", "H02")
TAKEN = dt.datetime(2018, 2, 16, tzinfo=dt.UTC)


def grid(num: int, pixel_m: float, left: float = 0.0) -> GeoBox:
    return GeoBox((num, num), Affine(pixel_m, 0, 500_000 + left, 0, -pixel_m, 3_300_000), "EPSG:32615")


FINE, COARSE = grid(16, 0.5), grid(8, 1.0)


def scene(path: Path, values: np.ndarray, where: GeoBox, nodata: float | None = 0) -> Scene:
    """A scene of one file; three bands are a picture, two are of the spectrometer."""
    write_tile(path, values, where, nodata=nodata)
    known, names = (sensor("aerial-rgb"), RGB) if len(values) == 3 else (sensor("airborne-48"), HSI)
    files = {name: BandFile(str(path), number + 1, nodata=nodata) for number, name in enumerate(names)}
    return Scene(path.stem, known, TAKEN, where, files)


def picture(path: Path, level: int = 100, where: GeoBox = FINE, **holes: Any) -> Scene:
    """Each pixel of a band is its row beside a level: what was cut tells where it lay."""
    numbers = np.zeros((3, *where.shape), np.uint8) + np.arange(where.shape[0], dtype=np.uint8)[:, None]
    numbers += np.array([level, level + 20, level + 40], np.uint8)[:, None, None]
    return scene(path, _with_hole(numbers, **holes), where)


def cube(path: Path, where: GeoBox = COARSE, **holes: Any) -> Scene:
    numbers = np.zeros((2, *where.shape), np.uint16) + np.arange(where.shape[1], dtype=np.uint16) * 10
    numbers += np.array([500, 900], np.uint16)[:, None, None]
    return scene(path, _with_hole(numbers, **holes), where)


def _with_hole(numbers: np.ndarray, hole: tuple[slice, slice] | None = None) -> np.ndarray:
    if hole is not None:
        numbers[(slice(None), *hole)] = 0
    return numbers


def spot(row: int, col: int, label: int = 0, block: str = "0_0") -> PairCut:
    return PairCut(f"{row}_{col}", row, col, label, block, "train")


def task(folder: Path, finer: tuple[Scene, ...], other: tuple[Scene, ...], *cuts: PairCut, **more: Any) -> PairTask:
    labels = folder / "labels.tif"
    write_map(labels, LEGEND.to_ids(np.zeros(FINE.shape, np.uint8)), FINE, LEGEND)
    choice = PairChoice(patch_px=more.pop("patch_px", 4), pixels=more.pop("pixels", "own"))
    layout = make_pair_layout(choice, Rasters(Source(finer, RGB), Source(other, HSI), labels, LEGEND))
    told = PairTask("00007", folder / "archive", layout, FINE, choice.patch_px, finer, other, cuts, 1.0)
    return replace(told, **more)


def read_back(told: PairTask) -> dict[str, np.ndarray]:
    """The one shard of a task, by h5py alone."""
    (path,) = sorted(told.folder.rglob("*00007*.h5"))
    with h5py.File(path) as file:
        return {name: np.asarray(file[name]) for name in ("data_0.5m", "target_1m", "classes", "valid") if name in file}


def test_both_views_show_the_same_land(tmp_path: Path) -> None:
    told = task(tmp_path, (picture(tmp_path / "p.tif"),), (cube(tmp_path / "c.tif"),), spot(2, 4, 3), spot(8, 10, 1))
    assert told.num_patches == 2
    assert cut_pairs(told) == {"patches": 2}
    found = read_back(told)
    assert found["data_0.5m"].shape == (2, 3, 4, 4) and found["target_1m"].shape == (2, 2, 2, 2)
    # Rows of the picture from 2 on, columns of the cube from 4 / 2 on.
    assert found["data_0.5m"][0, 0, :, 0].tolist() == [102, 103, 104, 105]
    assert found["data_0.5m"][1, :, 0, 0].tolist() == [108, 128, 148]
    assert found["target_1m"][0, :, 0].tolist() == [[520, 530], [920, 930]]
    assert found["target_1m"][1, 0].tolist() == [[550, 560], [550, 560]]
    assert found["classes"].tolist() == [[0, 0, 0, 1], [0, 1, 0, 0]]
    assert found["valid"].shape == (2, 2, 2) and found["valid"].all()


def test_a_patch_is_the_same_whatever_is_cut_beside_it(tmp_path: Path) -> None:
    scenes = (picture(tmp_path / "p.tif"),), (cube(tmp_path / "c.tif"),)
    together = task(tmp_path, *scenes, spot(0, 0), spot(6, 2), spot(12, 12))
    cut_pairs(together)
    whole = read_back(together)
    for number, one in enumerate(together.cuts):
        alone = replace(together, folder=tmp_path / f"alone{number}", cuts=(one,))
        cut_pairs(alone)
        for name, values in read_back(alone).items():
            assert np.array_equal(values[0], whole[name][number]), (name, number)


def test_of_several_scenes_the_first_one_counts_and_the_next_one_fills_its_holes(tmp_path: Path) -> None:
    first = picture(tmp_path / "first.tif", 10, hole=(slice(4, 8), slice(None)))
    second = picture(tmp_path / "second.tif", 100)
    far = picture(tmp_path / "far.tif", 200, grid(16, 0.5, left=5000))
    told = task(tmp_path, (first, far, second), (cube(tmp_path / "c.tif"),), spot(2, 2))
    assert cut_pairs(told) == {"patches": 1}
    assert read_back(told)["data_0.5m"][0, 0, :, 0].tolist() == [12, 13, 104, 105]


@pytest.mark.parametrize(
    ("fine_hole", "coarse_hole", "seen"),
    [
        (None, None, [[True, True], [True, True]]),
        # One fine pixel that lacks is a whole coarse one that not both see.
        ((slice(0, 1), slice(3, 4)), None, [[True, False], [True, True]]),
        (None, (slice(1, 2), slice(0, 1)), [[True, True], [False, True]]),
        ((slice(0, 2), slice(0, 4)), (slice(1, 2), slice(1, 2)), [[False, False], [True, False]]),
    ],
)
def test_a_pixel_is_valid_where_both_see_all_of_it(
    tmp_path: Path, fine_hole: Any, coarse_hole: Any, seen: list[list[bool]]
) -> None:
    scenes = (picture(tmp_path / "p.tif", hole=fine_hole),), (cube(tmp_path / "c.tif", hole=coarse_hole),)
    told = task(tmp_path, *scenes, spot(0, 0), min_valid=0.25)
    assert cut_pairs(told) == {"patches": 1}
    found = read_back(told)
    assert found["valid"][0].tolist() == seen
    # What one of them does not see is not stored of the other one either.
    assert ((found["target_1m"][0, 0] > 0) == np.array(seen)).all()
    assert ((found["data_0.5m"][0, 0] > 0) == np.array(seen).repeat(2, 0).repeat(2, 1)).all()


@pytest.mark.parametrize(("share", "kept"), [(0.0, 1), (0.75, 1), (0.76, 0), (1.0, 0)])
def test_patches_with_too_few_pixels_are_left_away_and_counted(tmp_path: Path, share: float, kept: int) -> None:
    scenes = (picture(tmp_path / "p.tif", hole=(slice(0, 1), slice(0, 1))),), (cube(tmp_path / "c.tif"),)
    told = task(tmp_path, *scenes, spot(0, 0), min_valid=share)
    counts = cut_pairs(told)
    assert counts["patches"] == kept
    assert sum(counts.values()) == 1
    # No file where no patch is.
    assert told.folder.exists() is bool(kept)


def test_a_patch_without_a_pixel_is_never_kept(tmp_path: Path) -> None:
    scenes = (picture(tmp_path / "p.tif", hole=(slice(None), slice(None))),), (cube(tmp_path / "c.tif"),)
    told = task(tmp_path, *scenes, spot(0, 0), spot(8, 8), min_valid=0.0)
    assert cut_pairs(told) == {"patches": 0, "left: too few pixels that both sensors see": 2}


def test_on_the_reference_grid_the_coarse_view_is_drawn_finer(tmp_path: Path) -> None:
    scenes = (picture(tmp_path / "p.tif"),), (cube(tmp_path / "c.tif"),)
    told = task(tmp_path, *scenes, spot(2, 4), pixels="reference")
    pair = told.layout.pair
    assert pair is not None and (pair.px, pair.pixel_size_m, told.layout.patch_px) == (4, 0.5, 4)
    assert cut_pairs(told) == {"patches": 1}


def test_files_that_are_gone_are_told_before_anything_is_cut(tmp_path: Path) -> None:
    told = task(tmp_path, (picture(tmp_path / "p.tif"),), (cube(tmp_path / "c.tif"),), spot(0, 0))
    probe_pairs([told])
    probe_pairs([])
    (tmp_path / "c.tif").unlink()
    for act in (lambda: probe_pairs([told]), lambda: cut_pairs(told)):
        with pytest.raises(SceneError) as caught:
            act()
        assert "c.tif" in caught.value.given and caught.value.expected and caught.value.do
    assert not told.folder.exists()


@pytest.mark.parametrize(
    ("patch_px", "given"), [(3, "patches of 3 pixels of 0.5 m with pixels of 1 m"), (5, "patches of 5 pixels")]
)
def test_patches_that_cut_pixels_in_two_are_refused(tmp_path: Path, patch_px: int, given: str) -> None:
    scenes = (picture(tmp_path / "p.tif"),), (cube(tmp_path / "c.tif"),)
    with pytest.raises(GridError) as caught:
        task(tmp_path, *scenes, patch_px=patch_px)
    assert given in caught.value.given and "whole number" in caught.value.expected
    assert "multiple of 2" in caught.value.do
    # On the reference grid any number of pixels is whole.
    assert task(tmp_path, *scenes, patch_px=patch_px, pixels="reference").layout.patch_px == patch_px


def test_sensors_the_wrong_way_round_or_with_one_name_are_refused(tmp_path: Path) -> None:
    fine, coarse = picture(tmp_path / "p.tif"), cube(tmp_path / "c.tif")
    labels = tmp_path / "labels.tif"
    write_map(labels, LEGEND.to_ids(np.zeros(FINE.shape, np.uint8)), FINE, LEGEND)
    choice = PairChoice(patch_px=4, pixels="own")
    with pytest.raises(GridError) as turned:
        make_pair_layout(choice, Rasters(Source((coarse,), HSI), Source((fine,), RGB), labels, LEGEND))
    assert "2 pixels a patch of airborne-48 and 4 of aerial-rgb" in turned.value.given
    assert "multiple" in turned.value.expected and "--sensor" in turned.value.do
    with pytest.raises(SensorError) as twice:
        make_pair_layout(choice, Rasters(Source((fine,), RGB), Source((fine,), ("B",)), labels, LEGEND))
    assert "band B of both" in twice.value.given and "names" in twice.value.expected and twice.value.do


@given(st.lists(st.tuples(st.integers(0, 999), st.integers(0, 999)), min_size=1, max_size=9), st.integers(1, 40))
def test_land_that_is_read_at_once_holds_all_patches_and_is_small(spots: list[tuple[int, int]], px: int) -> None:
    cuts = [spot(row, col) for row, col in spots]
    by_place: dict[Any, list[PairCut]] = {}
    for cut in cuts:
        by_place.setdefault(place(cut), []).append(cut)
    for some in by_place.values():
        land = hull(Window(cut.row, cut.col, px, px) for cut in some)
        for cut in some:
            window = Window(cut.row, cut.col, px, px)
            assert window.clip(land) == window
        # However many patches there are, what lies in memory at once is bounded.
        assert max(land.height, land.width) < 128 + px
    assert place(spot(5, 5, block="a")) != place(spot(5, 5, block="b"))

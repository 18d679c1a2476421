"""Grids of pairs by hand: which pixels both sensors may see, sizes of views, runs of shards, spots that are chosen."""

from __future__ import annotations

import itertools
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.datasets import pair_making as making

from landweave.config import check
from landweave.datasets import pairs, pairspots
from landweave.datasets.pairs import PairChoice, PairScenesJob, Rasters, Source
from landweave.datasets.pairshard import PairCut
from landweave.datasets.pairspots import Spots, chosen
from landweave.errors import CatalogError, ConfigError, GridError, LegendError, SampleError, SplitError
from landweave.raster.catalog import read_catalog
from landweave.raster.write import write_map
from landweave.tiling import Window


def box(left: float, top: float, size_m: float, height: int, width: int) -> GeoBox:
    return GeoBox((height, width), Affine(size_m, 0, left, 0, -size_m, top), "EPSG:32615")


GRID = box(1000, 2000, 0.5, 100, 80)


@pytest.mark.parametrize(
    ("source", "window"),
    [
        (GRID, Window(0, 0, 100, 80)),
        (box(1010, 1990, 1, 10, 12), Window(20, 20, 20, 24)),
        # Beyond the grid windows go on; they are clipped later.
        (box(995, 2005, 1, 60, 50), Window(-10, -10, 120, 100)),
        # Of pixels that are only touched none is taken.
        (box(1010.2, 1990.2, 1, 10, 12), Window(20, 21, 19, 23)),
        # A millionth of a pixel is rounding of coordinates.
        (box(1010 + 1e-8, 1990 - 1e-8, 1, 10, 12), Window(20, 20, 20, 24)),
        (box(1000.1, 1999.9, 0.2, 1, 1), Window(1, 1, 0, 0)),
    ],
)
def test_pixels_that_lie_wholly_within_a_scene(source: GeoBox, window: Window) -> None:
    found = pairs._window(source, GRID)
    assert (found.row, found.col) == (window.row, window.col)
    assert (max(0, found.height), max(0, found.width)) == (window.height, window.width)


@given(st.integers(-50, 90), st.integers(-50, 90), st.integers(1, 60), st.integers(1, 60))
def test_windows_of_whole_pixels_are_found_exactly(row: int, col: int, height: int, width: int) -> None:
    window = Window(row, col, height, width)
    assert pairs._window(box(1000 + col / 2, 2000 - row / 2, 0.5, height, width), GRID) == window
    # Of pixels three times as large the same land.
    assert pairs._window(box(1000 + col / 2, 2000 - row / 2, 1.5, height, width), GRID) == Window(
        row, col, 3 * height, 3 * width
    )


@pytest.mark.parametrize(
    ("windows", "around"),
    [
        ([Window(1, 2, 3, 4)], Window(1, 2, 3, 4)),
        ([Window(0, 0, 2, 2), Window(5, 7, 1, 1)], Window(0, 0, 6, 8)),
        ([Window(-3, 4, 2, 2), Window(0, -1, 4, 1), Window(0, 0, 1, 1)], Window(-3, -1, 7, 7)),
    ],
)
def test_the_window_around_several(windows: list[Window], around: Window) -> None:
    assert pairs._around(windows) == around


@given(st.integers(0, 60), st.integers(1, 20))
def test_shards_are_runs_of_nearly_equal_length(num: int, most: int) -> None:
    cuts = [PairCut(str(index), index, 0, 0, "0_0", "train") for index in range(num)]
    runs = list(pairs._runs(PairChoice(patches_per_shard=most), cuts))
    assert [cut for run in runs for cut in run] == cuts
    lengths = [len(run) for run in runs]
    assert len(runs) == -(-num // most)
    assert not lengths or (min(lengths) >= 1 and max(lengths) <= most and max(lengths) - min(lengths) <= 1)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("place")
    making.write_place(folder)
    return folder


def rasters(place: Path) -> Rasters:
    every = read_catalog(place / "catalog.parquet")
    finer, other = (
        tuple(scene for scene in every if scene.sensor.name == name) for name in ("aerial-rgb", "airborne-48")
    )
    return Rasters(Source(finer, ("R", "G", "B")), Source(other, making.HSI), place / "classes.tif", making.LEGEND)


@pytest.mark.parametrize(
    ("patch", "pixels", "sizes"),
    [
        # Edge of the finer view, of the other, of the mask of both.
        (8, "own", (8, 4, 4)),
        (2, "own", (2, 1, 1)),
        (8, "reference", (8, 8, 8)),
        (1, "reference", (1, 1, 1)),
        (25, "reference", (25, 25, 25)),
    ],
)
def test_edges_of_both_views(place: Path, patch: int, pixels: Any, sizes: tuple[int, int, int]) -> None:
    layout = pairs.make_pair_layout(PairChoice(patch_px=patch, pixels=pixels), rasters(place))
    assert layout.pair is not None
    assert (layout.patch_px, layout.pair.px, layout.valid_px) == sizes
    assert [band.name for band in layout.pair.bands] == list(making.HSI)
    assert (layout.sensor, layout.pair.sensor) == ("aerial-rgb", "airborne-48")


@pytest.mark.parametrize("patch", [1, 3, 25])
def test_patches_with_a_part_of_a_pixel_are_refused(place: Path, patch: int) -> None:
    with pytest.raises(GridError) as caught:
        pairs.make_pair_layout(PairChoice(patch_px=patch, pixels="own"), rasters(place))
    assert f"patches of {patch} pixels of 0.5 m with pixels of 1 m of airborne-48" in caught.value.given
    assert "whole number" in caught.value.expected
    assert "multiple of 2" in caught.value.do


@pytest.mark.parametrize(
    ("values", "given"),
    [
        ({"patch_px": 0}, "patch_px = 0"),
        ({"per_class": 0}, "per_class = 0"),
        ({"gap_px": 0}, "gap_px = 0"),
        ({"block_px": -1}, "block_px = -1"),
        ({"min_valid": 1.01}, "min_valid = 1.01"),
        ({"pixels": "finer"}, "pixels = 'finer'"),
        ({"patches": 3}, "unknown key patches"),
    ],
)
def test_choices_that_cannot_be(values: dict[str, Any], given: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(PairChoice, values, "options")
    assert given in caught.value.given
    assert caught.value.expected
    assert caught.value.do


def test_a_source_takes_all_scenes_of_its_sensor_and_no_other(place: Path) -> None:
    every = read_catalog(place / "catalog.parquet")
    found = pairs._source(every, "aerial-rgb", ("G",), place)
    assert (len(found.scenes), found.bands, found.name) == (2, ("G",), "aerial-rgb")
    assert len(pairs._source(every, "airborne-48", (), place).scenes) == 1
    with pytest.raises(CatalogError) as caught:
        pairs._source([], "aerial-rgb", (), place)
    assert "without a scene of aerial-rgb" in caught.value.given
    assert "scenes of both sensors" in caught.value.expected
    assert "--beside" in caught.value.do


def test_the_legend_of_the_map_counts_unless_another_is_named(place: Path, tmp_path: Path) -> None:
    told = {"scenes": place / "c", "sensor": "a", "beside": "b", "labels": place / "classes.tif"}
    assert pairs._legend(check(PairScenesJob, told, "here")).names == making.LEGEND.names
    own = tmp_path / "legends.toml"
    other = tmp_path / "other.tif"
    write_map(other, making.LEGEND.to_ids(making.classes(1.0)), making.grid(1.0), making.LEGEND)
    with pytest.raises(LegendError) as caught:
        pairs._legend(check(PairScenesJob, {**told, "labels": other, "legend": "nowhere"}, "here"))
    assert "nowhere" in caught.value.given
    assert caught.value.expected
    assert caught.value.do
    assert not own.exists()


@dataclass(frozen=True)
class Told:
    patch_px: int = 5
    per_class: int = 2
    fewer: bool = False
    block_px: int = 20
    gap_px: int = 2
    fractions: tuple[float, float, float] = (0.5, 0.25, 0.25)
    seed: int = 0


def spots(num_blocks: int = 8, num_each: int = 3, step_px: int = 1) -> Spots:
    """In each of several blocks some pixels of each of four classes; keys fall with the place."""
    rows = [
        (20 * block + 5 + which, 5 + label, label, block)
        for block in range(num_blocks)
        for label in range(4)
        for which in range(num_each)
    ]
    row, col, label, block = (np.array(column, np.int64) for column in zip(*rows, strict=True))
    keys = np.linspace(1, 0, len(rows), endpoint=False)
    counts = np.full((num_blocks, 4), num_each, np.int64)
    names = tuple(f"{number}_0" for number in range(num_blocks))
    return Spots(row, col, label.astype(np.uint8), block, keys, names, counts, step_px)


def test_pixels_with_the_lowest_keys_are_taken() -> None:
    made = spots()
    cuts = chosen(made, making.LEGEND, Told())
    assert Counter((cut.split, cut.label) for cut in cuts) == {
        (part, label): num for part, num in (("train", 2), ("validation", 1), ("test", 1)) for label in range(4)
    }
    key_of = {f"{row}_{col}": key for row, col, key in zip(made.row, made.col, made.key, strict=True)}
    block_of = {
        f"{row}_{col}": made.names[block] for row, col, block in zip(made.row, made.col, made.block, strict=True)
    }
    parts = {cut.block: cut.split for cut in cuts}
    for part in ("train", "validation", "test"):
        for label in range(4):
            taken = {cut.id for cut in cuts if (cut.split, cut.label) == (part, label)}
            least = max(key_of[name] for name in taken)
            # Of the blocks that this part is known to have none holds a pixel of the class with a lower key.
            left = [
                name
                for name, key in key_of.items()
                if parts.get(block_of[name]) == part and int(name.split("_")[1]) - 5 == label and key < least
            ]
            assert set(left) <= taken


@pytest.mark.parametrize(("step", "row", "first"), [(1, 7, 5), (2, 7, 4), (2, 8, 6), (5, 9, 5), (4, 10, 8)])
def test_patches_begin_where_pixels_of_both_views_begin(step: int, row: int, first: int) -> None:
    made = spots(step_px=step)
    made.row[0] = row
    cut = pairspots._cut(made, 0, "test", 5)
    # Two pixels before the middle, and back to a multiple of the step.
    assert cut.row == first
    assert cut.row % step == cut.col % step == 0
    assert cut.id == f"{row}_5"
    assert cut.row <= row < cut.row + 5 or step > 1


@pytest.mark.parametrize(("per_class", "num"), [(4, 2), (40, 20), (400, 200)])
def test_what_is_short_is_named_with_the_class_that_has_least(per_class: int, num: int) -> None:
    made = spots(num_blocks=4, num_each=1)
    with pytest.raises(SampleError) as caught:
        chosen(made, making.LEGEND, Told(per_class=per_class))
    assert "1 labelled pixels of aa with room for a patch in the part test" in caught.value.given
    assert "more like it" in caught.value.given
    assert f"at least {num} pixels of each class" in caught.value.expected
    assert "per_class lower" in caught.value.do
    found = chosen(made, making.LEGEND, Told(per_class=per_class, fewer=True))
    # All that there are.
    assert len(found) == 16


@pytest.mark.parametrize("fractions", [(0.0, 0.5, 0.5), (0.5, 0.5, 0.5), (1.5, -0.5, 0.0), (0.2, 0.2, 0.2)])
def test_fractions_that_are_none_are_refused_before_the_map_is_read(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(SplitError) as caught:
        pairspots.candidates(Path("nowhere.tif"), making.LEGEND, Window.of((9, 9)), Told(fractions=fractions))
    assert f"{fractions[0]:g}" in caught.value.given
    assert caught.value.expected
    assert caught.value.do


def test_patches_of_a_place_follow_one_another() -> None:
    cuts = chosen(spots(), making.LEGEND, Told(per_class=4))
    blocks = [cut.block for cut in cuts]
    assert len({cut.id for cut in cuts}) == len(cuts)
    # Each block once, in one run.
    assert sum(one != other for one, other in itertools.pairwise(blocks)) == len(set(blocks)) - 1
    assert {cut.block: cut.split for cut in cuts} == {cut.block: cut.split for cut in reversed(cuts)}

"""Tasks of a job of labels, one by one: what each reads, writes and counts."""

from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy
from tests.series.labelled import BANDS, DATES, EDGE, LEGEND, make_land, old_map, truth

from landweave.classical.forest import Forest
from landweave.config import check
from landweave.errors import SceneError
from landweave.evaluation.truth import Layer
from landweave.jobs.executor import Task
from landweave.legend import IGNORE
from landweave.mapping.source import pixels
from landweave.raster.scene import BandFile
from landweave.series.draws import chances
from landweave.series.labelblocks import (
    CANDIDATES,
    POINTS,
    BlockTask,
    FitTask,
    Order,
    draw,
    fit,
    gather,
    load_arrays,
    stable,
)
from landweave.series.labelplan import LabelJob, blocks, prepare
from landweave.tiling import Tiling, Window

CROP, WATER, FOREST = (LEGEND.index(name) for name in ("Cropland", "Water", "Coniferous forest"))
ALL = (tuple(1.0 for _ in LEGEND.classes),)


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_land(tmp_path_factory.mktemp("land"))


def order_in(land: dict[str, Any], folder: Path, **changes: Any) -> Order:
    return prepare(check(LabelJob, {**land, **changes}, "a test")).order(folder)


@pytest.fixture
def order(land: dict[str, Any], tmp_path: Path) -> Order:
    return order_in(land, tmp_path)


def whole(order: Order, phase: str, rates: tuple[tuple[float, ...], ...] = (), stamp: str = "") -> BlockTask:
    (tile,) = Tiling((EDGE, EDGE), EDGE, 0)
    return BlockTask(order, phase, tile, rates, stamp)


def forests_at(path: Path) -> list[Forest]:
    """One for each part of the land."""
    arrays = safetensors.numpy.load(path.read_bytes())
    parts = sorted({key.partition(".")[0] for key in arrays})
    own = ({key.partition(".")[2]: arrays[key] for key in arrays if key.startswith(f"{part}.")} for part in parts)
    return [Forest.from_arrays(each) for each in own]


def fitted(order: Order, year: int = 2018, wanted: int = 400) -> FitTask:
    task = whole(order, "gather", ALL)
    gather(task)
    return FitTask(order, year, (task.path,), (wanted,) * len(LEGEND), "abc")


def test_tasks_have_keys_and_travel(order: Order) -> None:
    block, year = whole(order, "stable", stamp="s"), FitTask(order, 2018, (), (), "t")
    assert (block.key, year.key) == ("stable-r00000c00000-s", "fit-2018-t")
    assert whole(order, "gather").key == "gather-r00000c00000"
    for task in (block, year):
        assert isinstance(task, Task)
        # Executors send tasks to other processes.
        assert pickle.loads(pickle.dumps(task)).key == task.key
    assert block.path == order.folder / "stable" / "r00000c00000.tif"
    assert year.path == order.forest_path(2018)


def test_candidates_are_those_below_their_chance(order: Order) -> None:
    rates = tuple(0.3 if index == CROP else 0.0 for index in range(len(LEGEND)))
    summary = gather(whole(order, "gather", (rates,)))
    found = load_arrays(whole(order, "gather").path)
    chance = chances(0, CANDIDATES, Window.of((EDGE, EDGE)), EDGE)
    expected = np.argwhere((old_map() == CROP) & (chance < 0.3))
    np.testing.assert_array_equal(found["place"], expected)
    assert summary["candidates"] == len(expected) > 300
    assert set(found["label"].tolist()) == {CROP}
    np.testing.assert_array_equal(found["chance"], chance[tuple(expected.T)])
    np.testing.assert_array_equal(found["right"], (truth() == old_map())[tuple(expected.T)])


def test_candidates_bring_their_series(order: Order) -> None:
    gather(whole(order, "gather", ALL))
    found = load_arrays(whole(order, "gather").path)
    assert found["values"].shape == (len(DATES), len(BANDS), EDGE * EDGE)
    for number, scene in enumerate(order.scenes):
        values, valid = pixels(scene, BANDS, order.grid, Window.of((EDGE, EDGE)))
        np.testing.assert_array_equal(found["values"][number], values.reshape(len(BANDS), -1))
        np.testing.assert_array_equal(found["valid"][number], valid.ravel())


def test_places_count_from_the_corner_of_the_grid(order: Order) -> None:
    tile = Tiling((EDGE, EDGE), 16, 0).tile(2, 3)
    gather(BlockTask(order, "gather", tile, ALL))
    place = load_arrays(order.folder / "gather" / f"{tile.key}.npz")["place"]
    assert place.min(0).tolist() == [32, 48]
    assert place.max(0).tolist() == [47, 63]


def test_nothing_wanted_reads_nothing(order: Order) -> None:
    none = (tuple(0.0 for _ in LEGEND.classes),)
    # Files that are not there would be noticed.
    files = {band: BandFile("none.tif") for band in BANDS}
    gone = replace(order, scenes=tuple(replace(scene, files=files) for scene in order.scenes))
    assert gather(whole(gone, "gather", none))["candidates"] == 0
    assert load_arrays(whole(gone, "gather").path)["values"].shape[2] == 0
    with pytest.raises(SceneError):
        gather(whole(gone, "gather", ALL))


def test_a_forest_of_a_year_tells_its_classes(order: Order) -> None:
    task = fitted(order)
    summary = fit(task)
    (grown,) = forests_at(task.path)
    assert grown.num_features == 3 * len(BANDS)
    assert grown.num_classes == len(LEGEND)
    assert len(grown.roots) == 10
    for index in (CROP, WATER, FOREST):
        assert 0 < summary[f"trained_{index}"] <= summary[f"kept_{index}"] <= summary[f"candidates_{index}"] == 400
        assert summary[f"kept_wrong_{index}"] <= summary[f"candidates_wrong_{index}"]
        assert summary[f"clusters_{index}"] == 10
    assert summary["candidates_0"] == 0


def test_the_same_task_again_gives_the_same_bytes(order: Order) -> None:
    task = fitted(order)
    fit(task)
    before = task.path.read_bytes()
    fit(task)
    assert task.path.read_bytes() == before
    fit(FitTask(**{**vars(task), "year": 2019}))
    assert order.forest_path(2019).read_bytes() != before


def test_the_order_of_gathered_files_does_not_matter(order: Order) -> None:
    tiles = list(Tiling((EDGE, EDGE), 32, 0))
    tasks = [BlockTask(order, "gather", tile, ALL) for tile in tiles]
    for task in tasks:
        gather(task)
    paths = [task.path for task in tasks]
    forests = []
    for some in (paths, paths[::-1]):
        task = FitTask(order, 2018, tuple(some), (400,) * len(LEGEND), "x")
        fit(task)
        forests.append(task.path.read_bytes())
    assert forests[0] == forests[1]


def test_each_part_of_the_land_is_judged_by_a_forest_of_its_own_however_it_is_cut(
    land: dict[str, Any], tmp_path: Path
) -> None:
    order = order_in(land, tmp_path, fold_px=16, folds=3)
    for year in (2018, 2019):
        fit(fitted(order, year))
    assert len(forests_at(order.forest_path(2018))) == 3
    # Each was grown on other pixels.
    assert len({one.nodes.tobytes() for one in forests_at(order.forest_path(2018))}) == 3
    counts = stable(whole(order, "stable"))
    assert sum(counts[f"stable_{index}"] for index in (CROP, WATER, FOREST)) > 0.6 * EDGE * EDGE
    whole_map = Layer(whole(order, "stable").path, LEGEND, LEGEND.nodata).indices(order.grid)
    for tile in Tiling((EDGE, EDGE), 24, 0):
        task = BlockTask(order, "stable", tile)
        stable(task)
        part = Layer(task.path, LEGEND, LEGEND.nodata).indices(tile.core.on(order.grid))
        np.testing.assert_array_equal(part, whole_map[tile.core.slices])


@pytest.fixture
def judged(order: Order) -> tuple[Order, dict[str, Any]]:
    for year in (2018, 2019):
        fit(fitted(order, year))
    return order, dict(stable(whole(order, "stable")))


def test_stable_pixels_and_their_counts(judged: tuple[Order, dict[str, Any]]) -> None:
    order, counts = judged
    stood = Layer(whole(order, "stable").path, LEGEND, LEGEND.nodata).indices(order.grid)
    kept = stood != IGNORE
    np.testing.assert_array_equal(stood[kept], old_map()[kept])
    blocks_of, parts = order.land.blocks(Window.of((EDGE, EDGE))), order.land.parts()
    for index in (CROP, WATER, FOREST):
        assert counts[f"stable_{index}"] == (stood == index).sum()
        assert counts[f"stable_{index}"] <= min(counts[f"agreed_{year}_{index}"] for year in (2018, 2019))
        assert counts[f"wrong_{index}"] == ((old_map() == index) & (truth() != index)).sum()
        assert counts[f"stable_wrong_{index}"] == (kept & (stood == index) & (truth() != index)).sum()
        for part in range(3):
            inside = (blocks_of >= 0) & (parts[np.maximum(blocks_of, 0)] == part)
            assert counts[f"part_{part}_{index}"] == (inside & (stood == index)).sum()
    assert counts["cloudy_2018"] == 0


def test_samples_are_stable_within_blocks_and_below_their_chance(judged: tuple[Order, dict[str, Any]]) -> None:
    order, _ = judged
    rates = (tuple(0.5 for _ in LEGEND.classes), tuple(0.0 for _ in LEGEND.classes), ALL[0])
    summary = draw(whole(order, "draw", rates))
    found = load_arrays(whole(order, "draw").path)
    assert summary["drawn"] == len(found["label"]) > 0
    assert set(found["part"].tolist()) == {0, 2}
    stood = Layer(whole(order, "stable").path, LEGEND, LEGEND.nodata).indices(order.grid)
    places = tuple(found["place"].T)
    np.testing.assert_array_equal(stood[places], found["label"])
    np.testing.assert_array_equal(order.land.blocks(Window.of((EDGE, EDGE)))[places], found["block"])
    np.testing.assert_array_equal(order.land.parts()[found["block"]], found["part"])
    chance = chances(0, POINTS, Window.of((EDGE, EDGE)), EDGE)[places]
    assert chance[found["part"] == 0].max() < 0.5
    # All stable pixels of the test blocks, and half of those of the training blocks.
    inside = order.land.blocks(Window.of((EDGE, EDGE)))
    part = np.where(inside < 0, 9, order.land.parts()[np.maximum(inside, 0)])
    assert (found["part"] == 2).sum() == ((part == 2) & (stood != IGNORE)).sum()
    share = (found["part"] == 0).sum() / ((part == 0) & (stood != IGNORE)).sum()
    assert share == pytest.approx(0.5, abs=0.08)


def test_without_a_truth_nothing_is_known_to_be_wrong(land: dict[str, Any], tmp_path: Path) -> None:
    order = order_in(land, tmp_path, truth=None)
    task = fitted(order)
    assert set(load_arrays(task.gathered[0])["right"].tolist()) == {255}
    assert not [name for name in fit(task) if "wrong" in name]


def test_blocks_of_a_series_cover_it_once(land: dict[str, Any]) -> None:
    prepared = prepare(check(LabelJob, land, "a test"))
    seen = np.zeros((EDGE, EDGE), int)
    for tile in blocks(prepared.series, 24):
        seen[tile.core.slices] += 1
    assert (seen == 1).all()

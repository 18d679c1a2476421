"""What a tile finds and keeps for its neighbours, and how groups of all tiles become events."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np
import pytest
import shapely
from tests.mapping.places import LEGEND
from tests.series.planted import EVENTS, SHAPE, write_spans

from landweave.series.change import Rules
from landweave.series.events import read_events
from landweave.series.findings import (
    ChangeOrder,
    Findings,
    FindTask,
    filtered,
    find_tile,
    labels_of,
    read_findings,
)
from landweave.series.gather import GatherTask, gather, summary
from landweave.series.group import SIDES
from landweave.series.sequence import space_median, space_mode
from landweave.tiling import Tiling


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spans")
    write_spans(folder, noise=0)
    return folder


def order_of(spans: Path, out: Path, min_area_px: int = 20, space: str = "none") -> ChangeOrder:
    from landweave.series.maps import open_maps

    return ChangeOrder(open_maps(spans), Rules(), space, 3, min_area_px, 60, out, "ab" * 32)


def found(order: ChangeOrder, core_px: int) -> dict[str, Findings]:
    tasks = [FindTask(order, tile) for tile in Tiling(SHAPE, core_px, order.margin_px)]
    for task in tasks:
        assert find_tile(task)["pixels"] == task.tile.core.num_pixels
    return {task.tile.key: read_findings(task.path) for task in tasks}


def test_a_tile_tells_its_groups_with_their_outlines(spans: Path, tmp_path: Path) -> None:
    (one,) = found(order_of(spans, tmp_path), 100).values()
    assert one.sums.num_px.tolist() == sorted(one.sums.num_px.tolist(), key=one.sums.num_px.tolist().index)
    sizes = {(rows.stop - rows.start) * (cols.stop - cols.start) for rows, cols, *_ in EVENTS[:3]}
    assert set(one.sums.num_px.tolist()) == sizes
    for outline, num_px, window in zip(one.outlines, one.sums.num_px, one.sums.window, strict=True):
        assert outline.area == num_px
        left, top, right, bottom = outline.bounds
        assert (top, bottom, left, right) == tuple(window)
    # Beyond the edge of the map lies no tile.
    assert all(len(one.borders[side].group) == 0 for side in SIDES)


def test_groups_that_go_on_are_kept_however_small(spans: Path, tmp_path: Path) -> None:
    tiles = found(order_of(spans, tmp_path, min_area_px=500), 32)
    whole = sum(int(one.sums.num_px.sum()) for one in tiles.values())
    rows, cols, *_ = EVENTS[1]
    # The only event of 500 pixels lies in four tiles; of the others those that touch a border are there too.
    assert whole >= (rows.stop - rows.start) * (cols.stop - cols.start)
    assert any(0 < one.sums.num_px.min(initial=999) < 500 for one in tiles.values())


def test_labels_before_and_labels_of_all_maps(spans: Path, tmp_path: Path) -> None:
    order = order_of(spans, tmp_path)
    (one,) = found(order, 100).values()
    base, steady = labels_of(order.part("r00000c00000.npz"))
    assert np.array_equal(base, one.base)
    assert np.array_equal(steady, one.steady)
    rows, cols, _, old, new = EVENTS[0]
    assert (base[rows, cols] == old).all()
    # It changed early: most maps show what came after.
    assert (steady[rows, cols] == new).all()


def test_filters_in_space() -> None:
    labels = np.random.default_rng(0).integers(0, 3, (4, 20, 20)).astype(np.uint8)
    assert filtered(labels, "none", 3) is labels
    assert np.array_equal(filtered(labels, "mode", 3)[2], space_mode(labels[2], 3))
    assert np.array_equal(filtered(labels, "median", 5)[1], space_median(labels[1], 5))


@pytest.mark.parametrize("core_px", [7, 20, 32, 100])
def test_events_are_the_same_however_the_map_is_cut(spans: Path, tmp_path: Path, core_px: int) -> None:
    order = order_of(spans, tmp_path)
    found(order, core_px)
    task = GatherTask(order, tuple(Tiling(SHAPE, core_px, 0)))
    assert gather(task)["events"] == 3
    rows = read_events(task.path).rows
    for event, (lines, columns, *_) in zip(rows, EVENTS, strict=False):
        window = (event.row_start, event.row_stop, event.col_start, event.col_stop)
        assert window == (lines.start, lines.stop, columns.start, columns.stop)
        assert isinstance(event.geometry, shapely.Polygon)
        assert len(event.geometry.exterior.coords) == 5
        assert event.probability == pytest.approx((230 / 255) ** 2, abs=0.02)


def test_areas_are_summed_by_year_and_classes(spans: Path, tmp_path: Path) -> None:
    order = order_of(spans, tmp_path)
    found(order, 32)
    task = GatherTask(order, tuple(Tiling(SHAPE, 32, 0)))
    gather(task)
    rows = list(read_events(task.path).rows)
    told = summary(order, [*rows, rows[0]])
    first = next(row for row in told["areas"] if row["from"] == rows[0].from_name and row["year"] == rows[0].year)
    assert first["events"] == 2
    assert first["num_pixels"] == 2 * rows[0].num_pixels
    assert first["area_ha"] == pytest.approx(2 * rows[0].area_ha)
    assert told["events"] == 4
    assert told["job"] == "ab" * 32
    assert told["years"] == [2018, 2019, 2020]


def test_no_change_is_a_file_without_events(spans: Path, tmp_path: Path) -> None:
    order = order_of(spans, tmp_path, min_area_px=5000)
    found(order, 32)
    task = GatherTask(order, tuple(Tiling(SHAPE, 32, 0)))
    assert gather(task)["events"] == 0
    assert read_events(task.path).rows == ()


def test_names_and_dates_are_those_of_the_legend_and_the_series(spans: Path, tmp_path: Path) -> None:
    order = order_of(spans, tmp_path)
    found(order, 32)
    task = GatherTask(order, tuple(Tiling(SHAPE, 32, 0)))
    gather(task)
    content = read_events(task.path)
    assert content.origin.legend == LEGEND
    assert content.origin.series.endswith("series.json")
    assert (task.path.parent / content.origin.maps).resolve() == spans.resolve()
    assert all(dt.date(2018, 1, 1) < event.date < dt.date(2021, 1, 1) for event in content.rows)
    assert all(event.year == event.date.year for event in content.rows)

"""The forecast against a small simulation of workers, and against what it was made from."""

from __future__ import annotations

import heapq
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.mapping.forecast import Forecast, rounds

WORKERS = st.integers(1, 70)


def played(num_tasks: int, seconds: float, num_workers: int) -> float:
    """When the last of equal tasks ends: each goes to the worker that is free first."""
    free = [0.0] * num_workers
    for _ in range(num_tasks):
        heapq.heappush(free, heapq.heappop(free) + seconds)
    return max(free)


@given(st.integers(1, 300), st.integers(1, 9), WORKERS)
def test_it_is_what_workers_do(num_tiles: int, num_sheets: int, num_workers: int) -> None:
    forecast = Forecast(2.0, 3.0, 5.0)
    expected = 2 + played(num_tiles, 3.0, num_workers) + played(num_sheets, 5.0, num_workers)
    assert forecast.seconds(num_tiles, num_sheets, num_workers) == pytest.approx(expected)


@given(st.integers(1, 300), st.integers(1, 9), WORKERS)
def test_more_workers_never_take_longer(num_tiles: int, num_sheets: int, num_workers: int) -> None:
    forecast = Forecast(1.0, 0.5, 4.0)
    some, more = (forecast.seconds(num_tiles, num_sheets, n) for n in (num_workers, num_workers + 1))
    assert more <= some
    assert some <= forecast.seconds(num_tiles, num_sheets, num_workers, num_merging=1)


def summary(**changes: Any) -> dict[str, Any]:
    wall = {"map": 40.0, "assemble": 6.0, "outline": 3.0}
    return {"seconds": 50.0, "workers": 2, "tiles": 20, "sheets": 4, "wall_s": wall, **changes}


def test_it_gives_back_the_run_that_it_was_made_from() -> None:
    forecast = Forecast.of(summary())
    assert (forecast.alone_s, forecast.tile_s, forecast.sheet_s) == (4.0, 4.0, 3.0)
    assert forecast.seconds(20, 4, 2) == pytest.approx(50.0)
    assert forecast.seconds(20, 4, 20) == pytest.approx(4 + 4 + 3)
    assert forecast.seconds(20, 4, 20, num_merging=1) == pytest.approx(4 + 4 + 12)


def test_routing_counts_with_the_tiles() -> None:
    forecast = Forecast.of(summary(wall_s={"route": 10.0, "map": 30.0, "assemble": 6.0}))
    assert forecast.tile_s == 4.0


def test_merging_by_one_worker_is_what_limits() -> None:
    """With scenes and workers growing alike, the time stays the same but for one worker that merges all."""
    forecast = Forecast(0.0, 1.0, 2.0)
    alike = [forecast.seconds(10 * n, n, n) for n in (1, 4, 16, 64)]
    alone = [forecast.seconds(10 * n, n, n, num_merging=1) for n in (1, 4, 16, 64)]
    assert alike == [12.0] * 4
    assert alone == [12.0, 18.0, 42.0, 138.0]


def test_rounds() -> None:
    assert [rounds(num, 4) for num in (0, 1, 4, 5, 8)] == [0, 1, 1, 2, 2]

"""The cost model against published times: where it is right, where it misses, and what 1/N says.

Fitted to the first two rows of a table, it predicts the others. Times are printed to one second.
"""

from __future__ import annotations

import tomllib
from pathlib import Path
from typing import Any

import pytest

from landweave.parallel.cost import Predicted, Table, predict_table

PUBLISHED = tomllib.loads(Path(__file__).with_name("scaling.toml").read_text(encoding="utf-8"))


def table(values: dict[str, Any]) -> Table:
    return Table(values["name"], tuple(values["ranks"]), tuple(values["seconds"]), values["ranks_per_node"])


TABLES = {
    name: table(values) for name, values in zip(("bigearthnet", "sat-4", "sat-6"), PUBLISHED["tables"], strict=True)
}


def predicted(name: str) -> dict[int, Predicted]:
    return {row.num_ranks: row for row in predict_table(TABLES[name])}


def test_the_tables_are_those_of_the_papers() -> None:
    assert TABLES["bigearthnet"].ranks == tuple(4 * nodes for nodes in (1, 2, 4, 8, 12, 16, 24))
    assert TABLES["bigearthnet"].seconds == (347, 172, 86, 42, 27, 20, 15)
    assert TABLES["sat-4"].seconds == (34, 18, 9, 5)
    assert TABLES["sat-6"].seconds == (41, 22, 11, 6)
    assert [speedup["times"] for speedup in PUBLISHED["speedups"]] == [14, 12, 11.1]


@pytest.mark.parametrize(
    ("name", "num_ranks", "seconds"),
    [("bigearthnet", 16, 86.37), ("sat-4", 16, 9.04), ("sat-4", 32, 4.53), ("sat-6", 16, 11.05), ("sat-6", 32, 5.54)],
)
def test_right_within_half_a_second(name: str, num_ranks: int, seconds: float) -> None:
    row = predicted(name)[num_ranks]
    assert row.predicted_s == pytest.approx(seconds, abs=0.01)
    assert row.is_right
    assert row.lowest_s < row.predicted_s < row.highest_s


@pytest.mark.parametrize(
    ("num_ranks", "seconds"),
    [(32, 43.19), (48, 28.79), (64, 21.59), (96, 14.40)],
)
def test_it_misses_the_first_table_from_32_ranks_on(num_ranks: int, seconds: float) -> None:
    """Up to 64 ranks the published times fall faster than 1/N, which no compute plus communication does."""
    row = predicted("bigearthnet")[num_ranks]
    assert row.predicted_s == pytest.approx(seconds, abs=0.01)
    assert not row.is_right
    assert not row.may_be_right


def test_the_first_table_is_faster_than_linear_up_to_16_nodes() -> None:
    first = TABLES["bigearthnet"]
    speedups = [first.seconds[0] / seconds for seconds in first.seconds]
    nodes = [ranks // 4 for ranks in first.ranks]
    assert [speedup > num for speedup, num in zip(speedups, nodes, strict=True)] == [False, *[True] * 5, False]
    assert speedups[-2] == pytest.approx(17.35)


def test_the_model_is_right_more_often_than_one_over_n() -> None:
    rows = [row for name in TABLES for row in predicted(name).values()]
    assert (sum(row.is_right for row in rows), sum(row.is_naive_right for row in rows), len(rows)) == (5, 1, 9)
    errors = [abs(row.predicted_s - row.published_s) for row in rows]
    naive = [abs(row.naive_s - row.published_s) for row in rows]
    assert sum(errors) < sum(naive)


def test_the_sat_columns_look_exchanged() -> None:
    """SAT-4 has 400,000 patches to train on and SAT-6 324,000, yet each epoch of SAT-6 is printed as the longer one.

    Exchanged, the time of a patch is the same on both within a twentieth, as one network on patches of one size has it.
    """
    patches = {"sat-4": 400_000, "sat-6": 324_000}
    for row in range(4):
        four, six = (TABLES[name].seconds[row] for name in ("sat-4", "sat-6"))
        assert six > four
        assert (six / patches["sat-6"]) / (four / patches["sat-4"]) > 1.4
        assert (four / patches["sat-6"]) / (six / patches["sat-4"]) == pytest.approx(1.0, abs=0.05)

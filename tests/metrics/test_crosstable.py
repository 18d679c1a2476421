"""Two labellings counted against each other: by hand, as sums, and there and back."""

from __future__ import annotations

import json

import numpy as np
import pytest

from landweave.legend import IGNORE
from landweave.metrics.crosstable import CrossTable

ONE = np.array([0, 0, 0, 1, 1, IGNORE, 0], np.uint8)
OTHER = np.array([2, 2, 0, 1, IGNORE, 1, 2], np.uint8)
ROWS, COLUMNS = ("ice", "NAT", "STS"), ("a", "b", "c", "d")
TABLE = CrossTable.from_labels(ROWS, COLUMNS, ONE, OTHER)


def test_counts_by_hand_without_what_has_no_label() -> None:
    assert TABLE.counts.tolist() == [[1, 0, 3, 0], [0, 1, 0, 0], [0, 0, 0, 0]]
    assert TABLE.row("ice") == {"a": 0.25, "b": 0.0, "c": 0.75, "d": 0.0}
    assert TABLE.row("NAT")["b"] == 1.0


def test_rows_without_anything_are_not_a_number() -> None:
    assert np.isnan(TABLE.shares[2]).all()
    assert TABLE.shares[:2].sum(1).tolist() == [1.0, 1.0]


def test_parts_add_up_to_the_whole_and_zero_changes_nothing() -> None:
    parts = [CrossTable.from_labels(ROWS, COLUMNS, ONE[rows], OTHER[rows]) for rows in (slice(3), slice(3, None))]
    np.testing.assert_array_equal((parts[0] + parts[1]).counts, TABLE.counts)
    np.testing.assert_array_equal((CrossTable.zero(ROWS, COLUMNS) + TABLE).counts, TABLE.counts)


def test_the_other_way_round_is_the_other_figure() -> None:
    turned = TABLE.transposed
    assert turned.rows == COLUMNS
    np.testing.assert_array_equal(turned.counts, CrossTable.from_labels(COLUMNS, ROWS, OTHER, ONE).counts)


def test_there_and_back() -> None:
    back = CrossTable.from_json(json.loads(json.dumps(TABLE.to_json())))
    assert (back.rows, back.columns) == (ROWS, COLUMNS)
    np.testing.assert_array_equal(back.counts, TABLE.counts)


def test_other_classes_are_not_added() -> None:
    with pytest.raises(AssertionError):
        TABLE + CrossTable.zero(("x",), COLUMNS)

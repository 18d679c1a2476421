"""How far reviewers agree."""

from __future__ import annotations

import pytest
from sklearn.metrics import cohen_kappa_score

from landweave.review.agreement import agreements, disputed

ADA = {"a": (1, 2), "b": (1, 2), "c": (1, 1), "d": (3, 3), "x": (1, 2)}
BOB = {"a": (1, 2), "b": (1, 1), "c": (1, 1), "d": (3, 3), "y": (1, 2)}


def test_agreement_of_two() -> None:
    (pair,) = agreements({"Bob": BOB, "Ada": ADA})
    assert pair.names == ("Ada", "Bob")
    assert (pair.num_both, pair.num_same, pair.share) == (4, 3, 0.75)
    both = sorted(ADA.keys() & BOB.keys())
    oracle = cohen_kappa_score([str(ADA[e]) for e in both], [str(BOB[e]) for e in both])
    assert pair.kappa == pytest.approx(oracle)


def test_pairs_without_a_common_event_are_left_out() -> None:
    found = agreements({"Ada": ADA, "Bob": BOB, "Cy": {"z": (1, 1)}, "Di": {}})
    assert [pair.names for pair in found] == [("Ada", "Bob")]
    assert agreements({}) == ()


def test_kappa_is_unknown_where_chance_agrees_always() -> None:
    (pair,) = agreements({"Ada": {"a": 1, "b": 1}, "Bob": {"a": 1, "b": 1}})
    assert pair.share == 1
    assert pair.kappa is None


def test_disputed_events_are_those_on_which_any_two_differ() -> None:
    assert disputed({"Ada": ADA, "Bob": BOB}) == {"b"}
    assert disputed({"Ada": ADA}) == set()

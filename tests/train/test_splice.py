"""Series that change: whose dates they have, in which order, and whose label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from landweave.train.draw import sample_keys
from landweave.train.splice import spliced

NUM, DATES = 400, 15
KEYS = sample_keys(1, 0, np.arange(NUM))
OWN = np.random.default_rng(0).random(NUM, np.float32)


def pairs(per_date: bool = False, share: float = 0.8) -> dict[str, np.ndarray]:
    """Values tell whose they are and of which date; labels are 0 of samples, 1 of partners."""
    generator = np.random.default_rng(1)
    whose = np.repeat([0, 1], NUM)
    values = np.stack([np.broadcast_to(whose[:, None], (2 * NUM, DATES)), np.tile(np.arange(DATES), (2 * NUM, 1))], -1)
    days = np.tile(np.arange(DATES, dtype=np.float32) * 24, (2 * NUM, 1))
    target = np.repeat(whose[:, None], DATES, 1) if per_date else whose
    valid = generator.random((2 * NUM, DATES)) < share
    return {"values": values.astype(np.float32), "valid": valid, "days": days, "target": target.astype(np.uint8)}


def made(chance: float, own: np.ndarray = OWN, **asked: Any) -> dict[str, np.ndarray]:
    return spliced(pairs(**asked), KEYS, own, chance)


def test_by_no_chance_every_sample_is_its_own() -> None:
    given, found = pairs(), made(0.0)
    assert not found.pop("share").any()
    assert found.pop("second").all()
    assert given.keys() == found.keys()
    for name, array in found.items():
        assert np.array_equal(array, given[name][:NUM]), name
        assert array.dtype == given[name].dtype, name


def test_dates_go_round_the_year_and_change_hands_once() -> None:
    found = made(1.0)
    whose, place = found["values"][..., 0], found["values"][..., 1].astype(int)
    assert len(np.unique(place[:, 0])) == DATES
    assert np.array_equal((place[:, :1] + np.arange(DATES)) % DATES, place)
    # From a sample to its partner, never back.
    assert (np.diff(whose, axis=1) >= 0).all()
    assert set(whose.sum(1)) == set(range(DATES + 1))
    assert np.array_equal((whose == 0).sum(1), np.floor(OWN * (DATES + 1)))
    # Valid is what was valid where a date comes from.
    given = pairs()["valid"]
    rows = np.arange(NUM)[:, None] + NUM * whose.astype(int)
    assert np.array_equal(found["valid"], given[rows, place])
    assert not found["valid"].all()


def test_days_rise_from_one_year_into_the_next() -> None:
    found = made(1.0)
    assert (np.diff(found["days"], axis=1) > 0).all()
    assert np.array_equal(found["days"] % 365, found["values"][..., 1] * 24)
    assert found["days"].dtype == np.float32


def test_both_labels_are_true_as_much_as_they_have_of_the_valid_dates() -> None:
    found = made(1.0)
    new = (found["valid"] & (found["values"][..., 0] == 1)).sum(1)
    np.testing.assert_allclose(found["share"], new / found["valid"].sum(1), rtol=1e-6)
    assert found["share"].dtype == np.float32
    assert 0.4 < found["share"].mean() < 0.6
    assert not found["target"].any()
    assert found["second"].all()
    # Where nothing is valid the sample's own label is left.
    assert not made(1.0, share=0.0)["share"].any()


def test_labels_of_dates_go_with_their_dates() -> None:
    found = made(1.0, per_date=True)
    assert "share" not in found
    assert np.array_equal(found["target"], found["values"][..., 0])


@pytest.mark.parametrize("chance", [0.25, 0.75])
def test_it_happens_to_the_share_that_was_asked_for_and_to_each_by_its_own_key(chance: float) -> None:
    found = made(chance, own=np.zeros(NUM, np.float32))
    happened = found["values"][..., 0].all(1)
    assert happened.mean() == pytest.approx(chance, abs=0.08)
    # Another order of the same samples gives each the same.
    order = np.random.default_rng(2).permutation(NUM)
    both = np.concatenate([order, NUM + order])
    other = spliced({name: array[both] for name, array in pairs().items()}, KEYS[order], OWN[order], chance)
    mine = made(chance)
    assert all(np.array_equal(other[name], mine[name][order]) for name in mine)

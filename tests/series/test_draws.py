"""Drawing places: chance that belongs to the place, numbers by class, blocks apart."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import SplitError
from landweave.series.draws import Land, allot, chances, folds, lowest, rate
from landweave.tiling import Window

SHAPE = (50, 70)


@given(row=st.integers(0, 40), col=st.integers(0, 60), seed=st.integers(0, 5))
def test_the_chance_of_a_pixel_does_not_depend_on_the_window(row: int, col: int, seed: int) -> None:
    whole = chances(seed, 1, Window.of(SHAPE), SHAPE[1])
    some = chances(seed, 1, Window(row, col, 10, 10), SHAPE[1])
    np.testing.assert_array_equal(
        some, whole[row : row + 10, col : col + 10] if row + 10 <= 50 and col + 10 <= 70 else some
    )
    assert 0 <= some.min() <= some.max() < 1


@pytest.mark.parametrize("num", [1, 2, 3, 4, 5, 7])
def test_parts_of_the_land_are_squares_whose_neighbours_are_of_other_parts(num: int) -> None:
    place = np.argwhere(np.ones((60, 80), bool))
    found = folds(place, 10, num).reshape(60, 80)
    squares = found[::10, ::10]
    np.testing.assert_array_equal(found, np.kron(squares, np.ones((10, 10), int)))
    assert set(np.unique(found)) == set(range(num))
    if num > 1:
        assert (squares[1:] != squares[:-1]).all()
        assert (squares[:, 1:] != squares[:, :-1]).all()
        # All parts are about as large.
        assert np.bincount(squares.ravel()).min() >= squares.size // num - 4


def test_chances_are_even_and_other_for_another_purpose() -> None:
    one, other = (chances(0, stream, Window.of((200, 200)), 200) for stream in (1, 2))
    assert abs(one.mean() - 0.5) < 0.01
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.02
    assert len(np.unique(one)) == one.size


@given(
    counts=st.lists(st.integers(0, 5000), min_size=1, max_size=9),
    num=st.integers(0, 4000),
    floor=st.integers(0, 300),
)
def test_shares_of_classes(counts: list[int], num: int, floor: int) -> None:
    drawn = allot(counts, num, floor)
    assert (drawn <= counts).all()
    assert (drawn >= np.minimum(counts, floor)).all()
    least = int(np.minimum(counts, floor).sum())
    assert drawn.sum() == max(min(num, sum(counts)), least)


def test_shares_by_hand() -> None:
    np.testing.assert_array_equal(allot([600, 300, 100], 100, 0), [60, 30, 10])
    # The floor of the rare class is taken from the others in proportion.
    np.testing.assert_array_equal(allot([6000, 3000, 10], 100, 10), [60, 30, 10])
    np.testing.assert_array_equal(allot([6000, 3000, 5], 100, 10), [63, 32, 5])
    np.testing.assert_array_equal(allot([0, 50], 20, 5), [0, 20])


@given(seed=st.integers(0, 50), wanted=st.integers(1, 400))
def test_as_many_are_drawn_as_are_wanted(seed: int, wanted: int) -> None:
    chance = chances(seed, 1, Window.of(SHAPE), SHAPE[1]).ravel()
    drawn = np.flatnonzero(chance < rate(np.array(wanted), np.array(chance.size)))
    rows = lowest(chance[drawn], np.zeros(len(drawn)), {0: wanted})
    assert len(rows) == wanted
    # They are those that would have been taken of all.
    np.testing.assert_array_equal(drawn[rows], np.sort(np.argsort(chance)[:wanted]))


def test_lowest_of_each_group() -> None:
    chance, group = np.array([0.5, 0.1, 0.9, 0.3, 0.2]), np.array([7, 7, 9, 9, 7])
    np.testing.assert_array_equal(lowest(chance, group, {7: 2, 9: 1, 3: 4}), [1, 3, 4])
    assert not len(lowest(chance, group, {}))
    assert rate(np.array(0), np.array(9)) == 0
    assert rate(np.array(9), np.array(9)) == 1


LAND = Land(SHAPE, 8, 3, (0.6, 0.2, 0.2), 4)


def test_blocks_lie_apart() -> None:
    blocks, parts = LAND.blocks(Window.of(SHAPE)), LAND.parts()
    assert LAND.num_cols == 7
    assert len(parts) == 35
    np.testing.assert_array_equal(blocks[:8, :8], 0)
    assert (blocks[8:11] == -1).all()
    assert (blocks[:, 8:11] == -1).all()
    assert blocks[11, 11] == 8
    part = np.where(blocks < 0, 9, parts[np.maximum(blocks, 0)])
    # Neighbours within the gap are of one part, or of none.
    for step in (1, 2, 3):
        for one, other in ((part[:, :-step], part[:, step:]), (part[:-step], part[step:])):
            both = (one != 9) & (other != 9)
            assert (one[both] == other[both]).all()


def test_blocks_of_a_window_are_those_of_the_whole() -> None:
    whole = LAND.blocks(Window.of(SHAPE))
    np.testing.assert_array_equal(LAND.blocks(Window(13, 22, 20, 31)), whole[13:33, 22:53])


def test_parts_are_dealt_by_seed_and_fractions() -> None:
    counts = np.bincount(LAND.parts(), minlength=3)
    np.testing.assert_array_equal(counts, [21, 7, 7])
    assert (LAND.parts() != Land(SHAPE, 8, 3, (0.6, 0.2, 0.2), 5).parts()).any()
    with pytest.raises(SplitError, match="1 blocks") as caught:
        Land((5, 5), 8, 3, (0.6, 0.2, 0.2), 0).parts()
    assert caught.value.do

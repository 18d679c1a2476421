"""Groups of changes: neighbours by an edge, to one class, at about one time; the same however a map is cut."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import ndimage

from landweave.series.change import Changes
from landweave.series.group import Border, Sums, borders, groups, joined, meeting, place_layers, sums_of


def changes(new: np.ndarray, day: np.ndarray | int = 0) -> Changes:
    """One change at every pixel where `new` is not 0."""
    pixel = np.flatnonzero(new)
    days = np.broadcast_to(np.asarray(day, np.int32), new.shape).ravel()[pixel]
    zeros = np.zeros(len(pixel), np.uint8)
    return Changes(
        pixel, zeros.astype(np.int64), days, zeros, new.ravel()[pixel].astype(np.uint8), zeros + np.float32(0.5)
    )


def test_groups_of_one_class_are_the_pieces_that_scipy_labels() -> None:
    new = (np.random.default_rng(0).random((30, 40)) < 0.5).astype(np.uint8)
    numbers, (pieces, num) = groups(changes(new), new.shape, 0), ndimage.label(new)
    assert numbers.max() + 1 == num
    pairs = {*zip(numbers.tolist(), pieces[new > 0].tolist(), strict=True)}
    assert len(pairs) == num


def test_another_class_or_another_time_is_another_group() -> None:
    new = np.array([[1, 1, 2], [1, 0, 2]])
    assert groups(changes(new), new.shape, 0).tolist() == [0, 0, 1, 0, 1]
    day = np.array([[0, 30, 0], [0, 0, 100]])
    assert groups(changes(new, day), new.shape, 30).tolist() == [0, 0, 1, 0, 2]
    assert groups(changes(new, day), new.shape, 29).tolist() == [0, 1, 2, 0, 3]


def test_corners_do_not_touch() -> None:
    assert groups(changes(np.eye(3, dtype=np.uint8)), (3, 3), 0).tolist() == [0, 1, 2]


def test_two_changes_of_a_pixel_are_of_two_groups() -> None:
    pixel, day = np.array([0, 0, 1, 1]), np.array([0, 300, 10, 310], np.int32)
    new = np.array([1, 2, 1, 2], np.uint8)
    two = Changes(pixel, np.array([3, 9, 3, 9]), day, new, new, np.ones(4, np.float32))
    assert groups(two, (1, 2), 60).tolist() == [0, 1, 0, 1]
    layers = place_layers(two, (1, 2))
    assert [layer.tolist() for layer in layers] == [[[0, 2]], [[1, 3]]]


def test_nothing_is_no_group() -> None:
    assert len(groups(Changes.none(), (4, 5), 0)) == 0
    sums = sums_of(Changes.none(), np.zeros(0, np.int64), (0, 0), 5, (3, 4))
    assert sums.num_px.shape == (0,)


@given(st.integers(0, 10_000), st.integers(1, 19))
def test_groups_of_two_tiles_joined_are_those_of_the_whole(seed: int, cut: int) -> None:
    generator = np.random.default_rng(seed)
    new = generator.choice([0, 1, 2], (12, 20), p=[0.4, 0.4, 0.2])
    day = generator.choice([0, 50, 100], (12, 20))
    whole = groups(changes(new, day), new.shape, 50)
    parts = [changes(new[:, :cut], day[:, :cut]), changes(new[:, cut:], day[:, cut:])]
    numbers = [groups(parts[0], (12, cut), 50), groups(parts[1], (12, 20 - cut), 50)]
    edges = [borders(parts[0], numbers[0], (12, cut))["right"], borders(parts[1], numbers[1], (12, 20 - cut))["left"]]
    names = [(str(tile), number) for tile in (0, 1) for number in range(int(numbers[tile].max(initial=-1)) + 1)]
    pairs = [(("0", one), ("1", other)) for one, other in meeting(edges[0], edges[1], 50)]
    found = joined(names, pairs)
    assert len(found) == int(whole.max(initial=-1)) + 1
    sizes = [np.bincount(number, minlength=1) for number in numbers]
    counted = sorted(sum(int(sizes[int(names[place][0])][names[place][1]]) for place in places) for places in found)
    assert counted == sorted(np.bincount(whole).tolist())


def test_sums_of_groups_add_up() -> None:
    new = np.array([[1, 1, 0], [0, 1, 2]])
    one = changes(new)
    sums = sums_of(one, groups(one, new.shape, 0), (10, 20), 3, (3, 4))
    assert sums.num_px.tolist() == [3, 1]
    assert sums.window.tolist() == [[10, 12, 20, 22], [11, 12, 22, 23]]
    assert sums.old.tolist() == [[3, 0, 0], [1, 0, 0]]
    assert sums.place.tolist() == [[3, 0, 0, 0], [1, 0, 0, 0]]
    assert sums.probability.tolist() == [1.5, 0.5]
    assert sums.new.tolist() == [1, 2]
    both = sums.merged()
    assert both.window.tolist() == [[10, 12, 20, 23]]
    assert both.num_px.tolist() == [4]
    assert isinstance(sums.at([0]), Sums)


def test_a_border_is_kept_and_read() -> None:
    new = np.array([[1, 1, 0], [0, 1, 2]])
    one = changes(new)
    edge = borders(one, groups(one, new.shape, 0), new.shape)["bottom"]
    assert edge.position.tolist() == [1, 2]
    again = Border.of(edge.arrays("bottom"), "bottom")
    assert all(np.array_equal(getattr(edge, name), getattr(again, name)) for name in Border.__slots__)


@pytest.mark.parametrize("tolerance", [0, 10])
def test_several_changes_at_one_place_of_a_border_all_meet(tolerance: int) -> None:
    def edge(groups_: list[int], new: list[int], day: list[int]) -> Border:
        zeros = np.zeros(len(new), np.int64)
        return Border(zeros, np.array(groups_), np.array(new, np.uint8), np.array(day, np.int32))

    one, other = edge([0, 1], [1, 2], [0, 300]), edge([5, 6], [1, 2], [8, 300])
    assert list(meeting(one, other, tolerance)) == ([[0, 5], [1, 6]] if tolerance else [[1, 6]])

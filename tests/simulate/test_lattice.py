"""Randomness that belongs to places."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from landweave.simulate.lattice import Axes, cells, fractal, hashed, key, noise, noise_at, normal, rank, strips, uniform
from landweave.tiling import Window

WHOLE = Window(-300, 7_000_000, 90, 110)
PARTS = st.tuples(st.integers(0, 60), st.integers(0, 80), st.integers(1, 30), st.integers(1, 30))


def axes(window: Window, cell_m: float = 10 / 3) -> Axes:
    return Axes.of(window, cell_m)


def test_axes_hold_the_centres_of_cells() -> None:
    found = axes(Window(2, -1, 2, 3), 5.0)
    assert found.x.tolist() == [-2.5, 2.5, 7.5]
    assert found.y.tolist() == [12.5, 17.5]
    assert found.shape == (2, 3)


def test_keys_differ_by_seed_and_name() -> None:
    found = {key(seed, name) for seed in range(50) for name in ("a", "b", "river")}
    assert len(found) == 150
    assert key(1, "clouds", 2) == key(1, "clouds", 2) != key(1, "clouds", 3)
    assert all(0 <= value < 2**32 for value in found)


def test_hashes_hardly_collide_and_are_even() -> None:
    rows, cols = np.arange(-200, 200)[:, None], np.arange(5_000_000, 5_000_400)[None]
    found = hashed(7, rows, cols)
    assert found.dtype == np.uint32
    # 160,000 draws of 2^32 have three equal pairs on average.
    assert found.size - len(np.unique(found)) < 15
    counts = np.histogram(uniform(7, rows, cols), bins=20, range=(0, 1))[0]
    assert abs(counts / 8000 - 1).max() < 0.05


def test_hashes_of_neighbours_are_unrelated() -> None:
    found = uniform(3, np.arange(300)[:, None], np.arange(300)[None])
    assert abs(np.corrcoef(found[:, 1:].ravel(), found[:, :-1].ravel())[0, 1]) < 0.02
    assert abs(np.corrcoef(found[1:].ravel(), found[:-1].ravel())[0, 1]) < 0.02
    assert (
        abs(np.corrcoef(found.ravel(), uniform(4, np.arange(300)[:, None], np.arange(300)[None]).ravel())[0, 1]) < 0.02
    )


def test_normal_numbers_have_mean_0_and_variance_1() -> None:
    found = normal(1, np.arange(400)[:, None], np.arange(400)[None])
    assert abs(found.mean()) < 0.01
    assert abs(found.std() - 1) < 0.01
    assert abs((abs(found) > 1.96).mean() - 0.05) < 0.01


@settings(deadline=None, max_examples=25)
@given(PARTS)
def test_a_part_of_noise_is_the_part_of_the_whole(part: tuple[int, int, int, int]) -> None:
    row, col, height, width = part
    window = Window(WHOLE.row + row, WHOLE.col + col, height, width)
    for make in (lambda a: noise(a, 5, 47.0), lambda a: fractal(a, 5, 300.0, 4)):
        assert np.array_equal(make(axes(window)), make(axes(WHOLE))[window.inside(WHOLE).slices])


@settings(deadline=None, max_examples=25)
@given(PARTS)
def test_a_part_of_cells_is_the_part_of_the_whole(part: tuple[int, int, int, int]) -> None:
    row, col, height, width = part
    window = Window(WHOLE.row + row, WHOLE.col + col, height, width)

    def made(where: Window) -> list[np.ndarray]:
        here = axes(where)
        warp = noise(here, 1, 60.0) * 40, noise(here, 2, 60.0) * 40
        found = cells(here, 9, 55.0, warp)
        owner = found.hashed(3)
        return [owner[found.place], owner[found.other], found.dx, found.dy, found.edge_m]

    for one, whole in zip(made(window), made(WHOLE), strict=True):
        assert np.array_equal(one, whole[window.inside(WHOLE).slices])


def test_noise_is_smooth_and_spans_its_range() -> None:
    found = noise(axes(Window(0, 0, 400, 400)), 1, 100.0)
    assert 0 <= found.min() < 0.05
    assert 0.95 < found.max() <= 1
    assert abs(np.diff(found, axis=1)).max() < 2 * 10 / 3 / 100


def test_scattered_noise_is_the_same_field() -> None:
    here = axes(Window(40, 50, 20, 30))
    y, x = np.meshgrid(here.y, here.x, indexing="ij")
    assert np.allclose(noise_at(x, y, 5, 47.0), noise(here, 5, 47.0), atol=1e-6)


@pytest.mark.parametrize(("octaves", "gain"), [(1, 0.5), (3, 0.5), (4, 0.42)])
def test_ranks_are_even(octaves: int, gain: float) -> None:
    field = fractal(Axes.of(Window(0, 0, 900, 900), 37.0), 12, 400.0, octaves, gain)
    found = rank(field, octaves, gain)
    for share in (0.05, 0.3, 0.5, 0.9):
        assert abs((found < share).mean() - share) < 0.03


def test_the_nearest_node_is_the_nearest_of_all() -> None:
    here = axes(Window(-20, 30, 80, 90))
    found = cells(here, 4, 60.0)
    y, x = np.meshgrid(here.y, here.x, indexing="ij")
    far = np.hypot(x[..., None] - found.node_x, y[..., None] - found.node_y)
    assert np.array_equal(far.argmin(axis=-1), found.place)
    assert np.allclose(x - found.node_x[found.place], found.dx, atol=1e-3)
    assert np.allclose(y - found.node_y[found.place], found.dy, atol=1e-3)


def test_the_edge_is_where_two_nodes_are_equally_far() -> None:
    here = axes(Window(0, 0, 120, 120))
    found = cells(here, 4, 60.0)
    assert found.edge_m.min() >= -1e-3
    changes = found.place[:, 1:] != found.place[:, :-1]
    assert changes.any()
    # Beside a change of node a border runs within a cell's width.
    assert np.minimum(found.edge_m[:, 1:], found.edge_m[:, :-1])[changes].max() < 10 / 3


def test_strips_partition_a_line() -> None:
    along = np.linspace(-500, 500, 4001).astype(np.float32)
    owner = np.full(along.shape, 12345, np.uint32)
    number, edge = strips(along, np.full_like(along, 40), owner)
    assert (np.diff(number) >= 0).all()
    widths = np.bincount(number - number.min())[1:-1] * 0.25
    assert 15 < widths.min() < 35
    assert 45 < widths.max() < 65
    assert abs(widths.mean() - 40) < 4
    assert edge[np.flatnonzero(np.diff(number))].max() < 0.3
    assert edge.min() >= 0


def test_every_owner_has_strips_of_its_own() -> None:
    along = np.linspace(0, 400, 1001).astype(np.float32)
    one, two = (strips(along, np.full_like(along, 40), np.full(along.shape, bits, np.uint32))[0] for bits in (1, 2))
    assert not np.array_equal(one, two)

"""What readers of published series share: names to labels, squares of land, pixels of images as points."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio import Affine

from landweave.datasets.raw import cells, centres, labels_of, of_image, year_of
from landweave.datasets.series import named_legend


@given(st.lists(st.sampled_from(["Forest", "Pasture", "Cerrado", "Soy"]), min_size=1, max_size=30))
def test_labels_are_places_in_the_sorted_names(names: list[str]) -> None:
    label, classes = labels_of(names)
    assert [classes[place] for place in label] == names
    assert list(classes) == sorted(set(names))


def test_codes_are_names_too() -> None:
    label, classes = labels_of(np.array([591, 115, 591]))
    assert classes == ("115", "591")
    np.testing.assert_array_equal(label, [1, 0, 1])


@given(
    places=st.lists(st.tuples(st.floats(-60, 60), st.floats(-60, 60)), min_size=1, max_size=20),
    edge=st.sampled_from([0.1, 0.25, 10.0]),
)
def test_cells_are_squares(places: list[tuple[float, float]], edge: float) -> None:
    x, y = np.array(places).T
    found = cells(x, y, edge)
    for i in range(len(x)):
        for j in range(len(x)):
            same = np.floor(x[i] / edge) == np.floor(x[j] / edge) and np.floor(y[i] / edge) == np.floor(y[j] / edge)
            assert (found[i] == found[j]) == same


def test_pixels_of_images_as_points() -> None:
    values = np.arange(2 * 3 * 4 * 5, dtype=np.float32).reshape(2, 3, 4, 5)
    valid = np.random.default_rng(0).random((2, 4, 5)) < 0.5
    wanted = np.zeros((4, 5), bool)
    wanted[1, 2] = wanted[3, 0] = True
    points, good, rows, cols = of_image(values, valid, wanted)
    assert points.shape == (2, 2, 3)
    np.testing.assert_array_equal(rows, [1, 3])
    np.testing.assert_array_equal(cols, [2, 0])
    np.testing.assert_array_equal(points[0], values[:, :, 1, 2])
    np.testing.assert_array_equal(good[1], valid[:, 3, 0])


def test_images_without_a_wanted_pixel() -> None:
    points, good, rows, _ = of_image(np.ones((2, 3, 4, 5)), np.ones((2, 4, 5), bool), np.zeros((4, 5), bool))
    assert points.shape == (0, 2, 3)
    assert good.shape == (0, 2)
    assert not len(rows)


@pytest.mark.parametrize(
    "grid",
    [
        GeoBox((9, 7), Affine(10, 0, 500000, 0, -10, 5000000), "EPSG:32633"),
        GeoBox((9, 7), Affine(3, 1, 20, -1, -4, 70), "EPSG:3857"),
    ],
)
def test_centres_are_those_of_the_affine(grid: GeoBox) -> None:
    rows, cols = np.array([0, 4, 8]), np.array([6, 0, 3])
    x, y = centres(grid, rows, cols)
    for n in range(3):
        assert (x[n], y[n]) == pytest.approx(grid.affine * (cols[n] + 0.5, rows[n] + 0.5))


@pytest.mark.parametrize(
    ("day", "year"), [(0, 1970), (364, 1970), (365, 1971), (18261, 2019), (18262, 2020), (-1, 1969)]
)
def test_years_of_days(day: int, year: int) -> None:
    assert year_of(day) == year


@given(st.integers(1, 60))
def test_legends_of_names_have_ids_from_one_and_colours(num: int) -> None:
    names = [f"class {number}" for number in range(num)]
    legend = named_legend("name", "source", names)
    assert legend.names == tuple(names)
    assert legend.ids == tuple(range(1, num + 1))
    assert legend.nodata == 0
    assert len({entry.color for entry in legend.classes}) == num

"""Maps beside their truth: which legends and pixels fit, what is read where, and stacks of several years."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.evaluation.making import LEGEND, parts, write

from landweave.errors import GridError, LandweaveError, LegendError, SampleError, SceneError
from landweave.evaluation.stack import Stack, beside, stack
from landweave.evaluation.truth import Layer, check_grids, described, find_crosswalk, legend_of, pair, same_classes
from landweave.legend import IGNORE, LandClass, Legend, crosswalk, known_crosswalks, legend
from landweave.tiling import Window

X = IGNORE
SMALL = np.array([[0, 1, 2], [2, X, 0]], np.uint8)


def grid(
    height: int = 2, width: int = 3, x: float = 0, y: float = 0, size: float = 10, crs: str | None = "EPSG:32633"
) -> GeoBox:
    return GeoBox((height, width), Affine(size, 0, 500_000 + x, 0, -size, 5_000_000 - y), crs)


def raw(path: Path, ids: list[list[int]], place: GeoBox, nodata: int | None = None) -> Path:
    """A map as others make it: ids without a legend."""
    values = np.array(ids, np.uint8)
    profile = {"driver": "GTiff", "count": 1, "dtype": "uint8", "nodata": nodata, "transform": place.affine}
    with rasterio.open(path, "w", height=len(ids), width=len(ids[0]), crs=str(place.crs), **profile) as file:
        file.write(values, 1)
    return path


def test_a_layer_gives_indices_wherever_it_is_asked(tmp_path: Path) -> None:
    layer = Layer(write(tmp_path / "map.tif", SMALL, grid()), LEGEND)
    assert layer.indices(grid()).tolist() == SMALL.tolist()
    # One pixel up and to the left: nothing is known beyond the edge.
    assert layer.indices(grid(2, 2, x=-10, y=-10)).tolist() == [[X, X], [X, 0]]
    assert layer.indices(grid(1, 1, x=10_000)).tolist() == [[X]]
    # Half as large pixels: each is seen four times.
    assert layer.indices(grid(4, 6, size=5)).tolist() == SMALL.repeat(2, 0).repeat(2, 1).tolist()


@pytest.mark.parametrize(("nodata", "seen"), [(99, [[0, X], [X, 1]]), (0, [[0, X], [X, 1]]), (5, None), (None, None)])
def test_the_number_that_a_file_says_means_no_data(
    tmp_path: Path, nodata: int | None, seen: list[list[int]] | None
) -> None:
    hole = 99 if nodata in (99, 5, None) else 0
    layer = Layer(raw(tmp_path / "a.tif", [[1, 0], [hole, 2]], grid(2, 2), nodata), LEGEND, nodata)
    if seen is not None:
        assert layer.indices(grid(2, 2)).tolist() == seen
        return
    # A class of the legend stays one, whatever the file says; 99 is then a foreign id.
    with pytest.raises(LegendError) as caught:
        layer.indices(grid(2, 2))
    given, expected, do = parts(caught.value)
    assert "99" in given and "[1, 2, 5]" in expected and do


def test_a_truth_is_seen_through_a_crosswalk() -> None:
    assert find_crosswalk(LEGEND, LEGEND) is None
    for old, new in known_crosswalks():
        assert find_crosswalk(legend(old), legend(new)) is not None, (old, new)


def test_the_coarser_legend_is_compared_in_whichever_side_it_is_on(tmp_path: Path) -> None:
    old, new = (legend(name) for name in known_crosswalks()[0])
    walk = crosswalk(old.name, new.name)
    every = np.arange(len(old), dtype=np.uint8)[None]
    place = grid(1, len(old))
    fine = write(tmp_path / "fine.tif", every, place, old)
    coarse = write(tmp_path / "coarse.tif", walk.apply(every), place, new)
    for one, other in ((fine, coarse), (coarse, fine)):
        both = pair(one, other)
        assert both.legend is not old and both.legend.name == new.name
        seen, known = both.read(Window(0, 0, 1, len(old)))
        assert seen.tolist() == known.tolist() == walk.apply(every).tolist()
    assert len(set(walk.apply(every)[0].tolist())) > 1


def test_legends_are_the_same_by_ids_and_names_alone() -> None:
    renamed = Legend("other", "elsewhere", tuple(LandClass(c.id, c.name, "#123456") for c in LEGEND.classes))
    assert same_classes(LEGEND, renamed)
    assert not same_classes(LEGEND, Legend("three", "", LEGEND.classes[::-1]))
    assert not same_classes(LEGEND, Legend("three", "", LEGEND.classes[:2]))
    first = LandClass(1, "Pasture", "#00ff00")
    assert not same_classes(LEGEND, Legend("three", "", (first, *LEGEND.classes[1:])))


def test_a_map_tells_its_legend_or_is_refused(tmp_path: Path) -> None:
    assert same_classes(legend_of(write(tmp_path / "map.tif", SMALL, grid())), LEGEND)
    with pytest.raises(LegendError) as caught:
        legend_of(raw(tmp_path / "bare.tif", [[1]], grid(1, 1)))
    given, expected, do = parts(caught.value)
    assert "bare.tif" in given and "legend" in expected and "--legend" in do
    (tmp_path / "text.tif").write_text("no raster")
    with pytest.raises(SceneError):
        legend_of(tmp_path / "text.tif")


def test_a_grid_for_people() -> None:
    assert described(grid()) == "EPSG:32633, pixels of 10 x 10 from (500000, 5000000)"
    assert described(grid(size=0.5, x=0.25)) == "EPSG:32633, pixels of 0.5 x 0.5 from (500000.25, 5000000)"
    assert described(grid(crs=None)).startswith("no CRS, ")


FITS = [
    ("the same", grid(), False),
    ("moved by whole pixels", grid(x=20, y=10), False),
    ("another extent", grid(5, 9, x=-30), False),
]
FITS_NOT = [
    ("half a pixel off", grid(x=5), "from (500005"),
    ("other pixels", grid(size=20), "20 x 20"),
    ("another CRS", grid(crs="EPSG:32634"), "EPSG:32634"),
    ("no CRS on one side", grid(crs=None), "no CRS"),
    ("beside it", grid(x=30), "do not meet"),
    ("below it", grid(y=20), "do not meet"),
]


@pytest.mark.parametrize(("other", "by_position"), [case[1:] for case in FITS], ids=[case[0] for case in FITS])
def test_pixels_that_fit(tmp_path: Path, other: GeoBox, by_position: bool) -> None:
    one = write(tmp_path / "one.tif", SMALL, grid())
    two = write(tmp_path / "two.tif", np.zeros(other.shape, np.uint8), other)
    assert check_grids(one, two, reproject=False) is by_position
    both = pair(one, two)
    seen, known = both.read(Window.of((2, 3)))
    assert seen.tolist() == SMALL.tolist() and known.shape == (2, 3) and (known == 0).any()


@pytest.mark.parametrize(("other", "given"), [case[1:] for case in FITS_NOT], ids=[case[0] for case in FITS_NOT])
def test_pixels_that_do_not(tmp_path: Path, other: GeoBox, given: str) -> None:
    one = write(tmp_path / "one.tif", SMALL, grid())
    two = write(tmp_path / "two.tif", SMALL, other)
    for first, second in ((one, two), (two, one)):
        with pytest.raises(GridError) as caught:
            check_grids(first, second, reproject=False)
        assert given in caught.value.given
        assert all(parts(caught.value))


def test_arrays_without_a_place_fit_by_their_shape_alone(tmp_path: Path) -> None:
    one = write(tmp_path / "one.tif", SMALL, grid(crs=None))
    two = write(tmp_path / "two.tif", SMALL[::-1], grid(crs=None, x=777))
    assert check_grids(one, two, reproject=False)
    seen, known = pair(one, two).read(Window(0, 1, 2, 2))
    assert seen.tolist() == SMALL[:, 1:].tolist() and known.tolist() == SMALL[::-1, 1:].tolist()


def test_another_grid_is_read_by_the_nearest_pixel_where_that_is_asked_for(tmp_path: Path) -> None:
    one = write(tmp_path / "one.tif", SMALL, grid())
    two = write(tmp_path / "two.tif", SMALL.repeat(3, 0).repeat(3, 1), grid(6, 9, size=10 / 3))
    assert check_grids(one, two, reproject=True) is False
    seen, known = pair(one, two, reproject=True).read(Window.of((2, 3)))
    assert seen.tolist() == known.tolist()
    # Without a CRS nothing can be brought together.
    bare = write(tmp_path / "bare.tif", SMALL, grid(size=20, crs=None))
    with pytest.raises(GridError):
        check_grids(one, bare, reproject=True)


def test_legends_without_a_way_between_them_are_refused(tmp_path: Path) -> None:
    other = Legend("rocks", "", (LandClass(1, "Granite", "#808080"), LandClass(2, "Slate", "#404040")))
    one = write(tmp_path / "one.tif", SMALL, grid())
    two = write(tmp_path / "two.tif", np.zeros((2, 3), np.uint8), grid(), other)
    with pytest.raises(LegendError) as caught:
        pair(one, two)
    given, expected, do = parts(caught.value)
    # Legends that are no known ones have the names of their files.
    assert "legend one" in given and "legend two" in given and "crosswalk" in expected and "--truth-legend" in do
    # A truth that is told to have the map's legend is read by it, and a foreign id is refused.
    assert pair(one, two, truth_legend=LEGEND).truth.indices(grid()).tolist() == [[0] * 3] * 2


def year(folder: Path, name: str, labels: np.ndarray = SMALL, place: GeoBox | None = None) -> Path:
    return write(folder / f"{name}.tif", labels, place or grid())


def test_a_stack_reads_all_years_in_their_order(tmp_path: Path) -> None:
    later = np.array([[1, 1, X], [0, 0, 0]], np.uint8)
    maps = stack([year(tmp_path, "b2021"), year(tmp_path, "a2020", later)])
    assert maps.names == ("b2021", "a2020")
    assert maps.read(Window.of((2, 3))).tolist() == [SMALL.tolist(), later.tolist()]
    assert maps.read(Window(1, 1, 1, 2)).tolist() == [[[X, 0]], [[0, 0]]]
    doubles = stack([year(tmp_path / "x", "2020"), year(tmp_path / "y", "2020")])
    assert doubles.names == ("x/2020", "y/2020")


def test_a_file_that_tells_no_legend_is_taken_to_have_the_first_ones(tmp_path: Path) -> None:
    first, bare = year(tmp_path, "first"), raw(tmp_path / "bare.tif", [[1, 2, 5], [5, 5, 1]], grid())
    assert stack([first, bare]).read(Window.of((2, 3)))[1].tolist() == [[0, 1, 2], [2, 2, 0]]
    with pytest.raises(LegendError):
        stack([bare, first])
    assert stack([bare, first], LEGEND).legend is LEGEND


def _one(folder: Path) -> Stack:
    return stack([year(folder, "one")])


def _wider(folder: Path) -> Stack:
    return stack([year(folder, "one"), year(folder, "two", np.zeros((2, 4), np.uint8), grid(2, 4))])


def _missing(folder: Path) -> Stack:
    return stack([year(folder, "one"), folder / "none.tif"])


def _too_few_truths(folder: Path) -> Stack:
    maps = stack([year(folder, "one"), year(folder, "two")])
    return beside(maps, [year(folder, "truth")])


def _truth_of_another_shape(folder: Path) -> Stack:
    maps = stack([year(folder, "one"), year(folder, "two")])
    return beside(maps, [year(folder, "t1"), year(folder, "t2", np.zeros((3, 3), np.uint8), grid(3, 3))])


@pytest.mark.parametrize(
    ("make", "kind", "told"),
    [
        (_one, SampleError, "1 map"),
        (_wider, GridError, "two.tif"),
        (_missing, SceneError, "none.tif"),
        (_too_few_truths, SampleError, "1 truth maps for 2 maps"),
        (_truth_of_another_shape, GridError, "t2.tif"),
    ],
)
def test_what_is_no_stack_is_refused(
    tmp_path: Path, make: Callable[[Path], Stack], kind: type[LandweaveError], told: str
) -> None:
    with pytest.raises(kind) as caught:
        make(tmp_path)
    assert told in caught.value.given
    assert all(parts(caught.value))


def test_truth_maps_stand_beside_the_maps(tmp_path: Path) -> None:
    maps = stack([year(tmp_path, "one"), year(tmp_path, "two")])
    other = np.full((2, 3), 2, np.uint8)
    truth = beside(maps, (path for path in (year(tmp_path, "t1", other), year(tmp_path, "t2"))))
    assert truth.read(Window.of((2, 3))).tolist() == [other.tolist(), SMALL.tolist()]
    assert truth.legend is maps.legend and len(truth.layers) == 2

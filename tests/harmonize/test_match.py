"""Which scenes make pairs, and the land that they share: tables of days, clouds, corners and pixel sizes."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from affine import Affine
from odc.geo.geobox import GeoBox
from tests.harmonize.making import CORNER, DAY, L8, S2, SOURCE, TARGET

from landweave.errors import CatalogError, ConfigError, GridError, LandweaveError
from landweave.harmonize.match import Pair, Wish, common, compared_grid, days_between, find
from landweave.harmonize.views import Sizes
from landweave.raster.scene import BandFile, Scene
from landweave.sensors import sensor

SIZES = Sizes({10: ("B02", "B03", "B04", "B08"), 20: ("B11", "B12")}, 30)


def bare(
    name: str,
    day: float = 0,
    *,
    id: str = "",
    cloud: float | None = 0,
    corner: tuple[float, float] = CORNER,
    edge_m: float = 3000,
    crs: str | None = "EPSG:32633",
    turn: float = 0,
    size_m: float | None = None,
) -> Scene:
    """A scene that nobody opens: names, a day, clouds and a place."""
    known = sensor(name)
    bands = SOURCE if name == S2 else TARGET
    size = size_m or min(known.band(band).pixel_size_m for band in bands)
    affine = Affine(size, turn, corner[0], 0, -size, corner[1])
    edge = round(edge_m / size)
    files = {band: BandFile(f"/nowhere/{band}.tif") for band in bands}
    time = dt.datetime.combine(DAY, dt.time(10), dt.UTC) + dt.timedelta(day)
    return Scene(id or f"{name}{day:g}", known, time, GeoBox((edge, edge), affine, crs), files, cloud_cover=cloud)


def found(*scenes: Scene, days: int = 1, cloud: float = 0.3) -> list[tuple[str, str]]:
    pairs, _ = find(scenes, Wish(S2, L8, days, cloud), SIZES)
    return [(pair.source.id, pair.target.id) for pair in pairs]


@pytest.mark.parametrize(
    ("first", "second", "days"),
    [(0, 0, 0), (0, 1, 1), (1, 0, 1), (0, 0.5, 0), (0, 0.6, 1), (0.5, 1.5, 1), (0, 5, 5), (-1, 1, 2), (0, 366, 366)],
)
def test_days_are_those_of_the_calendar(first: float, second: float, days: int) -> None:
    one, other = bare(S2, first), bare(L8, second)
    assert days_between(one, other) == days == days_between(other, one)
    assert Pair(one, other, one.grid).days == days


@pytest.mark.parametrize(
    ("s2", "l8", "days", "told"),
    [
        # Each scene goes with the nearest.
        ([0], [0], 1, [("s0", "l0")]),
        ([0], [1], 1, [("s0", "l1")]),
        ([0], [0, 1], 1, [("s0", "l0")]),
        ([0, 16], [0, 16], 1, [("s0", "l0"), ("s16", "l16")]),
        ([0, 16], [1, 15], 1, [("s0", "l1"), ("s16", "l15")]),
        # A day more, and more is taken.
        ([0], [2], 2, [("s0", "l2")]),
        ([0, 5, 10], [1, 4], 1, [("s0", "l1"), ("s5", "l4")]),
        ([0, 5, 10], [1, 4], 0, []),
        # Two Sentinel-2 scenes for one of Landsat: the nearer.
        ([0, 1], [1], 1, [("s1", "l1")]),
        ([0, 2], [1], 1, [("s0", "l1")]),
        # One of Sentinel-2 between two of Landsat on days as near: both show other land perhaps, both are taken.
        ([1], [0, 2], 1, [("s1", "l0"), ("s1", "l2")]),
    ],
)
def test_scenes_go_with_the_nearest_day(s2: list[int], l8: list[int], days: int, told: list[tuple[str, str]]) -> None:
    scenes = [bare(S2, day, id=f"s{day}") for day in s2] + [bare(L8, day, id=f"l{day}") for day in l8]
    if told:
        assert found(*scenes, days=days) == told
        assert found(*reversed(scenes), days=days) == told
    else:
        with pytest.raises(CatalogError, match="at least 1 days apart"):
            found(*scenes, days=days)


@pytest.mark.parametrize(
    ("clouds", "most", "told"),
    [
        ({"a": 0, "b": 5}, 0.3, "a"),
        ({"a": 5, "b": 0}, 0.3, "b"),
        ({"a": 31, "b": 30}, 0.3, "b"),
        ({"a": None, "b": 5}, 0.3, "a"),
        ({"b": 3, "a": 3}, 0.3, "a"),
        ({"a": 70, "b": 90}, 0.8, "a"),
    ],
)
def test_the_clearest_of_a_day_is_taken(clouds: dict[str, float | None], most: float, told: str) -> None:
    scenes = [bare(S2, id=name, cloud=cloud) for name, cloud in clouds.items()]
    assert found(*scenes, bare(L8, id="l"), cloud=most) == [(told, "l")]


def test_squares_beside_each_other_are_pairs_of_their_own() -> None:
    east = (CORNER[0] + 3000, CORNER[1])
    scenes = [bare(S2, id="west"), bare(S2, id="east", corner=east), bare(L8, id="l", edge_m=6000)]
    assert sorted(found(*scenes)) == [("east", "l"), ("west", "l")]
    pairs, _ = find(scenes, Wish(S2, L8, 1, 0.3), SIZES)
    assert len({pair.key for pair in pairs}) == 2 and all(pair.name.endswith(" with l") for pair in pairs)


def test_what_is_left_away_is_counted() -> None:
    far = (CORNER[0] + 90_000, CORNER[1])
    scenes = [bare(S2, id="a"), bare(L8), bare(S2, 9, id="late"), bare(S2, id="white", cloud=99),
              bare(S2, id="far", corner=far), bare(L8, id="black", cloud=50)]  # fmt: skip
    pairs, left = find(scenes, Wish(S2, L8, 1, 0.3), SIZES)
    assert [pair.source.id for pair in pairs] == ["a"]
    assert left == {
        "more clouds than asked for": 2,
        "no partner within the days given": 1,
        "no land in common": 1,
    }


@pytest.mark.parametrize(
    ("corner_m", "edge_m", "told"),
    [
        # Offset of Landsat's corner (right, down) and its edge: first pixel (row, col) and shape of the land in common.
        ((0, 0), 3000, (0, 0, 100, 100)),
        ((-300, -300), 6000, (0, 0, 100, 100)),
        ((600, 300), 6000, (10, 20, 90, 80)),
        ((600, 300), 900, (10, 20, 30, 30)),
        # Half a pixel aside: whole pixels of 30 m within both, beginning where pixels of 20 m do.
        ((15, 15), 3000, (2, 2, 98, 98)),
        ((-15, -15), 3000, (0, 0, 98, 98)),
        ((30, 30), 3000, (2, 2, 98, 98)),
        ((1500, -1500), 3000, (0, 50, 50, 50)),
    ],
)
def test_land_in_common_lies_on_the_pixels_of_the_source(
    corner_m: tuple[float, float], edge_m: float, told: tuple[int, int, int, int]
) -> None:
    source = bare(S2)
    target = bare(L8, corner=(CORNER[0] + corner_m[0], CORNER[1] - corner_m[1]), edge_m=edge_m)
    grid = common(source, target, SIZES)
    assert grid is not None
    col, row = ~compared_grid(source, SIZES).affine * (grid.affine.c, grid.affine.f)
    assert (round(row), round(col), *grid.shape) == told
    assert grid.affine.a == 30 and grid.crs == source.grid.crs


@pytest.mark.parametrize("corner_m", [(3000, 0), (0, 3000), (-3000, 0), (90_000, 90_000), (2970, 0)])
def test_land_apart_is_none(corner_m: tuple[float, float]) -> None:
    target = bare(L8, corner=(CORNER[0] + corner_m[0], CORNER[1] - corner_m[1]))
    assert common(bare(S2), target, SIZES) is None


def test_another_zone_is_brought_to_that_of_the_source() -> None:
    # 33 N seen from 32 N, 110 km beyond its border.
    target = bare(L8, crs="EPSG:32632", corner=(840_000, 5_300_000), edge_m=60_000)
    grid = common(bare(S2, edge_m=30_000), target, SIZES)
    assert grid is None or grid.crs.epsg == 32633
    assert common(bare(S2, crs=None), bare(L8, crs=None), SIZES) is not None


DEGREES = {"crs": "EPSG:4326", "corner": (15, 48)}
REFUSED: dict[str, tuple[type[LandweaveError], str, dict[str, Any], dict[str, Any]]] = {
    "one crs": (GridError, "give both files their CRS", {}, {"crs": None}),
    "turned": (GridError, "sensor's own pixels", {"turn": 1.0}, {}),
    "size": (GridError, "sensor's own pixels", {"size_m": 12.0}, {}),
    "degrees": (GridError, "sensor's own pixels", DEGREES, DEGREES),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_grids_that_cannot_be_compared_are_refused(what: str) -> None:
    kind, do, source, target = REFUSED[what]
    with pytest.raises(kind) as caught:
        common(bare(S2, **source), bare(L8, **target), SIZES)
    assert do in caught.value.do and caught.value.given and caught.value.expected


@pytest.mark.parametrize(
    ("bands", "pixel_size_m", "ratio", "step"),
    [
        ({10: ("a",)}, 30, 3, 1),
        ({10: ("a",), 20: ("b",)}, 30, 3, 2),
        ({10: ("a",), 20: ("b",)}, 60, 6, 1),
        ({10: ("a",), 20: ("b",)}, 20, 2, 1),
        ({20: ("b",)}, 30, None, None),
        ({30: ("b",)}, 30, 1, 1),
        ({5: ("a",), 10: ("b",), 20: ("c",)}, 30, 6, 2),
        ({1: ("a",), 2: ("b",)}, 3, 3, 2),
        ({0.5: ("a",)}, 1, 2, 1),
        ({10: ("a",), 15: ("b",)}, 30, None, None),
        ({10: ("a",), 60: ("b",)}, 30, None, None),
        ({12: ("a",)}, 30, None, None),
    ],
)
def test_sizes_that_fit_together(
    bands: dict[float, tuple[str, ...]], pixel_size_m: float, ratio: int | None, step: int | None
) -> None:
    if ratio is None:
        with pytest.raises(ConfigError) as caught:
            Sizes(bands, pixel_size_m)
        assert "multiple of" in caught.value.expected and caught.value.do
        return
    sizes = Sizes(bands, pixel_size_m)
    assert (sizes.ratio, sizes.step_px) == (ratio, step)
    whole = GeoBox((4 * sizes.step_px, 6 * sizes.step_px), Affine(pixel_size_m, 0, 0, 0, -pixel_size_m, 0), None)
    for size in bands:
        grid = sizes.grid(whole, size)
        assert grid.affine.a == pytest.approx(size)
        assert grid.extent.boundingbox.bbox == pytest.approx(whole.extent.boundingbox.bbox)

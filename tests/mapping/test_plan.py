"""The plan: one grid for all scenes, tiles with their margins, and refusals before any pixel."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from tests.mapping.places import BANDS, LEGEND, SENSOR, grid_at

from landweave.errors import CardError, ConfigError, GridError, LandweaveError, RadiometryError, SensorError
from landweave.mapping.plan import Wish, lay_out, make_plan, pixel_size
from landweave.models.card import Card
from landweave.models.sight import Sight
from landweave.raster.scene import BandFile, Scene
from landweave.sensors import sensor
from landweave.tiling import Window


def card(**changes: Any) -> Card:
    values: dict[str, Any] = {
        "network": "unet",
        "arguments": {},
        "sensor": SENSOR.name,
        "bands": BANDS,
        "pixel_size_m": 10.0,
        "unit": "reflectance",
        "mean": (0.2,) * 4,
        "std": (0.1,) * 4,
        "legend": LEGEND,
        "task": "pixels",
        "sight": Sight(16, 94),
    }
    return Card(**{**values, **changes})


def scene(name: str, grid: GeoBox, bands: tuple[str, ...] = BANDS, sensor_name: str = SENSOR.name) -> Scene:
    """A scene without files: plans look at none."""
    import datetime as dt

    files = {band: BandFile(f"/nowhere/{name}-{band}.tif") for band in bands}
    return Scene(name, sensor(sensor_name), dt.datetime(2026, 1, 1, tzinfo=dt.UTC), grid, files)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(*[st.integers(1, 90)] * 2, *[st.integers(-80, 80)] * 2), min_size=1, max_size=3),
    st.sampled_from([1, 4]),
    st.integers(1, 4),
)
def test_cores_partition_what_scenes_cover(places: list[tuple[int, int, int, int]], stride: int, cores: int) -> None:
    scenes = [scene(f"s{n}", grid_at(*place)) for n, place in enumerate(places)]
    reach = 3 * stride
    plan = make_plan(card(sight=Sight(stride, reach)), scenes, Wish(core_px=8 * stride * cores))
    count = np.zeros(plan.grid.shape, int)
    for piece in plan.pieces:
        count[piece.tile.core.slices] += 1
        assert piece.scenes
    covered = np.zeros(plan.grid.shape, bool)
    _, windows = lay_out(card(), scenes, Wish())
    for window in windows:
        covered[window.slices] = True
    assert count.max() == 1
    assert (count >= covered).all()
    assert plan.area == Window.of(count.shape)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 150), st.integers(0, 150), st.integers(1, 150), st.integers(1, 150), st.sampled_from([1, 8]))
def test_tiles_of_an_area_see_what_tiles_of_the_whole_see(row: int, col: int, height: int, width: int, s: int) -> None:
    whole = grid_at(200, 200)
    left, top = whole.affine * (col, row)
    right, bottom = whole.affine * (min(col + width, 200), min(row + height, 200))
    wish = Wish(area=(left, bottom, right, top), core_px=32)
    plan = make_plan(card(sight=Sight(s, 2 * s)), [scene("s", whole)], wish)
    assert plan.output_grid == whole[row : min(row + height, 200), col : min(col + width, 200)]
    assert sum(piece.tile.core.num_pixels for piece in plan.pieces) == plan.area.num_pixels
    for piece in plan.pieces:
        core, seen = piece.tile.core, piece.tile.seen
        wanted = core.grow(plan.margin_px).clip(Window(0, 0, 200, 200))
        assert wanted.clip(seen) == wanted
        assert seen.row % s == seen.col % s == 0


def test_the_default_tile_is_read_at_most_one_and_a_half_times() -> None:
    plan = make_plan(card(), [scene("s", grid_at(10980, 10980))], Wish())
    assert (plan.core_px, plan.margin_px, plan.is_tapered) == (1024, 96, False)
    assert plan.written_px == 10980**2
    assert 1 < plan.seen_px / plan.written_px <= 1.5


def test_a_network_that_sees_without_end_is_tapered() -> None:
    plan = make_plan(card(sight=Sight(1, None)), [scene("s", grid_at(500, 500))], Wish(core_px=256))
    assert plan.is_tapered
    assert plan.margin_px == 32


def test_the_grid_keeps_the_pixels_of_the_scenes() -> None:
    scenes = [scene("a", grid_at(50, 60, 7, 3)), scene("b", grid_at(50, 60, -5, 20))]
    grid, windows = lay_out(card(), scenes, Wish())
    assert [window.on(grid) for window in windows] == [each.grid for each in scenes]
    assert windows == [Window(12, 0, 50, 60), Window(0, 17, 50, 60)]


def test_coarser_bands_make_a_coarser_map() -> None:
    twenty = ("B05", "B06")
    both = scene("s", grid_at(101, 60), (*BANDS, *twenty))
    wanted = card(bands=twenty, mean=(0.2,) * 2, std=(0.1,) * 2, pixel_size_m=20.0)
    grid, _ = lay_out(wanted, [both], Wish())
    assert pixel_size(wanted, both) == 20
    assert grid.resolution.x == 20
    assert grid.shape[1] == 30


def test_scenes_without_a_crs_are_mapped_on_their_pixels() -> None:
    plain = GeoBox((40, 50), grid_at(1, 1).affine.identity(), None)
    plan = make_plan(card(), [scene("s", plain)], Wish())
    assert plan.grid.crs is None
    assert plan.grid.shape == (40, 50)


def test_several_scenes_without_a_crs_are_not_laid_on_one_another() -> None:
    plain = GeoBox((40, 50), grid_at(1, 1).affine.identity(), None)
    with pytest.raises(GridError) as caught:
        make_plan(card(), [scene("s", plain), scene("t", plain)], Wish())
    assert "2 scenes without a CRS" in caught.value.given
    assert "one such scene" in caught.value.expected
    assert "--only s" in caught.value.do


def test_other_zones_are_reprojected_where_asked() -> None:
    scenes = [scene("a", grid_at(50, 60)), scene("b", grid_at(50, 60, crs="EPSG:32632"))]
    plan = make_plan(card(), scenes, Wish(crs="EPSG:32633", reproject=True))
    assert plan.grid.crs == "EPSG:32633"
    assert plan.grid.resolution.x == 10
    assert (plan.grid.affine * (0, 0))[0] % 10 == 0


NAIP = tuple(sensor("naip").band_names)
CASES: list[tuple[str, Card, list[Scene], Wish, type[LandweaveError], str, str]] = [
    ("task", card(task="multilabel"), [scene("s", grid_at(9, 9))], Wish(), CardError, "multilabel", "labels pixels"),
    (
        "sensor",
        card(),
        [scene("s", grid_at(9, 9), NAIP, "naip")],
        Wish(),
        CardError,
        "naip",
        "scenes of sentinel-2-l2a",
    ),
    ("band", card(), [scene("s", grid_at(9, 9), BANDS[:3])], Wish(), SensorError, "without B08", "these bands"),
    (
        "unit",
        card(unit="digital_number"),
        [scene("s", grid_at(9, 9))],
        Wish(),
        RadiometryError,
        "in reflectance",
        "digital_number, which the card was trained on",
    ),
    ("size", card(), [scene("s", grid_at(9, 9, size=30))], Wish(), GridError, "pixels of 30 m", "10 m, which the card"),
    (
        "zones",
        card(),
        [scene("a", grid_at(9, 9)), scene("b", grid_at(9, 9, crs="EPSG:32632"))],
        Wish(),
        GridError,
        "EPSG:32633, EPSG:32632",
        "scenes in one CRS",
    ),
    (
        "zone",
        card(),
        [scene("b", grid_at(9, 9, crs="EPSG:32632"))],
        Wish(crs="EPSG:32633"),
        GridError,
        "scene b in EPSG:32632 for a map in EPSG:32633",
        "scenes in EPSG:32633",
    ),
    ("degrees", card(), [scene("s", grid_at(9, 9))], Wish(crs="EPSG:4326"), GridError, "in degrees", "a CRS in metres"),
    (
        "scene in degrees",
        card(),
        [scene("s", GeoBox.from_bbox((14.0, 45.0, 14.1, 45.1), "EPSG:4326", resolution=0.0001))],
        Wish(reproject=True),
        GridError,
        "scene s in EPSG:4326, in degrees",
        "a CRS in metres",
    ),
    ("nonsense", card(), [scene("s", grid_at(9, 9))], Wish(crs="EPSG:x"), GridError, "EPSG:x", "a CRS"),
    (
        "nowhere",
        card(),
        [scene("s", grid_at(9, 9))],
        Wish(area=(0.0, 0.0, 10.0, 10.0)),
        GridError,
        "(0.0, 0.0, 10.0, 10.0)",
        "within (500000",
    ),
    (
        "turned",
        card(),
        [scene("s", grid_at(9, 9))],
        Wish(area=(500080.0, 4989900.0, 500000.0, 4990010.0)),
        GridError,
        "an area of",
        "left, bottom, right, top",
    ),
    (
        "gap",
        card(),
        [scene("a", grid_at(9, 9)), scene("b", grid_at(9, 9, 400, 400))],
        Wish(area=(501000.0, 4988000.0, 501100.0, 4988100.0)),
        GridError,
        "that no scene meets",
        "within",
    ),
    ("margin", card(), [scene("s", grid_at(9, 9))], Wish(margin_px=80), ConfigError, "margin_px = 80", "at least 96"),
    ("core", card(), [scene("s", grid_at(9, 9))], Wish(core_px=100), ConfigError, "core_px = 100", "stride, 16"),
    (
        "taper",
        card(sight=Sight(1, None)),
        [scene("s", grid_at(9, 9))],
        Wish(core_px=64, margin_px=40),
        ConfigError,
        "margin_px = 40",
        "at most half",
    ),
]


@pytest.mark.parametrize(("_name", "wanted", "scenes", "wish", "kind", "given", "expected"), CASES, ids=lambda v: None)
def test_what_does_not_fit_is_refused(
    _name: str, wanted: Card, scenes: list[Scene], wish: Wish, kind: type[LandweaveError], given: str, expected: str
) -> None:
    with pytest.raises(kind) as caught:
        make_plan(wanted, scenes, wish)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert len(caught.value.do) > 5


def test_a_scene_in_degrees_is_mapped_in_the_zone_that_its_refusal_names() -> None:
    far = scene("s", GeoBox.from_bbox((14.0, 45.0, 14.01, 45.01), "EPSG:4326", resolution=0.0001))
    with pytest.raises(GridError) as caught:
        make_plan(card(), [far], Wish())
    assert "--crs EPSG:32633 --reproject" in caught.value.do
    plan = make_plan(card(), [far], Wish(crs="EPSG:32633", reproject=True))
    assert plan.grid.resolution.x == 10
    assert 70 < plan.grid.shape[1] < 90


def test_no_crs_cannot_be_reprojected() -> None:
    plain = GeoBox((9, 9), grid_at(1, 1).affine.identity(), None)
    with pytest.raises(GridError) as caught:
        make_plan(card(), [scene("s", plain)], Wish(crs="EPSG:32633", reproject=True))
    assert "no CRS" in caught.value.given


def test_bands_in_another_order_are_another_card(tmp_path: Path) -> None:
    turned = card(bands=BANDS[::-1])
    assert turned.identity != card().identity
    assert dataclasses.replace(turned, bands=BANDS).identity == card().identity

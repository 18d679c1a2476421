"""The grids that patches are cut on: the scene's own pixels, those of a CRS, and what is neither."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.patches.making import LEGEND

from landweave.errors import CatalogError, GridError, LandweaveError, SensorError
from landweave.patches.grids import check_same_pixels, common_bands, patch_grid, planes
from landweave.patches.layout import Layout, make_layout
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor

WHEN = dt.datetime(2023, 7, 1, tzinfo=dt.UTC)
UTM = "EPSG:32633"


def grid(edge: int = 120, pixel_m: float = 10, corner: tuple[float, float] = (0, 0), crs: str | None = UTM) -> GeoBox:
    return GeoBox((edge, edge), Affine(pixel_m, 0, corner[0], 0, -pixel_m, corner[1]), crs)


def scene(
    name: str = "s", bands: tuple[str, ...] = ("B02", "B05"), box: GeoBox | None = None, of: str = "l2a"
) -> Scene:
    known = sensor(f"sentinel-2-{of}")
    return Scene(name, known, WHEN, box or grid(), {band: BandFile(f"{band}.tif") for band in bands})


def layout(bands: tuple[str, ...] = ("B02", "B05"), pixel_size_m: float | None = None) -> Layout:
    return make_layout(sensor("sentinel-2-l2a"), bands, 12, LEGEND, pixel_size_m=pixel_size_m)


def check(error: LandweaveError, given: str, expected: str, do: str) -> None:
    assert given in error.given
    assert expected in error.expected
    assert do in error.do


def test_the_scenes_own_pixels() -> None:
    assert patch_grid(scene(), layout(), None) == grid()


def test_coarse_bands_alone_have_coarse_patches() -> None:
    found = patch_grid(scene(bands=("B02", "B05", "B09"), box=grid(126)), layout(("B05", "B09")), None)
    assert found == grid(63, 20)
    assert patch_grid(scene(bands=("B05",), box=grid(60, 20)), layout(("B05",)), None) == grid(60, 20)


def test_pixels_of_a_size_that_was_told() -> None:
    assert patch_grid(scene(box=grid(20, 600)), layout(pixel_size_m=600), None) == grid(20, 600)


def test_pixels_without_a_place_are_taken_as_they_are() -> None:
    box = GeoBox((50, 40), Affine.scale(1, -1), None)
    assert patch_grid(scene(box=box), layout(), None) == box


def test_another_crs_begins_at_whole_pixels_of_the_coarsest_band() -> None:
    box = grid(100, 10, (500_013, 5_300_007))
    found = patch_grid(scene(bands=("B02", "B09"), box=box), layout(("B02", "B09")), "EPSG:25833")
    assert found.crs.epsg == 25833
    assert found.affine.a == -found.affine.e == 10
    assert found.affine.c % 60 == found.affine.f % 60 == 0
    assert found.extent.contains(box.extent.to_crs("EPSG:25833"))
    assert found.shape[0] % 6 == found.shape[1] % 6 == 0


@pytest.mark.parametrize(
    "box",
    [
        grid(100, 15),
        grid(100, 9e-5, crs="EPSG:4326"),
        GeoBox((9, 9), Affine.rotation(30) * Affine.scale(10, -10), UTM),
        GeoBox((9, 9), Affine(10, 0, 0, 0, 10, 0), UTM),
        GeoBox((9, 9), Affine(10, 0, 0, 0, -20, 0), UTM),
    ],
)
def test_other_pixels_are_refused(box: GeoBox) -> None:
    with pytest.raises(GridError) as caught:
        patch_grid(scene(box=box), layout(), None)
    check(caught.value, "scene s with pixels of", "10 m as sentinel-2-l2a has, north up", "--crs")


def test_nothing_without_a_place_can_be_brought_to_a_crs() -> None:
    with pytest.raises(GridError) as caught:
        patch_grid(scene(box=GeoBox((9, 9), Affine.scale(10, -10), None)), layout(), UTM)
    check(caught.value, "scene s without a CRS", UTM, "--crs away")


def test_bands_that_all_scenes_share() -> None:
    both = [scene("a", ("B02", "B05", "B09")), scene("b", ("B02", "B09", "B12"))]
    assert common_bands(both) == ("B02", "B09")
    assert common_bands(both, ("B09",)) == ("B09",)
    with pytest.raises(SensorError) as caught:
        common_bands(both, ("B02", "B05"))
    check(caught.value, "scene b without B05", "B02, B09, B12", "fetch")
    with pytest.raises(SensorError) as caught:
        common_bands([scene("a", ("B02",)), scene("b", ("B05",))])
    check(caught.value, "share no band", "at least one", "--bands")


def test_bands_of_another_unit_are_left_away_unless_asked_for() -> None:
    known = sensor("landsat-8-c2l2")
    files = {name: BandFile(name) for name in known.band_names}
    landsat = Scene("l", known, WHEN, grid(pixel_m=30), files)
    assert common_bands([landsat]) == tuple(band.name for band in known.bands if band.unit == "reflectance")
    assert common_bands([landsat], ("ST_B10",)) == ("ST_B10",)


def test_catalogs_that_do_not_fit_are_refused() -> None:
    with pytest.raises(CatalogError) as empty:
        common_bands([])
    check(empty.value, "without a scene", "at least one", "catalog")
    with pytest.raises(CatalogError) as twice:
        common_bands([scene("a"), scene("a")])
    check(twice.value, "a twice", "once", "copy")
    with pytest.raises(SensorError) as mixed:
        common_bands([scene("a"), scene("b", of="l1c")])
    check(mixed.value, "sentinel-2-l1c and sentinel-2-l2a", "one sensor", "--sensor")


def test_scenes_of_a_crs_share_a_plane_whose_steps_are_whole() -> None:
    grids = [grid(), grid(corner=(600, -240)), grid(corner=(605, -1208)), grid(crs="EPSG:32632")]
    made = [scene(f"s{i}", box=box) for i, box in enumerate(grids)]
    found = planes(made, grids, layout())
    assert [entry.name for entry in found] == [UTM, UTM, UTM, "EPSG:32632"]
    assert [entry.corner for entry in found] == [(0, 0), (24, 60), (120, 60), (0, 0)]
    assert found[0].shape == (120, 120)


def test_pixels_without_a_crs_have_planes_of_their_own() -> None:
    box = GeoBox((9, 9), Affine.scale(10, -10), None)
    made = [dataclasses.replace(scene(name), grid=box) for name in ("a", "b")]
    assert [entry.name for entry in planes(made, [box, box], layout())] == ["a", "b"]


@pytest.mark.parametrize(("crs", "given"), [("EPSG:99999999", "crs not found"), ("EPSG:4326", "in degrees_north")])
def test_a_crs_that_is_none_or_not_in_metres_is_refused(crs: str, given: str) -> None:
    with pytest.raises(GridError) as caught:
        patch_grid(scene(), layout(), crs)
    check(caught.value, f"--crs {crs}", "a CRS", "")
    assert given in caught.value.given
    assert caught.value.do


ELSEWHERE = {
    "another CRS": grid(crs="EPSG:32601"),
    "no CRS": grid(crs=None),
    "larger pixels": grid(60, 20),
    "half a pixel beside": grid(corner=(5, 5)),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_labels_on_other_pixels_are_refused(tmp_path: Path, case: str) -> None:
    write_tile(tmp_path / "l.tif", np.ones((1, *ELSEWHERE[case].shape), np.uint8), ELSEWHERE[case])
    (entry,) = planes([scene()], [grid()], layout())
    with pytest.raises(GridError) as caught:
        check_same_pixels(tmp_path / "l.tif", entry)
    check(caught.value, "l.tif with pixels of", "the same pixels", "reproject=true")


def test_labels_on_the_same_pixels_may_cover_another_part(tmp_path: Path) -> None:
    write_tile(tmp_path / "l.tif", np.ones((1, 50, 60), np.uint8), GeoBox((50, 60), grid().affine, UTM))
    (entry,) = planes([scene()], [grid()], layout())
    check_same_pixels(tmp_path / "l.tif", entry)

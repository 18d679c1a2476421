"""Reading: values and validity on any grid; a tile equals the part of the whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.raster.making import CORNER, UTM, WHEN, grid, numbers, scene, smooth

from landweave.errors import GridError, SceneError, SensorError
from landweave.raster.files import close_files
from landweave.raster.read import grid_of, read, read_map, read_numbers
from landweave.raster.scene import BandFile, MaskFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor
from landweave.tiling import Window

BANDS = ("B02", "B04", "B05", "B09")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Scene:
    folder = tmp_path_factory.mktemp("scene")
    sizes = {"B02": 60, "B04": 60, "B05": 30, "B09": 10}
    return scene(folder, {name: numbers(grid(edge, 600 / edge), edge) for name, edge in sizes.items()})


def test_values_are_physical_and_in_the_order_asked_for(made: Scene) -> None:
    values, valid = read(made, ["B04", "B02"], made.grid)
    assert values.shape == (2, 60, 60)
    assert values.dtype == np.float32
    assert valid.all()
    stored = read_numbers(made.files["B04"].href, Window.of((60, 60)))[0]
    np.testing.assert_allclose(values[0], stored * 0.0001 - 0.1, atol=1e-6)
    swapped, _ = read(made, ["B02", "B04"], made.grid)
    np.testing.assert_array_equal(swapped[::-1], values)


@pytest.mark.parametrize(("band", "edge"), [("B05", 30), ("B09", 10)])
def test_coarser_bands_come_up_as_by_torch(made: Scene, band: str, edge: int) -> None:
    stored = read_numbers(made.files[band].href, Window.of((edge, edge))) * np.float32(0.0001) - np.float32(0.1)
    wanted = torch.nn.functional.interpolate(
        torch.from_numpy(stored)[None], size=(60, 60), mode="bilinear", align_corners=False
    )
    values, valid = read(made, [band], made.grid)
    assert valid.all()
    np.testing.assert_allclose(values[0], wanted[0, 0].numpy(), atol=5e-7)


@settings(max_examples=40, deadline=None)
@given(row=st.integers(-9, 50), col=st.integers(-9, 50), height=st.integers(1, 30), width=st.integers(1, 30))
def test_a_window_is_the_part_of_the_whole(made: Scene, row: int, col: int, height: int, width: int) -> None:
    around, around_valid = read(made, BANDS, Window(-10, -10, 100, 100).on(made.grid))
    window = Window(row, col, height, width)
    values, valid = read(made, BANDS, window.on(made.grid))
    rows, cols = window.inside(Window(-10, -10, 100, 100)).slices
    np.testing.assert_array_equal(values, around[:, rows, cols])
    np.testing.assert_array_equal(valid, around_valid[rows, cols])


OTHER_GRIDS = {
    "another zone": grid().to_crs("EPSG:32633", resolution=9),
    "degrees": grid().to_crs("EPSG:4326", resolution=1e-4),
    "half a pixel": GeoBox((64, 64), Affine(10, 0, CORNER[0] - 15, 0, -10, CORNER[1] + 15), UTM),
    "larger pixels": GeoBox((30, 31), Affine(25, 0, CORNER[0] - 20, 0, -25, CORNER[1] + 20), UTM),
    "smaller pixels": GeoBox((240, 200), Affine(3, 0, CORNER[0] - 20, 0, -3, CORNER[1] + 20), UTM),
    "another zone, larger": grid().to_crs("EPSG:32633", resolution=32),
    "upside down": GeoBox((50, 50), Affine(10, 0, CORNER[0], 0, 10, CORNER[1] - 600), UTM),
}


@pytest.mark.parametrize("box", OTHER_GRIDS.values(), ids=OTHER_GRIDS)
def test_no_seam_on_any_grid(made: Scene, box: GeoBox) -> None:
    whole, whole_valid = read(made, BANDS, box)
    assert whole_valid.any(), "the two grids must meet"
    half_height, half_width = box.shape[0] // 2 - 3, box.shape[1] // 2 + 5
    for rows in (slice(0, half_height), slice(half_height, box.shape[0])):
        for cols in (slice(0, half_width), slice(half_width, box.shape[1])):
            values, valid = read(made, BANDS, box[rows, cols])
            np.testing.assert_array_equal(valid, whole_valid[rows, cols])
            np.testing.assert_allclose(values, whole[:, rows, cols], atol=1e-6)


def linear(folder: Path) -> Scene:
    """A scene in which every band is the same plane over x and y."""
    return scene(folder, {"B02": smooth(grid(60, 10)), "B05": smooth(grid(30, 20))}, nodata=None)


def plane(box: GeoBox) -> np.ndarray:
    """That plane in metres of the scene's CRS, as reflectance."""
    rows, cols = np.mgrid[: box.shape[0], : box.shape[1]] + 0.5
    xs = (box.affine.a * cols + box.affine.c - CORNER[0]) / 10
    ys = (CORNER[1] - box.affine.e * rows - box.affine.f) / 10
    return np.asarray((2000 + 4 * xs + 2 * ys) * 0.0001 - 0.1)


@pytest.mark.parametrize("size", [3, 7.5, 10, 13, 20, 40])
def test_positions_are_right_at_any_pixel_size(tmp_path: Path, size: float) -> None:
    box = GeoBox((200 // int(size), 200 // int(size)), Affine(size, 0, CORNER[0] + 200, 0, -size, CORNER[1] - 200), UTM)
    values, valid = read(linear(tmp_path), ["B02", "B05"], box)
    assert valid.all()
    # Stored numbers are whole: half a step for 10 m, and what truncation leaves at 20 m.
    np.testing.assert_allclose(values, np.broadcast_to(plane(box), values.shape), atol=4e-4)


def test_warping_agrees_with_pyproj(tmp_path: Path) -> None:
    from pyproj import Transformer

    box = OTHER_GRIDS["degrees"]
    values, valid = read(linear(tmp_path), ["B02"], box)
    rows, cols = np.mgrid[: box.shape[0], : box.shape[1]] + 0.5
    lon, lat = box.affine.c + 1e-4 * cols, box.affine.f - 1e-4 * rows
    xs, ys = Transformer.from_crs("EPSG:4326", UTM, always_xy=True).transform(lon, lat)
    wanted = (2000 + 4 * (xs - CORNER[0]) / 10 + 2 * (CORNER[1] - ys) / 10) * 0.0001 - 0.1
    inside = (xs > CORNER[0]) & (xs < CORNER[0] + 600) & (ys < CORNER[1]) & (ys > CORNER[1] - 600)
    assert 0.2 < inside.mean() <= 1
    np.testing.assert_array_equal(valid, inside)
    away = inside & (xs > CORNER[0] + 5) & (xs < CORNER[0] + 595) & (ys < CORNER[1] - 5) & (ys > CORNER[1] - 595)
    np.testing.assert_allclose(values[0][away], wanted[away], atol=2e-4)


def test_outside_is_not_valid_and_zero(made: Scene) -> None:
    values, valid = read(made, BANDS, Window(50, -20, 30, 40).on(made.grid))
    assert valid[:10, 20:].all()
    assert not valid[10:].any()
    assert not valid[:, :20].any()
    assert (values[:, ~valid] == 0).all()


@pytest.mark.parametrize(
    "box",
    [Window(500, 500, 8, 9).on(grid()), Window(500, 500, 8, 9).on(OTHER_GRIDS["degrees"])],
    ids=["same", "warped"],
)
def test_far_outside_nothing_is_valid(made: Scene, box: GeoBox) -> None:
    values, valid = read(made, BANDS, box)
    assert values.shape == (4, *box.shape)
    assert not valid.any()
    assert not values.any()


def test_nodata_of_any_band_is_not_valid(tmp_path: Path) -> None:
    fine, coarse = numbers(grid(60, 10)), numbers(grid(30, 20), 1)
    fine[0, 3, 4] = 0
    coarse[0, 10, 20] = 0
    made = scene(tmp_path, {"B02": fine, "B05": coarse})
    _, only_fine = read(made, ["B02"], made.grid)
    assert np.argwhere(~only_fine).tolist() == [[3, 4]]
    values, both = read(made, ["B02", "B05"], made.grid)
    # Every pixel that would mix the missing 20 m number in: the 2 x 2 pixels in it and those around.
    assert np.argwhere(~both[10:30, 30:50]).tolist() == [[r, c] for r in range(9, 13) for c in range(9, 13)]
    assert not both[3, 4]
    assert (values[:, ~both] == 0).all()


@pytest.mark.parametrize("strange", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("edge", [60, 30])
def test_nan_and_infinite_pixels_are_not_valid(tmp_path: Path, strange: float, edge: int) -> None:
    array = np.full((1, edge, edge), 0.25, np.float32)
    array[0, 7, 9] = strange
    made = scene(tmp_path, {"B02": array}, scale=1.0, offset=0.0, nodata=None)
    values, valid = read(made, ["B02"], made.grid)
    assert not valid[7 * 60 // edge, 9 * 60 // edge]
    assert 1 <= (~valid).sum() <= 16
    assert np.isfinite(values).all()
    np.testing.assert_allclose(values[0][valid], 0.25)


def test_nan_as_nodata(tmp_path: Path) -> None:
    array = np.full((1, 60, 60), 0.25, np.float32)
    array[0, :5] = np.nan
    made = scene(tmp_path, {"B02": array}, scale=1.0, offset=0.0, nodata=float("nan"))
    _, valid = read(made, ["B02"], made.grid)
    assert not valid[:5].any()
    assert valid[5:].all()


def test_a_scene_without_data_is_read_as_not_valid(tmp_path: Path) -> None:
    made = scene(tmp_path, {"B02": np.zeros((1, 60, 60), np.uint16), "B05": np.zeros((1, 30, 30), np.uint16)})
    for box in (made.grid, OTHER_GRIDS["degrees"]):
        values, valid = read(made, ["B02", "B05"], box)
        assert not valid.any()
        assert not values.any()


def test_mask_by_the_nearest_pixel(tmp_path: Path) -> None:
    scl = np.full((1, 30, 30), 4, np.uint8)
    scl[0, 5, 6] = 9
    write_tile(tmp_path / "scl.tif", scl, grid(30, 20))
    made = scene(tmp_path, {"B02": numbers(grid())}, MaskFile(str(tmp_path / "scl.tif"), "scl"))
    values, valid = read(made, ["B02"], made.grid)
    assert np.argwhere(~valid).tolist() == [[10, 12], [10, 13], [11, 12], [11, 13]]
    assert (values[0][~valid] == 0).all()
    part, part_valid = read(made, ["B02"], made.grid[9:14, 11:16])
    np.testing.assert_array_equal(part_valid, valid[9:14, 11:16])
    np.testing.assert_array_equal(part[0], values[0, 9:14, 11:16])
    _, warped = read(made, ["B02"], OTHER_GRIDS["degrees"])
    assert 0 < (~warped).sum() < warped.size


def test_several_bands_of_one_file(tmp_path: Path) -> None:
    array = np.concatenate([numbers(grid(), seed) for seed in range(3)])
    write_tile(tmp_path / "all.tif", array, grid(), 0)
    names = ("B04", "B02", "B03")
    files = {name: BandFile(str(tmp_path / "all.tif"), index, 0.0001, 0.0, 0) for index, name in enumerate(names, 1)}
    made = Scene("one", sensor("sentinel-2-l2a"), WHEN, grid(), files)
    values, valid = read(made, ["B02", "B03", "B04"], made.grid)
    np.testing.assert_allclose(values, array[[1, 2, 0]] * np.float32(0.0001), rtol=1e-6)
    assert valid.all()


def test_pixels_without_a_place_on_earth(tmp_path: Path) -> None:
    path = tmp_path / "plain.tif"
    write_tile(path, numbers(grid()), GeoBox((60, 60), Affine.identity(), None))
    box = GeoBox((60, 60), Affine.scale(10, -10), None)
    made = Scene("plain", sensor("sentinel-2-l2a"), WHEN, box, {"B02": BandFile(str(path), 1, 0.0001, 0.0, 0)})
    values, valid = read(made, ["B02"], box[10:20, 30:50])
    assert valid.all()
    np.testing.assert_allclose(values[0], read_numbers(str(path), Window(10, 30, 10, 20))[0] * 0.0001, rtol=1e-6)
    with pytest.raises(GridError) as caught:
        read(made, ["B02"], grid())
    assert "EPSG:32632" in caught.value.given
    assert "CRS" in caught.value.expected
    assert "own grid" in caught.value.do


def test_a_missing_band_is_refused(made: Scene) -> None:
    with pytest.raises(SensorError) as caught:
        read(made, ["B02", "B08"], made.grid)
    assert "B08" in caught.value.given
    assert "B02, B04, B05, B09" in caught.value.expected
    assert "fetch" in caught.value.do
    with pytest.raises(SensorError) as caught:
        read(made, ["B10"], made.grid)
    assert "B10" in caught.value.given


def damaged(tmp_path: Path, keep: float) -> Scene:
    made = scene(tmp_path, {"B02": numbers(grid(60))})
    close_files()
    path = tmp_path / "B02.tif"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * keep)])
    return made


@pytest.mark.parametrize("keep", [0.0, 0.01, 0.5, 0.95])
def test_truncated_and_empty_files_are_named(tmp_path: Path, keep: float) -> None:
    made = damaged(tmp_path, keep)
    with pytest.raises(SceneError) as caught:
        read(made, ["B02"], made.grid)
    assert "B02.tif" in caught.value.given
    assert "whole raster" in caught.value.expected
    assert "fetch" in caught.value.do


def test_missing_and_foreign_files_are_named(tmp_path: Path) -> None:
    made = scene(tmp_path, {"B02": numbers(grid())})
    close_files()
    (tmp_path / "B02.tif").unlink()
    with pytest.raises(SceneError, match=r"B02\.tif"):
        read(made, ["B02"], made.grid)
    (tmp_path / "B02.tif").write_text("no raster at all")
    with pytest.raises(SceneError, match=r"B02\.tif"):
        read(made, ["B02"], made.grid)


def test_windows_of_stored_numbers(made: Scene) -> None:
    href = made.files["B02"].href
    whole = read_numbers(href, Window.of((60, 60)))
    assert whole.dtype == np.uint16
    np.testing.assert_array_equal(read_numbers(href, Window(5, 6, 7, 8)), whole[:, 5:12, 6:14])
    with pytest.raises(GridError) as caught:
        read_numbers(href, Window(55, 0, 10, 10))
    assert "Window(row=55" in caught.value.given
    assert "(60, 60)" in caught.value.expected
    assert "clip" in caught.value.do


def write_ids(path: Path, ids: np.ndarray, nodata: float | None = 0) -> Path:
    write_tile(path, ids[None], grid(ids.shape[0], 600 / ids.shape[0]), nodata)
    return path


def test_maps_on_their_own_grid_and_on_others(tmp_path: Path) -> None:
    ids = np.random.default_rng(3).integers(1, 9, (60, 60), np.uint8)
    path = write_ids(tmp_path / "map.tif", ids)
    own, box = read_map(path)
    assert box == grid_of(str(path)) == grid()
    np.testing.assert_array_equal(own, ids)
    finer, _ = read_map(path, GeoBox((120, 120), grid().affine * Affine.scale(0.5), UTM))
    np.testing.assert_array_equal(finer, np.kron(ids, np.ones((2, 2), np.uint8)))
    shifted, _ = read_map(path, Window(-3, 40, 10, 30).on(grid()))
    np.testing.assert_array_equal(shifted[3:, :20], ids[:7, 40:])
    assert not shifted[:3].any()
    assert not shifted[:, 20:].any()
    warped, _ = read_map(path, OTHER_GRIDS["degrees"])
    assert set(np.unique(warped)) <= set(range(9))
    assert (read_map(path, Window(-3, 0, 3, 3).on(grid()), outside=255)[0] == 255).all()


def test_maps_of_other_types(tmp_path: Path) -> None:
    ids = np.random.default_rng(3).integers(1, 9, (60, 60), np.uint8)
    for dtype in (np.uint16, np.int16, np.float32):
        path = write_ids(tmp_path / f"{np.dtype(dtype).name}.tif", ids.astype(dtype))
        found, _ = read_map(path)
        assert found.dtype == np.uint8
        np.testing.assert_array_equal(found, ids)
    for strange in (300, -1, 0.5):
        path = write_ids(tmp_path / f"strange{strange}.tif", np.full((60, 60), strange, np.float32), None)
        with pytest.raises(SceneError) as caught:
            read_map(path)
        assert "float32" in caught.value.given
        assert "0-255" in caught.value.expected
        assert "crosswalk" in caught.value.do

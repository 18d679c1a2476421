"""Writing: the same bytes each time, whole files only, COGs that GDAL and QGIS understand."""

from __future__ import annotations

import hashlib
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest
import rasterio
from odc.geo.geobox import GeoBox
from rasterio import Affine
from rio_cogeo.cogeo import cog_validate
from tests.raster.making import UTM, grid, numbers

from landweave.errors import GridError, LegendError, OutputError, SceneError
from landweave.legend import known_legends, legend
from landweave.raster.read import read_map
from landweave.raster.write import Overviews, encode, write_cog, write_map, write_tile
from landweave.tiling import Tiling

BIG = GeoBox((1300, 1100), Affine(10, 0, 600000, 0, -10, 5000040), UTM)
LEGEND = legend("simulated-8")


def sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def classes(box: GeoBox = BIG, seed: int = 0) -> np.ndarray:
    """A map in patches of 20 x 20 pixels, with nodata."""
    coarse = np.random.default_rng(seed).integers(0, 9, (box.shape[0] // 20 + 1, box.shape[1] // 20 + 1), np.uint8)
    return np.kron(coarse, np.ones((20, 20), np.uint8))[: box.shape[0], : box.shape[1]]


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", "bool"])
def test_a_tile_comes_back(tmp_path: Path, dtype: str) -> None:
    array = np.random.default_rng(0).integers(0, 2 if dtype == "bool" else 200, (3, 60, 60)).astype(dtype)
    path = tmp_path / "deep" / "tile.tif"
    write_tile(path, array, grid(), 7, {"what": "a <test>"})
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), array)
        assert file.dtypes[0] == ("uint8" if dtype == "bool" else dtype)
        assert file.nodata == 7
        assert file.tags()["what"] == "a <test>"
        assert GeoBox.from_rio(file) == grid()
    assert [entry.name for entry in path.parent.iterdir()] == ["tile.tif"]


def test_equal_arrays_give_equal_bytes(tmp_path: Path) -> None:
    array = numbers(grid())
    write_tile(tmp_path / "one.tif", array, grid(), 0)
    write_tile(tmp_path / "two.tif", array.copy(), grid(), 0)
    assert sha256(tmp_path / "one.tif") == sha256(tmp_path / "two.tif")
    assert encode(array, grid(), nodata=0) == (tmp_path / "one.tif").read_bytes()
    assert encode(numbers(grid(), 1), grid(), nodata=0) != (tmp_path / "one.tif").read_bytes()


def test_jpeg_2000_loses_nothing(tmp_path: Path) -> None:
    array = numbers(grid())
    write_tile(tmp_path / "band.jp2", array, grid())
    with rasterio.open(tmp_path / "band.jp2") as file:
        assert file.driver == "JP2OpenJPEG"
        np.testing.assert_array_equal(file.read(), array)
        assert GeoBox.from_rio(file) == grid()


def test_no_crs_stays_no_crs(tmp_path: Path) -> None:
    box = GeoBox((60, 60), Affine.scale(0.5, -0.5), None)
    write_tile(tmp_path / "plain.tif", numbers(box), box)
    with rasterio.open(tmp_path / "plain.tif") as file:
        assert file.crs is None
        assert file.transform == box.affine


def test_array_and_grid_must_agree(tmp_path: Path) -> None:
    for write in (
        lambda: write_tile(tmp_path / "t.tif", numbers(grid(50)), grid(60)),
        lambda: write_map(tmp_path / "t.tif", np.ones((50, 50), np.uint8), grid(60), LEGEND),
    ):
        with pytest.raises(GridError) as caught:
            write()
        assert "(50, 50)" in caught.value.given
        assert "(60, 60)" in caught.value.expected
        assert "alike" in caught.value.do
    assert not list(tmp_path.iterdir())


def test_a_map_is_a_cog_with_colours_and_names(tmp_path: Path) -> None:
    ids = classes()
    path = tmp_path / "map.tif"
    write_map(path, ids, BIG, LEGEND, {"made by": "a test"})
    is_valid, errors, warnings = cog_validate(str(path), strict=True)
    assert (is_valid, errors, warnings) == (True, [], [])
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(1), ids)
        assert file.nodata == 0
        assert file.overviews(1) == [2, 4]
        assert file.block_shapes == [(512, 512)]
        assert file.tags()["made by"] == "a test"
        colors = file.colormap(1)
        assert file.colorinterp[0].name == "palette"
    for entry in LEGEND.classes:
        assert colors[entry.id][:3] == entry.rgb
    found, box = read_map(path)
    np.testing.assert_array_equal(found, ids)
    assert box == BIG
    assert sorted(entry.name for entry in tmp_path.iterdir()) == ["map.tif", "map.tif.aux.xml"]


@pytest.mark.parametrize("name", sorted(known_legends()))
def test_class_names_stand_beside_the_map_as_gdal_reads_them(tmp_path: Path, name: str) -> None:
    known = known_legends()[name]
    write_map(tmp_path / "map.tif", np.full((60, 60), known.ids[0], np.uint8), grid(), known)
    root = ET.parse(tmp_path / "map.tif.aux.xml").getroot()
    names = [element.text or "" for element in root.iter("Category")]
    assert [names[number] for number in known.ids] == list(known.names)
    assert sum(bool(text) for text in names) == len(known)
    rows = [[cell.text for cell in row.iter("F")] for row in root.iter("Row")]
    assert rows == [[str(value) for value in (entry.id, entry.name, *entry.rgb)] for entry in known.classes]
    assert [element.text for element in root.iter("Name")] == ["Value", "Class", "Red", "Green", "Blue"]
    with rasterio.open(tmp_path / "map.tif") as file:
        assert str(tmp_path / "map.tif.aux.xml") in file.files


def test_nearest_class_of_an_overview_is_the_most_frequent(tmp_path: Path) -> None:
    ids = np.full(BIG.shape, 3, np.uint8)
    ids[::2, ::2] = 5
    write_map(tmp_path / "map.tif", ids, BIG, LEGEND)
    with rasterio.open(tmp_path / "map.tif", overview_level=0) as file:
        assert (file.read(1) == 3).all()


def test_foreign_ids_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LegendError, match="77"):
        write_map(tmp_path / "map.tif", np.full((60, 60), 77, np.uint8), grid(), LEGEND)
    assert not list(tmp_path.iterdir())


def tiles(folder: Path, array: np.ndarray, core: int = 256, nodata: float | None = 0) -> list[Path]:
    """`array` (b, h, w) on BIG, cut into files."""
    paths = []
    for tile in Tiling(BIG.shape, core, 0):
        rows, cols = tile.core.slices
        write_tile(folder / f"{tile.key}.tif", array[:, rows, cols], tile.core.on(BIG), nodata)
        paths.append(folder / f"{tile.key}.tif")
    return paths


@pytest.mark.parametrize("num_threads", [1, 2])
def test_a_cog_from_tiles_equals_the_one_from_the_whole(tmp_path: Path, num_threads: int) -> None:
    ids = classes()
    write_map(tmp_path / "whole.tif", ids, BIG, LEGEND)
    for core in (256, 512, 1024):
        parts = tiles(tmp_path / str(core), ids[None], core)
        path = tmp_path / f"from{core}.tif"
        write_cog(path, parts, BIG, legend=LEGEND, nodata=0, num_threads=num_threads)
        assert len(parts) > 1
        assert sha256(path) == sha256(tmp_path / "whole.tif")


@pytest.mark.parametrize("overviews", ["average", "nearest", "none"])
@pytest.mark.parametrize("dtype", ["uint8", "float32"])
def test_layers_with_names(tmp_path: Path, overviews: Overviews, dtype: str) -> None:
    array = np.random.default_rng(0).integers(1, 200, (3, *BIG.shape)).astype(dtype)
    path = tmp_path / "probabilities.tif"
    write_cog(path, tiles(tmp_path / "t", array), BIG, nodata=0, band_names=("a", "b & c", "d"), overviews=overviews)
    assert cog_validate(str(path))[0] or overviews == "none"
    with rasterio.open(path) as file:
        np.testing.assert_array_equal(file.read(), array)
        assert file.descriptions == ("a", "b & c", "d")
        assert bool(file.overviews(1)) == (overviews != "none")
    assert not (tmp_path / "probabilities.tif.aux.xml").exists()


def test_where_no_source_is_there_is_nodata(tmp_path: Path) -> None:
    ids = classes()
    paths = tiles(tmp_path / "t", ids[None], 512)
    write_cog(tmp_path / "map.tif", paths[1:], BIG, legend=LEGEND, nodata=0)
    found, _ = read_map(tmp_path / "map.tif")
    assert not found[:512, :512].any()
    np.testing.assert_array_equal(found[512:], ids[512:])


def test_sources_off_the_grid_are_refused(tmp_path: Path) -> None:
    shifted = GeoBox(grid().shape, Affine.translation(3, 0) * grid().affine, UTM)
    elsewhere = GeoBox(grid().shape, grid().affine, "EPSG:32633")
    for box in (shifted, elsewhere, grid(30, 20)):
        write_tile(tmp_path / "part.tif", numbers(box), box)
        with pytest.raises(GridError) as caught:
            write_cog(tmp_path / "all.tif", [tmp_path / "part.tif"], grid())
        assert "part.tif" in caught.value.given
        assert "pixels of the grid" in caught.value.expected
        assert "one grid" in caught.value.do
    assert not (tmp_path / "all.tif").exists()


def test_sources_must_be_there_whole_and_alike(tmp_path: Path) -> None:
    with pytest.raises(SceneError) as caught:
        write_cog(tmp_path / "all.tif", [], grid())
    assert ("no raster" in caught.value.given, "one" in caught.value.expected) == (True, True)
    with pytest.raises(SceneError, match=r"missing\.tif"):
        write_cog(tmp_path / "all.tif", [tmp_path / "missing.tif"], grid())
    write_tile(tmp_path / "a.tif", numbers(grid()), grid())
    write_tile(tmp_path / "b.tif", numbers(grid()).astype(np.float32), grid())
    with pytest.raises(SceneError) as caught:
        write_cog(tmp_path / "all.tif", [tmp_path / "a.tif", tmp_path / "b.tif"], grid())
    assert "float32" in caught.value.given
    assert "uint16" in caught.value.expected
    assert "one layer" in caught.value.do


def test_a_damaged_source_leaves_nothing_behind(tmp_path: Path) -> None:
    parts = tiles(tmp_path / "t", np.random.default_rng(0).integers(1, 9, (1, *BIG.shape)).astype(np.uint8), 512)
    content = parts[2].read_bytes()
    parts[2].write_bytes(content[: len(content) // 2])
    with pytest.raises(OutputError) as caught:
        write_cog(tmp_path / "out" / "map.tif", parts, BIG, nodata=0)
    assert "map.tif" in caught.value.given
    assert "parts that are whole" in caught.value.expected
    assert "again" in caught.value.do
    assert not list((tmp_path / "out").iterdir())


def test_unwritable_and_too_long_places(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for path, part in ((tmp_path / "file" / "map.tif", "file"), (tmp_path / ("x" * 300 + ".tif"), "characters")):
        for write in (
            lambda path=path: write_tile(path, numbers(grid()), grid()),
            lambda path=path: write_map(path, np.ones((60, 60), np.uint8), grid(), LEGEND),
        ):
            with pytest.raises(OutputError) as caught:
                write()
            assert part in caught.value.given
            assert caught.value.expected
            assert caught.value.do


def test_paths_with_spaces_and_letters_of_all_kinds(tmp_path: Path) -> None:
    folder = tmp_path / "Grüne Höhe & <Tal>" / "緑"
    ids = classes(grid())
    write_map(folder / "mäp.tif", ids, grid(), LEGEND)
    parts = [folder / "mäp.tif"]
    write_cog(folder / "again.tif", parts, grid(), legend=LEGEND, nodata=0)
    np.testing.assert_array_equal(read_map(folder / "again.tif")[0], ids)


def test_some_bands_of_all_sources_become_a_file(tmp_path: Path) -> None:
    box = BIG[:10, :20]
    array = np.random.default_rng(0).integers(0, 9, (4, 10, 20)).astype(np.uint8)
    for name, cols in (("a", slice(0, 8)), ("b", slice(8, 20))):
        write_tile(tmp_path / f"{name}.tif", array[..., cols], box[:, cols], nodata=255)
    write_cog(tmp_path / "c.tif", [tmp_path / "a.tif", tmp_path / "b.tif"], box, nodata=255, bands=[3, 1])
    with rasterio.open(tmp_path / "c.tif") as file:
        assert np.array_equal(file.read(), array[[2, 0]])

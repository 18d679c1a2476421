"""Write rasters: small files of one task, and cloud optimised GeoTIFFs put together from them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import numpy as np
import rasterio
import rasterio.shutil
from jaxtyping import Shaped, UInt8
from odc.geo.geobox import GeoBox
from rasterio._err import CPLE_BaseError
from rasterio.errors import RasterioError
from rasterio.io import MemoryFile

from landweave.atomic import aside, write_bytes, write_text
from landweave.errors import GridError, OutputError
from landweave.legend import Legend
from landweave.raster.vrt import aux_xml, mosaic

Overviews = Literal["mode", "nearest", "average", "none"]

# Parts of a job live for minutes: packed lightly, they cost little time and still save most of the disk.
_GTIFF = {"driver": "GTiff", "tiled": True, "blockxsize": 256, "blockysize": 256, "ZLEVEL": 1}
_JP2 = {"driver": "JP2OpenJPEG", "QUALITY": "100", "REVERSIBLE": "YES", "YCBCR420": "NO"}
# Each open source costs about a megabyte; a row of tiles of the largest sheet is half as many.
_MOST_OPEN = 32
# Overviews of parts mean nothing for the whole; BigTIFF where the packed size cannot be foreseen.
_COG = {
    "driver": "COG",
    "COMPRESS": "DEFLATE",
    "BLOCKSIZE": "512",
    "BIGTIFF": "IF_SAFER",
    "OVERVIEWS": "IGNORE_EXISTING",
}


def write_tile(
    path: Path,
    array: Shaped[np.ndarray, "b h w"],
    grid: GeoBox,
    nodata: float | None = None,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write an array as a tiled GeoTIFF, or as lossless JPEG 2000 where the name ends in .jp2, aside and renamed.

    Equal arguments give equal bytes.

    Args:
        path: Where to.
        array: Any type that GeoTIFF has; bool is written as 0 and 1.
        grid: The grid of `array`; without a CRS where it has none.
        nodata: The number that means no data.
        tags: Texts for the file's header.

    Raises:
        GridError: Array and grid differ in shape.
        OutputError: The place cannot be written, or the disk is full.
    """
    _check_shape(path, array, grid)
    write_bytes(path, encode(array, grid, jp2=path.suffix.lower() == ".jp2", nodata=nodata, tags=tags))


def encode(
    array: Shaped[np.ndarray, "b h w"],
    grid: GeoBox,
    *,
    jp2: bool = False,
    nodata: float | None = None,
    tags: Mapping[str, str] | None = None,
) -> bytes:
    """The bytes of the file that `write_tile` writes."""
    # GeoTIFF has bits, but few programs read them.
    numbers = array.astype(np.uint8) if array.dtype == np.bool_ else array
    options = _JP2 if jp2 else {**_GTIFF, "compress": "deflate", "predictor": 1 + (numbers.dtype.kind in "iu")}
    count, height, width = numbers.shape
    profile = {"count": count, "height": height, "width": width, "dtype": numbers.dtype, "nodata": nodata}
    # Through memory: GDAL notices a full disk only while it closes a file, and then keeps silent.
    # GDAL puts the georeference into a JPEG 2000 file only where its name ends so.
    with MemoryFile(ext=".jp2" if jp2 else ".tif") as memory:
        with memory.open(**options, **profile, crs=grid.crs, transform=grid.affine) as file:
            file.write(numbers)
            if tags:
                file.update_tags(**tags)
        return bytes(memory.getbuffer())


def write_map(
    path: Path,
    ids: UInt8[np.ndarray, "h w"],
    grid: GeoBox,
    legend: Legend,
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write class ids as a cloud optimised GeoTIFF with the legend's colours and names; equal input, equal bytes.

    Raises:
        LegendError: An id is no class of the legend.
        GridError: Array and grid differ in shape.
        OutputError: The place cannot be written, or the disk is full.
    """
    # Translated for the refusal of foreign ids alone: afterwards nobody could tell what they mean.
    legend.to_indices(ids)
    _check_shape(path, ids[None], grid)
    with MemoryFile(encode(ids[None], grid, nodata=legend.nodata), ext=".tif") as memory:
        write_cog(path, [memory.name], grid, legend=legend, nodata=legend.nodata, tags=tags)


def write_layer(
    path: Path,
    array: Shaped[np.ndarray, "b h w"],
    grid: GeoBox,
    *,
    nodata: float | None = None,
    band_names: Sequence[str] = (),
) -> None:
    """Write an array as a cloud optimised GeoTIFF with the nearest pixels as overviews; equal input, equal bytes.

    Raises:
        GridError: Array and grid differ in shape.
        OutputError: The place cannot be written, or the disk is full.
    """
    _check_shape(path, array, grid)
    with MemoryFile(encode(array, grid, nodata=nodata), ext=".tif") as memory:
        write_cog(path, [memory.name], grid, nodata=nodata, band_names=band_names, overviews="nearest")


def write_cog(
    path: Path,
    sources: Sequence[Path | str],
    grid: GeoBox,
    *,
    legend: Legend | None = None,
    nodata: float | None = None,
    band_names: Sequence[str] = (),
    overviews: Overviews | None = None,
    tags: Mapping[str, str] | None = None,
    num_threads: int = 1,
    bands: Sequence[int] | None = None,
) -> None:
    """Put `sources` together on `grid` as one cloud optimised GeoTIFF, aside and renamed.

    Memory does not grow with the grid; GDAL's block cache bounds it. Equal sources give equal bytes, with any number
    of threads. With a legend the colours stand in the file, and class names in `<name>.aux.xml` beside it, as GDAL
    and QGIS read them.

    Args:
        path: Where to.
        sources: Rasters that lie on the pixels of `grid`, with the same bands and type; later ones cover earlier ones.
        grid: The grid of the whole.
        legend: The classes, for one band of class ids.
        nodata: The number where no source is; 0 where None.
        band_names: What each band is.
        overviews: How they are made: "mode" where None and there is a legend, else "average".
        tags: Texts for the file's header.
        num_threads: For compression.
        bands: Which bands of the sources, counted from 1; all where None.

    Raises:
        GridError: A source does not lie on the grid's pixels.
        OutputError: The place cannot be written, or the disk is full.
    """
    method = overviews or ("mode" if legend else "average")
    resampling = {"OVERVIEWS": "NONE"} if method == "none" else {"OVERVIEW_RESAMPLING": method.upper()}
    text = mosaic(
        [str(source) for source in sources],
        grid,
        legend=legend,
        nodata=nodata,
        band_names=band_names,
        tags=tags,
        bands=bands,
    )
    if legend:
        # First the names, then the map: who finds the map finds its names.
        write_text(path.with_name(f"{path.name}.aux.xml"), aux_xml(legend))
    few = rasterio.Env(GDAL_MAX_DATASET_POOL_SIZE=_MOST_OPEN)
    with aside(path) as temporary, _telling(path), few, rasterio.open(text) as whole:
        # Differences of neighbours pack smooth layers better, and class ids worse.
        predictor = "NO" if legend else "YES"
        options = {**_COG, **resampling, "PREDICTOR": predictor, "NUM_THREADS": str(num_threads)}
        rasterio.shutil.copy(whole, str(temporary), **options)
        _check_whole(temporary)


def write_mosaic(
    path: Path,
    sources: Sequence[Path],
    grid: GeoBox,
    *,
    legend: Legend | None = None,
    nodata: float | None = None,
    band_names: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
) -> None:
    """Write a VRT that shows rasters at or below its own folder as one; it opens like a file wherever they go together.

    Arguments and errors are those of `write_cog`; class names stand in the VRT, and in `<name>.aux.xml` too.
    """
    parts = [str(source) for source in sources]
    text = mosaic(parts, grid, legend=legend, nodata=nodata, band_names=band_names, tags=tags, folder=path.parent)
    if legend:
        write_text(path.with_name(f"{path.name}.aux.xml"), aux_xml(legend))
    write_text(path, text + "\n")


def _check_shape(path: Path, array: Shaped[np.ndarray, "b h w"], grid: GeoBox) -> None:
    if array.shape[1:] != tuple(grid.shape):
        raise GridError(
            f"an array of {array.shape[1:]} pixels for {path}", f"{tuple(grid.shape)} pixels", "cut both alike"
        )


@contextmanager
def _telling(path: Path) -> Iterator[None]:
    try:
        yield
    except (RasterioError, CPLE_BaseError, SystemError) as error:
        # SystemError is what rasterio makes of a failure for which GDAL leaves no words, a full disk for example.
        raise OutputError(
            f"{path}, which cannot be written: {error.__cause__ or error}",
            "free space on that disk, and parts that are whole",
            "free some space and run the same command again: what is done is kept",
        ) from error


def _check_whole(path: Path) -> None:
    """Refuse a file whose last blocks are not there, which GDAL leaves on a full disk without a word."""
    size = path.stat().st_size
    with rasterio.open(path) as file:
        rows, cols = ((edge - 1) // block for edge, block in zip(file.shape, file.block_shapes[0], strict=True))
        offset = file.get_tag_item(f"BLOCK_OFFSET_{cols}_{rows}", "TIFF", bidx=file.count)
        length = file.get_tag_item(f"BLOCK_SIZE_{cols}_{rows}", "TIFF", bidx=file.count)
    if offset is not None and int(offset) + int(length) > size:
        raise OutputError(
            f"no space left while writing {path}",
            "free space on that disk",
            "free some space and run the same command again: what is done is kept",
        )

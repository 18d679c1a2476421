"""The XML that GDAL reads: many rasters as one (VRT), and class names beside a map (PAM). Pure but for headers read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from xml.sax.saxutils import escape, quoteattr

import rasterio
from odc.geo.geobox import GeoBox

from landweave.errors import GridError, SceneError
from landweave.legend import Legend
from landweave.raster.resample import aligned_window, same_crs
from landweave.tiling import Window

_BLOCK_PX = 512
_GDAL_TYPES = {"uint8": "Byte", "int8": "Int8", "uint16": "UInt16", "int16": "Int16", "uint32": "UInt32",
               "int32": "Int32", "float32": "Float32", "float64": "Float64"}  # fmt: skip


def mosaic(
    sources: Sequence[str],
    grid: GeoBox,
    *,
    legend: Legend | None = None,
    nodata: float | None = None,
    band_names: Sequence[str] = (),
    tags: Mapping[str, str] | None = None,
    folder: Path | None = None,
    bands: Sequence[int] | None = None,
) -> str:
    """A VRT that shows `sources` as one raster on `grid`; later ones cover earlier ones.

    With `bands` it shows these bands of every source, counted from 1, and no others.

    With `folder` it is one to keep: sources are named as seen from that folder, so that both can be moved together,
    and class names and overviews, which are those of the sources, are told too.

    Raises:
        GridError: A source does not lie on the grid's pixels.
        SceneError: There is no source, or one cannot be opened, or they differ in bands or type.
    """
    if not sources:
        raise SceneError("no raster to put together", "at least one", "check that the tasks before have run")
    # Headers are read once here, so that GDAL need not open all sources at once later.
    placed = [_place(source, grid) for source in sources]
    _check_alike(placed)
    height, width = grid.shape
    geo = ", ".join(repr(float(value)) for value in grid.affine.to_gdal())
    srs = f"<SRS>{escape(grid.crs.to_wkt())}</SRS>" if grid.crs else ""
    items = (
        "".join(f"<MDI key={quoteattr(key)}>{escape(tags[key])}</MDI>" for key in sorted(tags or {})) if tags else ""
    )
    kept = _overviews(grid) if folder else ""
    names = _categories(legend) if folder and legend else ""
    named = [place.named_from(folder) for place in placed] if folder else placed
    shown = "".join(
        _band((index, band), named, legend, nodata, band_names, categories=names)
        for index, band in enumerate(bands or range(1, len(placed[0].types) + 1), 1)
    )
    return (
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{srs}<GeoTransform>{geo}</GeoTransform>'
        f"<Metadata>{items}</Metadata>{shown}{kept}</VRTDataset>"
    )


def _overviews(grid: GeoBox) -> str:
    """Levels down to the size of a block: GDAL takes their pixels from the overviews of the sources."""
    levels = [2]
    while max(grid.shape) / levels[-1] > _BLOCK_PX:
        levels.append(2 * levels[-1])
    return f'<OverviewList resampling="NEAREST">{" ".join(map(str, levels))}</OverviewList>'


@dataclass(frozen=True, slots=True)
class _Placed:
    """A source, where it lies on the grid, and the types of its bands."""

    href: str
    window: Window
    types: tuple[str, ...]
    block: tuple[int, int]
    is_relative: bool = False

    def named_from(self, folder: Path) -> _Placed:
        return replace(self, href=Path(self.href).relative_to(folder).as_posix(), is_relative=True)


def _place(href: str, grid: GeoBox) -> _Placed:
    try:
        with rasterio.open(href) as file:
            own, types, block = GeoBox.from_rio(file), tuple(file.dtypes), file.block_shapes[0]
    except rasterio.errors.RasterioError as error:
        raise SceneError(f"{href}: {error}", "a whole raster", "remove it and run the command again") from error
    window = aligned_window(grid, own) if same_crs(grid, own) else None
    if window is None:
        raise GridError(
            f"{href} with {own.crs} and {own.affine.to_gdal()}",
            f"pixels of the grid with {grid.crs} and {grid.affine.to_gdal()}",
            "make all parts on one grid",
        )
    return _Placed(href, window, types, block)


def _check_alike(placed: Sequence[_Placed]) -> None:
    first = placed[0]
    for other in placed:
        if other.types != first.types:
            raise SceneError(
                f"{other.href} with bands of {other.types}",
                f"bands of {first.types} as in {first.href}",
                "put only parts of one layer together",
            )


def _band(
    places: tuple[int, int],
    placed: Sequence[_Placed],
    legend: Legend | None,
    nodata: float | None,
    names: Sequence[str],
    *,
    categories: str,
) -> str:
    index, band = places
    kind = _GDAL_TYPES[placed[0].types[band - 1]]
    parts = [f"<Description>{escape(names[index - 1])}</Description>"] if len(names) >= index else []
    if nodata is not None:
        parts.append(f"<NoDataValue>{nodata:.17g}</NoDataValue>")
    if legend is not None:
        parts.append(f"<ColorInterp>Palette</ColorInterp><ColorTable>{''.join(_entries(legend))}</ColorTable>")
    parts += [categories] if categories else []
    parts += [_source(band, kind, source) for source in placed]
    return f'<VRTRasterBand dataType="{kind}" band="{index}">{"".join(parts)}</VRTRasterBand>'


def _entries(legend: Legend) -> Iterator[str]:
    """One colour for each number 0-255, transparent black where no class is."""
    # TIFF wants all 256 colours; what is no class stays invisible.
    colors = {entry.id: (*entry.rgb, 255) for entry in legend.classes}
    for number in range(256):
        red, green, blue, alpha = colors.get(number, (0, 0, 0, 0))
        yield f'<Entry c1="{red}" c2="{green}" c3="{blue}" c4="{alpha}"/>'


def _source(index: int, kind: str, source: _Placed) -> str:
    window, (block_height, block_width) = source.window, source.block
    size = f'xSize="{window.width}" ySize="{window.height}"'
    name = f'<SourceFilename relativeToVRT="{int(source.is_relative)}">{escape(source.href)}</SourceFilename>'
    # The properties spare GDAL from opening each source before it is needed.
    return (
        f"<SimpleSource>{name}"
        f"<SourceBand>{index}</SourceBand>"
        f'<SourceProperties RasterXSize="{window.width}" RasterYSize="{window.height}" DataType="{kind}" '
        f'BlockXSize="{block_width}" BlockYSize="{block_height}"/>'
        f'<SrcRect xOff="0" yOff="0" {size}/><DstRect xOff="{window.col}" yOff="{window.row}" {size}/></SimpleSource>'
    )


def aux_xml(legend: Legend) -> str:
    """What stands in `<map>.tif.aux.xml`: class names by number, and a table of numbers, names and colours."""
    return f'<PAMDataset><PAMRasterBand band="1">{_categories(legend)}{_table(legend)}</PAMRasterBand></PAMDataset>\n'


def _categories(legend: Legend) -> str:
    names = dict(zip(legend.ids, legend.names, strict=True))
    found = "".join(f"<Category>{escape(names.get(n, ''))}</Category>" for n in range(max(legend.ids) + 1))
    return f"<CategoryNames>{found}</CategoryNames>"


# Name, GDAL's type (0 integer, 2 text) and usage (5 value, 2 name, 6-8 colours) of the table's columns.
_COLUMNS = (("Value", 0, 5), ("Class", 2, 2), ("Red", 0, 6), ("Green", 0, 7), ("Blue", 0, 8))


def _table(legend: Legend) -> str:
    fields = "".join(
        f'<FieldDefn index="{index}"><Name>{name}</Name><Type>{kind}</Type><Usage>{usage}</Usage></FieldDefn>'
        for index, (name, kind, usage) in enumerate(_COLUMNS)
    )
    rows = "".join(
        f'<Row index="{index}">'
        + "".join(f"<F>{escape(str(value))}</F>" for value in (c.id, c.name, *c.rgb))
        + "</Row>"
        for index, c in enumerate(legend.classes)
    )
    return f'<GDALRasterAttributeTable tableType="thematic">{fields}{rows}</GDALRasterAttributeTable>'

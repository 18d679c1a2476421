"""The XML that GDAL reads: many rasters as one (VRT), and class names beside a map (PAM). Pure but for headers read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from xml.sax.saxutils import escape, quoteattr

import rasterio
from odc.geo.geobox import GeoBox

from landweave.errors import GridError, SceneError
from landweave.legend import Legend
from landweave.raster.resample import aligned_window, same_crs
from landweave.tiling import Window

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
) -> str:
    """A VRT that shows `sources` as one raster on `grid`; later ones cover earlier ones.

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
    bands = "".join(_band(index, placed, legend, nodata, band_names) for index in range(1, len(placed[0].types) + 1))
    return (
        f'<VRTDataset rasterXSize="{width}" rasterYSize="{height}">{srs}<GeoTransform>{geo}</GeoTransform>'
        f"<Metadata>{items}</Metadata>{bands}</VRTDataset>"
    )


class _Placed:
    """A source, where it lies on the grid, and the types of its bands."""

    def __init__(self, href: str, window: Window, types: tuple[str, ...], block: tuple[int, int]) -> None:
        self.href, self.window, self.types, self.block = href, window, types, block


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
    index: int, placed: Sequence[_Placed], legend: Legend | None, nodata: float | None, names: Sequence[str]
) -> str:
    kind = _GDAL_TYPES[placed[0].types[index - 1]]
    parts = [f"<Description>{escape(names[index - 1])}</Description>"] if len(names) >= index else []
    if nodata is not None:
        parts.append(f"<NoDataValue>{nodata:.17g}</NoDataValue>")
    if legend is not None:
        parts.append(f"<ColorInterp>Palette</ColorInterp><ColorTable>{''.join(_entries(legend))}</ColorTable>")
    parts += [_source(index, kind, source) for source in placed]
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
    # The properties spare GDAL from opening each source before it is needed.
    return (
        f'<SimpleSource><SourceFilename relativeToVRT="0">{escape(source.href)}</SourceFilename>'
        f"<SourceBand>{index}</SourceBand>"
        f'<SourceProperties RasterXSize="{window.width}" RasterYSize="{window.height}" DataType="{kind}" '
        f'BlockXSize="{block_width}" BlockYSize="{block_height}"/>'
        f'<SrcRect xOff="0" yOff="0" {size}/><DstRect xOff="{window.col}" yOff="{window.row}" {size}/></SimpleSource>'
    )


def aux_xml(legend: Legend) -> str:
    """What stands in `<map>.tif.aux.xml`: class names by number, and a table of numbers, names and colours."""
    names = dict(zip(legend.ids, legend.names, strict=True))
    categories = "".join(f"<Category>{escape(names.get(n, ''))}</Category>" for n in range(max(legend.ids) + 1))
    return (
        f'<PAMDataset><PAMRasterBand band="1"><CategoryNames>{categories}</CategoryNames>'
        f"{_table(legend)}</PAMRasterBand></PAMDataset>\n"
    )


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

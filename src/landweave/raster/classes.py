"""What a map itself tells of its classes: ids, names and colours in the table beside it, and the id of no data."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from landweave.errors import SceneError
from landweave.legend import LandClass, Legend, known_legends
from landweave.raster.files import using


def read_legend(path: Path) -> Legend | None:
    """The legend of a map, from the attribute table in `<map>.aux.xml`; None where there is no such table.

    Where ids and names are those of a legend that landweave knows, it is that one, with its name.

    Raises:
        SceneError: The table cannot be read.
        LegendError: The table contradicts itself.
    """
    beside = path.with_name(f"{path.name}.aux.xml")
    if not beside.is_file():
        return None
    try:
        table = ElementTree.parse(beside).getroot().find(".//GDALRasterAttributeTable")
        if table is None:
            return None
        classes = tuple(_class([cell.text or "" for cell in row.iter("F")]) for row in table.iter("Row"))
    except (ElementTree.ParseError, ValueError) as error:
        raise SceneError(f"{beside}: {error}", "a table of classes as GDAL writes it", "remove that file") from error
    found = Legend(path.stem, f"the map {path.name}", classes)
    return next((known for known in known_legends().values() if _same(known, found)), found)


def _class(cells: list[str]) -> LandClass:
    number, name, *color = cells
    red, green, blue = (int(value) for value in color)
    return LandClass(int(number), name, f"#{red:02x}{green:02x}{blue:02x}")


def _same(one: Legend, other: Legend) -> bool:
    return (one.ids, one.names) == (other.ids, other.names)


def read_nodata(path: Path) -> int | None:
    """The id that the map's file declares as no data, or None.

    Raises:
        SceneError: It cannot be opened.
    """
    with using(str(path)) as file:
        number = file.dataset.nodata
    return None if number is None or not 0 <= number <= 255 else int(number)

"""Series of fields seen by Sentinel-2: WorldCrops' Bavaria as means and as images, and a patch of CropHarvest."""

from __future__ import annotations

import csv
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
from numpy.typing import NDArray

from landweave.datasets.raw import Raw, centres, labels_of, of_image
from landweave.errors import SeriesError
from landweave.raster.dates import days
from landweave.raster.files import layer_names
from landweave.raster.read import grid_of, read_numbers
from landweave.tiling import Window

_ALL = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B10", "B11", "B12")
_SCALE = 1e-4
# What spreadsheets count days from, in days since 1970.
_EXCEL = int(days("1899-12-30"))
_SHEET = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_MOST_CLOUD = 40


def read_means(folder: Path) -> Raw:
    """301 fields with 14 half-monthly means of 13 bands of level 1C, 2018; classes are the crop codes."""
    rows = list(_sheet(folder / "Test_bavaria.xlsx"))
    order = sorted(rows, key=lambda row: (row["id"], row["Date"]))
    ids = np.array([row["id"] for row in order])
    names, counts = np.unique(ids, return_counts=True)
    if len(set(counts.tolist())) != 1:
        raise SeriesError(
            f"{folder} with fields of {min(counts)} to {max(counts)} dates", "as many for each", "fetch the file again"
        )
    shape = (len(names), int(counts[0]))
    values = np.array([[row[f"{_short(band)}_mean"] for band in _ALL] for row in order]).reshape(*shape, len(_ALL))
    when = np.array([row["Date"] for row in order]).reshape(shape).astype(np.int64) + _EXCEL
    codes = np.array([f"{row['NC']:g}" for row in order]).reshape(shape)[:, 0]
    label, classes = labels_of(codes)
    number = np.arange(len(names), dtype=np.float64)
    # Nobody tells where a field lies: each is a block of its own.
    return Raw(values * _SCALE, np.isfinite(values).all(2), when, label, classes, np.full(len(names), 2018), number,
               np.zeros(len(names)), names, "sentinel-2-l1c", _ALL, 10.0)  # fmt: skip


def read_images(folder: Path) -> Raw:
    """All pixels of 20 fields on 12 to 14 dates, 12 bands of level 2A as reflectance, winter wheat or barley."""
    with (folder / "index.csv").open(encoding="utf-8", newline="") as file:
        entries = list(csv.DictReader(file))
    crops = {entry["field"]: entry["crop"] for entry in entries}
    parts = [_field(folder, name, [e for e in entries if e["field"] == name]) for name in sorted(crops)]
    longest = max(part.valid.shape[1] for part in parts)
    label, classes = labels_of([crops[name] for name in sorted(crops)])
    sizes = [len(part.valid) for part in parts]
    joined = {
        name: np.concatenate([_padded(getattr(part, name), name, longest) for part in parts])
        for name in ("values", "valid", "days", "x", "y")
    }
    number = np.repeat(np.arange(len(parts)), sizes)
    first = parts[0]
    return Raw(**joined, label=label[number], classes=classes, year=np.full(len(number), 2018), block=number,
               sensor=first.sensor, bands=first.bands, pixel_size_m=first.pixel_size_m, crs=first.crs)  # fmt: skip


def read_cropharvest(folder: Path) -> Raw:
    """17 x 17 pixels of Togo on 12 dates, 13 bands of level 1C; the label of the point in its middle is not given."""
    path = next(iter(sorted(folder.glob("*.tif"))), None)
    if path is None:
        raise SeriesError(f"{folder} without a GeoTIFF", "the patch of CropHarvest", "fetch it again")
    found = re.search(r"(\d{4}-\d{2}-\d{2})_\d{4}-\d{2}-\d{2}", path.stem)
    if found is None:
        raise SeriesError(f"{path.name} without its two dates", "NAME_2019-02-06_2020-02-01.tif", "restore its name")
    names, grid = layer_names(str(path)), grid_of(str(path))
    stack = read_numbers(str(path), Window.of((grid.shape[0], grid.shape[1])), range(1, len(names) + 1))
    # Each month has all its layers, named B2, then B2_1, B2_2 and so on.
    months = [
        [names.index(f"{_short(band)}_{month}" if month else _short(band)) for band in _ALL] for month in range(12)
    ]
    numbers = stack[np.array(months)]
    values, good, rows, cols = of_image(numbers * _SCALE, (numbers > 0).any(1), np.ones(grid.shape, bool))
    when = np.tile(int(days(found[1])) + 30 * np.arange(12), (len(rows), 1))
    x, y = centres(grid, rows, cols)
    return Raw(values, good, when, np.full(len(rows), -1), (), np.full(len(rows), int(found[1][:4])), x, y,
               rows // 6 * 3 + cols // 6, "sentinel-2-l1c", _ALL, 10.0, str(grid.crs))  # fmt: skip


def _field(folder: Path, name: str, entries: list[dict[str, str]]) -> Raw:
    """The pixels of one field; each date a file of cloud probability, inside, 12 bands, angles and an index."""
    entries = sorted(entries, key=lambda entry: entry["datetime"])
    paths = [str(folder / entry["file"]) for entry in entries]
    grid = grid_of(paths[0])
    stack = np.stack([read_numbers(path, Window.of((grid.shape[0], grid.shape[1])), range(1, 15)) for path in paths])
    inside, clear = stack[:, 1] > 0, stack[:, 0] < _MOST_CLOUD
    values, good, rows, cols = of_image(stack[:, 2:], inside & clear, np.asarray(inside.any(0)))
    when = np.tile(days([entry["datetime"][:10] for entry in entries]), (len(rows), 1))
    x, y = centres(grid, rows, cols)
    bands = tuple(band for band in _ALL if band != "B10")
    nothing = np.zeros(len(rows), np.int64)
    return Raw(values, good, when, nothing, (), nothing, x, y, nothing, "sentinel-2-l2a", bands, 10.0, str(grid.crs))


def _padded(array: NDArray[np.generic], name: str, longest: int) -> NDArray[np.generic]:
    if name in ("x", "y"):
        return array
    more = longest - array.shape[1]
    if name == "days":
        return np.concatenate([array, np.repeat(array[:, -1:], more, 1)], 1)
    return np.concatenate([array, np.zeros((len(array), more, *array.shape[2:]), array.dtype)], 1)


def _short(band: str) -> str:
    """Without the zero: B02 as B2."""
    return band.replace("B0", "B")


def _sheet(path: Path) -> Iterator[dict[str, float]]:
    """Rows of numbers of a spreadsheet's first page, by the names in its first row."""
    try:
        with zipfile.ZipFile(path) as file:
            rows = ElementTree.fromstring(file.read("xl/worksheets/sheet1.xml")).iter(f"{_SHEET}row")
            head = {_column(cell): "".join(cell.itertext()) for cell in next(rows)}
            for row in rows:
                cells = {head.get(_column(cell), ""): cell.findtext(f"{_SHEET}v") for cell in row}
                yield {name: float(text) if text else np.nan for name, text in cells.items()}
    except (zipfile.BadZipFile, ElementTree.ParseError, StopIteration) as error:
        raise SeriesError(f"{path}: {error}", "a spreadsheet of fields", "fetch the file again") from error


def _column(cell: ElementTree.Element) -> str:
    return cell.get("r", "").rstrip("0123456789")

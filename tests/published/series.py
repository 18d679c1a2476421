"""Published series, tiny, in the formats in which they were published."""

from __future__ import annotations

import csv
import datetime as dt
import json
import zipfile
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pyarrow
import pyarrow.parquet
import pyproj
import rasterio
from odc.geo.geobox import GeoBox
from rasterio import Affine

from landweave.raster.write import write_tile

SINUSOIDAL = "+proj=sinu +lon_0=0 +x_0=0 +y_0=0 +R=6371007.181 +units=m"
FIRST = dt.date(1970, 1, 1)


def square(edge: int, crs: str = "EPSG:32633", size: float = 10) -> GeoBox:
    return GeoBox((edge, edge), Affine(size, 0, 500000, 0, -size, 5000000), crs)


def write_sits(folder: Path, name: str = "samples_mt_9classes.npz", num: int = 30, bands: int = 6) -> dict[str, Any]:
    """Labelled samples of the R package sits as arrays."""
    generator = np.random.default_rng(0)
    days = 15962 + 16 * np.arange(23) + 365 * generator.integers(0, 3, (num, 1))
    arrays = {
        "X": generator.random((num, 23, bands), np.float32),
        "days_since_1970": days.astype(np.int32),
        "label": np.array(["Pasture", "Forest", "Cerrado"])[np.arange(num) % 3],
        "lon": -55 - np.arange(num) / 3,
        "lat": np.full(num, -12.0),
        "bands": np.array(["mir", "blue", "nir", "red", "evi", "ndvi"][:bands]),
    }
    folder.mkdir(parents=True, exist_ok=True)
    np.savez(folder / name, **arrays)
    return arrays


def write_sinop(folder: Path) -> np.ndarray:
    """NDVI and EVI on 392 dates, one without data at one pixel."""
    numbers = np.random.default_rng(1).integers(1000, 9000, (2, 392, 6, 6), np.int16)
    numbers[0, 5, 2, 3] = -3000
    for name, layers in zip(("ndvi", "evi"), numbers, strict=True):
        write_tile(folder / f"sinop-crop-{name}.tif", layers, square(6, SINUSOIDAL, 231.656), nodata=-3000)
    return numbers


def write_rasters(folder: Path) -> None:
    """NDVI of three dates as JPEG 2000, and six places with their cover."""
    grid = square(20, SINUSOIDAL, 231.66)
    for number, date in enumerate(("2013-09-14", "2013-10-16", "2013-11-17")):
        numbers = np.full((1, 20, 20), 5000 + number, np.int16)
        numbers[0, 4, 3] = -3105
        write_tile(folder / "mod13q1" / f"TERRA_MODIS_012010_NDVI_{date}.jp2", numbers, grid)
    there = pyproj.Transformer.from_crs(SINUSOIDAL, "EPSG:4326", always_xy=True)
    rows = [["id", "longitude", "latitude", "start_date", "end_date", "label"]]
    for number in range(6):
        lon, lat = there.transform(*(grid.affine * (number + 0.5, 4.5)))
        rows.append(
            [str(number), f"{lon:.6f}", f"{lat:.6f}", "2013-09-14", "2014-08-29", ("Forest", "Pasture")[number % 2]]
        )
    (folder / "samples").mkdir(parents=True, exist_ok=True)
    with (folder / "samples" / "samples_sinop_crop.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)


def write_bavaria_means(folder: Path, num: int = 6, dates: int = 3) -> list[list[float]]:
    """The spreadsheet of field means, as openpyxl writes it."""
    bands = ["B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"]
    head = ["id", "Date", "area", "NC", *[f"{band}_mean" for band in bands]]
    rows = [
        [float(field), 43146.0 + 15 * date, 2.5, 115.0 + 6 * (field % 2), *(100.0 * band + field for band in range(13))]
        for field in range(num)
        for date in range(dates)
    ]
    letters = [chr(ord("B") + place) for place in range(len(head))]
    text = '<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData><row r="1">'
    text += "".join(
        f'<c r="{x}1" t="inlineStr"><is><t>{name}</t></is></c>' for x, name in zip(letters, head, strict=True)
    )
    for number, row in enumerate(rows, 2):
        cells = "".join(f'<c r="{x}{number}" t="n"><v>{value}</v></c>' for x, value in zip(letters, row, strict=True))
        text += f'</row><row r="{number}"><c r="A{number}" t="n"><v>{number - 2}</v></c>{cells}'
    folder.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(folder / "Test_bavaria.xlsx", "w") as file:
        file.writestr("xl/worksheets/sheet1.xml", text + "</row></sheetData></worksheet>")
    return rows


def write_bavaria_images(folder: Path) -> None:
    """Four fields with two or three dates; 19 bands: cloud probability, inside, 12 bands, angles, NDVI."""
    entries = []
    for number, (field, crop) in enumerate(
        {"A": "barley", "B": "winter_wheat", "C": "barley", "D": "winter_wheat"}.items()
    ):
        for day in range(2 + (field == "B")):
            stack = np.random.default_rng(number).random((19, 5, 4)).astype(np.float32)
            stack[0] = 90 * (field == "A" and day == 1)
            stack[1] = 0
            stack[1, 1:4, 1:3] = 1
            grid = GeoBox((5, 4), Affine(15, 0, 1e6 + 1000 * number, 0, -15, 6e6), "EPSG:3857")
            name = f"{field}/2018-04-{day + 1:02d}.tif"
            write_tile(folder / name, stack, grid)
            entries.append([field, crop, f"2018-04-{day + 1:02d}T10:20:00Z", name])
    with (folder / "index.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([["field", "crop", "datetime", "file"], *entries])


def write_eolearn(folder: Path) -> None:
    """Four dates, two of them of one day, 20 x 20 pixels; one class each quarter, the last without a label."""
    patch = folder / "TestEOPatch"
    ndvi = np.broadcast_to(np.float32([0.1, 0.2, 0.3, 0.4])[:, None, None, None], (4, 20, 20, 1)).copy()
    clouds = np.zeros((4, 20, 20, 1), np.uint8)
    clouds[1, :10] = 1
    land_use = np.repeat(np.repeat(np.array([[1, 2], [3, 0]], np.uint16), 10, 0), 10, 1)[..., None]
    arrays = {"data/NDVI": ndvi, "mask/CLM": clouds, "mask/IS_DATA": clouds * 0 + 1, "mask_timeless/LULC": land_use}
    for name, array in arrays.items():
        path = patch / f"{name}.npy"
        path.parent.mkdir(parents=True, exist_ok=True)
        np.save(path, array)
    times = ["2015-07-11T10:00:08", "2015-12-08T10:04:09", "2015-12-08T10:11:25", "2016-01-07T10:12:43"]
    (patch / "timestamps.json").write_text(json.dumps(times))
    ring = [[465000, 5079000], [465000, 5079200], [465200, 5079200], [465200, 5079000], [465000, 5079000]]
    (patch / "bbox.geojson").write_text(json.dumps({"type": "Polygon", "coordinates": [ring]}))


def write_worldcereal(folder: Path, num: int = 12) -> None:
    """Fields as the published Parquet has them, and a cube as netCDF."""
    sizes = {
        "B02": 10,
        "B03": 10,
        "B04": 10,
        "B05": 20,
        "B06": 20,
        "B07": 20,
        "B08": 10,
        "B8A": 20,
        "B11": 20,
        "B12": 20,
    }
    table: dict[str, Any] = {
        f"OPTICAL-{band}-ts{month}-{size}m": np.full(num, 65535 if month == 3 else 1000 + month, np.uint16)
        for band, size in sizes.items()
        for month in range(12)
    }
    table |= {"available_timesteps": np.full(num, 12), "start_date": ["2016-12-01"] * num, "year": np.full(num, 2017)}
    table |= {
        "lon": 33 + np.arange(num) / 4,
        "lat": np.full(num, 4.5),
        "balancing_class": ["maize", "sorghum"] * (num // 2),
    }
    folder.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(table), folder / "test_public_extractions.parquet")
    with h5py.File(folder / "worldcereal_preprocessed_inputs.nc", "w") as file:
        for band in sizes:
            if band != "B8A":
                file[f"S2-L2A-{band}"] = np.where(np.arange(12) == 2, -1, 2000).astype(np.int16)[
                    :, None, None
                ] * np.ones((1, 20, 20), np.int16)
        file["x"], file["y"] = 664005.0 + 10 * np.arange(20), 5612115.0 - 10 * np.arange(20)
        file["t"] = (11262 + 30 * np.arange(12)).astype(np.int32)
    with h5py.File(folder / "worldcereal_cropland_classification.nc", "w") as file:
        file["__xarray_dataarray_variable__"] = np.tile(np.arange(20) % 2, (4, 20, 1)).astype(np.uint16)


def write_cropharvest(folder: Path) -> None:
    """Twelve months of 17 layers and two of relief, float64."""
    month = ["VV", "VH", "B1", "B2", "B3", "B4", "B5", "B6", "B7", "B8", "B8A", "B9", "B10", "B11", "B12"]
    month += ["temperature_2m", "total_precipitation"]
    names = [*month, *(f"{name}_{n}" for n in range(1, 12) for name in month), "elevation", "slope"]
    stack = np.arange(1.0, 1 + len(names))[:, None, None] * np.ones((1, 6, 6))
    path = folder / "9-togo_2019-02-06_2020-02-01.tif"
    write_tile(path, stack, square(6, "EPSG:4326", 0.0001))
    with rasterio.open(path, "r+") as file:
        file.descriptions = names


def write_yatsm(folder: Path) -> None:
    """Six dates of 5 x 5 pixels: a cloud, no data, saturation, and three that are clear."""
    stack = np.full((6, 8, 5, 5), 1000, np.int16)
    stack[:, 7] = np.array([0, 4, 0, 0, 1, 0])[:, None, None]
    stack[2, 3] = -9999
    stack[3, 1] = 16000
    ordinals = np.array([dt.date(1984 + year, 4, 17).toordinal() for year in range(6)])
    folder.mkdir(parents=True, exist_ok=True)
    bands = np.array(["B1", "B2", "B3", "B4", "B5", "B7", "B6_thermal", "Fmask"])
    np.savez(folder / "p035r032_5x5_stack.npz", Y=stack, dates=ordinals, sensor=np.array(["LT5"] * 6), bands=bands)

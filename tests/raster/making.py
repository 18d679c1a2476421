"""Tiny scenes on disk in the layouts of agencies, for tests."""

from __future__ import annotations

import datetime as dt
import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio import Affine

from landweave.raster.scene import BandFile, MaskFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor

UTM = "EPSG:32632"
CORNER = (600000.0, 5000040.0)
WHEN = dt.datetime(2024, 7, 1, 10, 15, 30, tzinfo=dt.UTC)
PRODUCT = "S2B_MSIL2A_20240701T101530_N0510_R065_T32TNR_20240701T142000"
OLD_PRODUCT = "S2B_MSIL2A_20200701T101530_N0214_R065_T32TNR_20200701T142000"
LANDSAT = "LC08_L2SP_192028_20240701_20240709_02_T1"


def grid(edge: int = 60, pixel_size_m: float = 10, crs: str | None = UTM) -> GeoBox:
    """A square of `edge` pixels whose corner is the same for all pixel sizes."""
    step = Affine.translation(*CORNER) * Affine.scale(pixel_size_m, -pixel_size_m)
    return GeoBox((edge, edge), step, crs)


def numbers(box: GeoBox, seed: int = 0, low: int = 1100, high: int = 5000) -> NDArray[np.uint16]:
    """Stored numbers that are never nodata, (1, h, w)."""
    return np.random.default_rng(seed).integers(low, high, (1, *box.shape), np.uint16)


def smooth(box: GeoBox) -> NDArray[np.uint16]:
    """Numbers that are linear in x and y, so that bilinear interpolation is exact, (1, h, w)."""
    rows, cols = np.mgrid[: box.shape[0], : box.shape[1]] + 0.5
    xs = (box.affine.a * cols + box.affine.c - CORNER[0]) / 10
    ys = (CORNER[1] - box.affine.e * rows - box.affine.f) / 10
    return np.asarray(2000 + 4 * xs + 2 * ys, np.uint16)[None]


def write_safe(
    folder: Path,
    *,
    edge: int = 60,
    name: str = PRODUCT,
    bands: Mapping[str, int] | None = None,
    suffix: str = ".tif",
    offset: int | None = -1000,
    scl: NDArray[np.uint8] | None = None,
    metadata: bool = True,
) -> Path:
    """A SAFE folder of level 2A with `bands` (name to pixel size); gives its path."""
    safe = folder / f"{name}.SAFE"
    images = safe / "GRANULE" / "L2A_T32TNR_A000001_20240701T101530" / "IMG_DATA"
    for seed, (band, size) in enumerate((bands or {"B02": 10, "B04": 10, "B05": 20, "B09": 60}).items()):
        box = grid(edge * 10 // size, size)
        path = images / f"R{size}m" / f"T32TNR_20240701T101530_{band}_{size}m{suffix}"
        write_tile(path, numbers(box, seed), box)
    if scl is not None:
        path = images / "R20m" / f"T32TNR_20240701T101530_SCL_20m{suffix}"
        write_tile(path, scl[None], grid(edge // 2, 20))
    if metadata:
        (safe / "MTD_MSIL2A.xml").write_text(safe_xml(name, offset), encoding="utf-8")
    return safe


def safe_xml(name: str, offset: int | None, baseline: str | None = None) -> str:
    """The part of MTD_MSIL2A.xml that says what a scene is."""
    baseline = baseline or f"{name[28:30]}.{name[30:32]}"
    offsets = (
        "<BOA_ADD_OFFSET_VALUES_LIST>"
        + "".join(f'<BOA_ADD_OFFSET band_id="{band}">{offset}</BOA_ADD_OFFSET>' for band in range(13))
        + "</BOA_ADD_OFFSET_VALUES_LIST>"
        if offset is not None
        else ""
    )
    return f"""<?xml version="1.0" encoding="UTF-8"?>
<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd">
<n1:General_Info><Product_Info>
<PRODUCT_START_TIME>2024-07-01T10:15:30.024Z</PRODUCT_START_TIME>
<PRODUCT_URI>{name}.SAFE</PRODUCT_URI><PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL>
<PROCESSING_BASELINE>{baseline}</PROCESSING_BASELINE></Product_Info>
<Product_Image_Characteristics><QUANTIFICATION_VALUES_LIST>
<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>
{offsets}</Product_Image_Characteristics></n1:General_Info>
<n1:Quality_Indicators_Info><Cloud_Coverage_Assessment>12.5</Cloud_Coverage_Assessment></n1:Quality_Indicators_Info>
</n1:Level-2A_User_Product>"""


MTL = {
    "PRODUCT_CONTENTS": {"LANDSAT_PRODUCT_ID": LANDSAT, "PROCESSING_LEVEL": "L2SP", "COLLECTION_NUMBER": "02"},
    "IMAGE_ATTRIBUTES": {
        "SPACECRAFT_ID": "LANDSAT_8",
        "DATE_ACQUIRED": "2024-07-01",
        "SCENE_CENTER_TIME": "10:05:01.1234567Z",
        "CLOUD_COVER": "3.21",
    },
    "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": {
        **{f"REFLECTANCE_MULT_BAND_{band}": "2.75e-05" for band in range(1, 8)},
        **{f"REFLECTANCE_ADD_BAND_{band}": "-0.2" for band in range(1, 8)},
    },
    "LEVEL2_SURFACE_TEMPERATURE_PARAMETERS": {
        "TEMPERATURE_MULT_BAND_ST_B10": "0.00341802",
        "TEMPERATURE_ADD_BAND_ST_B10": "149.0",
    },
    "LEVEL1_RADIOMETRIC_RESCALING": {"REFLECTANCE_MULT_BAND_4": "2.0000E-05", "REFLECTANCE_ADD_BAND_4": "-0.1"},
}


def mtl_text(values: Mapping[str, Mapping[str, str]]) -> str:
    """The same as MTL.txt has it."""
    groups = "".join(
        f"  GROUP = {name}\n"
        + "".join(
            f'    {key} = "{value}"\n' if value[0].isalpha() else f"    {key} = {value}\n" for key, value in g.items()
        )
        + f"  END_GROUP = {name}\n"
        for name, g in values.items()
    )
    return f"GROUP = LANDSAT_METADATA_FILE\n{groups}END_GROUP = LANDSAT_METADATA_FILE\nEND\n"


def mtl_xml(values: Mapping[str, Mapping[str, str]]) -> str:
    """The same as MTL.xml has it."""
    groups = "".join(
        f"<{name}>" + "".join(f"<{key}>{value}</{key}>" for key, value in g.items()) + f"</{name}>"
        for name, g in values.items()
    )
    return f'<?xml version="1.0" encoding="UTF-8"?><LANDSAT_METADATA_FILE>{groups}</LANDSAT_METADATA_FILE>'


def write_landsat(
    folder: Path,
    *,
    name: str = LANDSAT,
    metadata: str = "json",
    bands: tuple[str, ...] = ("SR_B2", "SR_B4", "ST_B10"),
    qa: NDArray[np.uint16] | None = None,
    mtl: Mapping[str, Mapping[str, str]] = MTL,
) -> Path:
    """A Landsat Collection 2 folder; gives its path."""
    place = folder / name
    place.mkdir(parents=True, exist_ok=True)
    box = grid(20, 30)
    for seed, band in enumerate(bands):
        write_tile(place / f"{name}_{band}.TIF", numbers(box, seed, 8000, 20000), box, 0)
    if qa is not None:
        write_tile(place / f"{name}_QA_PIXEL.TIF", qa[None], box)
    texts = {"json": json.dumps({"LANDSAT_METADATA_FILE": mtl}), "txt": mtl_text(mtl), "xml": mtl_xml(mtl)}
    if metadata == "stac":
        item = {"stac_version": "0.7.0", "properties": {"datetime": "2024-07-01", "eo:cloud_cover": 3.21}, "assets": {}}
        (place / f"{name}_SR_stac.json").write_text(json.dumps(item), encoding="utf-8")
    elif metadata != "none":
        (place / f"{name}_MTL.{metadata}").write_text(texts[metadata], encoding="utf-8")
    return place


SIDECAR = """
sensor = "sentinel-2-l2a"
bands = ["B02", "B03", "B04", "B08"]
datetime = 2024-07-01T10:15:30Z
baseline = "05.10"
"""


def write_sidecar_tif(
    folder: Path,
    sidecar: str = SIDECAR,
    array: NDArray[Any] | None = None,
    name: str = "mine",
    box: GeoBox | None = None,
) -> Path:
    """A GeoTIFF with as many bands as its sidecar names; gives its path."""
    box = box or grid()
    if array is None:
        count = len(tomllib.loads(sidecar)["bands"])
        array = np.concatenate([numbers(box, seed) for seed in range(count)])
    path = folder / f"{name}.tif"
    write_tile(path, array, box)
    path.with_suffix(".toml").write_text(sidecar, encoding="utf-8")
    return path


def scene(folder: Path, arrays: Mapping[str, NDArray[Any]], mask: MaskFile | None = None, **encoding: Any) -> Scene:
    """A scene of Sentinel-2 bands whose files lie on `grid` by their shape: 60 pixels at 10 m, 30 at 20, 10 at 60."""
    known = sensor("sentinel-2-l2a")
    words = {"scale": 0.0001, "offset": -0.1, "nodata": 0, **encoding}
    files = {}
    for name, array in arrays.items():
        edge = array.shape[-1]
        path = folder / f"{name}.tif"
        write_tile(path, array.reshape(1, edge, edge), grid(edge, 600 / edge))
        files[name] = BandFile(str(path), 1, **words)
    return Scene("made", known, WHEN, grid(), files, mask)


def write_item(folder: Path, assets: Mapping[str, Any], name: str = "S2B_T32TNR_L2A", **properties: Any) -> Path:
    """A STAC item as an API gives it; gives its path."""
    item = {
        "type": "Feature",
        "stac_version": "1.0.0",
        "id": name,
        "collection": "sentinel-2-l2a",
        "geometry": {"type": "Point", "coordinates": [10.3, 45.1]},
        "bbox": [10.3, 45.1, 10.3, 45.1],
        "properties": {"datetime": "2024-07-01T10:15:30Z", "eo:cloud_cover": 12.5, **properties},
        "assets": dict(assets),
        "links": [],
    }
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / "item.json"
    path.write_text(json.dumps(item), encoding="utf-8")
    return path

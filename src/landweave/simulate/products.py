"""How agencies deliver scenes: names of folders and files, and metadata. Pure."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from xml.sax.saxutils import escape

from landweave.errors import SensorError
from landweave.sensors import Sensor
from landweave.simulate.world import SceneTable, World, sensor_of

BASELINE = "05.09"
_BOA_OFFSET = -1000
MASK = "mask"


@dataclass(frozen=True)
class Layer:
    """One file of a product.

    Attributes:
        bands: What it holds: names of bands, or MASK.
        path: Below the world's folder.
        pixel_size_m: Of its grid.
    """

    bands: tuple[str, ...]
    path: str
    pixel_size_m: float


def layers(world: World, scene: SceneTable) -> list[Layer]:
    """The files of a scene's product.

    Raises:
        SensorError: landweave simulates no product of this sensor.
    """
    sensor = sensor_of(scene)
    if sensor.name == "sentinel-2-l2a":
        return _sentinel2(world, scene, sensor)
    if sensor.name.startswith("landsat-"):
        return _landsat(world, scene, sensor)
    if all(band.wavelength_nm and band.width_nm and band.unit == "reflectance" for band in sensor.bands):
        return []
    raise SensorError(
        f"a simulated scene of {sensor.name}",
        "sentinel-2-l2a, landsat-8-c2l2, landsat-9-c2l2, or a sensor whose bands have a wavelength and a width",
        "name another sensor in the world's scenes",
    )


def texts(world: World, scene: SceneTable, cloud_percent: float) -> dict[str, str]:
    """Metadata files of a scene's product by path, with a word in each that it is simulated."""
    if scene.sensor == "sentinel-2-l2a":
        return _safe_texts(world, scene, cloud_percent)
    return {}


def _time(scene: SceneTable) -> dt.datetime:
    return dt.datetime.combine(scene.date, dt.time(10, 30, 31), dt.UTC)


def safe_name(world: World, scene: SceneTable) -> str:
    """The product's name; XX marks a place on no map."""
    time = f"{_time(scene):%Y%m%dT%H%M%S}"
    return f"S2A_MSIL2A_{time}_N{BASELINE.replace('.', '')}_R{world.seed % 143 + 1:03d}_T33UUP_{time}"


def _sentinel2(world: World, scene: SceneTable, sensor: Sensor) -> list[Layer]:
    stamp = f"T33UUP_{_time(scene):%Y%m%dT%H%M%S}"
    base = f"scenes/{safe_name(world, scene)}.SAFE/GRANULE/L2A_T33UUP_A000001_{_time(scene):%Y%m%dT%H%M%S}/IMG_DATA"
    found = [
        Layer((band.name,), f"{base}/R{size}m/{stamp}_{band.name}_{size}m.jp2", band.pixel_size_m)
        for band in sensor.bands
        for size in [round(band.pixel_size_m)]
    ]
    return [*found, Layer((MASK,), f"{base}/R20m/{stamp}_SCL_20m.jp2", 20)]


def _safe_texts(world: World, scene: SceneTable, cloud_percent: float) -> dict[str, str]:
    name = safe_name(world, scene)
    time = f"{_time(scene):%Y-%m-%dT%H:%M:%S}.024Z"
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{index}">{_BOA_OFFSET}</BOA_ADD_OFFSET>' for index in range(13))
    text = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<!-- Simulated by landweave: world {escape(world.name)}, seed {world.seed}. No satellite took this. -->\n"
        '<n1:Level-2A_User_Product xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/User_Product_Level-2A.xsd">'
        f"<n1:General_Info><Product_Info><PRODUCT_START_TIME>{time}</PRODUCT_START_TIME>"
        f"<PRODUCT_URI>{name}.SAFE</PRODUCT_URI><PROCESSING_LEVEL>Level-2A</PROCESSING_LEVEL>"
        f"<PRODUCT_TYPE>S2MSI2A</PRODUCT_TYPE><PROCESSING_BASELINE>{BASELINE}</PROCESSING_BASELINE>"
        "<Datatake><SPACECRAFT_NAME>Sentinel-2A</SPACECRAFT_NAME></Datatake></Product_Info>"
        "<Product_Image_Characteristics><QUANTIFICATION_VALUES_LIST>"
        '<BOA_QUANTIFICATION_VALUE unit="none">10000</BOA_QUANTIFICATION_VALUE></QUANTIFICATION_VALUES_LIST>'
        f"<BOA_ADD_OFFSET_VALUES_LIST>{offsets}</BOA_ADD_OFFSET_VALUES_LIST></Product_Image_Characteristics>"
        "</n1:General_Info><n1:Quality_Indicators_Info>"
        f"<Cloud_Coverage_Assessment>{cloud_percent:.4f}</Cloud_Coverage_Assessment></n1:Quality_Indicators_Info>"
        "</n1:Level-2A_User_Product>\n"
    )
    return {f"scenes/{name}.SAFE/MTD_MSIL2A.xml": text, f"scenes/{name}.SAFE/SIMULATED.txt": _word(world)}


def _word(world: World) -> str:
    return f"Simulated by landweave: world {world.name}, seed {world.seed}. No satellite took this.\n"


def _landsat(world: World, scene: SceneTable, sensor: Sensor) -> list[Layer]:
    name = landsat_name(world, scene)
    bands = [
        Layer((band.name,), f"scenes/{name}/{name}_{band.name}.TIF", band.pixel_size_m)
        for band in sensor.bands
        if band.unit == "reflectance"
    ]
    return [*bands, Layer((MASK,), f"scenes/{name}/{name}_QA_PIXEL.TIF", 30)]


def landsat_name(world: World, scene: SceneTable) -> str:
    """The product's name."""
    satellite = "LC08" if "8" in scene.sensor.split("-")[1] else "LC09"
    return f"{satellite}_L2SP_192026_{scene.date:%Y%m%d}_{scene.date:%Y%m%d}_02_T1"

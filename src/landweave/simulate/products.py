"""How agencies deliver scenes: names of folders and files, and metadata. Pure."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from dataclasses import dataclass
from xml.sax.saxutils import escape

from landweave.errors import SensorError
from landweave.sensors import Sensor
from landweave.simulate.world import SceneTable, World, sensor_of

BASELINE = "05.09"
_BOA_OFFSET = -1000
MASK, TRUTH, BUILDINGS, OLD_MAP, CROPS = "mask", "truth", "buildings", "old-map", "crops"
CHANGE = ("from", "to", "day")
SCENES = "scenes"


@dataclass(frozen=True)
class Layer:
    """One file.

    Attributes:
        bands: What it holds.
        path: Below the world's folder.
        pixel_size_m: Of its grid.
        name: Unique in the world.
        is_classes: Whether it is a map of classes.
    """

    bands: tuple[str, ...]
    path: str
    pixel_size_m: float
    name: str
    is_classes: bool = False


def layers(world: World, scene: SceneTable, index: int) -> list[Layer]:
    """The files of a scene's product, and for pixels below 5 m the map of its buildings.

    Raises:
        SensorError: landweave simulates no product of this sensor.
    """
    sensor = sensor_of(scene)
    if sensor.name == "sentinel-2-l2a":
        return _sentinel2(world, scene, index)
    if sensor.name.startswith("landsat-"):
        return _landsat(world, scene, index)
    sizes = {band.pixel_size_m for band in sensor.bands}
    if len(sizes) == 1 and all(band.wavelength_nm and band.width_nm for band in sensor.bands):
        return _picture(scene, index)
    raise SensorError(
        f"a simulated scene of {sensor.name}",
        "sentinel-2-l2a, landsat-8-c2l2, landsat-9-c2l2, or a sensor whose bands all have the same pixel size, a "
        "wavelength and a width",
        "name another sensor in the world's scenes",
    )


def texts(world: World, scene: SceneTable, index: int, cloud_percent: float) -> dict[str, str]:
    """Metadata files of a scene's product by path, with a word in each that it is simulated."""
    if scene.sensor == "sentinel-2-l2a":
        return _safe_texts(world, scene, index, cloud_percent)
    if scene.sensor.startswith("landsat-"):
        return _landsat_texts(world, scene, index, cloud_percent)
    return _sidecar_texts(world, scene, index, cloud_percent)


def _time(scene: SceneTable, index: int) -> dt.datetime:
    # Scenes of one day differ by seconds, so that their names do.
    return dt.datetime.combine(scene.date, dt.time(10, 30, 0), dt.UTC) + dt.timedelta(seconds=index)


def _word(world: World) -> str:
    return f"Simulated by landweave: world {world.name}, seed {world.seed}. No satellite took this."


def _layer(bands: Sequence[str], path: str, pixel_size_m: float, index: int) -> Layer:
    return Layer(tuple(bands), f"{SCENES}/{path}", pixel_size_m, f"scene-{index:03d}-{'-'.join(bands)}")


def safe_name(world: World, scene: SceneTable, index: int) -> str:
    """The name of a Sentinel-2 product."""
    time = f"{_time(scene, index):%Y%m%dT%H%M%S}"
    orbit = world.seed % 143 + 1
    return f"S2A_MSIL2A_{time}_N{BASELINE.replace('.', '')}_R{orbit:03d}_T33UUP_{time}"


def _sentinel2(world: World, scene: SceneTable, index: int) -> list[Layer]:
    time = f"{_time(scene, index):%Y%m%dT%H%M%S}"
    base = f"{safe_name(world, scene, index)}.SAFE/GRANULE/L2A_T33UUP_A000001_{time}/IMG_DATA"
    sizes = [(band.name, round(band.pixel_size_m)) for band in sensor_of(scene).bands]
    bands = [_layer((name,), f"{base}/R{size}m/T33UUP_{time}_{name}_{size}m.jp2", size, index) for name, size in sizes]
    return [*bands, _layer((MASK,), f"{base}/R20m/T33UUP_{time}_SCL_20m.jp2", 20, index)]


def _safe_texts(world: World, scene: SceneTable, index: int, cloud_percent: float) -> dict[str, str]:
    name = safe_name(world, scene, index)
    time = f"{_time(scene, index):%Y-%m-%dT%H:%M:%S}.024Z"
    offsets = "".join(f'<BOA_ADD_OFFSET band_id="{band}">{_BOA_OFFSET}</BOA_ADD_OFFSET>' for band in range(13))
    text = (
        f'<?xml version="1.0" encoding="UTF-8"?>\n<!-- {escape(_word(world))} -->\n'
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
    folder = f"{SCENES}/{name}.SAFE"
    return {f"{folder}/MTD_MSIL2A.xml": text, f"{folder}/SIMULATED.txt": _word(world) + "\n"}


def landsat_name(scene: SceneTable, index: int) -> str:
    """The name of a Landsat product; the row of its path counts the world's scenes."""
    satellite = "LC08" if scene.sensor.startswith("landsat-8") else "LC09"
    return f"{satellite}_L2SP_192{index % 248 + 1:03d}_{scene.date:%Y%m%d}_{scene.date:%Y%m%d}_02_T1"


def _reflective(sensor: Sensor) -> list[str]:
    return [band.name for band in sensor.bands if band.unit == "reflectance"]


def _landsat(world: World, scene: SceneTable, index: int) -> list[Layer]:
    name, sensor = landsat_name(scene, index), sensor_of(scene)
    bands = [
        _layer((band,), f"{name}/{name}_{band}.TIF", sensor.band(band).pixel_size_m, index)
        for band in _reflective(sensor)
    ]
    return [*bands, _layer((MASK,), f"{name}/{name}_QA_PIXEL.TIF", 30, index)]


def _landsat_texts(world: World, scene: SceneTable, index: int, cloud_percent: float) -> dict[str, str]:
    name, sensor = landsat_name(scene, index), sensor_of(scene)
    bands = [(band.removeprefix("SR_B"), sensor.band(band)) for band in _reflective(sensor)]
    scales = {f"REFLECTANCE_MULT_BAND_{number}": f"{band.scale:g}" for number, band in bands}
    offsets = {f"REFLECTANCE_ADD_BAND_{number}": f"{band.offset:g}" for number, band in bands}
    groups = {
        "PRODUCT_CONTENTS": {
            "ORIGIN": _word(world),
            "LANDSAT_PRODUCT_ID": name,
            "PROCESSING_LEVEL": "L2SP",
            "COLLECTION_NUMBER": "02",
            "COLLECTION_CATEGORY": "T1",
        },
        "IMAGE_ATTRIBUTES": {
            "SPACECRAFT_ID": f"LANDSAT_{name[3]}",
            "SENSOR_ID": "OLI_TIRS",
            "DATE_ACQUIRED": f"{scene.date:%Y-%m-%d}",
            "SCENE_CENTER_TIME": f"{_time(scene, index):%H:%M:%S}.0000000Z",
            "CLOUD_COVER": f"{cloud_percent:.2f}",
        },
        "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS": {**scales, **offsets},
    }
    text = json.dumps({"LANDSAT_METADATA_FILE": groups}, indent=1)
    return {f"{SCENES}/{name}/{name}_MTL.json": text + "\n"}


def _picture_name(scene: SceneTable, index: int) -> str:
    return f"{scene.sensor}_{scene.date:%Y%m%d}_{index:03d}"


def _picture(scene: SceneTable, index: int) -> list[Layer]:
    name, sensor = _picture_name(scene, index), sensor_of(scene)
    found = [
        _layer(sensor.band_names, f"{name}/{name}.tif", sensor.pixel_size_m, index),
        _layer((MASK,), f"{name}/{name}_mask.tif", sensor.pixel_size_m, index),
    ]
    if sensor.pixel_size_m < 5:
        path = f"truth/buildings-{index:03d}.tif"
        found.append(Layer((BUILDINGS,), path, sensor.pixel_size_m, f"scene-{index:03d}-{BUILDINGS}", True))
    return found


def _sidecar_texts(world: World, scene: SceneTable, index: int, cloud_percent: float) -> dict[str, str]:
    name, sensor = _picture_name(scene, index), sensor_of(scene)
    bands = ", ".join(f'"{band}"' for band in sensor.band_names)
    text = (
        f"# {_word(world)}\n"
        f'id = "{name}"\nsensor = "{sensor.name}"\nbands = [{bands}]\n'
        f"datetime = {_time(scene, index):%Y-%m-%dT%H:%M:%S}Z\ncloud_cover = {cloud_percent:.4f}\n"
        f'mask = {{ kind = "valid", file = "{name}_mask.tif" }}\n'
    )
    return {f"{SCENES}/{name}/{name}.toml": text}

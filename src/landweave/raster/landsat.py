"""Landsat 8 and 9 Collection 2 level 2 folders as scenes."""

from __future__ import annotations

import datetime as dt
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from landweave.errors import RadiometryError, SceneError, SensorError
from landweave.raster.files import grid_of
from landweave.raster.scene import BandFile, MaskFile, Scene, check_grids
from landweave.sensors import Band, Sensor, sensor

_PRODUCT = re.compile(r"(L[COTEM]\d{2})_(L\w{3})_\d{6}_\d{8}_\d{8}_02_(?:T1|T2|RT)")
_SENSORS = {"LC08": "landsat-8-c2l2", "LC09": "landsat-9-c2l2"}
_METADATA = ("_MTL.json", "_MTL.txt", "_MTL.xml", "_SR_stac.json", "_ST_stac.json", "_stac.json")


def product_names(folder: Path) -> list[str]:
    """Names of the Landsat Collection 2 products whose metadata lie in `folder`."""
    found = {
        match[0]
        for path in folder.iterdir()
        if (match := _PRODUCT.match(path.name)) and path.name[match.end() :] in _METADATA
    }
    return sorted(found)


def read_landsat(folder: Path, product: str) -> Scene:
    """The scene of `product` in `folder`, with any part of its bands.

    Raises:
        SensorError: It is of a satellite or level that landweave does not read.
        SceneError: Metadata or bands are missing or damaged.
        RadiometryError: Scale and offset in the metadata are not those of Collection 2.
    """
    known = _sensor(folder, product)
    facts = _facts(folder, product)
    there = {path.stem.removeprefix(f"{product}_").upper(): path.resolve() for path in _tifs(folder, product)}
    files = {band.name: _band_file(there[band.name], band, known, facts) for band in known.bands if band.name in there}
    if not files:
        raise SceneError(
            f"{folder} without any band of {product}", f"files such as {product}_SR_B4.TIF", "fetch the bands"
        )
    mask = MaskFile(str(there["QA_PIXEL"]), "qa_pixel") if "QA_PIXEL" in there else None
    grids = {name: grid_of(file.href) for name, file in files.items()}
    check_grids(product, {**grids, **({"QA_PIXEL": grid_of(mask.href)} if mask else {})})
    return Scene(
        id=product,
        sensor=known,
        datetime=_time(folder, facts),
        grid=next(iter(grids.values())),
        files=files,
        mask=mask,
        cloud_cover=_clouds(folder, facts),
    )


def _tifs(folder: Path, product: str) -> list[Path]:
    return sorted(path for path in folder.glob(f"{product}_*") if path.suffix.lower() in (".tif", ".tiff"))


def _sensor(folder: Path, product: str) -> Sensor:
    match = _PRODUCT.match(product)
    # Landsat 5 and 7 number their bands otherwise, level 1 has other scales: read as these they would be wrong.
    satellite, level = (match[1], match[2]) if match else ("", "")
    if satellite not in _SENSORS or level not in ("L2SP", "L2SR"):
        raise SensorError(
            f"{product} in {folder}",
            "level 2 (L2SP, L2SR) of Landsat 8 or 9, Collection 2",
            "order the level 2 product, or describe the file with a sidecar TOML and a sensor of your own",
        )
    return sensor(_SENSORS[satellite])


def _band_file(path: Path, band: Band, known: Sensor, facts: Mapping[str, str]) -> BandFile:
    """The band with the sensor's scale and offset, which the metadata must confirm where they say it."""
    number = band.name.removeprefix("SR_B").removeprefix("ST_B")
    quantity = "TEMPERATURE" if band.name.startswith("ST_") else "REFLECTANCE"
    suffix = f"BAND_ST_B{number}" if quantity == "TEMPERATURE" else f"BAND_{number}"
    for what, expected in (("MULT", band.scale), ("ADD", band.offset)):
        stated = facts.get(f"{quantity}_{what}_{suffix}")
        if stated is not None and not _agrees(stated, expected):
            raise RadiometryError(
                f"{quantity}_{what}_{suffix} = {stated} beside {path.name}",
                f"{expected:g}, as in Collection 2 level 2",
                "fetch the product again, or describe the file with a sidecar TOML",
            )
    return BandFile(str(path), 1, band.scale, band.offset, known.nodata)


def _agrees(stated: str, expected: float) -> bool:
    try:
        return abs(float(stated) - expected) <= 1e-6 * max(1.0, abs(expected))
    except ValueError:
        return False


def _facts(folder: Path, product: str) -> dict[str, str]:
    """Keys and values of the metadata; for scale and offset only those of level 2."""
    # The MTL says the most, so it counts first where there are several.
    path = next(folder / f"{product}{ending}" for ending in _METADATA if (folder / f"{product}{ending}").is_file())
    try:
        if path.name.endswith("stac.json"):
            return _stac_facts(json.loads(path.read_text(encoding="utf-8")))
        if path.suffix == ".json":
            return _json_facts(json.loads(path.read_text(encoding="utf-8")))
        if path.suffix == ".xml":
            return _xml_facts(ET.parse(path).getroot())
        return _text_facts(path.read_text(encoding="utf-8"))
    except (ValueError, KeyError, TypeError, AttributeError, OSError, ET.ParseError) as error:
        raise SceneError(
            f"{path}: {error}", "whole metadata of Landsat Collection 2", "fetch the metadata file again"
        ) from error


# Level 1 of the same product has keys of the same names with other numbers.
_GROUPS = ("IMAGE_ATTRIBUTES", "LEVEL2_SURFACE_REFLECTANCE_PARAMETERS", "LEVEL2_SURFACE_TEMPERATURE_PARAMETERS")


def _json_facts(values: dict[str, Any]) -> dict[str, str]:
    (groups,) = values.values()
    return {key: str(value) for name in _GROUPS for key, value in groups.get(name, {}).items()}


def _xml_facts(root: ET.Element) -> dict[str, str]:
    groups = (root.find(name) for name in _GROUPS)
    return {item.tag: item.text or "" for group in groups if group is not None for item in group}


def _text_facts(text: str) -> dict[str, str]:
    facts: dict[str, str] = {}
    group = ""
    for line in text.splitlines():
        key, _, value = (part.strip() for part in line.partition("="))
        if key == "GROUP":
            group = value
        elif group in _GROUPS and value and key != "END_GROUP":
            facts[key] = value.strip('"')
    # A text that was cut is still a text; what it lost may be the digits of its last number.
    if not facts or text.rsplit(maxsplit=1)[-1] != "END":
        raise ValueError(f"END is missing, or all of the groups {', '.join(_GROUPS)}")
    return facts


def _stac_facts(values: dict[str, Any]) -> dict[str, str]:
    properties = values["properties"]
    facts = {"datetime": str(properties["datetime"])}
    if (clouds := properties.get("eo:cloud_cover")) is not None:
        facts["CLOUD_COVER"] = str(clouds)
    return facts


def _clouds(folder: Path, facts: Mapping[str, str]) -> float | None:
    text = facts.get("CLOUD_COVER", "-1")
    try:
        clouds = float(text)
    except ValueError as error:
        raise SceneError(
            f"CLOUD_COVER = {text} in the metadata in {folder}", "per cent", "fetch the metadata again"
        ) from error
    # The agency writes -1 where clouds were not assessed.
    return clouds if clouds >= 0 else None


def _time(folder: Path, facts: Mapping[str, str]) -> dt.datetime:
    text = facts.get("datetime") or f"{facts.get('DATE_ACQUIRED')}T{facts.get('SCENE_CENTER_TIME', '00:00:00Z')}"
    # Seven digits of a second are more than Python reads.
    short = re.sub(r"(\.\d{6})\d*", r"\1", text).replace("Z", "+00:00")
    try:
        time = dt.datetime.fromisoformat(short)
    except ValueError as error:
        raise SceneError(
            f"the time {text} in the metadata in {folder}", "a date", "fetch the metadata again"
        ) from error
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)

"""From where a scene was seen and lit: the means that Sentinel-2's products tell, or a TOML of one's own."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from landweave.config import Config, check, read_toml
from landweave.errors import SceneError
from landweave.raster.scene import Scene

_METADATA = "MTD_TL.xml"
# IMG_DATA/R10m/band.jp2 in level 2A, IMG_DATA/band.jp2 in level 1C.
_LEVELS = 3


@dataclass(frozen=True, slots=True)
class Angles:
    """Means of a scene in degrees.

    Attributes:
        sun_zenith: Of the sun, from straight above.
        view_zenith: Of the sensor, from straight above.
        azimuth: Between the directions to the sun and to the sensor; 0 with the sun behind the sensor.
    """

    sun_zenith: float
    view_zenith: float
    azimuth: float


class AnglesTable(Config):
    """Angles of one scene in a TOML file, as a table with the scene's id."""

    sun_zenith: float = Field(ge=0, lt=90)
    """Of the sun, in degrees from straight above."""
    sun_azimuth: float
    """Of the sun, in degrees clockwise from north."""
    view_zenith: float = Field(ge=0, lt=90)
    """Of the sensor, in degrees from straight above."""
    view_azimuth: float
    """Of the sensor, in degrees clockwise from north."""

    def made(self) -> Angles:
        """The value that this table stands for."""
        return Angles(self.sun_zenith, self.view_zenith, between(self.sun_azimuth, self.view_azimuth))


def between(first: float, second: float) -> float:
    """The angle between two directions in degrees, 0-180."""
    apart = abs(first - second) % 360
    return min(apart, 360 - apart)


def read_angles(path: Path) -> dict[str, Angles]:
    """Angles by the scene's id from a TOML file.

    Raises:
        ConfigError: The file does not fit.
    """
    return {name: check(AnglesTable, table, f"{path}: {name}").made() for name, table in read_toml(path).items()}


def angles_of(scene: Scene, told: Mapping[str, Angles] | None = None) -> Angles | None:
    """Angles of a scene: those told, else those that its product's MTD_TL.xml has; None where nothing tells.

    Raises:
        SceneError: The metadata cannot be read.
    """
    if told and scene.id in told:
        return told[scene.id]
    first = Path(next(iter(scene.files.values())).href)
    for folder in list(first.parents)[:_LEVELS]:
        if (folder / _METADATA).is_file():
            return _read(folder / _METADATA)
    return None


def _read(path: Path) -> Angles:
    try:
        root = ET.fromstring(path.read_bytes())
        sun = _pair(root, ".//Mean_Sun_Angle")
        views = [_two(one) for one in root.iterfind(".//Mean_Viewing_Incidence_Angle")]
        zenith, azimuth = (sum(view[i] for view in views) / len(views) for i in (0, 1))
    except (OSError, ET.ParseError, ValueError, AttributeError, ZeroDivisionError) as error:
        raise SceneError(
            f"{path}: {error}", "mean angles of the sun and of every band's view", "fetch the product again"
        ) from error
    return Angles(sun[0], zenith, between(sun[1], azimuth))


def _pair(root: ET.Element, name: str) -> tuple[float, float]:
    found = root.find(name)
    if found is None:
        raise ValueError(f"no {name}")
    return _two(found)


def _two(element: ET.Element) -> tuple[float, float]:
    zenith, azimuth = (float(element.findtext(name) or "") for name in ("ZENITH_ANGLE", "AZIMUTH_ANGLE"))
    return zenith, azimuth

"""Bands and sensors: names, wavelengths, pixel sizes, units, and how stored numbers become physical values."""

from __future__ import annotations

import importlib.resources
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, FiniteFloat

from landweave.config import AnyFloat, Config, check, nearest, read_toml
from landweave.errors import RadiometryError, SensorError

Unit = Literal["reflectance", "radiance", "brightness_temperature", "backscatter_db", "digital_number"]
DType = Literal["uint8", "uint16", "int16", "float32"]


@dataclass(frozen=True, slots=True)
class Band:
    """A spectral channel.

    Attributes:
        name: The sensor's own name ("B04").
        wavelength_nm: Centre; None where it has no meaning (radar).
        width_nm: Full width at half maximum; None where it has no meaning.
        pixel_size_m: Edge of a pixel on the ground.
        unit: What physical value is: number * scale + offset.
        scale: Physical value of one step of the stored number.
        offset: Physical value of the stored number 0, after the newest processing baseline.
        dtype: Type of the stored number.
    """

    name: str
    wavelength_nm: float | None
    width_nm: float | None
    pixel_size_m: float
    unit: Unit
    scale: float = 1.0
    offset: float = 0.0
    dtype: DType = "uint16"


@dataclass(frozen=True, slots=True)
class Sensor:
    """A sensor at one processing level.

    Attributes:
        name: Its key in sensors.toml ("sentinel-2-l2a").
        title: Its name for people.
        source: Where its numbers come from.
        bands: In the order in which the product's documentation lists them.
        rgb: Names of the bands for red, green and blue of a picture.
        nodata: The stored number that means no data, or None.
        baseline_offsets: From which processing baseline ("04.00") on which number is added to the stored one before
            scaling (-1000); empty where the product has no such offset.
    """

    name: str
    title: str
    source: str
    bands: tuple[Band, ...]
    rgb: tuple[str, str, str]
    nodata: float | None = 0
    baseline_offsets: Mapping[str, float] = field(default_factory=dict)

    @property
    def band_names(self) -> tuple[str, ...]:
        """Names of all bands in order."""
        return tuple(band.name for band in self.bands)

    @property
    def pixel_size_m(self) -> float:
        """The finest pixel size of all bands."""
        return min(band.pixel_size_m for band in self.bands)

    def band(self, name: str) -> Band:
        """The band called `name`.

        Raises:
            SensorError: There is none.
        """
        for band in self.bands:
            if band.name == name:
                return band
        raise SensorError(
            f"band {name} of {self.name}", nearest(name, self.band_names), "name a band that this sensor has"
        )

    def select(self, names: Iterable[str]) -> tuple[Band, ...]:
        """The bands called `names`, in that order.

        Raises:
            SensorError: One is unknown.
        """
        return tuple(self.band(name) for name in names)

    def offset_number(self, baseline: str | None, told: float | None = None) -> float:
        """The number to add to a stored one before scaling, for products of a processing baseline.

        Args:
            baseline: The processing baseline ("04.00", "0400", "N0400"), or None.
            told: What a sidecar or `--offset` says; it wins where the baseline does not tell.

        Raises:
            RadiometryError: The baseline does not tell ("N9999", None) and nobody told; or both tell, differently; or
                what was told is an offset that no baseline has.
        """
        if not self.baseline_offsets:
            return told or 0.0
        known = self.baseline_offset(baseline)
        if known is None:
            return self._told_offset(baseline, told)
        if told is not None and known != told:
            raise RadiometryError(
                f"offset {told:g} for {self.name} with processing baseline {baseline}",
                f"offset {known:g}, which this baseline has",
                "leave --offset away, or correct the baseline in the sidecar",
            )
        return known

    def _told_offset(self, baseline: str | None, told: float | None) -> float:
        if told is None:
            raise RadiometryError(
                f"{self.name} with processing baseline {baseline or 'unknown'}, which does not tell the offset",
                "a baseline that tells (below 04.00: 0, from 04.00 on: -1000), or the offset itself",
                "say it with --offset 0 or --offset -1000, or as offset in a sidecar TOML",
            )
        # One that no baseline has is a slip, or reflectance instead of stored numbers.
        known = sorted({0.0, *self.baseline_offsets.values()}, reverse=True)
        if told not in known:
            raise RadiometryError(
                f"offset {told:g} for {self.name}",
                f"in stored numbers, {' or '.join(f'{number:g}' for number in known)}",
                "correct --offset, or describe the file with a sidecar",
            )
        return told

    def baseline_offset(self, baseline: str | None) -> float | None:
        """The number that a processing baseline adds to stored ones; None where it does not tell."""
        digits = "".join(character for character in baseline or "" if character.isdigit())
        if len(digits) != 4 or digits == "9999":
            return None
        rules = {start.replace(".", ""): offset for start, offset in self.baseline_offsets.items()}
        begun = [start for start in rules if start <= digits]
        return rules[max(begun)] if begun else 0.0


class _BandTable(Config):
    """One band of a sensor TOML."""

    name: str
    """The sensor's own name for the band."""
    wavelength_nm: float | None = Field(default=None, gt=0)
    """Centre wavelength in nm; left away where it has no meaning."""
    width_nm: float | None = Field(default=None, gt=0)
    """Full width at half maximum in nm."""
    pixel_size_m: float = Field(gt=0)
    """Edge of a pixel on the ground in m."""
    unit: Unit | None = None
    """Unit of the physical value where it differs from the sensor's."""
    scale: FiniteFloat | None = Field(default=None, gt=0)
    """Scale where it differs from the sensor's."""
    offset: FiniteFloat | None = None
    """Offset where it differs from the sensor's."""


class SensorTable(Config):
    """A sensor as it stands in a TOML file, under [sensors.NAME]."""

    title: str
    """The name for people."""
    source: str
    """Where the numbers come from."""
    unit: Unit
    """Unit of the physical values."""
    scale: FiniteFloat = Field(default=1.0, gt=0)
    """Physical value = stored number * scale + offset."""
    offset: FiniteFloat = 0.0
    """Physical value of the stored number 0."""
    dtype: DType = "uint16"
    """Type of the stored numbers."""
    nodata: AnyFloat | Literal["none"] = 0
    """The stored number that means no data; nan for floats; "none" where every number is a value."""
    rgb: tuple[str, str, str]
    """Bands for red, green and blue of a picture."""
    baseline_offsets: dict[str, FiniteFloat] = Field(default_factory=dict)
    """From which processing baseline on which number is added before scaling; scale and offset describe the newest."""
    bands: list[_BandTable]
    """The bands in the product's order."""


class _SensorFile(Config):
    """A TOML file of sensors."""

    sensors: dict[str, SensorTable]
    """Sensors by name."""


def load_sensors(path: Path) -> dict[str, Sensor]:
    """A user's own sensors from a TOML file with tables [sensors.NAME].

    Raises:
        ConfigError: The file does not fit.
        SensorError: A sensor names a band twice, or a picture band that it has not.
    """
    return _build(read_toml(path), str(path))


@cache
def known_sensors() -> dict[str, Sensor]:
    """The sensors that landweave knows, by name (sensors.toml)."""
    text = importlib.resources.files("landweave").joinpath("sensors.toml").read_text(encoding="utf-8")
    return _build(tomllib.loads(text), "sensors.toml")


def sensor(name: str, extra: Mapping[str, Sensor] | None = None) -> Sensor:
    """The sensor called `name`, from `extra` (a user's own) or the known ones.

    Raises:
        SensorError: There is none.
    """
    every = {**known_sensors(), **(extra or {})}
    if name not in every:
        raise SensorError(f"sensor {name}", nearest(name, every), "name a known sensor or give its TOML with --sensors")
    return every[name]


def _build(values: Mapping[str, Any], source: str) -> dict[str, Sensor]:
    tables = check(_SensorFile, values, source).sensors
    return {name: _sensor(name, table) for name, table in tables.items()}


def _sensor(name: str, table: SensorTable) -> Sensor:
    bands = tuple(
        Band(
            name=band.name,
            wavelength_nm=band.wavelength_nm,
            width_nm=band.width_nm,
            pixel_size_m=band.pixel_size_m,
            unit=band.unit or table.unit,
            scale=table.scale if band.scale is None else band.scale,
            offset=table.offset if band.offset is None else band.offset,
            dtype=table.dtype,
        )
        for band in table.bands
    )
    nodata = None if table.nodata == "none" else table.nodata
    made = Sensor(name, table.title, table.source, bands, table.rgb, nodata, table.baseline_offsets)
    if len(set(made.band_names)) != len(bands):
        raise SensorError(f"{name} with bands {made.band_names}", "each band once", "rename or remove the double one")
    made.select(table.rgb)
    return made

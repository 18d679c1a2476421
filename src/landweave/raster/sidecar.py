"""Any GeoTIFF, or array in an .npz, as a scene, with a sidecar TOML that says what the file does not."""

from __future__ import annotations

import dataclasses
import datetime as dt
import re
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Literal

from odc.geo.geobox import GeoBox
from pydantic import Field, FiniteFloat
from rasterio import Affine

from landweave.config import AnyFloat, Config, load
from landweave.errors import GridError, RadiometryError, SceneError, SensorError
from landweave.raster.arrays import SUFFIX
from landweave.raster.files import check_whole, layer_names, using
from landweave.raster.inspect import inspect
from landweave.raster.scene import BandFile, MaskFile, MaskKind, Scene
from landweave.sensors import Band, Sensor, Unit, sensor


class MaskTable(Config):
    """Where the mask of a GeoTIFF with a sidecar is."""

    kind: MaskKind
    """scl (Sentinel-2 classes), qa_pixel (Landsat bits), cloud_mask (only 0 is usable) or valid (0 is not usable)."""
    file: str | None = None
    """File name beside the sidecar; left away where the mask is a band of the same file."""
    index: int = Field(default=1, ge=1)
    """The band of that file, from 1."""


class SidecarTable(Config):
    """The sidecar `<name>.toml` beside `<name>.tif` or `<name>.npz`."""

    sensor: str
    """A sensor that landweave knows (docs/sensors.md), or one from --sensors."""
    array: str | None = None
    """For an .npz: the name of its array, (height, width, bands)."""
    bands: list[str] = Field(min_length=1)
    """Names of the file's bands in the file's order; "-" for a band that is not used."""
    datetime: dt.datetime
    """When it was taken; UTC where no zone is given."""
    baseline: str | None = None
    """The processing baseline ("05.09"), for sensors whose offset depends on it."""
    scale: FiniteFloat | None = Field(default=None, gt=0)
    """Physical value = number * scale + offset; the sensor's own where left away."""
    offset: FiniteFloat | None = None
    """Physical value of the number 0; what baseline and sensor say where left away."""
    unit: Unit | None = None
    """The unit of number * scale + offset where it is not the sensor's."""
    nodata: AnyFloat | None = None
    """The number that means no data; the file's own, then the sensor's, where left away."""
    mask: MaskTable | None = None
    """Where clouds and missing pixels are marked."""
    georeference: Literal["file", "none"] = "file"
    """"none" where the file has no place on Earth: pixels of the sensor's size from (0, 0), without a CRS."""
    cloud_cover: float | None = Field(default=None, ge=0, le=100)
    """Per cent of the scene."""
    id: str | None = None
    """The scene's name; the file's where left away."""


def read_sidecar(path: Path, told: float | None, sensors: Mapping[str, Sensor] | None = None) -> Scene:
    """The scene of the GeoTIFF at `path` with its sidecar.

    Args:
        path: The GeoTIFF; `<name>.toml` lies beside it.
        told: The offset in stored numbers that a user gives for a baseline that does not tell.
        sensors: A user's own sensors.

    Raises:
        ConfigError: The sidecar does not fit.
        SensorError: Sensor or bands are unknown, doubled, not as many as in the file, or in another order.
        RadiometryError: Unit, scale and offset contradict each other or the numbers, or nobody tells the offset.
        SceneError: The file cannot be read.
    """
    table = load(SidecarTable, path.with_suffix(".toml"))
    known = sensor(table.sensor, sensors)
    href = str(path.resolve())
    if path.suffix.lower() == SUFFIX:
        href = f"{href}:{_array(path, table)}"
    with using(href) as file:
        names, nodata, grid = file.dataset.descriptions, file.dataset.nodata, file.grid
        types = set(file.dataset.dtypes)
    _check_bands(path, table, known, names)
    _check_types(path, types)
    if table.nodata is not None:
        nodata = table.nodata
    elif nodata is None and table.scale is None:
        nodata = known.nodata
    files = {
        name: BandFile(href, index, *_encoding(path, known.band(name), known, table, told), nodata)
        for index, name in enumerate(table.bands, start=1)
        if name != "-"
    }
    scene = Scene(
        id=table.id or path.stem,
        sensor=_with_unit(known, table.unit),
        datetime=table.datetime if table.datetime.tzinfo else table.datetime.replace(tzinfo=dt.UTC),
        grid=_grid(path, grid, known, table),
        files={name: files[name] for name in known.band_names if name in files},
        mask=_mask(path, table.mask),
        baseline=table.baseline,
        cloud_cover=table.cloud_cover,
    )
    inspect(scene, scene.bands, str(path))
    return scene


def _array(path: Path, table: SidecarTable) -> str:
    if table.array is None or table.georeference != "none":
        raise SceneError(
            f"{path.with_suffix('.toml')} with array = {table.array} and georeference = {table.georeference}",
            'the name of the array in the .npz, and georeference = "none"',
            "add them to the sidecar",
        )
    return table.array


def _check_bands(path: Path, table: SidecarTable, known: Sensor, names: Sequence[str | None]) -> None:
    named = [name for name in table.bands if name != "-"]
    known.select(named)
    if len(table.bands) != len(names):
        raise SensorError(
            f"{len(table.bands)} bands in {path.with_suffix('.toml').name} and {len(names)} in {path.name}",
            "one name for each band of the file, in the file's order",
            'correct bands in the sidecar; "-" stands for a band that is not used',
        )
    if not named or len(set(named)) != len(named):
        raise SensorError(
            f"bands {table.bands} in {path.with_suffix('.toml')}", "at least one band, each once", "correct the sidecar"
        )
    _check_order(path, table, known, names)


def _check_types(path: Path, types: Collection[str]) -> None:
    if odd := sorted(name for name in types if name.startswith("complex")):
        raise SceneError(
            f"{path} with numbers of type {odd[0]}",
            "whole or floating-point numbers",
            "write amplitudes or backscatter into a file, and name that one",
        )


def _check_order(path: Path, table: SidecarTable, known: Sensor, names: Sequence[str | None]) -> None:
    """Refuse an order that contradicts the names which the file itself gives to its bands."""
    plain = {_plain(name): name for name in known.band_names}
    for index, (stated, own) in enumerate(zip(table.bands, names, strict=True), start=1):
        name = plain.get(_plain(own or ""))
        if name is not None and stated not in ("-", name):
            raise SensorError(
                f"{stated} as band {index} in {path.with_suffix('.toml').name}; {path.name} calls that band {own}",
                f"bands in the file's order: {', '.join(own or '-' for own in names)}",
                "put the sidecar's bands into that order",
            )


def _plain(name: str) -> str:
    """ "b1" of "B01" and "B1": files leave zeros away."""
    return re.sub(r"(?<=[a-z_])0+(?=[0-9])", "", name.lower())


def _encoding(path: Path, band: Band, known: Sensor, table: SidecarTable, told: float | None) -> tuple[float, float]:
    """Scale and offset: the sidecar's word, else what the baseline or --offset says, else the sensor's."""
    if table.unit == "digital_number":
        if table.scale or table.offset:
            raise RadiometryError(
                f"unit digital_number with scale {table.scale} and offset {table.offset} for {path}",
                "digital numbers as they are, or scale and offset with a physical unit",
                "leave scale and offset away, or name the physical unit",
            )
        return 1.0, 0.0
    scale = band.scale if table.scale is None else table.scale
    if table.offset is not None:
        _check_told(known, band, table, told)
        return scale, table.offset
    if known.baseline_offsets:
        return scale, known.offset_number(table.baseline, told) * scale
    return scale, band.offset if table.scale is None else 0.0


def _check_told(known: Sensor, band: Band, table: SidecarTable, told: float | None) -> None:
    """Refuse an offset in the sidecar that contradicts --offset or the processing baseline beside it."""
    scale = band.scale if table.scale is None else table.scale
    stated = round(table.offset / scale) if table.offset else 0
    if told is not None and told != stated:
        raise RadiometryError(
            f"offset {told:g} and a sidecar that states {stated:g}", "one of them", "leave --offset away"
        )
    # Numbers on another scale were made anew by somebody: the baseline tells nothing of them.
    if not known.baseline_offsets or table.baseline is None or scale != band.scale:
        return
    number = known.baseline_offset(table.baseline)
    if number is not None and number != stated:
        raise RadiometryError(
            f"offset = {table.offset:g} in a sidecar with baseline {table.baseline}",
            f"offset = {number * scale:g}, which this baseline has",
            "leave offset away in the sidecar, or correct its baseline",
        )


def _with_unit(known: Sensor, unit: Unit | None) -> Sensor:
    if unit is None:
        return known
    raw = unit == "digital_number"
    bands = tuple(
        dataclasses.replace(band, unit=unit, scale=1.0 if raw else band.scale, offset=0.0 if raw else band.offset)
        for band in known.bands
    )
    return dataclasses.replace(known, bands=bands)


def _grid(path: Path, grid: GeoBox, known: Sensor, table: SidecarTable) -> GeoBox:
    if table.georeference == "none":
        return GeoBox(grid.shape, Affine.scale(known.pixel_size_m, -known.pixel_size_m), None)
    if grid.crs is None:
        check_whole(str(path))
        raise GridError(
            f"{path}, which has no CRS",
            "a file that says where it lies",
            'write its CRS into the file, or georeference = "none" into the sidecar',
        )
    return grid


def _mask(path: Path, mask: MaskTable | None) -> MaskFile | None:
    if mask is None:
        return None
    found = MaskFile(str((path.parent / mask.file if mask.file else path).resolve()), mask.kind, mask.index)
    if mask.index > (num_bands := len(layer_names(found.href))):
        raise SceneError(
            f"index {mask.index} of the mask in {path.with_suffix('.toml')}",
            f"a band of {found.href}, which has {num_bands}",
            "correct index or file of the mask in the sidecar",
        )
    return found

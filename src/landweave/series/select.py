"""Select a series from a catalog: n scenes a year below a share of clouds, paired between the years."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox
from pydantic import Field, field_validator

from landweave.config import Config
from landweave.errors import CatalogError, GridError, SensorError, SeriesError
from landweave.mapping.source import pixels
from landweave.provenance import write_record
from landweave.raster.catalog import read_catalog
from landweave.raster.scene import Scene
from landweave.sensors import Sensor
from landweave.series.pairs import one_a_day, pair, thin
from landweave.series.plan import Dated, Series, write_series
from landweave.spectra.indices import roles
from landweave.tiling import Tiling

_CORE_PX = 1024
# Bands of 60 m beside those of 10 m tell more of the air than of the ground.
_COARSEST = 2.0


class SelectJob(Config):
    """What `landweave series select` is to do."""

    catalog: Path
    """The catalog to select from."""
    per_year: int = Field(default=20, ge=0)
    """How many scenes of each year; 0 takes all that fit."""
    cloud: float = Field(default=0.4, ge=0, le=1)
    """Scenes with a larger share of clouds are left away."""
    pair_days: int | None = Field(default=6, ge=0)
    """Scenes of several years are taken together where their days of the year lie within so many days; left away, each
    year stands by itself."""
    bands: tuple[str, ...] = ()
    """Bands of the sensor; names such as blue, red, nir, swir16 where sensors are mixed. Empty takes all bands of
    reflectance that are not coarser than twice the finest."""
    years: tuple[int, ...] = ()
    """Only these years; empty takes all."""
    sensors: tuple[str, ...] = ()
    """Only scenes of these sensors; empty takes all."""
    reproject: bool = False
    """Read scenes in another CRS or with other pixels onto the grid of the finest; refused where false."""

    @field_validator("bands", "years", "sensors", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value


@dataclass(frozen=True, slots=True)
class Selected:
    """A series, and why the other scenes of the catalog are not in it.

    Attributes:
        series: What was selected.
        left: Reason to scenes.
        num_pairs: How many groups of years there are, before they were thinned out; None where years stand alone.
    """

    series: Series
    left: dict[str, tuple[Dated, ...]]
    num_pairs: int | None

    def counts(self) -> dict[int, int]:
        """Scenes of every year."""
        return {year: len(self.series.of_year(year).scenes) for year in self.series.years}


def select(job: SelectJob, out: Path) -> Selected:
    """Write series.json at `out`, and beside it a record with the scenes that were left away, and give both.

    Raises:
        CatalogError: The catalog cannot be read, or no scene is of the wanted sensors and years.
        SeriesError: Nothing is left of a year, or no scenes of the years pair.
        GridError: A scene has another CRS or other pixels, and `reproject` was not asked for.
        SensorError: A band is missing, or not of one unit with the others.
        OutputError: The place cannot be written.
    """
    found = choose(job, _wanted(job))
    write_series(found.series, out)
    left = {why: [f"{scene.id} ({scene.date})" for scene in scenes] for why, scenes in found.left.items()}
    configuration = {**job.model_dump(mode="json"), "left": left, "series": found.series.identity}
    write_record(out.with_name(out.name + ".json"), "series", configuration)
    return found


def choose(job: SelectJob, scenes: Sequence[Scene]) -> Selected:
    """The series of `scenes` that the job asks for; reads pixels only of scenes that do not tell their clouds."""
    sensors = {scene.sensor.name: scene.sensor for scene in scenes}
    bands, sensor_bands = bands_of(sensors.values(), job.bands)
    grid = common_grid(scenes, job.reproject)
    unit = _unit(scenes, sensor_bands)
    dated = [_dated(scene, sensor_bands[scene.sensor.name], grid) for scene in scenes]
    clear = [scene for scene in dated if scene.cloud is None or scene.cloud <= job.cloud]
    left = {f"more than {job.cloud:.0%} clouds": [scene for scene in dated if scene not in clear]}
    kept, left["another scene of the same day has fewer clouds"] = one_a_day(clear)
    chosen, num_pairs = _chosen(job, kept, sorted({scene.year for scene in dated}), left)
    series = Series(job.catalog, grid, bands, sensor_bands, tuple(chosen), unit)
    return Selected(series, {why: tuple(each) for why, each in left.items() if each}, num_pairs)


def _wanted(job: SelectJob) -> list[Scene]:
    scenes = [
        scene
        for scene in read_catalog(job.catalog)
        if scene.datetime.year in (job.years or (scene.datetime.year,))
        and scene.sensor.name in (job.sensors or (scene.sensor.name,))
    ]
    if missing := sorted(set(job.years) - {scene.datetime.year for scene in scenes}):
        raise CatalogError(
            f"{job.catalog} without a scene of {', '.join(map(str, missing))}",
            "at least one scene of each year",
            "leave these years away, or catalog their scenes",
        )
    if not scenes:
        named = ", ".join(job.sensors)
        raise CatalogError(f"{job.catalog} without scenes of {named}", "at least one", "check --sensors")
    return scenes


def _chosen(
    job: SelectJob, kept: Sequence[Dated], years: Sequence[int], left: dict[str, list[Dated]]
) -> tuple[list[Dated], int | None]:
    """The scenes to take, by date; what is left away goes to `left`."""
    by_year = {year: [scene for scene in kept if scene.year == year] for year in years}
    if empty := [year for year, scenes in by_year.items() if not scenes]:
        raise SeriesError(
            f"no scene of {', '.join(map(str, empty))} with at most {job.cloud:.0%} clouds",
            "at least one a year",
            "allow more clouds with --cloud, or leave these years away with --years",
        )
    if job.pair_days is None:
        groups = [thin([(scene,) for scene in each], job.per_year or len(each)) for each in by_year.values()]
        taken = [scene for group in groups for (scene,) in group]
        left["more than were asked for"] = [scene for scene in kept if scene not in taken]
        return sorted(taken, key=lambda scene: scene.date), None
    pairs = pair(by_year, job.pair_days)
    if not pairs:
        raise SeriesError(
            f"years {', '.join(map(str, years))} without days within {job.pair_days} of each other",
            "at least one scene of each year at about the same day",
            "give more --pair-days, or take each year by itself with --no-pairs",
        )
    paired = {scene.id for group in pairs for scene in group}
    groups_kept = thin(pairs, job.per_year or len(pairs))
    numbered = [replace(scene, pair=number) for number, group in enumerate(groups_kept) for scene in group]
    taken_ids = {scene.id for scene in numbered}
    left[f"no scene of every other year within {job.pair_days} days"] = [s for s in kept if s.id not in paired]
    left["more than were asked for"] = [s for s in kept if s.id in paired - taken_ids]
    return sorted(numbered, key=lambda scene: scene.date), len(pairs)


def bands_of(sensors: Iterable[Sensor], wanted: Sequence[str]) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
    """Names of the bands, and for each sensor its own names of them.

    Raises:
        SensorError: A sensor lacks one, or sensors have nothing in common.
    """
    every = list(sensors)
    if len(every) == 1:
        bands = tuple(band.name for band in every[0].select(wanted)) if wanted else _default(every[0])
        return bands, {every[0].name: bands}
    known = {sensor.name: roles(sensor, _default(sensor)) for sensor in every}
    # In the order of wavelengths, as roles come.
    shared = [role for role in known[every[0].name] if all(role in found for found in known.values())]
    names = tuple(wanted) or tuple(shared)
    missing = [name for name in names if name not in shared] if names else ["any band"]
    if missing:
        raise SensorError(
            f"{', '.join(missing)} of {', '.join(known)}",
            f"what all of them have: {', '.join(shared) or 'nothing'}",
            "name such bands with --bands, or take one sensor with --sensors",
        )
    return names, {sensor.name: tuple(_default(sensor)[known[sensor.name][name]] for name in names) for sensor in every}


def _default(sensor: Sensor) -> tuple[str, ...]:
    most = _COARSEST * sensor.pixel_size_m
    reflecting = [band for band in sensor.bands if band.unit == "reflectance"] or list(sensor.bands)
    return tuple(band.name for band in reflecting if band.pixel_size_m <= most)


def _unit(scenes: Sequence[Scene], sensor_bands: dict[str, tuple[str, ...]]) -> str:
    units: dict[str, str] = {}
    for scene in scenes:
        for band in scene.require(sensor_bands[scene.sensor.name]):
            units.setdefault(band.unit, f"{band.name} of {scene.id}")
    if len(units) > 1:
        shown = " and ".join(f"{name} in {unit}" for unit, name in units.items())
        raise SensorError(shown, "bands of one unit", "choose bands of one unit with --bands")
    return next(iter(units))


def common_grid(scenes: Sequence[Scene], reproject: bool) -> GeoBox:
    """The grid of the series: that of the first scene with the finest pixels.

    Raises:
        GridError: A scene has another CRS or its pixels lie elsewhere and may not be reprojected, or does not meet it.
    """
    first = min(scenes, key=lambda scene: abs(scene.grid.affine.a))
    for scene in scenes:
        is_alike = scene.grid.crs == first.grid.crs and _same_pixels(scene.grid, first.grid)
        if not (is_alike or reproject):
            raise GridError(
                f"scene {scene.id} with {_shown(scene.grid)}",
                f"the CRS and pixels of {first.id}: {_shown(first.grid)}",
                "give --reproject to interpolate, or select scenes of one grid",
            )
        if _is_elsewhere(scene.grid, first.grid):
            raise GridError(
                f"scene {scene.id}, which does not meet {first.id}",
                "scenes of one place",
                "catalog each place by itself",
            )
    return first.grid


def _same_pixels(grid: GeoBox, other: GeoBox) -> bool:
    """Whether pixels of both have the same size and lie on each other, whatever their extents."""
    step = ~other.affine @ grid.affine
    same_size = np.allclose((step.a, step.b, step.d, step.e), (1, 0, 0, 1), atol=1e-6)
    return bool(same_size and np.allclose((step.c, step.f), np.rint((step.c, step.f)), atol=1e-3))


def _is_elsewhere(grid: GeoBox, other: GeoBox) -> bool:
    there = grid.extent.to_crs(other.crs) if other.crs and grid.crs != other.crs else grid.extent
    return not there.intersects(other.extent)


def _shown(grid: GeoBox) -> str:
    corner = ", ".join(f"{value:.10g}" for value in (grid.affine.c, grid.affine.f))
    return f"CRS {grid.crs}, pixels of {abs(grid.affine.a):g}, corner {corner}"


def _dated(scene: Scene, bands: Sequence[str], grid: GeoBox) -> Dated:
    cloud = _measured(scene, bands, grid) if scene.cloud_cover is None else scene.cloud_cover / 100
    day = scene.datetime.date()
    return Dated(scene.id, scene.sensor.name, day, day.year, round(cloud, 4))


def _measured(scene: Scene, bands: Sequence[str], grid: GeoBox) -> float:
    """Share of the grid without valid pixels, for scenes whose metadata do not tell their clouds."""
    height, width = grid.shape
    tiles = Tiling((height, width), _CORE_PX, 0)
    num = sum(int(pixels(scene, bands[:1], grid, tile.core)[1].sum()) for tile in tiles)
    return 1.0 - num / (height * width)

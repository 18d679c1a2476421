"""A scene: one acquisition by one sensor at one time, as the files that hold its bands and its mask."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

from odc.geo.geobox import GeoBox

from landweave.errors import GridError, RadiometryError, SensorError
from landweave.sensors import Band, Sensor

MaskKind = Literal["scl", "qa_pixel", "cloud_mask", "valid"]


@dataclass(frozen=True, slots=True)
class BandFile:
    """Where one band's numbers are, and how they become physical values: number * scale + offset.

    Attributes:
        href: A path or URL.
        index: The band within the file, from 1.
        scale: Physical value of one step.
        offset: Physical value of the number 0; it already includes what the processing baseline says.
        nodata: The number that means no data, or None.
    """

    href: str
    index: int = 1
    scale: float = 1.0
    offset: float = 0.0
    nodata: float | None = None

    def __post_init__(self) -> None:
        # Here, whatever metadata they come from: a scale of 0 would make a scene of one value without a word.
        if not (math.isfinite(self.scale) and math.isfinite(self.offset) and self.scale):
            raise RadiometryError(
                f"scale {self.scale:g} and offset {self.offset:g} for {self.href}",
                "finite numbers, the scale not 0",
                "fetch the metadata again, or describe the file with a sidecar",
            )


@dataclass(frozen=True, slots=True)
class MaskFile:
    """Where a scene's mask is.

    Attributes:
        href: A path or URL.
        kind: Sentinel-2 SCL classes, Landsat QA_PIXEL bits, "cloud_mask" (only 0 is usable), "valid" (0 is not usable).
        index: The band within the file, from 1.
    """

    href: str
    kind: MaskKind
    index: int = 1


@dataclass(frozen=True, slots=True)
class Scene:
    """One acquisition by one sensor at one time.

    Attributes:
        id: The product's own name.
        sensor: The sensor with all its bands; its units are those of the values that `read` gives.
        datetime: When it was taken, with a time zone.
        grid: The grid of the finest bands that are there.
        files: Band name to file, in the sensor's order; any part of the sensor's bands.
        mask: Where clouds and missing pixels are marked, or None.
        baseline: The processing baseline ("05.09"), or None.
        cloud_cover: Per cent, or None.
    """

    id: str
    sensor: Sensor
    datetime: dt.datetime
    grid: GeoBox
    files: Mapping[str, BandFile]
    mask: MaskFile | None = None
    baseline: str | None = None
    cloud_cover: float | None = None

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of the bands that are there, in the sensor's order."""
        return tuple(name for name in self.sensor.band_names if name in self.files)

    def require(self, names: Iterable[str]) -> tuple[Band, ...]:
        """The bands called `names`, in that order.

        Raises:
            SensorError: The sensor does not have one of them, or the scene's folder lacks its file.
        """
        wanted = self.sensor.select(names)
        missing = [band.name for band in wanted if band.name not in self.files]
        if missing:
            raise SensorError(
                f"scene {self.id} without {', '.join(missing)}",
                f"these bands; it has {', '.join(self.bands)}",
                "fetch the missing files, or choose bands that are there",
            )
        return wanted


def check_grids(scene_id: str, grids: Mapping[str, GeoBox]) -> None:
    """Refuse files that are not of one place.

    Args:
        scene_id: The scene's name, for the message.
        grids: File or band name to its grid.

    Raises:
        GridError: Two have another CRS, or their edges lie further apart than two of their pixels.
    """
    # The finest file says the place, for the others are cut more coarsely.
    finest = min(grids, key=lambda name: abs(grids[name].affine.a))
    for name, grid in grids.items():
        if grid.crs != grids[finest].crs or not _same_extent(grid, grids[finest]):
            raise GridError(
                f"{name} of {scene_id} with {_shown(grid)}",
                f"the place of {finest}: {_shown(grids[finest])}",
                "remove the file that belongs to another product, or warp it to the others' place",
            )


def _same_extent(grid: GeoBox, other: GeoBox) -> bool:
    # Products of one place end up to a coarse pixel apart: each resolution is cut to whole pixels of its own.
    slack = 2 * max(abs(box.affine.a) + abs(box.affine.b) for box in (grid, other))
    mine, its = grid.extent.boundingbox, other.extent.boundingbox
    return all(abs(edge - its_edge) <= slack for edge, its_edge in zip(mine.bbox, its.bbox, strict=True))


def _shown(grid: GeoBox) -> str:
    edges = ", ".join(f"{edge:.10g}" for edge in grid.extent.boundingbox.bbox)
    return f"CRS {grid.crs} and edges {edges}"

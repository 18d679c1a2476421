"""What is reviewed: the events of a job, the scenes that show them, and the maps around them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import shapely
from affine import Affine
from odc.geo.geobox import GeoBox

from landweave.errors import ReviewError
from landweave.legend import Legend
from landweave.raster.catalog import read_catalog
from landweave.raster.scene import Scene
from landweave.review.events import NAME, Event, Header, read_events

FOLDER = "review"


@dataclass(frozen=True)
class Job:
    """The events of one job and what shows them.

    Attributes:
        path: The file of events.
        header: What it says of all of them.
        events: In the order of the file.
        grid: The pixels of the map.
        scenes: Those of the series, by date; empty where there is no series.
        maps: The folder with annual/YEAR.tif, or None.
    """

    path: Path
    header: Header
    events: tuple[Event, ...]
    grid: GeoBox
    scenes: tuple[Scene, ...]
    maps: Path | None

    @property
    def folder(self) -> Path:
        """Where decisions and the token are kept."""
        return self.path.parent / FOLDER

    @property
    def legend(self) -> Legend:
        """The classes."""
        return self.header.legend

    @cached_property
    def rows(self) -> Mapping[str, int]:
        """Id of an event to its place in the file."""
        return {event.id: row for row, event in enumerate(self.events)}

    def near(self, bounds: tuple[float, float, float, float]) -> list[int]:
        """Rows of the events that meet a rectangle (left, bottom, right, top) of the map's CRS."""
        return sorted(self._tree.query(shapely.box(*bounds)).tolist())

    @cached_property
    def _tree(self) -> shapely.STRtree:
        return shapely.STRtree(np.array([event.shape for event in self.events], object))


def open_job(path: Path, series: Path | None = None, maps: Path | None = None, *, has_scenes: bool = True) -> Job:
    """The job in a folder with events.parquet, or of such a file itself.

    Args:
        path: The folder or the file.
        series: series.json, where it lies elsewhere than the file of events says.
        maps: The folder with annual/YEAR.tif, likewise.
        has_scenes: Whether pictures are wanted; the series need not be there where they are not.

    Raises:
        ReviewError: There are no events, or what they refer to is not there.
        CatalogError: The catalog of the series cannot be read.
    """
    file = path / NAME if path.is_dir() else path
    if not file.is_file():
        raise ReviewError(
            f"{path} without {NAME}",
            "the output folder of landweave series change, or that of landweave review sample",
            "name that folder",
        )
    header, events = read_events(file)
    beside = file.resolve().parent
    series = series or (beside / header.series if header.series else None)
    known_maps = _find_maps(maps, beside, header)
    if not has_scenes:
        return Job(file, header, events, GeoBox((1, 1), Affine.identity(), None), (), known_maps)
    if not events:
        # Units may still be drawn on its maps: what was not found is looked for in a sample.
        raise ReviewError(f"{file}, which holds no event", "at least one event or sampling unit", "lower min_area")
    if series is None:
        raise ReviewError(f"{file}, which names no series", "events with the series that shows them", _SERIES)
    grid, scenes = _read_series(Path(os.path.normpath(series)))
    return Job(file, header, events, grid, tuple(scenes), known_maps)


def _find_maps(told: Path | None, beside: Path, header: Header) -> Path | None:
    """Where annual/YEAR.tif lies: where somebody says, beside the events, or where these say."""
    if told is not None:
        return told
    # The maps that hold the very changes that are judged come before those that they were found in.
    if (beside / "annual").is_dir():
        return beside
    return Path(os.path.normpath(beside / header.maps)) if header.maps else None


_SERIES = "name its file with --series series.json"


def _read_series(path: Path) -> tuple[GeoBox, list[Scene]]:
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        if told["format"] != 1:
            raise ReviewError(f"{path} of format {told['format']}", "format 1", "select the series anew")
        grid, wanted = _grid(told["grid"]), [str(entry["id"]) for entry in told["scenes"]]
        catalog = Path(os.path.normpath(path.resolve().parent / told["catalog"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, ReviewError):
            raise
        raise ReviewError(f"{path}, which cannot be read: {error!r}", "the series of these events", _SERIES) from error
    return grid, _named(path, {scene.id: scene for scene in read_catalog(catalog)}, wanted)


def _grid(told: Mapping[str, Any]) -> GeoBox:
    height, width = told["shape"]
    return GeoBox((int(height), int(width)), Affine(*told["transform"][:6]), told["crs"])


def _named(path: Path, known: Mapping[str, Scene], wanted: Sequence[str]) -> list[Scene]:
    if missing := [name for name in wanted if name not in known]:
        raise ReviewError(
            f"{path} with {len(missing)} scenes that its catalog lacks, {missing[0]} among them",
            "the catalog that the series was selected from",
            "make the catalog anew, or select the series anew",
        )
    return sorted((known[name] for name in wanted), key=lambda scene: scene.datetime)

"""Reviewed places as samples: what people said of changes and units, with the series of the pixels inside."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow
import shapely
from numpy.typing import NDArray
from odc.geo.crs import CRS
from pydantic import Field

from landweave.config import Config
from landweave.datasets.points import Points, join, write_points
from landweave.datasets.raw import centres
from landweave.errors import GridError, SeriesError
from landweave.jobs.run import Progress
from landweave.legend import Legend, legend, load_legends
from landweave.mapping.source import series_pixels
from landweave.provenance import file_sha256, write_record
from landweave.raster.scene import Scene
from landweave.series.draws import chances
from landweave.series.plan import Series, open_series
from landweave.series.samples import points_of
from landweave.tiling import Window

FORMAT = 1
_COLUMNS = ("from_id", "to_id", "is_last", "year", "geometry")
_EXPORT = "export them with landweave review export"
_STREAM = 3


class ReviewedSamples(Config):
    """What `landweave series label --decisions` is to do."""

    series: Path
    """The series whose pixels are taken."""
    decisions: Path
    """What people decided: decisions.parquet."""
    legend: str
    """The legend of the class ids in it."""
    legends: Path | None = None
    """TOML with legends of your own."""
    per_event: int = Field(default=25, ge=1)
    """At most so many pixels of each place."""
    seed: int = 0
    """Of the draw of pixels."""


@dataclass(frozen=True, eq=False)
class _Place:
    """A place that was decided on: its number, its land, its classes before and after, the year of its change."""

    number: int
    shape: Any
    before: int
    after: int
    year: int

    def label(self, year: int) -> int | None:
        """The class index in a year; None in the year in which it changed, whose series has something of both."""
        if self.before == self.after or year < self.year:
            return self.before
        return self.after if year > self.year else None


def run(job: ReviewedSamples, out: Path) -> Iterator[Progress]:
    """Write the pixels of reviewed places as samples.h5 at `out`, all of them for training.

    Every pixel gives a sample for every year: before the change it has the class before, after it the class after;
    the year of the change gives none. Decisions that were taken back or replaced do not count.

    Raises:
        SeriesError: The decisions cannot be read, or none lies on the series.
        LegendError: A class id is none of the legend.
        GridError: Decisions and series have another CRS.
    """
    series = open_series(job.series)
    wanted = legend(job.legend, load_legends(job.legends) if job.legends else None)
    places, scenes = _places(job.decisions, series, wanted), series.open_scenes()
    found: list[Points] = []
    for place in places:
        found += _points(job, series, scenes, wanted, place)
        yield Progress("samples", place.number + 1, len(places), "places", {"points": sum(map(len, found))})
    if not found:
        raise SeriesError(
            f"{job.decisions} without a place on the series of {', '.join(map(str, series.years))}",
            "decisions on changes or units within its grid and years",
            "check both files",
        )
    points = join(found)
    write_points(points, out)
    told = job.model_dump(mode="json", exclude={"series", "decisions", "legends"})
    write_record(out.with_name(out.name + ".json"), "reviewed samples",
                 {**told, "series": series.identity, "decisions": file_sha256(job.decisions)})  # fmt: skip


def _places(path: Path, series: Series, wanted: Legend) -> list[_Place]:
    table = _read(path)
    crs = None if table.crs is None else CRS(table.crs)
    if crs != series.grid.crs:
        named = "no CRS" if crs is None else f"EPSG:{crs.epsg}" if crs.epsg else table.crs.name
        raise GridError(
            f"decisions in {named} and a series in {series.grid.crs}", "one CRS", "review a map of this series"
        )
    last = table[table["is_last"]]
    ids = [wanted.to_indices(last[name].to_numpy(np.uint8)) for name in ("from_id", "to_id")]
    if (np.stack(ids) == 255).any():
        raise SeriesError(f"{path} with the id {wanted.nodata} for a class", "classes of the legend", _EXPORT)
    rows = zip(last.geometry, *ids, last["year"], strict=True)
    return [_Place(n, shape, int(a), int(b), int(year)) for n, (shape, a, b, year) in enumerate(rows)]


def _read(path: Path) -> geopandas.GeoDataFrame:
    try:
        table = geopandas.read_parquet(path)
        told = json.loads((pyarrow.parquet.read_schema(path).metadata or {})[b"landweave"])
        missing = [name for name in _COLUMNS if name not in table.columns]
    except (OSError, ValueError, KeyError, pyarrow.ArrowException) as error:
        raise SeriesError(f"{path}, which cannot be read: {error}", "decisions of landweave", _EXPORT) from error
    if told.get("format") != FORMAT or missing:
        raise SeriesError(
            f"{path} of format {told.get('format')} without {', '.join(missing) or 'nothing'}", "format 1", _EXPORT
        )
    return table


def _points(
    job: ReviewedSamples, series: Series, scenes: list[Scene], wanted: Legend, place: _Place
) -> Generator[Points, None, None]:
    """The samples of one place, year by year; none where it lies beyond the grid or in years without scenes."""
    window = _window(series, place)
    rows, cols = _pixels(job, series, window, place) if window else (np.zeros(0, int), np.zeros(0, int))
    if window is None or not len(rows):
        return
    values, valid = series_pixels(scenes, series.bands_of, series.grid, window)
    years = np.array([scene.year for scene in series.scenes])
    inside = rows - window.row, cols - window.col
    kept = {"values": values[:, :, *inside], "valid": valid[:, *inside], "place": np.stack([rows, cols], 1)}
    same = {"block": np.full(len(rows), place.number), "part": np.zeros(len(rows), np.uint8)}
    for year in series.years:
        if (label := place.label(year)) is not None:
            chosen = {**kept, **same, "label": np.full(len(rows), label)}
            yield points_of(series, wanted, chosen, years == year, year)


def _window(series: Series, place: _Place) -> Window | None:
    """The pixels that the place may have, within the grid."""
    a, b, c, d, e, f = (~series.grid.affine)[:6]
    left, bottom, right, top = place.shape.bounds
    corners = [(a * x + b * y + c, d * x + e * y + f) for x in (left, right) for y in (bottom, top)]
    (first_col, first_row), (last_col, last_row) = np.floor(np.min(corners, 0)), np.ceil(np.max(corners, 0))
    whole = Window(int(first_row), int(first_col), int(last_row - first_row), int(last_col - first_col))
    height, width = series.grid.shape
    found = whole.clip(Window(0, 0, height, width))
    return found if found.num_pixels else None


def _pixels(
    job: ReviewedSamples, series: Series, window: Window, place: _Place
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Rows and columns on the grid of the pixels whose middles lie in the place, those of the lowest chance."""
    rows, cols = (each.ravel() for each in np.mgrid[window.slices])
    x, y = centres(series.grid, rows, cols)
    chance = chances(job.seed, _STREAM, window, series.grid.shape[1]).ravel()
    inside = np.flatnonzero(shapely.contains_xy(place.shape, x, y))
    chosen = np.sort(inside[np.argsort(chance[inside], kind="stable")[: job.per_event]])
    return rows[chosen], cols[chosen]

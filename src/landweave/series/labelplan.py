"""What labels are made from: a series, an old map and its legend, checked before the first pixel of a scene is read."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, field_validator

from landweave.config import Config
from landweave.errors import GridError, LegendError, SampleError, SensorError, SeriesError
from landweave.evaluation.truth import Layer, described, legend_of
from landweave.legend import IGNORE, Crosswalk, Legend, crosswalk, legend, load_legends
from landweave.provenance import file_sha256, fingerprint
from landweave.raster.arrays import path_of
from landweave.raster.classes import read_legend, read_nodata
from landweave.raster.item import to_item
from landweave.raster.read import grid_of
from landweave.raster.resample import aligned_window, same_crs
from landweave.series.draws import Land
from landweave.series.labelblocks import Order
from landweave.series.plan import Series, open_series
from landweave.spectra.indices import known_indices, roles
from landweave.tiling import Tile, Tiling

# So many candidates for each pixel that a forest is trained on, and at least so many of a class, that clusters show.
_OVERSAMPLED, _FEWEST = 3, 2000
_COUNTED_PX = 1024
PURITY = "purity.json"
_PATHS = ("series", "map", "legends", "truth", "core_px")


class LabelJob(Config):
    """What `landweave series label` is to do."""

    series: Path
    """The series whose pixels are to be labelled."""
    map: Path
    """The old map: a raster of class ids."""
    legend: str | None = None
    """The map's legend; what its file tells where left away."""
    legends: Path | None = None
    """TOML with legends and crosswalks of your own."""
    to: str | None = None
    """The legend of the labels, to which a crosswalk leads from the map's; the map's own where left away."""
    resample: bool = False
    """Read a map in another CRS or pixel size onto the series' grid by the nearest pixel; refused where false."""
    truth: str | None = None
    """A map of what is true, to judge what was thrown out; {year} in its path stands for each year of the series."""
    clusters: int = Field(default=10, ge=1)
    """Into how many clusters the pixels of a class are divided."""
    keep_share: float = Field(default=0.95, ge=0, le=1)
    """Clusters are kept from the largest on until they hold this share of the class; 0 keeps the dominant one alone."""
    samples: int = Field(default=10_000, ge=1)
    """Pixels that the forest of each year is trained on, in proportion to the map's classes."""
    floor: int = Field(default=200, ge=0)
    """Fewest of a class, in the training of forests and among the points, as far as there are so many."""
    trees: int = Field(default=100, ge=1)
    """Trees of a forest."""
    folds: int = Field(default=3, ge=1)
    """Parts of the land, each judged by forests that were grown on the others; 1: by forests that were grown on it."""
    fold_px: int = Field(default=64, ge=1)
    """Edge of the squares of land that are of one such part, in pixels."""
    fall: float = Field(default=0.3, ge=0, le=1)
    """Most by which the forests' probability of a stable pixel's label may differ between the years; 1: by any."""
    points: int = Field(default=12_000, ge=1)
    """Stable pixels to draw in all, in proportion to the map's classes; training, validation and test together."""
    per_class: int | None = Field(default=None, ge=1)
    """Stable pixels to draw of each class, in place of `points` and `floor`."""
    per: str = Field(default="year", pattern="^(year|series)$")
    """year: a point is a pixel in one year; series: a pixel with all dates of the series."""
    fractions: tuple[float, float, float] = (0.6, 0.2, 0.2)
    """Shares of training, validation and test."""
    block_px: int = Field(default=32, ge=1)
    """Edge of the squares of land that are of one part, in pixels."""
    gap_px: int = Field(default=4, ge=1)
    """Pixels between the squares, from which nothing is drawn."""
    core_px: int = Field(default=256, ge=16)
    """Edge of the block that one task reads, in pixels."""
    seed: int = 0
    """Of everything that is drawn."""

    @field_validator("truth", mode="before")
    @classmethod
    def _text(cls, value: Any) -> Any:
        return None if value is None else str(value)


@dataclass(frozen=True)
class Prepared:
    """A job that was found good.

    Attributes:
        job: As it was asked for.
        series: Its series.
        map: The old map in the labels' legend.
        truths: What is true.
        legend: The classes of the labels.
        counts: Pixels of each class in the map.
        dropped: Classes of the map's own legend that no label comes from, with their pixels.
    """

    job: LabelJob
    series: Series
    map: Layer
    truths: tuple[Layer, ...]
    legend: Legend
    counts: tuple[int, ...]
    dropped: Mapping[str, int]

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything that decides the samples, and nothing that does not."""
        told = self.job.model_dump(mode="json", exclude=set(_PATHS))
        files = [file_sha256(path_of(str(layer.path))) for layer in (self.map, *self.truths)]
        scenes = fingerprint([to_item(scene).to_dict() for scene in self.series.open_scenes()])
        return {**told, "series": self.series.identity, "scenes": scenes, "map": files[0], "truth": files[1:],
                "classes": list(self.legend.names)}  # fmt: skip

    def order(self, folder: Path) -> Order:
        """What all tasks share."""
        series, job = self.series, self.job
        found = _roles(series)
        height, width = series.grid.shape
        return Order(
            folder.resolve(),
            tuple(series.open_scenes()),
            tuple(series.bands_of),
            tuple(scene.year for scene in series.scenes),
            series.grid,
            self.map,
            self.truths,
            self.legend,
            self.counts,
            found,
            Land((height, width), job.block_px, job.gap_px, job.fractions, job.seed),
            job.model_dump(mode="json", exclude=set(_PATHS)),
        )


def prepare(job: LabelJob) -> Prepared:
    """Check everything before the first pixel of a scene is read, and count the map.

    Raises:
        LegendError: Legend or crosswalk is not known, or ids of the map are no classes.
        GridError: The map has another CRS or other pixels and may not be resampled, or does not meet the series.
        SensorError: The series has no bands for any index.
        SampleError: Fewer than two classes are there.
    """
    series = open_series(job.series)
    _roles(series)
    extra = load_legends(job.legends) if job.legends else None
    told = legend(job.legend, extra) if job.legend else None
    own = _legend_of(job.map, told)
    walk = crosswalk(own.name, job.to, job.legends) if job.to and job.to != own.name else None
    layer = Layer(job.map, own, read_nodata(job.map), walk)
    _check_place(job.map, series, job.resample)
    wanted = walk.new if walk else own
    own_counts = _counts(Layer(job.map, own, layer.nodata), series)
    counts, dropped = _translated(own_counts, own, walk)
    if (num := int((counts > 0).sum())) < 2:
        raise SampleError(
            f"{job.map} with {num} classes of {wanted.name} where the series lies",
            "at least two classes",
            "check the legend, or take a map of this place",
        )
    truths = tuple(_truths(job, series, wanted))
    return Prepared(job, series, layer, truths, wanted, tuple(int(each) for each in counts), dropped)


def _roles(series: Series) -> dict[str, int]:
    """Which band of the series is blue, red and so on: by wavelengths, or by the names that mixed sensors share."""
    if series.unit != "reflectance":
        raise SeriesError(
            f"a series of {series.unit}", "reflectance, of which indices mean something", "select bands of reflectance"
        )
    if len(series.sensor_bands) > 1:
        found = {name: place for place, name in enumerate(series.bands)}
    else:
        found = roles(series.open_scenes()[0].sensor, series.bands)
    if not known_indices(found):
        raise SensorError(
            f"bands {', '.join(series.bands)}", "at least red and near infrared", "select a series with these bands"
        )
    return found


def _legend_of(path: Path, told: Legend | None) -> Legend:
    """The legend that was named; refused where the file tells of other classes."""
    if told is None:
        return legend_of(path)
    found = read_legend(path)
    if found is not None and (found.ids, found.names) != (told.ids, told.names):
        raise LegendError(
            f"{path} with the classes of {found.name}: {', '.join(found.names[:4])}, ...",
            f"those of {told.name}: {', '.join(told.names[:4])}, ...",
            "leave --legend away, or name the map's own and translate it with --to",
        )
    return told


def _check_place(path: Path, series: Series, resample: bool) -> None:
    """Refuse a map with another CRS or other pixels, or that lies elsewhere."""
    grid = grid_of(str(path))
    window = aligned_window(grid, series.grid) if same_crs(grid, series.grid) else None
    if window is None and not resample:
        raise GridError(
            f"a map with {described(grid)} and a series with {described(series.grid)}",
            "the same CRS and pixels of the same size at the same places",
            "add --resample to read the map by the nearest pixel, or make it anew on these pixels",
        )


def _counts(layer: Layer, series: Series) -> NDArray[np.int64]:
    """Pixels of each class of the layer's legend on the series' grid, block by block."""
    counts = np.zeros(256, np.int64)
    for tile in blocks(series, _COUNTED_PX):
        counts += np.bincount(layer.indices(tile.core.on(series.grid)).ravel(), minlength=256)
    if not counts[:IGNORE].sum():
        raise GridError(
            f"{layer.path} without a labelled pixel where the series lies", "a map of this place", "check both files"
        )
    return counts[: len(layer.legend)]


def _translated(
    counts: NDArray[np.int64], own: Legend, walk: Crosswalk | None
) -> tuple[NDArray[np.int64], dict[str, int]]:
    """The counts in the legend of the labels, and the classes that are lost on the way with their pixels."""
    if walk is None:
        return counts, {}
    new, to = np.zeros(len(walk.new), np.int64), walk.indices()[: len(own)]
    np.add.at(new, to[to != IGNORE], counts[to != IGNORE])
    lost = [index for index in range(len(own)) if to[index] == IGNORE and counts[index]]
    return new, {own.names[index]: int(counts[index]) for index in lost}


def _truths(job: LabelJob, series: Series, wanted: Legend) -> Iterator[Layer]:
    """What is true at each time that somebody knows it, in the legend of the labels."""
    if job.truth is None:
        return
    for name in dict.fromkeys(job.truth.replace("{year}", str(year)) for year in series.years):
        path = Path(name)
        _check_place(path, series, job.resample)
        yield Layer(path, _legend_of(path, wanted), read_nodata(path))


def blocks(series: Series, core_px: int) -> list[Tile]:
    """The blocks that tasks read."""
    height, width = series.grid.shape
    return list(Tiling((height, width), core_px, 0))

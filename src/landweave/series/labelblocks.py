"""Tasks of a job that makes labels: candidates of a block, a year's forest, the stable pixels, and the samples."""

from __future__ import annotations

import functools
import io
from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy
from jaxtyping import Bool, Float32, Float64, Int64, UInt8
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landweave.atomic import write_bytes
from landweave.classical import forest
from landweave.classical.forest import Forest
from landweave.evaluation.truth import Layer
from landweave.jobs.executor import Summary
from landweave.jobs.worker import threads
from landweave.legend import IGNORE, Legend
from landweave.mapping.source import series_pixels
from landweave.raster.dates import days
from landweave.raster.scene import Scene
from landweave.raster.write import write_tile
from landweave.series.draws import Land, chances, folds, lowest
from landweave.series.weaklabels import (
    Annual,
    agreement,
    annual,
    index_features,
    purify,
    training_places,
    unseen_by,
)
from landweave.tiling import Tile

CANDIDATES, POINTS = 1, 2
"""Streams of chance: what trains a forest must not decide what is drawn from its map."""
_UNKNOWN = 255


@dataclass(frozen=True)
class Order:
    """What all tasks of a job share.

    Attributes:
        folder: The job's.
        scenes: Of the series, by date.
        bands_of: Names of the bands of each scene.
        years: The year of each scene.
        grid: The series'.
        map: The old map.
        truths: What is true, one for each time that it is known of; empty where nobody knows.
        legend: The classes.
        counts: Pixels of each class in the map.
        roles: Which band is blue, red and so on.
        land: Blocks and their parts.
        job: Everything that was asked for, by key.
    """

    folder: Path
    scenes: tuple[Scene, ...]
    bands_of: tuple[tuple[str, ...], ...]
    years: tuple[int, ...]
    grid: GeoBox
    map: Layer
    truths: tuple[Layer, ...]
    legend: Legend
    counts: tuple[int, ...]
    roles: Mapping[str, int]
    land: Land
    job: Mapping[str, Any]

    def forest_path(self, year: int) -> Path:
        """Where the forests of a year stand."""
        return self.folder / "forests" / f"{year}.safetensors"


@dataclass(frozen=True, eq=False)
class Seen:
    """Labelled pixels of a block with their series.

    Attributes:
        place: (row, col) of each pixel in the block; in files (row, col) on the whole grid.
        label: Class index of each in the old map.
        right: 1 where the truth says the same, 0 where it does not, 255 where nobody knows.
        chance: Of each.
        values: (T, C, n).
        valid: (T, n).
    """

    place: Int64[np.ndarray, "n 2"]
    label: UInt8[np.ndarray, " n"]
    right: UInt8[np.ndarray, " n"]
    chance: Float64[np.ndarray, " n"]
    values: Float32[np.ndarray, "t c n"]
    valid: Bool[np.ndarray, "t n"]


@dataclass(frozen=True)
class BlockTask:
    """A block, and below which chance pixels of each class (and part) of it are taken.

    Attributes:
        order: What all tasks share.
        phase: "gather", "stable" or "draw".
        tile: Which block.
        rates: By class; for samples by part and class.
        stamp: What changes with the content of what the task builds on.
    """

    order: Order
    phase: str
    tile: Tile
    rates: tuple[tuple[float, ...], ...] = ()
    stamp: str = ""

    @property
    def key(self) -> str:
        """Names phase and block, and what the task builds on."""
        return "-".join(part for part in (self.phase, self.tile.key, self.stamp) if part)

    @property
    def path(self) -> Path:
        """What the task writes."""
        ending = "tif" if self.phase == "stable" else "npz"
        return self.order.folder / self.phase / f"{self.tile.key}.{ending}"


@dataclass(frozen=True)
class FitTask:
    """A year whose forest is to be grown from the candidates of all blocks.

    Attributes:
        order: What all tasks of the job share.
        year: Which year.
        gathered: Files of the candidates.
        wanted: How many candidates of each class are looked at.
        stamp: What changes with the blocks that they come from.
    """

    order: Order
    year: int
    gathered: tuple[Path, ...]
    wanted: tuple[int, ...]
    stamp: str

    @property
    def key(self) -> str:
        """Names the year, and the blocks that its candidates come from."""
        return f"fit-{self.year}-{self.stamp}"

    @property
    def path(self) -> Path:
        """The forest."""
        return self.order.forest_path(self.year)


def gather(task: BlockTask) -> Summary:
    """Write the candidates of a block: labelled pixels below the chance of their class, with their series."""
    order, label = task.order, task.order.map.indices(task.tile.core.on(task.order.grid))
    chance = chances(order.job["seed"], CANDIDATES, task.tile.core, order.grid.shape[1])
    seen = _read(task, label, chance < _per_class(task.rates[0], label), chance)
    _write_arrays(task.path, **_arrays(seen, task.tile))
    cloudy = _cloudy(order, seen)
    return {"candidates": len(seen.label), **cloudy}


def fit(task: FitTask) -> Summary:
    """Grow the forests of a year on the largest clusters of each class; the summary counts what was kept."""
    order, job = task.order, task.order.job
    loaded = [load_arrays(path) for path in task.gathered]
    label, chance, right = (np.concatenate([part[name] for part in loaded]) for name in ("label", "chance", "right"))
    # In the order of chance, so that the first of each class are a random sample of it.
    rows = lowest(chance, label, dict(enumerate(task.wanted)))
    rows = rows[np.argsort(chance[rows], kind="stable")]
    series = _annual_of(order, np.concatenate([part["values"] for part in loaded], 2)[..., rows],
                        np.concatenate([part["valid"] for part in loaded], 1)[:, rows], task.year)  # fmt: skip
    label, right = label[rows], right[rows]
    kept, told = _purified(order, label, series)
    fold = _folds(order, np.concatenate([part["place"] for part in loaded])[rows])
    trained, arrays = np.zeros(len(label), np.bool_), dict[str, NDArray[Any]]()
    for number in range(_num_folds(order)):
        elsewhere = unseen_by(label, kept, fold, number, job["floor"])
        chosen = training_places(label, elsewhere, order.counts, job["samples"], job["floor"])
        trained[chosen] = True
        grown = forest.fit(
            series.flat[chosen],
            label[chosen],
            len(order.legend),
            num_trees=job["trees"],
            seed=job["seed"],
            num_threads=threads(),
        )
        arrays |= {f"{number}.{name}": array for name, array in grown.to_arrays().items()}
    write_bytes(task.path, safetensors.numpy.save(arrays))
    return told | _kept_counts(order, label, right, kept, trained)


def stable(task: BlockTask) -> Summary:
    """Write where the forests of all years tell the label of the old map, as class ids; count by class and part."""
    order = task.order
    label = order.map.indices(task.tile.core.on(order.grid))
    seen = _read(task, label, label != IGNORE, np.zeros(label.shape))
    out = np.full(label.shape, IGNORE, np.uint8)
    counts: dict[str, int] = {}
    if len(seen.label):
        years = {year: _annual_of(order, seen.values, seen.valid, year) for year in sorted(set(order.years))}
        fold = _folds(order, seen.place + np.array([task.tile.core.row, task.tile.core.col]))
        forests, fall = _forests(order), order.job["fall"]
        agreed, everywhere = agreement(seen.label, fold, years, forests, num_threads=threads(), fall=fall)
        out[tuple(seen.place[everywhere].T)] = seen.label[everywhere]
        counts = _stable_counts(order, seen, agreed, everywhere) | _part_counts(task, out)
    write_tile(task.path, order.legend.to_ids(out)[None], task.tile.core.on(order.grid), nodata=order.legend.nodata)
    return counts | _cloudy(order, seen)


def draw(task: BlockTask) -> Summary:
    """Write the samples of a block: stable pixels below the chance of their part and class, with their series."""
    order = task.order
    stood = Layer(task.order.folder / "stable" / f"{task.tile.key}.tif", order.legend, order.legend.nodata)
    label = stood.indices(task.tile.core.on(order.grid))
    chance = chances(order.job["seed"], POINTS, task.tile.core, order.grid.shape[1])
    block, part = _parts(task)
    rates = np.array([_per_class(row, label) for row in task.rates])
    limit = np.where(block < 0, 0, np.take_along_axis(rates, part[None].astype(np.int64), 0)[0])
    seen = _read(task, label, chance < limit, chance)
    inside = tuple(seen.place.T)
    _write_arrays(task.path, **_arrays(seen, task.tile), block=block[inside], part=part[inside])
    return {"drawn": len(seen.label)}


def _read(
    task: BlockTask,
    label: UInt8[np.ndarray, "h w"],
    wanted: Bool[np.ndarray, "h w"],
    chance: Float64[np.ndarray, "h w"],
) -> Seen:
    """The wanted pixels of a block with their series and what is true of them."""
    order, place = task.order, np.argwhere(wanted)
    rows, cols = place.T
    if not len(place):
        values = np.zeros((len(order.scenes), len(order.bands_of[0]), 0), np.float32)
        valid = np.zeros((len(order.scenes), 0), np.bool_)
    else:
        # Nothing is read of a block from which nothing is wanted: most of a scene, where samples are few.
        whole, seen = series_pixels(order.scenes, order.bands_of, order.grid, task.tile.core)
        values, valid = whole[:, :, rows, cols], seen[:, rows, cols]
    right = _right(order, task, label)[rows, cols]
    return Seen(place, label[rows, cols], right, chance[rows, cols], values, valid)


def _right(order: Order, task: BlockTask, label: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "h w"]:
    """1 where the old map says what is true at all times that are known, 0 where not, 255 where nobody knows."""
    if not order.truths:
        return np.full(label.shape, _UNKNOWN, np.uint8)
    told = np.stack([truth.indices(task.tile.core.on(order.grid)) for truth in order.truths])
    right = (told == label).all(0).astype(np.uint8)
    return np.where((told == IGNORE).any(0), np.uint8(_UNKNOWN), right)


def _per_class(rates: tuple[float, ...], label: UInt8[np.ndarray, "h w"]) -> Float64[np.ndarray, "h w"]:
    table = np.zeros(256)
    table[: len(rates)] = rates
    return np.asarray(table[label])


def _annual_of(order: Order, values: NDArray[np.float32], valid: NDArray[np.bool_], year: int) -> Annual:
    dates = days([scene.datetime.date() for scene in order.scenes])
    return annual(values, valid, dates, np.array(order.years), year)


def _purified(order: Order, label: NDArray[np.uint8], series: Annual) -> tuple[NDArray[np.bool_], dict[str, int]]:
    """Which candidates are kept, and the sizes of the clusters of every class."""
    kept, told = np.zeros(len(label), np.bool_), dict[str, int]()
    for index in np.unique(label):
        here = np.flatnonzero((label == index) & series.seen)
        if not len(here):
            continue
        some = Annual(series.values[here], series.seen[here])
        found = purify(
            index_features(some, order.roles), order.job["clusters"], order.job["keep_share"], order.job["seed"]
        )
        kept[here] = found.kept
        told[f"clusters_{index}"] = len(found.sizes)
        told[f"largest_{index}"] = found.sizes[0]
    return kept, told


def _kept_counts(
    order: Order,
    label: NDArray[np.uint8],
    right: NDArray[np.uint8],
    kept: NDArray[np.bool_],
    trained: NDArray[np.bool_],
) -> dict[str, int]:
    """Candidates, those kept, those taken for training, and how many of each the truth contradicts; by class."""
    told: dict[str, int] = {}
    for name, which in (("candidates", np.ones_like(kept)), ("kept", kept), ("trained", trained)):
        for index in range(len(order.legend)):
            here = which & (label == index)
            told[f"{name}_{index}"] = int(here.sum())
            if order.truths:
                told[f"{name}_wrong_{index}"] = int((right[here] == 0).sum())
    return told


def _stable_counts(
    order: Order, seen: Seen, agreed: Mapping[int, NDArray[np.bool_]], everywhere: NDArray[np.bool_]
) -> dict[str, int]:
    told: dict[str, int] = {}
    for index in range(len(order.legend)):
        here = seen.label == index
        told[f"stable_{index}"] = int((everywhere & here).sum())
        for year, where in agreed.items():
            told[f"agreed_{year}_{index}"] = int((where & here).sum())
        if order.truths:
            told[f"wrong_{index}"] = int((here & (seen.right == 0)).sum())
            told[f"known_{index}"] = int((here & (seen.right != _UNKNOWN)).sum())
            told[f"stable_known_{index}"] = int((here & everywhere & (seen.right != _UNKNOWN)).sum())
            told[f"stable_wrong_{index}"] = int((here & everywhere & (seen.right == 0)).sum())
    return told


def _part_counts(task: BlockTask, out: UInt8[np.ndarray, "h w"]) -> dict[str, int]:
    """Stable pixels of every class that lie within a block of every part."""
    block, part = _parts(task)
    told: dict[str, int] = {}
    for index in np.unique(out[out != IGNORE]):
        for number in range(3):
            num = int(((out == index) & (block >= 0) & (part == number)).sum())
            told[f"part_{number}_{index}"] = num
    return told


def _parts(task: BlockTask) -> tuple[NDArray[np.int32], NDArray[np.uint8]]:
    land = task.order.land
    block = land.blocks(task.tile.core)
    return block, _dealt(land)[np.maximum(block, 0)]


@functools.lru_cache(maxsize=4)
def _dealt(land: Land) -> NDArray[np.uint8]:
    return land.parts()


def _cloudy(order: Order, seen: Seen) -> dict[str, int]:
    """How many of the pixels have no valid date in a year."""
    years = np.array(order.years)
    return {f"cloudy_{year}": int((~seen.valid[years == year].any(0)).sum()) for year in sorted(set(order.years))}


def _num_folds(order: Order) -> int:
    """Parts of the land: no more than there are squares."""
    height, width = (-(-side // order.job["fold_px"]) for side in order.land.shape)
    return int(min(order.job["folds"], height * width))


def _folds(order: Order, place: Int64[np.ndarray, "n 2"]) -> Int64[np.ndarray, " n"]:
    return folds(place, order.job["fold_px"], _num_folds(order))


def _forests(order: Order) -> dict[int, list[Forest]]:
    paths = {year: order.forest_path(year) for year in sorted(set(order.years))}
    return {year: _forest(path, path.stat().st_mtime_ns) for year, path in paths.items()}


@functools.lru_cache(maxsize=64)
def _forest(path: Path, _: int) -> list[Forest]:
    """The forests at `path`, one for each part of the land, read once a process as long as it is the same file."""
    arrays, parts = safetensors.numpy.load(path.read_bytes()), dict[int, dict[str, NDArray[Any]]]()
    for key, array in arrays.items():
        part, name = key.split(".", 1)
        parts.setdefault(int(part), {})[name] = array
    return [Forest.from_arrays(parts[number]) for number in sorted(parts)]


def _arrays(seen: Seen, tile: Tile) -> dict[str, NDArray[Any]]:
    found = {field.name: getattr(seen, field.name) for field in fields(seen)}
    return {**found, "place": seen.place + np.array([tile.core.row, tile.core.col])}


def _write_arrays(path: Path, **arrays: Any) -> None:
    content = io.BytesIO()
    np.savez(content, **arrays)
    write_bytes(path, content.getvalue())


def load_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """What `gather` or `draw` wrote."""
    with np.load(path) as file:
        return {name: file[name] for name in file.files}

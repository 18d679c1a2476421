"""One task of mapping a series: read a tile of all dates, predict span by span, write labels and probabilities."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt8
from odc.geo.geobox import GeoBox

from landweave.errors import SceneError
from landweave.jobs.executor import TRIES, Summary
from landweave.jobs.ledger import LACKS
from landweave.jobs.worker import Stopwatch, threads
from landweave.legend import IGNORE, Legend
from landweave.mapping.predictor import Precision
from landweave.mapping.source import series_pixels
from landweave.models.series.input import SeriesInput
from landweave.provenance import fingerprint
from landweave.raster.dates import days as days_of
from landweave.raster.dates import regular
from landweave.raster.files import bytes_had
from landweave.raster.scene import Scene
from landweave.raster.write import write_cog, write_tile
from landweave.series.predict import BATCH_PX, SeriesPredictor, ready, told
from landweave.series.spans import Span
from landweave.tiling import Tile

_CHUNK_PX = 8 * BATCH_PX


@dataclass(frozen=True, slots=True)
class Order:
    """What all tasks of mapping a series have in common.

    Attributes:
        card: The card's folder.
        identity: The card's identity; another card under that path is refused.
        precision: What networks compute in.
        device: Where they compute.
        grid: Of all maps.
        folder: Where everything is written.
        bands: For each sensor its names of the card's bands.
        taken: How dates are taken where all spans share regular ones; None where each span takes its own.
    """

    card: Path
    identity: str
    precision: Precision
    device: str
    grid: GeoBox
    folder: Path
    bands: tuple[tuple[str, tuple[str, ...]], ...]
    taken: SeriesInput | None

    @property
    def predictor(self) -> SeriesPredictor:
        """The card, loaded once a process."""
        return ready(self.card, self.identity, self.precision, self.device)


@dataclass(frozen=True, slots=True)
class SpansTask:
    """The maps of some spans in one tile.

    Attributes:
        order: What all tasks share.
        tile: Which pixels.
        scenes: The scenes that the spans need, by date.
        wanted: Days since 1970 of the dates that spans count; those of the scenes where dates are taken as they come.
        spans: Which maps, counted in `wanted`.
        is_annual: Whether each span is a year's series alone, on dates of its own.
        stamp: What changes with scenes and spans.
    """

    order: Order
    tile: Tile
    scenes: tuple[Scene, ...]
    wanted: tuple[int, ...]
    spans: tuple[Span, ...]
    is_annual: bool
    stamp: str

    @property
    def key(self) -> str:
        """Names the tile, the scenes and the spans."""
        return f"{self.tile.key}-{self.stamp}"

    @property
    def path(self) -> Path:
        """Its file: labels of all spans, then top probabilities of all."""
        return self.order.folder / "tiles" / f"{self.key}.tif"


def map_spans(task: SpansTask) -> Summary:
    """Map some spans in one tile: each file is read once, and each date is computed once as far as spans share it."""
    watch, had, lost = Stopwatch(), bytes_had(), list[str]()
    with watch("load"):
        predictor = task.order.predictor
    with watch("read"):
        values, valid = _read(task, lost)
    found = watch.compute(functools.partial(predicted, task, predictor, values, valid))
    with watch("write"):
        labels = predictor.card.legend.to_ids(found[0])
        write_tile(task.path, np.concatenate([labels, found[1]]), task.tile.core.on(task.order.grid))
    known = found[0] != IGNORE
    return {
        **watch.seconds,
        "tiles": 1,
        "written_px": found[0].size,
        "valid_px": int(known.sum()),
        "pixels": task.tile.core.num_pixels,
        "never_valid_px": int((~known.any(0)).sum()),
        "read_bytes": bytes_had() - had,
        "written_bytes": task.path.stat().st_size,
        **({LACKS: "; ".join(lost)} if lost else {}),
    }


def _read(task: SpansTask, lost: list[str]) -> tuple[Float32[np.ndarray, "t c h w"], Bool[np.ndarray, "t h w"]]:
    """All dates of the tile; a scene that cannot be read is told in `lost`, and is not valid anywhere.

    Raises:
        SceneError: None can be read.
    """
    names = dict(task.order.bands)
    num_bands = len(next(iter(names.values())))
    values = np.zeros((len(task.scenes), num_bands, *task.tile.core.shape), np.float32)
    valid = np.zeros((len(task.scenes), *task.tile.core.shape), np.bool_)
    for place, scene in enumerate(task.scenes):
        for left in reversed(range(TRIES)):
            try:
                one = series_pixels([scene], [names[scene.sensor.name]], task.order.grid, task.tile.core)
                values[place], valid[place] = one[0][0], one[1][0]
                break
            except SceneError as error:
                if not left:
                    lost.append(f"scene {scene.id}: {error.given}")
                    if len(lost) == len(task.scenes):
                        raise
    return values, valid


def predicted(
    task: SpansTask,
    predictor: SeriesPredictor,
    values: Float32[np.ndarray, "t c h w"],
    valid: Bool[np.ndarray, "t h w"],
) -> tuple[UInt8[np.ndarray, "s h w"], UInt8[np.ndarray, "s h w"]]:
    """Class indices and top probabilities of every span; pixels that are valid on no date are not computed."""
    shape = (len(task.spans), *task.tile.core.shape)
    labels, top = np.full(shape, IGNORE, np.uint8), np.zeros(shape, np.uint8)
    flat_labels, flat_top = labels.reshape(len(task.spans), -1), top.reshape(len(task.spans), -1)
    flat, there = values.reshape(*values.shape[:2], -1), valid.reshape(len(valid), -1)
    pixels = np.flatnonzero(there.any(0))
    own_days = days_of([scene.datetime.date() for scene in task.scenes])
    with torch.inference_mode():
        for start in range(0, len(pixels), _CHUNK_PX):
            some = pixels[start : start + _CHUNK_PX]
            series = _on_dates(task, flat[:, :, some], there[:, some], own_days)
            for place, (here, sure) in enumerate(_maps(task, predictor, *series)):
                flat_labels[place, some], flat_top[place, some] = here, sure
    return labels, top


_Pixels = tuple[Float32[np.ndarray, "n t c"], Bool[np.ndarray, "n t"], Int64[np.ndarray, " t"]]


def _on_dates(
    task: SpansTask,
    values: Float32[np.ndarray, "t c n"],
    valid: Bool[np.ndarray, "t n"],
    days: Int64[np.ndarray, " t"],
) -> _Pixels:
    """The series of pixels on the dates that spans count, pixels first."""
    if (taken := task.order.taken) is not None:
        days_wanted = np.array(task.wanted, np.int64)
        how, limit_days = taken.how or "linear", taken.limit_days
        values, valid = regular(values, valid, days, days_wanted, how=how, limit_days=limit_days)
        days = days_wanted
    return np.ascontiguousarray(values.transpose(2, 0, 1)), np.ascontiguousarray(valid.T), days


def _maps(
    task: SpansTask,
    predictor: SeriesPredictor,
    values: Float32[np.ndarray, "n t c"],
    valid: Bool[np.ndarray, "n t"],
    days: Int64[np.ndarray, " t"],
) -> Iterator[tuple[UInt8[np.ndarray, " n"], UInt8[np.ndarray, " n"]]]:
    """Labels and probabilities of every span, from batches that stay near the processor."""
    slices = [span.slice for span in task.spans]
    labels, top = (np.empty((len(slices), len(valid)), np.uint8) for _ in range(2))
    for start in range(0, len(valid), BATCH_PX):
        part = slice(start, start + BATCH_PX)
        for place, scores in enumerate(_scores(task, predictor, (values[part], valid[part], days), slices)):
            known = np.asarray(valid[part, slices[place]].any(1))
            labels[place, part], top[place, part] = told(scores, known)
    yield from zip(labels, top, strict=True)


def _scores(
    task: SpansTask, predictor: SeriesPredictor, series: _Pixels, spans: Sequence[slice]
) -> Iterator[torch.Tensor]:
    values, valid, days = series
    if not task.is_annual:
        yield from predictor.each(values, valid, days, spans)
        return
    for span in spans:
        every = np.broadcast_to(days[span], valid[:, span].shape)
        yield predictor.scores(np.ascontiguousarray(values[:, span]), valid[:, span], every)


@dataclass(frozen=True, slots=True)
class AssembleTask:
    """One layer of one map, from the tiles.

    Attributes:
        order: What all tasks share.
        span: Which map.
        layer: "labels" or "top".
        tiles: Files of the tiles that are done.
        band: The band of the map in each of them.
        name: Where to, from the folder.
        legend: The classes.
    """

    order: Order
    span: Span
    layer: str
    tiles: tuple[str, ...]
    band: int
    name: str
    legend: Legend

    @property
    def key(self) -> str:
        """Names the map, the layer and the tiles."""
        return f"assemble-{self.span.key}-{self.layer}-{fingerprint(self.tiles)[:12]}"

    @property
    def path(self) -> Path:
        """The file of the map."""
        return self.order.folder / self.name


def assemble(task: AssembleTask) -> Summary:
    """Write one layer of a map as a cloud optimised GeoTIFF; where a tile is missing there is no data."""
    watch = Stopwatch()
    is_map = task.layer == "labels"
    with watch("assemble"):
        write_cog(
            task.path,
            [task.order.folder / "tiles" / name for name in task.tiles],
            task.order.grid,
            legend=task.legend if is_map else None,
            nodata=task.legend.nodata if is_map else 0,
            overviews=None if is_map else "nearest",
            tags={"landweave_card": task.order.identity, "landweave_span": task.span.key},
            num_threads=threads(),
            bands=[task.band],
        )
    return {**watch.seconds, "layers": 1, "map_bytes": task.path.stat().st_size}

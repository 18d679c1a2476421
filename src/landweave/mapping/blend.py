"""Tiles of networks that see without end: each is predicted with its margin, and neighbours are blended by a taper."""

from __future__ import annotations

import functools
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Bool, Float32

from landweave.atomic import write_bytes
from landweave.jobs.executor import Summary
from landweave.jobs.worker import Stopwatch
from landweave.mapping.head import Prediction, from_probabilities
from landweave.mapping.merge import merge
from landweave.mapping.predictor import Predictor
from landweave.mapping.source import pixels
from landweave.mapping.tile import MapTask, Order, write_layers
from landweave.provenance import fingerprint
from landweave.raster.files import bytes_had
from landweave.raster.scene import Scene
from landweave.tiling import Tile, Window

SPREAD = "spread"


@dataclass(frozen=True, slots=True)
class SpreadTask:
    """A tile whose probabilities are kept, margin included, for itself and its neighbours."""

    order: Order
    tile: Tile
    scenes: tuple[Scene, ...]

    @property
    def key(self) -> str:
        """The tile's key with a prefix, for it is a task of its own."""
        return f"{SPREAD}-{self.tile.key}"

    @property
    def is_written(self) -> bool:
        """Whether all its files are there."""
        return all(_path(self.order, self.tile, scene).is_file() for scene in self.scenes)


@dataclass(frozen=True, slots=True)
class BlendTask:
    """A tile to write from the probabilities of all tiles that see its core.

    Attributes:
        task: The tile with the scenes that meet it, the latest first.
        seers: The tiles that see a part of its core, with the scenes that each has; itself among them.
        margin_px: Width of the margin, over which the taper falls.
    """

    task: MapTask
    seers: tuple[SpreadTask, ...]
    margin_px: int

    @property
    def key(self) -> str:
        """The tile's key."""
        return self.task.key


def spread_tile(task: SpreadTask) -> Summary:
    """Predict a tile and keep the probabilities of all that it sees, scene by scene, as float16."""
    watch, had = Stopwatch(), bytes_had()
    predictor = task.order.predictor
    for scene in task.scenes:
        with watch("read"):
            values, valid = pixels(scene, predictor.card.bands, task.order.grid, task.tile.seen)
        probabilities = watch.compute(functools.partial(_probabilities, predictor, values, valid))
        with watch("write"):
            memory = io.BytesIO()
            np.save(memory, probabilities.astype(np.float16))
            write_bytes(_path(task.order, task.tile, scene), memory.getvalue())
    counts = {"seen_px": len(task.scenes) * task.tile.seen.num_pixels, "scenes_read": len(task.scenes)}
    return {**watch.seconds, **counts, "read_bytes": bytes_had() - had}


def _probabilities(
    predictor: Predictor, values: Float32[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"]
) -> Float32[np.ndarray, "k h w"]:
    with torch.inference_mode():
        found: Float32[np.ndarray, "k h w"] = torch.softmax(predictor.scores(values, valid).float(), 0).cpu().numpy()
    found[:, ~valid] = 0
    return found


def blend_tile(task: BlendTask) -> Summary:
    """Write a tile: the mean of all tiles that see a pixel, weighted by a taper that falls to 0 at each one's edge."""
    order, tile, watch = task.task.order, task.task.tile, Stopwatch()
    legend = order.predictor.card.legend
    with watch("blend"):
        merged = merge(order.rule, _views(task), len(legend))
    written = write_layers(order, tile, merged, legend, watch)
    return {**watch.seconds, **written, "scenes_used": len(task.task.scenes)}


def taper(seen: Window, core: Window, margin_px: int) -> Float32[np.ndarray, "h w"]:
    """Weights of what a tile sees: 1 inside, falling over twice the margin to 0 at edges that the grid does not cut.

    Where two tiles of a regular tiling overlap, their weights add up to 1.
    """
    before = (core.row - seen.row, core.col - seen.col)
    sizes, cores = seen.shape, core.shape
    axes = []
    for size, start, length in zip(sizes, before, cores, strict=True):
        place = np.arange(size, dtype=np.float32) + np.float32(0.5)
        weights = np.ones(size, np.float32)
        if start >= margin_px:
            weights = np.minimum(weights, place / (2 * margin_px))
        if size - start - length >= margin_px:
            weights = np.minimum(weights, (size - place) / (2 * margin_px))
        axes.append(weights)
    return np.asarray(axes[0][:, None] * axes[1][None, :])


def _views(task: BlendTask) -> Iterator[Prediction]:
    for scene in task.task.scenes:
        seers = [seer for seer in task.seers if scene.id in {other.id for other in seer.scenes}]
        probabilities = _blended(task.task.order, task.task.tile.core, scene, seers, task.margin_px)
        valid = probabilities[0] >= 0
        if valid.any():
            yield from_probabilities(np.maximum(probabilities, 0), valid)


def _blended(
    order: Order, core: Window, scene: Scene, seers: Sequence[SpreadTask], margin_px: int
) -> Float32[np.ndarray, "k h w"]:
    """Blended probabilities of a core, -1 where no tile has a valid prediction."""
    total: Float32[np.ndarray, "k h w"] | None = None
    for seer in seers:
        known = np.load(_path(order, seer.tile, scene), mmap_mode="r", allow_pickle=False)
        if total is None:
            total = np.zeros((len(known), *core.shape), np.float32)
        part = core.clip(seer.tile.seen)
        weights = taper(seer.tile.seen, seer.tile.core, margin_px)[part.inside(seer.tile.seen).slices]
        there, here = part.inside(seer.tile.seen).slices, part.inside(core).slices
        total[(slice(None), *here)] += known[(slice(None), *there)].astype(np.float32) * weights
    assert total is not None, "a tile that not even itself sees"
    weight = total.sum(0)
    return np.where(weight > 0, total / np.where(weight > 0, weight, 1), np.float32(-1))


def _path(order: Order, tile: Tile, scene: Scene) -> Path:
    # A number rather than the scene's name, which may be too long for a file's.
    return order.folder / SPREAD / f"{tile.key}.{fingerprint(scene.id)[:12]}.npy"

"""One task of a map job: read a tile with its margin, predict, write its core."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from jaxtyping import Bool, Float32
from odc.geo.geobox import GeoBox

from landweave.errors import SceneError
from landweave.jobs.executor import TRIES, Summary
from landweave.jobs.ledger import LACKS
from landweave.jobs.worker import Stopwatch, one_thread
from landweave.legend import Legend
from landweave.mapping.head import NODATA, Prediction, joined, predict, to_entropy, to_labels, to_steps
from landweave.mapping.merge import Rule, merge
from landweave.mapping.predictor import Precision, Predictor, ready
from landweave.mapping.source import pixels
from landweave.models.sight import Sight
from landweave.raster.files import bytes_had
from landweave.raster.scene import Scene
from landweave.raster.write import write_tile
from landweave.tiling import Tile, Window

Layer = Literal["labels", "probabilities", "entropy"]
_COMPARED_PX = 128
_STRIPE_PX = 64


@dataclass(frozen=True, slots=True)
class Order:
    """What all tasks of a map job have in common.

    Attributes:
        card: The card's folder.
        identity: The card's identity; another card under that path is refused.
        precision: What networks compute in.
        device: Where they compute ("cpu", "cuda").
        rule: How predictions of several scenes become one.
        layers: What is written.
        grid: The grid that windows count on.
        folder: Where tiles are written.
        stride: The network's stride.
    """

    card: Path
    identity: str
    precision: Precision
    device: str
    rule: Rule
    layers: tuple[Layer, ...]
    grid: GeoBox
    folder: Path
    stride: int

    @property
    def predictor(self) -> Predictor:
        """The card, loaded once a process."""
        return ready(self.card, self.identity, self.precision, self.device)

    def path(self, layer: Layer, key: str) -> Path:
        """Where the task `key` writes `layer`."""
        return self.folder / "tiles" / layer / f"{key}.tif"


@dataclass(frozen=True, slots=True)
class MapTask:
    """A tile and the scenes that meet it, the latest first.

    Attributes:
        order: What all tasks share.
        tile: What to map.
        scenes: The scenes to map, the latest first.
        compares: Whether a part is computed in fp32 too, to tell what bf16 changes.
    """

    order: Order
    tile: Tile
    scenes: tuple[Scene, ...]
    compares: bool = False

    @property
    def key(self) -> str:
        """The tile's key."""
        return self.tile.key

    @property
    def is_written(self) -> bool:
        """Whether all its files are there."""
        return all(self.order.path(layer, self.key).is_file() for layer in self.order.layers)


def map_tile(task: MapTask) -> Summary:
    """Map one tile: predictions of its scenes, merged by the job's rule, written layer by layer.

    The core of a network with finite sight is, but for rounding, what the network gives on the whole grid.
    """
    watch, had, lost = Stopwatch(), bytes_had(), list[str]()
    counts = dict.fromkeys(("seen_px", "scenes_read", "compared_px", "changed_px"), 0)
    with watch("load"):
        predictor = task.order.predictor
    views = predictions(task, predictor, watch, counts, lost)
    merged = merge(task.order.rule, views, len(predictor.card.legend))
    written = write_layers(task.order, task.tile, merged, predictor.card.legend, watch)
    told: dict[str, int | str] = {"read_bytes": bytes_had() - had, "scenes_used": len(task.scenes) - len(lost)}
    return {**counts, **watch.seconds, **written, **told, **({LACKS: "; ".join(lost)} if lost else {})}


def predictions(
    task: MapTask, predictor: Predictor, watch: Stopwatch, counts: dict[str, int], lost: list[str]
) -> Iterator[Prediction]:
    """Predictions of the core scene by scene, lazily; those without a valid pixel are left out.

    A scene that cannot be read is told in `lost`, and the others are taken.

    Raises:
        SceneError: No scene can be read.
    """
    core = task.tile.core.inside(task.tile.seen)
    with_probabilities = task.order.layers != ("labels",)
    for scene in task.scenes:
        with watch("read"):
            found = _read(task, scene, predictor.card.bands, lost)
        if found is None:
            continue
        values, valid = found
        del found
        counts["scenes_read"] += 1
        if not valid[core.slices].any():
            continue
        counts["seen_px"] += task.tile.seen.num_pixels
        prediction = watch.compute(
            functools.partial(_predicted, predictor, values, valid, core, with_probabilities=with_probabilities)
        )
        if task.compares and not counts["compared_px"]:
            watch.compute(functools.partial(_compare, task, values, valid, prediction, counts), "compare")
        del values, valid
        yield prediction


def _read(
    task: MapTask, scene: Scene, bands: tuple[str, ...], lost: list[str]
) -> tuple[Float32[np.ndarray, "c h w"], Bool[np.ndarray, "h w"]] | None:
    """What the tile sees of a scene, or None, told in `lost`, where it cannot be read but other scenes are there."""
    for left in reversed(range(TRIES)):
        try:
            return pixels(scene, bands, task.order.grid, task.tile.seen)
        except SceneError as error:
            if len(lost) + 1 == len(task.scenes):
                raise
            if not left:
                lost.append(f"scene {scene.id}: {error.given}")
    return None


def _predicted(
    predictor: Predictor,
    values: Float32[np.ndarray, "c h w"],
    valid: Bool[np.ndarray, "h w"],
    core: Window,
    *,
    with_probabilities: bool,
) -> Prediction:
    if predictor.card.sight != Sight(1, 0):
        with torch.inference_mode():
            scores = predictor.scores(values, valid)[(slice(None), *core.slices)]
            return predict(scores, valid[core.slices].copy(), with_probabilities)
    # Pixel by pixel nothing is lost by cutting: stripes stay in the processor's cache.
    inner = values[(slice(None), *core.slices)], valid[core.slices]
    parts = []
    with torch.inference_mode(), one_thread():
        for row in range(0, core.height, _STRIPE_PX):
            some, usable = (array[..., row : row + _STRIPE_PX, :] for array in inner)
            parts.append(predict(predictor.scores(some, usable), usable, with_probabilities))
    return joined(parts)


def _compare(
    task: MapTask,
    values: Float32[np.ndarray, "c h w"],
    valid: Bool[np.ndarray, "h w"],
    prediction: Prediction,
    counts: dict[str, int],
) -> None:
    """Count how many labels in the middle of the tile bf16 changes."""
    part, crop = _middle(task)
    here, usable = (np.ascontiguousarray(array[(..., *crop.slices)]) for array in (values, valid))
    inner = part.inside(crop).slices
    scores = ready(task.order.card, task.order.identity, "fp32", task.order.device).scores(here, usable)
    exact = predict(scores[(slice(None), *inner)], usable[inner].copy(), False).indices
    rough = prediction.indices[part.inside(task.tile.core.inside(task.tile.seen)).slices]
    counts["compared_px"] += int(usable[inner].sum())
    counts["changed_px"] += int((exact != rough).sum())


def _middle(task: MapTask) -> tuple[Window, Window]:
    """A small part of the core and, aligned to the stride, what is seen around it."""
    seen, stride = task.tile.seen, task.order.stride
    core = task.tile.core.inside(seen)
    size = max(_COMPARED_PX // stride, 1) * stride
    row, col = ((start + length // 2) // stride * stride for start, length in _axes(core))
    part = Window(row, col, size, size).clip(core)
    margin = max(core.row, core.col, size // 2) // stride * stride
    return part, Window(row, col, size, size).grow(margin).clip(Window.of(seen.shape))


def _axes(window: Window) -> tuple[tuple[int, int], tuple[int, int]]:
    return (window.row, window.height), (window.col, window.width)


def write_layers(
    order: Order, tile: Tile, merged: Prediction | None, legend: Legend, watch: Stopwatch
) -> dict[str, int]:
    """Write the layers of a core; all no data where nothing was valid. Gives tiles, pixels and bytes written."""
    if merged is None:
        merged = _nothing(tile.core.shape, len(legend), order.layers)
    grid, num_bytes = tile.core.on(order.grid), 0
    for layer in order.layers:
        with watch("encode"):
            array, nodata = _encoded(layer, merged, legend)
        with watch("write"):
            write_tile(order.path(layer, tile.key), array, grid, nodata)
        num_bytes += order.path(layer, tile.key).stat().st_size
    counts = {"written_px": tile.core.num_pixels, "valid_px": int(merged.valid.sum())}
    return {"tiles": 1, **counts, "written_bytes": num_bytes}


def _encoded(layer: Layer, prediction: Prediction, legend: Legend) -> tuple[np.ndarray, int]:
    match layer:
        case "labels":
            return to_labels(prediction, legend), legend.nodata
        case "probabilities":
            return to_steps(prediction), NODATA
        case "entropy":
            return to_entropy(prediction), NODATA


def _nothing(shape: tuple[int, int], num_classes: int, layers: tuple[Layer, ...]) -> Prediction:
    valid = np.zeros(shape, np.bool_)
    probabilities = None if layers == ("labels",) else np.zeros((num_classes, *shape), np.float32)
    return Prediction(np.full(shape, 255, np.uint8), valid, probabilities)

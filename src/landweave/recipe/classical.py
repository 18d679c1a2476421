"""A recipe with a classical model: samples from the archive, one fit, the same card and figures as a network."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from jaxtyping import Float32, Float64, UInt8
from numpy.typing import NDArray

from landweave.classical import store
from landweave.classical.neighbourhood import features, flat_features, of_patches, reach_px
from landweave.classical.store import Model
from landweave.errors import ConfigError
from landweave.jobs.run import Progress
from landweave.legend import IGNORE
from landweave.models.card import save_card
from landweave.models.sight import Sight
from landweave.parallel.world import World
from landweave.recipe import pairs
from landweave.recipe.material import Material, card_of, count_classes
from landweave.recipe.pairs import FLAT, SUMMARY
from landweave.recipe.recipe import TrainRecipe
from landweave.train.draw import sample_keys
from landweave.train.loader import Order, Part, read_ahead
from landweave.train.log import EpochRecord, Log
from landweave.train.pairs import PreparePair
from landweave.train.prepare import Prepare
from landweave.train.step import Sums, confusion_counts, confusion_figures, label_counts, label_figures

_AT_ONCE = 32
_WINDOW, _NUM_SAMPLES, _FEATURES = "window_px", "num_samples", "features"
_DEFAULT_SAMPLES = 50_000


class Samples(NamedTuple):
    """Features in the bands' unit, and class indices or rows of 0 and 1."""

    x: Float32[np.ndarray, "n f"]
    y: UInt8[np.ndarray, "n ..."]


def fit(recipe: TrainRecipe, material: Material, out: Path, identity: str) -> Iterator[Progress | EpochRecord]:
    """Fit the model of `recipe` and write `out`/card.

    Of labelled pixels about `num_samples` are drawn, each with the same chance, or with loss.class_weights = "balanced"
    equally many of each class where there are enough; of patches all are taken. What is drawn depends on (seed, patch).

    Raises:
        ConfigError: An argument is unknown, or class weights are given by name.
        SampleError: There are too few samples.
    """
    if isinstance(recipe.loss.class_weights, dict):
        raise ConfigError(
            f"loss.class_weights by name with network {recipe.network}",
            'loss.class_weights = "none" or "balanced"',
            "draw samples evenly with balanced, or take a network",
        )
    _check_features(recipe)
    window_px = int(recipe.arguments.get(_WINDOW, 1))
    own = {name: value for name, value in recipe.arguments.items() if name not in (_WINDOW, _NUM_SAMPLES, _FEATURES)}
    pieces: list[Samples] = []
    for done, total, taken in _gather(recipe, material, window_px):
        pieces.append(taken)
        yield Progress("sample", done, total, "patches")
    samples = Samples(*(np.concatenate(arrays) for arrays in zip(*pieces, strict=True)))
    yield Progress("fit", 0, 1, "models", {"samples": len(samples.y)})
    num_threads = torch.get_num_threads()
    model = store.fit(recipe.network, *samples, len(material.legend), seed=recipe.seed, num_threads=num_threads, **own)
    yield Progress("fit", 1, 1, "models", {"samples": len(samples.y)})
    figures: dict[str, float] = {}
    if len(material.validation):
        yield Progress("judge", 0, len(material.validation), "patches")
        figures = _judge(recipe, material, model, window_px)
    # The same record as of a network, so that reports show baselines beside it; no seconds, so that it can be compared.
    ended = EpochRecord(1, 1, 1, {}, figures, is_best=bool(figures), seconds=0.0)
    with Log(out) as log:
        log.write(ended)
    _write(recipe, material, model, out, {"identity": identity, "num_samples": len(samples.y), "validation": figures})
    yield ended


def _prepare(recipe: TrainRecipe, material: Material) -> Prepare | PreparePair:
    """Batches in the bands' own unit; normalised where all numbers of a patch are features."""
    # Mean 0 and standard deviation 1 leave values as they are: mapping gives a baseline physical values too.
    num, is_flat = len(material.bands), recipe.arguments.get(_FEATURES) == FLAT
    made = Prepare(
        material.views,
        material.bands,
        mean=material.mean if is_flat else [0.0] * num,
        std=material.std if is_flat else [1.0] * num,
        task=material.task,
        device=torch.device("cpu"),
        channels_last=False,
    )
    if material.beside is None:
        return made
    return pairs.prepare(made, material, device=torch.device("cpu"), augment=False)


def _check_features(recipe: TrainRecipe) -> None:
    told = recipe.arguments.get(_FEATURES, SUMMARY)
    if told not in (SUMMARY, FLAT) or (told == FLAT and recipe.task == "pixels"):
        raise ConfigError(
            f"features = {told} with task {recipe.task}",
            f"features = {SUMMARY} (mean and deviation of each band) or, for labels of patches, {FLAT} (all numbers)",
            "mend features in [arguments], or leave it away",
        )


def _gather(recipe: TrainRecipe, material: Material, window_px: int) -> Iterator[tuple[int, int, Samples]]:
    num, done = len(material.train), 0
    chances = _chances(recipe, material) if material.task == "pixels" else None
    for part, x, y in _features(recipe, material, material.train, window_px):
        done += len(y)
        if chances is None:
            yield done, num, Samples(x, y)
        else:
            keys = sample_keys(recipe.seed, 0, part.samples)
            drawn = [_draw(one, labels, chances, int(key)) for one, labels, key in zip(x, y, keys, strict=True)]
            yield done, num, Samples(*(np.concatenate(arrays) for arrays in zip(*drawn, strict=True)))


def _chances(recipe: TrainRecipe, material: Material) -> Float64[np.ndarray, " k"]:
    """With which chance a pixel of each class is taken, so that about `num_samples` are."""
    counts, total = count_classes(material)
    wanted = float(recipe.arguments.get(_NUM_SAMPLES, _DEFAULT_SAMPLES))
    if recipe.loss.class_weights != "balanced":
        return np.full_like(counts, min(1.0, wanted / max(total, 1)))
    return np.asarray(np.minimum(1.0, wanted / max((counts > 0).sum(), 1) / np.maximum(counts, 1)))


def _features(
    recipe: TrainRecipe, material: Material, samples: NDArray[np.int64], window_px: int
) -> Iterator[tuple[Part, NDArray[np.float32], NDArray[np.uint8]]]:
    """Features and targets of pixels (n f h w) or patches (n f)."""
    prepare = _prepare(recipe, material)
    parts = Order(samples, _AT_ONCE, 0, World()).once()
    for part, arrays in read_ahead(material, parts):
        batch = prepare(part, arrays, training=False)
        values, valid = batch.values.numpy(), arrays["valid"] != 0
        if material.task == "pixels":
            pair = zip(values, valid, strict=True)
            x = np.stack([features(one, usable, window_px) for one, usable in pair])
        elif recipe.arguments.get(_FEATURES) == FLAT:
            x = flat_features([view.numpy() for view in batch.views])
        else:
            x = of_patches(values, valid)
        yield part, x, batch.target.numpy().astype(np.uint8)


def _draw(
    x: Float32[np.ndarray, "f h w"], y: UInt8[np.ndarray, "h w"], chances: Float64[np.ndarray, " k"], key: int
) -> Samples:
    """Labelled pixels of one patch, each drawn with the chance of its class."""
    # One more entry than classes, for the number that means "no label": chance 0.
    every = np.concatenate([chances, np.zeros(IGNORE + 1 - len(chances))])[y]
    chosen = np.random.default_rng(key).random(y.shape) < every
    return Samples(np.ascontiguousarray(x[:, chosen].T), y[chosen])


def _judge(recipe: TrainRecipe, material: Material, model: Model, window_px: int) -> dict[str, float]:
    """Figures over the validation part."""
    num_classes = len(material.legend)
    total: dict[str, torch.Tensor] = {}
    for _, x, y in _features(recipe, material, material.validation, window_px):
        flat = np.ascontiguousarray(np.moveaxis(x, 1, -1).reshape(-1, x.shape[1]))
        told = model.predict_probabilities(flat, torch.get_num_threads())
        if recipe.task == "multilabel":
            sums: Sums = label_counts(torch.from_numpy(told - 0.5), torch.from_numpy(y), num_classes)
        else:
            sums = confusion_counts(torch.from_numpy(told), torch.from_numpy(y.ravel()), num_classes)
        for name, value in sums.items():
            total[name] = total.get(name, torch.zeros_like(value)) + value
    return label_figures(total) if recipe.task == "multilabel" else confusion_figures(total)


def _write(recipe: TrainRecipe, material: Material, model: Model, out: Path, training: dict[str, Any]) -> None:
    window_px = int(recipe.arguments.get(_WINDOW, 1))
    card = card_of(
        material,
        recipe.network,
        {**recipe.arguments, _WINDOW: window_px},
        task=recipe.task,
        sight=Sight(1, reach_px(window_px) if recipe.task == "pixels" else None),
        training={**training, "archive": material.identity, "num_train": len(material.train)},
    )
    save_card(out / "card", card, model.to_arrays())

"""Fitted classical models as named arrays and back, never pickle; fitting and predicting by the model's name."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy.typing import NDArray

from landweave.classical import forest, linear, neighbours, svm
from landweave.classical.forest import Forest
from landweave.classical.linear import Linear
from landweave.classical.neighbourhood import features
from landweave.classical.neighbours import Neighbours
from landweave.classical.svm import SVM
from landweave.config import nearest
from landweave.errors import CardError, ConfigError

Model = Forest | Linear | Neighbours | SVM
"""A fitted classical model: `num_features`, `num_classes`, `predict_probabilities`, `to_arrays`."""

_FITS: dict[str, Callable[..., Model]] = {
    "forest": forest.fit,
    "linear": linear.fit,
    "neighbours": neighbours.fit,
    "svm": svm.fit,
}
_MODELS: dict[str, type[Forest] | type[Linear] | type[Neighbours] | type[SVM]] = {
    "forest": Forest,
    "linear": Linear,
    "neighbours": Neighbours,
    "svm": SVM,
}


def known() -> tuple[str, ...]:
    """Names of all classical models."""
    return tuple(_MODELS)


def fit(
    name: str,
    x: Float32[np.ndarray, "n f"],
    y: UInt8[np.ndarray, " n"] | UInt8[np.ndarray, "n k"],
    num_classes: int,
    *,
    seed: int = 0,
    num_threads: int = 1,
    **arguments: Any,
) -> Model:
    """Fit the model called `name`.

    Args:
        name: "forest", "linear", "neighbours" or "svm".
        x: Samples.
        y: A class index a sample (IGNORE is left out), or a row of 0 and 1 for several labels a sample.
        num_classes: How many classes there are.
        seed: For models with chance in them.
        num_threads: For models that fit in parallel; the result does not depend on it.
        arguments: What else its `fit` takes.

    Raises:
        ConfigError: The name or an argument is unknown.
        SampleError: The samples do not do.
    """
    if name not in _FITS:
        raise ConfigError(f"classical model {name}", nearest(name, _FITS), "name a known model")
    taken = inspect.signature(_FITS[name]).parameters
    # Some fits have no chance in them, some no threads; a recipe says both anyway.
    shared = {key: value for key, value in (("seed", seed), ("num_threads", num_threads)) if key in taken}
    own = [key for key, entry in taken.items() if entry.kind is entry.KEYWORD_ONLY and key not in shared]
    if foreign := [key for key in arguments if key not in own]:
        raise ConfigError(f"argument {foreign[0]} of a {name}", nearest(foreign[0], own), "mend [arguments]")
    return _FITS[name](x, y, num_classes, **shared, **arguments)


def from_arrays(name: str, arrays: Mapping[str, NDArray[Any]]) -> Model:
    """The model called `name` whose `to_arrays` gave `arrays`.

    Raises:
        CardError: There is no such model, or the arrays are not its.
    """
    if name not in _MODELS:
        raise CardError(f"a card of a {name}", nearest(name, _MODELS), "use a card of this version of landweave")
    return _MODELS[name].from_arrays(arrays)


def predict_map(
    model: Model,
    values: Float32[np.ndarray, "c h w"],
    valid: Bool[np.ndarray, "h w"],
    window_px: int = 1,
    num_threads: int = 1,
) -> Float32[np.ndarray, "k h w"]:
    """Probability of every class at every pixel; pixels that are not valid have 0 for all.

    Args:
        model: A fitted model.
        values: Bands in their unit, in the order of the fit.
        valid: Where they are usable.
        window_px: Edge of the neighbourhood that the model was fitted with.
        num_threads: For models that predict in parallel.

    Raises:
        CardError: The model was fitted on another number of features.
    """
    x = features(values, valid, window_px)
    found = model.predict_probabilities(np.ascontiguousarray(x[:, valid].T), num_threads)
    # Only valid pixels are predicted: others hold zeros, for which any class would be made up.
    out = np.zeros((model.num_classes, *valid.shape), np.float32)
    out[:, valid] = found.T
    return out

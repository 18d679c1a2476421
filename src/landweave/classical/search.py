"""Choose a model's numbers by cross-validation: parts in turn are left out, fitted on the rest, and judged. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Int64, Shaped, UInt8

from landweave.classical import store
from landweave.errors import SampleError


@dataclass(frozen=True, slots=True)
class Choice:
    """What was found.

    Attributes:
        arguments: Those whose share was highest; of equals the first.
        share: Share of samples that are right when they are left out, its mean over the parts.
        tried: Every choice as text, with its share.
    """

    arguments: Mapping[str, Any]
    share: float
    tried: Mapping[str, float]


def folds(groups: Shaped[np.ndarray, " n"], num: int, seed: int = 0) -> Int64[np.ndarray, " n"]:
    """Which of `num` parts each sample belongs to; samples of one group (a block of land) are never parted.

    Raises:
        SampleError: There are fewer groups than parts.
    """
    names, place = np.unique(groups, return_inverse=True)
    if len(names) < num:
        raise SampleError(
            f"{len(names)} blocks of samples for {num} parts",
            "a block for each part at least",
            "take smaller blocks, or more samples",
        )
    order = np.random.default_rng(seed).permutation(len(names))
    return np.asarray((order % num)[place.ravel()])


def search(
    name: str,
    x: Float32[np.ndarray, "n f"],
    y: UInt8[np.ndarray, " n"],
    num_classes: int,
    *,
    parts: Int64[np.ndarray, " n"],
    options: Mapping[str, Sequence[float]],
) -> Choice:
    """The arguments of the model called `name` that do best on samples that it was not fitted on.

    Args:
        name: A model of classical/store.py.
        x: Samples.
        y: Their class indices.
        num_classes: How many classes there are.
        parts: Which part each sample belongs to (`folds`).
        options: Values to try for each argument; all combinations are.

    Raises:
        SampleError: A part leaves too few samples to fit on.
    """
    tried: dict[str, float] = {}
    best: tuple[float, dict[str, Any]] | None = None
    for values in itertools.product(*options.values()):
        arguments: dict[str, Any] = dict(zip(options, values, strict=True))
        share = float(np.mean([_right(name, x, y, num_classes, parts == part, arguments) for part in np.unique(parts)]))
        tried[", ".join(f"{key} = {value:g}" for key, value in arguments.items())] = share
        if best is None or share > best[0]:
            best = share, arguments
    assert best is not None, "nothing to try"
    return Choice(best[1], best[0], tried)


def _right(  # noqa: PLR0917
    name: str,
    x: Float32[np.ndarray, "n f"],
    y: UInt8[np.ndarray, " n"],
    num_classes: int,
    is_out: Shaped[np.ndarray, " n"],
    arguments: Mapping[str, Any],
) -> float:
    model = store.fit(name, x[~is_out], y[~is_out], num_classes, **arguments)
    return float((model.predict_probabilities(x[is_out]).argmax(1) == y[is_out]).mean())

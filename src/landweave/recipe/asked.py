"""What every recipe asks of what it learns from, each said once: sensor, legend, weights of classes, bands, parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
from jaxtyping import Float64

from landweave.config import nearest
from landweave.errors import LandweaveError, LegendError, SensorError, SplitError
from landweave.legend import Legend

Weights = str | Mapping[str, float]
"""none, balanced, or a weight for classes by name."""


def same(word: str, asked: str | None, found: str, where: str, error: type[LandweaveError] = SensorError) -> None:
    """Refuse material of another sensor or legend than the recipe names.

    Args:
        word: The recipe's key: "sensor", "legend".
        asked: What it says; None takes any.
        found: What the material is of.
        where: The material: "the archive PATH", "samples".
        error: What is raised.

    Raises:
        LandweaveError: They differ.
    """
    if asked not in (None, found):
        raise error(
            f"{where} of {word} {found}",
            f"{word} {asked}, as the recipe says",
            f"give what has that {word}, or change {word} in the recipe and train anew",
        )


def weighted(told: Weights, legend: Legend, key: str) -> None:
    """Refuse a weight for a class that there is not.

    Raises:
        LegendError: A name is none of the legend.
    """
    for name in () if isinstance(told, str) else told:
        if name not in legend.names:
            raise LegendError(
                f"class {name} in {key}", nearest(name, legend.names), f"name a class of the legend {legend.name}"
            )


def varying(std: Mapping[str, float], where: str, do: str = "") -> None:
    """Refuse bands that cannot be normalised.

    Args:
        std: Of each band over the training part.
        where: Whose training part: "of PATH", or "".
        do: What to do; by default, to leave the bands away in `bands`.

    Raises:
        SensorError: A band has one value everywhere.
    """
    if flat := [name for name, spread in std.items() if not spread > 0]:
        left = [name for name in std if name not in flat]
        raise SensorError(
            f"band {', '.join(flat)} with one value in the whole training part{where and ' '}{where}",
            "bands that vary",
            do or f"check the scenes, or leave it away: bands = {left}",
        )


def judged(patience_epochs: int | None, has_validation: bool, key: str, where: str, do: str) -> None:
    """Refuse early stopping where there is nothing to judge by.

    Args:
        patience_epochs: What the recipe says.
        has_validation: Whether there is a validation part.
        key: The recipe's key.
        where: The material: its path.
        do: How to get a validation part.

    Raises:
        SplitError: There is none, and training shall stop by it.
    """
    if patience_epochs is not None and not has_validation:
        raise SplitError(
            f"early stopping on {where}, which has no validation part",
            "material that is neither trained on nor tested on",
            f"{do}, or leave {key} away",
        )


def balanced(counts: Iterable[float]) -> Float64[np.ndarray, " k"]:
    """Weights by which each class counts as if it were as frequent as the others: n / (k n_c); 1 where there is none.

    King and Zeng 2001, with k the classes that are there.
    """
    found = np.asarray(list(counts), np.float64)
    mean = found.sum() / max((found > 0).sum(), 1)
    return np.asarray(np.divide(mean, found, out=np.ones_like(found), where=found > 0))

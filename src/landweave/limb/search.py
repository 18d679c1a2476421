"""Choose a method's arguments by cross-validation, with the components fitted anew without each part left out."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from landweave.errors import ConfigError
from landweave.limb.measure import Fitting, accuracy, cross_validated
from landweave.limb.methods import check_arguments, check_names
from landweave.limb.prepare import Learnable
from landweave.limb.recipe import Search

_MACHINE: Mapping[str, Sequence[Any]] = {
    "kernel": ("linear", "rbf", "polynomial"),
    "strength": (1.0, 10.0, 100.0, 1000.0),
    "gamma": (0.0001, 0.001, 0.01, 0.1, 1.0, 10.0),
}
SPACES: Mapping[str, Mapping[str, Sequence[Any]]] = {
    "pca-svm": _MACHINE,
    "kpca-svm": _MACHINE,
    "forest": {
        "num_trees": tuple(range(200, 2001, 10)),
        "max_features": ("auto", "sqrt"),
        "max_depth": tuple(range(10, 111, 10)),
        "min_split": (2, 5, 10),
        "min_leaf": (1, 2, 4),
        "bootstrap": (True, False),
    },
    "bayes": {"bins": (8, 12, 16, 24, 32)},
}
"""What is tried where a recipe does not say: Tables 4 and 5 of Sedona et al. 2020; bins of the histograms are ours."""


@dataclass(frozen=True)
class Tried:
    """One choice of arguments.

    Attributes:
        arguments: The choice.
        accuracy: Share of spectra that are right when they are left out, its mean over the parts.
        parts: That of every part.
    """

    arguments: Mapping[str, Any]
    accuracy: float
    parts: tuple[float, ...]


def choices(method: str, search: Search, seed: int) -> list[dict[str, Any]]:
    """The combinations that are tried: all of a grid, or some at random, each once.

    Raises:
        ConfigError: An option is no argument of the method, has no value, or one that it cannot have.
    """
    options = {key: list(values) for key, values in (search.options or SPACES[method]).items()}
    check_names(method, options)
    for key, values in options.items():
        for value in values:
            check_arguments(method, {key: value})
    if empty := [key for key, values in options.items() if not values]:
        raise ConfigError(f"search.options.{empty[0]} = []", "a value to try", "name some, or leave the key away")
    sizes = [len(values) for values in options.values()]
    total = int(np.prod(sizes))
    if search.kind == "random" and total > search.num:
        # Numbers of combinations rather than the combinations, of which Table 5 has 71,676.
        numbers = np.random.default_rng(seed).choice(total, search.num, replace=False)
        places = [np.unravel_index(number, sizes) for number in numbers]
        values = [list(options.values()) for _ in places]
        made = [
            [own[at] for own, at in zip(every, place, strict=True)] for every, place in zip(values, places, strict=True)
        ]
        return [dict(zip(options, one, strict=True)) for one in made]
    return _distinct(dict(zip(options, one, strict=True)) for one in itertools.product(*options.values()))


def _distinct(every: Iterator[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without those that differ by gamma alone where the kernel is linear and has none."""
    found: dict[str, dict[str, Any]] = {}
    for one in every:
        seen = {key: value for key, value in one.items() if not (key == "gamma" and one.get("kernel") == "linear")}
        found.setdefault(repr(seen), one)
    return list(found.values())


def tried(fitting: Fitting, every: Learnable, choice: Mapping[str, Any], num: int) -> Tried:
    """One choice, by cross-validation over `num` parts; arguments that it does not name stay as they are."""
    arguments = {**fitting.arguments, **choice}
    tables = cross_validated(replace(fitting, arguments=arguments), every, num)
    parts = tuple(accuracy(table) for table in tables)
    return Tried(arguments, float(np.mean(parts)), parts)


def best(found: Sequence[Tried]) -> Tried:
    """The one with the highest accuracy; of equals the first."""
    return max(found, key=lambda one: one.accuracy)

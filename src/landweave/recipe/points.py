"""What a recipe of series finds in its samples: points, dates, statistics and parts, checked before it learns."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, get_args

import numpy as np
import torch
from jaxtyping import Bool, Int16, Int64, UInt8

from landweave.config import nearest
from landweave.datasets.points import Points
from landweave.errors import ConfigError, LegendError, SampleError, SensorError, SplitError
from landweave.legend import IGNORE
from landweave.models.series.input import SeriesInput
from landweave.provenance import fingerprint
from landweave.recipe import asked
from landweave.sensors import Unit
from landweave.train.dated import Dated, beginnings, dated
from landweave.train.draw import sample_keys

if TYPE_CHECKING:
    from landweave.recipe.series import DatesTable, SeriesRecipe

_DAYS_A_YEAR = 365.25


@dataclass(frozen=True, eq=False)
class SeriesMaterial:
    """What there is to learn from.

    Attributes:
        points: The points that are learnt from or judged by, and no others.
        taken: How dates are taken.
        mean: Of each band over valid dates of the training part.
        std: Of each band over valid dates of the training part.
        train: Numbers of the training points.
        validation: Numbers of the validation points; may be empty.
    """

    points: Points
    taken: SeriesInput
    mean: tuple[float, ...]
    std: tuple[float, ...]
    train: Int64[np.ndarray, " n"]
    validation: Int64[np.ndarray, " m"]

    @cached_property
    def dated(self) -> Dated:
        """The points on the dates that a network takes."""
        return dated(self.taken, self.points.values, self.points.valid, self.points.days)

    @cached_property
    def target(self) -> UInt8[np.ndarray, "n ..."]:
        """Class index of each point, or of each valid date of it; IGNORE where unknown."""
        points = self.points
        if self.taken.per == "series":
            return _index(points.label)
        by_date = points.labels_by_date
        every = np.repeat(points.label[:, None], points.valid.shape[1], 1) if by_date is None else by_date
        return np.where(points.valid, _index(every), np.uint8(IGNORE))

    @property
    def unit(self) -> Unit:
        """Unit of the values."""
        return self.points.unit  # type: ignore[return-value]

    @property
    def identity(self) -> str:
        """Fingerprint of what is learnt from, wherever it lies."""
        return fingerprint({"points": self.points.identity, "train": self.train.tolist()})


def find(recipe: SeriesRecipe, points: Points) -> SeriesMaterial:
    """What `recipe` learns from.

    Raises:
        SensorError: The samples are of another sensor, lack a band, or a band has one value everywhere.
        LegendError: They have another legend, or one without a class that is given a weight.
        ConfigError: The dates that are asked for do not fit.
        SampleError: No year that is asked for has samples.
        SplitError: There is no training part, or training stops early without a validation part.
    """
    _check(recipe, points)
    points = _banded(points, recipe.bands or points.bands)
    chosen = _used(recipe, points)
    train, validation = (chosen & (points.part == part) for part in (0, 1))
    if recipe.per_class:
        train = _drawn(recipe, points, train)
    if not train.any():
        raise SplitError(
            f"{recipe.samples} without a labelled point for training in the years asked for",
            "points of the part train",
            "label more, or make the samples with a training part",
        )
    do = "make the samples with a validation part"
    asked.judged(recipe.patience_epochs, bool(validation.any()), "patience_epochs", str(recipe.samples), do)
    kept = points.take(train | validation)
    numbers = np.flatnonzero(train[train | validation]), np.flatnonzero(validation[train | validation])
    learnt = points.take(train)
    return SeriesMaterial(kept, _taken(recipe, learnt), *_statistics(learnt), *numbers)


def _check(recipe: SeriesRecipe, points: Points) -> None:
    asked.same("sensor", recipe.sensor, points.sensor, "samples")
    asked.same("legend", recipe.legend, points.legend.name, "samples", LegendError)
    asked.weighted(recipe.class_weights, points.legend, "class_weights")
    if points.unit not in get_args(Unit):
        raise SensorError(f"samples in unit {points.unit}", " or ".join(get_args(Unit)), "make the samples again")


def _banded(points: Points, bands: tuple[str, ...]) -> Points:
    """The points with these bands in this order."""
    if missing := [name for name in bands if name not in points.bands]:
        raise SensorError(
            f"band {missing[0]}, which the samples lack", nearest(missing[0], points.bands), "name their bands"
        )
    if bands == points.bands:
        return points
    return replace(points, values=points.values[..., [points.bands.index(name) for name in bands]], bands=bands)


def _used(recipe: SeriesRecipe, points: Points) -> Bool[np.ndarray, " n"]:
    """Which points have a label and are of a year that is asked for."""
    labelled = points.label >= 0
    if recipe.per == "date" and points.labels_by_date is not None:
        labelled = np.asarray((points.labels_by_date >= 0).any(1))
    if recipe.years is None:
        return labelled
    found = np.isin(points.year, recipe.years)
    if not found.any():
        there = ", ".join(map(str, np.unique(points.year).tolist()))
        raise SampleError(f"years {list(recipe.years)}", f"years among {there}", "mend years in the recipe")
    return labelled & found


def _drawn(recipe: SeriesRecipe, points: Points, train: Bool[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
    """At most so many points of each class; which ones depends on the seed alone."""
    kept = np.zeros_like(train)
    keys = sample_keys(recipe.seed, 0, np.arange(len(train)))
    for label in np.unique(points.label[train]):
        mine = np.flatnonzero(train & (points.label == label))
        kept[mine[np.argsort(keys[mine], kind="stable")[: recipe.per_class]]] = True
    return kept


def _taken(recipe: SeriesRecipe, points: Points) -> SeriesInput:
    """How dates are taken, decided by the training points."""
    if recipe.dates is None:
        return SeriesInput(points.valid.shape[1], recipe.per)
    if recipe.per == "date":
        raise ConfigError(
            "dates with per = date", "labels of dates on the dates that were seen", "leave [dates] away, or per"
        )
    days = recipe.dates.days or _spread(recipe.dates, points)
    if any(early >= late for early, late in itertools.pairwise(days)):
        raise ConfigError(f"dates on days {list(days)}", "days that rise", "ask for fewer dates a year")
    return SeriesInput(len(days), "series", recipe.dates.how, recipe.dates.limit_days, tuple(days))


def _spread(table: DatesTable, points: Points) -> tuple[int, ...]:
    """So many days a year, evenly between the first and the last valid date of all points."""
    since = (points.days - beginnings(points.days)[:, None])[points.valid]
    if not len(since):
        raise SampleError("training points without a valid date", "valid dates", "choose other scenes")
    first, last = int(since.min()), int(since.max())
    num = table.per_year * max(1, round((last - first) / _DAYS_A_YEAR))
    return tuple(round(first + (place + 0.5) * (last - first) / num) for place in range(num))


def _statistics(points: Points) -> tuple[tuple[float, ...], tuple[float, ...]]:
    values = points.values[points.valid].astype(np.float64)
    std = values.std(0) if len(values) else np.zeros(len(points.bands))
    asked.varying(dict(zip(points.bands, std.tolist(), strict=True)), "")
    return tuple(values.mean(0).tolist()), tuple(std.tolist())


def _index(label: Int16[np.ndarray, "..."]) -> UInt8[np.ndarray, "..."]:
    return np.where(label < 0, IGNORE, label).astype(np.uint8)


def count_classes(material: SeriesMaterial) -> Int64[np.ndarray, " k"]:
    """Labels of each class in the training part."""
    told = material.target[material.train]
    return np.bincount(told[told != IGNORE], minlength=len(material.points.legend))


def class_weights(told: str | dict[str, float], material: SeriesMaterial) -> torch.Tensor | None:
    """The weight of each class, or None where all are 1; "balanced" is n / (k n_c), as for patches."""
    if told == "none":
        return None
    if isinstance(told, dict):
        return torch.tensor([told.get(name, 1.0) for name in material.points.legend.names])
    return torch.from_numpy(asked.balanced(count_classes(material))).float()

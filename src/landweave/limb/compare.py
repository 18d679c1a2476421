"""What is compared of classifiers of limb spectra: trainings, predictions of the same spectra, tables and areas."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landweave.errors import ConfigError, SampleError, SpectraError
from landweave.legend import IGNORE
from landweave.limb.predict import PREDICTIONS
from landweave.limb.predictions import Predictions, read
from landweave.limb.season import Coverage, coverage, smoothed
from landweave.limb.seen import Seen
from landweave.limb.train import SEEN, TRAINING, read_training
from landweave.metrics.crosstable import CrossTable


@dataclass(frozen=True, eq=False)
class Training:
    """A training as its folder tells it."""

    folder: Path
    told: dict[str, Any]
    seen: Seen

    @property
    def title(self) -> str:
        """Name of the classifier."""
        return str(self.told["title"])

    @property
    def is_simulated(self) -> bool:
        """Whether it learnt from simulated spectra."""
        return bool(self.told["simulated"])


@dataclass(frozen=True, eq=False)
class Winter:
    """Predictions of the same spectra by several classifiers; the first is the one that others are compared with.

    Attributes:
        name: Of the season and hemisphere, for headlines.
        every: Predictions by the title of the classifier.
    """

    name: str
    every: dict[str, Predictions]

    @property
    def first(self) -> Predictions:
        """What others are compared with."""
        return next(iter(self.every.values()))

    @property
    def is_simulated(self) -> bool:
        """Whether its spectra are."""
        return any(bool(one.facts.get("simulated")) for one in self.every.values())

    @property
    def mark(self) -> str:
        """What titles of figures end with."""
        return ", simulated" if self.is_simulated else ""

    @property
    def where(self) -> str:
        """Hemisphere and year, for headlines of parts."""
        return self.name.partition(",")[0] + (f" {self.first.time.min().astype('datetime64[Y]')}" * self.has_places)

    @property
    def has_places(self) -> bool:
        """Whether times and places are known: a database of spectra has none."""
        return not np.isnat(self.first.time).any()

    def has_day(self, day: np.datetime64) -> bool:
        """Whether something was observed on a day."""
        return bool((self.first.time.astype("datetime64[D]") == day).any())


def gather(folders: Sequence[Path]) -> tuple[list[Training], list[Winter]]:
    """Trainings and predictions in `folders`; predictions of the same spectra stand together, the Bayesian rule first.

    Raises:
        ConfigError: A folder holds neither, or is named twice.
        SpectraError: A file is damaged, or two classifiers of one name told something of the same spectra.
    """
    trainings: list[Training] = []
    found: list[Predictions] = []
    places = [folder.resolve() for folder in folders]
    for folder, place in zip(folders, places, strict=True):
        if places.count(place) > 1:
            raise ConfigError(f"{folder}, named twice", "each folder once", "leave one of them out")
        known = len(trainings) + len(found)
        if (folder / TRAINING).is_file():
            trainings.append(Training(folder, read_training(folder), Seen.read(folder / SEEN)))
        if (folder / PREDICTIONS).is_file():
            found.append(read(folder / PREDICTIONS))
        if len(trainings) + len(found) == known:
            raise ConfigError(
                f"{folder}, without {TRAINING} or {PREDICTIONS}",
                "folders that landweave limb train, search or predict wrote",
                "check the path, or let the command that writes there end",
            )
    return trainings, _winters(found)


def _winters(found: Sequence[Predictions]) -> list[Winter]:
    groups: list[list[Predictions]] = []
    for one in sorted(found, key=lambda each: each.facts["method"] != "bayes"):
        same = next((group for group in groups if _same_spectra(group[0], one)), None)
        if same is None:
            groups.append([one])
        else:
            same.append(one)
    return [_winter(part) for group in groups for part in _by_pole(group)]


def _by_pole(group: Sequence[Predictions]) -> Iterator[list[Predictions]]:
    """Winters of both hemispheres apart, and apart from both what has no time, as all of a database."""
    has_time, is_north = ~np.isnat(group[0].time), group[0].latitude > 0
    for here in (~has_time, has_time & ~is_north, has_time & is_north):
        if here.any():
            yield [one.select(here) for one in group]


def _same_spectra(one: Predictions, other: Predictions) -> bool:
    columns = ("time", "latitude", "longitude", "tangent_altitude_km", "cloud_index")
    pairs = ((getattr(one, name), getattr(other, name)) for name in columns)
    return len(one) == len(other) and all(np.array_equal(mine, yours, equal_nan=True) for mine, yours in pairs)


def _winter(group: Sequence[Predictions]) -> Winter:
    titles = [str(one.facts["title"]) for one in group]
    if len(set(titles)) < len(titles):
        raise SpectraError(
            f"two predictions of the same spectra by {max(titles, key=titles.count)}",
            "one folder of predictions for each classifier",
            "leave one of them out",
        )
    return Winter(_name(group[0]), dict(zip(titles, group, strict=True)))


def _name(one: Predictions) -> str:
    simulated = "simulated " if one.facts.get("simulated") else ""
    if np.isnat(one.time).any():
        return f"{len(one)} {simulated}spectra without a time"
    days = one.time.astype("datetime64[D]")
    where = "Southern" if float(np.median(one.latitude)) < 0 else "Northern"
    return f"{where} Hemisphere, {days.min()} to {days.max()}, {len(one)} {simulated}spectra"


def cross_tables(winter: Winter) -> Iterator[tuple[str, str, CrossTable]]:
    """How the first classifier's classes are told by each other one; rows are the first's (Figure 2, and 16 turned)."""
    (first, mine), *others = winter.every.items()
    for title, yours in others:
        yield first, title, CrossTable.from_labels(mine.classes, yours.classes, mine.index, yours.index)


def against_truth(one: Predictions) -> CrossTable | None:
    """What is told of each true class, where truth is known."""
    if not one.truth_classes or (one.truth == IGNORE).all():
        return None
    return CrossTable.from_labels(one.truth_classes, one.classes, one.truth, one.index)


def pie_counts(one: Predictions) -> dict[str, int]:
    """Clouds of every class (Figures 14 and 15)."""
    return {name: one.counts[name] for name in one.classes}


def cover(one: Predictions) -> Coverage | None:
    """Area covered by day and altitude, smoothed; None where no observation lies near a pole."""
    try:
        found = coverage(one.time, one.latitude, one.tangent_altitude_km, one.index, len(one.classes))
    except SampleError:
        return None
    return Coverage(found.days, found.altitude_km, smoothed(found.area), found.seen)


KINDS = {
    "ice": ("ice", "ice"),
    "NAT": ("NAT", "nat_small", "nat_large"),
    "STS": ("STS_mix", "sts_1", "sts_2", "sts_3"),
}
"""Constituents of Figures 11 to 13, and the classes that are added up for each; mixed ones are left out, as there."""


def kind_area(one: Predictions, found: Coverage, kind: str) -> np.ndarray:
    """Area of a constituent, with its classes added up."""
    rows = [place for place, name in enumerate(one.classes) if name in KINDS[kind]]
    return np.asarray(found.area[rows].sum(0))

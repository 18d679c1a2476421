"""What a report shows, as values: judgements, maps, runs and jobs, without a word of how they look."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Int64, UInt8

from landweave.legend import LandClass


@dataclass(frozen=True, slots=True)
class Estimate:
    """A figure and its 95 % confidence interval, where one is known."""

    value: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """How one class was mapped.

    Attributes:
        entry: The class.
        users: User's accuracy (of what is mapped so, the part that is so).
        producers: Producer's accuracy (of what is so, the part that is mapped so).
        f1: Harmonic mean of both.
        iou: Intersection over union.
        num_truth: Pixels of the class in the truth.
    """

    entry: LandClass
    users: Estimate
    producers: Estimate
    f1: float
    iou: float
    num_truth: int


@dataclass(frozen=True, slots=True)
class Judgement:
    """An evaluation of one map or card.

    Attributes:
        name: What was judged ("U-Net").
        overall: Overall accuracy.
        kappa: Cohen's kappa.
        macro_f1: Mean F1 of the classes that occur.
        matrix: Counts, rows truth and columns map, in the order of `classes`.
        classes: One entry a class.
        note: Which pixels were judged and how the intervals were made.
        path: The file that says so.
    """

    name: str
    overall: Estimate
    kappa: float
    macro_f1: float
    matrix: Int64[np.ndarray, "k k"]
    classes: tuple[ClassFigures, ...]
    note: str
    path: Path

    @property
    def num_judged(self) -> int:
        """Pixels or units that were judged."""
        return int(self.matrix.sum())


@dataclass(frozen=True, slots=True)
class Table:
    """A plain table: areas, several labels a patch, calibration.

    Attributes:
        title: What it is of.
        note: How it was made; may be empty.
        head: Names of the columns; the first is that of the rows.
        lines: Cells as text, as many in each line as in the head.
        path: The file that says so.
    """

    title: str
    note: str
    head: tuple[str, ...]
    lines: tuple[tuple[str, ...], ...]
    path: Path


@dataclass(frozen=True, slots=True)
class Picture:
    """An image to show, with the words for who cannot see it."""

    pixels: UInt8[np.ndarray, "h w 3"]
    caption: str
    alt: str


@dataclass(frozen=True, slots=True)
class Row:
    """Pictures of one place, side by side on one grid."""

    title: str
    pictures: tuple[Picture, ...]


@dataclass(frozen=True, slots=True)
class Curve:
    """One line of a training figure."""

    name: str
    steps: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Run:
    """A training run: its curves by quantity ("loss", "accuracy") and what is said of it."""

    name: str
    curves: Mapping[str, tuple[Curve, ...]]
    facts: Mapping[str, str]
    path: Path


@dataclass(frozen=True, slots=True)
class Job:
    """A mapping job and its throughput."""

    name: str
    facts: Mapping[str, str]
    phases: Mapping[str, float]
    path: Path


@dataclass(frozen=True, slots=True)
class Point:
    """A step on so many ranks, measured or predicted.

    Attributes:
        ranks: How many.
        samples_per_s: Of all together.
        compute_s: Of a step.
        communication_s: Of a step, as far as compute does not hide it.
        waiting_s: Of a step, for samples.
        f1: After training so, or None.
    """

    ranks: int
    samples_per_s: float
    compute_s: float
    communication_s: float
    waiting_s: float
    f1: float | None = None

    @property
    def step_s(self) -> float:
        """From one step to the next."""
        return self.compute_s + self.communication_s + self.waiting_s


@dataclass(frozen=True, slots=True)
class Growth:
    """A training on more and more ranks.

    Attributes:
        name: Of its folder.
        measured: A point for each number of ranks that was measured.
        fitted: The same numbers of ranks by the model.
        predicted: For the cluster; empty where none was described.
        cluster: Name of the cluster.
        epoch_samples: Training samples of an epoch.
        path: The file that says so.
    """

    name: str
    measured: tuple[Point, ...]
    fitted: tuple[Point, ...]
    predicted: tuple[Point, ...]
    cluster: str
    epoch_samples: int
    path: Path


@dataclass(frozen=True, slots=True)
class Material:
    """Everything that one page shows; what was not found is empty."""

    title: str
    judgements: tuple[Judgement, ...] = ()
    tables: tuple[Table, ...] = ()
    rows: tuple[Row, ...] = ()
    shares: tuple[tuple[LandClass, float], ...] = ()
    runs: tuple[Run, ...] = ()
    growths: tuple[Growth, ...] = ()
    jobs: tuple[Job, ...] = ()
    archives: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    versions: Mapping[str, str] = field(default_factory=dict)
    unread: tuple[str, ...] = ()

"""How good a method is on spectra that it never learnt from: cross-validation, learning curve, a small experiment."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Int64, UInt8
from numpy.typing import NDArray

from landweave.errors import SampleError
from landweave.legend import IGNORE
from landweave.limb.methods import Classifier, fit
from landweave.limb.prepare import Learnable
from landweave.metrics.confusion import Confusion
from landweave.metrics.crosstable import CrossTable
from landweave.spectra.microwindows import CLASSES


@dataclass(frozen=True)
class Fitting:
    """How a method is fitted, over and over.

    Attributes:
        method: Its name.
        arguments: What it is fitted with.
        seed: Of chance in it, and of what is drawn.
        num_threads: Of fit and prediction.
    """

    method: str
    arguments: Mapping[str, Any]
    seed: int = 0
    num_threads: int = 1

    def on(self, some: Learnable) -> Classifier:
        """The method fitted on these."""
        return fit(self.method, some, self.arguments, self.seed, self.num_threads)

    def table(self, learnt: Learnable, judged: Learnable) -> CrossTable:
        """What it tells, having learnt from some, of others: truth by rows."""
        model = self.on(learnt)
        told, _ = model.predict(judged.temperature, self.num_threads)
        return CrossTable.from_labels(CLASSES, model.classes, judged.label, told)


def folds(label: UInt8[np.ndarray, " n"], num: int, seed: int) -> Int64[np.ndarray, " n"]:
    """Which of `num` parts each spectrum belongs to; every class is dealt evenly.

    Raises:
        SampleError: There are fewer spectra than parts.
    """
    if len(label) < 2 * num:
        raise SampleError(
            f"{len(label)} spectra for {num} parts", "two for each part at least", "take fewer parts, or more spectra"
        )
    order = np.random.default_rng(seed).permutation(len(label))
    part = np.empty(len(label), np.int64)
    # By class first: dealt round, each part gets as many of each, but for one.
    part[order[np.argsort(label[order], kind="stable")]] = np.arange(len(label)) % num
    return part


def some(every: Learnable, most: int, seed: int) -> Learnable:
    """At most `most` of them, drawn evenly; in their order."""
    if len(every) <= most:
        return every
    return every.select(np.sort(np.random.default_rng(seed).permutation(len(every))[:most]))


def cross_validated(fitting: Fitting, every: Learnable, num: int) -> Iterator[CrossTable]:
    """For each part in turn, what the method fitted on all others tells of it."""
    part = folds(every.label, num, fitting.seed)
    for number in range(num):
        yield fitting.table(every.select(part != number), every.select(part == number))


def learning_point(fitting: Fitting, every: Learnable, share: float, num_test: int) -> dict[str, float] | None:
    """Accuracy after learning from a share of all spectra, judged on others, the same for all shares (Figure 7).

    None where the share is more than what is left beside the test part, or so small that a class is missing.
    """
    order = np.random.default_rng(fitting.seed).permutation(len(every))
    num = round(share * len(every))
    test, rest = np.split(order, [min(num_test, len(every) // 5)])
    learnt = every.select(np.sort(rest[:num]))
    if len(learnt) < num or len(np.unique(learnt.label)) < len(np.unique(every.label)):
        return None
    return {"share": share, "spectra": num, "accuracy": accuracy(fitting.table(learnt, every.select(test)))}


def small(fitting: Fitting, every: Learnable, num_train: int, num_test: int) -> CrossTable:
    """Learnt from few spectra, judged on fewer, as for Table 6.

    Raises:
        SampleError: There are too few spectra.
    """
    if len(every) < num_train + num_test:
        raise SampleError(
            f"{len(every)} spectra", f"{num_train} to learn from and {num_test} to judge on", "take more spectra"
        )
    order = np.random.default_rng(fitting.seed + 1).permutation(len(every))
    learnt, judged = every.select(order[:num_train]), every.select(order[num_train : num_train + num_test])
    return fitting.table(learnt, judged)


def confusion(table: CrossTable) -> Confusion:
    """A table of truth by rows with the same classes on both sides, as a confusion matrix."""
    assert table.rows == table.columns, "other classes are told than are true"
    return Confusion(np.ascontiguousarray(table.counts.T))


def scores(found: Confusion) -> list[dict[str, Any]]:
    """Precision, recall, F1 and support of every class that is in truth or prediction, and weighted by support."""
    support = found.counts.sum(0)
    lines = [
        {"class": name, "precision": one, "recall": two, "f1": three, "support": num}
        for name, one, two, three, num in zip(
            CLASSES, found.users.tolist(), found.producers.tolist(), found.f1.tolist(), support.tolist(), strict=True
        )
        if num or not np.isnan(one)
    ]
    weights = [line["support"] for line in lines]
    total = {
        name: float(np.average(np.nan_to_num([line[name] for line in lines]), weights=weights))
        for name in ("precision", "recall", "f1")
    }
    return [*lines, {"class": "total", **total, "support": int(support.sum())}]


def answers(classes: Sequence[str]) -> NDArray[np.uint8]:
    """For each of the six classes, which one of `classes` is right: itself, or its constituent alone."""
    wide = {"ice": "ice", "nat": "NAT", "sts": "STS_mix"}
    names = [name if name in classes else wide[name.split("_")[0]] for name in CLASSES]
    return np.array([classes.index(name) for name in names], np.uint8)


def accuracy(table: CrossTable) -> float:
    """Share of all that is right, by `answers`."""
    right = table.counts[np.arange(len(CLASSES)), answers(table.columns)].sum()
    return float(right / max(int(table.counts.sum()), 1))


def is_right(
    classes: Sequence[str], told: UInt8[np.ndarray, " n"], label: UInt8[np.ndarray, " n"]
) -> Bool[np.ndarray, " n"]:
    """Where what is told is right."""
    table = np.full(256, IGNORE, np.uint8)
    table[: len(CLASSES)] = answers(classes)
    return np.asarray(told == table[label])

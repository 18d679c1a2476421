"""One task of training: fit a method on some spectra and judge it on others, or try one choice of its arguments."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

from landweave.atomic import write_bytes, write_text
from landweave.jobs.executor import Summary
from landweave.jobs.worker import threads
from landweave.limb.measure import Fitting, accuracy, folds, learning_point, small, some
from landweave.limb.prepare import Learnable
from landweave.limb.search import tried
from landweave.metrics.crosstable import CrossTable

FORMAT = 1


@dataclass(frozen=True)
class Trial:
    """One task.

    Attributes:
        key: Unique in the job.
        path: The JSON that it writes.
        data: Spectra ready to learn from (`write_learnable`).
        fitting: How the method is fitted.
        kind: "fold", "point" (of the learning curve), "small" (Table 6) or "choice" (of arguments).
        numbers: What else its kind takes.
        choice: Arguments to try.
    """

    key: str
    path: Path
    data: Path
    fitting: Fitting
    kind: str
    numbers: Mapping[str, float] = field(default_factory=dict)
    choice: Mapping[str, Any] = field(default_factory=dict)


def carry_out(trial: Trial) -> Summary:
    """Carry out one trial and write its JSON; the same trial gives the same bytes."""
    every = _opened(trial.data)
    fitting = replace(trial.fitting, num_threads=threads())
    found = _KINDS[trial.kind](fitting, every, trial.numbers, trial.choice)
    write_text(trial.path, json.dumps({"format": FORMAT, "kind": trial.kind, **found}, sort_keys=True) + "\n")
    return {"fits": int(found.get("fits", 1))}


def result(trial: Trial) -> dict[str, Any]:
    """What a trial that is done wrote."""
    found: dict[str, Any] = json.loads(trial.path.read_text(encoding="utf-8"))
    return found


def _fold(
    fitting: Fitting, every: Learnable, numbers: Mapping[str, float], choice: Mapping[str, Any]
) -> dict[str, Any]:
    judged = some(every, int(numbers["most"]), fitting.seed)
    part = folds(judged.label, int(numbers["of"]), fitting.seed)
    out = part == int(numbers["number"])
    return {"table": fitting.table(judged.select(~out), judged.select(out)).to_json()}


def _point(
    fitting: Fitting, every: Learnable, numbers: Mapping[str, float], choice: Mapping[str, Any]
) -> dict[str, Any]:
    return {"point": learning_point(fitting, every, numbers["share"], int(numbers["test"]))}


def _small(
    fitting: Fitting, every: Learnable, numbers: Mapping[str, float], choice: Mapping[str, Any]
) -> dict[str, Any]:
    return {"table": small(fitting, every, int(numbers["train"]), int(numbers["test"])).to_json()}


def _choice(
    fitting: Fitting, every: Learnable, numbers: Mapping[str, float], choice: Mapping[str, Any]
) -> dict[str, Any]:
    searched = some(every, int(numbers["most"]), fitting.seed)
    found = tried(fitting, searched, choice, int(numbers["of"]))
    told = {"arguments": dict(found.arguments), "accuracy": found.accuracy, "parts": list(found.parts)}
    return {"choice": told, "fits": len(found.parts)}


_KINDS = {"fold": _fold, "point": _point, "small": _small, "choice": _choice}


def whole(tables: list[CrossTable]) -> CrossTable:
    """Tables of all parts together."""
    return sum(tables[1:], tables[0])


def told_accuracy(tables: list[CrossTable]) -> dict[str, Any]:
    """A cross-validation as it stands in training.json."""
    every = whole(tables)
    parts = [accuracy(table) for table in tables]
    return {"accuracy": accuracy(every), "parts": parts, "table": every.to_json()}


def write_learnable(path: Path, every: Learnable) -> None:
    """Write spectra ready to learn from, for tasks."""
    arrays = {"temperature": every.temperature, "label": every.label, "mean": every.mean, "held": every.held}
    write_bytes(path, safetensors.numpy.save({name: np.ascontiguousarray(array) for name, array in arrays.items()}))


def read_learnable(path: Path) -> Learnable:
    """What `write_learnable` wrote; why others were left out is not in it."""
    found = safetensors.numpy.load(path.read_bytes())
    return Learnable(found["temperature"], found["label"], found["mean"], found["held"])


@functools.lru_cache(maxsize=1)
def _opened(path: Path) -> Learnable:
    # Once a process: all tasks of a job are on the same spectra. What is held back is not for them.
    every = read_learnable(path)
    return every.select(~every.held)

"""Runs that differ in optimiser, rate and batch, each a task that leaves one small result. Not a benchmark itself.

A run is judged by its last epoch on windows that it never trained on; no weights are chosen by them.
"""

from __future__ import annotations

import json
import time
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landweave.atomic import write_text
from landweave.errors import DivergedError
from landweave.jobs.pool import Pool
from landweave.parallel.world import World
from landweave.provenance import commit, fingerprint
from landweave.recipe import run as training
from landweave.recipe.recipe import TrainRecipe
from landweave.train.log import read_log


@dataclass(frozen=True)
class Method:
    """How gradients become updates.

    Attributes:
        name: For people.
        optimiser: Table of the recipe.
        batch: Samples of one update.
        warmup_epochs: Of the schedule.
    """

    name: str
    optimiser: tuple[tuple[str, Any], ...]
    batch: int
    warmup_epochs: float = 0.0


def method(name: str, batch: int, warmup_epochs: float = 0.0, /, **optimiser: Any) -> Method:
    """A method by name."""
    return Method(name, tuple(sorted(optimiser.items())), batch, warmup_epochs)


@dataclass(frozen=True)
class RunTask:
    """One run.

    Attributes:
        method: How.
        seed: Of the run.
        base: The rest of the recipe, as JSON.
        archive: What it learns from.
        archive_identity: What that holds.
        work: Where the run stands while it goes on.
        results: Where its result is kept.
        figure: What it is judged by.
    """

    method: Method
    seed: int
    base: str
    archive: Path
    archive_identity: str
    work: Path
    results: Path
    figure: str

    @property
    def recipe(self) -> dict[str, Any]:
        """The whole recipe but for the archive's place."""
        told = {"optimiser": dict(self.method.optimiser), "batch_global": self.method.batch, "seed": self.seed}
        # Order 2, as the second paper has it; for all methods, so that none has the better end.
        schedule = {"name": "polynomial", "power": 2.0, "warmup_epochs": self.method.warmup_epochs}
        return {**json.loads(self.base), **told, "schedule": schedule}

    @property
    def key(self) -> str:
        """Name of the method, seed, and what decides the result."""
        identity = fingerprint({**self.recipe, "archive": self.archive_identity})[:10]
        return f"{self.method.name.replace(' ', '_').replace(',', '')}-seed-{self.seed}-{identity}"

    @property
    def path(self) -> Path:
        """The result."""
        return self.results / f"{self.key}.json"


def train(task: RunTask) -> dict[str, int]:
    """Train, or go on, and leave the result: the figure after every epoch; none where the run diverged."""
    recipe = TrainRecipe.model_validate({"archive": task.archive, **task.recipe})
    out, began, diverged = task.work / task.key, time.perf_counter(), ""
    try:
        deque(training.run(recipe, out, World()), maxlen=0)
    except DivergedError as error:
        diverged = error.given
    # From the log, which also has what was done before a stop.
    curve = [round(line["figures"][task.figure], 5) for line in read_log(out) if line["kind"] == "epoch"]
    content = {
        "method": task.method.name, "batch": task.method.batch, "optimiser": dict(task.method.optimiser),
        "warmup_epochs": task.method.warmup_epochs, "seed": task.seed, "epochs": recipe.epochs,
        "figure": task.figure, "curve": curve, "end": None if diverged else curve[-1], "diverged": diverged,
        "seconds": round(time.perf_counter() - began, 1), "commit": commit(),
    }  # fmt: skip
    write_text(task.path, json.dumps(content, indent=1) + "\n")
    return {"runs": 1}


def carry_out(tasks: Iterable[RunTask], workers: int) -> list[dict[str, Any]]:
    """The results of all tasks, in their order; those that lack one are run, each by a process with one thread."""
    every = list(tasks)
    lacking = [task for task in every if not task.path.is_file()]
    # The longest first: many small batches take longer than few large ones.
    lacking.sort(key=lambda task: task.method.batch)
    if lacking:
        print(f"  {len(lacking)} of {len(every)} runs to do", flush=True)
    for outcome in Pool(workers, in_flight=1).run(train, lacking):
        if outcome.error is not None:
            raise outcome.error
        print(f"  done: {outcome.key}", flush=True)
    return [json.loads(task.path.read_text(encoding="utf-8")) for task in every]


def best(results: Sequence[Mapping[str, Any]]) -> Mapping[str, Any]:
    """The result with the best end."""
    return max(results, key=lambda result: -1.0 if result["end"] is None else result["end"])


def table(results: Iterable[Mapping[str, Any]]) -> str:
    """All results as lines."""
    return "\n".join(
        f"{each['method']:34} seed {each['seed']} rate {each['optimiser']['rate']:<8g} "
        f"{'diverged' if each['end'] is None else format(each['end'], '.4f')}  {each['seconds']:.0f} s"
        for each in results
    )

"""Whether LAMB at a batch of 4,096 ends where Adam at 64 does, and what becomes of SGD and LARS there.

A world is cut into patches of 28 x 28 pixels of 1 m with four bands, as SAT-4's are, each with the class that covers
most of it: 40,000 to learn from, 8,000 from other windows to judge by. ResNet-18 with half the filters, bf16, 30
epochs, polynomial decay of order 2 for every method. Rates are tuned on seed 1, three for each method: SGD's at a
batch of 64, from which the linear rule makes those of larger ones; LAMB's and LARS's at 4,096, from which the square
root rule makes those of 16,384. Every run is a file in benchmarks/results/large_batch, from which the script goes on;
runs themselves go on from their checkpoints in --work. Two runs at a time, one thread each.

Without arguments: few patches and epochs, one seed, no goals. --full: as above, three seeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from batch_runs import Method, RunTask, best, carry_out, method, table
from landweave.jobs.worker import num_cores
from landweave.recipe.material import Material, find
from landweave.recipe.recipe import TrainRecipe
from patch_worlds import SAT4_LIKE, SEVERAL_LABELS, Kind, make
from scenes import figure, print_result

RESULTS = Path(__file__).parent / "results"
SEEDS = (1, 2, 3)
WARMUP_EPOCHS = 5.0


@dataclass(frozen=True)
class Plan:
    """One form of the experiment.

    Attributes:
        name: Folder of its results.
        kind: Of its patches.
        task: Of its recipes.
        figure: What a run is judged by.
        unit: Of the figure.
        windows: How many are cut.
        epochs: Of every run.
        small: The batch that is known to work.
        large: The batch that is asked about.
        largest: Where it breaks.
        seeds: Of every method; the first one also tunes.
        tunes: Whether rates are tried; else the first of each method is taken.
        goal: How far LAMB may end below Adam; None where that means nothing.
    """

    name: str
    kind: Kind
    task: str
    figure: str
    unit: str
    windows: int
    epochs: int
    small: int = 64
    large: int = 4096
    largest: int = 16384
    seeds: tuple[int, ...] = SEEDS
    tunes: bool = True
    goal: float | None = 0.01


FULL = Plan("large_batch", SAT4_LIKE, "patches", "overall_accuracy", "overall accuracy", 600, 30)
SHORT = replace(
    FULL, name="large_batch_short", windows=24, epochs=2, small=32, large=256, largest=1024, seeds=(1,), tunes=False,
    goal=None,
)  # fmt: skip
FULL_LABELS = replace(
    FULL, name="multilabel", kind=SEVERAL_LABELS, task="multilabel", figure="micro_f1", unit="micro-F1", seeds=(1,)
)
SHORT_LABELS = replace(
    SHORT, name="multilabel_short", kind=SEVERAL_LABELS, task="multilabel", figure="micro_f1", unit="micro-F1"
)

# The middle one first: it is what the short form takes.
RATES: Mapping[str, tuple[float, ...]] = {
    "sgd": (0.03, 0.01, 0.1),
    "lamb": (0.014, 0.007, 0.028),
    "lars": (5.0, 1.5, 15.0),
}


def adam(plan: Plan) -> Method:
    """The second paper's baseline."""
    return method(f"Adam {plan.small}", plan.small, name="adam", rate=0.001, weight_decay=0.0)


def sgd(plan: Plan, rate: float, batch: int, warmup_epochs: float = 0.0) -> Method:
    """SGD with Nesterov momentum; its rate belongs to the small batch."""
    ways = {True: f", {warmup_epochs:g} epochs warm-up", False: ""}[warmup_epochs > 0]
    scaling = {"scaling": "linear", "base_batch": plan.small}
    return method(f"SGD {batch}{ways}", batch, warmup_epochs, name="sgd", rate=rate, weight_decay=1e-4, **scaling)


def layerwise(plan: Plan, name: str, rate: float, batch: int) -> Method:
    """LAMB or LARS; its rate belongs to the large batch."""
    decay = {"lamb": 0.01, "lars": 1e-4}[name]
    scaling = {"scaling": "sqrt", "base_batch": plan.large}
    return method(f"{name.upper()} {batch}", batch, WARMUP_EPOCHS, name=name, rate=rate, weight_decay=decay, **scaling)


class Experiment:
    """Tasks of one plan over one archive."""

    def __init__(self, plan: Plan, work: Path, workers: int) -> None:
        self.plan, self.workers = plan, workers
        self._work, self._results = work / plan.name, RESULTS / plan.name
        self.archive = make(plan.kind, plan.windows, work / f"{plan.kind.name}-{plan.windows}", workers)
        self._base: dict[str, Any] = {
            "network": "resnet18", "arguments": {"width": 32}, "task": plan.task, "epochs": plan.epochs,
            "precision": "bf16", "log_every_steps": 10, "stopping": {"monitor": plan.figure},
        }  # fmt: skip
        self.material: Material = find(
            TrainRecipe.model_validate({"archive": self.archive.folder, **self._base}), self.archive
        )

    def results(self, methods: Iterable[Method], seeds: Iterable[int]) -> list[dict[str, Any]]:
        """Of every method with every seed."""
        base = json.dumps(self._base, sort_keys=True)
        tasks = [
            RunTask(
                each, seed, base, self.archive.folder, self.material.identity, self._work, self._results,
                self.plan.figure,
            )
            for each in methods
            for seed in seeds
        ]  # fmt: skip
        found = carry_out(tasks, self.workers)
        print(table(found), flush=True)
        return found

    def tuned(self) -> dict[str, float]:
        """The rate of every method that ended best on the first seed."""
        plan = self.plan
        if not plan.tunes:
            return {name: rates[0] for name, rates in RATES.items()}
        small = [sgd(plan, rate, plan.small) for rate in RATES["sgd"]]
        large = [layerwise(plan, name, rate, plan.large) for name in ("lamb", "lars") for rate in RATES[name]]
        found = self.results([*small, *large], plan.seeds[:1])
        return {
            name: float(best([each for each in found if each["optimiser"]["name"] == name])["optimiser"]["rate"])
            for name in RATES
        }

    def compared(self, rates: Mapping[str, float]) -> list[dict[str, Any]]:
        """All methods with all seeds; where it breaks with the first seed."""
        plan = self.plan
        main = [
            adam(plan),
            layerwise(plan, "lamb", rates["lamb"], plan.large),
            sgd(plan, rates["sgd"], plan.large, WARMUP_EPOCHS),
            sgd(plan, rates["sgd"], plan.large),
            layerwise(plan, "lars", rates["lars"], plan.large),
        ]
        broken = [
            layerwise(plan, "lamb", rates["lamb"], plan.largest),
            sgd(plan, rates["sgd"], plan.largest, WARMUP_EPOCHS),
            layerwise(plan, "lars", rates["lars"], plan.largest),
        ]
        return [*self.results(main, plan.seeds), *self.results(broken, plan.seeds[:1])]


def figures(plan: Plan, found: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean end of every method, and how far LAMB ends below Adam."""
    ends: dict[str, list[float | None]] = {}
    for each in found:
        ends.setdefault(each["method"], []).append(each["end"])
    made = []
    for name, values in ends.items():
        known = [value for value in values if value is not None]
        one = figure(f"{name}: end", statistics.mean(known) if known else float("nan"), plan.unit)
        made.append(one | {"seeds": values, "diverged": len(values) - len(known)})
    mean = {one["name"]: one["value"] for one in made}
    below = mean[f"Adam {plan.small}: end"] - mean[f"LAMB {plan.large}: end"]
    holds = None if plan.goal is None else bool(below <= plan.goal)
    goal = None if plan.goal is None else f"at most {plan.goal:g}"
    return [*made, figure(f"LAMB {plan.large} below Adam {plan.small}", below, plan.unit, goal, holds)]


def run(full: Plan, short: Plan, description: str) -> None:
    """Carry out one form, print all, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "landweave-large-batch")
    parser.add_argument("--workers", type=int, default=num_cores(), help="runs at a time, one thread each")
    wanted = parser.parse_args()
    plan = full if wanted.full else short
    experiment = Experiment(plan, wanted.work, wanted.workers)
    rates = experiment.tuned()
    print(f"rates: {rates}", flush=True)
    made = figures(plan, experiment.compared(rates))
    for each in made:
        print(f"{each['name']:40} {each['value']:.4f}  {each['goal'] or '':14} {each.get('seeds', '')}")
    known = experiment.material
    print_result(
        made, patches=len(known.train), judged=len(known.validation), epochs=plan.epochs, seeds=plan.seeds,
        rates=rates, threads=1, runs_at_a_time=wanted.workers,
    )  # fmt: skip


if __name__ == "__main__":
    run(FULL, SHORT, __doc__ or "")

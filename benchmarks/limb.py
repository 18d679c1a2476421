"""Classifiers of simulated limb spectra: how right they are on two databases, and how fast a million is classified.

On limb-published-1 and limb-hard-1, which are simulated, each of PCA + SVM, KPCA + SVM, random forest and "Bayesian,
fitted here" is searched for (Tables 4 and 5 of Sedona et al. 2020: the whole grid for machines, ten forests at random,
of 100 trees all; on 2,000 spectra with 5 folds), judged by 5 folds on 10,000 spectra, by the learning curve of Figure 7
with 1,200 spectra beside, and on few spectra as in Table 6, and fitted on all. Then one million spectra, which are
those of limb-published-1 over and over in ten files, are classified by each with two workers of one thread: reading
and writing count. The first file is classified in one process too, for the same bytes.

Without arguments: 3,000 spectra, few choices, 60,000 predictions. --full: as above. Every finished part is a file in
benchmarks/results/limb; --only limb-hard-1/forest runs one.
"""

from __future__ import annotations

import argparse
import functools
import os
import shutil
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
    os.environ.setdefault(_name, "1")

import numpy as np

from landweave.config import check
from landweave.datasets import limb
from landweave.jobs.executor import Executor
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.jobs.worker import Setup
from landweave.limb import predict, train
from landweave.limb.predict import PredictJob
from landweave.limb.recipe import LimbRecipe
from landweave.limb.train import TrainJob, read_training
from landweave.metrics.crosstable import CrossTable
from landweave.provenance import file_sha256
from landweave.simulate.spectra import database
from parts import measured
from scenes import figure, print_result

WORLDS = ("limb-published-1", "limb-hard-1")
METHODS = ("pca-svm", "kpca-svm", "forest", "bayes")
WORKERS = 2
ENOUGH = 1200
# Number of trees and what is tried of Table 5 beside: more trees take longer and are hardly better.
FOREST: Mapping[str, list[Any]] = {
    "num_trees": [100],
    "max_features": ["auto", "sqrt"],
    "max_depth": list(range(10, 111, 10)),
    "min_split": [2, 5, 10],
    "min_leaf": [1, 2, 4],
    "bootstrap": [True, False],
}


@dataclass(frozen=True)
class Form:
    """One form of the experiment."""

    folder: str
    num: int
    most: int
    judged: int
    machines: Mapping[str, list[Any]]
    forests: int
    predicted: int


FULL = Form("limb", 70_000, 2000, 10_000, {}, 10, 1_000_000)
FEW = {"strength": [1000.0], "gamma": [0.01, 0.1, 1.0]}
SHORT = Form("limb_short", 3000, 400, 1500, FEW, 3, 60_000)


def pool() -> Pool:
    return Pool(WORKERS, Setup(threads=1))


def spectra_of(form: Form, world: str, work: Path) -> Path:
    """The file of a database; what stands there already is kept."""
    path = work / form.folder / f"{world}.nc"
    if not path.is_file():
        limb.write(path, database(world, form.num), {"simulated": 1, "world": world})
    return path


def recipe(form: Form, method: str) -> LimbRecipe:
    """What is searched for and how it is judged."""
    options = FOREST if method == "forest" else form.machines if "svm" in method else {}
    search = {"kind": "random" if method == "forest" else "grid", "most": form.most, "num": form.forests}
    curve = (0.5, 0.2, 0.1, 0.05, 0.02, ENOUGH / form.num, 0.01, 0.005, 0.002, 0.001)
    judge = {"most": form.judged, "curve": curve, "shuffled": 500}
    told = {"method": method, "search": {**search, "options": dict(options)}, "judge": judge}
    return check(LimbRecipe, told, "benchmark")


def learn(form: Form, world: str, method: str, work: Path) -> dict[str, Any]:
    """Search, judge and fit one method on one database."""
    job = TrainJob(spectra=(spectra_of(form, world, work),), recipe=recipe(form, method))
    out, began = work / form.folder / f"{world}-{method}", time.perf_counter()
    failed = [record.failed for record in train.run(job, out, pool()) if record.failed]
    told = read_training(out)
    kept = ("title", "arguments", "spectra", "left_out", "important", "cross_validation", "curve", "small", "held")
    best = sorted(told["search"], key=lambda one: -one["accuracy"])[:5]
    seconds = round(time.perf_counter() - began, 1)
    return {**{name: told[name] for name in kept}, "best": best, "failed": failed, "seconds": seconds}


def season(form: Form, work: Path) -> list[Path]:
    """Files with as many spectra as are to be classified: those of a database over and over."""
    folder = work / form.folder / "season"
    every = limb.read([spectra_of(form, WORLDS[0], work)])
    each = form.predicted // 10
    paths = [folder / f"{number}.nc" for number in range(10)]
    for number, path in enumerate(paths):
        if not path.is_file():
            rows = (number * each + np.arange(each)) % len(every)
            limb.write(path, replace(every.select(rows), label=None, classes=(), truth={}), {"simulated": 1})
    return paths


def told(files: list[Path], card: Path, out: Path, executor: Executor, block: int) -> tuple[str, float]:
    """SHA-256 of the predictions, and seconds of the whole job."""
    shutil.rmtree(out, ignore_errors=True)
    job = check(PredictJob, {"spectra": files, "card": card, "block": block}, "benchmark")
    began = time.perf_counter()
    failed = [record.failed for record in predict.run(job, out, executor) if record.failed]
    if failed:
        raise RuntimeError("; ".join(failed))
    return file_sha256(out / predict.PREDICTIONS), time.perf_counter() - began


def classify(form: Form, method: str, work: Path) -> dict[str, Any]:
    """Classify all files by two workers, and the first of them in one process too."""
    files, card = season(form, work), work / form.folder / f"{WORLDS[0]}-{method}" / "card"
    if not card.is_dir():
        learn(form, WORLDS[0], method, work)
    out, block = work / form.folder / f"told-{method}", min(20_000, form.predicted // 10)
    _, seconds = told(files, card, out, pool(), block)
    one, _ = told(files[:1], card, out, Serial(Setup(threads=1)), block)
    other, _ = told(files[:1], card, out, pool(), block)
    shutil.rmtree(out)
    return {"spectra": form.predicted, "seconds": round(seconds, 2), "same": one == other}


def figures_of(world: str, method: str, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Accuracy, what is told of large NAT, and the curve, of one method on one database."""
    head = f"{world}, {found['title']}"
    right, large = found["cross_validation"]["accuracy"], CrossTable.from_json(found["cross_validation"]["table"])
    published = world == WORLDS[0]
    goal = None if method == "bayes" else "near 0.99" if published else "below 0.98"
    holds = None if method == "bayes" else bool(right >= 0.98) if published else bool(right < 0.98)
    answer = "NAT" if method == "bayes" else "nat_large"
    made = [figure(f"{head}: cross-validation", right, "accuracy", goal, holds)]
    made.append(figure(f"{head}: large NAT told as {answer}", large.row("nat_large")[answer], "share"))
    made.append(figure(f"{head}: few spectra (Table 6)", found["small"]["accuracy"], "accuracy"))
    if found["held"]:
        made.append(figure(f"{head}: radius left out of training", found["held"]["accuracy"], "accuracy"))
    for point in found["curve"]:
        enough = point["spectra"] == ENOUGH
        wanted = ("above 0.8", bool(point["accuracy"] > 0.8)) if enough and published else (None, None)
        made.append(figure(f"{head}: learnt from {point['spectra']:.0f}", point["accuracy"], "accuracy", *wanted))
    return made


def speed_of(method: str, found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Spectra a second."""
    name = f"{method}: {found['spectra']:,} spectra classified by {WORKERS} workers of one thread"
    speed = found["spectra"] / found["seconds"]
    same = figure(
        f"{method}: one process and {WORKERS} workers, same bytes", found["same"], "yes or no", "1", found["same"]
    )
    return [figure(name, speed, "spectra/s"), same]


def main() -> None:
    """Print a table, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--only", help="one part: limb-hard-1/forest, or speed/forest")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "landweave-limb")
    wanted = parser.parse_args()
    form = FULL if wanted.full else SHORT
    parts = [(world, method) for world in (*WORLDS, "speed") for method in METHODS]
    made: list[dict[str, Any]] = []
    for world, method in parts:
        if wanted.only not in (None, f"{world}/{method}"):
            continue
        if world == "speed":
            doing = functools.partial(classify, form, method, wanted.work)
            made += speed_of(method, measured(form.folder, f"{world}-{method}", doing))
        else:
            doing = functools.partial(learn, form, world, method, wanted.work)
            made += figures_of(world, method, measured(form.folder, f"{world}-{method}", doing))
    for each in made:
        print(f"{each['name']:78} {each['value']:12.4f}  {each['goal'] or ''}")
    print_result(made, spectra=form.num, workers=WORKERS, threads=1)


if __name__ == "__main__":
    main()

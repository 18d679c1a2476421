"""Which sensor tells what: a simulated city by camera, spectrometer and both (Aspri et al. 2020, Tables 2 and 3).

city-1 is simulated with five seeds, three fixed and two from the command line, and cut into pairs on separate land:
12 m of ground, 24 x 24 pixels of the camera and 12 x 12 of the spectrometer with 48 bands, 100 training patches of each
of 20 classes. The two-branch network with both views, and with each alone, learns 15 epochs at a quarter of the paper's
width (Adam, 0.001, batch of 40; dropout 0.5, because the joined activations are few at that width); beside it stand a
support vector machine, five nearest neighbours and a forest on all numbers of both views. The validation part chooses
the epoch; accuracies are of the training, validation and test parts. Every finished part is a file in
benchmarks/results/city.

Without arguments: one seed, a small city, few epochs, no goals. --full: as above.
"""

from __future__ import annotations

import argparse
import functools
import json
import statistics
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from landweave.config import check
from landweave.datasets import pairs
from landweave.evaluation import patches as judging
from landweave.jobs.serial import Serial
from landweave.jobs.worker import num_cores
from landweave.parallel.world import World
from landweave.patches.archive import Archive, open_archive
from landweave.patches.sample import SPLITS
from landweave.raster.collect import CatalogJob, collect
from landweave.recipe.kinds import run as carry_out
from landweave.recipe.recipe import TrainRecipe
from landweave.simulate.city import load_city
from landweave.simulate.writecity import write_city
from parts import measured
from scenes import figure, print_result

FIXED = (1, 2, 3)
NAMES = {
    "both": "RGB + HSI",
    "rgb": "RGB alone",
    "hsi": "HSI alone",
    "svm": "SVM (RBF)",
    "neighbours": "KNN (5)",
    "forest": "forest",
}
CLASSICAL: Mapping[str, Mapping[str, Any]] = {
    "svm": {"strength": 10.0},
    "neighbours": {"nearest": 5},
    "forest": {"num_trees": 100},
}


@dataclass(frozen=True)
class Form:
    """One form of the experiment."""

    folder: str
    edge_m: int
    per_class: int
    epochs: int
    width: float


FULL = Form("city", 720, 100, 15, 0.25)
SHORT = Form("city_short", 360, 12, 2, 0.125)


def recipe(form: Form, name: str, archive: Path, seed: int) -> TrainRecipe:
    """The recipe of one method."""
    told: dict[str, Any] = {"archive": archive, "task": "patches", "seed": seed}
    if name in ("both", "rgb", "hsi"):
        told |= {"network": "two_branch", "epochs": form.epochs, "batch_global": 40, "precision": "fp32"}
        told |= {"arguments": {"use": name, "width": form.width, "dropout": 0.5}}
        told |= {"optimiser": {"name": "adam", "rate": 1e-3, "weight_decay": 0.0}}
    else:
        told |= {"network": name, "arguments": {"features": "flat", **CLASSICAL[name]}}
    return check(TrainRecipe, told, name)


def cut(form: Form, seed: int, work: Path) -> Archive:
    """The city of a seed as an archive of pairs; what stands there already is kept."""
    folder = work / f"{form.folder}-{seed}"
    if not (folder / "catalog.parquet").is_file():
        for _ in write_city(load_city("city-1", seed, edge_m=form.edge_m), folder):
            pass
        collect(CatalogJob(sources=[str(folder / "scenes")]), folder / "catalog.parquet")
    told = {
        "scenes": folder / "catalog.parquet",
        "labels": folder / "truth" / "classes.tif",
        "sensor": "worldview-rgb",
        "beside": "airborne-48",
        "patch_px": 24,
        "pixels": "own",
        "per_class": form.per_class,
        "block_px": 160,
        "seed": seed,
        "fewer": True,
    }
    for _ in pairs.run_catalog(check(pairs.PairScenesJob, told, "benchmark"), folder / "archive", executor=Serial()):
        pass
    return open_archive(folder / "archive")


def accuracy(card: Path, archive: Archive) -> dict[str, float]:
    """Overall accuracy on every part."""
    found: dict[str, float] = {}
    for part in SPLITS:
        going = judging.judge(card, archive, part, part)
        while True:
            try:
                next(going)
            except StopIteration as ended:
                found[part] = float(ended.value.confusion.overall)
                break
    return found


def learn(form: Form, name: str, seed: int, work: Path) -> dict[str, Any]:
    """Train one method on one city, and judge it."""
    archive = cut(form, seed, work)
    out, began = work / f"{form.folder}-{seed}" / f"run-{name}", time.perf_counter()
    for _ in carry_out(recipe(form, name, archive.folder, seed), out, World()):
        pass
    seconds = time.perf_counter() - began
    told = accuracy(out / "card", archive)
    return {"accuracy": told, "seconds": round(seconds, 1), "patches": archive.manifest["splits"]}


def figures(found: Mapping[str, list[dict[str, Any]]], *, is_full: bool) -> list[dict[str, Any]]:
    """Mean and spread of every method and part, and whether both sensors together are best."""
    made = []
    for name, parts in found.items():
        for part in SPLITS:
            values = [one["accuracy"][part] for one in parts]
            spread = statistics.stdev(values) if len(values) > 1 else 0.0
            made.append(figure(f"{NAMES[name]}, {part}", statistics.mean(values), "accuracy") | {"spread": spread})
    means = {name: statistics.mean([one["accuracy"]["test"] for one in parts]) for name, parts in found.items()}
    other = max(value for name, value in means.items() if name != "both")
    ahead = means["both"] - other
    goal, holds = ("above 0", bool(ahead > 0)) if is_full else (None, None)
    return [*made, figure("both sensors ahead of the best other, test", ahead, "accuracy", goal, holds)]


def main() -> None:
    """Print a table, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--seeds", type=int, nargs=2, default=(4, 5), help="two more seeds beside 1, 2 and 3")
    parser.add_argument("--only", type=int, help="this seed alone")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "landweave-city")
    wanted = parser.parse_args()
    torch.set_num_threads(num_cores())
    form, seeds = (FULL, (*FIXED, *wanted.seeds)) if wanted.full else (SHORT, (1,))
    seeds = (wanted.only,) if wanted.only is not None else seeds
    found: dict[str, list[dict[str, Any]]] = {name: [] for name in NAMES}
    for seed in seeds:
        for name, parts in found.items():
            learning = functools.partial(learn, form, name, seed, wanted.work)
            parts.append(measured(form.folder, f"{name}-{seed}", learning))
            print(json.dumps({"seed": seed, "method": NAMES[name], **parts[-1]["accuracy"]}), flush=True)
    made = figures(found, is_full=wanted.full)
    for each in made:
        print(f"{each['name']:46} {each['value']:.3f}  {each.get('spread', 0):.3f}")
    print_result(made, seeds=seeds, width=form.width, epochs=form.epochs, per_class=form.per_class, threads=num_cores())


if __name__ == "__main__":
    main()

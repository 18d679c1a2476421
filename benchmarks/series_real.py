"""Labels of real series, told on places that nothing was learnt from: networks, and a random forest as baseline.

The public series of ../shared/data, read as landweave series import does. Blocks of land (squares of a quarter of a
degree, squares of pixels, whole fields) are dealt to training, validation and test at random within each class; each
seed deals anew, so that more places are tested than one draw would. Weights are the best on the validation part. The
recipes are those of recipes/, but for bands and sensors; no more than 500 points a class are learnt from.

The data are small, and classes unbalanced: the share that the most frequent class of the training part would get on
the same test points stands beside every accuracy. Without arguments: the two sets of the fewest points, ten epochs,
one seed, under four minutes. --full: every set, the recipes' own epochs, three seeds, two hours on one core. Every
model is a file in benchmarks/results/series_real, from which the script goes on.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from landweave.atomic import write_text
from landweave.config import check
from landweave.datasets.points import Points, write_points
from landweave.datasets.series import read_series
from landweave.parallel.world import World
from landweave.provenance import commit, fingerprint
from landweave.recipe.folder import CARD
from landweave.recipe.kinds import load_recipe
from landweave.recipe.series import SeriesRecipe, run
from landweave.train.answer import Answer
from scenes import figure, print_result

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "series_real"
FOLDERS = {
    "sits-mt": "sits_samples",
    "sits-modis": "sits_samples",
    "sits-ndvi": "sits_samples",
    "bavaria-fields": "bavaria_s2_fields",
    "bavaria-images": "bavaria_s2_image_ts",
    "eolearn": "eolearn_testeopatch",
    "worldcereal": "worldcereal",
}
RECIPES = ("series-forest", "multi-year-lstm", "sliding-transformer", "series-tempcnn", "series-ltae")
SHORT_SETS, PER_CLASS = ("bavaria-fields", "worldcereal"), 500


def recipe(name: str, samples: Path, epochs: int | None, seed: int) -> SeriesRecipe:
    """The recipe called `name` for these samples."""
    told = load_recipe(ROOT / "recipes" / f"{name}.toml").model_dump(exclude_unset=True)
    told |= {"samples": samples, "seed": seed, "per_class": PER_CLASS, "precision": "fp32"}
    told = {key: value for key, value in told.items() if key not in ("bands", "sensor")}
    # A few hundred points make few updates an epoch with the recipes' batch.
    told["batch_global"] = min(64, told.get("batch_global", 64))
    if epochs is not None:
        told["epochs"] = epochs
    return check(SeriesRecipe, told, name)


def trimmed(points: Points) -> Points:
    """The points whose class is in all three parts, so that it can be learnt and judged."""
    parts = [set(points.label[points.part == part].tolist()) for part in range(3)]
    shared = set.intersection(*parts) - {-1}
    return points.take(np.isin(points.label, sorted(shared)))


def judged(card: Path, points: Points) -> dict[str, Any]:
    """How right a card is on the part test, beside the most frequent class of the part train."""
    train, test = (points.take(points.of_part(part)) for part in ("train", "test"))
    told = Answer(card).scores(test.values, test.valid, test.days).argmax(-1).numpy()
    frequent = np.bincount(train.label).argmax()
    each = [float((told[test.label == label] == label).mean()) for label in np.unique(test.label)]
    return {
        "overall": float((told == test.label).mean()),
        "by_class": float(np.mean(each)),
        "frequent": float((test.label == frequent).mean()),
        "num_test": len(test),
        "num_blocks": len(np.unique(test.block)),
        "num_classes": len(np.unique(points.label)),
    }


def result(data: Path, name: str, model: str, epochs: int | None, seed: int) -> dict[str, Any]:
    """Train and judge, or what an earlier run of the same found."""
    key = fingerprint({"set": name, "model": model, "epochs": epochs, "seed": seed, "per_class": PER_CLASS})[:8]
    path = RESULTS / f"{name}-{model}-{seed}-{key}.json"
    if path.is_file():
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        return found
    points = trimmed(read_series(name, data / FOLDERS[name], seed=seed))
    with tempfile.TemporaryDirectory() as folder:
        samples, out = Path(folder) / "samples.h5", Path(folder) / "run"
        write_points(points, samples)
        began = time.perf_counter()
        for _ in run(recipe(model, samples, epochs, seed), out, World()):
            pass
        found = {"set": name, "model": model, "seed": seed, "epochs": epochs, **judged(out / CARD, points)}
        found |= {"seconds": round(time.perf_counter() - began, 1), "commit": commit()}
    RESULTS.mkdir(parents=True, exist_ok=True)
    write_text(path, json.dumps(found, indent=1) + "\n")
    return found


def summary(name: str, runs: Mapping[str, Sequence[Mapping[str, Any]]]) -> list[dict[str, Any]]:
    """Mean accuracy of every model on one set, with the number of test points."""
    made = []
    first = next(iter(runs.values()))
    num = ", ".join(str(run["num_test"]) for run in first)
    made.append(figure(f"{name} ({num} test points): most frequent class", _mean(first, "frequent"), "accuracy"))
    for model, found in runs.items():
        for key, what in (("overall", "accuracy"), ("by_class", "mean accuracy of classes")):
            made.append(figure(f"{name}: {model}", _mean(found, key), what))
    return made


def _mean(runs: Sequence[Mapping[str, Any]], key: str) -> float:
    return statistics.mean(float(run[key]) for run in runs)


def main() -> None:
    """Train what lacks a result, print all, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--seeds", type=int, nargs="*", default=[], help="seeds besides the fixed ones")
    parser.add_argument("--only", nargs="*", default=list(FOLDERS), help="these sets alone")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder of real data")
    parser.add_argument("--threads", type=int, default=1)
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    seeds = list(dict.fromkeys((*((1, 2, 3) if wanted.full else (1,)), *wanted.seeds)))
    epochs = None if wanted.full else 10
    figures: list[dict[str, Any]] = []
    for name in [name for name in (FOLDERS if wanted.full else SHORT_SETS) if name in wanted.only]:
        runs: dict[str, list[dict[str, Any]]] = {model: [] for model in RECIPES}
        for model in RECIPES:
            for seed in seeds:
                found = result(wanted.data, name, model, epochs, seed)
                runs[model].append(found)
                told = f"{found['overall']:.3f} of {found['num_test']} points in {found['num_blocks']} blocks"
                print(f"{name:16} {model:20} seed {seed}: {told}, {found['seconds']:.0f} s", flush=True)
        figures += summary(name, runs)
    print_result(figures, seeds=seeds, epochs=epochs, threads=wanted.threads, per_class=PER_CLASS)


if __name__ == "__main__":
    main()

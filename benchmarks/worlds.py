"""Whether the simulated world tells methods apart: accuracies on parts never trained on, over several seeds.

For each seed the world is written, its scene cataloged and cut into patches, each method trained on the training part
(bands of one date), the whole scene mapped, and the map judged on the test part. Beside the methods stands the upper
bound: the truth at the sensor's pixels, judged on the ground cells (3 x 3 a pixel) that it was made of. Every finished
seed is a file in benchmarks/results/worlds, from which the script goes on.

Without arguments: seed 1, a U-Net trained for a few minutes. --full: seeds 1, 2 and 3, longer training, as
docs/numbers.md quotes it. --seeds 11 12 adds seeds.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch

from landweave.atomic import write_text
from landweave.evaluation.maps import compare_part
from landweave.evaluation.parts import of_part
from landweave.evaluation.truth import Layer, pair
from landweave.jobs.serial import Serial
from landweave.jobs.worker import num_cores
from landweave.legend import legend
from landweave.mapping import job as mapping
from landweave.mapping.prepare import MapJob
from landweave.parallel.world import make_world
from landweave.patches import job as patches
from landweave.patches.archive import Archive, open_archive
from landweave.patches.plan import PatchJob
from landweave.provenance import commit, fingerprint
from landweave.raster.catalog import read_catalog
from landweave.raster.collect import CatalogJob, collect
from landweave.recipe import run as training
from landweave.recipe.folder import CARD
from landweave.recipe.recipe import TrainRecipe
from landweave.simulate.kinds import kinds
from landweave.simulate.lattice import Axes
from landweave.simulate.world import CELLS, PIXEL_M, World, ground_of, load_world, truth_dates
from landweave.simulate.write import write
from landweave.tiling import Window
from scenes import figure, print_result

RESULTS = Path(__file__).parent / "results" / "worlds"
FIXED_SEEDS = (1, 2, 3)
SAMPLES = 40_000
SHORT_EPOCHS, FULL_EPOCHS = 40, 90
Recipe = Mapping[str, Any]


def recipes(epochs: int) -> dict[str, Recipe]:
    """Every method with its recipe. The forest with a neighbourhood differs in nothing else from the forest."""
    forest = {"num_samples": SAMPLES, "num_trees": 100}
    return {
        "linear": {"network": "linear", "arguments": {"num_samples": SAMPLES}},
        "forest": {"network": "forest", "arguments": forest},
        "forest 9x9": {"network": "forest", "arguments": {**forest, "window_px": 9}},
        "U-Net": {
            "network": "unet",
            "arguments": {"width": 16},
            "epochs": epochs,
            "batch_global": 8,
            "optimiser": {"rate": 2e-3},
        },
    }


def drain(records: Iterable[Any]) -> Any:
    """Run a generator to its end; gives its value."""
    iterator = iter(records)
    while True:
        try:
            next(iterator)
        except StopIteration as ended:
            return ended.value


def prepare(world: World, folder: Path) -> tuple[Archive, Path]:
    """The archive of a world's scene, and the truth."""
    drain(write(world, folder / "world"))
    collect(CatalogJob(sources=[str(folder / "world" / "scenes")]), folder / "catalog.parquet")
    truth = folder / "world" / "truth" / f"{truth_dates(world)[-1].year}.tif"
    scenes = read_catalog(folder / "catalog.parquet")
    job = PatchJob(patch_px=96, bands=BANDS)
    drain(patches.run(job, scenes, truth, legend("simulated-8"), folder / "archive", executor=Serial()))
    return open_archive(folder / "archive"), truth


# The bands of 10 and 20 m; those of 60 m are there for the atmosphere.
BANDS = ("B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B11", "B12")


def judge(world: World, folder: Path, epochs: int) -> dict[str, float]:
    """Overall accuracy of every method on the test part, and what else describes a seed."""
    archive, truth = prepare(world, folder)
    found: dict[str, float] = {}
    for number, (name, recipe) in enumerate(recipes(epochs).items()):
        run, out = folder / f"run-{number}", folder / f"map-{number}"
        with make_world("cpu") as ranks:
            drain(training.run(TrainRecipe(archive=archive.folder, **recipe), run, ranks))
        drain(mapping.run(MapJob(card=run / CARD, scenes=folder / "catalog.parquet"), out))
        both = pair(out / "map.tif", truth)
        found[name] = drain(compare_part(both, archive, "test", name)).confusion.overall
        found[f"{name} on cells"] = on_cells(world, both.map, archive)
        print(f"  {name}: {found[name]:.4f}", flush=True)
    exact = Layer(truth, legend("simulated-8"))
    found["truth on cells"] = on_cells(world, exact, archive)
    found["patches for training"] = len(archive.part("train"))
    found["patches for the test"] = len(archive.part("test"))
    return found


def on_cells(world: World, layer: Layer, archive: Archive) -> float:
    """Share of the ground cells under the test part whose class a map of 10 m has right."""
    right = total = 0
    for place in of_part(archive, "test", layer.grid):
        cells = cells_of(world, place.window)
        mapped = layer.indices(place.window.on(layer.grid)).repeat(CELLS, 0).repeat(CELLS, 1)
        right += int((mapped == cells).sum())
        total += cells.size
    return right / total


def cells_of(world: World, window: Window) -> np.ndarray:
    """Class indices of the ground cells of a window of pixels."""
    sides = (window.row, window.col, window.height, window.width)
    axes = Axes.of(Window(*(side * CELLS for side in sides)), PIXEL_M / CELLS)
    return ground_of(world, axes, truth_dates(world)[-1]).land


def results(name: str, seeds: Iterable[int], epochs: int, work: Path) -> Iterator[tuple[int, dict[str, float]]]:
    """Figures of every seed, from its file where it was finished before."""
    for seed in seeds:
        world = load_world(name, seed)
        # What decides the figures: another world, look of it or recipe is another result.
        look = {name: kind.model_dump(mode="json") for name, kind in kinds().items()}
        told = {"world": world.model_dump(mode="json"), "kinds": look, "recipes": recipes(epochs)}
        identity = fingerprint(told)[:12]
        path = RESULTS / f"{name}-seed-{seed}-{identity}.json"
        if not path.is_file():
            print(f"{name}, seed {seed}", flush=True)
            folder = work / f"{name}-{seed}"
            figures = judge(world, folder, epochs)
            content = {"world": name, "seed": seed, "epochs": epochs, "commit": commit(), "figures": figures}
            write_text(path, json.dumps(content, indent=1) + "\n")
            shutil.rmtree(folder)
        yield seed, json.loads(path.read_text(encoding="utf-8"))["figures"]


def summary(found: Mapping[int, Mapping[str, float]]) -> list[dict[str, Any]]:
    """Mean and spread of every figure; accuracies are held by every seed, the gain by the mean of the seeds."""
    gains = {seed: each["forest 9x9"] - each["forest"] for seed, each in found.items()}
    figures = [
        _figure("linear", found, "below 0.85", lambda low, high: high < 0.85),
        _figure("forest", found, "below 0.88", lambda low, high: high < 0.88),
        _figure("forest 9x9", found, None, None),
        _figure("U-Net", found, "at least 0.90", lambda low, high: low >= 0.90),
        _figure("truth on cells", found, None, None),
        *(_figure(f"{name} on cells", found, None, None) for name in ("linear", "forest", "forest 9x9", "U-Net")),
    ]
    mean = statistics.mean(gains.values())
    gain = figure("gain by 9x9", mean, "overall accuracy", "at least 0.02", mean >= 0.02)
    return [*figures, gain | {"seeds": {str(seed): round(value, 4) for seed, value in gains.items()}}]


def _figure(name: str, found: Mapping[int, Mapping[str, float]], goal: str | None, holds: Any) -> dict[str, Any]:
    values = [each[name] for each in found.values()]
    made = figure(
        name, statistics.mean(values), "overall accuracy", goal, holds(min(values), max(values)) if holds else None
    )
    spread = statistics.stdev(values) if len(values) > 1 else 0.0
    each = {str(seed): round(figures[name], 4) for seed, figures in found.items()}
    return made | {"spread": round(spread, 4), "seeds": each}


def main() -> None:
    """Run the seeds that lack a result, print all, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--seeds", type=int, nargs="*", default=[], help="seeds besides the fixed ones")
    parser.add_argument("--world", default="default-1")
    parser.add_argument("--threads", type=int, default=num_cores())
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    seeds = (*(FIXED_SEEDS if wanted.full else FIXED_SEEDS[:1]), *wanted.seeds)
    epochs = FULL_EPOCHS if wanted.full else SHORT_EPOCHS
    with tempfile.TemporaryDirectory(prefix="landweave-") as work:
        found = dict(results(wanted.world, dict.fromkeys(seeds), epochs, Path(work)))
    figures = summary(found)
    for each in figures:
        print(f"{each['name']:32} {each['value']:.4f}  {each['goal'] or '':16} {each.get('seeds', '')}")
    print_result(figures, world=wanted.world, seeds=list(found), epochs=epochs, threads=wanted.threads)


if __name__ == "__main__":
    main()

"""The training loop's samples/s against the bare network step on data in memory: same precision, threads and batch.

Both take turns, epoch by epoch, in one process; the figure is the median of the ratios of neighbouring turns. The loop
reads a memory-mapped archive (in the page cache), decodes, brings bands to 10 m, normalises, augments, logs and judges
losses; checkpoints and validation, which happen once an epoch of hours, stand outside. Without arguments: two networks,
a few minutes; --full takes more turns.
"""

from __future__ import annotations

import argparse
import json
import platform
import statistics
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from landweave.legend import legend
from landweave.models import table
from landweave.parallel.world import World
from landweave.patches import archive
from landweave.patches.archive import Archive
from landweave.patches.layout import Target, make_layout
from landweave.patches.sample import Row
from landweave.provenance import commit, versions
from landweave.recipe import material
from landweave.recipe.recipe import TrainRecipe
from landweave.sensors import sensor
from landweave.train import optim, precision
from landweave.train.feed import SourceFeed
from landweave.train.loader import Order
from landweave.train.log import StepRecord
from landweave.train.loop import Course, Run
from landweave.train.prepare import Prepare
from landweave.train.schedules import Schedule
from landweave.train.step import Supervised

GOAL = 0.95
BANDS = ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12")


@dataclass(frozen=True)
class Case:
    """One network on one kind of patches."""

    name: str
    network: str
    arguments: dict[str, Any]
    task: str
    legend: str
    patch_px: int
    batch: int
    steps: int


CASES = (
    Case("ResNet-50 120x120x12 multilabel", "resnet50", {}, "multilabel", "bigearthnet-19", 120, 32, 4),
    Case("U-Net 3.4 M 120x120x12 pixels", "unet", {"width": 32}, "pixels", "worldcover", 120, 16, 6),
)


def cut(folder: Path, case: Case) -> Archive:
    """An archive of random numbers, as many as one epoch takes."""
    generator = np.random.default_rng(0)
    target: Target = "mask" if case.task == "pixels" else "classes"
    layout = make_layout(sensor("sentinel-2-l2a"), BANDS, case.patch_px, legend(case.legend), targets=(target,))
    num = case.batch * case.steps
    arrays: dict[str, Any] = {
        view.key: generator.integers(1, 9000, (num, *view.shape)).astype(view.dtype) for view in layout.views
    }
    edge = (num, case.patch_px, case.patch_px)
    arrays["valid"] = generator.random(edge) > 0.02
    if target == "mask":
        arrays["mask"] = generator.integers(0, len(layout.legend), edge).astype(np.uint8)
    else:
        arrays["classes"] = generator.integers(0, 2, (num, len(layout.legend))).astype(np.uint8)
    rows = [Row(f"p{i}", "train", f"b{i}", "random", "random", "", (i * 9e3, 0, i * 9e3 + 10, 10)) for i in range(num)]
    archive.write_shard(folder, "random", layout, arrays, rows)
    return archive.finish(folder, layout, {})


def looped(case: Case, found: Archive, folder: Path, chosen: precision.Precision) -> Iterator[float]:
    """Samples/s of one epoch after the other."""
    values = {"archive": found.folder, "network": case.network, "arguments": case.arguments, "task": case.task}
    recipe = TrainRecipe.model_validate(values)
    given = material.find(recipe, found)
    world = World()
    network = table.build(case.network, len(given.bands), len(given.legend), **case.arguments)
    step = Supervised(
        network.to(memory_format=torch.channels_last),  # type: ignore[call-overload]
        table=recipe.optimiser,
        task=recipe.task,
        num_classes=len(given.legend),
        world=world,
        precision=chosen,
    )
    prepare = Prepare(
        given.views,
        given.bands,
        mean=given.mean,
        std=given.std,
        task=recipe.task,
        device=world.device,
        augment=True,
    )
    orders = [Order(part, case.batch, 1, world) for part in (given.train, given.validation)]
    feed = SourceFeed(given, orders[0], orders[1], prepare)
    course = Course(1000, Schedule(name="constant"), 1, log_every_steps=10**6, checkpoint_every_s=1e9)
    for record in Run(step, feed, course, world=world, folder=folder, identity={}).records():
        if isinstance(record, StepRecord):
            yield record.samples_per_s


def bare(case: Case, chosen: precision.Precision) -> Iterator[float]:
    """Samples/s of so many steps on one batch in memory."""
    num_classes = len(legend(case.legend))
    network = table.build(case.network, len(BANDS), num_classes, **case.arguments)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    optim.freeze_idle_biases(network)
    optimiser = optim.build(optim.OptimiserTable(), network)
    edge = (case.batch, case.patch_px, case.patch_px)
    values = torch.randn(case.batch, len(BANDS), *edge[1:]).contiguous(memory_format=torch.channels_last)
    pixels = case.task == "pixels"
    target = torch.randint(0, num_classes, edge) if pixels else torch.randint(0, 2, (case.batch, num_classes)).float()
    loss = functional.cross_entropy if pixels else functional.binary_cross_entropy_with_logits
    network.train()
    while True:
        began = time.perf_counter()
        for _ in range(case.steps):
            with precision.computing(chosen, torch.device("cpu")):
                scores = network(values)
            optimiser.zero_grad()
            loss(scores.float(), target).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        yield case.batch * case.steps / (time.perf_counter() - began)


def measure(case: Case, turns: int) -> list[dict[str, Any]]:
    """Both in turns; the first turn of each warms up."""
    chosen = precision.choose("auto", torch.device("cpu"))
    with tempfile.TemporaryDirectory() as folder:
        found = cut(Path(folder) / "archive", case)
        sides = looped(case, found, Path(folder) / "run", chosen), bare(case, chosen)
        pairs = [(next(sides[0]), next(sides[1])) for _ in range(turns + 1)][1:]
        sides[0].close()  # type: ignore[attr-defined]
    ratio = statistics.median(loop / plain for loop, plain in pairs)
    speeds = {side: statistics.median(pair[i] for pair in pairs) for i, side in enumerate(("loop", "bare"))}
    unit = f"samples/s, {chosen}"
    figures: list[dict[str, Any]] = [
        {"name": f"{case.name}: {side}", "value": round(speed, 2), "unit": unit, "goal": None, "holds": None}
        for side, speed in speeds.items()
    ]
    goal = {"value": round(ratio, 3), "unit": "ratio", "goal": GOAL, "holds": ratio >= GOAL}
    return [*figures, {"name": f"{case.name}: loop over bare step", **goal}]


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="nine turns instead of three")
    turns = 9 if parser.parse_args().full else 3
    figures = [figure for case in CASES for figure in measure(case, turns)]
    context = {"commit": commit(), "versions": versions(), "machine": platform.processor() or platform.machine()}
    threads = torch.get_num_threads()
    print(json.dumps({"figures": figures, "context": {**context, "threads": threads, "turns": turns}}))


if __name__ == "__main__":
    main()

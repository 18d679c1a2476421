"""Two ranks of one thread each against one: ResNet-50 at 120x120x12, and a bare DDP script run in turns with it.

In one pair of processes four things take turns, epoch by epoch: one rank trains while the other waits; both train, each
for itself, which slows them down by what the machine shares; both train together; both train together by a bare script
of plain torch. Efficiency is the third over twice the first, communication what the third lacks to the second. Training
is landweave's own loop on a memory-mapped archive, the bare script has one batch in memory. Figures are medians over
turns. Without arguments: five turns with batch_per_rank 16, two with 4, 8 and 32, under five minutes; --full: nine and
five, each batch kept in benchmarks/results/scaling/ so that the script goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from landweave.config import check
from landweave.legend import legend
from landweave.models import table
from landweave.parallel import cost
from landweave.parallel.cost import Costs, Load, Timed
from landweave.parallel.launch import here
from landweave.parallel.world import World, make_world
from landweave.patches.archive import open_archive
from landweave.provenance import commit, versions
from landweave.recipe import material
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.run import make_feed, make_step
from landweave.train import optim, precision
from landweave.train.log import StepRecord
from landweave.train.loop import Course, Run
from landweave.train.schedules import Schedule
from train_step import BANDS, Case, cut

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "benchmarks" / "results" / "scaling"
PUBLISHED = ROOT / "tests" / "golden" / "scaling.toml"
EFFICIENCY, OVER_BARE = 0.85, 0.95
MAIN, CURVE = 16, (4, 8, 16, 32)
NUM_RANKS = 2
# Enough steps that an epoch takes about four seconds on one thread.
SAMPLES = 64


def trained(folder: Path, batch: int, world: World) -> Iterator[float]:
    """Samples/s of one epoch after the other by landweave, over all ranks of `world`."""
    values = {"archive": folder, "network": "resnet50", "task": "multilabel", "batch_per_rank": batch}
    recipe = check(TrainRecipe, values, "benchmark")
    given = material.find(recipe, open_archive(folder))
    step = make_step(recipe, given, world, precision.choose("auto", world.device))
    course = Course(10**6, Schedule(name="constant"), 1, log_every_steps=10**6, checkpoint_every_s=1e9)
    feed = make_feed(recipe, given, world)
    for record in Run(step, feed, course, world=world, folder=folder, identity={}).records():
        if isinstance(record, StepRecord):
            yield record.samples_per_s


def bare(batch: int, world: World) -> Iterator[float]:
    """Samples/s of as many steps by plain torch, over all ranks of `world`."""
    num_classes = len(legend("bigearthnet-19"))
    network = table.build("resnet50", len(BANDS), num_classes)
    network = network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    replica = DistributedDataParallel(network)
    optimiser = optim.build(optim.OptimiserTable(), network)
    values = torch.randn(batch, len(BANDS), 120, 120).contiguous(memory_format=torch.channels_last)
    target = torch.randint(0, 2, (batch, num_classes)).float()
    chosen = precision.choose("auto", world.device)
    steps = SAMPLES // batch
    while True:
        began = time.perf_counter()
        for _ in range(steps):
            with precision.computing(chosen, world.device):
                scores = replica(values)
            optimiser.zero_grad()
            functional.binary_cross_entropy_with_logits(scores.float(), target).backward()  # type: ignore[no-untyped-call]
            optimiser.step()
        yield world.size * batch * steps / (time.perf_counter() - began)


def take_turns(work: Path, batch: int, turns: int, world: World) -> list[dict[str, float]]:
    """Samples/s of each side in each turn, as the first rank saw them; the first turn warms up and is left away."""
    alone = trained(work / "one", batch, World(device=world.device))
    together, plain = trained(work / "two", batch, world), bare(batch, world)
    found = []
    for _ in range(turns + 1):
        world.wait()
        one = next(alone) if world.is_first else 0.0
        world.wait()
        apart = next(alone)
        world.wait()
        found.append({"one": one, "apart": NUM_RANKS * apart, "two": next(together), "bare": next(plain)})
    for side in (alone, together, plain):
        side.close()  # type: ignore[attr-defined]
    return found[1:]


def be_a_rank(work: Path, batch: int, turns: int) -> None:
    """One of the two processes."""
    with make_world("cpu") as world:
        found = take_turns(work, batch, turns, world)
        if world.is_first:
            (work / "turns.json").write_text(json.dumps(found))


def measure(batch: int, turns: int, keep: bool) -> dict[str, Any]:
    """The turns with one batch size, from an earlier run where they are kept."""
    kept = RESULTS / f"batch-{batch}-turns-{turns}.json"
    if keep and kept.is_file():
        return dict(json.loads(kept.read_text(encoding="utf-8")))
    with tempfile.TemporaryDirectory() as folder:
        work = Path(folder)
        for name, num_ranks in (("one", 1), ("two", NUM_RANKS)):
            steps = SAMPLES // batch
            cut(work / name, Case(name, "resnet50", {}, "multilabel", "bigearthnet-19", 120, batch * num_ranks, steps))
        words = [sys.executable, __file__, "--rank", str(work), "--batch", str(batch), "--turns", str(turns)]
        log = work / "log.txt"
        if here(words, NUM_RANKS, threads=1, log=log):
            raise SystemExit(log.read_text(encoding="utf-8"))
        found = {"batch": batch, "turns": json.loads((work / "turns.json").read_text()), "commit": commit()}
    if keep:
        RESULTS.mkdir(parents=True, exist_ok=True)
        kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return found


def ratio(found: dict[str, Any], above: str, below: str, times: float = 1.0) -> float:
    """The median over turns of one side's samples/s over another's."""
    return float(statistics.median(turn[above] / (times * turn[below]) for turn in found["turns"]))


def figure(name: str, value: float, unit: str, goal: float | None = None) -> dict[str, Any]:
    return {"name": name, "value": round(value, 3), "unit": unit, "goal": goal, "holds": goal and value >= goal}


def figures_of(found: dict[str, Any]) -> list[dict[str, Any]]:
    """What the turns with one batch size say; goals hold for the main one."""
    batch = found["batch"]
    is_main = batch == MAIN
    head = f"batch_per_rank {batch}: "
    speeds = {side: statistics.median(turn[side] for turn in found["turns"]) for side in ("one", "two", "bare")}
    return [
        *(figure(f"{head}{side}", speed, "samples/s") for side, speed in speeds.items()),
        figure(f"{head}efficiency of 2 ranks", ratio(found, "two", "one", 2), "ratio", EFFICIENCY if is_main else None),
        figure(f"{head}over bare DDP", ratio(found, "two", "bare"), "ratio", OVER_BARE if is_main else None),
        figure(f"{head}efficiency of bare DDP", ratio(found, "bare", "one", 2), "ratio"),
        figure(f"{head}share of communication", 1 - ratio(found, "two", "apart"), "of a step"),
        figure(f"{head}lost by sharing the machine", 1 - ratio(found, "apart", "one", 2), "of samples/s"),
    ]


def fitted(every: list[dict[str, Any]]) -> tuple[Costs, int]:
    """The cost model of this machine, and the bytes of the gradients."""
    network = table.build("resnet50", len(BANDS), len(legend("bigearthnet-19")))
    num_bytes = sum(weight.numel() * 4 for weight in network.parameters())
    timed = []
    for found in every:
        batch = found["batch"]
        seconds = {name: NUM_RANKS * batch / statistics.median(turn[name] for turn in found["turns"]) for name in SIDES}
        timed += [Timed(1, Load(batch), seconds["apart"]), Timed(2, Load(batch, num_bytes), seconds["two"])]
    names: tuple[cost.Unknown, ...] = ("per_step_s", "per_sample_s", "within.s_per_byte")
    return cost.fit(timed, names, Costs(ranks_per_node=NUM_RANKS)), num_bytes


SIDES = ("apart", "two")


def published(every: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """How the model does on published tables, and what stands beside figures too few to hold it to."""
    told = tomllib.loads(PUBLISHED.read_text(encoding="utf-8"))
    figures = []
    for values in told["tables"]:
        given = cost.Table(
            values["name"], tuple(values["ranks"]), tuple(values["seconds"]), int(values["ranks_per_node"])
        )
        for row in cost.predict_table(given):
            name = f"{given.name}: {row.num_ranks} ranks, published {row.published_s:g}, 1/N {row.naive_s:.2f}"
            figures.append({**figure(name, row.predicted_s, "s by the model"), "holds": row.is_right})
    costs, num_bytes = fitted(every)
    load = Load(MAIN, num_bytes)
    # Ranks of a cluster would have a link of their own; this one is the memory of one machine.
    costs = replace(costs, between=costs.within)
    for values in told["speedups"]:
        times = values["ranks"] * cost.efficiency(costs, load, values["ranks"])
        name = f"{values['name']}: {values['times']:g} times on {values['ranks']}; ResNet-50 by the model fitted here"
        figures.append(figure(name, times, "times"))
    return figures


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="nine and five turns, kept")
    parser.add_argument("--rank", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--batch", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--turns", type=int, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.rank:
        be_a_rank(asked.rank, asked.batch, asked.turns)
        return
    turns = {batch: (9 if batch == MAIN else 5) if asked.full else (5 if batch == MAIN else 2) for batch in CURVE}
    every = [measure(batch, turns[batch], asked.full) for batch in CURVE]
    figures = [found for batch in every for found in figures_of(batch)] + published(every)
    context = {"commit": commit(), "versions": versions(), "machine": platform.processor() or platform.machine()}
    context["precision"] = precision.choose("auto", torch.device("cpu"))
    commits = sorted({str(found["commit"]) for found in every})
    print(json.dumps({"figures": figures, "context": {**context, "cores": os.cpu_count(), "measured_at": commits}}))


if __name__ == "__main__":
    main()

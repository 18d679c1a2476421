"""Inference and training of the paper's network on three ranks: data-parallel, baseline, optimized, auto.

Aspri et al. (2020) sort 1,000 and 14,000 patches with each (tables 4 and 5) and draw accuracy against elapsed time, of
one process and of the network split over three (figure 9). Here the three ranks are processes of this machine with one
thread each, and share its cores; one process has two threads. Patches are made: each class has a spectrum and a
colour, the rest is noise; what they show decides accuracies, which must be equal among placements, not times.
Inference takes turns within one start of the ranks, 1,000 patches three times (medians); `auto` is what the planner
chooses for it. Training takes four micro-batches of ten patches a step; times are of training alone, accuracies of 500
other patches after each epoch.

Without arguments: 60 and 120 patches and a tenth of the paper's filters, under three minutes; --full: half the filters
(--width), each part kept in benchmarks/results/placed/ so that the script goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landweave.models.pair.branches import TwoBranch
from landweave.parallel.launch import here
from landweave.parallel.pipeline import Pipeline, place, take_seat
from landweave.parallel.placement import Placement, resolve, whole
from landweave.parallel.planner import Ask
from landweave.parallel.stages import stages_of, views_of
from landweave.parallel.world import World, make_world
from landweave.recipe import placing
from landweave.recipe.placing import How, Wanted
from landweave.train.optim import OptimiserTable
from landweave.train.placed import Placed
from landweave.train.prepare import Batch
from landweave.train.step import Supervised
from parts import measured
from scenes import figure, print_result

RANKS, CLASSES, PX, BANDS = 3, 20, 25, 48
BATCH, MICRO = 40, 4
NAMES = ("data-parallel", "baseline", "optimized", "auto")
TABLE = OptimiserTable(name="adam", rate=1e-3, weight_decay=0)
HOW: dict[str, Any] = {"table": TABLE, "task": "patches", "num_classes": CLASSES}
# Patches to sort, over again where more are asked for.
SEED_OF_TESTS, DISTINCT = 10_000, 1000


@dataclass(frozen=True)
class Case:
    """What the ranks do.

    Attributes:
        part: inference, or one of NAMES or "one process" to train.
        width: Times the paper's filters.
        patches: To sort, or to learn from.
        turns: How often each way of inference comes.
        epochs: Of training; of inference, before it.
        learnt: Patches that are learnt from before inference.
    """

    part: str
    width: float
    patches: int
    turns: int = 1
    epochs: int = 2
    learnt: int = 400


def network(case: Case) -> TwoBranch:
    """With first weights, the same on all ranks."""
    torch.manual_seed(0)
    # A drop of nine values in ten, as the paper has it, would leave too few of a narrow network's.
    size = {"patch_px": PX, "second_px": PX, "width": case.width, "dropout": 0.9 if case.width >= 1 else 0.5}
    return TwoBranch(3, CLASSES, num_second=BANDS, **size)  # type: ignore[arg-type]


def made(first: int, num: int) -> Batch:
    """Patches with these numbers: smooth spectra and colours of their classes, and much noise."""
    told = torch.Generator().manual_seed(5)
    spectra = torch.randn(CLASSES, BANDS, generator=told).cumsum(1) / 4
    colours = torch.randn(CLASSES, 3, generator=told)
    random = torch.Generator().manual_seed(first)
    target = torch.randint(CLASSES, (num,), generator=random)
    cubes = spectra[target][:, :, None, None] + 6 * torch.randn(num, BANDS, PX, PX, generator=random)
    images = colours[target][:, :, None, None] + 6 * torch.randn(num, 3, PX, PX, generator=random)
    return Batch(images, target, torch.ones(num), torch.arange(first, first + num), num, beside=cubes)


def batches(first: int, num: int, size: int = BATCH) -> Iterator[Batch]:
    """Patches from number `first` on, in batches."""
    for start in range(0, num, size):
        yield made(first + start, min(size, num - start))


def sort(pipeline: Pipeline, net: nn.Module, case: Case, world: World) -> tuple[float, float]:
    """Seconds in which all ranks sort all patches, and the share that is right."""
    seat = pipeline.seat
    mine = torch.arange(case.patches).tensor_split(seat.peers.size)[seat.peers.rank]
    pool = made(SEED_OF_TESTS, DISTINCT)
    parts = [part % DISTINCT for part in torch.split(mine, BATCH)]
    right = torch.zeros(())
    world.wait()
    began_s = time.perf_counter()
    scored = pipeline.scores((views_of(net, [view[part] for view in pool.views]), len(part)) for part in parts)
    for part, scores in zip(parts, scored, strict=True):
        if scores is not None:
            right += (scores.argmax(1) == pool.target[part]).sum()
    right = world.sum(right)
    return time.perf_counter() - began_s, float(right) / case.patches


def ways(case: Case, net: TwoBranch, world: World) -> dict[str, Placement]:
    """The placements by name; auto as the planner finds it for a row of batches."""
    names = stages_of(net).names
    found = {name: resolve(name, names) for name in ("baseline", "optimized")}
    ask = Ask(BATCH * 16 * world.size, (16,), training=False)
    how = How(TABLE, "fp32", world.device)
    auto = placing.find(Wanted("auto", ask), net, made(0, BATCH), how, world)
    return {"data-parallel": whole(names), **found, "auto": auto}


def infer(case: Case, world: World) -> dict[str, Any]:
    """Seconds of each turn, and accuracies, by way."""
    placed, weights = ways(case, network(case), world), taught(case, world)
    found: dict[str, Any] = {"seconds": {name: [] for name in NAMES}, "accuracy": {}, "auto": str(placed["auto"])}
    for _ in range(case.turns):
        for name in NAMES:
            net = network(case).eval()
            net.load_state_dict(weights)
            pipeline = place(net, take_seat(placed[name], world))
            seconds, accuracy = sort(pipeline, net, case, world)
            found["seconds"][name].append(seconds)
            found["accuracy"][name] = accuracy
    return found


def taught(case: Case, world: World) -> dict[str, Tensor]:
    """Weights that have learnt something, the same on all ranks: of none the accuracy would tell nothing."""
    net = network(case)
    step = Placed(net, take_seat(whole(stages_of(net).names), world), **HOW)
    for _ in range(case.epochs):
        for batch in batches(0, case.learnt):
            step.update(_share(batch, step.seat.peers), 1.0)
    step.spread()
    return net.state_dict()


def train(case: Case, world: World) -> dict[str, Any]:
    """Seconds of training until the end of each epoch, and the accuracy there."""
    net = network(case)
    if case.part == "one process":
        step, share = Supervised(net, world=world, **HOW), world
    else:
        names = stages_of(net).names
        seat = take_seat(whole(names) if case.part == "data-parallel" else resolve(case.part, names), world)
        step, share = Placed(net, seat, **HOW), seat.peers
    told, spent_s = [], 0.0
    for _ in range(case.epochs):
        given = [_share(batch, share) for batch in batches(0, case.patches)]
        world.wait()
        began_s = time.perf_counter()
        for batch in given:
            step.update(batch, 1.0)
        world.wait()
        spent_s += time.perf_counter() - began_s
        if isinstance(step, Placed):
            step.spread()
        told.append([spent_s, _accuracy(step, share, world)])
    return {"epochs": told}


def _share(batch: Batch, share: World) -> Batch:
    """This replica's part of every micro-batch."""
    rows = [part.tensor_split(share.size)[share.rank] for part in torch.arange(len(batch.keys)).tensor_split(MICRO)]
    mine, sizes = torch.cat(rows), tuple((len(row), len(row)) for row in rows)
    assert batch.beside is not None
    parts = batch.values[mine], batch.target[mine], batch.weight[mine], batch.keys[mine]
    return Batch(*parts, len(mine), sizes, beside=batch.beside[mine])


def _accuracy(step: Supervised, share: World, world: World) -> float:
    every = list(batches(SEED_OF_TESTS, 500, 50))
    counts: list[Tensor] = [step.judge(batch)["confusion"] for batch in every[share.rank :: share.size]]
    total = world.sum(torch.stack(counts).sum(0))
    return float(total.diagonal().sum() / total.sum())


def measure(case: Case) -> dict[str, Any]:
    """What the ranks of a case found."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, __file__, "--rank", json.dumps(asdict(case)), "--out", folder]
        # One process has the cores that the ranks share.
        if code := here(words, *((1, 2) if case.part == "one process" else (RANKS, 1))):
            raise SystemExit(code)
        found: dict[str, Any] = json.loads((Path(folder) / "found").read_text())
    return {"case": asdict(case), **found}


def tables(told: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Tables 4 and 5."""
    rows = []
    for found in told:
        num = found["case"]["patches"]
        seconds = {name: statistics.median(found["seconds"][name]) for name in NAMES}
        best = min(seconds, key=seconds.__getitem__)
        for name in NAMES:
            said = f" ({found['auto']})" if name == "auto" else ""
            rows.append(figure(f"inference of {num} patches, {name}{said}", seconds[name], "s"))
        rows.append(
            figure(f"inference of {num} patches, {best} over data-parallel", seconds[best] / seconds[NAMES[0]], "ratio")
        )
        every = set(found["accuracy"].values())
        rows.append(figure(f"accuracy of {num} patches", min(every), "share", "equal among all", len(every) == 1))
    return rows


def curves(told: dict[str, dict[str, Any]]) -> list[dict[str, Any]]:
    """Figure 9: epochs and their end."""
    rows = []
    alone = told["one process"]["epochs"]
    for name, found in told.items():
        seconds, accuracy = found["epochs"][-1]
        rows.append(figure(f"training, {name}", seconds, f"s for {len(found['epochs'])} epochs"))
        same = all(abs(one[1] - other[1]) <= 0.02 for one, other in zip(found["epochs"], alone, strict=True))
        goal = None if name in {"one process", "data-parallel"} else "that of one process +- 0.02 after each epoch"
        rows.append(figure(f"accuracy after training, {name}", accuracy, "share", goal, same if goal else None))
    return rows


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--full", action="store_true")
    words.add_argument("--width", type=float)
    words.add_argument("--rank")
    words.add_argument("--out", type=Path)
    asked = words.parse_args()
    if asked.rank:
        case = Case(**json.loads(asked.rank))
        with make_world("cpu") as world:
            told = infer(case, world) if case.part == "inference" else train(case, world)
            if world.is_first:
                (asked.out / "found").write_text(json.dumps(told))
        return
    width = asked.width or (0.5 if asked.full else 0.1)
    numbers, learnt = ((1000, 3), (14000, 1)) if asked.full else ((60, 2), (120, 1)), 800 if asked.full else 80
    inference = [Case("inference", width, num, turns, 2, learnt // 2) for num, turns in numbers]
    parts = ("one process", "data-parallel", "baseline", "optimized")
    training = {name: Case(name, width / 2, learnt, epochs=6 if asked.full else 2) for name in parts}
    took = partial(measured, "placed") if asked.full else lambda _, measure: measure()
    tabled = [took(f"inference-{case.patches}-{width}", partial(measure, case)) for case in inference]
    drawn = {name: took(f"training-{name}-{case.width}", partial(measure, case)) for name, case in training.items()}
    context: dict[str, Any] = {"threads": 1, "ranks": RANKS, "width": width, "width of training": width / 2}
    context |= {"curves": {name: told["epochs"] for name, told in drawn.items()}}
    print_result([*tables(tabled), *curves(drawn)], **context)


if __name__ == "__main__":
    main()

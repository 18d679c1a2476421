"""Share of a step in which ranks of a pipeline wait, against the formula, and memory per rank: GPipe and 1F1B.

Stages of equal length stand on two, three and four ranks. First they only sleep, as a host does whose device computes:
so that the schedule is measured, not the cores that ranks share; then two ranks compute on a core each. The share of
waiting is one less the time of all passes over that of the step, medians over steps; the formula is that of Huang et
al. (2019), (stages - 1) / (micro-batches + stages - 1), for both schedules. Memory is the largest of each rank's
process over what it has before the first step, of three ranks and eight micro-batches, beside the activations that a
rank must hold.

Without arguments: four and eight micro-batches, under three minutes; --full: one to sixteen, each part kept in
benchmarks/results/pipeline/ so that the script goes on where it was stopped.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import sys
import tempfile
import time
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from landweave.parallel.launch import here
from landweave.parallel.pipeline import Pipeline, place, take_seat
from landweave.parallel.placement import parse
from landweave.parallel.schedule import Schedule, bubble, depths, held
from landweave.parallel.stages import TRUNK, stages_of
from landweave.parallel.world import World, make_world
from parts import measured
from scenes import figure, print_result

# Long beside what a message takes, so that it is the schedule that is seen.
FORWARD_S, BACKWARD_S = 0.03, 0.06
CHANNELS, PX, SAMPLES, LAYERS = 16, 96, 4, 6
SCHEDULES: tuple[Schedule, ...] = ("gpipe", "1f1b")


@dataclass(frozen=True)
class Case:
    """One pipeline.

    Attributes:
        ranks: Stages, one a rank.
        micro: Micro-batches of a step.
        schedule: The order of passes.
        sleeps: Whether stages sleep; else they compute.
        steps: How many are timed.
    """

    ranks: int
    micro: int
    schedule: Schedule
    sleeps: bool
    steps: int = 5

    @property
    def name(self) -> str:
        kind = "asleep" if self.sleeps else "computing"
        return f"{self.schedule}-{self.ranks}-ranks-{self.micro}-micro-{kind}"


class _Sleep(torch.autograd.Function):
    """Nothing, in so many seconds."""

    @staticmethod
    def forward(ctx: Any, values: Tensor) -> Tensor:
        time.sleep(FORWARD_S)
        return values.clone()

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        time.sleep(BACKWARD_S)
        return gradients[0].clone()


class Asleep(nn.Module):
    """A stage that waits for a device of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.factor = nn.Parameter(torch.ones(()))

    def forward(self, values: Tensor) -> Tensor:
        slept: Tensor = _Sleep.apply(values * self.factor)  # type: ignore[no-untyped-call]
        return slept


class Equal(nn.Module):
    """Stages that cost the same."""

    def __init__(self, case: Case) -> None:
        super().__init__()
        self.body = nn.ModuleList(Asleep() if case.sleeps else _convolutions() for _ in range(case.ranks))

    def stages(self) -> list[tuple[str, nn.Module]]:
        return [(f"stage{number}", layer) for number, layer in enumerate(self.body)]


def _convolutions() -> nn.Module:
    return nn.Sequential(*(nn.Sequential(nn.Conv2d(CHANNELS, CHANNELS, 3, 1, 1), nn.Tanh()) for _ in range(LAYERS)))


def one_rank(case: Case, world: World) -> dict[str, float]:
    """Medians over steps of this rank: seconds of a step, and of its passes; most bytes beside those at the start."""
    torch.manual_seed(0)
    network = Equal(case)
    names = stages_of(network).names
    line = "; ".join(f"{rank}: stage{rank}" for rank in range(case.ranks))
    seat = take_seat(parse({TRUNK: line}, names), world)
    pipeline = place(network, seat, case.schedule)
    small = (2,) if case.sleeps else (SAMPLES, CHANNELS, PX, PX)
    views = [{TRUNK: torch.randn(*small)} for _ in range(case.micro)]
    before = _most_bytes()
    found = [_step(pipeline, network, views, world) for _ in range(case.steps + 1)][1:]
    step_s, busy_s = (statistics.median(values) for values in zip(*found, strict=True))
    return {"step_s": step_s, "busy_s": busy_s, "memory": _most_bytes() - before}


def _step(pipeline: Pipeline, network: nn.Module, views: list[dict[str, Tensor]], world: World) -> tuple[float, float]:
    network.zero_grad()
    world.wait()
    pipeline.counter.take()
    began_s = time.perf_counter()
    pipeline.train(views, [len(view[TRUNK]) for view in views], lambda micro: None, lambda micro, scores: scores.sum())
    # All ranks have ended: a step is as long as its slowest rank.
    world.wait()
    return time.perf_counter() - began_s, sum(pipeline.counter.take().device_s.values())


def _most_bytes() -> int:
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def measure(case: Case) -> dict[str, Any]:
    """What all ranks of a case found."""
    # Large blocks go back to the system at once, so that the largest size of the process is what was held at once.
    os.environ["MALLOC_MMAP_THRESHOLD_"] = "65536"
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, __file__, "--rank", json.dumps(asdict(case)), "--out", folder]
        if code := here(words, case.ranks, threads=1):
            raise SystemExit(code)
        ranks = [json.loads((Path(folder) / str(rank)).read_text()) for rank in range(case.ranks)]
    return {"case": asdict(case), "ranks": ranks}


def waits(found: dict[str, Any]) -> float:
    """The share of a step in which ranks wait, mean over ranks."""
    return statistics.fmean(1 - rank["busy_s"] / rank["step_s"] for rank in found["ranks"])


def figures(cases: list[Case], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Shares beside the formula; memory of ranks beside the activations that they must hold."""
    rows: list[dict[str, Any]] = []
    for case, told in zip(cases, found, strict=True):
        share, wanted = waits(told), bubble(case.ranks, case.micro)
        # Of two ranks that compute on what other programs use too, the formula says the least.
        near = 0.03 if case.sleeps else 0.1
        goal, holds = f"{wanted:.4f} +- {near}", abs(share - wanted) <= near
        rows.append(figure(f"bubble, {case.name}", share, "share of a step", goal, holds))
    return rows + memory(cases, found)


def memory(cases: list[Case], found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Memory of the first rank by both schedules, at the most micro-batches of three ranks that compute."""
    three = [(case, told) for case, told in zip(cases, found, strict=True) if case.ranks == 3 and not case.sleeps]
    # Each layer keeps its input for the convolution and its output for the tangent, which is the next one's input.
    one = SAMPLES * CHANNELS * PX * PX * 4 * (2 * LAYERS)
    rows: list[dict[str, Any]] = []
    for case, told in three:
        line = "; ".join(f"{rank}: stage{rank}" for rank in range(case.ranks))
        placed = parse({TRUNK: line}, {TRUNK: tuple(f"stage{rank}" for rank in range(case.ranks))})
        for rank, depth in enumerate(depths(placed)):
            least = held(case.schedule, depth, case.micro) * one / 1e6
            row = {"name": f"memory of rank {rank}, {case.name}", "unit": "MB", "activations held": round(least, 1)}
            rows.append(
                {**row, "value": round(told["ranks"][rank]["memory"] / 1e6, 1), "goal": "reported", "holds": True}
            )
    first = {case.schedule: told["ranks"][0]["memory"] for case, told in three}
    ratio, (case, _) = first["1f1b"] / first["gpipe"], three[0]
    wanted = held("1f1b", 3, case.micro) / case.micro
    goal = f"{wanted:.3f} of the activations, <= {wanted + 0.3:.3f} of all"
    name = f"memory of the first rank, 1F1B over GPipe, {case.micro} micro-batches"
    return [*rows, figure(name, ratio, "ratio", goal, ratio <= wanted + 0.3)]


def main() -> None:
    words = argparse.ArgumentParser(description=__doc__)
    words.add_argument("--full", action="store_true")
    words.add_argument("--rank")
    words.add_argument("--out", type=Path)
    asked = words.parse_args()
    if asked.rank:
        with make_world("cpu") as world:
            mine = one_rank(Case(**json.loads(asked.rank)), world)
            (asked.out / str(world.rank)).write_text(json.dumps(mine))
        return
    numbers, ranks = ((1, 2, 4, 8, 16), (2, 3, 4)) if asked.full else ((4,), (3,))
    cases = [Case(num, micro, schedule, True) for schedule in SCHEDULES for num in ranks for micro in numbers]
    cases += [Case(2, micro, schedule, False) for schedule in SCHEDULES for micro in numbers]
    # Memory is the same at every step.
    cases += [Case(3, 8, schedule, False, steps=2) for schedule in SCHEDULES]
    took = partial(measured, "pipeline")
    found = [took(case.name, partial(measure, case)) if asked.full else measure(case) for case in cases]
    print_result(figures(cases, found), threads=1, sleeps_s=[FORWARD_S, BACKWARD_S])


if __name__ == "__main__":
    main()

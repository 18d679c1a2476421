"""The planner's order of placements against the measured one, on ranks that share two cores and have slow links.

The layers of the two-branch network of Aspri et al. (2020) are profiled once, by one process alone. Then placements of
two and of three ranks, named ones, hand-written ones and the planner's own choice, train in turns, each rank in a
network namespace of its own whose link `tc tbf` limits. Held: wherever two measured steps differ by more than 20 %, the
planner has them in the same order; its choice is within 10 % of the best measured; bytes of each rank are within 5 % of
what it reckons. How many placements are decided by their links is counted too: those whose step the planner says would
be a fifth shorter if links took no time.

It needs root or user namespaces (iproute2). Without arguments: a quarter of the network's width, under three minutes.
--full: half the width, more turns; finished rounds are kept in benchmarks/results/planner.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import torch

from landweave.config import check
from landweave.parallel import planner, profile
from landweave.parallel.cluster import Ranks
from landweave.parallel.planner import Ask, Estimate
from landweave.parallel.profile import Profile, Trial
from landweave.parallel.stages import stages_of, views_of
from landweave.parallel.world import World, make_world
from landweave.provenance import fingerprint
from landweave.train.draw import seed_dropout
from namespaces import enter, joined, scratch, tell
from parts import measured
from scenes import figure, print_result
from splitting import Case, Trainer

DIFFER, NEAR, BYTES = 0.20, 0.10, 0.05
# A placement is decided by its links where its step would be a fifth shorter without them.
DECIDES = 0.8


@dataclass(frozen=True)
class Form:
    """How much is measured.

    Attributes:
        width: Of the network.
        batch: Of a step.
        num_micro: Micro-batches of a placed network.
        megabytes_per_s: That leave a rank at most.
        rounds: How often each number of ranks is started.
        turns: Steps of each placement in a round, after one that warms up.
        repeats: Passes of the profile.
    """

    width: float
    batch: int
    num_micro: int
    megabytes_per_s: float
    rounds: int
    turns: int
    repeats: int


SHORT = Form(0.25, 24, 4, 4.0, 1, 2, 2)
FULL = Form(0.5, 48, 4, 8.0, 2, 4, 5)

# Placements by number of ranks; a name of the paper's, or lines.
WAYS: Mapping[int, Mapping[str, str | Mapping[str, str]]] = {
    2: {
        "data-parallel": "data-parallel",
        "branches apart, trunk with hsi": {"rgb": "0", "hsi": "1", "trunk": "1"},
        "branches apart, trunk with rgb": {"rgb": "0", "hsi": "1", "trunk": "0"},
        "last block with rgb": {"rgb": "0", "hsi": "1: ..norm3; 0", "trunk": "0"},
        "second half of hsi with rgb": {"rgb": "0", "hsi": "1: ..norm1; 0", "trunk": "0"},
    },
    3: {
        "data-parallel": "data-parallel",
        "baseline": "baseline",
        "optimized": "optimized",
        "cut before a pool": {"rgb": "0: ..conv2; 2", "hsi": "1: ..conv2; 2", "trunk": "2"},
        "hsi over two ranks": {"rgb": "2", "hsi": "0: ..norm1; 1: ..norm3; 2", "trunk": "2"},
    },
}
CHOICE = "the planner's choice"


def cases(form: Form, num_ranks: int) -> list[Case]:
    """What is measured on so many ranks, but for the planner's choice."""
    found = []
    for name, placement in WAYS[num_ranks].items():
        num = 1 if placement == "data-parallel" else form.num_micro
        found.append(Case(name, placement, form.batch, form.width, num))
    return found


def ranks_of(form: Form, num_ranks: int, together: float) -> Ranks:
    """These ranks as the planner is told of them: they share two cores, and their links are limited."""
    values = {
        "name": f"{num_ranks} ranks on two cores, {form.megabytes_per_s:g} MB/s",
        "ranks": num_ranks,
        "memory_gigabytes": 4,
        "link": {"latency_us": 200, "gigabytes_per_s": form.megabytes_per_s / 1000},
        "shared": [{"ranks": list(range(num_ranks)), "cores": 2, "together": together}],
    }
    return check(Ranks, values, "benchmark")


def profiled(form: Form) -> Profile:
    """What layers cost one process alone."""
    case = Case("", "data-parallel", form.batch, form.width)
    network = case.network()
    dropout = seed_dropout(network)

    def begin(num: int) -> None:
        for layer in dropout:
            layer.keys = torch.arange(num)

    sizes = (form.batch // form.num_micro, form.batch)
    adam = lambda module: torch.optim.Adam(module.parameters(), fused=True)  # noqa: E731
    trial = Trial(sizes, form.repeats, adam, torch.device("cpu"), begin)
    return profile.measure(stages_of(network), views_of(network, case.views(form.batch)), trial)


def be_alone_and_together(work: Path, form: Form) -> None:
    """One of two processes: its steps while the other waits, and while both compute."""
    with make_world("cpu") as world:
        trainer = Trainer(Case("", "data-parallel", form.batch, form.width), World())
        trainer.step()
        alone, both = [], []
        for _ in range(form.turns):
            for rank in range(world.size):
                world.wait()
                if world.rank == rank:
                    alone.append(trainer.step()[0])
            world.wait()
            both.append(trainer.step()[0])
        tell(work, {"alone": statistics.median(alone), "both": statistics.median(both)})


def be_a_rank(work: Path, form: Form) -> None:
    """One rank of a round: all placements in turns."""
    told = [Case(**case) for case in json.loads((work / "cases.json").read_text())]
    with make_world("cpu") as world:
        trainers = [Trainer(case, world) for case in told]
        for trainer in trainers:
            trainer.step()
        rows: dict[str, list[Any]] = {case.name: [] for case in told}
        for _ in range(form.turns):
            for trainer in trainers:
                seconds, traffic = trainer.step()
                rows[trainer.case.name].append([seconds, traffic.num_sent])
        tell(work, {"rows": rows})


def kept(form: Form, name: str, make: Callable[[], Any]) -> Any:
    """What `make` gives, from an earlier run of the same form where it is kept."""
    mark = fingerprint({"form": vars(form), "ways": WAYS})[:10]
    return measured("planner", f"{name}-{mark}", lambda: {"found": make()})["found"]


def crowded(form: Form) -> float:
    """The speed of a core while the other computes too, over its speed alone."""
    with scratch() as work, joined(2) as net:
        found = net.run([sys.executable, __file__, *_words(work, form), "--crowd"], work)
    return float(statistics.mean(row["alone"] / row["both"] for row in found))


def round_of(form: Form, told: Sequence[Case], num_ranks: int) -> dict[str, list[list[float]]]:
    """Seconds and bytes of each rank, of all steps of one round, by placement."""
    with scratch() as work, joined(num_ranks) as net:
        net.limit([form.megabytes_per_s] * num_ranks)
        (work / "cases.json").write_text(json.dumps([case.told() for case in told]))
        found = net.run([sys.executable, __file__, *_words(work, form)], work)
    # A step ends when its last rank does.
    return {
        case.name: [
            [max(rank[step][0] for rank in each), *(rank[step][1] for rank in each)]
            for each in [[process["rows"][case.name] for process in found]]
            for step in range(form.turns)
        ]
        for case in told
    }


def _words(work: Path, form: Form) -> list[str]:
    return ["--work", str(work), "--form", json.dumps(vars(form))]


@dataclass(frozen=True)
class Row:
    """A placement, reckoned and measured.

    Attributes:
        name: What it is.
        reckoned: By the planner.
        seconds: Of a measured step, the median.
        sent: Bytes by rank.
        freed_s: What the planner reckons where links take no time.
    """

    name: str
    reckoned: Estimate
    seconds: float
    sent: tuple[float, ...]
    freed_s: float


def rows_of(form: Form) -> list[Row]:
    """Everything reckoned and measured."""
    costs = profile.heard(kept(form, "profile", lambda: profiled(form).told()))
    together = min(1.0, kept(form, "together", lambda: crowded(form)))
    asked = Ask(form.batch, (form.num_micro,))
    told: dict[int, list[Case]] = {}
    for num in WAYS:
        best = planner.cheapest(costs, ranks_of(form, num, together), asked, num)
        assert best is not None
        chosen = Case(CHOICE, best.plan.placement.lines, form.batch, form.width, best.plan.num_micro)
        told[num] = [*cases(form, num), chosen]
    # One number of ranks after the other, and over again, so that whatever drifts meets all of them.
    found: dict[tuple[int, str], list[list[float]]] = {}
    for turn, num in itertools.product(range(form.rounds), WAYS):
        made = kept(form, f"round-{turn}-ranks-{num}", partial(round_of, form, told[num], num))
        for name, steps in made.items():
            found.setdefault((num, name), []).extend(steps)
    rows = []
    for num, every in told.items():
        on = ranks_of(form, num, together)
        free = on.model_copy(update={"link": on.link.model_copy(update={"latency_us": 0.0, "gigabytes_per_s": 1e6})})
        for case in every:
            steps = found[num, case.name]
            plan = case.plan(num)
            seconds, *sent = (statistics.median(column) for column in zip(*steps, strict=True))
            freed_s = planner.estimate(plan, costs, free).step_s
            reckoned = planner.estimate(plan, costs, on)
            rows.append(Row(f"{num} ranks, {case.name}", reckoned, seconds, tuple(sent), freed_s))
    return rows


def figures_of(rows: Sequence[Row]) -> Iterator[dict[str, Any]]:
    """Each placement, then what is held of all."""
    for row in sorted(rows, key=lambda row: row.seconds):
        yield figure(f"{row.name}: measured", row.seconds, "s a step")
        yield figure(f"{row.name}: reckoned", row.reckoned.step_s, "s a step")
        yield figure(f"{row.name}: measured over reckoned", row.seconds / row.reckoned.step_s, "ratio")
    pairs = [
        (one, other)
        for one, other in itertools.combinations(rows, 2)
        if max(one.seconds, other.seconds) > (1 + DIFFER) * min(one.seconds, other.seconds)
    ]
    right = sum((one.seconds < other.seconds) == (one.reckoned.step_s < other.reckoned.step_s) for one, other in pairs)
    yield figure("placements", len(rows), "", ">= 6", len(rows) >= 6)
    goal = f"all {len(pairs)} that differ by more than {DIFFER:.0%}"
    yield figure("pairs in the measured order", right, "", goal, right == len(pairs))
    decided = sum(row.freed_s < DECIDES * row.reckoned.step_s for row in rows)
    yield figure("placements that their links decide", decided, "", ">= 3", decided >= 3)
    best = min(row.seconds for row in rows)
    choice = min((row for row in rows if CHOICE in row.name or "data-parallel" in row.name), key=_reckoned)
    over = choice.seconds / best - 1
    yield figure(f"{choice.name}, over the best measured", over, "- 1", f"<= {NEAR}", over <= NEAR)
    for row in rows:
        off = max(
            (abs(sent / told - 1) for sent, told in zip(row.sent, row.reckoned.sent_bytes, strict=True) if told),
            default=0.0,
        )
        yield figure(f"{row.name}: bytes of a rank off by", off, "- 1", f"<= {BYTES}", off <= BYTES)


def _reckoned(row: Row) -> float:
    return row.reckoned.step_s


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="half the width, more turns, kept")
    parser.add_argument("--work", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--form", type=json.loads, help=argparse.SUPPRESS)
    parser.add_argument("--crowd", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    torch.set_num_threads(1)
    if asked.work:
        (be_alone_and_together if asked.crowd else be_a_rank)(asked.work, Form(**asked.form))
        return
    enter()
    form = FULL if asked.full else SHORT
    print_result(list(figures_of(rows_of(form))), **vars(form))


if __name__ == "__main__":
    main()

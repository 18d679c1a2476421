"""Maps of three years by seven methods: do they agree as the land does, are they right, and do they find its changes?

For each world and seed: three years of Sentinel-2 are simulated, a series is selected, samples are labelled from an old
map that is wrong on a tenth of the land, and every method learns from these samples alone. Judged against the truth:
agreement between years beside the truth's own, accuracy of each year, changes between the first and the last year pixel
by pixel, and the days by which dates of changes rightly found are off. Methods that map single years date a change to
the middle of the first year that shows it.

Sizes are small, so that ten runs fit into three hours: worlds of 198 x 198 pixels, 1,000 training points a class and
year, 20 epochs, 15 scenes a year, networks of two layers of width 64; recipes/multi-year-lstm.toml and
recipes/sliding-transformer.toml hold the published sizes. Maps of spans are filtered in squares of 5 x 5 pixels and
changes below 25 pixels are dropped, for the hidden Markov model as for the full method. Nothing was tuned on another
seed than 1, and no world was changed for a method.

Without arguments: the mild world with seed 1, cut to 96 x 96 pixels, few epochs: whether all of it runs. --full: both
worlds, seeds 1, 2 and 3; --seeds 11 12 adds two. Every finished method is a file in benchmarks/results/years, from
which the script goes on; --work keeps worlds and models as well.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from landweave.atomic import write_text
from landweave.jobs.worker import num_cores
from landweave.provenance import commit, fingerprint
from landweave.simulate.world import load_world
from scenes import figure, print_result
from year_methods import (
    BASELINES,
    FULL,
    FULL_METHOD,
    LEGEND,
    LSTM,
    METHODS,
    SHORT,
    TRANSFORMER,
    Place,
    Sizes,
    judge,
    outcome,
    prepare,
)

RESULTS = Path(__file__).parent / "results" / "years"
WORLDS = ("series-mild-2", "series-hard-2")
FIXED_SEEDS = (1, 2, 3)


def run(name: str, seed: int, sizes: Sizes, work: Path, *, workers: int, until: float) -> dict[str, dict[str, Any]]:
    """Figures of every method on a world, from their files where they were finished before.

    Raises:
        SystemExit: Time is up; the same command goes on.
    """
    more: dict[str, Any] = {} if sizes.edge_px is None else {"height_px": sizes.edge_px, "width_px": sizes.edge_px}
    world = load_world(name, seed, **more)
    identity = fingerprint({"world": world.model_dump(mode="json"), "sizes": asdict(sizes), "lstm": LSTM,
                            "transformer": TRANSFORMER})[:10]  # fmt: skip
    paths = {each: RESULTS / f"{name}-seed-{seed}-{identity}-{each.replace(' ', '-')}.json" for each in METHODS}
    place: Place | None = None
    for method, path in paths.items():
        if path.is_file():
            continue
        began = time.perf_counter()
        if began > until:
            raise SystemExit(f"{name}, seed {seed}, {method}: not yet; run the same command again to go on")
        if place is None:
            place = prepare(world, work / f"{name}-{seed}-{identity}", sizes, workers)
            print(f"{name}, seed {seed}: prepared in {time.perf_counter() - began:.0f} s", flush=True)
        began = time.perf_counter()
        figures = judge(place, outcome(place, method))
        content = {"world": name, "seed": seed, "method": method, "sizes": asdict(sizes), "commit": commit()}
        seconds = round(time.perf_counter() - began, 1)
        write_text(path, json.dumps({**content, "seconds": seconds, "figures": figures}, indent=1) + "\n")
        print(f"  {method}: {line(figures)}  {seconds:.0f} s", flush=True)
    return {method: json.loads(path.read_text(encoding="utf-8"))["figures"] for method, path in paths.items()}


def line(figures: Mapping[str, Any]) -> str:
    """The main figures of a method as text."""
    shown = {name: figures[name] for name in ("precision", "recall", "f1", "iou")}
    changes = " ".join(f"{name} {'-' if value is None else f'{value:.3f}'}" for name, value in shown.items())
    days_off = figures["median error of dates"]
    late = "" if days_off is None else f" days {days_off:.0f} (late {figures['median lateness of dates']:.0f})"
    right = " ".join(f"{value:.3f}" for value in figures["accuracy"].values())
    agrees, real = figures["agreement"][-1], figures["agreement of the truth"][-1]
    return f"agreement {agrees:.3f} (truth {real:.3f}), accuracy {right}, {changes}{late}"


Found = Mapping[tuple[str, int], Mapping[str, Mapping[str, Any]]]


def mean_accuracy(figures: Mapping[str, Any]) -> float:
    """Mean accuracy of the years."""
    return float(statistics.mean(figures["accuracy"].values()))


def summary(found: Found) -> Iterator[dict[str, Any]]:
    """The table, world by world: means over seeds, their spread, and what must hold."""
    for world in dict.fromkeys(name for name, _ in found):
        runs = {seed: each for (name, seed), each in found.items() if name == world}
        for method in METHODS:
            yield from _of_method(world, method, {seed: each[method] for seed, each in runs.items()})
        yield from _bars(world, runs)


def _of_method(world: str, method: str, runs: Mapping[int, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    title = f"{world}, {method}"
    yield from _agreement(title, "", runs)
    if method == METHODS[0]:
        yield from _agreement(f"{world}, truth", " of the truth", runs)
    yield _mean(f"{title}: accuracy", {seed: mean_accuracy(each) for seed, each in runs.items()})
    for year in next(iter(runs.values()))["accuracy"]:
        yield _mean(f"{title}: accuracy of {year}", {seed: each["accuracy"][year] for seed, each in runs.items()})
    for name in ("precision", "recall", "f1", "iou", "median error of dates"):
        known = {seed: each[name] for seed, each in runs.items() if each[name] is not None}
        if known:
            yield _mean(f"{title}: {name}", known, "days" if "dates" in name else "share")


def _agreement(title: str, whose: str, runs: Mapping[int, Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Agreement of the first with the last year, overall and by class of the first; classes that a seed lacks aside."""
    yield _mean(f"{title}: agreement", {seed: each[f"agreement{whose}"][-1] for seed, each in runs.items()})
    for index, name in enumerate(LEGEND.names):
        known = {seed: each[f"agreement by class{whose}"][index] for seed, each in runs.items()}
        if known := {seed: value for seed, value in known.items() if value is not None}:
            yield _mean(f"{title}: agreement of {name}", known)


def _mean(name: str, values: Mapping[int, float], unit: str = "share") -> dict[str, Any]:
    spread = statistics.stdev(values.values()) if len(values) > 1 else 0.0
    each = {str(seed): round(value, 4) for seed, value in values.items()}
    return figure(name, statistics.mean(values.values()), unit) | {"spread": round(spread, 4), "seeds": each}


def _bars(world: str, runs: Mapping[int, Mapping[str, Mapping[str, Any]]]) -> Iterator[dict[str, Any]]:
    """What the full method must show, by the mean of the seeds; each seed stands beside it."""
    full = {seed: each[FULL_METHOD] for seed, each in runs.items()}
    apart = {s: abs(each["agreement"][-1] - each["agreement of the truth"][-1]) for s, each in full.items()}
    yield _bar(f"{world}: agreement apart from the truth's", apart, "at most 0.01", lambda mean: mean <= 0.01)
    best = max(BASELINES, key=lambda name: statistics.mean(mean_accuracy(each[name]) for each in runs.values()))
    ahead = {seed: mean_accuracy(each[FULL_METHOD]) - mean_accuracy(each[best]) for seed, each in runs.items()}
    yield _bar(f"{world}: accuracy beyond the best baseline's ({best})", ahead, "at least 0", lambda mean: mean >= 0)
    scores = {name: statistics.mean(each[name]["f1"] or 0 for each in runs.values()) for name in METHODS}
    other = max((name for name in METHODS if name != FULL_METHOD), key=scores.__getitem__)
    gain = {seed: (full[seed]["f1"] or 0) - (each[other]["f1"] or 0) for seed, each in runs.items()}
    yield _bar(f"{world}: F1 of change beyond the next best ({other})", gain, "above 0", lambda mean: mean > 0)
    if "mild" in world:
        own = {seed: each["f1"] or 0.0 for seed, each in full.items()}
        yield _bar(f"{world}: F1 of change", own, "at least 0.65", lambda mean: mean >= 0.65)
    off = {s: each["median error of dates"] / each["revisit_days"] for s, each in full.items()
           if each["median error of dates"] is not None}  # fmt: skip
    if off:
        yield _bar(f"{world}: median error of dates in revisits", off, "below 1", lambda mean: mean < 1)


def _bar(name: str, values: Mapping[int, float], goal: str, holds: Callable[[float], bool]) -> dict[str, Any]:
    return _mean(name, values) | {"goal": goal, "holds": holds(statistics.mean(values.values()))}


def main() -> None:
    """Run what lacks a result, print all, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--seeds", type=int, nargs="*", default=[], help="seeds besides the fixed ones")
    parser.add_argument("--worlds", nargs="*", default=[], help="these worlds alone")
    parser.add_argument("--only", action="store_true", help="the given seeds alone")
    parser.add_argument("--work", type=Path, help="a folder that keeps worlds and models")
    parser.add_argument("--minutes", type=float, default=50, help="begin no method later; run again to go on")
    parser.add_argument("--threads", type=int, default=num_cores())
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    sizes = FULL if wanted.full else SHORT
    fixed = () if wanted.only else FIXED_SEEDS if wanted.full else FIXED_SEEDS[:1]
    worlds = wanted.worlds or (WORLDS if wanted.full else WORLDS[:1])
    until = time.perf_counter() + 60 * wanted.minutes
    with tempfile.TemporaryDirectory(prefix="landweave-") as temporary:
        work = wanted.work or Path(temporary)
        found = {
            (name, seed): run(name, seed, sizes, work, workers=wanted.threads, until=until)
            for seed in dict.fromkeys((*fixed, *wanted.seeds))
            for name in worlds
        }
    figures = list(summary(found))
    if not wanted.full:
        # A corner of one world shows that all of it runs, and nothing of how good it is.
        figures = [each | {"goal": None, "holds": None} for each in figures]
    for each in figures:
        print(
            f"{each['name']:78} {each['value']:8.4f}  {each['goal'] or '':14} {each['holds'] if each['goal'] else ''}"
        )
    print_result(figures, sizes=asdict(sizes), seeds=sorted({seed for _, seed in found}), threads=wanted.threads)


if __name__ == "__main__":
    main()

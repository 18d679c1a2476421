"""Sentinel-2 made to look like Landsat 8 by six methods, on days and places never trained on; and how fast it is.

Quality (point 1): for each seed the world of two sensors is simulated, pairs are cut from it, the middle day is kept
for test alone and so is a fifth of the land; every method is fitted on the rest and judged where both are new. Table IV
of Sedona et al. (2021) by band and overall: SAM, ERGAS, RMSE, UIQI, PSNR, SSIM. Crops (point 3): a season of another
place, made by three methods, classified with five dates and with six, as Table V. Speed (point 5): pixels that apply
sees in a second over those of the network alone, and what two ranks of one thread bring, over batch sizes.

Without arguments: seed 1 in a corner of the world with small networks, and few turns: whether all of it runs. --full:
seeds 1, 2 and 3; --seeds 11 12 adds two, for crops too, which are to be shown on five. Every finished part is a file in
benchmarks/results/harmonize, from which the script goes on; --work keeps worlds and cards as well, so that a training
that was stopped goes on too.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch

from harmonize_crops import SERIES, seasons
from harmonize_methods import (
    ALONE,
    FULL,
    GAN,
    LEARNED,
    METHODS,
    SHORT,
    SIMPLE,
    Land,
    Sizes,
    card_of,
    facts,
    measured,
    prepare,
    world_of,
)
from harmonize_speed import applying, ranks, ratio
from landweave.atomic import write_text
from landweave.jobs.worker import num_cores
from landweave.metrics.likeness import MEASURES
from landweave.provenance import commit, fingerprint
from landweave.simulate.world import load_world
from scenes import figure, print_result

RESULTS = Path(__file__).parent / "results" / "harmonize"
WORLD, SEASON = "pair-1", "season-1"
# Seasons lie where no pair does.
SEASON_SEED = 100
FIXED_SEEDS = (1, 2, 3)
# What lower is better for; all others higher.
LOWER = ("sam", "ergas", "rmse")
LONGEST_S = 20 * 60
POINTS = ("quality", "crops", "speed")
APPLY_GOAL, EFFICIENCY_GOAL = 0.9, 0.75
# Scenes are made with the published width, ranks train what quality is shown with.
APPLIED, WIDTH, MAIN, CURVE = 64, 32, 16, (4, 8, 16, 32)
Found = dict[str, dict[str, Any]]


def kept(path: Path, make: Any) -> dict[str, Any]:
    """What stands in a file, or what is made and put there."""
    if not path.is_file():
        write_text(path, json.dumps(make() | {"commit": commit()}, indent=1) + "\n")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return found


def folder_of(name: str, seed: int, sizes: Sizes, work: Path) -> Path:
    """Where a world, its pairs and its cards are kept."""
    world = world_of(name, seed, sizes)
    return work / f"{name}-{seed}-{fingerprint({'world': world.model_dump(mode='json'), 'sizes': asdict(sizes)})[:10]}"


def quality(name: str, seed: int, sizes: Sizes, work: Path, *, workers: int, until: float) -> Found:
    """Measures of every method on a world, from their files where they were finished before.

    Raises:
        SystemExit: Time is up; the same command goes on.
    """
    world = world_of(name, seed, sizes)
    identity = fingerprint({"world": world.model_dump(mode="json"), "sizes": asdict(sizes)})[:10]
    paths = {each: RESULTS / f"{name}-seed-{seed}-{identity}-{each.replace(' ', '-')}.json" for each in METHODS}
    land: Land | None = None
    for method, path in paths.items():
        if path.is_file():
            continue
        if time.perf_counter() > until:
            raise SystemExit(f"{name}, seed {seed}, {method}: not yet; run the same command again to go on")
        if land is None:
            land = prepare(world, folder_of(name, seed, sizes, work), sizes, workers)
            print(f"{name}, seed {seed}: {json.dumps(facts(land))}", flush=True)
        made = land
        kept(path, lambda method=method, made=made: measured(made, method))
    found = {method: json.loads(path.read_text(encoding="utf-8")) for method, path in paths.items()}
    print(f"{name}, seed {seed}", *table(found), sep="\n", flush=True)
    return found


def crops(name: str, seed: int, sizes: Sizes, work: Path, *, workers: int, until: float) -> dict[str, Any]:
    """Accuracies of every series of a season, with the generator that learnt from the pairs of the same seed.

    Raises:
        SystemExit: Time is up; the same command goes on.
    """
    more: dict[str, Any] = {} if sizes.season_px is None else {
        "height_px": sizes.season_px, "width_px": sizes.season_px
    }  # fmt: skip
    season = load_world(SEASON, SEASON_SEED + seed, **more)
    world = world_of(name, seed, sizes)
    told = {"world": world.model_dump(mode="json"), "season": season.model_dump(mode="json"), "sizes": asdict(sizes)}
    path = RESULTS / f"{SEASON}-seed-{seed}-{fingerprint(told)[:10]}.json"
    if not path.is_file():
        if time.perf_counter() > until:
            raise SystemExit(f"{SEASON}, seed {seed}: not yet; run the same command again to go on")
        land = prepare(world, folder_of(name, seed, sizes, work), sizes, workers)
        out = work / path.stem
        kept(path, lambda: seasons(season, card_of(land, GAN), out, workers, sizes.crops))
    return dict(json.loads(path.read_text(encoding="utf-8")))


def of_crops(every: Mapping[int, dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Overall accuracy of every series and F1 of every crop, means over seeds; what the sixth date brings."""
    for name in SERIES:
        yield _mean(f"crops, {name}: overall accuracy", {s: _overall(told[name]) for s, told in every.items()}, "share")
    for title, first, second in (
        ("the sixth date, GAN", "six dates GAN", "five dates GAN"),
        ("GAN over physical, five dates", "five dates GAN", "five dates physical"),
        ("GAN over raw, five dates", "five dates GAN", "five dates raw"),
    ):
        gains = {seed: _overall(told[first]) - _overall(told[second]) for seed, told in every.items()}
        yield _mean(f"crops, gain by {title}", gains, "share")


def _overall(told: Mapping[str, Any]) -> float:
    return float(told["overall"]["value"])


def table(found: Found) -> Iterator[str]:
    """Table IV: measures by band and overall, method by method."""
    bands = next(iter(found.values()))["bands"]
    yield f"{'':6}{'':26}" + "".join(f"{band:>9}" for band in (*bands, "overall"))
    for measure in MEASURES:
        for method, figures in found.items():
            values = figures["mean"][measure]
            yield f"{measure:6}{method:26}" + "".join(f"{_number(values[b]):9.4f}" for b in (*bands, "overall"))


def _number(value: float | None) -> float:
    return float("nan") if value is None else value


def summary(every: Mapping[int, Found]) -> Iterator[dict[str, Any]]:
    """Means over seeds with their spread, and whether the learned methods beat the simple ones on each seed."""
    for measure in MEASURES:
        for method in METHODS:
            values = {seed: _number(found[method]["mean"][measure]["overall"]) for seed, found in every.items()}
            yield _mean(f"{method}: {measure} overall", values, measure)
    for method in LEARNED:
        for measure in ("sam", "rmse"):
            # The nearest of the simple ones, seed by seed: below 1 the learned method is better.
            ratios = {
                seed: found[method]["mean"][measure]["overall"]
                / min(found[other]["mean"][measure]["overall"] for other in SIMPLE)
                for seed, found in every.items()
            }
            name = f"{method}: {measure} over the better of physical and linear"
            yield _bar(name, ratios, "< 1 for each seed", all(value < 1 for value in ratios.values()))
    for measure in MEASURES:
        gains = {
            seed: _number(found[GAN]["mean"][measure]["overall"]) / _number(found[ALONE]["mean"][measure]["overall"])
            for seed, found in every.items()
        }
        better = "below" if measure in LOWER else "above"
        yield _mean(f"adversarial part: {measure} of the GAN over L1 alone ({better} 1 is a gain)", gains, "ratio")
    slowest = max(found[method]["train_s"] for found in every.values() for method in LEARNED)
    yield figure("longest training", slowest, "s", f"<= {LONGEST_S}", slowest <= LONGEST_S)


def _mean(name: str, values: Mapping[int, float], unit: str) -> dict[str, Any]:
    each = list(values.values())
    spread = statistics.stdev(each) if len(each) > 1 else 0.0
    return figure(f"{name}, mean of {len(each)}, spread {spread:.4f}", statistics.mean(each), unit)


def _bar(name: str, values: Mapping[int, float], goal: str, holds: bool) -> dict[str, Any]:
    return figure(f"{name}, worst of {len(values)} seeds", max(values.values()), "ratio", goal, holds)


def speed(full: bool) -> Iterator[dict[str, Any]]:
    """Figures of point 5, each measurement from its file where it was finished before."""
    # 3,660 pixels of 30 m: a whole product of Sentinel-2.
    turns, edge_px, core_px = (5, 3660, 512) if full else (2, 256, 128)
    applied, width = (APPLIED, WIDTH) if full else (8, 8)
    name = f"apply-width-{applied}-edge-{edge_px}-core-{core_px}-turns-{turns}-threads-{torch.get_num_threads()}"
    found = kept(RESULTS / f"{name}.json", lambda: applying(applied, edge_px, core_px, turns))
    share = ratio(found, "apply", "alone")
    yield figure(
        f"apply over the network alone, per pixel seen, width {applied}", share, "ratio", f">= {APPLY_GOAL}",
        share >= APPLY_GOAL,
    )  # fmt: skip
    yield figure("the card with its normalising over the network alone", ratio(found, "card", "alone"), "ratio")
    yield figure("apply", statistics.median(turn["apply"] for turn in found["turns"]), "px of 30 m seen/s")
    yield figure("share of what is seen that is written", found["turns"][0]["core_share"], "share")
    for batch in CURVE if full else CURVE[:1]:
        num = (7 if batch == MAIN else 3) if full else 2
        path = RESULTS / f"ranks-width-{width}-batch-{batch}-turns-{num}.json"
        told = kept(path, lambda batch=batch, num=num: ranks(batch, width, num))
        efficiency, is_main = ratio(told, "two", "one", 2), batch == MAIN
        yield figure(
            f"batch_per_rank {batch}, width {width}: efficiency of 2 ranks of one thread", efficiency, "ratio",
            f">= {EFFICIENCY_GOAL}" if is_main else None, efficiency >= EFFICIENCY_GOAL if is_main else None,
        )  # fmt: skip
        yield figure(f"batch_per_rank {batch}: share of communication", 1 - ratio(told, "two", "apart"), "of a step")


def main() -> None:
    """Run what lacks a result, print all, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--points", nargs="*", default=POINTS, choices=POINTS)
    parser.add_argument("--seeds", type=int, nargs="*", default=[], help="seeds besides the fixed ones")
    parser.add_argument("--only", action="store_true", help="the given seeds alone")
    parser.add_argument("--world", default=WORLD, help="another world of two sensors")
    parser.add_argument("--work", type=Path, help="a folder that keeps worlds and cards")
    parser.add_argument("--minutes", type=float, default=50, help="begin nothing later; run again to go on")
    parser.add_argument("--threads", type=int, default=num_cores())
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    sizes = FULL if wanted.full else SHORT
    until = time.perf_counter() + 60 * wanted.minutes
    fixed = () if wanted.only else FIXED_SEEDS if wanted.full else FIXED_SEEDS[:1]
    seeds = tuple(dict.fromkeys((*fixed, *wanted.seeds)))
    figures: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="landweave-") as temporary:
        rest: dict[str, Any] = {"workers": wanted.threads, "until": until}
        asked = wanted.world, sizes, wanted.work or Path(temporary)
        if "quality" in wanted.points:
            figures += summary({seed: quality(asked[0], seed, *asked[1:], **rest) for seed in seeds})
        if "crops" in wanted.points:
            figures += of_crops({seed: crops(asked[0], seed, *asked[1:], **rest) for seed in seeds})
    if "speed" in wanted.points:
        figures += speed(wanted.full)
    # Where no window of a measure's is valid as a whole there is no figure, and JSON knows no number for that.
    figures = [each for each in figures if each["value"] == each["value"]]
    if not wanted.full:
        # A corner of one world shows that all of it runs, and nothing of how good or fast it is.
        figures = [each | {"goal": None, "holds": None} for each in figures]
    for each in figures:
        print(
            f"{each['name']:100} {each['value']:9.4f} {each['goal'] or '':20} {each['holds'] if each['goal'] else ''}"
        )
    print_result(figures, world=wanted.world, sizes=asdict(sizes), seeds=list(seeds), threads=wanted.threads)


if __name__ == "__main__":
    main()

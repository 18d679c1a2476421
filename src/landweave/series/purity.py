"""The purity report: of each class what was looked at, kept, found stable and drawn, and how much of it was wrong."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landweave.atomic import write_text
from landweave.datasets.points import PARTS, Points
from landweave.errors import OutputError
from landweave.legend import Legend

FORMAT = 1


@dataclass(frozen=True, slots=True)
class Found:
    """What a job of labels found.

    Attributes:
        legend: The classes.
        counts: Pixels of each class in the map.
        dropped: Classes of the map that no label comes from, with their pixels.
        fits: By year, what the growing of its forest counted.
        total: What the blocks counted.
        scenes: Scenes of each year.
        with_truth: Whether somebody knows what is true.
    """

    legend: Legend
    counts: tuple[int, ...]
    dropped: Mapping[str, int]
    fits: Mapping[int, Mapping[str, Any]]
    total: Mapping[str, int]
    scenes: Mapping[int, int]
    with_truth: bool


def purity(found: Found, points: Points) -> dict[str, Any]:
    """The report as JSON holds it."""
    every = [_class(found, points, index) for index in range(len(found.legend)) if found.counts[index]]
    told = {
        "format": FORMAT,
        "legend": found.legend.name,
        "scenes": {str(year): num for year, num in found.scenes.items()},
        "cloudy_px": {str(year): found.total.get(f"cloudy_{year}", 0) for year in found.fits},
        "absent": [entry["name"] for entry in every if not all(entry["trained"].values())],
        "dropped": dict(found.dropped),
        "classes": every,
    }
    return told | ({"thrown_out": thrown_out(every)} if found.with_truth else {})


def thrown_out(classes: list[dict[str, Any]]) -> dict[str, float | None]:
    """How right it was to throw out what is not stable: precision and recall over all classes."""
    sums = {name: sum(entry["truth"][name] for entry in classes) for name in ("known_px", "wrong_px",
            "stable_known_px", "stable_wrong_px")}  # fmt: skip
    return _thrown(sums["known_px"], sums["wrong_px"], sums["stable_known_px"], sums["stable_wrong_px"])


def write_purity(path: Path, report: Mapping[str, Any]) -> None:
    """Write purity.json, aside and renamed."""
    write_text(path, json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def read_purity(path: Path) -> dict[str, Any]:
    """The report that `write_purity` wrote.

    Raises:
        OutputError: It is missing, damaged or of another format.
    """
    try:
        report: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise OutputError(f"{path}: {error}", "the report of landweave series label", "run it again") from error
    if report.get("format") != FORMAT:
        raise OutputError(f"{path} of format {report.get('format')}", f"format {FORMAT}", "run the command again")
    return report


def lines(report: Mapping[str, Any]) -> list[str]:
    """The report as lines for people."""
    names = [entry["name"] for entry in report["classes"]]
    width = max(len(name) for name in names)
    told = [f"{'class':<{width}}  map px  kept  agree  stable  train  valid   test"]
    for entry in report["classes"]:
        kept = _percent(sum(entry["kept"].values()), sum(entry["candidates"].values()))
        agreed = _percent(sum(entry["agreed_px"].values()), entry["map_px"] * len(entry["agreed_px"]))
        stable = _percent(entry["stable_px"], entry["map_px"])
        drawn = "  ".join(f"{entry['points'][part]:5d}" for part in PARTS)
        told.append(f"{entry['name']:<{width}}  {entry['map_px']:6d}  {kept}   {agreed}    {stable}  {drawn}")
    if report["dropped"]:
        lost = ", ".join(f"{name} ({num} px)" for name, num in report["dropped"].items())
        told.append(f"classes without a counterpart: {lost}")
    if report["absent"]:
        told.append(f"absent in a year, therefore never stable: {', '.join(report['absent'])}")
    if any(report["cloudy_px"].values()):
        shown = ", ".join(f"{year}: {num}" for year, num in report["cloudy_px"].items() if num)
        told.append(f"pixels under clouds the whole year: {shown}")
    if len(set(report["scenes"].values())) > 1:
        shown = ", ".join(f"{year}: {num}" for year, num in report["scenes"].items())
        told.append(f"years have different numbers of scenes ({shown}); samples are padded")
    if told_truth := report.get("thrown_out"):
        told.append(_truth_line(told_truth))
    return told


def _truth_line(told: Mapping[str, float | None]) -> str:
    shown = {name: "-" if value is None else f"{value:.1%}" for name, value in told.items()}
    return (
        f"of the labels {shown['wrong']} were wrong; thrown out with precision {shown['precision']} and recall "
        f"{shown['recall']}; of those left {shown['wrong_left']} are wrong"
    )


def _class(found: Found, points: Points, index: int) -> dict[str, Any]:
    entry = found.legend.classes[index]
    years = {str(year): told for year, told in found.fits.items()}
    mine = points.label == index
    told: dict[str, Any] = {
        "id": entry.id,
        "name": entry.name,
        "map_px": found.counts[index],
        "share": found.counts[index] / sum(found.counts),
        "candidates": {year: told.get(f"candidates_{index}", 0) for year, told in years.items()},
        "clusters": {year: told.get(f"clusters_{index}", 0) for year, told in years.items()},
        "kept": {year: told.get(f"kept_{index}", 0) for year, told in years.items()},
        "trained": {year: told.get(f"trained_{index}", 0) for year, told in years.items()},
        "agreed_px": {str(year): found.total.get(f"agreed_{year}_{index}", 0) for year in found.fits},
        "stable_px": found.total.get(f"stable_{index}", 0),
        "points": {name: int((mine & (points.part == part)).sum()) for part, name in enumerate(PARTS)},
    }
    return told | ({"truth": _truth(found, index, years)} if found.with_truth else {})


def _truth(found: Found, index: int, years: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
    total = found.total
    sums = {
        f"{name}_px": total.get(f"{name}_{index}", 0) for name in ("known", "wrong", "stable_known", "stable_wrong")
    }
    clusters = {year: _thrown(*(told.get(f"{name}_{index}", 0)
                                for name in ("candidates", "candidates_wrong", "kept", "kept_wrong")))
                for year, told in years.items()}  # fmt: skip
    return {**sums, "clusters": clusters, "stable": _thrown(*sums.values())}


def _thrown(known: int, wrong: int, left: int, wrong_left: int) -> dict[str, float | None]:
    """Share of wrong labels before and after, and precision and recall of what was thrown out; None for 0 of 0."""
    out, hit = known - left, wrong - wrong_left
    pairs = {"wrong": (wrong, known), "wrong_left": (wrong_left, left), "precision": (hit, out), "recall": (hit, wrong)}
    return {name: part / whole if whole else None for name, (part, whole) in pairs.items()}


def _percent(part: int, whole: int) -> str:
    return f"{np.divide(part, max(whole, 1)):4.0%}"

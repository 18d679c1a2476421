"""Accuracies and areas of change from sampling units that people judged on the page of `landweave review`.

Units lie in strata that need not be classes of the map (Stehman 2014): stable land, the kinds of change, a rim around
changes. What the units are comes from a GeoParquet file with stratum and chance, what people said of them from another.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic import Field

from landweave.atomic import locked, sweep
from landweave.config import Config
from landweave.errors import LegendError, SampleError
from landweave.evaluation.result import Evaluation, check_place
from landweave.jobs.run import Progress
from landweave.legend import LandClass, Legend
from landweave.legend import legend as known_legend
from landweave.metrics import area
from landweave.metrics.confusion import Confusion

Of = Literal["changes", "first", "last"]
_FORMAT, _UNIT = 1, "unit"
_COLUMNS = ["id", "from_id", "to_id", "area_ha", "stratum", "chance", "kind"]
_SAID = ["event_id", "decision", "from_id", "to_id", "is_last"]
_DRAW = "draw units with landweave review sample, judge all of them, and export the decisions"
_PALETTE = ("#f4f4f2", "#c9302c", "#2c5fc9", "#2e9e4f", "#c98a2c", "#7b3fa0", "#1f8a8a", "#8a5a2b", "#d65f9c")


class ReviewedJob(Config):
    """Which units to judge by, and what of the map they judge."""

    units: Path
    """GeoParquet with sampling units, their strata and chances."""
    decisions: Path
    """Decisions on them."""
    of: Of = "changes"
    """What is judged: the changes between two years, or the classes of the first or last of them."""
    name: str = Field(default="", max_length=80)
    """What is judged, for tables."""


@dataclass(frozen=True, slots=True)
class Judged:
    """One unit with what the map and what people say of it.

    Attributes:
        id: Its name.
        stratum: Where it was drawn.
        chance: With which chance.
        area_ha: Its own area.
        mapped: Class ids before and after, of the map.
        told: Class ids before and after, as people say.
    """

    id: str
    stratum: str
    chance: float
    area_ha: float
    mapped: tuple[int, int]
    told: tuple[int, int]


def run(job: ReviewedJob, out: Path) -> Iterator[Progress]:
    """Estimate, and write evaluation.json with its tables in `out`; gives records on the way.

    Raises:
        LandweaveError: The units are no probability sample, or not all are judged.
    """
    with locked(out):
        sweep(out)
        check_place(out)
        yield Progress("estimate", 0, 1, "samples")
        evaluation = estimate(job.units, job.decisions, job.of, job.name or f"{job.units.stem}: {job.of}")
        evaluation.write(out, job.model_dump(mode="json"))
        yield Progress("estimate", 1, 1, "samples", dict(evaluation.counts))


def estimate(units: Path, decisions: Path, of: Of, name: str) -> Evaluation:
    """What judged units say of the map: accuracies and areas with intervals.

    Raises:
        SampleError: They are no probability sample, or not all are judged.
        LegendError: A decision names a class that the legend lacks.
    """
    legend, judged = read_judged(units, decisions)
    classes, pairs = _classes(judged, legend, of)
    strata = sorted({unit.stratum for unit in judged})
    counts = np.zeros((len(strata), len(classes), len(classes)), np.int64)
    sizes, whole = np.zeros(len(strata)), np.zeros(len(strata), np.bool_)
    for unit, (mapped, told) in zip(judged, pairs, strict=True):
        stratum = strata.index(unit.stratum)
        counts[stratum, mapped, told] += 1
        # Each unit stands for so many of its like (Horvitz and Thompson): their sum is the stratum's area.
        sizes[stratum] += unit.area_ha / unit.chance
        whole[stratum] = unit.chance == 1
    estimates = area.stratified(counts, sizes, strata, whole)
    note = f"{len(judged)} places drawn at random in {len(strata)} strata and judged one by one. Accuracies and areas "
    note += "with 95 % intervals after Stehman (2014); the matrix counts places."
    return Evaluation(name, "pixels", classes, note, Confusion(counts.sum(0)), estimates, counts={"units": len(judged)})


def _classes(judged: Sequence[Judged], legend: Legend, of: Of) -> tuple[Legend, list[tuple[int, int]]]:
    """The classes that are judged, and for each unit the map's and the people's."""
    if of != "changes":
        place = 0 if of == "first" else 1
        return legend, [(legend.ids.index(u.mapped[place]), legend.ids.index(u.told[place])) for u in judged]
    seen = sorted({kind for unit in judged for kind in (unit.mapped, unit.told) if kind[0] != kind[1]})
    names = {entry.id: entry.name for entry in legend.classes}
    titles = ["No change", *(f"{names[old]} to {names[new]}" for old, new in seen)]
    colors = [_PALETTE[number % len(_PALETTE)] for number in range(len(titles))]
    made = tuple(LandClass(number + 1, *each) for number, each in enumerate(zip(titles, colors, strict=True)))

    def index(kind: tuple[int, int]) -> int:
        return 0 if kind[0] == kind[1] else 1 + seen.index(kind)

    return Legend("changes", f"changes of {legend.name}", made), [(index(u.mapped), index(u.told)) for u in judged]


def read_judged(units: Path, decisions: Path) -> tuple[Legend, tuple[Judged, ...]]:
    """The units with what people said of them, and the legend of their ids.

    Raises:
        SampleError: A file is of another kind or job, or a unit has no decision, stratum or chance.
        LegendError: A decision names a class that the legend lacks.
    """
    drawn, header = _table(units, _COLUMNS)
    said, origin = _table(decisions, _SAID)
    if header.get("job") != origin.get("job"):
        raise SampleError(f"{decisions} of another job than {units}", "decisions on these very units", _DRAW)
    legend = _legend(header, units)
    told = {row["event_id"]: row for row in said if row["is_last"]}
    rows = [row for row in drawn if row["kind"] == _UNIT]
    if not rows:
        raise SampleError(f"{units} without a sampling unit", "units drawn with known chances", _DRAW)
    if missing := [row["id"] for row in rows if row["id"] not in told]:
        raise SampleError(
            f"{len(missing)} of {len(rows)} units not judged, {missing[:3]} among them",
            "a decision on every unit: to leave the hard ones out makes the map look better",
            "judge them on the page of landweave review, and export again",
        )
    judged = tuple(_judged(row, told[row["id"]], legend) for row in rows)
    _check_chances(judged)
    return legend, judged


def _judged(row: Mapping[str, Any], said: Mapping[str, Any], legend: Legend) -> Judged:
    mapped = (row["from_id"], row["to_id"])
    match said["decision"]:
        case "approve":
            told = mapped
        case "discard":
            # What is no change kept the class that it had.
            told = (row["from_id"], row["from_id"])
        case _:
            told = (said["from_id"], said["to_id"])
    for kind in {*mapped, *told} - set(legend.ids):
        raise LegendError(
            f"class {kind} of unit {row['id']}", f"ids {list(legend.ids)} of {legend.name}", "relabel the unit"
        )
    if not row["stratum"] or not 0 < (row["chance"] or 0) <= 1:
        raise SampleError(
            f"unit {row['id']} with stratum {row['stratum']} and chance {row['chance']}",
            "the stratum and the chance, above 0 and up to 1, with which it was drawn",
            _DRAW,
        )
    return Judged(row["id"], row["stratum"], row["chance"], row["area_ha"], mapped, told)


def _check_chances(judged: Sequence[Judged]) -> None:
    """Refuse strata whose units had different chances: their estimator is another one."""
    seen: dict[str, float] = {}
    for unit in judged:
        if abs(seen.setdefault(unit.stratum, unit.chance) / unit.chance - 1) > 1e-6:
            raise SampleError(
                f"chances {seen[unit.stratum]:g} and {unit.chance:g} in stratum {unit.stratum}",
                "the same chance for all units of a stratum",
                _DRAW,
            )


def _table(path: Path, columns: Sequence[str]) -> tuple[list[dict[str, Any]], Mapping[str, Any]]:
    """Rows of a file of ours, and what its header says."""
    try:
        table = pq.read_table(path, columns=list(columns))
        header = json.loads((table.schema.metadata or {})[b"landweave"])
        if header["format"] != _FORMAT:
            raise ValueError(f"format {header['format']}")
    except (OSError, pa.ArrowException, ValueError, KeyError, TypeError) as error:
        raise SampleError(f"{path}: {error}", f"a GeoParquet file with {', '.join(columns)}", _DRAW) from error
    return table.to_pylist(), header


def _legend(header: Mapping[str, Any], path: Path) -> Legend:
    try:
        told = header["legend"]
        if isinstance(told, str):
            return known_legend(told)
        table = told if isinstance(told, dict) else {"classes": told, "name": "events"}
        classes = tuple(LandClass(int(each["id"]), each["name"], each["color"]) for each in table["classes"])
        return Legend(table["name"], table.get("source", ""), classes)
    except (KeyError, TypeError, ValueError) as error:
        raise SampleError(f"{path}: {error!r}", "a header with its legend", _DRAW) from error

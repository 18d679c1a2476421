"""Agreement of maps from year to year, beside that of the truth: how consistent maps are, and how right."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic import Field

from landweave.atomic import locked, sweep, write_text
from landweave.config import Config
from landweave.errors import GridError, OutputError
from landweave.evaluation.parts import whole
from landweave.evaluation.result import read_judgement
from landweave.evaluation.stack import Stack, beside, stack
from landweave.jobs.run import Progress
from landweave.legend import Legend, legend, load_legends
from landweave.metrics.agreement import Agreement, pairs_of
from landweave.metrics.confusion import Confusion
from landweave.provenance import record

FORMAT = 1
NAME, TABLE = "agreement.json", "agreement.csv"


class AgreementJob(Config):
    """Which maps to compare with each other, and by what."""

    maps: list[Path] = Field(min_length=1)
    """Maps of several years, in the order of their years."""
    truth: list[Path] = Field(default_factory=list)
    """Truth maps, one for each map."""
    legend: str | None = None
    """Legend of the maps, where their files do not tell."""
    legends: Path | None = None
    """TOML with legends of your own."""
    name: str = Field(default="", max_length=80)
    """What is judged, for tables."""


@dataclass(frozen=True, eq=False)
class Judged:
    """What was counted.

    Attributes:
        maps: Of the maps.
        truth: Of the truth maps, where there are any.
        right: How right each map is, where there is a truth.
    """

    maps: Agreement
    truth: Agreement | None
    right: tuple[Confusion, ...]


def run(job: AgreementJob, out: Path) -> Iterator[Progress]:
    """Compare, and write agreement.json and agreement.csv in `out`; gives records on the way.

    Raises:
        LandweaveError: What cannot be compared is refused before the first pixel is read.
    """
    with locked(out):
        sweep(out)
        check_place(out, NAME, TABLE)
        known = legend(job.legend, load_legends(job.legends) if job.legends else None) if job.legend else None
        maps = stack(job.maps, known)
        truth = beside(maps, job.truth) if job.truth else None
        judged = yield from judge(maps, truth)
        content = record("agreement", job.model_dump(mode="json")) | {"name": job.name or "maps"}
        content |= to_json(judged, maps.names, maps.legend)
        write_text(out / TABLE, _csv(content))
        # Last: who finds it finds the table.
        write_text(out / NAME, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def check_place(folder: Path, *names: str) -> None:
    """Refuse a folder that holds anything but these files.

    Raises:
        OutputError: It does.
    """
    held = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    if found := [name for name in held if not name.startswith(".") and name not in names]:
        raise OutputError(
            f"{folder}, which holds {found[0]}", f"an empty folder, or an older {names[0]}", "choose another with -o"
        )


def judge(maps: Stack, truth: Stack | None) -> Generator[Progress, None, Judged]:
    """Count the whole place window by window; memory does not grow with it.

    Raises:
        GridError: No pixel is known in two maps.
    """
    num, k = len(maps.layers), len(maps.legend)
    total, other = Agreement.zero(num, k), Agreement.zero(num, k)
    right = [Confusion.zero(k) for _ in maps.layers]
    places = whole(maps.grid)
    for done, place in enumerate(places):
        yield Progress("compare", done, len(places), "windows")
        labels = maps.read(place.window)
        total = total + Agreement.from_labels(labels, k)
        if truth is not None:
            known = truth.read(place.window)
            other = other + Agreement.from_labels(known, k)
            right = [
                one + Confusion.from_labels(found, real, k)
                for one, found, real in zip(right, labels, known, strict=True)
            ]
    if not total.pairs.any():
        raise GridError("maps that are nowhere both known", "at least one pixel with two years", "check the maps")
    yield Progress("compare", len(places), len(places), "windows", {"pixels": int(total.first.sum())})
    return Judged(total, other if truth else None, tuple(right) if truth else ())


def to_json(judged: Judged, names: Sequence[str], classes: Legend) -> dict[str, Any]:
    """Everything that was counted, as JSON holds it; what is not a number is null."""
    note = "Share of pixels with the same class in both years, by the class of the earlier one. It says how consistent "
    note += "the maps are, not how right: real change lowers it, and maps that never change have 100 %."
    entries = [{"id": entry.id, "name": entry.name, "color": entry.color} for entry in classes.classes]
    content: dict[str, Any] = {
        "legend": {"name": classes.name, "source": classes.source, "classes": entries},
        "maps": list(names),
        "note": note,
        **_figures(judged.maps, names),
        "truth": None if judged.truth is None else _figures(judged.truth, names),
        "accuracy": [_accuracy(name, one) for name, one in zip(names, judged.right, strict=False)],
    }
    return content


def _figures(found: Agreement, names: Sequence[str]) -> dict[str, Any]:
    return {
        "pairs": [
            {
                "from": names[one],
                "to": names[other],
                "overall": _plain(found.overall(index)),
                "classes": [_plain(value) for value in found.by_class(index)],
                "matrix": found.pairs[index].tolist(),
            }
            for index, (one, other) in enumerate(pairs_of(len(names)))
        ],
        "always": {
            "overall": _plain(found.always),
            "classes": [_plain(value) for value in found.always_by_class],
            "num_pixels": int(found.first.sum()),
        },
        "times": found.times.tolist(),
    }


def _accuracy(name: str, right: Confusion) -> dict[str, Any]:
    return {
        "map": name,
        "overall": _plain(right.overall),
        "macro_f1": _plain(right.macro_f1),
        "mean_iou": _plain(right.mean_iou),
        "f1": [_plain(value) for value in right.f1],
        "num_pixels": right.num_pixels,
    }


def _plain(value: float | np.floating[Any]) -> float | None:
    return None if math.isnan(value) else float(value)


def _csv(content: Mapping[str, Any]) -> str:
    """One line a class, one column a pair of years."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    pairs = content["pairs"]
    table.writerow(["class", *(f"{pair['from']} to {pair['to']}" for pair in pairs), "in all maps"])
    for index, entry in enumerate(content["legend"]["classes"]):
        shares = [*(pair["classes"][index] for pair in pairs), content["always"]["classes"][index]]
        table.writerow([entry["name"], *("" if share is None else share for share in shares)])
    table.writerow(["all", *(pair["overall"] for pair in pairs), content["always"]["overall"]])
    return text.getvalue()


def read_agreement(folder: Path) -> dict[str, Any]:
    """The content of a folder's agreement.json.

    Raises:
        OutputError: There is none, or it is of another format.
    """
    return read_judgement(folder / NAME, FORMAT, "agreement", "landweave evaluate")


def lines(content: Mapping[str, Any]) -> Iterator[str]:
    """What an agreement.json says, for people, in a few lines."""
    truth = content["truth"]
    for index, pair in enumerate(content["pairs"]):
        beside_it = f" (truth {truth['pairs'][index]['overall']:.3f})" if truth else ""
        yield f"agreement {pair['from']} to {pair['to']}: {pair['overall']:.3f}{beside_it}"
    for entry in content["accuracy"]:
        yield f"overall accuracy {entry['map']}: {entry['overall']:.3f}, mean F1 {entry['macro_f1']:.3f}"
    yield content["note"]

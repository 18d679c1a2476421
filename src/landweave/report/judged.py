"""Evaluations as material: accuracies with their intervals, in the order of the legend."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from landweave.errors import LandweaveError
from landweave.legend import LandClass, Legend
from landweave.report.find import Found
from landweave.report.material import ClassFigures, Estimate, Judgement


def judgements(found: Found, names: Mapping[Path, str] | None = None) -> tuple[Judgement, ...]:
    """Every evaluation of pixels or single labels, the best one first.

    Args:
        found: What the folders hold.
        names: What was judged by which file, where the file does not say it.
    """
    every = []
    for path in found.of("evaluation"):
        try:
            content = found.json(path)
            # Several labels a patch have no confusion matrix; report/more.py shows them.
            if "confusion" in content:
                every.append(_judgement(content, path, (names or {}).get(path, path.parent.name)))
        except (KeyError, TypeError, ValueError, LandweaveError) as error:
            found.unread.append(f"{path}: {error!r}")
    # Nobody knows how good one is without a figure: it stands last.
    return tuple(sorted(every, key=lambda each: -each.overall.value if each.overall.value >= 0 else 1.0))


def legend_of(content: Mapping[str, Any]) -> Legend:
    """The legend that a JSON object tells in full."""
    table = content["legend"]
    classes = tuple(LandClass(int(entry["id"]), entry["name"], entry["color"]) for entry in table["classes"])
    return Legend(table["name"], table.get("source", ""), classes)


def _judgement(content: Mapping[str, Any], path: Path, name: str) -> Judgement:
    entries = legend_of(content).classes
    matrix = np.asarray(content["confusion"], np.int64)
    return Judgement(
        content.get("name") or name,
        _estimate(content["overall"]),
        _number(content.get("kappa")),
        _number(content.get("macro_f1")),
        matrix,
        tuple(_class(entry, table) for entry, table in zip(entries, content["classes"], strict=True)),
        str(content.get("note", "")),
        path,
    )


def _class(entry: LandClass, table: Mapping[str, Any]) -> ClassFigures:
    return ClassFigures(
        entry,
        _estimate(table["users"]),
        _estimate(table["producers"]),
        _number(table.get("f1")),
        _number(table.get("iou")),
        int(table.get("num_truth") or 0),
    )


def _estimate(value: Any) -> Estimate:
    if not isinstance(value, Mapping):
        return Estimate(_number(value))
    return Estimate(_number(value.get("value")), value.get("low"), value.get("high"))


def _number(value: Any) -> float:
    return math.nan if value is None else float(value)

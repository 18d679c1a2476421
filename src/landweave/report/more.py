"""What evaluations say beside the confusion matrix: areas, several labels a patch, calibration; as plain tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from landweave.report import tables
from landweave.report.find import Found
from landweave.report.material import Table

_WAYS = {
    "micro": "All labels together (micro)",
    "macro": "Mean of classes (macro)",
    "sample": "Mean of patches (sample)",
}


def every(found: Found) -> tuple[Table, ...]:
    """The tables of all evaluations; one with gaps is told instead."""
    made: list[Table] = []
    for path in found.of("evaluation"):
        try:
            made.extend(_tables(found.json(path), path))
        except (KeyError, TypeError, ValueError) as error:
            found.unread.append(f"{path}: {error!r}")
    # Several maps judged on the same land have the same areas: one table says it.
    return tuple({(table.head, table.lines): table for table in reversed(made)}.values())[::-1]


def _tables(content: Mapping[str, Any], path: Path) -> Iterator[Table]:
    name = content.get("name") or path.parent.name
    if content.get("areas"):
        yield _areas(content, name, path)
    if "micro" in content:
        yield _ways(content, name, path)
        yield _labels(content, name, path)
    if content.get("calibration"):
        yield _calibration(content["calibration"], name, path)


def _areas(content: Mapping[str, Any], name: str, path: Path) -> Table:
    lines = tuple(
        (entry["name"], _percent(share), f"{area['value']:,.1f} ± {area['half_width']:,.1f} {area['unit']}")
        for entry, share, area in zip(content["classes"], content["shares"], content["areas"], strict=True)
    )
    note = f"Estimated from the truth, not counted in the map; {content.get('design', {}).get('words', '')}".rstrip(
        "; "
    )
    head = ("Class", "Share", "Area, with its 95 % confidence interval")
    return Table("Area of each class", f"{note}.", head, lines, path)


def _percent(figure: Mapping[str, Any]) -> str:
    return tables.percent(figure.get("value"))


def _ways(content: Mapping[str, Any], name: str, path: Path) -> Table:
    lines = tuple((title, *_scores(content[way])) for way, title in _WAYS.items())
    note = f"{content.get('note', '')} Mean average precision {_short(content.get('mean_average_precision'))}.".strip()
    return Table(f"{name}: several labels a patch", note, ("", "Precision", "Recall", "F1"), lines, path)


def _labels(content: Mapping[str, Any], name: str, path: Path) -> Table:
    lines = tuple(
        (
            entry["name"],
            *_scores(entry),
            _short(entry.get("average_precision")),
            tables.count(entry.get("support") or 0),
        )
        for entry in content["classes"]
    )
    head = ("Class", "Precision", "Recall", "F1", "Average precision", "Patches with it")
    return Table(f"{name}: label by label", "", head, lines, path)


def _scores(scores: Mapping[str, Any]) -> tuple[str, str, str]:
    return _short(scores["precision"]), _short(scores["recall"]), _short(scores["f1"])


def _short(value: float | None) -> str:
    return tables.NONE if value is None else tables.decimal(float(value))


def _calibration(content: Mapping[str, Any], name: str, path: Path) -> Table:
    lines = tuple(
        (tables.percent(said), tables.percent(right), tables.count(number))
        for said, right, number in zip(content["confidence"], content["correct"], content["num"], strict=True)
        if number
    )
    note = f"Expected calibration error {_short(content['expected_error'])}: 0 where what it says is what happens."
    head = ("How sure it was", "How often it was right", "How many")
    return Table(f"{name}: are its probabilities honest?", note, head, lines, path)

"""What `landweave scale` found as material and as plain tables: efficiency, where time goes, F1 against ranks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from landweave.report import tables
from landweave.report.find import Found
from landweave.report.material import Growth, Point, Table
from landweave.report.scaling import efficiencies

_HEAD = ("Ranks", "Samples/s", "Efficiency", "Step", "Compute", "Communication", "Input")


def growths(found: Found) -> tuple[Growth, ...]:
    """Every scale.json; one with gaps is told instead."""
    return tuple(growth for path in found.of("scale") for growth in _growth(found, path))


def _growth(found: Found, path: Path) -> Iterator[Growth]:
    content = found.json(path)
    try:
        points = [tuple(map(_point, content[name])) for name in ("measured", "fitted", "predicted")]
        if len(points[0]) != len(points[1]) or any(point.step_s <= 0 for every in points for point in every):
            raise ValueError("a point without a step or without its model")
        told = str(content["cluster"]), int(content["epoch_samples"])
        yield Growth(path.parent.name, points[0], points[1], points[2], *told, path)
    except (KeyError, TypeError, ValueError) as error:
        # An empty one was told of when it was read.
        if content:
            found.unread.append(f"{path}: {error!r}")


def _point(told: Mapping[str, Any]) -> Point:
    speed, *parts = (float(told[name]) for name in ("samples_per_s", "compute_s", "communication_s", "waiting_s"))
    f1 = None if told["f1"] is None else float(told["f1"])
    return Point(int(told["ranks"]), speed, parts[0], parts[1], parts[2], f1)


def tables_of(growth: Growth) -> Iterator[Table]:
    """What was measured, and what is predicted where a cluster was described."""
    measured = tuple(
        (*line, _seconds(model.step_s), tables.NONE if point.f1 is None else tables.decimal(point.f1))
        for line, point, model in zip(_lines(growth.measured), growth.measured, growth.fitted, strict=True)
    )
    note = (
        "Efficiency: samples/s of each rank over those of each rank on the fewest. Communication: what compute does "
        "not hide. Model: the step by the costs fitted to all of these. F1: the best on the validation part."
    )
    yield Table(f"{growth.name}: measured", note, (*_HEAD, "Step by the model", "F1"), measured, growth.path)
    if growth.predicted:
        predicted = tuple(
            (*line, tables.duration(growth.epoch_samples / point.samples_per_s))
            for line, point in zip(_lines(growth.predicted), growth.predicted, strict=True)
        )
        note = "By the fitted costs and what is known of the cluster's links; nothing was measured there."
        title = f"{growth.name}: predicted for {growth.cluster}"
        yield Table(title, note, (*_HEAD, "Epoch"), predicted, growth.path)


def _lines(points: Sequence[Point]) -> Iterator[tuple[str, ...]]:
    for point, efficiency in zip(points, efficiencies(points), strict=True):
        parts = (point.compute_s, point.communication_s, point.waiting_s)
        shares = (tables.percent(part / point.step_s) for part in parts)
        speed = f"{point.samples_per_s:,.1f}"
        yield str(point.ranks), speed, tables.percent(efficiency), _seconds(point.step_s), *shares


def _seconds(value: float) -> str:
    return f"{1000 * value:,.1f} ms" if value < 1 else tables.duration(value)

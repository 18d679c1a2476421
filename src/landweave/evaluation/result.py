"""What a judgement says, and the one writer and reader of evaluation.json."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from landweave.atomic import write_text
from landweave.errors import OutputError
from landweave.legend import Legend
from landweave.metrics.area import Estimate, Estimates
from landweave.metrics.calibration import Calibration
from landweave.metrics.confusion import Confusion
from landweave.metrics.multilabel import Multilabel, Scores
from landweave.provenance import record

FORMAT = 1
NAME, _MATRIX, _CLASSES = "evaluation.json", "confusion.csv", "classes.csv"


@dataclass(frozen=True, eq=False)
class Evaluation:
    """A judgement of one map or card.

    Attributes:
        name: What was judged.
        task: "pixels", "patches" or "multilabel".
        legend: Its classes.
        note: Which pixels, patches or places were judged.
        confusion: What was counted; None for several labels a patch.
        estimates: Accuracies and areas with intervals; None where the truth is no probability sample.
        why_no_interval: Why there are no intervals; "" where there are.
        multilabel: Figures of several labels a patch.
        calibration: Whether the probabilities are honest, where they are known.
        counts: What else was counted: pixels that the map left out, patches, blocks.
        area_unit: Unit of the areas.
    """

    name: str
    task: str
    legend: Legend
    note: str
    confusion: Confusion | None = None
    estimates: Estimates | None = None
    why_no_interval: str = ""
    multilabel: Multilabel | None = None
    calibration: Calibration | None = None
    counts: Mapping[str, int] = field(default_factory=dict)
    area_unit: str = "ha"

    def to_json(self) -> dict[str, Any]:
        """All of it as JSON holds it; what is not a number is null."""
        classes = [asdict(entry) for entry in self.legend.classes]
        content: dict[str, Any] = {
            "name": self.name,
            "task": self.task,
            "legend": {"name": self.legend.name, "source": self.legend.source, "classes": classes},
            "note": self._sentence(),
            "why_no_interval": self.why_no_interval or None,
            "counts": dict(self.counts),
        }
        if self.confusion is not None:
            content |= _of_confusion(self.confusion, self.legend, self.estimates)
        if self.estimates is not None:
            content |= _of_estimates(self.estimates, self.area_unit)
        if self.multilabel is not None:
            content |= _of_multilabel(self.multilabel, self.legend)
        if self.calibration is not None:
            content["calibration"] = _of_calibration(self.calibration)
        return content

    def write(self, folder: Path, configuration: Mapping[str, Any]) -> None:
        """Write evaluation.json, and the tables as confusion.csv and classes.csv.

        Raises:
            OutputError: The folder holds something else, or cannot be written.
        """
        check_place(folder)
        content = record("evaluation", configuration) | self.to_json()
        if "confusion" in content:
            write_text(folder / _MATRIX, _csv(_matrix_rows(self.legend.names, content["confusion"])))
        write_text(folder / _CLASSES, _csv(_class_rows(content["classes"])))
        # Last: who finds it finds the tables.
        write_text(
            folder / NAME, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=str) + "\n"
        )

    def _sentence(self) -> str:
        return f"{self.note} No interval: {self.why_no_interval}." if self.why_no_interval else self.note


def check_place(folder: Path) -> None:
    """Refuse a folder that holds anything but an older evaluation.

    Raises:
        OutputError: It does.
    """
    held = sorted(entry.name for entry in folder.iterdir()) if folder.is_dir() else []
    # The tables alone are what a judgement that was killed leaves.
    # The lock of this very run is there already.
    found = [name for name in held if not name.startswith(".") and name not in (_MATRIX, _CLASSES)]
    if found and NAME not in found:
        raise OutputError(
            f"{folder}, which holds {found[0]}", "an empty folder, or an older evaluation", "choose another with -o"
        )


def read_evaluation(folder: Path) -> dict[str, Any]:
    """The content of a folder's evaluation.json.

    Raises:
        OutputError: There is none, or it is of another format.
    """
    return read_judgement(folder / NAME, FORMAT, "evaluation", "landweave evaluate")


def read_judgement(path: Path, version: int, kind: str, by: str) -> dict[str, Any]:
    """The content of one JSON file of a judgement.

    Args:
        path: The file.
        version: The format that is understood.
        kind: The kind of judgement that the file must name.
        by: The command that writes such files, for the error.

    Raises:
        OutputError: There is none, or it is of another format or kind.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != version or content["kind"] != kind:
            raise ValueError(f"format {content['format']} of kind {content['kind']}")
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise OutputError(
            f"{path}: {error}", f"what {by} wrote of kind {kind}, format {version}", f"run {by} again"
        ) from error
    return dict(content)


def lines(content: Mapping[str, Any]) -> Iterator[str]:
    """What an evaluation.json says, for people, in a few lines."""
    if "overall" in content:
        yield f"overall accuracy {shown(content['overall'])}, kappa {shown(content['kappa'])}"
        yield f"mean F1 {shown(content['macro_f1'])}, mean IoU {shown(content['mean_iou'])}"
    if "micro" in content:
        for way in ("micro", "macro", "sample"):
            yield f"{way}: " + ", ".join(f"{name} {shown(value)}" for name, value in content[way].items())
        yield f"mAP {shown(content['mean_average_precision'])}"
    if "calibration" in content:
        yield f"expected calibration error {shown(content['calibration']['expected_error'])}"
    yield content["note"]


def shown(value: Any) -> str:
    """A figure of evaluation.json as text, with its interval where it has one."""
    if not isinstance(value, Mapping):
        return _short(value)
    if value.get("low") is None:
        return _short(value["value"])
    return f"{_short(value['value'])} ({_short(value['low'])} to {_short(value['high'])})"


def _short(value: float | None) -> str:
    return "not known" if value is None else f"{value:.3f}"


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else float(value)


def _figure(value: float, estimate: Estimate | None) -> dict[str, float | None]:
    """A share; the estimate's where there is one, with its interval within 0-1."""
    if estimate is None:
        return {"value": _plain(value), "low": None, "high": None}
    # The sample's estimate, not the counts' share: strata were drawn from with different chances.
    # Symmetric intervals of shares near 0 or 1 reach beyond what a share can be.
    ends = {"low": _plain(max(estimate.low, 0.0)), "high": _plain(min(estimate.high, 1.0))}
    return {"value": _plain(estimate.value), **ends, "standard_error": _plain(estimate.standard_error)}


def _of_confusion(confusion: Confusion, legend: Legend, estimates: Estimates | None) -> dict[str, Any]:
    users = estimates.users if estimates else [None] * len(legend)
    producers = estimates.producers if estimates else [None] * len(legend)
    num_truth = confusion.counts.sum(0)
    return {
        # Rows of the truth, columns of the map, as most readers expect; metrics.confusion has them the other way.
        "confusion": confusion.counts.T.tolist(),
        "confusion_rows": "truth",
        "num_judged": confusion.num_pixels,
        "overall": _figure(confusion.overall, estimates.overall if estimates else None),
        "kappa": _plain(confusion.kappa),
        "macro_f1": _plain(confusion.macro_f1),
        "mean_iou": _plain(confusion.mean_iou),
        "classes": [
            {
                "id": entry.id,
                "name": entry.name,
                "users": _figure(confusion.users[index], users[index]),
                "producers": _figure(confusion.producers[index], producers[index]),
                "f1": _plain(confusion.f1[index]),
                "iou": _plain(confusion.iou[index]),
                "num_truth": int(num_truth[index]),
            }
            for index, entry in enumerate(legend.classes)
        ],
    }


def _of_estimates(estimates: Estimates, unit: str) -> dict[str, Any]:
    # Shares are within 0 and 1 as accuracies are; areas are left as they come.
    shares = [_figure(share.value, share) for share in estimates.shares]
    areas = None
    if estimates.areas is not None:
        areas = [{"value": _plain(a.value), "half_width": _plain(a.half_width), "unit": unit} for a in estimates.areas]
    return {
        "design": {"words": estimates.design, "num_drawn": estimates.num_drawn, "confidence": 0.95},
        "shares": shares,
        "areas": areas,
    }


def _of_multilabel(multilabel: Multilabel, legend: Legend) -> dict[str, Any]:
    support, precision = multilabel.support, multilabel.average_precision
    return {
        "num_judged": len(multilabel.truth),
        "threshold": multilabel.threshold,
        **{way: _three(getattr(multilabel, way)) for way in ("micro", "macro", "sample")},
        "mean_average_precision": _plain(multilabel.mean_average_precision),
        "micro_average_precision": _plain(multilabel.micro_average_precision),
        "classes": [
            {
                "id": entry.id,
                "name": entry.name,
                **_three(scores),
                "average_precision": _plain(precision[index]),
                "support": int(support[index]),
            }
            for index, (entry, scores) in enumerate(zip(legend.classes, multilabel.by_class, strict=True))
        ],
    }


def _three(scores: Scores) -> dict[str, float | None]:
    return {"precision": _plain(scores.precision), "recall": _plain(scores.recall), "f1": _plain(scores.f1)}


def _of_calibration(calibration: Calibration) -> dict[str, Any]:
    # Empty bins have no mean, and become null below.
    num = np.maximum(calibration.num, 1)
    return {
        "expected_error": _plain(calibration.expected_error),
        "num": calibration.num.tolist(),
        "confidence": [_plain(value) for value in np.where(calibration.num > 0, calibration.confidence / num, np.nan)],
        "correct": [_plain(value) for value in np.where(calibration.num > 0, calibration.correct / num, np.nan)],
    }


def _matrix_rows(names: Sequence[str], matrix: Sequence[Sequence[int]]) -> Iterator[list[Any]]:
    yield ["truth \\ map", *names]
    for name, row in zip(names, matrix, strict=True):
        yield [name, *row]


def _class_rows(classes: Sequence[Mapping[str, Any]]) -> Iterator[list[Any]]:
    flat = [dict(_flattened(entry)) for entry in classes]
    yield list(flat[0])
    for entry in flat:
        yield list(entry.values())


def _flattened(entry: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    for name, value in entry.items():
        if isinstance(value, Mapping):
            yield from ((name if part == "value" else f"{name}_{part}", inner) for part, inner in value.items())
        else:
            yield name, value


def _csv(rows: Iterator[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()

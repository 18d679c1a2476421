"""Evaluations as material."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import pytest

from landweave.legend import legend
from landweave.report.find import find
from landweave.report.judged import judgements, legend_of

LEGEND = legend("simulated-8")


def content(overall: Any) -> dict[str, Any]:
    figures = {"users": {"value": 0.9, "low": 0.8, "high": 1.0}, "producers": 0.7, "f1": 0.8, "iou": None}
    return {
        "format": 1,
        "name": "U-Net",
        "legend": {
            "name": LEGEND.name,
            "source": "test",
            "classes": [{"id": c.id, "name": c.name, "color": c.color} for c in LEGEND.classes],
        },
        "confusion": [[9 if row == col else 1 for col in range(8)] for row in range(8)],
        "overall": overall,
        "kappa": 0.85,
        "macro_f1": 0.9,
        "classes": [{"id": c.id, **figures, "num_truth": 16} for c in LEGEND.classes],
        "note": "All test blocks.",
    }


def write(folder: Path, name: str, overall: Any) -> None:
    (folder / name).mkdir()
    (folder / name / "evaluation.json").write_text(json.dumps(content(overall)))


def test_the_best_comes_first(tmp_path: Path) -> None:
    write(tmp_path, "a", {"value": 0.8, "low": 0.79, "high": 0.81})
    write(tmp_path, "b", {"value": 0.93, "low": 0.92, "high": 0.94})
    first, second = judgements(find([tmp_path]))
    assert (first.overall.value, second.overall.low) == (0.93, 0.79)
    assert first.num_judged == 8 * 16


def test_figures_stand_in_the_order_of_the_legend(tmp_path: Path) -> None:
    write(tmp_path, "a", 0.8)
    (judgement,) = judgements(find([tmp_path]))
    assert [figures.entry for figures in judgement.classes] == list(LEGEND.classes)
    figures = judgement.classes[0]
    assert (figures.users.low, figures.producers.value, figures.producers.low) == (0.8, 0.7, None)
    assert math.isnan(figures.iou)
    assert judgement.overall.low is None


@pytest.mark.parametrize("key", ["classes", "legend", "overall"])
def test_a_file_with_gaps_is_told(tmp_path: Path, key: str) -> None:
    broken = content(0.8)
    del broken[key]
    (tmp_path / "evaluation.json").write_text(json.dumps(broken))
    found = find([tmp_path])
    assert judgements(found) == ()
    assert "evaluation.json" in found.unread[0]


def test_legend_of() -> None:
    assert legend_of(content(0.5)).classes == LEGEND.classes

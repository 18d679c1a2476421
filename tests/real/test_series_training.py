"""Real series with real labels: every kind of model learns from them, and tells places that it never saw."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from landweave.config import check
from landweave.datasets.points import write_points
from landweave.datasets.series import read_series
from landweave.evaluation.job import EvaluateJob
from landweave.evaluation.job import run as evaluate
from landweave.evaluation.result import read_evaluation
from landweave.parallel.world import World
from landweave.recipe.series import SeriesRecipe, run

pytestmark = pytest.mark.real


def accuracy(samples: Path, out: Path, **told: Any) -> tuple[float, int]:
    """Overall accuracy on the part test, and how many points that is."""
    base = {"samples": samples, "precision": "fp32", "batch_global": 64, "optimiser": {"rate": 3e-3}, "seed": 1}
    for _ in run(check(SeriesRecipe, {**base, **told}, "test"), out, World()):
        pass
    for _ in evaluate(check(EvaluateJob, {"card": out / "card", "data": samples}, "test"), out / "judged"):
        pass
    content = read_evaluation(out / "judged")
    counts = np.array(content["confusion"])
    return float(np.trace(counts) / counts.sum()), int(counts.sum())


SMALL_LSTM = {"network": "lstm", "arguments": {"width": 64, "depth": 2}, "epochs": 25}
SMALL_TRANSFORMER = {
    "network": "transformer",
    "arguments": {"width": 64, "depth": 2, "hidden": 128, "encoding": "days"},
    "epochs": 20,
    "optimiser": {"rate": 1e-3},
}


@pytest.mark.parametrize(
    ("told", "least"),
    [
        ({"network": "forest"}, 0.75),
        (SMALL_LSTM, 0.7),
        (SMALL_TRANSFORMER, 0.7),
        ({"network": "tempcnn", "epochs": 20}, 0.75),
        ({"network": "ltae", "epochs": 20}, 0.75),
    ],
    ids=lambda value: value["network"] if isinstance(value, dict) else "",
)
def test_nine_classes_of_mato_grosso(real_data: Path, tmp_path: Path, told: dict[str, Any], least: float) -> None:
    torch.set_num_threads(1)
    points = read_series("sits-mt", real_data / "sits_samples")
    assert (len(points), len(points.legend)) == (2115, 9)
    write_points(points, tmp_path / "samples.h5")
    share, num = accuracy(tmp_path / "samples.h5", tmp_path / "run", **told)
    frequent = np.bincount(points.label[points.part == 2]).max() / num
    assert num > 300
    assert share > max(least, frequent + 0.3)


def test_crops_of_bavarian_fields(real_data: Path, tmp_path: Path) -> None:
    """301 fields with 34 codes: most codes are too rare to be learnt, the frequent ones are told better than chance."""
    torch.set_num_threads(1)
    points = read_series("bavaria-fields", real_data / "bavaria_s2_fields")
    write_points(points, tmp_path / "samples.h5")
    frequent = np.bincount(points.label[points.part == 2]).max() / (points.part == 2).sum()
    for told in ({"network": "forest"}, SMALL_LSTM):
        share, num = accuracy(tmp_path / "samples.h5", tmp_path / str(told["network"]), **told)
        assert num == 61
        assert share > frequent + 0.1


def test_clouds_are_left_out(real_data: Path, tmp_path: Path) -> None:
    """68 dates with a third under clouds: a network that takes gaps learns from them as they are."""
    torch.set_num_threads(1)
    points = read_series("eolearn", real_data / "eolearn_testeopatch")
    assert 0.5 < points.valid.mean() < 0.7
    write_points(points, tmp_path / "samples.h5")
    told = {"network": "ltae", "arguments": {"width": 64, "heads": 4}, "per_class": 150, "epochs": 15}
    share, num = accuracy(tmp_path / "samples.h5", tmp_path / "run", **told, class_weights="balanced")
    assert num > 1000
    assert share > 0.5

"""One made-up material for all tests of the report."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landweave.legend import legend
from landweave.report.material import (
    ClassFigures,
    Curve,
    Estimate,
    Growth,
    Job,
    Judgement,
    Material,
    Picture,
    Point,
    Row,
    Run,
)

LEGEND = legend("simulated-8")


def judgement(name: str, overall: float, folder: Path) -> Judgement:
    matrix = np.random.default_rng(1).integers(0, 50, size=(8, 8)) + np.diag(np.full(8, 900))
    classes = tuple(
        ClassFigures(entry, Estimate(0.9, 0.88, 0.93), Estimate(0.95, 0.93, 0.98), 0.92, 0.85, 1_000)
        for entry in LEGEND.classes
    )
    return Judgement(
        name, Estimate(overall, overall - 0.01, overall + 0.01), 0.9, 0.91, matrix, classes, "All test blocks.", folder
    )


MEASURED = (Point(1, 20.0, 0.4, 0.0, 0.0, 0.61), Point(2, 37.0, 0.41, 0.02, 0.01, 0.58))
PREDICTED = (Point(4, 4000.0, 0.004, 0.0, 0.0), Point(8, 7000.0, 0.004, 0.001, 0.0))


@pytest.fixture
def material(tmp_path: Path) -> Material:
    return make_material(tmp_path)


def make_material(folder: Path) -> Material:
    ids = np.random.default_rng(2).integers(1, 9, size=(40, 50)).astype(np.uint8)
    picture = Picture(np.stack([ids * 20] * 3, axis=-1), "Map", "A map with <b>eight</b> classes")
    return Material(
        title="A map of <somewhere>",
        judgements=(judgement("U-Net", 0.93, folder), judgement("forest", 0.86, folder)),
        rows=(Row("The whole map", (picture, picture)),),
        shares=tuple((entry, 1 / 8) for entry in LEGEND.classes),
        runs=(Run("U-Net", {"loss": (Curve("training", (1, 2, 3), (2.0, 1.0, 0.5)),)}, {"epochs": "3"}, folder),),
        growths=(Growth("scale", MEASURED, MEASURED, PREDICTED, "a <cluster>", 800, folder),),
        jobs=(Job("map", {"Speed": "1.2 Mpx/s (120 km²/s)"}, {"read": 1.0, "compute": 3.0}, folder),),
        archives={"Archive": {"patches": "12"}},
        records={"recipe": {"network": "</pre><script>alert(1)</script>"}},
        files=(folder / "map" / "map one.tif",),
        versions={"landweave": "0.1.0"},
        unread=("run/log.jsonl: truncated",),
    )

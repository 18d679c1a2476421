"""The purity report: its numbers by hand, its lines, numbers that have nothing to divide by."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mapping.places import LEGEND
from tests.series.making import make_points

from landweave.series.purity import Found, lines, purity, read_purity, thrown_out, write_purity

YEARS = (2018, 2019)


def fits(**more: int) -> dict[int, dict[str, Any]]:
    told = {"candidates_0": 50, "kept_0": 40, "trained_0": 30, "clusters_0": 3}
    told |= {"candidates_1": 10, "kept_1": 9, "trained_1": 8, "clusters_1": 1}
    return dict.fromkeys(YEARS, told | more)


TOTAL = {
    "stable_0": 70, "agreed_2018_0": 80, "agreed_2019_0": 75, "stable_1": 5, "agreed_2018_1": 6, "agreed_2019_1": 5,
    "cloudy_2018": 0, "cloudy_2019": 12,
}  # fmt: skip
TRUTH = {"known_0": 100, "wrong_0": 20, "stable_known_0": 70, "stable_wrong_0": 2, "known_1": 10, "wrong_1": 0,
         "stable_known_1": 5, "stable_wrong_1": 0}  # fmt: skip
WRONG = {"candidates_wrong_0": 10, "kept_wrong_0": 4, "candidates_wrong_1": 0, "kept_wrong_1": 0}


def found(with_truth: bool = False, **changes: Any) -> Found:
    told = {
        "legend": LEGEND,
        "counts": (100, 10, 0, 0, 0, 0),
        "dropped": {},
        "fits": fits(**(WRONG if with_truth else {})),
        "total": TOTAL | (TRUTH if with_truth else {}),
        "scenes": {2018: 6, 2019: 6},
        "with_truth": with_truth,
    }
    return Found(**{**told, **changes})


def test_classes_that_the_map_has() -> None:
    report = purity(found(), make_points())
    assert [entry["name"] for entry in report["classes"]] == ["Class 0", "Class 1"]
    first = report["classes"][0]
    assert first["share"] == pytest.approx(100 / 110)
    assert first["kept"] == {"2018": 40, "2019": 40}
    assert first["agreed_px"] == {"2018": 80, "2019": 75}
    assert first["stable_px"] == 70
    points = make_points()
    assert first["points"]["train"] == int(((points.label == 0) & (points.part == 0)).sum())
    assert "truth" not in first
    assert "thrown_out" not in report


def test_precision_and_recall_by_hand() -> None:
    report = purity(found(with_truth=True), make_points())
    # Of 110 labels 20 are wrong; 35 are thrown out, 18 of them wrong; of the 75 that are left 2 are wrong.
    assert report["thrown_out"] == {"wrong": 20 / 110, "wrong_left": 2 / 75, "precision": 18 / 35, "recall": 18 / 20}
    first, second = (entry["truth"] for entry in report["classes"])
    assert first["clusters"]["2018"] == {"wrong": 0.2, "wrong_left": 0.1, "precision": 0.6, "recall": 0.6}
    assert first["stable"]["recall"] == 0.9
    # Nothing was wrong in the second class: there is no recall.
    assert second["stable"] == {"wrong": 0, "wrong_left": 0, "precision": 0, "recall": None}
    assert thrown_out(report["classes"]) == report["thrown_out"]


def test_lines_for_people() -> None:
    shown = lines(purity(found(with_truth=True), make_points()))
    assert shown[1].split() == ["Class", "0", "100", "80%", "78%", "70%", "2", "0", "0"]
    assert "pixels under clouds the whole year: 2019: 12" in shown
    assert shown[-1] == (
        "of the labels 18.2% were wrong; thrown out with precision 51.4% and recall 90.0%; of those left 2.7% are wrong"
    )


def test_what_is_lacking_is_said() -> None:
    lacking = fits()
    lacking[2019] = {**lacking[2019], "trained_1": 0}
    told = found(fits=lacking, dropped={"Bog": 7}, scenes={2018: 6, 2019: 4})
    report = purity(told, make_points())
    assert report["absent"] == ["Class 1"]
    shown = "\n".join(lines(report))
    assert "classes without a counterpart: Bog (7 px)" in shown
    assert "absent in a year, therefore never stable: Class 1" in shown
    assert "years have different numbers of scenes (2018: 6, 2019: 4)" in shown


def test_what_is_written_is_read(tmp_path: Path) -> None:
    report = purity(found(with_truth=True), make_points())
    write_purity(tmp_path / "purity.json", report)
    assert read_purity(tmp_path / "purity.json") == report
    assert np.isfinite(report["thrown_out"]["precision"])

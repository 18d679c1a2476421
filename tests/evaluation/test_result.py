"""evaluation.json: everything is in it, it is valid JSON, and it is read back."""

from __future__ import annotations

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluation.making import LEGEND, parts

from landweave.errors import OutputError
from landweave.evaluation.result import Evaluation, lines, read_evaluation, shown
from landweave.metrics.area import by_map_class
from landweave.metrics.calibration import Calibration
from landweave.metrics.confusion import Confusion
from landweave.metrics.multilabel import Multilabel

COUNTS = np.array([[80, 5, 0], [10, 60, 0], [0, 0, 0]], np.int64)
PLAIN = Evaluation("it", "pixels", LEGEND, "All pixels.", Confusion(COUNTS), why_no_interval="nothing was drawn")
SAMPLED = Evaluation(
    "it", "pixels", LEGEND, "Places.", Confusion(COUNTS), by_map_class(COUNTS, np.array([500.0, 300.0, 0.0]))
)
LABELS = np.array([[1, 0, 0], [1, 1, 0]], np.uint8)
SEVERAL = Evaluation(
    "it",
    "multilabel",
    LEGEND,
    "Two patches.",
    multilabel=Multilabel(np.array([[0.9, 0.6, 0.1], [0.8, 0.4, 0.2]], np.float32), LABELS),
    calibration=Calibration.from_confidences(np.array([0.9, 0.8], np.float32), np.array([True, False])),
)


def written(evaluation: Evaluation, folder: Path) -> dict[str, Any]:
    evaluation.write(folder, {"map": Path("map.tif")})
    return read_evaluation(folder)


def test_rows_of_the_matrix_are_the_truth(tmp_path: Path) -> None:
    content = written(PLAIN, tmp_path / "e")
    assert content["confusion_rows"] == "truth"
    np.testing.assert_array_equal(content["confusion"], COUNTS.T)
    assert content["classes"][0]["num_truth"] == 90
    assert content["classes"][1]["users"]["value"] == pytest.approx(60 / 70)
    assert content["classes"][1]["producers"]["value"] == pytest.approx(60 / 65)
    assert (content["kind"], content["configuration"]) == ("evaluation", {"map": "map.tif"})


def test_without_a_probability_sample_there_is_no_interval_and_the_reason_is_told(tmp_path: Path) -> None:
    content = written(PLAIN, tmp_path / "e")
    assert content["overall"] == {"value": pytest.approx(140 / 155), "low": None, "high": None}
    assert content["why_no_interval"] == "nothing was drawn"
    assert content["note"] == "All pixels. No interval: nothing was drawn."
    assert "areas" not in content


def test_estimates_take_the_place_of_counts(tmp_path: Path) -> None:
    content = written(SAMPLED, tmp_path / "e")
    overall = content["overall"]
    assert overall["low"] < overall["value"] < overall["high"]
    assert overall["value"] != pytest.approx(140 / 155)
    assert sum(area["value"] for area in content["areas"]) == pytest.approx(800)
    assert content["areas"][0]["unit"] == "ha"
    assert content["design"]["num_drawn"] == 155


def test_intervals_of_shares_stay_within_zero_and_one(tmp_path: Path) -> None:
    counts = np.array([[3, 0, 0], [1, 3, 0], [0, 0, 0]], np.int64)
    estimates = by_map_class(counts, np.array([5.0, 5.0, 0.0]))
    content = written(Evaluation("it", "pixels", LEGEND, "", Confusion(counts), estimates), tmp_path / "e")
    for entry in content["classes"][:2]:
        for figure in (entry["users"], entry["producers"]):
            assert 0 <= figure["low"] < figure["value"] <= figure["high"] <= 1
    # Three of three right: it may be chance.
    assert content["classes"][0]["users"]["value"] == content["classes"][0]["users"]["high"] == 1
    assert content["classes"][0]["users"]["low"] < 0.6


def test_what_is_not_a_number_is_null(tmp_path: Path) -> None:
    content = written(PLAIN, tmp_path / "e")
    assert content["classes"][2]["users"]["value"] is None
    assert "NaN" not in (tmp_path / "e" / "evaluation.json").read_text()


def test_several_labels_have_all_averages_and_support(tmp_path: Path) -> None:
    content = written(SEVERAL, tmp_path / "e")
    assert content["micro"] == {
        "precision": pytest.approx(2 / 3),
        "recall": pytest.approx(2 / 3),
        "f1": pytest.approx(2 / 3),
    }
    assert [entry["support"] for entry in content["classes"]] == [2, 1, 0]
    assert content["classes"][2]["average_precision"] is None
    assert content["calibration"]["expected_error"] == pytest.approx(0.45)
    assert not (tmp_path / "e" / "confusion.csv").exists()


def test_tables_hold_the_same_figures(tmp_path: Path) -> None:
    content = written(SAMPLED, tmp_path / "e")
    rows = list(csv.DictReader((tmp_path / "e" / "classes.csv").open(encoding="utf-8")))
    assert [row["name"] for row in rows] == ["Meadow", "Water", "Town"]
    assert float(rows[0]["users"]) == content["classes"][0]["users"]["value"]
    assert float(rows[0]["users_low"]) == content["classes"][0]["users"]["low"]
    matrix = list(csv.reader((tmp_path / "e" / "confusion.csv").open(encoding="utf-8")))
    assert matrix[0] == ["truth \\ map", "Meadow", "Water", "Town"]
    assert matrix[1] == ["Meadow", "80", "10", "0"]


def test_lines_for_people() -> None:
    told = "\n".join(lines(SAMPLED.to_json()))
    assert "overall accuracy 0.9" in told
    assert " to " in told
    assert "mAP 0.750" in "\n".join(lines(SEVERAL.to_json()))
    assert (shown(None), shown(0.5), shown({"value": 0.5, "low": None})) == ("not known", "0.500", "0.500")


def test_equal_judgements_have_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        SAMPLED.write(tmp_path / name, {"map": "map.tif"})
    assert (tmp_path / "a" / "evaluation.json").read_bytes() == (tmp_path / "b" / "evaluation.json").read_bytes()


def test_a_folder_of_something_else_is_refused(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(OutputError) as caught:
        PLAIN.write(tmp_path, {})
    parts(caught.value)
    PLAIN.write(tmp_path / "e", {})
    SAMPLED.write(tmp_path / "e", {})
    assert read_evaluation(tmp_path / "e")["note"] == "Places."


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"format": 2, "kind": "evaluation"}', '{"format": 1, "kind": "map"}']
)
def test_what_is_no_evaluation_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "evaluation.json").write_text(text)
    with pytest.raises(OutputError) as caught:
        read_evaluation(tmp_path)
    parts(caught.value)
    assert json.dumps(text)

"""Areas, several labels a patch and calibration as plain tables."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from landweave.report import more
from landweave.report.find import find
from landweave.report.gather import gather
from landweave.report.material import Table
from landweave.report.page import render

SCORES = {"precision": 0.5, "recall": 0.25, "f1": None}
MULTILABEL: dict[str, Any] = {
    "format": 1,
    "name": "ResNet-50",
    "note": "All patches of the test part.",
    **dict.fromkeys(("micro", "macro", "sample"), SCORES),
    "mean_average_precision": 0.61,
    "classes": [{"id": 1, "name": "Beaches", **SCORES, "average_precision": 0.75, "support": 12}],
}
AREAS: dict[str, Any] = {
    "format": 1,
    "name": "U-Net",
    "classes": [{"name": "Water"}, {"name": "Forest"}],
    "shares": [{"value": 0.25}, {"value": 0.75}],
    "areas": [{"value": v, "half_width": 1.5, "unit": "ha"} for v in (1_000.0, 3_000.0)],
    "design": {"words": "a stratified sample of 640 units"},
}
CALIBRATION: dict[str, Any] = {
    "format": 1,
    "calibration": {"expected_error": 0.02, "num": [0, 8], "confidence": [None, 0.9], "correct": [None, 0.875]},
}


def tables_of(folder: Path, content: dict[str, Any]) -> tuple[Table, ...]:
    (folder / "evaluation.json").write_text(json.dumps(content))
    return more.every(find([folder]))


def test_several_labels_a_patch(tmp_path: Path) -> None:
    ways, labels = tables_of(tmp_path, MULTILABEL)
    assert ways.lines[0] == ("All labels together (micro)", "0.500", "0.250", "\u2013")
    assert "0.610" in ways.note
    assert labels.lines == (("Beaches", "0.500", "0.250", "\u2013", "0.750", "12"),)


def test_areas(tmp_path: Path) -> None:
    (table,) = tables_of(tmp_path, AREAS)
    assert table.title == "Area of each class"
    assert table.lines[1] == ("Forest", "75.0 %", "3,000.0 \u00b1 1.5 ha")
    assert "640 units" in table.note


def test_areas_of_the_same_land_stand_once(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "evaluation.json").write_text(json.dumps({**AREAS, "name": name}))
    assert len(more.every(find([tmp_path]))) == 1


def test_calibration_leaves_out_what_nothing_fell_into(tmp_path: Path) -> None:
    (table,) = tables_of(tmp_path, CALIBRATION)
    assert table.lines == (("90.0 %", "87.5 %", "8"),)
    assert "0.020" in table.note


def test_lines_are_as_long_as_their_head(tmp_path: Path) -> None:
    for table in tables_of(tmp_path, {**MULTILABEL, **CALIBRATION}):
        assert {len(line) for line in table.lines} == {len(table.head)}


def test_an_evaluation_with_gaps_is_told(tmp_path: Path) -> None:
    broken = {**AREAS, "shares": None}
    (tmp_path / "evaluation.json").write_text(json.dumps(broken))
    found = find([tmp_path])
    assert more.every(found) == ()
    assert "evaluation.json" in found.unread[0]


def test_tables_stand_on_the_page(tmp_path: Path) -> None:
    tables_of(tmp_path, MULTILABEL)
    text = render(gather([tmp_path], "Labels"), tmp_path)
    assert "ResNet-50: label by label" in text
    assert 'href="#accuracy"' in text

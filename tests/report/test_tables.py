"""Numbers as text."""

from __future__ import annotations

import math

import pytest

from landweave.report import tables
from landweave.report.material import Estimate, Material


@pytest.mark.parametrize(
    ("value", "text"), [(0.92345, "92.3 %"), (1.0, "100.0 %"), (0.0, "0.0 %"), (None, "\u2013"), (math.nan, "\u2013")]
)
def test_percent(value: float | None, text: str) -> None:
    assert tables.percent(value) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(4.23, "4.2 s"), (59.9, "59.9 s"), (185, "3 min 05 s"), (7_800, "2 h 10 min"), (86_400, "24 h 00 min")],
)
def test_duration(seconds: float, text: str) -> None:
    assert tables.duration(seconds) == text


def test_count_and_decimal() -> None:
    assert tables.count(1_234_567) == "1,234,567"
    assert tables.decimal(0.91249) == "0.912"
    assert tables.decimal(math.nan) == "\u2013"


def test_a_bar_has_its_interval() -> None:
    bar = tables.bar(Estimate(0.93, 0.915, 0.945))
    assert (bar.text, bar.interval) == ("93.0 %", "91.5\u201394.5 %")
    assert (bar.value, bar.low, bar.high) == pytest.approx((93.0, 91.5, 94.5))


@pytest.mark.parametrize(
    ("estimate", "text", "place"),
    [
        (Estimate(0.5), "50.0 %", (50, 50, 50)),
        (Estimate(math.nan, math.nan, math.nan), "\u2013", (0, 0, 0)),
        (Estimate(0.99, 0.97, 1.01), "99.0 %", (99, 97, 100)),
    ],
)
def test_a_bar_stays_on_its_scale(estimate: Estimate, text: str, place: tuple[float, float, float]) -> None:
    bar = tables.bar(estimate)
    assert bar.text == text
    assert (bar.value, bar.low, bar.high) == pytest.approx(place)


def test_the_matrix_counts_shares_of_the_truth(material: Material) -> None:
    judgement = material.judgements[0]
    lines = tables.matrix_lines(judgement)
    assert len(lines) == 8
    for row, (name, color, cells) in enumerate(lines):
        assert (name, color) == (judgement.classes[row].entry.name, judgement.classes[row].entry.color)
        assert sum(cell.share for cell in cells) == pytest.approx(1)
        assert [cell.right for cell in cells] == [col == row for col in range(8)]
    assert lines[0][2][1].label.startswith("Built-up mapped as Cropland: ")


@pytest.mark.parametrize(("share", "number", "text"), [(0.5, 4, "50.0"), (0.0, 0, ""), (0.0001, 1, "<0.1")])
def test_share_text(share: float, number: int, text: str) -> None:
    assert tables._share_text(share, number) == text


def test_class_lines(material: Material) -> None:
    line = tables.class_lines(material.judgements[0])[7]
    assert (line.name, line.color, line.f1, line.iou, line.truth) == ("Water", "#2b7bba", "0.920", "0.850", "1,000")

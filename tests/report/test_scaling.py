"""The figure of scaling: its panels, its words, and the same bytes for the same numbers."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from landweave.report.scaling import Point, draw

MEASURED = [Point(1, 20.0, 0.4, 0.0, 0.0, 0.61), Point(2, 37.0, 0.41, 0.02, 0.01, 0.58)]
PREDICTED = [Point(4, 4000.0, 0.004, 0.0, 0.0), Point(8, 7000.0, 0.004, 0.001, 0.0)]


def test_three_panels_that_name_what_they_show() -> None:
    text = draw(MEASURED, PREDICTED, "a cluster")
    ET.fromstring(text)
    for word in ("samples/s", "measured here", "predicted: a cluster", "% of a step", "communication", "F1"):
        assert word in text
    assert text.count('id="axes_') == 3


def test_nothing_is_drawn_of_what_was_not_asked_for() -> None:
    text = draw([Point(1, 20.0, 0.4, 0.0, 0.0)], [], "")
    assert "predicted" not in text
    assert "F1" not in text
    assert text.count('id="axes_') == 2


def test_the_same_numbers_are_the_same_bytes() -> None:
    assert draw(MEASURED, PREDICTED, "c") == draw(MEASURED, PREDICTED, "c")


def test_a_step_is_the_sum_of_its_parts() -> None:
    assert MEASURED[1].step_s == 0.44

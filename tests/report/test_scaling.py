"""The figure of scaling: its panels, its words, and the same bytes for the same numbers."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET

import pytest
from tests.report.conftest import MEASURED, PREDICTED

from landweave.report.material import Material, Point
from landweave.report.scaling import draw, efficiencies, on_page


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


def test_efficiency_is_of_each_rank_over_those_of_the_fewest() -> None:
    assert efficiencies(MEASURED) == (1.0, pytest.approx(37 / 40))
    assert efficiencies(PREDICTED) == (1.0, pytest.approx(7 / 8))


def test_on_a_page_every_panel_has_words_and_the_colours_of_the_page(material: Material) -> None:
    drawn = on_page(material.growths[0])
    roots = [ET.fromstring(svg) for svg in drawn]
    assert [str(root.get("aria-label")).partition(" on ")[0] for root in roots] == [
        "scale: samples/s",
        "scale: parts of a step",
        "scale: F1",
    ]
    assert all(root.get("role") == "img" for root in roots)
    assert "predicted: a &lt;cluster&gt;" in drawn[0]
    assert not re.findall(r"#0[0-9a-f]{5}", "".join(drawn))

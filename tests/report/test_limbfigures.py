"""Figures of limb spectra: what they say to who cannot see them, and that every kind can be drawn."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from landweave.report import limbfigures as figures
from landweave.report.material import Table
from landweave.report.sections import Page, Section, Shown, render, write

CLASSES = ("ice", "nat_small", "sts_1")
RNG = np.random.default_rng(0)
INDEX = RNG.choice(np.array([0, 1, 2, 255], np.uint8), 60)
DAYS = np.datetime64("2009-06-01") + np.arange(5)
AREA = np.where(RNG.random((5, 4)) < 0.2, np.nan, RNG.random((5, 4)))


def label(svg: str) -> str:
    ET.fromstring(svg)
    found = re.search(r'aria-label="([^"]*)"', svg)
    assert found
    return found[1]


def pole(latitude: float) -> str:
    around = RNG.uniform(-180, 180, 60)
    return figures.pole("RF", np.full(60, latitude), around, INDEX, CLASSES)


@pytest.mark.parametrize(
    ("svg", "told"),
    [
        (
            figures.shares(CLASSES, ("NAT", "STS"), np.array([[8, 2], [0, 0], [1, 3]]), "RF", "Bayes"),
            "What RF classes are by Bayes: ice mostly NAT (80 %); sts_1 mostly STS (75 %)",
        ),
        (figures.pie("RF", {"ice": 3, "NAT": 0, "STS": 1}), "RF: ice 75 %, 3; STS 25 %, 1"),
        (pole(-75.0), f"RF, South Pole: {(INDEX == 0).sum()} ice"),
        (pole(80.0), "RF, North Pole"),
        (
            figures.covered("ice, RF", DAYS, np.arange(4.0), AREA),
            f"ice, RF: at most {1e3 * np.nanmax(AREA):.0f} thousand square kilometres",
        ),
        (figures.covered("ice, RF", DAYS, np.arange(4.0), AREA * np.nan), "at most 0 thousand"),
        (
            figures.matrix("Variance", np.diag(np.arange(5.0), 1)[:5, :5], "share"),
            "Variance: largest between microwindows 3 and 4",
        ),
        (
            figures.plane("PCA", RNG.normal(size=(60, 2)), INDEX, CLASSES),
            "PCA: 60 spectra of 3 classes",
        ),
        (
            figures.curve({"RF": ([70, 700], [0.8, 0.9]), "SVM": ([70, 700], [0.7, 0.95])}),
            "RF 0.80 to 0.90; SVM 0.70 to 0.95",
        ),
        (figures.importances("RF", ["37: 819.5 cm-1", "b"], [0.2, 0.1]), "RF: 37: 819.5 cm-1 most, 20.0 points"),
    ],
)
def test_every_figure_can_be_drawn_and_tells_what_it_shows(svg: str, told: str) -> None:
    assert told in label(svg)


def test_the_same_figure_is_the_same_text() -> None:
    one, other = (figures.pie("RF", {"ice": 3, "STS": 1}) for _ in range(2))
    assert one == other


def test_classes_have_colours_of_their_own() -> None:
    assert figures.color_of("ice", 3) == figures.color_of("ice", 0)
    assert figures.color_of("other", 0) != figures.color_of("other", 1)


PAGE = Page(
    "Clouds <over> the pole",
    "Lead.",
    {"RF": "99.0 %"},
    (
        Section("one", "First", "A note.", (Shown(figures.pie("RF", {"ice": 1}), "A pie."),)),
        Section("two", "Second", tables=(Table("Table", "of numbers", ("a", "b"), (("x & y", "1"),), Path()),)),
        Section("none", "Nothing to show"),
    ),
    {"Training": {"seed": 0}},
)


def test_a_page_has_its_sections_and_leaves_out_empty_ones(tmp_path: Path) -> None:
    write(PAGE, tmp_path / "page.html")
    text = (tmp_path / "page.html").read_text("utf-8")
    assert text == render(PAGE)
    assert "Clouds &lt;over&gt; the pole" in text
    assert text.index('href="#one"') < text.index('id="one"') < text.index('id="two"')
    assert "Nothing to show" not in text
    assert "<td>1</td>" in text and "x &amp; y" in text and "A pie." in text
    assert "http" not in re.sub(r'xmlns(:\w+)?="[^"]*"|http-equiv', "", text)


def test_a_constituent_has_one_colour_and_one_mark_whoever_tells_it() -> None:
    for name, other in (("nat_small", "NAT"), ("sts_2", "STS_mix")):
        assert figures.color_of(name, 1) == figures.color_of(other, 4) and figures.mark_of(name, 1) == figures.mark_of(
            other, 4
        )
    assert figures.mark_of("ice", 5) != figures.mark_of("nat_small", 5)
    assert figures.mark_of("no class of ours", 3) == figures.mark_of("no class of ours", 12)

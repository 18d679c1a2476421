"""Figures: curves that follow the page's colours, pictures inside the page."""

from __future__ import annotations

import base64
import io
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest
from PIL import Image

from landweave.legend import legend
from landweave.report import figures
from landweave.report.material import Curve

LEGEND = legend("simulated-8")
LINES = (Curve("training", (1, 2, 3), (2.0, 1.0, 0.5)), Curve("validation & more", (1, 2, 3), (2.1, 1.2, 0.8)))


def test_curves_are_svg_with_text_and_the_colours_of_the_page() -> None:
    svg = figures.curves("loss", LINES)
    root = ElementTree.fromstring(svg)
    assert root.get("role") == "img"
    assert "training from 2 to 0.5" in str(root.get("aria-label"))
    assert "validation &amp; more" in svg
    assert "var(--line-1)" in svg
    assert not re.findall(r"#0[0-9a-f]{5}|http://(?!www\.w3\.org)", svg)


def test_curves_are_the_same_bytes_each_time() -> None:
    assert figures.curves("loss", LINES) == figures.curves("loss", LINES)


def test_ids_of_two_figures_differ() -> None:
    ids = [set(re.findall(r'id="([^"]+)"', figures.curves(name, LINES))) for name in ("loss", "accuracy")]
    assert ids[0]
    assert not ids[0] & ids[1]


@pytest.mark.parametrize("values", [(), (1.0,), (float("nan"), 1.0), (1000.0, 0.1)])
def test_odd_curves_are_drawn(values: tuple[float, ...]) -> None:
    steps = tuple(float(step) for step in range(len(values)))
    assert figures.curves("loss", [Curve("training", steps, values)]).startswith("<svg")


def decoded(address: str) -> np.ndarray:
    head, content = address.split(",", 1)
    assert head == "data:image/png;base64"
    return np.asarray(Image.open(io.BytesIO(base64.b64decode(content))).convert("RGB"))


@pytest.mark.parametrize("num_colors", [8, 4_000])
def test_a_png_holds_its_pixels(num_colors: int) -> None:
    rng = np.random.default_rng(num_colors)
    table = rng.integers(0, 256, size=(num_colors, 3)).astype(np.uint8)
    pixels = table[rng.integers(0, num_colors, size=(61, 47))]
    np.testing.assert_array_equal(decoded(figures.png(pixels)), pixels)


def test_a_map_in_few_colours_is_a_small_file() -> None:
    ids = np.repeat(np.repeat(np.random.default_rng(3).integers(1, 9, size=(20, 20)), 10, 0), 10, 1).astype(np.uint8)
    assert len(figures.png(figures.colored(ids, LEGEND))) < 4_000


def test_stretch_keeps_the_order_and_greys_the_invalid() -> None:
    rgb = np.broadcast_to(np.linspace(0, 0.3, 200, dtype=np.float32), (3, 10, 200)).copy()
    valid = np.ones((10, 200), bool)
    valid[0] = False
    picture = figures.stretch(rgb, valid)
    assert (picture[0] == 128).all()
    assert (np.diff(picture[1, :, 0].astype(int)) >= 0).all()
    assert (picture[1, 0, 0], picture[1, -1, 0]) == (0, 255)


def test_stretch_of_nothing_valid_is_grey() -> None:
    assert (figures.stretch(np.zeros((3, 4, 5), np.float32), np.zeros((4, 5), bool)) == 128).all()


def test_colored_takes_the_legend_and_leaves_the_rest_white() -> None:
    picture = figures.colored(np.array([[1, 8, 0, 77]], np.uint8), LEGEND)
    assert picture[0].tolist() == [[215, 48, 31], [43, 123, 186], [255] * 3, [255] * 3]


def test_differences() -> None:
    picture = figures.differences(np.array([[1, 2, 0, 3]], np.uint8), np.array([[1, 3, 3, 0]], np.uint8), 0)
    assert picture[0, :, 0].tolist() == [226, 178, 255, 255]

"""The page in a real browser: it asks nobody for anything, says no error, and fits into a narrow window."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.review.browser import chromium

from landweave.report import page
from landweave.report.material import Material


@pytest.fixture
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


def contrast(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    """Contrast of two colours as WCAG 2 defines it."""

    def light(color: tuple[float, ...]) -> float:
        parts = [c / 255 / 12.92 if c / 255 <= 0.03928 else ((c / 255 + 0.055) / 1.055) ** 2.4 for c in color]
        return 0.2126 * parts[0] + 0.7152 * parts[1] + 0.0722 * parts[2]

    dark, bright = sorted((light(one), light(other)))
    return (bright + 0.05) / (dark + 0.05)


def rgb(text: str) -> tuple[float, ...]:
    return tuple(float(part) for part in text[text.index("(") + 1 : text.index(")")].split(",")[:3])


@pytest.mark.browser
@pytest.mark.parametrize("width", [320, 768, 1_280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_page_in_a_browser(browser: Any, material: Material, tmp_path: Path, width: int, scheme: str) -> None:
    path = tmp_path / "report.html"
    page.write(material, path)
    tab = browser.new_page(viewport={"width": width, "height": 800}, color_scheme=scheme)
    asked: list[str] = []
    said: list[str] = []
    tab.on("request", lambda request: asked.append(request.url))
    tab.on("console", lambda message: said.append(message.text))
    tab.goto(path.as_uri())
    assert [address for address in asked if not address.startswith("data:")] == [path.as_uri()]
    assert said == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    assert tab.locator("img").count() == 2
    assert all(tab.locator("img").evaluate_all("images => images.map(image => image.naturalWidth > 0)"))
    for selector in ("p", "figcaption", "th", "td", "nav a", ".facts dt", "svg text"):
        element = tab.locator(selector).first
        kind = "fill" if selector == "svg text" else "color"
        ink = rgb(element.evaluate(f"element => getComputedStyle(element).{kind}"))
        paper = rgb(tab.evaluate("getComputedStyle(document.body).backgroundColor"))
        assert contrast(ink, paper) >= 4.5, (selector, ink, paper)

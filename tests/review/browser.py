"""Chromium for tests of the page, and what a person does in it."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


@contextlib.contextmanager
def chromium() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=path, args=FLAGS)
        yield opened
        opened.close()


def until(tab: Any, expression: str, limit_s: float = 30) -> None:
    """Wait until an expression is true in the page; asked from outside, for the page's policy forbids to evaluate."""
    end = time.monotonic() + limit_s
    while not tab.evaluate(expression):
        if time.monotonic() > end:
            raise TimeoutError(f"{expression}: {tab.inner_text('body')[:600]}")
        tab.wait_for_timeout(20)


class Person:
    """A browser of one reviewer, with all that it asked for and said."""

    def __init__(self, browser: Any, address: str, name: str, **words: Any) -> None:
        self.context = browser.new_context(viewport={"width": 1400, "height": 900}, **words)
        self.tab = self.context.new_page()
        self.asked: list[str] = []
        self.said: list[str] = []
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda message: self.said.append(message.text))
        self.tab.on("pageerror", lambda error: self.said.append(str(error)))
        self.tab.goto(address)
        self.tab.wait_for_selector("#dialog-name[open]")
        self.tab.keyboard.type(name)
        self.tab.keyboard.press("Enter")
        self.ready()

    def ready(self) -> None:
        """Wait until an event with its pictures and its chart stands there."""
        self.tab.wait_for_selector("#chart polyline", state="attached")
        until(
            self.tab,
            "[...document.querySelectorAll('#pictures figure:not([hidden]) img')]"
            ".every((image) => image.complete && image.naturalWidth > 0)",
        )

    @property
    def event(self) -> str:
        """Id of the event that is shown."""
        return str(self.tab.locator("#facts dd").last.inner_text())

    def press(self, key: str, *, judged: int | None = None) -> None:
        """Press a key; wait until so many events are judged by this person."""
        self.tab.keyboard.press(key)
        if judged is not None:
            until(self.tab, f"document.getElementById('counts').textContent.endsWith(' {judged} by you')")
            until(
                self.tab,
                "!document.getElementById('approve').disabled || !document.getElementById('done').hidden",
            )

    def close(self) -> None:
        self.context.close()


def keep(tab: Any, name: str, folder: Path) -> Path:
    """A screenshot as an output of the test, where LANDWEAVE_SCREENSHOTS says or beside its other files."""
    place = Path(os.environ.get("LANDWEAVE_SCREENSHOTS", folder))
    place.mkdir(parents=True, exist_ok=True)
    path = place / f"review-{name}.png"
    tab.screenshot(path=str(path))
    assert path.stat().st_size > 10_000
    return path

"""The page in a real browser: look, decide, take back, reload, by keys alone, narrow, for screen readers."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tests.report.test_browser import contrast, rgb
from tests.review.browser import Person, chromium, keep, until
from tests.review.making import LEGEND, grid_of, ground, header, make_events, make_job
from tests.review.serving import Served, serve, serving

from landweave.legend import LandClass, Legend
from landweave.raster.write import write_map
from landweave.review.events import NAME, write_events
from landweave.review.export import history
from landweave.review.job import open_job
from landweave.review.store import Decision

pytestmark = pytest.mark.browser
NASTY = '<img src=x onerror="window.hurt=1"><script>window.hurt=1</script>'


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_job(tmp_path_factory.mktemp("page"), 8)


@pytest.fixture
def job(made: Path, tmp_path: Path) -> Path:
    """The events alone are copied: what was decided in one test is nothing to the next."""
    (tmp_path / "job").mkdir()
    text = {"series": str(made.parent / "series" / "series.json"), "maps": str(made.parent / "maps")}
    write_events(tmp_path / "job" / NAME, header(**text), make_events(8))
    return tmp_path / "job"


@pytest.fixture
def served(job: Path) -> Iterator[Served]:
    with serving(job) as one:
        yield one


def kept(job: Path) -> list[Decision]:
    return history(open_job(job, has_scenes=False))


def test_open_look_approve_relabel_undo_reload(browser: Any, served: Served, job: Path, tmp_path: Path) -> None:
    ada = Person(browser, served.address, "Ada")
    tab = ada.tab
    assert tab.url.startswith(f"{served.root}/#0")
    assert tab.inner_text("#title").split() == ["Forest", "→", "Town"]
    assert tab.locator("#pictures figure:visible").count() == 6
    assert "before: 2020-04-11" in tab.inner_text("#date-before")
    keep(tab, "event", tmp_path)
    tab.fill("#note", NASTY)
    tab.click("#approve")
    until(tab, "document.getElementById('counts').textContent.startsWith('1 of 8 judged, 1 by you')")
    ada.ready()
    assert ada.event == "event-00001"
    tab.click("#relabel")
    keep(tab, "relabel", tmp_path)
    tab.select_option("#to", label="Forest")
    tab.click("#keep")
    until(tab, "document.getElementById('counts').textContent.startsWith('2 of 8')")
    tab.click("#discard")
    until(tab, "document.getElementById('counts').textContent.startsWith('3 of 8')")
    tab.click("#undo")
    until(tab, "document.getElementById('counts').textContent.startsWith('2 of 8')")
    assert ada.event == "event-00002"
    tab.reload()
    ada.ready()
    assert ada.event == "event-00002"
    assert tab.inner_text("#counts") == "2 of 8 judged, 2 by you"
    tab.click("#undo")
    until(tab, "document.getElementById('counts').textContent.startsWith('1 of 8')")
    assert [(one.event, one.kind, one.to_id) for one in kept(job)] == [
        ("event-00000", "approve", 5),
        ("event-00001", "relabel", 1),
        ("event-00002", "discard", 1),
        ("event-00002", "undo", 1),
        ("event-00001", "undo", 1),
    ]
    # A note is text wherever it is shown.
    tab.select_option("#shown", "all")
    until(tab, "location.hash === '#0'")
    assert NASTY in tab.inner_text("#said")
    assert tab.evaluate("window.hurt === undefined")
    assert all(address.startswith(served.root) for address in ada.asked)
    assert ada.said == []
    ada.close()


def test_with_the_keyboard_alone(browser: Any, served: Served, job: Path, tmp_path: Path) -> None:
    ada = Person(browser, served.address, "Ada")
    ada.press("n")
    ada.tab.keyboard.type("a note with a, d, r and u in it")
    ada.press("Escape")
    ada.press("a", judged=1)
    ada.press("d", judged=2)
    ada.press("r")
    ada.tab.wait_for_selector("#dialog-relabel[open]")
    ada.press("ArrowUp")
    ada.press("Enter", judged=3)
    ada.press("u", judged=2)
    ada.ready()
    assert ada.event == "event-00002"
    ada.press("ArrowRight")
    until(ada.tab, "location.hash === '#3'")
    ada.press("ArrowLeft")
    until(ada.tab, "location.hash === '#2'")
    ada.ready()
    before = ada.tab.inner_text("#date-before")
    ada.press("[")
    assert ada.tab.inner_text("#date-before") != before
    ada.press("o")
    assert not ada.tab.locator("figure svg").first.is_visible()
    ada.press("?")
    ada.tab.wait_for_selector("#dialog-help[open]")
    keep(ada.tab, "keys", tmp_path)
    ada.press("Escape")
    assert [(one.event, one.kind, one.from_id, one.to_id, one.note) for one in kept(job)] == [
        ("event-00000", "approve", 1, 5, "a note with a, d, r and u in it"),
        ("event-00001", "discard", 2, 2, ""),
        ("event-00002", "relabel", 1, 2, ""),
        ("event-00002", "undo", 1, 2, ""),
    ]
    # Everything can be reached with the tabulator, and shows that it has the focus.
    reached = set()
    for _ in range(60):
        ada.press("Tab")
        reached.add(ada.tab.evaluate("document.activeElement.id"))
    assert {
        "shown",
        "order",
        "people",
        "who",
        "help",
        "note",
        "approve",
        "discard",
        "relabel",
        "undo",
        "next",
    } <= reached
    assert ada.said == []
    ada.close()


@pytest.mark.parametrize(("width", "scheme"), [(320, "light"), (375, "dark"), (800, "light"), (1400, "dark")])
def test_narrow_windows_and_both_schemes(browser: Any, served: Served, tmp_path: Path, width: int, scheme: str) -> None:
    ada = Person(browser, served.address, "Ada", color_scheme=scheme)
    ada.tab.set_viewport_size({"width": width, "height": 760})
    ada.tab.wait_for_timeout(100)
    keep(ada.tab, f"{width}-{scheme}", tmp_path)
    assert ada.tab.evaluate("document.documentElement.scrollWidth") <= width
    paper = {"#approve", "#discard", "#relabel"}
    for selector in ("#title", "dt", "dd", "figcaption", "#counts", ".lines label", "h3", *paper):
        element = ada.tab.locator(selector).first
        ink = rgb(element.evaluate("element => getComputedStyle(element).color"))
        ground_ = selector if selector in paper else "footer" if selector == "figcaption" else "body"
        behind = rgb(ada.tab.locator(ground_).first.evaluate("element => getComputedStyle(element).backgroundColor"))
        assert contrast(ink, behind) >= 4.5, (selector, ink, behind)
    for button in ("#approve", "#discard", "#relabel", "#undo", "#next"):
        box = ada.tab.locator(button).bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= width
        assert box["height"] >= 24
    ada.close()


def test_what_a_screen_reader_is_told(browser: Any, served: Served) -> None:
    ada = Person(browser, served.address, "Ada")
    unnamed = ada.tab.evaluate(
        """() => [...document.querySelectorAll('button, select, input, textarea, img, [role=img], [role=application]')]
        .filter((one) => one.checkVisibility())
        .filter((one) => !(one.getAttribute('aria-label') || one.alt || one.textContent.trim()
                           || (one.labels && one.labels.length)))
        .map((one) => one.outerHTML)"""
    )
    assert unnamed == []
    tree = ada.tab.locator("body").aria_snapshot()
    for words in (
        'heading "Forest → Town"',
        'button "Approve A"',
        'textbox "Note N"',
        'group "Decision"',
        "The scene of 2020-04-11 in true colour",
        "Map of 2020",
    ):
        assert words in tree, words
    chart = ada.tab.get_attribute("#chart", "aria-label")
    assert "Mean NDVI before 2020-04-20: 0.8" in chart
    ada.press("a", judged=1)
    assert ada.tab.inner_text("#live").startswith("Event event-00000 approved. Meadow → Town")
    assert ada.tab.get_attribute("#live", "aria-live") == "polite"
    assert ada.tab.get_attribute("html", "lang") == "en"
    ada.close()


def test_two_reviewers_see_how_far_they_agree(browser: Any, served: Served, tmp_path: Path) -> None:
    ada, bob = (Person(browser, served.address, name) for name in ("Ada", "Bob"))
    ada.press("a", judged=1)
    ada.press("a", judged=2)
    bob.press("a", judged=1)
    assert "Ada" not in bob.tab.inner_text("#said")
    bob.press("d", judged=2)
    bob.tab.select_option("#shown", "disputed")
    bob.ready()
    until(bob.tab, "location.hash === '#1'")
    assert "Ada" in bob.tab.inner_text("#said")
    bob.tab.click("#people")
    bob.tab.wait_for_selector("#dialog-people[open]")
    keep(bob.tab, "reviewers", tmp_path)
    assert "50 %" in bob.tab.inner_text("#people-tables")
    ada.close()
    bob.close()


def test_decisions_wait_in_the_browser_while_there_is_no_server(browser: Any, job: Path, tmp_path: Path) -> None:
    served = serve(job)
    ada = Person(browser, served.address, "Ada")
    served.kill()
    ada.press("a")
    ada.tab.wait_for_selector("#banner:not([hidden])")
    assert "1 decision is not saved yet" in ada.tab.inner_text("#banner")
    keep(ada.tab, "not-saved", tmp_path)
    with serving(job, port=served.port):
        ada.tab.wait_for_selector("#banner", state="hidden", timeout=20_000)
        assert [one.event for one in kept(job)] == ["event-00000"]
        # And the page goes on where it could not.
        until(ada.tab, "location.hash === '#1'")
    ada.close()


def test_without_the_token_there_is_a_form(browser: Any, served: Served, tmp_path: Path) -> None:
    tab = browser.new_page()
    assert tab.goto(served.root).status == 401
    keep(tab, "token", tmp_path)
    tab.fill("#token", "wrong")
    with tab.expect_navigation():
        tab.keyboard.press("Enter")
    assert tab.locator("#token").is_visible()
    tab.fill("#token", served.headers["Authorization"].removeprefix("Bearer "))
    tab.keyboard.press("Enter")
    tab.wait_for_selector("#dialog-name[open]")
    assert tab.evaluate("document.cookie") == ""
    tab.close()


def test_another_page_reaches_nothing(browser: Any, served: Served, job: Path, tmp_path: Path) -> None:
    ada = Person(browser, served.address, "Ada")
    elsewhere = ada.context.new_page()
    (tmp_path / "evil.html").write_text("<title>elsewhere</title>", encoding="utf-8")
    elsewhere.goto((tmp_path / "evil.html").as_uri())
    reached = elsewhere.evaluate(
        """async (root) => {
          const body = JSON.stringify({key: 'key-of-evil', event: 'event-00000', kind: 'approve', reviewer: 'Eve'});
          const tried = [];
          for (const words of [{}, {method: 'POST', body, mode: 'no-cors', credentials: 'include'}]) {
            try { const answer = await fetch(root + '/api/decisions', words); tried.push(answer.type + answer.status); }
            catch { tried.push('refused'); }
          }
          return tried;
        }""",
        served.root,
    )
    assert reached[0] == "refused"
    assert [one for one in kept(job) if one.reviewer == "Eve"] == []
    ada.close()


def test_labels_that_look_like_a_page_are_text(browser: Any, made: Path, tmp_path: Path) -> None:
    classes = tuple(replace(entry, name=f"{NASTY}{entry.id}") for entry in LEGEND.classes)
    legend = Legend("nasty", "a test", tuple(LandClass(one.id, one.name, one.color) for one in classes))
    (tmp_path / "job").mkdir()
    event = replace(make_events(1)[0], id=NASTY)
    text = {"series": str(made.parent / "series" / "series.json"), "maps": str(tmp_path / "maps"), "legend": legend}
    write_events(tmp_path / "job" / NAME, header(**text), [event])
    write_map(tmp_path / "maps" / "annual" / "2020.tif", ground([event]), grid_of(), legend)
    with serving(tmp_path / "job") as served:
        ada = Person(browser, served.address, NASTY[:50])
        assert NASTY in ada.tab.inner_text("#title")
        assert ada.event == NASTY
        ada.press("r")
        assert NASTY in ada.tab.inner_text("#to")
        ada.press("Escape")
        until(ada.tab, "!document.querySelector('dialog[open]')")
        ada.tab.wait_for_timeout(100)
        ada.press("a", judged=1)
        ada.tab.click("#people")
        assert ada.tab.evaluate("window.hurt === undefined && !document.querySelector('img[src=x]')")
        assert ada.said == []
        ada.close()

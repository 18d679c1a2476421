"""Progress: rates, lines, bars and what is left when tasks failed."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest
import typer

from landweave.cli import progress


@dataclass(frozen=True)
class Record:
    phase: str
    done: int
    total: int
    unit: str = "tiles"
    summary: Mapping[str, float | int | str] = field(default_factory=dict)
    failed: str | None = None


def records() -> Iterator[Record]:
    for phase in ("read", "write"):
        for done in range(6):
            yield Record(phase, done, 5, summary={"loss": 1 / (done + 1)}, failed="r1: torn" if done == 3 else None)


def test_lines_show_where_phases_begin_and_end(capsys: pytest.CaptureFixture[str]) -> None:
    ending = progress.draw(records())
    shown = capsys.readouterr().err.splitlines()
    assert [line.split()[:2] for line in shown] == [
        [phase, f"{done}/5"] for phase in ("read", "write") for done in (0, 3, 5)
    ]
    assert "loss 0.1667" in shown[-1]
    assert list(ending.last) == ["read", "write"]
    assert ending.failed == ["r1: torn"] * 2


def test_a_line_comes_now_and_then(capsys: pytest.CaptureFixture[str]) -> None:
    ticks = iter(range(100_000))
    slow = (Record("map", done, 1_000) for done in range(1_001))
    progress._lines(slow, clock=lambda: float(next(ticks)))
    shown = capsys.readouterr().err.splitlines()
    assert 100 < len(shown) < 300


def test_a_rare_phase_is_not_lost_among_many_steps(capsys: pytest.CaptureFixture[str]) -> None:
    ticks = iter(range(100_000))
    both = (
        record
        for epoch in range(1, 21)
        for record in [
            *(Record("train", 10 * epoch - 10 + step, 200) for step in range(10)),
            Record("validate", epoch, 20),
        ]
    )
    progress._lines(both, clock=lambda: float(next(ticks)))
    shown = capsys.readouterr().err.splitlines()
    assert sum(line.startswith("validate") for line in shown) == 20


def test_bars_are_drawn_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    ending = progress.draw(records())
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert "5/5" in shown
    assert "set aside: r1: torn" in shown
    assert ending.last["write"].done == 5


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Standard error as a small terminal; after capsys, which puts its own in place."""
    assert capsys
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.setenv("LINES", "8")


@pytest.mark.usefixtures("terminal")
def test_more_phases_than_the_terminal_has_lines(capsys: pytest.CaptureFixture[str]) -> None:
    many = (Record(f"phase-{phase}", done, 2) for phase in range(20) for done in range(3))
    progress.draw(many)
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    for phase in range(20):
        assert re.search(rf"phase-{phase} .*2/2", shown), phase


@pytest.mark.usefixtures("terminal")
def test_a_phase_that_goes_on_after_its_end_gets_a_new_bar(capsys: pytest.CaptureFixture[str]) -> None:
    ending = progress.draw([Record("a", 2, 2), Record("b", 1, 2), Record("a", 1, 2), Record("a", 2, 2)])
    assert list(ending.last) == ["a", "b"]
    assert "2/2" in capsys.readouterr().err


@pytest.mark.usefixtures("terminal")
def test_square_brackets_are_shown_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    odd = Record("map", 1, 2, summary={"worst": "[/red] tile [b]"}, failed="tile [/nowhere]: torn")
    progress.draw([odd])
    shown = re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", capsys.readouterr().err)
    assert "[/red] tile [b]" in shown
    assert "tile [/nowhere]: torn" in shown


def test_nothing_to_draw_is_no_error() -> None:
    assert progress.draw([]).last == {}


@pytest.mark.parametrize(
    ("began_at", "done", "now_s", "rate", "left_s"),
    [(0, 10, 5.0, 2.0, 45.0), (90, 95, 10.0, 0.5, 10.0), (0, 0, 3.0, 0.0, None), (5, 7, 0.0, 0.0, None)],
)
def test_pace(began_at: int, done: int, now_s: float, rate: float, left_s: float | None) -> None:
    pace = progress.Pace(0.0, began_at)
    assert pace.rate(done, now_s) == rate
    assert pace.left_s(done, 100, now_s) == left_s


def test_an_unknown_total_has_no_time_left() -> None:
    shown = progress.line(Record("catalog", 7, 0, "folders"), progress.Pace(0.0, 0), 2.0)
    assert shown.split() == ["catalog", "7/?", "folders", "3.5", "folders/s"]


@pytest.mark.parametrize(("seconds", "text"), [(0.4, "0:00"), (75, "1:15"), (3_600, "1:00:00"), (86_399, "23:59:59")])
def test_clock_text(seconds: float, text: str) -> None:
    assert progress.clock_text(seconds) == text


def test_figures() -> None:
    assert progress.figures({"loss": 0.123456, "tiles": 3, "device": "cpu"}) == "loss 0.1235, tiles 3, device cpu"


def test_an_ending_with_failures_leaves_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    progress.Ending().leave()
    with pytest.raises(typer.Exit) as leaving:
        progress.Ending(failed=["r1: torn"]).leave()
    assert leaving.value.exit_code == 3
    assert "r1: torn" in capsys.readouterr().err

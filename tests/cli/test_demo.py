"""The verb demo: what it prints at the end, and how it leaves."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from landweave import demo as whole_way
from landweave.cli.demo import closing
from landweave.cli.main import run
from landweave.errors import OutputError
from landweave.jobs.run import Progress

SUMMARY: dict[str, Any] = {
    "overall_accuracy": {"value": 0.9123, "low": 0.9, "high": 0.925},
    "baselines": {"linear": {"value": 0.82}, "forest": {"value": 0.8312}},
    "mpx_per_s": 1.234,
    "seconds": {"simulate": 10.0, "total": 245.6},
}


def play(monkeypatch: pytest.MonkeyPatch, *records: Progress | BaseException) -> list[tuple[Path, str]]:
    """Let the verb draw `records` instead of running the demo; gives how it was called."""
    calls: list[tuple[Path, str]] = []

    def run_demo(folder: Path, world: str) -> Iterator[Progress]:
        calls.append((folder, world))
        for record in records:
            if isinstance(record, BaseException):
                raise record
            yield record

    monkeypatch.setattr(whole_way, "run", run_demo)
    monkeypatch.setattr(whole_way, "read_summary", lambda folder: SUMMARY)
    return calls


def test_the_last_lines() -> None:
    lines = closing(Path("there"), SUMMARY)
    text = "\n".join(lines)
    assert "0.912 (95 % interval 0.900 to 0.925)" in text
    assert "linear 0.820, forest 0.831" in text
    assert "took              246 s; mapped 1.23 Mpx/s" in text
    look, then = lines.index("where to look"), lines.index("what to try next")
    assert look < then < len(lines) - 3
    assert any("there/report.html" in line for line in lines[look:then])


def test_an_accuracy_without_interval() -> None:
    lines = closing(Path("there"), {**SUMMARY, "overall_accuracy": {"value": 0.9, "low": None, "high": None}})
    assert any(line.endswith("0.900 on land that no training has seen") for line in lines)


def test_commands_to_try_next_exist() -> None:
    from landweave.cli.main import VERBS

    tried = [line.split()[1] for line in closing(Path("there"), SUMMARY) if line.startswith("  landweave ")]
    assert len(tried) >= 3
    assert set(tried) <= {*VERBS, "--help"}


def test_the_verb_draws_and_says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    calls = play(monkeypatch, Progress("simulate", 0, 2, "parts"), Progress("simulate", 2, 2, "parts"))
    assert run(["demo", "-o", str(tmp_path / "there")]) == 0
    assert calls == [(tmp_path / "there", "demo-1")]
    shown = capsys.readouterr()
    assert "simulate        2/2 parts" in shown.err
    assert "what to try next" in shown.out


def test_tasks_set_aside_are_named_after_the_last_lines(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    play(monkeypatch, Progress("map", 1, 2, "tiles", failed="r0c1: truncated; mend it"))
    assert run(["demo", "-o", str(tmp_path)]) == 3
    shown = capsys.readouterr()
    assert "r0c1: truncated" in shown.err
    assert "where to look" in shown.out


def test_a_refusal_leaves_with_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    play(monkeypatch, OutputError("a full disk", "a free one", "free some space"))
    assert run(["demo", "-o", str(tmp_path)]) == 1
    shown = capsys.readouterr()
    assert "to do: free some space" in shown.err
    assert "where to look" not in shown.out


def test_an_interrupt_leaves_with_130(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    play(monkeypatch, Progress("simulate", 0, 2, "parts"), KeyboardInterrupt())
    assert run(["demo", "-o", str(tmp_path)]) == 130
    assert "run the same command again" in capsys.readouterr().err


def test_an_unknown_world_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["demo", "-o", str(tmp_path / "there"), "--world", "demo-2"]) == 1
    shown = capsys.readouterr().err
    assert "given: world demo-2" in shown
    assert "demo-1" in shown
    assert not (tmp_path / "there").exists()


def test_a_folder_that_cannot_be_written_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert run(["demo", "-o", str(tmp_path / "file" / "demo")]) == 1
    assert "choose another output with -o" in capsys.readouterr().err

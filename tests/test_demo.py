"""The demo: stages that go on where they were stopped."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from landweave import demo
from landweave.atomic import locked
from landweave.demo import Stage
from landweave.errors import OutputError
from landweave.jobs.run import Progress

IDENTITY = {"world": "demo-1", "version": "0.1.0"}


class Stopped(BaseException):
    """Stands for a kill."""


def make_stages(ran: list[str], stop_in: str = "") -> list[Stage]:
    def work(name: str) -> Iterator[Progress]:
        ran.append(name)
        yield Progress("work", 0, 1, "things")
        if name == stop_in:
            raise Stopped
        yield Progress("work", 1, 1, "things")

    return [Stage(name, lambda name=name: work(name)) for name in ("first", "second work", "third")]  # type: ignore[misc]


def test_stages_run_one_after_the_other(tmp_path: Path) -> None:
    ran: list[str] = []
    records = list(demo.perform(make_stages(ran), tmp_path, IDENTITY))
    assert ran == ["first", "second work", "third"]
    assert [(record.phase, record.done) for record in records] == [
        ("first: work", 0),
        ("first: work", 1),
        ("second work", 0),
        ("second work", 1),
        ("third: work", 0),
        ("third: work", 1),
    ]
    assert list(demo.seconds_of(tmp_path)) == ["first", "second work", "third"]


def test_a_demo_that_was_stopped_goes_on_with_the_stage_it_was_in(tmp_path: Path) -> None:
    ran: list[str] = []
    with pytest.raises(Stopped):
        list(demo.perform(make_stages(ran, "second work"), tmp_path, IDENTITY))
    records = list(demo.perform(make_stages(ran), tmp_path, IDENTITY))
    assert ran == ["first", "second work", "second work", "third"]
    assert records[0] == Progress("first", 1, 1, "done before")


def test_another_world_is_refused(tmp_path: Path) -> None:
    list(demo.perform(make_stages([]), tmp_path, IDENTITY))
    with pytest.raises(OutputError) as error:
        list(demo.perform(make_stages([]), tmp_path, {**IDENTITY, "world": "default-1"}))
    assert "demo-1" in error.value.given
    assert "default-1" in error.value.expected
    assert "-o" in error.value.do


@pytest.mark.parametrize("content", ["{torn", "[]", json.dumps({"format": 1})])
def test_a_damaged_list_of_stages_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / demo.STAGES).write_text(content)
    with pytest.raises(OutputError) as error:
        list(demo.perform(make_stages([]), tmp_path, IDENTITY))
    assert demo.STAGES in error.value.given
    assert "stages" in error.value.expected
    assert "remove" in error.value.do


def test_two_demos_at_once_in_one_folder_are_refused(tmp_path: Path) -> None:
    with locked(tmp_path), pytest.raises(OutputError, match="another landweave process"):
        list(demo.perform(make_stages([]), tmp_path, IDENTITY))

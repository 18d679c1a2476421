"""The whole way in one function, from simulated scenes to a report. It composes the rooms and computes nothing."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landweave.atomic import locked, write_text
from landweave.errors import OutputError
from landweave.jobs.run import Progress

FORMAT = 1
STAGES = "stages.json"


@dataclass(frozen=True)
class Stage:
    """One step of the demo: a name, and what makes its records. Running it twice does no harm."""

    name: str
    run: Callable[[], Iterable[Any]]


def perform(stages: Iterable[Stage], folder: Path, identity: Mapping[str, Any]) -> Iterator[Any]:
    """Run the stages that `folder` lacks, one after the other, and give their records.

    What each took is kept in stages.json, so that a demo that was stopped goes on with the stage it was in.

    Raises:
        OutputError: The folder holds a demo of another version or world, or something else.
    """
    with locked(folder):
        done = _done(folder, identity)
        for stage in stages:
            if stage.name in done:
                yield Progress(stage.name, 1, 1, "done before")
                continue
            began = time.monotonic()
            for record in stage.run():
                yield dataclasses.replace(record, phase=_phase(stage.name, record.phase))
            done[stage.name] = round(time.monotonic() - began, 2)
            content = {"format": FORMAT, "identity": dict(identity), "seconds": done}
            write_text(folder / STAGES, json.dumps(content, indent=1) + "\n")


def _phase(stage: str, phase: str) -> str:
    """What to call a phase: the stage alone where it says it already, so that bars of several trainings differ."""
    return stage if phase in stage.split() else f"{stage}: {phase}"


def seconds_of(folder: Path) -> dict[str, float]:
    """What each stage took, by name."""
    found: dict[str, float] = json.loads((folder / STAGES).read_text(encoding="utf-8"))["seconds"]
    return found


def _done(folder: Path, identity: Mapping[str, Any]) -> dict[str, float]:
    path = folder / STAGES
    if not path.is_file():
        return {}
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        told, seconds = content["identity"], dict(content["seconds"])
    except (ValueError, KeyError, TypeError) as error:
        raise OutputError(f"{path}: {error}", "a demo's own list of stages", _ELSEWHERE) from error
    if told != dict(identity):
        raise OutputError(f"{folder}, which holds a demo of {told}", f"a demo of {dict(identity)}", _ELSEWHERE)
    return seconds


_ELSEWHERE = "choose another folder with -o, or remove this one"

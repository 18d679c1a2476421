"""Which tasks of a job are done: JSON lines that only grow, the first one naming the job."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from landweave.atomic import locked, sweep, write_text, writing
from landweave.errors import OutputError
from landweave.jobs.executor import Outcome, Summary
from landweave.provenance import canonical, fingerprint

FORMAT = 1
NAME = "ledger.jsonl"
_ANY = "ledger*.jsonl"
LACKS = "lacks"
"""Under this name the summary of a task that is done tells what it had to do without, for example a scene."""


class Ledger:
    """The tasks of one job that ended, by key. Open it with `opened`.

    Attributes:
        path: The file.
        done: Summaries of the tasks that are done.
        failed: Why the others were set aside.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.done: dict[str, Summary] = {}
        self.failed: dict[str, str] = {}

    def add(self, outcome: Outcome) -> None:
        """Keep what became of a task.

        Raises:
            OutputError: The disk is full.
        """
        entry: dict[str, Any] = {"key": outcome.key, "seconds": round(outcome.seconds, 4)}
        if outcome.error is None:
            entry["summary"] = dict(outcome.summary)
        else:
            entry["error"] = str(outcome.error)
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.write(canonical(entry) + "\n")
        self._take(entry)

    def _take(self, entry: Mapping[str, Any]) -> None:
        key = entry["key"]
        self.failed.pop(key, None)
        self.done.pop(key, None)
        if "summary" in entry:
            self.done[key] = entry["summary"]
        elif "error" in entry:
            self.failed[key] = entry["error"]

    def forgive(self) -> int:
        """Forget that tasks failed, or lack something that they tell, so that the job takes them up; their number."""
        forgiven = sorted({*self.failed, *(key for key, summary in self.done.items() if LACKS in summary)})
        with writing(self.path), self.path.open("a", encoding="utf-8") as file:
            file.writelines(canonical({"key": key, "again": True}) + "\n" for key in forgiven)
        for key in forgiven:
            self._take({"key": key})
        return len(forgiven)

    def read(self) -> dict[str, Any]:
        """Read the file and cut off a last line that a kill tore; gives the first line."""
        content = self.path.read_bytes()
        whole = content[: content.rfind(b"\n") + 1]
        if len(whole) < len(content):
            with writing(self.path), self.path.open("r+b") as file:
                file.truncate(len(whole))
        return self.take_over(self.path)

    def take_over(self, path: Path) -> dict[str, Any]:
        """Take what the ledger at `path` tells, which another process may be writing; gives its first line."""
        content = path.read_bytes()
        first, *lines = content[: content.rfind(b"\n") + 1].splitlines() or [b""]
        for line in lines:
            self._take(_parsed(path, line))
        return _parsed(path, first)


@contextlib.contextmanager
def opened(folder: Path, configuration: Mapping[str, Any], share: str = "") -> Iterator[Ledger]:
    """Hold `folder` for one job and give its ledger; clear away what killed runs left half-written.

    Args:
        folder: The job's output; made where it is missing.
        configuration: Everything that decides the job's result; plain values.
        share: Name of a share of the job: it has a ledger of its own, which the whole job takes over later, and other
            shares may run at the same time.

    Raises:
        OutputError: The folder is in use, cannot be written, or holds another job's work or foreign files.
    """
    with locked(folder, share):
        # What looks left behind to one share is what another one is writing.
        if not share:
            sweep(folder)
        ledger = Ledger(folder / (f"ledger-{share}.jsonl" if share else NAME))
        _must_be_ours(folder)
        # Its own last: what the whole job did came after the shares.
        for other in sorted({*folder.glob(_ANY)} - {ledger.path}):
            _same_job(folder, ledger.take_over(other), configuration)
        if ledger.path.exists():
            _same_job(folder, ledger.read(), configuration)
        else:
            write_text(ledger.path, canonical(_header(configuration)) + "\n")
        yield ledger


def retry_failed(folder: Path) -> int:
    """Let the job in `folder` take up again what it has set aside; gives the number of tasks, 0 where there is no job.

    Raises:
        OutputError: The folder is in use, cannot be written, or its ledger is damaged.
    """
    paths = sorted(folder.glob(_ANY))
    if not paths:
        return 0
    num = 0
    with locked(folder):
        for path in paths:
            ledger = Ledger(path)
            ledger.read()
            num += ledger.forgive()
    return num


def _header(configuration: Mapping[str, Any]) -> dict[str, Any]:
    return {"format": FORMAT, "fingerprint": fingerprint(configuration), "configuration": dict(configuration)}


def _same_job(folder: Path, header: Mapping[str, Any], configuration: Mapping[str, Any]) -> None:
    if header.get("format") != FORMAT:
        raise OutputError(f"{folder}/{NAME} of format {header.get('format')}", f"format {FORMAT}", _ELSEWHERE)
    if header["fingerprint"] != fingerprint(configuration):
        raise OutputError(
            f"{folder}, which holds the work of another job: {_difference(header['configuration'], configuration)}",
            "an empty folder, or the one of this very job",
            _ELSEWHERE,
        )


def _difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    changed = [key for key in sorted({*old, *new}) if canonical(old.get(key)) != canonical(new.get(key))]
    return "; ".join(f"{key} was {_short(old.get(key))}, is now {_short(new.get(key))}" for key in changed)


def _short(value: Any) -> str:
    text = canonical(value)
    return text if len(text) <= 80 else text[:77] + "..."


def _must_be_ours(folder: Path) -> None:
    found = sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))
    # Looked for afterwards: a share that begins at the same time writes its ledger before anything else.
    if found and not any(folder.glob(_ANY)):
        raise OutputError(
            f"{folder}, which holds {', '.join(found[:3])} but no {NAME}", "an empty folder or a new one", _ELSEWHERE
        )


def _parsed(path: Path, line: bytes) -> dict[str, Any]:
    try:
        entry = json.loads(line)
    except ValueError as error:
        raise OutputError(
            f"{path} with a damaged line: {line[:60]!r}", "JSON lines as landweave writes them", _ELSEWHERE
        ) from error
    return dict(entry)


_ELSEWHERE = "choose another output with -o, or remove this folder if its work is not wanted"

"""Progress drawn from a generator of records: bars on a terminal, a line now and then anywhere else."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol

import typer

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

# Often enough to show life in a log, seldom enough to keep it readable.
_LINE_EVERY_S = 5.0
_REDRAWS_PER_S = 8.0
_TASKS_LEFT_OUT = 3


class Record(Protocol):
    """What can be drawn: `landweave.jobs.run.Progress` and everything with the same attributes."""

    @property
    def phase(self) -> str:
        """What is going on: "map", "train"."""

    @property
    def done(self) -> int:
        """How many units are done."""

    @property
    def total(self) -> int:
        """How many there are, 0 where nobody knows."""

    @property
    def unit(self) -> str:
        """What is counted: "tiles"."""

    @property
    def summary(self) -> Mapping[str, Any]:
        """Figures to show beside the bar."""

    @property
    def failed(self) -> str | None:
        """What failed, with its cause, or None."""


@dataclass
class Ending:
    """What was seen: the last record of every phase, and what failed."""

    last: dict[str, Record] = field(default_factory=dict)
    failed: list[str] = field(default_factory=list)
    seconds: float = 0.0

    def leave(self) -> None:
        """Name the tasks that were set aside and leave with exit code 3; do nothing where there are none."""
        if not self.failed:
            return
        typer.echo(f"done but for {len(self.failed)} tasks set aside:", err=True)
        for line in self.failed:
            typer.echo(f"  {line}", err=True)
        typer.echo("run the same command again with --retry-failed to try them once more", err=True)
        raise typer.Exit(_TASKS_LEFT_OUT)


@dataclass
class Pace:
    """How fast a phase goes, counted from its first record, so that what was done earlier does not flatter it."""

    began_s: float
    began_at: int

    def rate(self, done: int, now_s: float) -> float:
        """Units a second, 0 where nothing was measured yet."""
        passed = now_s - self.began_s
        return (done - self.began_at) / passed if passed > 0 else 0.0

    def left_s(self, done: int, total: int, now_s: float) -> float | None:
        """Seconds until the end at this rate, or None where nobody can say."""
        rate = self.rate(done, now_s)
        return (total - done) / rate if rate > 0 and total else None


def draw(records: Iterable[Record]) -> Ending:
    """Run `records` to their end and draw them on stderr; gives what was seen."""
    began = time.monotonic()
    # Bars in a file or a pipe would be rubbish; lines on a terminal would scroll away.
    ending = _bars(records) if sys.stderr.isatty() else _lines(records)
    ending.seconds = time.monotonic() - began
    return ending


def _keep(ending: Ending, record: Record) -> None:
    ending.last[record.phase] = record
    if record.failed:
        ending.failed.append(record.failed)


def _lines(records: Iterable[Record], clock: Callable[[], float] = time.monotonic) -> Ending:
    """One line when a phase begins and ends, and one every few seconds between."""
    ending, paces, spoken = Ending(), dict[str, Pace](), dict[str, float]()
    for record in records:
        now = clock()
        pace = paces.setdefault(record.phase, Pace(now, record.done))
        _keep(ending, record)
        # Each phase has its own turn: the end of an epoch must not be lost among the steps.
        silent = now - spoken.get(record.phase, -_LINE_EVERY_S)
        if record.failed or record.done == record.total or silent >= _LINE_EVERY_S:
            spoken[record.phase] = now
            typer.echo(line(record, pace, now), err=True)
    return ending


def line(record: Record, pace: Pace, now_s: float) -> str:
    """One record as a line of text: phase, count, rate, time left, figures."""
    parts = [f"{record.phase:<14}", f"{record.done}/{record.total or '?'} {record.unit}"]
    if rate := pace.rate(record.done, now_s):
        parts.append(f"{rate:.1f} {record.unit}/s")
    left = pace.left_s(record.done, record.total, now_s)
    if left is not None and record.done < record.total:
        parts.append(f"{clock_text(left)} left")
    parts.append(figures(record.summary))
    if record.failed:
        parts.append(f"set aside: {record.failed}")
    return "  ".join(part for part in parts if part)


def figures(summary: Mapping[str, Any]) -> str:
    """Figures as "loss 0.412, lr 0.001"."""
    return ", ".join(
        f"{name} {value:.4g}" if isinstance(value, float) else f"{name} {value}" for name, value in summary.items()
    )


def clock_text(seconds: float) -> str:
    """Seconds as m:ss or h:mm:ss."""
    minutes, second = divmod(round(seconds), 60)
    hours, minute = divmod(minutes, 60)
    return f"{hours}:{minute:02d}:{second:02d}" if hours else f"{minute}:{second:02d}"


def _bars(records: Iterable[Record]) -> Ending:
    """One bar a phase; those that are done move up out of the way when another phase begins."""
    from rich.markup import escape

    ending = Ending()
    paces: dict[str, Pace] = {}
    drawn: dict[str, TaskID] = {}
    with _progress() as progress:
        for record in records:
            now = time.monotonic()
            pace = paces.setdefault(record.phase, Pace(now, record.done))
            if record.phase not in drawn:
                _retire(progress, drawn)
                drawn[record.phase] = progress.add_task(record.phase, **_fields(record, pace, now))
            _keep(ending, record)
            if record.failed:
                progress.console.print(f"[red]set aside:[/red] {escape(record.failed)}", highlight=False)
            known = record.total or None
            progress.update(drawn[record.phase], completed=record.done, total=known, **_fields(record, pace, now))
    return ending


def _progress() -> Progress:
    # Here, not above: what is not drawn need not be loaded.
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn
    from rich.table import Column

    return Progress(
        TextColumn("[bold]{task.description:<14}", table_column=Column(no_wrap=True)),
        BarColumn(bar_width=20),
        TextColumn(
            "{task.completed:>5.0f}/{task.fields[of]} {task.fields[unit]:<8}", table_column=Column(no_wrap=True)
        ),
        TextColumn("{task.fields[speed]}", table_column=Column(no_wrap=True)),
        TextColumn("[dim]{task.fields[figures]}", table_column=Column(no_wrap=True, overflow="ellipsis", ratio=1)),
        console=Console(stderr=True),
        refresh_per_second=_REDRAWS_PER_S,
    )


def _retire(progress: Progress, drawn: dict[str, TaskID]) -> None:
    """Print the bars that are done as they stand and draw them no more: a terminal has few lines."""
    done = [task for task in progress.tasks if task.finished]
    if done:
        progress.console.print(progress.make_tasks_table(done))
    for task in done:
        progress.remove_task(task.id)
        # Should the phase go on after all, it gets a new bar.
        del drawn[task.description]


def _fields(record: Record, pace: Pace, now_s: float) -> dict[str, Any]:
    from rich.markup import escape

    rate, left = pace.rate(record.done, now_s), pace.left_s(record.done, record.total, now_s)
    speed = f"{rate:.1f}/s" if rate else ""
    if left is not None:
        passed = now_s - pace.began_s
        speed += f"  {clock_text(left)} left" if record.done < record.total else f"  took {clock_text(passed)}"
    shown = escape(figures(record.summary))
    return {"of": str(record.total or "?"), "unit": record.unit, "speed": speed, "figures": shown}

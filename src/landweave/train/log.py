"""What training says about itself: records, kept as JSON lines and as TensorBoard events."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from torch.utils.tensorboard.writer import SummaryWriter

from landweave.atomic import write_text, writing

FORMAT = 1
_LINES, _CURVES = "log.jsonl", "tensorboard"


@dataclass(frozen=True)
class StepRecord:
    """Training since the record before.

    Attributes:
        epoch: From 1.
        done: Updates since the run began.
        total: Updates that the run would take without early stopping.
        losses: Means over the samples since the record before.
        rate: Learning rate of the last update.
        samples_per_s: Over all ranks, since the record before.
    """

    epoch: int
    done: int
    total: int
    losses: Mapping[str, float]
    rate: float
    samples_per_s: float
    phase: str = "train"
    unit: str = "steps"
    failed: str | None = None

    @property
    def summary(self) -> Mapping[str, float | int | str]:
        """What a progress bar shows beside the count."""
        return {"epoch": self.epoch, **self.losses, "samples/s": round(self.samples_per_s, 1)}


@dataclass(frozen=True)
class EpochRecord:
    """The end of an epoch.

    Attributes:
        done: Epochs since the run began.
        total: Epochs that the run would take without early stopping.
        step: Updates since the run began.
        losses: Means over the samples of the epoch.
        figures: Of the validation part; empty where there is none.
        is_best: Whether these weights are the best so far.
        seconds: That the epoch took, validation included, since training began or went on.
    """

    done: int
    total: int
    step: int
    losses: Mapping[str, float]
    figures: Mapping[str, float]
    is_best: bool
    seconds: float
    phase: str = "validate"
    unit: str = "epochs"
    failed: str | None = None

    @property
    def summary(self) -> Mapping[str, float | int | str]:
        """What a progress bar shows beside the count."""
        return {**{f"train {name}": value for name, value in self.losses.items()}, **self.figures}


Record = StepRecord | EpochRecord


class Log:
    """Keeps records in `folder`: log.jsonl, one a line, and tensorboard/.

    Args:
        folder: Of the run.
        step: After which update the run goes on.
        epoch: After which epoch. What an earlier process said about later steps and epochs is removed, so that the log
            of a run that was stopped equals that of one that was not, but for seconds.
    """

    def __init__(self, folder: Path, step: int = 0, epoch: int = 0) -> None:
        self._path = folder / _LINES
        reached = {"step": step, "epoch": epoch}
        kept = [line for line in read_log(folder) if line["done"] <= reached[line["kind"]]]
        write_text(self._path, "".join(_line(entry) for entry in [{"format": FORMAT, "step": 0}, *kept]))
        with writing(folder):
            self._file = self._path.open("a", encoding="utf-8")
            # Events of later steps that an earlier process wrote are hidden by TensorBoard itself.
            self._curves = SummaryWriter(str(folder / _CURVES), purge_step=step + 1)

    def write(self, record: Record) -> None:
        """Add one record."""
        entry = _entry(record)
        with writing(self._path):
            self._file.write(_line(entry))
            # A process that is killed loses what it has not flushed.
            self._file.flush()
        if isinstance(record, StepRecord):
            curves = {f"train/{name}": value for name, value in record.losses.items()}
            curves |= {"rate": record.rate, "samples_per_s": record.samples_per_s}
        else:
            curves = {f"validation/{name}": value for name, value in record.figures.items()}
        with writing(self._path):
            for name, value in curves.items():
                self._curves.add_scalar(name, value, entry["step"])

    def __enter__(self) -> Log:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with writing(self._path):
            self._file.close()
            self._curves.close()


def read_log(folder: Path) -> list[dict[str, Any]]:
    """All records in `folder`, oldest first; a last line that a killed process left torn is left out."""
    path = folder / _LINES
    if not path.is_file():
        return []
    # What stands after the last line break was not written to its end.
    lines = path.read_text(encoding="utf-8").split("\n")
    return [json.loads(line) for line in lines[1:-1]]


def _entry(record: Record) -> dict[str, Any]:
    entry = asdict(record)
    for name in ("phase", "unit", "failed"):
        del entry[name]
    kind = "step" if isinstance(record, StepRecord) else "epoch"
    return {"kind": kind, "step": record.done if isinstance(record, StepRecord) else record.step, **entry}


def _line(entry: Mapping[str, Any]) -> str:
    return json.dumps(entry, sort_keys=True) + "\n"

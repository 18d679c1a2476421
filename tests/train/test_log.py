"""Records as lines and as curves."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from landweave.errors import OutputError
from landweave.train.log import EpochRecord, Log, Record, StepRecord, read_log


def at(step: int) -> StepRecord:
    return StepRecord(1, step, 20, {"loss": 1.0 / step}, 0.1, 50.0)


def end(step: int) -> EpochRecord:
    return EpochRecord(1, 2, step, {"loss": 0.5}, {"loss": 0.6, "overall_accuracy": 0.7}, is_best=True, seconds=1.0)


def write(folder: Path, records: list[Record], step: int = 0, epoch: int = 0) -> None:
    with Log(folder, step, epoch) as log:
        for record in records:
            log.write(record)


def test_records_are_read_back(tmp_path: Path) -> None:
    write(tmp_path, [at(5), at(10), end(10)])
    lines = read_log(tmp_path)
    assert [(line["kind"], line["step"]) for line in lines] == [("step", 5), ("step", 10), ("epoch", 10)]
    assert lines[2]["figures"] == {"loss": 0.6, "overall_accuracy": 0.7}
    assert json.loads((tmp_path / "log.jsonl").read_text().splitlines()[0])["format"] == 1


def test_going_on_forgets_what_came_after_the_checkpoint(tmp_path: Path) -> None:
    write(tmp_path, [at(5), at(10), end(10), at(15)])
    write(tmp_path, [at(12), at(15)], step=10, epoch=1)
    assert [line["step"] for line in read_log(tmp_path)] == [5, 10, 10, 12, 15]


def test_an_epoch_whose_end_comes_again_is_told_once(tmp_path: Path) -> None:
    """The checkpoint may be from after the last update of an epoch and before its end."""
    write(tmp_path, [at(5), at(10), end(10)])
    write(tmp_path, [end(10)], step=10, epoch=0)
    assert [line["kind"] for line in read_log(tmp_path)] == ["step", "step", "epoch"]


def test_beginning_anew_forgets_everything(tmp_path: Path) -> None:
    write(tmp_path, [at(5)])
    write(tmp_path, [at(3)])
    assert [line["step"] for line in read_log(tmp_path)] == [3]


def test_a_torn_last_line_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, [at(5), at(10)])
    path = tmp_path / "log.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    assert [line["step"] for line in read_log(tmp_path)] == [5]
    write(tmp_path, [at(10)], step=5)
    assert [line["step"] for line in read_log(tmp_path)] == [5, 10]


def test_no_log_is_an_empty_one(tmp_path: Path) -> None:
    assert read_log(tmp_path) == []


def test_every_line_is_on_disk_at_once(tmp_path: Path) -> None:
    with Log(tmp_path) as log:
        log.write(at(5))
        assert len(read_log(tmp_path)) == 1


def test_curves_are_for_tensorboard(tmp_path: Path) -> None:
    write(tmp_path, [at(5), at(10), end(10)])
    write(tmp_path, [at(15)], step=10, epoch=1)
    events = EventAccumulator(str(tmp_path / "tensorboard"))
    events.Reload()
    assert [event.step for event in events.Scalars("train/loss")] == [5, 10, 15]
    assert [event.value for event in events.Scalars("validation/overall_accuracy")] == [pytest.approx(0.7)]
    assert {"rate", "samples_per_s"} <= set(events.Tags()["scalars"])


def test_a_folder_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError):
        Log(tmp_path / "file" / "run")


def test_records_have_what_a_bar_needs() -> None:
    assert (at(5).phase, at(5).done, at(5).total, at(5).unit, at(5).failed) == ("train", 5, 20, "steps", None)
    assert at(5).summary == {"epoch": 1, "loss": 0.2, "samples/s": 50.0}
    assert (end(9).phase, end(9).unit) == ("validate", "epochs")
    assert end(9).summary == {"train loss": 0.5, "loss": 0.6, "overall_accuracy": 0.7}

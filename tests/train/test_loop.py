"""The loop drives any step: here one with two networks and two optimisers that learns to count."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from landweave.errors import CheckpointError, DivergedError
from landweave.parallel.world import World
from landweave.train import checkpoint
from landweave.train.log import EpochRecord, Record, StepRecord
from landweave.train.loop import Course, Run, means
from landweave.train.schedules import Schedule

STEPS = 4


class Twins:
    """Two networks that each move towards the batch; the second has its own optimiser and learns every other time."""

    def __init__(self, figures: list[float] | None = None) -> None:
        torch.manual_seed(0)
        self.networks: dict[str, nn.Module] = {"first": nn.Linear(1, 1), "second": nn.Linear(1, 1)}
        self.optimisers: dict[str, torch.optim.Optimizer] = {
            "first": torch.optim.Adam(self.networks["first"].parameters(), 0.1),
            "second": torch.optim.SGD(self.networks["second"].parameters(), 0.1, momentum=0.9),
        }
        self.told = iter(figures or [])
        self.factors: list[float] = []
        self.drawn: list[float] = []

    def update(self, batch: Tensor, factor: float) -> Mapping[str, Tensor]:
        self.factors.append(factor)
        self.drawn.append(float(torch.rand(())))
        sums = {}
        for name in ("first", "second"):
            loss = (self.networks[name](batch) - batch).square().sum()
            self.optimisers[name].zero_grad()
            loss.backward()
            if name == "first" or float(batch[0]) % 2:
                self.optimisers[name].step()
            sums |= {name: loss.detach(), f"{name}_share": torch.tensor(float(len(batch)))}
        return sums

    def judge(self, batch: Tensor) -> Mapping[str, Tensor]:
        return {"loss": batch.sum(), "loss_share": torch.tensor(float(len(batch)))}

    def figures(self, sums: Mapping[str, Tensor]) -> dict[str, float]:
        return {"loss": float(sums["loss"] / sums["loss_share"]), "merit": next(self.told, 0.0)}


class Counting:
    """Batches of one number: epoch * steps + step."""

    def __init__(self, num_validation: int = 2) -> None:
        self.num_validation = num_validation
        self.closed = 0

    def num_steps(self, epoch: int) -> int:
        return STEPS

    def num_samples(self, epoch: int, step: int) -> int:
        return 3 * step

    def epoch(self, epoch: int, start: int) -> Iterator[Tensor]:
        try:
            for step in range(start, STEPS):
                yield torch.full((3, 1), float(epoch * STEPS + step))
        finally:
            self.closed += 1

    def judged(self) -> Iterator[Tensor]:
        yield from (torch.ones(2, 1) for _ in range(self.num_validation))


def course(**changed: Any) -> Course:
    values = {"epochs": 3, "schedule": Schedule(name="constant"), "seed": 1, "monitor": "merit", "log_every_steps": 2}
    return Course(**{**values, **changed})


def run(
    folder: Path, step: Twins | None = None, feed: Counting | None = None, resume: bool = False, **changed: Any
) -> Run:
    paths = checkpoint.every(folder) if resume else []
    return Run(
        step or Twins(),
        feed or Counting(),
        course(**changed),
        world=World(),
        folder=folder,
        identity={"who": "test"},
        resume=(paths[-1], checkpoint.load(paths[-1])) if paths else None,
    )


def weights(going: Run) -> dict[str, Tensor]:
    return checkpoint.network_tensors(going.step.networks)


def test_records_come_every_so_many_steps_and_at_the_ends_of_epochs(tmp_path: Path) -> None:
    records = list(run(tmp_path, log_every_steps=3).records())
    told = [(type(record).__name__, record.done) for record in records]
    wanted = [("StepRecord", step) for step in (3, 4, 6, 8, 9, 12)]
    ends = [("EpochRecord", epoch) for epoch in (1, 2, 3)]
    assert told == [*wanted[:2], ends[0], *wanted[2:4], ends[1], *wanted[4:], ends[2]]
    assert {record.total for record in records if isinstance(record, StepRecord)} == {12}


def test_every_named_loss_is_a_mean(tmp_path: Path) -> None:
    first = next(iter(run(tmp_path, log_every_steps=1).records()))
    assert isinstance(first, StepRecord)
    assert set(first.losses) == {"first", "second"}
    # At the number 0 the untrained network gives its bias.
    bias = Twins().networks["first"].bias.detach()
    assert first.losses["first"] == pytest.approx(float(bias.square()), rel=1e-6)


def test_losses_of_an_epoch_are_the_mean_of_its_steps(tmp_path: Path) -> None:
    records = list(run(tmp_path, log_every_steps=1, epochs=1).records())
    steps = [record.losses["first"] for record in records if isinstance(record, StepRecord)]
    end = records[-1]
    assert isinstance(end, EpochRecord)
    assert end.losses["first"] == pytest.approx(sum(steps) / STEPS, rel=1e-6)


@pytest.mark.parametrize("num_records", range(1, 10))
def test_two_networks_stopped_anywhere_go_on_as_if_they_had_not_been(tmp_path: Path, num_records: int) -> None:
    whole, stopped = run(tmp_path / "whole"), run(tmp_path / "stopped")
    told: list[Record] = list(whole.records())
    assert len(told) == 9
    records = stopped.records()
    before = [next(records) for _ in range(num_records)]
    records.close()
    after_stop = run(tmp_path / "stopped", resume=True)
    after = list(after_stop.records())
    assert [(record.done, record.summary.get("first")) for record in before + after] == [
        (record.done, record.summary.get("first")) for record in told
    ]
    left, right = weights(whole), weights(after_stop)
    assert all(torch.equal(left[name], right[name]) for name in left)
    states = [checkpoint.optimiser_tensors(going.step.optimisers) for going in (whole, after_stop)]
    assert states[0].keys() == states[1].keys() != set()
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


def test_what_a_step_draws_itself_is_drawn_again_after_a_stop(tmp_path: Path) -> None:
    whole, first, second = Twins(), Twins(), Twins()
    list(run(tmp_path / "whole", whole).records())
    records = run(tmp_path / "stopped", first).records()
    next(records)
    records.close()
    list(run(tmp_path / "stopped", second, resume=True).records())
    assert first.drawn + second.drawn == whole.drawn
    assert len(set(whole.drawn)) == 12


def test_the_schedule_gives_the_factors(tmp_path: Path) -> None:
    step = Twins()
    list(run(tmp_path, step, schedule=Schedule(name="constant", warmup_epochs=1)).records())
    assert step.factors == [0.25, 0.5, 0.75] + [1.0] * 9


@pytest.mark.parametrize(
    ("figures", "patience", "num_epochs", "best_epoch"),
    [
        ([0.1, 0.2, 0.3], None, 3, 3),
        ([0.3, 0.2, 0.1], 1, 2, 1),
        ([0.3, 0.2, 0.4, 0.1, 0.1, 0.9], 2, 5, 3),
        ([math.nan, 0.1, math.nan], 2, 3, 2),
        ([0.1, 0.1, 0.1, 0.1], 2, 3, 1),
    ],
)
def test_stopping_and_the_best_epoch(
    tmp_path: Path, figures: list[float], patience: int | None, num_epochs: int, best_epoch: int
) -> None:
    going = run(tmp_path, Twins(figures), epochs=len(figures), patience=patience)
    kept: dict[int, dict[str, Tensor]] = {}
    for record in going.records():
        if isinstance(record, EpochRecord):
            kept[record.done] = weights(going)
    assert (going.standing.epoch, going.standing.best_epoch) == (num_epochs, best_epoch)
    assert all(torch.equal(value, kept[best_epoch][name]) for name, value in weights(going).items())


def test_a_loss_is_better_lower(tmp_path: Path) -> None:
    judged = course(monitor="loss")
    assert judged.is_better(0.1, 0.2) and not judged.is_better(0.2, 0.1)
    assert course().is_better(0.2, 0.1) and not course().is_better(0.1, 0.1)
    assert course().is_better(0.0, None) and not course().is_better(math.nan, None)


def test_without_validation_nothing_is_judged_and_nothing_stops(tmp_path: Path) -> None:
    going = run(tmp_path, feed=Counting(0), patience=1)
    ends = [record for record in going.records() if isinstance(record, EpochRecord)]
    assert [end.figures for end in ends] == [{}, {}, {}]
    assert going.standing.best_epoch is None


def test_a_finished_run_gives_no_records_and_the_best_weights(tmp_path: Path) -> None:
    whole = run(tmp_path, Twins([0.3, 0.2, 0.1]))
    list(whole.records())
    again = run(tmp_path, resume=True)
    assert again.is_over
    assert list(again.records()) == []
    assert all(torch.equal(value, weights(again)[name]) for name, value in weights(whole).items())


@pytest.mark.parametrize("seconds", [0.0, 1e9])
def test_the_clock_brings_checkpoints_at_records_and_one_comes_at_the_end(tmp_path: Path, seconds: float) -> None:
    seen: set[str] = set()
    for _ in run(tmp_path, checkpoint_every_s=seconds).records():
        seen |= {path.name for path in checkpoint.every(tmp_path)}
    assert checkpoint.every(tmp_path)[-1].name == "step-00000012"
    assert bool(seen) is (seconds == 0)


def test_the_feed_is_closed_when_the_run_is(tmp_path: Path) -> None:
    feed = Counting()
    records = run(tmp_path, feed=feed).records()
    next(records)
    assert feed.closed == 0
    records.close()
    assert feed.closed == 1


def test_a_weight_that_is_infinite_stops_before_it_is_saved(tmp_path: Path) -> None:
    going = run(tmp_path, checkpoint_every_steps=2)
    records = going.records()
    next(records)
    next(records)
    with torch.no_grad():
        going.step.networks["second"].bias.fill_(math.inf)
    with pytest.raises(DivergedError) as stopped:
        list(records)
    assert "step-00000002" in stopped.value.given
    assert checkpoint.every(tmp_path)[-1].name == "step-00000002"


def test_a_checkpoint_of_other_networks_is_refused(tmp_path: Path) -> None:
    list(run(tmp_path).records())
    other = Twins()
    other.networks["second"] = nn.Linear(2, 1)
    with pytest.raises(CheckpointError):
        run(tmp_path, other, resume=True)


def test_means_need_a_share() -> None:
    sums = {"loss": torch.tensor(6.0), "loss_share": torch.tensor(3.0), "confusion": torch.zeros(2, 2)}
    assert means(sums) == {"loss": 2.0}


class Stuck(Twins):
    """Tells when it has nothing to learn."""

    stall_steps, remedy = 4, "learn something else"

    def __init__(self, stuck: list[bool]) -> None:
        super().__init__()
        self.stuck = iter(stuck)

    def is_stalled(self, losses: Mapping[str, float]) -> bool:
        assert set(losses) == {"first", "second"}
        return next(self.stuck)


def test_a_step_with_nothing_to_learn_stops_after_so_many_updates(tmp_path: Path) -> None:
    # Records come every second update: two in a row are four updates.
    told, step = [], Stuck([False, True, False, True, True, True])
    with pytest.raises(DivergedError) as caught:
        told.extend(run(tmp_path, step, checkpoint_every_steps=2).records())
    assert "nothing to learn in 4 updates" in caught.value.given
    assert caught.value.do == "learn something else"
    assert [record.done for record in told if isinstance(record, StepRecord)] == [2, 4, 6, 8]
    # The second record's stall passed, so that the third one's checkpoint is the last good one.
    assert str(checkpoint.every(tmp_path)[-1]) in caught.value.given
    assert checkpoint.every(tmp_path)[-1].name == "step-00000006"


def test_a_stall_that_passes_stops_nothing_and_is_in_the_checkpoint(tmp_path: Path) -> None:
    going = run(tmp_path, Stuck([True, False] * 3), checkpoint_every_steps=2)
    list(going.records())
    assert going.standing.stalled == 0
    assert checkpoint.load(checkpoint.every(tmp_path)[-1]).facts["standing"]["stalled"] == 0

"""The loop that drives any step: a generator of records, with checkpoints, validation and early stopping."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor

from landweave.errors import DivergedError
from landweave.parallel.world import World
from landweave.train import checkpoint
from landweave.train.checkpoint import Checkpoint, Saver
from landweave.train.draw import step_seed
from landweave.train.log import EpochRecord, Record, StepRecord
from landweave.train.schedules import Schedule
from landweave.train.step import Step, Sums

_SLOWER = (
    "train in another folder with a lower optimiser.rate, warm-up or optimiser.clip_norm; "
    "look for values of another unit in the archive"
)


@runtime_checkable
class Feed(Protocol):
    """Where the loop takes its batches from."""

    def num_steps(self, epoch: int) -> int:
        """Updates of an epoch."""

    def epoch(self, epoch: int, start: int) -> Iterator[Any]:
        """This rank's parts of the batches of an epoch, from step `start` of it on."""

    def judged(self) -> Iterator[Any]:
        """This rank's part of the validation samples, none twice."""

    def num_samples(self, epoch: int, step: int) -> int:
        """How many samples all ranks have seen after `step` updates of an epoch."""


@runtime_checkable
class Watched(Protocol):
    """A step that may come to a point from which it learns nothing more."""

    @property
    def stall_steps(self) -> int:
        """Updates in a row with nothing to learn after which training is stopped."""

    @property
    def remedy(self) -> str:
        """What to do where it was stopped for that."""

    def is_stalled(self, losses: Mapping[str, float]) -> bool:
        """Whether mean losses say that there is nothing to learn."""


@runtime_checkable
class Parted(Protocol):
    """A step whose networks and optimisers are spread over ranks: each holds a part of the state."""

    def gathered(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """The tensors of the whole state on the first rank, from those that each rank holds."""

    def own(self, tensors: Mapping[str, Tensor]) -> Mapping[str, Tensor]:
        """Of the tensors of a whole state those that this rank holds."""

    def spread(self) -> None:
        """Give all replicas the buffers of the first."""


@dataclass(frozen=True)
class Course:
    """How a run goes.

    Attributes:
        epochs: At most this many.
        schedule: Of the learning rate.
        seed: Of whatever a network draws itself.
        monitor: The figure of the validation part by which weights are judged; "loss" is better lower, others higher.
        patience: Epochs without a better figure after which training stops; None never stops early.
        log_every_steps: Updates between two records.
        checkpoint_every_s: Seconds after which the next record brings a checkpoint; what a run learns does not depend
            on when it is saved.
        checkpoint_every_steps: Updates between two checkpoints, instead of seconds; 0 leaves it to the seconds.
    """

    epochs: int
    schedule: Schedule
    seed: int
    monitor: str = "loss"
    patience: int | None = None
    log_every_steps: int = 10
    checkpoint_every_s: float = 60.0
    checkpoint_every_steps: int = 0

    def is_better(self, value: float, best: float | None) -> bool:
        """Whether a figure of `monitor` is better than the best so far; NaN never is."""
        if math.isnan(value) or best is None:
            return not math.isnan(value)
        return value < best if self.monitor == "loss" else value > best


@dataclass
class Standing:
    """Where a run stands.

    Attributes:
        epoch: Epochs that are done.
        step: Updates that are done.
        step_in_epoch: Updates of the current epoch that are done.
        sums: Of the current epoch so far.
        best: The best figure of the monitor.
        best_epoch: The epoch, from 1, that had it.
        best_figures: All figures of that epoch.
        stale: Epochs since then.
        stalled: Updates since there was something to learn, for steps that tell.
    """

    epoch: int = 0
    step: int = 0
    step_in_epoch: int = 0
    sums: dict[str, float] = field(default_factory=dict)
    best: float | None = None
    best_epoch: int | None = None
    best_figures: dict[str, float] = field(default_factory=dict)
    stale: int = 0
    stalled: int = 0


class Run:
    """A run of `step` over `feed`: iterate `records()` to its end; then the networks hold the best weights.

    Args:
        step: What learns.
        feed: What it learns from.
        course: How long and how fast.
        world: The ranks that train together.
        folder: Where rank 0 keeps checkpoints.
        identity: Facts to keep in every checkpoint (the recipe's fingerprint).
        resume: The checkpoint to go on from, with its path.
    """

    def __init__(
        self,
        step: Step,
        feed: Feed,
        course: Course,
        *,
        world: World,
        folder: Path,
        identity: Mapping[str, Any],
        resume: tuple[Path, Checkpoint] | None = None,
    ) -> None:
        self.step, self.feed, self.course, self.world = step, feed, course, world
        self.folder, self.identity = folder, dict(identity)
        self.standing = Standing()
        # Once: there may be a record at every step.
        self._num_steps = sum(map(feed.num_steps, range(course.epochs)))
        self._saver = Saver(folder)
        self._saved_s = time.monotonic()
        self._best: dict[str, Tensor] = {}
        if resume:
            self._go_on(*resume)

    @property
    def is_over(self) -> bool:
        """Whether all epochs are done or early stopping has come."""
        patience = self.course.patience
        return self.standing.epoch >= self.course.epochs or (patience is not None and self.standing.stale >= patience)

    def records(self) -> Iterator[Record]:
        """Train. The end brings a checkpoint, and so does closing the generator.

        Raises:
            DivergedError: A loss or weight is NaN or infinite; the last checkpoint is from before.
            OutputError: A checkpoint cannot be written.
        """
        try:
            while not self.is_over:
                began = time.perf_counter()
                yield from self._epoch()
                yield self._end_epoch(began)
                if self.is_over or self._is_due():
                    self._save()
            self._saver.wait()
        except GeneratorExit:
            # Whoever closes the generator may end the process next: the thread would not be waited for.
            self._save(at_once=True)
            raise
        finally:
            self._saver.close()
        checkpoint.put_networks(self.step.networks, self._best or self._weights(), self.folder, "best")

    def _epoch(self) -> Iterator[Record]:
        """Updates from where the standing is to the end of the epoch."""
        now, course, num_steps = self.standing, self.course, self.feed.num_steps(self.standing.epoch)
        # Losses stay on the device until a record needs them: reading one would make a GPU wait at every step.
        pending: list[Sums] = []
        began, before = time.perf_counter(), now.step_in_epoch
        with closing(self.feed.epoch(now.epoch, now.step_in_epoch)) as batches:  # type: ignore[type-var]
            for batch in batches:
                # Seeded anew at each step, so that no state of a generator has to be kept in checkpoints.
                torch.manual_seed(step_seed(course.seed, now.step, self.world.rank))
                # Counted as if all epochs had as many steps as this one: batches may grow, schedules tell of epochs.
                factor = course.schedule.factor(now.epoch * num_steps + now.step_in_epoch, num_steps, course.epochs)
                pending.append(self.step.update(batch, factor))
                now.step += 1
                now.step_in_epoch += 1
                is_last = now.step_in_epoch == num_steps
                saves = bool(course.checkpoint_every_steps) and now.step % course.checkpoint_every_steps == 0
                # A checkpoint stands at a record, because the sums in it must hold every step before it.
                if is_last or saves or now.step % course.log_every_steps == 0:
                    yield self._record(pending, before, began)
                    pending, before = [], now.step_in_epoch
                    if not is_last and self._is_due():
                        self._save()
                    began = time.perf_counter()

    def _is_due(self) -> bool:
        """Whether it is time for a checkpoint."""
        # What is kept shall be from before a stall: whoever mends the recipe goes on from there.
        if self.standing.stalled:
            return False
        if self.course.checkpoint_every_steps:
            return self.standing.step % self.course.checkpoint_every_steps == 0
        return time.monotonic() - self._saved_s >= self.course.checkpoint_every_s

    def _record(self, pending: list[Sums], before: int, began: float) -> StepRecord:
        now = self.standing
        sums = self._reduce(pending)
        losses = means(sums)
        # All ranks hold the same sums, so that all of them stop at the same step.
        if not all(math.isfinite(value) for value in losses.values()):
            raise self._diverged(", ".join(f"{name} {value}" for name, value in losses.items()))
        self._watch(losses, now.step_in_epoch - before)
        for name, value in sums.items():
            now.sums[name] = now.sums.get(name, 0.0) + float(value)
        seen = self.feed.num_samples(now.epoch, now.step_in_epoch) - self.feed.num_samples(now.epoch, before)
        return StepRecord(
            epoch=now.epoch + 1,
            done=now.step,
            total=self._num_steps,
            losses=losses,
            rate=next(iter(self.step.optimisers.values())).param_groups[0]["lr"],
            samples_per_s=seen / (time.perf_counter() - began),
        )

    def _watch(self, losses: Mapping[str, float], num_steps: int) -> None:
        """Count updates without anything to learn, and stop after too many."""
        if not isinstance(self.step, Watched):
            return
        now = self.standing
        now.stalled = now.stalled + num_steps if self.step.is_stalled(losses) else 0
        if now.stalled >= self.step.stall_steps:
            told = ", ".join(f"{name} {value:.3g}" for name, value in losses.items())
            raise self._diverged(f"nothing to learn in {now.stalled} updates ({told})", self.step.remedy)

    def _end_epoch(self, began: float) -> EpochRecord:
        """Judge the epoch and step on to the next."""
        now = self.standing
        losses = means({name: torch.tensor(value) for name, value in now.sums.items()})
        figures = self._validate()
        is_better = self.course.is_better(figures.get(self.course.monitor, math.nan), now.best)
        now.epoch, now.step_in_epoch, now.sums = now.epoch + 1, 0, {}
        now.stale += 1
        if is_better:
            now.best, now.best_epoch, now.stale = figures[self.course.monitor], now.epoch, 0
            # In the order in which JSON gives them back, so that a card has the same bytes after a stop.
            now.best_figures = dict(sorted(figures.items()))
            self._best = self._weights()
        # Without a validation part nothing can get better, and nothing must stop.
        if not figures:
            now.stale = 0
        return EpochRecord(
            done=now.epoch,
            total=self.course.epochs,
            step=now.step,
            losses=losses,
            figures=figures,
            is_best=is_better,
            seconds=time.perf_counter() - began,
        )

    def _validate(self) -> dict[str, float]:
        """Figures of the validation part; empty where it is."""
        # Buffers such as running means belong to rank 0 until the next forward pass spreads them.
        if isinstance(self.step, Parted):
            self.step.spread()
        else:
            for network in self.step.networks.values():
                self.world.spread(list(network.buffers()))
        sums = self._reduce([self.step.judge(batch) for batch in self.feed.judged()])
        return self.step.figures(sums) if sums else {}

    def _reduce(self, pending: list[Sums]) -> dict[str, Tensor]:
        """Sums over batches, then over ranks."""
        total: dict[str, Tensor] = {}
        for sums in pending:
            for name, value in sums.items():
                total[name] = total[name] + value if name in total else value
        # Sorted, because every rank must add up the same name at the same time.
        return {name: self.world.sum(total[name]) for name in sorted(total)}

    def _weights(self) -> dict[str, Tensor]:
        return checkpoint.network_tensors(self.step.networks, "best")

    def _save(self, at_once: bool = False) -> None:
        """Copy the state now; rank 0 writes it while training goes on, or `at_once`."""
        self._saved_s = time.monotonic()
        weights = checkpoint.network_tensors(self.step.networks)
        # A finite loss does not tell that the update after it was finite.
        lost = not all(bool(value.isfinite().all()) for value in weights.values())
        if self.world.any(lost) if isinstance(self.step, Parted) else lost:
            raise self._diverged("a weight that is NaN or infinite")
        tensors: Mapping[str, Tensor] = {}
        if self.world.is_first or isinstance(self.step, Parted):
            tensors = {**weights, **checkpoint.optimiser_tensors(self.step.optimisers), **self._best}
        if isinstance(self.step, Parted):
            tensors = self.step.gathered(tensors)
        if self.world.is_first:
            facts = {**self.identity, "standing": asdict(self.standing)}
            self._saver.save(self.standing.step, Checkpoint(tensors, facts), at_once)

    def _go_on(self, path: Path, saved: Checkpoint) -> None:
        tensors = self.step.own(saved.tensors) if isinstance(self.step, Parted) else saved.tensors
        checkpoint.put_networks(self.step.networks, tensors, path)
        checkpoint.put_optimisers(self.step.optimisers, tensors)
        self.standing = Standing(**saved.facts["standing"])
        self._best = {name: tensor for name, tensor in tensors.items() if name.startswith("best/")}

    def _diverged(self, what: str, do: str = _SLOWER) -> DivergedError:
        # The one that is being written is the last good one.
        self._saver.wait()
        kept = checkpoint.every(self.folder)
        where = f"the last good checkpoint is {kept[-1]}" if kept else "no checkpoint was written yet"
        return DivergedError(
            f"{what} after update {self.standing.step}; {where}",
            "finite losses and weights, and something to learn",
            do,
        )


def means(sums: Mapping[str, Tensor]) -> dict[str, float]:
    """Each sum over its share ("loss" over "loss_share"); a sum without a share is left out."""
    return {
        name: float(value / sums[f"{name}_share"].clamp(min=1e-12))
        for name, value in sums.items()
        if f"{name}_share" in sums
    }

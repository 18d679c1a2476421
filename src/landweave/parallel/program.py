"""What each rank of a planned step does, in its order: what it waits for, computes and sends. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from landweave.parallel.placement import Cut, Placement, Run, cuts, handovers
from landweave.parallel.profile import LayerCost, Profile
from landweave.parallel.schedule import Schedule, actions, depths

Doing = Literal["forward", "backward", "update"]
# DDP sends gradients in pieces of about this size as soon as they are ready.
_BUCKET_BYTES = 25 * 2**20


@dataclass(frozen=True)
class Plan:
    """A way to train a network on all ranks, or to let it infer.

    Attributes:
        placement: Of one arrangement; data parallelism is one of a single rank.
        replicas: How many of it work together; replica r holds the ranks from r times those of the placement on.
        batch: Samples of a step on all ranks.
        num_micro: Micro-batches that each arrangement cuts its share into.
        schedule: In which order they are computed.
        training: Whether there are backward passes and an update.
    """

    placement: Placement
    replicas: int = 1
    batch: int = 1
    num_micro: int = 1
    schedule: Schedule = "1f1b"
    training: bool = True

    @property
    def samples(self) -> float:
        """Of one micro-batch, as if all were equal."""
        return self.batch / self.replicas / self.num_micro

    @property
    def num_ranks(self) -> int:
        """Of all replicas."""
        return self.replicas * self.placement.num_ranks

    @property
    def name(self) -> str:
        """What tables call it."""
        name = self.placement.name or str(self.placement)
        return f"{self.replicas} x {name}" if self.replicas > 1 and self.placement.num_ranks > 1 else name


Key = tuple[str, int, str, int]
"""Names a message: what it is, of which replica, over which cut or of which layers, of which micro-batch."""


@dataclass(frozen=True)
class Message:
    """What a piece of work lets go: to one rank, or to all `members`, which sum it up by a ring."""

    key: Key
    num_bytes: float
    target: int = -1
    members: tuple[int, ...] = ()


@dataclass(frozen=True)
class Work:
    """What a rank does next: it waits for all that it needs, computes, and sends what it gives.

    Attributes:
        doing: What.
        micro: Of which micro-batch.
        seconds: On a rank of speed 1, alone.
        needs: What must have come.
        gives: What goes out.
    """

    doing: Doing
    micro: int
    seconds: float
    needs: tuple[Key, ...] = ()
    gives: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Piece:
    """Layers whose gradients are ready together, from the end on, and what is sent then."""

    layers: tuple[str, ...]
    gives: tuple[Message, ...] = ()


@dataclass(frozen=True)
class Program:
    """What the ranks of one plan do in a step.

    Attributes:
        plan: The plan.
        profile: What layers cost.
    """

    plan: Plan
    profile: Profile

    @cached_property
    def _crossed(self) -> dict[Run, Cut]:
        """The cut behind each run that is followed on another rank."""
        found = {(cut.chain, cut.layer): cut for cut in cuts(self.plan.placement)}
        return {run: found[end] for run in self.plan.placement.runs if (end := (run.chain, run.layers[-1])) in found}

    @cached_property
    def _into(self) -> dict[Run, tuple[Cut, ...]]:
        """The cuts before each run."""
        found: dict[Run, tuple[Cut, ...]] = dict.fromkeys(self.plan.placement.runs, ())
        for run, after in handovers(self.plan.placement):
            if run in self._crossed:
                found[after] = (*found[after], self._crossed[run])
        return found

    def of(self, run: Run) -> list[LayerCost]:
        """What the layers of a run cost, in order."""
        return [self.profile.chains[run.chain][layer] for layer in run.layers]

    def cut_bytes(self, cut: Cut) -> float:
        """Of what crosses a cut for each sample, one way."""
        return self.profile.chains[cut.chain][cut.layer].out_bytes

    def rank(self, rank: int) -> Iterator[Work]:
        """The work of one rank."""
        plan = self.plan
        replica, place = divmod(rank, plan.placement.num_ranks)
        runs = plan.placement.of_rank(place)
        last = plan.num_micro - 1
        for action in actions(plan.schedule, depths(plan.placement)[place], plan.num_micro):
            if action.phase == "forward":
                yield from (self._forward(run, action.micro, replica) for run in runs)
            elif plan.training:
                for run in reversed(runs):
                    yield from self._backward(run, action.micro, replica)
        if plan.training:
            sums = tuple(message.key for run in runs for piece in self._pieces(run) for message in piece.gives)
            yield Work("update", last, sum(cost.update_s for run in runs for cost in self.of(run)), sums)

    def _forward(self, run: Run, micro: int, replica: int) -> Work:
        cut = self._crossed.get(run)
        return Work(
            "forward",
            micro,
            sum(cost.passed_s(self.plan.samples) for cost in self.of(run)),
            tuple(("activation", replica, before.name, micro) for before in self._into[run]),
            (self._message("activation", cut, replica, micro, cut.target),) if cut else (),
        )

    def _backward(self, run: Run, micro: int, replica: int) -> Iterator[Work]:
        cut = self._crossed.get(run)
        needs = (("gradient", replica, cut.name, micro),) if cut else ()
        gives = tuple(self._message("gradient", cut, replica, micro, cut.source) for cut in self._into[run])
        whole = Piece(run.layers)
        # Gradients of all micro-batches are added up before they are sent.
        pieces = self._pieces(run) if micro == self.plan.num_micro - 1 else [whole]
        for index, piece in enumerate(pieces):
            costs = [self.profile.chains[run.chain][layer] for layer in piece.layers]
            seconds = sum(cost.returned_s(self.plan.samples) + (cost.add_s if micro else 0.0) for cost in costs)
            is_last = index == len(pieces) - 1
            yield Work(
                "backward", micro, seconds, needs if index == 0 else (), piece.gives + (gives if is_last else ())
            )

    def _message(self, what: str, cut: Cut, replica: int, micro: int, place: int) -> Message:
        target = replica * self.plan.placement.num_ranks + place
        return Message((what, replica, cut.name, micro), self.plan.samples * self.cut_bytes(cut), target)

    def _pieces(self, run: Run) -> list[Piece]:
        """The layers of a run from its end on, parted where gradients are sent to the other replicas.

        DDP sends them in buckets; ranks that hold a part of the network send those of a whole run at once.
        """
        step = self.plan.placement.num_ranks
        members = tuple(range(run.rank, self.plan.num_ranks, step))
        is_alone = step == 1
        pieces: list[Piece] = []
        held: list[str] = []
        size = 0.0
        for layer in reversed(run.layers):
            held.append(layer)
            size += self.profile.chains[run.chain][layer].gradient_bytes
            if (is_alone and size >= _BUCKET_BYTES) or layer == run.layers[0]:
                message = Message(("sum", run.rank, f"{run.chain}.{layer}", 0), size, members=members)
                pieces.append(Piece(tuple(held), (message,) if size and len(members) > 1 else ()))
                held, size = [], 0.0
        return pieces

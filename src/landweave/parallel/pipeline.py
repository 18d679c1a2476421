"""One network over several ranks: micro-batches pass through the segments of all ranks, and gradients come back."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from landweave.parallel.branch import Branch, Passed, Segment, Way, hold
from landweave.parallel.messages import Due, Post, Wire
from landweave.parallel.placement import Placement, num_replicas
from landweave.parallel.schedule import Action, Schedule, actions, depths
from landweave.parallel.traffic import Counter, Kind, size_of
from landweave.parallel.world import World

Views = Mapping[str, Tensor]
"""What the network takes, by chain: one tensor a branch, or one for the trunk where there are none."""


@dataclass(frozen=True)
class Seat:
    """This rank's place where a network is placed: in its arrangement, and among the replicas of that.

    Attributes:
        placement: Which layers stand on which rank of an arrangement.
        world: All ranks: replica 0 has the first ones, replica 1 the next.
        team: The ranks of this arrangement, which hold the network together.
        peers: The ranks that hold the same layers in all replicas.
    """

    placement: Placement
    world: World
    team: World
    peers: World

    @property
    def rank(self) -> int:
        """This rank in the placement."""
        return self.team.rank

    @property
    def ends(self) -> bool:
        """Whether this rank has the network's last layer."""
        return self.rank == self.placement.runs[-1].rank

    def among_all(self, rank: int) -> int:
        """The process that has this rank of this arrangement."""
        return self.peers.rank * self.team.size + rank


def take_seat(placement: Placement, world: World) -> Seat:
    """This rank's seat; all ranks call it alike.

    Raises:
        ConfigError: The ranks are no multiple of those of the placement.
    """
    size, replicas = placement.num_ranks, num_replicas(placement, world.size)
    team = world.split([[replica * size + rank for rank in range(size)] for replica in range(replicas)])
    peers = world.split([[replica * size + rank for replica in range(replicas)] for rank in range(size)])
    return Seat(placement, world, team, peers)


@dataclass
class Pipeline:
    """This rank's part of a network that is placed on several.

    Every rank calls the same methods with the same numbers of samples. Gradients are those that one process adds up
    over the same micro-batches one after the other; replicas add up theirs.

    Attributes:
        seat: This rank's.
        branch: Its segments.
        schedule: The order of passes.
        post: Its messages.
    """

    seat: Seat
    branch: Branch
    schedule: Schedule
    post: Post
    _summing: list[tuple[Any, Tensor, list[Tensor]]] = field(default_factory=list)

    @property
    def counter(self) -> Counter:
        """What this rank sent, received, computed and waited for."""
        return self.post.counter

    def train(
        self,
        views: Sequence[Views],
        sizes: Sequence[int],
        begin: Callable[[int], None],
        loss: Callable[[int, Tensor], Tensor],
    ) -> None:
        """Add up the gradients of all micro-batches in the weights of this rank's layers.

        Args:
            views: Of each micro-batch; chains that begin on other ranks may be left away.
            sizes: Samples of each micro-batch, on every rank.
            begin: Called with a micro-batch's number before its forward pass.
            loss: Called where the network ends, with its number and scores; gives what to go back from.
        """
        depth = depths(self.seat.placement)[self.seat.rank]
        order = actions(self.schedule, depth, len(sizes))
        self.post.expect(self._dues(order, sizes))
        open_ones: dict[int, dict[str, Passed]] = {}
        for action in order:
            size = sizes[action.micro]
            if action.phase == "forward":
                begin(action.micro)
                passed = open_ones[action.micro] = self._forward(views[action.micro], size)
                if self.seat.ends:
                    self._judge(passed, action.micro, loss)
            else:
                self._backward(open_ones.pop(action.micro), size, is_last=action.micro == len(sizes) - 1)
        self.post.settle()
        self._finish_sums()
        self.counter.step()

    @torch.no_grad()
    def score(self, views: Views, size: int) -> Tensor | None:
        """Scores of one micro-batch where the network ends; None elsewhere.

        Ranks do not wait for those behind them: the next micro-batch may follow at once.
        """
        self.post.expect(self._dues([Action("forward", 0)], [size]))
        return self._output(self._forward(views, size))

    @torch.no_grad()
    def scores(self, batches: Iterable[tuple[Views, int]]) -> Iterator[Tensor | None]:
        """As `score` for micro-batches one after the other; what the next one takes comes meanwhile."""
        rest = iter(batches)
        ahead = next(rest, None)
        if ahead:
            self.post.expect(self._dues([Action("forward", 0)], [ahead[1]]))
        while ahead:
            now, ahead = ahead, next(rest, None)
            if ahead:
                self.post.expect(self._dues([Action("forward", 0)], [ahead[1]]))
            yield self._output(self._forward(*now))
        self.post.settle()

    def _output(self, passed: Mapping[str, Passed]) -> Tensor | None:
        return passed[self.branch.segments[-1].name].output if self.seat.ends else None

    def _forward(self, views: Views, size: int) -> dict[str, Passed]:
        """One micro-batch through all segments, each output sent as soon as it is there."""
        local: dict[int, Tensor] = {}
        passed: dict[str, Passed] = {}
        for segment in self.branch.segments:
            inputs = [
                local.pop(way.number) if not way.is_cut else self.post.take(segment.name) for way in segment.comes
            ]
            made = passed[segment.name] = self.branch.forward(segment, inputs or [views[segment.chain]])
            if segment.goes and segment.goes.is_cut:
                self.post.send(self._wire(segment.goes, "activation"), self._key(size), made.output.detach())
            elif segment.goes:
                local[segment.goes.number] = made.output
        return passed

    def _judge(self, passed: dict[str, Passed], micro: int, loss: Callable[[int, Tensor], Tensor]) -> None:
        """Put the loss where the scores were."""
        last = passed[self.branch.segments[-1].name]
        last.output = loss(micro, last.output)

    def _backward(self, passed: dict[str, Passed], size: int, is_last: bool) -> None:
        """One micro-batch back through all segments, each gradient sent as soon as it is there."""
        local: dict[int, Tensor] = {}
        for segment in reversed(self.branch.segments):
            held, gradient = passed.pop(segment.name), None
            if segment.goes:
                cut = segment.goes.is_cut
                gradient = self.post.take(segment.name) if cut else local.pop(segment.goes.number)
            for way, values in zip(segment.comes, self.branch.backward(segment, held, gradient), strict=True):
                if way.is_cut:
                    self.post.send(self._wire(way, "gradient"), self._key(size), values)
                else:
                    local[way.number] = values
            if is_last:
                self._begin_sum(segment)

    def _dues(self, order: Sequence[Action], sizes: Sequence[int]) -> Iterator[Due]:
        """All that will come to this rank, in the order in which it takes it."""
        for action in order:
            key = self._key(sizes[action.micro])
            if action.phase == "forward":
                ways = [way for segment in self.branch.segments for way in segment.comes if way.is_cut]
                yield from (Due(self._wire(way, "activation"), key) for way in ways)
            else:
                gone = [segment.goes for segment in reversed(self.branch.segments) if segment.goes]
                yield from (Due(self._wire(way, "gradient"), key) for way in gone if way.is_cut)

    def _wire(self, way: Way, kind: Kind) -> Wire:
        mine = self.seat.rank
        peer = way.source if mine == way.target else way.target
        return Wire(way.name, way.number, self.seat.among_all(peer), kind)

    def _key(self, size: int) -> tuple[int, bool]:
        # In training a network may compute in another way, whose results lie otherwise in memory.
        return size, torch.is_grad_enabled()

    def _begin_sum(self, segment: Segment) -> None:
        """Let the replicas add up the gradients of `segment`, while the segments before it compute."""
        gradients = [weight.grad for weight in segment.weights if weight.grad is not None]
        if self.seat.peers.size == 1 or not gradients:
            return
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        work = dist.all_reduce(flat, group=self.seat.peers.group, async_op=True)
        self.counter.reduced(size_of(flat), self.seat.peers.size, segment.name)
        self._summing.append((work, flat, gradients))

    def _finish_sums(self) -> None:
        with self.counter.waiting("sum"):
            for work, _, _ in self._summing:
                work.wait()
        for _, flat, gradients in self._summing:
            for gradient, values in zip(gradients, torch.split(flat, [one.numel() for one in gradients]), strict=True):
                gradient.copy_(values.view_as(gradient))
        self._summing.clear()


def place(
    network: nn.Module,
    seat: Seat,
    schedule: Schedule = "1f1b",
    computing: Callable[[], AbstractContextManager[object]] = nullcontext,
) -> Pipeline:
    """The part of `network` that belongs to `seat`; afterwards `network` holds the weights of that part alone."""
    counter = Counter(seat.world.device)
    held = hold(network, seat.placement, seat.rank)
    network.to(seat.world.device)
    return Pipeline(seat, Branch(held, counter, computing), schedule, Post(seat.world, counter))

"""A step of a placed network on described ranks, played through from moment to moment. Pure.

Ranks compute in the order of their schedule; who shares cores with others that compute is slower for as long; what a
rank sends leaves it one message after the other, and goes on while it computes.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from landweave.errors import TaskError
from landweave.parallel.cluster import Ranks
from landweave.parallel.cost import ring_factors
from landweave.parallel.profile import Profile
from landweave.parallel.program import Doing, Key, Message, Plan, Program, Work

# What is left of a piece of work below this is rounding.
_NOTHING_S = 1e-12


@dataclass(frozen=True)
class Span:
    """A time in which a rank computes.

    Attributes:
        rank: Among all ranks.
        doing: What.
        micro: Of which micro-batch.
        begin_s: From the step's beginning.
        end_s: The same.
    """

    rank: int
    doing: Doing
    micro: int
    begin_s: float
    end_s: float


@dataclass(frozen=True)
class Timeline:
    """A step as it would go.

    Attributes:
        spans: What ranks compute, by end.
        num_ranks: How many there are.
        step_s: Until the last rank has ended.
    """

    spans: tuple[Span, ...]
    num_ranks: int
    step_s: float

    def busy_s(self, rank: int) -> float:
        """Of the step in which this rank computes, however slowly."""
        return sum(span.end_s - span.begin_s for span in self.spans if span.rank == rank)

    @property
    def bubble(self) -> float:
        """The share of all ranks' time in which they only wait."""
        busy = sum(self.busy_s(rank) for rank in range(self.num_ranks))
        return 1 - busy / (self.num_ranks * self.step_s) if self.step_s else 0.0


def play(plan: Plan, profile: Profile, ranks: Ranks) -> Timeline:
    """One step of `plan`, from all weights at hand to all of them updated."""
    program = Program(plan, profile)
    return _Play(ranks, {rank: list(program.rank(rank)) for rank in range(plan.num_ranks)}).run()


@dataclass
class _Busy:
    """A piece of work that a rank has begun."""

    work: Work
    left_s: float
    begin_s: float


@dataclass
class _Play:
    ranks: Ranks
    programs: Mapping[int, Sequence[Work]]
    now_s: float = 0.0
    busy: dict[int, _Busy] = field(default_factory=dict)
    done: dict[int, int] = field(default_factory=dict)
    came: set[tuple[int, Key]] = field(default_factory=set)
    free_s: dict[int, float] = field(default_factory=dict)
    coming: list[tuple[float, int, Key]] = field(default_factory=list)
    summed: dict[Key, int] = field(default_factory=dict)
    spans: list[Span] = field(default_factory=list)

    def run(self) -> Timeline:
        """From the beginning to the end."""
        self.done = dict.fromkeys(self.programs, 0)
        self._begin()
        while self.busy or self.coming:
            rates = self._rates()
            ends_s = [self.now_s + busy.left_s / rates[rank] for rank, busy in self.busy.items()]
            next_s = min([*ends_s, *(time_s for time_s, _, _ in self.coming[:1])])
            for rank, busy in self.busy.items():
                busy.left_s -= (next_s - self.now_s) * rates[rank]
            self.now_s = max(self.now_s, next_s)
            while self.coming and self.coming[0][0] <= self.now_s:
                _, rank, key = heapq.heappop(self.coming)
                self.came.add((rank, key))
            for rank in [rank for rank, busy in self.busy.items() if busy.left_s <= _NOTHING_S]:
                self._end(rank)
            self._begin()
        if waiting := [rank for rank, works in self.programs.items() if self.done[rank] < len(works)]:
            raise TaskError(
                f"ranks {waiting} of a plan that wait for ever", "a plan that comes to its end", "report this plan"
            )
        return Timeline(tuple(self.spans), len(self.programs), self.now_s)

    def _begin(self) -> None:
        """Let every rank begin that is idle and has all that it needs."""
        for rank, works in self.programs.items():
            while rank not in self.busy and self.done[rank] < len(works):
                work = works[self.done[rank]]
                if any((rank, key) not in self.came for key in work.needs):
                    break
                self.busy[rank] = _Busy(work, work.seconds, self.now_s)
                if work.seconds > _NOTHING_S:
                    break
                self._end(rank)

    def _end(self, rank: int) -> None:
        busy = self.busy.pop(rank)
        self.done[rank] += 1
        if busy.work.seconds > _NOTHING_S:
            self.spans.append(Span(rank, busy.work.doing, busy.work.micro, busy.begin_s, self.now_s))
        for message in busy.work.gives:
            if message.members:
                self._sum(message)
            else:
                self._send(rank, message)

    def _send(self, rank: int, message: Message) -> None:
        link = self.ranks.link_of(rank, message.target)
        begin_s = max(self.now_s, self.free_s.get(rank, 0.0))
        self.free_s[rank] = begin_s + message.num_bytes * link.s_per_byte
        heapq.heappush(self.coming, (self.free_s[rank] + link.latency_s, message.target, message.key))

    def _sum(self, message: Message) -> None:
        """Begin when the last member has come; a ring is as slow as its slowest link."""
        self.summed[message.key] = self.summed.get(message.key, 0) + 1
        if self.summed[message.key] < len(message.members):
            return
        members = message.members
        latencies, times = ring_factors(len(members))
        links = [self.ranks.link_of(one, other) for one, other in zip(members, members[1:] + members[:1], strict=True)]
        begin_s = max(self.now_s, *(self.free_s.get(rank, 0.0) for rank in members))
        sent_s = begin_s + times * message.num_bytes * max(link.s_per_byte for link in links)
        for rank in members:
            self.free_s[rank] = sent_s
            late_s = latencies * max(link.latency_s for link in links)
            heapq.heappush(self.coming, (sent_s + late_s, rank, message.key))

    def _rates(self) -> dict[int, float]:
        """The speed of every rank that computes."""
        rates: dict[int, float] = {}
        for group, cores, together in self.ranks.groups():
            busy = [rank for rank in group if rank in self.busy]
            crowded = together if len(busy) >= cores and len(busy) > 1 else 1.0
            share = min(1.0, cores / len(busy)) * crowded if busy else 1.0
            rates |= {rank: self.ranks.speed_of(rank) * share for rank in busy}
        return rates

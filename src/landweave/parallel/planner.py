"""Which placement of a network on described ranks takes the shortest step: all are tried, in order of what is certain.

Pure. A step's time is what `timeline` plays through; what a rank must compute or send at least is less than that, so
that a placement whose least is more than the best step so far need not be played.
"""

from __future__ import annotations

import contextlib
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from landweave.errors import ConfigError
from landweave.parallel.cluster import Ranks
from landweave.parallel.cost import ring_factors
from landweave.parallel.placement import Names, Placement, Run, baseline, cuts, optimized, placed, whole
from landweave.parallel.profile import LayerCost, Profile
from landweave.parallel.program import Plan, Program
from landweave.parallel.schedule import Schedule, depths, held
from landweave.parallel.timeline import play

# Placements of one number of ranks that are tried; a step of one is played in about a thousandth of a second.
MOST = 10_000


@dataclass(frozen=True)
class Ask:
    """What is planned for.

    Attributes:
        batch: Samples of a step on all ranks.
        num_micro: Numbers of micro-batches to choose from.
        schedule: In which order they are computed.
        training: Whether there are backward passes and an update.
    """

    batch: int
    num_micro: tuple[int, ...] = (1,)
    schedule: Schedule = "1f1b"
    training: bool = True


@dataclass(frozen=True)
class Estimate:
    """What a plan comes to.

    Attributes:
        plan: The plan.
        step_s: Seconds of a step.
        bubble: Share of all ranks' time in which they wait.
        sent_bytes: By each rank in a step.
        received_bytes: By each rank in a step.
        memory_bytes: Of each rank, at its fullest.
        fits: Whether that is what the ranks have.
    """

    plan: Plan
    step_s: float
    bubble: float
    sent_bytes: tuple[float, ...]
    received_bytes: tuple[float, ...]
    memory_bytes: tuple[float, ...]
    fits: bool


def estimate(plan: Plan, profile: Profile, ranks: Ranks) -> Estimate:
    """What `plan` comes to on these ranks."""
    ranks.agree(plan.num_ranks)
    played = play(plan, profile, ranks)
    sent, received = traffic_bytes(plan, profile)
    memory = memory_bytes(plan, profile)
    fits = all(need <= ranks.memory_bytes(rank) for rank, need in enumerate(memory))
    return Estimate(plan, played.step_s, played.bubble, sent, received, memory, fits)


def traffic_bytes(plan: Plan, profile: Profile) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bytes that each rank sends, and receives, in one step."""
    program = Program(plan, profile)
    num = plan.placement.num_ranks
    sent, received = [0.0] * num, [0.0] * num
    for cut in cuts(plan.placement):
        size = program.cut_bytes(cut) * plan.batch / plan.replicas
        sent[cut.source] += size
        received[cut.target] += size
        if plan.training:
            sent[cut.target] += size
            received[cut.source] += size
    if plan.training and plan.replicas > 1:
        for rank in range(num):
            size = sum(cost.gradient_bytes for cost in _held(plan.placement, profile, rank))
            sent[rank] += ring_factors(plan.replicas)[1] * size
            received[rank] += ring_factors(plan.replicas)[1] * size
    return tuple(sent * plan.replicas), tuple(received * plan.replicas)


def memory_bytes(plan: Plan, profile: Profile) -> tuple[float, ...]:
    """Memory of each rank at its fullest: weights, gradients, optimiser, and what waits for backward passes."""
    found = []
    for rank, depth in enumerate(depths(plan.placement)):
        costs = _held(plan.placement, profile, rank)
        size = profile.base_bytes + sum(cost.weight_bytes for cost in costs)
        if plan.training:
            size += sum(cost.gradient_bytes + cost.state_bytes for cost in costs)
            waiting = held(plan.schedule, depth, plan.num_micro)
            size += waiting * plan.samples * sum(cost.kept_bytes for cost in costs)
        else:
            size += plan.samples * 2 * max(cost.out_bytes for cost in costs)
        found.append(size)
    return tuple(found * plan.replicas)


def _held(placement: Placement, profile: Profile, rank: int) -> list[LayerCost]:
    return [profile.chains[run.chain][layer] for run in placement.of_rank(rank) for layer in run.layers]


def check_memory(plan: Plan, profile: Profile, ranks: Ranks) -> None:
    """Return when every rank can hold what `plan` gives it.

    Raises:
        ConfigError: One cannot.
    """
    for rank, need in enumerate(memory_bytes(plan, profile)):
        if need > ranks.memory_bytes(rank):
            raise ConfigError(
                f"placement {plan.name}, by which rank {rank} needs {need / 1e9:.2f} GB of memory",
                f"at most {ranks.memory_bytes(rank) / 1e9:.2f} GB, which it has",
                "give it fewer layers, take more micro-batches, or let landweave plan choose",
            )


def table(profile: Profile, ranks: Ranks, ask: Ask, also: Sequence[Placement] = ()) -> list[Estimate]:
    """Plans by the seconds of their step, those that fit first.

    Data parallelism, each named placement, those asked for, and for each size of an arrangement that the ranks are a
    multiple of the cheapest placement of all; each with the number of micro-batches that suits it best.
    """
    plans = [plan for placement in (*_named(profile.names), *also) for plan in _plans(placement, ranks, ask)]
    by_placement: dict[Placement, list[Estimate]] = {}
    for plan in plans:
        by_placement.setdefault(plan.placement, []).append(estimate(plan, profile, ranks))
    found = [min(each, key=_rank) for each in by_placement.values()]
    for size in _divisors(ranks.ranks)[1:]:
        found += [made for made in [cheapest(profile, ranks, ask, size)] if made]
    unique = {(row.plan.placement.runs, row.plan.replicas): row for row in reversed(found)}
    return sorted(unique.values(), key=_rank)


def best(profile: Profile, ranks: Ranks, ask: Ask) -> Estimate:
    """The plan with the shortest step of all that fit.

    Raises:
        ConfigError: None fits.
    """
    found = table(profile, ranks, ask)
    refuse_full(found, ranks)
    return found[0]


def refuse_full(found: Sequence[Estimate], ranks: Ranks) -> None:
    """Return where some plan of a table fits.

    Raises:
        ConfigError: None does.
    """
    if found[0].fits:
        return
    least = min(max(row.memory_bytes) for row in found)
    raise ConfigError(
        f"{ranks.name}, on which no placement fits: a rank needs {least / 1e9:.2f} GB by the leanest",
        "ranks with as much memory",
        "take smaller batches, more micro-batches, more ranks, or a smaller network",
    )


def _named(names: Names) -> Iterator[Placement]:
    for make in (whole, baseline, optimized):
        # A network without branches, or without blocks in them, has no such placement.
        with contextlib.suppress(ConfigError):
            yield make(names)


def _rank(row: Estimate) -> tuple[bool, float]:
    return not row.fits, row.step_s


def _divisors(num: int) -> list[int]:
    return [size for size in range(1, num + 1) if num % size == 0]


def _plans(placement: Placement, ranks: Ranks, ask: Ask) -> Iterator[Plan]:
    """The plans of a placement, one for each number of micro-batches; none where the ranks are no multiple."""
    replicas, rest = divmod(ranks.ranks, placement.num_ranks)
    if rest or not replicas:
        return
    for num in ask.num_micro:
        if replicas * num <= ask.batch:
            yield Plan(placement, replicas, ask.batch, num, ask.schedule, ask.training)


def cheapest(profile: Profile, ranks: Ranks, ask: Ask, size: int) -> Estimate | None:
    """The cheapest plan whose arrangement has `size` ranks, of those that fit; of all where none does.

    Where there are more than `MOST` placements, cuts that others replace with little loss are given up first.
    """
    blocks = coarsen(profile, size, math.factorial(size) if _is_even(ranks) else 1, 1e-9 / ranks.link.gigabytes_per_s)
    pool = [plan for made in every(blocks, size, _is_even(ranks)) for plan in _plans(made, ranks, ask)]
    fitting = [plan for plan in pool if _fits(plan, profile, ranks)] or pool
    least = [(least_s(plan, profile, ranks), index) for index, plan in enumerate(fitting)]
    found: Estimate | None = None
    for bound_s, index in sorted(least):
        # Rounding must not shut out a plan that is as good as its bound.
        if found and bound_s > found.step_s * (1 + 1e-9):
            break
        made = estimate(fitting[index], profile, ranks)
        if found is None or made.step_s < found.step_s:
            found = made
    if found is None:
        return None
    return replace(found, plan=replace(found.plan, placement=replace(found.plan.placement, name="")))


def _fits(plan: Plan, profile: Profile, ranks: Ranks) -> bool:
    return all(need <= ranks.memory_bytes(rank) for rank, need in enumerate(memory_bytes(plan, profile)))


def least_s(plan: Plan, profile: Profile, ranks: Ranks) -> float:
    """Seconds that a step takes at least: what some rank must compute or send, or some cores must bear."""
    work = []
    for place in range(plan.placement.num_ranks):
        costs = _held(plan.placement, profile, place)
        each = sum(cost.passed_s(plan.samples) for cost in costs)
        if plan.training:
            each += sum(cost.returned_s(plan.samples) for cost in costs)
        total = plan.num_micro * each
        if plan.training:
            total += sum((plan.num_micro - 1) * cost.add_s + cost.update_s for cost in costs)
        work.append(total)
    spent = {rank: total / ranks.speed_of(rank) for rank, total in enumerate(work * plan.replicas)}
    sent, _ = traffic_bytes(plan, profile)
    others = range(plan.num_ranks)
    fastest = [
        min((ranks.link_of(rank, other).s_per_byte for other in others if other != rank), default=0.0)
        for rank in others
    ]
    crowded = [sum(spent[rank] for rank in group) / max(1.0, cores) for group, cores, _ in ranks.groups()]
    return max(*spent.values(), *crowded, *(size * link for size, link in zip(sent, fastest, strict=True)))


Blocks = Mapping[str, Sequence[tuple[str, ...]]]
"""Layers by chain that no cut parts."""


def every(blocks: Blocks, size: int, is_even: bool = False) -> Iterator[Placement]:
    """All placements of `blocks` on exactly `size` ranks; of those that differ in ranks' numbers alone one, if even."""
    ways = [list(_ways(chain, parts, size)) for chain, parts in blocks.items()]
    for chosen in itertools.product(*ways):
        runs = [run for way in chosen for run in way]
        seen = list(dict.fromkeys(run.rank for run in runs))
        if len(seen) < size or (is_even and seen != list(range(size))):
            continue
        try:
            yield placed(runs)
        except ConfigError:
            # Ranks that wait for one another.
            continue


def _ways(chain: str, parts: Sequence[tuple[str, ...]], size: int) -> Iterator[list[Run]]:
    """All ways to put one chain on up to `size` ranks; no rank is come back to, which would wait for itself."""
    for num in range(1, min(size, len(parts)) + 1):
        for ends in itertools.combinations(range(1, len(parts)), num - 1):
            for held_by in itertools.permutations(range(size), num):
                pairs = itertools.pairwise([0, *ends, len(parts)])
                yield [
                    Run(rank, chain, tuple(layer for part in parts[begin:stop] for layer in part))
                    for rank, (begin, stop) in zip(held_by, pairs, strict=True)
                ]


def _count(num_parts: int, size: int) -> int:
    """How many `_ways` there are."""
    most = min(size, num_parts)
    return sum(math.comb(num_parts - 1, num - 1) * math.perm(size, num) for num in range(1, most + 1))


def coarsen(profile: Profile, size: int, alike: int = 1, s_per_byte: float = 0.0) -> dict[str, list[tuple[str, ...]]]:
    """Blocks of layers of which at most `MOST` placements can be made, each counted once of `alike`.

    One cut after the other is given up: that which another one replaces with the least loss. Who cuts elsewhere instead
    moves the layers between to another rank, and sends other bytes at `s_per_byte`; both of one sample.
    """
    blocks: dict[str, list[tuple[str, ...]]] = {
        chain: [(layer,) for layer in layers] for chain, layers in profile.chains.items()
    }
    while size > 1 and math.prod(_count(len(parts), size) for parts in blocks.values()) > MOST * alike:
        *_, chain, place = min(
            (*_loss(profile.chains[chain], parts, place, s_per_byte), chain, place)
            for chain, parts in blocks.items()
            for place in range(len(parts) - 1)
        )
        parts = blocks[chain]
        blocks[chain] = [*parts[:place], parts[place] + parts[place + 1], *parts[place + 2 :]]
    return blocks


def _loss(
    layers: Mapping[str, LayerCost], parts: Sequence[tuple[str, ...]], place: int, s_per_byte: float
) -> tuple[float, float]:
    """What is lost where one can no longer cut after the block at `place`, but before it or after the next.

    Of cuts that are as little loss the one between the smaller blocks comes first.
    """

    def sent_s(index: int) -> float:
        # Before the first block lies what every rank reads for itself.
        return 2 * s_per_byte * layers[parts[index][-1]].out_bytes if index >= 0 else 0.0

    def moved_s(index: int) -> float:
        costs = [layers[name] for name in parts[index]]
        return sum(cost.passed_s(1) + cost.returned_s(1) for cost in costs)

    before = moved_s(place) + max(0.0, sent_s(place - 1) - sent_s(place))
    after = moved_s(place + 1) + max(0.0, sent_s(place + 1) - sent_s(place))
    return min(before, after), moved_s(place) + moved_s(place + 1)


def _is_even(ranks: Ranks) -> bool:
    """Whether no rank differs from another."""
    one = all(isinstance(each, float) for each in (ranks.memory_gigabytes, ranks.speed))
    groups = list(ranks.groups())
    return one and not ranks.links and (len(groups) == 1 or not ranks.shared)

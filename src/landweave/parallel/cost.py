"""What a training step costs on more ranks: compute, communication and input, fitted to measured steps. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Annotated, Literal

import numpy as np
from pydantic import Field
from scipy.optimize import nnls

from landweave.config import Config
from landweave.errors import ConfigError

# Gradients are ready, and can be sent, during the backward pass alone: two of the three parts of a step's arithmetic.
_BACKWARD = 2 / 3


class LinkTable(Config):
    """A link between ranks, as its maker describes it."""

    latency_us: float = Field(ge=0)
    """Microseconds until a message without content has arrived."""
    gigabytes_per_s: float = Field(gt=0)
    """Bytes a second in one direction, in 10^9."""


class Cluster(Config):
    """A cluster for which times are predicted."""

    name: str
    """What it is called in tables and figures."""
    ranks_per_node: int = Field(ge=1)
    """Ranks, mostly one a GPU, of one machine."""
    within: LinkTable
    """Between ranks of one machine."""
    between: LinkTable
    """Between machines."""
    samples_per_s: float | None = Field(default=None, gt=0)
    """Samples a second of one rank alone, with the recipe's network; left away, as measured here."""
    overlap: float | None = Field(default=None, ge=0, le=1)
    """Share of communication that the backward pass hides where it is long enough; left away, as measured here."""
    nodes: tuple[Annotated[int, Field(ge=1)], ...] = (1, 2, 4, 8, 16, 32)
    """How many machines to predict for."""


@dataclass(frozen=True)
class Link:
    """One step of a ring between two ranks.

    Attributes:
        latency_s: Of a message without content.
        s_per_byte: Beyond that, for each byte.
    """

    latency_s: float = 0.0
    s_per_byte: float = 0.0


@dataclass(frozen=True)
class Load:
    """What one rank does in a step.

    Attributes:
        samples: That it computes.
        num_bytes: Of gradients, which all ranks sum up.
        messages: In how many pieces these are sent, and whatever else all ranks sum up.
    """

    samples: float
    num_bytes: float = 0.0
    messages: float = 1.0


@dataclass(frozen=True)
class Costs:
    """What things cost one rank.

    Attributes:
        per_step_s: Of compute, however few samples.
        per_sample_s: Of compute.
        input_per_sample_s: Of reading and preparing, which goes on during compute.
        within: The link between ranks of one node.
        between: The link between nodes.
        overlap: Share of communication that is hidden behind the backward pass where this is long enough.
        ranks_per_node: Ranks that the link `within` holds together.
    """

    per_step_s: float = 0.0
    per_sample_s: float = 0.0
    input_per_sample_s: float = 0.0
    within: Link = field(default_factory=Link)
    between: Link = field(default_factory=Link)
    overlap: float = 0.0
    ranks_per_node: int = 1


@dataclass(frozen=True)
class Step:
    """A step's seconds on one rank.

    Attributes:
        compute_s: Forward, backward and update.
        hidden_s: Communication during the backward pass.
        exposed_s: Communication that nothing hides.
        input_s: Waiting for samples that reading did not bring in time.
    """

    compute_s: float
    hidden_s: float
    exposed_s: float
    input_s: float

    @property
    def total_s(self) -> float:
        """From the beginning of one step to that of the next."""
        return self.compute_s + self.exposed_s + self.input_s


def ring_factors(num_ranks: int) -> tuple[int, float]:
    """What an all-reduce by a ring takes: how many latencies, and how often each byte's time.

    2 (n - 1) messages of 1/n of the bytes each, so 2 (n - 1) / n of all bytes (Patarasu and Yuan 2009, section 3).
    """
    return 2 * (num_ranks - 1), 2 * (num_ranks - 1) / num_ranks


def all_reduce_s(load: Load, num_ranks: int, costs: Costs) -> float:
    """Seconds of summing up `load` over all ranks; a ring is as slow as its slowest link."""
    if num_ranks == 1:
        return 0.0
    link = costs.within if num_ranks <= costs.ranks_per_node else costs.between
    latencies, bytes_times = ring_factors(num_ranks)
    return latencies * load.messages * link.latency_s + bytes_times * load.num_bytes * link.s_per_byte


def predict(costs: Costs, load: Load, num_ranks: int) -> Step:
    """One step of `num_ranks` ranks, each with `load`."""
    compute = costs.per_step_s + costs.per_sample_s * load.samples
    communication = all_reduce_s(load, num_ranks, costs)
    hidden = min(costs.overlap * communication, _BACKWARD * compute)
    exposed = communication - hidden
    waiting = max(0.0, costs.input_per_sample_s * load.samples - compute - exposed)
    return Step(compute, hidden, exposed, waiting)


@dataclass(frozen=True)
class Timed:
    """A measured step.

    Attributes:
        num_ranks: That took it together.
        load: Of each.
        seconds: That it took.
    """

    num_ranks: int
    load: Load
    seconds: float


Unknown = Literal[
    "per_step_s", "per_sample_s", "within.latency_s", "within.s_per_byte", "between.latency_s", "between.s_per_byte"
]


def fit(timed: Sequence[Timed], unknown: Sequence[Unknown], given: Costs) -> Costs:
    """`given` with the `unknown` costs by which `timed` is predicted best.

    Least squares of relative errors, none of the costs below zero (Lawson and Hanson 1974). Communication counts as far
    as `given.overlap` does not hide it; input is taken as hidden.

    Raises:
        ConfigError: There are fewer measurements than unknown costs.
    """
    if len(timed) < len(unknown):
        raise ConfigError(
            f"{len(timed)} measured steps for {len(unknown)} unknown costs",
            "at least as many steps, of different sizes or numbers of ranks",
            "measure more batch sizes or numbers of ranks",
        )
    known = given
    for name in unknown:
        known = _with(known, name, 0.0)
    columns = np.array([[_part(row, name, given) / row.seconds for name in unknown] for row in timed])
    talking = replace(known, input_per_sample_s=0.0)
    rest = np.array([1 - predict(talking, row.load, row.num_ranks).total_s / row.seconds for row in timed])
    # Costs lie between nanoseconds a byte and seconds: columns of one length keep the solver's tolerance meaningful.
    lengths = np.maximum(np.linalg.norm(columns, axis=0), np.finfo(float).tiny)
    found, _ = nnls(columns / lengths, rest)
    for name, value in zip(unknown, found / lengths, strict=True):
        known = _with(known, name, float(value))
    return known


def _part(row: Timed, name: Unknown, given: Costs) -> float:
    """How often a cost is paid in `row`: what a step would take if that cost were 1 and all others 0."""
    alone = _with(Costs(ranks_per_node=given.ranks_per_node), name, 1.0)
    shown = 1.0 if name.startswith("per_") else 1 - given.overlap
    return predict(alone, row.load, row.num_ranks).total_s * shown


def _with(costs: Costs, name: Unknown, value: float) -> Costs:
    link, _, part = name.rpartition(".")
    if not link:
        return replace(costs, **{part: value})  # type: ignore[arg-type]
    return replace(costs, **{link: replace(getattr(costs, link), **{part: value})})


def on_cluster(costs: Costs, cluster: Cluster) -> Costs:
    """`costs` with the links of `cluster`, and its speed of compute where it says one."""
    within, between = (
        Link(link.latency_us * 1e-6, 1e-9 / link.gigabytes_per_s) for link in (cluster.within, cluster.between)
    )
    overlap = costs.overlap if cluster.overlap is None else cluster.overlap
    moved = replace(costs, within=within, between=between, overlap=overlap, ranks_per_node=cluster.ranks_per_node)
    if cluster.samples_per_s is None:
        return moved
    return replace(moved, per_step_s=0.0, per_sample_s=1 / cluster.samples_per_s)


@dataclass(frozen=True)
class Table:
    """Published times of one training on more and more ranks.

    Attributes:
        name: What was trained.
        ranks: How many ranks.
        seconds: Of an epoch, printed to one second.
        ranks_per_node: Of the machine.
        num_calibrate: How many of the first rows the model is fitted to.
    """

    name: str
    ranks: tuple[int, ...]
    seconds: tuple[float, ...]
    ranks_per_node: int
    num_calibrate: int = 2


@dataclass(frozen=True)
class Predicted:
    """A published time and what is said of it without having seen it.

    Attributes:
        num_ranks: How many ranks.
        published_s: The published time.
        predicted_s: By the model.
        lowest_s: By the model, when the rows that it was fitted to are up to half a second off.
        highest_s: The same, at the other end.
        naive_s: The first row's time divided by how many times more ranks there are.
    """

    num_ranks: int
    published_s: float
    predicted_s: float
    lowest_s: float
    highest_s: float
    naive_s: float

    @property
    def is_right(self) -> bool:
        """Whether the prediction is the published time as far as that is printed."""
        return abs(self.predicted_s - self.published_s) <= _PRINTED_S

    @property
    def may_be_right(self) -> bool:
        """Whether some times that are printed as those of the first rows would have led to the published one."""
        return self.lowest_s - _PRINTED_S <= self.published_s <= self.highest_s + _PRINTED_S

    @property
    def is_naive_right(self) -> bool:
        """Whether 1/N would have done."""
        return abs(self.naive_s - self.published_s) <= _PRINTED_S


_PRINTED_S = 0.5


def predict_table(table: Table) -> tuple[Predicted, ...]:
    """The later rows of `table`, predicted from its first ones.

    The epoch has the same samples and the batch of a rank the same size on any number of ranks, so that samples and
    sums of gradients of one rank both fall as 1/n. Time within a node counts as compute: what is fitted is the compute
    of a sample and the link between nodes.
    """
    first = table.seconds[: table.num_calibrate]
    corners = np.array(np.meshgrid(*[(-_PRINTED_S, 0.0, _PRINTED_S)] * len(first))).reshape(len(first), -1).T
    fits = [_fit_epochs(table, tuple(np.add(first, corner))) for corner in corners]
    central = _fit_epochs(table, first)
    return tuple(
        Predicted(
            num,
            published,
            _epoch_s(central, num),
            min(_epoch_s(costs, num) for costs in fits),
            max(_epoch_s(costs, num) for costs in fits),
            first[0] * table.ranks[0] / num,
        )
        for num, published in list(zip(table.ranks, table.seconds, strict=True))[table.num_calibrate :]
    )


def _fit_epochs(table: Table, seconds: Sequence[float]) -> Costs:
    rows = [Timed(num, _epoch(num), time) for num, time in zip(table.ranks, seconds, strict=False)]
    return fit(rows, ("per_sample_s", "between.s_per_byte"), Costs(ranks_per_node=table.ranks_per_node))


def _epoch(num_ranks: int) -> Load:
    """An epoch of one sample and one byte in all: only the ratio between the rows matters."""
    return Load(samples=1 / num_ranks, num_bytes=1 / num_ranks)


def _epoch_s(costs: Costs, num_ranks: int) -> float:
    return predict(costs, _epoch(num_ranks), num_ranks).total_s


def efficiency(costs: Costs, load: Load, num_ranks: int) -> float:
    """Samples a second of `num_ranks` ranks, over those of as many ranks that need not talk."""
    return predict(costs, load, 1).total_s / predict(costs, load, num_ranks).total_s

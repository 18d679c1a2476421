"""Which layers of a network stand on which rank, as lines of a recipe say it, and what is sent for that. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from landweave.config import nearest
from landweave.errors import ConfigError
from landweave.parallel.stages import TRUNK

NAMED = ("baseline", "optimized")
# What ends a block of convolutions: behind the last of these the last block begins.
_ENDS = ("pool", "norm")


Names = Mapping[str, tuple[str, ...]]
"""Layers in order by chain, the trunk last, as `stages.Stages.names` gives them."""


@dataclass(frozen=True)
class Run:
    """Consecutive layers of one branch, or of the trunk, on one rank.

    Attributes:
        rank: Where they stand, among the ranks of one arrangement.
        chain: Name of the branch, or "trunk".
        layers: Their names in order.
    """

    rank: int
    chain: str
    layers: tuple[str, ...]


@dataclass(frozen=True)
class Cut:
    """Where what one rank computed goes on at another; the gradient comes back the same way.

    Attributes:
        chain: The branch, or "trunk", whose layer comes before the cut.
        layer: That layer.
        source: The rank that has it.
        target: The rank of the layer after it; after a branch's last layer, that of the trunk's first.
    """

    chain: str
    layer: str
    source: int
    target: int

    @property
    def name(self) -> str:
        """Names the cut in counts and tables; there is one of that name."""
        return f"{self.chain}.{self.layer}"


@dataclass(frozen=True)
class Placement:
    """Runs of layers on ranks, so that no rank waits for itself by way of another.

    Attributes:
        runs: In an order in which they can be computed: the branches', then the trunk's.
        name: What it is called; empty for one that only its lines tell.
    """

    runs: tuple[Run, ...]
    name: str = ""

    @cached_property
    def num_ranks(self) -> int:
        """How many ranks hold the network once."""
        return 1 + max(run.rank for run in self.runs)

    @cached_property
    def order(self) -> tuple[int, ...]:
        """The ranks so that each stands behind those that it gets activations from."""
        return _sorted(self.num_ranks, cuts(self))

    @property
    def lines(self) -> dict[str, str]:
        """The lines of a recipe that say it, by chain."""
        told: dict[str, list[Run]] = {}
        for run in self.runs:
            told.setdefault(run.chain, []).append(run)
        return {chain: "; ".join(_piece(run, len(runs) == 1) for run in runs) for chain, runs in told.items()}

    def of_rank(self, rank: int) -> tuple[Run, ...]:
        """The runs of one rank, in the order in which it computes them."""
        return tuple(run for run in self.runs if run.rank == rank)

    def __str__(self) -> str:
        told = ", ".join(f'{chain} = "{line}"' for chain, line in self.lines.items())
        return f"{self.name} ({told})" if self.name else told


def _piece(run: Run, is_whole: bool) -> str:
    if is_whole:
        return str(run.rank)
    first, last = run.layers[0], run.layers[-1]
    return f"{run.rank}: {first}" if first == last else f"{run.rank}: {first}..{last}"


def cuts(placement: Placement) -> tuple[Cut, ...]:
    """Every place where activations go from one rank to another, in the order of computation."""
    return tuple(
        Cut(run.chain, run.layers[-1], run.rank, after.rank)
        for run, after in handovers(placement)
        if run.rank != after.rank
    )


def handovers(placement: Placement) -> Iterator[tuple[Run, Run]]:
    """Each run but the last with the one that takes what it gives."""
    trunk = next(run for run in placement.runs if run.chain == TRUNK)
    for run, after in zip(placement.runs, [*placement.runs[1:], None], strict=True):
        if after is not None and after.chain == run.chain:
            yield run, after
        elif run.chain != TRUNK:
            yield run, trunk


def _sorted(num_ranks: int, crossed: Sequence[Cut]) -> tuple[int, ...]:
    """The ranks by what they wait for.

    Raises:
        ConfigError: Some wait for one another.
    """
    placed: list[int] = []
    while len(placed) < num_ranks:
        waiting = {cut.target for cut in crossed if cut.source not in placed}
        ready = [rank for rank in range(num_ranks) if rank not in placed and rank not in waiting]
        if not ready:
            stuck = sorted(set(range(num_ranks)) - set(placed))
            raise ConfigError(
                f"a placement in which ranks {', '.join(map(str, stuck))} wait for one another",
                "activations that never come back to a rank that they have left",
                "give each rank layers that follow each other, up to the end of what it holds",
            )
        placed += ready
    return tuple(placed)


def placed(runs: Sequence[Run], name: str = "") -> Placement:
    """The placement of these runs.

    Raises:
        ConfigError: A rank holds nothing, or ranks wait for one another.
    """
    made = Placement(tuple(runs), name)
    if idle := sorted(set(range(made.num_ranks)) - {run.rank for run in runs}):
        raise ConfigError(
            f"a placement on ranks up to {made.num_ranks - 1} without a layer for rank {', '.join(map(str, idle))}",
            "layers for each rank, counted from 0",
            "number the ranks without gaps",
        )
    # Found here, before any rank waits for ever.
    _ = made.order
    return made


def parse(lines: Mapping[str, str], names: Names, name: str = "") -> Placement:
    """The placement that the lines of a recipe say, one a branch and one for the trunk.

    A line is a rank ("2": it has all layers of that chain) or ranks with their layers in order, parted by semicolons:
    "0: conv1..pool3; 2: conv7..flatten". A run that begins at the chain's first layer or ends at its last one may leave
    that name away ("0: ..pool3; 2: conv7.."); layers that are named must be all there are.

    Raises:
        ConfigError: A chain, layer or rank is unknown, missing or there twice, or ranks wait for one another.
    """
    for chain in lines:
        if chain not in names:
            raise ConfigError(
                f"placement of {chain}, which the network does not have",
                nearest(chain, names),
                "name the network's branches, and trunk for what follows them",
            )
    if missing := [chain for chain in names if chain not in lines]:
        raise ConfigError(
            f"a placement without {', '.join(missing)}",
            f"a line for each of {', '.join(names)}",
            f'add for example {missing[0]} = "0"',
        )
    return placed([run for chain, layers in names.items() for run in _runs(chain, layers, lines[chain])], name)


def _runs(chain: str, layers: tuple[str, ...], line: str) -> list[Run]:
    runs: list[Run] = []
    for piece in line.split(";"):
        told, _, span = piece.partition(":")
        # A run whose first layer is left away begins where the one before it ends.
        begin = sum(len(run.layers) for run in runs)
        runs.append(Run(_rank(chain, told), chain, _span(chain, layers, begin, span.strip() or "..")))
    if tuple(layer for run in runs for layer in run.layers) != layers:
        raise ConfigError(
            f'placement {chain} = "{line}"',
            f"every layer once and in order: {', '.join(layers)}",
            "let each run begin where the one before it ends",
        )
    # Neighbours on one rank are one run: nothing is sent between them.
    return _joined(runs)


def _joined(runs: Sequence[Run]) -> list[Run]:
    joined: list[Run] = []
    for run in runs:
        if joined and joined[-1].rank == run.rank:
            joined[-1] = Run(run.rank, run.chain, joined[-1].layers + run.layers)
        else:
            joined.append(run)
    return joined


def _rank(chain: str, told: str) -> int:
    if not told.strip().isdigit():
        raise ConfigError(
            f"rank {told.strip()!r} in the placement of {chain}", "a whole number from 0 on", 'write for example "0"'
        )
    return int(told)


def _span(chain: str, layers: tuple[str, ...], begin: int, told: str) -> tuple[str, ...]:
    first, dots, last = (word.strip() for word in told.partition(".."))
    for name in (first, last):
        if name and name not in layers:
            raise ConfigError(
                f"layer {name} in the placement of {chain}, which has no such layer",
                nearest(name, layers),
                "landweave plan lists the layers of a recipe's network",
            )
    start = layers.index(first) if first else begin
    end = layers.index(last) if last else len(layers) - 1 if dots else start
    return layers[start : end + 1]


def baseline(names: Names) -> Placement:
    """Each branch on a rank of its own, the trunk on the next (Aspri et al. 2020, figure 4).

    Raises:
        ConfigError: The network has no branches.
    """
    return _by_branches(names, "baseline", dict.fromkeys(_branches(names), ""))


def optimized(names: Names) -> Placement:
    """As `baseline`, but the last block of each branch stands with the trunk (Aspri et al. 2020, figure 5).

    The last block is what follows the branch's last pool or norm.

    Raises:
        ConfigError: The network has no branches, or one of them no block.
    """
    ends = {}
    for branch, layers in _branches(names).items():
        found = [name for name in layers[:-1] if name.startswith(_ENDS)]
        if not found:
            raise ConfigError(
                f"placement optimized for the branch {branch} without a pool or norm",
                "branches of blocks that a pool or norm ends",
                f'write the placement out, for example {branch} = "0: {layers[0]}; 2"',
            )
        ends[branch] = found[-1]
    return _by_branches(names, "optimized", ends)


def _branches(names: Names) -> dict[str, tuple[str, ...]]:
    return {chain: layers for chain, layers in names.items() if chain != TRUNK}


def _by_branches(names: Names, name: str, ends: Mapping[str, str]) -> Placement:
    if not ends:
        raise ConfigError(
            f"placement {name} for a network without branches",
            "a network with branches, or a placement that is written out",
            f'write for example trunk = "0: ..{names[TRUNK][0]}; 1"',
        )
    last = len(ends)
    lines = {
        branch: f"{rank}: ..{end}; {last}" if end else str(rank) for rank, (branch, end) in enumerate(ends.items())
    }
    return parse({**lines, TRUNK: str(last)}, names, name)


def whole(names: Names) -> Placement:
    """All layers on one rank: with replicas this is data parallelism."""
    return parse(dict.fromkeys(names, "0"), names, "data-parallel")


def resolve(told: str | Mapping[str, str], names: Names) -> Placement:
    """The placement that a recipe names or writes out.

    Raises:
        ConfigError: It names none of those there are, or does not fit the network.
    """
    if not isinstance(told, str):
        return parse(told, names)
    named = {"baseline": baseline, "optimized": optimized}
    if told not in named:
        raise ConfigError(
            f"placement {told}", nearest(told, (*NAMED, "auto")), "name one, or write a line for each branch and trunk"
        )
    return named[told](names)


def num_replicas(placement: Placement, world_size: int) -> int:
    """How often the whole arrangement stands on so many ranks.

    Raises:
        ConfigError: The ranks are no multiple of those of the placement.
    """
    times, rest = divmod(world_size, placement.num_ranks)
    if rest or not times:
        raise ConfigError(
            f"a placement on {placement.num_ranks} ranks, started on {world_size}",
            f"{placement.num_ranks} ranks, or a multiple: replicas of the arrangement",
            f"start {placement.num_ranks * max(1, times)} ranks, or place the network on fewer",
        )
    return times

"""The ranks that a network is planned for, as a TOML describes them: memory, speed, links, cores that they share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field, model_validator

from landweave.config import Config
from landweave.errors import ConfigError
from landweave.parallel.cost import Link, LinkTable

Rank = Annotated[int, Field(ge=0)]


class Shared(Config):
    """Ranks that share cores, or a GPU."""

    ranks: tuple[Rank, ...] = Field(min_length=2)
    """Which, from 0."""
    cores: float = Field(gt=0)
    """How many of them compute at full speed at the same time; more of them share that evenly."""
    together: float = Field(default=1.0, gt=0, le=1)
    """The speed of each, over its speed alone, once so many compute: they share memory and caches too."""


class LinkOf(LinkTable):
    """A link between some of the ranks."""

    source: tuple[Rank, ...] | None = None
    """Ranks that send over it; left away, any."""
    target: tuple[Rank, ...] | None = None
    """Ranks that it leads to; left away, any."""


class Ranks(Config):
    """The ranks that a network is planned for."""

    name: str
    """What they are called in tables and figures."""
    ranks: int = Field(ge=1)
    """How many processes train together."""
    memory_gigabytes: Annotated[float, Field(gt=0)] | tuple[Annotated[float, Field(gt=0)], ...]
    """Memory that each may use, in 10^9 bytes: one number, or one a rank."""
    speed: Annotated[float, Field(gt=0)] | tuple[Annotated[float, Field(gt=0)], ...] = 1.0
    """Speed of each, over that of the process which takes the profile: one number, or one a rank."""
    link: LinkTable
    """From any rank to any other. What a rank sends leaves it one message after the other."""
    links: tuple[LinkOf, ...] = ()
    """Links that differ from it: the first one that fits counts."""
    shared: tuple[Shared, ...] = ()
    """Ranks that share cores; each of the others has its own."""

    @model_validator(mode="after")
    def _fits(self) -> Ranks:
        for what, each in (("memory_gigabytes", self.memory_gigabytes), ("speed", self.speed)):
            if isinstance(each, tuple) and len(each) != self.ranks:
                raise ValueError(f"one {what}, or one for each of {self.ranks} ranks")
        named = [rank for group in self.shared for rank in group.ranks]
        if len(set(named)) < len(named):
            raise ValueError("each rank in one group of shared cores at most")
        ends = [rank for link in self.links for end in (link.source, link.target) for rank in end or ()]
        if any(rank >= self.ranks for rank in (*named, *ends)):
            raise ValueError(f"ranks from 0 to {self.ranks - 1}")
        return self

    def memory_bytes(self, rank: int) -> float:
        """What this rank may use."""
        each = self.memory_gigabytes
        return 1e9 * (each[rank] if isinstance(each, tuple) else each)

    def speed_of(self, rank: int) -> float:
        """Of this rank alone."""
        return self.speed[rank] if isinstance(self.speed, tuple) else self.speed

    def link_of(self, source: int, target: int) -> Link:
        """How messages go from one rank to another."""
        table = next((link for link in self.links if _fits(link, source, target)), self.link)
        return Link(table.latency_us * 1e-6, 1e-9 / table.gigabytes_per_s)

    def groups(self) -> Iterator[tuple[tuple[int, ...], float, float]]:
        """Ranks that share cores, how many of them compute at full speed, and what is left of it then."""
        alone = set(range(self.ranks))
        for group in self.shared:
            alone -= set(group.ranks)
            yield group.ranks, group.cores, group.together
        for rank in sorted(alone):
            yield (rank,), 1.0, 1.0

    def agree(self, num_ranks: int) -> None:
        """Return when so many ranks were described.

        Raises:
            ConfigError: They were not.
        """
        if num_ranks != self.ranks:
            raise ConfigError(
                f"{num_ranks} ranks for {self.name}, which has {self.ranks}",
                f"{self.ranks} ranks, as the cluster's TOML says",
                "start as many, or describe these",
            )


def _fits(link: LinkOf, source: int, target: int) -> bool:
    return (link.source is None or source in link.source) and (link.target is None or target in link.target)

"""Share out tasks of different size, so that all workers end at nearly the same time. Pure."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, Self, TypeVar

from landweave.errors import ConfigError

Shares = list[list[int]]
"""For each worker the places of its tasks in the sequence that was shared out."""


class Sized(Protocol):
    """A task that knows how much work it is."""

    @property
    def num_patches(self) -> int:
        """Patches to cut."""


SizedT = TypeVar("SizedT", bound=Sized)


def largest_first(sizes: Sequence[float]) -> list[int]:
    """Places of the sizes from the largest to the smallest; equal ones keep their order."""
    return sorted(range(len(sizes)), key=lambda place: -sizes[place])


def rows(sizes: Sequence[float], num_workers: int) -> Shares:
    """Tasks dealt in rows: the largest first, one to each worker, and from the second row on in reversed order.

    Algorithm 1 of Sedona et al. 2019 (Remote Sensing 11, 3056) does not run as it is printed; this is how it is read
    here. The baseline that `longest_first` is compared with.
    """
    shares: Shares = [[] for _ in range(num_workers)]
    for place, task in enumerate(largest_first(sizes)):
        row, column = divmod(place, num_workers)
        shares[num_workers - 1 - column if row else column].append(task)
    return shares


def longest_first(sizes: Sequence[float], num_workers: int) -> Shares:
    """Tasks from the largest to the smallest, each to the worker with least work so far.

    The last worker ends after at most `longest_first_bound` times the best possible time.
    """
    shares: Shares = [[] for _ in range(num_workers)]
    loads = [(0.0, worker) for worker in range(num_workers)]
    for task in largest_first(sizes):
        load, worker = loads[0]
        shares[worker].append(task)
        heapq.heapreplace(loads, (load + sizes[task], worker))
    return shares


def longest_first_bound(num_workers: int) -> float:
    """How much longer than the best possible `longest_first` may take: 4/3 - 1/(3 n), Graham 1969, theorem 2."""
    return 4 / 3 - 1 / (3 * num_workers)


def loads(sizes: Sequence[float], shares: Shares) -> list[float]:
    """The work of each worker."""
    return [sum(sizes[task] for task in share) for share in shares]


def idle(sizes: Sequence[float], shares: Shares) -> float:
    """Share of all workers' time in which they wait for the last one, 0 to 1; 0 where there is nothing to do."""
    each = loads(sizes, shares)
    whole = max(each, default=0) * len(each)
    return 1 - sum(each) / whole if whole else 0.0


@dataclass(frozen=True, slots=True)
class Share:
    """One of several shares of a job, each run by a command of its own, on one machine or many.

    Attributes:
        number: Which one, from 1.
        of: How many there are.
    """

    number: int
    of: int

    @classmethod
    def parse(cls, text: str) -> Self:
        """The share that "3/8" means.

        Raises:
            ConfigError: It means none.
        """
        number, _, of = text.partition("/")
        if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
            raise ConfigError(
                f"share {text}",
                "NUMBER/OF, the number from 1 to OF",
                "write --share 1/8 to --share 8/8, for example --share $SLURM_ARRAY_TASK_ID/8 with --array=1-8",
            )
        return cls(int(number), int(of))

    @property
    def name(self) -> str:
        """Fit for a file name."""
        return f"{self.number}-of-{self.of}"

    def take(self, tasks: Sequence[SizedT]) -> list[SizedT]:
        """The tasks of this share, largest first; all shares together have each task once."""
        shares = longest_first([task.num_patches for task in tasks], self.of)
        return [tasks[place] for place in shares[self.number - 1]]


WHOLE = Share(1, 1)

"""Published names of classes to indices of the legend that was asked for."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from landweave.config import nearest
from landweave.errors import LegendError
from landweave.legend import IGNORE, Legend, crosswalk, known_crosswalks, legend


@dataclass(frozen=True)
class Labels:
    """How names become indices.

    Attributes:
        published: The legend that names are of.
        wanted: The legend of the indices.
        table: Index of the wanted legend by that of the published one, 255 where dropped.
    """

    published: Legend
    wanted: Legend
    table: NDArray[Any]

    @classmethod
    def make(cls, published: str, wanted: str) -> Self:
        """From one known legend to another, by a published crosswalk where they differ.

        Raises:
            LegendError: There is no such legend or crosswalk.
        """
        table = np.arange(256) if published == wanted else crosswalk(published, wanted).indices()
        return cls(legend(published), legend(wanted), table)

    @classmethod
    def of(cls, names: Iterable[str], wanted: str | None, source: str) -> Self:
        """For these names, whose legend nobody told: the wanted one, or one from which a crosswalk leads to it.

        Raises:
            LegendError: No such legend has all names, or none was asked for.
        """
        found = sorted(set(names))
        if wanted is None:
            raise LegendError(
                f"{source} without a legend", "the legend to store", "name it with --legend, for example bigearthnet-19"
            )
        # The nearest first: what has fewest classes more than the wanted one.
        older = sorted((old for old, new in known_crosswalks() if new == wanted), key=lambda name: len(legend(name)))
        for name in (wanted, *older):
            if set(found) <= set(legend(name).names):
                return cls.make(name, wanted)
        foreign = [name for name in found if name not in legend(wanted).names]
        raise LegendError(
            f"label {foreign[0]} in {source}",
            f"a class of {wanted}: {nearest(foreign[0], legend(wanted).names)}",
            "check the list, and that --legend is the one of its labels or one that a crosswalk leads to",
        )

    def indices(self, names: Iterable[str], source: Path | str) -> tuple[int, ...]:
        """Indices of the wanted legend, ascending; classes that the crosswalk drops are left away.

        Raises:
            LegendError: A name is no class of the published legend.
        """
        given = list(names)
        for name in given:
            if name not in self.published.names:
                raise LegendError(
                    f"label {name} in {source}",
                    f"a class of {self.published.name}: {nearest(name, self.published.names)}",
                    "check that this is the data set that was named, as published",
                )
        every = [self.published.index(name) for name in given]
        return tuple(sorted({int(self.table[index]) for index in every} - {IGNORE}))

"""Two ways to label the same things, counted against each other: legends may differ. Counts that add up."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float64, Int64, UInt8

from landweave.legend import IGNORE


@dataclass(frozen=True, eq=False)
class CrossTable:
    """How often each class of one classifier meets each class of another, as in Figures 2 and 16 of Sedona et al. 2020.

    Attributes:
        rows: Classes of the one, in order.
        columns: Classes of the other, in order.
        counts: How many things have both.
    """

    rows: tuple[str, ...]
    columns: tuple[str, ...]
    counts: Int64[np.ndarray, "r c"]

    @classmethod
    def zero(cls, rows: Sequence[str], columns: Sequence[str]) -> CrossTable:
        """Nothing counted: `zero(...) + a` equals `a`."""
        return cls(tuple(rows), tuple(columns), np.zeros((len(rows), len(columns)), np.int64))

    @classmethod
    def from_labels(
        cls, rows: Sequence[str], columns: Sequence[str], one: UInt8[np.ndarray, " n"], other: UInt8[np.ndarray, " n"]
    ) -> CrossTable:
        """Count indices of both legends against each other; IGNORE in either is left out."""
        used = (one != IGNORE) & (other != IGNORE)
        pairs = one[used].astype(np.int64) * len(columns) + other[used]
        counts = np.bincount(pairs, minlength=len(rows) * len(columns)).astype(np.int64)
        return cls(tuple(rows), tuple(columns), counts.reshape(len(rows), len(columns)))

    def __add__(self, other: CrossTable) -> CrossTable:
        assert (self.rows, self.columns) == (other.rows, other.columns), "tables of other classes"
        return CrossTable(self.rows, self.columns, self.counts + other.counts)

    @property
    def transposed(self) -> CrossTable:
        """The same with rows and columns exchanged."""
        return CrossTable(self.columns, self.rows, np.ascontiguousarray(self.counts.T))

    @property
    def shares(self) -> Float64[np.ndarray, "r c"]:
        """Each count as a share of its row; NaN in rows that are empty, for which nothing can be said."""
        totals = self.counts.sum(1, keepdims=True)
        with np.errstate(invalid="ignore"):
            return np.asarray(self.counts / totals)

    def row(self, name: str) -> dict[str, float]:
        """Shares of one row by the names of the columns (Table 7 where the row is large NAT)."""
        return dict(zip(self.columns, self.shares[self.rows.index(name)].tolist(), strict=True))

    def to_json(self) -> dict[str, Any]:
        """Plain values."""
        return {"rows": list(self.rows), "columns": list(self.columns), "counts": self.counts.tolist()}

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> CrossTable:
        """What `to_json` gave."""
        rows, columns = tuple(values["rows"]), tuple(values["columns"])
        return cls(rows, columns, np.array(values["counts"], np.int64).reshape(len(rows), len(columns)))

"""Changes of pixels as places of change: which hang together, in a tile and beyond its borders. Pure."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from jaxtyping import Float64, Int32, Int64, Shaped, UInt8
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from landweave.series.change import Changes

SIDES = ("top", "bottom", "left", "right")


@dataclass(frozen=True, slots=True)
class Border:
    """Changes along one edge of a tile, by their place on it.

    Attributes:
        position: Row or column, counted from the corner of the tile.
        group: Number of its group in the tile.
        new: Class index after.
        day: When, in days since 1970-01-01.
    """

    position: Int64[np.ndarray, " n"]
    group: Int64[np.ndarray, " n"]
    new: UInt8[np.ndarray, " n"]
    day: Int32[np.ndarray, " n"]

    def arrays(self, side: str) -> dict[str, Shaped[np.ndarray, " n"]]:
        """As arrays to keep, named for the side."""
        return {f"{side}_{field.name}": getattr(self, field.name) for field in fields(self)}

    @classmethod
    def of(cls, arrays: Mapping[str, Any], side: str) -> Border:
        """What `arrays` gave."""
        return cls(*(arrays[f"{side}_{field.name}"] for field in fields(cls)))


@dataclass(frozen=True, slots=True)
class Sums:
    """What is known of groups of changes, and adds up where groups are one.

    Attributes:
        num_px: Pixels of each.
        old: For each class, pixels that had it before.
        place: For each place in the sequence, pixels that changed there.
        probability: Sum over pixels.
        window: First row, row after the last, first column, column after the last.
        new: Class index after, the same for all pixels.
    """

    num_px: Int64[np.ndarray, " g"]
    old: Int64[np.ndarray, "g k"]
    place: Int64[np.ndarray, "g s"]
    probability: Float64[np.ndarray, " g"]
    window: Int64[np.ndarray, "g 4"]
    new: UInt8[np.ndarray, " g"]

    def at(self, which: Any) -> Sums:
        """Those of an index or a mask."""
        return Sums(*(getattr(self, field.name)[which] for field in fields(self)))

    def merged(self) -> Sums:
        """All of them as one."""
        low, high = self.window.min(0), self.window.max(0)
        window = np.array([low[0], high[1], low[2], high[3]])
        num_px, old, place, probability = (
            one.sum(0)[None] for one in (self.num_px, self.old, self.place, self.probability)
        )
        return Sums(num_px, old, place, probability, window[None], self.new[:1])


def groups(changes: Changes, shape: tuple[int, int], tolerance_days: int) -> Int64[np.ndarray, " m"]:
    """The number of each change's group, from 0: changes of neighbours by an edge, to one class, at about one time.

    Times may drift over a group; only those of neighbours are compared.

    Args:
        changes: Of the pixels of a tile, sorted by pixel.
        shape: (height, width) of the tile.
        tolerance_days: How far apart two neighbours may have changed.
    """
    layers = place_layers(changes, shape)
    pairs = [np.zeros((2, 0), np.int64)]
    for one, other in itertools.product(layers, repeat=2):
        pairs += [_meeting(one[:, :-1], other[:, 1:], changes, tolerance_days)]
        pairs += [_meeting(one[:-1], other[1:], changes, tolerance_days)]
    return _components(np.concatenate(pairs, 1), len(changes))


def place_layers(changes: Changes, shape: tuple[int, int]) -> list[Int64[np.ndarray, "h w"]]:
    """The first, second ... change of every pixel as its place in `changes`, -1 where there is none."""
    begins = np.flatnonzero(np.diff(changes.pixel, prepend=-1))
    counts = np.diff([*begins, len(changes)])
    rank = np.arange(len(changes)) - np.repeat(begins, counts)
    layers = []
    for number in range(int(counts.max(initial=0))):
        layer = np.full(shape[0] * shape[1], -1)
        here = np.flatnonzero(rank == number)
        layer[changes.pixel[here]] = here
        layers.append(layer.reshape(shape))
    return layers


def sums_of(
    changes: Changes, numbers: Int64[np.ndarray, " m"], corner: tuple[int, int], width: int, sizes: tuple[int, int]
) -> Sums:
    """The sums of every group in a tile.

    Args:
        changes: Of the tile.
        numbers: Their groups.
        corner: (row, col) of the tile in the map.
        width: Columns of the tile.
        sizes: Classes, and maps of the sequence.
    """
    num = int(numbers.max(initial=-1)) + 1
    row, col = np.divmod(changes.pixel, width)
    window = np.empty((num, 4), np.int64)
    for place, (where, offset) in enumerate(((row, corner[0]), (col, corner[1]))):
        low, high = np.full(num, np.iinfo(np.int64).max), np.full(num, -1)
        np.minimum.at(low, numbers, where)
        np.maximum.at(high, numbers, where)
        window[:, 2 * place], window[:, 2 * place + 1] = low + offset, high + 1 + offset
    new = np.zeros(num, np.uint8)
    new[numbers] = changes.new
    return Sums(
        np.bincount(numbers, minlength=num),
        _histogram(numbers, changes.old.astype(np.int64), (num, sizes[0])),
        _histogram(numbers, changes.place, (num, sizes[1])),
        np.bincount(numbers, changes.probability.astype(np.float64), minlength=num),
        window,
        new,
    )


def borders(changes: Changes, numbers: Int64[np.ndarray, " m"], shape: tuple[int, int]) -> dict[str, Border]:
    """The changes along each edge of a tile."""
    row, col = np.divmod(changes.pixel, shape[1])
    edges = {"top": (row == 0, col), "bottom": (row == shape[0] - 1, col),
             "left": (col == 0, row), "right": (col == shape[1] - 1, row)}  # fmt: skip
    return {
        side: Border(position[here], numbers[here], changes.new[here], changes.day[here])
        for side, (here, position) in edges.items()
    }


def meeting(one: Border, other: Border, tolerance_days: int) -> Iterator[tuple[int, int]]:
    """Groups on both sides of a border between tiles that are one."""
    order = np.argsort(other.position, kind="stable")
    first = np.searchsorted(other.position[order], one.position)
    last = np.searchsorted(other.position[order], one.position, side="right")
    for step in range(int((last - first).max(initial=0))):
        mine = np.flatnonzero(first + step < last)
        its = order[first[mine] + step]
        near = np.abs(one.day[mine] - other.day[its]) <= tolerance_days
        is_one = near & (one.new[mine] == other.new[its])
        yield from np.unique(np.stack([one.group[mine], other.group[its]])[:, is_one], axis=1).T.tolist()


def joined(
    names: Sequence[tuple[str, int]], pairs: Sequence[tuple[tuple[str, int], tuple[str, int]]]
) -> list[list[int]]:
    """Places in `names` of those that pairs make one, in the order of the first of each."""
    places = {name: place for place, name in enumerate(names)}
    ends = np.array([[places[one], places[other]] for one, other in pairs], np.int64).reshape(-1, 2).T
    found: dict[int, list[int]] = {}
    for place, number in enumerate(_components(ends, len(names)).tolist()):
        found.setdefault(number, []).append(place)
    return list(found.values())


def _meeting(
    one: Int64[np.ndarray, "h w"], other: Int64[np.ndarray, "h w"], changes: Changes, tolerance_days: int
) -> Int64[np.ndarray, "2 n"]:
    both = (one >= 0) & (other >= 0)
    first, second = one[both], other[both]
    near = np.abs(changes.day[first] - changes.day[second]) <= tolerance_days
    return np.stack([first, second])[:, near & (changes.new[first] == changes.new[second])]


def _components(pairs: Int64[np.ndarray, "2 n"], num: int) -> Int64[np.ndarray, " m"]:
    graph = coo_array((np.ones(pairs.shape[1], np.bool_), (pairs[0], pairs[1])), shape=(num, num))
    return np.asarray(connected_components(graph, directed=False)[1], np.int64)


def _histogram(
    numbers: Int64[np.ndarray, " m"], values: Int64[np.ndarray, " m"], shape: tuple[int, int]
) -> Int64[np.ndarray, "g v"]:
    counts: Int64[np.ndarray, "g v"] = np.bincount(numbers * shape[1] + values, minlength=shape[0] * shape[1]).reshape(
        shape
    )
    return counts

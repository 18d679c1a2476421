"""Randomness that belongs to places: hashes on lattices, noise, cells and strips, the same for any window. Pure.

Nothing here draws from a generator. A lattice node (i, j) gets its numbers from a hash of the world's key and of i and
j, and everything else is elementwise in these numbers, so that a part of a world computed alone equals the part of the
whole bit for bit.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cache
from typing import Self

import numpy as np
from jaxtyping import Float32, Float64, Int64, UInt32
from numpy.typing import NDArray

from landweave.tiling import Window

Plane = Float32[np.ndarray, "h w"]
_CORNERS = ((0, 0), (0, 1), (1, 0), (1, 1))
# A node stays this far (in spacings) from its lattice place at most: then the nearest of the four around a point is
# the nearest of all.
_JITTER = 0.25
_TO_UNIT = np.float32(2.0**-32)


@dataclass(frozen=True)
class Axes:
    """Centres of ground cells, in metres east (x) and south (y) of the world's corner.

    Attributes:
        x: One for each column.
        y: One for each row.
        cell_m: Edge of a cell.
    """

    x: Float64[np.ndarray, " w"]
    y: Float64[np.ndarray, " h"]
    cell_m: float

    @classmethod
    def of(cls, window: Window, cell_m: float) -> Self:
        """The cells of `window`, counted in cells from the world's corner."""
        x = (np.arange(window.col, window.col + window.width) + 0.5) * cell_m
        y = (np.arange(window.row, window.row + window.height) + 0.5) * cell_m
        return cls(x, y, cell_m)

    @property
    def shape(self) -> tuple[int, int]:
        """(height, width)."""
        return len(self.y), len(self.x)


def key(seed: int, *names: object) -> int:
    """32 bits that belong to a seed and a name."""
    text = "/".join(str(name) for name in (seed, *names))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=4).digest(), "little")


def hashed(number: int | UInt32[np.ndarray, "*s"], *places: NDArray[np.integer]) -> UInt32[np.ndarray, "*s"]:
    """32 random bits for each place (integers of any size; broadcast), different for each `number`."""
    bits = np.atleast_1d(np.asarray(number, np.uint32))
    for place in places:
        bits = _mix(bits ^ np.asarray(place).astype(np.uint32))
    return bits


def _mix(bits: UInt32[np.ndarray, "*s"]) -> UInt32[np.ndarray, "*s"]:
    """A bijection of 32 bits in which every input bit touches every output bit (Wellons' lowbias32)."""
    bits = bits + np.uint32(0x9E3779B9)
    bits = (bits ^ (bits >> np.uint32(16))) * np.uint32(0x7FEB352D)
    bits = (bits ^ (bits >> np.uint32(15))) * np.uint32(0x846CA68B)
    return np.asarray(bits ^ (bits >> np.uint32(16)))


def uniform(number: int | UInt32[np.ndarray, "*s"], *places: NDArray[np.integer]) -> Float32[np.ndarray, "*s"]:
    """Numbers in 0-1, evenly spread, one for each place."""
    return np.asarray(hashed(number, *places).astype(np.float32) * _TO_UNIT)


def normal(number: int | UInt32[np.ndarray, "*s"], *places: NDArray[np.integer]) -> Float32[np.ndarray, "*s"]:
    """Numbers with mean 0 and variance 1, one for each place: the sum of four bytes and a remainder, near to normal."""
    bits = hashed(number, *places)
    total = (bits & np.uint32(0xFF)) + ((bits >> np.uint32(8)) & np.uint32(0xFF))
    total = total + ((bits >> np.uint32(16)) & np.uint32(0xFF)) + (bits >> np.uint32(24))
    # Four bytes have mean 4 * 127.5 and variance 4 * (256^2 - 1) / 12.
    return np.asarray((total.astype(np.float32) - np.float32(510.0)) * np.float32(1 / 147.8))


def noise(axes: Axes, number: int, spacing_m: float) -> Plane:
    """Smooth noise in 0-1 with features of about `spacing_m`: hashed nodes, joined by a quintic ease."""
    (i, fx), (j, fy) = _split(axes.x / spacing_m), _split(axes.y / spacing_m)
    nodes = uniform(number, np.arange(j[0], j[-1] + 2)[:, None], np.arange(i[0], i[-1] + 2)[None])
    fx, fy = _ease(fx), _ease(fy)[:, None]
    left, right = nodes[:, i - i[0]], nodes[:, i - i[0] + 1]
    rows = left + (right - left) * fx
    low = rows[j - j[0]]
    return np.asarray(low + (rows[j - j[0] + 1] - low) * fy)


def fractal(axes: Axes, number: int, spacing_m: float, octaves: int, gain: float = 0.5) -> Plane:
    """Noise in 0-1 with detail: every octave half as wide and `gain` as strong as the one before."""
    total = np.zeros(axes.shape, np.float32)
    for octave in range(octaves):
        part = noise(axes, int(hashed(number, np.array(octave))[0]), spacing_m / 2**octave)
        total += np.float32(gain**octave) * part
    return total * np.float32((1 - gain) / (1 - gain**octaves)) if octaves > 1 else total


def rank(values: Plane, octaves: int, gain: float = 0.5) -> Plane:
    """Share of a world whose `fractal` of that many octaves is below `values`: even in 0-1."""
    known = _quantiles(octaves, gain)
    return np.asarray(np.interp(values, known, np.linspace(0, 1, len(known))), np.float32)


@cache
def _quantiles(octaves: int, gain: float) -> Float64[np.ndarray, " q"]:
    places = np.arange(600) * 0.37
    sample = fractal(Axes(places, places, 0.37), 1, 1.0, octaves, gain)
    return np.quantile(sample.astype(np.float64), np.linspace(0, 1, 129))


def noise_at(
    x: Float64[np.ndarray, "*s"], y: Float64[np.ndarray, "*s"], number: int, spacing_m: float
) -> NDArray[np.float32]:
    """`noise` at scattered points in metres."""
    (i, fx), (j, fy) = _split(x / spacing_m), _split(y / spacing_m)
    fx, fy = _ease(fx), _ease(fy)
    low, high = (
        uniform(number, j + dj, i) + (uniform(number, j + dj, i + 1) - uniform(number, j + dj, i)) * fx for dj in (0, 1)
    )
    return np.asarray(low + (high - low) * fy)


def _split(values: Float64[np.ndarray, "*s"]) -> tuple[Int64[np.ndarray, "*s"], Float32[np.ndarray, "*s"]]:
    """Whole and fractional part; split in double precision, so that a place far from the corner loses nothing."""
    whole = np.floor(values)
    return whole.astype(np.int64), (values - whole).astype(np.float32)


def _ease(fraction: Float32[np.ndarray, "*s"]) -> Float32[np.ndarray, "*s"]:
    return np.asarray(fraction**3 * (fraction * (fraction * 6 - 15) + 10), np.float32)


@dataclass(frozen=True)
class Cells:
    """For every ground cell the nearest node of a jittered lattice: Voronoi cells.

    Attributes:
        place: Index of the node within `nodes_i`.
        nodes_i: Lattice column of every node that may be nearest.
        nodes_j: Lattice row of every node that may be nearest.
        dx: Metres east of the node.
        dy: Metres south of the node.
        edge_m: Metres to the border between this node and the second nearest.
        other: Index of the second nearest node.
    """

    place: NDArray[np.int32]
    nodes_i: Int64[np.ndarray, " n"]
    nodes_j: Int64[np.ndarray, " n"]
    node_x: Float64[np.ndarray, " n"]
    node_y: Float64[np.ndarray, " n"]
    dx: Plane
    dy: Plane
    edge_m: Plane
    other: NDArray[np.int32]

    def uniform(self, number: int) -> Float32[np.ndarray, " n"]:
        """A number in 0-1 for every node."""
        return uniform(number, self.nodes_j, self.nodes_i)

    def hashed(self, number: int) -> UInt32[np.ndarray, " n"]:
        """32 random bits for every node."""
        return hashed(number, self.nodes_j, self.nodes_i)


def cells(axes: Axes, number: int, spacing_m: float, warp: tuple[Plane, Plane] | None = None) -> Cells:
    """Voronoi cells of a jittered lattice.

    Args:
        axes: Where to ask.
        number: The lattice's key.
        spacing_m: Mean distance of nodes.
        warp: Metres by which every place is moved east and south before the nearest node is sought: bends the borders.
    """
    columns, fx = _moved(axes.x[None] / spacing_m, warp[0] if warp else None, axes.shape, spacing_m)
    rows, fy = _moved(axes.y[:, None] / spacing_m, warp[1] if warp else None, axes.shape, spacing_m)
    i0, j0 = int(columns.min()), int(rows.min())
    wide, high = int(columns.max()) - i0 + 2, int(rows.max()) - j0 + 2
    nodes_j, nodes_i = (
        a.ravel() for a in np.meshgrid(np.arange(j0, j0 + high), np.arange(i0, i0 + wide), indexing="ij")
    )
    jx, jy = (_JITTER * (2 * uniform(number ^ salt, nodes_j, nodes_i) - 1) for salt in (0x51ED27, 0x2F1C85))
    first = ((rows - j0) * wide + (columns - i0)).astype(np.int32)
    near, far, place, other = _two_nearest(first, wide, (fx, fy), (jx, jy))
    scale = np.float32(spacing_m)
    # From the cell's own place to the node: lattice steps first, which are exact, then the parts of a step.
    dx, dy = _offset(place, first, wide, (fx, fy), (jx, jy))
    ox, oy = _offset(other, first, wide, (fx, fy), (jx, jy))
    edge = (far - near) / (2 * np.hypot(dx - ox, dy - oy)) * scale
    node_x, node_y = (nodes_i + jx) * spacing_m, (nodes_j + jy) * spacing_m
    return Cells(place, nodes_i, nodes_j, node_x, node_y, dx * scale, dy * scale, edge, other)


def _moved(
    units: Float64[np.ndarray, "a b"], move: Plane | None, shape: tuple[int, int], spacing_m: float
) -> tuple[NDArray[np.int64], Plane]:
    whole, part = _split(units)
    if move is None:
        return np.broadcast_to(whole, shape), np.broadcast_to(part, shape)
    moved = part + move * np.float32(1 / spacing_m)
    steps = np.floor(moved)
    return whole + steps.astype(np.int64), moved - steps


_Pair = tuple[Plane, Plane]
_Jitter = tuple[Float32[np.ndarray, " n"], Float32[np.ndarray, " n"]]


def _two_nearest(
    first: NDArray[np.int32],
    wide: int,
    part: _Pair,
    jitter: _Jitter,
) -> tuple[Plane, Plane, NDArray[np.int32], NDArray[np.int32]]:
    """Squared distance (in spacings) to the nearest and second nearest of the four nodes around, and their indices."""
    steps = np.array([down * wide + right for down, right in _CORNERS], np.int32)
    far2 = []
    for step, (down, right) in zip(steps, _CORNERS, strict=True):
        place = first + step
        dx, dy = part[0] - right - jitter[0][place], part[1] - down - jitter[1][place]
        far2.append(dx * dx + dy * dy)
    a, b, c, d = far2
    low, high, other_low, other_high = np.minimum(a, b), np.maximum(a, b), np.minimum(c, d), np.maximum(c, d)
    top, bottom = (b < a).view(np.uint8), (d < c).view(np.uint8) + np.uint8(2)
    lower = (other_low < low).view(np.uint8)
    # The second nearest lost the final, or lost to the winner before it.
    lost, beaten = np.maximum(low, other_low), np.where(lower, other_high, high)
    first_of, rest = np.where(lower, bottom, top), np.where(lower, top, bottom)
    loser = np.where(lower, np.uint8(5) - bottom, np.uint8(1) - top)
    second_of = np.where(beaten < lost, loser, rest)
    return np.minimum(low, other_low), np.minimum(lost, beaten), first + steps[first_of], first + steps[second_of]


def _offset(
    place: NDArray[np.int32],
    first: NDArray[np.int32],
    wide: int,
    part: _Pair,
    jitter: _Jitter,
) -> _Pair:
    """From node to cell in spacings."""
    step = place - first
    down = (step >= wide).astype(np.float32)
    right = step - down * np.float32(wide)
    return (part[0] - right - jitter[0][place]).astype(np.float32), part[1] - down - jitter[1][place]


def strips(
    along: Float32[np.ndarray, "*s"], width: Float32[np.ndarray, "*s"], owner: UInt32[np.ndarray, "*s"]
) -> tuple[NDArray[np.int32], Float32[np.ndarray, "*s"]]:
    """Cut a line into strips of uneven width.

    Args:
        along: Metres along the line.
        width: Mean width of a strip in metres.
        owner: Random bits of the line's owner, so that every owner has strips of its own.

    Returns:
        Number of the strip, and metres to the nearer of its two borders.
    """
    units = along / width
    whole = np.floor(units)
    number = whole.astype(np.int32)
    part = units - whole
    start = (uniform(owner, number) - np.float32(0.5)) * np.float32(0.5)
    end = 1 + (uniform(owner, number + 1) - np.float32(0.5)) * np.float32(0.5)
    edge = np.minimum(np.abs(part - start), np.abs(end - part)) * width
    return number + (part >= end).astype(np.int32) - (part < start).astype(np.int32), edge

"""A wrong old map: the truth of an earlier day with chosen omission and commission, in patches. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Float64, UInt8
from pydantic import Field, field_validator

from landweave.config import Config, nearest
from landweave.legend import legend
from landweave.simulate.kinds import LEGEND
from landweave.simulate.lattice import Axes, cells, fractal, key, uniform


class OldMap(Config):
    """The old map of a world, as its table [worlds.NAME.old_map] says it."""

    date: dt.date
    """The day whose truth it was drawn from."""
    omission: dict[str, float] = Field(default_factory=dict)
    """By class: share of its area that the map gives to other classes."""
    commission: dict[str, float] = Field(default_factory=dict)
    """By class: share of its area in the map that is another class in truth; the others take what is left over."""
    patch_m: float = Field(default=140, gt=0)
    """Size of the wrong patches."""

    @field_validator("omission", "commission")
    @classmethod
    def _shares_of_classes(cls, shares: dict[str, float]) -> dict[str, float]:
        names = legend(LEGEND).names
        for name, share in shares.items():
            if name not in names:
                raise ValueError(f"class {name} of {LEGEND}: {nearest(name, names)}")
            if not 0 <= share < 1:
                raise ValueError(f"{name} = {share}: a share from 0 to below 1")
        return shares


def flows(
    areas: Sequence[float], omission: Mapping[str, float], commission: Mapping[str, float]
) -> Float64[np.ndarray, "k k"]:
    """Share of each class's area (row) that the map gives to each class (column); rows add up to 1.

    Omission is met exactly. Commission of class k asks for c / (1 - c) times the area of k that stays, and the wrong
    area is dealt in these proportions; classes without a wish share what nobody asks for by their area. Where wishes
    exceed what is omitted, all are cut alike: the map cannot hold more wrong area than omission makes.

    Args:
        areas: Share of each class in truth, in the legend's order.
        omission: By class name.
        commission: By class name.
    """
    names = legend(LEGEND)
    area = np.asarray(areas, np.float64)
    lost = np.zeros(len(names))
    asked = np.full(len(names), np.nan)
    for name, share in omission.items():
        lost[names.index(name)] = share
    for name, share in commission.items():
        index = names.index(name)
        asked[index] = share / (1 - share) * area[index] * (1 - lost[index])
    # A class gains only what others lose.
    asked = np.minimum(asked, (lost * area).sum() - lost * area)
    spare = max(float((lost * area).sum() - np.nansum(asked)), 0.0)
    open_to = np.isnan(asked)
    asked[open_to] = spare * area[open_to] / max(float(area[open_to].sum()), 1e-12)
    return _dealt(area, lost, asked)


def _dealt(
    area: Float64[np.ndarray, " k"], lost: Float64[np.ndarray, " k"], asked: Float64[np.ndarray, " k"]
) -> Float64[np.ndarray, "k k"]:
    """Flows whose rows lose `lost` and whose columns gain in the proportions of `asked` (proportional fit)."""
    flow = np.outer(lost * area, np.maximum(asked, 1e-12))
    np.fill_diagonal(flow, 0)
    total = (lost * area).sum()
    goal = asked * (total / asked.sum()) if asked.sum() > 0 else asked
    for _ in range(200):
        flow *= _ratio(goal, flow.sum(axis=0))[None]
        flow *= _ratio(lost * area, flow.sum(axis=1))[:, None]
    share = _ratio(flow, np.broadcast_to(area[:, None], flow.shape))
    share[np.diag_indices(len(area))] = 1 - share.sum(axis=1)
    return np.asarray(share)


def _ratio(above: Float64[np.ndarray, "*s"], below: Float64[np.ndarray, "*s"]) -> Float64[np.ndarray, "*s"]:
    """`above` over `below`, 0 where there is next to nothing below."""
    return np.asarray(np.divide(above, below, out=np.zeros(below.shape), where=below > 1e-15))


def mistaken(
    truth: UInt8[np.ndarray, "h w"], axes: Axes, seed: int, old: OldMap, flow: Float64[np.ndarray, "k k"]
) -> UInt8[np.ndarray, "h w"]:
    """What the old map says where `truth` is true: patches of other classes by `flow`.

    Args:
        truth: Class indices.
        axes: Centres of its pixels.
        seed: The world's seed.
        old: Size of the patches.
        flow: From `flows`.
    """
    warp = tuple((fractal(axes, key(seed, "old", side), 90, 2) - np.float32(0.5)) * old.patch_m for side in "xy")
    patches = cells(axes, key(seed, "old"), old.patch_m, (warp[0], warp[1]))
    even = uniform(key(seed, "old map"), patches.nodes_j, patches.nodes_i)[patches.place]
    # One draw a patch: the classes that a pixel may become lie side by side in 0-1, its own first.
    order = np.argsort(-np.eye(len(flow)), axis=1, kind="stable")
    edges = np.cumsum(np.take_along_axis(flow, order, axis=1), axis=1)
    found = np.zeros(truth.shape, np.uint8)
    for index in np.unique(truth):
        where = truth == index
        place = np.minimum(np.searchsorted(edges[index], even[where]), len(flow) - 1)
        found[where] = order[index][place]
    return found

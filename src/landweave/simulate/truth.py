"""What is true: classes, changes with their dates, and the old map, for any window of a world. Pure."""

from __future__ import annotations

import datetime as dt
from functools import lru_cache

import numpy as np
from jaxtyping import Float64, UInt8, UInt16

from landweave.legend import legend
from landweave.simulate.kinds import LEGEND, crop_ids
from landweave.simulate.lattice import Axes
from landweave.simulate.mistakes import OldMap, flows, mistaken
from landweave.simulate.observe import majority
from landweave.simulate.region import Ground
from landweave.simulate.world import CELLS, PIXEL_M, World, ground_of
from landweave.tiling import Window

# Class shares for the old map are taken from every so many pixels of the world.
_SAMPLE_PX = 1000


def cover(world: World, window: Window, date: dt.date, pixel_size_m: float = PIXEL_M) -> UInt8[np.ndarray, "h w"]:
    """The commonest class (index of simulated-8) of every pixel of a window of the world's grid on a day.

    A window may lie anywhere, and gives what the same pixels of a larger window give.
    """
    return majority(_ground(world, window, date, pixel_size_m).land, CELLS, len(legend(LEGEND)))


def _ground(world: World, window: Window, date: dt.date, pixel_size_m: float) -> Ground:
    cells = Window(*(side * CELLS for side in (window.row, window.col, window.height, window.width)))
    return ground_of(world, Axes.of(cells, pixel_size_m / CELLS), date)


def crops(world: World, window: Window, date: dt.date) -> UInt8[np.ndarray, "h w"]:
    """What grows on most of each pixel of a window on a day, as ids of simulated-crops; 0 where it is no field."""
    ids = crop_ids()
    made = ids[_ground(world, window, date, PIXEL_M).kind]
    return majority(made, CELLS, int(ids.max()) + 1)


def changes(world: World, window: Window, first: dt.date, last: dt.date) -> UInt16[np.ndarray, "3 h w"]:
    """Class id on the first day, class id on the last day, and the day of the change counted from 1970.

    All three are 0 where the class is the same. A pixel's day is that of the latest event in it.
    """
    before, after = (_ground(world, window, day, PIXEL_M) for day in (first, last))
    ids = [
        legend(LEGEND).to_ids(majority(state.land, CELLS, len(legend(LEGEND)))).astype(np.uint16)
        for state in (before, after)
    ]
    since = np.where(before.land != after.land, after.since, 0)
    blocks = since.reshape(window.height, CELLS, window.width, CELLS)
    day = blocks.max(axis=(1, 3)).astype(np.uint16)
    return np.asarray(np.stack([*ids, day]) * (ids[0] != ids[1]), np.uint16)


def old_map(world: World, window: Window, old: OldMap) -> UInt8[np.ndarray, "h w"]:
    """Class indices of the wrong old map."""
    truth = cover(world, window, old.date)
    return mistaken(
        truth, Axes.of(window, PIXEL_M), world.seed, old, _flow(world.model_dump_json(), old.model_dump_json())
    )


@lru_cache(maxsize=4)
def _flow(world: str, old: str) -> Float64[np.ndarray, "k k"]:
    """How the old map's classes flow, from the class shares of a sample of the whole world."""
    whole, table = World.model_validate_json(world), OldMap.model_validate_json(old)
    step = max(1, int(np.sqrt(whole.height_px * whole.width_px)) // _SAMPLE_PX)
    size = PIXEL_M * step
    sampled = cover(whole, Window(0, 0, whole.height_px // step, whole.width_px // step), table.date, size)
    counts = np.bincount(sampled.ravel(), minlength=len(legend(LEGEND)))
    return flows((counts / counts.sum()).tolist(), table.omission, table.commission)

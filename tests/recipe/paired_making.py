"""A tiny archive of pairs of two sensors, whose target can be learnt from what stands beside it, and quick recipes."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch

from landweave.config import check
from landweave.legend import LandClass, Legend
from landweave.parallel.world import World
from landweave.patches import archive
from landweave.patches.archive import Archive
from landweave.patches.layout import Paired, make_layout
from landweave.patches.sample import Row, Split
from landweave.recipe.harmonize import HarmonizeRecipe, run
from landweave.sensors import sensor
from landweave.train.log import Record

BANDS, TARGETS = ("B03", "B04", "B11"), ("SR_B3", "SR_B4", "SR_B6")
NOTHING = Legend("nothing", "made for tests", (LandClass(1, "land", "#808080"),))
torch.set_num_threads(1)


def numbers(seed: int, num: int, px: int) -> dict[str, np.ndarray[Any, Any]]:
    """Land of squares seen twice: the target's bands are means over its pixels, stretched, with a band that leaks."""
    rng = np.random.default_rng(seed)
    land = rng.uniform(0.05, 0.4, (num, 3, px, px)).repeat(3, 2).repeat(3, 3) + rng.normal(0, 0.02, (num, 3, 3 * px, 1))
    fine, half = land[:, :2], land[:, 2:].repeat(2, 2).repeat(2, 3).reshape(num, 1, 3 * px // 2, 4, 3 * px // 2, 4)
    seen = land.reshape(num, 3, px, 3, px, 3).mean((3, 5))
    target = 0.9 * seen + 0.02 + 0.2 * seen[:, ::-1] ** 2
    return {
        "data_10m": np.rint((fine + 0.1) / 0.0001).astype(np.uint16),
        "data_20m": np.rint((half.mean((3, 5)) + 0.1) / 0.0001).astype(np.uint16),
        "target_30m": np.rint((target + 0.2) / 0.0000275).astype(np.uint16),
        "valid": rng.random((num, px, px)) > 0.05,
    }


def layout(px: int) -> Any:
    """Patches of `px` pixels of 30 m, with bands of 10 and 20 m beside them."""
    other = sensor("landsat-8-c2l2")
    pair = Paired(30.0, px, other.select(TARGETS), 0, other.name)
    made = make_layout(sensor("sentinel-2-l2a"), BANDS, 3 * px, NOTHING, targets=())
    return dataclasses.replace(made, pair=pair)


def cut(folder: Path, num: int = 9, px: int = 16, seed: int = 0, rest: Split = "validation", **changed: Any) -> Archive:
    """`num` training pairs and half as many of the part `rest`, in shards of ten; `changed` replaces arrays."""
    every, made = num + num // 2, layout(px)
    for shard, first in enumerate(range(0, every, 10)):
        places = range(first, min(first + 10, every))
        rows = [
            Row(f"p{i}", "train" if i < num else rest, f"b{i}", "scene", "made", "", (i * 5000.0, 0, i * 5000.0 + 9, 9))
            for i in places
        ]
        arrays = numbers(seed + shard, len(rows), px)
        arrays |= {key: np.broadcast_to(value, arrays[key].shape).copy() for key, value in changed.items()}
        archive.write_shard(folder, f"s{shard}", made, arrays, rows)
    return archive.finish(folder, made, {"seed": seed})


def recipe(folder: Path, **changed: Any) -> HarmonizeRecipe:
    """Networks that take a second."""
    values: dict[str, Any] = {
        "task": "harmonize",
        "archive": folder,
        "generator": {"width": 4, "depth": 2, "dropout": 0.2},
        "discriminator": {"width": 4, "depth": 2},
        "epochs": 2,
        "batch_global": 4,
        "precision": "fp32",
        "log_every_steps": 1,
        "checkpoint_every_s": 0,
        "optimiser": {"name": "adam", "rate": 1e-3, "weight_decay": 0},
    }
    return check(HarmonizeRecipe, {**values, **changed}, "test")


def train(wanted: HarmonizeRecipe, out: Path, world: World | None = None) -> list[Record]:
    return list(run(wanted, out, world or World()))

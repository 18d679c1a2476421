"""A tiny archive with two pixel sizes, whose labels can be learnt from it, and recipes that are quick."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from landweave.config import check
from landweave.legend import LandClass, Legend
from landweave.parallel.world import World
from landweave.patches import archive
from landweave.patches.archive import Archive
from landweave.patches.layout import Target, make_layout
from landweave.patches.sample import Row, Split
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.run import run
from landweave.sensors import sensor
from landweave.train.log import Record, read_log

LEGEND = Legend(
    "squares",
    "made for tests",
    (LandClass(1, "meadow", "#00ff00"), LandClass(2, "water", "#0000ff"), LandClass(3, "town", "#ff0000")),
)
BANDS = ("B04", "B03", "B05")
CLOCKS = ("seconds", "samples_per_s")
# Tiny networks are faster on one thread, and the tests of other processes go on beside them.
torch.set_num_threads(1)


def numbers(seed: int, num: int, px: int) -> dict[str, np.ndarray[Any, Any]]:
    """Squares of three classes: numbers of both views follow the class, with noise; some pixels are not valid."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 3, (num, px // 4, px // 4), dtype=np.uint8)
    mask = coarse.repeat(4, 1).repeat(4, 2)
    level = np.array([1500, 2500, 3500])
    fine = level[mask][:, None] + generator.normal(0, 300, (num, 2, px, px))
    half = level[mask[:, ::2, ::2]][:, None] + generator.normal(0, 300, (num, 1, px // 2, px // 2))
    mask[generator.random(mask.shape) < 0.05] = 255
    return {
        "data_10m": fine.astype(np.uint16),
        "data_20m": half.astype(np.uint16),
        "mask": mask,
        "classes": np.stack([(coarse == k).mean((1, 2)) > 0.3 for k in range(3)], 1).astype(np.uint8),
        "valid": generator.random((num, px, px)) > 0.05,
    }


def cut(
    folder: Path,
    num: int = 12,
    px: int = 16,
    seed: int = 0,
    rest: Split = "validation",
    targets: Sequence[Target] = ("mask", "classes"),
    flat: str = "",
) -> Archive:
    """`num` training patches and half as many of the part `rest`, in shards of ten; `flat` has one value."""
    layout = make_layout(sensor("sentinel-2-l2a"), BANDS, px, LEGEND, targets=targets)
    every = num + num // 2
    for shard, first in enumerate(range(0, every, 10)):
        places = range(first, min(first + 10, every))
        rows = [
            Row(
                f"p{i}",
                "train" if i < num else rest,
                f"b{i}",
                "scene",
                "made",
                "",
                (i * 200.0, 0, i * 200.0 + 160, 9),
            )
            for i in places
        ]
        made = {key: array for key, array in numbers(seed + shard, len(rows), px).items() if key in layout.shapes()}
        if flat:
            made[flat] = np.full_like(made[flat], 1000)
        archive.write_shard(folder, f"s{shard}", layout, made, rows)
    return archive.finish(folder, layout, {"seed": seed})


def recipe(folder: Path, **changed: Any) -> TrainRecipe:
    """A U-Net with dropout that takes a second."""
    values = {
        "archive": folder,
        "arguments": {"width": 8, "depth": 2, "dropout": 0.3},
        "epochs": 3,
        "batch_global": 5,
        "precision": "fp32",
        "log_every_steps": 1,
        "checkpoint_every_steps": 3,
        "optimiser": {"rate": 0.01},
        **changed,
    }
    return check(TrainRecipe, values, "test")


def train(wanted: TrainRecipe, out: Path, world: World | None = None) -> list[Record]:
    return list(run(wanted, out, world or World()))


def stop_after(records: Iterator[Record], num: int) -> None:
    """Take `num` records, then drop the run."""
    for _, _record in zip(range(num), records, strict=False):
        pass
    records.close()  # type: ignore[attr-defined]


def told(out: Path) -> list[Mapping[str, Any]]:
    """The log but for what a clock says."""
    return [{name: value for name, value in line.items() if name not in CLOCKS} for line in read_log(out)]

"""A tiny archive with two pixel sizes, whose labels can be learnt from it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from landweave.legend import LandClass, Legend
from landweave.patches.archive import Archive, finish, write_shard
from landweave.patches.layout import make_layout
from landweave.patches.sample import Row
from landweave.sensors import sensor

SQUARES = Legend(
    "squares",
    "made for tests",
    (LandClass(1, "meadow", "#00ff00"), LandClass(2, "water", "#0000ff"), LandClass(3, "town", "#ff0000")),
)
Cut = Callable[..., Archive]


def numbers(seed: int, num: int, px: int) -> dict[str, np.ndarray[Any, Any]]:
    """Squares of three classes: numbers of both views follow the class, with noise; some pixels are invalid."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 3, (num, px // 4, px // 4), dtype=np.uint8)
    mask = coarse.repeat(4, 1).repeat(4, 2)
    level = np.array([1500, 2500, 3500])
    fine = level[mask][:, None] + generator.normal(0, 300, (num, 2, px, px))
    half = level[mask[:, ::2, ::2]][:, None] + generator.normal(0, 300, (num, 1, px // 2, px // 2))
    valid = generator.random((num, px, px)) > 0.05
    mask[generator.random(mask.shape) < 0.05] = 255
    classes = np.stack([(coarse == k).any((1, 2)) for k in range(3)], 1).astype(np.uint8)
    return {
        "data_10m": fine.astype(np.uint16),
        "data_20m": half.astype(np.uint16),
        "mask": mask,
        "classes": classes,
        "valid": valid,
    }


@pytest.fixture
def cut() -> Cut:
    """Cut an archive of `num` training and `num` // 2 validation patches in two shards."""

    def make(folder: Path, num: int = 12, px: int = 16, seed: int = 0, **changed: Any) -> Archive:
        layout = make_layout(
            sensor(changed.get("sensor", "sentinel-2-l2a")), ("B04", "B03", "B05"), px, SQUARES, ("mask", "classes")
        )
        for shard, first in enumerate(range(0, num + num // 2, 10)):
            rows = [
                Row(
                    f"p{i}",
                    "train" if i < num else changed.get("rest", "validation"),
                    f"b{i}",
                    "s",
                    "",
                    "",
                    (i, 0, i + 1, 1),
                )
                for i in range(first, min(first + 10, num + num // 2))
            ]
            arrays = numbers(seed + shard, len(rows), px)
            write_shard(folder, f"s{shard}", layout, arrays, rows)
        return finish(folder, layout, {"seed": seed}, {})

    return make

"""Tiny layouts, arrays and archives for tests."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from landweave.legend import LandClass, Legend
from landweave.patches import archive
from landweave.patches.archive import Archive
from landweave.patches.layout import Layout, Target, make_layout
from landweave.patches.sample import Row, Split
from landweave.sensors import sensor

LEGEND = Legend("three", "made for tests", tuple(LandClass(i + 1, n, "#00ff00") for i, n in enumerate("abc")))
BANDS = ("B01", "B02", "B03", "B05")


def make(patch_px: int = 12, bands: Sequence[str] = BANDS, targets: Sequence[Target] = ("mask",)) -> Layout:
    return make_layout(sensor("sentinel-2-l2a"), bands, patch_px, LEGEND, targets=targets)


def arrays(layout: Layout, num: int, seed: int = 0) -> dict[str, Any]:
    generator = np.random.default_rng(seed)
    made: dict[str, Any] = {
        view.key: generator.integers(1, 9000, (num, *view.shape)).astype(view.dtype) for view in layout.views
    }
    square = (num, layout.patch_px, layout.patch_px)
    if "mask" in layout.targets:
        made["mask"] = generator.choice(np.array([0, 1, 2, 255], np.uint8), square)
    if "classes" in layout.targets:
        made["classes"] = generator.integers(0, 2, (num, len(layout.legend))).astype(np.uint8)
    made["valid"] = np.ones(square, bool)
    return made


def rows(num: int, first: int = 0, splits: Sequence[Split] = ("train", "validation", "test")) -> list[Row]:
    places = range(first, first + num)
    return [
        Row(
            f"p{i:04d}",
            splits[i % len(splits)],
            f"b{i}",
            "scene",
            "made",
            "EPSG:32633",
            (i * 200.0, 0, i * 200.0 + 120, 120),
        )
        for i in places
    ]


def write(
    folder: Path, sizes: Sequence[int] = (4, 3), layout: Layout | None = None, splits: Sequence[Split] | None = None
) -> Archive:
    layout = layout or make()
    first = 0
    for shard, num in enumerate(sizes):
        kept = rows(num, first, splits or ("train", "validation", "test"))
        archive.write_shard(folder, f"{shard:06d}", layout, arrays(layout, num, shard), kept)
        first += num
    return archive.finish(folder, layout, {"made": "for tests"})

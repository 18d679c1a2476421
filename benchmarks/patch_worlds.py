"""Archives of labelled patches from a simulated world, for the benchmarks of training. Not a benchmark itself.

Windows of the world are spread over 100 km, so that the land of two of them never touches; each is one shard, cut by
one task. They are told apart by their number: every sixth is for validation.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from landweave.jobs.pool import Pool
from landweave.legend import LandClass, Legend, legend
from landweave.patches import archive
from landweave.patches.archive import Archive, open_archive
from landweave.patches.job import cut
from landweave.patches.layout import Layout, Target, View, make_layout
from landweave.patches.sample import Row
from landweave.sensors import sensor
from landweave.simulate.scene import observe
from landweave.simulate.world import SceneTable, World, load_world
from landweave.tiling import Window

WORLD, DATE = "regions-1", dt.date(2023, 6, 24)
LATTICE_KM, STEP_KM = 100, 4
EVERY = 6


@dataclass(frozen=True)
class Kind:
    """What patches look like and how they are labelled.

    Attributes:
        name: Of the kind.
        sensor: Whose pixels.
        bands: Which.
        patch_px: Edge of a patch in finest pixels.
        along: Patches along the edge of a window.
        kept: Patches that are kept of each window.
        labels: The legend.
        of: Index in `labels` of each class of the world.
        several: Whether a patch has every class that covers `share` of it, or the one that covers most.
        share: From which share of the patch on a class is one of several.
    """

    name: str
    sensor: str
    bands: tuple[str, ...]
    patch_px: int
    along: int
    kept: int
    labels: Legend = field(repr=False)
    of: tuple[int, ...]
    several: bool = False
    share: float = 0.02

    @property
    def layout(self) -> Layout:
        """How they are stored."""
        targets: tuple[Target, ...] = ("classes",)
        return make_layout(sensor(self.sensor), self.bands, self.patch_px, self.labels, targets=targets)


_FOUR = (
    LandClass(1, "Cropland", "#f6e27f"),
    LandClass(2, "Grassland", "#a6d96a"),
    LandClass(3, "Trees", "#33a02c"),
    LandClass(4, "Other", "#bdbdbd"),
)
SAT4_LIKE = Kind(
    "sat-4-like", "sat-4", ("R", "G", "B", "N"), 28, 12, 80,
    Legend("four-groups", "landweave: the classes of its simulated worlds in four groups", _FOUR),
    of=(3, 0, 1, 2, 2, 3, 3, 3),
)  # fmt: skip
SEVERAL_LABELS = Kind(
    "several-labels", "sentinel-2-l2a",
    ("B01", "B02", "B03", "B04", "B05", "B06", "B07", "B08", "B8A", "B09", "B11", "B12"), 36, 10, 80,
    legend("simulated-8"), of=tuple(range(8)), several=True,
)  # fmt: skip


@dataclass(frozen=True)
class WindowTask:
    """Cut the patches of one window."""

    kind: Kind
    folder: Path
    number: int
    place: tuple[int, int]

    @property
    def key(self) -> str:
        """Name of the shard."""
        return f"w{self.number:05d}"

    @property
    def num_patches(self) -> int:
        """How many patches it writes."""
        return self.kind.kept


def make(kind: Kind, num_windows: int, folder: Path, workers: int) -> Archive:
    """The archive of `num_windows` windows, or what an earlier call left to do."""
    world = load_world(WORLD, 1)
    along = LATTICE_KM // STEP_KM
    places = np.random.default_rng(0).permutation(along * along)
    assert num_windows <= len(places), "more windows than places"
    corners = [_corner(divmod(int(place), along), kind) for place in places[:num_windows]]
    tasks = [WindowTask(kind, folder, number, corner) for number, corner in enumerate(corners)]
    told = {"kind": kind.name, "windows": num_windows, "world": world.model_dump(mode="json")}
    if not (folder / archive.MANIFEST).is_file():
        for record in cut(cut_window, tasks, Pool(workers), folder, kind.layout, configuration=told):
            print(f"  {record.phase}: {record.done} of {record.total} {record.unit}", end="\r", flush=True)
        print()
    return open_archive(folder)


def _corner(cell: tuple[int, int], kind: Kind) -> tuple[int, int]:
    """Row and column of a window in finest pixels."""
    # Multiples of 60 m, where pixels of every size begin.
    row, col = (round(side * STEP_KM * 1000 // 60 * 60 / kind.layout.pixel_size_m) for side in cell)
    return row, col


def cut_window(task: WindowTask) -> dict[str, int]:
    """Look at one window, label its patches, and keep some."""
    kind, layout, world = task.kind, task.kind.layout, load_world(WORLD, 1)
    edge = kind.along * kind.patch_px
    part = observe(world, SceneTable(sensor=kind.sensor, date=DATE), Window(*task.place, edge, edge))
    shares = _shares(kind, part.truth)
    if kind.several:
        classes = shares >= kind.share
    else:
        classes = shares == shares.max(1, keepdims=True)
        # Of two that cover as much the first is taken.
        classes &= np.cumsum(classes, 1) == 1
    chosen = np.sort(np.random.default_rng(task.number).permutation(kind.along**2)[: kind.kept])
    arrays: dict[str, Any] = {view.key: _patches(kind, view, part.layers)[chosen] for view in layout.views}
    arrays["classes"] = classes[chosen].astype(np.uint8)
    arrays["valid"] = np.ones((len(chosen), kind.patch_px, kind.patch_px), np.bool_)
    rows = [_row(task, world, int(place)) for place in chosen]
    archive.write_shard(task.folder, task.key, layout, arrays, rows)
    return {"patches": len(rows)}


def _shares(kind: Kind, truth: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Share of every class of each patch."""
    found = np.asarray(kind.of)[truth].reshape(kind.along, kind.patch_px, kind.along, kind.patch_px)
    flat = found.transpose(0, 2, 1, 3).reshape(kind.along**2, -1)
    return np.stack([(flat == index).mean(1) for index in range(len(kind.labels))], 1)


def _patches(kind: Kind, view: View, layers: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    whole = np.stack([layers[band.name] for band in view.bands])
    cut_up = whole.reshape(len(whole), kind.along, view.px, kind.along, view.px)
    return cut_up.transpose(1, 3, 0, 2, 4).reshape(kind.along**2, len(whole), view.px, view.px)


def _row(task: WindowTask, world: World, place: int) -> Row:
    size, px = task.kind.layout.pixel_size_m, task.kind.patch_px
    row, col = (start + px * step for start, step in zip(task.place, divmod(place, task.kind.along), strict=True))
    left, top = world.corner[0] + col * size, world.corner[1] - row * size
    part = "validation" if task.number % EVERY == EVERY - 1 else "train"
    bounds = (left, top - px * size, left + px * size, top)
    return Row(f"{task.key}-{place:04d}", part, task.key, "simulated", task.kind.name, world.crs, bounds)  # type: ignore[arg-type]

"""Patches of buildings from a world whose regions differ, for the benchmarks of galleries. Not a benchmark itself.

Region i is seen by the satellite and on the day of the world's scene i; the archive calls them all mosaic-rgb, as
mosaics do that no longer tell. Windows of 384 m lie in one region each, 216 m or more apart; each is one shard, cut
by one task. The first four regions have windows of all parts, the others of the test part only.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from landweave.jobs.pool import Pool
from landweave.legend import legend
from landweave.patches import archive
from landweave.patches.archive import Archive, open_archive
from landweave.patches.job import cut
from landweave.patches.layout import Layout, make_layout
from landweave.patches.sample import Row, Split
from landweave.sensors import sensor
from landweave.simulate.lattice import Axes
from landweave.simulate.scene import observe
from landweave.simulate.world import PIXEL_M, SceneTable, World, load_world, region_of
from landweave.tiling import Window

WORLD, SENSOR, BANDS = "regions-2", "mosaic-rgb", ("R", "G", "B")
PATCH_PX, ALONG = 128, 6
SEEN = (0, 1, 2, 3)
# Candidates for windows stand on a lattice of so many metres, and are looked at in cells of so many.
STEP_M, CELL_M = 600, 100
SIZE_M = PATCH_PX * ALONG * 0.5


@dataclass(frozen=True)
class Sizes:
    """Windows of each seen region by part, and of each that is held out; 36 patches a window."""

    train: int = 8
    validation: int = 3
    test: int = 4
    held_out: int = 4

    def of(self, region: int) -> list[Split]:
        """The part of each window of a region."""
        if region not in SEEN:
            return ["test"] * self.held_out
        counts: tuple[tuple[Split, int], ...] = (
            ("train", self.train),
            ("validation", self.validation),
            ("test", self.test),
        )
        return [part for part, num in counts for _ in range(num)]


SHORT = Sizes(2, 1, 1, 1)


@dataclass(frozen=True)
class WindowTask:
    """Cut the patches of one window."""

    seed: int
    region: int
    number: int
    part: Split
    place: tuple[int, int]
    folder: Path

    @property
    def key(self) -> str:
        """Name of the shard."""
        return f"r{self.region}-{self.number:03d}"

    @property
    def num_patches(self) -> int:
        """How many patches it writes."""
        return ALONG**2


def layout() -> Layout:
    """How patches are stored."""
    return make_layout(sensor(SENSOR), BANDS, PATCH_PX, legend("buildings"))


def make(seed: int, sizes: Sizes, folder: Path, workers: int) -> Archive:
    """The archive of one seed of the world, or what an earlier call left to do."""
    world = load_world(WORLD, seed)
    if not (folder / archive.MANIFEST).is_file():
        tasks = [task for region in range(len(world.regions)) for task in _tasks(world, region, sizes, folder)]
        told = {"world": world.model_dump(mode="json"), "sizes": vars(sizes)}
        for record in cut(cut_window, tasks, Pool(workers), folder, layout(), configuration=told):
            print(f"  {record.phase}: {record.done} of {record.total} {record.unit}", end="\r", flush=True)
        print()
    return open_archive(folder)


def _tasks(world: World, region: int, sizes: Sizes, folder: Path) -> list[WindowTask]:
    places = _places(world, region)
    chosen = np.random.default_rng([world.seed, region]).permutation(len(places))
    parts = sizes.of(region)
    assert len(parts) <= len(places), "more windows than places"
    return [
        WindowTask(world.seed, region, number, part, places[place], folder)
        for number, (part, place) in enumerate(zip(parts, chosen, strict=False))
    ]


def _places(world: World, region: int) -> list[tuple[int, int]]:
    """Corners in metres (down, right) of windows that lie in one region."""
    height, width = (round(side * PIXEL_M / CELL_M) for side in (world.height_px, world.width_px))
    of = region_of(world, Axes.of(Window(0, 0, height, width), float(CELL_M)))
    step, edge = STEP_M // CELL_M, int(-(-SIZE_M // CELL_M))
    corners = [(row, col) for row in range(0, height - edge, step) for col in range(0, width - edge, step)]
    inside = [(row, col) for row, col in corners if (of[row : row + edge, col : col + edge] == region).all()]
    return [(row * CELL_M, col * CELL_M) for row, col in inside]


def cut_window(task: WindowTask) -> dict[str, int]:
    """Look at one window and cut it up."""
    world = load_world(WORLD, task.seed)
    scene, edge = world.scenes[task.region], ALONG * PATCH_PX
    row, col = (2 * metres for metres in task.place)
    told = SceneTable(sensor=scene.sensor, date=scene.date, snow_m=scene.snow_m)
    part = observe(world, told, Window(row, col, edge, edge))
    arrays: dict[str, Any] = {"data_0.5m": np.stack([_squares(part.layers[band]) for band in BANDS], 1)}
    arrays["mask"] = (_squares(part.buildings) - 1).astype(np.uint8)
    arrays["valid"] = np.ones(arrays["mask"].shape, np.bool_)
    rows = [_row(task, world, place) for place in range(ALONG**2)]
    archive.write_shard(task.folder, task.key, layout(), arrays, rows)
    return {"patches": len(rows)}


def _squares(whole: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    cut_up = whole.reshape(ALONG, PATCH_PX, ALONG, PATCH_PX)
    return np.ascontiguousarray(cut_up.swapaxes(1, 2).reshape(ALONG**2, PATCH_PX, PATCH_PX))


def _row(task: WindowTask, world: World, place: int) -> Row:
    size = PATCH_PX * 0.5
    down, right = divmod(place, ALONG)
    left = world.corner[0] + task.place[1] + right * size
    top = world.corner[1] - task.place[0] - down * size
    scene = f"region-{task.region}"
    day = f"{world.scenes[task.region].date}T10:30:00+00:00"
    bounds = (left, top - size, left + size, top)
    return Row(f"{task.key}-{place:02d}", task.part, task.key, scene, "simulated", world.crs, bounds, datetime=day)


def regions(made: Archive, part: Split) -> dict[int, np.ndarray[Any, np.dtype[np.int64]]]:
    """Numbers of the patches of a part by region."""
    scenes = made.table()["scene"].to_numpy()
    numbers = made.part(part)
    return {int(name.rpartition("-")[2]): numbers[scenes[numbers] == name] for name in _sorted(scenes[numbers])}


def _sorted(names: Sequence[str]) -> list[str]:
    return sorted(set(names))

"""A world on disk: scenes in the folders of their agencies, truth beside them, made part by part as a job."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox

from landweave.atomic import write_text
from landweave.jobs.executor import Executor, Summary
from landweave.jobs.ledger import opened
from landweave.jobs.run import Progress, fulfil
from landweave.jobs.serial import Serial
from landweave.legend import legend
from landweave.provenance import write_record
from landweave.raster.files import grid_of
from landweave.raster.read import read_numbers
from landweave.raster.write import write_cog, write_tile
from landweave.simulate.kinds import LEGEND
from landweave.simulate.products import Layer, layers, texts
from landweave.simulate.scene import observe
from landweave.simulate.world import PIXEL_M, World, cover, sensor_of, truth_dates
from landweave.tiling import Window

PARTS = ".parts"
TAGS = {"SIMULATED": "YES", "SOURCE": "landweave simulate"}
_TRUTH = "truth"


@dataclass(frozen=True)
class PartTask:
    """Make one part of everything that a world delivers."""

    world: World
    folder: Path
    window: Window

    @property
    def key(self) -> str:
        """The part's place."""
        return f"part-r{self.window.row:06d}c{self.window.col:06d}"


@dataclass(frozen=True)
class FileTask:
    """Put the parts of one file together."""

    world: World
    folder: Path
    name: str
    layer: Layer

    @property
    def key(self) -> str:
        """The file's name among the parts."""
        return f"file-{self.name}"


def write(world: World, folder: Path, executor: Executor | None = None) -> Iterator[Progress]:
    """Write a world to `folder`; after a stop the same call goes on where it was, and the bytes are the same.

    Raises:
        OutputError: The folder is in use, full, or holds another world.
    """
    runner = executor or Serial()
    configuration = world.model_dump(mode="json")
    with opened(folder, configuration) as ledger:
        files = _files(world, folder)
        parts = [PartTask(world, folder, window) for window in world.parts]
        # Parts are removed at the end: they are needed again only where a file is missing.
        needed = not all(file.key in ledger.done and _is_there(file) for file in files)
        yield from fulfil(
            make_part, parts, runner, ledger, phase="simulate", unit="parts",
            intact=lambda task: not needed or _parts_are_there(task),
        )  # fmt: skip
        yield from fulfil(make_file, files, runner, ledger, phase="assemble", unit="files", intact=_is_there)
        _write_texts(world, folder)
        write_record(folder / "world.json", "simulated world", configuration)
        if not ledger.failed:
            shutil.rmtree(folder / PARTS, ignore_errors=True)


def _files(world: World, folder: Path) -> list[FileTask]:
    truth = [
        FileTask(world, folder, f"{_TRUTH}-{date.year}", Layer((_TRUTH,), f"truth/{date.year}.tif", PIXEL_M))
        for date in truth_dates(world)
    ]
    seen = [
        FileTask(world, folder, f"scene-{index:03d}-{'-'.join(layer.bands)}", layer)
        for index, scene in enumerate(world.scenes)
        for layer in layers(world, scene)
    ]
    return truth + seen


def _is_there(task: FileTask) -> bool:
    return (task.folder / task.layer.path).is_file()


def _parts_are_there(task: PartTask) -> bool:
    names = [file.name for file in _files(task.world, task.folder)]
    return all(_part_path(task, name).is_file() for name in names)


def _part_path(task: PartTask, name: str) -> Path:
    return task.folder / PARTS / name / f"{task.key}.tif"


def make_part(task: PartTask) -> Summary:
    """Write one part of every file as a small file of its own."""
    world, window = task.world, task.window
    truths = {}
    for index, scene in enumerate(world.scenes):
        size = sensor_of(scene).pixel_size_m
        seen = observe(world, scene, _scaled(window, size))
        if size == PIXEL_M:
            truths[scene.date] = seen.truth
        for layer in layers(world, scene):
            numbers = np.stack([seen.layers[name] for name in layer.bands])
            _write_part(task, f"scene-{index:03d}-{'-'.join(layer.bands)}", numbers, layer.pixel_size_m)
    for date in truth_dates(world):
        truth = truths[date] if date in truths else cover(world, window, date)
        _write_part(task, f"{_TRUTH}-{date.year}", legend(LEGEND).to_ids(truth)[None], PIXEL_M)
    return {"pixels": window.num_pixels}


def _scaled(window: Window, pixel_size_m: float) -> Window:
    """A window of 10 m pixels in pixels of another size."""
    row, col, height, width = (
        round(value * PIXEL_M / pixel_size_m) for value in (window.row, window.col, window.height, window.width)
    )
    return Window(row, col, height, width)


def _write_part(task: PartTask, name: str, numbers: NDArray[np.generic], pixel_size_m: float) -> None:
    grid = _scaled(task.window, pixel_size_m).on(task.world.grid_of(pixel_size_m))
    write_tile(_part_path(task, name), numbers, grid)


def make_file(task: FileTask) -> Summary:
    """Put the parts of one file together."""
    grid = task.world.grid_of(task.layer.pixel_size_m)
    sources = [_part_path(PartTask(task.world, task.folder, window), task.name) for window in task.world.parts]
    path = task.folder / task.layer.path
    if path.suffix == ".jp2":
        # A JPEG 2000 file is written in one go; an agency's square of 110 km takes 0.25 GB a band.
        write_tile(path, _whole(sources, grid), grid, tags=TAGS)
    else:
        known = legend(LEGEND) if task.layer.bands == (_TRUTH,) else None
        write_cog(path, sources, grid, legend=known, nodata=0, overviews="nearest", tags=TAGS)
    return {"files": 1}


def _whole(sources: list[Path], grid: GeoBox) -> NDArray[np.generic]:
    parts = []
    for source in sources:
        part = grid_of(str(source))
        parts.append((part, read_numbers(str(source), Window(0, 0, *part.shape))))
    whole = np.zeros((1, *grid.shape), parts[0][1].dtype)
    for part, numbers in parts:
        row = round((part.affine.f - grid.affine.f) / grid.affine.e)
        col = round((part.affine.c - grid.affine.c) / grid.affine.a)
        whole[:, row : row + part.shape[0], col : col + part.shape[1]] = numbers
    return whole


def _write_texts(world: World, folder: Path) -> None:
    for scene in world.scenes:
        for path, text in texts(world, scene, 100 * scene.cloud).items():
            write_text(folder / path, text)

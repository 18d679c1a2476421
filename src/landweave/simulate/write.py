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
from landweave.jobs.ledger import Ledger, opened
from landweave.jobs.run import Progress, fulfil
from landweave.jobs.serial import Serial
from landweave.legend import Legend, legend
from landweave.provenance import write_record
from landweave.raster.files import grid_of
from landweave.raster.read import read_numbers
from landweave.raster.write import write_cog, write_tile
from landweave.simulate.deliver import Delivery, deliveries, layers_of, parts_of
from landweave.simulate.kinds import LEGEND
from landweave.simulate.products import BUILDINGS, CROPS, Layer, texts
from landweave.simulate.scene import angle_texts
from landweave.simulate.world import World
from landweave.tiling import Window

PARTS = ".parts"
TAGS = {"SIMULATED": "YES", "SOURCE": "landweave simulate"}


@dataclass(frozen=True)
class PartTask:
    """Make one part of a scene, or of the truth."""

    world: World
    folder: Path
    delivery: Delivery
    window: Window

    @property
    def key(self) -> str:
        """What it is a part of, and where it lies."""
        return f"{self.delivery.name}-r{self.window.row:06d}c{self.window.col:06d}"

    def path(self, layer: Layer) -> Path:
        """Where the part of a layer is kept until the file is put together."""
        return self.folder / PARTS / layer.name / f"{self.key}.tif"


@dataclass(frozen=True)
class FileTask:
    """Put the parts of one file together."""

    world: World
    folder: Path
    delivery: Delivery
    layer: Layer

    @property
    def key(self) -> str:
        """The file's name among the parts."""
        return f"file-{self.layer.name}"

    @property
    def path(self) -> Path:
        """The file."""
        return self.folder / self.layer.path


def write(world: World, folder: Path, executor: Executor | None = None) -> Iterator[Progress]:
    """Write a world to `folder`; after a stop the same call goes on where it was, and the bytes are the same.

    Below `folder` lie scenes/, truth/ and world.json, the world as it was made.

    Raises:
        OutputError: The folder is in use, full, or holds another world.
        SensorError: landweave simulates no scenes of a sensor.
    """
    runner = executor or Serial()
    configuration = world.model_dump(mode="json")
    made = deliveries(world)
    with opened(folder, configuration) as ledger:
        files = [FileTask(world, folder, each, layer) for each in made for layer in each.layers]
        parts = [PartTask(world, folder, each, window) for each in made for window in parts_of(world, each)]
        # Parts are removed at the end: they are needed again only where a file is missing.
        whole = {file.delivery.name for file in files} - {
            file.delivery.name for file in files if file.key not in ledger.done or not file.path.is_file()
        }
        yield from fulfil(
            make_part, parts, runner, ledger, phase="simulate", unit="parts",
            intact=lambda task: task.delivery.name in whole or _is_there(task),
        )  # fmt: skip
        yield from fulfil(
            make_file, files, runner, ledger, phase="assemble", unit="files", intact=lambda task: task.path.is_file()
        )
        _write_texts(world, folder, ledger, parts)
        write_record(folder / "world.json", "simulated world", configuration)
        if not ledger.failed:
            shutil.rmtree(folder / PARTS, ignore_errors=True)


def _is_there(task: PartTask) -> bool:
    return all(task.path(layer).is_file() for layer in task.delivery.layers)


def make_part(task: PartTask) -> Summary:
    """Write one part of every layer as a small file of its own."""
    numbers, clouded = layers_of(task.world, task.delivery, task.window)
    for layer in task.delivery.layers:
        stack = np.stack([numbers[name] for name in layer.bands])
        grid = task.delivery.part(task.window, layer.pixel_size_m).on(task.world.grid_of(layer.pixel_size_m))
        write_tile(task.path(layer), stack, grid)
    return {"pixels": task.window.num_pixels, "clouded": clouded * task.window.num_pixels}


def make_file(task: FileTask) -> Summary:
    """Put the parts of one file together."""
    layer, world = task.layer, task.world
    grid = task.delivery.part(task.delivery.window, layer.pixel_size_m).on(world.grid_of(layer.pixel_size_m))
    sources = [
        PartTask(world, task.folder, task.delivery, window).path(layer) for window in parts_of(world, task.delivery)
    ]
    if task.path.suffix == ".jp2":
        # A JPEG 2000 file is written in one go; an agency's square of 110 km takes 0.25 GB a band.
        write_tile(task.path, _whole(sources, grid), grid, tags=TAGS)
    else:
        names = () if len(layer.bands) == 1 else layer.bands
        write_cog(task.path, sources, grid, legend=_legend(layer), nodata=0, band_names=names, tags=TAGS)
    return {"files": 1}


def _legend(layer: Layer) -> Legend | None:
    if layer.is_classes:
        named = "simulated-crops" if layer.name.startswith(CROPS) else LEGEND
        return legend("buildings" if layer.bands == (BUILDINGS,) else named)
    return None


def _whole(sources: list[Path], grid: GeoBox) -> NDArray[np.generic]:
    parts = [(part := grid_of(str(path)), read_numbers(str(path), Window(0, 0, *part.shape))) for path in sources]
    whole = np.zeros((1, *grid.shape), parts[0][1].dtype)
    for part, numbers in parts:
        row = round((part.affine.f - grid.affine.f) / grid.affine.e)
        col = round((part.affine.c - grid.affine.c) / grid.affine.a)
        whole[:, row : row + part.shape[0], col : col + part.shape[1]] = numbers
    return whole


def _write_texts(world: World, folder: Path, ledger: Ledger, parts: list[PartTask]) -> None:
    for index, scene in enumerate(world.scenes):
        done = [ledger.done.get(part.key, {}) for part in parts if part.delivery.scene == index]
        clouded, pixels = (sum(float(summary.get(name, 0)) for summary in done) for name in ("clouded", "pixels"))
        for path, text in texts(world, scene, index, 100 * clouded / max(pixels, 1)).items():
            write_text(folder / path, text)
        for path, text in angle_texts(world, scene, index).items():
            write_text(folder / path, text)

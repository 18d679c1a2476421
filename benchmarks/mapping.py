"""Whole map jobs against the bare network, against pure reading and writing, and a pool against one worker.

Ratios in one run, with threads equal on both sides; every figure is the median over turns in which both take part.
The whole job is everything that `landweave map` does after Python and torch are imported: card, catalog, plan, tiles,
map, item. Without arguments: one turn, a few minutes; --full takes three, and larger scenes,
for starting and loading a card take as long for a small scene as for a large one.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landweave.jobs.worker import Setup, give_way, num_cores, one_heap

# As `landweave map` does, before torch is imported.
one_heap()
give_way()

import torch

from landweave.jobs.executor import Executor
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.mapping.job import IN_FLIGHT, run
from landweave.mapping.predictor import Network, ready
from landweave.mapping.prepare import MapJob, prepare
from landweave.mapping.source import pixels
from landweave.raster.read import close_files, read_map
from landweave.raster.write import write_cog, write_tile
from scenes import BANDS, LEGEND, figure, print_result, write_numbers, write_place

UNET = {"width": 64, "depth": 4}
NARROW = {"width": 32, "depth": 4}


@dataclass(frozen=True)
class Place:
    """A scene with a card."""

    folder: Path

    def job(self) -> MapJob:
        """The job with all defaults."""
        return MapJob(card=self.folder / "card", scenes=self.folder / "catalog.parquet")

    def map(self, executor: Executor) -> dict[str, Any]:
        """Run the whole job in an empty folder; gives its summary."""
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        close_files()
        began = time.perf_counter()
        for record in run(self.job(), out, executor):
            assert record.failed is None, record.failed
        seconds = time.perf_counter() - began
        found: dict[str, Any] = json.loads((out / "summary.json").read_text())
        return {**found, "wall_s": seconds}


def seconds_of(function: Callable[[], Any]) -> float:
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def bare(place: Place, num_tiles: int) -> float:
    """Seconds a pixel of the network alone, on a tile that lies in memory, ready in its type and order."""
    prepared = prepare(place.job())
    predictor = ready(place.folder / "card", prepared.card.identity, prepared.precision, prepared.device)
    assert isinstance(predictor, Network)
    edge = prepared.plan.core_px + 2 * prepared.plan.margin_px
    batch = torch.randn(1, len(BANDS), edge, edge).to(predictor.dtype, memory_format=torch.channels_last)
    with torch.inference_mode():
        return seconds_of(lambda: [predictor.network(batch) for _ in range(num_tiles)]) / (num_tiles * edge * edge)


def against_bare(folder: Path, turns: int, edge_px: int, threads: int) -> list[dict[str, Any]]:
    place = Place(folder)
    write_numbers(folder / "scene.tif", edge_px)
    write_place(folder, folder / "scene.tif", edge_px, "unet", UNET)
    bare(place, 1)
    ratios, found = [], {}
    for _ in range(turns):
        before = bare(place, 4)
        found = place.map(Serial(Setup(threads), IN_FLIGHT))
        after = bare(place, 4)
        ratios.append((before + after) / 2 / (found["wall_s"] / found["seen_px"]))
    seen = found["seen_per_written"]
    return [
        figure(
            "U-Net 13.4 M: job / bare network, per pixel seen",
            statistics.median(ratios),
            "",
            ">= 0.95",
            statistics.median(ratios) >= 0.95,
        ),
        figure("pixels seen / pixels written", seen, "", "<= 1.5", seen <= 1.5),
        figure("U-Net 13.4 M: pixels written", found["written_px"] / found["wall_s"] / 1e6, "Mpx/s"),
    ]


def against_disk(folder: Path, turns: int, edge_px: int, threads: int) -> list[dict[str, Any]]:
    place = Place(folder)
    write_numbers(folder / "large.tif", edge_px)
    write_place(folder, folder / "large.tif", edge_px, "pixel", {})
    prepared = prepare(place.job())
    (scene,) = prepared.scenes
    grid, tiles = prepared.plan.grid, [piece.tile for piece in prepared.plan.pieces]
    # The very labels that the job writes: how long packing takes depends on them.
    place.map(Serial(Setup(threads), IN_FLIGHT))
    labels, _ = read_map(folder / "out" / "map.tif")

    def read_all() -> None:
        close_files()
        for tile in tiles:
            pixels(scene, BANDS, grid, tile.seen)

    def write_all() -> None:
        """What the job writes: tiles, and the map from them."""
        paths = [folder / "written" / f"{tile.key}.tif" for tile in tiles]
        for tile, path in zip(tiles, paths, strict=True):
            write_tile(path, labels[tile.core.slices][None], tile.core.on(grid), LEGEND.nodata)
        write_cog(folder / "written" / "map.tif", paths, grid, legend=LEGEND, nodata=LEGEND.nodata, num_threads=threads)

    ratios, last = [], {}
    for _ in range(turns):
        last = {"read_s": seconds_of(read_all), "write_s": seconds_of(write_all)}
        last["job_s"] = place.map(Serial(Setup(threads), IN_FLIGHT))["wall_s"]
        ratios.append(max(last["read_s"], last["write_s"]) / last["job_s"])
    mega = edge_px * edge_px / 1e6
    return [
        figure(
            "1x1 network: the slower of reading and writing / job",
            statistics.median(ratios),
            "",
            ">= 0.5",
            statistics.median(ratios) >= 0.5,
        ),
        *(figure(f"1x1 network: {name[:-2]} alone", mega / seconds, "Mpx/s") for name, seconds in last.items()),
    ]


def pool_against_one(folder: Path, turns: int, edge_px: int) -> list[dict[str, Any]]:
    place = Place(folder)
    write_numbers(folder / "scene.tif", edge_px)
    write_place(folder, folder / "scene.tif", edge_px, "unet", NARROW)
    ratios = []
    for _ in range(turns):
        one, two = (place.map(Pool(num, Setup(threads=1), IN_FLIGHT))["wall_s"] for num in (1, 2))
        ratios.append(one / two)
    median = statistics.median(ratios)
    return [figure("U-Net 3.4 M: one worker / pool of two, one thread each", median, "", ">= 1.7", median >= 1.7)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--only", choices=("bare", "disk", "pool"))
    parser.add_argument("--turns", type=int, help="how often, instead of 1, or 3 with --full")
    parser.add_argument("--edge", type=int, help="edge of the scene in pixels, to try the script itself")
    options = parser.parse_args()
    turns, threads = options.turns or (3 if options.full else 1), num_cores()
    edge_px = options.edge or 4096
    large_px = options.edge or 6144
    torch.set_num_threads(threads)
    figures = []
    with tempfile.TemporaryDirectory(prefix="landweave-") as text:
        folder = Path(text)
        parts: dict[str, Callable[[], list[dict[str, Any]]]] = {
            "disk": lambda: against_disk(folder, turns, large_px, threads),
            "bare": lambda: against_bare(folder, turns, large_px if options.full else edge_px, threads),
            "pool": lambda: pool_against_one(folder, turns, large_px if options.full else edge_px),
        }
        for name, part in parts.items():
            if options.only in {None, name}:
                figures += part()
                for line in figures[-4:]:
                    print(line)
    context = {"threads": threads, "turns": turns, "edge_px": edge_px, "large_px": large_px}
    print_result(figures, **context)


if __name__ == "__main__":
    main()

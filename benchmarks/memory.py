"""Peak resident memory of a whole map job in one process: it must not grow with the scene.

Each case runs in a process of its own, which reports the most memory it ever held (VmHWM). The scene of 20,000 x 20,000
pixels shows one of 5,000 x 5,000 sixteen times (a VRT), so that pixels, blocks and files are alike. U-Net with 13.4
million weights; three tasks in flight, as always.

Of the large scene's 400 tiles every tile is read with its margin and written and all are assembled, but unless --full
is given the network runs on every twenty-fifth only, in the same threads and turns: memory is that of a tile, so that
more of them show nothing new. For the other tiles a label is drawn from the first band. --full runs the network on all.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from landweave.jobs.worker import Setup, give_way, num_cores, one_heap

# As `landweave map` does, before torch is imported.
one_heap()
give_way()

import numpy as np
import torch

from landweave.jobs.executor import Function, Outcome, Summary, TaskT
from landweave.jobs.serial import Serial
from landweave.mapping.job import IN_FLIGHT, run
from landweave.mapping.prepare import MapJob
from landweave.mapping.source import pixels
from landweave.mapping.tile import MapTask
from landweave.raster.write import write_tile
from scenes import BANDS, figure, grid_of, print_result, write_numbers, write_place

GDAL_CACHE_MB = 128
SMALL_PX, LARGE_PX = 5_000, 20_000
EVERY = 25
GIB = 2**30


@dataclasses.dataclass(frozen=True)
class Sampled:
    """Runs the network on every `every`-th tile; the others are read and written without it."""

    inner: Serial
    every: int

    @property
    def num_workers(self) -> int:
        return 1

    def run(self, function: Function[TaskT], tasks: Iterable[TaskT]) -> Iterator[Outcome]:
        every = list(tasks)
        chosen = {task.key for task in every[:: self.every]}

        def either(task: Any) -> Summary:
            return function(task) if task.key in chosen or not isinstance(task, MapTask) else read_and_write(task)

        return self.inner.run(either, every)


def read_and_write(task: MapTask) -> Summary:
    """A tile without its network."""
    legend = task.order.predictor.card.legend
    values, _ = pixels(task.scenes[0], BANDS, task.order.grid, task.tile.seen)
    first = values[0][task.tile.core.inside(task.tile.seen).slices]
    ids = np.array(legend.ids, np.uint8)[(first * 100).astype(int).clip(0, 99) % len(legend)]
    write_tile(task.order.path("labels", task.key), ids[None], task.tile.core.on(task.order.grid), legend.nodata)
    num = task.tile.core.num_pixels
    return {"tiles": 1, "written_px": num, "valid_px": num, "seen_px": 0}


def write_repeated(path: Path, small: Path, times: int) -> None:
    """A VRT that shows `small` `times` times along each axis."""
    edge, grid = SMALL_PX, grid_of(SMALL_PX * times)
    geo = ", ".join(repr(float(value)) for value in grid.affine.to_gdal())
    text = [f'<VRTDataset rasterXSize="{edge * times}" rasterYSize="{edge * times}"><SRS>EPSG:32633</SRS>']
    text.append(f"<GeoTransform>{geo}</GeoTransform>")
    for band in range(1, len(BANDS) + 1):
        text.append(f'<VRTRasterBand dataType="UInt16" band="{band}"><NoDataValue>0</NoDataValue>')
        for row in range(times):
            for col in range(times):
                text.append(
                    f'<SimpleSource><SourceFilename relativeToVRT="0">{small}</SourceFilename>'
                    f"<SourceBand>{band}</SourceBand>"
                    f'<SourceProperties RasterXSize="{edge}" RasterYSize="{edge}" DataType="UInt16" '
                    f'BlockXSize="512" BlockYSize="512"/>'
                    f'<SrcRect xOff="0" yOff="0" xSize="{edge}" ySize="{edge}"/>'
                    f'<DstRect xOff="{col * edge}" yOff="{row * edge}" xSize="{edge}" ySize="{edge}"/></SimpleSource>'
                )
        text.append("</VRTRasterBand>")
    path.write_text("".join(text) + "</VRTDataset>")


def measure(folder: Path, precision: str, every: int) -> None:
    """One case, in this process; prints what it took as JSON."""
    setup = Setup(num_cores(), GDAL_CACHE_MB)
    executor = Sampled(Serial(setup, IN_FLIGHT), every)
    values = {"card": folder / "card", "scenes": folder / "catalog.parquet", "precision": precision}
    began = time.perf_counter()
    for record in run(MapJob.model_validate(values), folder / f"{precision}-{every}", executor):
        assert record.failed is None, record.failed
    status = Path("/proc/self/status").read_text()
    peak = next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))
    print(json.dumps({"peak_bytes": peak, "seconds": time.perf_counter() - began}))


def case(folder: Path, precision: str, every: int) -> dict[str, float]:
    words = [sys.executable, __file__, "--measure", str(folder), "--precision", precision, "--every", str(every)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{folder.name} {precision}: {found['peak_bytes'] / GIB:.3f} GiB, {found['seconds']:.0f} s")
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="run the network on every tile of the large scene too")
    parser.add_argument("--measure", type=Path)
    parser.add_argument("--precision", default="bf16")
    parser.add_argument("--every", type=int, default=1)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure, options.precision, options.every)
        return
    every = 1 if options.full else EVERY
    with tempfile.TemporaryDirectory(prefix="landweave-") as text:
        small, large = Path(text) / "small", Path(text) / "large"
        for folder in (small, large):
            folder.mkdir()
        write_numbers(small / "scene.tif", SMALL_PX)
        write_repeated(large / "scene.vrt", small / "scene.tif", LARGE_PX // SMALL_PX)
        arguments = {"width": 64, "depth": 4}
        write_place(small, small / "scene.tif", SMALL_PX, "unet", arguments)
        write_place(large, large / "scene.vrt", LARGE_PX, "unet", arguments)
        one = case(small, "bf16", 1)["peak_bytes"]
        other = case(large, "bf16", every)["peak_bytes"]
        exact = case(small, "fp32", 1 if options.full else 5)["peak_bytes"]
    ratio = other / one
    figures = [
        figure("peak RSS, 5,000 x 5,000 x 4, bf16", one / GIB, "GiB", "< 2", one < 2 * GIB),
        figure("peak RSS, 20,000 x 20,000 x 4, bf16", other / GIB, "GiB", "< 2", other < 2 * GIB),
        figure("peak RSS, 20,000 / 5,000", ratio, "", "0.9 to 1.1", 0.9 <= ratio <= 1.1),
        figure("peak RSS, 5,000 x 5,000 x 4, fp32", exact / GIB, "GiB"),
    ]
    share = "all tiles" if every == 1 else f"every {every}th tile of the large scene, all tiles read and written"
    print_result(
        figures, network=share, threads=num_cores(), gdal_cache_mb=GDAL_CACHE_MB, torch=torch.__version__, core_px=1024
    )


if __name__ == "__main__":
    main()

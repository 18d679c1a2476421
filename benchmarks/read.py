"""landweave's reader against bare rasterio: windows of 512 x 512 x 4 in random order from one deflate COG.

Bare rasterio gives stored uint16 numbers; landweave gives physical float32 values and where they are valid. All sides
take turns, window by window, with one thread each; the figure is the median of the ratios of neighbouring turns.

"Cache too small" is a scene larger than GDAL's block cache, as scenes are: every window is unpacked. "From the cache"
nothing is unpacked at all, so that converting numbers to values is what is left; it has no goal and is printed. The
file is written anew by landweave in a temporary folder. Without arguments: 200 windows; --full: 1,000.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import rasterio
from odc.geo.geobox import GeoBox
from rasterio import Affine
from rasterio.windows import Window as RioWindow

from landweave.provenance import commit, versions
from landweave.raster.read import close_files, read
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_cog, write_tile
from landweave.sensors import sensor
from landweave.tiling import Window

EDGE_PX, WINDOW_PX = 6000, 512
BANDS = ("B02", "B03", "B04", "B08")
GRID = GeoBox((EDGE_PX, EDGE_PX), Affine(10, 0, 600000, 0, -10, 5000000), "EPSG:32632")
# MB: the file unpacks to 288 MB.
SMALL_CACHE, LARGE_CACHE = 64, 640


def write(folder: Path) -> Path:
    """A COG of four bands of fields with noise, which deflate packs about as well as a real scene."""
    parts = []
    for row in range(0, EDGE_PX, 2000):
        window = Window(row, 0, 2000, EDGE_PX)
        generator = np.random.default_rng(row)
        fields = generator.integers(1000, 4000, (4, 2000 // 16, EDGE_PX // 16), np.uint16)
        array = np.kron(fields, np.ones((1, 16, 16), np.uint16)) + generator.integers(
            0, 80, (4, *window.shape), np.uint16
        )
        write_tile(folder / f"{row}.tif", array, window.on(GRID), 0)
        parts.append(folder / f"{row}.tif")
    write_cog(folder / "scene.tif", parts, GRID, nodata=0, num_threads=2)
    return folder / "scene.tif"


def scene(path: Path) -> Scene:
    """The COG as a scene of Sentinel-2."""
    files = {name: BandFile(str(path), index, 0.0001, -0.1, 0) for index, name in enumerate(BANDS, start=1)}
    return Scene("benchmark", sensor("sentinel-2-l2a"), dt.datetime(2024, 7, 1, tzinfo=dt.UTC), GRID, files)


def windows(num: int, seed: int) -> list[Window]:
    """Windows anywhere in the file."""
    places = np.random.default_rng(seed).integers(0, EDGE_PX - WINDOW_PX, (num, 2)).tolist()
    return [Window(row, col, WINDOW_PX, WINDOW_PX) for row, col in places]


def rio(window: Window) -> RioWindow:
    """The same for rasterio."""
    return RioWindow(window.col, window.row, window.width, window.height)


def sides(path: Path) -> dict[str, Callable[[Window], Any]]:
    """The ways of reading a window."""
    one, made = rasterio.open(path), scene(path)

    def opening(window: Window) -> Any:
        with rasterio.open(path) as file:
            return file.read(window=rio(window))

    def by_hand(window: Window) -> Any:
        numbers = one.read(window=rio(window))
        return numbers.astype(np.float32) * np.float32(0.0001) - np.float32(0.1), (numbers != 0).all(axis=0)

    return {
        "landweave": lambda window: read(made, BANDS, window.on(GRID)),
        "bare": lambda window: one.read(window=rio(window)),
        "by hand": by_hand,
        "opening": opening,
    }


def turns(path: Path, num: int, names: Sequence[str]) -> dict[str, float]:
    """Median of landweave's speed over each other side's, in turns of ten windows, and milliseconds a window."""
    found = sides(path)
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for turn in range(num // 10):
        # Each side reads windows of its own: blocks that another one left in the cache would be a gift.
        for place, name in enumerate(names):
            chosen = windows(10, 1000 * turn + place)
            begin = time.perf_counter()
            for window in chosen:
                found[name](window)
            seconds[name].append(time.perf_counter() - begin)
    mine = seconds["landweave"]
    ratios = {
        f"over {name}": statistics.median(other / own for own, other in zip(mine, seconds[name], strict=True))
        for name in names
        if name != "landweave"
    }
    return ratios | {f"{name} ms": statistics.median(seconds[name]) * 100 for name in names}


def check(path: Path) -> None:
    """Both sides must give the same before their speed means anything."""
    found = sides(path)
    for window in windows(3, 0):
        values, valid = found["landweave"](window)
        wanted, all_there = found["by hand"](window)
        np.testing.assert_allclose(values, wanted, atol=1e-6)
        np.testing.assert_array_equal(valid, all_there)
    close_files()


def part(path: Path, kind: str, num: int) -> dict[str, float]:
    """One measurement, in a process of its own with its own block cache."""
    check(path)
    if kind == "unpacking":
        return turns(path, num, ("landweave", "bare", "by hand", "opening"))
    with rasterio.open(path) as file:
        # Read everything once: then the cache holds it.
        found = sides(path)
        for row in range(0, EDGE_PX, WINDOW_PX):
            for col in range(0, EDGE_PX, WINDOW_PX):
                window = Window(row, col, WINDOW_PX, WINDOW_PX).clip(Window(0, 0, *file.shape))
                found["landweave"](window)
                found["bare"](window)
    return turns(path, num, ("landweave", "bare", "by hand", "opening"))


def measure(path: Path, kind: str, num: int, cache_mb: int) -> dict[str, float]:
    """The same, started."""
    command = [sys.executable, __file__, "--part", kind, "--file", str(path), "--num", str(num)]
    environment = {**os.environ, "GDAL_CACHEMAX": str(cache_mb), "OMP_NUM_THREADS": "1", "GDAL_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    values: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    print(f"{kind}, cache of {cache_mb} MB:", {name: round(value, 2) for name, value in values.items()})
    return values


def figure(name: str, value: float, goal: float | None) -> dict[str, Any]:
    """A ratio and whether it holds."""
    holds = goal is None or value >= goal
    return {"name": name, "value": round(value, 3), "unit": "ratio", "goal": goal, "holds": holds}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="1,000 windows instead of 200")
    parser.add_argument("--part", help=argparse.SUPPRESS)
    parser.add_argument("--file", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--num", type=int, default=200, help=argparse.SUPPRESS)
    wanted = parser.parse_args()
    if wanted.part:
        print(json.dumps(part(wanted.file, wanted.part, wanted.num)))
        return
    num = 1000 if wanted.full else wanted.num
    with tempfile.TemporaryDirectory(prefix="landweave-read-") as folder:
        path = write(Path(folder))
        size_mb = path.stat().st_size / 1e6
        print(f"COG of {EDGE_PX} x {EDGE_PX} x 4, {size_mb:.0f} MB packed")
        unpacking = measure(path, "unpacking", num, SMALL_CACHE)
        cached = measure(path, "cached", num, LARGE_CACHE)
    figures = [
        figure("reading, cache too small, over bare rasterio with one open file", unpacking["over bare"], 0.8),
        figure("reading from the cache over opening the file for every window", cached["over opening"], 3.0),
        figure("reading, cache too small, over opening the file for every window", unpacking["over opening"], None),
        figure("reading from the cache over bare rasterio (numbers, not values)", cached["over bare"], None),
        figure("reading from the cache over rasterio and numpy giving the same", cached["over by hand"], None),
    ]
    context = {
        "windows": num,
        "window": [WINDOW_PX, WINDOW_PX, 4],
        "file_mb": round(size_mb, 1),
        "threads": 1,
        "gdal_cachemax_mb": {"too small": SMALL_CACHE, "holds it": LARGE_CACHE},
        "medians": {"unpacking": unpacking, "cached": cached},
        "commit": commit(),
        "versions": versions(),
        "gdal": rasterio.__gdal_version__,
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }
    print(json.dumps({"figures": figures, "context": context}))


if __name__ == "__main__":
    main()

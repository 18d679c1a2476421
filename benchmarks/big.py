"""Peak memory of a worker on a scene of 40,000 x 35,000 x 3 pixels and on one of 8,000 x 7,000: it must be the same.

Each case runs in a process of its own with the same limit on its address space (RLIMIT_AS), and reports the most memory
it ever held (VmHWM). The scene is one tiled GeoTIFF (8 bits, deflate) of 1 m pixels, written in stripes of blocks; all
of its 1,400 tiles are read, mapped, written and assembled to nine sheets and the small file that shows them. The
network is a U-Net of width 8 and depth 3 (53 thousand weights), bf16 where the machine is faster with it, three tasks
in flight in one process, as always.

Without arguments the large scene is 16,000 x 14,000; --full makes it 40,000 x 35,000 (about ten minutes and 3 GB of
disk). Each case is a file in benchmarks/results/big, from which the script goes on; --again measures all anew.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from landweave.jobs.worker import Setup, give_way, num_cores, one_heap

# As `landweave map` does, before torch is imported.
one_heap()
give_way()

import numpy as np
import rasterio
import torch
from odc.geo.geobox import GeoBox

from landweave.atomic import write_text
from landweave.jobs.serial import Serial
from landweave.legend import legend
from landweave.mapping.job import IN_FLIGHT, run
from landweave.mapping.prepare import MapJob
from landweave.models.card import Card, save_card
from landweave.models.sight import find_sight
from landweave.models.table import build
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, Scene
from landweave.sensors import sensor
from scenes import figure, print_result

RESULTS = Path(__file__).parent / "results" / "big"
SIZES = {"small": (7_000, 8_000), "short": (14_000, 16_000), "full": (35_000, 40_000)}
BANDS = ("R", "G", "B")
SENSOR = "naip"
NETWORK = {"width": 8, "depth": 3}
GDAL_CACHE_MB, LIMIT_GIB = 128, 8
GIB = 2**30
_BLOCK_PX = 512


def grid_of(shape: tuple[int, int]) -> GeoBox:
    height, width = shape
    return GeoBox.from_bbox((500000, 4000000, 500000 + width, 4000000 + height), "EPSG:32633", resolution=1)


def write_scene(path: Path, shape: tuple[int, int]) -> None:
    """Fields of 64 pixels with little noise, stripe by stripe."""
    height, width = shape
    generator = np.random.default_rng(0)
    noise = generator.integers(0, 4, (3, _BLOCK_PX, width), np.uint8)
    profile = {"driver": "GTiff", "count": 3, "height": height, "width": width, "dtype": "uint8", "tiled": True}
    profile |= {"blockxsize": _BLOCK_PX, "blockysize": _BLOCK_PX, "compress": "deflate", "zlevel": 1, "nodata": 0}
    grid = grid_of(shape)
    with rasterio.open(path, "w", **profile, crs=grid.crs, transform=grid.affine, num_threads=num_cores()) as file:
        for row in range(0, height, _BLOCK_PX):
            rows = min(_BLOCK_PX, height - row)
            coarse = generator.integers(20, 230, (3, _BLOCK_PX // 64, width // 64 + 1), np.uint8)
            fields = coarse.repeat(64, 1).repeat(64, 2)[:, :, :width] + noise
            file.write(fields[:, :rows], window=((row, row + rows), (0, width)))


def write_place(folder: Path, shape: tuple[int, int]) -> None:
    """A catalog with one scene, and a card of random weights."""
    folder.mkdir(parents=True)
    path = folder / "scene.tif"
    write_scene(path, shape)
    files = {band: BandFile(str(path), number + 1, 1.0, 0.0, 0) for number, band in enumerate(BANDS)}
    scene = Scene("big", sensor(SENSOR), dt.datetime(2026, 6, 1, 10, tzinfo=dt.UTC), grid_of(shape), files)
    write_catalog([scene], folder / "catalog.parquet")
    torch.manual_seed(0)
    network = build("unet", len(BANDS), 8, **NETWORK)
    card = Card(
        network="unet",
        arguments=NETWORK,
        sensor=SENSOR,
        bands=BANDS,
        pixel_size_m=1.0,
        unit=sensor(SENSOR).select(BANDS)[0].unit,
        mean=(128.0,) * 3,
        std=(60.0,) * 3,
        legend=legend("simulated-8"),
        task="pixels",
        sight=find_sight(build("unet", len(BANDS), 8, width=2, depth=NETWORK["depth"]), len(BANDS)),
    )
    save_card(folder / "card", card, network)


def measure(folder: Path) -> None:
    """One case, in this process; prints what it took as JSON."""
    resource.setrlimit(resource.RLIMIT_AS, (LIMIT_GIB * GIB, LIMIT_GIB * GIB))
    executor = Serial(Setup(num_cores(), GDAL_CACHE_MB), IN_FLIGHT)
    values = {"card": folder / "card", "scenes": folder / "catalog.parquet"}
    began = time.perf_counter()
    for record in run(MapJob.model_validate(values), folder / "out", executor):
        assert record.failed is None, record.failed
    seconds = time.perf_counter() - began
    status = Path("/proc/self/status").read_text()
    held = {name: int(line.split()[1]) * 1024 for line in status.splitlines()
            for name in ("VmHWM", "VmPeak") if line.startswith(name)}  # fmt: skip
    told = json.loads((folder / "out" / "summary.json").read_text())
    kept = {name: told[name] for name in ("written_px", "mpx_per_s", "tiles", "sheets", "wall_s", "map")}
    print(json.dumps({"peak_bytes": held["VmHWM"], "address_bytes": held["VmPeak"], "seconds": seconds, **kept}))


def case(name: str, work: Path, again: bool) -> dict[str, float]:
    path = RESULTS / f"{name}.json"
    if path.exists() and not again:
        return dict(json.loads(path.read_text()))
    folder = work / name
    write_place(folder, SIZES[name])
    words = [sys.executable, __file__, "--measure", str(folder)]
    done = subprocess.run(words, check=True, capture_output=True, text=True)
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    write_text(path, json.dumps(found, indent=1) + "\n")
    print(
        f"{name}: {found['peak_bytes'] / GIB:.3f} GiB, {found['seconds']:.0f} s, {found['sheets']} sheets", flush=True
    )
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the large scene has 40,000 x 35,000 pixels")
    parser.add_argument("--again", action="store_true", help="measure what was measured before, too")
    parser.add_argument("--measure", type=Path)
    options = parser.parse_args()
    if options.measure:
        measure(options.measure)
        return
    large_name = "full" if options.full else "short"
    with tempfile.TemporaryDirectory(prefix="landweave-") as text:
        small, large = (case(name, Path(text), options.again) for name in ("small", large_name))
    height, width = SIZES[large_name]
    ratio = large["peak_bytes"] / small["peak_bytes"]
    figures = [
        figure("peak RSS, 8,000 x 7,000 x 3", small["peak_bytes"] / GIB, "GiB"),
        figure(f"peak RSS, {width:,} x {height:,} x 3", large["peak_bytes"] / GIB, "GiB"),
        figure("peak RSS, large / small", ratio, "", "<= 1.1", ratio <= 1.1),
        figure("rate on the large scene", large["mpx_per_s"], "Mpx/s"),
        figure("sheets of the large map", large["sheets"], ""),
    ]
    context = {"threads": num_cores(), "gdal_cache_mb": GDAL_CACHE_MB, "limit_gib": LIMIT_GIB}
    print_result(figures, network=f"unet {NETWORK}", core_px=1024, torch=torch.__version__, **context)


if __name__ == "__main__":
    main()

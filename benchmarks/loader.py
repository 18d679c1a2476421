"""Patches/s from the archive against two others, one process and one thread each: GeoTIFFs, and a memory-mapped array.

The patches are BigEarthNet's in size: 12 bands in three pixel sizes, 19 classes. GeoTIFFs are read as they are
published, 12 files a patch, uncompressed, with rasterio. The memory-mapped array holds the same bytes as the archive
(all arrays of a patch one after the other) and is read by NumPy's own indexing; both give a batch in memory of its
own, in shuffled order. All bytes are in the page cache. The sides take turns; a figure is the median of the ratios of
neighbouring turns. "In order" is what evaluation asks for: the archive then gives views, and nothing is copied. Plain
h5py on the same shards stands beside, and on a copy with one chunk a patch. Without arguments: half a minute; --full
takes more patches and turns.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import rasterio
from numpy.typing import NDArray
from rasterio import Affine

from landweave.legend import legend
from landweave.patches import archive
from landweave.patches.archive import Archive
from landweave.patches.layout import Layout, make_layout
from landweave.patches.sample import Row
from landweave.provenance import commit, versions
from landweave.sensors import sensor

GOAL_FILES, GOAL_MAPPED = 200.0, 0.7
PER_SHARD, BATCH, NUM_FILES = 256, 64, 64
BANDS = sensor("sentinel-2-l2a").band_names
Reader = Callable[[NDArray[np.int64]], Any]


def cut(folder: Path, num_shards: int) -> Archive:
    """An archive of random numbers."""
    layout = make_layout(sensor("sentinel-2-l2a"), BANDS, 120, legend("bigearthnet-19"), targets=("classes",))
    for shard in range(num_shards):
        generator = np.random.default_rng(shard)
        arrays: dict[str, Any] = {
            view.key: generator.integers(1, 9000, (PER_SHARD, *view.shape)).astype(view.dtype) for view in layout.views
        }
        arrays["classes"] = generator.integers(0, 2, (PER_SHARD, len(layout.legend))).astype(np.uint8)
        arrays["valid"] = np.ones((PER_SHARD, 120, 120), bool)
        first = shard * PER_SHARD
        places = range(first, first + PER_SHARD)
        rows = [Row(f"p{i}", "train", f"b{i}", "random", "random", "", (i * 9e3, 0, i * 9e3 + 10, 10)) for i in places]
        archive.write_shard(folder, f"{shard:06d}", layout, arrays, rows)
    return archive.finish(folder, layout, {})


def write_files(found: Archive, folder: Path) -> None:
    """The first patches as published: a folder a patch, a GeoTIFF a band."""
    arrays = found.batch(range(NUM_FILES))
    for number in range(NUM_FILES):
        for view in found.layout.views:
            profile = {"driver": "GTiff", "height": view.px, "width": view.px, "count": 1, "dtype": view.dtype}
            place = {"crs": "EPSG:32633", "transform": Affine(view.pixel_size_m, 0, 0, 0, -view.pixel_size_m, 0)}
            for channel, band in enumerate(view.bands):
                path = folder / str(number) / f"{number}_{band.name}.tif"
                path.parent.mkdir(parents=True, exist_ok=True)
                with rasterio.open(path, "w", **profile, **place) as file:
                    file.write(arrays[view.key][number, channel], 1)


def read_files(layout: Layout, folder: Path) -> Reader:
    """Patches from GeoTIFFs, with bare rasterio."""

    def read(indices: NDArray[np.int64]) -> Any:
        made = {view.key: np.empty((len(indices), *view.shape), view.dtype) for view in layout.views}
        for place, number in enumerate(indices.tolist()):
            for view in layout.views:
                for channel, band in enumerate(view.bands):
                    with rasterio.open(folder / str(number) / f"{number}_{band.name}.tif") as file:
                        file.read(1, out=made[view.key][place, channel])
        return made

    return read


def read_mapped(found: Archive, path: Path) -> Reader:
    """A memory-mapped array with one row of bytes a patch."""
    keys = found.layout.shapes()
    with path.open("wb") as file:
        for first in range(0, len(found), PER_SHARD):
            arrays = found.batch(range(first, first + PER_SHARD))
            np.concatenate([arrays[key].reshape(PER_SHARD, -1).view(np.uint8) for key in keys], axis=1).tofile(file)
    mapped = np.memmap(path, np.uint8, "r", shape=(len(found), path.stat().st_size // len(found)))
    return lambda indices: mapped[indices]


def read_h5py(found: Archive, path: Path) -> Reader:
    """Plain h5py with one chunk a patch, in one file."""
    keys = list(found.layout.shapes())
    with h5py.File(path, "w") as file:
        for key, (shape, dtype) in found.layout.shapes().items():
            file.create_dataset(key, (len(found), *shape), dtype, chunks=(1, *shape))
            for first in range(0, len(found), PER_SHARD):
                file[key][first : first + PER_SHARD] = found.batch(range(first, first + PER_SHARD))[key]
    opened = h5py.File(path)
    sources = {key: opened[key] for key in keys}

    def read(indices: NDArray[np.int64]) -> Any:
        made = {key: np.empty((len(indices), *source.shape[1:]), source.dtype) for key, source in sources.items()}
        for key, source in sources.items():
            # One by one: a list of indices costs h5py a hundred times as much.
            for place, index in enumerate(indices.tolist()):
                made[key][place] = source[index]
        return made

    return read


def speed(read: Reader, batches: list[NDArray[np.int64]]) -> float:
    """Patches/s; the last batch is kept while the next one is read, as a loader does."""
    began = time.perf_counter()
    kept = None
    for indices in batches:
        kept = read(indices)
    assert kept is not None
    return sum(map(len, batches)) / (time.perf_counter() - began)


def shuffled(num: int, seed: int) -> list[NDArray[np.int64]]:
    """One epoch in batches."""
    order = np.random.default_rng(seed).permutation(num)
    return [order[first : first + BATCH] for first in range(0, num - BATCH + 1, BATCH)]


def in_order(num: int) -> list[NDArray[np.int64]]:
    """The same in the order of the archive."""
    return [np.arange(first, first + BATCH) for first in range(0, num - BATCH + 1, BATCH)]


def turns(found: Archive, folder: Path, num_turns: int) -> Iterator[dict[str, float]]:
    """Patches/s of each side, turn by turn; the first turn warms up."""
    files = read_files(found.layout, folder / "files")
    mapped, plain = read_mapped(found, folder / "mapped.bin"), read_h5py(found, folder / "plain.h5")
    num = len(found)
    for turn in itertools.count():
        if turn > num_turns:
            return
        batches = shuffled(num, turn)
        made = {
            "archive": speed(found.batch, batches),
            "memory-mapped": speed(mapped, batches),
            "archive again": speed(found.batch, batches),
            "plain h5py, one chunk a patch": speed(plain, batches),
            "archive in order": speed(found.batch, in_order(num)),
            "GeoTIFFs": speed(files, [np.arange(NUM_FILES)]),
        }
        if turn:
            yield made


def figures(pairs: list[dict[str, float]]) -> list[dict[str, Any]]:
    """Medians of each side and of the ratios."""
    made: list[dict[str, Any]] = [
        {
            "name": side,
            "value": round(statistics.median(pair[side] for pair in pairs)),
            "unit": "patches/s",
            "goal": None,
            "holds": None,
        }
        for side in pairs[0]
    ]
    files = statistics.median(pair["archive"] / pair["GeoTIFFs"] for pair in pairs)
    # Between two turns of the archive: what changes meanwhile on the machine changes both sides.
    both = [(pair["archive"] + pair["archive again"]) / 2 / pair["memory-mapped"] for pair in pairs]
    mapped = statistics.median(both)
    for name, value, goal in (
        ("archive over GeoTIFFs", files, GOAL_FILES),
        ("archive over memory-mapped array", mapped, GOAL_MAPPED),
    ):
        made.append({"name": name, "value": round(value, 3), "unit": "ratio", "goal": goal, "holds": value >= goal})
    return made


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="16 shards and fifteen turns instead of 4 and five")
    full = parser.parse_args().full
    with tempfile.TemporaryDirectory() as name:
        found = cut(Path(name) / "archive", 16 if full else 4)
        write_files(found, Path(name) / "files")
        pairs = list(turns(found, Path(name), 15 if full else 5))
        made = figures(pairs)
    for figure in made:
        print(f"{figure['name']:40s} {figure['value']:12} {figure['unit']}")
    context = {"commit": commit(), "versions": versions(), "machine": platform.processor() or platform.machine()}
    more = {"threads": 1, "cores": os.cpu_count(), "patches": len(found), "batch": BATCH, "turns": len(pairs)}
    print(json.dumps({"figures": made, "context": {**context, **more}}))


if __name__ == "__main__":
    main()

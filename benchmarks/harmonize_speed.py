"""How fast a generator is applied, beside its network alone, and how two ranks train it. For benchmarks/harmonize.py.

Apply: a scene of random numbers; what a job maps in a second of all pixels that its tiles see, over what the network
alone gives in a second on tiles of the same size. Ranks: two processes of one thread each take turns, epoch by epoch:
one trains while the other waits, both train each for itself, both train together; efficiency is the last over twice the
first.
"""

from __future__ import annotations

import argparse
import dataclasses
import datetime as dt
import json
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch
from odc.geo.geobox import GeoBox

from landweave.config import check
from landweave.harmonize.apply import ApplyJob
from landweave.harmonize.apply import run as apply
from landweave.harmonize.tell import Learned
from landweave.models.card import Card, save_card
from landweave.models.pair.mgan import Generator, OnOutputPixels
from landweave.models.pair.output import Output
from landweave.models.sight import find_sight
from landweave.parallel.launch import here
from landweave.parallel.world import World, make_world
from landweave.patches import archive
from landweave.patches.layout import Paired, make_layout
from landweave.patches.sample import Row
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_cog, write_tile
from landweave.recipe.harmonize import HarmonizeRecipe, find, make_feed, make_step
from landweave.sensors import sensor
from landweave.train import precision
from landweave.train.log import StepRecord
from landweave.train.loop import Course, Run
from landweave.train.schedules import Schedule
from scenes import LEGEND

BANDS = ("B02", "B03", "B04", "B08", "B11", "B12")
TARGETS = ("SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6", "SR_B7")
SIZES_M = (10.0,) * 4 + (20.0,) * 2
NUM_RANKS = 2
SAMPLES = 64


def generator_card(folder: Path, width: int, depth: int = 4) -> tuple[Card, Generator]:
    """A card of random weights, and its network."""
    torch.manual_seed(0)
    arguments = {"input_sizes_m": list(SIZES_M), "output_size_m": 30.0, "width": width, "depth": depth}
    network = Generator(6, 6, input_sizes_m=SIZES_M, width=width, depth=depth).eval()
    output = Output("landsat-8-like", TARGETS, 30.0, "reflectance", (0.2,) * 6, (0.1,) * 6, SIZES_M)
    card = Card(
        "mgan", arguments, "sentinel-2-l2a", BANDS, 10.0, "reflectance", (0.2,) * 6, (0.1,) * 6, output.legend,
        "reflectance", find_sight(OnOutputPixels(network), 6), output=output,
    )  # fmt: skip
    return save_card(folder, card, network), network


def write_scene(folder: Path, edge_px: int) -> None:
    """A catalog with one scene of `edge_px` pixels of 30 m: squares with noise, at 10 and 20 m."""
    files: dict[str, BandFile] = {}
    generator = np.random.default_rng(0)
    for size, bands in ((10, BANDS[:4]), (20, BANDS[4:])):
        px = edge_px * 30 // size
        box = (500000, 4000000, 500000 + edge_px * 30, 4000000 + edge_px * 30)
        grid = GeoBox.from_bbox(box, "EPSG:32633", resolution=size)
        squares = generator.uniform(1500, 5000, (len(bands), px // 32 + 1, px // 32 + 1)).repeat(32, 1).repeat(32, 2)
        numbers = squares[:, :px, :px] + generator.normal(0, 60, (len(bands), px, px))
        plain, path = folder / f"plain-{size}.tif", folder / f"bands-{size}.tif"
        write_tile(plain, numbers.clip(1, 9999).astype(np.uint16), grid, nodata=0)
        write_cog(path, [plain], grid, nodata=0, overviews="none", num_threads=2)
        plain.unlink()
        files |= {band: BandFile(str(path), place + 1, 0.0001, -0.1, 0) for place, band in enumerate(bands)}
    box = (500000, 4000000, 500000 + edge_px * 30, 4000000 + edge_px * 30)
    grid = GeoBox.from_bbox(box, "EPSG:32633", resolution=10)
    when = dt.datetime(2026, 6, 1, 10, tzinfo=dt.UTC)
    write_catalog(
        [Scene("bench", sensor("sentinel-2-l2a"), when, grid, files, None, "05.09", 0.0)], folder / "c.parquet"
    )


def applying(width: int, edge_px: int, core_px: int, turns: int) -> dict[str, Any]:
    """Pixels seen in a second by jobs, and by the network alone on tiles of the same size; they take turns."""
    found: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory(prefix="landweave-") as temporary:
        work = Path(temporary)
        card, network = generator_card(work / "card", width)
        write_scene(work, edge_px)
        margin = card.sight.margin_px or 0
        seen = core_px + 2 * margin
        teller = Learned(card, network, torch.device("cpu"))
        values = {10.0: np.random.default_rng(1).random((4, 3 * seen, 3 * seen), np.float32),
                  20.0: np.random.default_rng(2).random((2, 3 * seen // 2, 3 * seen // 2), np.float32)}  # fmt: skip
        views = [torch.from_numpy(values[size])[None] for size in (10.0, 20.0)]
        for turn in range(turns + 1):
            out = work / f"out-{turn}"
            job = check(
                ApplyJob, {"scenes": work / "c.parquet", "cards": (work / "card",), "core_px": core_px}, "apply"
            )
            for _ in apply(job, out):
                pass
            told = json.loads((out / "summary.json").read_text(encoding="utf-8"))
            began = time.perf_counter()
            with torch.inference_mode():
                network(*views)
            alone = seen * seen / (time.perf_counter() - began)
            # The same work again through the card, with its normalising on both sides.
            began = time.perf_counter()
            teller.tell(values, np.ones((seen, seen), np.bool_))
            found.append(
                {
                    "apply": told["seen_px_per_s"],
                    "alone": alone,
                    "card": seen * seen / (time.perf_counter() - began),
                    "core_share": told["written_px"] / told["seen_px"],
                }
            )
    return {"width": width, "edge_px": edge_px, "core_px": core_px, "margin_px": margin, "turns": found[1:]}


def cut(folder: Path, num: int, px: int = 128) -> None:
    """An archive of `num` pairs of random numbers."""
    other = sensor("landsat-8-c2l2")
    layout = make_layout(sensor("sentinel-2-l2a"), BANDS, 3 * px, LEGEND, targets=())
    layout = dataclasses.replace(layout, pair=Paired(30.0, px, other.select(TARGETS), 0, other.name))
    generator = np.random.default_rng(0)
    arrays = {
        key: generator.integers(1, 9999, (num, *shape)).astype(dtype)
        if dtype != np.bool_
        else np.ones((num, *shape), dtype)
        for key, (shape, dtype) in layout.shapes().items()
    }
    rows = [Row(f"p{i}", "train", f"b{i}", "s", "made", "", (i * 9e3, 0.0, i * 9e3 + 1, 1.0)) for i in range(num)]
    archive.write_shard(folder, "s", layout, arrays, rows)
    archive.finish(folder, layout, {})


def trained(folder: Path, batch: int, width: int, world: World) -> Iterator[float]:
    """Samples/s of one epoch after the other, over all ranks of `world`."""
    networks = {"generator": {"width": width}, "discriminator": {"width": width}}
    recipe = check(HarmonizeRecipe, {"task": "harmonize", "archive": folder, "batch_per_rank": batch, **networks}, "")
    material = find(recipe)
    step = make_step(recipe, material, world, precision.choose("auto", world.device))
    course = Course(10**6, Schedule(name="constant"), 1, log_every_steps=10**6, checkpoint_every_s=1e9)
    feed = make_feed(recipe, material, world)
    for record in Run(step, feed, course, world=world, folder=folder, identity={}).records():
        if isinstance(record, StepRecord):
            yield record.samples_per_s


def be_a_rank(work: Path, batch: int, width: int, turns: int) -> None:
    """One of the two processes; the first turn warms up and is left away."""
    with make_world("cpu") as world:
        alone = trained(work / "one", batch, width, World(device=world.device))
        together, found = trained(work / "two", batch, width, world), []
        for _ in range(turns + 1):
            world.wait()
            one = next(alone) if world.is_first else 0.0
            world.wait()
            apart = next(alone)
            world.wait()
            found.append({"one": one, "apart": NUM_RANKS * apart, "two": next(together)})
        for side in (alone, together):
            side.close()  # type: ignore[attr-defined]
        if world.is_first:
            (work / "turns.json").write_text(json.dumps(found[1:]))


def ranks(batch: int, width: int, turns: int, steps: int = 2) -> dict[str, Any]:
    """Samples/s of one rank, of two that train apart, and of two that train together, turn by turn."""
    with tempfile.TemporaryDirectory(prefix="landweave-") as folder:
        work = Path(folder)
        for name, num in (("one", 1), ("two", NUM_RANKS)):
            cut(work / name, batch * num * steps)
        words = [sys.executable, __file__, str(work), str(batch), str(width), str(turns)]
        log = work / "log.txt"
        if here(words, NUM_RANKS, threads=1, log=log):
            raise SystemExit(log.read_text(encoding="utf-8"))
        return {"batch": batch, "width": width, "turns": json.loads((work / "turns.json").read_text())}


def ratio(found: dict[str, Any], above: str, below: str, times: float = 1.0) -> float:
    """The median over turns of one side over another."""
    return float(statistics.median(turn[above] / (times * turn[below]) for turn in found["turns"]))


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("work", type=Path)
    parser.add_argument("batch", type=int)
    parser.add_argument("width", type=int)
    parser.add_argument("turns", type=int)
    told = parser.parse_args()
    be_a_rank(told.work, told.batch, told.width, told.turns)

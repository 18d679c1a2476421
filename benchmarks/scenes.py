"""A scene, a catalog and a card of random weights on disk, for the benchmarks of mapping. Not a benchmark itself."""

from __future__ import annotations

import datetime as dt
import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from odc.geo.geobox import GeoBox

from landweave.legend import legend
from landweave.models.card import Card, save_card
from landweave.models.sight import Sight
from landweave.models.table import build
from landweave.provenance import commit, versions
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_cog, write_tile
from landweave.sensors import sensor

BANDS = ("B02", "B03", "B04", "B08")
LEGEND = legend("simulated-8")


def grid_of(edge_px: int) -> GeoBox:
    """A square of `edge_px` pixels of 10 m."""
    return GeoBox.from_bbox(
        (500000, 4000000, 500000 + edge_px * 10, 4000000 + edge_px * 10), "EPSG:32633", resolution=10
    )


def write_numbers(path: Path, edge_px: int) -> None:
    """A COG (deflate) of four bands of digital numbers: fields of 32 pixels with noise."""
    generator = np.random.default_rng(0)
    coarse = generator.uniform(1500, 5000, (4, edge_px // 32 + 1, edge_px // 32 + 1)).astype(np.float32)
    fields = coarse.repeat(32, 1).repeat(32, 2)[:, :edge_px, :edge_px]
    noise = generator.normal(0, 60, (4, edge_px, edge_px)).astype(np.float32)
    plain = path.with_suffix(".plain.tif")
    write_tile(plain, (fields + noise).clip(1, 9999).astype(np.uint16), grid_of(edge_px), nodata=0)
    write_cog(path, [plain], grid_of(edge_px), nodata=0, overviews="none", num_threads=2)
    plain.unlink()


def write_place(folder: Path, path: Path, edge_px: int, network: str, arguments: dict[str, Any]) -> None:
    """A catalog with the scene at `path` and a card of `network` with random weights."""
    files = {band: BandFile(str(path), number + 1, 0.0001, -0.1, 0) for number, band in enumerate(BANDS)}
    when = dt.datetime(2026, 6, 1, 10, tzinfo=dt.UTC)
    scene = Scene("bench", sensor("sentinel-2-l2a"), when, grid_of(edge_px), files, None, "05.09", 0.0)
    write_catalog([scene], folder / "catalog.parquet")
    torch.manual_seed(0)
    sight = Sight(16, 94) if network == "unet" else Sight(1, 0)
    card = Card(
        network=network,
        arguments=arguments,
        sensor="sentinel-2-l2a",
        bands=BANDS,
        pixel_size_m=10.0,
        unit="reflectance",
        mean=(0.2,) * 4,
        std=(0.1,) * 4,
        legend=LEGEND,
        task="pixels",
        sight=sight,
    )
    save_card(folder / "card", card, build(network, len(BANDS), len(LEGEND), **arguments))


def print_result(figures: Sequence[dict[str, Any]], **context: Any) -> None:
    """The last line of a benchmark."""
    machine = {"commit": commit(), "versions": versions(), "machine": platform.processor() or platform.machine()}
    print(json.dumps({"figures": list(figures), "context": {**machine, **context}}))


def figure(name: str, value: float, unit: str, goal: str | None = None, holds: bool | None = None) -> dict[str, Any]:
    """One figure; `holds` says whether the goal is met, None where there is no goal."""
    return {"name": name, "value": round(value, 4), "unit": unit, "goal": goal, "holds": holds}

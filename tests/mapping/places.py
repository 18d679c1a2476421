"""Small scenes, catalogs and cards for the tests of mapping. Imported by worker processes too."""

from __future__ import annotations

import datetime as dt
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from odc.geo.geobox import GeoBox
from torch import nn

from landweave.legend import LandClass, Legend
from landweave.models.card import Card, save_card
from landweave.models.sight import Sight, find_sight
from landweave.models.table import build
from landweave.raster.catalog import write_catalog
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor

BANDS = ("B02", "B03", "B04", "B08")
SENSOR = sensor("sentinel-2-l2a")
COLORS = ("#112233", "#aa0000", "#00aa00", "#0000aa", "#aaaa00", "#00aaaa")
LEGEND = Legend("six", "a test", tuple(LandClass(10 * (n + 1), f"Class {n}", COLORS[n]) for n in range(6)))


def grid_at(height: int, width: int, row: int = 0, col: int = 0, crs: str = "EPSG:32633", size: float = 10) -> GeoBox:
    """A grid whose corner lies `row` and `col` pixels from a fixed place."""
    whole = GeoBox.from_bbox((500000, 4990000, 500000 + size, 4990000 + size), crs=crs, resolution=size)
    return whole.translate_pix(col, row).crop((height, width))


def numbers(height: int, width: int, seed: int = 0, num_bands: int = 4) -> np.ndarray:
    """Digital numbers with structure: smooth fields of random reflectance with noise."""
    generator = np.random.default_rng(seed)
    coarse = generator.uniform(1200, 5000, (num_bands, height // 16 + 2, width // 16 + 2))
    fields = coarse.repeat(16, 1).repeat(16, 2)[:, :height, :width]
    return (fields + generator.normal(0, 150, fields.shape)).clip(1, 9999).astype(np.uint16)


def make_scene(
    folder: Path,
    name: str,
    grid: GeoBox,
    *,
    seed: int = 0,
    day: int = 1,
    holes: Sequence[tuple[slice, slice]] = (),
    bands: Sequence[str] = BANDS,
) -> Scene:
    """A scene of one file with all bands; `holes` hold no data."""
    height, width = grid.shape
    array = numbers(height, width, seed, len(bands))
    for rows, cols in holes:
        array[:, rows, cols] = 0
    path = folder / f"{name}.tif"
    write_tile(path, array, grid, nodata=0)
    files = {band: BandFile(str(path), index + 1, 0.0001, -0.1, 0) for index, band in enumerate(bands)}
    when = dt.datetime(2026, 6, day, 10, tzinfo=dt.UTC)
    return Scene(name, SENSOR, when, grid, files, None, "05.09", 0.0)


def make_catalog(path: Path, *scenes: Scene) -> Path:
    """A catalog of scenes."""
    write_catalog(list(scenes), path)
    return path


def lively(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with random weights and batch statistics that make every class appear."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, tensor in network.state_dict().items():
            if not tensor.is_floating_point():
                continue
            noise = torch.randn(tensor.shape, generator=generator)
            if name.endswith("running_var"):
                tensor.copy_(noise.abs() + 0.5)
            elif tensor.ndim == 4:
                tensor.copy_(noise * (2 / tensor[0].numel()) ** 0.5)
            elif name.endswith("weight"):
                tensor.copy_(1 + 0.2 * noise)
            else:
                tensor.copy_(0.3 * noise)
    return network.eval()


def make_card(
    folder: Path, network: str = "unet", *, seed: int = 0, bands: Sequence[str] = BANDS, **changes: Any
) -> Card:
    """Save a card with random weights; small unless `arguments` say otherwise."""
    defaults: Mapping[str, Any] = {"width": 8, "depth": 3} if network == "unet" else {}
    arguments = changes.pop("arguments", defaults)
    model = lively(build(network, len(bands), len(LEGEND), **arguments), seed)
    sight = changes.pop("sight", None) or _sight(network, tuple(sorted(arguments.items())), len(bands))
    values: dict[str, Any] = {
        "network": network,
        "arguments": arguments,
        "sensor": SENSOR.name,
        "bands": tuple(bands),
        "pixel_size_m": 10.0,
        "unit": "reflectance",
        "mean": (0.2,) * len(bands),
        "std": (0.1,) * len(bands),
        "legend": LEGEND,
        "task": "pixels",
        "sight": sight,
        **changes,
    }
    return save_card(folder, Card(**values), model)


@functools.cache
def _sight(network: str, arguments: tuple[tuple[str, Any], ...], num_bands: int) -> Sight:
    # How far a U-Net sees does not depend on its width, the time to find out does.
    narrow = {name: 2 if name == "width" else value for name, value in arguments}
    return find_sight(build(network, num_bands, len(LEGEND), **narrow), num_bands)

"""A small map with known errors, its truth, and archives of patches on the same land."""

from __future__ import annotations

from collections.abc import Generator, Iterable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from odc.geo.geobox import GeoBox
from rasterio import Affine

from landweave.legend import LandClass, Legend
from landweave.patches import archive as archives
from landweave.patches.archive import Archive
from landweave.patches.layout import Target, make_layout
from landweave.patches.sample import Row, Split
from landweave.raster.write import write_map
from landweave.sensors import sensor

LEGEND = Legend(
    "three",
    "made for tests",
    (LandClass(1, "Meadow", "#00ff00"), LandClass(2, "Water", "#0000ff"), LandClass(5, "Town", "#ff0000")),
)
HEIGHT, WIDTH, PATCH = 96, 120, 12
GRID = GeoBox((HEIGHT, WIDTH), Affine(10, 0, 500_000, 0, -10, 5_000_960), "EPSG:32633")
RANDOM: Mapping[str, Any] = {"fractions": [0.5, 0.0, 0.5], "seed": 0, "areas": None}
T = TypeVar("T")


def land(seed: int = 0) -> tuple[Any, Any]:
    """Class indices of map and truth; errors come in pieces of 4 x 4 pixels, 255 where nothing is known."""
    rng = np.random.default_rng(seed)
    truth = rng.choice(3, (HEIGHT // 8, WIDTH // 8), p=[0.5, 0.3, 0.2]).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    wrong = (rng.random((HEIGHT // 4, WIDTH // 4)) < 0.2).repeat(4, 0).repeat(4, 1)
    predicted = np.where(wrong, (truth + 1) % 3, truth).astype(np.uint8)
    predicted[:5, :7] = 255
    truth[-3:, -9:] = 255
    return predicted, truth


def write(path: Path, indices: Any, grid: GeoBox = GRID, legend: Legend = LEGEND) -> Path:
    write_map(path, legend.to_ids(indices), grid, legend)
    return path


def files(folder: Path) -> tuple[Path, Path]:
    predicted, truth = land()
    return write(folder / "map.tif", predicted), write(folder / "truth.tif", truth)


def box(row: int, col: int, px: int = PATCH) -> tuple[float, float, float, float]:
    """Bounds of the pixels of GRID from (row, col)."""
    left, top = GRID.affine * (col, row)
    return left, top - 10 * px, left + 10 * px, top


def cut(
    folder: Path,
    configuration: Mapping[str, Any] = RANDOM,
    *,
    crs: str = "EPSG:32633",
    targets: tuple[Target, ...] = ("mask", "classes"),
    labelled: str = "",
    block: str = "block",
    num_scenes: int = 1,
) -> Archive:
    """Patches in blocks of two by two: every second block is for training, the others are the test."""
    layout = make_layout(sensor("sentinel-2-l2a"), ("B02", "B03", "B05"), PATCH, LEGEND, targets=targets)
    _, truth = land()
    rng = np.random.default_rng(1)
    corners = [(row, col) for row in range(0, HEIGHT, PATCH) for col in range(0, WIDTH, PATCH)] * num_scenes
    masks = np.stack([truth[row : row + PATCH, col : col + PATCH] for row, col in corners])
    levels = 1500 + 800 * (masks % 3).astype(np.int64)
    made: dict[str, Any] = {
        # The first bands tell the class, so that something can be learnt.
        "data_10m": (levels[:, None] + rng.normal(0, 100, (len(corners), 2, PATCH, PATCH))).astype("u2"),
        "data_20m": rng.integers(1000, 3000, (len(corners), 1, PATCH // 2, PATCH // 2)).astype("u2"),
        "mask": masks,
        "classes": np.stack([(masks == k).any((1, 2)) for k in range(3)], 1).astype(np.uint8),
        "valid": np.ones(masks.shape, bool),
    }
    made["valid"][3, :2] = False
    rows = [
        Row(f"p{number}", _split(row, col), _block(block, row, col), "s", "made", crs, box(row, col), labelled)
        for number, (row, col) in enumerate(corners)
    ]
    archives.write_shard(folder, "000000", layout, {key: made[key] for key in layout.shapes()}, rows)
    return archives.finish(folder, layout, configuration, may_touch=True)


def _block(name: str, row: int, col: int) -> str:
    return f"{name} {row // (2 * PATCH)} {col // (2 * PATCH)}"


def _split(row: int, col: int) -> Split:
    return "train" if (row // (2 * PATCH) + col // (2 * PATCH)) % 2 else "test"


def land_of_test() -> Any:
    """Which pixels of GRID lie in the test part."""
    rows, cols = np.arange(HEIGHT)[:, None] // (2 * PATCH), np.arange(WIDTH)[None] // (2 * PATCH)
    return (rows + cols) % 2 == 0


def value_of(records: Generator[Any, None, T]) -> T:
    """The value of a generator of records."""
    while True:
        try:
            next(records)
        except StopIteration as end:
            value: T = end.value
            return value


def parts(error: Any) -> Iterable[str]:
    """The three parts of an error, none of them empty."""
    assert all((error.given, error.expected, error.do))
    return error.given, error.expected, error.do

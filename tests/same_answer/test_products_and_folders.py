"""The same patches cut from a whole product, and read from folders as published, are the same archive."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import rasterio
from tests.patches.scenes import hashes
from tests.published import bigearthnet as published
from tests.simulate.making import world

from landweave.datasets import positions, table
from landweave.datasets.folders import FoldersJob
from landweave.datasets.positions import PositionsJob
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.patches.archive import Archive, open_archive
from landweave.raster.catalog import write_catalog
from landweave.raster.products import recognise
from landweave.raster.write import write_tile
from landweave.simulate.write import write

# Blocks of 1.2 km and as much between them.
PLACES = [(0, 0), (2, 0), (0, 2), (2, 2)]
SPLITS = ("train", "train", "validation", "test")
LABELS = (["Pastures"], ["Arable land", "Pastures"], ["Inland waters"], ["Mixed forest", "Pastures"])


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A simulated product with clouds and a swath edge, its patches in folders, and the table of both."""
    folder = tmp_path_factory.mktemp("products")
    taken = {"sensor": "sentinel-2-l2a", "date": dt.date(2023, 7, 12), "cloud": 0.3, "gap": 0.1}
    for _ in write(world(taken, size_px=360), folder / "world"):
        pass
    found = recognise(folder / "world" / "scenes").scenes
    write_catalog(found, folder / "catalog.parquet")
    (scene,) = found
    rows = []
    for (h, v), labels, split in zip(PLACES, LABELS, SPLITS, strict=True):
        product = scene.id.rsplit("_", 1)[0]
        name = f"{product}_{h:02d}_{v:02d}"
        for band, file in scene.files.items():
            px = 1200 // published.PIXELS_M[band]
            with rasterio.open(file.href) as opened:
                window = ((v * px, (v + 1) * px), (h * px, (h + 1) * px))
                numbers, crs, affine = opened.read(1, window=window), opened.crs, opened.transform
            grid = published.GeoBox((px, px), affine * affine.translation(h * px, v * px), crs)
            write_tile(folder / "BigEarthNet-S2" / product / name / f"{name}_{band}.tif", numbers[None], grid)
        rows.append((name, labels, split))
    published.write_metadata(folder / "metadata.parquet", rows)
    return folder


CHOICES: list[dict[str, Any]] = [{"split": "published"}, {"block_m": 1200.0, "gap_m": 1000.0, "seed": 2}]


def from_folders(root: Path, out: Path, **changed: Any) -> Archive:
    values = {"dataset": "bigearthnet-v2", "folder": root, "legend": "bigearthnet-19", **changed}
    for _ in table.run(FoldersJob.model_validate(values), out, executor=Serial()):
        pass
    return open_archive(out)


def from_products(root: Path, out: Path, executor: Any = None, **changed: Any) -> Archive:
    values = {"scenes": root / "catalog.parquet", "positions": root / "metadata.parquet", **changed}
    wanted = PositionsJob.model_validate({"legend": "bigearthnet-19", **values})
    for _ in positions.run(wanted, out, executor=executor or Serial()):
        pass
    return open_archive(out)


@pytest.mark.parametrize("choice", CHOICES, ids=["published", "blocks"])
def test_products_and_folders_give_the_same_archive(root: Path, tmp_path: Path, choice: dict[str, Any]) -> None:
    one, other = (
        from_folders(root, tmp_path / "folders", **choice),
        from_products(root, tmp_path / "products", **choice),
    )
    assert len(one) == len(other) == 4
    assert one.layout == other.layout
    assert one.statistics == other.statistics
    assert one.manifest["splits"] == other.manifest["splits"]
    assert one.manifest["distance_m"] == other.manifest["distance_m"]
    order = [other.ids().index(name) for name in one.ids()]
    first, second = one.batch(range(4)), other.batch(order)
    assert not first["valid"].all() and first["valid"].any()
    assert len(np.unique(first["data_20m"])) > 100
    for key, array in first.items():
        np.testing.assert_array_equal(array, second[key])
    same = ["id", "split", "block", "crs", "left", "bottom", "right", "top"]
    sides = [found.table()[same].sort_values("id").reset_index(drop=True) for found in (one, other)]
    assert sides[0].equals(sides[1])


def test_serial_and_pool_cut_the_same_from_products(root: Path, tmp_path: Path) -> None:
    from_products(root, tmp_path / "one", patches_per_shard=1, split="published")
    from_products(root, tmp_path / "two", Pool(2), patches_per_shard=1, split="published")
    assert len(hashes(tmp_path / "one")) == 4 * 2 + 3
    assert hashes(tmp_path / "one") == hashes(tmp_path / "two")

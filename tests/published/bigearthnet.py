"""BigEarthNet, tiny, in its published format: folders, file names, json keys, columns, lists."""

from __future__ import annotations

import bz2
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow
import pyarrow.parquet
from numpy.typing import NDArray
from odc.geo.geobox import GeoBox
from rasterio import Affine

from landweave.raster.write import write_tile

PIXELS_M = {
    **dict.fromkeys(("B02", "B03", "B04", "B08"), 10),
    **dict.fromkeys(("B05", "B06", "B07", "B8A", "B11", "B12"), 20),
    **dict.fromkeys(("B01", "B09"), 60),
}
V1 = "S2A_MSIL2A_20170613T101031_{h}_{v}"
V2_PRODUCT = "S2A_MSIL2A_20170613T101031_{baseline}_R022_T33UUP"
WKT = 'PROJCS["WGS 84 / UTM zone 33N",AUTHORITY["EPSG","32633"]]'


def band(name: str, h: int, v: int) -> NDArray[np.uint16]:
    """Numbers without offset, as both versions have them; never 0."""
    edge = 1200 // PIXELS_M[name]
    return np.random.default_rng([h, v, *name.encode()]).integers(1, 5000, (1, edge, edge), np.uint16)


def grid(h: int, v: int, pixel_m: int) -> GeoBox:
    edge = 1200 // pixel_m
    return GeoBox((edge, edge), Affine(pixel_m, 0, 300_000 + 1200 * h, 0, -pixel_m, 5_400_000 - 1200 * v), "EPSG:32633")


def write_bands(folder: Path, h: int, v: int, bands: Sequence[str] = tuple(PIXELS_M)) -> None:
    for name in bands:
        write_tile(folder / f"{folder.name}_{name}.tif", band(name, h, v), grid(h, v, PIXELS_M[name]))


def write_v1(root: Path, h: int, v: int, labels: Sequence[str], baseline: str = "N0205", **changed: Any) -> Path:
    """One patch of version 1."""
    name = V1.format(h=h, v=v)
    folder = root / "BigEarthNet-v1.0" / name
    write_bands(folder, h, v, **changed)
    left, top = 300_000 + 1200 * h, 5_400_000 - 1200 * v
    note = {
        "labels": list(labels),
        "coordinates": {"ulx": left, "uly": top, "lrx": left + 1200, "lry": top - 1200},
        "projection": WKT,
        "tile_source": f"S2A_MSIL1C_20170613T101031_{baseline}_R022_T33UUP_20170613T101608.SAFE",
        "acquisition_date": "2017-06-13 10:10:31",
    }
    (folder / f"{name}_labels_metadata.json").write_text(json.dumps(note))
    return folder


def write_lists(root: Path, parts: Mapping[str, Sequence[tuple[int, int]]], compressed: bool = True) -> None:
    """The published split of version 1; its lines end as on Windows."""
    for name, places in parts.items():
        content = "".join(f"{V1.format(h=h, v=v)}\r\n" for h, v in places).encode()
        path = root / "splits" / (f"{name}.csv.bz2" if compressed else f"{name}.csv")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(bz2.compress(content) if compressed else content)


def write_v2(root: Path, h: int, v: int, codes: NDArray[np.uint16] | None = None, baseline: str = "N9999") -> str:
    """One patch of version 2, with its reference map where `codes` are given; gives its name."""
    product = V2_PRODUCT.format(baseline=baseline)
    name = f"{product}_{h:02d}_{v:02d}"
    write_bands(root / "BigEarthNet-S2" / product / name, h, v)
    if codes is not None:
        path = root / "Reference_Maps" / product / name / f"{name}_reference_map.tif"
        write_tile(path, codes[None], grid(h, v, 10), nodata=0)
    return name


def write_metadata(path: Path, rows: Sequence[tuple[str, Sequence[str], str]]) -> None:
    """metadata.parquet in its published columns."""
    table = {
        "patch_id": [name for name, _, _ in rows],
        "labels": [list(labels) for _, labels, _ in rows],
        "split": [split for _, _, split in rows],
        "country": ["Austria" for _ in rows],
        "s1_name": [f"S1A_IW_GRDH_1SDV_20170613T165043_33UUP_{i}_0" for i, _ in enumerate(rows)],
        "s2v1_name": [f"S2A_MSIL2A_20170613T101031_{i}_0" for i, _ in enumerate(rows)],
        "contains_seasonal_snow": [False for _ in rows],
        "contains_cloud_or_shadow": [False for _ in rows],
    }
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(table), path)

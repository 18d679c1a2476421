"""Tiny galleries, made by hand: a hash network with first weights, and images with chosen codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas
import numpy as np
import shapely
import torch

from landweave.config import check
from landweave.gallery.build import GalleryJob
from landweave.gallery.images import HASH, Gallery, open_gallery, write_facts, write_images
from landweave.legend import LandClass, Legend
from landweave.models.card import Card, save_card
from landweave.models.patch.hashing import Hashing, nearest
from landweave.models.sight import Sight
from landweave.patches.archive import Archive, finish, write_shard
from landweave.patches.layout import make_layout
from landweave.patches.sample import Row, Split
from landweave.provenance import record
from landweave.sensors import sensor

BANDS = ("B04", "B03", "B05")
LEGEND = Legend("two", "made for tests", (LandClass(1, "land", "#00ff00"), LandClass(2, "roof", "#ff0000")))
torch.set_num_threads(1)


def hash_card(folder: Path, bits: int = 48, num_clusters: int = 3, seed: int = 0, width: int = 4) -> Card:
    """A hash network with first weights, as a card in `folder`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = Hashing(len(BANDS), num_clusters, bits=bits, width=width).eval()
    classes = tuple(LandClass(number + 1, f"cluster {number}", "#808080") for number in range(num_clusters))
    card = Card(
        "hashing",
        {"bits": bits, "width": width},
        "sentinel-2-l2a",
        BANDS,
        10.0,
        "reflectance",
        (0.1, 0.1, 0.2),
        (0.05, 0.05, 0.1),
        Legend("clusters", "made for tests", classes),
        "codes",
        Sight(1, None),
    )
    return save_card(folder, card, network)


def make_gallery(
    folder: Path,
    centroids: Sequence[int] = (0b0011, 0b1100),
    codes: Sequence[int] = (),
    patch_px: int = 32,
    bits: int = 48,
) -> Gallery:
    """A gallery whose buckets have these codes, with an image for each of `codes` (or the centroids)."""
    card = hash_card(folder / HASH, bits, len(centroids))
    held = np.array(codes or centroids, np.uint64)
    bucket, distance = nearest(held, np.array(centroids, np.uint64))
    squares = [shapely.box(1000.0 * i, 0, 1000.0 * i + 320, 320) for i in range(len(held))]
    frame = geopandas.GeoDataFrame(
        {
            "id": [f"p{i}" for i in range(len(held))],
            "code": held,
            "bucket": bucket.astype(np.int32),
            "distance": distance.astype(np.uint8),
            "part": [("train", "validation", "test")[i % 3] for i in range(len(held))],
            "sensor": "sentinel-2-l2a",
            "datetime": "2023-07-12T10:00:00+00:00",
            "scene": "scene",
            "crs": "EPSG:32633",
            "archive": "a" * 64,
        },
        geometry=geopandas.GeoSeries(squares, crs="EPSG:32633"),
    )
    write_images(folder, frame)
    facts = record("gallery", {"made": "for tests"})
    facts |= {"bits": bits, "patch_px": patch_px, "hash": card.identity, "encoder": "e" * 64, "archives": []}
    write_facts(folder, facts, np.array(centroids, np.uint64))
    return open_gallery(folder)


KINDS = {"dark": (900, 700, 1200), "bright": (3500, 3200, 3800), "green": (600, 900, 4200)}


def cut_kinds(
    folder: Path, num: int = 60, px: int = 32, *, seed: int = 0, place: int = 0, crs: str = "EPSG:32633"
) -> Archive:
    """Patches of three kinds in turn, told apart by their levels and stripes; train, validation and test in turn."""
    layout = make_layout(sensor("sentinel-2-l2a"), BANDS, px, LEGEND)
    generator = np.random.default_rng(seed)
    levels = np.array(list(KINDS.values()))[np.arange(num) % 3]
    stripes = 200 * np.sin(np.arange(px) * (1 + np.arange(num) % 3)[:, None])
    fine = levels[:, :2, None, None] + stripes[:, None, None] + generator.normal(0, 120, (num, 2, px, px))
    half = levels[:, 2:, None, None] + generator.normal(0, 120, (num, 1, px // 2, px // 2))
    arrays = {
        "data_10m": fine.clip(1).astype(np.uint16),
        "data_20m": half.clip(1).astype(np.uint16),
        "mask": generator.integers(0, 2, (num, px, px)).astype(np.uint8),
        "valid": generator.random((num, px, px)) > 0.02,
    }
    left = 300_000.0 + 100_000 * place
    parts: tuple[Split, ...] = ("train", "train", "train", "train", "validation", "test")
    rows = [
        Row(
            f"scene{place}_{i * px}_{place}",
            parts[(i // 3) % 6],
            f"b{i}",
            f"scene{place}",
            "made",
            crs,
            (left + i * 1000.0, 5e6, left + i * 1000.0 + 10 * px, 5e6 + 10.0 * px),
            datetime="2023-07-12T10:00:00+00:00",
        )
        for i in range(num)
    ]
    write_shard(folder, "000000", layout, arrays, rows)
    return finish(folder, layout, {"made": "for tests"})


def quick(archive: Path, **more: object) -> GalleryJob:
    """A build that takes a second or two."""
    tiny = {"width": 4}
    values = {
        "archive": archive,
        "clusters": (2, 6),
        "contrast": {"arguments": tiny, "epochs": 3, "batch_global": 24, "precision": "fp32"},
        "hash": {"epochs": 10, "batch_global": 12, "precision": "fp32"},
    }
    return check(GalleryJob, {**values, **more}, "job")

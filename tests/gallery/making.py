"""Tiny galleries, made by hand: a hash network with first weights, and images with chosen codes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import geopandas
import numpy as np
import shapely
import torch

from landweave.gallery.images import HASH, Gallery, open_gallery, write_facts, write_images
from landweave.legend import LandClass, Legend
from landweave.models.card import Card, save_card
from landweave.models.hashing import Hashing, nearest
from landweave.models.sight import Sight
from landweave.provenance import record

BANDS = ("B04", "B03", "B05")
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

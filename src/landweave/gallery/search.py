"""The images nearest to a code by Hamming distance: one pass over all codes, on one core."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8, UInt64

from landweave.errors import CardError, GalleryError
from landweave.gallery.hash import codes
from landweave.gallery.images import Gallery
from landweave.gallery.route import patches
from landweave.models.patch.hashing import majority
from landweave.raster.read import read
from landweave.raster.sidecar import read_sidecar

# Codes that are compared at once: their distances stay in the nearest cache.
_BLOCK = 8192
_BEYOND = 255


@dataclass(frozen=True, eq=False)
class Found:
    """Images that were found, the nearest first, of equals the one that stands first in the gallery.

    Attributes:
        rows: Their rows in images.parquet.
        distances: Bits in which their codes differ.
    """

    rows: Int64[np.ndarray, " k"]
    distances: Int64[np.ndarray, " k"]


def nearest(held: UInt64[np.ndarray, " n"], code: int, k: int) -> Found:
    """The `k` of `held` nearest to `code` (all where there are fewer), the first of equals first.

    Raises:
        GalleryError: `k` is below 1.
    """
    if k < 1:
        raise GalleryError(f"{k} images to find", "at least one", "ask for 10, for example")
    num = min(k, len(held))
    rows, distances = np.zeros(num, np.int64), np.full(num, _BEYOND, np.int64)
    if num:
        scan, measure = _compiled()
        scan(
            np.ascontiguousarray(held, np.uint64),
            np.uint64(code),
            np.empty(_BLOCK, np.uint8),
            (rows, distances),
            measure,
        )
    return Found(rows, distances)


def code_of(gallery: Gallery, name: str) -> int:
    """The code of the image called `name`.

    Raises:
        GalleryError: The gallery has none of that name.
    """
    table = gallery.ids()
    if name not in table:
        raise GalleryError(
            f"image {name}, which {gallery.folder} does not hold",
            f"one of its {len(table)} images, {table[0]} for example",
            "take an id from images.parquet, or give a file with --file",
        )
    return int(gallery.codes[table.index(name)])


def code_of_file(gallery: Gallery, path: Path) -> int:
    """The code of a GeoTIFF with its sidecar: the majority of the codes of its patches, as a tile is routed.

    Raises:
        CardError: It is of another sensor, unit or pixel size than the gallery's images.
        GalleryError: It holds no valid pixel.
        LandweaveError: It cannot be read, or its sidecar does not fit.
    """
    scene, card = read_sidecar(path, None), gallery.card
    units = " and ".join(sorted({scene.sensor.band(name).unit for name in scene.bands}))
    if (scene.sensor.name, units) != (card.sensor, card.unit):
        raise CardError(
            f"{path} of {scene.sensor.name} in {units}",
            f"{card.sensor} in {card.unit}, as the gallery's images",
            "give a picture by that sensor, or build a gallery of this one",
        )
    scene.require(card.bands)
    pieces = patches(*read(scene, card.bands, scene.grid), gallery.patch_px)
    if pieces is None:
        raise GalleryError(f"{path} without a valid pixel", "a picture of land", "look at its mask and its nodata")
    return int(majority(codes(gallery, *pieces), gallery.bits))


def _distances(codes: UInt64[np.ndarray, " n"], code: np.uint64, block: UInt8[np.ndarray, " b"]) -> np.uint8:
    """Write in how many bits each of `codes` differs from `code`; gives the least. Compiled by numba."""
    least = np.uint8(_BEYOND)
    # A plain loop that becomes vector instructions: bits counted in pairs, fours and eights are one of them.
    for i in range(len(codes)):
        x = codes[i] ^ code
        x = x - ((x >> np.uint64(1)) & np.uint64(0x5555555555555555))
        x = (x & np.uint64(0x3333333333333333)) + ((x >> np.uint64(2)) & np.uint64(0x3333333333333333))
        x = (x + (x >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
        distance = np.uint8((x * np.uint64(0x0101010101010101)) >> np.uint64(56))
        block[i] = distance
        least = min(least, distance)
    return least


def _scan(
    codes: UInt64[np.ndarray, " n"],
    code: np.uint64,
    block: UInt8[np.ndarray, " b"],
    found: tuple[Int64[np.ndarray, " k"], Int64[np.ndarray, " k"]],
    distances: Callable[..., np.uint8],
) -> None:
    """Put rows of the nearest codes, and how far these are, into `found`. Compiled by numba."""
    rows, apart = found
    last, size = len(rows) - 1, len(block)
    for start in range(0, len(codes), size):
        num = min(size, len(codes) - start)
        # Most blocks hold nothing near enough, and need no second look.
        if distances(codes[start : start + num], code, block) >= apart[last]:
            continue
        for i in range(num):
            if block[i] < apart[last]:
                place = last
                # Only past farther ones: what came earlier stays before its equals.
                while place > 0 and apart[place - 1] > block[i]:
                    rows[place], apart[place] = rows[place - 1], apart[place - 1]
                    place -= 1
                rows[place], apart[place] = start + i, block[i]


@functools.cache
def _compiled() -> tuple[Callable[..., None], Callable[..., np.uint8]]:
    # Imported and compiled at first use: half a second that no other command should pay.
    import numba

    # Tests wrap functions to check shapes; numba needs the bare ones.
    scan, distances = (numba.njit(nogil=True)(inspect.unwrap(function)) for function in (_scan, _distances))
    return scan, distances

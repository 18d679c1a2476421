"""Which card a tile is mapped with: its patches are hashed, and the bucket nearest to them decides."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, UInt64

from landweave.gallery.hash import codes
from landweave.gallery.images import open_gallery
from landweave.gallery.models import NO_BUCKET, open_models
from landweave.models.patch.hashing import majority, nearest

_MOST_PATCHES = 64
_LEAST_VALID = 0.5
Values = Float32[np.ndarray, "c h w"]
Valid = Bool[np.ndarray, "h w"]


@dataclass(frozen=True, slots=True)
class Route:
    """Where a tile is sent.

    Attributes:
        bucket: The bucket nearest to it; `NO_BUCKET` (-1) for a tile without one valid pixel.
        distance: Median Hamming distance of its patches to that bucket; NaN without one.
        card: Folder of the card to map it with.
        identity: Identity of that card.
        is_far: Whether it lies too far from every bucket, so that mono maps it.
    """

    bucket: int
    distance: float
    card: Path
    identity: str
    is_far: bool


class Router:
    """Sends tiles to cards. Load it once a process: it holds the gallery's hash network.

    Args:
        folder: The gallery.

    Raises:
        GalleryError: It is none, has no models, or its models belong to other codes.
        CardError: The hash network's card is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.gallery = open_gallery(folder)
        self.models = open_models(self.gallery)
        self._rows = [self.bands.index(band) for band in self.gallery.card.bands]

    @property
    def bands(self) -> tuple[str, ...]:
        """The bands that `route` takes, in order: those that every card of the gallery takes."""
        return self.models.bands

    @property
    def drift_share(self) -> float:
        """Share of far tiles above which a job says that the imagery has drifted."""
        return self.models.drift_share

    def route(self, values: Values, valid: Valid) -> Route:
        """The route of one tile; the same tile always takes the same.

        It is cut into patches of the gallery's size, at most 64 of them, evenly spread. The bucket is the nearest to
        the code that most of them have, bit by bit (Lunga et al. 2020). The distance is the median of all patches' own:
        a few odd patches do not make a tile far, a mixture in which no bucket has the half is far from each.

        Args:
            values: `bands` in the unit of the cards, at their pixel size.
            valid: Which pixels are usable.
        """
        pieces = patches(values[self._rows], valid, self.gallery.patch_px)
        if pieces is None:
            return self._to(NO_BUCKET, math.nan, is_far=False)
        found = codes(self.gallery, *pieces)
        bucket, distance = decide(found, self.gallery.centroids, self.gallery.bits)
        return self._to(bucket, distance, is_far=distance > self.models.far_limit)

    def _to(self, bucket: int, distance: float, is_far: bool) -> Route:
        serving = NO_BUCKET if is_far else bucket
        return Route(bucket, distance, self.models.card_of(serving), self.models.identity_of(serving), is_far)


def decide(found: UInt64[np.ndarray, " n"], centroids: UInt64[np.ndarray, " k"], num_bits: int) -> tuple[int, float]:
    """The bucket of patches with these codes, and their median distance to it in bits."""
    common = np.array([majority(found, num_bits)], np.uint64)
    bucket = int(nearest(common, centroids)[0][0])
    return bucket, float(np.median(np.bitwise_count(found ^ centroids[bucket])))


def patches(
    values: Values, valid: Valid, patch_px: int
) -> tuple[Float32[np.ndarray, "b c n n"], Bool[np.ndarray, "b n n"]] | None:
    """The patches that a tile is judged by, and where they are valid; None where nothing is.

    They stand side by side from the first corner on, the last of a row or column drawn in so that it ends with the
    tile; a tile that is smaller is filled up with invalid pixels. Those less than half valid are left away unless all
    are.
    """
    height, width = valid.shape
    below, right = max(patch_px - height, 0), max(patch_px - width, 0)
    values = np.pad(values, ((0, 0), (0, below), (0, right)))
    valid = np.pad(valid, ((0, below), (0, right)))
    corners = [(row, col) for row in _starts(height, patch_px) for col in _starts(width, patch_px)]
    shares = np.array([valid[r : r + patch_px, c : c + patch_px].mean() for r, c in corners])
    kept = np.flatnonzero(shares >= min(_LEAST_VALID, shares.max()))
    if not shares.max():
        return None
    if len(kept) > _MOST_PATCHES:
        kept = kept[np.arange(_MOST_PATCHES) * len(kept) // _MOST_PATCHES]
    boxes = [(slice(r, r + patch_px), slice(c, c + patch_px)) for r, c in (corners[i] for i in kept)]
    cut = np.stack([values[(slice(None), *box)] for box in boxes])
    return np.ascontiguousarray(cut, np.float32), np.stack([valid[box] for box in boxes])


def _starts(length: int, patch_px: int) -> list[int]:
    return [min(start, max(length - patch_px, 0)) for start in range(0, length, patch_px)]

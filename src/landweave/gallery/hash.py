"""Codes of patches: from physical values to the number that names a patch in a gallery."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float32, Int64, UInt64

from landweave.gallery.embed import Piece, computed, the_card
from landweave.gallery.images import Gallery
from landweave.models.patch.hashing import majority, pack


def codes(
    gallery: Gallery, values: Float32[np.ndarray, "b c h w"], valid: Bool[np.ndarray, "b h w"] | None = None
) -> UInt64[np.ndarray, " b"]:
    """The code of each patch, from the gallery's hash network on the CPU.

    Args:
        gallery: Whose hash network.
        values: Bands in the unit and order of `gallery.card`.
        valid: Where they are usable; what is not counts as the mean of its band.
    """
    given = torch.from_numpy(values)
    usable = None if valid is None else torch.from_numpy(valid)
    with torch.inference_mode():
        scores = gallery.network(gallery.normalise(given, usable))
    return pack((scores > 0).numpy())


def code(piece: Piece) -> dict[str, int]:
    """Write the codes (uint64) of a piece; the same piece gives the same bytes.

    Raises:
        CardError: The card is damaged, not the one that was meant, or does not fit the archive.
        ArchiveError: The archive is damaged.
    """
    card, network = the_card(piece)
    return computed(piece, card, lambda values: pack((network(values) > 0).numpy()))


def buckets(codes: UInt64[np.ndarray, " n"], clusters: Int64[np.ndarray, " n"], bits: int) -> UInt64[np.ndarray, " k"]:
    """The code of each bucket: the majority code of each cluster's patches; clusters with one code are one bucket."""
    found = [int(majority(codes[clusters == number], bits)) for number in np.unique(clusters)]
    return np.array(list(dict.fromkeys(found)), np.uint64)

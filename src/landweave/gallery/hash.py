"""Codes of patches: from physical values to the number that names a patch in a gallery."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float32, UInt64

from landweave.gallery.images import Gallery
from landweave.models.hashing import pack


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

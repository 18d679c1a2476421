"""Clouds told by two indices alone: clear air, NAT, or another cloud. Pure.

Spectra of small NAT have a peak at 820 cm-1 that lifts the NAT index above what other clouds of the same cloud index
have (Spang and Remedios 2003; Hoepfner et al. 2006). Their line was not at hand. Ours is drawn above 98 % of those
simulated spectra of limb-published-1 that are not small NAT; air that differs from that one shifts it.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Float32, UInt8

from landweave.legend import IGNORE
from landweave.spectra.clouds import CLOUDY_BELOW

CLASSES = ("clear", "nat", "other_cloud")
"""What the rule tells."""
LINE = (
    (1.25, 0.94),
    (1.5, 0.85),
    (1.75, 0.78),
    (2.0, 0.69),
    (2.5, 0.60),
    (3.0, 0.51),
    (3.5, 0.46),
    (4.0, 0.41),
    (4.5, 0.39),
)
"""Cloud index, and the NAT index above which a cloud is NAT; straight in between, level beyond."""


def nat_above(cloud_index: Float[np.ndarray, " b"]) -> Float32[np.ndarray, " b"]:
    """NAT index above which a cloud of this cloud index is NAT."""
    at, line = np.transpose(LINE)
    return np.asarray(np.interp(cloud_index, at, line), np.float32)


def by_indices(cloud_index: Float[np.ndarray, " b"], nat_index: Float[np.ndarray, " b"]) -> UInt8[np.ndarray, " b"]:
    """Place in CLASSES of each spectrum; IGNORE (255) where an index is not finite."""
    known = np.isfinite(cloud_index) & np.isfinite(nat_index)
    clear, nat = cloud_index >= CLOUDY_BELOW, nat_index > nat_above(cloud_index)
    told = np.where(clear, CLASSES.index("clear"), np.where(nat, CLASSES.index("nat"), CLASSES.index("other_cloud")))
    return np.where(known, told, IGNORE).astype(np.uint8)

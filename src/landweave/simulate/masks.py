"""The masks that agencies deliver with a scene, as what is known of the simulated sky makes them. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, UInt8, UInt16

from landweave.legend import legend
from landweave.simulate.kinds import LEGEND
from landweave.simulate.lattice import Plane

_CLOUD, _THIN, _SHADOW, _SNOW = 0.5, 0.12, 0.3, 0.4


@dataclass(frozen=True)
class Seen:
    """What is in each pixel of the mask.

    Attributes:
        land: Class index.
        cloud: Opacity of clouds.
        shadow: Share of the sun that they take away.
        snow: Share of snow.
        inside: Whether the swath covers it.
    """

    land: UInt8[np.ndarray, "h w"]
    cloud: Plane
    shadow: Plane
    snow: Plane
    inside: Bool[np.ndarray, "h w"]


def scl(seen: Seen) -> UInt8[np.ndarray, "h w"]:
    """Sentinel-2's scene classification: 0 no data, 3 cloud shadow, 4 vegetation, 5 not vegetated, 6 water, 8 and 9
    clouds of medium and high probability, 11 snow.
    """
    ground = np.array([_SCL_OF.get(name, 4) for name in legend(LEGEND).names])[seen.land]
    found = np.select(
        [~seen.inside, seen.cloud > _CLOUD, seen.cloud > _THIN, seen.shadow > _SHADOW, seen.snow > _SNOW],
        [0, 9, 8, 3, 11],
        ground,
    )
    return np.asarray(found, np.uint8)


_SCL_OF = {"Water": 6, "Built-up": 5, "Bare soil and rock": 5}

# Bits of Landsat Collection 2's QA_PIXEL; confidences are pairs of bits: 01 low, 11 high.
_FILL, _DILATED, _CLOUD_BIT, _SHADOW_BIT, _SNOW_BIT, _CLEAR, _WATER = (1 << bit for bit in (0, 1, 3, 4, 5, 6, 7))
_CLOUD_LOW, _SHADOW_LOW, _SNOW_LOW, _CIRRUS_LOW = (1 << bit for bit in (8, 10, 12, 14))


def qa_pixel(seen: Seen) -> UInt16[np.ndarray, "h w"]:
    """Landsat Collection 2's pixel quality."""
    water = seen.land == legend(LEGEND).index("Water")
    cloud, thin = seen.cloud > _CLOUD, seen.cloud > _THIN
    shadow, snow = (seen.shadow > _SHADOW) & ~thin, (seen.snow > _SNOW) & ~thin
    bits = np.full(water.shape, _CLOUD_LOW | _SHADOW_LOW | _SNOW_LOW | _CIRRUS_LOW, np.uint16)
    for where, value in (
        (water, _WATER),
        # Shadow and snow count as clear: the bit says no more than that there is no cloud.
        (~thin, _CLEAR),
        (thin & ~cloud, _DILATED),
        (cloud, _CLOUD_BIT | _CLOUD_LOW << 1),
        (shadow, _SHADOW_BIT | _SHADOW_LOW << 1),
        (snow, _SNOW_BIT | _SNOW_LOW << 1),
    ):
        bits[where] |= np.uint16(value)
    return np.where(seen.inside, bits, np.uint16(_FILL))

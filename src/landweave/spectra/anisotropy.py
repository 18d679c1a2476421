"""How land's brightness changes with the directions of sun and view: the two kernels of MODIS's model. Pure."""

from __future__ import annotations

import math

_CROWN_HEIGHT = 2.0


def volume_kernel(sun: float, view: float, azimuth: float) -> float:
    """Ross-thick kernel (Roujean et al. 1992; Lucht et al. 2000, eq. 38).

    Args:
        sun: Degrees of the sun from straight above.
        view: Degrees of the view from straight above.
        azimuth: Degrees between both directions; 0 with the sun behind whoever looks.
    """
    phase = math.acos(min(max(_cosine(math.radians(sun), math.radians(view), azimuth), -1), 1))
    cosines = math.cos(math.radians(sun)) + math.cos(math.radians(view))
    return ((math.pi / 2 - phase) * math.cos(phase) + math.sin(phase)) / cosines - math.pi / 4


def geometry_kernel(sun: float, view: float, azimuth: float) -> float:
    """Reciprocal Li-sparse kernel (Lucht et al. 2000, eq. 39-44) for crowns with h / b = 2 and b / r = 1.

    Arguments are those of `volume_kernel`.
    """
    tangents = [math.tan(math.radians(angle)) for angle in (sun, view)]
    secants = [1 / math.cos(math.radians(angle)) for angle in (sun, view)]
    turn = math.radians(azimuth)
    apart = tangents[0] ** 2 + tangents[1] ** 2 - 2 * tangents[0] * tangents[1] * math.cos(turn)
    across = (tangents[0] * tangents[1] * math.sin(turn)) ** 2
    cosine = _CROWN_HEIGHT * math.sqrt(max(apart, 0) + across) / sum(secants)
    shared = math.acos(min(max(cosine, -1), 1))
    overlap = (shared - math.sin(shared) * math.cos(shared)) * sum(secants) / math.pi
    phase = _cosine(math.radians(sun), math.radians(view), azimuth)
    return overlap - sum(secants) + 0.5 * (1 + phase) * secants[0] * secants[1]


def _cosine(sun: float, view: float, azimuth: float) -> float:
    """Of the angle between both directions."""
    return math.cos(sun) * math.cos(view) + math.sin(sun) * math.sin(view) * math.cos(math.radians(azimuth))

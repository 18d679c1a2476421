"""The physical baseline: point spread to the other sensor's pixels, angles, and published lines per band. Pure."""

from __future__ import annotations

import importlib.resources
import math
import tomllib
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy.typing import NDArray
from scipy import ndimage

from landweave.config import nearest
from landweave.errors import RadiometryError
from landweave.harmonize.angles import Angles
from landweave.harmonize.views import Sizes, Values
from landweave.sensors import Sensor
from landweave.spectra.anisotropy import geometry_kernel, volume_kernel
from landweave.spectra.indices import roles

_REACH_PX = 2


@cache
def published() -> Mapping[str, Any]:
    """The numbers of hls.toml, each with its source."""
    text = importlib.resources.files("landweave.harmonize").joinpath("hls.toml").read_text(encoding="utf-8")
    return tomllib.loads(text)


def spread_px() -> float:
    """Standard deviation, in compared pixels, of the Gaussian that makes means of Sentinel-2 as blurred as Landsat.

    A pixel's own square leaves 2 / pi of the contrast at the Nyquist frequency; a Gaussian the rest of what `optics`
    says. What Sentinel-2's own optics have blurred at a third of the size needs no blurring again.
    """
    optics = published()["optics"]
    coarse, fine = (
        math.sqrt(2 * math.log(2 / math.pi / optics[name])) / math.pi for name in ("landsat-8", "sentinel-2")
    )
    return math.sqrt(coarse**2 - (fine / 3) ** 2)


def reach_px(sigma_px: float) -> int:
    """Compared pixels beyond a pixel's border that its value depends on."""
    return _REACH_PX if sigma_px else 0


def compared(
    values: Values, valid: Bool[np.ndarray, "a b"], sizes: Sizes, sigma_px: float = 0.0
) -> Float32[np.ndarray, "c a b"]:
    """All bands in compared pixels: means of what lies in each, or of what a wider point spread sees of it.

    Args:
        values: Physical values by pixel size.
        valid: Which compared pixels are valid; others do not leak into their neighbours.
        sizes: The bands.
        sigma_px: Standard deviation of a Gaussian, in compared pixels, cut off two pixels away; 0 for plain means.

    Returns:
        Bands from the finest to the coarsest, as `sizes` lists them; 0 where not valid.
    """
    finest = min(sizes.bands)
    out = []
    for size in sizes.bands:
        for band in values[size]:
            step = round(size / finest)
            # Repeated to the finest pixels, areas that coarser pixels share are counted by their share.
            fine = band.repeat(step, 0).repeat(step, 1)
            out.append(_means(fine, sizes.ratio))
    stacked = np.stack(out)
    if sigma_px:
        weight = np.maximum(_blurred(valid.astype(np.float32), sigma_px), np.float32(1e-6))
        stacked = np.stack([_blurred(np.where(valid, band, np.float32(0)), sigma_px) / weight for band in stacked])
    return np.where(valid, stacked, np.float32(0)).astype(np.float32)


def _means(fine: Float32[np.ndarray, "h w"], ratio: int) -> Float32[np.ndarray, "a b"]:
    height, width = (side // ratio for side in fine.shape)
    return np.asarray(fine.reshape(height, ratio, width, ratio).mean((1, 3), dtype=np.float32))


def _blurred(values: Float32[np.ndarray, "h w"], sigma_px: float) -> NDArray[Any]:
    found: NDArray[Any] = ndimage.gaussian_filter(values, sigma_px, mode="constant", radius=_REACH_PX)
    return found


def satellite(scene_id: str) -> str:
    """Which Sentinel-2 took a scene, by its name: S2A, S2B.

    Raises:
        RadiometryError: The name does not tell, or there are no published lines for that satellite.
    """
    known = [name for name in published()["adjust"] if name != "source"]
    name = scene_id[:3].upper()
    if name not in known:
        raise RadiometryError(
            f"scene {scene_id}, of which no band adjustment is published",
            f"a product whose name begins with {' or '.join(known)}",
            "keep the product's own name as the scene's id, or use a card that was fitted on pairs",
        )
    return name


def adjustment(name: str, bands: Sequence[str]) -> tuple[Float32[np.ndarray, " c"], Float32[np.ndarray, " c"]]:
    """Slopes and offsets of the bands of a satellite; 1 and 0 for bands that have no row.

    Raises:
        RadiometryError: The satellite has no rows.
    """
    every = published()["adjust"]
    if name not in every or name == "source":
        known = [other for other in every if other != "source"]
        raise RadiometryError(f"satellite {name}", nearest(name, known), "name one of them")
    rows = [every[name].get(band, (1.0, 0.0)) for band in bands]
    return np.array([row[0] for row in rows], np.float32), np.array([row[1] for row in rows], np.float32)


def lines(known: Sensor, scene_id: str, bands: Sequence[str], angles: Angles | None) -> tuple[tuple[float, float], ...]:
    """Slope and offset for each band of a scene: to the view from straight above, then the published ones.

    Args:
        known: The scene's sensor.
        scene_id: Its name, which tells the satellite.
        bands: Names of the bands.
        angles: Of the scene; None where nothing tells, so that its view stays as it is.

    Raises:
        RadiometryError: No adjustment of the scene's satellite is published.
    """
    slopes, offsets = adjustment(satellite(scene_id), bands)
    factors = np.ones(len(bands)) if angles is None else nadir_factors(known, bands, angles)
    return tuple(
        (float(slope * factor), float(offset)) for slope, offset, factor in zip(slopes, offsets, factors, strict=True)
    )


def nadir_factors(sensor: Sensor, bands: Sequence[str], angles: Angles) -> Float64[np.ndarray, " c"]:
    """By what each band is multiplied to look as from straight above under the same sun: the c-factor.

    Model reflectance at nadir over that at the scene's angles (Roy et al. 2016, eq. 8), with the global kernel weights
    of hls.toml; 1 for bands that have none.
    """
    weights, named = published()["brdf"], {place: role for role, place in roles(sensor, bands).items()}
    here, above = (
        (1.0, geometry_kernel(*three), volume_kernel(*three))
        for three in ((angles.sun_zenith, angles.view_zenith, angles.azimuth), (angles.sun_zenith, 0.0, 0.0))
    )
    found = []
    for place in range(len(bands)):
        row = weights.get(named.get(place, ""))
        found.append(_dot(row, above) / _dot(row, here) if row else 1.0)
    return np.array(found)


def _dot(row: Sequence[float], kernels: Sequence[float]) -> float:
    return sum(weight * kernel for weight, kernel in zip(row, kernels, strict=True))

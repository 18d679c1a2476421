"""What sets two satellites apart: spectral responses, optics, noise, and the angle that they look from. Pure."""

from __future__ import annotations

import csv
import importlib.resources
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from jaxtyping import Float32, Float64

from landweave.sensors import Band
from landweave.simulate.kinds import kinds
from landweave.simulate.lattice import key, normal, uniform
from landweave.simulate.reflectance import Sun, spectra
from landweave.simulate.region import Ground
from landweave.simulate.world import SceneTable, World
from landweave.spectra.anisotropy import geometry_kernel, volume_kernel

_HEAD = 3
# Standard deviation of the optics in pixels: Sentinel-2's modulation of 0.15-0.30 at Nyquist (Mission Requirements
# Document) taken as 0.25; OLI's edges, which rise by 0.027 per metre (its requirements).
_SPREAD_PX = {"sentinel-2-l2a": 0.437, "landsat-8-c2l2": 0.38}
# In the dark and of what is bright: OLI's signal to noise ratios are about twice Sentinel-2's.
_NOISE = {"sentinel-2-l2a": (0.0015, 0.008), "landsat-8-c2l2": (0.0008, 0.004)}
# Sentinel-2's swath of 290 km is seen up to 10.3 degrees aside, Landsat's of 185 km up to 7.5.
_WIDEST_DEG = {"sentinel-2-l2a": 10.3, "landsat-8-c2l2": 7.5}
# Across the track of a descending orbit at 49 degrees north, toward the east and toward the west.
_ACROSS_DEG = (104.0, 284.0)
# Weights of geo and vol over iso, by wavelength: means over the land of MODIS's model (Roy et al. 2016, Table 1).
_WAVELENGTHS_NM = (482.0, 561.0, 655.0, 865.0, 1609.0, 2201.0)
_GEO = (0.0079 / 0.0774, 0.0178 / 0.1306, 0.0227 / 0.1690, 0.0330 / 0.3093, 0.0453 / 0.3430, 0.0387 / 0.2658)
_VOL = (0.0372 / 0.0774, 0.0580 / 0.1306, 0.0574 / 0.1690, 0.1535 / 0.3093, 0.1154 / 0.3430, 0.0639 / 0.2658)
# From one object to the next both change by about half: MODIS's classes of land differ so.
_VARIES = np.float32(0.5)


@dataclass(frozen=True)
class Instrument:
    """One sensor.

    Attributes:
        responses: Weight of every wavelength of the spectra, by band; bands that nobody published are left away.
        spread_px: Standard deviation of its optics in pixels.
        noise: Standard deviation in the dark, and share of what is bright.
    """

    responses: Mapping[str, Float64[np.ndarray, " l"]]
    spread_px: float
    noise: tuple[float, float]


@dataclass(frozen=True)
class View:
    """Where a scene is seen from: degrees from straight above and clockwise from north."""

    zenith_deg: float
    azimuth_deg: float


@cache
def _responses() -> Mapping[str, Mapping[str, Float64[np.ndarray, " l"]]]:
    text = importlib.resources.files("landweave.simulate").joinpath("responses.csv").read_text(encoding="utf-8")
    rows = list(csv.reader(text.splitlines()))
    table = np.array(rows[_HEAD:], np.float64)
    found: dict[str, dict[str, Float64[np.ndarray, " l"]]] = {}
    for column, (name, band) in enumerate(zip(rows[0][1:], rows[1][1:], strict=True), 1):
        # Wavelengths that no band sees are left away in the table.
        weight = np.zeros(len(spectra().wavelength_nm))
        weight[np.searchsorted(spectra().wavelength_nm, table[:, 0])] = table[:, column]
        found.setdefault(name, {})[band] = weight / weight.sum()
    return found


def instrument_of(world: World, scene: SceneTable) -> Instrument | None:
    """The scene's instrument; None where the world has no instruments, or nobody published this one."""
    if not world.instruments or scene.sensor not in _SPREAD_PX:
        return None
    return Instrument(_responses()[scene.sensor], _SPREAD_PX[scene.sensor], _NOISE[scene.sensor])


def view_of(world: World, scene: SceneTable) -> View:
    """Where the scene is seen from: somewhere in the swath, the same all over so small a world."""
    number = key(world.seed, "view", scene.date, scene.sensor)
    place = 2 * float(uniform(number, np.array(1))[0]) - 1
    return View(abs(place) * _WIDEST_DEG.get(scene.sensor, 0.0), _ACROSS_DEG[int(place < 0)])


def turned(
    seen: Float32[np.ndarray, "b h w"], ground: Ground, bands: Sequence[Band], sun: Sun, view: View
) -> Float32[np.ndarray, "b h w"]:
    """Reflectance as seen from aside in place of straight above, by MODIS's kernels. Changes `seen`.

    Every object has weights of its own around the mean of all land; water has none.
    """
    kernels = geometry_kernel, volume_kernel
    between = abs((sun.azimuth_deg - view.azimuth_deg + 180) % 360 - 180)
    here = [kernel(sun.zenith_deg, view.zenith_deg, between) for kernel in kernels]
    above = [kernel(sun.zenith_deg, 0.0, 0.0) for kernel in kernels]
    dry = np.array([kind.land_class != "Water" for kind in kinds().values()], np.float32)
    strength = np.exp(_VARIES * normal(ground.owner, np.array(91))) * dry[ground.kind]
    for place, band in enumerate(bands):
        geo, vol = (np.interp(band.wavelength_nm or 0, _WAVELENGTHS_NM, weights) for weights in (_GEO, _VOL))
        one, other = (np.float32(geo * both[0] + vol * both[1]) for both in (here, above))
        seen[place] *= (1 + strength * one) / (1 + strength * other)
    return seen


def angle_text(sun: Sun, view: View) -> str:
    """The angles as a granule's MTD_TL.xml tells them."""
    zenith, azimuth = (f"{value:.6f}" for value in (view.zenith_deg, view.azimuth_deg))
    views = "".join(
        f'<Mean_Viewing_Incidence_Angle bandId="{band}"><ZENITH_ANGLE unit="deg">{zenith}</ZENITH_ANGLE>'
        f'<AZIMUTH_ANGLE unit="deg">{azimuth}</AZIMUTH_ANGLE></Mean_Viewing_Incidence_Angle>'
        for band in range(13)
    )
    return (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        '<n1:Level-2A_Tile_ID xmlns:n1="https://psd-14.sentinel2.eo.esa.int/PSD/S2_PDI_Level-2A_Tile_Metadata.xsd">'
        "<n1:Geometric_Info><Tile_Angles><Mean_Sun_Angle>"
        f'<ZENITH_ANGLE unit="deg">{sun.zenith_deg:.6f}</ZENITH_ANGLE>'
        f'<AZIMUTH_ANGLE unit="deg">{sun.azimuth_deg:.6f}</AZIMUTH_ANGLE></Mean_Sun_Angle>'
        f"<Mean_Viewing_Incidence_Angle_List>{views}</Mean_Viewing_Incidence_Angle_List></Tile_Angles>"
        "</n1:Geometric_Info></n1:Level-2A_Tile_ID>\n"
    )

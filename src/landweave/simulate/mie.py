"""How much light spheres take away: Mie's series, and its means over lognormal sizes. Pure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Complex128, Float32, Float64

SPREAD = 1.35
"""Geometric standard deviation of the sizes of particles (Hoepfner et al. 2006, Atmos. Chem. Phys. 6, 1221)."""
_STEP = np.log(SPREAD) / 4
_REACH = 4.0


@dataclass(frozen=True)
class Optics:
    """Extinction and scattering per volume density, in 1/km per um3/cm3, by radius and wavenumber.

    Attributes:
        absorption: What turns into heat.
        scattering: What goes elsewhere; light that goes on nearly straight is not counted (similarity principle).
    """

    absorption: Float32[np.ndarray, "r l"]
    scattering: Float32[np.ndarray, "r l"]


def optics(
    index: Complex128[np.ndarray, " l"], per_cm: Float64[np.ndarray, " l"], radius_um: Float64[np.ndarray, " r"]
) -> Optics:
    """Optics of particles with lognormal sizes.

    Args:
        index: Refractive index n + i k.
        per_cm: Its wavenumbers.
        radius_um: Median radii of the numbers of particles.
    """
    middle = 3 * np.log(SPREAD) ** 2
    low, high = (np.log(of) for of in (radius_um.min(), radius_um.max()))
    reach = _REACH * np.log(SPREAD)
    # One set of sizes for all medians. Volumes lie above numbers: their median is 3 ln2(spread) further.
    sizes = np.exp(np.arange(low - reach, high + middle + reach + _STEP, _STEP))
    found = np.stack([efficiencies(index, 2e-4 * np.pi * per_cm * size) for size in sizes])
    extinct, scattered, forward = (found[:, place] for place in range(3))
    weight = np.exp(-0.5 * (np.log(sizes / radius_um[:, None]) / np.log(SPREAD)) ** 2)
    volume = (weight * sizes**3).sum(1, keepdims=True) * 4 / 3
    # Areas over volumes, um2 cm-3 / (um3 cm-3) = 1/um; a volume density of 1 um3 cm-3 makes 1e-3 per km of it.
    absorbed, lost = ((weight * sizes**2) @ part / volume * 1e-3 for part in (extinct - scattered, scattered - forward))
    return Optics(absorbed.astype(np.float32), np.maximum(lost, 0).astype(np.float32))


def efficiencies(index: Complex128[np.ndarray, " l"], size: Float64[np.ndarray, " l"]) -> Float64[np.ndarray, "3 l"]:
    """Efficiencies of extinction and scattering, and scattering times the mean cosine of its angle, of spheres.

    Bohren and Huffman 1983, equations 4.61, 4.62 and 4.88, and appendix A; logarithmic derivatives downward from
    beyond the last term, Riccati-Bessel functions upward.

    Args:
        index: Refractive index n + i k of each.
        size: Circumference over wavelength of each.
    """
    num = int(np.ceil(size.max() + 4 * size.max() ** (1 / 3) + 2))
    slope = _slopes(index * size, num)
    psi_before, psi, chi_before, chi = np.cos(size), np.sin(size), -np.sin(size), np.cos(size)
    extinct, scattered, forward = (np.zeros(len(size)) for _ in range(3))
    a_before, b_before = np.zeros(len(size), complex), np.zeros(len(size), complex)
    for n in range(1, num + 1):
        psi_before, psi = psi, (2 * n - 1) * psi / size - psi_before
        chi_before, chi = chi, (2 * n - 1) * chi / size - chi_before
        xi, xi_before = psi - 1j * chi, psi_before - 1j * chi_before
        left, right = slope[n] / index + n / size, slope[n] * index + n / size
        a = (left * psi - psi_before) / (left * xi - xi_before)
        b = (right * psi - psi_before) / (right * xi - xi_before)
        extinct += (2 * n + 1) * (a + b).real
        scattered += (2 * n + 1) * (abs(a) ** 2 + abs(b) ** 2)
        forward += (2 * n + 1) / (n * (n + 1)) * (a * b.conj()).real
        forward += (n - 1) * (n + 1) / n * (a_before * a.conj() + b_before * b.conj()).real
        a_before, b_before = a, b
    return np.asarray(np.stack([2 * extinct, 2 * scattered, 4 * forward]) / size**2)


def _slopes(z: Complex128[np.ndarray, " l"], num: int) -> Complex128[np.ndarray, "n l"]:
    """Logarithmic derivatives of the Riccati-Bessel functions of orders 0 to `num`."""
    last = max(num, int(np.ceil(abs(z).max()))) + 16
    found = np.zeros((last + 1, len(z)), complex)
    for n in range(last, 0, -1):
        found[n - 1] = n / z - 1 / (found[n] + n / z)
    return found[: num + 1]

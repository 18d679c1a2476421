"""Mie's series against published values, limits that need no series, and what sizes do to it."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.simulate.mie import SPREAD, efficiencies, optics

# Index, size parameter, efficiencies of extinction and scattering, and mean cosine, as published.
# The first is the worked example of Bohren and Huffman 1983, appendix A; the others are cases of Wiscombe's MIEV0
# (Wiscombe 1979, NCAR/TN-140+STR, tests 6, 7 and 13), as later programs test themselves against.
PUBLISHED = [
    (1.55 + 0j, 2 * np.pi * 0.525 / 0.6328, 3.10543, 3.10543, 0.63314),
    (1.33 + 1e-5j, 1.0, 0.093952, 0.093923, 0.184517),
    (1.33 + 1e-5j, 100.0, 2.101321, 2.096594, 0.868959),
    (1.5 + 1j, 1.0, 2.336321, 0.663454, 0.192136),
    (1.5 + 1j, 100.0, 2.097502, 1.283697, 0.850252),
]


@pytest.mark.parametrize(("index", "size", "extinct", "scattered", "cosine"), PUBLISHED)
def test_efficiencies_as_published(
    index: complex, size: float, extinct: float, scattered: float, cosine: float
) -> None:
    found = efficiencies(np.array([index]), np.array([size]))[:, 0]
    assert found[0] == pytest.approx(extinct, rel=2e-5)
    assert found[1] == pytest.approx(scattered, rel=2e-5)
    assert found[2] / found[1] == pytest.approx(cosine, rel=2e-5)


def test_small_spheres_are_rayleighs() -> None:
    index, size = np.array([1.4 + 0.3j, 1.7 + 0.05j]), np.array([0.01, 0.02])
    polarised = (index**2 - 1) / (index**2 + 2)
    extinct, scattered, forward = efficiencies(index, size)
    np.testing.assert_allclose(scattered, 8 / 3 * size**4 * abs(polarised) ** 2, rtol=1e-3)
    np.testing.assert_allclose(extinct - scattered, 4 * size * polarised.imag, rtol=1e-3)
    assert (abs(forward) < 1e-3 * scattered).all()


def test_one_call_is_many_calls() -> None:
    index, size = np.array([1.31 + 0.01j, 1.5 + 0.2j, 1.05 + 0.5j]), np.array([0.3, 4.0, 12.0])
    alone = [efficiencies(index[i : i + 1], size[i : i + 1])[:, 0] for i in range(3)]
    np.testing.assert_allclose(efficiencies(index, size).T, alone, rtol=1e-8)


def test_tiny_particles_absorb_by_volume_whatever_their_size() -> None:
    # Rayleigh: absorption over volume is 6 pi v Im(polarisability), here in 1/um, and 1e-3 of that in 1/km.
    index, per_cm = np.array([1.4 + 0.3j]), np.array([800.0])
    found = optics(index, per_cm, np.array([0.01, 0.02]))
    expected = 6 * np.pi * 800e-4 * ((index**2 - 1) / (index**2 + 2)).imag * 1e-3
    np.testing.assert_allclose(found.absorption[:, 0], np.repeat(expected, 2), rtol=5e-3)
    assert (found.scattering < 1e-3 * found.absorption).all()


def test_large_particles_take_away_their_shadow_for_what_they_diffract_goes_on() -> None:
    # Area over volume of lognormal sizes is 3 / (4 r) exp(-2.5 ln2 spread).
    index, per_cm, radius = np.array([1.4 + 0.3j]), np.array([20_000.0]), np.array([10.0])
    found = optics(index, per_cm, radius)
    shadow = 0.75 / radius * np.exp(-2.5 * np.log(SPREAD) ** 2) * 1e-3
    lost = (found.absorption + found.scattering)[0]
    assert lost == pytest.approx(shadow, rel=0.03)

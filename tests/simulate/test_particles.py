"""Particles have the features in the infrared by which papers tell them apart."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.simulate.particles import NARROW, constituents, particle_optics, refractive_index
from landweave.spectra.microwindows import CENTRES_PER_CM, MICROWINDOWS

PER_CM = CENTRES_PER_CM[:NARROW]
R1 = PER_CM < 841


def extinction(name: str) -> np.ndarray:
    found = particle_optics(name)
    return found.absorption + found.scattering


def test_radii_and_volumes_are_those_of_table_2() -> None:
    sts = ([0.1, 0.5, 1.0], [0.1, 0.5, 1.0, 5.0, 10.0])
    expected = {
        "ice": ([1.0, 2.0, 3.0, 4.0, 5.0, 10.0], [10.0, 50.0, 100.0]),
        "nat": ([0.5, 1.0, 2.0, 3.0, 4.0, 5.0], [0.1, 0.5, 1.0, 5.0, 10.0]),
        "sts_1": sts,
        "sts_2": sts,
        "sts_3": sts,
    }
    assert {name: (entry.radius_um, entry.volume_density) for name, entry in constituents().items()} == expected
    assert NARROW == 137
    assert all(window.region.startswith("W") for window in MICROWINDOWS[NARROW:])
    shares = {name: sum(entry.mixture.values()) for name, entry in constituents().items()}
    assert shares == pytest.approx(dict.fromkeys(expected, 1.0))


# Refractive index of ice at 200 K, Zasetsky et al. 2005, J. Phys. Chem. A 109, 2760: wavenumber, n, k.
ICE = [(800, 1.468, 0.497), (840, 1.290, 0.493), (900, 1.086, 0.359), (940, 1.041, 0.171), (960, 1.080, 0.091),
       (1240, 1.323, 0.032), (1400, 1.351, 0.049), (1940, 1.346, 0.010), (2140, 1.377, 0.023)]  # fmt: skip


@pytest.mark.parametrize(("per_cm", "real", "imaginary"), ICE)
def test_ice_refracts_as_measured(per_cm: float, real: float, imaginary: float) -> None:
    found = refractive_index("ice", np.array([float(per_cm)]))[0]
    assert found.real == pytest.approx(real, abs=0.05)
    assert found.imag == pytest.approx(imaginary, abs=0.03)


def test_nothing_shines_by_itself() -> None:
    wide = np.linspace(500, 4000, 800)
    for name in constituents():
        assert (refractive_index(name, wide).imag > 0).all()
        assert (particle_optics(name).absorption > 0).all()


def test_nat_peaks_at_820_and_moves_and_fades_with_radius() -> None:
    found = extinction("nat")[:, R1]
    peaks = PER_CM[R1][found.argmax(1)]
    assert peaks[0] == pytest.approx(820.5, abs=1)
    assert (np.diff(peaks) <= 0).all()
    assert peaks[-1] < peaks[0] - 2
    # How far it stands out from both sides of it.
    beside = (found[:, PER_CM[R1] == 800.5] + found[:, PER_CM[R1] == 839.5])[:, 0] / 2
    contrast = found.max(1) / beside
    assert contrast[0] > 2.3
    assert (np.diff(contrast) < 0).all()
    assert contrast[-1] < 1.2


def test_ice_is_clearest_near_960() -> None:
    wide = (PER_CM < 841) | ((PER_CM > 940) & (PER_CM < 965)) | ((PER_CM > 1404) & (PER_CM < 1412))
    for row in extinction("ice")[:4, wide]:
        assert 960 <= PER_CM[wide][row.argmin()] <= 965
    assert (extinction("ice")[0, PER_CM == 830.5] > 3 * extinction("ice")[0, PER_CM == 962.5]).all()


def test_sts_has_no_feature_at_820_but_slopes_by_what_it_is_made_of() -> None:
    near = (PER_CM > 805) & (PER_CM < 838)
    for name in ("sts_1", "sts_2", "sts_3"):
        for row in extinction(name)[:, near]:
            straight = np.polyval(np.polyfit(PER_CM[near], row, 2), PER_CM[near])
            assert (abs(row / straight - 1) < 0.02).all()
    ratio = {
        name: extinction(name)[1, PER_CM == 943.5] / extinction(name)[1, PER_CM == 1408.5] for name in constituents()
    }
    assert ratio["sts_1"] < ratio["sts_2"] < ratio["sts_3"]

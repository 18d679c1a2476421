"""Lines of sight past the Earth against geometry and limits that need no program."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from landweave.simulate.atmosphere import EDGES_KM, MIDDLES_KM, air, gases, temperature
from landweave.simulate.limb import EARTH_KM, WIDE, View, noise_level, paths, radiance, with_wide
from landweave.spectra.brightness import planck
from landweave.spectra.clouds import cloud_index, nat_index
from landweave.spectra.microwindows import CENTRES_PER_CM

PER_CM = CENTRES_PER_CM[:137]
NUM_SHELLS = len(MIDDLES_KM)


def view(*tangent_km: float, warm: float | None = None, gas: float | None = None) -> View:
    """Clear air past several tangent altitudes, or air of one temperature and absorption."""
    num = len(tangent_km)
    profile = temperature(MIDDLES_KM) if warm is None else np.full(NUM_SHELLS, warm)
    absorbed = gases()[0].sum(0, keepdims=True) if gas is None else np.full((1, NUM_SHELLS, 137), gas, np.float32)
    nothing = np.zeros((num, 137), np.float32)
    return View(
        PER_CM,
        np.array(tangent_km),
        np.repeat(profile[None].astype(np.float32), num, 0),
        absorbed,
        np.zeros((num, NUM_SHELLS), np.float32),
        nothing,
        nothing,
        nothing,
    )


def cloudy(clear: View, low: float, high: float, absorbed: float, scattered: float, below_k: float = 230) -> View:
    inside = np.searchsorted([low, high], MIDDLES_KM) == 1
    filled = np.repeat(inside[None].astype(np.float32), len(clear), 0)
    shape = (len(clear), 137)
    light = planck(np.full(shape, below_k), PER_CM).astype(np.float32)
    parts = (np.full(shape, value, np.float32) for value in (absorbed, scattered))
    return replace(clear, filled=filled, absorbed=(own := list(parts))[0], scattered=own[1], below=light)


@pytest.mark.parametrize("tangent", [8.0, 12.0, 18.3, 30.0])
def test_paths_are_chords(tangent: float) -> None:
    found = paths(np.array([tangent]))[0]
    top = EARTH_KM + EDGES_KM[-1]
    assert found.sum() == pytest.approx(np.sqrt(top**2 - (EARTH_KM + tangent) ** 2), rel=1e-5)
    assert (found[EDGES_KM[1:] <= tangent] == 0).all()
    # Of shells of one thickness, that at the tangent point is passed longest, or the next where it is cut.
    touched = int(np.searchsorted(EDGES_KM, tangent, "right")) - 1
    assert found[:48].argmax() in (touched, touched + 1)
    # By 6371 km's radius, half a path has 113 km within 1 km.
    assert paths(np.array([20.0]))[0, 24:26].sum() == pytest.approx(113, abs=1)


def test_thick_air_is_a_black_body_and_thin_air_glows_by_its_path() -> None:
    black = radiance(view(20.0, warm=200.0, gas=1.0))
    np.testing.assert_allclose(black[0], planck(np.full(137, 200.0), PER_CM), rtol=1e-3)
    thin = radiance(view(20.0, warm=200.0, gas=1e-7))
    path = 2 * sum(weight * paths(np.array([20.0 + up]))[0].sum() for up, weight in ((-1, 0.25), (0, 0.5), (1, 0.25)))
    np.testing.assert_allclose(thin[0], path * 1e-7 * planck(np.full(137, 200.0), PER_CM), rtol=2e-3)


def test_a_thick_cloud_sends_what_it_absorbs_and_scatters() -> None:
    thick = radiance(cloudy(view(18.0, warm=190.0, gas=1e-9), 10, 30, 0.5, 0.0))
    np.testing.assert_allclose(thick[0], planck(np.full(137, 190.0), PER_CM), rtol=1e-3)
    # One that only scatters shows half of what comes from below, more than its own at large wavenumbers.
    white = radiance(cloudy(view(18.0, warm=190.0, gas=1e-9), 10, 30, 0.0, 0.5))
    np.testing.assert_allclose(white[0], planck(np.full(137, 230.0), PER_CM) / 2, rtol=1e-3)
    assert (white[0, 110:] > 3 * thick[0, 110:]).all()


def test_more_cloud_is_more_radiance_until_it_is_thick() -> None:
    steps = [radiance(cloudy(view(18.0), 16, 20, amount, 0.0))[0, 57] for amount in (0, 1e-4, 1e-3, 1e-2, 1e-1)]
    assert (np.diff(steps) > 0).all()
    assert steps[-1] == pytest.approx(planck(np.full(1, temperature(np.array([20.0]))[0]), PER_CM[57:58])[0], rel=0.05)


def test_clouds_below_or_above_the_view_do_not_show_or_show() -> None:
    clear = radiance(view(20.0))
    np.testing.assert_array_equal(radiance(cloudy(view(20.0), 14, 18.5, 1e-2, 0)), clear)
    assert (radiance(cloudy(view(20.0), 24, 26, 1e-2, 0))[0, 57:59] > 2 * clear[0, 57:59]).all()


def test_clear_air_has_the_indices_that_clear_air_has() -> None:
    seen = with_wide(radiance(view(14.0, 18.0, 22.0, 26.0, 30.0)))
    assert (cloud_index(seen) > 4.5).all()
    assert (np.diff(cloud_index(seen)) > 0).all()
    assert (nat_index(seen) < 0.4).all()
    assert (seen > 0).all()
    # Thinner air further up sends less.
    assert (np.diff(seen, axis=0) < 0).all()


def test_parts_of_a_view_are_parts_of_its_radiance() -> None:
    whole = cloudy(view(*np.linspace(12, 30, 200)), 15, 22, 1e-3, 1e-3)
    seen = radiance(whole)
    np.testing.assert_allclose(radiance(whole.take(slice(120, 140))), seen[120:140], rtol=1e-6)
    few = np.array([3, 57, 100])
    np.testing.assert_allclose(radiance(whole.at(few)), seen[:, few], rtol=1e-6)
    assert radiance(whole.take(slice(0, 0))).shape == (0, 137)


def test_wide_microwindows_are_means() -> None:
    np.testing.assert_allclose(WIDE.sum(1), 1, rtol=1e-6)
    flat = with_wide(np.arange(137, dtype=np.float32)[None])
    # 788.2-796.2: 0.8 of 788-789, seven whole ones, 0.2 of 796-797; indices 6 to 14.
    assert flat[0, 137] == pytest.approx((0.8 * 6 + sum(range(7, 14)) + 0.2 * 14) / 8)
    assert flat[0, 139] == pytest.approx(37.5)
    assert flat[0, 141] == pytest.approx((0.5 * 66 + 67 + 68) / 2.5)


def test_noise_is_known_in_every_microwindow() -> None:
    level = noise_level()
    assert (level > 0).all()
    assert level[:84].tolist() == [5.0] * 84
    assert level[107:].max() < 0.5


def test_air_is_that_of_a_polar_winter() -> None:
    assert 185 < temperature(MIDDLES_KM).min() < 195
    assert temperature(np.array([8.0]))[0] > 215
    total, names = gases()
    assert total.shape == (len(names), NUM_SHELLS, 137)
    assert (total.sum(0) > 0).all()
    assert all(feature.strength > 0 for feature in air().features)

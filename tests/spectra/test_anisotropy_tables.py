"""The kernels of sun and view: values worked out by hand, and once more from directions as vectors."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from landweave.spectra.anisotropy import geometry_kernel, volume_kernel

FEW = settings(max_examples=40)
ROOT2, ROOT3 = math.sqrt(2), math.sqrt(3)


@pytest.mark.parametrize(
    ("sun", "view", "azimuth", "told"),
    [
        # Straight above both: the phase is 0.
        (0, 0, 0, 0),
        # Phase = sun: ((pi / 2 - sun) cos sun + sin sun) / (cos sun + 1) - pi / 4.
        (45, 0, 0, (math.pi / 4 + 1) / ROOT2 / (1 + 1 / ROOT2) - math.pi / 4),
        (60, 0, 123, (math.pi / 12 + ROOT3 / 2) / 1.5 - math.pi / 4),
        # The sun ahead: phases of 60, 90 and 120 degrees.
        (30, 30, 180, (math.pi / 12 + ROOT3 / 2) / ROOT3 - math.pi / 4),
        (45, 45, 180, 1 / ROOT2 - math.pi / 4),
        (60, 60, 180, math.pi / 12 + ROOT3 / 2 - math.pi / 4),
        # The sun behind, not at the same height: a phase of 30 degrees.
        (60, 30, 0, (math.pi / 3 * ROOT3 / 2 + 0.5) / (0.5 + ROOT3 / 2) - math.pi / 4),
        # Across: cos 45 cos 45 = 1 / 2, a phase of 60 degrees.
        (45, 45, 90, (math.pi / 12 + ROOT3 / 2) / ROOT2 - math.pi / 4),
    ],
)
def test_leaves_by_hand(sun: float, view: float, azimuth: float, told: float) -> None:
    assert volume_kernel(sun, view, azimuth) == pytest.approx(told, abs=1e-12)


@pytest.mark.parametrize(
    ("sun", "view", "azimuth", "told"),
    [
        (0, 0, 0, 0),
        # Shadows do not meet: no overlap; - secants + (1 + cos phase) / 2 * product of secants.
        (60, 60, 180, -4 + 0.5 * 0.5 * 4),
        (30, 30, 180, -4 / ROOT3 + 0.5 * 1.5 * 4 / 3),
        (45, 45, 180, -2 * ROOT2 + 0.5 * 1 * 2),
        (60, 0, 0, -3 + 0.5 * 1.5 * 2 + 0),
    ],
)
def test_crowns_by_hand(sun: float, view: float, azimuth: float, told: float) -> None:
    assert geometry_kernel(sun, view, azimuth) == pytest.approx(told, abs=1e-9)


def test_shadows_that_overlap_by_hand() -> None:
    """Sun at 45 degrees, view straight down: cos t = 2 / (1 + secant), and the overlap is as Lucht's equation 41."""
    cosine = 2 / (1 + ROOT2)
    angle = math.acos(cosine)
    overlap = (angle - math.sin(angle) * cosine) * (1 + ROOT2) / math.pi
    told = overlap - (1 + ROOT2) + 0.5 * (1 + 1 / ROOT2) * ROOT2
    assert geometry_kernel(45, 0, 0) == pytest.approx(told)
    assert told == pytest.approx(-1.1068, abs=2e-4)
    assert volume_kernel(45, 0, 0) == pytest.approx(-0.0459, abs=1e-4)


def direction(zenith: float, azimuth: float) -> NDArray[np.float64]:
    """A unit vector from the ground: east, north, up."""
    high, turn = math.radians(zenith), math.radians(azimuth)
    return np.array([math.sin(high) * math.sin(turn), math.sin(high) * math.cos(turn), math.cos(high)])


def by_vectors(sun: float, view: float, azimuth: float) -> tuple[float, float]:
    """Both kernels once more: phases from a product of vectors, shadows from where crowns are seen on the ground."""
    to_sun, to_sensor = direction(sun, 0), direction(view, azimuth)
    cosine = float(np.clip(to_sun @ to_sensor, -1, 1))
    phase = math.acos(cosine)
    volume = ((math.pi / 2 - phase) * cosine + math.sin(phase)) / (to_sun[2] + to_sensor[2]) - math.pi / 4
    shadow, hidden = to_sun / to_sun[2], to_sensor / to_sensor[2]
    secants = 1 / to_sun[2] + 1 / to_sensor[2]
    # Between the two middles on the ground, and twice the area that both span with the crown's foot.
    apart, across = np.linalg.norm(shadow - hidden), np.cross(shadow, hidden)[2]
    cosine_t = min(2 * math.hypot(apart, across) / secants, 1)
    t = math.acos(cosine_t)
    overlap = (t - math.sin(t) * cosine_t) * secants / math.pi
    return volume, overlap - secants + 0.5 * (1 + cosine) / (to_sun[2] * to_sensor[2])


@FEW
@given(st.floats(0, 75), st.floats(0, 75), st.floats(0, 360))
def test_vectors_tell_the_same(sun: float, view: float, azimuth: float) -> None:
    volume, geometry = by_vectors(sun, view, azimuth)
    assert volume_kernel(sun, view, azimuth) == pytest.approx(volume, abs=1e-6)
    assert geometry_kernel(sun, view, azimuth) == pytest.approx(geometry, abs=1e-6)


@FEW
@given(st.floats(0, 75), st.floats(0, 75), st.floats(-360, 360), st.integers(-2, 2))
def test_a_whole_turn_changes_nothing(sun: float, view: float, azimuth: float, turns: int) -> None:
    for kernel in (volume_kernel, geometry_kernel):
        assert kernel(sun, view, azimuth + 360 * turns) == pytest.approx(kernel(sun, view, azimuth), abs=1e-6)


@FEW
@given(st.floats(0, 75), st.floats(0, 75), st.floats(0, 180))
def test_both_are_finite_and_within_their_bounds(sun: float, view: float, azimuth: float) -> None:
    secants = [1 / math.cos(math.radians(angle)) for angle in (sun, view)]
    geometry = geometry_kernel(sun, view, azimuth)
    # From all shadow and nothing lit, to nothing but lit crowns.
    assert -sum(secants) <= geometry <= secants[0] * secants[1] + 1e-9
    assert volume_kernel(sun, view, azimuth) >= -math.pi / 4


@pytest.mark.parametrize("kernel", [volume_kernel, geometry_kernel])
@pytest.mark.parametrize("angle", [0.0, 20.0, 40.0, 60.0])
def test_no_jump_at_the_hot_spot(kernel: object, angle: float) -> None:
    """There the cosine of the phase may round above 1."""
    assert callable(kernel)
    here = kernel(angle, angle, 0.0)
    for view, azimuth in ((angle + 1e-7, 0.0), (abs(angle - 1e-7), 0.0), (angle, 1e-7), (angle, 360.0)):
        assert kernel(angle, view, azimuth) == pytest.approx(here, abs=1e-5)

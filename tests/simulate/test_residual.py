"""What differs from scene to scene and from year to year although the land does not: place, light and season."""

from __future__ import annotations

import numpy as np
import pytest
from tests.simulate.making import S2, world

from landweave.sensors import sensor
from landweave.simulate.deliver import deliveries
from landweave.simulate.lattice import Axes, key
from landweave.simulate.residual import late_by, left_over, misplaced
from landweave.simulate.scene import observe
from landweave.tiling import Window

AXES = Axes.of(Window(0, 0, 60, 60), 10.0)
BANDS = [band for band in sensor("sentinel-2-l2a").bands if band.wavelength_nm]
KEYS = [key(seed, "scene") for seed in range(400)]
WHOLE = Window(0, 0, 60, 60)


def spread(values: list[float]) -> float:
    return float(np.std(values))


def test_nothing_differs_unless_it_is_asked_for() -> None:
    assert misplaced(AXES, 7, 0) is AXES
    assert late_by(7, 0) == 0


def test_scenes_lie_a_few_metres_beside_their_place() -> None:
    moved = [misplaced(AXES, number, 3.0) for number in KEYS]
    for east in ([each.x[0] - AXES.x[0] for each in moved], [each.y[0] - AXES.y[0] for each in moved]):
        assert spread(east) == pytest.approx(3, rel=0.15)
        assert abs(np.mean(east)) < 0.5
    # The whole scene by the same, in both directions independently.
    assert np.ptp(moved[0].x - AXES.x) < 1e-9
    assert abs(np.corrcoef([each.x[0] for each in moved], [each.y[0] for each in moved])[0, 1]) < 0.15


def test_years_are_early_and_late() -> None:
    assert spread([late_by(number, 5) for number in KEYS]) == pytest.approx(5, rel=0.15)


def test_what_correction_leaves_is_of_the_size_that_the_specification_allows() -> None:
    seen = np.full((len(BANDS), *AXES.shape), 0.3, np.float32)
    errors = np.array([(left_over(seen, AXES, number, BANDS, 1.0) - seen)[:, 30, 30] for number in KEYS])
    red = [band.name for band in BANDS].index("B04")
    # 5 % of 0.3 from the gain; aerosols add less than 0.005 in the red.
    assert errors[:, red].std() == pytest.approx(0.0155, rel=0.2)
    halved = np.array([(left_over(seen, AXES, number, BANDS, 0.5) - seen)[:, 30, 30] for number in KEYS])
    np.testing.assert_allclose(halved, errors / 2, atol=1e-6)


def test_aerosols_are_seen_in_the_blue_over_dark_ground() -> None:
    dark = np.zeros((len(BANDS), *AXES.shape), np.float32)
    names = [band.name for band in BANDS]
    errors = np.array([left_over(dark, AXES, number, BANDS, 1.0)[:, 30, 30] for number in KEYS]).std(0)
    assert errors[names.index("B02")] > 1.3 * errors[names.index("B04")] > 2 * errors[names.index("B11")] > 0


def test_truth_does_not_move_with_the_scene() -> None:
    still, moving = world(size_px=60), world(size_px=60, shift_m=8.0)
    with_truth = [[layer.path for layer in each.layers if "truth" in layer.path] for each in deliveries(moving)]
    assert with_truth == [[], ["truth/2023.tif"]]
    assert any("truth" in layer.path for layer in deliveries(still)[0].layers)
    one, other = (observe(each, each.scenes[0], WHOLE).layers["B04"].astype(float) for each in (still, moving))
    assert 0.8 < np.corrcoef(one.ravel(), other.ravel())[0, 1] < 0.9999


def test_the_same_place_in_another_year_has_another_season() -> None:
    scenes = [S2 | {"date": f"{year}-04-25"} for year in (2021, 2022, 2023)]
    same, differing = (world(*scenes, size_px=60, season_days=days) for days in (0, 15))
    # What is wild has no crops: without seasons it differs by noise alone.
    means = [
        [observe(made, scene, WHOLE).layers["B8A"].astype(float).mean() for scene in made.scenes]
        for made in (same, differing)
    ]
    assert np.ptp(means[1]) > np.ptp(means[0])

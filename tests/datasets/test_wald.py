"""Wald's protocol: what a coarser sensor would see, and samples cut from it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from landweave.datasets.wald import Land, Pairs, degrade, modulation, pairs, step_px, whole_pair
from landweave.errors import ConfigError, GridError, SampleError


def land(edge: int = 72, seed: int = 0) -> Land:
    """Smooth random bands of 10, 20 and 60 m on the same ground."""
    rng = np.random.default_rng(seed)
    fine = rng.uniform(0.1, 0.5, (2, edge, edge)).astype(np.float32)
    return Land.of({10.0: fine, 20.0: shrink(fine[:1], 2), 60.0: shrink(fine, 6)})


def shrink(values: NDArray[np.float32], ratio: int) -> NDArray[np.float32]:
    num, height, width = values.shape
    blocks = values.reshape(num, height // ratio, ratio, width // ratio, ratio)
    return np.asarray(blocks.mean((2, 4)), np.float32)


def test_without_blur_it_is_the_mean_of_blocks() -> None:
    values = np.random.default_rng(0).random((2, 12, 18), np.float32)
    np.testing.assert_allclose(degrade(values, 3, 0.0), shrink(values, 3), rtol=1e-6)


def test_constants_stay_constant_up_to_the_edge() -> None:
    np.testing.assert_allclose(degrade(np.full((1, 8, 8), 0.3, np.float32), 2), 0.3, rtol=1e-6)


def test_it_keeps_the_mean_away_from_edges() -> None:
    values = np.zeros((1, 24, 24), np.float32)
    values[:, 12, 12] = 36
    assert degrade(values, 6).sum() == pytest.approx(1.0)
    assert degrade(values, 2).sum() == pytest.approx(9.0)


@pytest.mark.parametrize(("ratio", "sigma"), [(2, 0.5), (6, 1 / 6), (2, 0.75), (3, 1.0)])
def test_waves_of_two_coarse_pixels_keep_what_modulation_says(ratio: int, sigma: float) -> None:
    # Along rows only; the phase that fills whole pixels shows the whole amplitude.
    x = np.arange(60 * ratio)
    phase = np.pi * (ratio - 1) / (2 * ratio)
    wave = np.cos(np.pi * x / ratio - phase).astype(np.float32)
    seen = degrade(np.broadcast_to(wave, (1, 2 * ratio, x.size)).copy(), ratio, sigma)[0, 0]
    # Away from the edges.
    assert np.abs(seen[10:50]).max() == pytest.approx(modulation(ratio, sigma), abs=3e-3)


def test_the_default_keeps_about_half_of_the_finest_waves() -> None:
    # By hand: 0.7865 of a wave of four pixels after the blur, sqrt(1/2) of it after the mean of two.
    assert modulation(2, 1 / 2) == pytest.approx(0.7861 * 0.5**0.5, abs=1e-3)
    assert modulation(2, 0.0) == pytest.approx(0.5**0.5)


def test_samples_hold_what_the_coarse_bands_were() -> None:
    one = land()
    found = pairs([one], 20.0, 18, 18)
    assert len(found) == 4
    np.testing.assert_array_equal(found.target[1], one.views[20.0][:, :18, 18:36])
    assert {size: view.shape for size, view in found.views.items()} == {10.0: (4, 2, 18, 18), 20.0: (4, 1, 9, 9)}
    whole = degrade(one.views[10.0], 2)
    np.testing.assert_array_equal(found.views[10.0][3], whole[:, 18:36, 18:36])


def test_the_coarsest_bands_see_all_others() -> None:
    found = pairs([land(216)], 60.0, 12, 12)
    assert {size: view.shape for size, view in found.views.items()} == {
        10.0: (9, 2, 12, 12),
        20.0: (9, 1, 6, 6),
        60.0: (9, 2, 2, 2),
    }
    assert found.target.shape == (9, 2, 12, 12)


def test_samples_overlap_by_half_unless_told() -> None:
    assert len(pairs([land()], 20.0, 18)) == 9
    assert len(pairs([land(), land(seed=1)], 20.0, 18)) == 18


def test_pixels_that_are_not_usable_are_left_away() -> None:
    one = land()
    one.views[10.0][0, 3, 3] = np.nan
    clouded = Land.of(one.views)
    assert not clouded.valid[3, 3]
    found = pairs([clouded], 20.0, 18, 18)
    assert len(found) == 3
    # A blur of half a pixel does not carry it into the neighbours' samples.
    assert all(np.isfinite(view[1:]).all() for view in found.views.values())


def test_a_coarse_pixel_without_a_number_hides_all_its_ground() -> None:
    one = land()
    one.views[60.0][0, 0, 0] = np.nan
    assert not Land.of(one.views).valid[:6, :6].any()
    assert Land.of(one.views).valid[6:].all()


def test_a_batch_is_what_training_takes() -> None:
    found = pairs([land()], 20.0, 18, 18)
    batch = found.batch(np.array([2, 0]))
    assert set(batch) == {"data_10m", "data_20m", "target"}
    np.testing.assert_array_equal(batch["target"], found.target[[2, 0]])
    assert len(found.first(0)) == 0
    assert isinstance(found.first(1), Pairs)


def test_a_whole_land_is_one_sample_of_whole_pixels() -> None:
    found = whole_pair(land(78), 60.0)
    # 13 coarse pixels, of which 12 give whole degraded ones.
    assert found.target.shape == (1, 2, 12, 12)
    assert found.views[60.0].shape == (1, 2, 2, 2)


def test_sizes_of_patches_are_checked() -> None:
    with pytest.raises(ConfigError) as told:
        pairs([land()], 60.0, 10)
    assert "patch_px = 10" in told.value.given
    assert "multiple of 6" in told.value.expected
    assert "12" in told.value.do


def test_sizes_of_pixels_are_checked() -> None:
    assert step_px([10.0, 20.0, 60.0]) == 6
    with pytest.raises(ConfigError) as told:
        step_px([10.0, 15.0])
    assert "15" in told.value.given
    assert "multiples" in told.value.expected
    assert "away" in told.value.do


def test_no_sample_is_an_error() -> None:
    with pytest.raises(SampleError) as told:
        pairs([land(24)], 20.0, 18)
    assert "18 x 18" in told.value.given
    assert told.value.expected
    assert "patch_px" in told.value.do


def test_views_of_other_ground_are_refused() -> None:
    with pytest.raises(GridError) as told:
        Land({10.0: np.zeros((1, 12, 12), np.float32), 20.0: np.zeros((1, 6, 5), np.float32)}, np.ones((12, 12), bool))
    assert "6 x 5" in told.value.given
    assert "same ground" in told.value.expected
    assert "cut" in told.value.do

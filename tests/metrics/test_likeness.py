"""Likeness of images: by hand, by torchmetrics where it has the same definition, and as sums that add up."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torchmetrics.functional.image import structural_similarity_index_measure

from landweave.errors import GridError, RadiometryError
from landweave.metrics.likeness import MEASURES, Likeness


def images(seed: int = 0, edge: int = 48) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    truth = generator.uniform(0.05, 0.5, (2, edge, edge)).cumsum(1).cumsum(2)
    truth = (truth / truth.max()).astype(np.float32)
    return (truth * 1.1 + generator.normal(0, 0.01, truth.shape)).astype(np.float32), truth


def test_measures_by_hand() -> None:
    told, truth = images()
    found = Likeness.of(told, truth)
    x, y = (part.reshape(2, -1).astype(np.float64) for part in (told, truth))
    each = found.by_band()
    np.testing.assert_allclose(
        each["sam"], np.arccos((x * y).sum(1) / np.sqrt((x * x).sum(1) * (y * y).sum(1))), atol=1e-7
    )
    rmse = np.sqrt(((x - y) ** 2).mean(1))
    np.testing.assert_allclose(each["rmse"], rmse)
    np.testing.assert_allclose(each["ergas"], 100 * rmse / y.mean(1))
    np.testing.assert_allclose(each["psnr"], 20 * np.log10(1 / rmse))
    overall = found.overall()
    assert tuple(overall) == MEASURES == tuple(each)
    assert overall["sam"] == pytest.approx(each["sam"].mean())
    assert overall["ergas"] == pytest.approx(100 * np.sqrt(((rmse / y.mean(1)) ** 2).mean()))
    assert overall["rmse"] == pytest.approx(np.sqrt(((x - y) ** 2).mean()))


def test_structure_is_that_of_torchmetrics() -> None:
    told, truth = images(1)
    oracle = []
    for a, b in zip(told, truth, strict=True):
        first, second = (torch.from_numpy(part)[None, None].double() for part in (a, b))
        _, full = structural_similarity_index_measure(first, second, data_range=1.0, return_full_image=True)
        # It counts windows that reach over the edge too, on mirrored pixels.
        oracle.append(float(full[0, 0, 5:-5, 5:-5].mean()))
    np.testing.assert_allclose(Likeness.of(told, truth).ssim, oracle, atol=1e-6)


def test_quality_looks_at_windows_of_32_pixels() -> None:
    told, truth = images(2)
    found = Likeness.of(told, truth)
    assert found.images.windows == 17**2
    x, y = told[0, 3:35, 5:37].astype(np.float64), truth[0, 3:35, 5:37].astype(np.float64)
    shared = ((x - x.mean()) * (y - y.mean())).mean()
    by_hand = 4 * shared * x.mean() * y.mean() / ((x.var() + y.var()) * (x.mean() ** 2 + y.mean() ** 2))
    part = Likeness.of(told[:, 3:35, 5:37], truth[:, 3:35, 5:37])
    assert part.by_band()["uiqi"][0] == pytest.approx(by_hand)


def test_what_is_not_valid_does_not_count() -> None:
    told, truth = images(3)
    valid = np.ones((48, 48), bool)
    valid[:12] = False
    broken = told.copy()
    broken[:, :12] = np.nan
    some, cut = Likeness.of(broken, truth, valid), Likeness.of(told[:, 12:], truth[:, 12:])
    for name, values in some.by_band().items():
        np.testing.assert_allclose(values, cut.by_band()[name], err_msg=name)
    assert some.overall() == pytest.approx(cut.overall())


def test_sums_for_other_greatest_values_are_refused() -> None:
    with pytest.raises(RadiometryError) as told:
        Likeness.zero(2) + Likeness.zero(2, peak=255)
    assert "1 and of values up to 255" in told.value.given
    assert "one greatest value" in told.value.expected
    assert "same peak" in told.value.do


def test_sums_add_up_and_begin_at_nothing() -> None:
    one, other = (Likeness.of(*images(seed)) for seed in (4, 5))
    both = Likeness.zero(2) + one + other
    assert both.images.count == 2 * 48**2 and both.windows == 2 * 38**2
    joined = Likeness.of(*(np.concatenate([images(4)[i], images(5)[i]], axis=1) for i in (0, 1)))
    np.testing.assert_allclose(both.sam, joined.sam)
    np.testing.assert_allclose(both.ergas, joined.ergas)
    assert np.isnan(Likeness.zero(1).ssim).all() and np.isnan(Likeness.zero(1).sam).all()


def test_equal_images_are_as_like_as_can_be() -> None:
    _, truth = images()
    each = Likeness.of(truth, truth).by_band()
    # Rounding of the cosine shows as an angle of 1e-8.
    assert each["sam"] == pytest.approx([0, 0], abs=1e-6) and each["rmse"].max() == 0 and np.isinf(each["psnr"]).all()
    assert each["uiqi"] == pytest.approx([1, 1]) and each["ssim"] == pytest.approx([1, 1])


def test_too_small_images_have_no_windows() -> None:
    told, truth = images()
    found = Likeness.of(told[:, :8, :8], truth[:, :8, :8])
    assert (found.windows, found.images.windows) == (0, 0) and np.isnan(found.ssim).all()
    with pytest.raises(GridError):
        Likeness.of(told, truth[:, 1:])

"""What classifiers take: clouds by the index, masked microwindows filled and counted, what cannot be used told."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from tests.limb.making import clouds, spectra

from landweave.errors import RadiometryError, SpectraError
from landweave.limb.prepare import CLEAR, CLOUD, UNUSABLE, filled, learnable, prepare, typical
from landweave.spectra.microwindows import CLASSES

SOME = spectra(60, clear=12)


def test_clouds_and_clear_air_by_the_cloud_index() -> None:
    ready = prepare(SOME)
    assert ready.state.tolist() == [CLOUD] * 60 + [CLEAR] * 12
    assert ready.counts == {"cloud": 60, "clear": 12, "unusable": 0, "masked_microwindows": 0}
    np.testing.assert_allclose(ready.temperature[:60], clouds(72)[0][:60], atol=1e-2)


@pytest.mark.parametrize(
    ("rows", "windows", "value", "state"),
    [
        (3, [5, 6], -1.0, CLOUD),
        (3, [5, 6], 0.0, CLOUD),
        (3, range(14), -1.0, CLOUD),
        (3, range(15), -1.0, UNUSABLE),
        # The two microwindows that decide about clouds.
        (3, [140], -1.0, UNUSABLE),
    ],
)
def test_negative_and_zero_radiances_are_masked_and_counted(
    rows: int, windows: list[int], value: float, state: int
) -> None:
    radiance = SOME.radiance.copy()
    radiance[rows, list(windows)] = value
    ready = prepare(replace(SOME, radiance=radiance))
    assert ready.state[rows] == state
    assert ready.masked[rows].sum() == len(windows)
    assert ready.counts["masked_microwindows"] == (len(windows) if state == CLOUD else 0)


@pytest.mark.parametrize("factor", [1e-2, 1e-5, 1e-9])
def test_clouds_too_cold_for_their_unit_are_refused(factor: float) -> None:
    with pytest.raises(RadiometryError) as caught:
        prepare(replace(SOME, radiance=SOME.radiance * np.float32(factor)))
    assert "K in the median" in caught.value.given
    assert "125 K" in caught.value.expected
    assert "unit" in caught.value.do


def test_what_was_not_measured_is_masked_whatever_number_stands_there() -> None:
    valid = SOME.valid.copy()
    valid[2, 7] = valid[4, 137] = valid[4, 140] = False
    ready = prepare(replace(SOME, valid=valid))
    assert ready.masked[2].tolist() == [place == 7 for place in range(142)]
    assert ready.state[4] == UNUSABLE


def test_masked_microwindows_take_the_mean_at_the_level_of_the_others() -> None:
    temperature, _ = clouds(30)
    masked = np.zeros(temperature.shape, np.bool_)
    masked[3, 10] = masked[5, :4] = True
    mean = typical(temperature, masked)
    np.testing.assert_allclose(mean[20], temperature[:, 20].mean(), rtol=1e-6)
    np.testing.assert_allclose(mean[10], np.delete(temperature[:, 10], 3).mean(), rtol=1e-6)
    whole = filled(np.where(masked, np.float32(np.nan), temperature), masked, mean)
    np.testing.assert_array_equal(whole[~masked], temperature[~masked])
    apart = (np.delete(temperature[3], 10) - np.delete(mean, 10)).mean()
    assert whole[3, 10] == pytest.approx(mean[10] + apart, abs=1e-3)
    # Another level of the whole spectrum moves what is filled, and no difference.
    raised = filled(np.where(masked, np.float32(np.nan), temperature + 7), masked, mean)
    np.testing.assert_allclose(raised - whole, 7, atol=1e-3)
    assert filled(temperature, np.zeros_like(masked), mean) is temperature


def test_a_microwindow_that_no_spectrum_has_is_refused() -> None:
    temperature, _ = clouds(5)
    masked = np.zeros(temperature.shape, np.bool_)
    masked[:, 99] = True
    with pytest.raises(SpectraError) as refused:
        typical(temperature, masked)
    assert refused.value.given == "microwindow 99 without a positive radiance in 5 spectra"
    assert refused.value.expected == "every microwindow measured in some spectra"
    assert refused.value.do == "check the unit and the order of microwindows"


def test_clouds_of_the_six_classes_are_learnt_from() -> None:
    truth = {"left_out": np.arange(72) % 6 == 2}
    found = learnable(replace(SOME, truth=truth))
    assert len(found) == 60
    np.testing.assert_array_equal(found.label, np.arange(60) % 6)
    assert found.held.sum() == 10
    assert found.left == {"clear": 12, "unusable": 0, "without a label of the six": 0}
    some = found.select(~found.held)
    assert (len(some), set(some.label.tolist())) == (50, {0, 1, 3, 4, 5})


def test_labels_are_told_apart_by_name_not_by_place() -> None:
    turned = ("clear", *reversed(CLASSES))
    table = np.array([turned.index(name) for name in SOME.classes], np.uint8)
    found = learnable(replace(SOME, label=table[SOME.label], classes=turned))
    np.testing.assert_array_equal(found.label, np.arange(60) % 6)


def test_spectra_that_nothing_can_be_learnt_from() -> None:
    bare = spectra(6, labelled=False)
    for given, text in (
        (bare, "spectra with no labels"),
        (replace(SOME, classes=tuple("abcdefg")), "labels of a, b, c, d, e, f, g"),
        (SOME.select(slice(60, 72)), "12 spectra, of which 0 have a label and none sees a cloud"),
    ):
        with pytest.raises(SpectraError) as refused:
            learnable(given)
        assert text in refused.value.given
        assert refused.value.expected.startswith("label")
        assert refused.value.do

"""Databases of limb spectra: named, the same for any number, cloudy by their index, true by their labels."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.errors import ConfigError
from landweave.legend import IGNORE
from landweave.simulate.spectra import DEPTHS_KM, TANGENTS_KM, TOPS_KM, database, known_limbs, load_limb, make
from landweave.spectra.clouds import CLOUDY_BELOW, cloud_index
from landweave.spectra.microwindows import CLASSES
from landweave.spectra.observations import LimbSpectra


@pytest.fixture(scope="module")
def published() -> LimbSpectra:
    return database("limb-published-1", 600)


@pytest.fixture(scope="module")
def hard() -> LimbSpectra:
    return database("limb-hard-1", 600)


def test_grids_are_the_papers() -> None:
    assert (TOPS_KM[0], TOPS_KM[-1], len(TOPS_KM)) == (12.5, 28.5, 33)
    assert DEPTHS_KM.tolist() == [0.5, 1, 2, 4, 8]
    assert (TANGENTS_KM[0], TANGENTS_KM[-1], len(TANGENTS_KM)) == (12, 30, 19)


def test_published_is_on_the_grids(published: LimbSpectra) -> None:
    truth = published.truth
    assert set(truth["cloud_top_km"].tolist()) <= set(TOPS_KM.tolist())
    assert set(truth["cloud_depth_km"].tolist()) == set(DEPTHS_KM.tolist())
    assert set(published.tangent_altitude_km.tolist()) <= set(TANGENTS_KM.tolist())
    assert (truth["second_class"] == IGNORE).all()
    assert not truth["left_out"].any()
    assert set(published.label.tolist()) == set(range(6))
    # One background: the temperature is the tangent altitude's.
    pairs = set(zip(published.tangent_altitude_km.tolist(), truth["temperature_k"].tolist(), strict=True))
    assert len(pairs) == len({altitude for altitude, _ in pairs})


def test_every_spectrum_is_cloudy_measured_and_seen(published: LimbSpectra, hard: LimbSpectra) -> None:
    for spectra in (published, hard):
        assert len(spectra) == 600
        assert spectra.valid.all()
        assert (cloud_index(spectra.radiance) < CLOUDY_BELOW).all()
        assert (spectra.tangent_altitude_km - 1 < spectra.truth["cloud_top_km"]).all()
        assert np.isnat(spectra.time).all()
    assert (published.radiance > 0).all()


def test_labels_are_what_particles_are(published: LimbSpectra, hard: LimbSpectra) -> None:
    for spectra in (published, hard):
        radius = spectra.truth["radius_um"]
        large, small = (spectra.label == CLASSES.index(name) for name in ("nat_large", "nat_small"))
        assert set(radius[large].tolist()) == {3, 4, 5}
        assert set(radius[small].tolist()) == {0.5, 1, 2}
        assert (radius[spectra.label == CLASSES.index("ice")] >= 1).all()
        assert (radius[spectra.label > CLASSES.index("nat_large")] <= 1).all()


def test_hard_lies_between_the_grids_mixes_and_marks(hard: LimbSpectra) -> None:
    truth = hard.truth
    assert not set(truth["cloud_top_km"].tolist()) & set(TOPS_KM[1:-1].tolist())
    mixed = truth["second_class"] != IGNORE
    assert 0.25 < mixed.mean() < 0.65
    np.testing.assert_array_equal(mixed, truth["second_share"] > 0)
    # The label is that of which there is more.
    assert (truth["second_share"] <= 0.5).all()
    assert (truth["left_out"] >= ((hard.label == 0) & (truth["radius_um"] == 3))).all()
    assert not truth["left_out"][~mixed & (truth["radius_um"] == 2)].any()
    assert 0.1 < truth["left_out"].mean() < 0.5
    assert truth["temperature_k"].std() > 3
    # The instrument's noise leaves faint radiances below 0, here and there: counted and masked by whoever reads them.
    assert 0 < (hard.radiance <= 0).any(1).mean() < 0.1


def test_a_smaller_database_is_the_beginning_of_a_larger_one(published: LimbSpectra) -> None:
    some = database("limb-published-1", 40)
    np.testing.assert_array_equal(some.radiance, published.radiance[:40])
    np.testing.assert_array_equal(some.label, published.label[:40])
    other = database("limb-published-1", 40, seed=2)
    assert not np.array_equal(other.label, some.label)


def test_noise_alone_differs_from_world_to_world() -> None:
    still, noisy = (make(load_limb("limb-published-1", num=50, noise=noise)) for noise in (0.0, 0.5))
    same = np.flatnonzero((still.truth["cloud_top_km"] == noisy.truth["cloud_top_km"]) & (still.label == noisy.label))
    assert len(same) > 20
    first = same[: int(np.argmax(same != np.arange(len(same)))) or len(same)]
    apart = (noisy.radiance - still.radiance)[first]
    assert apart[:, :84].std() == pytest.approx(2.5, rel=0.1)
    assert apart[:, 110:137].std() == pytest.approx(0.095, rel=0.1)
    # Noise of a wide microwindow is the mean of that of the narrow ones in it.
    assert apart[:, 137].std() < 0.5 * apart[:, 10].std()


def test_what_is_not_known_is_refused() -> None:
    assert set(known_limbs()) >= {"limb-published-1", "limb-hard-1"}
    for name, changed in (("limb-published-0", {}), ("limb-hard-1", {"noize": 2}), ("limb-hard-1", {"num": 0})):
        with pytest.raises(ConfigError) as caught:
            load_limb(name, **changed)
        assert caught.value.given
        assert caught.value.expected
        assert caught.value.do

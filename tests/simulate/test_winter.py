"""Winters: orbits as they are told, days that do not depend on each other, clouds where it is cold enough for them."""

from __future__ import annotations

import datetime as dt

import numpy as np
import pytest

from landweave.errors import ConfigError
from landweave.legend import IGNORE
from landweave.simulate.orbit import angle_km, track
from landweave.simulate.winter import SCAN_KM, SeasonWorld, air_over, day_of, days, load_season, season
from landweave.spectra.clouds import cloud_index
from landweave.spectra.microwindows import CLASSES
from landweave.spectra.observations import LimbSpectra, concatenate

JUNE, JULY, SEPTEMBER = dt.date(2009, 6, 1), dt.date(2009, 7, 22), dt.date(2009, 9, 12)


@pytest.fixture(scope="module")
def world() -> SeasonWorld:
    return load_season("limb-season-1", thin=16)


@pytest.fixture(scope="module")
def south(world: SeasonWorld) -> dict[dt.date, LimbSpectra]:
    winter = world.winter("south")
    return {day: day_of(world, winter, day) for day in (winter.first, JUNE, JULY, SEPTEMBER, winter.last)}


@pytest.fixture(scope="module")
def north(world: SeasonWorld) -> dict[dt.date, LimbSpectra]:
    winter = world.winter("north")
    return {day: day_of(world, winter, day) for day in (dt.date(2006, 12, 29), dt.date(2007, 1, 12))}


def test_the_track_is_that_of_envisat() -> None:
    seen = track(JUNE, -60.0)
    everything = track(JUNE, -90.0)
    assert len(everything.latitude) == 0
    assert (seen.latitude <= -60).all()
    assert -87.01 < seen.latitude.min() < -86
    # 14 or 15 passes, each of nearly 60 degrees along the track, 420 km from scan to scan.
    assert len(seen.time) == pytest.approx(14.3 * 2 * 29.8 * 111.2 / 420, rel=0.05)
    assert (np.diff(seen.time) > np.timedelta64(0, "s")).all()
    assert (seen.time.astype("datetime64[D]") == np.datetime64("2009-06-01")).all()
    assert ((seen.longitude >= -180) & (seen.longitude < 180)).all()
    along = angle_km(seen.latitude[1:], seen.longitude[1:], seen.latitude[:-1], seen.longitude[:-1])
    assert np.median(along) == pytest.approx(420, rel=0.05)
    assert (track(JUNE, 60.0).latitude >= 60).all()


def test_days_follow_each_other() -> None:
    # The first scan of a day comes one spacing after the last of the day before: none is made twice.
    whole = [track(JUNE + dt.timedelta(number), -91.0 + 1e-9) for number in range(2)]
    assert all(len(one.time) == 0 for one in whole)
    first, second = (track(JUNE + dt.timedelta(number), -1e-9) for number in range(2))
    assert second.time[0] > first.time[-1]
    assert len(first.time) + len(second.time) == pytest.approx(2 * 14.3 * 40_030 / 420 / 2, rel=0.02)


def test_thin_tracks_keep_all_latitudes() -> None:
    seen = track(JUNE, -60.0)
    some = seen.every(4)
    assert len(some.latitude) == pytest.approx(len(seen.latitude) / 4, rel=0.3)
    assert set(some.time.tolist()) < set(seen.time.tolist())
    assert seen.every(1).time.tolist() == seen.time.tolist()
    assert some.latitude.min() < -85
    assert some.latitude.max() > -65


def test_a_day_is_the_same_alone(world: SeasonWorld, south: dict[dt.date, LimbSpectra]) -> None:
    again = day_of(world, world.winter("south"), JULY)
    np.testing.assert_array_equal(again.radiance, south[JULY].radiance)
    number = days(world.winter("south")).index(JUNE)
    following = season("limb-season-1", "south", thin=16)
    for _ in range(1):
        np.testing.assert_array_equal(next(following).radiance, south[dt.date(2009, 5, 1)].radiance)
    assert number == 31
    other = day_of(load_season("limb-season-1", 2, thin=16), world.winter("south"), JULY)
    assert not np.array_equal(other.radiance[:50], again.radiance[:50])


def test_what_is_told_of_a_day(south: dict[dt.date, LimbSpectra]) -> None:
    spectra = south[JULY]
    assert spectra.classes == CLASSES
    assert (np.diff(spectra.time) >= np.timedelta64(0, "s")).all()
    assert (spectra.latitude <= -60).all()
    assert len(spectra) % len(SCAN_KM) == 0
    heights = spectra.tangent_altitude_km.reshape(-1, len(SCAN_KM))
    assert (np.diff(heights, axis=1) > 0).all()
    assert {"temperature_k", "radius_um", "cloud_top_km", "second_class"} <= set(spectra.truth)
    # Temperatures of the air at the tangent point, colder in the vortex.
    assert 175 < spectra.truth["temperature_k"].min() < 190


def test_seasons_go_as_seasons_go(south: dict[dt.date, LimbSpectra], north: dict[dt.date, LimbSpectra]) -> None:
    def share(spectra: LimbSpectra, *names: str) -> float:
        wanted = [CLASSES.index(name) for name in names]
        cloudy = cloud_index(spectra.radiance) < 4.5
        return float(np.isin(spectra.label[cloudy], wanted).sum() / len(spectra))

    nat, sts = ("nat_small", "nat_large"), ("sts_1", "sts_2", "sts_3")
    first, june, july, september, last = south.values()
    assert share(first, *CLASSES) < 0.03
    assert share(last, *CLASSES) < 0.06
    # Early clouds are STS; NAT comes by the middle of June, and ice when it is coldest.
    assert share(june, *sts) > 5 * share(june, *nat)
    assert share(july, "ice") > 0.1
    assert share(july, "ice") > 3 * share(september, "ice")
    assert share(september, *nat) > 0.02
    # The northern winter is warmer: less cloud, hardly any ice.
    for spectra in north.values():
        assert share(spectra, *CLASSES) < share(july, *CLASSES)
        assert share(spectra, "ice") < 0.05


def test_clouds_are_where_it_is_cold(south: dict[dt.date, LimbSpectra], north: dict[dt.date, LimbSpectra]) -> None:
    spectra = concatenate([south[JULY], south[SEPTEMBER], *north.values()])
    inside = np.abs(spectra.tangent_altitude_km - spectra.truth["cloud_top_km"] + 1) < 1
    warm = {name: spectra.truth["temperature_k"][inside & (spectra.label == place)].mean()
            for place, name in enumerate(CLASSES)}  # fmt: skip
    clear = spectra.truth["temperature_k"][(spectra.label == IGNORE) & (abs(spectra.tangent_altitude_km - 21) < 1)]
    assert warm["ice"] < warm["sts_1"] < warm["sts_2"] < clear.mean()
    assert warm["ice"] < warm["nat_small"] < clear.mean()


def test_labels_are_of_clouds_that_lines_meet(south: dict[dt.date, LimbSpectra]) -> None:
    for spectra in south.values():
        met = spectra.label != IGNORE
        assert (spectra.tangent_altitude_km[met] - 1 < spectra.truth["cloud_top_km"][met]).all()
    july = south[JULY]
    clear = july.label == IGNORE
    assert (cloud_index(july.radiance[clear]) > 4.5).mean() > 0.97
    assert (cloud_index(july.radiance[~clear]) < 4.5).mean() > 0.7


def test_mountains_cool_the_air_behind_them_on_one_day(world: SeasonWorld) -> None:
    winter = world.winter("north")
    place = winter.mountains[0]
    seen = track(place.date, 60.0)
    apart = angle_km(seen.latitude, seen.longitude, place.latitude, place.longitude)
    nearest = int(apart.argmin())
    assert apart[nearest] < 600
    flat = air_over(1, winter.model_copy(update={"mountains": []}), seen)
    cooled = flat - air_over(1, winter, seen)
    assert cooled[nearest].max() == pytest.approx(13 * np.exp(-((apart[nearest] / 500) ** 2)), rel=0.02)
    assert abs(cooled[apart > 2000]).max() < 0.1
    other = track(place.date + dt.timedelta(1), 60.0)
    np.testing.assert_array_equal(
        air_over(1, winter, other), air_over(1, winter.model_copy(update={"mountains": []}), other)
    )


def test_what_is_not_known_is_refused(world: SeasonWorld) -> None:
    refused = []
    for call in (
        lambda: load_season("limb-season-0"),
        lambda: load_season("limb-season-1", thin=0),
        lambda: world.winter("east"),
        lambda: next(season("limb-season-1", "nroth")),
    ):
        with pytest.raises(ConfigError) as caught:
            call()
        refused.append(caught.value)
    assert all(error.given and error.expected and error.do for error in refused)
    assert "north" in refused[3].expected

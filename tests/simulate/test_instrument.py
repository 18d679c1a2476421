"""Instruments of two satellites: published responses, views from aside, and worlds that have none left as they were."""

from __future__ import annotations

import datetime as dt
import xml.etree.ElementTree as ET
from pathlib import Path

import numpy as np
import pytest

from landweave.harmonize.angles import Angles, angles_of
from landweave.legend import legend
from landweave.raster.products import recognise
from landweave.sensors import sensor
from landweave.simulate.deliver import deliveries, layers_of
from landweave.simulate.instrument import View, angle_text, instrument_of, turned, view_of
from landweave.simulate.kinds import numbers
from landweave.simulate.lattice import Axes
from landweave.simulate.reflectance import seen_by, spectra
from landweave.simulate.scene import observe, sun_at
from landweave.simulate.world import World, ground_of, load_world
from landweave.simulate.write import write
from landweave.tiling import Window

DAY = dt.date(2018, 7, 3)
TINY = {
    "name": "tiny-1",
    "height_px": 60,
    "width_px": 60,
    "instruments": True,
    "crops": True,
    "scenes": [{"sensor": name, "date": DAY} for name in ("landsat-8-c2l2", "sentinel-2-l2a")],
}


def tiny(**more: object) -> World:
    return World(**{**TINY, **more})  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["sentinel-2-l2a", "landsat-8-c2l2"])
def test_published_responses_have_the_centres_of_their_bands(name: str) -> None:
    world = tiny()
    own = instrument_of(world, world.scenes[name.startswith("sentinel")])
    assert own is not None
    for band, weight in own.responses.items():
        assert weight.sum() == pytest.approx(1)
        centre = float(weight @ spectra().wavelength_nm)
        assert centre == pytest.approx(sensor(name).band(band).wavelength_nm, abs=4)
    assert len(own.responses) == (7 if name.startswith("landsat") else 10)


def test_the_two_see_the_same_materials_a_little_otherwise() -> None:
    world = tiny()
    tables = []
    for scene, names in zip(world.scenes, (("SR_B4", "SR_B5"), ("B04", "B08")), strict=True):
        own = instrument_of(world, scene)
        assert own is not None
        tables.append(seen_by(sensor(scene.sensor).select(names), own.responses))
    green = spectra().index("corn") if "corn" in spectra().names else 30
    assert np.abs(tables[0] - tables[1])[:, green].max() > 0.001
    assert np.abs(tables[0] - tables[1]).max() < 0.2


def test_worlds_without_instruments_are_what_they_were() -> None:
    world = tiny(instruments=False)
    assert instrument_of(world, world.scenes[0]) is None
    assert instrument_of(tiny(), tiny(scenes=[{"sensor": "landsat-9-c2l2", "date": DAY}]).scenes[0]) is None
    before, after = (observe(one, one.scenes[0], Window(0, 0, 20, 20)).layers for one in (world, tiny()))
    assert set(before) == set(after)
    assert all((before[name] != after[name]).any() for name in before if name != "mask")


def test_land_is_brighter_on_the_side_of_the_sun_and_water_stays() -> None:
    world = tiny()
    ground = ground_of(world, Axes.of(Window(0, 0, 30, 30), 10 / 3), DAY)
    ground.kind[:15] = numbers()["lake"]
    ground.kind[15:] = numbers()["wheat"]
    bands, sun = sensor("landsat-8-c2l2").select(["SR_B4", "SR_B5"]), sun_at(184)
    even = np.full((2, 30, 30), 0.2, np.float32)
    toward, away = (
        turned(even.copy(), ground, bands, sun, View(8, azimuth))
        for azimuth in (sun.azimuth_deg, sun.azimuth_deg + 180)
    )
    assert (toward[:, 15:] > 0.2).all() and (away[:, 15:] < 0.2).all()
    np.testing.assert_allclose(toward[:, :15], 0.2, rtol=1e-6)
    above = turned(even.copy(), ground, bands, sun, View(0, 0))
    np.testing.assert_allclose(above, 0.2, rtol=1e-5)


def test_views_lie_within_the_swath_and_stay() -> None:
    views = [view_of(load_world("pair-1", seed=seed), scene) for seed in range(5) for scene in tiny().scenes]
    assert len({view.zenith_deg for view in views}) == 10
    assert all(0 <= view.zenith_deg <= 10.3 and view.azimuth_deg in (104, 284) for view in views)
    assert all(view.zenith_deg <= 7.5 for view in views[::2])
    assert view_of(tiny(), tiny().scenes[0]) == view_of(tiny(), tiny().scenes[0])


def test_the_product_tells_the_angles_and_the_truth_what_grows(tmp_path: Path) -> None:
    world = tiny()
    for _ in write(world, tmp_path):
        pass
    found = recognise(tmp_path / "scenes")
    assert not found.unread
    (seen,) = [scene for scene in found.scenes if scene.sensor.name == "sentinel-2-l2a"]
    view, sun = view_of(world, world.scenes[1]), sun_at(184)
    told = angles_of(seen)
    assert told is not None and isinstance(told, Angles)
    assert (told.sun_zenith, told.view_zenith) == pytest.approx((sun.zenith_deg, view.zenith_deg), abs=1e-5)
    assert (tmp_path / "truth" / "crops-2018.tif").is_file()
    assert len(ET.fromstring(angle_text(sun, view)).findall(".//Mean_Viewing_Incidence_Angle")) == 13


def test_crops_are_those_of_the_fields() -> None:
    world = load_world("season-1")
    truth = deliveries(world)[-1]
    part, _ = layers_of(world, truth, Window(0, 0, 90, 90))
    crops = part["crops-2018"]
    assert set(np.unique(crops)) <= {0, *legend("simulated-crops").ids} and len(np.unique(crops)) > 3
    land = part["truth-2018"]
    fields = np.isin(
        land, [legend("simulated-8").ids[legend("simulated-8").index(n)] for n in ("Cropland", "Grassland")]
    )
    assert (crops[fields] > 0).mean() > 0.9 and (crops[~fields] == 0).mean() > 0.9

"""Worlds on disk."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from tests.simulate.making import S2, world

from landweave.errors import OutputError
from landweave.jobs.serial import Serial
from landweave.legend import legend
from landweave.provenance import file_sha256
from landweave.raster.products import recognise
from landweave.raster.read import read, read_map, read_numbers
from landweave.simulate.scene import observe
from landweave.simulate.truth import changes, cover, old_map
from landweave.simulate.world import World
from landweave.simulate.write import PARTS, write
from landweave.tiling import Window

SCENES = (
    S2,
    {"sensor": "landsat-8-c2l2", "date": "2021-06-30", "gap": 0.2},
    {"sensor": "sentinel-2-l2a", "date": "2022-04-01", "cloud": 0.4},
    {"sensor": "worldview-rgb", "date": "2023-07-12", "window_px": (6, 12, 12, 18)},
)
OLD = {"date": "2019-07-01", "omission": {"Cropland": 0.2}}


def made() -> World:
    return world(*SCENES, size_px=60, old_map=OLD)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    found = tmp_path_factory.mktemp("world")
    last = list(write(made(), found))[-1]
    assert last.failed is None
    assert last.done == last.total
    return found


def test_scenes_are_recognised(folder: Path) -> None:
    found = recognise(folder / "scenes")
    assert not found.unread
    assert [scene.sensor.name for scene in found.scenes] == [
        "landsat-8-c2l2", "sentinel-2-l2a", "sentinel-2-l2a", "worldview-rgb",
    ]  # fmt: skip
    assert [len(scene.files) for scene in found.scenes] == [7, 12, 12, 3]
    assert all(scene.mask for scene in found.scenes)
    assert found.scenes[1].baseline == "05.09"
    assert found.scenes[1].cloud_cover is not None


def test_scenes_lie_on_the_worlds_grid(folder: Path) -> None:
    world_grid = made().grid
    sentinel = recognise(folder / "scenes").scenes[2]
    assert sentinel.grid == world_grid
    picture = recognise(folder / "scenes").scenes[3]
    assert tuple(picture.grid.shape) == (240, 360)
    assert picture.grid.affine * (0, 0) == world_grid.affine * (12, 6)


def test_what_is_read_is_reflectance(folder: Path) -> None:
    clear = recognise(folder / "scenes").scenes[2]
    values, valid = read(clear, ["B02", "B08", "B11"], clear.grid)
    assert valid.all()
    assert 0 < np.median(values[0]) < 0.2
    assert 0.15 < np.median(values[1]) < 0.6
    landsat = recognise(folder / "scenes").scenes[0]
    values, valid = read(landsat, ["SR_B5"], landsat.grid)
    assert 0.1 < 1 - valid.mean() < 0.3
    assert 0.15 < np.median(values[0][valid]) < 0.6


def test_clouds_in_the_metadata_are_those_in_the_mask(folder: Path) -> None:
    cloudy = recognise(folder / "scenes").scenes[1]
    _, valid = read(cloudy, ["B02"], cloudy.grid)
    assert cloudy.cloud_cover is not None
    assert cloudy.cloud_cover / 100 <= 1 - valid.mean() + 0.02


@pytest.mark.parametrize("year", [2021, 2022, 2023])
def test_truth_is_what_the_functions_say(folder: Path, year: int) -> None:
    this = made()
    date = next(scene.date for scene in this.scenes if scene.date.year == year)
    ids, grid = read_map(folder / f"truth/{year}.tif")
    assert grid == this.grid
    assert np.array_equal(legend("simulated-8").to_indices(ids), cover(this, this.window, date))


def test_changes_and_the_old_map_are_there(folder: Path) -> None:
    this = made()
    found = read_numbers(str(folder / "truth/change.tif"), Window(0, 0, 60, 60), (1, 2, 3))
    assert np.array_equal(found, changes(this, this.window, this.scenes[1].date, this.scenes[0].date))
    ids, _ = read_map(folder / "truth/old-map-2019.tif")
    assert this.old_map is not None
    assert np.array_equal(legend("simulated-8").to_indices(ids), old_map(this, this.window, this.old_map))
    assert (ids != read_map(folder / "truth/2021.tif")[0]).any()


def test_the_picture_has_its_buildings(folder: Path) -> None:
    ids, grid = read_map(folder / "truth/buildings-003.tif")
    assert tuple(grid.shape) == (240, 360)
    assert set(np.unique(ids).tolist()) <= {1, 2}


def test_every_product_says_that_it_is_simulated(folder: Path) -> None:
    texts = [path for path in folder.rglob("*") if path.suffix in (".xml", ".json", ".toml", ".txt") and path.is_file()]
    metadata = [path for path in texts if "scenes" in path.parts and not path.name.endswith("aux.xml")]
    assert len(metadata) == 6
    for path in metadata:
        assert "Simulated by landweave" in path.read_text(), path.name
    record = json.loads((folder / "world.json").read_text())
    assert record["kind"] == "simulated world"
    assert record["configuration"]["seed"] == 5


def test_nothing_is_left_over(folder: Path) -> None:
    assert not (folder / PARTS).exists()
    assert not list(folder.rglob("*.aside*"))


def test_the_same_call_again_changes_nothing(folder: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*.tif")}
    records = list(write(made(), folder))
    assert records[0].done == records[0].total
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*.tif")} == before


def test_a_lost_file_comes_back_the_same(folder: Path) -> None:
    lost = folder / "truth/2023.tif"
    before = file_sha256(lost)
    lost.unlink()
    list(write(made(), folder))
    assert file_sha256(lost) == before
    assert not (folder / PARTS).exists()


def test_stopped_and_run_again_is_the_same(folder: Path, tmp_path: Path) -> None:
    records = write(made(), tmp_path, Serial())
    for _ in range(3):
        next(records)
    records.close()
    list(write(made(), tmp_path))
    for path in folder.rglob("*"):
        if path.suffix in (".tif", ".jp2", ".TIF", ".xml"):
            assert file_sha256(tmp_path / path.relative_to(folder)) == file_sha256(path), path.name


def test_another_world_is_refused(folder: Path) -> None:
    with pytest.raises(OutputError) as caught:
        list(write(world(S2, size_px=60, seed=6), folder))
    assert str(folder) in caught.value.given
    assert caught.value.expected
    assert caught.value.do


# Numbers, offsets and truth, as they come back through landweave.raster.


def test_numbers_on_disk_are_those_that_were_computed(folder: Path) -> None:
    this = made()
    for index, place in ((0, 2), (1, 0), (2, 1)):
        scene = recognise(folder / "scenes").scenes[place]
        window = this.window if scene.sensor.name.startswith("sentinel") else Window(0, 0, 20, 20)
        part = observe(this, this.scenes[index], window)
        for name, file in scene.files.items():
            found = read_numbers(file.href, Window(0, 0, *part.layers[name].shape))[0]
            assert found.dtype == np.uint16
            assert np.array_equal(found, part.layers[name]), name


@pytest.mark.parametrize(("place", "scale", "offset"), [(0, 2.75e-05, -0.2), (1, 1e-4, -0.1), (2, 1e-4, -0.1)])
def test_scale_and_offset_come_back_for_every_band(folder: Path, place: int, scale: float, offset: float) -> None:
    scene = recognise(folder / "scenes").scenes[place]
    for name, file in scene.files.items():
        assert file.scale == pytest.approx(scale), name
        assert file.offset == pytest.approx(offset), name
        assert file.nodata == 0, name


def test_what_is_read_is_number_times_scale_plus_offset(folder: Path) -> None:
    this = made()
    clear = recognise(folder / "scenes").scenes[2]
    values, valid = read(clear, ["B04"], clear.grid)
    numbers = observe(this, this.scenes[0], this.window).layers["B04"]
    assert valid.all()
    assert np.allclose(values[0], numbers * 1e-4 - 0.1, atol=1e-6)
    # Without the offset of baselines from 04.00 on, all would be 0.1 brighter.
    assert abs((values[0] - numbers * 1e-4).mean() + 0.1) < 1e-5


def test_what_the_masks_hide_is_not_valid(folder: Path) -> None:
    this = made()
    cloudy = recognise(folder / "scenes").scenes[1]
    part = observe(this, this.scenes[2], this.window)
    mask = np.kron(part.layers["mask"], np.ones((2, 2), np.uint8))
    values, valid = read(cloudy, ["B02"], cloudy.grid)
    assert 0.02 < (~valid).mean() < 0.98
    assert np.array_equal(valid, ~np.isin(mask, (0, 1, 3, 8, 9, 10)))
    assert (values[0][~valid] == 0).all()


def test_the_share_of_clouds_is_that_of_the_ground(folder: Path) -> None:
    this = made()
    cloudy = recognise(folder / "scenes").scenes[1]
    assert cloudy.cloud_cover == pytest.approx(100 * observe(this, this.scenes[2], this.window).clouded, abs=0.01)
    assert recognise(folder / "scenes").scenes[2].cloud_cover == 0


def test_maps_of_the_truth_differ_exactly_where_the_change_map_says(folder: Path) -> None:
    first, last, day = read_numbers(str(folder / "truth/change.tif"), Window(0, 0, 60, 60), (1, 2, 3))
    before, after = (read_map(folder / f"truth/{year}.tif")[0] for year in (2021, 2023))
    assert np.array_equal(first > 0, before != after)
    assert np.array_equal(np.where(first > 0, first, before), before)
    assert np.array_equal(np.where(last > 0, last, before), after)
    assert ((day > 0) <= (first > 0)).all()


def test_maps_carry_legend_and_word(folder: Path) -> None:
    for path in sorted((folder / "truth").glob("*.tif")):
        with rasterio.open(path) as opened:
            assert opened.tags()["SIMULATED"] == "YES", path.name
            if path.stem == "change":
                continue
            classes = legend("buildings" if path.stem.startswith("buildings") else "simulated-8").classes
            colours = opened.colormap(1)
            for entry in classes:
                red, green, blue = (int(entry.color[at : at + 2], 16) for at in (1, 3, 5))
                assert colours[entry.id][:3] == (red, green, blue), entry.name


def test_the_picture_is_read_with_its_mask(folder: Path) -> None:
    picture = recognise(folder / "scenes").scenes[3]
    values, valid = read(picture, ["R", "G", "B"], picture.grid)
    assert valid.all()
    assert values.min() >= 0
    assert len(np.unique(values[0])) > 30

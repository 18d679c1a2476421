"""One shard of pairs: merging of scenes, patches that overlap read at once, one mask for both views, counts."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest
from rasterio import Affine
from rasterio import open as opened
from tests.datasets import pair_making as making

from landweave.datasets import pairs, pairshard
from landweave.datasets.pairs import PairChoice, Rasters, Source
from landweave.datasets.pairshard import PairCut, PairTask, cut_pairs
from landweave.patches.sample import Counts
from landweave.raster.catalog import read_catalog
from landweave.raster.scene import Scene
from landweave.tiling import Window


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("shard")
    making.write_place(folder)
    return folder


def scenes(place: Path, sensor: str) -> tuple[Scene, ...]:
    found = (scene for scene in read_catalog(place / "catalog.parquet") if scene.sensor.name == sensor)
    return tuple(sorted(found, key=lambda scene: scene.grid.boundingbox.left))


def task(place: Path, folder: Path, *cuts: PairCut, min_valid: float = 1.0) -> PairTask:
    finer, other = scenes(place, "aerial-rgb"), scenes(place, "airborne-48")
    sources = Source(finer, ("R", "G", "B")), Source(other, making.HSI)
    rasters = Rasters(*sources, place / "classes.tif", making.LEGEND)
    layout = pairs.make_pair_layout(PairChoice(patch_px=8, pixels="own"), rasters)
    return PairTask("00000", folder, layout, rasters.grid, 8, finer, other, cuts, min_valid)


def cut(row: int, col: int, label: int = 0, block: str = "0_0") -> PairCut:
    return PairCut(f"{row + 4}_{col + 4}", row, col, label, block, "train")


def shard(folder: Path) -> dict[str, np.ndarray]:
    (path,) = folder.rglob("*.h5")
    with h5py.File(path) as file:
        found: dict[str, np.ndarray] = {}

        def note(name: str, each: object) -> None:
            if isinstance(each, h5py.Dataset):
                found[name.rpartition("/")[2]] = each[()]

        file.visititems(note)
        return found


def pixels(place: Path, name: str) -> np.ndarray:
    with opened(place / "scenes" / f"{name}.tif") as file:
        return np.asarray(file.read())


def test_views_are_the_pixels_of_their_files(place: Path, tmp_path: Path) -> None:
    # One patch of each half of the picture, and one over the seam.
    places = [(2, 4), (40, 60), (20, 44)]
    summary = cut_pairs(task(place, tmp_path, *(cut(row, col, label) for label, (row, col) in enumerate(places))))
    assert summary == {"patches": 3}
    found = shard(tmp_path)
    whole, cube = np.concatenate([pixels(place, "west"), pixels(place, "east")], 2), pixels(place, "cube")
    for index, (row, col) in enumerate(places):
        np.testing.assert_array_equal(found["data_0.5m"][index], whole[:, row : row + 8, col : col + 8])
        half_row, half_col = row // 2, col // 2
        np.testing.assert_array_equal(
            found["target_1m"][index], cube[:, half_row : half_row + 4, half_col : half_col + 4]
        )
        assert found["classes"][index].argmax() == index
    assert found["valid"].all()


def test_what_one_sensor_lacks_is_not_valid_for_either(place: Path, tmp_path: Path) -> None:
    # Only the western half of the picture: of the patch over the seam, half is seen by both.
    made = task(place, tmp_path, cut(20, 44), min_valid=0.25)
    cut_pairs(replace(made, finer=made.finer[:1]))
    valid = shard(tmp_path)["valid"]
    assert valid[0].tolist() == [[True, True, False, False]] * 4


def test_where_several_scenes_see_a_place_the_first_one_counts(place: Path) -> None:
    made = task(place, place / "unused", cut(20, 44))
    west, east = made.finer
    view, land = made.layout.views[0], Window(20, 44, 8, 8).on(made.grid)
    one, seen = pairshard._merged((west, east), view, land)
    other, both = pairshard._merged((west, east, east, west), view, land)
    assert seen.all() and both.all()
    np.testing.assert_array_equal(one, other)
    # Scenes that lie elsewhere are not opened, not even where their files are gone.
    gone = replace(east, id="gone")
    first, there = pairshard._merged((west, gone), view, Window(20, 4, 8, 8).on(made.grid))
    assert there.all()
    np.testing.assert_array_equal(first, pixels(place, "west")[:, 20:28, 4:12])


def test_no_scene_sees_nothing(place: Path) -> None:
    made = task(place, place / "unused", cut(0, 0))
    values, seen = pairshard._merged((), made.layout.views[0], Window(0, 0, 8, 8).on(made.grid))
    assert values.shape == (3, 8, 8)
    assert not values.any() and not seen.any()


@pytest.mark.parametrize(
    ("dx", "dy", "meets"),
    [(0, 0, True), (47, 0, True), (48, 0, False), (-48, 0, False), (0, 48, False), (0, -47.5, True), (30, 30, True)],
)
def test_boxes_that_only_touch_do_not_meet(dx: float, dy: float, meets: bool) -> None:
    one = making.grid(0.5)
    other = type(one)(one.shape, Affine.translation(dx, dy) * one.affine, one.crs)
    assert pairshard._meets(one, other) is pairshard._meets(other, one) is meets


@pytest.mark.parametrize(
    ("one", "other", "together"),
    [
        (cut(0, 0), cut(127, 127), True),
        (cut(0, 0), cut(128, 0), False),
        (cut(0, 127), cut(0, 128), False),
        (cut(130, 0), cut(140, 20), True),
        (cut(0, 0), cut(1, 1, block="0_1"), False),
    ],
)
def test_patches_of_one_place_are_read_together(one: PairCut, other: PairCut, together: bool) -> None:
    assert (pairshard.place(one) == pairshard.place(other)) is together


def test_parts_are_cut_at_each_views_own_pixels() -> None:
    values = np.arange(3 * 8 * 8).reshape(3, 8, 8)
    inside = Window(4, 2, 4, 4)
    assert pairshard._part(values, inside, 4, 4).tolist() == values[:, 4:8, 2:6].tolist()
    # A view whose pixels are twice as large has half of them; one of half the size twice as many.
    assert pairshard._part(values, inside, 2, 4).tolist() == values[:, 2:4, 1:3].tolist()
    assert pairshard._part(values[0], Window(0, 2, 2, 2), 4, 2).tolist() == values[0, 0:4, 4:8].tolist()
    assert pairshard._shape(Window(0, 0, 24, 40), 4, 8) == (12, 20)


def test_rows_say_where_a_patch_lies_and_of_what_it_is(place: Path) -> None:
    made = task(place, place / "unused", cut(2, 4))
    patch = pairshard._cut(made, pairshard._read(made, made.cuts), made.cuts[0], Counts())
    assert patch is not None
    row = patch.row
    assert (row.id, row.split, row.block) == ("6_8", "train", "0_0")
    assert row.bounds == (500_002.0, 3_299_995.0, 500_006.0, 3_299_999.0)
    assert row.crs == "EPSG:32615"
    assert (row.scene, row.source) == (made.finer[0].id, made.other[0].id)
    assert row.datetime.startswith("2018-02-16T12:00:00")


def test_a_task_counts_what_it_cuts(place: Path) -> None:
    assert task(place, place / "unused").num_patches == 0
    assert task(place, place / "unused", cut(0, 0), cut(8, 8)).num_patches == 2

"""Cutting: extract then put together is the identity; what is not valid is left out; counts add up."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from tests.patches import scenes

from landweave.errors import GridError, LegendError
from landweave.legend import IGNORE, load_legends
from landweave.patches.archive import finish
from landweave.patches.extract import Cut, PatchTask, centres, coarser, cut_shard, enlarge, hull, plane
from landweave.patches.layout import make_layout
from landweave.patches.sample import Counts
from landweave.patches.split import Blocks
from landweave.raster.files import close_files
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import Band, Sensor
from landweave.tiling import Window


def task(folder: Path, scene: Scene, cuts: list[Cut], **changed: object) -> PatchTask:
    (folder / "legends.toml").write_text(scenes.LEGENDS)
    legend = load_legends(folder / "legends.toml")["three"]
    layout = make_layout(scene.sensor, scene.bands, cuts[0].window.height, legend)
    made = PatchTask("000000", folder / "archive", layout, scene, scene.grid, tuple(cuts), folder / "labels.tif")
    return dataclasses.replace(made, **changed)  # type: ignore[arg-type]


def on_blocks(blocks: Blocks, shape: tuple[int, int]) -> list[Cut]:
    return [
        Cut(f"{w.row}_{w.col}", w, str(block), "train")
        for block, w in blocks.windows(shape, (0, 0))
        if w.clip(Window.of(shape)) == w
    ]


@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from([6, 12, 18]), st.integers(1, 3), st.sampled_from([6, 12]))
def test_what_is_cut_can_be_put_together_again(
    tmp_path_factory: pytest.TempPathFactory, patch_px: int, block_patches: int, gap_px: int
) -> None:
    folder = tmp_path_factory.mktemp("cut")
    scene = scenes.write_scene(folder, edge_m=600)
    scenes.write_labels(folder / "labels.tif", np.ones((60, 60), np.uint8), edge_m=600)
    cuts = on_blocks(Blocks(patch_px, block_patches, gap_px), (60, 60))
    summary = cut_shard(task(folder, scene, cuts))
    archive = finish(folder / "archive", task(folder, scene, cuts).layout, {})
    got = archive.batch(range(len(archive)))
    names = {name: place for place, name in enumerate(archive.ids())}
    assert summary == {"patches": len(cuts)} and len(archive) == len(cuts) > 0
    for view in archive.layout.views:
        size = int(view.pixel_size_m)
        whole = np.concatenate([scenes.numbers(band.name, 600) for band in view.bands])
        again, seen = np.zeros_like(whole), np.zeros(whole.shape[1:], bool)
        for cut in cuts:
            row, col = cut.window.row * 10 // size, cut.window.col * 10 // size
            part = (slice(row, row + view.px), slice(col, col + view.px))
            assert not seen[part].any()
            again[(slice(None), *part)] = got[view.key][names[cut.id]]
            seen[part] = True
        np.testing.assert_array_equal(again[:, seen], whole[:, seen])


def test_land_read_at_once_gives_what_patches_read_alone_give(tmp_path: Path) -> None:
    scene = scenes.write_scene(tmp_path, edge_m=600)
    scenes.write_labels(tmp_path / "labels.tif", edge_m=600)
    cuts = on_blocks(Blocks(12, 2, 6), (60, 60))
    apart = [dataclasses.replace(cut, block=cut.id) for cut in cuts]
    layout = task(tmp_path, scene, cuts).layout
    shards = []
    for name, some in (("together", cuts), ("apart", apart)):
        cut_shard(dataclasses.replace(task(tmp_path, scene, some), folder=tmp_path / name))
        shards.append(finish(tmp_path / name, layout, {}).shards[0])
    assert shards[0].num_rows > 10
    assert shards[0].sha256 == shards[1].sha256


def test_nan_and_infinite_pixels_are_not_valid(tmp_path: Path) -> None:
    values = np.full((1, 24, 24), 0.3, np.float32)
    values[0, 3, 4], values[0, 5, 6], values[0, 7, 8] = np.nan, np.inf, -np.inf
    grid = scenes.grid(240)
    write_tile(tmp_path / "x.tif", values, grid)
    write_tile(tmp_path / "labels.tif", np.ones((1, 24, 24), np.uint8), grid)
    own = Sensor("own", "Own", "test", (Band("x", None, None, 10, "reflectance", dtype="float32"),), ("x",) * 3, np.nan)
    scene = Scene("s", own, scenes.write_scene(tmp_path).datetime, grid, {"x": BandFile(str(tmp_path / "x.tif"))})
    made = task(tmp_path, scene, [Cut("p", Window(0, 0, 24, 24), "b", "train")])
    cut_shard(made)
    got = finish(tmp_path / "archive", made.layout, {}).batch([0])
    assert (~got["valid"][0]).sum() == 3
    assert np.isfinite(got["data_10m"]).all()
    assert (got["data_10m"][0, 0][~got["valid"][0]] == 0).all()
    assert (got["mask"][0] == IGNORE).sum() == 3


def test_a_task_with_nothing_valid_writes_nothing_and_counts(tmp_path: Path) -> None:
    empty = {band: np.zeros_like(scenes.numbers(band, 240)) for band in scenes.SIZES}
    scene = scenes.write_scene(tmp_path, edge_m=240, changed=empty)
    scenes.write_labels(tmp_path / "labels.tif", edge_m=240)
    cuts = [Cut(f"p{col}", Window(0, col, 12, 12), "b", "train") for col in (0, 12)]
    assert cut_shard(task(tmp_path, scene, cuts)) == {"patches": 0, "left: too few valid pixels": 2}
    assert not (tmp_path / "archive").exists()


def test_patches_without_labels_are_counted(tmp_path: Path) -> None:
    ids = np.zeros((24, 24), np.uint8)
    ids[:12, :12] = 1
    ids[0, 12] = 2
    scene = scenes.write_scene(tmp_path, edge_m=240)
    scenes.write_labels(tmp_path / "labels.tif", ids, edge_m=240)
    cuts = [Cut(f"p{row}_{col}", Window(row, col, 12, 12), "b", "train") for row in (0, 12) for col in (0, 12)]
    assert cut_shard(task(tmp_path, scene, cuts)) == {"patches": 2, "left: too few labels": 2}
    assert cut_shard(task(tmp_path, scene, cuts, min_labelled=0.1)) == {"patches": 1, "left: too few labels": 3}


def test_values_beyond_the_stored_type_are_counted(tmp_path: Path) -> None:
    bright = scenes.numbers("B02", 120)
    bright[0, 0, :3] = 65535
    scene = scenes.write_scene(tmp_path, edge_m=120, bands=("B02",), changed={"B02": bright}, offset=0.0)
    scenes.write_labels(tmp_path / "labels.tif", edge_m=120)
    made = task(tmp_path, scene, [Cut("p", Window(0, 0, 12, 12), "b", "train")])
    assert cut_shard(made) == {"patches": 1, "values cut to the range of the stored type": 3}
    got = finish(tmp_path / "archive", made.layout, {}).batch([0])["data_10m"][0, 0]
    assert got[0, :3].tolist() == [65535] * 3
    np.testing.assert_array_equal(got[1:], bright[0, 1:] + 1000)


def test_labels_without_georeference_lie_on_the_scene_pixel_by_pixel(tmp_path: Path) -> None:
    close_files()
    image = np.random.default_rng(0).random((24, 24, 1), np.float32)
    ids = np.random.default_rng(1).choice(np.array([1, 2, 5], np.uint8), (24, 24))
    np.savez(tmp_path / "x.npz", img=image, msk=ids, small=ids[:12])
    grid = GeoBox((24, 24), scenes.grid(240, corner=(0, 0)).affine, None)
    own = Sensor("own", "Own", "test", (Band("x", None, None, 10, "reflectance", dtype="float32"),), ("x",) * 3, np.nan)
    when = scenes.write_scene(tmp_path).datetime
    scene = Scene("s", own, when, grid, {"x": BandFile(f"{tmp_path}/x.npz:img")})
    made = task(tmp_path, scene, [Cut("p", Window(6, 12, 12, 12), "b", "train")], labels=tmp_path / "x.npz:msk")
    cut_shard(made)
    got = finish(tmp_path / "archive", made.layout, {}).batch([0])
    np.testing.assert_array_equal(got["mask"][0], made.layout.legend.to_indices(ids[6:18, 12:24]))
    np.testing.assert_array_equal(got["data_10m"][0, 0], image[6:18, 12:24, 0])
    with pytest.raises(GridError) as caught:
        cut_shard(dataclasses.replace(made, labels=tmp_path / "x.npz:small"))
    assert "(12, 24)" in caught.value.given
    assert "same pixels" in caught.value.expected
    assert "{scene}" in caught.value.do


def test_ids_that_the_legend_lacks_are_refused(tmp_path: Path) -> None:
    scene = scenes.write_scene(tmp_path, edge_m=120)
    scenes.write_labels(tmp_path / "labels.tif", np.full((12, 12), 9, np.uint8), edge_m=120)
    with pytest.raises(LegendError) as caught:
        cut_shard(task(tmp_path, scene, [Cut("p", Window(0, 0, 12, 12), "b", "train")]))
    assert "9" in caught.value.given and "[1, 2, 5]" in caught.value.expected and "crosswalk" in caught.value.do


@given(st.lists(st.tuples(st.integers(-9, 99), st.integers(-9, 99), st.integers(1, 9)), min_size=1, max_size=6))
def test_a_hull_is_the_smallest_that_holds_all(places: list[tuple[int, int, int]]) -> None:
    windows = [Window(row, col, edge, edge) for row, col, edge in places]
    whole = hull(windows)
    assert all(window.clip(whole) == window for window in windows)
    assert whole.row in {w.row for w in windows} and whole.col in {w.col for w in windows}
    assert whole.row + whole.height in {w.row + w.height for w in windows}
    assert whole.col + whole.width in {w.col + w.width for w in windows}


def test_coarser_grids_cover_the_same_land() -> None:
    grid = scenes.grid(240)
    for ratio in (1, 2, 6):
        again = coarser(grid, ratio)
        assert again.boundingbox == grid.boundingbox
        assert again.shape == (24 // ratio, 24 // ratio)
        assert enlarge(np.ones(again.shape, bool), ratio).shape == (24, 24)


def test_centres_and_planes() -> None:
    x, y = centres(scenes.grid(30))
    assert (x[0, 0], y[0, 0]) == (scenes.CORNER[0] + 5, scenes.CORNER[1] - 5)
    assert (x[2, 1], y[2, 1]) == (scenes.CORNER[0] + 15, scenes.CORNER[1] - 25)
    assert plane(scenes.grid(30)) == "EPSG:32633"
    assert plane(GeoBox((2, 2), scenes.grid(30).affine, None)) == ""


def test_counts_add_up() -> None:
    one, two = Counts(1, {"a": 2}), Counts(3, {"a": 1, "b": 4})
    one.leave("c", 0)
    assert one + two == Counts(4, {"a": 3, "b": 4})
    assert two + one == one + two
    assert one + Counts() == one == Counts(1, {"a": 2})

"""Scenes found in folders; nothing is skipped in silence."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from tests.raster.making import (
    LANDSAT,
    OLD_PRODUCT,
    PRODUCT,
    SIDECAR,
    grid,
    numbers,
    write_item,
    write_landsat,
    write_safe,
    write_sidecar_tif,
)

from landweave.errors import ConfigError, LandweaveError, RadiometryError, SceneError, SensorError
from landweave.raster.products import Found, Unread, recognise
from landweave.raster.write import write_tile
from landweave.sensors import load_sensors

N9999 = "S2B_MSIL2A_20200223T032739_N9999_R018_T48QUE_20230924T183543"


@pytest.fixture(scope="module")
def mixed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Every kind of product, in folders within folders."""
    folder = tmp_path_factory.mktemp("mixed")
    write_safe(folder / "esa", scl=np.full((30, 30), 4, np.uint8))
    write_safe(folder / "esa" / "old", name=OLD_PRODUCT, offset=None, suffix=".jp2")
    write_landsat(folder / "usgs" / "2024", qa=np.full((20, 20), 21824, np.uint16))
    write_sidecar_tif(folder / "own")
    for band in ("B02", "B04"):
        write_tile(folder / "item" / f"{band}.tif", numbers(grid()), grid())
    write_item(folder / "item", {name: {"href": f"./{name}.tif"} for name in ("B02", "B04")},
               **{"s2:processing_baseline": "05.10"})  # fmt: skip
    for band in ("B02", "B8A"):
        write_tile(folder / N9999 / f"{band}.tif", numbers(grid()), grid())
    (folder / "readme.txt").write_text("not a raster")
    return folder


def test_all_kinds_at_once(mixed: Path) -> None:
    found = recognise(mixed, 0)
    # --offset 0 contradicts the baselines that tell: those are refused by name, the others are read.
    assert {scene.id for scene in found.scenes} == {OLD_PRODUCT, LANDSAT, N9999}
    assert {unread.path.name for unread in found.unread} == {f"{PRODUCT}.SAFE", "mine.tif", "item.json"}
    assert all(isinstance(unread.reason, RadiometryError) and unread.is_product for unread in found.unread)
    found = recognise(mixed)
    assert {scene.id for scene in found.scenes} == {PRODUCT, OLD_PRODUCT, LANDSAT, "mine", "S2B_T32TNR_L2A"}
    assert [unread.path.name for unread in found.unread] == [N9999]


def test_scenes_stand_in_the_order_of_time_and_name(mixed: Path) -> None:
    found = recognise(mixed)
    keys = [(scene.datetime, scene.id) for scene in found.scenes]
    assert keys == sorted(keys)
    assert recognise(mixed).scenes == found.scenes


def test_a_raster_of_no_product_is_named(tmp_path: Path) -> None:
    write_sidecar_tif(tmp_path)
    write_tile(tmp_path / "deep" / "stray.tif", numbers(grid()), grid())
    found = recognise(tmp_path)
    assert len(found.scenes) == 1
    (unread,) = found.unread
    assert unread.path == tmp_path / "deep" / "stray.tif"
    assert not unread.is_product
    assert "stray.tif" in unread.reason.given
    assert "sidecar stray.toml" in unread.reason.expected
    assert "write the sidecar" in unread.reason.do


def test_masks_beside_a_scene_are_no_strays(tmp_path: Path) -> None:
    write_sidecar_tif(tmp_path, SIDECAR + '[mask]\nkind = "scl"\nfile = "scl.tif"\n')
    write_tile(tmp_path / "scl.tif", np.full((1, 30, 30), 4, np.uint8), grid(30, 20))
    found = recognise(tmp_path)
    assert len(found.scenes) == 1
    assert found.unread == ()


def test_one_file_alone(tmp_path: Path) -> None:
    found = recognise(write_sidecar_tif(tmp_path))
    assert [scene.id for scene in found.scenes] == ["mine"]
    write_tile(tmp_path / "bare.tif", numbers(grid()), grid())
    found = recognise(tmp_path / "bare.tif")
    assert isinstance(found.unread[0].reason, ConfigError)


def test_a_folder_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(SceneError) as caught:
        recognise(tmp_path / "nowhere")
    assert "nowhere" in caught.value.given
    assert "a folder of scenes" in caught.value.expected
    assert "check the path" in caught.value.do


def test_an_empty_folder(tmp_path: Path) -> None:
    assert recognise(tmp_path) == Found(())


def spoil(path: Path, how: str) -> None:
    content = path.read_bytes()
    path.write_bytes({"empty": b"", "truncated": content[:60], "foreign": b"x" * 500}[how])


@pytest.mark.parametrize("how", ["empty", "truncated", "foreign"])
def test_damaged_files_are_named_and_the_rest_is_read(tmp_path: Path, how: str) -> None:
    write_sidecar_tif(tmp_path, name="good")
    spoil(write_sidecar_tif(tmp_path, name="bad"), how)
    safe = write_safe(tmp_path)
    spoil(next(safe.rglob("*B04*.tif")), how)
    landsat = write_landsat(tmp_path)
    spoil(landsat / f"{LANDSAT}_SR_B2.TIF", how)
    begin = time.monotonic()
    found = recognise(tmp_path)
    assert time.monotonic() - begin < 5
    assert [scene.id for scene in found.scenes] == ["good"]
    reasons = {unread.path.name: unread.reason for unread in found.unread}
    assert set(reasons) == {"bad.tif", f"{PRODUCT}.SAFE", LANDSAT}
    for reason, part in (
        (reasons["bad.tif"], "bad.tif"),
        (reasons[f"{PRODUCT}.SAFE"], "B04"),
        (reasons[LANDSAT], "SR_B2"),
    ):
        assert part in reason.given
        assert "whole raster" in reason.expected
        assert "fetch" in reason.do


def test_a_wrong_sidecar_spoils_only_its_file(tmp_path: Path) -> None:
    write_sidecar_tif(tmp_path, name="good")
    write_sidecar_tif(tmp_path, SIDECAR.replace("sensor", "sensr"), name="typo", array=numbers(grid()))
    found = recognise(tmp_path)
    assert [scene.id for scene in found.scenes] == ["good"]
    assert "sensr" in found.unread[0].reason.given


def test_sensors_of_one_s_own(tmp_path: Path) -> None:
    own = tmp_path / "sensors" / "own.toml"
    own.parent.mkdir()
    own.write_text('[sensors.pan]\ntitle = "Pan"\nsource = "me"\nunit = "digital_number"\nrgb = ["P", "P", "P"]\n'
                   'bands = [{ name = "P", pixel_size_m = 0.5 }]\n')  # fmt: skip
    write_sidecar_tif(tmp_path / "scenes", 'sensor = "pan"\nbands = ["P"]\ndatetime = 2024-01-01\n')
    assert isinstance(recognise(tmp_path / "scenes").unread[0].reason, SensorError)
    assert len(recognise(tmp_path / "scenes", sensors=load_sensors(own)).scenes) == 1


def test_names_that_are_not_utf8_or_long(tmp_path: Path) -> None:
    odd = tmp_path / "caf\udce9"
    try:
        write_sidecar_tif(odd)
    except (LandweaveError, UnicodeEncodeError):
        odd.mkdir(exist_ok=True)
        (odd / "mine.tif").write_bytes(b"")
        (odd / "mine.toml").write_text(SIDECAR)
    deep = tmp_path
    for _ in range(12):
        deep = deep / ("long" * 5)
    write_sidecar_tif(deep)
    found = recognise(tmp_path)
    assert [scene.id for scene in found.scenes] == ["mine"]
    assert len(found.unread) == 1
    found.unread[0].reason.given.encode("utf-8")


def test_links_to_a_folder_count_once(tmp_path: Path) -> None:
    write_sidecar_tif(tmp_path)
    # One leads round in a circle.
    (tmp_path / "again").symlink_to(tmp_path, target_is_directory=True)
    assert [scene.id for scene in recognise(tmp_path).scenes] == ["mine"]


def test_findings_add_up() -> None:
    unread = Unread(Path("a"), SceneError("a", "b", "c"))
    assert Found(()) + Found((), (unread,)) + Found((), (unread,)) == Found((), (unread, unread))

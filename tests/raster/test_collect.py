"""Catalogs made from folders and APIs, with a record of what was read."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.raster import serving
from tests.raster.making import LANDSAT, PRODUCT, SIDECAR, grid, numbers, write_landsat, write_safe, write_sidecar_tif
from tests.raster.test_api import item

from landweave.config import check
from landweave.errors import CatalogError, ConfigError, OutputError, SceneError
from landweave.raster.catalog import read_catalog
from landweave.raster.collect import CatalogJob, collect
from landweave.raster.write import write_tile


def job(*sources: object, **words: object) -> CatalogJob:
    return check(CatalogJob, {"sources": [str(source) for source in sources], **words}, "a test")


def test_folders_and_an_api_in_one_catalog(tmp_path: Path) -> None:
    write_safe(tmp_path / "a")
    write_landsat(tmp_path / "b")
    with serving.api([item(3)]) as traffic:
        found = collect(job(tmp_path / "a", tmp_path / "b", traffic.url), tmp_path / "out" / "catalog.parquet")
    names = {PRODUCT, LANDSAT, item(3)["id"]}
    assert {scene.id for scene in found.scenes} == names
    assert {scene.id for scene in read_catalog(tmp_path / "out" / "catalog.parquet")} == names


def test_the_record_names_everything(tmp_path: Path) -> None:
    write_safe(tmp_path / "scenes")
    write_tile(tmp_path / "scenes" / "stray.tif", numbers(grid()), grid())
    collect(job(tmp_path / "scenes"), tmp_path / "catalog.parquet")
    record = json.loads((tmp_path / "catalog.parquet.json").read_text())
    assert record["format"] == 1
    assert record["kind"] == "catalog"
    assert record["configuration"]["sources"] == [str(tmp_path / "scenes")]
    assert record["summary"]["num_scenes"] == 1
    (unread,) = record["summary"]["unread"]
    assert unread["path"].endswith("stray.tif")
    assert "to do: write the sidecar" in unread["reason"]


def test_cloudy_scenes_are_left_away(tmp_path: Path) -> None:
    write_safe(tmp_path / "scenes")
    write_landsat(tmp_path / "scenes")
    found = collect(job(tmp_path / "scenes", max_cloud_cover=5), tmp_path / "catalog.parquet")
    assert [scene.id for scene in found.scenes] == [LANDSAT]
    with pytest.raises(CatalogError) as caught:
        collect(job(tmp_path / "scenes", max_cloud_cover=1), tmp_path / "none.parquet")
    assert "2 scenes" in caught.value.given
    assert "clearer" in caught.value.expected
    assert "--max-cloud-cover" in caught.value.do
    assert not (tmp_path / "none.parquet").exists()


def test_nothing_found_says_why(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(CatalogError) as caught:
        collect(job(tmp_path / "empty"), tmp_path / "catalog.parquet")
    assert "no scene in" in caught.value.given
    assert "SAFE" in caught.value.expected
    assert "sidecars" in caught.value.do
    write_tile(tmp_path / "stray" / "stray.tif", numbers(grid()), grid())
    write_sidecar_tif(tmp_path / "stray", SIDECAR.replace("05.10", "N9999"))
    with pytest.raises(CatalogError) as caught:
        collect(job(tmp_path / "stray"), tmp_path / "catalog.parquet")
    assert "2 inputs were not read" in caught.value.given
    assert "N9999" in caught.value.given, "a refused product counts before a stray raster"
    assert "baseline that tells" in caught.value.expected
    assert "--offset" in caught.value.do
    assert not (tmp_path / "catalog.parquet").exists()


def test_what_cannot_be_asked(tmp_path: Path) -> None:
    with pytest.raises(SceneError, match="nowhere"):
        collect(job(tmp_path / "nowhere"), tmp_path / "catalog.parquet")
    for words, part in (({"sources": []}, "sources"), ({"sources": ["a"], "bbox": [1, 2, 3]}, "bbox"),
                        ({"sources": ["a"], "max_cloud_cover": 120}, "max_cloud_cover")):  # fmt: skip
        with pytest.raises(ConfigError) as caught:
            check(CatalogJob, words, "a test")
        assert part in caught.value.given
        assert caught.value.expected
        assert caught.value.do


def test_the_offset_reaches_every_folder(tmp_path: Path) -> None:
    write_sidecar_tif(tmp_path, SIDECAR.replace("05.10", "N9999"))
    found = collect(job(tmp_path, offset=0), tmp_path / "catalog.parquet")
    assert found.scenes[0].files["B02"].offset == 0


def test_sensors_of_one_s_own(tmp_path: Path) -> None:
    own = tmp_path / "own.toml"
    own.write_text('[sensors.pan]\ntitle = "Pan"\nsource = "me"\nunit = "digital_number"\nrgb = ["P", "P", "P"]\n'
                   'bands = [{ name = "P", pixel_size_m = 0.5 }]\n')  # fmt: skip
    write_sidecar_tif(tmp_path / "scenes", 'sensor = "pan"\nbands = ["P"]\ndatetime = 2024-01-01\n')
    collect(job(tmp_path / "scenes", sensors=own), tmp_path / "catalog.parquet")
    (scene,) = read_catalog(tmp_path / "catalog.parquet")
    assert scene.sensor.name == "pan"
    assert scene.sensor.bands[0].pixel_size_m == 0.5


def test_the_same_job_makes_its_catalog_anew(tmp_path: Path) -> None:
    write_safe(tmp_path / "scenes")
    collect(job(tmp_path / "scenes"), tmp_path / "catalog.parquet")
    first = (tmp_path / "catalog.parquet").read_bytes()
    collect(job(tmp_path / "scenes"), tmp_path / "catalog.parquet")
    assert (tmp_path / "catalog.parquet").read_bytes() == first
    write_landsat(tmp_path / "scenes")
    assert len(collect(job(tmp_path / "scenes"), tmp_path / "catalog.parquet").scenes) == 2


def test_another_job_s_catalog_and_other_files_are_not_written_over(tmp_path: Path) -> None:
    write_safe(tmp_path / "scenes")
    collect(job(tmp_path / "scenes"), tmp_path / "catalog.parquet")
    (tmp_path / "map.tif").write_text("precious")
    for place, words, given in (("catalog.parquet", {"max_cloud_cover": 50}, "another catalog job"),
                                ("map.tif", {}, "no catalog")):  # fmt: skip
        before = (tmp_path / place).read_bytes()
        with pytest.raises(OutputError) as caught:
            collect(job(tmp_path / "scenes", **words), tmp_path / place)
        assert place in caught.value.given
        assert given in caught.value.given
        assert "a new file" in caught.value.expected
        assert "-o" in caught.value.do
        assert (tmp_path / place).read_bytes() == before


def test_a_place_with_too_long_a_name_is_refused(tmp_path: Path) -> None:
    job = check(CatalogJob, {"sources": [str(tmp_path)]}, "the command line")
    with pytest.raises(OutputError, match="a shorter path"):
        collect(job, tmp_path / ("x" * 300))

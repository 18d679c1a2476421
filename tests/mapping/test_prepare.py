"""Before the first pixel: scenes are chosen, what does not fit is refused within seconds, and nothing is written."""

from __future__ import annotations

import dataclasses
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.mapping.places import BANDS, grid_at, make_card, make_catalog, make_scene

from landweave.errors import (
    CardError,
    CatalogError,
    ConfigError,
    LandweaveError,
    OutputError,
    RadiometryError,
    SceneError,
)
from landweave.mapping.job import run
from landweave.mapping.prepare import MapJob, prepare
from landweave.raster.scene import BandFile
from landweave.raster.write import write_tile


@pytest.fixture
def place(tmp_path: Path) -> Path:
    make_card(tmp_path / "card", "pixel")
    scenes = [make_scene(tmp_path, name, grid_at(40, 50), day=day) for name, day in (("a", 1), ("b", 9), ("c", 5))]
    make_catalog(tmp_path / "c.parquet", *scenes)
    return tmp_path


def job(place: Path, **changes: Any) -> MapJob:
    return MapJob(**{"card": place / "card", "scenes": place / "c.parquet", **changes})


def test_the_latest_scene_comes_first(place: Path) -> None:
    assert [scene.id for scene in prepare(job(place)).scenes] == ["b", "c", "a"]
    assert [scene.id for scene in prepare(job(place, only=("a", "c"))).scenes] == ["c", "a"]


def test_scenes_of_other_sensors_are_left_out_unless_named(place: Path) -> None:
    from landweave.sensors import sensor

    scene = make_scene(place, "n", grid_at(40, 50))
    naip = sensor("naip")
    files = dict(zip(naip.band_names, scene.files.values(), strict=False))
    other = dataclasses.replace(scene, sensor=naip, files=files)
    make_catalog(place / "c.parquet", make_scene(place, "a", grid_at(40, 50)), other)
    assert [scene.id for scene in prepare(job(place)).scenes] == ["a"]
    with pytest.raises(CardError, match="naip"):
        prepare(job(place, only=("n",)))
    make_catalog(place / "c.parquet", other)
    with pytest.raises(CardError, match="naip"):
        prepare(job(place))


def test_what_does_not_decide_the_map_is_no_part_of_the_job(place: Path) -> None:
    here = prepare(job(place)).configuration
    (place / "moved").mkdir()
    (place / "card").rename(place / "moved" / "card")
    assert prepare(job(place, card=place / "moved" / "card")).configuration == here
    assert prepare(job(place, card=place / "moved" / "card", rule="majority")).configuration != here


def test_a_network_of_single_pixels_computes_in_fp32(place: Path) -> None:
    prepared = prepare(job(place))
    assert prepared.configuration["precision"] == ("fp32" if prepared.device == "cpu" else "bf16")
    assert prepare(job(place, precision="bf16")).precision == "bf16"


def test_auto_is_resolved_before_the_job_begins(place: Path) -> None:
    make_card(place / "card", "unet")
    prepared = prepare(job(place))
    able = torch.cpu.get_capabilities()
    fast = able.get("avx512_bf16") or able.get("amx_bf16") or prepared.device == "cuda"
    assert prepared.configuration["precision"] == ("bf16" if fast else "fp32")
    assert prepare(job(place, precision="fp32")).precision == "fp32"
    assert prepared.configuration["device"] in {"cpu", "cuda"}


def unwritten(place: Path, kind: type[LandweaveError], **changes: Any) -> LandweaveError:
    began = time.monotonic()
    with pytest.raises(kind) as caught:
        list(run(job(place, **changes), place / "out"))
    assert time.monotonic() - began < 5
    assert caught.value.expected
    assert caught.value.do
    assert not list(place.glob("out/*.tif"))
    return caught.value


def rewritten(place: Path, **changes: Any) -> None:
    """The catalog anew, with one scene that is changed."""
    scene = make_scene(place, "a", grid_at(40, 50))
    make_catalog(place / "c.parquet", dataclasses.replace(scene, **changes))


def test_missing_and_empty_inputs(place: Path) -> None:
    assert "nowhere" in unwritten(place, CardError, card=place / "nowhere").given
    assert "nowhere.parquet" in unwritten(place, CatalogError, scenes=place / "nowhere.parquet").given
    (place / "empty.parquet").write_bytes(b"")
    assert "empty.parquet" in unwritten(place, CatalogError, scenes=place / "empty.parquet").given
    assert "scene d" in unwritten(place, CatalogError, only=("d",)).given


def test_a_damaged_card(place: Path) -> None:
    weights = place / "card" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-3])
    assert "weights.safetensors" in unwritten(place, CardError).given


@pytest.mark.parametrize("content", [b"", b"II*\x00torn"])
def test_empty_and_truncated_scenes(place: Path, content: bytes) -> None:
    (place / "b.tif").write_bytes(content)
    assert "b.tif" in unwritten(place, SceneError, only=("b",)).given


def test_digital_numbers_and_a_doubled_offset(place: Path) -> None:
    plain = make_scene(place, "a", grid_at(40, 50)).files
    raw = {name: BandFile(file.href, file.index, 1.0, 0.0, 0) for name, file in plain.items()}
    rewritten(place, files=raw)
    assert "looks like digital numbers" in unwritten(place, RadiometryError).given
    doubled = {name: BandFile(file.href, file.index, 0.0001, -0.8, 0) for name, file in plain.items()}
    rewritten(place, files=doubled)
    assert "removed twice" in unwritten(place, RadiometryError).given


def test_nan_and_infinite_pixels_are_not_valid(place: Path) -> None:
    values = np.full((4, 40, 50), 0.2, np.float32)
    values[0, :10], values[1, 10:20], values[2, 20:30] = np.nan, np.inf, -np.inf
    write_tile(place / "f.tif", values, grid_at(40, 50))
    rewritten(place, files={band: BandFile(str(place / "f.tif"), n + 1) for n, band in enumerate(BANDS)})
    last = list(run(job(place), place / "out"))[-1]
    assert last.failed is None
    assert '"valid_px": 500' in (place / "out" / "summary.json").read_text()


def test_nothing_but_no_data(place: Path) -> None:
    hole = (slice(0, 40), slice(0, 50))
    make_catalog(place / "c.parquet", make_scene(place, "z", grid_at(40, 50), holes=[hole]))
    error = unwritten(place, SceneError)
    assert "z without one valid pixel" in error.given
    assert "another area" in error.do


def test_the_folder_of_another_job(place: Path) -> None:
    list(run(job(place), place / "map"))
    before = (place / "map" / "map.tif").read_bytes()
    with pytest.raises(OutputError) as caught:
        list(run(job(place, rule="majority"), place / "map"))
    assert 'rule was "latest", is now "majority"' in caught.value.given
    assert "another output" in caught.value.do
    assert (place / "map" / "map.tif").read_bytes() == before


def test_a_folder_that_cannot_be(place: Path) -> None:
    (place / "file").write_text("in the way")
    for out in (place / "file" / "map", place / ("x" * 300)):
        with pytest.raises(OutputError) as caught:
            list(run(job(place), out))
        assert caught.value.do


def test_wrong_values() -> None:
    from landweave.config import check

    for values in ({"card": "c"}, {"card": "c", "scenes": "s", "core": 3}, {"card": "c", "scenes": "s", "rule": "x"}):
        with pytest.raises(ConfigError) as caught:
            check(MapJob, values, "options")
        assert caught.value.expected


def test_no_gpu(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert "cuda" in unwritten(place, ConfigError, device="cuda").given


def test_names_of_classes_may_have_commas(place: Path) -> None:
    from landweave.legend import LandClass, Legend

    names = ("Land, with trees", "Land", "Water")
    legend = Legend("commas", "a test", tuple(LandClass(n + 1, name, "#000000") for n, name in enumerate(names)))
    make_card(place / "card", "pixel", legend=legend)
    for texts, expected in (
        (("Land, with trees",), ("Land, with trees",)),
        (("Land,Water", "Land, with trees"), ("Land", "Water", "Land, with trees")),
        (("Water, Land", "Water"), ("Water", "Land")),
    ):
        assert prepare(job(place, objects=texts)).job.objects == expected

"""What labels are made from: counted, translated, and what decides a job and what does not."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mapping.places import grid_at
from tests.series.labelled import BANDS, EDGE, LEGEND, make_land, old_map, truth

from landweave.config import check
from landweave.errors import ConfigError, LegendError, SceneError, SensorError
from landweave.legend import IGNORE, crosswalk, legend
from landweave.provenance import fingerprint
from landweave.raster.write import write_map, write_tile
from landweave.series.labelplan import LabelJob, prepare
from landweave.series.plan import Series, open_series, write_series


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_land(tmp_path_factory.mktemp("land"))


def prepared(land: dict[str, Any], **changes: Any) -> Any:
    return prepare(check(LabelJob, {**land, **changes}, "a test"))


def test_pixels_of_every_class_are_counted(land: dict[str, Any]) -> None:
    found = prepared(land)
    np.testing.assert_array_equal(found.counts, np.bincount(old_map().ravel(), minlength=len(LEGEND)))
    assert found.dropped == {}
    assert found.legend == LEGEND
    assert len(found.truths) == 1


def test_the_order_knows_the_bands_and_the_land(land: dict[str, Any], tmp_path: Path) -> None:
    order = prepared(land, block_px=10, gap_px=3, fractions=[0.5, 0.25, 0.25]).order(tmp_path)
    assert order.roles == {"blue": 0, "green": 1, "red": 2, "nir": 3, "swir16": 4}
    assert order.years == (2018, 2018, 2018, 2019, 2019, 2019)
    assert order.bands_of == (BANDS,) * 6
    assert (order.land.pitch_px, order.land.fractions, order.land.shape) == (13, (0.5, 0.25, 0.25), (EDGE, EDGE))
    assert "series" not in order.job
    assert order.job["trees"] == 10


def test_what_decides_a_job(land: dict[str, Any], tmp_path: Path) -> None:
    first = fingerprint(prepared(land).configuration)
    # Neither where files lie nor how the work is cut decides anything.
    shutil.copy(land["map"], tmp_path / "moved.tif")
    shutil.copy(f"{land['map']}.aux.xml", tmp_path / "moved.tif.aux.xml")
    assert fingerprint(prepared(land, map=tmp_path / "moved.tif", core_px=16).configuration) == first
    for changes in ({"seed": 1}, {"clusters": 2}, {"per": "series"}, {"truth": None}, {"floor": 1}, {"gap_px": 3}):
        assert fingerprint(prepared(land, **changes).configuration) != first
    write_map(tmp_path / "other.tif", LEGEND.to_ids(truth()), grid_at(EDGE, EDGE), LEGEND)
    assert fingerprint(prepared(land, map=tmp_path / "other.tif").configuration) != first


def test_truths_of_every_year(land: dict[str, Any], tmp_path: Path) -> None:
    for year in (2018, 2019):
        write_map(tmp_path / f"{year}.tif", LEGEND.to_ids(truth()), grid_at(EDGE, EDGE), LEGEND)
    found = prepared(land, truth=str(tmp_path / "{year}.tif"))
    assert [layer.path.name for layer in found.truths] == ["2018.tif", "2019.tif"]
    (tmp_path / "2019.tif").unlink()
    with pytest.raises(SceneError, match=r"2019\.tif"):
        prepared(land, truth=str(tmp_path / "{year}.tif"))


def test_a_truth_of_another_legend_is_refused(land: dict[str, Any], tmp_path: Path) -> None:
    other = legend("multiyear-9")
    write_map(tmp_path / "t.tif", np.full((EDGE, EDGE), 3, np.uint8), grid_at(EDGE, EDGE), other)
    with pytest.raises(LegendError, match="with the classes of multiyear-9"):
        prepared(land, truth=str(tmp_path / "t.tif"))


def test_ids_that_a_file_declares_as_no_data_are_no_labels(land: dict[str, Any], tmp_path: Path) -> None:
    ids = LEGEND.to_ids(old_map())
    ids[:10] = 99
    write_tile(tmp_path / "old.tif", ids[None], grid_at(EDGE, EDGE), nodata=99)
    found = prepared(land, map=tmp_path / "old.tif")
    assert sum(found.counts) == EDGE * (EDGE - 10)


def test_a_map_of_a_part_of_the_series(land: dict[str, Any], tmp_path: Path) -> None:
    part = LEGEND.to_ids(old_map())[:, :40].copy()
    write_tile(tmp_path / "old.tif", part[None], grid_at(EDGE, 40), nodata=0)
    assert sum(prepared(land, map=tmp_path / "old.tif").counts) == EDGE * 40


@pytest.mark.parametrize("to", ["multiyear-11", "multiyear-9", "simulated-8"])
def test_corine_is_translated_pixel_by_pixel(land: dict[str, Any], tmp_path: Path, to: str) -> None:
    corine = legend("corine-44")
    generator = np.random.default_rng(0)
    indices = generator.integers(0, 44, (EDGE, EDGE)).astype(np.uint8)
    write_tile(tmp_path / "corine.tif", corine.to_ids(indices)[None], grid_at(EDGE, EDGE), nodata=0)
    found = prepared(land, map=tmp_path / "corine.tif", legend="corine-44", to=to, truth=None)
    walk = crosswalk("corine-44", to)
    expected = walk.apply(indices)
    np.testing.assert_array_equal(found.counts, np.bincount(expected[expected != IGNORE], minlength=len(walk.new)))
    np.testing.assert_array_equal(found.map.indices(found.series.grid), expected)
    assert found.legend == walk.new
    assert sum(found.dropped.values()) == (expected == IGNORE).sum()
    assert "Mixed forest" in found.dropped


def test_the_same_legend_needs_no_crosswalk(land: dict[str, Any]) -> None:
    assert prepared(land, to="simulated-8").map.walk is None


def test_a_crosswalk_of_ones_own_stands_before_a_known_one(tmp_path: Path) -> None:
    path = tmp_path / "own.toml"
    path.write_text(
        '[crosswalks.corine-44.multiyear-9]\nsource = "mine"\n[crosswalks.corine-44.multiyear-9.table]\n'
        'Conifers = ["Coniferous forest", "Mixed forest"]\n'
    )
    assert crosswalk("corine-44", "multiyear-9", path).source == "mine"
    assert crosswalk("corine-44", "multiyear-9", path).table["Mixed forest"] == "Conifers"
    # The others are as they were.
    assert crosswalk("corine-44", "multiyear-11", path) == crosswalk("corine-44", "multiyear-11")
    with pytest.raises(LegendError, match="a crosswalk from corine-44 to eurosat") as caught:
        crosswalk("corine-44", "eurosat", path)
    assert "corine-44 to multiyear-9" in caught.value.expected
    path.write_text("[crosswalk]\n")
    with pytest.raises(ConfigError, match="unknown key crosswalk"):
        crosswalk("corine-44", "multiyear-9", path)


def test_bands_without_any_index_are_refused(land: dict[str, Any], tmp_path: Path) -> None:
    series = open_series(land["series"])
    narrow = Series(series.catalog, series.grid, ("B02",), {"sentinel-2-l2a": ("B02",)}, series.scenes)
    write_series(narrow, tmp_path / "narrow.json")
    with pytest.raises(SensorError) as caught:
        prepared(land, series=tmp_path / "narrow.json")
    assert caught.value.given == "bands B02"
    assert "red and near infrared" in caught.value.expected


def test_names_that_mixed_sensors_share_are_roles(land: dict[str, Any], tmp_path: Path) -> None:
    series = open_series(land["series"])
    names = ("blue", "green", "red", "nir", "swir16")
    both = {"sentinel-2-l2a": BANDS, "landsat-8-c2l2": ("SR_B2", "SR_B3", "SR_B4", "SR_B5", "SR_B6")}
    write_series(Series(series.catalog, series.grid, names, both, series.scenes), tmp_path / "mixed.json")
    order = prepared(land, series=tmp_path / "mixed.json").order(tmp_path)
    assert order.roles == {name: place for place, name in enumerate(names)}


@pytest.mark.parametrize(
    ("changes", "key"),
    [
        ({"clusters": 0}, "clusters"),
        ({"keep_share": 1.5}, "keep_share"),
        ({"gap_px": 0}, "gap_px"),
        ({"core_px": 3}, "core_px"),
        ({"trees": 0}, "trees"),
        ({"per_class": 0}, "per_class"),
        ({"cluster": 3}, "clusters"),
    ],
)
def test_values_that_do_not_do(land: dict[str, Any], changes: dict[str, Any], key: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(LabelJob, {**land, **changes}, "a test")
    assert key in f"{caught.value.given} {caught.value.expected}"

"""Labels from an old map: what is wrong is thrown out, and what decides them is said; mistakes are refused."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from tests.mapping.places import grid_at
from tests.series.labelled import CLASSES, DATES, EDGE, LEGEND, label, make_land, old_map, other_legend, truth

from landweave.config import check
from landweave.datasets.points import PARTS, open_points
from landweave.errors import ConfigError, GridError, LegendError, OutputError, SampleError, SeriesError, TaskError
from landweave.legend import IGNORE, crosswalk, legend
from landweave.raster.read import read_map
from landweave.raster.write import write_map, write_tile
from landweave.series.label import PURITY, folder_of
from landweave.series.labelplan import LabelJob, prepare
from landweave.series.plan import open_series, write_series
from landweave.series.purity import lines, read_purity


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    return make_land(tmp_path_factory.mktemp("land"))


@pytest.fixture(scope="module")
def out(land: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("out") / "samples.h5"
    label(land, path)
    return path


def test_wrong_labels_are_thrown_out(land: dict[str, Any], out: Path) -> None:
    report = read_purity(folder_of(out) / PURITY)
    thrown = report["thrown_out"]
    assert thrown["wrong"] == pytest.approx((old_map() != truth()).mean())
    assert 0.07 < thrown["wrong"] < 0.15
    assert thrown["recall"] > 0.97
    assert thrown["precision"] > 0.5
    assert thrown["wrong_left"] < 0.005
    points = open_points(out)
    where = ((points.y - land_top(land)) / -10).astype(int), ((points.x - land_left(land)) / 10).astype(int)
    assert (truth()[where] == points.label).mean() > 0.995


def land_top(land: dict[str, Any]) -> float:
    return open_series(land["series"]).grid.affine.f


def land_left(land: dict[str, Any]) -> float:
    return open_series(land["series"]).grid.affine.c


def test_thrown_out_by_hand(out: Path) -> None:
    stable, _ = read_map(folder_of(out) / "stable.tif")
    kept = LEGEND.to_indices(stable) != IGNORE
    wrong = old_map() != truth()
    thrown = read_purity(folder_of(out) / PURITY)["thrown_out"]
    assert thrown["precision"] == pytest.approx((wrong & ~kept).sum() / (~kept).sum())
    assert thrown["recall"] == pytest.approx((wrong & ~kept).sum() / wrong.sum())
    assert thrown["wrong_left"] == pytest.approx((wrong & kept).sum() / kept.sum())
    # What is stable has the label of the old map.
    np.testing.assert_array_equal(LEGEND.to_indices(stable)[kept], old_map()[kept])


def test_points_are_of_every_year_and_on_separate_land(land: dict[str, Any], out: Path) -> None:
    points = open_points(out)
    assert set(points.year.tolist()) == {2018, 2019}
    one, other = (points.take(points.year == year) for year in (2018, 2019))
    np.testing.assert_array_equal(one.x, other.x)
    np.testing.assert_array_equal(one.label, other.label)
    assert points.values.shape[1:] == (3, 5)
    assert str(np.datetime64(int(other.days[0, 0]), "D")) == "2019-04-03"
    for part in PARTS:
        mine, rest = points.of_part(part), np.flatnonzero(points.part != PARTS.index(part))
        # At least the gap of two pixels lies between them.
        apart = np.maximum(abs(points.x[mine, None] - points.x[rest]), abs(points.y[mine, None] - points.y[rest]))
        assert apart.min() > 20
    assert points.legend.names == LEGEND.names
    assert (points.sensor, points.bands[0], points.pixel_size_m) == ("sentinel-2-l2a", "B02", 10)


def test_the_report_counts_every_class(land: dict[str, Any], out: Path) -> None:
    report = read_purity(folder_of(out) / PURITY)
    assert {entry["name"] for entry in report["classes"]} == set(CLASSES)
    for entry in report["classes"]:
        index = LEGEND.index(entry["name"])
        assert entry["map_px"] == (old_map() == index).sum()
        assert entry["stable_px"] <= min(entry["agreed_px"].values())
        assert entry["kept"]["2018"] <= entry["candidates"]["2018"] <= entry["map_px"]
        assert entry["truth"]["wrong_px"] == ((old_map() == index) & (truth() != index)).sum()
        assert sum(entry["points"].values()) == (open_points(out).label == index).sum()
    assert report["absent"] == []
    assert report["dropped"] == {}
    shown = "\n".join(lines(report))
    assert "Coniferous forest" in shown
    assert "of the labels" in shown
    assert "different numbers" not in shown


def test_the_same_command_again_changes_nothing_and_another_is_refused(land: dict[str, Any], out: Path) -> None:
    before, ledger = out.read_bytes(), (folder_of(out) / "ledger.jsonl").read_bytes()
    label(land, out)
    assert out.read_bytes() == before
    assert (folder_of(out) / "ledger.jsonl").read_bytes() == ledger
    with pytest.raises(OutputError, match="clusters was 10, is now 2") as caught:
        label(land, out, clusters=2)
    assert caught.value.do
    record = json.loads((folder_of(out) / "job.json").read_text())
    assert record["kind"] == "labels"


def test_points_of_the_whole_series_and_of_each_class_alike(land: dict[str, Any], tmp_path: Path) -> None:
    label(land, tmp_path / "s.h5", per="series", per_class=50)
    points = open_points(tmp_path / "s.h5")
    assert points.values.shape[1:] == (6, 5)
    assert set(points.year.tolist()) == {2019}
    counts = np.bincount(points.label, minlength=8)
    assert counts[counts > 0].max() <= 50
    assert counts[LEGEND.index("Cropland")] == 50


def test_the_dominant_cluster_alone_throws_out_more(land: dict[str, Any], out: Path, tmp_path: Path) -> None:
    label(land, tmp_path / "d.h5", keep_share=0, clusters=3)
    alone, usual = (read_purity(folder_of(path) / PURITY) for path in (tmp_path / "d.h5", out))
    for one, other in zip(alone["classes"], usual["classes"], strict=True):
        assert sum(one["kept"].values()) < sum(other["kept"].values())


def test_pixels_under_clouds_all_year_are_counted_and_never_stable(tmp_path: Path) -> None:
    # With one date in 2018, its cloud is that of the whole year.
    land = make_land(tmp_path, (DATES[0], *DATES[3:]))
    label(land, tmp_path / "samples.h5")
    report = read_purity(folder_of(tmp_path / "samples.h5") / PURITY)
    assert report["cloudy_px"] == {"2018": 64, "2019": 0}
    shown = "\n".join(lines(report))
    assert "pixels under clouds the whole year: 2018: 64" in shown
    assert "years have different numbers of scenes (2018: 1, 2019: 3)" in shown
    stable, _ = read_map(folder_of(tmp_path / "samples.h5") / "stable.tif")
    assert not stable[:8, :8].any()
    assert open_points(tmp_path / "samples.h5").values.shape[1] == 3


def test_a_class_that_nobody_saw_in_a_year_is_named(tmp_path: Path) -> None:
    land = make_land(tmp_path, (DATES[0], *DATES[3:]))
    indices = np.where(truth() == LEGEND.index("Water"), LEGEND.index("Cropland"), truth())
    indices[:6, :6] = LEGEND.index("Shrubland")
    write_map(tmp_path / "old.tif", LEGEND.to_ids(indices), grid_at(EDGE, EDGE), LEGEND)
    label(land, tmp_path / "samples.h5", truth=None)
    report = read_purity(folder_of(tmp_path / "samples.h5") / PURITY)
    assert report["absent"] == ["Shrubland"]
    assert "absent in a year, therefore never stable: Shrubland" in "\n".join(lines(report))
    assert "thrown_out" not in report
    entry = next(entry for entry in report["classes"] if entry["name"] == "Shrubland")
    assert entry["stable_px"] == 0


def refused(land: dict[str, Any], kind: type[Exception], given: str, **changes: Any) -> Any:
    with pytest.raises(kind, match=given) as caught:
        prepare(check(LabelJob, {**land, **changes}, "a test"))
    assert caught.value.expected  # type: ignore[attr-defined]
    assert caught.value.do  # type: ignore[attr-defined]
    return caught.value


def write_old(land: dict[str, Any], folder: Path, ids: np.ndarray, grid: GeoBox) -> Path:
    write_tile(folder / "bare.tif", ids[None], grid, nodata=0)
    return folder / "bare.tif"


def test_maps_of_another_legend_are_refused(land: dict[str, Any], tmp_path: Path) -> None:
    grid, ids = grid_at(EDGE, EDGE), LEGEND.to_ids(old_map())
    error = refused(land, LegendError, "with the classes of simulated-8", legend="multiyear-9")
    assert "those of multiyear-9" in error.expected
    write_map(tmp_path / "named.tif", ids, grid, other_legend())
    refused(land, LegendError, "Built-up of old", map=tmp_path / "named.tif")
    # A file that tells nothing is believed, but for ids that are none.
    foreign = np.where(ids == 8, np.uint8(77), ids)
    refused(land, LegendError, r"ids \[77\]", map=write_old(land, tmp_path, foreign, grid))
    refused(land, LegendError, "legend simulated-88", legend="simulated-88")
    refused(land, LegendError, "a crosswalk from simulated-8", to="worldcover")
    assert prepare(check(LabelJob, {**land, "legend": None}, "a test")).legend.names == LEGEND.names


def test_maps_with_other_pixels_are_refused_or_resampled(land: dict[str, Any], tmp_path: Path) -> None:
    coarse = write_old(land, tmp_path, LEGEND.to_ids(truth())[::4, ::4].copy(), grid_at(EDGE, EDGE).zoom_out(4))
    error = refused(land, GridError, "pixels of 40 x 40", map=coarse)
    assert "--resample" in error.do
    found = prepare(check(LabelJob, {**land, "map": coarse, "resample": True}, "a test"))
    assert sum(found.counts) == EDGE * EDGE
    (tmp_path / "far").mkdir()
    far = write_old(land, tmp_path / "far", LEGEND.to_ids(truth()), grid_at(EDGE, EDGE, row=500))
    refused(land, GridError, "without a labelled pixel", map=far)


def test_maps_of_one_class_are_refused(land: dict[str, Any], tmp_path: Path) -> None:
    one = write_old(land, tmp_path, np.full((EDGE, EDGE), 2, np.uint8), grid_at(EDGE, EDGE))
    refused(land, SampleError, "with 1 classes of simulated-8", map=one)


def test_a_map_with_which_nothing_agrees_is_told(land: dict[str, Any], tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(1, 9, (EDGE, EDGE)).astype(np.uint8)
    bad = write_old(land, tmp_path, noise, grid_at(EDGE, EDGE))
    with pytest.raises(SampleError, match="no pixel agrees") as caught:
        label(land, tmp_path / "samples.h5", map=bad, truth=None, block_px=1, gap_px=31)
    assert caught.value.do


def test_series_that_cannot_be_labelled_are_refused(land: dict[str, Any], tmp_path: Path) -> None:
    series = open_series(land["series"])
    write_series(replace(series, unit="digital_number"), tmp_path / "raw.json")
    refused(land, SeriesError, "a series of digital_number", series=tmp_path / "raw.json")
    with pytest.raises(ConfigError, match="pers"):
        check(LabelJob, {**land, "pers": "year"}, "a test")
    with pytest.raises(ConfigError, match="per ="):
        check(LabelJob, {**land, "per": "day"}, "a test")


CROSSWALK = """
[legends.two]
source = "a test"
classes = [{ id = 1, name = "Wet", color = "#0000ff" }, { id = 2, name = "Green", color = "#00ff00" }]
[crosswalks.simulated-8.two]
source = "a test"
[crosswalks.simulated-8.two.table]
Wet = ["Water"]
Green = ["Coniferous forest"]
"""


def test_crosswalks_of_ones_own(land: dict[str, Any], tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text(CROSSWALK)
    label(land, tmp_path / "samples.h5", legends=tmp_path / "own.toml", to="two", truth=None)
    points = open_points(tmp_path / "samples.h5")
    assert points.legend.names == ("Wet", "Green")
    report = read_purity(folder_of(tmp_path / "samples.h5") / PURITY)
    assert report["dropped"] == {"Cropland": int((old_map() == LEGEND.index("Cropland")).sum())}
    assert "classes without a counterpart: Cropland" in "\n".join(lines(report))


@pytest.mark.parametrize("to", ["multiyear-11", "multiyear-9", "simulated-8"])
def test_corine_leads_to_the_legends_of_the_papers(to: str) -> None:
    walk = crosswalk("corine-44", to)
    wanted = legend(to)
    assert set(walk.table.values()) <= set(wanted.names)
    # Every class of the new legend has a source in CORINE, but for those that it does not tell apart.
    assert set(wanted.names) - set(walk.table.values()) <= {"Mineral"}
    assert walk.table["Coniferous forest"] in ("Conifers", "Coniferous forest")
    assert "Mixed forest" not in walk.table


def test_reports_of_another_kind_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="No such file"):
        read_purity(tmp_path / "purity.json")
    (tmp_path / "purity.json").write_text('{"format": 2}')
    with pytest.raises(OutputError, match="of format 2") as caught:
        read_purity(tmp_path / "purity.json")
    assert caught.value.do


def test_where_every_block_fails_the_cause_is_told(tmp_path: Path) -> None:
    land = make_land(tmp_path)
    (tmp_path / "s2.tif").write_bytes(b"torn")
    with pytest.raises(TaskError) as caught:
        label(land, tmp_path / "samples.h5")
    assert "every block failed" in caught.value.given
    assert "s2" in caught.value.given
    assert caught.value.expected
    assert "--retry-failed" in caught.value.do
    assert not (tmp_path / "samples.h5").exists()

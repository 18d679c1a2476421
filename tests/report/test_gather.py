"""From folders to material: a small map with its truth, its evaluation, its job and its catalog."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.report.test_judged import content
from tests.report.test_pictures import LEGEND, make_place
from tests.report.test_runs import write_run

from landweave.raster.catalog import write_catalog
from landweave.raster.files import grid_of
from landweave.raster.write import write_mosaic
from landweave.report import maps
from landweave.report.find import find
from landweave.report.gather import gather
from landweave.report.page import render

SUMMARY: dict[str, Any] = {
    "format": 1,
    "kind": "map",
    "seconds": 4.0,
    "workers": 2,
    "network": "unet",
    "tiles": 4,
    "core_px": 1024,
    "margin_px": 96,
    "written_px": 2_000_000,
    "seen_per_written": 1.25,
    "mpx_per_s": 0.5,
    "km2_per_s": 50.0,
    "phases_s": {"read": 1.0, "wait": 9.0, "compute": 3.0},
    "compute_share": 0.75,
    "bf16": {"compared_px": 1_000, "changed_px": 2, "changed_share": 0.002},
    "precision": "bf16",
    "tiles_missing": [],
}


def item() -> dict[str, Any]:
    classes = [{"value": c.id, "title": c.name, "color_hint": c.color[1:].upper()} for c in LEGEND.classes]
    nodata = {"value": 0, "title": "No data", "color_hint": "000000", "nodata": True}
    return {
        "properties": {"landweave:legend": LEGEND.name, "landweave:scenes": ["SIMULATED_S2"]},
        "assets": {"map": {"classification:classes": [*classes, nodata]}},
    }


def write_json(path: Path, value: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "map").mkdir()
    place = make_place(tmp_path / "map", 64, 64)
    assert place.scene
    write_catalog([place.scene], tmp_path / "catalog.parquet")
    write_json(tmp_path / "map" / "map.json", item())
    write_json(tmp_path / "map" / "summary.json", SUMMARY)
    write_json(tmp_path / "map" / "job.json", {"format": 1, "configuration": {"core_px": 1024}, "versions": {"a": "1"}})
    told = {"map": str(place.map), "truth": "../map/truth.tif"}
    judged = {**content({"value": 0.93, "low": 0.92, "high": 0.94}), "configuration": told}
    write_json(tmp_path / "evaluation" / "evaluation.json", judged)
    worse = {**content(0.8), "name": "", "configuration": {"map": str(tmp_path / "gone" / "map.tif")}}
    write_json(tmp_path / "other" / "evaluation.json", worse)
    write_run(tmp_path)
    return tmp_path


def test_everything_is_gathered(folder: Path) -> None:
    material = gather([folder], "A map")
    assert [judgement.name for judgement in material.judgements] == ["U-Net", "other"]
    assert [picture.caption.split(":")[0] for picture in material.rows[0].pictures][1:] == [
        "Map",
        "Truth",
        "Where they differ",
    ]
    assert sum(share for _, share in material.shares) == pytest.approx(1)
    assert [run.name for run in material.runs] == ["U-Net"]
    assert material.versions == {"a": "1"}
    assert material.records["Map job (map/job.json)"] == {"core_px": 1024}
    assert folder / "map" / "map.tif" in material.files
    assert material.unread == ()


def test_what_is_gathered_can_be_shown(folder: Path) -> None:
    text = render(gather([folder], "A map"), folder)
    for shown in ("93.0 %", "2.00 Mpx", "map/map.tif", "Coniferous forest", "A map"):
        assert shown in text


def test_another_can_come_first(folder: Path) -> None:
    assert gather([folder], "A map", "other").judgements[0].name == "other"


def test_a_map_without_evaluation_is_shown_alone(folder: Path) -> None:
    material = gather([folder / "map", folder / "catalog.parquet"], "A map")
    assert len(material.rows[0].pictures) == 2
    assert material.judgements == ()


def test_a_map_without_its_item_is_told(folder: Path) -> None:
    (folder / "map" / "map.json").unlink()
    material = gather([folder / "map"], "A map")
    assert material.rows == ()
    assert any("map.json" in line for line in material.unread)


def test_a_truth_that_is_gone_is_told(folder: Path) -> None:
    (folder / "map" / "truth.tif").unlink()
    material = gather([folder], "A map")
    assert [picture.caption for picture in material.rows[0].pictures][1:] == ["Map"]
    assert any("truth.tif" in line for line in material.unread)


def test_a_damaged_catalog_is_told(folder: Path) -> None:
    (folder / "catalog.parquet").write_bytes(b"PAR1")
    assert any("catalog.parquet" in line for line in gather([folder], "A map").unread)


def test_a_scene_beside_its_sign_is_simulated(folder: Path) -> None:
    (folder / "SIMULATED.txt").write_text("simulated")
    caption = gather([folder], "A map").rows[0].pictures[0].caption
    assert caption.startswith("Simulated: ")


def test_a_job_says_how_it_went(folder: Path) -> None:
    (job,) = maps.jobs(find([folder / "map"]))
    assert job.name == "U-Net (map/)"
    assert job.facts["Mapped"] == "2.00 Mpx (200 km²)"
    assert job.facts["Time"] == "4.0 s with 2 workers"
    assert "0.20%" in job.facts["Precision"]
    assert job.phases == {"read": 1.0, "compute": 3.0}


def test_tiles_that_were_set_aside_are_named(folder: Path) -> None:
    write_json(folder / "map" / "summary.json", {**SUMMARY, "tiles_missing": ["r00000c00001"], "bf16": None})
    (job,) = maps.jobs(find([folder / "map"]))
    assert job.facts["Set aside"] == "r00000c00001"
    assert job.facts["Precision"] == "bf16"


def test_throughput_lost_scenes_and_drift_are_told(folder: Path) -> None:
    route = {"tiles_far": 3, "far_share": 0.75, "has_drifted": True}
    rates = {"tiles_per_s": 1.5, "read_gb_per_s": 0.25, "written_gb_per_s": 0.0125, "device_busy_share": 0.8}
    told = {**SUMMARY, **rates, "route": route, "scenes_lost": {"bad": "bad.tif, which cannot be read"}}
    write_json(folder / "map" / "summary.json", told)
    (job,) = maps.jobs(find([folder / "map"]))
    assert job.facts["Throughput"] == "1.50 tiles/s, read 0.250 GB/s, written 0.013 GB/s"
    assert job.facts["Device"] == "busy 80 % of the time"
    assert job.facts["Not mapped everywhere"] == "bad: bad.tif, which cannot be read"
    assert job.facts["Far from every bucket"] == "3 tiles (75.0%), the imagery has drifted"


def test_a_map_in_sheets_is_shown_like_any_other(folder: Path) -> None:
    """The small file that names the sheets takes the place of the one file."""
    one = gather([folder / "map"], "A map").rows[0].pictures[0]
    (folder / "map" / "sheets").mkdir()
    (folder / "map" / "map.tif").rename(folder / "map" / "sheets" / "map-r000c000.tif")
    path = folder / "map" / "map.vrt"
    sheet = path.parent / "sheets" / "map-r000c000.tif"
    write_mosaic(path, [sheet], grid_of(str(sheet)), nodata=0)
    shown = gather([folder / "map"], "A map")
    assert (shown.rows[0].pictures[0].pixels == one.pixels).all()
    assert path in shown.files


def test_the_page_is_the_same_whoever_wrote_the_paths(folder: Path) -> None:
    """A relative path counts from the evaluation's folder where it leads nowhere from here."""
    assert np.asarray(gather([folder], "A map").rows[0].pictures[2].pixels).any()

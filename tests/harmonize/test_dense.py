"""Dense series of measured and made scenes, and crops classified by them."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path

import numpy as np
import pytest
from tests.harmonize import making
from tests.harmonize.making import DAY, L8, scene

from landweave.errors import CatalogError, LandweaveError, SampleError, SensorError
from landweave.evaluation.result import read_evaluation
from landweave.harmonize.crops import CropsJob, filled, run
from landweave.harmonize.merge import MergeJob, merge
from landweave.harmonize.merge import run as merge_files
from landweave.raster.catalog import read_catalog, write_catalog
from landweave.raster.scene import Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor


def day(number: int) -> dt.date:
    return DAY + dt.timedelta(number)


def dated(name: str, number: int, cloud: float = 0.0, id: str = "") -> Scene:
    known = sensor(name)
    time = dt.datetime.combine(day(number), dt.time(10), dt.UTC)
    return Scene(id or f"{name}-{number}", known, time, making.grid(30, (4, 4)), {}, cloud_cover=cloud)


LIKE = "landsat-8-like"


@pytest.mark.parametrize(
    ("measured", "made", "told"),
    [
        ([0, 16], [8], [f"{L8}-0", f"{LIKE}-8", f"{L8}-16"]),
        ([0, 16], [1, 17], [f"{L8}-0", f"{L8}-16"]),
        ([0], [2], [f"{L8}-0", f"{LIKE}-2"]),
        ([], [3, 1], [f"{LIKE}-1", f"{LIKE}-3"]),
    ],
)
def test_made_scenes_fill_days_that_were_not_measured(measured: list[int], made: list[int], told: list[str]) -> None:
    found = merge([dated(L8, n) for n in measured], [dated(LIKE, n) for n in made], 1, 0.3)
    assert [one.id for one in found.scenes] == told
    assert len(found.scenes) + sum(found.left.values()) == len(measured) + len(made)


def test_clouds_are_left_away_and_the_clearest_of_a_day_is_taken() -> None:
    made = [dated(LIKE, 3, 20, "hazy"), dated(LIKE, 3, 2, "clear"), dated(LIKE, 5, 60, "white")]
    found = merge([dated(L8, 3, 80)], made, 1, 0.3)
    assert [one.id for one in found.scenes] == ["clear"]
    assert found.left == {"more clouds than asked for": 2, "measured, or made clearer, within the days": 1}
    with pytest.raises(CatalogError, match="more than 30% clouds"):
        merge([dated(L8, 3, 80)], [], 1, 0.3)


def season(folder: Path) -> tuple[Path, Path]:
    """Three dates of Landsat on which four crops in fields of 240 m differ, and a map of them."""
    kinds = np.random.default_rng(1).integers(1, 5, (12, 12)).repeat(24, 0).repeat(24, 1).astype(np.uint8)
    looks = np.array([[0, 0.1, 0.1, 0.3, 0.3], [0, 0.2, 0.2, 0.2, 0.2], [0, 0.1, 0.3, 0.1, 0.3]])
    noise = np.random.default_rng(2).normal(0, 0.01, (3, *kinds.shape))
    cloud = [(slice(0, 30), slice(0, 30), 1 << 3)]
    scenes = [
        scene(folder, L8, values=np.asarray(looks[n][kinds] + noise[n], np.float32), day=day(16 * n),
              mask=cloud if n == 1 else ())
        for n in range(3)
    ]  # fmt: skip
    write_catalog(scenes, folder / "catalog.parquet")
    write_tile(folder / "truth.tif", kinds[None], making.grid(10, kinds.shape))
    return folder / "catalog.parquet", folder / "truth.tif"


def crops(folder: Path, **more: object) -> CropsJob:
    catalog, truth = season(folder)
    values = {"catalog": catalog, "truth": truth, "legend": "simulated-crops", "per_class": 30, "folds": 3}
    values |= {"gammas": (1.0,), "strengths": (1.0, 10.0), **more}
    return CropsJob(**values)  # type: ignore[arg-type]


def test_crops_are_told_by_how_they_change(tmp_path: Path) -> None:
    list(run(crops(tmp_path), tmp_path / "out"))
    told = read_evaluation(tmp_path / "out")
    assert told["overall"]["value"] > 0.95 and told["counts"]["dates"] == 3
    assert "C 1" in told["note"] and "blocks apart" in told["note"]
    by_name = {entry["name"]: entry for entry in told["classes"]}
    assert by_name["Wheat"]["users"]["value"] > 0.9 and by_name["Wheat"]["f1"] > 0.9
    assert by_name["Potato"]["num_truth"] == 0
    # With the one date on which all look alike nothing can be told.
    (first, second, _) = read_catalog(tmp_path / "catalog.parquet")
    write_catalog([second], tmp_path / "one.parquet")
    list(run(crops(tmp_path, catalog=tmp_path / "one.parquet", model="linear"), tmp_path / "one"))
    assert read_evaluation(tmp_path / "one")["overall"]["value"] < 0.5
    assert first.id != second.id


def test_dates_under_clouds_lie_between_their_neighbours() -> None:
    values = np.arange(8, dtype=np.float32).reshape(4, 2, 1) ** 2
    valid = np.array([[1, 0], [0, 0], [1, 0], [0, 0]], bool)
    found = filled(values, valid)
    np.testing.assert_allclose(found[0], [0, 8, 16, 16])
    assert found.shape == (2, 4)


def test_what_gives_no_crops_is_refused(tmp_path: Path) -> None:
    kinds: list[tuple[type[LandweaveError], str, dict[str, object]]] = [
        (SampleError, "blocks", {"block_px": 500}),
        (SensorError, "without rededge1", {"bands": "rededge1,red"}),
    ]
    for number, (kind, words, more) in enumerate(kinds):
        with pytest.raises(LandweaveError, match=words) as caught:
            list(run(crops(tmp_path, **more), tmp_path / f"out{number}"))
        assert kind is SampleError or isinstance(caught.value, kind)


def test_a_dense_catalog_is_written_with_its_record(tmp_path: Path) -> None:
    season(tmp_path)
    own = read_catalog(tmp_path / "catalog.parquet")
    like = dataclasses.replace(own[0], id="made", sensor=sensor(LIKE), datetime=own[0].datetime + dt.timedelta(8))
    write_catalog([like], tmp_path / "made.parquet")
    job = MergeJob(measured=tmp_path / "catalog.parquet", made=tmp_path / "made.parquet")
    found = merge_files(job, tmp_path / "dense.parquet")
    assert [one.id for one in read_catalog(tmp_path / "dense.parquet")] == [one.id for one in found.scenes]
    assert [one.id for one in found.scenes][1] == "made" and len(found.scenes) == 4
    assert json.loads((tmp_path / "dense.parquet.json").read_text())["configuration"]["left"] == {}
    only = merge_files(job.model_copy(update={"only_made": True}), tmp_path / "only.parquet")
    assert [one.id for one in only.scenes] == ["made"]
    with pytest.raises(CatalogError, match="without a scene of landsat-8-like"):
        merge_files(job.model_copy(update={"made": tmp_path / "catalog.parquet"}), tmp_path / "x.parquet")

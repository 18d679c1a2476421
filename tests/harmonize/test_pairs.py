"""Pairs: which scenes go together, what is cut of them, and what is refused before anything is cut."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.harmonize import making
from tests.harmonize.making import DAY, L8, S2, catalog, job, scene

from landweave.errors import (
    CatalogError,
    ConfigError,
    GridError,
    LandweaveError,
    SceneError,
    SensorError,
    TaskError,
)
from landweave.harmonize.match import Wish, find
from landweave.harmonize.pairs import PairsJob, plan, prepare, run, shape
from landweave.harmonize.views import Sizes
from landweave.jobs.serial import Serial
from landweave.patches.archive import Archive, open_archive
from landweave.sensors import known_sensors

SIZES = Sizes({10: ("B02", "B03", "B04", "B08"), 20: ("B11", "B12")}, 30)


def cut(folder: Path, wanted: PairsJob) -> Archive:
    for _ in run(wanted, folder, Serial()):
        pass
    return open_archive(folder)


@pytest.fixture(scope="module")
def clear(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Archive]:
    folder = tmp_path_factory.mktemp("pairs")
    return folder, cut(folder / "pairs", job(catalog(folder), saturate=(0, 100)))


def test_patches_hold_what_both_sensors_see_of_one_place(clear: tuple[Path, Archive]) -> None:
    _, made = clear
    assert len(made) == 25 and made.layout.pair is not None
    arrays, first = made.batch([7]), made.table().iloc[7]
    fine = made.layout.views[0].to_physical(arrays["data_10m"])[0]
    coarse = made.layout.views[1].to_physical(arrays["data_20m"])[0]
    other = made.layout.pair.to_physical(arrays["target_30m"])[0]
    assert (fine.shape, coarse.shape, other.shape) == ((4, 48, 48), (2, 24, 24), (6, 16, 16))
    row, col = (round((making.CORNER[1] - first["top"]) / 10), round((first["left"] - making.CORNER[0]) / 10))
    seen = making.land()[row : row + 48, col : col + 48]
    np.testing.assert_allclose(fine[0], seen, atol=2e-4)
    np.testing.assert_allclose(coarse[0], making.means(seen, 2) * 1.2, atol=2e-4)
    np.testing.assert_allclose(other[3], making.means(seen, 3) * 1.15, atol=2e-4)
    assert arrays["valid"].all() and arrays["valid"].shape == (1, 16, 16)
    told = made.manifest["configuration"]["pairs"][0]
    assert told["days"] == 0 and abs(told["offset"]["row_px"]) < 0.1 and told["valid_share"] == 1


def test_the_same_job_goes_on_and_gives_the_same_bytes(clear: tuple[Path, Archive], tmp_path: Path) -> None:
    folder, made = clear
    again = cut(tmp_path / "again", job(folder / "catalog.parquet", saturate=(0, 100)))
    assert [shard.sha256 for shard in again.shards] == [shard.sha256 for shard in made.shards]
    records = list(run(job(folder / "catalog.parquet", saturate=(0, 100)), folder / "pairs", Serial()))
    assert [(record.phase, record.done) for record in records] == [("look", 1), ("patch", 1), ("index", 1)]


def test_patches_overlap_within_blocks_alone(tmp_path: Path) -> None:
    wanted = job(catalog(tmp_path), block_patches=2)
    (_, cuts), *_ = plan(wanted, prepare(wanted).pairs, SIZES)
    # The third block is cut off by the end of the scene: two patches fit along its edge.
    assert len(cuts) == (3 + 3 + 2) ** 2 and len({one.block for one in cuts}) == 9
    first = [one.window for one in cuts if one.block == cuts[0].block]
    assert {(window.row - first[0].row, window.col - first[0].col) for window in first} == {
        (row, col) for row in (0, 8, 16) for col in (0, 8, 16)
    }


def test_values_end_at_percentiles_of_their_scene(tmp_path: Path) -> None:
    made = cut(tmp_path / "pairs", job(catalog(tmp_path), saturate=(10, 90)))
    limits = made.manifest["configuration"]["pairs"][0]["limits"]
    low, high = np.percentile(making.land()[: 96 * 3, : 96 * 3], [10, 90], method="inverted_cdf")
    assert limits["B02"] == pytest.approx([low, high], abs=2e-4)
    fine = made.layout.views[0].to_physical(made.batch(range(len(made)))["data_10m"])[:, 0]
    assert (fine.min(), fine.max()) == pytest.approx(limits["B02"], abs=2e-4)


def test_clouds_and_snow_of_either_sensor_are_left_away(tmp_path: Path) -> None:
    first = scene(tmp_path, S2, mask=[(slice(0, 24), slice(0, 24), 9), (slice(120, 144), slice(120, 144), 11)])
    second = scene(tmp_path, L8, mask=[(slice(0, 16), slice(80, 96), 1 << 3), (slice(80, 96), slice(0, 16), 1 << 5)])
    made = cut(tmp_path / "pairs", job(catalog(tmp_path, first, second), min_valid=0.9))
    assert made.manifest["left"]["left: too many clouds, too much snow or too few pixels"] == 4
    lost = cut(tmp_path / "all", job(tmp_path / "catalog.parquet", min_valid=0.1))
    valid = lost.batch(range(len(lost)))
    assert not valid["data_10m"].transpose(1, 0, 2, 3)[:, ~lost.layout.finest(valid["valid"])].any()
    assert not valid["target_30m"].transpose(1, 0, 2, 3)[:, ~valid["valid"]].any()


@pytest.mark.parametrize("by_m", [(12.0, -21.0), (-45.0, 30.0)])
def test_an_offset_is_told_and_mended_when_asked_for(tmp_path: Path, by_m: tuple[float, float]) -> None:
    # Landsat says that it lies further down and to the right by this much than it does.
    corner = (making.CORNER[0] + by_m[1], making.CORNER[1] - by_m[0])
    path = catalog(tmp_path, scene(tmp_path, S2), scene(tmp_path, L8, corner=corner))
    made = cut(tmp_path / "moved", job(path, correct=True, saturate=(0, 100)))
    told = made.manifest["configuration"]["pairs"][0]["offset"]
    assert (told["row_px"] * 30, told["col_px"] * 30) == pytest.approx(by_m, abs=3)
    arrays, first = made.batch([7]), made.table().iloc[7]
    row, col = (round((making.CORNER[1] - first["top"]) / 10), round((first["left"] - making.CORNER[0]) / 10))
    other = made.layout.pair.to_physical(arrays["target_30m"])[0, 0]  # type: ignore[union-attr]
    np.testing.assert_allclose(other, making.means(making.land()[row : row + 48, col : col + 48], 3), atol=2e-4)
    if max(map(abs, by_m)) > 30:
        with pytest.raises(GridError) as caught:
            cut(tmp_path / "refused", job(path))
        assert "pixels off each other" in caught.value.given and "--correct" in caught.value.do


def test_days_for_test_alone_lie_on_blocks_of_test_alone(tmp_path: Path) -> None:
    later = DAY + dt.timedelta(16)
    scenes = [scene(tmp_path, name, day=day) for name in (S2, L8) for day in (DAY, later)]
    wanted = job(catalog(tmp_path, *scenes), test_days=str(later))
    cuts = {pair.target.datetime.date(): row for pair, row in plan(wanted, prepare(wanted).pairs, SIZES)}
    assert {one.split for one in cuts[DAY]} == {"train", "validation"}
    assert {one.split for one in cuts[later]} == {"test"}
    assert not {one.block for one in cuts[DAY]} & {one.block for one in cuts[later]}
    with pytest.raises(ConfigError, match="test_days with 2019-01-01"):
        plan(job(wanted.scenes, test_days="2019-01-01"), prepare(wanted).pairs, SIZES)


def names(folder: Path, *scenes: Any, days: int = 1, cloud: float = 0.3) -> list[tuple[str, str]]:
    found, _ = find(scenes, Wish(S2, L8, days, cloud), SIZES)
    return [(pair.source.id, pair.target.id) for pair in found]


def test_the_nearest_day_is_taken_then_the_clearest(tmp_path: Path) -> None:
    target = scene(tmp_path, L8)
    same, next_day = scene(tmp_path, S2), scene(tmp_path, S2, day=DAY + dt.timedelta(1), id="next")
    clearer = scene(tmp_path, S2, cloud=1, id="clearer")
    assert names(tmp_path, target, same, next_day) == [(same.id, target.id)]
    assert names(tmp_path, target, next_day) == [("next", target.id)]
    assert names(tmp_path, target, same, clearer) == [("clearer", target.id)]
    found, left = find([target, same, scene(tmp_path, S2, cloud=80, id="white")], Wish(S2, L8, 1, 0.3), SIZES)
    assert len(found) == 1 and left == {"more clouds than asked for": 1}


def refusals(folder: Path) -> dict[str, tuple[type[LandweaveError], str, str, list[Any], dict[str, Any]]]:
    s2, l8 = scene(folder, S2), scene(folder, L8)
    late = scene(folder, L8, day=DAY + dt.timedelta(5), id="late")
    far = scene(folder, L8, corner=(900_000, 5_300_040), id="far")
    white = scene(folder, L8, cloud=70, id="white")
    hidden = scene(folder, L8, mask=[(slice(None), slice(None), 1 << 3)], id="hidden")
    files = {name: dataclasses.replace(file, scale=1.0, offset=0.0) for name, file in l8.files.items()}
    raw = dataclasses.replace(l8, files=files, id="raw")
    return {
        "days": (CatalogError, "at least 5 days apart", "--days", [s2, late], {}),
        "apart": (GridError, "share no land", "same land", [s2, far], {}),
        "clouds": (CatalogError, "70 % clouds", "--cloud", [s2, white], {}),
        "hidden": (SceneError, "without a pixel that is valid", "clearer", [s2, hidden], {}),
        "one sensor": (SensorError, f"without a scene of {L8}", "catalog", [s2], {}),
        "bands": (SensorError, "band B99", "name a band", [s2, l8], {"bands": ("B99", *making.SOURCE[1:])}),
        "units": (SensorError, "several pixel sizes or units", "choose", [s2, l8],
                  {"target_bands": (*making.TARGET[:5], "ST_B10")}),
        "size": (ConfigError, "patches of 17 pixels", "choose other sizes", [s2, l8], {"patch_px": 17}),
        "numbers": (TaskError, "looks like digital numbers", "mend the cause", [s2, raw], {}),
    }  # fmt: skip


@pytest.mark.parametrize(
    "what", ["days", "apart", "clouds", "hidden", "one sensor", "bands", "units", "size", "numbers"]
)
def test_what_makes_no_pairs_is_refused(what: str, tmp_path: Path) -> None:
    kind, given, do, scenes, more = refusals(tmp_path)[what]
    with pytest.raises(kind) as caught:
        cut(tmp_path / "pairs", job(catalog(tmp_path, *scenes), **more))
    assert given in caught.value.given
    assert do in caught.value.do
    assert caught.value.expected


def test_a_pair_that_cannot_be_read_is_set_aside_and_the_others_are_cut(tmp_path: Path) -> None:
    later = DAY + dt.timedelta(16)
    scenes = [scene(tmp_path, name, day=day) for name in (S2, L8) for day in (DAY, later)]
    path = catalog(tmp_path, *scenes)
    Path(scenes[3].files["SR_B5"].href).write_bytes(b"cut short")
    failed = [record.failed for record in run(job(path), tmp_path / "pairs", Serial()) if record.failed]
    assert len(failed) == 1 and "SR_B5" in failed[0]
    manifest = json.loads((tmp_path / "pairs" / "archive.json").read_text())
    assert len(manifest["configuration"]["pairs"]) == 1
    assert manifest["left"]["failed: pairs that could not be read"] == 1


def test_jobs_that_contradict_themselves() -> None:
    with pytest.raises(ValueError, match="as many bands"):
        PairsJob(scenes=Path("x"), bands=("B02",))
    with pytest.raises(ValueError, match="lower percentile first"):
        PairsJob(scenes=Path("x"), saturate=(99, 1))
    with pytest.raises(ConfigError, match="no finer than the bands"):
        Sizes({10: ("B02",), 60: ("B01",)}, 30)
    sizes, layout = shape(PairsJob(scenes=Path("x")), known_sensors())
    assert (sizes.ratio, sizes.step_px) == (3, 2)
    assert [view.px for view in layout.views] == [384, 192] and layout.valid_px == 128

"""Plans: what is cut where, in which part, in which shard; nothing is read for it."""

from __future__ import annotations

import itertools
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import shapely
from tests.patches import scenes
from tests.patches.scenes import write_labels, write_polygons, write_scene

from landweave.errors import ConfigError, LandweaveError, LegendError, SceneError, SplitError
from landweave.legend import Legend, load_legends
from landweave.patches.job import ScenesJob, choose
from landweave.patches.plan import PatchJob, Plan, labels_of, make_plan
from landweave.raster.scene import Scene
from landweave.tiling import Window


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return write_scene(tmp_path)


def legend(folder: Path) -> Legend:
    (folder / "legends.toml").write_text(scenes.LEGENDS)
    return load_legends(folder / "legends.toml")["three"]


def plan(folder: Path, made: list[Scene], **changed: object) -> Plan:
    job = PatchJob.model_validate({"patch_px": 12, "gap_px": 6, "patches_per_shard": 10, **changed})
    return make_plan(job, made, write_labels(folder / "labels.tif"), legend(folder), folder / "archive")


def test_windows_cover_the_scene_but_for_the_gaps(tmp_path: Path, scene: Scene) -> None:
    count = np.zeros((120, 120), int)
    for task in plan(tmp_path, [scene]).tasks:
        for cut in task.cuts:
            count[cut.window.clip(Window.of((120, 120))).slices] += 1
    assert count.max() == 1
    # Blocks of 24 pixels with gaps of 6: four fit, and the last gap ends the scene.
    assert count.sum() == (4 * 24) ** 2


def test_shards_are_of_nearly_equal_size_and_keep_blocks_in_order(tmp_path: Path, scene: Scene) -> None:
    made = plan(tmp_path, [scene])
    sizes = [len(task.cuts) for task in made.tasks]
    assert max(sizes) <= 10 and max(sizes) - min(sizes) <= 1
    assert [task.key for task in made.tasks] == sorted(task.key for task in made.tasks)
    ids = [cut.id for task in made.tasks for cut in task.cuts]
    assert len(set(ids)) == len(ids) == 64
    blocks = [cut.block for task in made.tasks for cut in task.cuts]
    runs = sum(one != other for one, other in itertools.pairwise(blocks)) + 1
    assert runs == len(set(blocks)) == 16


def test_parts_have_the_wanted_shares_of_blocks(tmp_path: Path, scene: Scene) -> None:
    made = plan(tmp_path, [scene], fractions=(0.5, 0.25, 0.25))
    parts = {cut.block: cut.split for task in made.tasks for cut in task.cuts}
    assert Counter(parts.values()) == {"train": 8, "validation": 4, "test": 4}
    other = plan(tmp_path, [scene], fractions=(0.5, 0.25, 0.25), seed=1)
    assert parts != {cut.block: cut.split for task in other.tasks for cut in task.cuts}
    again = plan(tmp_path, [scene], fractions=(0.5, 0.25, 0.25))
    assert again == made


def test_gaps_are_whole_pixels_of_the_coarsest_band(tmp_path: Path, scene: Scene) -> None:
    made = plan(tmp_path, [scene], gap_px=7)
    cols = sorted({cut.window.col for task in made.tasks for cut in task.cuts})
    assert cols[:4] == [0, 12, 36, 48]
    fine = plan(tmp_path, [scene], gap_px=7, bands=("B02", "B03"))
    assert sorted({cut.window.col for task in fine.tasks for cut in task.cuts})[:4] == [0, 12, 31, 43]


def test_every_scene_has_shards_of_its_own(tmp_path: Path, scene: Scene) -> None:
    other = write_scene(tmp_path, "two")
    made = plan(tmp_path, [scene, other], patches_per_shard=1000)
    assert [(task.key, task.scene.id) for task in made.tasks] == [("00000-0000", "S2"), ("00001-0000", "two")]
    first, second = ({cut.block: cut.split for cut in task.cuts} for task in made.tasks)
    assert first == second


def test_polygons_are_dealt_within_their_class(tmp_path: Path, scene: Scene) -> None:
    squares = [(50.0 + 100 * (i % 10), 50.0 + 100 * (i // 10), 40.0, "abc"[i % 3]) for i in range(30)]
    path = write_polygons(
        tmp_path / "fields.geojson", [*squares, (1060.0, 1060.0, 40.0, "d"), (1060.0, 0.0, 40.0, "d")]
    )
    made = make_plan(PatchJob(patch_px=12), [scene], path, None, tmp_path / "archive")
    parts: dict[int, Counter[str]] = {}
    for cut in made.tasks[0].cuts:
        assert cut.label is not None
        parts.setdefault(cut.label, Counter())[cut.split] += 1
    assert [parts[label] for label in range(3)] == [{"train": 6, "validation": 2, "test": 2}] * 3
    assert parts[3] == {"train": 1, "test": 1}
    assert made.layout.legend.names == ("a", "b", "c", "d")
    assert made.tasks[0].min_valid == 0
    land = shapely.union_all([shapely.from_wkt(cut.labelled) for cut in made.tasks[0].cuts])
    assert land.area == pytest.approx(32 * 1600)


def test_a_share_of_valid_pixels_is_asked_of_maps_unless_told_otherwise(tmp_path: Path, scene: Scene) -> None:
    assert plan(tmp_path, [scene]).tasks[0].min_valid == 0.5
    assert plan(tmp_path, [scene], min_valid=0.0).tasks[0].min_valid == 0
    assert plan(tmp_path, [scene], min_labelled=0.25).tasks[0].min_labelled == 0.25


@pytest.mark.parametrize(
    ("name", "found"),
    [("{scene}.tif", "S2.tif"), ("{year}.tif", "2023.tif"), ("{date}.tif", "2023-07-12.tif"), ("x.tif", "x.tif")],
)
def test_labels_of_a_scene(tmp_path: Path, scene: Scene, name: str, found: str) -> None:
    with pytest.raises(SceneError) as caught:
        labels_of(tmp_path / name, scene)
    assert found in caught.value.given and "S2" in caught.value.given
    assert "map or polygons" in caught.value.expected
    assert "--labels" in caught.value.do
    write_labels(tmp_path / found)
    assert labels_of(tmp_path / name, scene) == tmp_path / found


@pytest.mark.parametrize(
    ("changed", "kind", "given", "expected", "do"),
    [
        ({"gap_px": -1}, SplitError, "gap of", "at least 1", "gap_px"),
        ({"fractions": (0.5, 0.5, 0.5)}, SplitError, "0.5, 0.5, 0.5", "sum 1", "fractions"),
        ({"patch_px": 60, "block_patches": 2}, SplitError, "1 blocks for the parts", "one block for each", "smaller"),
        ({"patch_px": 10}, ConfigError, "10 pixels with bands of 10, 20, 60 m", "multiple of 6", "12"),
    ],
)
def test_plans_that_cannot_be_are_refused(
    tmp_path: Path,
    scene: Scene,
    changed: dict[str, object],
    kind: type[LandweaveError],
    given: str,
    expected: str,
    do: str,
) -> None:
    with pytest.raises(kind) as caught:
        plan(tmp_path, [scene], **changed)
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do


def test_a_map_needs_a_legend(tmp_path: Path, scene: Scene) -> None:
    with pytest.raises(LegendError) as caught:
        make_plan(PatchJob(patch_px=12), [scene], write_labels(tmp_path / "l.tif"), None, tmp_path)
    assert "l.tif without a legend" in caught.value.given
    assert "legend of its ids" in caught.value.expected
    assert "--legend" in caught.value.do


def test_scenes_of_a_period(tmp_path: Path, scene: Scene) -> None:
    wanted = scenes.job(tmp_path, [scene], write_labels(tmp_path / "l.tif"), period="2023-07-12/2023-07-12")
    assert [found.id for found in choose(wanted)] == ["S2"]
    assert wanted == ScenesJob.model_validate_json(wanted.model_dump_json())

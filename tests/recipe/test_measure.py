"""A step is taken apart; files of measurements are read back, and those of other recipes are not mixed in."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.recipe import making, measured

from landweave.errors import ArchiveError, ConfigError
from landweave.parallel.world import World
from landweave.patches.archive import open_archive
from landweave.recipe import measure


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return making.cut(tmp_path_factory.mktemp("archive")).folder


def test_a_step_alone_is_compute_and_input(folder: Path, tmp_path: Path) -> None:
    recipe = making.recipe(folder, batch_global=4)
    records = list(measure.measure(recipe, tmp_path, World(), 2))
    assert (records[-1].done, records[-1].total) == (5, 5)
    assert records[-1].summary["samples/s"] > 0
    (found,) = measure.load_all(tmp_path)
    assert (found.num_ranks, found.samples, found.device, found.sums) == (1, 4, "cpu", ())
    assert found.identity == measure.identify(recipe, measure.materials.find(recipe, open_archive(folder)).identity)
    assert found.communication_s == 0
    assert min(found.step_s, found.compute_s, found.input_s) > 0
    assert found.samples_per_s == pytest.approx(4 / found.step_s)
    assert found.num_bytes > 0 and found.num_bytes % 4 == 0
    assert found.messages == 1


def test_what_is_learnt_is_thrown_away(folder: Path, tmp_path: Path) -> None:
    list(measure.measure(making.recipe(folder), tmp_path, World(), 1))
    assert [path.name for path in tmp_path.iterdir()] == ["measured-1.json"]


@pytest.mark.parametrize(("key", "value"), [("epochs", 9), ("seed", 7), ("archive", "elsewhere")])
def test_what_changes_no_time_changes_no_identity(folder: Path, key: str, value: object) -> None:
    one, other = making.recipe(folder), making.recipe(folder, **{key: value})
    assert measure.identify(one, "same") == measure.identify(other, "same")
    assert measure.identify(one, "same") != measure.identify(one, "another archive")
    assert measure.identify(one, "same") != measure.identify(making.recipe(folder, batch_global=6), "same")


def test_a_baseline_has_no_ranks(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        list(measure.measure(making.recipe(folder, network="forest", arguments={}), tmp_path, World(), 1))
    assert "network forest" in refused.value.given
    assert "ranks train together" in refused.value.expected
    assert "another recipe" in refused.value.do


def test_an_archive_smaller_than_a_step(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(ArchiveError) as refused:
        list(measure.measure(making.recipe(folder, batch_global=13), tmp_path, World(), 1))
    assert "12 training patches" in refused.value.given
    assert "at least the 13 of one step on 1 ranks" in refused.value.expected
    assert "smaller batch" in refused.value.do


def test_measurements_come_back_by_number_of_ranks(tmp_path: Path) -> None:
    every = [measured.of(num) for num in (4, 1, 2)]
    for found in every:
        measure.save(tmp_path, found)
    assert measure.load_all(tmp_path) == sorted(every, key=lambda found: found.num_ranks)
    assert measure.load_all(tmp_path / "none") == []


def test_measurements_of_two_recipes_are_not_mixed(tmp_path: Path) -> None:
    measure.save(tmp_path, measured.of(1))
    measure.save(tmp_path, measured.of(2, identity="another"))
    with pytest.raises(ConfigError) as refused:
        measure.load_all(tmp_path)
    assert "different recipes" in refused.value.given
    assert "one recipe" in refused.value.expected
    assert "-o" in refused.value.do


@pytest.mark.parametrize("damage", ["not json", '{"format": 9}', "[]", '{"format": 1, "kind": "measured"}'])
def test_a_damaged_measurement_is_named(tmp_path: Path, damage: str) -> None:
    (tmp_path / "measured-2.json").write_text(damage)
    with pytest.raises(ConfigError) as refused:
        measure.load_all(tmp_path)
    assert "measured-2.json" in refused.value.given
    assert "landweave scale wrote" in refused.value.expected
    assert "measure again" in refused.value.do


def test_the_file_says_its_format(tmp_path: Path) -> None:
    measure.save(tmp_path, measured.of(2))
    told = json.loads((tmp_path / "measured-2.json").read_text())
    assert (told["format"], told["kind"], told["num_ranks"]) == (1, "measured", 2)

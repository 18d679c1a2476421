"""Recipes that go on from a card, and those that are kept to some patches."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import torch
from tests.recipe import making

from landweave.errors import ArchiveError, CardError, LandweaveError, SplitError
from landweave.models.card import load_card, load_parts
from landweave.parallel.world import World
from landweave.patches.archive import Archive, open_archive
from landweave.recipe import begin
from landweave.recipe.judge import judge
from landweave.recipe.material import find
from landweave.recipe.run import make_step, run


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return making.cut(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def card(archive: Archive, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("run") / "run"
    making.train(making.recipe(archive.folder, bands=("B05", "B03"), epochs=6), out)
    return out / "card"


def refused(kind: type[LandweaveError], archive: Archive, **changed: Any) -> LandweaveError:
    with pytest.raises(kind) as caught:
        recipe = making.recipe(archive.folder, **changed)
        make_step(recipe, find(recipe, archive), World(), "fp32")
    return caught.value


def says(error: LandweaveError, given: str, expected: str, do: str) -> None:
    assert given in error.given
    assert expected in error.expected
    assert do in error.do


def test_first_weights_and_normalisation_are_those_of_the_card(archive: Archive, card: Path, tmp_path: Path) -> None:
    other = making.cut(tmp_path / "other", seed=7)
    recipe = making.recipe(other.folder, start=card)
    material = find(recipe, other)
    told, network = load_card(card)
    assert (material.bands, material.mean, material.std) == (told.bands, told.mean, told.std)
    step = make_step(recipe, material, World(), "fp32")
    own = step.networks["main"].state_dict()
    assert all(torch.equal(value, own[name]) for name, value in network.state_dict().items())
    making.train(making.recipe(other.folder, start=card, epochs=1), tmp_path / "run")
    assert load_card(tmp_path / "run" / "card")[0].mean == told.mean


def test_going_on_begins_where_the_card_ended(archive: Archive, card: Path, tmp_path: Path) -> None:
    fresh = making.train(making.recipe(archive.folder, bands=("B05", "B03"), epochs=1), tmp_path / "fresh")
    on = making.train(making.recipe(archive.folder, start=card, epochs=1), tmp_path / "on")
    first = [next(record.losses["loss"] for record in records) for records in (fresh, on)]
    assert first[1] < 0.7 * first[0]


def test_another_dropout_may_be_gone_on_with(archive: Archive, card: Path) -> None:
    recipe = making.recipe(archive.folder, start=card, arguments={"width": 8, "depth": 2})
    make_step(recipe, find(recipe, archive), World(), "fp32")


@pytest.mark.parametrize(
    ("changed", "given", "expected"),
    [
        ({"network": "segnet"}, "network segnet", "network unet"),
        ({"network": "forest"}, "network forest", "network unet"),
        ({"arguments": {"width": 4}}, "'width': 4", "'width': 8"),
        ({"bands": ("B03", "B05")}, "bands B03, B05", "bands B05, B03"),
        ({"task": "patches"}, "task patches", "task pixels"),
    ],
)
def test_a_card_that_does_not_fit_is_refused(
    archive: Archive, card: Path, changed: dict[str, Any], given: str, expected: str
) -> None:
    says(refused(CardError, archive, start=card, **changed), given, expected, "start")


def test_a_card_with_other_classes_is_refused(archive: Archive, card: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from landweave.legend import LandClass, Legend

    other = Legend("squares", "made for tests", (LandClass(1, "a", "#00ff00"), LandClass(2, "b", "#0000ff")))
    monkeypatch.setattr(archive, "layout", archive.layout.__class__(**{**_fields(archive), "legend": other}))
    says(refused(CardError, archive, start=card), "classes a, b", "meadow, water, town", "start")


def _fields(archive: Archive) -> dict[str, Any]:
    layout = archive.layout
    return {name: getattr(layout, name) for name in ("sensor", "patch_px", "views", "targets", "super")}


def test_a_card_that_is_missing_or_damaged_is_refused(archive: Archive, card: Path, tmp_path: Path) -> None:
    says(refused(CardError, archive, start=tmp_path / "none"), "none", "a card", "landweave train")
    damaged = tmp_path / "card"
    damaged.mkdir()
    (damaged / "card.json").write_bytes((card / "card.json").read_bytes())
    (damaged / "weights.safetensors").write_bytes((card / "weights.safetensors").read_bytes()[:-1])
    says(refused(CardError, archive, start=damaged), "SHA-256", "the weights", "copy the whole card folder")


@pytest.mark.parametrize("name", ["list.txt", "table.parquet"])
def test_only_the_named_patches_are_learnt_from(archive: Archive, tmp_path: Path, name: str) -> None:
    wanted = ["p1", "p13", "p4", "p4"]
    if name.endswith("txt"):
        (tmp_path / name).write_text("\n".join(wanted) + "\n\n")
    else:
        pandas.DataFrame({"id": wanted, "more": 1}).to_parquet(tmp_path / name)
    found = find(making.recipe(archive.folder, only=tmp_path / name), archive)
    ids = np.array(archive.ids())
    assert ids[found.train].tolist() == ["p1", "p4"]
    assert ids[found.validation].tolist() == ["p13"]


@pytest.mark.parametrize(
    ("content", "kind", "given", "expected"),
    [
        ("p1\nnobody\n", ArchiveError, "1 of 2 patches that are not in", "this archive"),
        ("p13\n", SplitError, "none of the 12 training patches", "at least one"),
        (None, ArchiveError, "list.txt", "one id a line"),
    ],
)
def test_lists_that_do_not_fit_are_refused(
    archive: Archive, tmp_path: Path, content: str | None, kind: type[LandweaveError], given: str, expected: str
) -> None:
    path = tmp_path / "list.txt"
    if content is not None:
        path.write_text(content)
    error = refused(kind, archive, only=path)
    assert given in error.given
    assert expected in error.expected
    assert error.do


def test_a_table_without_ids_is_refused(archive: Archive, tmp_path: Path) -> None:
    pandas.DataFrame({"name": ["p1"]}).to_parquet(tmp_path / "t.parquet")
    says(refused(ArchiveError, archive, only=tmp_path / "t.parquet"), "t.parquet", "column id", "path")


def test_a_run_belongs_to_its_card_and_its_list(archive: Archive, card: Path, tmp_path: Path) -> None:
    names = tmp_path / "names.txt"
    names.write_text("p1\np2\np13\n")
    plain = making.recipe(archive.folder, bands=("B05", "B03"))
    assert begin.identity(plain, archive) == {}
    told = begin.identity(making.recipe(archive.folder, start=card, only=names), archive)
    assert set(told) == {"start", "only"}
    moved = tmp_path / "moved.txt"
    moved.write_text("p13\np2\np1\n")
    assert begin.identity(making.recipe(archive.folder, start=card, only=moved), archive) == told


def test_judging_counts_what_training_counted(archive: Archive, card: Path) -> None:
    samples = archive.part("validation")
    found = judge(card, archive, samples)
    figures = load_parts(card)[0].training["validation"]
    assert found.num_pixels > 1000
    assert found.overall == pytest.approx(figures["overall_accuracy"])
    assert found.mean_iou == pytest.approx(figures["mean_iou"])
    assert judge(card, archive, samples[:0]).num_pixels == 0
    halves = judge(card, archive, samples[:3]) + judge(card, archive, samples[3:])
    assert np.array_equal(halves.counts, found.counts)


def test_several_labels_have_no_confusion_matrix(archive: Archive, tmp_path: Path) -> None:
    recipe = making.recipe(archive.folder, network="resnet18", arguments={"width": 4}, task="multilabel", epochs=1)
    making.train(recipe, tmp_path / "run")
    with pytest.raises(CardError) as caught:
        judge(tmp_path / "run" / "card", archive, archive.part("validation"))
    says(caught.value, "multilabel", "one label", "another card")


def test_a_run_from_a_card_goes_on_after_a_stop(archive: Archive, card: Path, tmp_path: Path) -> None:
    recipe = making.recipe(open_archive(archive.folder).folder, start=card)
    making.train(recipe, tmp_path / "whole")
    making.stop_after(run(recipe, tmp_path / "stopped", World()), 5)
    making.train(recipe, tmp_path / "stopped")
    whole, stopped = (load_parts(tmp_path / name / "card")[0].identity for name in ("whole", "stopped"))
    assert whole == stopped

"""Train, search and predict as jobs: what they write, that they go on, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.limb.making import spectra

from landweave.config import check
from landweave.datasets import limb
from landweave.errors import CardError, ConfigError, OutputError, SpectraError, TaskError
from landweave.jobs.run import Progress
from landweave.limb import predict, train
from landweave.limb.card import load_card
from landweave.limb.predict import PredictJob
from landweave.limb.predictions import read
from landweave.limb.prepare import CLEAR, CLOUD, UNUSABLE
from landweave.limb.recipe import LimbRecipe
from landweave.limb.seen import Seen
from landweave.limb.train import TrainJob, describe, read_training
from landweave.provenance import file_sha256
from landweave.spectra.microwindows import CLASSES

QUICK = {"folds": 3, "curve": [0.2, 0.5], "small_train": 60, "small_test": 30, "shuffled": 40}


@pytest.fixture(scope="module")
def database(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A file of labelled spectra, some clear, some marked to be left out."""
    path = tmp_path_factory.mktemp("limb") / "database.nc"
    made = spectra(240, clear=20)
    truth = {"left_out": np.arange(260) % 12 == 5}
    limb.write(path, replace(made, truth=truth), {"simulated": 1})
    return path


@pytest.fixture(scope="module")
def trained(database: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A training of PCA + SVM."""
    out = tmp_path_factory.mktemp("trained") / "run"
    assert not [record.failed for record in train.run(job_of(database), out) if record.failed]
    return out


def job_of(database: Path, method: str = "pca-svm", **more: Any) -> TrainJob:
    recipe = {"method": method, "arguments": {"components": 5} if "svm" in method else {}, "judge": QUICK, **more}
    return TrainJob(spectra=(database,), recipe=check(LimbRecipe, recipe, "test"))


def predicting(spectra_at: Path, card: Path, **more: Any) -> PredictJob:
    return check(PredictJob, {"spectra": [spectra_at], "card": card, "block": 100, **more}, "test")


def failures(records: Iterator[Progress]) -> list[str]:
    return [record.failed for record in records if record.failed]


def test_a_training_tells_how_good_it_is_and_what_it_saw(trained: Path) -> None:
    told = read_training(trained)
    assert (told["method"], told["spectra"], told["title"]) == ("pca-svm", 220, "PCA + SVM")
    assert told["left_out"]["clear"] == 20
    assert told["cross_validation"]["accuracy"] > 0.95
    assert len(told["cross_validation"]["parts"]) == 3
    assert [point["spectra"] for point in told["curve"]] == [44, 110]
    assert told["small"]["scores"][-1]["support"] == 30
    # Only one class was marked, and the model never saw those.
    assert np.array(told["held"]["table"]["counts"]).sum(1).tolist() == [0, 0, 0, 0, 0, 20]
    seen = Seen.read(trained / "seen.safetensors")
    assert np.triu(seen.variance).sum() == pytest.approx(1, abs=1e-5)
    assert seen.places.shape == (220, 2)
    assert seen.shuffled.shape == (142,)
    card, _ = load_card(trained / "card")
    assert card.identity == told["card"]
    assert card.training["spectra"] == 220
    assert describe(trained)[0].startswith("PCA + SVM learnt from 220 simulated spectra; components 5")


def test_a_training_goes_on_where_it_stopped_and_gives_the_same(database: Path, trained: Path, tmp_path: Path) -> None:
    going = train.run(job_of(database), tmp_path / "run")
    for record in going:
        if record.phase == "judge" and record.done == 2:
            break
    going.close()  # type: ignore[attr-defined]
    assert not (tmp_path / "run" / "card").exists()
    records = list(train.run(job_of(database), tmp_path / "run"))
    assert next(record.done for record in records if record.phase == "judge") == 2
    for name in ("card/card.json", "card/weights.safetensors", "training.json", "seen.safetensors"):
        assert file_sha256(tmp_path / "run" / name) == file_sha256(trained / name), name


def test_another_recipe_in_the_same_folder_is_refused(database: Path, trained: Path) -> None:
    with pytest.raises(OutputError) as refused:
        list(train.run(job_of(database, seed=7), trained))
    assert "seed was 0, is now 7" in refused.value.given
    assert refused.value.expected == "an empty folder, or the one of this very job"
    assert "choose another output" in refused.value.do


def test_a_search_takes_the_best_and_fits_it_on_all(database: Path, tmp_path: Path) -> None:
    options = {"gamma": [1e-4, 0.2], "strength": [10.0]}
    job = job_of(database, search={"kind": "grid", "options": options, "most": 120})
    assert not failures(train.run(job, tmp_path / "run"))
    told = read_training(tmp_path / "run")
    assert [one["arguments"]["gamma"] for one in told["search"]] == [1e-4, 0.2]
    assert all(one["arguments"]["components"] == 5 for one in told["search"])
    best = max(told["search"], key=lambda one: one["accuracy"])
    assert told["arguments"] == best["arguments"]
    assert told["spectra"] == 220


def test_a_forest_tells_its_top_ten(database: Path, tmp_path: Path) -> None:
    job = job_of(database, "forest", arguments={"num_trees": 8}, judge={**QUICK, "folds": 0, "curve": []})
    assert not failures(train.run(job, tmp_path / "run"))
    told = read_training(tmp_path / "run")
    assert len(told["important"]) == 10
    values = [one["importance"] for one in told["important"]]
    assert values == sorted(values, reverse=True)
    first, second = map(int, told["important"][0]["indices"].split("-"))
    assert 0 <= first < second < 142
    seen = Seen.read(tmp_path / "run" / "seen.safetensors")
    assert seen.importance[first, second] == pytest.approx(values[0], rel=1e-5)
    assert np.triu(seen.importance).sum() == pytest.approx(1, abs=1e-4)
    assert "cross_validation" not in told


def test_what_cannot_be_learnt_is_refused(database: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="argument trees of pca-svm"):
        list(train.run(job_of(database, arguments={"trees": 3}), tmp_path / "a"))
    limb.write(tmp_path / "bare.nc", spectra(12, labelled=False))
    with pytest.raises(SpectraError, match="spectra with no labels"):
        list(train.run(job_of(tmp_path / "bare.nc"), tmp_path / "b"))
    few = job_of(database, judge={**QUICK, "small_train": 6000})
    with pytest.raises(TaskError) as refused:
        list(train.run(few, tmp_path / "c"))
    assert "6000 to learn from" in refused.value.given
    (tmp_path / "training.json").write_text("{}")
    with pytest.raises(SpectraError, match="give a folder that landweave limb train wrote"):
        read_training(tmp_path)


def test_files_without_spectra_are_refused(trained: Path, tmp_path: Path) -> None:
    limb.write(tmp_path / "none.nc", spectra(12).select(slice(0, 0)))
    with pytest.raises(SpectraError, match=r"none\.nc without spectra"):
        list(predict.run(predicting(tmp_path / "none.nc", trained / "card"), tmp_path / "out"))
    with pytest.raises(SpectraError, match=r"none\.nc without spectra"):
        list(train.run(job_of(tmp_path / "none.nc"), tmp_path / "out"))


def test_predictions_of_clouds_clear_air_and_what_is_unusable(trained: Path, tmp_path: Path) -> None:
    made = spectra(150, seed=9, clear=30)
    radiance = made.radiance.copy()
    radiance[7, :30] = -1
    radiance[8, 3] = 0
    limb.write(tmp_path / "season.nc", replace(made, radiance=radiance), {"simulated": 1})
    assert not failures(predict.run(predicting(tmp_path / "season.nc", trained / "card"), tmp_path / "out"))
    found = read(tmp_path / "out" / "predictions.parquet")
    assert found.state.tolist() == [CLOUD] * 7 + [UNUSABLE] + [CLOUD] * 142 + [CLEAR] * 30
    told = found.index[found.state == CLOUD]
    assert (told == found.truth[found.state == CLOUD]).mean() > 0.95
    assert (found.index[found.state != CLOUD] == 255).all()
    assert np.isnan(found.share[found.state != CLOUD]).all()
    assert (found.classes, found.facts["simulated"]) == (CLASSES, True)
    np.testing.assert_array_equal(found.time, made.time)
    summary = json.loads((tmp_path / "out" / "predicted.json").read_text("utf-8"))
    assert (summary["spectra"], summary["counts"]["clear"], summary["set_aside"]) == (180, 30, {})
    assert summary["summary"]["not_positive"] == int((radiance <= 0).sum()) >= 31


def test_predicting_goes_on_where_it_stopped_and_gives_the_same(database: Path, trained: Path, tmp_path: Path) -> None:
    job = predicting(database, trained / "card")
    list(predict.run(job, tmp_path / "whole"))
    going = predict.run(job, tmp_path / "stopped")
    next(record for record in going if record.done == 1)
    going.close()  # type: ignore[attr-defined]
    list(predict.run(job, tmp_path / "stopped"))
    # A lost part is made again.
    next((tmp_path / "stopped" / "parts").iterdir()).unlink()
    list(predict.run(job, tmp_path / "stopped"))
    hashes = {file_sha256(tmp_path / name / "predictions.parquet") for name in ("whole", "stopped")}
    assert len(hashes) == 1
    assert len(list((tmp_path / "whole" / "parts").iterdir())) == 3


def test_blocks_do_not_show(database: Path, trained: Path, tmp_path: Path) -> None:
    for block in (90, 1000):
        list(predict.run(predicting(database, trained / "card", block=block), tmp_path / str(block)))
    one, other = (read(tmp_path / str(block) / "predictions.parquet") for block in (90, 1000))
    assert len(one) == 260
    np.testing.assert_array_equal(one.index, other.index)


def test_a_card_that_changes_under_a_job_is_told(database: Path, trained: Path, tmp_path: Path) -> None:
    task = predict.PredictTask("a", tmp_path / "a.parquet", database, 0, 5, trained / "card", "another", 14)
    with pytest.raises(CardError) as refused:
        predict.classify(task)
    assert "a card that changed since the job began" in refused.value.given
    assert (refused.value.expected, refused.value.do) == ("the card of the job", "begin anew")

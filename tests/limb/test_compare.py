"""Comparisons: what stands together, tables against each other and the truth, areas, and the page."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.limb.making import spectra

from landweave.config import check
from landweave.datasets import limb
from landweave.errors import CardError, ConfigError, SpectraError
from landweave.limb import predict, train
from landweave.limb.compare import (
    KINDS,
    Winter,
    against_truth,
    cover,
    cross_tables,
    gather,
    kind_area,
    pie_counts,
)
from landweave.limb.predict import PredictJob
from landweave.limb.predictions import Predictions, write
from landweave.limb.recipe import LimbRecipe
from landweave.limb.season import coverage, smoothed
from landweave.limb.seen import Seen, costliest, pair_names, top
from landweave.limb.tell import as_day, run
from landweave.limb.train import TrainJob

QUICK = {"folds": 2, "curve": [0.5], "small_train": 40, "small_test": 20, "shuffled": 20}
METHODS = {"pca-svm": {"components": 4}, "bayes": {"bins": 6}}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two trainings and two predictions of one season."""
    folder = tmp_path_factory.mktemp("compare")
    limb.write(folder / "database.nc", spectra(180), {"simulated": 1})
    limb.write(folder / "season.nc", spectra(150, seed=4, clear=20), {"simulated": 1})
    for name, arguments in METHODS.items():
        recipe = check(LimbRecipe, {"method": name, "arguments": arguments, "judge": QUICK}, "test")
        list(train.run(TrainJob(spectra=(folder / "database.nc",), recipe=recipe), folder / name))
        job = check(PredictJob, {"spectra": [folder / "season.nc"], "card": folder / name / "card"}, "test")
        list(predict.run(job, folder / f"{name}-season"))
    return folder


def folders(place: Path) -> list[Path]:
    return [place / name for name in ("pca-svm", "bayes", "pca-svm-season", "bayes-season")]


def test_predictions_of_the_same_spectra_stand_together_the_rule_first(place: Path) -> None:
    trainings, winters = gather(folders(place))
    assert [one.title for one in trainings] == ["PCA + SVM", "Bayesian, fitted here"]
    assert len(winters) == 1
    assert list(winters[0].every) == ["Bayesian, fitted here", "PCA + SVM"]
    assert winters[0].name == "Southern Hemisphere, 2009-06-13 to 2009-06-16, 170 simulated spectra"
    assert winters[0].is_simulated and winters[0].has_places


def test_tables_count_every_cloud_once(place: Path) -> None:
    _, (winter,) = gather(folders(place))
    ((mine, yours, table),) = cross_tables(winter)
    assert (mine, yours) == ("Bayesian, fitted here", "PCA + SVM")
    assert table.counts.sum() == 150
    assert dict(zip(table.rows, table.counts.sum(1).tolist(), strict=True)) == pie_counts(winter.first)
    truth = against_truth(winter.every["PCA + SVM"])
    assert truth is not None and truth.counts[:6].trace() > 140


def test_both_winters_of_one_file_are_parted(place: Path) -> None:
    _, (winter,) = gather(folders(place))
    one = winter.first
    both = replace(one, latitude=np.where(np.arange(len(one)) % 3 == 0, -one.latitude, one.latitude))
    write(place / "both" / "predictions.parquet", both)
    _, winters = gather([place / "both"])
    assert [len(each.first) for each in winters] == [113, 57]
    assert [each.name.split()[0] for each in winters] == ["Southern", "Northern"]


def test_a_database_has_no_winter(place: Path) -> None:
    _, (winter,) = gather(folders(place))
    none = replace(winter.first, time=np.full(170, np.datetime64("NaT", "s")), latitude=np.zeros(170, np.float32))
    assert not Winter("database", {"RF": none}).has_places
    assert cover(none) is None
    assert against_truth(replace(none, truth_classes=())) is None


def test_areas_of_a_constituent_are_those_of_its_classes(place: Path) -> None:
    _, (winter,) = gather(folders(place))
    one = winter.every["PCA + SVM"]
    found = cover(one)
    assert found is not None
    kinds = np.full(256, 255, np.uint8)
    kinds[:6] = [0, 1, 1, 2, 2, 2]
    rough = coverage(one.time, one.latitude, one.tangent_altitude_km, kinds[one.index], 3)
    for number, kind in enumerate(KINDS):
        np.testing.assert_allclose(kind_area(one, found, kind), smoothed(rough.area)[number])


def test_what_has_no_time_stands_apart_and_a_folder_stands_once(place: Path, tmp_path: Path) -> None:
    one = gather([place / "bayes-season"])[1][0].first
    time = one.time.copy()
    time[:3] = np.datetime64("NaT")
    write(tmp_path / "predictions.parquet", replace(one, time=time))
    apart, winter = gather([tmp_path])[1]
    assert (apart.name, apart.has_places, len(apart.first)) == ("3 simulated spectra without a time", False, 3)
    assert winter.has_places and len(winter.first) == len(one) - 3
    assert winter.name.endswith("167 simulated spectra")
    with pytest.raises(ConfigError) as caught:
        gather([place / "bayes", place / "bayes-season" / ".." / "bayes"])
    assert "named twice" in caught.value.given and "once" in caught.value.expected and "leave" in caught.value.do


def test_one_page_with_everything(place: Path, tmp_path: Path) -> None:
    told = run(folders(place), tmp_path, as_day("2009-06-14"))
    text = (tmp_path / "report.html").read_text("utf-8")
    for words in (
        "Figure 7",
        "Table 6",
        "Table 7",
        "Variance of differences, simulated",
        "Figure 5",
        "Permutation importance",
        "170 simulated spectra",
        "Over the pole on 2009-06-14",
        "Figures 2 and 16",
        "smoothed over 3 days x 3 km",
        "ice, PCA + SVM, simulated",
        "Where they agree: Southern Hemisphere 2009",
    ):
        assert words in text, words
    assert json.loads((tmp_path / "comparison.json").read_text("utf-8")) == json.loads(json.dumps(told))
    assert told["configuration"]["day"] == "2009-06-14" and told["commit"] and told["versions"]
    winter = told["winters"][0]
    assert winter["simulated"] is True
    assert sum(winter["counts"]["PCA + SVM"].values()) == 170
    assert told["trainings"][str(place / "pca-svm")]["large NAT"]["nat_large"] > 0.9


def test_what_cannot_be_compared(place: Path, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        gather([tmp_path])
    assert refused.value.given == f"{tmp_path}, without training.json or predictions.parquet"
    assert "landweave limb train" in refused.value.expected
    assert "check the path" in refused.value.do
    with pytest.raises(SpectraError) as twice:
        gather([place / "bayes-season", shutil.copytree(place / "bayes-season", tmp_path / "again")])
    assert twice.value.given == "two predictions of the same spectra by Bayesian, fitted here"
    assert twice.value.expected == "one folder of predictions for each classifier"
    assert twice.value.do == "leave one of them out"
    with pytest.raises(ConfigError) as day:
        as_day("14.6.2009")
    assert (day.value.given, day.value.expected) == ("the day 14.6.2009", "a day as 2009-06-14")
    with pytest.raises(ConfigError, match="the day 1999-01-01, on which nothing was observed"):
        run(folders(place), tmp_path / "other", as_day("1999-01-01"))
    with pytest.raises(CardError, match="what landweave limb train saw"):
        Seen.read(tmp_path / "seen.safetensors")


def test_top_pairs_are_told_as_table_3_does() -> None:
    matrix = np.zeros((142, 142), np.float32)
    for value, (first, second) in zip((0.4, 0.3, 0.2), ((85, 105), (86, 139), (102, 137)), strict=True):
        matrix[first, second] = matrix[second, first] = value
    assert [(one["indices"], one["wavenumbers"]) for one in top(matrix, 3)] == [
        ("85-105", "1225.5-1410.5"),
        ("86-139", "1226.5-820"),
        ("102-137", "1407.5-792.2"),
    ]
    assert pair_names(37, 56)["wavenumbers"] == "819.5-838.5"
    assert costliest(np.arange(142, dtype=np.float32), 2) == [("141: 948.75 cm-1", 141.0), ("140: 833.35 cm-1", 140.0)]


def test_predictions_of_other_spectra_do_not_stand_together(place: Path, tmp_path: Path) -> None:
    _, (winter,) = gather(folders(place))
    one: Predictions = winter.every["PCA + SVM"]
    write(tmp_path / "moved" / "predictions.parquet", replace(one, longitude=one.longitude + 1))
    _, winters = gather([place / "bayes-season", tmp_path / "moved"])
    assert [list(each.every) for each in winters] == [["Bayesian, fitted here"], ["PCA + SVM"]]

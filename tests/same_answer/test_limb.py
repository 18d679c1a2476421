"""Limb spectra: the same predictions and trials in this process, in threads, in a pool and on a Spark cluster."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.limb.making import spectra
from tests.parallel.spark_cluster import cluster

from landweave.config import check
from landweave.datasets import limb
from landweave.jobs.executor import Executor
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.jobs.spark import Spark, stop
from landweave.jobs.worker import Setup
from landweave.limb import predict, train
from landweave.limb.card import load_card
from landweave.limb.predict import PredictJob
from landweave.limb.predictions import read
from landweave.limb.recipe import LimbRecipe
from landweave.limb.train import TrainJob
from landweave.provenance import file_sha256

ONE = Setup(threads=1)
JUDGE = {"folds": 2, "curve": [0.5], "small_train": 60, "small_test": 30, "shuffled": 0}
FILES = ("card/card.json", "card/weights.safetensors", "training.json")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("limb")
    limb.write(folder / "database.nc", spectra(180))
    for number in range(2):
        limb.write(folder / f"season-{number}.nc", spectra(90, seed=number, clear=10), {"simulated": 1})
    return folder


def whole_way(place: Path, out: Path, executor: Executor, method: str = "forest") -> dict[str, str]:
    """Train and predict with `executor`; the hashes of what stands in the end."""
    arguments = {"num_trees": 6} if method == "forest" else {}
    recipe = check(LimbRecipe, {"method": method, "arguments": arguments, "judge": JUDGE}, "test")
    records = list(train.run(TrainJob(spectra=(place / "database.nc",), recipe=recipe), out / "train", executor))
    assert not [record.failed for record in records if record.failed]
    return {**{name: file_sha256(out / "train" / name) for name in FILES}, **told(place, out / "train", out, executor)}


def told(place: Path, trained: Path, out: Path, executor: Executor) -> dict[str, str]:
    """Predict with `executor` alone; the hash of all predictions."""
    values = {"spectra": sorted(place.glob("season-*.nc")), "card": trained / "card", "block": 30}
    records = list(predict.run(check(PredictJob, values, "test"), out / "told", executor))
    assert not [record.failed for record in records if record.failed]
    assert max(record.total for record in records) == 8
    assert len(read(out / "told" / "predictions.parquet")) == 200
    return {"predictions": file_sha256(out / "told" / "predictions.parquet")}


@pytest.mark.spark
def test_serial_pool_and_a_spark_cluster_agree(place: Path, tmp_path: Path) -> None:
    expected = whole_way(place, tmp_path / "serial", Serial(ONE))
    assert whole_way(place, tmp_path / "pool", Pool(2, ONE)) == expected
    trained = tmp_path / "serial" / "train"
    try:
        with cluster(tmp_path) as master:
            found = told(place, trained, tmp_path / "spark", Spark(master, setup=ONE))
    finally:
        stop()
    assert found["predictions"] == expected["predictions"]


def test_threads_do_not_show(place: Path, tmp_path: Path) -> None:
    expected = whole_way(place, tmp_path / "one", Serial(ONE))
    assert whole_way(place, tmp_path / "three", Serial(Setup(threads=2), in_flight=3)) == expected


def test_a_spectrum_is_told_the_same_alone_and_among_others(place: Path, tmp_path: Path) -> None:
    whole_way(place, tmp_path, Serial(ONE), "pca-svm")
    card, model = load_card(tmp_path / "train" / "card")
    every = limb.read([place / "season-0.nc"])
    whole = predict.predictions(every, card, model)
    alone = [predict.predictions(every.select(slice(row, row + 1)), card, model) for row in range(len(every))]
    assert (whole.index != 255).sum() == 90
    np.testing.assert_array_equal(np.concatenate([one.index for one in alone]), whole.index)
    np.testing.assert_allclose(np.concatenate([one.share for one in alone]), whole.share, rtol=1e-4)

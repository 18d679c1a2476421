"""A job on limb spectra is killed: run again, it gives the bytes of an undisturbed one."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

from tests.faults.landweave import KILLED, landweave
from tests.limb.making import spectra

from landweave.config import check
from landweave.datasets import limb
from landweave.jobs.serial import Serial
from landweave.jobs.worker import Setup
from landweave.limb import predict, train
from landweave.limb.predict import PredictJob
from landweave.limb.recipe import LimbRecipe
from landweave.limb.train import TrainJob
from landweave.provenance import file_sha256

JUDGE = {"folds": 3, "curve": [0.5], "small_train": 40, "small_test": 20, "shuffled": 0}


def hashes(place: Path, out: Path) -> dict[str, str]:
    """Of what stands in the end, after both jobs ran (on) in this process."""
    executor = Serial(Setup(threads=1))
    recipe = check(LimbRecipe, {"method": "bayes", "judge": JUDGE}, "test")
    list(train.run(TrainJob(spectra=(place / "spectra.nc",), recipe=recipe), out / "run", executor))
    values = {"spectra": [place / "spectra.nc"], "card": out / "run" / "card", "block": 40}
    list(predict.run(check(PredictJob, values, "test"), out / "told", executor))
    return {name: file_sha256(out / name) for name in ("run/training.json", "told/predictions.parquet")}


def test_killed_it_goes_on(tmp_path: Path) -> None:
    """Trainings that are stopped between two fits go on too: tests/limb/test_jobs.py."""
    limb.write(tmp_path / "spectra.nc", spectra(120))
    expected, out = hashes(tmp_path, tmp_path / "whole"), tmp_path / "killed"
    shutil.copytree(tmp_path / "whole" / "run", out / "run")
    tell = ["limb", "predict", tmp_path / "spectra.nc", "--card", out / "run" / "card", "--block", 40]
    killed = KILLED.format(name="0000-000000040.parquet", number=1, before="True")
    code, _ = landweave(*tell, "--threads", 1, "-o", out / "told", before=killed)
    assert code == -signal.SIGKILL
    assert len(list((out / "told" / "parts").glob("0*.parquet"))) == 1
    assert hashes(tmp_path, out) == expected
    assert not list(out.rglob("*.aside*"))

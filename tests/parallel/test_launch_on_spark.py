"""Training as tasks of a real Spark cluster: two workers on loopback make the card that one process makes."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from safetensors.numpy import load_file
from tests.parallel.spark_cluster import cluster
from tests.recipe import making

from landweave.cli.main import run
from landweave.errors import MissingPackageError, TaskError
from landweave.parallel.launch import on_spark

RECIPE = """\
archive = "archive"
network = "pixel"
epochs = 3
batch_global = 5
precision = "fp32"
log_every_steps = 1
"""


@pytest.fixture(scope="module")
def master(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with cluster(tmp_path_factory.mktemp("spark")) as address:
        yield address


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, with an archive and a recipe that names it relative to here."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
    making.cut(tmp_path / "archive")
    (tmp_path / "recipe.toml").write_text(RECIPE)
    return tmp_path


@pytest.mark.spark
def test_two_workers_make_the_card_of_one_process(here: Path, master: str) -> None:
    words = ["launch", "recipe.toml", "-o", "spark", "--on", "spark", "--master", master, "--ranks", "2"]
    assert run([*words, "--device", "cpu"]) == 0
    assert run(["train", "recipe.toml", "-o", "alone", "--device", "cpu"]) == 0
    one, two = (making.told(here / name) for name in ("alone", "spark"))
    assert len(one) == len(two) == 9 + 3
    for mine, other in zip(one, two, strict=True):
        assert mine["losses"] == pytest.approx(other["losses"], rel=5e-6)
    weights = [load_file(here / name / "card/weights.safetensors") for name in ("alone", "spark")]
    for name, values in weights[0].items():
        assert values == pytest.approx(weights[1][name], abs=5e-5), name


# Several labels a patch, by a network whose layers stand on the two workers, in two micro-batches a step.
PLACED = """\
archive = "archive"
network = "resnet18"
arguments = {width = 2}
task = "multilabel"
epochs = 2
batch_global = 6
accumulate = 2
precision = "fp32"
log_every_steps = 1
"""


@pytest.mark.spark
def test_a_network_placed_on_two_workers_makes_the_card_of_one_process(here: Path, master: str) -> None:
    (here / "alone.toml").write_text(PLACED)
    (here / "placed.toml").write_text(PLACED + '[placement]\ntrunk = "0: ..layer2.1; 1"\n')
    words = ["launch", "placed.toml", "-o", "placed", "--on", "spark", "--master", master, "--ranks", "2"]
    assert run([*words, "--device", "cpu"]) == 0
    assert run(["train", "alone.toml", "-o", "once", "--device", "cpu"]) == 0
    one, two = (making.told(here / name) for name in ("once", "placed"))
    assert len(one) == len(two) == 4 + 2
    for mine, other in zip(one, two, strict=True):
        assert mine["losses"] == pytest.approx(other["losses"], rel=5e-6)
    weights = [load_file(here / name / "card/weights.safetensors") for name in ("once", "placed")]
    assert weights[0].keys() == weights[1].keys()
    for name, values in weights[0].items():
        assert values == pytest.approx(weights[1][name], abs=5e-5), name


@pytest.mark.spark
def test_a_rank_that_fails_on_the_cluster_fails_here(
    here: Path, master: str, capfd: pytest.CaptureFixture[str]
) -> None:
    (here / "recipe.toml").write_text(RECIPE.replace('"archive"', '"nowhere"'))
    with pytest.raises(TaskError) as failed:
        on_spark(run, ["train", "recipe.toml", "-o", "run"], master=master, num_ranks=2)
    assert "a rank of 2 on spark://" in failed.value.given
    assert "all ranks to end well" in failed.value.expected
    assert "read what the ranks said above" in failed.value.do
    out, err = capfd.readouterr()
    assert "nowhere" in out + err
    assert not (here / "run").exists()


def test_without_pyspark_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pyspark.ml.torch.distributor", None)
    with pytest.raises(MissingPackageError) as refused:
        on_spark(run, ["train"], master="spark://nowhere:1", num_ranks=2)
    assert "without pyspark" in refused.value.given
    assert "Spark cluster" in refused.value.expected
    assert "pip install 'landweave[spark]'" in refused.value.do


@pytest.mark.parametrize(("on", "expected"), [("sparc", "spark (did you mean that?)"), ("moon", "one of here")])
def test_somewhere_else_is_refused(here: Path, on: str, expected: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["launch", "recipe.toml", "-o", "run", "--on", on]) == 1
    said = capsys.readouterr().err
    assert f"--on {on}" in said
    assert expected in said
    assert "choose where to train" in said


def test_a_cluster_without_a_name_is_asked_for(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["launch", "recipe.toml", "-o", "run", "--on", "spark"]) == 2
    said = capsys.readouterr().err
    assert "--master" in said
    assert "spark://host:7077" in said

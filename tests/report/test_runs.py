"""Runs and archives as material."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from landweave.report import runs
from landweave.report.find import find
from landweave.report.material import Curve

EPOCHS: list[dict[str, Any]] = [
    {"done": 1, "losses": {"loss": 2.0}, "figures": {"loss": 2.5, "overall_accuracy": 0.5}, "seconds": 3.0},
    {"done": 2, "losses": {"loss": 1.0}, "figures": {"loss": 1.5, "overall_accuracy": 0.75}, "seconds": 2.0},
]
CARD = {
    "format": 1,
    "network": "unet",
    "arguments": {"width": 16},
    "sensor": "sentinel-2-l2a",
    "bands": ["B02", "B03"],
    "pixel_size_m": 10.0,
    "identity": "0123456789abcdef",
    "training": {
        "num_train": 1_200,
        "num_validation": 90,
        "best_epoch": 2,
        "precision": "bf16",
        "validation": {"overall_accuracy": 0.75},
    },
}


def write_run(folder: Path, name: str = "run", network: str = "unet", log: bool = True, epochs: Any = EPOCHS) -> None:
    (folder / name / "card").mkdir(parents=True)
    (folder / name / "card" / "card.json").write_text(json.dumps({**CARD, "network": network}))
    if log:
        lines = [{"format": 1}, {"kind": "step", "done": 1}, *({"kind": "epoch", **epoch} for epoch in epochs)]
        (folder / name / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def test_curves_join_what_is_compared() -> None:
    found = runs.curves(EPOCHS)
    assert found == {
        "loss": (Curve("training", (1, 2), (2.0, 1.0)), Curve("validation", (1, 2), (2.5, 1.5))),
        "on the validation part": (Curve("overall accuracy", (1, 2), (0.5, 0.75)),),
    }


@pytest.mark.parametrize("value", [None, "high", float("nan")])
def test_curves_leave_out_what_is_no_number(value: object) -> None:
    epochs = [{"done": 1, "losses": {"loss": value}}, {"done": 2, "losses": {"loss": 1.0}}]
    assert runs.curves(epochs) == {"loss": (Curve("training", (2,), (1.0,)),)}


def test_no_epochs_no_curves() -> None:
    assert runs.curves([]) == {}


def test_a_run_says_what_it_was(tmp_path: Path) -> None:
    write_run(tmp_path)
    (run,) = runs.runs(find([tmp_path]))
    assert run.name == "U-Net"
    assert run.path == tmp_path / "run"
    assert run.facts == {
        "Network": "unet (width 16)",
        "Sees": "sentinel-2-l2a: B02 B03, pixels of 10 m",
        "Samples": "1,200 for training, 90 for validation",
        "Epochs": "2, the best after 2",
        "Time": "5.0 s",
        "On the validation part": "overall accuracy 0.750",
        "Precision": "bf16",
        "Card": "identity 0123456789ab",
    }


def test_what_was_fitted_at_once_has_no_curve(tmp_path: Path) -> None:
    write_run(tmp_path, network="forest", epochs=EPOCHS[:1])
    (run,) = runs.runs(find([tmp_path]))
    assert run.curves == {}
    assert "Epochs" not in run.facts


def test_runs_with_curves_come_first(tmp_path: Path) -> None:
    write_run(tmp_path, "a", "forest", log=False)
    write_run(tmp_path, "b")
    assert [run.name for run in runs.runs(find([tmp_path]))] == ["U-Net", "Random forest"]


def test_a_foreign_card_is_no_run(tmp_path: Path) -> None:
    (tmp_path / "card.json").write_text("{}")
    assert runs.runs(find([tmp_path])) == ()


def test_an_archive_says_its_parts(tmp_path: Path) -> None:
    manifest = {
        "format": 1,
        "splits": {"train": 1_000, "validation": 100, "test": 200},
        "distance_m": {"train-test": 640.0, "train-validation": None},
        "layout": {
            "sensor": "sentinel-2-l2a",
            "patch_px": 128,
            "views": [{"pixel_size_m": 10.0, "bands": [{"name": "B02"}, {"name": "B03"}]}],
        },
    }
    (tmp_path / "archive.json").write_text(json.dumps(manifest))
    (facts,) = runs.archives(find([tmp_path])).values()
    assert facts == {
        "Patches": "1,000 train, 100 validation, 200 test",
        "Sensor": "sentinel-2-l2a",
        "Bands": "10 m: B02 B03",
        "Patch": "128 pixels wide",
        "Distance between parts": "train-test: 640 m",
    }


@pytest.mark.parametrize(("network", "title"), [("unet", "U-Net"), ("linear", "Linear model"), ("mine", "mine")])
def test_titles(network: str, title: str) -> None:
    assert runs.title_of(network) == title

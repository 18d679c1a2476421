"""What the rooms write and what the report reads are one thing: each file is made by its own writer."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tests.patches.making import arrays, make, rows

from landweave.evaluation.result import Evaluation
from landweave.legend import legend
from landweave.metrics import area
from landweave.metrics.calibration import Calibration
from landweave.metrics.confusion import Confusion
from landweave.metrics.multilabel import Multilabel
from landweave.models.card import Card, save_card
from landweave.models.sight import Sight
from landweave.patches import archive as archives
from landweave.report.find import find
from landweave.report.gather import gather
from landweave.report.page import render
from landweave.report.runs import archives as shown_archives
from landweave.report.runs import runs
from landweave.train.log import EpochRecord, Log, StepRecord

LEGEND = legend("simulated-8")


def make_blocks(seed: int = 3, num: int = 12) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 6, size=(num, 8, 8)) + np.eye(8, dtype=np.int64) * rng.integers(40, 90, size=(num, 1, 8))


def write_evaluation(folder: Path) -> Evaluation:
    blocks = make_blocks()
    rng = np.random.default_rng(4)
    told = Evaluation(
        "U-Net",
        "pixels",
        LEGEND,
        "All test blocks.",
        Confusion(blocks.sum(0)),
        area.blocks(blocks, 5_000.0),
        calibration=Calibration.from_confidences(rng.random(200).astype(np.float32), rng.random(200) < 0.5),
    )
    told.write(folder, {"map": "map.tif"})
    return told


def test_the_page_says_what_the_evaluation_says(tmp_path: Path) -> None:
    told = write_evaluation(tmp_path / "evaluation")
    assert told.confusion
    assert told.estimates
    material = gather([tmp_path], "A map")
    (shown,) = material.judgements
    np.testing.assert_array_equal(shown.matrix, told.confusion.counts.T)
    assert shown.overall.value == pytest.approx(told.estimates.overall.value)
    assert shown.overall.high == pytest.approx(told.estimates.overall.value + told.estimates.overall.half_width)
    assert shown.kappa == pytest.approx(told.confusion.kappa)
    assert shown.macro_f1 == pytest.approx(told.confusion.macro_f1)
    for place, figures in enumerate(shown.classes):
        assert figures.entry == LEGEND.classes[place]
        assert figures.users.value == pytest.approx(told.estimates.users[place].value)
        assert figures.producers.value == pytest.approx(told.estimates.producers[place].value)
        assert figures.iou == pytest.approx(told.confusion.iou[place])
    assert material.unread == ()


def test_rows_of_the_page_are_the_truth(tmp_path: Path) -> None:
    """The producer's accuracy of a class is the share of its row on the diagonal."""
    write_evaluation(tmp_path / "evaluation")
    (shown,) = gather([tmp_path], "A map").judgements
    confusion = Confusion(make_blocks().sum(0))
    share = np.diag(shown.matrix) / shown.matrix.sum(axis=1)
    np.testing.assert_allclose(share, confusion.producers)
    assert [figures.num_truth for figures in shown.classes] == shown.matrix.sum(axis=1).tolist()


def test_areas_and_calibration_are_those_of_the_evaluation(tmp_path: Path) -> None:
    told = write_evaluation(tmp_path / "evaluation")
    assert told.estimates
    assert told.estimates.areas
    areas, calibration = gather([tmp_path], "A map").tables
    assert areas.lines[7][0] == "Water"
    assert areas.lines[7][2].startswith(f"{told.estimates.areas[7].value:,.1f} ")
    assert sum(int(line[2].replace(",", "")) for line in calibration.lines) == 200


def test_several_labels_a_patch(tmp_path: Path) -> None:
    rng = np.random.default_rng(5)
    scores = Multilabel(rng.random((40, 8)).astype(np.float32), (rng.random((40, 8)) < 0.3).astype(np.uint8))
    told = Evaluation("ResNet-50", "multilabel", LEGEND, "All patches.", multilabel=scores)
    told.write(tmp_path / "evaluation", {})
    ways, labels = gather([tmp_path], "Labels").tables
    assert ways.lines[0][3] == f"{scores.micro.f1:.3f}"
    assert [line[0] for line in labels.lines] == list(LEGEND.names)
    assert [int(line[5]) for line in labels.lines] == scores.support.tolist()


def write_run(folder: Path) -> Card:
    with Log(folder) as log:
        for epoch in (1, 2, 3):
            step = 10 * epoch
            log.write(StepRecord(epoch, step, 30, {"loss": 2.0 / epoch}, 1e-3, 50.0))
            figures = {"loss": 2.5 / epoch, "overall_accuracy": 0.3 * epoch}
            log.write(EpochRecord(epoch, 3, step, {"loss": 2.0 / epoch}, figures, is_best=True, seconds=1.5))
    card = Card(
        network="forest",
        arguments={"num_trees": 3},
        sensor="sentinel-2-l2a",
        bands=("B02", "B03"),
        pixel_size_m=10.0,
        unit="reflectance",
        mean=(0.1, 0.2),
        std=(0.1, 0.1),
        legend=LEGEND,
        task="pixels",
        sight=Sight(1, 0),
        training={"num_train": 1_200, "num_validation": 300, "best_epoch": 3, "precision": "fp32"},
    )
    return save_card(folder / "card", card, {"weights": np.zeros(3, np.float32)})


def test_curves_are_those_of_the_log(tmp_path: Path) -> None:
    card = write_run(tmp_path / "run")
    (run,) = runs(find([tmp_path]))
    training, validation = run.curves["loss"]
    assert training.steps == (1, 2, 3)
    assert training.values == pytest.approx((2.0, 1.0, 2 / 3))
    assert validation.values == pytest.approx((2.5, 1.25, 2.5 / 3))
    assert run.facts["Time"] == "4.5 s"
    assert run.facts["Card"] == f"identity {card.identity[:12]}"
    assert run.facts["Samples"] == "1,200 for training, 300 for validation"


def test_the_archive_is_shown_as_its_manifest_says(tmp_path: Path) -> None:
    layout = make()
    note = archives.write_shard(tmp_path / "archive", "0000", layout, arrays(layout, 6), rows(6))
    assert note.num_rows == 6
    archives.finish(tmp_path / "archive", layout, {}, {}, may_touch=True)
    (facts,) = shown_archives(find([tmp_path])).values()
    manifest = json.loads((tmp_path / "archive" / "archive.json").read_text(encoding="utf-8"))
    for split, number in manifest["splits"].items():
        assert f"{number} {split}" in facts["Patches"]
    assert layout.bands[0] in facts["Bands"]


def test_one_page_of_all_of_it(tmp_path: Path) -> None:
    write_evaluation(tmp_path / "evaluation")
    write_run(tmp_path / "run")
    text = render(gather([tmp_path], "All of it"), tmp_path)
    for anchor in ("accuracy", "training", "files"):
        assert f'href="#{anchor}"' in text
    assert "Not shown" not in text

"""Recipes for large batches and uneven classes, carried out to the card and its judgement."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.evaluation.making import value_of
from tests.recipe import making

from landweave.errors import ConfigError
from landweave.evaluation.patches import judge
from landweave.evaluation.result import Evaluation
from landweave.models.card import load_card
from landweave.models.normalise import Normalise
from landweave.patches.archive import Archive
from landweave.train.log import EpochRecord, StepRecord

LABELS: dict[str, Any] = {"network": "resnet18", "arguments": {"width": 8}, "task": "multilabel"}


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Archive:
    return making.cut(tmp_path_factory.mktemp("archive"), num=24)


def judged(card: Path, archive: Archive) -> Evaluation:
    return value_of(judge(card, archive, "validation", "it"))


def steps(archive: Archive, out: Path, **changed: Any) -> list[StepRecord]:
    records = making.train(making.recipe(archive.folder, **changed), out)
    return [record for record in records if isinstance(record, StepRecord)]


def test_batches_grow_and_the_log_counts_their_steps(archive: Archive, tmp_path: Path) -> None:
    told = steps(
        archive, tmp_path / "run", network="pixel", arguments={}, batch_global=4, epochs=4,
        grow_batch=((1, 2), (3, 6)), schedule={"name": "step", "at_epochs": (2,)},
    )  # fmt: skip
    assert [record.epoch for record in told] == [1] * 6 + [2] * 3 + [3] * 3 + [4]
    assert {record.total for record in told} == {13}
    # The schedule tells of epochs, however many steps they have.
    assert [record.rate for record in told] == pytest.approx([0.01] * 9 + [0.001] * 4)


def test_the_rate_of_the_log_is_the_scaled_one(archive: Archive, tmp_path: Path) -> None:
    table = {"name": "lamb", "rate": 0.1, "scaling": "sqrt", "base_batch": 48}
    told = steps(
        archive, tmp_path / "run", network="pixel", arguments={}, batch_global=12, epochs=1, optimiser=table,
        schedule={"name": "constant"},
    )  # fmt: skip
    assert [record.rate for record in told] == pytest.approx([0.05, 0.05])


@pytest.mark.parametrize("name", ["focal", "asymmetric"])
def test_everything_against_imbalance_at_once_learns(archive: Archive, tmp_path: Path, name: str) -> None:
    changed = {
        **LABELS,
        "epochs": 4,
        "batch_global": 8,
        "sampling": "class_aware",
        "mixup": 0.2,
        "accumulate": 2,
        "loss": {"name": name, "class_weights": "balanced", "gamma": 1.0},
    }
    records = making.train(making.recipe(archive.folder, **changed), tmp_path / "run")
    ends = [record for record in records if isinstance(record, EpochRecord)]
    assert ends[-1].losses["loss"] < ends[0].losses["loss"]


def test_thresholds_are_tuned_on_the_validation_part_and_used_by_the_judgement(
    archive: Archive, tmp_path: Path
) -> None:
    making.train(making.recipe(archive.folder, **LABELS, epochs=2, thresholds="tuned"), tmp_path / "run")
    card, _ = load_card(tmp_path / "run" / "card")
    assert len(card.thresholds) == 3
    found = judged(tmp_path / "run" / "card", archive)
    assert found.multilabel is not None
    assert found.to_json()["threshold"] == card.thresholds
    # No threshold of one class alone does better on the part that they were tuned on.
    told, truth = found.multilabel.probabilities, found.multilabel.truth
    for column, scores in enumerate(found.multilabel.by_class):
        for other in np.linspace(0.005, 0.995, 100):
            guess = told[:, column] >= other
            both = 2 * (guess & (truth[:, column] == 1)).sum() / max(guess.sum() + truth[:, column].sum(), 1)
            assert both <= scores.f1 + 1e-6


def test_a_native_stem_goes_all_the_way_to_the_judgement(archive: Archive, tmp_path: Path) -> None:
    """Trained on repeated pixels, judged on repeated pixels: the card says which network it is."""
    changed = {**LABELS, "arguments": {"width": 8, "stem": "native"}}
    making.train(making.recipe(archive.folder, **changed, epochs=1), tmp_path / "run")
    card, network = load_card(tmp_path / "run" / "card")
    assert card.arguments == {"width": 8, "ratios": [1, 1, 2]}
    indices = archive.part("validation")
    arrays = archive.batch(indices)
    views = [torch.from_numpy(arrays[key].astype(np.float32)) * 1e-4 - 0.1 for key in ("data_10m", "data_20m")]
    whole = torch.cat([views[0], views[1].repeat_interleave(2, -1).repeat_interleave(2, -2)], 1)
    valid = torch.from_numpy(np.array(arrays["valid"], bool))
    wanted = network(Normalise(card.mean, card.std)(whole, valid)).sigmoid().detach().numpy()
    found = judged(tmp_path / "run" / "card", archive)
    assert found.multilabel is not None
    np.testing.assert_allclose(found.multilabel.probabilities, wanted, atol=1e-5)


def test_a_stem_of_another_network_is_refused(archive: Archive, tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as refused:
        making.train(making.recipe(archive.folder, arguments={"stem": "native"}), tmp_path / "run")
    assert "argument ratios of network unet" in refused.value.given
    assert "width" in refused.value.expected
    assert "[arguments]" in refused.value.do

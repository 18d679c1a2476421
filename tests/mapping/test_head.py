"""From scores to labels, steps of probability, and entropy."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.mapping.places import LEGEND

from landweave.legend import IGNORE, LandClass, Legend
from landweave.mapping.head import (
    NODATA,
    STEPS,
    Prediction,
    from_probabilities,
    joined,
    predict,
    to_entropy,
    to_labels,
    to_steps,
)


def one(values: list[float], valid: bool = True) -> Prediction:
    """A prediction of one pixel with these probabilities."""
    return from_probabilities(np.array(values, np.float32)[:, None, None], np.array([[valid]]))


def test_the_likeliest_class_and_its_probability() -> None:
    scores = torch.tensor([1.0, 3.0, 2.0])[:, None, None].expand(3, 2, 2)
    valid = np.array([[True, True], [False, True]])
    found = predict(scores, valid, True)
    assert found.indices.tolist() == [[1, 1], [IGNORE, 1]]
    assert found.probabilities is not None
    expected = math.exp(3) / (math.exp(1) + math.exp(2) + math.exp(3))
    assert found.probabilities[1, 0, 0] == pytest.approx(expected)
    assert found.probabilities[:, 1, 0].tolist() == [0, 0, 0]


@pytest.mark.parametrize("num_classes", [1, 2, 3, 44])
@pytest.mark.parametrize("moved", [False, True])
def test_the_likeliest_is_the_first_of_the_greatest_however_it_lies_in_memory(num_classes: int, moved: bool) -> None:
    # Few steps, so that many pixels have several greatest scores.
    scores = torch.randint(-2, 3, (num_classes, 31, 17), generator=torch.Generator().manual_seed(0)).float()
    expected = np.argmax(scores.numpy(), 0)
    laid = scores.permute(1, 2, 0).contiguous().permute(2, 0, 1) if moved else scores
    np.testing.assert_array_equal(predict(laid, np.ones((31, 17), bool), False).indices, expected)


def test_labels_alone_need_no_probabilities() -> None:
    scores = torch.randn(5, 7, 6, dtype=torch.bfloat16)
    valid = np.ones((7, 6), bool)
    alone, both = predict(scores, valid, False), predict(scores, valid, True)
    assert alone.probabilities is None
    assert (alone.indices == both.indices).all()


@pytest.mark.parametrize("with_probabilities", [True, False])
def test_stripes_are_the_whole(with_probabilities: bool) -> None:
    scores, valid = torch.randn(5, 9, 6), np.random.default_rng(0).random((9, 6)) > 0.3
    whole = predict(scores, valid, with_probabilities)
    rows = [slice(0, 4), slice(4, 8), slice(8, 9)]
    parts = joined([predict(scores[:, some], valid[some], with_probabilities) for some in rows])
    np.testing.assert_array_equal(parts.indices, whole.indices)
    np.testing.assert_array_equal(parts.valid, whole.valid)
    assert (parts.probabilities is None) == (not with_probabilities)
    if whole.probabilities is not None:
        # A processor's vectors end elsewhere in a stripe: softmax may differ in its last bit.
        np.testing.assert_allclose(parts.probabilities, whole.probabilities, rtol=1e-6)


def test_labels_are_ids_of_the_legend() -> None:
    scores = torch.eye(6)[:, :, None]
    valid = np.array([[True], [True], [True], [True], [True], [False]])
    assert to_labels(predict(scores, valid, False), LEGEND)[0, :, 0].tolist() == [10, 20, 30, 40, 50, 0]


def test_a_legend_with_a_class_0_has_nodata_255() -> None:
    binary = Legend("b", "a test", (LandClass(0, "no", "#000000"), LandClass(1, "yes", "#ffffff")))
    prediction = predict(torch.tensor([[[1.0, 0.0, 0.0]], [[0.0, 1.0, 1.0]]]), np.array([[True, True, False]]), False)
    assert to_labels(prediction, binary).tolist() == [[[0, 1, 255]]]


@pytest.mark.parametrize(
    ("values", "steps", "entropy"),
    [
        ([1.0, 0.0], [STEPS, 0], 0),
        ([0.5, 0.5], [127, 127], STEPS),
        ([0.25, 0.75], [64, 190], round(STEPS * (0.25 * 2 + 0.75 * math.log2(4 / 3)))),
        ([1.0], [STEPS], 0),
    ],
)
def test_steps_and_entropy(values: list[float], steps: list[int], entropy: int) -> None:
    assert to_steps(one(values))[:, 0, 0].tolist() == steps
    assert to_entropy(one(values))[0, 0, 0] == entropy


def test_what_is_not_valid_is_nodata() -> None:
    assert to_steps(one([0.5, 0.5], False)).tolist() == [[[NODATA]], [[NODATA]]]
    assert to_entropy(one([0.5, 0.5], False)).tolist() == [[[NODATA]]]
    assert one([0.5, 0.5], False).indices.tolist() == [[IGNORE]]

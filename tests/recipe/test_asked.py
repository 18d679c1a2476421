"""What every recipe asks of its material, and what is said where it is not so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from tests.mapping.places import LEGEND

from landweave.errors import LandweaveError, LegendError, SensorError, SplitError
from landweave.recipe import asked

NAME = LEGEND.names[1]


@pytest.mark.parametrize(
    "asking",
    [
        lambda: asked.same("sensor", None, "a", "samples"),
        lambda: asked.same("sensor", "a", "a", "samples"),
        lambda: asked.weighted("balanced", LEGEND, "class_weights"),
        lambda: asked.weighted({NAME: 2.0}, LEGEND, "class_weights"),
        lambda: asked.varying({"B02": 0.1, "B03": 1e-9}, "of here"),
        lambda: asked.judged(None, False, "patience_epochs", "here", "cut it"),
        lambda: asked.judged(3, True, "patience_epochs", "here", "cut it"),
    ],
)
def test_what_fits_passes(asking: Callable[[], None]) -> None:
    asking()


@pytest.mark.parametrize(
    ("asking", "error", "given", "expected", "do"),
    [
        (lambda: asked.same("sensor", "a", "b", "samples"), SensorError, "samples of sensor b", "sensor a", "change"),
        (
            lambda: asked.same("legend", "a", "b", "the archive x", LegendError),
            LegendError, "the archive x of legend b", "legend a, as the recipe says", "change legend",
        ),
        (
            lambda: asked.weighted({NAME: 1.0, NAME + "s": 2.0}, LEGEND, "class_weights"),
            LegendError, f"class {NAME}s in class_weights", NAME, LEGEND.name,
        ),
        (
            lambda: asked.varying({"B02": 0.0, "B03": 1.0, "B04": float("nan")}, "of x"),
            SensorError, "band B02, B04 with one value in the whole training part of x", "vary", "bands = ['B03']",
        ),
        (lambda: asked.varying({"B02": 0.0}, "", "cut again"), SensorError, "training part", "vary", "cut again"),
        (
            lambda: asked.judged(3, False, "patience_epochs", "x", "cut it with one"),
            SplitError, "early stopping on x", "neither trained on", "cut it with one, or leave patience_epochs away",
        ),
    ],
)  # fmt: skip
def test_what_does_not_is_said_in_three_parts(
    asking: Callable[[], None], error: type[LandweaveError], given: str, expected: str, do: str
) -> None:
    with pytest.raises(error) as caught:
        asking()
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert do in caught.value.do


@pytest.mark.parametrize(
    ("counts", "weights"),
    [([5, 5], [1, 1]), ([30, 10], [2 / 3, 2]), ([30, 0, 10], [2 / 3, 1, 2]), ([0, 0], [1, 1]), ([7], [1])],
)
def test_balanced_weights_make_classes_count_alike(counts: list[int], weights: list[float]) -> None:
    found: Any = asked.balanced(counts)
    assert found.tolist() == pytest.approx(weights)
    there = np.array(counts) > 0
    assert len(set(np.round((found * counts)[there], 9).tolist())) <= 1

"""Machines on few vectors against a general minimiser of the same loss."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import scipy.optimize
from tests.classical.making import draw

from landweave.classical import reduced

X, Y = draw(400, num_classes=2, num_features=4)


def loss(found: Any, strength: float) -> float:
    hinge = np.maximum(1 - np.where(Y == 1, 1.0, -1.0) * (X @ found[:-1] + found[-1]), 0)
    return float(found[:-1] @ found[:-1] / 2 + strength * (hinge @ hinge))


@pytest.mark.parametrize("strength", [0.001, 0.1, 10.0])
def test_no_minimiser_finds_less(strength: float) -> None:
    weights, bias = reduced.solve(X, Y == 1, strength)
    ours = np.append(weights, bias)
    theirs = scipy.optimize.minimize(lambda found: loss(found, strength), np.zeros(5), tol=1e-10)
    assert loss(ours, strength) <= theirs.fun * (1 + 1e-6)
    np.testing.assert_allclose(ours, theirs.x, atol=1e-3)


def test_more_samples_than_one_block_are_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = reduced.solve(X, Y == 1, 1.0)
    monkeypatch.setattr(reduced, "_ROWS", 64)
    np.testing.assert_allclose(reduced.solve(X, Y == 1, 1.0)[0], whole[0], rtol=1e-9)


def test_samples_that_can_be_parted_are_parted() -> None:
    far = X + np.where(Y == 1, 20, -20)[:, None].astype(np.float32)
    weights, bias = reduced.solve(far, Y == 1, 1e6)
    assert ((far @ weights + bias > 0) == (Y == 1)).all()


def test_features_of_vectors_have_the_kernel_as_inner_products() -> None:
    points = np.random.default_rng(0).normal(size=(40, 3))
    near = np.exp(-0.2 * ((points[:, None] - points) ** 2).sum(2))
    features = near @ reduced.whitening(near)
    np.testing.assert_allclose(features @ features.T, near, atol=1e-4)
    # Of a linear kernel no more directions are left than there are features.
    assert reduced.whitening(points @ points.T).shape == (40, 3)

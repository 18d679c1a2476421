"""Cross-validation: groups are never parted, the best choice is found, and what is too little is refused."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.classical.search import folds, search
from landweave.errors import SampleError


def test_samples_of_one_group_stay_together() -> None:
    groups = np.random.default_rng(0).integers(0, 23, 400)
    parts = folds(groups, 5)
    assert all(len(np.unique(parts[groups == group])) == 1 for group in range(23))
    assert set(parts.tolist()) == set(range(5))
    np.testing.assert_array_equal(parts, folds(groups, 5))
    assert (folds(groups, 5, seed=1) != parts).any()
    with pytest.raises(SampleError, match="3 blocks of samples for 5 parts"):
        folds(np.array([1, 1, 2, 3]), 5)


def test_the_numbers_that_do_best_are_chosen() -> None:
    generator = np.random.default_rng(0)
    x = generator.uniform(-1, 1, (200, 2)).astype(np.float32)
    # A ring, which a wide kernel with a weak penalty cannot draw.
    y = ((x**2).sum(1) < 0.5).astype(np.uint8)
    parts = folds(np.arange(200) // 4, 5)
    found = search("svm", x, y, 2, parts=parts, options={"strength": (0.01, 10.0), "gamma": (0.001, 1.0)})
    assert found.arguments == {"strength": 10.0, "gamma": 1.0}
    assert found.share > 0.9 and found.share == max(found.tried.values()) and len(found.tried) == 4

"""Shapes in signatures are checked while tests run."""

from __future__ import annotations

import numpy as np
import pytest
from jaxtyping import TypeCheckError

from landweave.metrics.area import by_map_class
from landweave.spectra.indices import ndvi


def test_arrays_of_other_shapes_are_told() -> None:
    with pytest.raises(TypeCheckError, match="sizes"):
        by_map_class(np.ones((3, 3), np.int64), np.ones(4))


def test_arrays_of_other_types_are_told() -> None:
    with pytest.raises(TypeCheckError, match="nir"):
        ndvi(np.ones((3, 3), np.float32), np.ones((3, 3), np.int16))  # type: ignore[arg-type]

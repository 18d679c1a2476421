"""An archive as a data set: samples in physical values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.patches import making

from landweave.datasets.archive import ArchiveDataset
from landweave.errors import SplitError
from landweave.patches.archive import finish, write_shard


def test_samples_are_the_patches_of_the_part(tmp_path: Path) -> None:
    archive = making.write(tmp_path, (4, 3))
    data = ArchiveDataset(tmp_path, "train")
    assert len(data) == 3
    samples = list(data)
    assert [sample.id for sample in samples] == ["p0000", "p0003", "p0006"]
    stored = archive.batch([0, 3, 6])
    for place, sample in enumerate(samples):
        assert set(sample.views) == {"data_10m", "data_20m", "data_60m"}
        for key, values in sample.views.items():
            assert values.dtype == np.float32
            np.testing.assert_allclose(values, stored[key][place] * 1e-4 - 0.1, atol=1e-6)
        np.testing.assert_array_equal(sample.mask, stored["mask"][place])
        assert sample.classes is None and sample.valid.all()


def test_invalid_pixels_are_zero(tmp_path: Path) -> None:
    layout = making.make(targets=("classes",))
    arrays = making.arrays(layout, 1)
    arrays["valid"][0, :6] = False
    arrays["valid"][0, 6, 0] = False
    write_shard(tmp_path, "000000", layout, arrays, making.rows(1))
    finish(tmp_path, layout, {})
    (sample,) = ArchiveDataset(tmp_path, "train")
    assert (sample.views["data_10m"][:, :6] == 0).all() and (sample.views["data_10m"][:, 7:] != 0).all()
    assert (sample.views["data_20m"][:, :3] == 0).all() and (sample.views["data_20m"][:, 3:] != 0).all()
    assert sample.mask is None and sample.classes is not None
    np.testing.assert_array_equal(sample.classes, arrays["classes"][0])


def test_an_empty_part_is_refused(tmp_path: Path) -> None:
    archive = making.write(tmp_path, (2,), splits=("train",))
    with pytest.raises(SplitError) as caught:
        ArchiveDataset(archive, "test")
    assert "test" in caught.value.given
    assert "train 2" in caught.value.expected
    assert "fractions" in caught.value.do

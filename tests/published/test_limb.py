"""Limb spectra that another program wrote: a classic netCDF file, its numbers in the other order of bytes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.published.limb import write

from landweave.datasets import limb


@pytest.mark.parametrize("limit", [True, False])
def test_classic_netcdf(tmp_path: Path, limit: bool) -> None:
    radiance = np.random.default_rng(1).uniform(1, 1000, (5, 142))
    radiance[0, 0] = np.nan
    path = write(tmp_path / "a.nc", radiance, np.array([0.0, 100, 200, 300, 359]), limit=limit)
    found, counts = limb.read_counted([path])
    assert counts == limb.Counts(spectra=5, missing=1, east_of_180=3)
    np.testing.assert_allclose(found.radiance[found.valid], radiance[found.valid], rtol=1e-6)
    np.testing.assert_array_equal(found.longitude, np.array([0, 100, -160, -60, -1], np.float32))
    assert found.time[1] == np.datetime64("2009-06-14T00:01:00")
    assert found.label is None
    assert limb.count(path) == 5
    np.testing.assert_array_equal(limb.read([path], slice(3, 9)).radiance, found.radiance[3:])

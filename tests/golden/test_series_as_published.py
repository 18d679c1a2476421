"""Numbers of papers about series, each with its source."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from landweave.sensors import sensor
from landweave.series.select import SelectJob, bands_of
from landweave.spectra.indices import evi, ndsi, ndvi, ndwi, roles


def test_the_selection_of_sedona_et_al_2022() -> None:
    # Section 3: "20 paired acquisitions for each of the years [...] with a maximum difference [...] of 6 days",
    # without acquisitions "where more than 40% of the pixels are assigned to clouds".
    job = SelectJob(catalog=Path("catalog.parquet"))
    assert (job.per_year, job.cloud, job.pair_days) == (20, 0.4, 6)
    # Section 4: "20 observations, each with 10 features (the pixel values of the 10 considered bands)".
    assert len(bands_of([sensor("sentinel-2-l2a")], ())[0]) == 10


def test_the_vegetation_index_of_huete_et_al_2002() -> None:
    # Eq. 1 with the coefficients of MODIS: L = 1, C1 = 6, C2 = 7.5, G = 2.5.
    blue, red, nir = (np.float32([value]) for value in (0.04, 0.06, 0.36))
    assert evi(blue, red, nir)[0] == pytest.approx(2.5 * (0.36 - 0.06) / (0.36 + 6 * 0.06 - 7.5 * 0.04 + 1), rel=1e-6)


@pytest.mark.parametrize(
    ("name", "index", "bands", "at_least", "at_most"),
    [
        # Hall et al. 1995: snow from 0.4 on; McFeeters 1996: water above 0; Rouse et al. 1974: leaves near 1.
        ("snow", ndsi, (0.9, 0.1), 0.4, 1.0),
        ("water", ndwi, (0.06, 0.02), 0.0, 1.0),
        ("grass", ndvi, (0.04, 0.48), 0.8, 1.0),
        ("bare rock", ndvi, (0.25, 0.3), 0.0, 0.2),
    ],
)
def test_what_indices_say_of_the_ground(name, index, bands, at_least, at_most) -> None:  # type: ignore[no-untyped-def]
    found = float(index(*(np.float32([value]) for value in bands))[0])
    assert at_least < found <= at_most, name


@pytest.mark.parametrize("name", ["sentinel-2-l2a", "sentinel-2-l1c", "landsat-8-c2l2", "landsat-9-c2l2"])
def test_every_sensor_of_land_has_the_bands_of_all_indices(name: str) -> None:
    found = roles(sensor(name), bands_of([sensor(name)], ())[0])
    assert {"blue", "green", "red", "nir", "swir16", "swir22"} <= set(found)

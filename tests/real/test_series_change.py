"""Change in real sequences: sixteen published maps of Mato Grosso, and thirty years of Landsat pixels in Colorado.

The maps are a classifier's output, and the Landsat pixels have no labels: the figures say how much these sequences
change by the rules, not how right that is.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pytest
from tests.real.test_years_of_mato_grosso import CLASSES, YEARS

from landweave.cli.main import run
from landweave.datasets.series import read_series
from landweave.legend import LandClass, Legend
from landweave.raster.read import read_map
from landweave.series.change import Rules
from landweave.series.events import read_events
from landweave.series.find import find
from landweave.series.timeline import date_of, of_spans

pytestmark = pytest.mark.real
SHAPE = (248, 435)


def agreement(maps: list[np.ndarray]) -> float:
    """Mean share of pixels alike in a year and the next."""
    return float(np.mean([(one == two).mean() for one, two in itertools.pairwise(maps)]))


@pytest.mark.parametrize("method", ["rules", "hmm"])
def test_sixteen_maps_become_consistent_ones(real_data: Path, tmp_path: Path, method: str) -> None:
    paths = [real_data / "sits_mt_annual_maps" / f"MT_{year}.tif" for year in YEARS]
    (tmp_path / "legends.toml").write_text(f'[legends.mt-15]\nsource = "Mato Grosso"\n{CLASSES}', encoding="utf-8")
    legend = ["--legend", "mt-15", "--legends", str(tmp_path / "legends.toml")]
    rules = ["--method", method, "--filter-length", "3", "--stable", "2", "--start", "1", "--min-area", "5"]
    chance = ["--change-chance", "0.02"] if method == "hmm" else []
    out = tmp_path / "out"
    assert run(["series", "change", *map(str, paths), *legend, *rules, *chance, "-o", str(out)]) == 0
    events = read_events(out / "events.parquet").rows
    before = [read_map(path)[0] for path in paths]
    after = [read_map(out / "annual" / f"{year}.tif")[0] for year in YEARS]
    assert after[0].shape == SHAPE
    changed = sum(event.num_pixels for event in events)
    told = json.loads((out / "change.json").read_text())
    assert sum(row["area_ha"] for row in told["areas"]) == pytest.approx(changed * 231.656**2 / 1e4, rel=1e-3)
    assert agreement(after) > agreement(before)
    assert len(events) > 100
    # Nearly all pixels of a year still have the class that was published.
    assert np.mean([(one == two).mean() for one, two in zip(before, after, strict=True)]) > 0.8
    assert {event.year for event in events} <= set(YEARS)


def test_thirty_years_of_landsat_pixels(real_data: Path) -> None:
    points = read_series("yatsm", real_data / "yatsm_landsat_ts")
    assert points.values.shape[:2] == (25, 447)
    red, nir = (points.values[..., points.bands.index(band)] for band in ("B3", "B4"))
    seen = points.valid & (red + nir > 0)
    ndvi = np.where(seen, (nir - red) / np.where(seen, red + nir, 1), np.nan)
    # Classes by greenness: there are no labels. A span of 15 dates is what its median says.
    days = points.days[0]
    dates = [date_of(int(day)) for day in days]
    line = of_spans(dates, 15, 1)
    windows = np.lib.stride_tricks.sliding_window_view(ndvi, 15, axis=1)
    with np.errstate(all="ignore"):
        greenness = np.nanmedian(windows, -1)
    labels = np.where(np.isnan(greenness), 255, np.digitize(greenness, [0.3, 0.5])).T.astype(np.uint8)
    legend = Legend("green", "a test", tuple(LandClass(n + 1, f"Green {n}", f"#00{n}0{n}0") for n in range(3)))
    found = find(labels, np.full_like(labels, 200), line, Rules(max_returns=9), legend)
    assert len(found.changes) > 0
    # Some pixels hold no data at all, as published.
    assert np.array_equal(found.base == 255, (labels == 255).all(0))
    assert all(1984 <= date_of(day).year <= 2013 for day in found.changes.day)

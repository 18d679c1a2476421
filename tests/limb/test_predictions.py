"""Predictions on disk: there and back, parts joined in their order, and files that are none."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from landweave.errors import SpectraError
from landweave.legend import IGNORE
from landweave.limb.predictions import Predictions, join, read, write
from landweave.provenance import file_sha256


def made(num: int, seed: int = 0) -> Predictions:
    """Predictions without meaning."""
    rng = np.random.default_rng(seed)
    index = rng.choice(np.array([0, 1, 2, IGNORE], np.uint8), num)
    time = np.datetime64("2009-06-14T00:00:00", "s") + np.arange(num).astype("timedelta64[s]")
    time[::7] = np.datetime64("NaT")
    return Predictions(
        time=time,
        latitude=rng.uniform(-90, -60, num).astype(np.float32),
        longitude=rng.uniform(-180, 180, num).astype(np.float32),
        tangent_altitude_km=rng.uniform(12, 30, num).astype(np.float32),
        cloud_index=np.where(rng.random(num) < 0.1, np.nan, 3).astype(np.float32),
        state=np.where(index == IGNORE, 1 + np.arange(num) % 2, 0).astype(np.uint8),
        index=index,
        share=rng.random(num, np.float32),
        truth=rng.integers(0, 2, num, dtype=np.uint8),
        classes=("ice", "NAT", "STS_mix"),
        truth_classes=("ice", "nat_small"),
        facts={"method": "bayes", "title": "Bayesian, fitted here", "card": "abc", "simulated": True},
    )


ONE = made(50)
COLUMNS = [name for name, value in vars(ONE).items() if isinstance(value, np.ndarray)]


def test_there_and_back_and_the_same_bytes(tmp_path: Path) -> None:
    write(tmp_path / "a.parquet", ONE)
    write(tmp_path / "b.parquet", replace(ONE, facts=dict(reversed(ONE.facts.items()))))
    assert file_sha256(tmp_path / "a.parquet") == file_sha256(tmp_path / "b.parquet")
    back = read(tmp_path / "a.parquet")
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(back, name), getattr(ONE, name), err_msg=name)
        assert getattr(back, name).dtype == getattr(ONE, name).dtype
    assert (back.classes, back.truth_classes, back.facts) == (ONE.classes, ONE.truth_classes, ONE.facts)


def test_parts_are_joined_in_their_order(tmp_path: Path) -> None:
    parts = [made(num, seed) for seed, num in enumerate((3, 5, 1))]
    paths = [tmp_path / f"{number}.parquet" for number in range(3)]
    for path, part in zip(paths, parts, strict=True):
        write(path, part)
    join(tmp_path / "all.parquet", paths)
    back = read(tmp_path / "all.parquet")
    for name in COLUMNS:
        np.testing.assert_array_equal(getattr(back, name), np.concatenate([getattr(part, name) for part in parts]))
    assert back.facts == ONE.facts
    assert len(back) == 9


def test_every_spectrum_is_counted_once() -> None:
    counts = ONE.counts
    assert sum(counts.values()) == len(ONE)
    assert counts["NAT"] == int((ONE.index == 1).sum())
    assert counts["clear"] + counts["unusable"] == int((ONE.index == IGNORE).sum())


def test_files_that_hold_no_predictions(tmp_path: Path) -> None:
    (tmp_path / "torn.parquet").write_bytes(b"PAR1 and not more")
    pq.write_table(pa.table({"a": [1]}), tmp_path / "other.parquet")
    write(tmp_path / "fine.parquet", ONE)
    table = pq.read_table(tmp_path / "fine.parquet")
    pq.write_table(table.drop_columns(["share"]), tmp_path / "lacks.parquet")
    for name in ("missing", "torn", "other", "lacks"):
        with pytest.raises(SpectraError) as refused:
            read(tmp_path / f"{name}.parquet")
        assert name in refused.value.given
        assert refused.value.expected in ("predictions of landweave limb predict", "format 1")
        assert refused.value.do == "give a predictions.parquet that landweave limb predict wrote, or run it again"

"""samples.h5: what is written is read again, bit for bit, and what contradicts itself is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest
from tests.series.making import make_points

from landweave.datasets.points import NO_LABEL, PARTS, join, open_points, write_points
from landweave.errors import SeriesError


@pytest.mark.parametrize("dated", [False, True])
def test_what_is_written_is_read(tmp_path: Path, dated: bool) -> None:
    labels = np.full((12, 5), NO_LABEL, np.int16)
    labels[:, 2] = 3
    points = make_points(labels_by_date=labels) if dated else make_points()
    write_points(points, tmp_path / "samples.h5")
    found = open_points(tmp_path / "samples.h5")
    for name, value in vars(points).items():
        np.testing.assert_array_equal(getattr(found, name), value, err_msg=name)
    assert found.identity == points.identity
    assert found.values.dtype == np.float32


def test_same_points_same_bytes(tmp_path: Path) -> None:
    for name in ("a.h5", "b.h5"):
        write_points(make_points(), tmp_path / name)
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert make_points().identity != make_points(seed=1).identity


def test_parts() -> None:
    points = make_points()
    found = [points.of_part(name) for name in PARTS]
    np.testing.assert_array_equal(np.sort(np.concatenate(found)), np.arange(12))
    np.testing.assert_array_equal(found[2], [4, 5, 10, 11])
    with pytest.raises(SeriesError) as caught:
        points.of_part("tset")
    assert caught.value.given == "part tset"
    assert "test (did you mean that?)" in caught.value.expected
    assert caught.value.do


def test_some_of_the_points() -> None:
    points = make_points()
    some = points.take(np.array([5, 2]))
    assert len(some) == 2
    np.testing.assert_array_equal(some.values, points.values[[5, 2]])
    np.testing.assert_array_equal(some.label, points.label[[5, 2]])
    assert some.legend == points.legend


def test_series_of_other_lengths_are_padded_at_their_end() -> None:
    short, long = make_points(num_dates=3), make_points(num_dates=5, seed=1)
    both = join([short, long])
    assert both.values.shape == (24, 5, 4)
    assert not both.valid[:12, 3:].any()
    np.testing.assert_array_equal(both.days[:12, 3:], np.repeat(short.days[:, -1:], 2, 1))
    np.testing.assert_array_equal(both.values[12:], long.values)
    with pytest.raises(SeriesError, match="whose sensor differ") as caught:
        join([short, make_points(sensor="another")])
    assert caught.value.expected == "sensor sentinel-2-l2a for all"
    with pytest.raises(SeriesError, match="no points"):
        join([])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": np.zeros(3, np.int16)}, "label of shape"),
        ({"bands": ("B02",)}, "4 values a date"),
        ({"label": np.full(12, 6, np.int16)}, "label from 6 to 6"),
        ({"label": np.full(12, -2, np.int16)}, "label from -2 to -2"),
        ({"days": np.full((12, 5), 9, np.int32) - np.arange(5, dtype=np.int32)}, "point 0, whose days fall"),
        ({"part": np.full(12, 3, np.uint8)}, "part 3"),
        ({"values": np.full((12, 5, 4), np.nan, np.float32)}, "NaN"),
    ],
)
def test_contradictions_are_refused(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(SeriesError, match=message) as caught:
        make_points(**changes)
    assert caught.value.expected
    assert caught.value.do
    with pytest.raises(SeriesError, match="0 points"):
        make_points().take(np.array([], np.int64))


def test_damaged_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "samples.h5"
    with pytest.raises(SeriesError, match="no file"):
        open_points(path)
    write_points(make_points(), path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(SeriesError, match="cannot be read"):
        open_points(path)
    path.write_bytes(whole)
    with h5py.File(path, "r+") as file:
        file["label"][0] = 5
    with pytest.raises(SeriesError, match="not those that were written"):
        open_points(path)
    with h5py.File(path, "r+") as file:
        file.attrs["format"] = 2
    with pytest.raises(SeriesError, match="of format 2") as caught:
        open_points(path)
    assert caught.value.do


def test_labels_by_date_are_padded_with_what_nobody_knows() -> None:
    short = make_points(num_dates=3, labels_by_date=np.ones((12, 3), np.int16))
    long = make_points(num_dates=5, labels_by_date=np.full((12, 5), 2, np.int16))
    both = join([short, long])
    assert both.labels_by_date is not None
    assert (both.labels_by_date[:12, 3:] == NO_LABEL).all()
    assert (both.labels_by_date[:12, :3] == 1).all()
    assert (both.labels_by_date[12:] == 2).all()
    # Where one of them has none, the whole has none.
    assert join([make_points(num_dates=3), long]).labels_by_date is None


def test_labels_by_date_outside_the_legend_are_refused() -> None:
    labels = np.zeros((12, 5), np.int16)
    labels[3, 4] = 6
    with pytest.raises(SeriesError, match="labels_by_date from 0 to 6") as caught:
        make_points(labels_by_date=labels)
    assert "places in the legend six" in caught.value.expected
    assert "legend" in caught.value.do
    with pytest.raises(SeriesError, match="labels_by_date of shape"):
        make_points(labels_by_date=labels[:, :3])


@pytest.mark.parametrize("num", [1, 300])
def test_files_of_one_point_and_of_several_pieces(tmp_path: Path, num: int) -> None:
    points = make_points(num, 7, seed=3)
    write_points(points, tmp_path / "deeper" / "samples.h5")
    assert open_points(tmp_path / "deeper" / "samples.h5").identity == points.identity

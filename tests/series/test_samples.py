"""samples.h5 from what blocks drew: the lowest chances of each part and class, by place, once for every year."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mapping.places import LEGEND
from tests.series.making import make_series

from landweave.datasets.points import open_points
from landweave.raster.dates import days
from landweave.series.samples import points_of, write_samples

DATES = ("2018-05-01", "2018-07-02", "2019-05-03")
WANTED = np.zeros((3, 6), np.int64)
WANTED[0, 1], WANTED[2, 4] = 3, 2


@dataclass
class Job:
    """As much of a job's order as samples need."""

    per: str = "year"
    legend: Any = LEGEND
    years: tuple[int, ...] = (2018, 2018, 2019)
    job: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.job["per"] = self.per


def block(folder: Path, number: int, num: int = 10) -> Path:
    """What a block drew: half of it class 1 of the training part, half class 4 of the test part."""
    generator = np.random.default_rng(number)
    half = np.arange(num) % 2 == 0
    arrays = {
        "values": generator.random((3, 4, num), np.float32),
        "valid": np.ones((3, num), bool),
        "label": np.where(half, 1, 4).astype(np.uint8),
        "part": np.where(half, 0, 2).astype(np.uint8),
        "chance": generator.random(num),
        "block": np.full(num, number, np.int32),
        "place": np.stack([np.full(num, number), np.arange(num)], 1),
        "right": np.full(num, 255, np.uint8),
    }
    path = folder / f"block-{number}.npz"
    np.savez(path, **arrays)
    return path


def drawn(paths: list[Path]) -> dict[str, np.ndarray]:
    loaded = [np.load(path) for path in paths]
    return {name: np.concatenate([each[name] for each in loaded], {"values": 2, "valid": 1}.get(name, 0))
            for name in loaded[0].files}  # fmt: skip


def test_the_lowest_chances_of_each_part_and_class(tmp_path: Path) -> None:
    series, _ = make_series(tmp_path, DATES)
    paths = [block(tmp_path, number) for number in (1, 2)]
    points = write_samples(tmp_path / "s.h5", series, Job(), paths, WANTED)  # type: ignore[arg-type]
    assert open_points(tmp_path / "s.h5").identity == points.identity
    assert len(points) == 2 * 5
    every = drawn(paths)
    first = points.take(points.year == 2018)
    for part, label, num in ((0, 1, 3), (2, 4, 2)):
        here = (every["part"] == part) & (every["label"] == label)
        lowest = np.flatnonzero(here)[np.argsort(every["chance"][here])[:num]]
        mine = np.flatnonzero((first.part == part) & (first.label == label))
        expected = {tuple(place) for place in every["place"][lowest]}
        columns = ((first.x[mine] - series.grid.affine.c) / 10 - 0.5).astype(int)
        rows = ((series.grid.affine.f - first.y[mine]) / 10 - 0.5).astype(int)
        assert set(zip(rows.tolist(), columns.tolist(), strict=True)) == expected


def test_points_stand_in_the_order_of_places_whatever_the_blocks(tmp_path: Path) -> None:
    series, _ = make_series(tmp_path, DATES)
    paths = [block(tmp_path, number) for number in (1, 2)]
    one = write_samples(tmp_path / "a.h5", series, Job(), paths, WANTED)  # type: ignore[arg-type]
    other = write_samples(tmp_path / "b.h5", series, Job(), paths[::-1], WANTED)  # type: ignore[arg-type]
    assert (tmp_path / "a.h5").read_bytes() == (tmp_path / "b.h5").read_bytes()
    assert one.identity == other.identity
    rows = -one.y[one.year == 2018]
    assert (np.diff(rows) >= 0).all()


@pytest.mark.parametrize(("per", "shape"), [("year", (10, 2, 4)), ("series", (5, 3, 4))])
def test_a_point_a_year_or_with_all_dates(tmp_path: Path, per: str, shape: tuple[int, ...]) -> None:
    series, _ = make_series(tmp_path, DATES)
    points = write_samples(tmp_path / "s.h5", series, Job(per), [block(tmp_path, 3)], WANTED)  # type: ignore[arg-type]
    assert points.values.shape == shape
    assert set(points.year.tolist()) == ({2018, 2019} if per == "year" else {2019})
    # The year with one date is padded by one that is not valid.
    assert points.valid.sum() == 5 * 3


def test_fewer_than_wanted_are_all_taken(tmp_path: Path) -> None:
    series, _ = make_series(tmp_path, DATES)
    many = np.full((3, 6), 100)
    points = write_samples(tmp_path / "s.h5", series, Job(), [block(tmp_path, 1)], many)  # type: ignore[arg-type]
    assert len(points) == 2 * 10


def test_pixels_of_a_series_as_points(tmp_path: Path) -> None:
    series, _ = make_series(tmp_path, DATES)
    chosen = {name: array for name, array in drawn([block(tmp_path, 2)]).items() if name != "right"}
    here = np.array([True, False, True])
    points = points_of(series, LEGEND, chosen, here, 2019)
    np.testing.assert_array_equal(points.values[3], chosen["values"][here][:, :, 3])
    np.testing.assert_array_equal(points.days[0], days(series.dates)[here])
    assert points.sensor == "sentinel-2-l2a"
    assert points.crs == "EPSG:32633"
    assert points.pixel_size_m == 10
    assert set(points.year.tolist()) == {2019}
    np.testing.assert_array_equal(points.label, chosen["label"])

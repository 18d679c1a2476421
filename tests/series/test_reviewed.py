"""Reviewed places as samples: labels by year, pixels inside, decisions that do not count, mistakes refused."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet as pq
import pytest
import shapely
from tests.mapping.places import LEGEND, grid_at
from tests.series.making import make_series

from landweave.cli.main import run as command
from landweave.config import check
from landweave.datasets.points import open_points
from landweave.errors import GridError, LegendError, SeriesError
from landweave.mapping.source import series_pixels
from landweave.series.plan import write_series
from landweave.series.reviewed import ReviewedSamples, run
from landweave.tiling import Window

DATES = ("2018-05-01", "2018-07-02", "2019-05-03", "2019-07-01", "2020-06-01")
A, B, C = LEGEND.ids[:3]
OWN = """
[legends.six]
source = "a test"
classes = [{ id = 10, name = "Class 0", color = "#112233" }, { id = 20, name = "Class 1", color = "#aa0000" },
  { id = 30, name = "Class 2", color = "#00aa00" }]
"""


def square(row: int, col: int, edge: int = 3) -> shapely.Polygon:
    left, top = grid_at(12, 16).affine * (col, row)
    return shapely.box(left, top - 10 * edge, left + 10 * edge, top)


def decision(shape: shapely.Polygon, before: int, after: int, **changes: Any) -> dict[str, Any]:
    told = {"geometry": shape, "from_id": before, "to_id": after, "year": 2019, "is_last": True, "decision": "approve"}
    return {**told, **changes}


def write(folder: Path, *rows: dict[str, Any], crs: str = "EPSG:32633", header: dict[str, Any] | None = None) -> Path:
    path = folder / "decisions.parquet"
    geopandas.GeoDataFrame(list(rows), crs=crs).to_parquet(path)
    table = pq.read_table(path)
    words = {**table.schema.metadata, b"landweave": json.dumps(header or {"format": 1, "job": "x"}).encode()}
    pq.write_table(table.replace_schema_metadata(words), path)
    return path


@pytest.fixture
def values(tmp_path: Path) -> dict[str, Any]:
    series, _ = make_series(tmp_path, DATES)
    write_series(series, tmp_path / "series.json")
    (tmp_path / "own.toml").write_text(OWN)
    return {"series": tmp_path / "series.json", "legend": "six", "legends": tmp_path / "own.toml"}


def make(values: dict[str, Any], decisions: Path, **changes: Any) -> Any:
    out = decisions.with_name("more.h5")
    list(run(check(ReviewedSamples, {**values, "decisions": decisions, **changes}, "a test"), out))
    return open_points(out)


def test_labels_before_and_after_the_year_of_the_change(values: dict[str, Any], tmp_path: Path) -> None:
    points = make(values, write(tmp_path, decision(square(2, 5), A, C)))
    assert len(points) == 2 * 9
    assert set(zip(points.year.tolist(), points.label.tolist(), strict=True)) == {(2018, 0), (2020, 2)}
    assert set(points.part.tolist()) == {0}
    # 2018 has two dates, 2020 has one: padded.
    assert points.valid[points.year == 2020].sum(1).tolist() == [1] * 9
    assert points.legend.names == ("Class 0", "Class 1", "Class 2")


def test_what_did_not_change_has_its_label_in_all_years(values: dict[str, Any], tmp_path: Path) -> None:
    rows = decision(square(0, 0), B, B, decision="discard"), decision(square(6, 6), C, C, kind="unit")
    points = make(values, write(tmp_path, *rows))
    assert [set(points.label[points.block == block].tolist()) for block in (0, 1)] == [{1}, {2}]
    assert set(points.year.tolist()) == {2018, 2019, 2020}


def test_pixels_inside_with_their_series(values: dict[str, Any], tmp_path: Path) -> None:
    series, scenes = make_series(tmp_path, DATES)
    points = make(values, write(tmp_path, decision(square(4, 7, 2), A, A)))
    whole, _ = series_pixels(scenes, series.bands_of, series.grid, Window.of((12, 16)))
    assert len(points) == 3 * 4
    for n in np.flatnonzero(points.year == 2019):
        col, row = ~series.grid.affine * (points.x[n], points.y[n])
        assert 4 <= row < 6 and 7 <= col < 9
        np.testing.assert_array_equal(points.values[n], whole[2:4, :, int(row), int(col)])


def test_at_most_so_many_pixels_of_a_place_and_always_the_same(values: dict[str, Any], tmp_path: Path) -> None:
    decisions = write(tmp_path, decision(square(1, 1, 8), A, A))
    few = make(values, decisions, per_event=5)
    assert len(few) == 3 * 5
    assert make(values, decisions, per_event=5).identity == few.identity
    assert make(values, decisions, per_event=5, seed=1).identity != few.identity


def test_decisions_that_do_not_count(values: dict[str, Any], tmp_path: Path) -> None:
    rows = [decision(square(2, 5), A, C, is_last=False), decision(square(2, 5), A, B)]
    points = make(values, write(tmp_path, *rows, decision(square(500, 5), A, B)))
    assert set(points.label.tolist()) == {0, 1}
    with pytest.raises(SeriesError, match="without a place on the series of 2018, 2019, 2020") as caught:
        make(values, write(tmp_path, decision(square(500, 5), A, B)))
    assert caught.value.do


def test_mistakes_are_refused(values: dict[str, Any], tmp_path: Path) -> None:
    with pytest.raises(LegendError, match=r"ids \[77\]"):
        make(values, write(tmp_path, decision(square(2, 5), A, 77)))
    with pytest.raises(SeriesError, match="with the id 0 for a class"):
        make(values, write(tmp_path, decision(square(2, 5), A, 0)))
    with pytest.raises(GridError, match="decisions in EPSG:32632") as caught:
        make(values, write(tmp_path, decision(square(2, 5), A, B), crs="EPSG:32632"))
    assert caught.value.expected == "one CRS"
    with pytest.raises(SeriesError, match="of format 2"):
        make(values, write(tmp_path, decision(square(2, 5), A, B), header={"format": 2}))
    with pytest.raises(SeriesError, match="cannot be read"):
        make(values, tmp_path / "none.parquet")
    (tmp_path / "bad.parquet").write_bytes(b"PAR1 and nothing else")
    with pytest.raises(SeriesError, match="cannot be read"):
        make(values, tmp_path / "bad.parquet")


def test_on_the_command_line(values: dict[str, Any], tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    decisions, out = write(tmp_path, decision(square(2, 5), A, C)), tmp_path / "more.h5"
    words = ["series", "label", str(values["series"]), "--decisions", str(decisions), "--legend", "six"]
    assert command([*words, "--legends", str(values["legends"]), "-o", str(out), "--set", "per_event=4"]) == 0
    assert f"8 points of 1 reviewed places in {out}" in capsys.readouterr().out
    assert command([*words, "--map", "old.tif", "-o", str(out)]) == 1
    assert "map" in capsys.readouterr().err

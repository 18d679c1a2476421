"""Changes on disk against the truth: the figures of the arrays, the map of what was right, what cannot be compared."""

from __future__ import annotations

import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.evaluation.making import GRID, HEIGHT, LEGEND, WIDTH, write

from landweave.config import check
from landweave.errors import ConfigError, GridError, OutputError, SampleError
from landweave.evaluation import parts
from landweave.evaluation.change import JUDGED, PICTURE, ChangeJob, lines, read_change, run, within
from landweave.legend import LandClass, Legend
from landweave.metrics.change import ChangeCounts, Changes, picture
from landweave.raster.classes import read_legend
from landweave.raster.read import read_map
from landweave.raster.write import write_layer, write_map

SHAPE = (HEIGHT, WIDTH)
DAY = (dt.date(2021, 6, 1) - dt.date(1970, 1, 1)).days
RNG = np.random.default_rng(3)


def truth() -> Changes:
    old = RNG.integers(0, 3, (HEIGHT // 8, WIDTH // 8)).repeat(8, 0).repeat(8, 1).astype(np.uint8)
    new, day = old.copy(), np.zeros(SHAPE, np.int32)
    for number, (row, col) in enumerate(((8, 16), (40, 40), (64, 80))):
        here = (slice(row, row + 16), slice(col, col + 16))
        new[here], day[here] = (old[here] + 1) % 3, DAY + 100 * number
    return Changes(old, new, day)


TRUTH = truth()


def seen() -> Changes:
    """One change moved by four pixels and 10 days, one missed, one found exactly, one made up a year later."""
    new, day = TRUTH.old.copy(), np.zeros(SHAPE, np.int32)
    for late, row, col in ((10, 12, 16), (0, 64, 80)):
        here = (slice(row, row + 16), slice(col, col + 16))
        new[here], day[here] = (TRUTH.old[here] + 1) % 3, DAY + (200 if row == 64 else 0) + late
    new[:8, 100:], day[:8, 100:] = (TRUTH.old[:8, 100:] + 1) % 3, DAY + 365
    return Changes(TRUTH.old, new, day)


SEEN = seen()


def as_raster(path: Path, changes: Changes) -> Path:
    """As `landweave simulate` writes it."""
    there = changes.old != changes.new
    ids = [np.where(there, LEGEND.to_ids(each), 0) for each in (changes.old, changes.new)]
    stack = np.stack([*ids, np.where(there, changes.day, 0)]).astype(np.uint16)
    write_layer(path, stack, GRID, band_names=("from", "to", "day"))
    return path


def as_folder(path: Path, changes: Changes) -> Path:
    """As `landweave series change` writes it."""
    there = changes.old != changes.new
    for name, each in (("from", changes.old), ("to", changes.new)):
        write_map(path / f"{name}.tif", np.where(there, LEGEND.to_ids(each), 0).astype(np.uint8), GRID, LEGEND)
    write_layer(path / "date.tif", np.where(there, changes.day, 0)[None].astype(np.uint16), GRID)
    return path


def judged(out: Path, **values: Any) -> dict[str, Any]:
    records = list(run(check(ChangeJob, values, "options"), out))
    assert records and all(record.done <= record.total for record in records)
    return read_change(out)


def test_figures_are_those_of_the_arrays(tmp_path: Path) -> None:
    real = as_raster(tmp_path / "change.tif", TRUTH)
    found = judged(tmp_path / "out", found=[as_folder(tmp_path / "found", SEEN)], truth=[real])
    expected = ChangeCounts.of(SEEN, TRUTH)
    assert expected.found > expected.false > 0
    assert found["pixels"] == {
        "found": expected.found,
        "false": expected.false,
        "missed": expected.missed,
        "calm": expected.calm,
    }
    for name in ("precision", "recall", "f1", "iou", "classes", "median_error_days"):
        assert found[name] == getattr(expected, name), name
    assert found["areas_ha"]["found"] == pytest.approx(expected.found / 100)
    assert found["num_dated"] == expected.found


def test_the_map_shows_what_was_right(tmp_path: Path) -> None:
    real = as_raster(tmp_path / "change.tif", TRUTH)
    judged(tmp_path / "out", found=[as_folder(tmp_path / "found", SEEN)], truth=[real])
    ids, grid = read_map(tmp_path / "out" / PICTURE)
    np.testing.assert_array_equal(ids, picture(SEEN, TRUTH) + 1)
    assert grid == GRID
    assert (known := read_legend(tmp_path / "out" / PICTURE)) is not None
    assert known.names == JUDGED.names


def test_windows_add_up_whatever_their_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {"found": [as_folder(tmp_path / "found", SEEN)], "truth": [as_raster(tmp_path / "change.tif", TRUTH)]}
    one = judged(tmp_path / "one", **paths)
    whole = read_map(tmp_path / "one" / PICTURE)[0]
    monkeypatch.setattr(parts, "_EDGE_PX", 29)
    assert judged(tmp_path / "many", **paths) == one
    np.testing.assert_array_equal(read_map(tmp_path / "many" / PICTURE)[0], whole)


def test_maps_of_two_years_are_changes_without_dates(tmp_path: Path) -> None:
    real = as_raster(tmp_path / "change.tif", TRUTH)
    maps = [write(tmp_path / f"{year}.tif", each) for year, each in ((2020, SEEN.old), (2022, SEEN.new))]
    between = write(tmp_path / "2021.tif", SEEN.old)
    found = judged(tmp_path / "out", found=[maps[0], between, maps[1]], truth=[real])
    assert found["f1"] == ChangeCounts.of(SEEN, TRUTH).f1
    assert found["median_error_days"] is None
    assert found["num_dated"] == 0
    assert not any("dates" in line for line in lines(found))


def test_changes_outside_a_period_do_not_count(tmp_path: Path) -> None:
    paths = {"found": [as_folder(tmp_path / "found", SEEN)], "truth": [as_raster(tmp_path / "change.tif", TRUTH)]}
    late = judged(tmp_path / "late", **paths, until="2022-01-31")
    # The change that was made up lies behind the end.
    expected = ChangeCounts.of(within(SEEN, None, DAY + 240), TRUTH)
    assert late["pixels"]["false"] == expected.false < ChangeCounts.of(SEEN, TRUTH).false
    early = judged(tmp_path / "early", **paths, since="2021-12-01")
    assert early["pixels"]["found"] == 16 * 16
    assert early["pixels"]["missed"] == 0


def test_a_class_may_have_the_id_0(tmp_path: Path) -> None:
    zero = Legend("zero", "", (LandClass(0, "Rock", "#808080"), LandClass(1, "Ice", "#ffffff")))
    old, new = np.full(SHAPE, 255, np.uint8), np.full(SHAPE, 255, np.uint8)
    old[:10], new[:10] = 0, 1
    for name, each in (("from", old), ("to", new)):
        write_map(tmp_path / "found" / f"{name}.tif", each, GRID, zero)
    write_layer(tmp_path / "found" / "date.tif", np.full((1, *SHAPE), DAY, np.int32), GRID)
    found = judged(tmp_path / "out", found=[tmp_path / "found"], truth=[tmp_path / "found"])
    assert found["pixels"] == {"found": 10 * WIDTH, "false": 0, "missed": 0, "calm": (HEIGHT - 10) * WIDTH}
    assert found["median_error_days"] == 0


def test_lines_for_people(tmp_path: Path) -> None:
    real = as_raster(tmp_path / "change.tif", TRUTH)
    told = "\n".join(lines(judged(tmp_path / "out", found=[as_folder(tmp_path / "found", SEEN)], truth=[real])))
    assert "precision 0." in told
    assert "median error" in told
    assert "missed" in told


def test_no_change_found_is_told(tmp_path: Path) -> None:
    still = Changes(TRUTH.old, TRUTH.old, TRUTH.day)
    real = as_raster(tmp_path / "change.tif", TRUTH)
    found = judged(tmp_path / "out", found=[as_raster(tmp_path / "still.tif", still)], truth=[real])
    assert (found["precision"], found["recall"], found["f1"]) == (None, 0, 0)
    assert "precision not known" in next(lines(found))


def test_a_folder_without_a_layer_is_refused(tmp_path: Path) -> None:
    folder = as_folder(tmp_path / "found", SEEN)
    (folder / "date.tif").unlink()
    with pytest.raises(SampleError) as caught:
        judged(tmp_path / "out", found=[folder], truth=[as_raster(tmp_path / "change.tif", TRUTH)])
    assert "date.tif" in caught.value.given
    assert "from.tif" in caught.value.expected
    assert "folder" in caught.value.do


def test_another_grid_is_refused(tmp_path: Path) -> None:
    real = as_raster(tmp_path / "change.tif", TRUTH)
    small = tmp_path / "small.tif"
    write_layer(small, np.zeros((3, 50, WIDTH), np.uint16), GRID[:50, :])
    with pytest.raises(GridError) as caught:
        judged(tmp_path / "out", found=[small], truth=[real])
    assert "different extent" in caught.value.given
    assert "same extent" in caught.value.expected
    assert "cut" in caught.value.do


def test_dates_that_are_none_are_refused(tmp_path: Path) -> None:
    real = as_raster(tmp_path / "change.tif", TRUTH)
    with pytest.raises(ConfigError, match="since"):
        judged(tmp_path / "out", found=[real], truth=[real], since="yesterday")


def test_a_folder_with_other_things_is_not_written_to(tmp_path: Path) -> None:
    real = as_raster(tmp_path / "change.tif", TRUTH)
    with pytest.raises(OutputError, match=r"change\.tif"):
        judged(tmp_path, found=[real], truth=[real])

"""Whole jobs that find change: planted events come back, cut as one likes; reviewed ones become the final maps."""

from __future__ import annotations

import dataclasses
import datetime as dt
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from tests.mapping.places import LEGEND, grid_at
from tests.series.planted import DATES, EVENTS, SHAPE, truth, write_spans, write_years

from landweave.errors import ConfigError, LandweaveError, LegendError, OutputError, ReviewError, SeriesError
from landweave.jobs.run import Progress
from landweave.provenance import file_sha256
from landweave.raster.outlines import covered
from landweave.raster.read import read_map, read_numbers
from landweave.series.change import Rules
from landweave.series.changes import ChangeJob, DecideJob, decide, find_changes
from landweave.series.events import Event, read_events
from landweave.series.maps import open_maps, write_maps
from landweave.tiling import Window

LAYERS = ("base", "from", "to", "probability", "date", "annual/2018", "annual/2019", "annual/2020")


@pytest.fixture(scope="module")
def spans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("spans")
    write_spans(folder)
    return folder


@pytest.fixture(scope="module")
def found(spans: Path) -> Path:
    """The changes of the planted maps, by tiles of 32 pixels."""
    return changed(spans, spans.parent / "change", core_px=32)


def changed(folder: Path, out: Path, **changes: Any) -> Path:
    given = changes.pop("maps", (folder,))
    records: list[Progress] = list(find_changes(ChangeJob(maps=given, **{"core_px": 32, **changes}), out))
    assert not [record.failed for record in records if record.failed]
    return out


def pixels_of(event: Event) -> np.ndarray:
    here = np.zeros(SHAPE, np.bool_)
    here.ravel()[covered([event.geometry], grid_at(*SHAPE))[0]] = True
    return here


def test_planted_events_come_back(found: Path) -> None:
    events = read_events(found / "events.parquet")
    assert len(events.rows) == 3
    assert events.crs == grid_at(*SHAPE).crs
    for event, (rows, cols, first, old, new) in zip(events.rows, EVENTS, strict=False):
        assert (event.from_id, event.to_id) == (LEGEND.ids[old], LEGEND.ids[new])
        assert event.to_name == LEGEND.names[new]
        assert DATES[first - 1] <= event.date <= DATES[first]
        mask = np.zeros(SHAPE, np.bool_)
        mask[rows, cols] = True
        here = pixels_of(event)
        assert (here & mask).sum() / (here | mask).sum() > 0.97
        assert event.num_pixels == here.sum()
        assert event.area_ha == pytest.approx(here.sum() / 100)
        assert event.geometry.area == pytest.approx(event.num_pixels * 100)
        assert here[event.row_start : event.row_stop, event.col_start : event.col_stop].sum() == here.sum()
        assert 0.5 < event.probability <= 1
        assert (event.kind, event.stratum, event.chance) == ("event", None, None)
    assert [event.id for event in events.rows] == ["e0000001", "e0000002", "e0000003"]
    assert [event.year for event in events.rows] == [2018, 2019, 2019]


def test_an_event_before_the_new_year_is_in_the_map_of_its_year(found: Path) -> None:
    rows, cols, first, _, new = EVENTS[0]
    assert DATES[first].month >= 11
    for year in (2018, 2019, 2020):
        ids = read_map(found / "annual" / f"{year}.tif")[0]
        assert (ids[rows, cols] == LEGEND.ids[new]).mean() > 0.97


def test_annual_maps_are_the_truth_but_for_what_is_too_small(found: Path) -> None:
    for number, year in enumerate((2018, 2019, 2020)):
        wanted = LEGEND.to_ids(truth()[15 * number + 14])
        assert (read_map(found / "annual" / f"{year}.tif")[0] == wanted).mean() > 0.99


def test_maps_agree_wherever_no_event_is(found: Path) -> None:
    maps = [read_map(found / "annual" / f"{year}.tif")[0] for year in (2018, 2019, 2020)]
    differs = (maps[0] != maps[1]) | (maps[1] != maps[2])
    covers = np.zeros(SHAPE, np.bool_)
    for event in read_events(found / "events.parquet").rows:
        covers |= pixels_of(event)
    assert differs.any()
    assert not (differs & ~covers).any()


def test_layers_tell_the_events(found: Path) -> None:
    events = read_events(found / "events.parquet").rows
    day, sure = (read_numbers(str(found / f"{name}.tif"), Window.of(SHAPE))[0] for name in ("date", "probability"))
    old, new = (read_map(found / f"{name}.tif")[0] for name in ("from", "to"))
    covers = np.zeros(SHAPE, np.bool_)
    for event in events:
        here = pixels_of(event)
        covers |= here
        assert (old[here] == event.from_id).all()
        assert (new[here] == event.to_id).all()
        assert (day[here] == (event.date - dt.date(1970, 1, 1)).days).all()
        assert np.abs(sure[here] / 254 - event.probability).max() < 0.005
    assert (old[~covers] == 0).all()
    assert (sure[~covers] == 255).all()
    assert (day[~covers] == -32768).all()


def test_files_are_cogs_with_legend_and_job(found: Path) -> None:
    import rasterio
    from rio_cogeo.cogeo import cog_validate

    job = read_events(found / "events.parquet").origin.job
    for name in LAYERS:
        assert cog_validate(str(found / f"{name}.tif"), strict=True)[0], name
        with rasterio.open(found / f"{name}.tif") as file:
            assert file.tags()["landweave_job"] == job
    assert (found / "annual" / "2019.tif.aux.xml").is_file()


def test_areas_by_class_and_year(found: Path) -> None:
    told = json.loads((found / "change.json").read_text())
    events = read_events(found / "events.parquet").rows
    assert told["format"] == 1
    assert told["events"] == len(events)
    assert {(row["year"], row["from"], row["to"]) for row in told["areas"]} == {
        (event.year, event.from_name, event.to_name) for event in events
    }
    assert sum(row["area_ha"] for row in told["areas"]) == pytest.approx(sum(event.area_ha for event in events))
    assert told["rules"]["method"] == "rules"


def test_the_same_events_however_the_map_is_cut(spans: Path, found: Path, tmp_path: Path) -> None:
    whole = changed(spans, tmp_path / "whole", core_px=512)
    one, other = (read_events(folder / "events.parquet").rows for folder in (found, whole))
    assert one == other
    for name in LAYERS:
        window = Window.of(SHAPE)
        arrays = [read_numbers(str(folder / f"{name}.tif"), window) for folder in (found, whole)]
        assert np.array_equal(*arrays), name


def test_small_areas_are_told_where_asked_for(spans: Path, tmp_path: Path) -> None:
    events = read_events(changed(spans, tmp_path / "small", min_area_px=8) / "events.parquet").rows
    rows, cols, _, old, new = EVENTS[3]
    small = [event for event in events if event.num_pixels < 20]
    assert any((event.from_id, event.to_id) == (LEGEND.ids[old], LEGEND.ids[new]) for event in small)
    assert small[0].row_start in range(rows.start - 1, rows.stop)
    assert small[0].col_start in range(cols.start - 1, cols.stop)


@pytest.mark.parametrize(
    ("changes", "least"),
    [({"space": "mode", "space_px": 3}, 3), ({"space": "median", "space_px": 3}, 3)],
)
def test_filters_in_space_see_beyond_borders_of_tiles(
    spans: Path, tmp_path: Path, changes: dict[str, Any], least: int
) -> None:
    one, other = (changed(spans, tmp_path / f"{core}", core_px=core, **changes) for core in (25, 512))
    assert len(read_events(one / "events.parquet").rows) >= least
    assert read_events(one / "events.parquet").rows == read_events(other / "events.parquet").rows
    assert np.array_equal(read_map(one / "base.tif")[0], read_map(other / "base.tif")[0])


def test_a_hidden_markov_model_finds_them_too(spans: Path, tmp_path: Path) -> None:
    out = changed(spans, tmp_path / "hmm", rules=Rules(method="hmm", change_chance=0.01, weight=0.5))
    events = read_events(out / "events.parquet").rows
    assert [(e.from_id, e.to_id) for e in events] == [(LEGEND.ids[o], LEGEND.ids[n]) for *_, o, n in EVENTS[:3]]


def test_maps_that_others_made(tmp_path: Path) -> None:
    paths = write_years(tmp_path)
    out = changed(
        tmp_path, tmp_path / "out", maps=tuple(paths), min_area_px=1, rules=Rules(start_maps=0, filter="none")
    )
    events = read_events(out / "events.parquet").rows
    # What changed in the first year is in its map already.
    assert [event.year for event in sorted(events, key=lambda event: event.year)] == [2019, 2019, 2019]
    for number, path in enumerate(paths):
        same = read_map(out / "annual" / f"{2018 + number}.tif")[0] == read_map(path)[0]
        assert same.all()


def test_run_again_nothing_is_done_and_stopped_it_goes_on(spans: Path, found: Path, tmp_path: Path) -> None:
    before = {name: file_sha256(found / f"{name}.tif") for name in LAYERS}
    again = list(find_changes(ChangeJob(maps=(spans,), core_px=32), found))
    assert all(record.done == record.total for record in again)
    going = find_changes(ChangeJob(maps=(spans,), core_px=32), tmp_path / "out")
    for record in going:
        if record.phase == "map" and record.done == 2:
            break
    going.close()  # type: ignore[attr-defined]
    changed(spans, tmp_path / "out")
    assert {name: file_sha256(tmp_path / "out" / f"{name}.tif") for name in LAYERS} == before


def refused(error: type[LandweaveError], make: Any) -> LandweaveError:
    with pytest.raises(error) as raised:
        list(make())
    assert raised.value.expected
    assert raised.value.do
    return raised.value


def test_jobs_that_cannot_be_done_are_refused(spans: Path, found: Path, tmp_path: Path) -> None:
    def of(**changes: Any) -> Any:
        return lambda: find_changes(ChangeJob(**{"maps": (spans,), "core_px": 32, **changes}), tmp_path / "out")

    assert "4 labels" in refused(ConfigError, of(rules=Rules(filter_length=4))).given
    assert "Class 9" in refused(LegendError, of(rules=Rules(allowed=("Class 9>Class 1",)))).given
    assert "series_map.json" in refused(SeriesError, of(maps=(tmp_path,))).given
    other = lambda: find_changes(ChangeJob(maps=(spans,), min_area_px=7, core_px=32), found)  # noqa: E731
    assert "min_area_px" in refused(OutputError, other).given
    assert not (tmp_path / "out").exists()


def test_maps_of_one_year_or_with_holes_are_refused(spans: Path, tmp_path: Path) -> None:
    maps = dataclasses.replace(open_maps(spans), folder=tmp_path)
    for number, (part, given) in enumerate(
        ((maps.maps[:1], "1 year"), ([dataclasses.replace(one, tiles_missing=2) for one in maps.maps], "2 tiles"))
    ):
        write_maps(dataclasses.replace(maps, maps=tuple(part)))
        job = ChangeJob(maps=(tmp_path,))
        assert given in refused(SeriesError, lambda n=number, job=job: find_changes(job, tmp_path / f"o{n}")).given


def write_decisions(path: Path, job: str, *rows: tuple[str, str, int | None, int | None, bool]) -> Path:
    columns = [
        ("event_id", pa.string()), ("decision", pa.string()), ("from_id", pa.uint8()), ("to_id", pa.uint8()),
        ("is_last", pa.bool_()), ("reviewer", pa.string()),
    ]  # fmt: skip
    table = pa.table(
        {name: pa.array([(*row, "Ada")[n] for row in rows], kind) for n, (name, kind) in enumerate(columns)}
    )
    words = {b"landweave": json.dumps({"format": 1, "job": job}).encode()}
    pq.write_table(table.replace_schema_metadata(words), path)
    return path


def final(found: Path, decisions: Path, out: Path) -> dict[int, np.ndarray]:
    records = list(decide(DecideJob(change=found, decisions=decisions, core_px=32), out))
    assert not [record.failed for record in records if record.failed]
    return {year: read_map(out / "annual" / f"{year}.tif")[0] for year in (2018, 2019, 2020)}


def test_the_final_maps_have_confirmed_changes_only_and_the_labels_given(found: Path, tmp_path: Path) -> None:
    events = read_events(found / "events.parquet")
    masks = [pixels_of(event) for event in events.rows]
    decisions = write_decisions(
        tmp_path / "d.parquet", events.origin.job,
        ("e0000001", "approve", None, None, True),
        ("e0000002", "approve", None, None, False),
        ("e0000002", "relabel", 20, 60, True),
        ("e0000003", "discard", None, None, True),
    )  # fmt: skip
    maps = final(found, decisions, tmp_path / "final")
    base = read_map(found / "base.tif")[0]
    assert (maps[2018][masks[0]] == events.rows[0].to_id).all()
    assert (maps[2018][masks[1]] == 20).all()
    assert (maps[2019][masks[1]] == 60).all()
    for year in (2018, 2019, 2020):
        assert np.array_equal(maps[year][masks[2]], base[masks[2]])
        others = ~np.logical_or.reduce(masks)
        assert np.array_equal(maps[year][others], base[others])
    assert json.loads((tmp_path / "final" / "decided.json").read_text())["confirmed"] == 2


def test_all_approved_are_the_maps_as_they_were(found: Path, tmp_path: Path) -> None:
    events = read_events(found / "events.parquet")
    rows = [(event.id, "approve", event.from_id, event.to_id, True) for event in events.rows]
    maps = final(found, write_decisions(tmp_path / "d.parquet", events.origin.job, *rows), tmp_path / "final")
    for year, ids in maps.items():
        assert np.array_equal(ids, read_map(found / "annual" / f"{year}.tif")[0])


def test_decisions_that_do_not_belong_here_are_refused(found: Path, tmp_path: Path) -> None:
    job = read_events(found / "events.parquet").origin.job

    def of(path: Path) -> Any:
        return lambda: decide(DecideJob(change=found, decisions=path), tmp_path / "out")

    other = write_decisions(tmp_path / "a.parquet", "f" * 64, ("e0000001", "approve", None, None, True))
    assert "ffff" in refused(ReviewError, of(other)).given
    foreign = write_decisions(tmp_path / "b.parquet", job, ("e0000099", "approve", None, None, True))
    assert "e0000099" in refused(ReviewError, of(foreign)).given
    strange = write_decisions(tmp_path / "c.parquet", job, ("e0000001", "perhaps", None, None, True))
    assert "perhaps" in refused(ReviewError, of(strange)).given
    labels = write_decisions(tmp_path / "d.parquet", job, ("e0000001", "relabel", 10, 77, True))
    assert "77" in refused(LegendError, of(labels)).given
    assert "missing.parquet" in refused(ReviewError, of(tmp_path / "missing.parquet")).given
    pq.write_table(pq.read_table(labels).drop_columns(["is_last"]), tmp_path / "e.parquet")
    assert "is_last" in refused(ReviewError, of(tmp_path / "e.parquet")).given
    nowhere = lambda: decide(DecideJob(change=tmp_path, decisions=labels), tmp_path / "out")  # noqa: E731
    assert "change.json" in refused(SeriesError, nowhere).given

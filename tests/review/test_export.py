"""decisions.parquet: what was decided, with all that was taken back."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import geopandas
import pyarrow.parquet as pq
import pytest
from tests.review.making import JOB, draft, open_desk, parts

from landweave.errors import OutputError, ReviewError
from landweave.review.desk import Desk
from landweave.review.export import SCHEMA, export


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """Three decisions in force, one undone, one that somebody else overruled."""
    desk = open_desk(tmp_path / "work")
    desk.decide(**draft(0, note="clear"))
    desk.decide(**draft(1))
    desk.undo(key="undo-0001", undoes=draft(1)["key"], reviewer="Ada")
    desk.decide(**draft(1, key="key-again", kind="relabel", labels=(2, 1)))
    desk.decide(**draft(2))
    desk.decide(**draft(2, key="key-of-bob", kind="discard", reviewer="Bob"))
    return desk


def test_every_decision_is_a_row_with_what_became_of_it(desk: Desk, tmp_path: Path) -> None:
    out = tmp_path / "decisions.parquet"
    told = export(desk.job, desk.store.since(), out)
    assert told == {"approve": 1, "discard": 1, "relabel": 1, "undecided": 3, "undone": 1, "foreign": 0}
    frame = geopandas.read_parquet(out)
    assert list(frame.columns) == SCHEMA.names
    assert frame.crs.to_epsg() == 32633
    columns = ["event_id", "decision", "from_id", "to_id", "reviewer", "is_last", "undone"]
    assert frame[columns].values.tolist() == [
        ["event-00000", "approve", 1, 5, "Ada", True, False],
        ["event-00001", "approve", 2, 5, "Ada", False, True],
        ["event-00001", "relabel", 2, 1, "Ada", True, False],
        ["event-00002", "approve", 1, 5, "Ada", False, False],
        ["event-00002", "discard", 1, 1, "Bob", True, False],
    ]
    assert frame.note.tolist() == ["clear", "", "", "", ""]
    assert frame.time.is_monotonic_increasing
    assert str(frame.time.dt.tz) == "UTC"
    assert frame.mapped_to_id.tolist() == [5] * 5
    assert frame.geometry[0].equals(desk.job.events[0].shape)
    assert frame.groupby("event_id").is_last.sum().tolist() == [1, 1, 1]


def test_the_file_names_its_job(desk: Desk, tmp_path: Path) -> None:
    job = replace(desk.job, header=replace(desk.job.header, more={"strata": [{"name": "a"}], "other": 1}))
    export(job, desk.store.since(), tmp_path / "d.parquet")
    own = json.loads(pq.read_schema(tmp_path / "d.parquet").metadata[b"landweave"])
    assert own == {"format": 1, "job": JOB, "events": "events.parquet", "strata": [{"name": "a"}]}


def test_equal_histories_give_equal_bytes(desk: Desk, tmp_path: Path) -> None:
    for name in ("a", "b"):
        export(desk.job, desk.store.since(), tmp_path / name)
    assert (tmp_path / "a").read_bytes() == (tmp_path / "b").read_bytes()


def test_decisions_on_events_that_are_gone_are_counted(desk: Desk, tmp_path: Path) -> None:
    fewer = replace(desk.job, events=desk.job.events[1:])
    told = export(fewer, desk.store.since(), tmp_path / "d.parquet")
    assert (told["foreign"], told["approve"], told["undecided"]) == (1, 0, 3)
    assert "event-00000" not in pq.read_table(tmp_path / "d.parquet")["event_id"].to_pylist()


def test_units_take_their_stratum_and_chance_along(desk: Desk, tmp_path: Path) -> None:
    units = tuple(replace(one, kind="unit", stratum="stable", chance=0.25) for one in desk.job.events)
    export(replace(desk.job, events=units), desk.store.since(), tmp_path / "d.parquet")
    frame = geopandas.read_parquet(tmp_path / "d.parquet")
    assert set(frame.kind) == {"unit"}
    assert set(frame.stratum) == {"stable"}
    assert set(frame.chance) == {0.25}


def test_nothing_decided_is_nothing_to_write(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    with pytest.raises(ReviewError) as caught:
        export(desk.job, desk.store.since(), tmp_path / "d.parquet")
    parts(caught.value)
    assert not (tmp_path / "d.parquet").exists()


def test_a_place_that_cannot_be_written_is_named(desk: Desk, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises(OutputError) as caught:
        export(desk.job, desk.store.since(), tmp_path / "file" / "d.parquet")
    parts(caught.value)


def test_the_series_room_reads_what_is_in_force(desk: Desk, tmp_path: Path) -> None:
    from landweave.series.decisions import confirmed, read_decisions
    from landweave.series.events import read_events

    export(desk.job, desk.store.since(), tmp_path / "d.parquet")
    found = read_decisions(tmp_path / "d.parquet", JOB)
    told = {name: (one.decision, one.from_id, one.to_id, one.reviewer) for name, one in found.items()}
    assert told == {
        "event-00000": ("approve", 1, 5, "Ada"),
        "event-00001": ("relabel", 2, 1, "Ada"),
        "event-00002": ("discard", 1, 1, "Bob"),
    }
    believed = [one.event for one in confirmed(read_events(desk.job.path), found)]
    assert [(one.id, one.from_id, one.to_id) for one in believed] == [("event-00000", 1, 5), ("event-00001", 2, 1)]
    with pytest.raises(ReviewError):
        read_decisions(tmp_path / "d.parquet", "another job")

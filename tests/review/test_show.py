"""What the page is told of a job and of an event."""

from __future__ import annotations

import datetime as dt
import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from tests.review.making import box, draft, fresh_desk, light_job

from landweave.review.desk import Desk
from landweave.review.events import Event
from landweave.review.job import Job
from landweave.review.previews import Previews
from landweave.review.show import show_event, show_job
from landweave.tiling import Window


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Job:
    return light_job(tmp_path_factory.mktemp("show"))


@pytest.fixture
def desk(job: Job, tmp_path: Path) -> Desk:
    return fresh_desk(job, tmp_path)


def shown(desk: Desk, row: int = 0, reviewer: str = "Ada") -> dict[str, Any]:
    told = show_event(desk, Previews(desk.job), row, reviewer)
    # Everything in it is JSON, without NaN and without types of NumPy.
    return dict(json.loads(json.dumps(told, allow_nan=False)))


def with_events(desk: Desk, *events: Event) -> Desk:
    return Desk(replace(desk.job, events=events), desk.store)


def test_a_job_says_what_can_be_chosen(desk: Desk) -> None:
    told = json.loads(json.dumps(show_job(desk), allow_nan=False))
    assert set(told["orders"]) == {"doubt", "size", "date", "file"}
    assert set(told["shown"]) == {"mine", "open", "disputed", "all"}
    assert told["order"] in told["orders"]
    assert told["reviewers"] == []
    assert [scene["id"] for scene in told["scenes"]] == ["scene-2019-01-11", "scene-2020-02-11"]
    desk.decide(**draft(0, reviewer="Zoe"))
    desk.decide(**draft(1))
    assert show_job(desk)["reviewers"] == ["Ada", "Zoe"]


def test_the_facts_of_an_event(desk: Desk) -> None:
    told = shown(desk, 1)
    event = desk.job.events[1]
    for name in ("id", "year", "from_id", "to_id", "num_pixels", "kind", "stratum"):
        assert told[name] == getattr(event, name)
    assert told["date"] == event.date.isoformat()
    assert told["probability"] == pytest.approx(event.probability)
    assert "shape" not in told
    assert "window" not in told


def test_a_unit_without_a_probability(desk: Desk) -> None:
    unit = replace(desk.job.events[0], probability=None, kind="unit", stratum="stable Forest", chance=0.5, to_id=1)
    told = shown(with_events(desk, unit))
    assert (told["probability"], told["kind"], told["stratum"]) == (None, "unit", "stable Forest")
    assert show_job(with_events(desk, unit))["units"] == 1


def test_outline_and_map_are_the_same_land(desk: Desk) -> None:
    job, told = desk.job, shown(desk)
    (ring,) = told["map"]["rings"]
    assert shapely.Polygon(ring).equals(job.events[0].shape)
    frame = Previews(job).frame(0).grid(job.grid).boundingbox
    corners = np.array(told["outline"][0])
    xs = frame.left + corners[:, 0] * (frame.right - frame.left)
    ys = frame.top - corners[:, 1] * (frame.top - frame.bottom)
    assert shapely.Polygon(np.stack([xs, ys], 1)).symmetric_difference(job.events[0].shape).area < 1


def test_holes_and_parts_stay(desk: Desk) -> None:
    grid, event = desk.job.grid, desk.job.events[0]
    holed = box(Window(2, 2, 12, 12), grid).difference(box(Window(6, 6, 4, 4), grid))
    both = shapely.union_all([holed, box(Window(20, 20, 3, 3), grid)])
    told = shown(with_events(desk, replace(event, shape=both, window=Window(2, 2, 21, 21))))
    assert len(told["map"]["rings"]) == len(told["outline"]) == 3


def test_neighbours_are_those_in_the_wider_view_without_itself(desk: Desk) -> None:
    told = shown(desk, 2)
    rows = [other["row"] for other in told["map"]["others"]]
    assert rows == [0, 1, 3, 4, 5]
    left, bottom, right, top = told["map"]["bounds"]
    view = shapely.box(left, bottom, right, top)
    assert all(view.intersects(shapely.Polygon(other["rings"][0])) for other in told["map"]["others"])


def test_maps_are_offered_where_there_are_some(desk: Desk) -> None:
    assert shown(desk)["labels"] == {"before": True, "after": True}
    first = replace(desk.job.events[0], year=2019, date=dt.date(2019, 5, 1))
    assert shown(with_events(desk, first))["labels"] == {"before": False, "after": True}
    assert shown(Desk(replace(desk.job, maps=None), desk.store))["labels"] == {"before": False, "after": False}


def test_decisions_are_told_with_all_that_a_reviewer_said(desk: Desk) -> None:
    desk.decide(**draft(0, note="<b>"))
    desk.decide(**draft(0, key="key-second", kind="relabel", labels=(1, 2)))
    desk.decide(**draft(0, key="key-of-bob", reviewer="Bob", kind="discard"))
    told = shown(desk)
    assert (told["mine"]["kind"], told["mine"]["to_id"], told["mine"]["note"]) == ("relabel", 2, "")
    assert Counter(one["reviewer"] for one in told["others"]) == {"Bob": 1}
    desk.undo(key="undo-0001", undoes="key-second", reviewer="Ada")
    assert shown(desk)["mine"]["note"] == "<b>"
    assert shown(desk, reviewer="Cy") | {"others": []} == shown(desk, reviewer="Cy")
    assert shown(desk, reviewer="Cy")["num_others"] == 2
    assert dt.datetime.fromisoformat(told["mine"]["time"]).tzinfo is not None

"""Truth: classes and dated changes."""

from __future__ import annotations

import datetime as dt

import numpy as np
from tests.simulate.making import world

from landweave.legend import legend
from landweave.simulate.region import EPOCH
from landweave.simulate.truth import changes, cover
from landweave.tiling import Window

FIRST, LAST = dt.date(2017, 7, 1), dt.date(2023, 7, 1)
BUSY = [{"felling": 0.06, "building": 0.1}]
WORLD = world(size_px=240, regions=BUSY)
WHOLE = WORLD.window
FROM, TO, DAY = changes(WORLD, WHOLE, FIRST, LAST)


def test_changes_lead_from_one_truth_to_the_other() -> None:
    before, after = (legend("simulated-8").to_ids(cover(WORLD, WHOLE, date)) for date in (FIRST, LAST))
    changed = before != after
    assert 0.005 < changed.mean() < 0.4
    assert np.array_equal(FROM, np.where(changed, before, 0))
    assert np.array_equal(TO, np.where(changed, after, 0))


def test_changes_are_dated_within_the_years_between() -> None:
    days = DAY[DAY > 0].astype(int)
    assert days.size > 100
    assert days.min() > (FIRST - EPOCH).days
    assert days.max() <= (LAST - EPOCH).days
    assert len(np.unique(days)) >= 3
    assert (DAY[FROM == 0] == 0).all()
    # A changed pixel without a day is one whose majority tipped by the cells of another pixel: there is none.
    assert (DAY[FROM > 0] > 0).mean() > 0.99


def test_a_change_happens_on_its_day() -> None:
    # Felling: what is built may have been felled before, so that two events lead from the first day to the last.
    felled = DAY[legend("simulated-8").names.index("Shrubland") + 1 == TO]
    day = int(np.sort(felled)[felled.size // 2])
    of_that_day = (day == DAY) & (legend("simulated-8").names.index("Shrubland") + 1 == TO)
    date = EPOCH + dt.timedelta(days=day)
    known = legend("simulated-8")
    eve, morning = (
        known.to_ids(cover(WORLD, WHOLE, when)) for when in (date - dt.timedelta(days=1), date + dt.timedelta(days=1))
    )
    assert of_that_day.any()
    assert (eve[of_that_day] == FROM[of_that_day]).mean() > 0.95
    assert (morning[of_that_day] == TO[of_that_day]).mean() > 0.95


def test_felling_and_building_are_what_happens() -> None:
    names = legend("simulated-8").names
    pairs = {(names[a - 1], names[b - 1]) for a, b in zip(FROM[FROM > 0].tolist(), TO[FROM > 0].tolist(), strict=True)}
    assert {to for _, to in pairs} <= {"Shrubland", "Built-up", "Grassland", "Broad-leaved forest"}
    assert any(to == "Shrubland" and "forest" in before for before, to in pairs)


def test_a_part_of_the_changes_is_the_part_of_the_whole() -> None:
    part = Window(101, 33, 60, 70)
    assert np.array_equal(changes(WORLD, part, FIRST, LAST), np.stack([FROM, TO, DAY])[:, *part.slices])


def test_coarser_truth_is_the_same_land() -> None:
    fine = cover(WORLD, Window(0, 0, 240, 240), LAST)
    coarse = cover(WORLD, Window(0, 0, 80, 80), LAST, 30.0)
    assert (fine[1::3, 1::3] == coarse).mean() > 0.85

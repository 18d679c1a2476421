"""Figures of a job from the sums of its tasks."""

from __future__ import annotations

from tests.mapping.places import grid_at
from tests.mapping.test_plan import card, scene

from landweave.mapping.plan import Wish, make_plan
from landweave.mapping.summary import shown, summarise

TOTAL = {
    "tiles": 4,
    "seen_px": 30_000,
    "written_px": 20_000,
    "valid_px": 15_000,
    "read_s": 1.0,
    "wait_s": 7.0,
    "compute_s": 8.0,
    "write_s": 1.0,
}


def test_figures() -> None:
    plan = make_plan(card(), [scene("s", grid_at(200, 100))], Wish(core_px=64))
    found = summarise(plan, card(), TOTAL, before={}, num_workers=2, period=(1000.0, 1010.0))
    assert found["seen_per_written"] == 1.5
    assert found["mpx_per_s"] == 0.002
    assert found["km2_per_s"] == 0.2
    assert found["phases_s"] == {"read": 1.0, "wait": 7.0, "compute": 8.0, "write": 1.0}
    assert found["compute_share"] == 0.8
    assert found["bf16"] is None
    assert (found["began"], found["seconds"]) == ("1970-01-01T00:16:40+00:00", 10.0)
    assert (found["workers"], found["tiles_planned"]) == (2, 8)


def test_throughput_is_that_of_this_run() -> None:
    plan = make_plan(card(), [scene("s", grid_at(200, 100))], Wish(core_px=64))
    total = {**TOTAL, "read_bytes": 4e9, "written_bytes": 3e9, "route_s": 1.0, "scene_lost": "a text"}
    before = {"tiles": 1, "read_bytes": 1e9, "compute_s": 2.0}
    wall = {"map": 8.0, "assemble": 1.5}
    found = summarise(plan, card(), total, before=before, num_workers=2, period=(0.0, 10.0), wall_s=wall)
    assert (found["tiles"], found["tiles_per_s"]) == (4, 0.3)
    assert (found["read_gb"], found["read_gb_per_s"]) == (4.0, 0.3)
    assert (found["written_gb"], found["written_gb_per_s"]) == (3.0, 0.3)
    assert found["wait_s"] == 7.0
    assert found["wall_s"] == wall
    # Of two devices for ten seconds: six computing, one routing.
    assert found["device_busy_share"] == 0.35


def test_a_job_that_went_on_is_judged_by_its_last_run() -> None:
    plan = make_plan(card(), [scene("s", grid_at(200, 100))], Wish(core_px=64))
    found = summarise(plan, card(), TOTAL, before={"written_px": 15_000}, num_workers=1, period=(0.0, 10.0))
    assert (found["written_px"], found["mpx_per_s"]) == (20_000, 0.0005)


def test_what_bf16_changed() -> None:
    plan = make_plan(card(), [scene("s", grid_at(20, 10))], Wish(core_px=64))
    total = {**TOTAL, "compared_px": 1000, "changed_px": 3}
    found = summarise(plan, card(), total, before={}, num_workers=1, period=(0.0, 1.0))
    assert found["bf16"] == {"compared_px": 1000, "changed_px": 3, "changed_share": 0.003}


def test_the_pace_counts_this_run_alone() -> None:
    assert shown({"written_px": 5_000_000}, {"written_px": 7_000_000, "valid_px": 3_500_000}, 4.0) == {
        "Mpx/s": 0.5,
        "valid": "50%",
    }
    assert shown({}, {}, 1.0) == {}

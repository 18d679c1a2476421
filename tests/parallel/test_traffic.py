"""Counted traffic: sums that add up, and blocks of time."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import ConfigError
from landweave.parallel.traffic import Counter, Traffic, heard, load_all, save, size_of

KEYS = st.tuples(st.sampled_from(["hsi.norm3", "rgb.norm4", "all"]), st.sampled_from(["activation", "gradient"]))
COUNTS = st.dictionaries(KEYS, st.integers(0, 1 << 40), max_size=4)
TRAFFIC = st.builds(
    Traffic,
    COUNTS,
    COUNTS,
    COUNTS,
    COUNTS,
    st.dictionaries(st.sampled_from(["0", "1"]), st.integers(0, 100)),
    st.integers(0, 9),
)


def test_what_is_told_is_counted_by_cut_and_kind() -> None:
    counter = Counter()
    counter.sent("hsi.norm3", "activation", 100)
    counter.sent("hsi.norm3", "activation", 20)
    counter.received("hsi.norm3", "gradient", 120)
    counter.step()
    found = counter.take()
    assert found.sent == {("hsi.norm3", "activation"): 120}
    assert found.received == {("hsi.norm3", "gradient"): 120}
    assert (found.num_sent, found.num_received, found.steps) == (120, 120, 1)
    assert found.by_kind() == {"activation": 120, "gradient": 0, "all_reduce": 0, "parameters": 0}
    assert found.by_kind("received")["gradient"] == 120
    # Taken once: the next count begins at zero.
    assert counter.take() == Traffic()


def test_a_sum_over_ranks_is_counted_as_a_ring_sends_it() -> None:
    counter = Counter()
    counter.reduced(300, 3)
    found = counter.take()
    # Each rank passes on 2 (n - 1) / n of the bytes (Patarasu and Yuan 2009).
    assert found.sent == found.received == {("all", "all_reduce"): 400}


def test_time_is_told_apart() -> None:
    counter = Counter()
    with counter.computing("2", "forward"):
        began = time.process_time()
        while time.process_time() - began < 0.02:
            pass
    with counter.waiting("2"):
        time.sleep(0.02)
    found = counter.take()
    assert found.cpu_s["2", "forward"] >= 0.02
    assert found.device_s["2", "forward"] >= 0.01
    assert found.waited_s["2"] >= 0.02
    assert set(found.cpu_s) == set(found.device_s) == {("2", "forward")}


class Mark:
    """A moment in the stream of a GPU that never was."""

    def __init__(self, at_ms: float, is_over: bool) -> None:
        self.at_ms, self.is_over = at_ms, is_over

    def query(self) -> bool:
        return self.is_over

    def synchronize(self) -> None:
        self.is_over = True

    def elapsed_time(self, other: Mark) -> float:
        return other.at_ms - self.at_ms


def test_moments_of_a_gpu_become_seconds_when_they_are_over(monkeypatch: pytest.MonkeyPatch) -> None:
    marks = [Mark(0, True), Mark(500, True), Mark(500, False), Mark(2500, False)]
    counter = Counter(torch.device("cuda"))
    monkeypatch.setattr(counter, "_mark", iter(marks).__next__)
    for phase in ("forward", "backward"):
        with counter.computing("0", phase):  # type: ignore[arg-type]
            pass
    counter.step()
    # What is over is kept no longer, so that a long run holds no list of moments.
    assert len(counter._marks) == 1
    assert counter.take().device_s == {("0", "forward"): 0.5, ("0", "backward"): 2.0}


def test_what_ranks_did_lies_beside_the_run(tmp_path: Path) -> None:
    found = [Traffic({("hsi.norm3", "activation"): 7 + rank}, steps=2) for rank in range(11)]
    for rank, each in enumerate(found):
        save(tmp_path, rank, each)
    assert load_all(tmp_path) == found
    assert load_all(tmp_path / "nowhere") == []


@pytest.mark.parametrize("text", ["{", "{}", '{"format": 2, "kind": "traffic", "rank": 0}', "[1]"])
def test_counts_that_are_damaged(tmp_path: Path, text: str) -> None:
    (tmp_path / "traffic-0.json").write_text(text)
    with pytest.raises(ConfigError) as raised:
        load_all(tmp_path)
    assert "traffic-0.json" in raised.value.given
    assert "landweave train wrote" in raised.value.expected
    assert "train again" in raised.value.do


def test_a_block_that_fails_is_counted_too() -> None:
    counter = Counter()
    try:
        with counter.computing("0", "backward"):
            raise ValueError
    except ValueError:
        pass
    assert ("0", "backward") in counter.take().cpu_s


def test_bytes_of_a_tensor() -> None:
    assert size_of(torch.zeros(3, 4)) == 48
    assert size_of(torch.zeros(3, 4, dtype=torch.bfloat16)) == 24


@given(TRAFFIC, TRAFFIC, TRAFFIC)
def test_sums_add_up(one: Traffic, two: Traffic, three: Traffic) -> None:
    assert one + Traffic() == Traffic() + one == one
    assert (one + two) + three == one + (two + three)
    assert one + two == two + one
    assert (one + two).num_sent == one.num_sent + two.num_sent
    assert sum(one.by_kind().values()) == one.num_sent


@given(TRAFFIC)
def test_what_is_told_is_heard(found: Traffic) -> None:
    assert heard(json.loads(json.dumps(found.told()))) == found

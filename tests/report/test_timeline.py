"""The picture of a step: every rank, what it holds, and the same bytes each time."""

from __future__ import annotations

from xml.etree import ElementTree

from landweave.report.timeline import Bar, draw

BARS = [
    Bar(0, "forward", 0, 0.0, 1.0),
    Bar(1, "forward", 0, 1.0, 1.01),
    Bar(1, "backward", 1, 1.5, 2.5),
    Bar(0, "update", 1, 2.5, 3.0),
]


def test_ranks_and_micro_batches_are_told() -> None:
    text = draw(BARS, ["hsi", "trunk & rgb"], "best of <all>")
    told = [element.text for element in ElementTree.fromstring(text).iter() if element.text and element.text.strip()]
    assert {"rank 0: hsi", "rank 1: trunk & rgb", "best of <all>", "forward", "backward", "update"} <= set(told)
    # Numbers stand where there is room for them: in the first bar and in the third.
    assert told.count("1") + told.count("2") == 2 or {"1", "2"} <= set(told)


def test_the_same_step_gives_the_same_bytes() -> None:
    assert draw(BARS, ["a", "b"], "t") == draw(BARS, ["a", "b"], "t")


def test_a_step_of_nothing() -> None:
    assert "rank 0: all" in draw([], ["all"], "nothing")

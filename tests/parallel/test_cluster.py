"""Ranks as a TOML describes them: who shares what, and what is refused."""

from __future__ import annotations

import tomllib
from typing import Any

import pytest
from tests.parallel.planning import ranks

from landweave.config import check
from landweave.errors import ConfigError
from landweave.parallel.cluster import Ranks
from landweave.parallel.cost import Link

TEXT = """\
name = "two machines"
ranks = 4
memory_gigabytes = [8, 8, 16, 16]
speed = [1, 1, 2, 2]
link = {latency_us = 100, gigabytes_per_s = 0.125}
links = [
    {source = [0, 1], target = [0, 1], latency_us = 5, gigabytes_per_s = 10},
    {source = [2], latency_us = 50, gigabytes_per_s = 1},
]
shared = [{ranks = [0, 1], cores = 1.5, together = 0.9}]
"""


def test_what_the_text_says() -> None:
    made = check(Ranks, tomllib.loads(TEXT), "cluster.toml")
    assert [made.memory_bytes(rank) for rank in range(4)] == [8e9, 8e9, 16e9, 16e9]
    assert [made.speed_of(rank) for rank in range(4)] == [1, 1, 2, 2]
    assert list(made.groups()) == [((0, 1), 1.5, 0.9), ((2,), 1.0, 1.0), ((3,), 1.0, 1.0)]
    assert made.link_of(0, 1) == Link(pytest.approx(5e-6), pytest.approx(1e-10))
    assert made.link_of(2, 0) == Link(pytest.approx(50e-6), pytest.approx(1e-9))
    # Bytes a second in one direction: the way back is another link.
    assert made.link_of(0, 2) == Link(pytest.approx(100e-6), pytest.approx(8e-9))
    made.agree(4)


def test_one_number_is_that_of_all_ranks() -> None:
    made = ranks(3, memory_gigabytes=4, speed=2)
    assert [made.memory_bytes(rank) for rank in range(3)] == [4e9] * 3
    assert [made.speed_of(rank) for rank in range(3)] == [2] * 3


@pytest.mark.parametrize(
    ("values", "given", "expected"),
    [
        ({"memory_gigabytes": [1, 2]}, "memory_gigabytes", "one memory_gigabytes, or one for each of 3 ranks"),
        ({"speed": [1, 2]}, "speed", "one speed, or one for each of 3 ranks"),
        ({"memory_gigabytes": 0}, "memory_gigabytes", "greater than 0"),
        ({"shared": [{"ranks": [0, 3], "cores": 1}]}, "shared", "ranks from 0 to 2"),
        ({"shared": [{"ranks": [0, 1], "cores": 1}, {"ranks": [1, 2], "cores": 1}]}, "shared", "one group of shared"),
        ({"shared": [{"ranks": [0], "cores": 1}]}, "shared", "at least 2"),
        ({"links": [{"source": [5], "latency_us": 1, "gigabytes_per_s": 1}]}, "links", "ranks from 0 to 2"),
        ({"bandwidth": 3}, "unknown key bandwidth", "one of"),
    ],
)
def test_what_is_refused(values: dict[str, Any], given: str, expected: str) -> None:
    with pytest.raises(ConfigError) as raised:
        ranks(3, **values)
    assert given in raised.value.given
    assert expected in raised.value.expected
    assert "mend these keys" in raised.value.do

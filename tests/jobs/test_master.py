"""Addresses of Spark clusters: what they tell, and those where nobody answers."""

from __future__ import annotations

import socket

import pytest

from landweave.errors import ConfigError, TaskError
from landweave.jobs.master import check_master, is_here, is_local, must_answer, workers_told
from landweave.jobs.worker import num_cores

GOOD = ["local", "local[3]", "local[*]", "local[2,4]", "local-cluster[2, 1, 1024]", "spark://head:7077"]
GOOD += ["spark://a:7077,b:7077", "yarn", "k8s://https://host:443"]


@pytest.mark.parametrize("master", GOOD)
def test_what_spark_understands_is_taken(master: str) -> None:
    check_master(master)


@pytest.mark.parametrize("master", ["", "spark://", "spark://host", "http://host:7077", "local[x]", "local-cluster[2]"])
def test_anything_else_is_refused(master: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_master(master)
    assert repr(master) in refused.value.given
    assert "spark://HOST:PORT" in refused.value.expected
    assert "--master" in refused.value.do


@pytest.mark.parametrize(
    ("master", "cores", "expected"),
    [
        ("local", 1, 1),
        ("local[3]", 1, 3),
        ("local[*]", 1, num_cores()),
        ("local-cluster[2,4,1024]", 2, 4),
        ("local-cluster[2,1,1024]", 2, 2),
        ("spark://head:7077", 1, None),
        ("yarn", 1, None),
    ],
)
def test_how_many_workers_an_address_tells(master: str, cores: int, expected: int | None) -> None:
    assert workers_told(master, cores) == expected


def test_where_it_is() -> None:
    assert [is_local(master) for master in GOOD] == [True] * 4 + [False] * 5
    assert [is_here(master) for master in GOOD] == [True] * 5 + [False] * 4
    assert is_here("spark://127.0.0.1:7077")


@pytest.mark.parametrize("hosts", ["127.0.0.1:1", "127.0.0.1:1,127.0.0.1:2", "127.0.0.1:99999"])
def test_an_address_where_nobody_answers_is_named(hosts: str) -> None:
    with pytest.raises(TaskError) as refused:
        must_answer(f"spark://{hosts}")
    assert all(host in refused.value.given for host in hosts.split(","))
    assert "a master that runs" in refused.value.expected
    assert "docs/verbs/cluster.md" in refused.value.do


def test_one_that_answers_is_enough() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        must_answer(f"spark://127.0.0.1:1,127.0.0.1:{server.getsockname()[1]}")
    must_answer("local[2]")

"""Sharing out tasks: each once, the bound of Graham against brute force, the paper's order as it is read here."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import ConfigError
from landweave.jobs.share import Share, idle, largest_first, loads, longest_first, longest_first_bound, rows

SIZES = st.lists(st.integers(1, 100), min_size=1, max_size=7)
WORKERS = st.integers(1, 3)


@dataclass(frozen=True)
class Task:
    key: str
    num_patches: int


def best(sizes: list[int], num_workers: int) -> int:
    """The shortest possible time of the last worker, by trying everything."""
    least = sum(sizes)
    for way in itertools.product(range(num_workers), repeat=len(sizes)):
        work = [0] * num_workers
        for size, worker in zip(sizes, way, strict=True):
            work[worker] += size
        least = min(least, max(work))
    return least


@given(SIZES, WORKERS)
def test_longest_first_keeps_grahams_bound(sizes: list[int], num_workers: int) -> None:
    longest = max(loads(sizes, longest_first(sizes, num_workers)))
    assert best(sizes, num_workers) <= longest <= best(sizes, num_workers) * longest_first_bound(num_workers) + 1e-9


def test_the_bound_is_reached() -> None:
    # Graham's own example: 2n - 1 down to n + 1 twice each, and n three times; the best is 3n.
    for n in (2, 3):
        sizes = [size for size in range(2 * n - 1, n, -1) for _ in range(2)] + [n] * 3
        assert best(sizes, n) == 3 * n
        assert max(loads(sizes, longest_first(sizes, n))) == pytest.approx(3 * n * longest_first_bound(n))


@given(st.lists(st.integers(0, 1000), max_size=40), st.integers(1, 9))
def test_every_task_is_dealt_once(sizes: list[int], num_workers: int) -> None:
    for deal in (rows, longest_first):
        shares = deal(sizes, num_workers)
        assert len(shares) == num_workers
        assert sorted(task for share in shares for task in share) == list(range(len(sizes)))
        assert 0 <= idle(sizes, shares) < 1
        assert sum(loads(sizes, shares)) == sum(sizes)


@given(st.lists(st.integers(1, 9), min_size=1, max_size=40), st.integers(1, 9))
def test_rows_differ_by_one_task_at_most(sizes: list[int], num_workers: int) -> None:
    lengths = [len(share) for share in rows(sizes, num_workers)]
    assert max(lengths) - min(lengths) <= 1


def test_rows_are_those_of_the_paper_as_read_here() -> None:
    # Sorted 9 8 7 | 6 5 4 | 3 2: every row after the first is dealt from the last worker to the first.
    sizes = [4, 9, 2, 7, 6, 3, 8, 5]
    assert [[sizes[task] for task in share] for share in rows(sizes, 3)] == [[9, 4], [8, 5, 2], [7, 6, 3]]
    assert loads(sizes, rows(sizes, 3)) == [13, 15, 16]
    assert loads(sizes, longest_first(sizes, 3)) == [16, 15, 13]
    assert idle(sizes, rows(sizes, 3)) == pytest.approx(1 - 44 / 48)


def test_equal_sizes_keep_their_order() -> None:
    assert largest_first([3, 5, 3, 5, 1]) == [1, 3, 0, 2, 4]
    assert idle([], longest_first([], 4)) == 0


@given(st.lists(st.integers(1, 50), max_size=30), st.integers(1, 6))
def test_shares_partition_the_tasks(sizes: list[int], of: int) -> None:
    tasks = [Task(str(place), size) for place, size in enumerate(sizes)]
    taken = [Share(number, of).take(tasks) for number in range(1, of + 1)]
    assert sorted(task.key for share in taken for task in share) == sorted(task.key for task in tasks)
    for share in taken:
        assert [task.num_patches for task in share] == sorted((task.num_patches for task in share), reverse=True)


def test_a_share_is_said_as_one_says_it() -> None:
    assert Share.parse("3/8") == Share(3, 8)
    assert Share.parse("3/8").name == "3-of-8"


@pytest.mark.parametrize("text", ["0/8", "9/8", "3", "3/", "/8", "a/b", "-1/8", "1/0", "1.5/2"])
def test_a_share_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        Share.parse(text)
    assert text in caught.value.given
    assert "from 1 to OF" in caught.value.expected
    assert "SLURM_ARRAY_TASK_ID" in caught.value.do

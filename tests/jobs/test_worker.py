"""What a process is given once, and time by phase."""

from __future__ import annotations

import os
import threading
import time

import pytest

from landweave.jobs.worker import Setup, Stopwatch, compute, num_cores, prepare


def test_prepare_sets_gdal_cache_and_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    before = torch.get_num_threads()
    monkeypatch.setenv("GDAL_CACHEMAX", "1")
    prepare(Setup(threads=1, gdal_cache_mb=99))
    assert os.environ["GDAL_CACHEMAX"] == "99"
    assert torch.get_num_threads() == 1
    prepare(Setup(threads=before, gdal_cache_mb=99))
    prepare(Setup(gdal_cache_mb=99))
    assert torch.get_num_threads() == before


def test_there_is_a_core() -> None:
    assert 1 <= num_cores() <= (os.cpu_count() or 1)


def test_a_stopwatch_adds_by_phase() -> None:
    watch = Stopwatch()
    for _ in range(2):
        with watch("read"):
            time.sleep(0.01)
    with pytest.raises(ZeroDivisionError):
        watch.compute(lambda: 1 / 0)
    assert watch.seconds["read_s"] >= 0.02
    assert set(watch.seconds) == {"read_s", "wait_s", "compute_s"}


def test_one_thread_computes() -> None:
    names = {compute(lambda: threading.current_thread().name) for _ in range(3)}
    assert len(names) == 1
    assert names != {threading.current_thread().name}
    assert Stopwatch().compute(lambda: 7) == 7

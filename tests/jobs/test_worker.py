"""What a process is given once, and time by phase."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time

import pytest

from landweave.jobs.worker import Setup, Stopwatch, compute, give_way, num_cores, one_thread, prepare, see_gpu


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


def test_one_thread_for_a_while() -> None:
    import torch

    before = torch.get_num_threads()
    with pytest.raises(KeyError), one_thread():
        assert torch.get_num_threads() == 1
        raise KeyError
    assert torch.get_num_threads() == before


def test_threads_give_way_unless_the_user_said_otherwise(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    give_way()
    assert os.environ["OMP_WAIT_POLICY"] == "PASSIVE"
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")
    give_way()
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_threads_share_one_heap_and_give_large_tensors_back() -> None:
    """A process of its own, because what malloc is told stays."""
    code = """
import ctypes, threading
from landweave.jobs.worker import one_heap
one_heap()
import torch
def resident():
    return next(int(line.split()[1]) for line in open("/proc/self/status") if line.startswith("VmRSS")) // 1024
kept = []
def work():
    large = torch.ones(2**25)
    kept.append(torch.ones(2**10))
    print(resident(), end=" ")
    del large
threads = [threading.Thread(target=work) for _ in range(4)]
for thread in threads:
    thread.start()
    thread.join()
print(resident(), flush=True)
ctypes.CDLL(None).malloc_stats()
"""
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    *during, after = map(int, done.stdout.split())
    # Each tensor is of 128 MiB; what is behind it in memory keeps none of it.
    assert len(during) == 4 and max(during) - min(during) < 32
    assert min(during) - after > 120
    assert done.stderr.count("Arena ") == 1


def test_memory_is_limited_in_a_process_of_its_own() -> None:
    code = """
import numpy
from landweave.jobs.worker import Setup, memory_limit_mb, prepare
prepare(Setup(memory_limit_mb=2048))
numpy.ones(2**28, numpy.uint8)
try:
    numpy.ones(2**31, numpy.uint8)
except MemoryError:
    print(memory_limit_mb())
"""
    told = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert told.strip() == "2048"


def test_a_process_sees_one_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0,1")
    see_gpu("1")
    assert os.environ["CUDA_VISIBLE_DEVICES"] == "1"

"""Ten images nearest to one among ten million, on one core: landweave's search against NumPy's xor and bit-count.

Codes have 48 bits, drawn evenly, as codes of a gallery would be at worst: nothing is near, so that no block can be
left early for long. The sides take turns; a figure is the median over the turns. NumPy's side only computes all
distances; choosing the ten nearest of them, with argpartition, stands beside. What is found is compared with
sorting all distances. Without arguments: twelve turns, --full: sixty.
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable
from functools import partial

for _name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS"):
    os.environ[_name] = "1"

import numpy as np
from jaxtyping import UInt8, UInt64

from landweave.gallery.search import nearest
from scenes import figure, print_result

NUM, K, BITS = 10_000_000, 10, 48
GOAL_MS = 50.0


def milliseconds(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1e3 * (time.perf_counter() - began)


def count(codes: UInt64[np.ndarray, " n"], code: int) -> UInt8[np.ndarray, " n"]:
    return np.asarray(np.bitwise_count(codes ^ np.uint64(code)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    turns = 60 if parser.parse_args().full else 12
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    generator = np.random.default_rng(1)
    codes = generator.integers(0, 2**BITS, NUM, dtype=np.uint64)
    asked = [int(code) for code in generator.integers(0, 2**BITS, turns, dtype=np.uint64)]
    nearest(codes[:1000], asked[0], K)
    mine: list[float] = []
    counting: list[float] = []
    choosing: list[float] = []
    for code in asked:
        mine.append(milliseconds(partial(nearest, codes, code, K)))
        counting.append(milliseconds(partial(count, codes, code)))
        apart = count(codes, code)
        choosing.append(milliseconds(partial(np.argpartition, apart, K)))
    found = nearest(codes, asked[-1], K)
    expected = np.argsort(apart, kind="stable")[:K]
    same = bool((found.rows == expected).all())
    own, numpy = statistics.median(mine), statistics.median(counting)
    ratio = statistics.median(a / b for a, b in zip(mine, counting, strict=True))
    figures = [
        figure("search of 10 million codes, k = 10, one core", own, "ms", "at most 50", own <= GOAL_MS),
        figure("slowest turn", max(mine), "ms"),
        figure("time by that of NumPy's xor and bit-count", ratio, "ratio", "at most 1", ratio <= 1),
        figure("NumPy's xor and bit-count", numpy, "ms"),
        figure("NumPy's argpartition of the distances", statistics.median(choosing), "ms"),
        figure("what is found is what sorting all distances finds", float(same), "yes or no", "1", same),
    ]
    print_result(figures, codes=NUM, bits=BITS, turns=turns, threads=1)


if __name__ == "__main__":
    main()

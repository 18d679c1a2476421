"""How fast classical models label pixels: our walk over the arrays of a forest against scikit-learn's own prediction.

Both sides take turns on the same samples with the same number of threads; the figure is the median of the ratios of
neighbouring turns. Samples are of 8 classes that overlap in 12 bands; the forest has 100 trees with leaves of at least
5 samples, grown on 20,000 samples. Pixels of a real map are more alike than these, so that a map goes faster. Without
arguments: 3 turns of 200,000 samples; --full: 7 turns of 1,000,000.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.ensemble import RandomForestClassifier

from landweave.classical import forest, linear
from landweave.classical.neighbourhood import features
from landweave.provenance import commit, versions

CLASSES, BANDS, TREES, MIN_LEAF = 8, 12, 100, 5


def draw(num: int, seed: int) -> tuple[Any, Any]:
    """Samples and labels."""
    centres = np.random.default_rng(0).normal(0, 0.9, (CLASSES, BANDS))
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, CLASSES, num).astype(np.uint8)
    return (centres[labels] + rng.normal(0, 1, (num, BANDS))).astype(np.float32), labels


def seconds(function: Callable[[], Any]) -> float:
    """How long it takes."""
    began = time.perf_counter()
    function()
    return time.perf_counter() - began


def measure(num: int, turns: int, threads: int) -> dict[str, float]:
    """Medians over the turns."""
    x, y = draw(20_000, 1)
    fresh, _ = draw(num, 2)
    ours = forest.fit(x, y, CLASSES, num_trees=TREES, min_leaf=MIN_LEAF, num_threads=threads)
    theirs = RandomForestClassifier(TREES, min_samples_leaf=MIN_LEAF, random_state=0, n_jobs=threads).fit(x, y)
    plain = linear.fit(x, y, CLASSES)
    ours.predict_probabilities(fresh[:100])
    apart = float(np.abs(ours.predict_probabilities(fresh[:5000]) - theirs.predict_proba(fresh[:5000])).max())
    times = [
        (
            seconds(lambda: ours.predict_probabilities(fresh, threads)),
            seconds(lambda: theirs.predict_proba(fresh)),
            seconds(lambda: plain.predict_probabilities(fresh)),
        )
        for _ in range(turns)
    ]
    image = np.random.default_rng(3).random((BANDS, 1024, 1024), np.float32)
    windows = [seconds(lambda: features(image, np.ones((1024, 1024), np.bool_), 9)) for _ in range(turns)]
    return {
        "over scikit-learn": statistics.median(other / own for own, other, _ in times),
        "forest px/s": statistics.median(num / own for own, _, _ in times),
        "scikit-learn px/s": statistics.median(num / other for _, other, _ in times),
        "linear px/s": statistics.median(num / line for _, _, line in times),
        "9x9 features px/s": statistics.median(image[0].size / window for window in windows),
        "largest difference": apart,
    }


def main() -> None:
    """Measure and print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    wanted = parser.parse_args()
    num, turns = (1_000_000, 7) if wanted.full else (200_000, 3)
    found = measure(num, turns, wanted.threads)
    goals = {"over scikit-learn": 1.5, "forest px/s": 300_000.0}
    figures = [
        {
            "name": f"classical models: {name}",
            "value": value,
            "unit": "px/s" if "px/s" in name else "ratio" if "over" in name else "probability",
            "goal": goals.get(name),
            "holds": value >= goals[name] if name in goals else None,
        }
        for name, value in found.items()
    ]
    context = {
        "samples": num,
        "turns": turns,
        "threads": wanted.threads,
        "commit": commit(),
        "versions": versions(),
        "machine": platform.processor() or platform.machine(),
        "cores": os.cpu_count(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }
    print(json.dumps({"figures": figures, "context": context}))


if __name__ == "__main__":
    main()

"""Both sides of what benchmarks/spectra.py compares, each in a process of its own, so that its memory is its own.

python spectra_sides.py SIDE DATA OUT THREADS NUM: runs one side on the arrays in DATA, writes what it found, its
seconds and the peak of its process's memory to OUT. Not a benchmark itself.
"""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from landweave.classical import difference_forest
from landweave.spectra import components, differences, kernels
from landweave.spectra.microwindows import NUM_PAIRS, pairs

Found = tuple[list[float], dict[str, NDArray[Any]]]
COMPONENTS, TREES, DEPTH = 10, 100, 50


def peak_gb() -> float:
    """Most memory that this process ever had."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text(encoding="ascii"))
    assert found
    return int(found[1]) / 1e6


def timed(function: Callable[[], Any], turns: int = 1) -> tuple[list[float], Any]:
    """Seconds of every turn, and what the last one gave."""
    seconds: list[float] = []
    for _ in range(turns):
        began = time.perf_counter()
        found = function()
        seconds.append(time.perf_counter() - began)
    return seconds, found


def columns(x: NDArray[np.float32]) -> NDArray[np.float32]:
    """The differences as scikit-learn wants them, made in blocks so that nothing but the table takes memory."""
    out = np.empty((len(x), NUM_PAIRS), np.float32)
    first, second = pairs()
    for start in range(0, len(x), 1024):
        rows = slice(start, start + 1024)
        np.subtract(x[rows][:, first], x[rows][:, second], out=out[rows])
    return out


def pca_ours(data: dict[str, Any], threads: int, num: int) -> Found:
    """Components and scores from the temperatures."""
    x = data["x"]

    def once() -> Any:
        made = components.fit(x, COMPONENTS)
        return made, made.scores(x)

    components.fit(x[:500], COMPONENTS)
    seconds, (made, scores) = timed(once, num)
    return seconds, {"variance": made.variance, "scores": scores, "components": made.components()}


def pca_theirs(data: dict[str, Any], threads: int, num: int) -> Found:
    """Columns, components and scores by scikit-learn."""
    from sklearn.decomposition import PCA

    x = data["x"]

    def once() -> Any:
        made = PCA(COMPONENTS, svd_solver="randomized", random_state=0)
        return made, made.fit_transform(columns(x))

    PCA(COMPONENTS, svd_solver="randomized", random_state=0).fit(columns(x[:500]))
    seconds, (made, scores) = timed(once, num)
    return seconds, {"variance": made.explained_variance_, "scores": scores, "components": made.components_}


def kernels_ours(data: dict[str, Any], threads: int, num: int) -> Found:
    """Both kernels from the temperatures."""
    x, gamma = data["x"], kernels.scale(differences.covariance(data["x"])[1])
    made = [kernels.Kernel(name, gamma) for name in ("rbf", "polynomial")]
    seconds, found = timed(lambda: [kernels.kernel_matrix(kernel, x, x) for kernel in made], num)
    return seconds, {"rbf": found[0], "polynomial": found[1]}


def kernels_theirs(data: dict[str, Any], threads: int, num: int) -> Found:
    """Both kernels of the columns by scikit-learn, in double precision, which the columns need as much as we do."""
    from sklearn.metrics.pairwise import polynomial_kernel, rbf_kernel

    x, gamma = data["x"], kernels.scale(differences.covariance(data["x"])[1])

    def once() -> Any:
        made = columns(x).astype(np.float64)
        return rbf_kernel(made, gamma=gamma), polynomial_kernel(made, degree=3, gamma=gamma, coef0=1)

    seconds, found = timed(once, num)
    return seconds, {"rbf": found[0], "polynomial": found[1]}


def forest_ours(data: dict[str, Any], threads: int, num: int) -> Found:
    """The forest grown on temperatures. Compiling stands outside, and is told as `compiling`."""
    arguments: dict[str, Any] = {"max_depth": DEPTH, "num_threads": threads}
    compiling, _ = timed(lambda: difference_forest.fit(data["x"][:200], data["y"][:200], 6, num_trees=1, **arguments))
    seconds, made = timed(lambda: difference_forest.fit(data["x"], data["y"], 6, num_trees=num, **arguments))
    made.predict_probabilities(data["test_x"][:10])
    spent, shares = timed(lambda: made.predict_probabilities(data["test_x"], threads))
    nodes = np.array(len(made.nodes))
    return seconds, {"told": shares.argmax(1), "compiling": np.array(compiling), "predicting": np.array(spent),
                     "importance": made.importance, "nodes": nodes}  # fmt: skip


def forest_theirs(data: dict[str, Any], threads: int, num: int) -> Found:
    """The same forest by scikit-learn. Making the columns stands outside."""
    from sklearn.ensemble import RandomForestClassifier

    made = RandomForestClassifier(
        num, max_features="sqrt", max_depth=DEPTH, bootstrap=False, random_state=0, n_jobs=threads
    )
    table = columns(data["x"])
    seconds, _ = timed(lambda: made.fit(table, data["y"]))
    fresh = columns(data["test_x"])
    spent, told = timed(lambda: made.predict(fresh))
    nodes = np.array(sum(tree.tree_.node_count for tree in made.estimators_))
    return seconds, {"told": told, "predicting": np.array(spent), "importance": made.feature_importances_,
                     "nodes": nodes}  # fmt: skip


SIDES = {function.__name__: function for function in (pca_ours, pca_theirs, kernels_ours, kernels_theirs, forest_ours,
                                                      forest_theirs)}  # fmt: skip


def main() -> None:
    """Run the side that the command line names."""
    side, data, out, threads, num = sys.argv[1:]
    with np.load(data) as read:
        given = {name: read[name] for name in read.files}
    seconds, found = SIDES[side](given, int(threads), int(num))
    told = {"seconds": seconds, "peak_gb": peak_gb()}
    arrays: dict[str, Any] = {**found, "figures": np.array(json.dumps(told))}
    np.savez(out, **arrays)


if __name__ == "__main__":
    main()

"""What 10,011 differences cost without their columns: components, kernels and forests against scikit-learn's on them.

Simulated spectra: limb-published-1 for components and kernels, limb-hard-1 for the forest, on which accuracy says more.
Both sides have the same threads (components and kernels one, so that none waits for another on a shared machine), and
each a process of its own, whose peak of memory is its own; components have the making of the columns counted, forests
have not. Each part is kept in benchmarks/results/spectra and not measured again.
Without arguments: 10,000 spectra, 10 trees; --full: 70,000 spectra and 100 trees, of which scikit-learn's take long.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from landweave.provenance import commit, versions
from landweave.simulate.spectra import database
from landweave.spectra.brightness import brightness_temperature
from parts import measured
from spectra_sides import SIDES, TREES

TEST = 10_000
KERNEL = 5_000


def temperatures(name: str, num: int) -> tuple[Any, Any]:
    """Brightness temperatures of the first `num` spectra of a database that have all of them, and their labels."""
    # Cold and faint spectra lose one to noise now and then; a tenth more is enough.
    spectra = database(name, num + num // 10)
    x, valid = brightness_temperature(spectra.radiance)
    whole = np.flatnonzero(valid.all(1))[:num]
    assert len(whole) == num and spectra.label is not None
    return x[whole], spectra.label[whole]


def run(side: str, data: Path, threads: int, num: int) -> dict[str, Any]:
    """What one side found, in a process of its own."""
    assert side in SIDES
    out = data.with_name(f"{side}.npz")
    script = Path(__file__).with_name("spectra_sides.py")
    words = [sys.executable, str(script), side, str(data), str(out), str(threads), str(num)]
    names = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMBA_NUM_THREADS", "MKL_NUM_THREADS")
    subprocess.run(words, check=True, env={**os.environ, **dict.fromkeys(names, str(threads))})
    with np.load(out) as arrays:
        found = {name: arrays[name] for name in arrays.files}
    out.unlink()
    return {**found, **json.loads(str(found["figures"]))}


def apart(ours: Any, theirs: Any) -> float:
    """The largest relative difference of two tables, column by column of lengths."""
    lengths = np.linalg.norm(theirs, axis=0)
    return float((np.linalg.norm(ours - theirs, axis=0) / lengths).max())


def both(part: str, folder: Path, threads: int, nums: tuple[int, int]) -> tuple[dict[str, Any], dict[str, Any]]:
    """What both sides of a part found."""
    path = folder / "data.npz"
    return run(f"{part}_ours", path, threads, nums[0]), run(f"{part}_theirs", path, threads, nums[1])


def compared(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    """Seconds and memory of both sides."""
    times = [statistics.median(side["seconds"]) for side in (ours, theirs)]
    return {
        "ours_s": times[0],
        "theirs_s": times[1],
        "faster": times[1] / times[0],
        "ours_peak_gb": ours["peak_gb"],
        "theirs_peak_gb": theirs["peak_gb"],
        "memory_share": ours["peak_gb"] / theirs["peak_gb"],
    }


def pca(num: int, threads: int, turns: tuple[int, int]) -> dict[str, Any]:
    """Components and scores of all spectra."""
    with tempfile.TemporaryDirectory(prefix="landweave-") as work:
        np.savez(Path(work) / "data.npz", x=temperatures("limb-published-1", num)[0])
        ours, theirs = both("pca", Path(work), threads, turns)
    same = {
        "variance_apart": float(np.abs(ours["variance"] / theirs["variance"] - 1).max()),
        "scores_apart": apart(ours["scores"], theirs["scores"]),
        "components_apart": apart(ours["components"].T, theirs["components"].T),
    }
    return {"num": num, "threads": threads, **compared(ours, theirs), **same}


def kernel(num: int, threads: int) -> dict[str, Any]:
    """Kernel matrices of some spectra."""
    with tempfile.TemporaryDirectory(prefix="landweave-") as work:
        np.savez(Path(work) / "data.npz", x=temperatures("limb-published-1", num)[0])
        ours, theirs = both("kernels", Path(work), threads, (3, 1))
    same = {
        f"{name}_apart": float((np.abs(ours[name] - theirs[name]) / np.abs(theirs[name]).max()).max())
        for name in ("rbf", "polynomial")
    }
    return {"num": num, "threads": threads, **compared(ours, theirs), **same}


def forest(num: int, threads: int, trees: int) -> dict[str, Any]:
    """Forests of equal size on equal spectra, and how right they are on others."""
    x, y = temperatures("limb-hard-1", num + TEST)
    with tempfile.TemporaryDirectory(prefix="landweave-") as work:
        np.savez(Path(work) / "data.npz", x=x[:num], y=y[:num], test_x=x[num:])
        ours, theirs = both("forest", Path(work), threads, (trees, trees))
    right = [float((side["told"] == y[num:]).mean()) for side in (ours, theirs)]
    return {
        "num": num, "threads": threads, "trees": trees, **compared(ours, theirs),
        "ours_accuracy": right[0], "theirs_accuracy": right[1],
        "ours_nodes": int(ours["nodes"]), "theirs_nodes": int(theirs["nodes"]),
        "compiling_s": float(ours["compiling"][0]),
        "importances_alike": float(np.corrcoef(ours["importance"], theirs["importance"])[0, 1]),
        "ours_spectra_per_s": TEST / float(ours["predicting"][0]),
        "theirs_spectra_per_s": TEST / float(theirs["predicting"][0]),
    }  # fmt: skip


def figures(found: dict[str, dict[str, Any]], is_full: bool) -> list[dict[str, Any]]:
    """Every number with its goal; the short form has too few spectra for goals of speed and memory."""
    pca_, kernel_, forest_ = found["pca"], found["kernels"], found["forest"]
    lost = 100 * (forest_["theirs_accuracy"] - forest_["ours_accuracy"])
    worst = max(pca_[f"{name}_apart"] for name in ("scores", "components", "variance"))
    rows: list[tuple[str, float, str, float | None, bool]] = [
        ("PCA: faster", pca_["faster"], "ratio", 80, pca_["faster"] >= 80),
        ("PCA: peak memory, share of scikit-learn's", pca_["memory_share"], "ratio", 0.1, pca_["memory_share"] <= 0.1),
        ("PCA: components, scores and variance apart", worst, "relative", 1e-4, worst <= 1e-4),
        ("kernels: RBF apart", kernel_["rbf_apart"], "relative", 1e-4, kernel_["rbf_apart"] <= 1e-4),
        ("kernels: polynomial apart", kernel_["polynomial_apart"], "relative", 1e-4,
         kernel_["polynomial_apart"] <= 1e-4),
        ("kernels: faster", kernel_["faster"], "ratio", None, True),
        ("forest: faster", forest_["faster"], "ratio", 2, forest_["faster"] >= 2),
        ("forest: accuracy lost", lost, "points", 0.5, lost <= 0.5),
        ("forest: accuracy", 100 * forest_["ours_accuracy"], "%", None, True),
        ("forest: peak memory, share of scikit-learn's", forest_["memory_share"], "ratio", None, True),
        ("forest: spectra predicted", forest_["ours_spectra_per_s"], "spectra/s", None, True),
    ]  # fmt: skip
    only_full = {rows[0][0], rows[1][0]}
    return [
        {"name": name, "value": value, "unit": unit, "goal": goal, "holds": holds if goal is not None else None}
        for name, value, unit, goal, holds in (
            (name, value, unit, goal if is_full or name not in only_full else None, holds)
            for name, value, unit, goal, holds in rows
        )
    ]


def main() -> None:
    """Measure and print one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1, help="of both forests")
    parser.add_argument("--trees", type=int, help="of both forests; 100 or 10 where left away")
    parser.add_argument("--again", action="store_true", help="measure what was measured before")
    wanted = parser.parse_args()
    num, trees, turns = (70_000, TREES, (9, 2)) if wanted.full else (10_000, 10, (5, 1))
    threads, trees = wanted.threads, wanted.trees or trees
    size = KERNEL if wanted.full else 2_000
    parts = {
        "pca": (f"pca-{num}-1", partial(pca, num, 1, turns)),
        "kernels": (f"kernels-{size}-1", partial(kernel, size, 1)),
        "forest": (f"forest-{num}-{trees}-{threads}", partial(forest, num, threads, trees)),
    }
    found = {
        name: measured("spectra", file, part, again=wanted.again) if wanted.full else part()
        for name, (file, part) in parts.items()
    }
    context = {
        "simulated": "limb-published-1, limb-hard-1", "parts": found,
        "threads": {"forest": threads, "others": 1}, "commit": commit(),
        "versions": versions(), "machine": platform.processor() or platform.machine(), "cores": os.cpu_count(),
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
    }  # fmt: skip
    print(json.dumps({"figures": figures(found, wanted.full), "context": context}))


if __name__ == "__main__":
    main()

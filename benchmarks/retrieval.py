"""Mean average precision of retrieval by codes, on patches that neither clustered nor trained, of world regions-2.

For every seed an archive is cut (benchmarks/building_patches.py) and a gallery is built of it: an encoder without
labels, clusters, codes of 48 bits. Every patch of the test part asks for the other images of the gallery, ordered by
Hamming distance; right are those of its own cluster (the nearest centroid of its features). Beside it stand the same
among test patches alone, what a random order gives, and codes of the same length from the first principal components
of raw pixels (each patch averaged to 16 x 16 pixels; a bit tells the sign), fitted on the training part. Test patches
of the four regions that the other parts have count for the goal; the held-out regions stand beside, and so does
retrieval of what each patch truly shares, its region. Every finished seed is a file in benchmarks/results/retrieval.

Without arguments: a few windows, seed 1, minutes. --full: seeds 1, 2, 3 and those of --seeds.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from jaxtyping import Float32, Int64, UInt64

from building_patches import SEEN, SHORT, WORLD, Sizes, make
from landweave.atomic import write_text
from landweave.gallery.build import GalleryJob, build
from landweave.gallery.cluster import Space
from landweave.gallery.images import CLUSTERS, SPACE, WORK, open_gallery
from landweave.jobs.serial import Serial
from landweave.jobs.worker import num_cores
from landweave.metrics.retrieval import Retrieval, retrieve
from landweave.models.patch.hashing import pack
from landweave.patches.archive import Archive
from landweave.provenance import commit, fingerprint
from landweave.recipe.hash import read_clusters
from landweave.simulate.world import load_world
from scenes import figure, print_result

RESULTS = Path(__file__).parent / "results" / "retrieval"
FIXED_SEEDS = (1, 2, 3)
GOAL, BITS, SMALL_PX = 0.95, 48, 16


def job(archive: Path, seed: int, full: bool) -> GalleryJob:
    """How the gallery is built."""
    contrast = {"arguments": {"width": 16}, "epochs": 12 if full else 4, "batch_global": 64}
    codes = {"epochs": 20 if full else 6, "batch_global": 32, "bits": BITS}
    return GalleryJob(archive=archive, contrast=contrast, hash=codes, seed=seed)


def told(retrieval: Retrieval) -> dict[str, float]:
    return {
        "map": retrieval.mean_average_precision,
        "chance": retrieval.mean_by_chance,
        "queries": retrieval.num_queries,
    }


def raw_codes(archive: Archive, train: Int64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Codes of the first principal components of raw pixels, signs as bits."""
    rows = np.concatenate([pixels(archive, first) for first in range(0, len(archive), 64)])
    mean = rows[train].mean(0, dtype=np.float64)
    _, _, axes = np.linalg.svd(rows[train] - mean, full_matrices=False)
    return pack((rows - mean) @ axes[:BITS].T > 0)


def pixels(archive: Archive, first: int) -> Float32[np.ndarray, "n d"]:
    view = archive.layout.views[0]
    numbers = archive.batch(range(first, min(first + 64, len(archive))))[view.key]
    small = torch.nn.functional.adaptive_avg_pool2d(torch.from_numpy(view.to_physical(numbers)), SMALL_PX)
    return np.asarray(small.flatten(1).numpy())


def figures_of(seed: int, full: bool, work: Path) -> dict[str, Any]:
    """Everything that is told of one seed."""
    began = time.time()
    archive = make(seed, Sizes() if full else SHORT, work / f"seed-{seed}" / "archive", num_cores())
    cut_s = time.time() - began
    folder = work / f"seed-{seed}" / "gallery"
    for _ in build(job(archive.folder, seed, full), folder, Serial()):
        pass
    gallery = open_gallery(folder)
    labels = read_clusters(folder / WORK / CLUSTERS, archive)
    regions = np.array([int(name.rpartition("-")[2]) for name in archive.table()["scene"]])
    train, test = archive.part("train"), archive.part("test")
    seen, out = (test[np.isin(regions[test], SEEN) == wanted] for wanted in (True, False))
    raw = raw_codes(archive, train)
    places = {"gallery": np.arange(len(archive)), "test patches": seen}
    found: dict[str, Any] = {"clusters": Space.load(folder / SPACE).num, "minutes": {"cut": cut_s / 60}}
    for name, codes in (("codes", gallery.codes), ("raw pixels", raw)):
        for among, every in places.items():
            found[f"{name} among {among}"] = told(
                retrieve(codes[seen], labels[seen], codes[every], labels[every], are_among=True)
            )
        found[f"{name}, held-out regions"] = told(retrieve(codes[out], labels[out], codes, labels, are_among=True))
        found[f"{name}, by region"] = told(retrieve(codes[seen], regions[seen], codes, regions, are_among=True))
    agree = float((gallery.buckets[seen] == labels[seen]).mean()) if gallery.num_buckets == found["clusters"] else None
    found["buckets as clusters"] = agree
    found["minutes"]["built and judged"] = (time.time() - began - cut_s) / 60
    return found


def results(seeds: Sequence[int], full: bool, work: Path) -> Iterator[dict[str, Any]]:
    """Figures of every seed, from its file where it was finished before."""
    for seed in seeds:
        plan = job(Path("archive"), seed, full).model_dump(mode="json")
        world = load_world(WORLD, seed).model_dump(mode="json")
        identity = fingerprint({"plan": plan, "world": world, "full": full})[:12]
        path = RESULTS / f"{WORLD}-seed-{seed}-{identity}.json"
        if not path.is_file():
            print(f"seed {seed}", flush=True)
            content = {"world": WORLD, "seed": seed, "commit": commit(), "plan": plan, **figures_of(seed, full, work)}
            write_text(path, json.dumps(content, indent=1, default=str) + "\n")
        yield json.loads(path.read_text(encoding="utf-8"))


def summary(found: Sequence[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Means over the seeds, and the goal."""
    values = [each["codes among gallery"]["map"] for each in found]
    mean = statistics.mean(values)
    yield figure("mAP of test patches", mean, "share", f"at least {GOAL}", mean >= GOAL)
    yield figure("spread over seeds", statistics.stdev(values) if len(values) > 1 else 0.0, "share")
    yield figure("lowest of the seeds", min(values), "share")
    yield figure("chance", statistics.mean(each["codes among gallery"]["chance"] for each in found), "share")
    yield figure("raw-pixel PCA", statistics.mean(each["raw pixels among gallery"]["map"] for each in found), "share")
    for name in ("codes among test patches", "codes, held-out regions", "codes, by region", "raw pixels, by region"):
        yield figure(f"mAP: {name}", statistics.mean(each[name]["map"] for each in found), "share")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    seeds = [*(FIXED_SEEDS if options.full else FIXED_SEEDS[:1]), *options.seeds]
    with tempfile.TemporaryDirectory() as temporary:
        found = list(results(seeds, options.full, options.work or Path(temporary)))
    for each in found:
        lines = [
            f"{name} {value['map']:.3f}" for name, value in each.items() if isinstance(value, dict) and "map" in value
        ]
        print(f"seed {each['seed']}, {each['clusters']} clusters: {'; '.join(lines)}")
    print_result(list(summary(found)), world=WORLD, seeds=seeds, full=options.full, threads=torch.get_num_threads())


if __name__ == "__main__":
    main()

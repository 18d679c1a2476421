"""A map job on a Spark cluster against the same job in a pool: same cores, same threads a worker, start-up aside.

A standalone master and two workers of one core, all on this machine's loopback, against a pool of two processes of one
thread. Both map the same scene, in turns, and both first map a small one, so that processes, Java and the network are
warm. The time goes from the sixth tile that is done to the last, when all workers work; the figure is the median of
the ratios of the turns. Without arguments: one turn of 60 tiles; --full: three turns of 200 tiles, each of which takes
the pool a minute or more.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from landweave.jobs.worker import Setup, give_way, one_heap

one_heap()
give_way()

from landweave.jobs.executor import Executor
from landweave.jobs.pool import Pool
from landweave.jobs.spark import Spark, stop
from landweave.mapping.job import IN_FLIGHT, run
from landweave.mapping.prepare import MapJob
from landweave.provenance import file_sha256
from scenes import figure, print_result, write_numbers, write_place

sys.path.append(str(Path(__file__).parents[1]))
from tests.parallel.spark_cluster import started

ONE = Setup(threads=1)
NETWORK = {"width": 32, "depth": 4}
SKIPPED = 6


def timed(job: MapJob, out: Path, executor: Executor) -> tuple[float, float, str]:
    """Seconds from the first tiles to the last, seconds of the whole job, and the hash of the map."""
    shutil.rmtree(out, ignore_errors=True)
    began, first, last = time.perf_counter(), 0.0, 0.0
    for record in run(job, out, executor):
        assert record.failed is None, record.failed
        if record.phase == "map" and record.done <= SKIPPED:
            first = time.perf_counter()
        if record.phase == "map":
            last = time.perf_counter()
    return last - first, time.perf_counter() - began, file_sha256(out / "map.tif")


def turn(job: MapJob, folder: Path, master: str) -> dict[str, Any]:
    """One job on each side; the order does not matter, as nothing is kept between them."""
    sides: dict[str, Executor] = {"pool": Pool(2, ONE, IN_FLIGHT), "spark": Spark(master, setup=ONE)}
    found = {name: timed(job, folder / name, executor) for name, executor in sides.items()}
    assert found["pool"][2] == found["spark"][2], "the two maps differ"
    return {name: {"tiles_s": tiles, "job_s": whole} for name, (tiles, whole, _) in found.items()}


def measure(folder: Path, tiles: tuple[int, int], core_px: int, turns: int) -> list[dict[str, Any]]:
    """The scene, the cluster, and all turns."""
    edge = tiles[0] * core_px
    write_numbers(folder / "scene.tif", edge)
    write_place(folder, folder / "scene.tif", edge, "unet", NETWORK)
    # As many rows as asked for: the scene is square, the map need not be.
    area = (500000.0, 4000000.0, 500000.0 + 10 * tiles[1] * core_px, 4000000.0 + 10 * edge)
    job = MapJob(card=folder / "card", scenes=folder / "catalog.parquet", core_px=core_px, area=area, precision="fp32")
    small = job.model_copy(update={"area": (500000.0, 4000000.0, 500000.0 + 40 * core_px, 4000000.0 + 40 * core_px)})
    (folder / "cluster").mkdir()
    with started(folder / "cluster", java="") as cluster:
        try:
            turn(small, folder, cluster.address)
            return [turn(job, folder, cluster.address) for _ in range(turns)]
        finally:
            stop()


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--core", type=int, default=320, help="edge of a tile in pixels")
    parser.add_argument("--turns", type=int, help="how often, instead of 1, or 3 with --full")
    options = parser.parse_args()
    tiles = (20, 10) if options.full else (10, 6)
    turns = options.turns or (3 if options.full else 1)
    with tempfile.TemporaryDirectory(prefix="landweave-") as text:
        found = measure(Path(text), tiles, options.core, turns)
    for each in found:
        print(each)
    ratios = [each["spark"]["tiles_s"] / each["pool"]["tiles_s"] for each in found]
    pool_s = statistics.median(each["pool"]["tiles_s"] for each in found)
    over = 100 * (statistics.median(ratios) - 1)
    # The bar is for a job of a minute or more; a shorter one is told, not judged.
    holds = over <= 15 if pool_s >= 55 else None
    figures = [
        figure("Spark against pool, two workers of one thread: more wall time", over, "%", "<= 15", holds),
        figure("largest of the turns", 100 * (max(ratios) - 1), "%"),
        figure("tiles in a pool", pool_s, "s"),
        figure("whole job on Spark, a warm cluster", statistics.median(each["spark"]["job_s"] for each in found), "s"),
        figure("whole job in a pool", statistics.median(each["pool"]["job_s"] for each in found), "s"),
    ]
    context = {"tiles": tiles[0] * tiles[1], "core_px": options.core, "turns": turns, "network": f"unet {NETWORK}"}
    print_result(figures, threads=1, workers=2, **context)


if __name__ == "__main__":
    main()

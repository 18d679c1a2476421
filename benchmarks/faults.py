"""Map jobs on Spark whose processes are killed at random moments: each map has the bytes of an undisturbed one.

Tasks' processes, executors, workers of the cluster and the driver are killed, inside tasks and inside assembling, as
drawn from seeds; each job takes two kills. A job is one JSON file in benchmarks/results/faults, from which the script
goes on. A kill whose moment never came, because the job was faster, does not count; further jobs make up for it.
Without arguments: 4 kills; --full: 20. The two last jobs take their seeds from the command line.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
sys.path.append(str(ROOT))

from tests.faults.kills import drawn, torment
from tests.faults.landweave import landweave
from tests.mapping.places import grid_at, make_card, make_catalog, make_scene
from tests.parallel.spark_cluster import Cluster, started

from landweave.atomic import write_text
from landweave.provenance import commit, file_sha256
from scenes import figure, print_result

RESULTS = Path(__file__).parent / "results" / "faults"
FILES = ("map.tif", "probabilities.tif", "map.json")
EDGE_PX, CORE_PX, KILLS_A_JOB = 1024, 128, 2


def words(place: Path, out: Path) -> list[object]:
    """The command, but for what runs the tasks."""
    job = ["map", "--card", place / "card", "--scenes", place / "c.parquet", "-o", out]
    return [*job, "--core", CORE_PX, "--probabilities", "--threads", 1]


def hashes(folder: Path) -> dict[str, str]:
    """Of everything that is promised to be the same."""
    return {name: file_sha256(folder / name) for name in FILES}


def tormented(place: Path, cluster: Cluster, seed: int, expected: dict[str, str]) -> dict[str, Any]:
    """One job with its kills."""
    out, began = place / f"seed-{seed}", time.perf_counter()
    on_spark = [*words(place, out), "--executor", "spark", "--master", cluster.address]
    kills = drawn(seed, KILLS_A_JOB)
    struck = torment(on_spark, out, (EDGE_PX // CORE_PX) ** 2, cluster, kills)
    same = hashes(out) == expected
    return {
        "seed": seed,
        "same_bytes": same,
        "struck": [asdict(kill) for kill in struck],
        "missed": len(kills) - len(struck),
        "seconds": round(time.perf_counter() - began, 1),
        "commit": commit(),
    }


def jobs(num_kills: int, last_seeds: tuple[int, int]) -> list[dict[str, Any]]:
    """Jobs until as many kills have struck, the last two with the seeds of the command line."""
    done: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="landweave-") as text:
        place = Path(text)
        make_catalog(place / "c.parquet", make_scene(place, "s", grid_at(EDGE_PX, EDGE_PX)))
        make_card(place / "card")
        code, said = landweave(*words(place, place / "undisturbed"))
        assert code == 0, said
        expected = hashes(place / "undisturbed")
        (place / "cluster").mkdir()
        with started(place / "cluster") as cluster:
            fixed = iter(range(1000))
            while True:
                lacking = num_kills - sum(len(job["struck"]) for job in done)
                if lacking <= 0:
                    return done
                seed = next(fixed) if lacking > 2 * KILLS_A_JOB else last_seeds[lacking <= KILLS_A_JOB]
                if seed in {job["seed"] for job in done}:
                    seed = next(fixed)
                done.append(_kept(RESULTS / f"seed-{seed}.json", place, cluster, seed, expected))


def _kept(path: Path, place: Path, cluster: Cluster, seed: int, expected: dict[str, str]) -> dict[str, Any]:
    if not path.is_file():
        write_text(path, json.dumps(tormented(place, cluster, seed, expected), indent=1) + "\n")
    found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    said = "same bytes" if found["same_bytes"] else "OTHER BYTES"
    print(found["seed"], said, found["struck"], f"{found['seconds']} s")
    return found


def main() -> None:
    """Print one JSON object."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--seeds", type=int, nargs=2, default=(101, 102), help="of the two last jobs")
    options = parser.parse_args()
    num_kills = 20 if options.full else 4
    done = jobs(num_kills, tuple(options.seeds))
    struck = [kill for job in done for kill in job["struck"]]
    same = sum(job["same_bytes"] for job in done)
    whom, inside = Counter(kill["whom"] for kill in struck), sum(kill["share"] == 1 for kill in struck)
    figures = [
        figure("kills that struck", len(struck), "", f">= {num_kills}", len(struck) >= num_kills),
        figure("jobs with the bytes of an undisturbed one", same, f"of {len(done)}", "all", same == len(done)),
        *(figure(f"kills: {name}", num, "") for name, num in sorted(whom.items())),
        figure("kills inside assembling", inside, ""),
    ]
    print_result(figures, workers=2, threads=1, tiles=(EDGE_PX // CORE_PX) ** 2, seeds=[job["seed"] for job in done])


if __name__ == "__main__":
    main()

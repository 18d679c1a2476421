"""How long the command line takes to answer: `landweave --help`, `--version` and the help of every verb.

Each is a process of its own, as a user starts it; the figure is the median of the turns. Without arguments: 7 turns;
--full: 21.
"""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from landweave.cli.main import VERBS
from landweave.provenance import commit, versions

GOAL_S = 0.5
PROGRAM = Path(sys.executable).parent / "landweave"
# What must not be imported before a verb is run.
HEAVY = ("torch", "numpy", "rasterio", "pandas", "sklearn", "matplotlib")


def seconds(arguments: list[str]) -> tuple[float, float]:
    """Wall and CPU time of one process."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.perf_counter()
    subprocess.run([PROGRAM, *arguments], check=True, capture_output=True)
    passed, after = time.perf_counter() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    return passed, after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def imported() -> list[str]:
    """Which of HEAVY the help imports."""
    code = f"import sys; from landweave.cli.main import run; run(['--help']); print(*({HEAVY!r} & sys.modules.keys()))"
    code = code.replace(repr(HEAVY), repr(set(HEAVY)))
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    return done.stdout.splitlines()[-1].split()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    turns = 21 if parser.parse_args().full else 7
    commands = {"landweave --help": ["--help"], "landweave --version": ["--version"]}
    commands |= {f"landweave {verb} --help": [verb, "--help"] for verb in VERBS}
    seconds(["--help"])
    figures: list[dict[str, Any]] = []
    for name, arguments in commands.items():
        taken = [seconds(arguments) for _ in range(turns)]
        wall, cpu = (statistics.median(each) for each in zip(*taken, strict=True))
        # The goal is for the help that a user sees first.
        goal = {"goal": GOAL_S, "holds": wall < GOAL_S} if name == "landweave --help" else {"goal": None, "holds": None}
        figures.append({"name": name, "value": round(wall, 3), "unit": "s", "cpu_s": round(cpu, 3), **goal})
        print(f"{name:<28} {wall:.3f} s, of which CPU {cpu:.3f} s")
    found = imported()
    figures.append(
        {"name": "heavy packages imported", "value": len(found), "unit": "packages", "goal": 0, "holds": not found}
    )
    machine = f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"
    context = {
        "turns": turns,
        "date": dt.datetime.now(dt.UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "commit": commit(),
        "versions": versions(),
    }
    print(json.dumps({"figures": figures, "context": context}))


if __name__ == "__main__":
    main()

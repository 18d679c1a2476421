"""Throughput of map jobs: strong scaling, weak scaling, rate against tile size, and what more workers would bring.

Every worker has one thread, so that a worker costs the same whatever their number. A scene is a square and becomes one
sheet, as a scene of 40,000 x 35,000 pixels becomes nine at the size that map takes by default. The network is a U-Net
of width 16 and depth 4 (0.84 million weights), in fp32.

- strong: fixed scenes, more workers: seconds, speed-up, efficiency (the paper's Tables III and V).
- weak: scenes grow with workers, and seconds should stay (Tables VI and VII); and, at two workers, assembling's share
  of the wall time as the number of scenes grows, which must not grow (point 6 of the issue).
- tiles: rate against the edge of a tile on one worker (Figure 8).
- forecast: rounds of tiles and sheets (mapping/forecast.py) from the run with one worker, beside what was measured, and
  for clusters larger than this machine; and for a program in which one worker merges all.

Starting the workers, which is measured apart and does not depend on the scenes, is left out of shares and
efficiencies.

Without arguments: small scenes, a few minutes. --full: scenes of 4,096 pixels, about half an hour on two cores. Each
run is a file in benchmarks/results/throughput, from which the script goes on; --again measures all anew.
"""

from __future__ import annotations

import argparse
import json
import shutil
import tempfile
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from landweave.jobs.worker import Setup, give_way, num_cores, one_heap

# As `landweave map` does, before torch is imported.
one_heap()
give_way()

import rasterio
import torch

from landweave.atomic import write_text
from landweave.jobs.pool import Pool
from landweave.mapping.forecast import Forecast
from landweave.mapping.job import IN_FLIGHT, run
from landweave.mapping.prepare import MapJob
from landweave.provenance import fingerprint
from landweave.raster.catalog import read_catalog, write_catalog
from landweave.raster.write import write_tile
from scenes import figure, print_result, write_numbers, write_place

RESULTS = Path(__file__).parent / "results" / "throughput"
NETWORK = {"width": 16, "depth": 4}
SCENES, MORE_SCENES = 4, (1, 2, 4, 8)
BEYOND = (4, 8, 16, 64)
_KEPT = ("seconds", "workers", "tiles", "sheets", "written_px", "mpx_per_s", "km2_per_s", "tiles_per_s",
         "read_gb_per_s", "written_gb_per_s", "phases_s", "wall_s", "wait_s", "device_busy_share")  # fmt: skip


class Bench:
    """Scenes side by side, made once, and the jobs on some of them."""

    def __init__(self, folder: Path, edge_px: int, again: bool) -> None:
        self.folder, self.edge_px, self.again = folder, edge_px, again

    def ready(self) -> None:
        """Write what all jobs map: one file of pixels, shown at many places."""
        if (self.folder / "card").exists():
            return
        self.folder.mkdir(parents=True, exist_ok=True)
        write_numbers(self.folder / "scene.tif", self.edge_px)
        write_place(self.folder, self.folder / "scene.tif", self.edge_px, "unet", NETWORK)

    def catalog(self, num_scenes: int) -> Path:
        """A catalog of scenes beside each other, each in a file of its own."""
        path = self.folder / f"{num_scenes}.parquet"
        (scene,) = read_catalog(self.folder / "catalog.parquet")
        scenes = []
        for number in range(num_scenes):
            moved = scene.grid.translate_pix(self.edge_px * number, 0)
            copy = self.folder / f"scene-{number}.tif"
            if not copy.exists():
                placed(self.folder / "scene.tif", copy, moved)
            files = {band: replace(file, href=str(copy)) for band, file in scene.files.items()}
            scenes.append(replace(scene, id=f"scene-{number}", grid=moved, files=files))
        write_catalog(scenes, path)
        return path

    def measure(self, num_scenes: int, num_workers: int, core_px: int = 512) -> dict[str, Any]:
        """The summary of one job, from a file where it was measured before."""
        case = {"scenes": num_scenes, "workers": num_workers, "core_px": core_px, "edge_px": self.edge_px}
        path = RESULTS / f"{fingerprint({**case, **NETWORK})[:12]}.json"
        if path.exists() and not self.again:
            return dict(json.loads(path.read_text()))
        self.ready()
        values = {"card": self.folder / "card", "scenes": self.catalog(num_scenes), "core_px": core_px}
        job = MapJob.model_validate({**values, "sheet_px": self.edge_px, "precision": "fp32"})
        out = self.folder / "out"
        shutil.rmtree(out, ignore_errors=True)
        began = time.perf_counter()
        for record in run(job, out, Pool(num_workers, Setup(1), IN_FLIGHT)):
            assert record.failed is None, record.failed
        told = json.loads((out / "summary.json").read_text())
        found = {**case, **{name: told[name] for name in _KEPT}, "clock_s": time.perf_counter() - began}
        write_text(path, json.dumps(found, indent=1) + "\n")
        print(f"{num_scenes} scenes, {num_workers} workers, tiles of {core_px}: {found['seconds']:.1f} s", flush=True)
        return found

    def start(self, num_workers: int) -> float:
        """Seconds until a pool has done nothing: each of a job's two phases starts one."""
        path = RESULTS / f"start-{num_workers}.json"
        if not path.exists() or self.again:
            tasks = [Nothing(str(number)) for number in range(num_workers)]
            began = time.perf_counter()
            assert all(outcome.error is None for outcome in Pool(num_workers, Setup(1), IN_FLIGHT).run(nothing, tasks))
            write_text(path, json.dumps({"start_s": time.perf_counter() - began}) + "\n")
        return float(json.loads(path.read_text())["start_s"])


@dataclass(frozen=True)
class Nothing:
    """A task without work."""

    key: str


def nothing(task: Nothing) -> dict[str, float]:
    return {}


def placed(source: Path, copy: Path, grid: Any) -> None:
    """The file at `source` again, at another place on the ground."""
    with rasterio.open(source) as file:
        write_tile(copy, file.read(), grid, nodata=0)


def row(found: dict[str, Any], start_s: float, **more: float) -> dict[str, Any]:
    """One line of a table, as the paper's tables have it, with where time goes; starting workers aside."""
    worked = max(found["seconds"] - 2 * start_s, 1e-9)
    share = max(found["wall_s"]["assemble"] - start_s, 0.0) / worked
    line = {name: found[name] for name in ("scenes", "workers", "core_px", "tiles", "sheets", "seconds", "mpx_per_s",
                                           "km2_per_s", "tiles_per_s", "device_busy_share")}  # fmt: skip
    return {**line, "assemble_share": round(share, 4), **{name: round(value, 3) for name, value in more.items()}}


def worked(bench: Bench, found: dict[str, Any]) -> float:
    """Seconds of a job but for starting its workers."""
    return max(float(found["seconds"]) - 2 * bench.start(found["workers"]), 1e-9)


def strong(bench: Bench, workers: list[int]) -> list[dict[str, Any]]:
    every = [bench.measure(SCENES, num) for num in workers]
    forecast = Forecast.of(every[0])
    lines = []
    for found in every:
        speed_up = worked(bench, every[0]) / worked(bench, found)
        expected = forecast.seconds(found["tiles"], found["sheets"], found["workers"])
        start_s, efficiency = bench.start(found["workers"]), speed_up / found["workers"]
        lines.append(row(found, start_s, speed_up=speed_up, efficiency=efficiency, predicted_s=expected))
    return lines


def beyond(bench: Bench) -> list[dict[str, Any]]:
    """Workers that this machine does not have: each with cores of its own."""
    found = bench.measure(SCENES, 1)
    forecast, tiles, sheets = Forecast.of(found), found["tiles"], found["sheets"]
    return [
        {
            "workers": num,
            "strong_s": round(forecast.seconds(tiles, sheets, num), 2),
            "weak_s": round(forecast.seconds(tiles * num, sheets * num, num), 2),
            "weak_s_one_merges": round(forecast.seconds(tiles * num, sheets * num, num, num_merging=1), 2),
        }
        for num in BEYOND
    ]


def weak(bench: Bench, workers: list[int]) -> list[dict[str, Any]]:
    every = [bench.measure(SCENES // workers[-1] * num, num) for num in workers]
    first = worked(bench, every[0])
    return [row(found, bench.start(found["workers"]), efficiency=first / worked(bench, found)) for found in every]


def shares(bench: Bench, num_workers: int, more: tuple[int, ...]) -> list[dict[str, Any]]:
    return [row(bench.measure(num, num_workers), bench.start(num_workers)) for num in more]


def tiles(bench: Bench, edges: tuple[int, ...]) -> list[dict[str, Any]]:
    return [row(bench.measure(1, 1, edge), bench.start(1)) for edge in edges if edge <= bench.edge_px]


def show(title: str, lines: list[dict[str, Any]]) -> None:
    print(f"\n{title}\n" + " ".join(f"{name:>17}" for name in lines[0]))
    for line in lines:
        print(" ".join(f"{value:>17}" for value in line.values()))


def figures(tables: dict[str, list[dict[str, Any]]]) -> list[dict[str, Any]]:
    last, share = tables["strong"][-1], tables["shares"]
    grown = share[-1]["assemble_share"] - share[0]["assemble_share"]
    fastest = max(tables["tiles"], key=lambda line: line["mpx_per_s"])
    return [
        figure(f"strong scaling, {last['workers']} workers: efficiency", last["efficiency"], ""),
        figure("the same: predicted / measured seconds", last["predicted_s"] / last["seconds"], ""),
        figure("weak scaling: efficiency", tables["weak"][-1]["efficiency"], ""),
        figure(
            f"assembling's share of the wall time, {share[0]['scenes']} scene", share[0]["assemble_share"], ""
        ),
        figure(f"the same, {share[-1]['scenes']} scenes", share[-1]["assemble_share"], "", "not above", grown <= 0.02),
        figure(f"fastest edge of a tile: {fastest['core_px']} px", fastest["mpx_per_s"], "Mpx/s"),
        figure("64 workers, one merges all / all merge", tables["beyond"][-1]["weak_s_one_merges"]
               / tables["beyond"][-1]["weak_s"], ""),
    ]  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--again", action="store_true", help="measure what was measured before, too")
    parser.add_argument("--edge", type=int, help="edge of a scene in pixels, instead of 1,024, or 4,096 with --full")
    parser.add_argument("--workers", type=int, nargs="+", help="instead of 1 and 2; as many as there are cores")
    options = parser.parse_args()
    edge_px = options.edge or (4096 if options.full else 1024)
    workers = sorted({1, *(options.workers or [min(2, num_cores())])})
    with tempfile.TemporaryDirectory(prefix="landweave-") as text:
        bench = Bench(Path(text), edge_px, options.again)
        tables = {
            "strong": strong(bench, workers),
            "weak": weak(bench, workers),
            "shares": shares(bench, workers[-1], MORE_SCENES),
            "tiles": tiles(bench, (128, 256, 512, 1024, 2048)),
            "beyond": beyond(bench),
        }
    titles = {
        "strong": f"Strong scaling: {SCENES} scenes, more workers",
        "weak": "Weak scaling: scenes grow with workers",
        "shares": "Assembling's share as the number of scenes grows",
        "tiles": "Rate against the edge of a tile, one scene, one worker",
        "beyond": f"Predicted from one worker: {SCENES} scenes (strong), {SCENES} scenes a worker (weak)",
    }
    for name, title in titles.items():
        show(title, tables[name])
    context = {"threads_a_worker": 1, "cores": num_cores(), "edge_px": edge_px, "network": f"unet {NETWORK}"}
    print_result(figures(tables), tables=tables, torch=torch.__version__, **context)


if __name__ == "__main__":
    main()

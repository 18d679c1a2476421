"""Coarse Sentinel-2 bands brought to 10 m on a real cube: networks after Lanaras et al. 2018 against interpolation.

The cube (../shared/data/dsen2_s2_l1c, level 1C, 600 x 600 pixels of 10 m) is cut in two. Networks learn by Wald's
protocol on the left half (20 m bands made 40 m and back, 60 m bands made 360 m and back) and are judged in the same way
on the right half, with a gap of 360 m between them; nothing is chosen by the right half. Bicubic is the better of two
kernels (a = -0.75 and a = -0.5) in each band. Numbers are those of the product, reflectance times 10,000.

Without arguments: small networks (4 blocks of 32 channels, 20 epochs), one seed, a few minutes. --full: those of the
paper (6 blocks of 128 channels, 80 epochs), seeds 1, 2 and 3. Every seed is a file in
benchmarks/results/super_resolution, from which the script goes on; training itself goes on from its checkpoints in
--work.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import torch
from torch.nn.functional import interpolate

from landweave.atomic import write_text
from landweave.datasets.wald import Land, whole_pair
from landweave.jobs.worker import num_cores
from landweave.metrics.image import ImageSums
from landweave.models.pair.sharpener import Sharpener, load_sharpener, sharpen
from landweave.models.upsample import to_finest
from landweave.parallel.world import World
from landweave.provenance import commit, fingerprint
from landweave.recipe.folder import CARD
from landweave.recipe.lands import Lands
from landweave.recipe.sharpen import SharpenRecipe, fit
from scenes import figure, print_result

ROOT = Path(__file__).parents[1]
RESULTS = Path(__file__).parent / "results" / "super_resolution"
BANDS: Mapping[float, tuple[str, ...]] = {
    10.0: ("B04", "B03", "B02", "B08"),
    20.0: ("B05", "B06", "B07", "B8A", "B11", "B12"),
    60.0: ("B01", "B09"),
}
GAP_PX, SCALE = 36, 10_000
SHORT: Mapping[str, Any] = {"width": 32, "depth": 4, "epochs": 20, "optimiser": {"name": "adam", "rate": 1e-3}}
FULL: Mapping[str, Any] = {"width": 128, "depth": 6, "epochs": 80, "optimiser": {"name": "adam", "rate": 5e-4}}
MEASURES = ("rmse", "sre", "uiqi")


def recipe(form: Mapping[str, Any], seed: int) -> SharpenRecipe:
    """What is trained; the cube stands in for a catalog."""
    optimiser = {**form["optimiser"], "weight_decay": 0.0}
    return SharpenRecipe.model_validate(
        {"task": "sharpen", "scenes": "none", **form, "optimiser": optimiser, "seed": seed}
    )


def read_cube(folder: Path) -> dict[float, np.ndarray]:
    """Reflectance by pixel size; MATLAB stores columns first, so that axes are turned back."""
    with h5py.File(folder / "dsen2_s2_l1c" / "S2A_MSIL1C_20170527_T33UUB.mat") as file:
        return {size: file[f"im{size:.0f}"][:].transpose(0, 2, 1) / np.float32(SCALE) for size in BANDS}


def halves(cube: Mapping[float, np.ndarray]) -> tuple[Land, Land]:
    """The left half to learn from and the right half to judge on, with a gap between them."""
    middle = cube[10.0].shape[-1] // 2
    left = {size: view[..., : round(middle * 10 / size)] for size, view in cube.items()}
    right = {size: view[..., round((middle + GAP_PX) * 10 / size) :] for size, view in cube.items()}
    return Land.of(left), Land.of(right)


def learn(left: Land, wanted: SharpenRecipe, folder: Path) -> Path:
    """Train on the left half, or go on; gives the card."""
    # No land to watch: the last weights are taken.
    identity = fingerprint(wanted.model_dump(mode="json"))
    lands = Lands("sentinel-2-l1c", "reflectance", BANDS, [left], identity=identity)
    deque(fit(wanted, lands, folder, World()), maxlen=0)
    return folder / CARD


def judge(card: Path, right: Land, coarse_m: float) -> dict[str, ImageSums]:
    """Sums of the network and of interpolations on the right half."""
    whole, networks = load_sharpener(card)
    # The bands that are coarser still do not go into these networks.
    views = tuple(view for view in whole.views if view.pixel_size_m <= coarse_m)
    sharpener = Sharpener(whole.sensor, whole.unit, views, whole.width, whole.depth)
    pair, num = whole_pair(right, coarse_m), len(BANDS[coarse_m])
    given = {size: torch.from_numpy(view) for size, view in pair.views.items()}
    shape = pair.target.shape[-2:]
    found = {
        "network": sharpen(sharpener, networks, given)[:, -num:],
        "bilinear": to_finest(given)[:, -num:],
        "bicubic -0.75": interpolate(given[coarse_m], shape, mode="bicubic"),
        "bicubic -0.5": interpolate(given[coarse_m], shape, mode="bicubic", antialias=True),
    }
    return {name: ImageSums.of(one[0].numpy() * SCALE, pair.target[0] * SCALE) for name, one in found.items()}


def told(sums: ImageSums, coarse_m: float) -> dict[str, Any]:
    """Every measure as JSON holds it."""
    each = {name: getattr(sums, name).tolist() for name in MEASURES}
    return {**each, "sam": sums.sam, "ergas": sums.ergas(coarse_m / 10), "psnr": sums.psnr(SCALE).tolist()}


def result(form: Mapping[str, Any], seed: int, cube: Mapping[float, np.ndarray], work: Path) -> dict[str, Any]:
    """Measures by pixel size and method for one seed, from its file where it was finished before."""
    wanted = recipe(form, seed)
    name = f"width-{wanted.width}-seed-{seed}-{fingerprint(wanted.model_dump(mode='json'))[:10]}"
    path = RESULTS / f"{name}.json"
    if not path.is_file():
        began = time.perf_counter()
        left, right = halves(cube)
        card = learn(left, wanted, work / name)
        measured = {
            f"{size:g}": {method: told(sums, size) for method, sums in judge(card, right, size).items()}
            for size in BANDS
            if size > 10
        }
        seconds = round(time.perf_counter() - began, 1)  # since this start
        content = {"seed": seed, "form": dict(form), "seconds": seconds, "commit": commit(), "measured": measured}
        write_text(path, json.dumps(content, indent=1) + "\n")
    return json.loads(path.read_text(encoding="utf-8"))  # type: ignore[no-any-return]


def summary(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """RMSE of every band by that of bicubic, its largest over the seeds; and means of all measures."""
    made = []
    for size in (20.0, 60.0):
        runs = [each["measured"][f"{size:g}"] for each in found]
        for band, name in enumerate(BANDS[size]):
            ratios = [
                run["network"]["rmse"][band] / min(run[f"bicubic {a}"]["rmse"][band] for a in ("-0.75", "-0.5"))
                for run in runs
            ]
            worst, goal = max(ratios), "below 1" if size == 20 else None
            made.append(figure(f"{name}: RMSE by bicubic", worst, "ratio", goal, worst < 1 if goal else None))
        for method in runs[0]:
            for measure in (*MEASURES, "sam", "ergas"):
                values = [np.atleast_1d(run[method][measure]).mean() for run in runs]
                made.append(figure(f"{size:g} m, {method}: {measure}", statistics.mean(values), _UNITS[measure]))
    return made


_UNITS = {"rmse": "reflectance x 10,000", "sre": "dB", "uiqi": "", "sam": "degrees", "ergas": ""}


def table(run: Mapping[str, Any]) -> str:
    """RMSE, SRE and UIQI of every band and method of one seed."""
    lines = []
    for size in (20.0, 60.0):
        lines.append(f"{size:g} m".ljust(16) + "".join(f"{name:>22}" for name in BANDS[size]) + "     SAM  ERGAS")
        for method, values in run["measured"][f"{size:g}"].items():
            bands = zip(*(values[name] for name in MEASURES), strict=True)
            cells = "".join(f"{rmse:8.1f} {sre:5.2f} {uiqi:.4f} " for rmse, sre, uiqi in bands)
            lines.append(f"{method:16}{cells}  {values['sam']:6.3f} {values['ergas']:6.3f}")
    return "\n".join(lines)


def main() -> None:
    """Run the seeds that lack a result, print all, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--seeds", type=int, nargs="*", default=[], help="seeds besides the fixed ones")
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="the folder of real data")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "landweave-super-resolution")
    parser.add_argument("--threads", type=int, default=num_cores())
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.threads)
    form, fixed = (FULL, (1, 2, 3)) if wanted.full else (SHORT, (1,))
    seeds = list(dict.fromkeys((*fixed, *wanted.seeds)))
    cube = read_cube(wanted.data)
    found = [result(form, seed, cube, wanted.work) for seed in seeds]
    for each in found:
        print(f"seed {each['seed']}, {each['seconds']:.0f} s\n{table(each)}", flush=True)
    print_result(summary(found), seeds=seeds, form=dict(form), threads=wanted.threads)


if __name__ == "__main__":
    main()

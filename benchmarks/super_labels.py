"""Whether several labels a patch are told better from data_super than from interpolated bands, by micro-F1.

The experiment of Sedona et al. (2019) on a simulated world: Sentinel-2 patches of 36 x 36 pixels of 10 m with twelve
bands, each with every class that covers at least 2 % of it. A sharpener learns by Wald's protocol on some of the
windows that training patches are cut from (no labels, no validation window); the archive holds what it makes of all
patches as data_super. ResNet-18 with half the filters, Adam at a batch of 64, three seeds for each way of upsampling;
judged by the last epoch on windows that neither network has seen. Finished runs are files in
benchmarks/results/super_labels, from which the script goes on; the archives and runs lie in --work.

Without arguments: few patches and epochs, one seed. --full: the form that docs/numbers.md quotes.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from batch_runs import RunTask, carry_out, method, table
from landweave.datasets.wald import Land
from landweave.jobs.pool import Pool
from landweave.jobs.worker import num_cores
from landweave.models.pair.sharpener import read_sharpener
from landweave.parallel.world import World
from landweave.patches import archive as archives
from landweave.patches.archive import Archive, open_archive
from landweave.patches.job import cut
from landweave.patches.layout import Layout
from landweave.patches.sample import Row
from landweave.patches.super import add_super, with_super
from landweave.provenance import fingerprint
from landweave.recipe.folder import CARD
from landweave.recipe.lands import Lands
from landweave.recipe.material import find
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.sharpen import SharpenRecipe, fit
from landweave.simulate.scene import observe
from landweave.simulate.world import SceneTable, load_world
from landweave.tiling import Window
from patch_worlds import DATE, SEVERAL_LABELS, WORLD, make
from scenes import figure, print_result

RESULTS = Path(__file__).parent / "results" / "super_labels"
WAYS = ("bilinear", "super")


@dataclass(frozen=True)
class Form:
    """One form of the experiment.

    Attributes:
        name: For the folders.
        windows: How many are cut.
        lands: From how many of them the sharpener learns.
        sharpener: Its recipe.
        epochs: Of every run.
        seeds: Of every way of upsampling.
    """

    name: str
    windows: int
    lands: int
    sharpener: Mapping[str, Any]
    epochs: int
    seeds: tuple[int, ...]


FULL = Form("full", 180, 16, {"width": 32, "depth": 4, "epochs": 24}, 30, (1, 2, 3))
SHORT = replace(
    FULL, name="short", windows=18, lands=3, sharpener={"width": 16, "depth": 2, "epochs": 4}, epochs=3, seeds=(1,)
)


@dataclass(frozen=True)
class ShardTask:
    """Write a shard of an archive once more, with data_super."""

    source: Path
    folder: Path
    layout: Layout
    shard: str
    num_patches: int
    first: int

    @property
    def key(self) -> str:
        """Name of the shard."""
        return self.shard


def rewrite(task: ShardTask) -> dict[str, int]:
    """Sharpen the patches of one shard."""
    source = open_archive(task.source)
    arrays, num_cut = add_super(task.layout, source.batch(np.arange(task.first, task.first + task.num_patches)))
    note = json.loads((task.source / archives.SHARDS / f"{task.shard}.json").read_text(encoding="utf-8"))
    rows = [Row(**{**row, "bounds": tuple(row["bounds"])}) for row in note["rows"]]
    archives.write_shard(task.folder, task.shard, task.layout, arrays, rows)
    return {"patches": len(rows), "cut": num_cut}


def lands_of(source: Archive, num: int) -> Lands:
    """Windows of the training part as a sensor sees them, in reflectance."""
    corners: dict[str, tuple[float, float]] = {}
    table = source.table()
    # A window's corner is that of its land; patches of it are a chance part of the same land.
    kind, world = SEVERAL_LABELS, load_world(WORLD, 1)
    for row in table[table["split"] == "train"].itertuples():
        number = int(row.id.split("-")[1])
        down, right = divmod(number, kind.along)
        edge = kind.patch_px * kind.layout.pixel_size_m
        corners.setdefault(row.shard, (row.left - right * edge, row.top + down * edge))
    pieces = [_land(world, corner) for _, corner in sorted(corners.items())[:num]]
    bands = {view.pixel_size_m: tuple(band.name for band in view.bands) for view in kind.layout.views}
    return Lands(kind.sensor, kind.layout.unit, bands, pieces, identity=fingerprint([source.folder.name, num]))


def _land(world: Any, corner: tuple[float, float]) -> Land:
    kind = SEVERAL_LABELS
    size, edge = kind.layout.pixel_size_m, kind.along * kind.patch_px
    place = round((world.corner[1] - corner[1]) / size), round((corner[0] - world.corner[0]) / size)
    seen = observe(world, SceneTable(sensor=kind.sensor, date=DATE), Window(*place, edge, edge))
    return Land.of(
        {
            view.pixel_size_m: view.to_physical(np.stack([seen.layers[band.name] for band in view.bands]))
            for view in kind.layout.views
        }
    )


def sharpened(form: Form, work: Path, workers: int) -> Archive:
    """The archive with data_super, or what an earlier call left to do."""
    folder = work / f"{SEVERAL_LABELS.name}-{form.windows}"
    source = make(SEVERAL_LABELS, form.windows, folder, workers)
    run, out = work / f"sharpener-{form.name}", work / f"{SEVERAL_LABELS.name}-{form.windows}-super"
    told = {"task": "sharpen", "scenes": "none", "optimiser": {"name": "adam", "rate": 1e-3, "weight_decay": 0.0}}
    if not (run / CARD).is_dir():
        wanted = SharpenRecipe.model_validate({**told, **form.sharpener})
        deque(fit(wanted, lands_of(source, form.lands), run, World()), maxlen=0)
    if not (out / archives.MANIFEST).is_file():
        layout = with_super(source.layout, run / CARD)
        tasks, first = [], 0
        for shard in source.shards:
            tasks.append(ShardTask(folder, out, layout, shard.name, shard.num_rows, first))
            first += shard.num_rows
        identity = read_sharpener(run / CARD).identity
        deque(cut(rewrite, tasks, Pool(workers), out, layout, configuration={"sharpener": identity}), maxlen=0)
    return open_archive(out)


def runs(form: Form, archive: Archive, work: Path) -> list[RunTask]:
    """A run for every way of upsampling and seed."""
    base = {
        "network": "resnet18", "arguments": {"width": 32}, "task": "multilabel", "epochs": form.epochs,
        "precision": "bf16", "log_every_steps": 10, "stopping": {"monitor": "micro_f1"},
    }  # fmt: skip
    made = []
    for way in WAYS:
        each = {**base, "upsampling": way}
        identity = find(TrainRecipe.model_validate({"archive": archive.folder, **each}), archive).identity
        text, adam = json.dumps(each, sort_keys=True), method(way, 64, name="adam", rate=0.001, weight_decay=0.0)
        made += [
            RunTask(adam, seed, text, archive.folder, identity, work / form.name, RESULTS / form.name, "micro_f1")
            for seed in form.seeds
        ]
    return made


def summary(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Mean and spread of both ways, and what data_super brings with the same seed."""
    ends = {way: [each["end"] for each in found if each["method"] == way] for way in WAYS}
    made = []
    for way, values in ends.items():
        spread = statistics.stdev(values) if len(values) > 1 else 0.0
        made.append(
            figure(f"{way}: micro-F1", statistics.mean(values), "micro-F1") | {"spread": spread, "seeds": values}
        )
    gains = [after - before for before, after in zip(ends["bilinear"], ends["super"], strict=True)]
    return [*made, figure("data_super over bilinear", statistics.mean(gains), "micro-F1") | {"seeds": gains}]


def main() -> None:
    """Run what lacks a result, print all, and one JSON object as the last line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true", help="the form that docs/numbers.md quotes")
    parser.add_argument("--work", type=Path, default=Path(tempfile.gettempdir()) / "landweave-super-labels")
    parser.add_argument("--workers", type=int, default=num_cores(), help="processes, one thread each")
    wanted = parser.parse_args()
    torch.set_num_threads(wanted.workers)
    form = FULL if wanted.full else SHORT
    archive = sharpened(form, wanted.work, wanted.workers)
    found = carry_out(runs(form, archive, wanted.work), wanted.workers)
    print(table(found), flush=True)
    figures = summary(found)
    for each in figures:
        print(f"{each['name']:28} {each['value']:.4f}")
    training = len(archive.part("train"))
    print_result(figures, seeds=form.seeds, epochs=form.epochs, patches=training, workers=wanted.workers)


if __name__ == "__main__":
    main()

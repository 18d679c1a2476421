"""One model for all regions (mono) against a gallery of models, on buildings of a world whose regions differ.

For every seed an archive is cut from world regions-2 (benchmarks/building_patches.py), a gallery of its images is
built, mono is trained on all of it, and a model for each bucket from mono. Both are judged on the test part, region
by region, on windows never trained on: patch by patch the router chooses. Regions 4 and 5 are held out: nothing of
them is in any other part. Beside them stands mono trained on for as many epochs as the buckets were, on all patches:
what more training alone brings. Every finished network and seed is a file in benchmarks/results/gallery, from which
the script goes on.

Without arguments: a few windows, seed 1, a U-Net, a few minutes. --full: U-Net on seeds 1, 2 and 3 and those of
--seeds, the other three networks on seed 1, as docs/numbers.md quotes it. --seeds 11 12 adds seeds. --work keeps
archives and galleries in a folder.
"""

from __future__ import annotations

import argparse
import json
import math
import shutil
import statistics
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from building_patches import SEEN, SHORT, WORLD, Sizes, make, regions
from landweave.atomic import write_text
from landweave.gallery import build as images
from landweave.gallery import specialise
from landweave.gallery.build import GalleryJob
from landweave.gallery.images import open_gallery
from landweave.gallery.models import Models, open_models
from landweave.gallery.route import Router
from landweave.gallery.specialise import ModelsJob
from landweave.jobs.pool import Pool
from landweave.jobs.serial import Serial
from landweave.jobs.worker import Setup, num_cores
from landweave.metrics.confusion import Confusion
from landweave.parallel.world import World
from landweave.patches.archive import Archive
from landweave.provenance import commit, fingerprint
from landweave.recipe import run as training
from landweave.recipe.folder import CARD
from landweave.recipe.judge import judge
from landweave.recipe.recipe import TrainRecipe
from landweave.simulate.kinds import kinds
from landweave.simulate.world import load_world
from scenes import figure, print_result

RESULTS = Path(__file__).parent / "results" / "gallery"
FIXED_SEEDS = (1, 2, 3)
BUILDING = 1
_NOT = {"iou": float("nan"), "f1": float("nan")}
NETWORKS: Mapping[str, Mapping[str, Any]] = {
    "unet": {"width": 8},
    "fcn": {"width": 16},
    "segnet": {"width": 8},
    "deeplab": {"width": 16, "blocks": [2, 2, 2, 2]},
}


@dataclass(frozen=True)
class Plan:
    """How long everything is trained.

    Attributes:
        sizes: Windows of each region.
        mono: Epochs of mono.
        buckets: Epochs of every bucket, and of mono when it is trained on.
        contrast: Epochs of the encoder without labels.
        codes: Epochs of the hash network.
    """

    sizes: Sizes
    mono: int
    buckets: int
    contrast: int
    codes: int

    def recipes(self, archive: Path, network: str) -> tuple[TrainRecipe, TrainRecipe]:
        """The recipes of mono and of a bucket: slower, warmed up, in smaller batches because its patches are fewer."""
        shared = {"archive": archive, "network": network, "arguments": dict(NETWORKS[network])}
        shared |= {"stopping": {"monitor": "mean_iou"}}
        mono = {"batch_global": 16, "epochs": self.mono, "optimiser": {"rate": 2e-3}}
        bucket = {"batch_global": 8, "epochs": self.buckets, "optimiser": {"rate": 5e-4}}
        bucket |= {"schedule": {"warmup_epochs": 2}}
        return TrainRecipe.model_validate({**shared, **mono}), TrainRecipe.model_validate({**shared, **bucket})

    def gallery(self, archive: Path, seed: int) -> GalleryJob:
        """How the images are arranged: by the light too, because regions differ in soil, season and roofs."""
        looks = {"crop": 0.4, "brightness": 0.05, "contrast": 0.05, "bands": 0.02}
        contrast = {"epochs": self.contrast, "arguments": {"width": 16}, "batch_global": 64, "looks": looks}
        codes = {"epochs": self.codes, "batch_global": 32}
        return GalleryJob(archive=archive, contrast=contrast, hash=codes, clusters=(4, 10), seed=seed)


SHORT_PLAN = Plan(SHORT, mono=6, buckets=4, contrast=2, codes=2)
FULL_PLAN = Plan(Sizes(), mono=24, buckets=20, contrast=6, codes=8)


def drain(records: Iterable[Any]) -> None:
    """Run a generator to its end."""
    for _ in records:
        pass


@dataclass(frozen=True)
class Trial:
    """One network on one seed of the world."""

    plan: Plan
    seed: int
    network: str
    work: Path

    @property
    def identity(self) -> str:
        """What decides the figures: another world, look of it or plan is another result."""
        look = {name: kind.model_dump(mode="json") for name, kind in kinds().items()}
        world = load_world(WORLD, self.seed).model_dump(mode="json")
        told: dict[str, Any] = {"world": world, "kinds": look, "sizes": vars(self.plan.sizes)}
        recipes = self.plan.recipes(Path("archive"), self.network)
        told |= {"recipes": [recipe.model_dump(mode="json") for recipe in recipes]}
        told |= {"gallery": self.plan.gallery(Path("archive"), self.seed).model_dump(mode="json")}
        return fingerprint(told)[:12]

    @property
    def has_longer(self) -> bool:
        """Whether mono is trained on beside, which takes as long as all buckets: once."""
        return self.network == "unet" and self.seed == FIXED_SEEDS[0]

    @property
    def archive(self) -> Path:
        """Shared by all networks of a seed."""
        return self.work / f"seed-{self.seed}" / "archive"

    @property
    def images(self) -> Path:
        """The gallery of images, shared by all networks of a seed."""
        return self.work / f"seed-{self.seed}" / "gallery"

    @property
    def folder(self) -> Path:
        """The gallery with this network's models."""
        return self.work / f"seed-{self.seed}" / self.network

    def figures(self) -> dict[str, Any]:
        """Everything that is told of this network on this seed; minutes by step among it."""
        minutes: dict[str, float] = {}
        with timed("archive", minutes):
            archive = make(self.seed, self.plan.sizes, self.archive, num_cores())
        with timed("images", minutes):
            drain(images.build(self.plan.gallery(self.archive, self.seed), self.images, Serial()))
        if not self.folder.is_dir():
            shutil.copytree(self.images, self.folder)
        mono, buckets = self.plan.recipes(self.archive, self.network)
        with timed("mono", minutes):
            drain(training.run(mono, self.folder / "mono", World()))
        with timed("buckets", minutes):
            # One model a core: they are many and small.
            pool = Pool(num_cores(), Setup(threads=1), in_flight=1)
            job = ModelsJob(gallery=self.folder, recipe=mono, buckets=buckets, mono=self.folder / "mono" / CARD)
            drain(specialise.run(job, pool))
        if self.has_longer:
            with timed("mono trained on", minutes):
                start = {"start": self.folder / "models" / "mono" / CARD}
                drain(training.run(buckets.model_copy(update=start), self.folder / "longer", World()))
        with timed("judged", minutes):
            told = self.judged(archive, open_models(open_gallery(self.folder)))
        return {**told, "minutes": minutes}

    def judged(self, archive: Archive, models: Models) -> dict[str, Any]:
        """Mono, the gallery and mono trained on, on every region of the test part."""
        router = Router(self.folder)
        found: dict[str, Any] = {"regions": {}}
        for region, samples in regions(archive, "test").items():
            routes = [router.route(*values_of(archive, int(sample))) for sample in samples]
            by_card: dict[Path, list[int]] = defaultdict(list)
            for route, sample in zip(routes, samples, strict=True):
                by_card[route.card].append(int(sample))
            chosen = [judge(card, archive, np.array(some, np.int64)) for card, some in by_card.items()]
            found["regions"][region] = {
                "mono": scores(judge(models.mono_card, archive, samples)),
                "gallery": scores(sum(chosen, Confusion.zero(2))),
                "far": statistics.mean(route.is_far for route in routes),
                "to mono": statistics.mean(route.card == models.mono_card for route in routes),
                "buckets": np.bincount([r.bucket for r in routes], minlength=len(models.buckets)).tolist(),
            }
            if self.has_longer:
                longer = judge(self.folder / "longer" / CARD, archive, samples)
                found["regions"][region]["longer"] = scores(longer)
            found["regions"][region]["drift"] = found["regions"][region]["far"] > models.drift_share
        found["own"] = [models.has_own(model.bucket) for model in models.buckets]
        found["models"] = models.describe()
        found["far_limit"] = models.far_limit
        return found


def values_of(archive: Archive, sample: int) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
    """Physical values and valid of one patch."""
    arrays, view = archive.batch([sample]), archive.layout.views[0]
    return view.to_physical(arrays[view.key][0]), np.array(arrays["valid"][0], np.bool_)


def scores(counted: Confusion) -> dict[str, float]:
    """IoU and F1 of buildings."""
    return {"iou": float(counted.iou[BUILDING]), "f1": float(counted.f1[BUILDING])}


class timed:  # noqa: N801
    """Adds the minutes of a block to a table; a step that was done before takes nearly none."""

    def __init__(self, name: str, minutes: dict[str, float]) -> None:
        self.name, self.minutes = name, minutes

    def __enter__(self) -> None:
        self.began = time.time()

    def __exit__(self, *_: object) -> None:
        self.minutes[self.name] = round((time.time() - self.began) / 60, 2)
        print(f"  {self.name}: {self.minutes[self.name]:.1f} min", flush=True)


def results(trials: Sequence[Trial]) -> Iterator[dict[str, Any]]:
    """Figures of every trial, from its file where it was finished before."""
    for trial in trials:
        path = RESULTS / f"{WORLD}-{trial.network}-seed-{trial.seed}-{trial.identity}.json"
        if not path.is_file():
            print(f"{trial.network}, seed {trial.seed}", flush=True)
            told = {"world": WORLD, "network": trial.network, "seed": trial.seed, "commit": commit()}
            content = {**told, "arguments": dict(NETWORKS[trial.network]), **trial.figures()}
            write_text(path, json.dumps(content, indent=1, default=str) + "\n")
        yield json.loads(path.read_text(encoding="utf-8"))


def table(found: Sequence[Mapping[str, Any]]) -> str:
    """IoU and F1 of every network, seed and region, in Markdown."""
    columns = ("network", "seed", "region", "mono IoU", "gallery IoU", "mono trained on IoU", "mono F1", "gallery F1")
    head = f"| {' | '.join((*columns, 'far', 'to mono', 'drift alarm'))} |"
    lines = [head, "|" + "---|" * (head.count("|") - 1)]
    for each in found:
        for region, told in each["regions"].items():
            name = f"{region}" if int(region) in SEEN else f"{region} (held out)"
            numbers = [told["mono"]["iou"], told["gallery"]["iou"], told.get("longer", _NOT)["iou"]]
            numbers += [told["mono"]["f1"], told["gallery"]["f1"]]
            cells = [f"{value:.3f}" for value in numbers] + [f"{told['far']:.0%}", f"{told['to mono']:.0%}"]
            drift = "says so" if told["drift"] else "-"
            lines.append(f"| {each['network']} | {each['seed']} | {name} | {' | '.join(cells)} | {drift} |")
    return "\n".join(lines)


def gains(found: Sequence[Mapping[str, Any]], held_out: bool, of: str = "gallery") -> list[float]:
    """Gain in IoU over mono of every seed and region of a kind; regions that were not judged are left out."""
    told = [region for each in found for name, region in each["regions"].items() if (int(name) not in SEEN) == held_out]
    every = [region.get(of, _NOT)["iou"] - region["mono"]["iou"] for region in told]
    # Neither is a region without a building, in truth and map.
    return [gain for gain in every if not math.isnan(gain)]


def summary(found: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What the issue asks for, of one network."""
    network = found[0]["network"]
    own = statistics.mean(statistics.mean(each["own"]) for each in found)
    seen, held_out = gains(found, held_out=False), gains(found, held_out=True)
    error = statistics.stdev(seen) / len(seen) ** 0.5 if len(seen) > 1 else float("nan")
    gain, worst = statistics.mean(seen), statistics.mean(held_out)
    longer = gains(found, held_out=False, of="longer")
    lines = [
        figure(f"{network}: buckets with a card of their own", own, "share", "at least 0.5", own >= 0.5),
        figure(f"{network}: gain on seen regions", gain, "IoU", f"above {2 * error:.4f}, two errors", gain > 2 * error),
        figure(f"{network}: gain on held-out regions", worst, "IoU", "within 0.01", worst >= -0.01),
    ]
    if longer:
        lines.append(figure(f"{network}: gain of mono trained on, seen regions", statistics.mean(longer), "IoU"))
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--seeds", type=int, nargs="*", default=[])
    parser.add_argument("--networks", nargs="*", default=None, choices=list(NETWORKS))
    parser.add_argument("--work", type=Path)
    options = parser.parse_args()
    plan = FULL_PLAN if options.full else SHORT_PLAN
    seeds = [*(FIXED_SEEDS if options.full else FIXED_SEEDS[:1]), *options.seeds]
    with tempfile.TemporaryDirectory() as temporary:
        work = options.work or Path(temporary)
        wanted = options.networks or (list(NETWORKS) if options.full else ["unet"])
        trials = [Trial(plan, seed, "unet", work) for seed in seeds if "unet" in wanted]
        trials += [Trial(plan, FIXED_SEEDS[0], network, work) for network in wanted if network != "unet"]
        found = list(results(trials))
    print(table(found))
    by_network = {name: [each for each in found if each["network"] == name] for name in wanted}
    figures = [line for some in by_network.values() if some for line in summary(some)]
    told = {"seeds": seeds, "networks": dict(NETWORKS), "full": options.full, "threads": torch.get_num_threads()}
    print_result(figures, world=WORLD, **told)


if __name__ == "__main__":
    main()

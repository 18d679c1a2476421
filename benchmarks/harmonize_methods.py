"""Six methods that make Sentinel-2 look like Landsat 8, for benchmarks/harmonize.py. Not a benchmark itself."""

from __future__ import annotations

import datetime as dt
import json
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from landweave.config import check
from landweave.harmonize import fit, judge, pairs
from landweave.jobs.pool import Pool
from landweave.parallel.world import make_world
from landweave.patches.archive import open_archive
from landweave.raster.catalog import read_catalog
from landweave.raster.collect import CatalogJob, collect
from landweave.recipe.folder import CARD
from landweave.recipe.harmonize import HarmonizeRecipe
from landweave.recipe.harmonize import run as train
from landweave.simulate.world import World, load_world
from landweave.simulate.write import write
from landweave.train.log import read_log

RAW, PHYSICAL, LINEAR, FOREST = "raw", "physical", "linear", "forest"
ALONE, GAN = "generator with L1 alone", "GAN"
METHODS = (RAW, PHYSICAL, LINEAR, FOREST, ALONE, GAN)
LEARNED, SIMPLE = (ALONE, GAN), (PHYSICAL, LINEAR)


@dataclass(frozen=True)
class Sizes:
    """Everything that decides a figure beside the world and its seed.

    Attributes:
        edge_px: Edge of the world in pixels of 10 m; None for its own.
        patch_px: Edge of a patch in pixels of 30 m.
        block_patches: Patches along the edge of a block of land that belongs to one part.
        season_px: Edge of the season's world in pixels of 10 m; None for its own.
        crops: What is asked of the classification of crops.
        recipe: Of both learned methods.
        forest: What a forest is grown with.
    """

    edge_px: int | None = None
    patch_px: int = 64
    block_patches: int = 1
    season_px: int | None = None
    crops: Mapping[str, Any] = field(default_factory=dict)
    recipe: Mapping[str, Any] = field(default_factory=dict)
    forest: Mapping[str, Any] = field(default_factory=dict)


# Half as wide as pix2pix and patches half as large as published, so that a training takes minutes on two cores and a
# world of 11 km has land enough for three parts. Few updates ask for a higher rate than 1e-4, and for one that falls.
FULL = Sizes(
    recipe={
        "generator": {"width": 32, "depth": 3},
        "discriminator": {"width": 32, "depth": 3},
        "optimiser": {"name": "adam", "rate": 5e-4, "weight_decay": 0.0},
        "batch_global": 8,
        "epochs": 150,
        "schedule": {"name": "cosine"},
    }
)
SHORT = replace(
    FULL,
    edge_px=576,
    patch_px=32,
    season_px=360,
    crops={"per_class": 40, "folds": 2, "strengths": (1.0, 10.0), "gammas": (0.3,)},
    recipe={
        **FULL.recipe,
        "generator": {"width": 8, "depth": 2},
        "discriminator": {"width": 8, "depth": 2},
        "epochs": 3,
    },
    forest={"trees": 10, "pixels": 5000},
)


@dataclass(frozen=True)
class Land:
    """A world as an archive of pairs.

    Attributes:
        folder: Scenes, pairs and cards.
        catalog: Of its scenes.
        archive: Of its pairs.
        sizes: What is learnt.
    """

    folder: Path
    catalog: Path
    archive: Path
    sizes: Sizes


def world_of(name: str, seed: int, sizes: Sizes) -> World:
    """The world of a seed, cut to the sizes' edge."""
    more: dict[str, Any] = {} if sizes.edge_px is None else {"height_px": sizes.edge_px, "width_px": sizes.edge_px}
    return load_world(name, seed, **more)


def held_out(world: World) -> tuple[dt.date, ...]:
    """Days that nothing is trained on: the middle one of the days on which Sentinel-2 and Landsat 8 saw the land.

    Both sensors' days count, which may lie a day apart.
    """
    mine, others = (
        sorted(scene.date for scene in world.scenes if scene.sensor.startswith(name))
        for name in ("sentinel-2", "landsat-8")
    )
    day = dt.timedelta(days=1)
    both = [one for one in mine if any(abs(one - other) <= day for other in others)]
    middle = both[len(both) // 2]
    return tuple(sorted({one for one in (*mine, *others) if abs(one - middle) <= day}))


def held_out_alone(world: World) -> tuple[dt.date, ...]:
    """Days on which Sentinel-2 saw the land and Landsat 8 did not, nor a day before or after."""
    others = [scene.date for scene in world.scenes if scene.sensor.startswith("landsat-8")]
    mine = [scene.date for scene in world.scenes if scene.sensor.startswith("sentinel-2")]
    return tuple(one for one in mine if not any(abs((one - other).days) <= 1 for other in others))


def prepare(world: World, folder: Path, sizes: Sizes, workers: int) -> Land:
    """Scenes on disk and pairs cut from them, or what an earlier run left to do."""
    scenes, catalog, archive = folder / "scenes", folder / "catalog.parquet", folder / "pairs"
    executor = Pool(workers)
    drain(write(world, scenes, executor))
    if not catalog.is_file():
        collect(CatalogJob(sources=[str(scenes / "scenes")]), catalog)
    job = check(
        pairs.PairsJob,
        {
            "scenes": catalog,
            "patch_px": sizes.patch_px,
            "block_patches": sizes.block_patches,
            "gap_px": sizes.patch_px // 8,
            "test_days": held_out(world),
        },
        "pairs",
    )
    drain(pairs.run(job, archive, executor))
    return Land(folder, catalog, archive, sizes)


def measured(land: Land, method: str) -> dict[str, Any]:
    """Measures of a method on land and days of the test part, as evaluation.images tells them."""
    began = time.perf_counter()
    out = land.folder / f"{method.replace(' ', '-')}-judged"
    asked: dict[str, Any] = {"archive": land.archive, "part": "test", "name": method}
    if method in {RAW, PHYSICAL}:
        asked["physical"] = {RAW: "raw", PHYSICAL: "hls"}[method]
    else:
        asked["cards"] = (card_of(land, method),)
    made_s = time.perf_counter() - began
    drain(judge.run(check(judge.JudgeJob, asked, method), out))
    found = json.loads((out / "images.json").read_text(encoding="utf-8"))
    kept = {name: found[name] for name in ("mean", "spectral_angle_deg", "num_px", "num_images", "bands")}
    return {**kept, "seconds": round(made_s, 1), **_training(land, method)}


def _training(land: Land, method: str) -> dict[str, Any]:
    """Seconds of a training over all processes that did it, and the epoch that was kept."""
    if method not in LEARNED:
        return {}
    run = land.folder / method.replace(" ", "-")
    epochs = [line for line in read_log(run) if "figures" in line]
    card = json.loads((run / CARD / "card.json").read_text(encoding="utf-8"))
    return {
        "train_s": round(sum(line["seconds"] for line in epochs), 1),
        "best_epoch": card["training"]["best_epoch"],
        "num_train": card["training"]["num_train"],
    }


def card_of(land: Land, method: str) -> Path:
    """The card of a method that learns, made once; a training that was killed goes on."""
    out = land.folder / method.replace(" ", "-")
    if (out / CARD).is_dir():
        return out / CARD
    if method in {LINEAR, FOREST}:
        more = land.sizes.forest if method == FOREST else {}
        drain(fit.run(check(fit.FitJob, {"archive": land.archive, "model": method, **more}, method), out))
        return out / CARD
    with make_world("cpu") as ranks:
        drain(train(recipe_of(land, method), out, ranks))
    return out / CARD


def recipe_of(land: Land, method: str) -> HarmonizeRecipe:
    """The recipe of a learned method: with and without the adversarial part, alike in all else."""
    losses = {"adversarial": 1.0 if method == GAN else 0.0}
    values = {"task": "harmonize", "archive": land.archive, "losses": losses, **land.sizes.recipe}
    return check(HarmonizeRecipe, values, method)


def facts(land: Land) -> dict[str, Any]:
    """How much there is of everything."""
    archive = open_archive(land.archive)
    return {"splits": archive.manifest["splits"], "scenes": len(read_catalog(land.catalog))}


def drain(records: Iterator[Any]) -> None:
    """Take all records."""
    for _ in records:
        pass

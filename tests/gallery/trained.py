"""A tiny gallery with models: codes made by hand, an archive of squares, and a U-Net that takes a second."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tests.gallery.making import make_gallery
from tests.recipe import making

from landweave.gallery.images import Gallery
from landweave.gallery.specialise import ModelsJob, run
from landweave.jobs.executor import Executor
from landweave.jobs.run import Progress
from landweave.jobs.serial import Serial

CENTROIDS = (0b000111, 0b111000 << 20, (1 << 47) | (1 << 40))
NUM_TRAIN, NUM_VALIDATION = 18, 9


def bucket_of(index: int) -> int:
    """The third bucket has too few patches to learn from."""
    return 2 if index in {0, NUM_TRAIN} else index % 2


def codes() -> list[int]:
    """A code for each patch, one bit away from its centroid."""
    return [CENTROIDS[bucket_of(i)] ^ (1 << 30) for i in range(NUM_TRAIN + NUM_VALIDATION)]


def gallery_with_archive(folder: Path) -> Gallery:
    """A gallery in `folder`/gallery of the patches in `folder`/archive."""
    making.cut(folder / "archive", NUM_TRAIN)
    return make_gallery(folder / "gallery", CENTROIDS, codes(), patch_px=16)


def job(folder: Path, **changed: Any) -> ModelsJob:
    recipe = making.recipe(folder / "archive", epochs=2)
    buckets = making.recipe(folder / "archive", epochs=4)
    told = {
        "gallery": folder / "gallery",
        "recipe": recipe,
        "buckets": buckets,
        "least_train": 4,
        "least_validation": 2,
    }
    return ModelsJob(**{**told, **changed})


def train(folder: Path, executor: Executor | None = None, **changed: Any) -> list[Progress]:
    return list(run(job(folder, **changed), executor or Serial()))

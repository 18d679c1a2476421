"""Models by bucket: each begins from mono, learns its own bucket, and stays only where it is better there. As jobs."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas
from jaxtyping import Int64
from pydantic import Field

from landweave.atomic import aside, write_text
from landweave.config import Config
from landweave.errors import CardError, GalleryError, TaskError
from landweave.gallery.images import IMAGES, Gallery, open_gallery
from landweave.gallery.models import WORK, BucketModel, Models, check_fit, told_of, write_models
from landweave.jobs.executor import Executor
from landweave.jobs.ledger import Ledger, opened
from landweave.jobs.run import Progress, fulfil
from landweave.metrics.confusion import Confusion
from landweave.models.card import Card, load_parts
from landweave.parallel.world import World
from landweave.patches.archive import Archive, open_archive
from landweave.recipe.folder import CARD
from landweave.recipe.judge import judge
from landweave.recipe.material import identity_of
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.run import run as train

Figure = Literal["mean_iou", "macro_f1", "overall_accuracy"]
MONO = "mono"
_NONE = np.zeros(0, np.int64)


class ModelsJob(Config):
    """How the models of a gallery are trained."""

    gallery: Path
    """Folder of the gallery whose buckets they are for; its models.json is written there."""
    recipe: TrainRecipe
    """The recipe of mono; its archive has the labels, and its patches must be images of the gallery."""
    buckets: TrainRecipe
    """The recipe of every bucket; start and only are filled in: mono's card and the bucket's patches."""
    mono: Path | None = None
    """A card to take as mono; left away, it is trained first."""
    figure: Figure = "mean_iou"
    """By which a bucket's card must be better than mono on the bucket's validation patches to be kept."""
    least_train: int = Field(default=16, ge=1)
    """Training patches that a bucket must have, or it takes mono."""
    least_validation: int = Field(default=4, ge=1)
    """Validation patches that a bucket must have, or it takes mono."""
    far_share: float = Field(default=0.05, gt=0, lt=1)
    """Share of the gallery's validation images that may lie beyond the distance from which on a place is far."""
    drift_share: float = Field(default=0.2, ge=0, le=1)
    """Share of far tiles above which a map job says that the imagery has drifted."""


@dataclass(frozen=True)
class MonoTask:
    """Train mono, or copy its card."""

    recipe: TrainRecipe
    card: Path | None
    out: Path

    @property
    def key(self) -> str:
        """Name of its folder."""
        return MONO


@dataclass(frozen=True)
class BucketTask:
    """Train the card of one bucket and compare it with mono.

    Attributes:
        bucket: Its number.
        recipe: With mono's card as start.
        ids: Patches of the archive that lie in the bucket.
        folder: Where runs lie.
        figure: By which the two are compared.
        is_enough: Whether there are enough patches; where not, mono is judged only.
    """

    bucket: int
    recipe: TrainRecipe
    ids: tuple[str, ...]
    folder: Path
    figure: Figure
    is_enough: bool

    @property
    def key(self) -> str:
        """Name of its folder."""
        return _name(self.bucket)

    @property
    def verdict(self) -> Path:
        """Where the comparison is written."""
        return self.folder / f"{self.key}.json"


def run(job: ModelsJob, executor: Executor) -> Iterator[Progress]:
    """Train mono and the models of all buckets, and write models.json; goes on where it was stopped.

    Raises:
        GalleryError: The gallery does not hold the archive's patches.
        CardError: Mono does not fit the gallery.
        TaskError: A training failed; run again it is tried again, the others are kept.
        LandweaveError: As recipe.run.
    """
    gallery, archive = open_gallery(job.gallery), open_archive(job.recipe.archive)
    members = membership(gallery, archive)
    folder = job.gallery.resolve() / WORK
    with opened(folder, _configuration(job, gallery, members)) as ledger:
        mono = MonoTask(job.recipe, job.mono, folder / MONO)
        yield from fulfil(train_mono, [mono], executor, ledger, phase=MONO, unit="models", intact=_has_card)
        _check_ended(ledger)
        card, _ = load_parts(folder / MONO / CARD)
        check_fit(gallery, card, ("mono", str(job.mono or job.recipe.archive)))
        tasks = _tasks(job, gallery, archive, members, folder)
        yield from fulfil(
            train_bucket, tasks, executor, ledger, phase="buckets", unit="buckets", intact=lambda t: t.verdict.is_file()
        )
        _check_ended(ledger)
        _write(job, gallery, card, [BucketModel(**json.loads(task.verdict.read_text("utf-8"))) for task in tasks])


def _has_card(task: MonoTask) -> bool:
    return (task.out / CARD).is_dir()


def _check_ended(ledger: Ledger) -> None:
    if ledger.failed:
        key, cause = next(iter(ledger.failed.items()))
        raise TaskError(f"training of {key}: {cause}", "models of all buckets", "mend the cause and run it again")


def _configuration(job: ModelsJob, gallery: Gallery, members: Mapping[str, int]) -> dict[str, Any]:
    paths = {"gallery": True, "mono": True, "recipe": {"archive"}, "buckets": {"archive"}}
    told = job.model_dump(mode="json", exclude=paths)  # type: ignore[arg-type]
    mono = load_parts(job.mono)[0].identity if job.mono else ""
    return {**told, "mono": mono, "hash": gallery.card.identity, "images": sorted(members.items())}


def membership(gallery: Gallery, archive: Archive) -> dict[str, int]:
    """The bucket of every training and validation patch of an archive, by id.

    Raises:
        GalleryError: One of them is no image of the gallery.
    """
    frame = pandas.read_parquet(gallery.folder / IMAGES, columns=["id", "bucket", "archive"])
    # Two archives may call patches alike; what was cut again has another identity, but the same patches.
    own = frame[frame["archive"] == identity_of(archive)]
    frame = own if len(own) else frame
    known = dict(zip(frame["id"].astype(str), frame["bucket"].astype(int), strict=True))
    ids = archive.ids()
    wanted = [ids[number] for number in np.concatenate(list(_parts(archive).values()))]
    if foreign := [name for name in wanted if name not in known]:
        raise GalleryError(
            f"{len(foreign)} of {len(wanted)} patches of {archive.folder} that are no images of {gallery.folder}: "
            f"{foreign[0]}",
            "an archive whose patches the gallery holds",
            f"add it: landweave gallery add {gallery.folder} {archive.folder}",
        )
    return {name: known[name] for name in wanted}


def _parts(archive: Archive) -> dict[str, Int64[np.ndarray, " n"]]:
    """Numbers of the patches of the two parts that models are made with; a validation part may be missing."""
    has_any = archive.manifest["splits"].get("validation", 0)
    return {"train": archive.part("train"), "validation": archive.part("validation") if has_any else _NONE}


def _within(archive: Archive, ids: Iterable[str]) -> dict[str, Int64[np.ndarray, " n"]]:
    """The numbers of `_parts` whose patches have one of these ids."""
    names, wanted = archive.ids(), set(ids)
    mine = np.array([number for number, name in enumerate(names) if name in wanted], np.int64)
    return {part: np.intersect1d(numbers, mine) for part, numbers in _parts(archive).items()}


def _tasks(
    job: ModelsJob, gallery: Gallery, archive: Archive, members: Mapping[str, int], folder: Path
) -> list[BucketTask]:
    least = {"train": job.least_train, "validation": job.least_validation}
    tasks = []
    for bucket in range(gallery.num_buckets):
        ids = tuple(sorted(name for name, of in members.items() if of == bucket))
        enough = all(len(numbers) >= least[part] for part, numbers in _within(archive, ids).items())
        paths = {"start": folder / MONO / CARD, "only": folder / f"{_name(bucket)}.txt"}
        recipe = job.buckets.model_copy(update=paths)
        tasks.append(BucketTask(bucket, recipe, ids, folder, job.figure, enough))
    return tasks


def _name(bucket: int) -> str:
    return f"bucket-{bucket:02d}"


def train_mono(task: MonoTask) -> Mapping[str, int]:
    """Train mono, or copy the card that was given as mono."""
    if task.card is None:
        return {"updates": _train(task.recipe, task.out)}
    load_parts(task.card)
    with aside(task.out / CARD) as temporary:
        shutil.copytree(task.card, temporary)
    return {"copied": 1}


def train_bucket(task: BucketTask) -> Mapping[str, int]:
    """Train a bucket's card from mono, judge both on the bucket's validation patches, and write which one serves it."""
    archive = open_archive(task.recipe.archive)
    mine = _within(archive, task.ids)
    assert task.recipe.start is not None
    assert task.recipe.only is not None
    mono = judge(task.recipe.start, archive, mine["validation"])
    updates, own = 0, None
    if task.is_enough:
        write_text(task.recipe.only, "\n".join(task.ids) + "\n")
        updates = _train(task.recipe, task.folder / task.key)
        own = judge(task.folder / task.key / CARD, archive, mine["validation"])
    model = _verdict(task, (len(mine["train"]), len(mine["validation"])), mono, own)
    write_text(task.verdict, json.dumps(asdict(model), indent=1, sort_keys=True) + "\n")
    return {"own": int(model.card != f"{WORK}/{MONO}/{CARD}"), "trained": int(own is not None), "updates": updates}


def _train(recipe: TrainRecipe, out: Path) -> int:
    updates = 0
    for record in train(recipe, out, World()):
        updates = max(updates, getattr(record, "step", 0))
    return updates


def _verdict(task: BucketTask, num: tuple[int, int], mono: Confusion, own: Confusion | None) -> BucketModel:
    figures = {} if own is None else figures_of(own), figures_of(mono)
    is_better = own is not None and figures[0][task.figure] > figures[1][task.figure]
    name = task.key if is_better else MONO
    few = f"too few patches with labels ({num[0]} to train, {num[1]} to judge)"
    why = few if own is None else ("better than mono" if is_better else "not better than mono")
    identity = load_parts(task.folder / name / CARD)[0].identity
    return BucketModel(task.bucket, f"{WORK}/{name}/{CARD}", identity, *num, *figures, why)


def figures_of(counted: Confusion) -> dict[str, float]:
    """The figures that are kept of a card on a bucket; those of nothing are left away."""
    if not counted.num_pixels:
        return {}
    each = {f"iou_{index}": value for index, value in enumerate(counted.iou.tolist()) if not np.isnan(value)}
    whole = {"mean_iou": counted.mean_iou, "macro_f1": counted.macro_f1, "overall_accuracy": counted.overall}
    return {**whole, **each, "pixels": counted.num_pixels}


def far_limit(gallery: Gallery, share: float) -> float:
    """The Hamming distance that `share` of the validation images exceed at most; all images where none validates.

    Raises:
        GalleryError: The gallery is empty.
    """
    frame = pandas.read_parquet(gallery.folder / IMAGES, columns=["part", "distance"])
    validation = frame[frame["part"] == "validation"]
    distances = (validation if len(validation) else frame)["distance"].to_numpy(np.float64)
    if not len(distances):
        raise GalleryError(f"{gallery.folder} without images", "at least one", "build it again from an archive")
    return float(np.quantile(distances, 1 - share, method="higher"))


def _write(job: ModelsJob, gallery: Gallery, card: Card, buckets: list[BucketModel]) -> None:
    mono = {"card": f"{WORK}/{MONO}/{CARD}", **told_of(card)}
    limit = far_limit(gallery, job.far_share)
    models = Models(job.gallery, mono, tuple(buckets), limit, job.drift_share, job.figure)
    for model in buckets:
        if not (job.gallery / model.card).is_dir():
            raise CardError(f"bucket {model.bucket} without its card {model.card}", "its card", "train it again")
    told = job.model_dump(mode="json", exclude={"gallery"})
    write_models(gallery, models, told)

"""A gallery from an archive of patches: embed, cluster, hash, name. Each step goes on where a killed one stopped."""

from __future__ import annotations

import shutil
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float32
from pydantic import Field, model_validator

from landweave.atomic import aside, write_text
from landweave.config import Config, check
from landweave.gallery import cluster as clustering
from landweave.gallery.cluster import Space
from landweave.gallery.embed import Piece, embed, pieces, together
from landweave.gallery.frame import entry, frame_of
from landweave.gallery.hash import buckets, code
from landweave.gallery.images import CLUSTERS, CURVE, ENCODER, HASH, MANIFEST, SPACE, WORK, write_facts, write_images
from landweave.jobs.executor import Executor, Function
from landweave.jobs.ledger import Ledger, opened
from landweave.jobs.run import Progress, fulfil
from landweave.models.card import load_parts
from landweave.parallel.world import World
from landweave.patches.archive import Archive, open_archive
from landweave.provenance import record
from landweave.recipe import contrast, hash
from landweave.recipe.contrast import ContrastRecipe
from landweave.recipe.folder import CARD
from landweave.recipe.hash import HashRecipe, read_clusters, write_clusters
from landweave.recipe.unlabelled import bands_of
from landweave.report import gallery as pictures
from landweave.train.log import Record

# The archive, and in hash recipes the labels and the card to begin from, are the gallery's own to say.
_OURS = ("archive", "labels", "start")


class GalleryJob(Config):
    """A gallery to build."""

    archive: Path
    """The folder of patches."""
    encoder: Path | None = None
    """Card whose features are clustered; left away, an encoder is learnt from the archive without labels."""
    contrast: dict[str, Any] = Field(default_factory=dict)
    """Keys of the recipe by which that encoder is learnt (task = contrast), beside the archive."""
    clusters: tuple[int, int] = (2, 12)
    """Fewest and most clusters to choose from; twice the same number leaves no choice."""
    sample: int = Field(default=5000, ge=2)
    """Most patches that the tree of clusters is grown on, which needs memory for all pairs of them."""
    hash: dict[str, Any] = Field(default_factory=dict)
    """Keys of the recipe by which codes are learnt (task = hash), beside archive, labels and start."""
    seed: int = Field(default=1, ge=0)
    """Decides which patches are sampled, and the recipes' seed where they do not say one."""

    @model_validator(mode="after")
    def _fits(self) -> GalleryJob:
        if not 1 <= self.clusters[0] <= self.clusters[1] or self.clusters[1] < 2:
            raise ValueError("clusters as fewest and most, [2, 12] for example")
        if self.encoder is not None and self.contrast:
            raise ValueError("encoder or contrast, not both: a card needs no recipe")
        for name, told in (("contrast", self.contrast), ("hash", self.hash)):
            if foreign := [key for key in _OURS if key in told]:
                raise ValueError(f"{name} without {foreign[0]}, which the gallery says itself")
        return self


def build(job: GalleryJob, out: Path, executor: Executor) -> Generator[Record | Progress]:
    """Build the gallery in `out`, or what an earlier run of the same job left to do.

    Raises:
        LandweaveError: Something that the user can mend; what is done is kept.
    """
    archive = open_archive(job.archive)
    identity = bands_of(archive, None).identity
    recipes = _recipes(job, out)
    told = job.model_dump(mode="json", exclude={"archive", "encoder"})
    begun = load_parts(job.encoder)[0].identity if job.encoder else ""
    with opened(out, {**told, "archive": identity, "encoder": begun}) as ledger:
        yield from _Build(job, archive, identity, recipes, out, executor, ledger).records()


def _recipes(job: GalleryJob, out: Path) -> tuple[ContrastRecipe, HashRecipe]:
    """Both recipes, checked before anything is computed."""
    shared = {"archive": job.archive, "seed": job.seed}
    first = check(ContrastRecipe, {**shared, "task": "contrast", **job.contrast}, "contrast")
    bands = load_parts(job.encoder)[0].bands if job.encoder else first.bands
    # As wide as the encoder, so that codes can begin from its weights.
    asked = {**shared, "bands": bands, "width": first.arguments.get("width", 64), "task": "hash", **job.hash}
    asked |= {"labels": out / WORK / CLUSTERS, "start": None if job.encoder else out / ENCODER}
    return first, check(HashRecipe, asked, "hash")


@dataclass(frozen=True)
class _Build:
    job: GalleryJob
    archive: Archive
    identity: str
    recipes: tuple[ContrastRecipe, HashRecipe]
    out: Path
    executor: Executor
    ledger: Ledger

    @property
    def work(self) -> Path:
        return self.out / WORK

    def records(self) -> Generator[Record | Progress]:
        # Never again once it stands: other archives may have been added since.
        if (self.out / MANIFEST).is_file():
            return
        yield from self._encoder()
        embedding = self._pieces("embed", ENCODER)
        yield from self._phase(embed, embedding)
        if not all(piece.is_written for piece in embedding):
            return
        features = together(embedding)
        yield from self._clusters(features)
        yield from self._hash()
        coding = self._pieces("code", HASH)
        yield from self._phase(code, coding)
        if all(piece.is_written for piece in coding):
            self._finish(features, coding)

    def _encoder(self) -> Generator[Record]:
        if (self.out / ENCODER).is_dir():
            return
        if self.job.encoder is None:
            yield from contrast.run(self.recipes[0], self.work / "contrast", World())
        _copy(self.job.encoder or self.work / "contrast" / CARD, self.out / ENCODER)

    def _pieces(self, word: str, card: str) -> list[Piece]:
        identity = load_parts(self.out / card)[0].identity
        return pieces(word, self.archive, self.out / card, identity, self.work / "pieces")

    def _phase(self, function: Function[Piece], tasks: list[Piece]) -> Iterator[Progress]:
        phase = function.__name__
        intact = attrgetter("is_written")
        return fulfil(function, tasks, self.executor, self.ledger, phase=phase, unit="pieces", intact=intact)

    def _clusters(self, features: Float32[np.ndarray, "n d"]) -> Iterator[Progress]:
        if (self.work / CLUSTERS).is_file() and (self.out / SPACE).is_file():
            return
        yield Progress("cluster", 0, 1, "trees")
        train, counts = self.archive.part("train"), range(self.job.clusters[0], self.job.clusters[1] + 1)
        found = clustering.cluster(features, train, counts, self.job.sample, self.job.seed)
        found.space.save(self.out / SPACE)
        write_text(
            self.out / CURVE,
            pictures.curve(found.space.counts.tolist(), found.space.variances.tolist(), found.space.num),
        )
        write_clusters(self.work / CLUSTERS, self.archive.ids(), found.labels)
        yield Progress("cluster", 1, 1, "trees", {"clusters": found.space.num})

    def _hash(self) -> Generator[Record]:
        if not (self.out / HASH).is_dir():
            yield from hash.run(self.recipes[1], self.work / HASH, World())
            _copy(self.work / HASH / CARD, self.out / HASH)

    def _finish(self, features: Float32[np.ndarray, "n d"], coding: list[Piece]) -> None:
        found = together(coding)
        labels = read_clusters(self.work / CLUSTERS, self.archive)
        train = self.archive.part("train")
        card, _ = load_parts(self.out / HASH)
        bits = int(card.arguments["bits"])
        centroids = buckets(found[train], labels[train], bits)
        space = Space.load(self.out / SPACE)
        write_images(self.out, frame_of(self.archive, self.identity, found, centroids, space.plane(features)))
        told = self.job.model_dump(mode="json")
        facts = record("gallery", told) | {
            "bits": bits,
            "patch_px": self.archive.layout.patch_px,
            "encoder": load_parts(self.out / ENCODER)[0].identity,
            "hash": card.identity,
            "curve": {"clusters": space.counts.tolist(), "variance": space.variances.tolist(), "chosen": space.num},
            "archives": [entry(self.archive, self.identity)],
        }
        write_facts(self.out, facts, centroids)


def _copy(card: Path, to: Path) -> None:
    with aside(to) as temporary:
        shutil.copytree(card, temporary)

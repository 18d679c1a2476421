"""The gallery of images on disk: codes and buckets of patches in GeoParquet; the one writer and the one reader."""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pyarrow.parquet
from jaxtyping import Int32, UInt64
from torch import nn

from landweave.atomic import aside, write_text
from landweave.errors import CardError, GalleryError
from landweave.models.card import Card, load_card
from landweave.models.normalise import Normalise

FORMAT = 1
MANIFEST = "gallery.json"
IMAGES = "images.parquet"
HASH, ENCODER, WORK = "hash", "encoder", "work"
CLUSTERS, SPACE, CURVE = "clusters.parquet", "space.safetensors", "curve.svg"
_AGAIN = "build it again with landweave gallery build, or copy the whole folder again"


@dataclass(frozen=True)
class Gallery:
    """Patches by bucket, and the network that tells of any other patch to which bucket it belongs.

    Attributes:
        folder: Where it stands.
        facts: The whole content of gallery.json.
        centroids: The code of each bucket.
        card: Of the hash network.
        network: The hash network, in evaluation mode on the CPU: scores of bits from normalised bands.
    """

    folder: Path
    facts: Mapping[str, Any]
    centroids: UInt64[np.ndarray, " k"]
    card: Card
    network: nn.Module

    @property
    def bits(self) -> int:
        """Length of a code."""
        return int(self.facts["bits"])

    @property
    def patch_px(self) -> int:
        """Edge of the patches that it was built from, in their finest pixels."""
        return int(self.facts["patch_px"])

    @property
    def num_buckets(self) -> int:
        """How many buckets there are."""
        return len(self.centroids)

    @functools.cached_property
    def normalise(self) -> Normalise:
        """What brings physical values to what the hash network takes."""
        return Normalise(self.card.mean, self.card.std)

    @functools.cached_property
    def codes(self) -> UInt64[np.ndarray, " n"]:
        """The code of every image, in the order of the table; nothing else is read."""
        return np.asarray(self._column("code"), np.uint64)

    @functools.cached_property
    def buckets(self) -> Int32[np.ndarray, " n"]:
        """The bucket of every image, in the order of the table."""
        return np.asarray(self._column("bucket"), np.int32)

    def ids(self) -> list[str]:
        """The name of every image, in the order of the table."""
        return list(pyarrow.parquet.read_table(self.folder / IMAGES, columns=["id"])["id"].to_pylist())

    def table(self) -> geopandas.GeoDataFrame:
        """The whole images.parquet, one row an image."""
        return geopandas.read_parquet(self.folder / IMAGES)

    def _column(self, name: str) -> np.ndarray[Any, Any]:
        return np.asarray(pyarrow.parquet.read_table(self.folder / IMAGES, columns=[name])[name].to_numpy())

    def describe(self) -> list[str]:
        """What the gallery holds, in lines for people."""
        counts = np.bincount(self.buckets, minlength=self.num_buckets)
        first = f"{len(self.buckets)} images of {self.patch_px} px, {len(self.card.bands)} bands of {self.card.sensor}"
        return [f"{first}, {self.num_buckets} buckets, codes of {self.bits} bits"] + [
            f"bucket {bucket}: {counts[bucket]} images" for bucket in range(self.num_buckets)
        ]


def write_images(folder: Path, frame: geopandas.GeoDataFrame) -> None:
    """Write images.parquet; the same frame gives the same bytes.

    Raises:
        OutputError: It cannot be written.
    """
    with aside(folder / IMAGES) as temporary:
        frame.to_parquet(temporary, index=False)


def write_facts(folder: Path, facts: Mapping[str, Any], centroids: Sequence[int] | UInt64[np.ndarray, " k"]) -> None:
    """Write gallery.json, the last file of a gallery: without it the gallery is not finished.

    Args:
        folder: The gallery.
        facts: What `provenance.record` gives, with `bits`, `patch_px`, `hash`, `encoder`, `curve` and `archives`.
        centroids: The code of each bucket.

    Raises:
        OutputError: It cannot be written.
    """
    # As text: JSON's numbers end at 53 bits.
    codes = [f"{int(code):016x}" for code in centroids]
    content = {**facts, "format": FORMAT, "kind": "gallery", "buckets": codes}
    write_text(folder / MANIFEST, json.dumps(content, indent=1, sort_keys=True, default=str) + "\n")


def open_gallery(folder: Path) -> Gallery:
    """The gallery in `folder`, with its hash network loaded.

    Raises:
        GalleryError: It is none, of another format, not finished, or holds a hash network that did not make its codes.
        CardError: The hash network's card is damaged.
    """
    facts = _read(folder)
    card, network = load_card(folder / HASH)
    check_card(folder / HASH, card, str(facts["hash"]))
    if card.task != "codes":
        raise CardError(f"{folder / HASH}, a card that gives {card.task}", "a card that gives codes", _AGAIN)
    centroids = np.array([int(code, 16) for code in facts["buckets"]], np.uint64)
    return Gallery(folder, facts, centroids, card, network)


def check_card(where: Path, card: Card, identity: str) -> None:
    """Refuse a card that is not the one that made the gallery: its codes would mean something else.

    Raises:
        GalleryError: It is another one.
    """
    if card.identity != identity:
        raise GalleryError(
            f"{where}, a card with identity {card.identity[:12]}",
            f"the card that this gallery was made with, {identity[:12]}",
            _AGAIN,
        )


def _read(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    try:
        facts = json.loads(path.read_text("utf-8"))
        known = facts["format"] == FORMAT and facts["kind"] == "gallery"
        missing = {"bits", "patch_px", "hash", "encoder", "buckets"} - set(facts)
    except (OSError, ValueError, KeyError, TypeError) as error:
        # The manifest is written last: work without one is a build that was stopped, not damage.
        begun = (folder / WORK).is_dir() and not path.exists()
        raise GalleryError(
            f"{folder}: building was begun and not ended" if begun else f"{path}: {error}",
            f"a gallery: a folder with {MANIFEST}, {IMAGES} and {HASH}/",
            "run the same landweave gallery build again, it goes on where it stopped" if begun else _AGAIN,
        ) from error
    if not known or missing:
        raise GalleryError(
            f"{path} with format {facts['format']} of kind {facts['kind']}",
            f"a gallery with format {FORMAT}",
            "check the folder, or read it with the landweave that wrote it",
        )
    return dict(facts)

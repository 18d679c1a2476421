"""The gallery of models on disk: which card belongs to which bucket, and how far is too far; one writer, one reader."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from landweave.atomic import write_text
from landweave.errors import CardError, GalleryError, LandweaveError
from landweave.gallery.images import Gallery
from landweave.models.card import Card, load_parts
from landweave.provenance import record

FORMAT = 1
MODELS = "models.json"
WORK = "models"
"""Folder of all that training leaves: mono, and a run for each bucket."""
NO_BUCKET = -1
_AGAIN = "train its models again with landweave gallery train, or copy the whole folder again"


@dataclass(frozen=True)
class BucketModel:
    """What is known of the model of one bucket.

    Attributes:
        bucket: Its number.
        card: Path of the card that serves it, below the gallery's folder; mono's where it has none of its own.
        identity: Of that card.
        num_train: Training patches with labels that lie in the bucket.
        num_validation: Validation patches with labels that do.
        own: Figures of the card that was trained for it, on its validation patches; empty where none was.
        mono: Figures of mono on the same patches.
        why: Why the card that serves it does.
    """

    bucket: int
    card: str
    identity: str
    num_train: int
    num_validation: int
    own: Mapping[str, float] = field(default_factory=dict)
    mono: Mapping[str, float] = field(default_factory=dict)
    why: str = ""


@dataclass(frozen=True)
class Models:
    """Cards by bucket.

    Attributes:
        folder: The gallery.
        mono: Of the one model that serves wherever no other does: path below the folder, identity, sensor, bands,
            unit, pixel size, network, arguments and legend.
        buckets: One for each bucket, in order.
        far_limit: Hamming distance beyond which a place belongs to no bucket.
        drift_share: Share of such places above which a job says that the imagery has drifted.
        figure: By which cards were compared.
        facts: The whole content of models.json.
    """

    folder: Path
    mono: Mapping[str, Any]
    buckets: tuple[BucketModel, ...]
    far_limit: float
    drift_share: float
    figure: str
    facts: Mapping[str, Any] = field(default_factory=dict, repr=False, compare=False)

    @property
    def bands(self) -> tuple[str, ...]:
        """Bands that every card takes, in order."""
        return tuple(self.mono["bands"])

    @property
    def mono_card(self) -> Path:
        """Folder of mono's card."""
        return self.folder / str(self.mono["card"])

    def card_of(self, bucket: int) -> Path:
        """Folder of the card that serves a bucket; mono's for `NO_BUCKET`."""
        return self.mono_card if bucket == NO_BUCKET else self.folder / self.buckets[bucket].card

    def identity_of(self, bucket: int) -> str:
        """Identity of the card that serves a bucket; mono's for `NO_BUCKET`."""
        return str(self.mono["identity"]) if bucket == NO_BUCKET else self.buckets[bucket].identity

    def has_own(self, bucket: int) -> bool:
        """Whether a bucket has a card of its own."""
        return self.identity_of(bucket) != self.identity_of(NO_BUCKET)

    def describe(self) -> list[str]:
        """What the gallery of models holds, in lines for people."""
        told = self.mono
        num_own = sum(self.has_own(model.bucket) for model in self.buckets)
        first = f"{told['network']} for {len(told['bands'])} bands of {told['sensor']}, legend {told['legend']['name']}"
        lines = [f"{first}: {num_own} of {len(self.buckets)} buckets have a card of their own, others take mono"]
        for model in self.buckets:
            own, mono = (figures.get(self.figure) for figures in (model.own, model.mono))
            compared = "" if own is None or mono is None else f", {self.figure} {own:.3f}, mono {mono:.3f}"
            lines.append(f"bucket {model.bucket}: {model.num_train} patches{compared}; {model.why}")
        return [*lines, f"farther than {self.far_limit:g} bits: mono; drifted above {self.drift_share:.0%} of such"]


def told_of(card: Card) -> dict[str, Any]:
    """What models.json says of a card."""
    legend = {"name": card.legend.name, "classes": [entry.name for entry in card.legend.classes]}
    return {
        "identity": card.identity,
        "network": card.network,
        "arguments": dict(card.arguments),
        "sensor": card.sensor,
        "bands": list(card.bands),
        "unit": card.unit,
        "pixel_size_m": card.pixel_size_m,
        "legend": legend,
    }


def write_models(gallery: Gallery, models: Models, configuration: Mapping[str, Any]) -> None:
    """Write models.json; the same models give the same bytes.

    Raises:
        OutputError: It cannot be written.
    """
    content = record("models", configuration) | {
        # Buckets are numbers: they mean something only with the codes of this one network.
        "hash": gallery.card.identity,
        "mono": dict(models.mono),
        "buckets": [asdict(model) for model in models.buckets],
        "far_limit": models.far_limit,
        "drift_share": models.drift_share,
        "figure": models.figure,
    }
    write_text(models.folder / MODELS, json.dumps(content, indent=1, sort_keys=True, default=str) + "\n")


def open_models(gallery: Gallery) -> Models:
    """The models of a gallery.

    Raises:
        GalleryError: It has none, they are of another format, were trained for other codes, or a bucket lacks one.
    """
    path = gallery.folder / MODELS
    try:
        facts = json.loads(path.read_text("utf-8"))
        if facts["format"] != FORMAT or facts["kind"] != "models":
            raise GalleryError(
                f"{path} with format {facts['format']} of kind {facts['kind']}",
                f"models of a gallery with format {FORMAT}",
                "check the folder, or read it with the landweave that wrote it",
            )
        buckets = tuple(BucketModel(**entry) for entry in facts["buckets"])
        numbers = float(facts["far_limit"]), float(facts["drift_share"]), str(facts["figure"])
        models = Models(gallery.folder, facts["mono"], buckets, *numbers, facts)
        told = str(facts["hash"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, LandweaveError):
            raise
        missing = isinstance(error, FileNotFoundError)
        raise GalleryError(
            f"{gallery.folder}, a gallery without models" if missing else f"{path}: {error!r}",
            f"a gallery with {MODELS}",
            f"train them: landweave gallery train {gallery.folder} --recipe RECIPE.toml" if missing else _AGAIN,
        ) from error
    _check(gallery, models, told)
    return models


def _check(gallery: Gallery, models: Models, told: str) -> None:
    if told != gallery.card.identity:
        raise GalleryError(
            f"{models.folder / MODELS}, whose models were trained for the codes of {told[:12]}",
            f"models for the codes of this gallery's hash network, {gallery.card.identity[:12]}",
            "train them again for this gallery with landweave gallery train, or take the gallery that they belong to",
        )
    wanted = list(range(gallery.num_buckets))
    if (found := [model.bucket for model in models.buckets]) != wanted:
        raise GalleryError(
            f"{models.folder / MODELS} with models of the buckets {found}",
            f"one for each of the {gallery.num_buckets} buckets of the gallery",
            _AGAIN,
        )


def check_cards(models: Models) -> dict[str, Card]:
    """Read every card, weights included; gives them by identity.

    Raises:
        GalleryError: A bucket's card is missing or another one.
        CardError: A card is damaged.
    """
    found: dict[str, Card] = {}
    for bucket in (NO_BUCKET, *range(len(models.buckets))):
        identity, folder = models.identity_of(bucket), models.card_of(bucket)
        if identity in found:
            continue
        who = "mono" if bucket == NO_BUCKET else f"bucket {bucket}"
        if not folder.is_dir():
            raise GalleryError(f"{who} without its card {folder}", "a card for every bucket, and mono", _AGAIN)
        try:
            card, _ = load_parts(folder)
        except CardError as error:
            raise CardError(f"the card of {who}: {error.given}", error.expected, _AGAIN) from error
        if card.identity != identity:
            raise GalleryError(
                f"{who} with a card of identity {card.identity[:12]}", f"the card {identity[:12]} of {MODELS}", _AGAIN
            )
        found[identity] = card
    return found


def check_fit(gallery: Gallery, card: Card, where: Sequence[str] = ()) -> None:
    """Refuse a card whose scenes the gallery's hash network cannot read.

    Raises:
        CardError: Sensor, unit or pixel size differ, it lacks a band of the gallery, or it labels no pixels.
    """
    name, own = " ".join(where) or "a card", gallery.card
    if card.task != "pixels":
        raise CardError(f"{name} that labels {card.task}", "one that labels pixels", "train with task = pixels")
    theirs, wanted = (f"{c.sensor} in {c.unit} with pixels of {c.pixel_size_m:g} m" for c in (card, own))
    if theirs != wanted:
        raise CardError(
            f"{name} for {theirs}", f"{wanted}, of which the gallery is", "build a gallery of the sensor of the card"
        )
    if missing := [band for band in own.bands if band not in card.bands]:
        raise CardError(
            f"{name} with bands {', '.join(card.bands)}",
            f"also {', '.join(missing)}, which the gallery looks at",
            "train with these bands, or build a gallery on the bands of the card",
        )

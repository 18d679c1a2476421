"""Which card a tile is mapped with, where a gallery of models is at hand: one task a tile, before any is mapped."""

from __future__ import annotations

import functools
import json
import math
import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32

from landweave.atomic import write_text
from landweave.errors import CardError
from landweave.gallery.images import open_gallery
from landweave.gallery.models import NO_BUCKET, check_cards, open_models
from landweave.gallery.route import Route, Router
from landweave.jobs.executor import Summary
from landweave.jobs.worker import Stopwatch
from landweave.mapping.source import pixels
from landweave.mapping.tile import MapTask, Order
from landweave.models.card import Card
from landweave.provenance import canonical, fingerprint
from landweave.raster.files import bytes_had
from landweave.raster.scene import Scene
from landweave.tiling import Tile

_loading = threading.Lock()


@dataclass(frozen=True, slots=True)
class RouteTask:
    """A tile to be sent to a card.

    Attributes:
        order: What all tasks of the job share; its card is mono's.
        gallery: The gallery's folder.
        identity: What the gallery's models were when the job began.
        tile: What is mapped.
        scenes: The scenes that meet it, the latest first.
    """

    order: Order
    gallery: Path
    identity: str
    tile: Tile
    scenes: tuple[Scene, ...]

    @property
    def key(self) -> str:
        """The tile's key with a prefix, for it is a task of its own."""
        return f"route-{self.tile.key}-{len(self.scenes)}"

    @property
    def path(self) -> Path:
        """Where the route is written."""
        return self.order.folder / "tiles" / "route" / f"{self.tile.key}.json"


@dataclass(frozen=True, slots=True)
class Sent:
    """Where a tile was sent.

    Attributes:
        bucket: The bucket nearest to it, -1 for a tile without a valid pixel.
        distance: Mean Hamming distance of its patches to that bucket, or None.
        identity: Of the card to map it with.
        is_far: Whether it is too far from every bucket, so that mono maps it.
    """

    bucket: int
    distance: float | None
    identity: str
    is_far: bool


@dataclass(frozen=True, slots=True)
class Routing:
    """The gallery of a job, checked.

    Attributes:
        folder: Where it is.
        identity: What decides where tiles are sent.
        cards: Folder of every card, by identity; mono first.
        drift_share: Share of far tiles above which a job says that the imagery has drifted.
    """

    folder: Path
    identity: str
    cards: Mapping[str, Path]
    drift_share: float


def open_routing(folder: Path) -> tuple[Card, Routing]:
    """The gallery in `folder` with all its cards read, and mono's card, which stands for all.

    Raises:
        GalleryError: It is none, has no models, lacks a card, or was made by another encoder or hash network.
        CardError: A card is damaged, or does not take what mono takes.
    """
    gallery = open_gallery(folder)
    models = open_models(gallery)
    cards = check_cards(models)
    buckets = range(len(models.buckets))
    decides = {
        "hash": gallery.card.identity,
        "centroids": gallery.centroids.tolist(),
        "cards": [models.identity_of(bucket) for bucket in (NO_BUCKET, *buckets)],
        "limits": [models.far_limit, models.drift_share],
    }
    mono = cards[models.identity_of(NO_BUCKET)]
    for bucket in buckets:
        _check_alike(mono, cards[models.identity_of(bucket)], bucket)
    places = {models.identity_of(bucket): models.card_of(bucket).resolve() for bucket in (NO_BUCKET, *buckets)}
    return mono, Routing(folder.resolve(), fingerprint(decides), places, models.drift_share)


def _check_alike(mono: Card, card: Card, bucket: int) -> None:
    """Refuse a card that cannot take mono's place: one grid, one margin and one legend serve the whole map."""
    for name in ("sensor", "bands", "unit", "pixel_size_m", "legend", "sight", "task"):
        own, its = getattr(mono, name), getattr(card, name)
        if own != its:
            raise CardError(
                f"the card of bucket {bucket} with {name} {its}",
                f"{own}, as mono has",
                "train the models of the gallery again with landweave gallery train",
            )


def route_tile(task: RouteTask) -> Summary:
    """Look at a tile, choose its card and write that down; the same tile always takes the same."""
    watch, had = Stopwatch(), bytes_had()
    with watch("load"):
        router = _router(task.gallery, task.identity)
    with watch("read"):
        values, valid = _seen(task, router.bands)
    route: Route = watch.compute(functools.partial(router.route, values, valid), "route")
    distance = None if math.isnan(route.distance) else round(route.distance, 4)
    with watch("write"):
        write_text(task.path, canonical(asdict(Sent(route.bucket, distance, route.identity, route.is_far))))
    counts = {"tiles_routed": int(route.bucket != NO_BUCKET), "tiles_far": int(route.is_far)}
    return {**watch.seconds, **counts, "read_bytes": bytes_had() - had}


def _seen(task: RouteTask, bands: Sequence[str]) -> tuple[Float32[np.ndarray, "c h w"], Bool[np.ndarray, "h w"]]:
    """The tile's core as the latest scene that is valid shows each pixel."""
    values, valid = pixels(task.scenes[0], bands, task.order.grid, task.tile.core)
    for scene in task.scenes[1:]:
        if valid.all():
            break
        below, known = pixels(scene, bands, task.order.grid, task.tile.core)
        np.copyto(values, below, where=~valid)
        valid |= known
    return values, valid


def _router(folder: Path, identity: str) -> Router:
    # One at a time: the tasks of a process come at once, and each would load it.
    with _loading:
        return _loaded(folder, identity)


@functools.lru_cache(1)
def _loaded(folder: Path, identity: str) -> Router:
    assert identity, "a gallery without an identity"
    return Router(folder)


def sent(tasks: Iterable[RouteTask], done: Iterable[str]) -> dict[str, Sent]:
    """Where every tile whose route is known was sent, by the tile's key."""
    known = set(done)
    return {
        task.tile.key: Sent(**json.loads(task.path.read_text(encoding="utf-8"))) for task in tasks if task.key in known
    }


def by_card(tasks: Sequence[MapTask], routes: Mapping[str, Sent], cards: Mapping[str, Path]) -> list[MapTask]:
    """The tiles with the cards that they were sent to, those of one card together: a worker loads few.

    Args:
        tasks: The tiles; those without a route are left out.
        routes: Where each was sent.
        cards: Folder of each card, by identity; mono first.
    """
    place = {identity: number for number, identity in enumerate(cards)}
    found = [
        replace(task, order=replace(task.order, card=cards[route.identity], identity=route.identity))
        for task in tasks
        if (route := routes.get(task.key))
    ]
    return sorted(found, key=lambda task: (place[task.order.identity], task.tile.row, task.tile.col))

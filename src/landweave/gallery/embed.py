"""Features of patches, by the encoder of a card: one task a piece of an archive."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from jaxtyping import Float, Shaped
from torch import Tensor, nn

from landweave.atomic import aside
from landweave.errors import CardError
from landweave.jobs.worker import compute
from landweave.models.card import Card, load_card
from landweave.models.encode import check_encoder, features
from landweave.parallel.world import World
from landweave.patches.archive import Archive, open_archive
from landweave.recipe.unlabelled import Patches, bands_of
from landweave.train.loader import Order, read_ahead
from landweave.train.prepare import Prepare

PER_TASK = 1024
"""Patches of one task: enough that starting one costs nothing beside it."""
# Few enough for the memory of a large network, enough for its speed.
_AT_ONCE = 64


@dataclass(frozen=True)
class Piece:
    """Some patches of an archive, to be computed by one card.

    Attributes:
        key: Its name in the job.
        archive: The folder of the archive.
        first: Number of the first patch.
        last: Number after the last patch.
        card: The folder of the card.
        identity: Of that card: another one in its place must not be taken for it.
        out: The file to write.
    """

    key: str
    archive: Path
    first: int
    last: int
    card: Path
    identity: str
    out: Path

    @property
    def is_written(self) -> bool:
        """Whether its file stands."""
        return self.out.is_file()


def pieces(word: str, archive: Archive, card: Path, identity: str, folder: Path) -> list[Piece]:
    """The tasks that compute every patch of an archive, in its order; files `folder`/WORD-NUMBER.npy."""
    firsts = range(0, len(archive), PER_TASK)
    keys = [f"{word}-{first:09d}" for first in firsts]
    return [
        Piece(key, archive.folder, first, min(first + PER_TASK, len(archive)), card, identity, folder / f"{key}.npy")
        for key, first in zip(keys, firsts, strict=True)
    ]


def together(made: list[Piece]) -> Shaped[np.ndarray, "n ..."]:
    """What the tasks wrote, one patch after the other."""
    return np.concatenate([np.load(piece.out) for piece in made])


def embed(piece: Piece) -> dict[str, int]:
    """Write the features (float32, one row a patch) of a piece; the same piece gives the same bytes.

    Raises:
        CardError: The card is damaged, not the one that was meant, does not fit the archive, or gives no features.
        ArchiveError: The archive is damaged.
    """
    card, network = the_card(piece)
    check_encoder(network, card.network)
    return computed(piece, card, lambda values: features(network, values).numpy())


def computed(
    piece: Piece, card: Card, function: Callable[[Float[Tensor, "b c h w"]], Shaped[np.ndarray, "b ..."]]
) -> dict[str, int]:
    """Write what `function` gives of the normalised bands of each patch of a piece."""

    def one(values: Float[Tensor, "b c h w"]) -> Shaped[np.ndarray, "b ..."]:
        with torch.inference_mode():
            return function(values)

    made = [compute(functools.partial(one, values)) for values in normalised(piece, card)]
    with aside(piece.out) as temporary:
        np.save(temporary, np.concatenate(made))
    return {"patches": piece.last - piece.first}


def normalised(piece: Piece, card: Card) -> Iterator[Float[Tensor, "b c h w"]]:
    """The bands of a piece's patches as the card takes them, some patches at a time."""
    archive = open_once(piece.archive)
    check_fit(card, archive)
    material = bands_of(archive, card.bands, sharpened=bool(card.sharpener))
    decoded = Prepare(
        material.views,
        card.bands,
        mean=card.mean,
        std=card.std,
        task="patches",
        device=torch.device("cpu"),
        augment=False,
        repeats="ratios" in card.arguments,
    )
    unknown = Patches(material, np.zeros((len(archive), 1), np.uint8))
    order = Order(np.arange(piece.first, piece.last), _AT_ONCE, 0, World())
    for part, arrays in read_ahead(unknown, order.once()):
        yield decoded(part, arrays, training=False).values


def check_fit(card: Card, archive: Archive) -> None:
    """Refuse an archive that a card was not made for; labels do not matter.

    Raises:
        CardError: Sensor, unit or pixel size differ.
    """
    layout = archive.layout
    # Texts are compared, so that whatever differs stands in the message.
    theirs = f"{layout.sensor} in {layout.unit} with pixels of {layout.pixel_size_m:g} m"
    own = f"{card.sensor} in {card.unit} with pixels of {card.pixel_size_m:g} m"
    if theirs != own:
        raise CardError(
            f"an archive of {theirs}", f"{own}, for which the card is", "give patches of that sensor, or another card"
        )


def the_card(piece: Piece) -> tuple[Card, nn.Module]:
    """The card of a piece and its network, loaded once a process.

    Raises:
        CardError: It is damaged or not the one that was meant.
    """
    return _card_once(piece.card, piece.identity)


@functools.lru_cache(maxsize=4)
def _card_once(folder: Path, identity: str) -> tuple[Card, nn.Module]:
    card, network = load_card(folder)
    if card.identity != identity:
        raise CardError(
            f"{folder}, a card with identity {card.identity[:12]}",
            f"the card that this job was begun with, {identity[:12]}",
            "put that card back, or choose another output with -o",
        )
    return card, network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]


@functools.lru_cache(maxsize=4)
def open_once(folder: Path) -> Archive:
    """The archive in `folder`, opened once a process."""
    return open_archive(folder)

"""Where a recipe does not begin from nothing: the card that it goes on from, and the patches that it is kept to."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas
from jaxtyping import Int64
from torch import nn

from landweave.errors import ArchiveError, CardError, SplitError
from landweave.models.card import CLASSICAL, Card, load_card
from landweave.patches.archive import Archive
from landweave.provenance import fingerprint
from landweave.recipe.recipe import TrainRecipe

_PARQUET = (".parquet", ".geoparquet")
_ID = "id"


def card_of(recipe: TrainRecipe, archive: Archive) -> Card | None:
    """The card that `recipe` begins from, or None.

    Raises:
        CardError: It is missing or damaged, or cannot be gone on from with this recipe and archive.
    """
    if recipe.start is None:
        return None
    card, _ = load_card(recipe.start)
    layout = archive.layout
    # Texts are compared, so that whatever differs stands in the message.
    own = _told(card.task, card.bands, card.sensor, card.unit, card.pixel_size_m)
    bands = recipe.bands or card.bands
    wanted = _told(recipe.task, bands, layout.sensor, layout.unit, layout.pixel_size_m)
    if recipe.network in CLASSICAL or recipe.network != card.network:
        raise _other(recipe, f"network {recipe.network}", f"network {card.network}, as the card has it")
    if own != wanted:
        raise _other(recipe, wanted, f"{own}, as the card has it")
    if [entry.name for entry in card.legend.classes] != [entry.name for entry in layout.legend.classes]:
        raise _other(
            recipe, f"classes {', '.join(layout.legend.names)}", f"{', '.join(card.legend.names)}, as the card has them"
        )
    return card


def _told(task: str, bands: tuple[str, ...], sensor: str, unit: str, size_m: float) -> str:
    return f"task {task}, bands {', '.join(bands)} of {sensor} in {unit}, pixels of {size_m:g} m"


def _other(recipe: TrainRecipe, given: str, expected: str) -> CardError:
    return CardError(
        f"{given}, to begin from the card {recipe.start}", expected, "give another card with start, or leave it away"
    )


def network_of(recipe: TrainRecipe, arguments: Mapping[str, Any]) -> nn.Module | None:
    """The network of the card that `recipe` begins from, or None.

    Raises:
        CardError: It was built with other arguments; dropout, which has no weights, may differ.
    """
    if recipe.start is None:
        return None
    card, network = load_card(recipe.start)
    theirs, own = ({k: v for k, v in of.items() if k != "dropout"} for of in (card.arguments, arguments))
    if fingerprint(theirs) != fingerprint(own):
        raise _other(recipe, f"arguments {own}", f"{theirs}, as the card has them")
    return network.train()


def only(path: Path, archive: Archive) -> Int64[np.ndarray, " n"]:
    """Numbers of the patches that a file names: text with one id a line, or a Parquet table with a column `id`.

    Raises:
        ArchiveError: The file cannot be read, or names a patch that the archive lacks.
    """
    wanted = _ids(path)
    places = {name: number for number, name in enumerate(archive.ids())}
    if foreign := [name for name in wanted if name not in places]:
        raise ArchiveError(
            f"{path} with {len(foreign)} of {len(wanted)} patches that are not in {archive.folder}: {foreign[0]}",
            "ids of patches of this archive",
            "give the list that was made for this archive",
        )
    return np.array(sorted(places[name] for name in set(wanted)), np.int64)


def _ids(path: Path) -> list[str]:
    try:
        if path.suffix.lower() in _PARQUET:
            return [str(name) for name in pandas.read_parquet(path, columns=[_ID])[_ID]]
        return [line.strip() for line in path.read_text("utf-8").splitlines() if line.strip()]
    except (OSError, ValueError, KeyError) as error:
        raise ArchiveError(
            f"{path}: {error}", "text with one id a line, or a Parquet table with the column id", "check the path"
        ) from error


def kept(recipe: TrainRecipe, archive: Archive, samples: Int64[np.ndarray, " n"]) -> Int64[np.ndarray, " m"]:
    """Those of `samples` that the recipe's list names; all where it has none."""
    return samples if recipe.only is None else np.intersect1d(samples, only(recipe.only, archive))


def trained(recipe: TrainRecipe, archive: Archive) -> Int64[np.ndarray, " n"]:
    """Numbers of the training samples.

    Raises:
        SplitError: There are none.
    """
    every = archive.part("train")
    found = kept(recipe, archive, every)
    if not len(found):
        raise SplitError(
            f"{recipe.only}, which names none of the {len(every)} training patches of {archive.folder}",
            "at least one",
            "name patches of the training part",
        )
    return found


def identity(recipe: TrainRecipe, archive: Archive) -> dict[str, Any]:
    """What of the two decides the weights, wherever the files lie; empty where a recipe has neither."""
    card = card_of(recipe, archive)
    found: dict[str, Any] = {} if card is None else {"start": card.identity}
    return found if recipe.only is None else {**found, "only": only(recipe.only, archive).tolist()}

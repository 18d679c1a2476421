"""The coarser bands of patches on the finest pixels, as a sharpener tells them: what archives hold as data_super."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Shaped

from landweave.errors import CardError
from landweave.jobs.worker import compute
from landweave.patches.layout import Layout, Super

# torch is imported where it is used: most archives are cut without it.
if TYPE_CHECKING:
    from torch import nn

    from landweave.models.pair.sharpener import Sharpener

# Features of this many patches of 120 pixels take 1 GB in a network of 128 channels.
_AT_ONCE = 16


def with_super(layout: Layout, card: Path | None) -> Layout:
    """The layout with room for what the sharpener in `card` makes; the layout itself where None.

    Raises:
        CardError: It is no sharpener, or one for another sensor, unit, bands or pixel sizes.
    """
    if card is None:
        return layout
    from landweave.models.pair.sharpener import read_sharpener

    sharpener = read_sharpener(card)
    theirs = _shown(sharpener.sensor, sharpener.unit, {v.pixel_size_m: v.bands for v in sharpener.views})
    own_bands = {view.pixel_size_m: tuple(band.name for band in view.bands) for view in layout.views}
    own = _shown(layout.sensor, layout.unit, own_bands)
    if own != theirs:
        raise CardError(
            f"the sharpener {card} for {theirs}",
            f"one for {own}, which the archive holds",
            "train one on the same bands, or name its bands with --bands",
        )
    finest = layout.views[0]
    bands = tuple(
        dataclasses.replace(band, pixel_size_m=finest.pixel_size_m) for view in layout.views[1:] for band in view.bands
    )
    made = Super(finest.pixel_size_m, finest.px, bands, finest.nodata, sharpener.identity, card)
    return dataclasses.replace(layout, super=made)


def _shown(sensor: str, unit: str, bands: Mapping[float, tuple[str, ...]]) -> str:
    return f"{sensor} in {unit}, " + ", ".join(f"{'+'.join(names)} at {size:g} m" for size, names in bands.items())


def add_super(
    layout: Layout, arrays: Mapping[str, Shaped[np.ndarray, "n ..."]]
) -> tuple[dict[str, Shaped[np.ndarray, "n ..."]], int]:
    """The arrays of patches with data_super among them, and how many values were cut to the stored type's range.

    Each patch is sharpened by itself, without the land around it. The bytes are the same at every call on one machine
    with the same device and number of threads. A layout without data_super gives the arrays as they are.

    Raises:
        CardError: The card is damaged, or no longer the one that the layout names.
    """
    if layout.super is None:
        return dict(arrays), 0
    pieces = [slice(first, first + _AT_ONCE) for first in range(0, len(arrays["valid"]), _AT_ONCE)]
    made = [_some(layout, layout.super, {key: array[piece] for key, array in arrays.items()}) for piece in pieces]
    numbers = np.concatenate([piece for piece, _ in made])
    return {**arrays, layout.super.key: numbers}, sum(num_cut for _, num_cut in made)


def _some(
    layout: Layout, view: Super, arrays: Mapping[str, Shaped[np.ndarray, "n ..."]]
) -> tuple[Shaped[np.ndarray, "n c h w"], int]:
    import torch

    from landweave.models.pair.sharpener import sharpen

    sharpener, networks = _tool(view)
    device = next(networks.parameters()).device
    values = {one.pixel_size_m: torch.from_numpy(one.to_physical(arrays[one.key])).to(device) for one in layout.views}
    # A copy, because the arrays of an archive are views of a file that cannot be written.
    valid = torch.from_numpy(np.array(arrays["valid"], np.bool_)).to(device)
    # One at a time in a process: tasks that share it would fight for its cores.
    told = compute(lambda: sharpen(sharpener, networks, values, valid)).cpu().numpy()
    return view.to_numbers(told, arrays["valid"])


def _tool(view: Super) -> tuple[Sharpener, nn.ModuleDict]:
    assert view.card is not None, "a layout that was read from an archive"
    sharpener, networks = _ready(view.card)
    if sharpener.identity != view.sharpener:
        raise CardError(
            f"the sharpener {view.card} with identity {sharpener.identity[:12]}",
            f"the one that the job began with, {view.sharpener[:12]}",
            "cut with the new one into another folder, or put the old one back",
        )
    return sharpener, networks


@lru_cache(maxsize=2)
def _ready(card: Path) -> tuple[Sharpener, nn.ModuleDict]:
    """A sharpener, loaded once a process, on a GPU where there is one."""
    import torch

    from landweave.models.pair.sharpener import load_sharpener

    sharpener, networks = load_sharpener(card)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    return sharpener, networks.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]

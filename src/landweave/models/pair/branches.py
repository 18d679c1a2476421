"""Labels of patches seen by two sensors: a branch of 3D convolutions a view, then joined (Aspri et al. 2020)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from landweave.errors import ConfigError

Use = Literal["both", "hsi", "rgb"]
Named = tuple[str, nn.Module]
# Figure 2 of the paper: filters of the convolutions of each block; a pool and a norm stand after all but the last.
_FILTERS: Mapping[str, tuple[tuple[int, ...], ...]] = {
    "rgb": ((2, 4), (8, 8), (16, 16), (32, 64), (128, 256, 512)),
    "hsi": ((8, 16), (16, 32), (32, 64), (128, 256, 512)),
}
_DENSE = (1000, 500)


class TwoBranch(nn.Module):
    """Scores of a patch that two sensors see, each by a branch of its own, as in figure 2 of Aspri et al. (2020).

    A patch is a cube to each branch: bands are its depth. The paper prints filters and their order; kernels (3 x 3 x
    3, padded so that size stays), pools (2 x 2 x 2, what is left over rounded up) and merging (both branches flattened,
    one after the other) are ours. The network can be cut between any two layers of `branches` and `trunk`; names of
    weights do not tell where.

    Args:
        num_bands: Channels of the first view, the finer one, which the branch "rgb" takes.
        num_classes: Length of the output.
        num_second: Channels of the second view, which the branch "hsi" takes.
        patch_px: Edge of a patch in pixels of the first view.
        second_px: The same for the second view; None for as many as in the first.
        use: Both views, or one of them alone.
        width: Times the paper's filters and dense units.
        dropout: Share of the joined activations that are dropped before the dense layers, in training.
        ceiling: Whether pools round up; otherwise a remainder of one pixel or band is left away.

    Raises:
        ConfigError: Pools would leave nothing of a view.
    """

    def __init__(
        self,
        num_bands: int,
        num_classes: int,
        *,
        num_second: int = 48,
        patch_px: int = 25,
        second_px: int | None = None,
        use: Use = "both",
        width: float = 1.0,
        dropout: float = 0.9,
        ceiling: bool = True,
    ) -> None:
        super().__init__()
        if use not in ("both", *_FILTERS):
            raise ValueError(f"use {use}, which is none of both, hsi, rgb")
        cubes = {"rgb": (num_bands, patch_px), "hsi": (num_second, second_px or patch_px)}
        num_joined = 0
        for name in _FILTERS if use == "both" else (use,):
            blocks = [[_scaled(filters, width) for filters in block] for block in _FILTERS[name]]
            shape = _shape(name, *cubes[name], len(blocks) - 1, ceiling)
            self.add_module(name, _branch(blocks, cubes[name][0], ceiling))
            num_joined += blocks[-1][-1] * shape[0] * shape[1] ** 2
        self.use: Use = use
        self.dropout = nn.Dropout(dropout)
        self.dense1 = DenseReLU(num_joined, _scaled(_DENSE[0], width))
        self.dense2 = DenseReLU(self.dense1.out_features, _scaled(_DENSE[1], width))
        self.dense3 = nn.Linear(self.dense2.out_features, num_classes)
        self._start()

    def forward(self, first: Float[Tensor, "b c1 h1 w1"], second: Float[Tensor, "b c2 h2 w2"]) -> Float[Tensor, "b k"]:
        """Scores of every class; a view that is not used may hold anything."""
        views = self.by_branch(first, second)
        joined = [_through(layers, views[name]) for name, layers in self.branches().items()]
        return _through(self.trunk(), self.merge(joined))

    def by_branch(
        self, first: Float[Tensor, "b c1 h1 w1"], second: Float[Tensor, "b c2 h2 w2"]
    ) -> dict[str, Float[Tensor, "b _ _ _"]]:
        """The view that each branch takes."""
        views = {"rgb": first, "hsi": second}
        return {name: views[name] for name in self.branches()}

    def branches(self) -> dict[str, Sequence[Named]]:
        """The layers of each branch in order, each a module that takes and gives one tensor."""
        return {
            name: tuple(self.get_submodule(name).named_children()) for name in _FILTERS if self.use in ("both", name)
        }

    def merge(self, parts: Sequence[Float[Tensor, "b _"]]) -> Float[Tensor, "b d"]:
        """What the branches gave, in the order of `branches`, as one."""
        return torch.cat(list(parts), 1)

    def trunk(self) -> Sequence[Named]:
        """The layers after the branches."""
        names = ("dropout", "dense1", "dense2", "dense3")
        return tuple((name, self.get_submodule(name)) for name in names)

    def _start(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv3d | nn.Linear):
                # He et al. (2015): eleven layers of torch's default would let signals fade.
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                nn.init.zeros_(module.bias)  # type: ignore[arg-type]
        # Scores begin near zero, so that the first loss is that of not knowing.
        nn.init.normal_(self.dense3.weight, std=0.01)


class ConvReLU(nn.Conv3d):
    """A convolution of 3 x 3 x 3 that keeps the size, and its rectifier."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__(before, after, 3, padding=1)

    def forward(self, values: Float[Tensor, "b c d h w"]) -> Float[Tensor, "b k d h w"]:
        """The filters' answers, 0 where they are negative."""
        return nn.functional.relu(super().forward(values), inplace=True)


class DenseReLU(nn.Linear):
    """A dense layer and its rectifier."""

    def forward(self, values: Float[Tensor, "b c"]) -> Float[Tensor, "b k"]:
        """The units' answers, 0 where they are negative."""
        return nn.functional.relu(super().forward(values), inplace=True)


def _branch(blocks: Sequence[Sequence[int]], num_bands: int, ceiling: bool) -> nn.Sequential:
    layers = nn.Sequential()
    # Bands become the depth of a cube of one channel.
    layers.add_module("cube", nn.Unflatten(1, (1, num_bands)))
    before, num_convs = 1, 0
    for index, block in enumerate(blocks, 1):
        for filters in block:
            num_convs += 1
            layers.add_module(f"conv{num_convs}", ConvReLU(before, filters))
            before = filters
        if index < len(blocks):
            layers.add_module(f"pool{index}", nn.MaxPool3d(2, ceil_mode=ceiling))
            layers.add_module(f"norm{index}", nn.BatchNorm3d(before))
    layers.add_module("flatten", nn.Flatten())
    return layers


def _through(layers: Sequence[Named], values: Tensor) -> Tensor:
    return reduce(lambda given, layer: layer[1](given), layers, values)


def _scaled(filters: int, width: float) -> int:
    return max(1, round(filters * width))


def _shape(name: str, num_bands: int, px: int, num_pools: int, ceiling: bool) -> tuple[int, int]:
    """Depth and edge of what the pools leave of a view."""
    sizes = [num_bands, px]
    for _ in range(num_pools):
        sizes = [-(-size // 2) if ceiling else size // 2 for size in sizes]
    if min(sizes) < 1:
        least = 1 if ceiling else 2**num_pools
        raise ConfigError(
            f"patches of {px} x {px} pixels and {num_bands} bands for the branch {name} with {num_pools} pools",
            f"at least {least} x {least} pixels and {least} bands",
            f"cut patches of {least} pixels or more" if ceiling else "take larger patches, or set ceiling to true",
        )
    return sizes[0], sizes[1]

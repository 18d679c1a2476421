"""Tiny networks that can be split, with what a split must not change: batch norm, dropout, unequal branches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

CLASSES = 4


class TwoViews(nn.Module):
    """Two branches of convolutions with batch norm, and a trunk that begins with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.hsi = _branch(6, (4, 5))
        self.rgb = _branch(3, (3,))
        self.dropout = nn.Dropout(0.5)
        self.dense1 = nn.Linear(5 * 16 + 3 * 16, 8)
        self.dense2 = nn.Linear(8, CLASSES)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        joined = self.merge([self.hsi(first), self.rgb(second)])
        scores: Tensor = self.dense2(self.dense1(self.dropout(joined)))
        return scores

    def branches(self) -> dict[str, Sequence[tuple[str, nn.Module]]]:
        return {"hsi": tuple(self.hsi.named_children()), "rgb": tuple(self.rgb.named_children())}

    def merge(self, parts: Sequence[Tensor]) -> Tensor:
        return torch.cat(list(parts), 1)

    def trunk(self) -> Sequence[tuple[str, nn.Module]]:
        return (("dropout", self.dropout), ("dense1", self.dense1), ("dense2", self.dense2))


class Chain(nn.Module):
    """One chain of layers."""

    def __init__(self) -> None:
        super().__init__()
        self.body = _branch(6, (4, 5))
        self.dense = nn.Linear(5 * 16, CLASSES)

    def forward(self, values: Tensor) -> Tensor:
        scores: Tensor = self.dense(self.body(values))
        return scores

    def stages(self) -> Sequence[tuple[str, nn.Module]]:
        return (*self.body.named_children(), ("dense", self.dense))


def views(num: int, seed: int = 0) -> dict[str, Tensor]:
    """Patches of 4 x 4 pixels by branch."""
    random = torch.Generator().manual_seed(seed)
    return {"hsi": torch.randn(num, 6, 4, 4, generator=random), "rgb": torch.randn(num, 3, 4, 4, generator=random)}


def _branch(bands: int, filters: Sequence[int]) -> nn.Sequential:
    layers = nn.Sequential()
    for index, num in enumerate(filters, 1):
        layers.add_module(f"conv{index}", nn.Conv2d(bands, num, 3, padding=1))
        layers.add_module(f"norm{index}", nn.BatchNorm2d(num))
        bands = num
    layers.add_module("flatten", nn.Flatten())
    return layers

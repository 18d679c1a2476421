"""Physical values of bands made comparable: subtract the mean, divide by the standard deviation, zero where invalid."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn


class Normalise(nn.Module):
    """Normalises batches by the statistics that a card carries.

    Args:
        mean: Mean of every band, in its unit.
        std: Standard deviation of every band, above 0.
    """

    mean: Tensor
    std: Tensor

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        # Buffers, not weights: they come from the card and are not learnt.
        self.register_buffer("mean", torch.tensor(list(mean), dtype=torch.float32)[:, None, None])
        self.register_buffer("std", torch.tensor(list(std), dtype=torch.float32)[:, None, None])

    def forward(
        self, values: Float[Tensor, "b c h w"], valid: Bool[Tensor, "b h w"] | None = None
    ) -> Float[Tensor, "b c h w"]:
        """(value - mean) / std per band; exactly 0, the mean, where `valid` is False, whatever the value is there."""
        scaled = (values - self.mean).div_(self.std)
        # Chosen, not multiplied: NaN times 0 would stay NaN.
        return scaled if valid is None else torch.where(valid[:, None], scaled, scaled.new_zeros(()))

"""Dates of a series inside networks: those that are not valid leave no trace, and days as waves."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor


def known(values: Float[Tensor, "b t c"], valid: Bool[Tensor, "b t"]) -> Float[Tensor, "b t c"]:
    """The values where valid, else exactly 0, whatever stands there."""
    # Chosen, not multiplied: NaN times 0 would stay NaN.
    return torch.where(valid[..., None], values, values.new_zeros(()))


def mean(x: Float[Tensor, "b t d"], valid: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
    """The mean over the valid dates of each series; 0 where there is none."""
    num = valid.sum(1, keepdim=True).clamp(min=1)
    return known(x, valid).sum(1) / num


def usable(valid: Bool[Tensor, "b t"]) -> Bool[Tensor, "b t"]:
    """The valid dates, and the first date of a series without any: attention over nothing would be NaN."""
    first = valid[:, :1] | ~valid.any(1, keepdim=True)
    return torch.cat([first, valid[:, 1:]], 1)


def waves(days: Float[Tensor, "b t"], width: int, longest: float = 1000.0) -> Float[Tensor, "b t {width}"]:
    """Sines and cosines of days, of wave lengths from 2 pi days to 2 pi `longest` days.

    Vaswani et al. 2017, section 3.5, with days in the place of positions and 1,000 in that of 10,000, as Garnot and
    Landrieu 2020 have it for series of satellite images.
    """
    num = (width + 1) // 2
    exponents = torch.arange(num, device=days.device, dtype=torch.float32) / num
    angles = days[..., None].float() / longest**exponents
    return torch.stack([angles.sin(), angles.cos()], -1).flatten(-2)[..., :width]


def normalised(
    values: Float[Tensor, "b t c"], valid: Bool[Tensor, "b t"], mean: Float[Tensor, " c"], std: Float[Tensor, " c"]
) -> Float[Tensor, "b t c"]:
    """(value - mean) / std of each band; exactly 0, the mean, where not valid."""
    return known((values - mean) / std, valid)

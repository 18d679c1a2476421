"""DSen2: coarse bands at the pixel size of the finest, learnt from what the finest show (Lanaras et al. 2018)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

_SCALING = 0.1


class DSen2(nn.Module):
    """What bilinear interpolation of the coarse bands lacks, told from all bands together.

    Lanaras et al. (2018, ISPRS Journal of Photogrammetry and Remote Sensing 146, 305-319), figures 3 and 4: a
    convolution, `depth` blocks without batch norm whose output is scaled by 0.1, a convolution, and the interpolated
    bands added. The defaults are the paper's DSen2; depth 32 with width 256 is its VDSen2. Fresh networks give the
    interpolated bands themselves, because the last convolution begins at zero.

    Args:
        num_bands: Channels of the input; the last `num_out` of them are the interpolated bands.
        num_out: Channels of the output.
        width: Channels inside.
        depth: Number of residual blocks.
    """

    def __init__(self, num_bands: int, num_out: int, width: int = 128, depth: int = 6) -> None:
        super().__init__()
        if num_out > num_bands:
            raise ValueError(f"{num_out} bands out of {num_bands}")
        self.num_out = num_out
        self.head = nn.Conv2d(num_bands, width, 3, padding=1)
        self.blocks = nn.Sequential(*(_Block(width) for _ in range(depth)))
        self.tail = nn.Conv2d(width, num_out, 3, padding=1)
        # He et al. 2015, as the authors' own program; biases at zero.
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):
                nn.init.kaiming_uniform_(layer.weight, nonlinearity="relu")
                nn.init.zeros_(layer.bias)  # type: ignore[arg-type]
        nn.init.zeros_(self.tail.weight)

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """The coarse bands with what they lacked, in the unit of `values`.

        Args:
            values: All bands on the finest grid, coarse ones interpolated, those to sharpen last.
        """
        features = nn.functional.relu(self.head(values))
        told: Tensor = self.tail(self.blocks(features))
        return values[:, -self.num_out :] + told


class _Block(nn.Module):
    """Two convolutions whose output, scaled, is added to the input (Lim et al. 2017)."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(width, width, 3, padding=1)
        self.second = nn.Conv2d(width, width, 3, padding=1)

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h w"]:
        """The input with a tenth of what the convolutions make of it."""
        return torch.add(values, self.second(nn.functional.relu(self.first(values))), alpha=_SCALING)

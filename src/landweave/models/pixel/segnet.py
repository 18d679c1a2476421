"""SegNet: labels of pixels, features raised to the very pixels that they came from (Badrinarayanan et al. 2017)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

_TIMES = (1, 2, 4, 8, 8)


class SegNet(nn.Module):
    """The thirteen convolutions of VGG-16, and the same backwards; the decoder puts values where maxima stood.

    With the default arguments, 3 bands and 1 class it has 29,443,073 weights, the number in Table II of Lunga et al.
    (2019). Its stride is 2 ** len(counts).

    Args:
        num_bands: Channels of the input.
        num_classes: Channels of the output.
        width: Channels at the finest scale; they double three times.
        counts: Convolutions of each scale, at most five scales.
        dropout: Share of the coarsest features that training leaves out.
    """

    def __init__(
        self,
        num_bands: int,
        num_classes: int,
        width: int = 64,
        counts: Sequence[int] = (2, 2, 3, 3, 3),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        if not 0 < len(counts) <= len(_TIMES) or min(counts) < 1:
            raise ValueError(f"counts {list(counts)}, where one to five scales have a convolution each")
        widths = [width * times for times in _TIMES[: len(counts)]]
        self.stride = 2 ** len(counts)
        self.encoder = nn.ModuleList(
            _convolutions([before, *[after] * count])
            for before, after, count in zip([num_bands, *widths], widths, counts, strict=False)
        )
        self.dropout = nn.Dropout2d(dropout)
        self.decoder = nn.ModuleList(
            _convolutions([*[widths[level]] * count, widths[level - 1]]) if level else _convolutions([width] * count)
            for level, count in reversed(list(enumerate(counts)))
        )
        # A 1x1 convolution in place of the last 3x3 one: so the published number comes out.
        self.head = nn.Conv2d(width, num_classes, 1)

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Scores of every class at every pixel; a grid that is no multiple of the stride is extended by zeros."""
        height, width = values.shape[-2:]
        features = nn.functional.pad(values, (0, -width % self.stride, 0, -height % self.stride))
        places: list[Tensor] = []
        for block in self.encoder:
            features, found = nn.functional.max_pool2d(block(features), 2, return_indices=True)
            places.append(found)
        features = self.dropout(features)
        for block in self.decoder:
            features = block(_put(features, places.pop()))
        scores: Tensor = self.head(features)
        return scores[..., :height, :width]


def _put(features: Float[Tensor, "b d h w"], places: Int64[Tensor, "b d h w"]) -> Float[Tensor, "b d h2 w2"]:
    """Each value at the one of its four pixels that `places` (counted row by row) names, 0 at the other three."""
    height, width = 2 * features.shape[-2], 2 * features.shape[-1]
    every = torch.arange(height * width, device=features.device).view(height, width)
    kept = _repeated(places) == every
    # Not max_unpool2d: here NaN times 0 stays NaN, so that the sight that is found holds all that a maximum decides.
    return _repeated(features) * kept


def _repeated(values: Tensor) -> Tensor:
    return values.repeat_interleave(2, -1).repeat_interleave(2, -2)


def _convolutions(widths: Sequence[int]) -> nn.Sequential:
    # With biases that do nothing before a batch norm, as in U-Net: the published number of weights has them.
    return nn.Sequential(
        *(
            layer
            for before, after in itertools.pairwise(widths)
            for layer in (nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(inplace=True))
        )
    )

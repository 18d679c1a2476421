"""U-Net: labels of pixels from features at several scales (Ronneberger et al. 2015)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class UNet(nn.Module):
    """An encoder that halves the grid `depth` times and a decoder that comes back with what each scale had seen.

    With the default arguments, 3 bands and 1 class it has 13,395,329 weights, the number in Table II of Lunga et al.
    (2019). Its stride is 2**depth. The decoder repeats pixels where others interpolate, which does not widen what a
    pixel sees: at depth 4 a core that is aligned to 16 pixels sees 94 pixels beyond its edge.

    Args:
        num_bands: Channels of the input.
        num_classes: Channels of the output.
        width: Channels at the finest scale; they double at each coarser one, but for the coarsest.
        depth: How often the grid is halved.
        dropout: Share of the coarsest features that training leaves out.
    """

    def __init__(self, num_bands: int, num_classes: int, width: int = 64, depth: int = 4, dropout: float = 0.0) -> None:
        super().__init__()
        # The coarsest scale is not doubled: that would be half of all weights, and the published count is without.
        widths = [width * 2 ** min(level, depth - 1) for level in range(depth + 1)]
        self.stride = 2**depth
        self.encoder = nn.ModuleList(
            _two_convolutions(before, after) for before, after in zip([num_bands, *widths], widths, strict=False)
        )
        self.dropout = nn.Dropout2d(dropout)
        # Each block of the decoder ends with the channels of the next finer scale, so that skip and raised are alike.
        after_up = [widths[max(level - 1, 0)] for level in range(depth)]
        from_below = [*after_up[1:], widths[depth]]
        self.decoder = nn.ModuleList(
            _two_convolutions(from_below[level] + widths[level], after_up[level]) for level in reversed(range(depth))
        )
        self.head = nn.Conv2d(width, num_classes, 1)

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Scores of every class at every pixel.

        A grid that is no multiple of the stride is extended by zeros at its bottom and right, as a mapping job does,
        and the scores are cut back.
        """
        height, width = values.shape[-2:]
        features = self._extended(values)
        seen: list[Tensor] = []
        for level, block in enumerate(self.encoder):
            features = block(nn.functional.max_pool2d(features, 2) if level else features)
            seen.append(features)
        features = self.dropout(seen.pop())
        for block in self.decoder:
            features = beside(seen.pop(), features)
            # Layer by layer, and no name for what is done with: at the finest scale each is hundreds of megabytes.
            for layer in block:  # type: ignore[attr-defined]
                features = layer(features)
        scores: Tensor = self.head(features)
        return scores[..., :height, :width]

    def encode(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Features at the coarsest scale, from which the decoder comes back."""
        features = self._extended(values)
        for level, block in enumerate(self.encoder):
            features = block(nn.functional.max_pool2d(features, 2) if level else features)
        return features

    def _extended(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b c h2 w2"]:
        height, width = values.shape[-2:]
        # Zero is the mean of normalised bands: the least surprising thing to see beyond an edge.
        return nn.functional.pad(values, (0, -width % self.stride, 0, -height % self.stride))


def beside(skip: Float[Tensor, "b s h w"], coarse: Float[Tensor, "b c h2 w2"]) -> Float[Tensor, "b d h w"]:
    """The channels of `skip`, and behind them those of a grid half as fine, each pixel of which becomes four.

    Pixels are repeated: interpolating would look one coarse pixel further at every scale (docs/methods/sight.md).
    """
    if torch.is_grad_enabled():
        return torch.cat([skip, nn.functional.interpolate(coarse, scale_factor=2.0, mode="nearest")], dim=1)
    # Straight to where they are read next: half the time, and a quarter less memory at the finest scale.
    (batch, first, height, width), second = skip.shape, coarse.shape[1]
    is_last = skip.is_contiguous(memory_format=torch.channels_last)
    order = torch.channels_last if is_last else torch.contiguous_format
    joined = torch.empty(
        batch, first + second, height, width, dtype=skip.dtype, device=skip.device, memory_format=order
    )
    joined[:, :first] = skip
    quads = joined[:, first:].unflatten(3, (-1, 2)).unflatten(2, (-1, 2))  # type: ignore[no-untyped-call]
    quads[:] = coarse[:, :, :, None, :, None]
    return joined


def _two_convolutions(before: int, after: int) -> nn.Sequential:
    # The biases do nothing before a batch norm; they stay because the published count of weights has them.
    return nn.Sequential(
        nn.Conv2d(before, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
        nn.Conv2d(after, after, 3, padding=1),
        nn.BatchNorm2d(after),
        nn.ReLU(inplace=True),
    )

"""DeepLab: labels of pixels from dilated convolutions that look at several distances (Chen et al. 2018, version 2)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn

from landweave.models.patch.resnet import Bottleneck, ResNet

_STRIDE = 8


class DeepLab(ResNet):
    """The trunk of a ResNet-101 whose last two stages are dilated, and scores by four dilated convolutions, added up.

    One size of the image, without the fusion of several (the paper's MSC), and without a random field after it. Names
    of the trunk's weights are those of torchvision. With 3 bands and 1 class it has 42,573,892 weights;
    docs/methods/models.md explains the 42,542,280 of Table II of Lunga et al. (2019). It sees farther than sight.py
    looks: maps by it are blended.

    Args:
        num_bands: Channels of the input.
        num_classes: Channels of the output.
        width: Channels of the first stage; 64 in the paper.
        blocks: How many residual blocks each stage has; those of ResNet-101.
        rates: How far the convolutions of the scores look, in pixels of stride 8.
        dropout: Share of the coarsest features that training leaves out.
    """

    def __init__(
        self,
        num_bands: int,
        num_classes: int,
        *,
        width: int = 64,
        blocks: tuple[int, int, int, int] = (3, 4, 23, 3),
        rates: Sequence[int] = (6, 12, 18, 24),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(num_bands, num_classes, Bottleneck, blocks, width=width)
        del self.fc, self.avgpool
        _dilate(self.layer3, 2)
        _dilate(self.layer4, 4)
        self.dropout = nn.Dropout2d(dropout)  # type: ignore[assignment]
        before = 8 * width * Bottleneck.expansion
        # After the trunk, whose first weights would make scores of hundreds.
        self.heads = nn.ModuleList(nn.Conv2d(before, num_classes, 3, padding=rate, dilation=rate) for rate in rates)

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Scores of every class at every pixel; a grid that is no multiple of 8 is extended by zeros, then cut."""
        height, width = values.shape[-2:]
        padded = nn.functional.pad(values, (0, -width % _STRIDE, 0, -height % _STRIDE))
        features = self.maxpool(self.relu(self.bn1(self.conv1(padded))))
        features = self.dropout(self.layer4(self.layer3(self.layer2(self.layer1(features)))))
        scores = torch.stack([head(features) for head in self.heads]).sum(0)
        raised: Tensor = nn.functional.interpolate(scores, scale_factor=float(_STRIDE), mode="bilinear")
        return raised[..., :height, :width]


def _dilate(stage: nn.Sequential, rate: int) -> None:
    """Let a stage keep the grid and look `rate` pixels far instead."""
    for module in stage.modules():
        if isinstance(module, nn.Conv2d):
            module.stride = (1, 1)
            if module.kernel_size == (3, 3):
                module.dilation = module.padding = (rate, rate)

"""FCN on a ResNet-50: labels of pixels from the scores of three scales, added up (Long et al. 2015)."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn

from landweave.models.patch.resnet import Bottleneck, ResNet

_STRIDE = 32


class FCN(ResNet):
    """The trunk of a ResNet, whose strides 8, 16 and 32 are scored each by itself, FCN-8s.

    Names of the trunk's weights are those of torchvision, so that its files fit. With 3 bands and 1 class it has
    23,511,619 weights; docs/methods/models.md explains the 23,541,769 of Table II of Lunga et al. (2019). Scores come
    up by bilinear interpolation, as the paper's deconvolutions begin.

    Args:
        num_bands: Channels of the input.
        num_classes: Channels of the output.
        width: Channels of the first stage; 64 in the paper.
        blocks: How many residual blocks each stage has; those of ResNet-50.
        dropout: Share of the coarsest features that training leaves out.
    """

    def __init__(
        self,
        num_bands: int,
        num_classes: int,
        width: int = 64,
        blocks: tuple[int, int, int, int] = (3, 4, 6, 3),
        dropout: float = 0.0,
    ) -> None:
        super().__init__(num_bands, num_classes, Bottleneck, blocks, width=width)
        del self.fc, self.avgpool
        self.dropout = nn.Dropout2d(dropout)  # type: ignore[assignment]
        # From the coarsest; torch's own first weights, because the trunk's would make scores of hundreds.
        before = [times * width * Bottleneck.expansion for times in (8, 4, 2)]
        self.heads = nn.ModuleList(nn.Conv2d(channels, num_classes, 1) for channels in before)

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Scores of every class at every pixel; a grid that is no multiple of 32 is extended by zeros, then cut."""
        height, width = values.shape[-2:]
        padded = nn.functional.pad(values, (0, -width % _STRIDE, 0, -height % _STRIDE))
        features = self.layer1(self.maxpool(self.relu(self.bn1(self.conv1(padded)))))
        seen = [features := layer(features) for layer in (self.layer2, self.layer3, self.layer4)]
        seen[-1] = self.dropout(seen[-1])
        scores: Tensor = self.heads[0](seen.pop())
        for head in self.heads[1:]:
            scores = _raised(scores, 2) + head(seen.pop())
        return _raised(scores, 8)[..., :height, :width]


def _raised(scores: Float[Tensor, "b k h w"], times: int) -> Float[Tensor, "b k h2 w2"]:
    raised: Tensor = torch.nn.functional.interpolate(scores, scale_factor=float(times), mode="bilinear")
    return raised

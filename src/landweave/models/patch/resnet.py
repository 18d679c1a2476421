"""ResNet: labels of patches (He et al. 2016). Names of weights are those of torchvision, so that its files fit."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from jaxtyping import Float
from torch import Tensor, nn


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a way around them."""

    expansion = 1

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(before, width, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.downsample = _way_around(before, width, stride)

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Features after the block."""
        inner = self.relu(self.bn1(self.conv1(values)))
        inner = self.bn2(self.conv2(inner))
        out: Tensor = self.relu(inner + (values if self.downsample is None else self.downsample(values)))
        return out


class Bottleneck(nn.Module):
    """1x1, 3x3 and 1x1 convolutions and a way around them; the stride stands at the 3x3, as in torchvision."""

    expansion = 4

    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        after = width * self.expansion
        self.conv1 = nn.Conv2d(before, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        # Not at the first 1x1 convolution, which would throw three of four pixels away unseen.
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, after, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(after)
        self.relu = nn.ReLU(inplace=True)
        self.downsample = _way_around(before, after, stride)

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Features after the block."""
        inner = self.relu(self.bn1(self.conv1(values)))
        inner = self.relu(self.bn2(self.conv2(inner)))
        inner = self.bn3(self.conv3(inner))
        out: Tensor = self.relu(inner + (values if self.downsample is None else self.downsample(values)))
        return out


class NativeStem(nn.Module):
    """A first convolution for each pixel size, each on the bands' own pixels; their features are joined.

    Coarse bands come with their pixels repeated to the finest size; taking every so-many-th one gives back exactly
    what was stored, so that no interpolation stands before the network.

    Args:
        ratios: How many finest pixels one pixel of each band is wide.
        width: Channels of all features together; each pixel size gets its share by the number of its bands.
    """

    def __init__(self, ratios: Sequence[int], width: int) -> None:
        super().__init__()
        sizes = sorted(set(ratios))
        self._bands = {ratio: [band for band, other in enumerate(ratios) if other == ratio] for ratio in sizes}
        shares = {ratio: max(1, width * len(self._bands[ratio]) // len(ratios)) for ratio in sizes}
        # What rounding leaves goes to the finest, which has most to tell.
        shares[sizes[0]] += width - sum(shares.values())
        # The finest pixels are halved as in the paper; coarser ones are few enough as they are.
        self.convs = nn.ModuleDict(
            {
                str(ratio): nn.Conv2d(len(bands), shares[ratio], *((7, 2, 3) if ratio == 1 else (3, 1, 1)), bias=False)
                for ratio, bands in self._bands.items()
            }
        )

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Features at half the finest size."""
        size = (values.shape[-2] + 1) // 2, (values.shape[-1] + 1) // 2
        made = []
        for ratio, bands in self._bands.items():
            features = self.convs[str(ratio)](values[:, bands, ::ratio, ::ratio])
            fits = features.shape[-2:] == size
            made.append(features if fits else nn.functional.interpolate(features, size, mode="bilinear"))
        return torch.cat(made, 1)


class ResNet(nn.Module):
    """Scores of a whole patch, from its features' mean: it has no finite sight.

    Args:
        num_bands: Channels of the input.
        num_classes: Length of the output.
        block: The residual block.
        counts: How many blocks each of the four stages has.
        width: Channels of the first stage; 64 in the paper.
        dropout: Share of the features that are dropped before the last layer, in training.
        ratios: How many finest pixels one pixel of each band is wide, for a stem at native resolution; empty for one
            convolution over all bands, as in the paper.

    Raises:
        ValueError: There is not one ratio of at least 1 for each band.
    """

    def __init__(
        self,
        num_bands: int,
        num_classes: int,
        block: type[BasicBlock | Bottleneck],
        counts: tuple[int, int, int, int],
        *,
        width: int = 64,
        dropout: float = 0.0,
        ratios: Sequence[int] = (),
    ) -> None:
        super().__init__()
        if ratios and (len(ratios) != num_bands or min(ratios) < 1):
            raise ValueError(f"ratios {list(ratios)} for {num_bands} bands")
        self.conv1 = NativeStem(ratios, width) if ratios else nn.Conv2d(num_bands, width, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.relu = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        grow = block.expansion
        self.layer1 = _stage(block, width, width, counts[0], stride=1)
        self.layer2 = _stage(block, width * grow, 2 * width, counts[1], stride=2)
        self.layer3 = _stage(block, 2 * width * grow, 4 * width, counts[2], stride=2)
        self.layer4 = _stage(block, 4 * width * grow, 8 * width, counts[3], stride=2)
        # Any size of patch comes down to one pixel, which is why there is no finite sight.
        self.avgpool = nn.AdaptiveAvgPool2d(1)
        # It has no weights, so that names stay those of torchvision.
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(8 * width * grow, num_classes)
        self._start()

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Scores of every class for every patch."""
        scores: Tensor = self.fc(self.dropout(self.avgpool(self.encode(values)).flatten(1)))
        return scores

    def encode(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Features at the coarsest scale, before their mean is taken."""
        features = self.maxpool(self.relu(self.bn1(self.conv1(values))))
        features = self.layer4(self.layer3(self.layer2(self.layer1(features))))
        return torch.as_tensor(features)

    def stages(self) -> Sequence[tuple[str, nn.Module]]:
        """The layers in order, each a module that takes and gives one tensor; a residual block is one layer."""
        stem = tuple((name, self.get_submodule(name)) for name in ("conv1", "bn1", "relu", "maxpool"))
        names = ("layer1", "layer2", "layer3", "layer4")
        blocks = tuple((f"{name}.{index}", block) for name in names for index, block in self._blocks(name))
        ends = (("avgpool", self.avgpool), ("flatten", nn.Flatten()), ("dropout", self.dropout), ("fc", self.fc))
        return (*stem, *blocks, *ends)

    def _blocks(self, name: str) -> Sequence[tuple[str, nn.Module]]:
        return tuple(self.get_submodule(name).named_children())

    def _start(self) -> None:
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                # As torchvision starts them; torch's own default lets signals fade over fifty layers.
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")


def resnet18(
    num_bands: int, num_classes: int, *, width: int = 64, dropout: float = 0.0, ratios: Sequence[int] = ()
) -> ResNet:
    """ResNet-18; with 3 bands and 1000 classes 11,689,512 weights."""
    return ResNet(num_bands, num_classes, BasicBlock, (2, 2, 2, 2), width=width, dropout=dropout, ratios=ratios)


def resnet50(
    num_bands: int, num_classes: int, *, width: int = 64, dropout: float = 0.0, ratios: Sequence[int] = ()
) -> ResNet:
    """ResNet-50; with 3 bands and 1000 classes 25,557,032 weights."""
    return ResNet(num_bands, num_classes, Bottleneck, (3, 4, 6, 3), width=width, dropout=dropout, ratios=ratios)


def _stage(block: type[BasicBlock | Bottleneck], before: int, width: int, count: int, stride: int) -> nn.Sequential:
    after = width * block.expansion
    return nn.Sequential(block(before, width, stride), *(block(after, width, 1) for _ in range(count - 1)))


def _way_around(before: int, after: int, stride: int) -> nn.Sequential | None:
    # Nothing to adapt: the values themselves are the way around.
    if before == after and stride == 1:
        return None
    return nn.Sequential(nn.Conv2d(before, after, 1, stride, bias=False), nn.BatchNorm2d(after))

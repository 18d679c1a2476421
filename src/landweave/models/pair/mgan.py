"""MGAN: bands of one sensor as another sees them, and the network that tells both apart (Sedona et al. 2021)."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from fractions import Fraction

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

from landweave.errors import ConfigError, GridError

# Of leaky units, as in pix2pix (Isola et al. 2017), which both networks are built upon.
_SLOPE = 0.2


class Generator(nn.Module):
    """A U-Net that takes bands of several pixel sizes, each at its own, and gives the bands of the other sensor.

    Every pixel size has one entry convolution that brings its bands to the output's pixels: it strides over p input
    pixels for every q x q output pixels, where p / q is the ratio of the sizes (3 / 1 from 10 to 30 m, 3 / 2 from 20 to
    30 m), so that both see the same ground without interpolation. Their results are joined; then the grid is halved
    `depth` times by convolutions of 4 x 4 and comes back by transposed ones, beside what each scale had seen. Nothing
    is normalised inside, so that what a pixel becomes depends on its surroundings alone, not on the patch.

    Values are normalised on both sides. With `residual` the network tells what is to be added to the mean of its input
    over each output pixel, band by band in order; the published network has no such path.

    Args:
        num_bands: Channels of all inputs together.
        num_classes: Bands of the output.
        input_sizes_m: Pixel size of each input band; rising.
        output_size_m: Pixel size of the output.
        width: Channels at the output's pixels; they double at each coarser scale up to eight times as many.
        depth: How often the grid is halved; the stride is 2**depth output pixels.
        dropout: Share of the channels that training leaves out, behind all scales but the finest.
        residual: Whether the input is added to the output.

    Raises:
        ConfigError: The numbers make no network.
    """

    def __init__(
        self,
        num_bands: int,
        num_classes: int,
        *,
        input_sizes_m: Sequence[float],
        output_size_m: float = 30.0,
        width: int = 64,
        depth: int = 4,
        dropout: float = 0.0,
        residual: bool = True,
    ) -> None:
        super().__init__()
        _check(num_bands, num_classes, input_sizes_m, residual)
        self.sizes_m = tuple(sorted(set(input_sizes_m)))
        self.counts = tuple(list(input_sizes_m).count(size) for size in self.sizes_m)
        self.ratios = tuple(_ratio(size, output_size_m) for size in self.sizes_m)
        self.stride, self.residual = 2**depth, residual
        # Channels of the entries add up to the width, by and large as bands of each size do.
        shares = [max(1, round(width * count / num_bands)) for count in self.counts[:-1]]
        entering = [*shares, max(1, width - sum(shares))]
        self.entries = nn.ModuleList(
            _entry(count, channels, ratio)
            for count, channels, ratio in zip(self.counts, entering, self.ratios, strict=True)
        )
        widths = [sum(entering), *(width * 2 ** min(level, 3) for level in range(1, depth + 1))]
        self.encoder = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 4, 2, 1), nn.LeakyReLU(_SLOPE))
            for before, after in itertools.pairwise(widths)
        )
        # What comes from below is joined with what the scale had seen, but at the coarsest.
        self.decoder = nn.ModuleList(
            nn.Sequential(
                nn.Dropout2d(dropout),
                nn.ConvTranspose2d(widths[level + 1] * (1 if level + 1 == depth else 2), widths[level], 4, 2, 1),
                nn.ReLU(),
            )
            for level in reversed(range(depth))
        )
        joined = widths[0] * (2 if depth else 1)
        self.head = nn.Sequential(nn.Conv2d(joined, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, num_classes, 1))
        self.apply(glorot)

    def forward(self, *views: Float[Tensor, "b _ _ _"]) -> Float[Tensor, "b k h w"]:
        """The output's bands from views of every pixel size, from the finest to the coarsest, all of the same ground.

        A grid that is no multiple of the stride is extended by zeros at its bottom and right, and cut back.

        Raises:
            GridError: The views are not of the same ground, or not of whole output pixels.
        """
        height, width = self._shape(views)
        entered = torch.cat([entry(view) for entry, view in zip(self.entries, views, strict=True)], dim=1)
        features = nn.functional.pad(entered, (0, -width % self.stride, 0, -height % self.stride))
        seen = [features]
        for block in self.encoder:
            seen.append(block(seen[-1]))
        features = seen.pop()
        for block in self.decoder:
            features = torch.cat([seen.pop(), block(features)], dim=1)
        told: Tensor = self.head(features)[..., :height, :width]
        return told + on_output(views, self.ratios) if self.residual else told

    def _shape(self, views: Sequence[Tensor]) -> tuple[int, int]:
        """Rows and columns of the output."""
        shapes = [tuple(view.shape[-2:]) for view in views]
        found = {
            tuple(Fraction(edge) / ratio for edge in shape) for shape, ratio in zip(shapes, self.ratios, strict=False)
        }
        whole = all(edge.denominator == 1 for shape in found for edge in shape)
        if len(views) != len(self.sizes_m) or len(found) != 1 or not whole:
            raise GridError(
                f"views of {shapes} pixels",
                f"views of {', '.join(f'{size:g}' for size in self.sizes_m)} m, all of the same whole output pixels",
                "cut all views of a patch on the same ground, with an even number of output pixels",
            )
        height, width = next(iter(found))
        return int(height), int(width)


class Discriminator(nn.Module):
    """PatchGAN (Isola et al. 2017): a number for each part of an image, high where it looks measured.

    The first convolution has no normalisation behind it; the others are followed by instance norm, and the convolution
    that takes what an instance norm gives has a spectral norm of 1 (Miyato et al. 2018), so that one is right after the
    other.

    Args:
        num_bands: Bands of the images.
        width: Channels of the first convolution; they double at each further one up to eight times as many.
        depth: How often the grid is halved; with 3 each number sees 70 x 70 pixels.
    """

    def __init__(self, num_bands: int, width: int = 64, depth: int = 3) -> None:
        super().__init__()
        widths = [width * 2 ** min(level, 3) for level in range(depth + 1)]
        layers: list[nn.Module] = [nn.Conv2d(num_bands, width, 4, 2, 1), nn.LeakyReLU(_SLOPE)]
        for level, (before, after) in enumerate(itertools.pairwise(widths), 1):
            layer = nn.Conv2d(before, after, 4, 2 if level < depth else 1, 1, bias=False)
            layers += [layer, nn.InstanceNorm2d(after, affine=True), nn.LeakyReLU(_SLOPE)]
        layers.append(nn.Conv2d(widths[-1], 1, 4, 1, 1))
        self.layers = nn.Sequential(*layers)
        self.apply(glorot)
        for module in [layer for layer in layers if isinstance(layer, nn.Conv2d)][2:]:
            spectral_norm(module)

    def forward(self, images: Float[Tensor, "b c h w"]) -> Float[Tensor, "b 1 h2 w2"]:
        """How much each part of the images looks measured: a number without bounds."""
        told: Tensor = self.layers(images)
        return told


class OnOutputPixels(nn.Module):
    """A generator that takes all its bands on the output's pixels, for finding its sight with `find_sight`.

    Args:
        generator: Whose sight is asked for.
    """

    def __init__(self, generator: Generator) -> None:
        super().__init__()
        self.generator = generator

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """What the generator gives for views made of `values`: what is unknown there is unknown in every view."""
        parts = torch.split(values, list(self.generator.counts), dim=1)
        views = [_resized(part, 1 / ratio) for part, ratio in zip(parts, self.generator.ratios, strict=True)]
        told: Tensor = self.generator(*views)
        return told


def on_output(views: Sequence[Float[Tensor, "b _ _ _"]], ratios: Sequence[Fraction]) -> Float[Tensor, "b c h w"]:
    """All views on the output's pixels, each of which has the mean over its area.

    Args:
        views: From the finest to the coarsest.
        ratios: Output pixel over the pixel of each view.
    """
    return torch.cat([_resized(view, ratio) for view, ratio in zip(views, ratios, strict=True)], dim=1)


def _resized(view: Float[Tensor, "b c h w"], ratio: Fraction) -> Float[Tensor, "b c h2 w2"]:
    """Means over areas `ratio` times as wide as a pixel: repeated `ratio.denominator` times, then averaged."""
    times, over = ratio.denominator, ratio.numerator
    fine = view.repeat_interleave(times, 2).repeat_interleave(times, 3) if times > 1 else view
    return nn.functional.avg_pool2d(fine, over) if over > 1 else fine


def glorot(module: nn.Module) -> None:
    """First weights of a convolution as Glorot and Bengio (2010) draw them, uniformly; biases of 0."""
    if isinstance(module, nn.Conv2d | nn.ConvTranspose2d):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)


def _entry(num_bands: int, channels: int, ratio: Fraction) -> nn.Sequential:
    stride, shuffled = ratio.numerator, ratio.denominator
    # Two thirds of an output pixel beyond its edge: about what the point spread of the other sensor adds.
    beyond = max(1, round(2 * ratio / 3))
    layer = nn.Conv2d(num_bands, channels * shuffled**2, stride + 2 * beyond, stride, beyond)
    return nn.Sequential(layer, nn.PixelShuffle(shuffled), nn.LeakyReLU(_SLOPE))


def _ratio(size_m: float, output_size_m: float) -> Fraction:
    found = Fraction(output_size_m / size_m).limit_denominator(8)
    if found < 1 or abs(float(found) * size_m - output_size_m) > 1e-6 * output_size_m:
        raise ConfigError(
            f"bands of {size_m:g} m for an output of {output_size_m:g} m",
            "bands that are as fine as the output or finer, by a ratio of small whole numbers",
            "leave these bands away, or take pairs whose target has coarser pixels",
        )
    return found


def _check(num_bands: int, num_classes: int, sizes_m: Sequence[float], residual: bool) -> None:
    if len(sizes_m) != num_bands or list(sizes_m) != sorted(sizes_m):
        raise ConfigError(
            f"pixel sizes {list(sizes_m)} of {num_bands} bands",
            "one for each band, rising",
            "give bands from the finest to the coarsest",
        )
    if residual and num_bands != num_classes:
        raise ConfigError(
            f"a residual generator from {num_bands} bands to {num_classes}",
            "as many bands on both sides, because each is added to its own",
            "set residual to false in [generator] of the recipe, or name as many bands on both sides",
        )

"""How far a network sees: its stride and the reach of its receptive field, found by asking the network itself."""

from __future__ import annotations

import copy
import math
from dataclasses import dataclass

import torch
from jaxtyping import Bool, Float64
from torch import Tensor, nn

from landweave.errors import CardError

# Thin strips are quick; networks that halve the grid more often, or by other numbers, need more rows.
_HEIGHTS_PX = (16, 32, 64, 48, 36, 60)
# Half a strip is eight heights at first, and doubled while a network sees all of it.
_FIRST_HALF, _LAST_HALF_PX = 8, 512
# Most networks halve: 64 is tried first and divided; odd strides come last.
_PERIODS_PX = (64, 48, 36, 40, 56, 50, 49, *range(1, 64, 2))
# Shifted networks differ by 1e-13 or so, others by about their output.
_SHARE_OF_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class Sight:
    """What a tile must respect so that a network sees it as it sees the whole.

    Attributes:
        stride: Shifting the input by this many pixels shifts the output, and nothing else.
        reach_px: How many pixels beyond a core that is aligned to the stride can change the core's output; None where
            every pixel can, however far.
    """

    stride: int
    reach_px: int | None

    @property
    def margin_px(self) -> int | None:
        """The narrowest margin that is a multiple of the stride and at least the reach; None without finite reach."""
        return None if self.reach_px is None else math.ceil(self.reach_px / self.stride) * self.stride


def find_sight(network: nn.Module, num_bands: int) -> Sight:
    """The sight of a network that takes (b, `num_bands`, h, w), found by experiment on thin strips.

    Reach: a part of a strip is NaN, and NaN spreads to every output that has anything to do with that part, whatever
    the weights. Stride: the smallest shift of the input that shifts the output. Both are found along both axes, on a
    copy with random weights, so that they belong to the architecture and not to what training made of it. A network
    whose output is no grid (labels of patches), that sees everything (global pooling, instance norm, attention), sees
    farther than 512 pixels or knows where it is (position encodings) has no finite reach; its stride is then 1.

    The answer is the same at every call; torch's generators are left as they are.

    Raises:
        CardError: The output is neither as large as the input nor smaller by a whole number.
    """
    probe = _fresh_copy(network)
    with torch.inference_mode():
        height = _fitting_height(probe, num_bands)
        if height is None:
            return Sight(1, None)
        along = [_Strip(probe, num_bands, height, turned).sight() for turned in (False, True)]
    reaches = [one.reach_px for one in along if one.reach_px is not None]
    return Sight(math.lcm(*(one.stride for one in along)), max(reaches)) if len(reaches) == 2 else Sight(1, None)


def _fresh_copy(network: nn.Module) -> nn.Module:
    """A copy in evaluation mode on the CPU, with random weights that no unit dies of.

    Double precision keeps it from fast convolutions that compute neighbouring pixels together and so spread NaN to
    pixels that have nothing to do with it.
    """
    probe = copy.deepcopy(network).to("cpu", torch.float64).eval()
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in probe.parameters():
            values = torch.randn(parameter.shape, generator=generator, dtype=torch.float64)
            flat = parameter.ndim < 2
            # Scaled so that signals keep their size through many layers, and normalisations stay near 1.
            parameter.copy_(1 + 0.1 * values if flat else values * math.sqrt(2 / max(parameter[0].numel(), 1)))
    return probe


def _fitting_height(probe: nn.Module, num_bands: int) -> int | None:
    """The smallest edge of a square that the network takes whole; None where its output is no grid."""
    refusal: RuntimeError | ValueError | CardError | None = None
    for height in _HEIGHTS_PX:
        try:
            scores = probe(torch.zeros(1, num_bands, height, height, dtype=torch.float64))
            if scores.ndim != 4:
                return None
            _ratio(scores, (height, height))
            return height
        except (RuntimeError, ValueError, CardError) as error:
            # The first height is the one to tell of; the others are only tried.
            refusal = refusal or error
    if isinstance(refusal, CardError):
        raise refusal
    raise CardError(f"a network that refuses squares of {_HEIGHTS_PX} pixels: {refusal}", "one that takes them", _PAD)


_PAD = "pad its convolutions, and its input to a multiple of its stride"


def _ratio(scores: Tensor, shape: tuple[int, int]) -> int:
    """How many pixels of the input one score stands for, along each axis."""
    found = tuple(scores.shape[2:])
    ratio = shape[0] // max(found[0], 1)
    if (found[0] * ratio, found[1] * ratio) != shape:
        raise CardError(
            f"a network that gives {found} scores for {shape} pixels",
            "as many scores as pixels, or fewer by one whole number along both axes",
            _PAD,
        )
    return ratio


@dataclass(frozen=True)
class _Strip:
    """Experiments along one axis: the last one, or where `turned` the one before it."""

    probe: nn.Module
    num_bands: int
    height: int
    turned: bool

    def sight(self) -> Sight:
        """The sight along this axis."""
        half = _FIRST_HALF * self.height
        while (spread := self._spread(half)) is None:
            half *= 2
            if half > _LAST_HALF_PX:
                return Sight(1, None)
        stride = self._stride(spread)
        return Sight(1, None) if stride is None else Sight(stride, self._reach(stride, spread))

    def _run(self, strip: Float64[Tensor, "1 c h w"]) -> Float64[Tensor, "k _ w"]:
        """Scores of a strip, each as wide as the pixels it stands for."""
        scores = self.probe(strip.transpose(2, 3)).transpose(2, 3) if self.turned else self.probe(strip)
        return scores[0].repeat_interleave(_ratio(scores, (strip.shape[2], strip.shape[3])), dim=2)  # type: ignore[no-any-return]

    def _touched(self, width: int, unknown: slice) -> Bool[Tensor, " w"]:
        """Which columns change with the columns `unknown`."""
        strip = torch.zeros(1, self.num_bands, self.height, width, dtype=torch.float64)
        strip[..., unknown] = math.nan
        return self._run(strip).isnan().flatten(0, 1).any(0)

    def _spread(self, half: int) -> int | None:
        """How far one half of a strip changes the other; None where it changes all of it."""
        right = self._touched(2 * half, slice(half, None))[:half]
        left = self._touched(2 * half, slice(None, half))[half:]
        if right[0] or left[-1]:
            return None
        return max(int(right.sum()), int(left.sum()))

    def _stride(self, spread: int) -> int | None:
        """The smallest shift of the input that shifts the output; None where none up to 64 does."""
        margin = math.ceil(max(2 * spread, 64) / self.height) * self.height
        width = 2 * margin + max(self.height, 64)
        width += -width % self.height
        generator = torch.Generator().manual_seed(1)
        shape = (1, self.num_bands, self.height, width + 64)
        strip = torch.randn(shape, generator=generator, dtype=torch.float64)
        whole = self._run(strip[..., :width])

        def shifts(by: int) -> bool:
            shifted = self._run(strip[..., by : by + width])
            there, here = whole[..., margin + by : width - margin + by], shifted[..., margin : width - margin]
            return bool((there - here).abs().max() <= _SHARE_OF_ROUNDING * whole.abs().max())

        # Stops at the first that works, 64 for most.
        period = next((by for by in _PERIODS_PX if shifts(by)), None)
        # All shifts that work are multiples of the smallest, so it is reached by dividing by primes while that works.
        for prime in (2, 3, 5, 7):
            while period and period % prime == 0 and shifts(period // prime):
                period //= prime
        return period

    def _reach(self, stride: int, spread: int) -> int:
        """The smallest distance from an aligned edge at which nothing changes on the other side of the edge."""
        edge = math.ceil((spread + stride) / stride) * stride
        width = 2 * edge + -2 * edge % self.height

        def is_blind(distance: int) -> bool:
            right = self._touched(width, slice(edge + distance, None))[:edge]
            left = self._touched(width, slice(None, edge - distance))[edge:]
            return not bool(right.any() or left.any())

        # A strip that is blind at one distance is blind at every larger one, so that halving finds the border.
        too_near, enough = -1, edge
        while enough - too_near > 1:
            between = (too_near + enough) // 2
            too_near, enough = (too_near, between) if is_blind(between) else (between, enough)
        return enough

"""A card of reflectance ready to use: physical values of one sensor in, those of another out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from landweave.errors import CardError
from landweave.models.card import Card
from landweave.models.normalise import Normalise
from landweave.models.pair.output import Output

Views = Mapping[float, Float[Tensor, "b _ _ _"]]
"""Values by pixel size in m: each view has the bands of its size, in the card's order."""


@dataclass(frozen=True)
class Sizes:
    """Bands by pixel size, beside the pixels of an output.

    Attributes:
        sizes_m: From the finest to the coarsest.
        places: For each, which of all bands it holds.
        output_m: Pixel size of the output, on which `valid` stands.
    """

    sizes_m: tuple[float, ...]
    places: tuple[tuple[int, ...], ...]
    output_m: float

    @classmethod
    def of(cls, output: Output) -> Sizes:
        """The sizes at which a card takes its bands."""
        sizes = tuple(sorted(set(output.input_sizes_m)))
        places = tuple(tuple(i for i, own in enumerate(output.input_sizes_m) if own == size) for size in sizes)
        return cls(sizes, places, output.pixel_size_m)

    def valid_at(self, size_m: float, valid: Bool[Tensor, "b h w"]) -> Bool[Tensor, "b h2 w2"]:
        """`valid` of output pixels on pixels of `size_m`: those that lie in valid output pixels as a whole."""
        ratio = Fraction(self.output_m / size_m).limit_denominator(8)
        fine = valid.repeat_interleave(ratio.numerator, 1).repeat_interleave(ratio.numerator, 2)
        if ratio.denominator == 1:
            return fine
        # Averaged as numbers, because no pooling takes booleans; 1 only where all are valid.
        return nn.functional.avg_pool2d(fine.float()[:, None], ratio.denominator)[:, 0] == 1


class NormaliseViews(nn.Module):
    """Normalises the views of a batch, each by the statistics of its own bands; exactly 0 where not valid.

    Args:
        sizes: Which bands have which pixel size.
        mean: Of every band.
        std: Of every band.
    """

    def __init__(self, sizes: Sizes, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.sizes = sizes
        self.each = nn.ModuleList(
            Normalise([mean[i] for i in places], [std[i] for i in places]) for places in sizes.places
        )

    def forward(self, views: Views, valid: Bool[Tensor, "b h w"] | None = None) -> list[Float[Tensor, "b _ _ _"]]:
        """The views from the finest to the coarsest.

        Args:
            views: Physical values by pixel size.
            valid: On the output's pixels; None where all are.
        """
        usable = [None if valid is None else self.sizes.valid_at(size, valid) for size in self.sizes.sizes_m]
        pairs = zip(self.each, self.sizes.sizes_m, usable, strict=True)
        return [normalise(views[size], there) for normalise, size, there in pairs]


class Harmoniser(nn.Module):
    """A generator between physical values.

    Args:
        card: Its card, of task "reflectance".
        network: Takes the card's bands as views from the finest to the coarsest, and gives its output's bands.

    Raises:
        CardError: The card has another task.
    """

    output_mean: Tensor
    output_std: Tensor

    def __init__(self, card: Card, network: nn.Module) -> None:
        super().__init__()
        if card.output is None:
            raise CardError(
                f"a card of task {card.task}",
                "a card of task reflectance, which tells what another sensor would see",
                "train one with a recipe of task harmonize",
            )
        self.card, self.network, self.sizes = card, network, Sizes.of(card.output)
        self.normalise = NormaliseViews(self.sizes, card.mean, card.std)
        self.register_buffer("output_mean", torch.tensor(card.output.mean)[:, None, None])
        self.register_buffer("output_std", torch.tensor(card.output.std)[:, None, None])

    def forward(self, views: Views, valid: Bool[Tensor, "b h w"] | None = None) -> Float[Tensor, "b k h w"]:
        """Physical values of the other sensor's bands, on its pixels; anything where not valid.

        Args:
            views: Physical values by pixel size; those of one size in the card's order.
            valid: On the output's pixels; None where all are. What is not valid is seen as the mean of its band.
        """
        return self.told(self.normalise(views, valid))

    def told(self, normalised: Sequence[Float[Tensor, "b _ _ _"]]) -> Float[Tensor, "b k h w"]:
        """The same from views that are normalised already."""
        told: Tensor = self.network(*normalised)
        return told.float() * self.output_std + self.output_mean

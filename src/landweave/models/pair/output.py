"""What a network or a regression gives that tells reflectance: bands of another sensor, and how they are normalised."""

from __future__ import annotations

from dataclasses import dataclass

from landweave.legend import LandClass, Legend
from landweave.models.pair.bands import CardBands, OtherBands


@dataclass(frozen=True)
class Output(OtherBands):
    """What comes out of a model whose card has the task "reflectance": the bands of the sensor that it looks like.

    The model gives (value - mean) / std, band by band in the order of its output channels.

    Attributes:
        input_sizes_m: The pixel size at which the model takes each of the card's bands.
    """

    input_sizes_m: tuple[float, ...]

    @property
    def sizes_m(self) -> tuple[float, ...]:
        """Every pixel size that is told."""
        return (self.pixel_size_m, *self.input_sizes_m)

    @property
    def legend(self) -> Legend:
        """The output channels as a legend: a class a band, whose name is the band's; its colours mean nothing."""
        shades = [f"#{32 * (place % 8):02x}{16 * (place // 8 % 16):02x}80" for place in range(len(self.bands))]
        entries = (LandClass(place + 1, name, shades[place]) for place, name in enumerate(self.bands))
        return Legend(f"bands of {self.sensor}", "the card's output", tuple(entries))


class CardOutput(CardBands):
    """What comes out of a model that tells reflectance: the bands of the sensor that it looks like."""

    input_sizes_m: tuple[float, ...]
    """The pixel size at which the model takes each of the card's bands."""

    def made(self) -> Output:
        """The value that this text stands for.

        Raises:
            CardError: It contradicts itself.
        """
        return Output(**self.model_dump())

"""What a network or a regression gives that tells reflectance: bands of another sensor, and how they are normalised."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from landweave.config import Config
from landweave.errors import CardError
from landweave.legend import LandClass, Legend
from landweave.sensors import Unit


@dataclass(frozen=True)
class Output:
    """What comes out of a model whose card has the task "reflectance".

    Attributes:
        sensor: Name of the sensor that the result looks like.
        bands: Names of its bands, in the order of the output channels.
        pixel_size_m: Edge of its pixels.
        unit: Unit of its values.
        mean: Mean of every band of it in the training part: the model gives (value - mean) / std.
        std: Standard deviation of every band of it in the training part.
        input_sizes_m: The pixel size at which the model takes each of the card's bands.
    """

    sensor: str
    bands: tuple[str, ...]
    pixel_size_m: float
    unit: Unit
    mean: tuple[float, ...]
    std: tuple[float, ...]
    input_sizes_m: tuple[float, ...]

    def __post_init__(self) -> None:
        num = len(self.bands)
        fits = num and len(set(self.bands)) == num == len(self.mean) == len(self.std)
        positive = (*self.std, self.pixel_size_m, *self.input_sizes_m)
        if not (fits and all(map(math.isfinite, (*self.mean, *positive))) and min(positive) > 0):
            raise CardError(
                f"{self}",
                "output bands, each once, with finite means, and standard deviations and pixel sizes above 0",
                "look for constant or empty bands in the training part, or copy the whole card folder again",
            )

    @property
    def legend(self) -> Legend:
        """The output channels as a legend: a class a band, whose name is the band's; its colours mean nothing."""
        shades = [f"#{32 * (place % 8):02x}{16 * (place // 8 % 16):02x}80" for place in range(len(self.bands))]
        entries = (LandClass(place + 1, name, shades[place]) for place, name in enumerate(self.bands))
        return Legend(f"bands of {self.sensor}", "the card's output", tuple(entries))

    def to_json(self) -> dict[str, Any]:
        """This value as a card holds it; numbers are floats, so that reading gives what was written."""
        return {
            "sensor": self.sensor,
            "bands": list(self.bands),
            "pixel_size_m": float(self.pixel_size_m),
            "unit": self.unit,
            "mean": [float(value) for value in self.mean],
            "std": [float(value) for value in self.std],
            "input_sizes_m": [float(value) for value in self.input_sizes_m],
        }


class CardOutput(Config):
    """What comes out of a model that tells reflectance."""

    sensor: str
    """Name of the sensor that the result looks like."""
    bands: tuple[str, ...]
    """Names of its bands, in the order of the output channels."""
    pixel_size_m: float
    """Edge of its pixels."""
    unit: Unit
    """Unit of its values."""
    mean: tuple[float, ...]
    """Mean of every band of it in the training part; the model gives (value - mean) / std."""
    std: tuple[float, ...]
    """Standard deviation of every band of it in the training part."""
    input_sizes_m: tuple[float, ...]
    """The pixel size at which the model takes each of the card's bands."""

    def made(self) -> Output:
        """The value that this text stands for.

        Raises:
            CardError: It contradicts itself.
        """
        return Output(**self.model_dump())

"""What a network of pairs takes beside a card's own bands: the bands of another sensor, and how they are normalised."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from landweave.config import Config
from landweave.errors import CardError
from landweave.sensors import Unit


@dataclass(frozen=True)
class Second:
    """The other view that a card of pairs takes.

    Attributes:
        sensor: Name of its sensor.
        bands: The bands that are taken, in order.
        pixel_size_m: Edge of its pixels.
        unit: Unit of its values.
        mean: Mean of every band of it in the training part, for models.normalise.
        std: Standard deviation of every band of it in the training part.
    """

    sensor: str
    bands: tuple[str, ...]
    pixel_size_m: float
    unit: Unit
    mean: tuple[float, ...]
    std: tuple[float, ...]

    def __post_init__(self) -> None:
        num = len(self.bands)
        fits = num and len(set(self.bands)) == num == len(self.mean) == len(self.std)
        if not (fits and all(map(math.isfinite, (*self.mean, *self.std))) and min(*self.std, self.pixel_size_m) > 0):
            raise CardError(
                f"{self}",
                "bands of the other sensor, each once, with finite means, and deviations and a pixel size above 0",
                "look for constant or empty bands in the training part, or copy the whole card folder again",
            )

    def to_json(self) -> dict[str, Any]:
        """This value as a card holds it; numbers are floats, so that reading gives what was written."""
        return {
            "sensor": self.sensor,
            "bands": list(self.bands),
            "pixel_size_m": float(self.pixel_size_m),
            "unit": self.unit,
            "mean": [float(value) for value in self.mean],
            "std": [float(value) for value in self.std],
        }


class CardSecond(Config):
    """The other view that a card of pairs takes."""

    sensor: str
    """Name of its sensor."""
    bands: tuple[str, ...]
    """The bands that are taken, in order."""
    pixel_size_m: float
    """Edge of its pixels."""
    unit: Unit
    """Unit of its values."""
    mean: tuple[float, ...]
    """Mean of every band of it in the training part."""
    std: tuple[float, ...]
    """Standard deviation of every band of it in the training part."""

    def made(self) -> Second:
        """The value that this text stands for.

        Raises:
            CardError: It contradicts itself.
        """
        return Second(**self.model_dump())

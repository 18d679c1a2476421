"""Bands of a sensor other than a card's own: which, in what unit, and how they are normalised. A value and its text."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any

from landweave.config import Config
from landweave.errors import CardError
from landweave.sensors import Unit


@dataclass(frozen=True)
class OtherBands:
    """Bands of one sensor on pixels of one size.

    Attributes:
        sensor: Name of the sensor.
        bands: Names of its bands, in order.
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
        positive = (*self.std, *self.sizes_m)
        if not (fits and all(map(math.isfinite, (*self.mean, *positive))) and min(positive) > 0):
            raise CardError(
                f"{self}",
                "bands of the other sensor, each once, with finite means, and deviations and pixel sizes above 0",
                "look for constant or empty bands in the training part, or copy the whole card folder again",
            )

    @property
    def sizes_m(self) -> tuple[float, ...]:
        """Every pixel size that is told."""
        return (self.pixel_size_m,)

    def to_json(self) -> dict[str, Any]:
        """This value as a card holds it; numbers are floats, so that reading gives what was written."""
        return {name: _plain(value) for name, value in asdict(self).items()}


class CardBands(Config):
    """Bands of one sensor on pixels of one size."""

    sensor: str
    """Name of the sensor."""
    bands: tuple[str, ...]
    """Names of its bands, in order."""
    pixel_size_m: float
    """Edge of its pixels."""
    unit: Unit
    """Unit of its values."""
    mean: tuple[float, ...]
    """Mean of every band of it in the training part; the network sees (value - mean) / std."""
    std: tuple[float, ...]
    """Standard deviation of every band of it in the training part."""


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(entry) for entry in value]
    return value if isinstance(value, str) else float(value)

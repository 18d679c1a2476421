"""A card's text: what stands in card.json, key by key."""

from __future__ import annotations

from typing import Any, Literal

from landweave.config import Config
from landweave.models.pair.output import CardOutput
from landweave.models.pair.second import CardSecond
from landweave.models.series.input import CardSeries
from landweave.sensors import Unit

Task = Literal["pixels", "patches", "multilabel", "features", "codes", "series", "reflectance"]


class CardSight(Config):
    """How far the card's network sees."""

    stride: int
    """Shifting the input by this many pixels shifts the output."""
    reach_px: int | None
    """How many pixels beyond an aligned core change it; null where every pixel does, however far."""


class CardClass(Config):
    """A class of the card's legend."""

    id: int
    """The number in maps, 0-255."""
    name: str
    """The name for people."""
    color: str
    """The colour as #rrggbb."""
    code: int | None = None
    """The number in published maps where it is none of 0-255."""


class CardLegend(Config):
    """The legend of the card's output."""

    name: str
    """Its name."""
    source: str
    """Where the classes come from."""
    classes: tuple[CardClass, ...]
    """The classes in the order of the network's output channels."""


class CardTable(Config):
    """A card as it stands in card.json."""

    format: Literal[1]
    """Version of this format."""
    network: str
    """Name of the network, or forest, linear, neighbours or svm."""
    arguments: dict[str, Any]
    """What the network was built with, beside its bands and classes."""
    sensor: str
    """Name of the sensor that it was fitted on."""
    bands: tuple[str, ...]
    """The bands that it takes, in order."""
    pixel_size_m: float
    """Pixel size that it was fitted on."""
    unit: Unit
    """Unit of the values that it takes."""
    mean: tuple[float, ...]
    """Mean of every band in the training part."""
    std: tuple[float, ...]
    """Standard deviation of every band in the training part."""
    legend: CardLegend
    """Classes of its output, in order."""
    task: Task
    """pixels, patches (one label each), multilabel (several labels a patch), features (of an encoder learnt
    without labels; its legend means nothing), codes (bits of patches; its legend names the clusters behind them),
    series (labels of series of single pixels) or reflectance (as another sensor sees; its legend names the bands)."""
    sight: CardSight
    """Stride and reach in pixels; reach null where it is not finite."""
    training: dict[str, Any]
    """Summary of the training."""
    weights_sha256: str
    """SHA-256 of weights.safetensors."""
    thresholds: tuple[float, ...] = ()
    """From which probability on each label is told; left away, one half."""
    sharpener: str = ""
    """Identity of the sharpener that brings coarser bands to the finest pixels; left away, they are interpolated."""
    series: CardSeries | None = None
    """How it takes the dates of series; left away for every other task."""
    output: CardOutput | None = None
    """What it gives where it tells reflectance; left away for every other task."""
    second: CardSecond | None = None
    """What it takes of another sensor beside its own bands; left away for all cards but those of pairs."""
    identity: str
    """SHA-256 of everything above but the format, so that a changed card is noticed."""
    versions: dict[str, str]
    """Versions of landweave and its libraries that wrote the card."""

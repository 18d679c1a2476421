"""Land to learn to sharpen from: pieces drawn from scenes, for training and for validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import Field

from landweave.config import Config
from landweave.datasets.wald import Land, read_land, step_px
from landweave.errors import CatalogError, SampleError, SensorError
from landweave.models.pair.sharpener import View
from landweave.patches.grids import common_bands
from landweave.patches.split import Blocks, deal
from landweave.raster.catalog import read_catalog
from landweave.raster.scene import Scene
from landweave.sensors import Unit
from landweave.tiling import Window

Part = Literal["train", "validation"]


class LandChoice(Config):
    """Which land a sharpener learns from."""

    scenes: Path
    """The catalog of the scenes to learn from; no labels are needed."""
    sensor: str | None = None
    """Take only the scenes of this sensor."""
    bands: tuple[str, ...] = ()
    """Bands to use, of at least two pixel sizes; empty for all that every scene has."""
    land_px: int = Field(default=864, ge=1)
    """Edge of the pieces of land that samples are cut from, in the finest pixels."""
    num_lands: int = Field(default=48, ge=2)
    """Pieces of land to read, drawn from all that the scenes cover; all where there are fewer."""
    validation: float = Field(default=0.2, gt=0, lt=1)
    """Share of the pieces of land that training is judged on."""
    seed: int = Field(default=1, ge=0)
    """Decides the land, first weights, order of samples and augmentation."""


@dataclass(frozen=True)
class Lands:
    """What there is to learn from.

    Attributes:
        sensor: Name of the sensor.
        unit: Unit of the values.
        bands: Names by pixel size in m, finest first.
        train: Land to learn from.
        validation: Other land to be judged on; may be empty.
        identity: Fingerprint of where the land comes from.
    """

    sensor: str
    unit: Unit
    bands: Mapping[float, tuple[str, ...]]
    train: Sequence[Land] = field(repr=False)
    validation: Sequence[Land] = field(repr=False, default=())
    identity: str = ""

    def views(self) -> tuple[View, ...]:
        """Bands by pixel size with mean and standard deviation over the usable pixels of the training land.

        Raises:
            SensorError: Bands of one pixel size only, or a band with one value everywhere.
        """
        step_px(self.bands)
        if len(self.bands) < 2:
            raise SensorError(
                f"bands of {next(iter(self.bands)):g} m only of {self.sensor}",
                "bands of at least two pixel sizes",
                "name finer or coarser bands with bands",
            )
        return tuple(self._view(size) for size in sorted(self.bands))

    def _view(self, size: float) -> View:
        ratio = round(size / min(self.bands))
        values = np.concatenate([_usable(land, size, ratio) for land in self.train], axis=1, dtype=np.float64)
        if not values.size:
            raise SampleError("no usable pixel", "at least one", "give more or clearer scenes")
        std = values.std(1)
        if flat := [name for name, one in zip(self.bands[size], std, strict=True) if not one > 0]:
            raise SensorError(f"band {', '.join(flat)} with one value everywhere", "bands that vary", "leave it away")
        return View(size, self.bands[size], tuple(map(float, values.mean(1))), tuple(map(float, std)))


def _usable(land: Land, size: float, ratio: int) -> Any:
    height, width = (edge // ratio for edge in land.valid.shape)
    return land.views[size][:, land.valid.reshape(height, ratio, width, ratio).all((1, 3))]


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of land to read."""

    scene: Scene
    window: Window
    part: Part


@dataclass(frozen=True)
class Plan:
    """What to read.

    Attributes:
        sensor: Name of the sensor.
        unit: Unit of the bands.
        bands: Names by pixel size in m, finest first.
        places: The pieces of land.
    """

    sensor: str
    unit: Unit
    bands: Mapping[float, tuple[str, ...]]
    places: tuple[Place, ...]

    def read(self) -> Iterator[tuple[Part, Land]]:
        """Every piece of land, in order."""
        for place in self.places:
            yield place.part, read_land(place.scene, self.bands, place.window)


def plan(choice: LandChoice) -> Plan:
    """Draw pieces of land; those of one place are for one part, whatever scene shows them.

    Raises:
        CatalogError: There is no scene.
        SensorError: Scenes of several sensors, a band that a scene lacks, or bands of one pixel size.
        SplitError: The scenes have no room for two pieces of land.
    """
    scenes = [scene for scene in read_catalog(choice.scenes) if choice.sensor in (None, scene.sensor.name)]
    if not scenes:
        raise CatalogError(
            f"{choice.scenes} without a scene of {choice.sensor or 'any sensor'}",
            "at least one",
            "catalog such scenes, or choose another sensor",
        )
    sensor = scenes[0].sensor
    chosen = sensor.select(common_bands(scenes, choice.bands))
    bands = {
        size: tuple(band.name for band in chosen if band.pixel_size_m == size)
        for size in sorted({band.pixel_size_m for band in chosen})
    }
    # Whole pixels of every view, also after the largest ratio has made it coarser.
    whole = step_px(bands) * round(max(bands) / min(bands))
    windows = [(scene, window) for scene in scenes for window in _windows(scene, choice.land_px, whole)]
    drawn = sorted(np.random.default_rng(choice.seed).permutation(len(windows))[: choice.num_lands].tolist())
    chance = [windows[number] for number in drawn]
    names = [_name(scene, window) for scene, window in chance]
    dealt = deal(names, (1 - choice.validation, choice.validation, 0), choice.seed)
    places = tuple(
        Place(scene, window, "validation" if dealt[name] == "validation" else "train")
        for (scene, window), name in zip(chance, names, strict=True)
    )
    return Plan(sensor.name, chosen[0].unit, bands, places)


def _windows(scene: Scene, land_px: int, whole_px: int) -> Iterator[Window]:
    """Pieces of land of a scene, in whole pixels of every view, with gaps between them."""
    shape = scene.grid.shape[0], scene.grid.shape[1]
    # A small scene is cut into two along each edge, so that there is something to be judged on.
    edge = max(min(land_px, (min(shape) - whole_px) // 2) // whole_px * whole_px, whole_px)
    for _, window in Blocks(edge, 1, whole_px).windows(shape, (0, 0)):
        if window.clip(Window.of(shape)) == window:
            yield window


def _name(scene: Scene, window: Window) -> str:
    x, y = scene.grid.affine * (window.col, window.row)
    return f"{scene.grid.crs or scene.id}/{x:.0f}_{y:.0f}"

"""What both sensors of a pair see of one piece of land: bands on their own pixels, and which pixels are usable."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from affine import Affine
from jaxtyping import Bool, Float32
from odc.geo.geobox import GeoBox

from landweave.errors import ConfigError
from landweave.models.pair.output import Output
from landweave.raster.radiometry import check_physical
from landweave.raster.read import read, read_snow
from landweave.raster.scene import Scene

Values = Mapping[float, Float32[np.ndarray, "c h w"]]
"""Physical values by the pixel size of their bands."""


@dataclass(frozen=True, slots=True)
class Sizes:
    """Which bands are taken at which pixel size, and the pixels that they become.

    Attributes:
        bands: Names of bands by their pixel size, from the finest on.
        pixel_size_m: The pixels that both sensors are compared on.
    """

    bands: Mapping[float, tuple[str, ...]]
    pixel_size_m: float

    @classmethod
    def of(cls, bands: tuple[str, ...], output: Output) -> Sizes:
        """Those of a card that takes `bands` and gives `output`."""
        found = {
            size: tuple(name for name, own in zip(bands, output.input_sizes_m, strict=True) if own == size)
            for size in sorted(set(output.input_sizes_m))
        }
        return cls(found, output.pixel_size_m)

    def __post_init__(self) -> None:
        finest = min(self.bands)
        whole = all(Fraction(size).limit_denominator(1000) % Fraction(finest) == 0 for size in self.bands)
        if not whole or self.pixel_size_m < max(self.bands) or self.pixel_size_m % finest:
            raise ConfigError(
                f"bands of {', '.join(f'{size:g}' for size in self.bands)} m for pixels of {self.pixel_size_m:g} m",
                f"pixels no finer than the bands, each a multiple of {finest:g} m",
                "choose other bands or another sensor pair",
            )

    @property
    def ratio(self) -> int:
        """Finest pixels along the edge of one that is compared."""
        return round(self.pixel_size_m / min(self.bands))

    @property
    def step_px(self) -> int:
        """Compared pixels after which pixels of all bands begin together."""
        steps = (Fraction(self.pixel_size_m) / Fraction(size) for size in self.bands)
        return math.lcm(*(step.denominator for step in steps))

    def grid(self, grid: GeoBox, size_m: float) -> GeoBox:
        """The land of `grid`, whose pixels are compared, in pixels of another size."""
        ratio = Fraction(self.pixel_size_m) / Fraction(size_m)
        height, width = (int(side * ratio) for side in grid.shape)
        return GeoBox((height, width), grid.affine * Affine.scale(1 / float(ratio)), grid.crs)

    def compared(self, valid: Bool[np.ndarray, "h w"], size_m: float) -> Bool[np.ndarray, "a b"]:
        """Which compared pixels are valid: those all of whose pixels of size `size_m` are, in full or in part."""
        fine = round(size_m / min(self.bands))
        every = valid.repeat(fine, 0).repeat(fine, 1) if fine > 1 else valid
        # Rows first, which lie together in memory.
        rows = np.asarray(every.reshape(-1, self.ratio, every.shape[1]).all(axis=1))
        return np.asarray(np.logical_and.reduce([rows[:, place :: self.ratio] for place in range(self.ratio)]))

    def back(self, valid: Bool[np.ndarray, "a b"], size_m: float) -> Bool[np.ndarray, "h w"]:
        """Which pixels of size `size_m` lie wholly within compared pixels that are valid."""
        fine = valid.repeat(self.ratio, 0).repeat(self.ratio, 1)
        step = round(size_m / min(self.bands))
        height, width = (side // step for side in fine.shape)
        return np.asarray(fine.reshape(height, step, width, step).all(axis=(1, 3)))


def read_views(
    scene: Scene, sizes: Sizes, grid: GeoBox, without_snow: bool = False
) -> tuple[dict[float, Float32[np.ndarray, "c h w"]], Bool[np.ndarray, "a b"]]:
    """Physical values of a scene's bands by pixel size on the land of `grid`, and which pixels of `grid` are valid.

    Args:
        scene: What to read.
        sizes: Its bands.
        grid: Pixels that are compared; begins where pixels of all bands do.
        without_snow: Whether snow counts as not valid.

    Raises:
        SceneError: A file cannot be read.
        RadiometryError: Values do not look like the unit that their bands declare.
    """
    found: dict[float, Float32[np.ndarray, "c h w"]] = {}
    usable = np.ones(grid.shape, np.bool_)
    for size, bands in sizes.bands.items():
        own = sizes.grid(grid, size)
        found[size], valid = read(scene, bands, own)
        check_physical(found[size], valid, scene.require(bands), scene.id)
        if without_snow and size == min(sizes.bands):
            valid &= ~read_snow(scene, own)
        usable &= sizes.compared(valid, size)
    return found, usable


def read_other(
    scene: Scene, bands: tuple[str, ...], grid: GeoBox
) -> tuple[Float32[np.ndarray, "c h w"], Bool[np.ndarray, "h w"]]:
    """Physical values of the other sensor on `grid`, each from the pixel that its centre lies in; snow is not valid.

    Raises:
        SceneError: A file cannot be read.
        RadiometryError: Values do not look like the unit that their bands declare.
    """
    values, valid = read(scene, bands, grid, nearest=True)
    check_physical(values, valid, scene.require(bands), scene.id)
    return values, valid & ~read_snow(scene, grid)

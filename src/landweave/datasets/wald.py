"""Wald's protocol: bands made coarser by their own ratio, so that what a network shall tell at that ratio is known."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d

from landweave.errors import ConfigError, GridError, SampleError
from landweave.patches.extract import coarser, enlarge
from landweave.raster.radiometry import check_physical
from landweave.raster.read import read
from landweave.raster.scene import Scene
from landweave.tiling import Window

TARGET = "target"
Arrays = Float32[np.ndarray, "n c h w"]


@dataclass(frozen=True)
class Land:
    """A piece of land as its bands show it, each at its own pixel size.

    Attributes:
        views: Physical values by pixel size in m, (bands, height, width); all cover the same ground.
        valid: Usable pixels of the finest view.
    """

    views: Mapping[float, Float32[np.ndarray, "c h w"]] = field(repr=False)
    valid: Bool[np.ndarray, "h w"] = field(repr=False)

    def __post_init__(self) -> None:
        finest, shape = min(self.views), self.valid.shape
        for size, view in self.views.items():
            if any(part * size != whole * finest for part, whole in zip(view.shape[-2:], shape, strict=True)):
                raise GridError(
                    f"{view.shape[-2]} x {view.shape[-1]} pixels of {size:g} m beside {shape} of {finest:g} m",
                    "views of the same ground, in whole pixels",
                    "cut all views to the same ground",
                )

    @classmethod
    def of(cls, views: Mapping[float, Float32[np.ndarray, "c h w"]]) -> Land:
        """Land of which every pixel is usable that has a number."""
        finest = min(views)
        valid = np.ones(views[finest].shape[-2:], np.bool_)
        for size, view in views.items():
            valid &= enlarge(np.isfinite(view).all(0), round(size / finest))
        return cls(views, valid)


def read_land(scene: Scene, bands: Mapping[float, Sequence[str]], window: Window) -> Land:
    """A window of a scene, each band on its own pixels.

    Args:
        scene: Where it is.
        bands: Names by pixel size in m.
        window: Pixels of the scene's grid, whole pixels of every view.

    Raises:
        SceneError: A file cannot be read.
        RadiometryError: Values do not look like the unit that their bands declare.
    """
    finest = min(bands)
    views: dict[float, NDArray[np.float32]] = {}
    valid = np.ones(window.shape, np.bool_)
    for size, names in bands.items():
        ratio = round(size / finest)
        values, usable = read(scene, list(names), coarser(window.on(scene.grid), ratio))
        check_physical(values, usable, scene.sensor.select(names), scene.id)
        views[size] = values
        valid &= enlarge(usable, ratio)
    return Land(views, valid)


def degrade(
    values: Float32[np.ndarray, "c h w"], ratio: int, sigma_px: float | None = None
) -> Float32[np.ndarray, "c h2 w2"]:
    """The bands as a sensor with pixels `ratio` times as large would see them.

    Lanaras et al. (2018), section 3.1: blurred by a Gaussian of 1 / ratio of a pixel, which emulates the modulation
    transfer of Sentinel-2, then the mean of ratio x ratio pixels. Beyond
    edges the last pixel is repeated.

    Args:
        values: Bands whose height and width are multiples of `ratio`.
        ratio: How many times as large.
        sigma_px: Another width of the Gaussian, in pixels of `values`.
    """
    sigma = 1 / ratio if sigma_px is None else sigma_px
    blurred = values
    if sigma > 0:
        for axis in (1, 2):
            blurred = gaussian_filter1d(blurred, sigma, axis=axis, mode="nearest")
    num, height, width = values.shape
    return np.asarray(blurred.reshape(num, height // ratio, ratio, width // ratio, ratio).mean((2, 4)), np.float32)


def modulation(ratio: int, sigma_px: float) -> float:
    """What `degrade` leaves of a wave of two coarse pixels (the Nyquist frequency), along one axis; from 0 to 1."""
    reach = np.arange(-int(4 * sigma_px + 0.5), int(4 * sigma_px + 0.5) + 1)
    # Of the Gaussian as it is sampled: below one pixel it passes more than the continuous one.
    blur = np.exp(-0.5 * (reach / sigma_px) ** 2) if sigma_px else np.ones(1)
    angle = np.pi / ratio
    mean = abs(np.exp(1j * angle * np.arange(ratio)).mean())
    return float(mean * (blur * np.cos(angle * reach)).sum() / blur.sum())


@dataclass(frozen=True)
class Pairs:
    """Samples of Wald's protocol: degraded bands, and what the coarse ones were before.

    Attributes:
        views: Degraded bands by the pixel size that they had before, finest first.
        target: The coarse bands as they are.
    """

    views: Mapping[float, Arrays] = field(repr=False)
    target: Arrays = field(repr=False)

    def __len__(self) -> int:
        return len(self.target)

    def batch(self, indices: Int64[np.ndarray, " n"]) -> dict[str, NDArray[Any]]:
        """The samples with these numbers: degraded views by key, and the target."""
        found = {key_of(size): view[indices] for size, view in self.views.items()}
        return {**found, TARGET: self.target[indices]}

    def first(self, num: int) -> Pairs:
        """The first so many samples."""
        return Pairs({size: view[:num] for size, view in self.views.items()}, self.target[:num])


def key_of(size: float) -> str:
    """Name of the array of a view."""
    return f"data_{size:g}m"


def step_px(sizes: Iterable[float]) -> int:
    """Pixels of the target after which the degraded pixels of all views begin together.

    Raises:
        ConfigError: A pixel size is no multiple of the finest.
    """
    every = sorted(sizes)
    ratios = [size / every[0] for size in every]
    if any(abs(ratio - round(ratio)) > 1e-6 for ratio in ratios):
        raise ConfigError(
            f"bands of {', '.join(f'{size:g}' for size in every)} m",
            "pixel sizes that are multiples of the finest",
            "leave bands of other sizes away",
        )
    return math.lcm(*(round(ratio) for ratio in ratios))


def pairs(
    lands: Iterable[Land], coarse_m: float, patch_px: int, stride_px: int | None = None, sigma_px: float | None = None
) -> Pairs:
    """Samples that teach to bring the bands of `coarse_m` to the finest pixels.

    All views up to the coarse one are made coarser by its ratio to the finest, so that what a network is given and
    what it shall tell lie as far apart as in use. Samples with a pixel that is not usable are left away.

    Args:
        lands: What to cut from; views coarser than `coarse_m` are not used.
        coarse_m: Pixel size of the bands to learn.
        patch_px: Edge of a sample in pixels of the target.
        stride_px: From one sample to the next; half a sample where None.
        sigma_px: See `degrade`.

    Raises:
        ConfigError: The edge does not give whole pixels in every degraded view.
        SampleError: There is no sample.
    """
    found = [cut for land in lands for cut in _cut(land, coarse_m, patch_px, stride_px, sigma_px)]
    if not found:
        raise SampleError(
            f"no land of {patch_px} x {patch_px} usable pixels of {coarse_m:g} m",
            "at least one sample without clouds and missing pixels",
            "give more or clearer scenes, or a smaller patch_px",
        )
    sizes = list(found[0][0])
    views = {size: np.stack([views[size] for views, _ in found]) for size in sizes}
    return Pairs(views, np.stack([target for _, target in found]))


def whole_pair(land: Land, coarse_m: float, sigma_px: float | None = None) -> Pairs:
    """All of a land as one sample, to judge on: as much of it as gives whole degraded pixels."""
    views, target, _ = _degraded(land, coarse_m, sigma_px)
    return Pairs({size: view[None] for size, view in views.items()}, target[None])


def _used(land: Land, coarse_m: float) -> tuple[list[float], int]:
    sizes = sorted(size for size in land.views if size <= coarse_m)
    return sizes, round(coarse_m / sizes[0])


def _degraded(
    land: Land, coarse_m: float, sigma_px: float | None
) -> tuple[dict[float, NDArray[np.float32]], NDArray[np.float32], NDArray[np.bool_]]:
    """Degraded views, target, and where the target is usable."""
    sizes, ratio = _used(land, coarse_m)
    step = step_px(sizes)
    # In target pixels, then cut every view to that ground.
    height, width = (edge // ratio // step * step for edge in land.valid.shape)
    target = land.views[coarse_m][:, :height, :width]
    views = {}
    for size in sizes:
        num = [round(edge * coarse_m / size) for edge in (height, width)]
        views[size] = degrade(land.views[size][:, : num[0], : num[1]], ratio, sigma_px)
    usable = np.asarray(land.valid[: height * ratio, : width * ratio].reshape(height, ratio, width, ratio).all((1, 3)))
    return views, target, usable


def _cut(
    land: Land, coarse_m: float, patch_px: int, stride_px: int | None, sigma_px: float | None
) -> Iterator[tuple[dict[float, NDArray[np.float32]], NDArray[np.float32]]]:
    sizes, _ = _used(land, coarse_m)
    step = step_px(sizes)
    if patch_px < 1 or patch_px % step:
        raise ConfigError(
            f"patch_px = {patch_px} with bands of {', '.join(f'{size:g}' for size in sizes)} m",
            f"a multiple of {step}, so that each degraded band has whole pixels",
            f"set patch_px to {max(1, round(patch_px / step)) * step}",
        )
    stride = max(step, (stride_px or patch_px // 2) // step * step)
    views, target, usable = _degraded(land, coarse_m, sigma_px)
    rows, cols = (range(0, edge - patch_px + 1, stride) for edge in usable.shape)
    for row, col in itertools.product(rows, cols):
        there = Window(row, col, patch_px, patch_px)
        if usable[there.slices].all():
            own = {size: view[:, *_scaled(there, sizes[0] / size).slices] for size, view in views.items()}
            yield own, target[:, *there.slices]


def _scaled(window: Window, by: float) -> Window:
    return Window(*(round(side * by) for side in (window.row, window.col, window.height, window.width)))

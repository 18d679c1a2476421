"""Two images compared: sums that add up over tiles, and RMSE, SRE, SAM, UIQI, ERGAS and PSNR drawn from the sums."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Bool, Float64, Shaped
from numpy.typing import NDArray

from landweave.errors import GridError

WINDOW_PX = 8


@dataclass(frozen=True, eq=False)
class ImageSums:
    """What is kept of estimated bands beside the true ones; + puts pixels together.

    Attributes:
        count: Pixels.
        truth: Sum of the true values of each band.
        squares: Sum of the squares of the differences of each band.
        angle: Sum over pixels of the angle between estimated and true spectrum, in radians.
        angles: Pixels that have such an angle: those where neither spectrum is zero.
        quality: Sum over windows of the quality index of each band.
        windows: How many windows.
    """

    count: int
    truth: Float64[np.ndarray, " c"]
    squares: Float64[np.ndarray, " c"]
    angle: float
    angles: int
    quality: Float64[np.ndarray, " c"]
    windows: int

    @classmethod
    def zero(cls, num_bands: int) -> ImageSums:
        """No pixels."""
        return cls(0, np.zeros(num_bands), np.zeros(num_bands), 0.0, 0, np.zeros(num_bands), 0)

    @classmethod
    def of(
        cls,
        told: Shaped[np.ndarray, "c h w"],
        truth: Shaped[np.ndarray, "_ _ _"],
        valid: Bool[np.ndarray, "h w"] | None = None,
        window_px: int = WINDOW_PX,
    ) -> ImageSums:
        """The sums of one tile.

        Args:
            told: Estimated bands, in any unit.
            truth: True bands in the same unit.
            valid: Which pixels count; all where None.
            window_px: Edge of the windows of UIQI, which slide by one pixel and lie whole among valid pixels.

        Raises:
            GridError: The two have different shapes.
        """
        if told.shape != truth.shape:
            raise GridError(
                f"estimated bands of shape {told.shape} beside true ones of {truth.shape}",
                "the same bands on the same pixels",
                "compare them on one grid",
            )
        usable = np.ones(told.shape[1:], np.bool_) if valid is None else valid
        # float64, because sums of squares of a whole scene lose what float32 differs by.
        x, y = (np.where(usable, part, 0).astype(np.float64) for part in (told, truth))
        angle, angles = _angles(x[:, usable], y[:, usable])
        quality, windows = _quality(x, y, usable, window_px)
        return cls(int(usable.sum()), y.sum((1, 2)), ((x - y) ** 2).sum((1, 2)), angle, angles, quality, windows)

    def __add__(self, other: ImageSums) -> ImageSums:
        return ImageSums(
            self.count + other.count,
            self.truth + other.truth,
            self.squares + other.squares,
            self.angle + other.angle,
            self.angles + other.angles,
            self.quality + other.quality,
            self.windows + other.windows,
        )

    @property
    def mean(self) -> Float64[np.ndarray, " c"]:
        """Mean of the true values of each band; NaN without pixels."""
        return _over(self.truth, self.count)

    @property
    def rmse(self) -> Float64[np.ndarray, " c"]:
        """Root of the mean squared error of each band, in the unit of the values; NaN without pixels."""
        return np.asarray(np.sqrt(_over(self.squares, self.count)))

    @property
    def sre(self) -> Float64[np.ndarray, " c"]:
        """Signal to reconstruction error of each band in dB; infinite where there is no error.

        10 log10(mean(truth)^2 / mean((estimate - truth)^2)): the SRE of Lanaras et al. 2018.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(10 * np.log10(self.mean**2 / _over(self.squares, self.count)))

    @property
    def sam(self) -> float:
        """Mean angle between estimated and true spectra in degrees; NaN without pixels.

        arccos(<x, y> / (|x| |y|)), averaged over pixels: Yuhas, Goetz and Boardman 1992.
        """
        return float(np.degrees(self.angle / self.angles)) if self.angles else float("nan")

    @property
    def uiqi(self) -> Float64[np.ndarray, " c"]:
        """Universal image quality index of each band, 1 where equal; NaN without a whole window.

        4 s_xy mean(x) mean(y) / ((s_x^2 + s_y^2) (mean(x)^2 + mean(y)^2)) in sliding windows, averaged: Wang and Bovik
        2002, equation 1.
        """
        return _over(self.quality, self.windows)

    def ergas(self, ratio: float) -> float:
        """Relative dimensionless global error in synthesis, 0 where equal; NaN without pixels.

        100 / ratio * sqrt(mean over bands of (RMSE / mean)^2): Wald 2000, with `ratio` the size of a coarse pixel over
        that of a fine one.
        """
        with np.errstate(divide="ignore", invalid="ignore"):
            relative = _over(self.squares, self.count) / self.mean**2
        return float(100 / ratio * np.sqrt(relative.mean()))

    def psnr(self, peak: float) -> Float64[np.ndarray, " c"]:
        """Peak signal to noise ratio of each band in dB, 10 log10(peak^2 / mean squared error)."""
        with np.errstate(divide="ignore"):
            return np.asarray(10 * np.log10(peak**2 / _over(self.squares, self.count)))


def _over(sums: Float64[np.ndarray, " c"], count: int) -> Float64[np.ndarray, " c"]:
    return sums / count if count else np.full_like(sums, np.nan)


def _angles(x: Float64[np.ndarray, "c n"], y: Float64[np.ndarray, "c n"]) -> tuple[float, int]:
    """Sum of the angles between columns, and how many there are."""
    lengths = np.linalg.norm(x, axis=0) * np.linalg.norm(y, axis=0)
    known = lengths > 0
    cosines = (x * y).sum(0)[known] / lengths[known]
    # Rounding may bring the cosine of equal spectra above 1.
    return float(np.arccos(np.clip(cosines, -1, 1)).sum()), int(known.sum())


def _quality(
    x: Float64[np.ndarray, "c h w"], y: Float64[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"], size: int
) -> tuple[Float64[np.ndarray, " c"], int]:
    """Sum over windows of the quality index of each band, and how many windows are whole."""
    if min(valid.shape) < size:
        return np.zeros(len(x)), 0
    whole = _sums(valid[None].astype(np.float64), size)[0] == size**2
    num = size**2
    # Centred on the whole band first: squares of large values would drown their small differences.
    centres = [part[:, valid].mean(1)[:, None, None] if valid.any() else 0.0 for part in (x, y)]
    a, b = x - centres[0], y - centres[1]
    mean_a, mean_b = _sums(a, size) / num, _sums(b, size) / num
    spread = _sums(a * a + b * b, size) / num - mean_a**2 - mean_b**2
    shared = _sums(a * b, size) / num - mean_a * mean_b
    mean_x, mean_y = mean_a + centres[0], mean_b + centres[1]
    level = mean_x**2 + mean_y**2
    # What rounding leaves of windows that are constant.
    flat = spread <= 1e-24 * level + 1e-12 * (mean_a**2 + mean_b**2)
    with np.errstate(divide="ignore", invalid="ignore"):
        # Windows without structure differ in their level only, as the authors' program takes them.
        light = np.where(level > 0, 2 * mean_x * mean_y / level, 1.0)
        found = np.where(flat, light, light * 2 * shared / spread)
    return found[:, whole].sum(1), int(whole.sum())


def _sums(values: Float64[np.ndarray, "c h w"], size: int) -> NDArray[Any]:
    """Sums over every window of `size` x `size` pixels."""
    rows = np.lib.stride_tricks.sliding_window_view(values, size, axis=1).sum(-1)
    return np.asarray(np.lib.stride_tricks.sliding_window_view(rows, size, axis=2).sum(-1))

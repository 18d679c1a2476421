"""How like a measured image a made one is, band by band: SAM, ERGAS, RMSE, UIQI, PSNR and SSIM as sums that add up."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float32, Float64
from numpy.typing import NDArray
from scipy import ndimage

from landweave.errors import RadiometryError
from landweave.metrics.image import ImageSums

UIQI_PX = 32
"""Edge of the windows of UIQI in Sedona et al. 2021; Wang and Bovik's own were of 8."""
MEASURES = ("sam", "ergas", "rmse", "uiqi", "psnr", "ssim")
# Wang et al. 2004: a Gaussian of 1.5 pixels, cut off at 11, and the two constants.
_SIGMA, _EDGE, _K1, _K2 = 1.5, 11, 0.01, 0.03


@dataclass(frozen=True, eq=False)
class Likeness:
    """What is kept of made bands beside measured ones; + puts pixels together.

    Attributes:
        images: What ImageSums keeps, with windows of 32 pixels for UIQI.
        products: Sums of made * made, measured * measured and made * measured for each band.
        structure: Sum over windows of the structural similarity of each band.
        windows: How many windows.
        peak: The greatest value that the unit is meant to have: 1 for reflectance.
    """

    images: ImageSums
    products: Float64[np.ndarray, "3 c"]
    structure: Float64[np.ndarray, " c"]
    windows: int
    peak: float = 1.0

    @classmethod
    def zero(cls, num_bands: int, peak: float = 1.0) -> Likeness:
        """No pixels."""
        return cls(ImageSums.zero(num_bands), np.zeros((3, num_bands)), np.zeros(num_bands), 0, peak)

    @classmethod
    def of(
        cls,
        told: Float32[np.ndarray, "c h w"],
        truth: Float32[np.ndarray, "_ _ _"],
        valid: Bool[np.ndarray, "h w"] | None = None,
        peak: float = 1.0,
    ) -> Likeness:
        """The sums of one tile; windows lie whole among valid pixels.

        Raises:
            GridError: The two have different shapes.
        """
        images = ImageSums.of(told, truth, valid, UIQI_PX)
        usable = np.ones(told.shape[1:], np.bool_) if valid is None else valid
        x, y = (np.where(usable, part, 0).astype(np.float64) for part in (told, truth))
        products = np.stack([(x * x).sum((1, 2)), (y * y).sum((1, 2)), (x * y).sum((1, 2))])
        structure, windows = _structure(x, y, usable, peak)
        return cls(images, products, structure, windows, peak)

    def __add__(self, other: Likeness) -> Likeness:
        if self.peak != other.peak:
            raise RadiometryError(
                f"sums of values up to {self.peak:g} and of values up to {other.peak:g}",
                "sums with one greatest value, by which structure is judged",
                "judge all images with the same peak",
            )
        return Likeness(
            self.images + other.images,
            self.products + other.products,
            self.structure + other.structure,
            self.windows + other.windows,
            self.peak,
        )

    @property
    def sam(self) -> Float64[np.ndarray, " c"]:
        """The angle between the made and the measured image of each band as two long vectors, in radians.

        arccos(<x, y> / (|x| |y|)): Sedona et al. 2021, equation 5. Blind to a factor; not the angle between spectra.
        """
        made, measured, both = self.products
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(np.arccos(np.clip(both / np.sqrt(made * measured), -1, 1)))

    @property
    def ergas(self) -> Float64[np.ndarray, " c"]:
        """100 RMSE / mean of each band: equation 6 for one band, with pixels of one size."""
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.asarray(100 * self.images.rmse / np.abs(self.images.mean))

    @property
    def ssim(self) -> Float64[np.ndarray, " c"]:
        """Structural similarity of each band, averaged over windows: Wang et al. 2004; NaN without a whole window."""
        return self.structure / self.windows if self.windows else np.full_like(self.structure, np.nan)

    def by_band(self) -> dict[str, Float64[np.ndarray, " c"]]:
        """Every measure for each band, by name."""
        found = self.images
        values = (self.sam, self.ergas, found.rmse, found.uiqi, found.psnr(self.peak), self.ssim)
        return dict(zip(MEASURES, values, strict=True))

    def overall(self) -> dict[str, float]:
        """Every measure over bands: means of SAM, UIQI, SSIM; ERGAS by equation 6; RMSE and PSNR of all values."""
        each = self.by_band()
        rmse = float(np.sqrt((each["rmse"] ** 2).mean()))
        with np.errstate(divide="ignore"):
            psnr = float(20 * np.log10(np.float64(self.peak) / rmse))
        means = {name: float(each[name].mean()) for name in ("sam", "uiqi", "ssim")}
        told = {**means, "ergas": self.images.ergas(1), "rmse": rmse, "psnr": psnr}
        return {name: told[name] for name in MEASURES}


def _structure(
    x: Float64[np.ndarray, "c h w"], y: Float64[np.ndarray, "c h w"], valid: Bool[np.ndarray, "h w"], peak: float
) -> tuple[Float64[np.ndarray, " c"], int]:
    """Sum over windows of the structural similarity of each band, and how many windows are whole."""
    if min(valid.shape) < _EDGE:
        return np.zeros(len(x)), 0
    half = _EDGE // 2
    inner = (slice(None), slice(half, valid.shape[0] - half), slice(half, valid.shape[1] - half))
    whole = ndimage.minimum_filter(valid, _EDGE, mode="constant", cval=0)[inner[1:]]
    mean_x, mean_y = (_windowed(part)[inner] for part in (x, y))
    xx, yy, xy = (_windowed(part)[inner] for part in (x * x, y * y, x * y))
    first, second = (_K1 * peak) ** 2, (_K2 * peak) ** 2
    light = (2 * mean_x * mean_y + first) / (mean_x**2 + mean_y**2 + first)
    shared, spread = xy - mean_x * mean_y, xx - mean_x**2 + yy - mean_y**2
    return (light * (2 * shared + second) / (spread + second))[:, whole].sum(1), int(whole.sum())


def _windowed(values: Float64[np.ndarray, "c h w"]) -> NDArray[np.float64]:
    """Means under a Gaussian window around every pixel."""
    place = np.arange(_EDGE) - _EDGE // 2
    weights = np.exp(-0.5 * (place / _SIGMA) ** 2)
    weights /= weights.sum()
    rows = ndimage.correlate1d(values, weights, axis=1, mode="constant")
    return np.asarray(ndimage.correlate1d(rows, weights, axis=2, mode="constant"))

"""How far two images of one place lie from each other, by phase correlation (Kuglin and Hines 1975). Pure."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Bool, Float, Float32, Float64
from numpy.typing import NDArray
from scipy import ndimage

# Where less of a chip is valid, its holes decide as much as the land does.
_LEAST_VALID = 0.6
_LEAST_PX = 32
# What two sensors see of the finest detail differs by their optics and noise, not by where it lies.
_HIGHEST = 0.3
_STEPS = 50
_MOST_TURNS = 12
_SOFT_PX = 7


@dataclass(frozen=True, slots=True)
class Offset:
    """By how much the second image shows things further down and to the right than the first, in pixels.

    Attributes:
        row_px: Down.
        col_px: To the right.
        spread_px: How far chips disagree: the median of their distances from the whole; 0 for one chip.
        num_chips: How many were compared.
    """

    row_px: float
    col_px: float
    spread_px: float = 0.0
    num_chips: int = 1

    @property
    def length_px(self) -> float:
        """How far, whatever the direction."""
        return math.hypot(self.row_px, self.col_px)


def offset(
    first: Float32[np.ndarray, "h w"], second: Float32[np.ndarray, "h w"], valid: Bool[np.ndarray, "h w"]
) -> Offset | None:
    """The offset of two chips to a fiftieth of a pixel; None where too little is valid or nothing is to be seen.

    The phases of both spectra are compared, low frequencies alone; the peak is found on whole pixels, then by a
    discrete Fourier transform of its surroundings (Guizar-Sicairos, Thurman and Fienup 2008), until it stays.

    Args:
        first: One band of one image.
        second: A like band of the other on the same pixels.
        valid: Where both can be compared.
    """
    if min(valid.shape) < _LEAST_PX or valid.mean() < _LEAST_VALID:
        return None
    weight = _weight(valid)
    one, other = (np.where(valid, image - image[valid].mean(dtype=np.float64), 0) for image in (first, second))
    if not (np.ptp(one) and np.ptp(other)):
        return None
    rows, cols = np.fft.fftfreq(valid.shape[0])[:, None], np.fft.fftfreq(valid.shape[1])[None]
    taper = np.exp(-0.5 * (rows**2 + cols**2) / (_HIGHEST / 2) ** 2)
    still, moving = np.fft.fft2(one * weight), np.fft.fft2(other)
    row, col = 0.0, 0.0
    # The weights lie alike on both images and draw the peak to no offset at all: moved back, there is none to lose.
    for _ in range(_MOST_TURNS):
        back = np.fft.ifft2(moving * np.exp(2j * np.pi * (rows * row + cols * col))).real
        down, right = _peak(np.conj(still) * np.fft.fft2(back * weight), taper)
        row, col = row + down, col + right
        if math.hypot(down, right) < 1 / _STEPS:
            break
    return Offset(round(row, 4), round(col, 4))


def _weight(valid: Bool[np.ndarray, "h w"]) -> Float64[np.ndarray, "h w"]:
    """1 inside, falling to 0 at the edges of the image and of holes, which would else be what is compared."""
    deep = ndimage.uniform_filter(valid.astype(np.float64), _SOFT_PX, mode="constant") > 1 - 1e-6
    soft = ndimage.uniform_filter(deep.astype(np.float64), _SOFT_PX, mode="constant")
    return np.asarray(soft * np.outer(np.hanning(valid.shape[0]), np.hanning(valid.shape[1])))


def _peak(cross: NDArray[np.complex128], taper: Float64[np.ndarray, "h w"]) -> tuple[float, float]:
    phases = cross / np.maximum(np.abs(cross), 1e-12 * np.abs(cross).max()) * taper
    peak = np.unravel_index(int(np.argmax(np.fft.ifft2(phases).real)), taper.shape)
    rough = [at - size if at > size // 2 else at for at, size in zip(peak, taper.shape, strict=True)]
    return _refined(phases, [float(at) for at in rough])


def _refined(phases: NDArray[np.complex128], at: list[float]) -> tuple[float, float]:
    """The peak near `at`: first around it by a pixel and a half, then finer around what was found."""
    for reach, step in ((1.5, 0.25), (0.25, 1 / _STEPS)):
        around = np.arange(-round(reach / step), round(reach / step) + 1) * step
        rows, cols = (np.exp(2j * np.pi * np.outer(start + around, np.fft.fftfreq(size)))
                      for start, size in zip(at, phases.shape, strict=True))  # fmt: skip
        row, col = np.unravel_index(int(np.argmax((rows @ phases @ cols.T).real)), (len(around), len(around)))
        at = [at[0] + float(around[row]), at[1] + float(around[col])]
    return at[0], at[1]


def together(offsets: Sequence[Offset]) -> Offset | None:
    """The offset of whole images from those of their chips: the median, which a few wrong chips do not move."""
    if not offsets:
        return None
    each: Float[np.ndarray, "n 2"] = np.array([[one.row_px, one.col_px] for one in offsets])
    middle = np.median(each, axis=0)
    spread = float(np.median(np.hypot(*(each - middle).T)))
    return Offset(float(middle[0]), float(middle[1]), round(spread, 4), len(offsets))

"""What classifiers take of limb spectra: temperatures of those that see a cloud. Others are counted. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from numpy.typing import NDArray

from landweave.errors import RadiometryError, SpectraError
from landweave.legend import IGNORE
from landweave.spectra.brightness import brightness_temperature
from landweave.spectra.clouds import cloud_index, is_cloudy
from landweave.spectra.microwindows import CLASSES
from landweave.spectra.observations import LimbSpectra

CLOUD, CLEAR, UNUSABLE = 0, 1, 2
STATES = ("cloud", "clear", "unusable")
LEFT_OUT = "left_out"
"""Column of the truth that marks spectra to be left out of training."""
# Polar stratospheric clouds send as black bodies of 140 to 220 K do; of a hundredth of their radiance, 110 K.
_COLDEST_K = 125.0
MAX_MASKED = 14
"""A spectrum is used with at most so many masked microwindows of 142; ours, a tenth."""


@dataclass(frozen=True, eq=False)
class Prepared:
    """Spectra ready for classifiers.

    Attributes:
        temperature: Brightness temperatures, K; of rows that are no cloud they say nothing.
        masked: Where there was none: a negative, zero or missing radiance.
        state: `CLOUD`, `CLEAR` by the cloud index, or `UNUSABLE`: no cloud index, or too many masked microwindows.
        cloud_index: NaN where there is none.
    """

    temperature: Float32[np.ndarray, "b l"]
    masked: Bool[np.ndarray, "b l"]
    state: UInt8[np.ndarray, " b"]
    cloud_index: Float32[np.ndarray, " b"]

    @property
    def counts(self) -> dict[str, int]:
        """How many spectra are in each state, and how many microwindows of cloudy ones are masked."""
        found = {name: int((self.state == number).sum()) for number, name in enumerate(STATES)}
        clouds = self.state == CLOUD
        return {**found, "masked_microwindows": int(self.masked[clouds].sum())}


def prepare(spectra: LimbSpectra, max_masked: int = MAX_MASKED) -> Prepared:
    """Brightness temperatures, and which spectra see a cloud (cloud index below 4.5).

    Args:
        spectra: Any.
        max_masked: Most microwindows that may be masked.

    Raises:
        RadiometryError: Clouds are colder than any cloud is, as where radiances are not in the unit that is told.
    """
    measured = np.where(spectra.valid, spectra.radiance, np.float32(np.nan))
    temperature, valid = brightness_temperature(measured)
    index = cloud_index(measured)
    state = np.where(is_cloudy(index), CLOUD, CLEAR).astype(np.uint8)
    _check_warmth(temperature[state == CLOUD])
    state[np.isnan(index) | ((state == CLOUD) & ((~valid).sum(1) > max_masked))] = UNUSABLE
    return Prepared(temperature, ~valid, state, index)


def _check_warmth(clouds: Float32[np.ndarray, "b l"]) -> None:
    if not np.isfinite(clouds).any():
        return
    # The median: faint microwindows and noise must not decide.
    middle = float(np.nanmedian(clouds))
    if middle < _COLDEST_K:
        raise RadiometryError(
            f"radiances of clouds of {middle:.0f} K in the median",
            f"clouds that are warmer than {_COLDEST_K:g} K",
            "check the unit that the file tells",
        )


def typical(temperature: Float32[np.ndarray, "b l"], masked: Bool[np.ndarray, "b l"]) -> Float32[np.ndarray, " l"]:
    """Mean temperature of every microwindow, without what is masked.

    Raises:
        SpectraError: A microwindow is masked in all spectra.
    """
    num = (~masked).sum(0)
    if not num.all():
        raise SpectraError(
            f"microwindow {int(np.argmin(num))} without a positive radiance in {len(temperature)} spectra",
            "every microwindow measured in some spectra",
            "check the unit and the order of microwindows",
        )
    total = np.where(masked, 0.0, temperature).sum(0, dtype=np.float64)
    return np.asarray(total / num, np.float32)


def filled(
    temperature: Float32[np.ndarray, "b l"], masked: Bool[np.ndarray, "b l"], mean: Float32[np.ndarray, " l"]
) -> Float32[np.ndarray, "b l"]:
    """Masked microwindows as those of `mean`, shifted to the level of the spectrum's others.

    Differences of brightness temperatures do not know the level, so that a shift alone is what they allow to guess.
    """
    if not masked.any():
        return temperature
    apart = np.where(masked, 0.0, temperature - mean).sum(1) / np.maximum((~masked).sum(1), 1)
    return np.where(masked, mean + apart[:, None].astype(np.float32), temperature)


@dataclass(frozen=True, eq=False)
class Learnable:
    """Labelled spectra that see a cloud, ready to learn from.

    Attributes:
        temperature: Brightness temperatures, K, filled.
        label: Index in `CLASSES`.
        mean: By which masked microwindows were filled.
        held: Those that a simulator marked to be left out of training; only judged by.
        left: How many spectra were left out, by why.
    """

    temperature: Float32[np.ndarray, "b 142"]
    label: UInt8[np.ndarray, " b"]
    mean: Float32[np.ndarray, " 142"]
    held: Bool[np.ndarray, " b"]
    left: Mapping[str, int] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.label)

    def select(self, rows: NDArray[Any]) -> Learnable:
        """Some of them, by indices or by a mask."""
        return replace(self, temperature=self.temperature[rows], label=self.label[rows], held=self.held[rows])


def learnable(spectra: LimbSpectra, max_masked: int = MAX_MASKED) -> Learnable:
    """What can be learnt from: clouds of the six classes. Clear air is left out, as in the paper's section 2.2.

    Raises:
        SpectraError: There are no labels, none of the six classes among them, or no cloud.
    """
    if spectra.label is None or not (known := [name for name in spectra.classes if name in CLASSES]):
        raise SpectraError(
            f"spectra with {'labels of ' + ', '.join(spectra.classes) if spectra.classes else 'no labels'}",
            f"labels of {', '.join(CLASSES)}",
            "learn from a database: landweave simulate limb-published-1",
        )
    table = np.full(256, IGNORE, np.uint8)
    for name in known:
        table[spectra.classes.index(name)] = CLASSES.index(name)
    label, ready = table[spectra.label], prepare(spectra, max_masked)
    used = (label != IGNORE) & (ready.state == CLOUD)
    if not used.any():
        raise SpectraError(
            f"{len(spectra)} spectra, of which {int((label != IGNORE).sum())} have a label and none sees a cloud",
            "labelled spectra with a cloud index below 4.5",
            "check the unit of the radiances, and the labels",
        )
    left = {name: int((ready.state == number).sum()) for number, name in enumerate(STATES) if number != CLOUD}
    left["without a label of the six"] = int(((label == IGNORE) & (ready.state == CLOUD)).sum())
    held = spectra.truth.get(LEFT_OUT, np.zeros(len(label), np.bool_)).astype(np.bool_)[used]
    temperature, masked = ready.temperature[used], ready.masked[used]
    mean = typical(temperature[~held], masked[~held])
    return Learnable(filled(temperature, masked, mean), label[used], mean, held, left)

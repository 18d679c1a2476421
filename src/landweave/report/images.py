"""Made and measured images side by side, in true and in false colour."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32

from landweave.atomic import write_bytes
from landweave.sensors import Band

# Centres in nm of what shows as red, green and blue.
_TRUE, _FALSE = (655.0, 560.0, 482.0), (865.0, 1610.0, 655.0)
_ROWS = {"true colour": _TRUE, "near and short-wave infrared, red": _FALSE}


@dataclass(frozen=True)
class Image:
    """One image with its name."""

    title: str
    values: Float32[np.ndarray, "c h w"]


def save(path: Path, images: Sequence[Image], valid: Bool[np.ndarray, "h w"], bands: Sequence[Band]) -> None:
    """Write the images beside each other as PNG, one row for each way to colour them.

    All have the stretch of the first one, from its 2nd to its 98th percentile; where nothing is valid they are grey.

    Args:
        path: Where to.
        images: Of the same bands and pixels.
        valid: Where they are usable.
        bands: What they show.
    """
    from matplotlib.figure import Figure

    rows = _rows(bands)
    figure = Figure(figsize=(3 * len(images), 3.2 * len(rows)), layout="constrained")
    axes = figure.subplots(len(rows), len(images), squeeze=False)
    for row, (name, places) in zip(axes, rows.items(), strict=True):
        ends = [_ends(images[0].values[place][valid]) for place in places]
        for ax, image in zip(row, images, strict=True):
            ax.imshow(colours(image.values[list(places)], valid, ends))
            ax.set_title(f"{image.title}\n{name}", fontsize=8)
            ax.set_axis_off()
    memory = io.BytesIO()
    # Without the program's version, so that equal images give equal bytes.
    figure.savefig(memory, format="png", dpi=110, metadata={"Software": None})
    write_bytes(path, memory.getvalue())


def _rows(bands: Sequence[Band]) -> dict[str, tuple[int, int, int]]:
    """Which bands show as red, green and blue: the nearest; a way whose three are not three bands is left away."""
    found = {}
    for name, centres in _ROWS.items():
        places = tuple(_nearest(bands, centre) for centre in centres)
        if len(set(places)) == len(centres):
            found[name] = places
    return found or {"first band": (0, 0, 0)}  # type: ignore[return-value]


def _nearest(bands: Sequence[Band], centre: float) -> int:
    return min(range(len(bands)), key=lambda place: abs((bands[place].wavelength_nm or 0) - centre))


def _ends(values: Float32[np.ndarray, " n"]) -> tuple[float, float]:
    low, high = np.percentile(values, [2, 98]) if values.size else (0.0, 1.0)
    return float(low), float(max(high, low + 1e-6))


def colours(
    values: Float32[np.ndarray, "3 h w"], valid: Bool[np.ndarray, "h w"], ends: Sequence[tuple[float, float]]
) -> Float32[np.ndarray, "h w 3"]:
    """Red, green and blue from 0 to 1, each stretched between its ends; grey where not valid."""
    low, high = (np.array(each, np.float32)[:, None, None] for each in zip(*ends, strict=True))
    shown = np.clip((values - low) / (high - low), 0, 1)
    return np.moveaxis(np.where(valid, shown, np.float32(0.5)), 0, -1)

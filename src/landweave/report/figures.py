"""Figures: training curves as SVG that follows the page's colours, pictures as PNG. The only place with matplotlib."""

from __future__ import annotations

import base64
import hashlib
import io
import math
import re
from collections.abc import Callable, Sequence
from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float32, UInt8
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from PIL import Image

from landweave.legend import Legend
from landweave.report.material import Curve

# Colours that nothing else uses stand for those of the page, which differ by day and by night.
INK, FAINT = "#010203", "#040506"
LINES = ("#070809", "#0a0b0c", "#0d0e0f", "#101112")
_NAMES = {INK: "--ink-2", FAINT: "--rule", **{line: f"--line-{place + 1}" for place, line in enumerate(LINES)}}
_STYLE: dict[str, Any] = {
    "svg.fonttype": "none",
    "svg.hashsalt": "landweave",
    "font.family": "sans-serif",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.edgecolor": FAINT,
    "grid.color": FAINT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": True,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
}
# From this ratio of the largest to the smallest value on, a linear axis hides what is small.
_LOG_FROM = 30.0


def drawn(
    draw: Callable[[Axes], None], label: str, size: tuple[float, float] = (5.2, 3.0), projection: str | None = None
) -> str:
    """What `draw` draws, as SVG text that can stand inside HTML; `label` is for who cannot see it."""
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=size, layout="constrained")
        draw(figure.add_subplot(projection=projection))
        return _svg(figure, label)


def curves(quantity: str, lines: Sequence[Curve]) -> str:
    """One figure of a quantity over training."""
    # Who cannot see the curves reads where they begin and end.
    label = f"{quantity} over training: " + "; ".join(_words(line) for line in lines)
    return drawn(lambda axes: _curves(axes, quantity, lines), label)


def _curves(axes: Axes, quantity: str, lines: Sequence[Curve]) -> None:
    for place, line in enumerate(lines):
        style = ("-", "--", "-.", ":")[place % 4]
        marker = "o" if len(line.steps) == 1 else None
        color = LINES[place % len(LINES)]
        axes.plot(line.steps, line.values, style, marker=marker, color=color, label=line.name, linewidth=1.8)
    _dress(axes, quantity, lines)


def _dress(axes: Axes, quantity: str, lines: Sequence[Curve]) -> None:
    values = [value for line in lines for value in line.values if math.isfinite(value)]
    if values and min(values) > 0 and max(values) / min(values) > _LOG_FROM:
        axes.set_yscale("log")
    axes.set_xlabel("epoch")
    axes.set_ylabel(quantity)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=6, integer=True))
    if len(lines) > 1:
        axes.legend(loc="best")


def _words(line: Curve) -> str:
    return f"{line.name} from {line.values[0]:.3g} to {line.values[-1]:.3g}" if line.values else f"{line.name} empty"


def _svg(figure: Figure, label: str) -> str:
    text = io.StringIO()
    figure.savefig(text, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    whole = text.getvalue()
    body = re.sub(r"\s*<metadata>.*?</metadata>", "", whole[whole.index("<svg") :], flags=re.DOTALL)
    for color, name in _NAMES.items():
        body = body.replace(color, f"var({name})")
    # Widths follow the page; an id may stand only once in a page, and every figure has an axes_1.
    body = re.sub(r' (width|height)="[\d.]+pt"', "", body, count=2)
    own = hashlib.sha256((label + body).encode()).hexdigest()[:8]
    body = re.sub(r'(id="|url\(#|href="#)', rf"\g<1>f{own}-", body)
    safe = label.replace("&", "&amp;").replace("<", "&lt;").replace('"', "&quot;")
    return body.replace("<svg ", f'<svg role="img" aria-label="{safe}" ', 1)


def png(pixels: UInt8[np.ndarray, "h w 3"]) -> str:
    """Pixels as a data address that an <img> can show."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(pixels)).decode("ascii")


def png_bytes(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    """Pixels as a PNG file; pictures of few colours become small palette files."""
    image = Image.fromarray(np.ascontiguousarray(pixels))
    # Without dithering a palette of enough colours changes no pixel.
    if image.getcolors(256):
        image = image.quantize(256, dither=Image.Dither.NONE)
    content = io.BytesIO()
    image.save(content, format="PNG", optimize=True)
    return content.getvalue()


def stretch(rgb: Float32[np.ndarray, "3 h w"], valid: np.ndarray) -> UInt8[np.ndarray, "h w 3"]:
    """Physical values as a picture: the 1st to 99th percentile of all three bands spread over 8 bits.

    One stretch for all bands keeps the balance of colours; invalid pixels are mid-grey.
    """
    seen = rgb[:, valid]
    # Nothing to stretch: a scene of gaps and clouds alone.
    if not seen.size:
        return np.full((*rgb.shape[1:], 3), 128, np.uint8)
    # Percentiles, since one roof or one wave would darken all else.
    low, high = np.percentile(seen, (1, 99))
    scaled = np.clip((rgb - low) / max(high - low, 1e-9), 0, 1) ** 0.8
    picture = np.moveaxis(np.round(255 * scaled), 0, -1).astype(np.uint8)
    picture[~valid] = 128
    return np.asarray(picture)


def colored(ids: UInt8[np.ndarray, "h w"], legend: Legend) -> UInt8[np.ndarray, "h w 3"]:
    """A map in its legend's colours; what is no class is white."""
    table = np.full((256, 3), 255, np.uint8)
    for entry in legend.classes:
        table[entry.id] = entry.rgb
    return np.asarray(table[ids])


def differences(
    ids: UInt8[np.ndarray, "h w"], truth: UInt8[np.ndarray, "h w"], nodata: int
) -> UInt8[np.ndarray, "h w 3"]:
    """Where map and truth differ (dark red), agree (light grey) or cannot be compared (white)."""
    picture = np.full((*ids.shape, 3), 226, np.uint8)
    picture[ids != truth] = (178, 24, 43)
    picture[(ids == nodata) | (truth == nodata)] = 255
    return picture

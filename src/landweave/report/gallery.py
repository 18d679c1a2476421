"""Figures of a gallery: contact sheets of its buckets, the plane of embeddings, the curve of their number."""

from __future__ import annotations

import io
from collections.abc import Sequence

import matplotlib
import numpy as np
from jaxtyping import Float32, Int32, UInt8
from matplotlib.figure import Figure

_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "landweave", "font.size": 9, "legend.frameon": False}
_INK, _FAINT, _LINE = "#333333", "#bbbbbb", "#4477aa"
COLORS = (
    "#4477aa",
    "#ee6677",
    "#228833",
    "#ccbb44",
    "#66ccee",
    "#aa3377",
    "#bb5566",
    "#004488",
    "#ddaa33",
    "#999933",
    "#882255",
    "#44aa99",
)
"""Colours of buckets, in turn: those of Paul Tol's schemes, told apart by the colour-blind."""


def curve(counts: Sequence[int], variances: Sequence[float], chosen: int) -> str:
    """The mean within-cluster variance by the number of clusters, with the number that was chosen, as SVG text."""
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(4.6, 3.0), layout="constrained")
        axes = figure.add_subplot()
        axes.plot(counts, variances, "-o", color=_LINE, markersize=4)
        axes.axvline(chosen, color=_INK, linewidth=0.9, linestyle=":")
        axes.annotate(f"{chosen} clusters", (chosen, max(variances)), (5, -5), textcoords="offset points", va="top")
        axes.set_xlabel("clusters")
        axes.set_ylabel("mean within-cluster variance")
        axes.set_ylim(bottom=0)
        axes.spines[["top", "right"]].set_visible(False)
        return svg(figure)


def plane(places: Float32[np.ndarray, "n 2"], buckets: Int32[np.ndarray, " n"], num_buckets: int) -> str:
    """Where images lie on the plane of embeddings, coloured by bucket, as SVG text."""
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(5.6, 4.6), layout="constrained")
        axes = figure.add_subplot()
        for bucket in range(num_buckets):
            here = places[buckets == bucket]
            # Thousands of points as vectors would make a page that no browser draws.
            axes.scatter(
                here[:, 0],
                here[:, 1],
                s=7,
                alpha=0.6,
                linewidths=0,
                rasterized=True,
                color=color(bucket),
                label=f"bucket {bucket} ({len(here)})",
            )
        axes.set_xlabel("first principal component of the features")
        axes.set_ylabel("second")
        axes.spines[["top", "right"]].set_visible(False)
        axes.legend(loc="center left", bbox_to_anchor=(1, 0.5), markerscale=2)
        return svg(figure)


def color(bucket: int) -> str:
    """The colour of a bucket."""
    return COLORS[bucket % len(COLORS)]


def svg(figure: Figure) -> str:
    """A figure as SVG text; the same figure gives the same text."""
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def sheet(pictures: Sequence[UInt8[np.ndarray, "h w 3"]], per_row: int, gap_px: int = 2) -> UInt8[np.ndarray, "H W 3"]:
    """Pictures of one size side by side, row by row, on white."""
    height, width = pictures[0].shape[:2]
    num_rows = -(-len(pictures) // per_row)
    row_px, col_px = height + gap_px, width + gap_px
    whole = np.full((num_rows * row_px - gap_px, min(per_row, len(pictures)) * col_px - gap_px, 3), 255, np.uint8)
    for number, picture in enumerate(pictures):
        row, col = divmod(number, per_row)
        whole[row * row_px : row * row_px + height, col * col_px : col * col_px + width] = picture
    return whole

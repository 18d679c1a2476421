"""A training on more and more ranks as a figure: samples a second, where time goes, and F1; SVG that stands alone."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator, ScalarFormatter

_PARTS = (
    ("compute_s", "compute", "#4477aa"),
    ("communication_s", "communication", "#ee6677"),
    ("waiting_s", "input", "#ccbb44"),
)
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "landweave", "font.size": 9, "legend.frameon": False}
_INK, _FAINT = "#333333", "#bbbbbb"


@dataclass(frozen=True, slots=True)
class Point:
    """A step on so many ranks, measured or predicted.

    Attributes:
        ranks: How many.
        samples_per_s: Of all together.
        compute_s: Of a step.
        communication_s: Of a step, as far as compute does not hide it.
        waiting_s: Of a step, for samples.
        f1: After training so, or None.
    """

    ranks: int
    samples_per_s: float
    compute_s: float
    communication_s: float
    waiting_s: float
    f1: float | None = None

    @property
    def step_s(self) -> float:
        """From one step to the next."""
        return self.compute_s + self.communication_s + self.waiting_s


def draw(measured: Sequence[Point], predicted: Sequence[Point], cluster: str) -> str:
    """Three panels side by side as SVG text; `predicted` are ranks of `cluster`, drawn beside what was measured."""
    panels: list[Callable[[Axes], None]] = [
        lambda axes: _speeds(axes, measured, predicted, cluster),
        lambda axes: _shares(axes, [*measured, *predicted], len(measured)),
    ]
    if any(point.f1 is not None for point in measured):
        panels.append(lambda axes: _f1(axes, measured))
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(4.1 * len(panels), 3.3), layout="constrained")
        for place, panel in enumerate(panels):
            axes = figure.add_subplot(1, len(panels), place + 1)
            axes.spines[["top", "right"]].set_visible(False)
            panel(axes)
        text = io.StringIO()
        # Without a date the same numbers give the same bytes.
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def _speeds(axes: Axes, measured: Sequence[Point], predicted: Sequence[Point], cluster: str) -> None:
    for points, label, style in ((measured, "measured here", "o-"), (predicted, f"predicted: {cluster}", "s--")):
        if points:
            ranks = [point.ranks for point in points]
            lines = axes.plot(ranks, [point.samples_per_s for point in points], style, label=label, markersize=4)
            ideal = [points[0].samples_per_s / points[0].ranks * num for num in ranks]
            axes.plot(ranks, ideal, ":", color=lines[0].get_color(), linewidth=1)
    axes.plot([], [], ":", color=_INK, label="without any loss")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylabel("samples/s")
    _ranks(axes, [point.ranks for point in (*measured, *predicted)])
    axes.legend(fontsize=8)


def _shares(axes: Axes, points: Sequence[Point], num_measured: int) -> None:
    below = [0.0] * len(points)
    for name, label, color in _PARTS:
        heights = [100 * getattr(point, name) / point.step_s for point in points]
        axes.bar(range(len(points)), heights, bottom=below, color=color, label=label, width=0.8)
        below = [low + height for low, height in zip(below, heights, strict=True)]
    axes.set_xticks(range(len(points)), [str(point.ranks) for point in points])
    if 0 < num_measured < len(points):
        axes.axvline(num_measured - 0.5, ymax=0.85, color=_INK, linewidth=1, linestyle=":")
    axes.set_xlabel("ranks (right of the dots: predicted)" if num_measured < len(points) else "ranks")
    axes.set_ylabel("% of a step")
    axes.set_ylim(0, 118)
    axes.legend(fontsize=8, ncols=3, loc="upper center")


def _f1(axes: Axes, measured: Sequence[Point]) -> None:
    known = [point for point in measured if point.f1 is not None]
    axes.plot([point.ranks for point in known], [point.f1 or 0.0 for point in known], "o-", markersize=4)
    axes.set_xscale("log", base=2)
    axes.set_ylim(0, 1)
    axes.set_ylabel("F1 on the validation part")
    _ranks(axes, [point.ranks for point in known])


def _ranks(axes: Axes, ranks: Sequence[int]) -> None:
    axes.set_xlabel("ranks")
    axes.set_xticks(sorted(set(ranks)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(color=_FAINT, linewidth=0.5)

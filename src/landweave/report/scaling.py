"""A training on more and more ranks as figures: samples a second, where time goes, and F1; SVG."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter, NullLocator, ScalarFormatter

from landweave.report import figures
from landweave.report.material import Growth, Point

_PARTS = {"compute_s": "compute", "communication_s": "communication", "waiting_s": "input"}
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "landweave", "font.size": 9, "legend.frameon": False}


@dataclass(frozen=True)
class _Look:
    """Colours: of what is written, of the grid, of the parts of a step, of what is measured and predicted."""

    ink: str
    faint: str
    parts: tuple[str, ...]
    lines: tuple[str, ...]


_ALONE = _Look("#333333", "#bbbbbb", ("#4477aa", "#ee6677", "#ccbb44"), ("#1f77b4", "#ff7f0e"))
_ON_PAGE = _Look(figures.INK, figures.FAINT, figures.LINES[:3], figures.LINES[:2])

_Panel = Callable[[Axes, _Look], None]


def efficiencies(points: Sequence[Point]) -> tuple[float, ...]:
    """Samples a second of each rank, over those of each rank of the first point."""
    return tuple(point.samples_per_s / point.ranks / (points[0].samples_per_s / points[0].ranks) for point in points)


def draw(measured: Sequence[Point], predicted: Sequence[Point], cluster: str) -> str:
    """All panels side by side as SVG that stands alone; `predicted` are ranks of `cluster`."""
    panels = list(_panels(measured, predicted, cluster).values())
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(4.1 * len(panels), 3.3), layout="constrained")
        for place, panel in enumerate(panels):
            axes = figure.add_subplot(1, len(panels), place + 1)
            axes.spines[["top", "right"]].set_visible(False)
            panel(axes, _ALONE)
        text = io.StringIO()
        # Without a date the same numbers give the same bytes.
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()


def on_page(growth: Growth) -> list[str]:
    """Each panel as SVG text that can stand inside HTML and follows the page's colours."""
    panels = _panels(growth.measured, growth.predicted, growth.cluster)
    return [
        figures.drawn(lambda axes, panel=panel: panel(axes, _ON_PAGE), f"{growth.name}: {words}")  # type: ignore[misc]
        for words, panel in panels.items()
    ]


def _panels(measured: Sequence[Point], predicted: Sequence[Point], cluster: str) -> dict[str, _Panel]:
    """What is drawn, by the words for who cannot see it."""
    panels: dict[str, _Panel] = {
        "samples/s on more and more ranks": lambda axes, look: _speeds(axes, look, measured, predicted, cluster),
        "parts of a step on more and more ranks": lambda axes, look: _shares(axes, look, measured, predicted),
    }
    if any(point.f1 is not None for point in measured):
        panels["F1 on more and more ranks"] = lambda axes, look: _f1(axes, look, measured)
    return panels


def _speeds(axes: Axes, look: _Look, measured: Sequence[Point], predicted: Sequence[Point], cluster: str) -> None:
    drawn = ((measured, "measured here", "o-"), (predicted, f"predicted: {cluster}", "s--"))
    for (points, label, style), color in zip(drawn, look.lines, strict=True):
        if points:
            ranks = [point.ranks for point in points]
            axes.plot(ranks, [point.samples_per_s for point in points], style, color=color, label=label, markersize=4)
            ideal = [points[0].samples_per_s / points[0].ranks * num for num in ranks]
            axes.plot(ranks, ideal, ":", color=color, linewidth=1)
    axes.plot([], [], ":", color=look.ink, label="without any loss")
    axes.set_xscale("log", base=2)
    axes.set_yscale("log")
    axes.set_ylabel("samples/s")
    _ranks(axes, look, [point.ranks for point in (*measured, *predicted)])
    axes.legend(fontsize=8)


def _shares(axes: Axes, look: _Look, measured: Sequence[Point], predicted: Sequence[Point]) -> None:
    points = [*measured, *predicted]
    below = [0.0] * len(points)
    for (name, label), color in zip(_PARTS.items(), look.parts, strict=True):
        heights = [100 * getattr(point, name) / point.step_s for point in points]
        axes.bar(range(len(points)), heights, bottom=below, color=color, label=label, width=0.8)
        below = [low + height for low, height in zip(below, heights, strict=True)]
    axes.set_xticks(range(len(points)), [str(point.ranks) for point in points])
    if measured and predicted:
        axes.axvline(len(measured) - 0.5, ymax=0.85, color=look.ink, linewidth=1, linestyle=":")
    axes.set_xlabel("ranks (right of the dots: predicted)" if predicted else "ranks")
    axes.set_ylabel("% of a step")
    axes.set_ylim(0, 118)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, ncols=3, loc="upper center")


def _f1(axes: Axes, look: _Look, measured: Sequence[Point]) -> None:
    known = [(point.ranks, point.f1) for point in measured if point.f1 is not None]
    axes.plot(*zip(*known, strict=True), "o-", color=look.lines[0], markersize=4)
    axes.set_xscale("log", base=2)
    axes.set_ylim(0, 1)
    axes.set_ylabel("F1 on the validation part")
    _ranks(axes, look, [ranks for ranks, _ in known])


def _ranks(axes: Axes, look: _Look, ranks: Sequence[int]) -> None:
    axes.set_xlabel("ranks")
    axes.set_xticks(sorted(set(ranks)))
    axes.xaxis.set_major_formatter(ScalarFormatter())
    axes.xaxis.set_minor_locator(NullLocator())
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.grid(color=look.faint, linewidth=0.5)

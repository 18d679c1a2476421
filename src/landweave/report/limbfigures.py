"""Figures of limb spectra and what classifiers tell of them: matrices, planes, curves, pies, maps of the pole; SVG."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Shaped, UInt8
from matplotlib.axes import Axes
from matplotlib.colors import BoundaryNorm, LogNorm
from matplotlib.ticker import NullFormatter

from landweave.report.figures import INK, LINES, drawn

COLORS: Mapping[str, str] = {
    "ice": "#1f78b4",
    "nat_small": "#e31a1c",
    "nat_large": "#fb8f67",
    "sts_1": "#00693e",
    "sts_2": "#41ab5d",
    "sts_3": "#a8d96c",
    "NAT": "#e31a1c",
    "STS": "#41ab5d",
    "STS_mix": "#41ab5d",
    "ICE_NAT": "#6a3d9a",
    "NAT_STS": "#ff7f00",
    "ICE_STS": "#17a2b8",
    "unknown": "#8c8c8c",
    "clear": "#d0d0d0",
}
_MARKS = "osD^v<>PX"
# Thousand square kilometres, as the steps of the paper's Figures 11 to 13, and on beyond where more is covered.
AREA_STEPS = (0.0, 10, 15, 20, 30, 50, 70, 100, 130, 160, 300, 600, 1200, 2500, 5000, 10000, 20000)
_SQUARE = (4.6, 4.2)
# So many points tell where a cloud of points lies; more only make the page heavy.
_POINTS = 4000


def color_of(name: str, place: int) -> str:
    """The colour of a class; classes without one take those of the page's lines in turn."""
    return COLORS.get(name, ("#4477aa", "#ee6677", "#ccbb44", "#aa3377", "#66ccee")[place % 5])


def mark_of(name: str, place: int) -> str:
    """The mark of a class, one for each colour, whatever classifier tells it."""
    known = list(dict.fromkeys(COLORS.values()))
    return _MARKS[(known.index(COLORS[name]) if name in COLORS else place) % len(_MARKS)]


def shares(rows: Sequence[str], columns: Sequence[str], counts: Int[np.ndarray, "r c"], across: str, up: str) -> str:
    """A bar for each class of one classifier, parted as another one classified it (Figures 2 and 16)."""
    totals = counts.sum(1)
    share = counts / np.maximum(totals, 1)[:, None]

    def draw(axes: Axes) -> None:
        below = np.zeros(len(rows))
        for place, name in enumerate(columns):
            axes.bar(
                range(len(rows)), share[:, place], bottom=below, color=color_of(name, place), label=name, width=0.8
            )
            below += share[:, place]
        named = [f"{name}\nN {total}" for name, total in zip(rows, totals.tolist(), strict=True)]
        axes.set_xticks(range(len(rows)), named, fontsize=7)
        axes.set_xlabel(across)
        axes.set_ylabel(f"share, {up}")
        axes.set_title(f"{across}, as told by {up}", fontsize=10)
        axes.grid(visible=False)
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=7)

    lines = "; ".join(_row_words(name, columns, share[place]) for place, name in enumerate(rows) if totals[place])
    return drawn(draw, f"What {across} classes are by {up}: {lines}", (6.2, 3.2))


def _row_words(name: str, columns: Sequence[str], share: Float[np.ndarray, " c"]) -> str:
    best = int(share.argmax())
    return f"{name} mostly {columns[best]} ({100 * share[best]:.0f} %)"


def pie(title: str, counts: Mapping[str, int]) -> str:
    """How often each class was told, percentages and numbers in its legend (Figures 14 and 15)."""
    found = {name: number for name, number in counts.items() if number}
    total = sum(found.values())
    places = {name: place for place, name in enumerate(counts)}
    words = [f"{name} {100 * number / total:.0f} %, {number}" for name, number in found.items()]

    def draw(axes: Axes) -> None:
        colors = [color_of(name, places[name]) for name in found]
        wedges = axes.pie(list(found.values()), colors=colors, startangle=90, counterclock=False)[0]
        axes.legend(wedges, words, loc="center left", bbox_to_anchor=(1.0, 0.5), fontsize=8)
        axes.set_title(title, fontsize=10)

    return drawn(draw, f"{title}: {'; '.join(words)}", (4.8, 2.8))


def pole(
    title: str,
    latitude: Float[np.ndarray, " n"],
    longitude: Float[np.ndarray, " n"],
    index: UInt8[np.ndarray, " n"],
    classes: Sequence[str],
) -> str:
    """Places over the pole, coloured by class (Figures 8 to 10); Greenwich points down in the north, up in the south.

    Places without a class (an index beyond `classes`) are small dots.
    """
    south = bool(len(latitude)) and float(np.median(latitude)) < 0
    where = "South" if south else "North"

    def draw(axes: Any) -> None:
        axes.set_theta_zero_location("N" if south else "S")
        axes.set_theta_direction(-1 if south else 1)
        away, around = 90 - np.abs(latitude), np.radians(longitude)
        none = index >= len(classes)
        axes.scatter(around[none], away[none], s=3, color=COLORS["clear"], label="no cloud")
        for place, name in enumerate(classes):
            here = index == place
            if here.any():
                mark = mark_of(name, place)
                axes.scatter(around[here], away[here], s=16, color=color_of(name, place), marker=mark, label=name)
        axes.set_rlim(0, max(30.0, float(away.max(initial=0))))
        axes.set_rgrids([10, 20, 30], [f"{80 - 10 * step}\N{DEGREE SIGN}" for step in range(3)], fontsize=7)
        axes.tick_params(labelsize=7)
        axes.legend(loc="center left", bbox_to_anchor=(1.08, 0.5), fontsize=7)
        axes.set_title(f"{title}, {where} Pole", fontsize=10)

    found = [f"{int((index == place).sum())} {name}" for place, name in enumerate(classes) if (index == place).any()]
    return drawn(draw, f"{title}, {where} Pole: {', '.join(found) or 'no clouds'}", (5.4, 3.9), "polar")


def covered(
    title: str,
    days: Shaped[np.ndarray, " d"],
    altitude_km: Float[np.ndarray, " a"],
    area: Float[np.ndarray, "d a"],
    scale_to: float | None = None,
) -> str:
    """Area covered by day and altitude (Figures 11 to 13).

    Args:
        title: Which class by which classifier.
        days: datetime64[D].
        altitude_km: Lower edges of bins of 1 km.
        area: Million square kilometres; NaN where nothing was observed.
        scale_to: Largest area of the colours' scale; that of `area` where None.
    """
    known = area[np.isfinite(area)]
    most = 1e3 * float(known.max(initial=0))
    top = most if scale_to is None else 1e3 * scale_to
    steps = [step for number, step in enumerate(AREA_STEPS) if not number or AREA_STEPS[number - 1] < top]
    steps = [*steps, 10.0] if len(steps) == 1 else steps

    def draw(axes: Axes) -> None:
        edges = np.append(days, days[-1] + np.timedelta64(1, "D"))
        heights = np.append(altitude_km, altitude_km[-1] + 1)
        norm = BoundaryNorm(steps, 256)
        values = np.ma.masked_invalid(1e3 * area.T)
        # One picture rather than a path for each bin, of which a winter has thousands.
        drawn_bins = axes.pcolormesh(edges, heights, values, cmap="turbo", norm=norm, rasterized=True)
        axes.figure.colorbar(drawn_bins, ax=axes, label="10\N{SUPERSCRIPT THREE} km\N{SUPERSCRIPT TWO}", ticks=steps)
        axes.set_ylabel("altitude (km)")
        axes.tick_params(axis="x", labelrotation=30, labelsize=7)
        axes.set_title(title, fontsize=10)
        axes.grid(visible=False)

    return drawn(draw, f"{title}: at most {most:.0f} thousand square kilometres in a bin of 1 km", (5.6, 3.0))


def matrix(title: str, values: Float[np.ndarray, "l l"], label: str) -> str:
    """A number for each pair of microwindows as a picture, symmetric, on a logarithmic scale (Figure 4)."""
    high = float(values.max(initial=0)) or 1.0

    def draw(axes: Axes) -> None:
        norm = LogNorm(high / 1e3, high, clip=True)
        shown = axes.imshow(np.maximum(values, high / 1e3), cmap="viridis", norm=norm, origin="lower")
        axes.figure.colorbar(shown, ax=axes, label=label, shrink=0.85)
        axes.set_xlabel("index of microwindow")
        axes.set_ylabel("index of microwindow")
        axes.set_title(title, fontsize=10)
        axes.grid(visible=False)

    row, col = np.unravel_index(int(values.argmax()), values.shape)
    return drawn(draw, f"{title}: largest between microwindows {row} and {col}", _SQUARE)


def plane(title: str, places: Float[np.ndarray, "n 2"], index: UInt8[np.ndarray, " n"], classes: Sequence[str]) -> str:
    """Spectra by their first two components, coloured by class (Figure 5); at most 4,000 of them, evenly taken."""
    step = max(1, -(-len(places) // _POINTS))
    some, kinds = places[::step], index[::step]

    def draw(axes: Axes) -> None:
        for place, name in enumerate(classes):
            here = kinds == place
            if here.any():
                color = color_of(name, place)
                axes.scatter(some[here, 0], some[here, 1], s=4, color=color, label=name, rasterized=True)
        axes.set_xlabel("first component")
        axes.set_ylabel("second component")
        axes.legend(fontsize=7, markerscale=2)
        axes.set_title(title, fontsize=10)

    return drawn(draw, f"{title}: {len(some)} spectra of {len(classes)} classes", _SQUARE)


def curve(lines: Mapping[str, tuple[Sequence[float], Sequence[float]]]) -> str:
    """Accuracy over how many spectra were learnt from, a line for each classifier (Figure 7)."""

    def draw(axes: Axes) -> None:
        for place, (name, (numbers, accuracy)) in enumerate(lines.items()):
            style = ("-", "--", "-.", ":")[place % 4]
            axes.plot(numbers, accuracy, style, marker="o", markersize=3, color=LINES[place % len(LINES)], label=name)
        axes.axhline(0.8, color=INK, linewidth=0.7, linestyle=":")
        axes.set_xscale("log")
        axes.xaxis.set_minor_formatter(NullFormatter())
        axes.set_xlabel("spectra learnt from")
        axes.set_ylabel("accuracy")
        axes.set_ylim(top=1.0)
        axes.legend(fontsize=8)

    words = [f"{name} {accuracy[0]:.2f} to {accuracy[-1]:.2f}" for name, (_, accuracy) in lines.items()]
    return drawn(draw, f"Accuracy over spectra learnt from: {'; '.join(words)}")


def importances(title: str, names: Sequence[str], values: Sequence[float]) -> str:
    """How much accuracy is lost where one microwindow is shuffled among spectra, the most important first."""

    def draw(axes: Axes) -> None:
        axes.barh(range(len(names))[::-1], values, color=LINES[0])
        axes.set_yticks(range(len(names))[::-1], names, fontsize=7)
        axes.set_xlabel("accuracy lost")
        axes.set_title(title, fontsize=10)

    told = f"{names[0]} most, {100 * values[0]:.1f} points" if names else "nothing"
    return drawn(draw, f"{title}: {told}", (4.6, 3.4))

"""What ranks do in one step as a figure: a line of bars for each rank; SVG."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass

import matplotlib
from matplotlib.figure import Figure
from matplotlib.patches import Patch

_COLORS = {"forward": "#4477aa", "backward": "#ee6677", "update": "#ccbb44"}
_STYLE = {"svg.fonttype": "none", "svg.hashsalt": "landweave", "font.size": 9, "legend.frameon": False}
# A bar narrower than this share of the step has no room for its number.
_ROOM = 0.025


@dataclass(frozen=True)
class Bar:
    """A time in which a rank computes.

    Attributes:
        rank: Which.
        doing: forward, backward or update.
        micro: Of which micro-batch.
        begin_s: From the step's beginning.
        end_s: The same.
    """

    rank: int
    doing: str
    micro: int
    begin_s: float
    end_s: float


def draw(bars: Sequence[Bar], holds: Sequence[str], title: str) -> str:
    """The step as SVG that stands alone.

    Args:
        bars: What ranks compute.
        holds: What each rank has, in words.
        title: What stands above it.
    """
    step_s = max((bar.end_s for bar in bars), default=0.0)
    with matplotlib.rc_context(_STYLE):  # type: ignore[arg-type]
        figure = Figure(figsize=(8.0, 1.2 + 0.55 * len(holds)), layout="constrained")
        axes = figure.add_subplot()
        for bar in bars:
            width = bar.end_s - bar.begin_s
            axes.barh(bar.rank, width, left=bar.begin_s, color=_COLORS[bar.doing], edgecolor="white", linewidth=0.6)
            if bar.doing != "update" and width > _ROOM * step_s:
                middle = bar.begin_s + width / 2
                axes.text(middle, bar.rank, str(bar.micro + 1), ha="center", va="center", color="white", fontsize=8)
        axes.set_yticks(range(len(holds)), [f"rank {rank}: {words}" for rank, words in enumerate(holds)])
        axes.invert_yaxis()
        axes.set_xlim(0, step_s or 1.0)
        axes.set_xlabel("seconds; numbers are micro-batches")
        axes.set_title(title, fontsize=9)
        axes.spines[["top", "right"]].set_visible(False)
        patches = [Patch(color=color, label=doing) for doing, color in _COLORS.items()]
        figure.legend(handles=patches, ncols=3, loc="outside lower center", fontsize=8)
        text = io.StringIO()
        # Without a date the same numbers give the same bytes.
        figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    return text.getvalue()

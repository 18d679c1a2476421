"""Agreement of maps of several years, and changes with the picture of what was found and missed, as material."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from landweave.errors import LandweaveError
from landweave.legend import LandClass
from landweave.raster.classes import read_legend
from landweave.raster.read import grid_of, read_map
from landweave.report import figures, tables
from landweave.report.find import Found
from landweave.report.material import Picture, Row, Table
from landweave.report.pictures import overview, width_km

_PICTURE, _EDGE_PX = "change_judged.tif", 480
_FIGURES = {"precision": "Precision", "recall": "Recall", "f1": "F1", "iou": "IoU", "classes": "Classes right"}


def every(found: Found) -> tuple[Table, ...]:
    """The tables of all comparisons of years and all judged changes; one with gaps is told instead."""
    made: list[Table] = []
    for kind, make in (("agreement", _agreement), ("change", _change)):
        for path in found.of(kind):
            try:
                made.extend(make(found.json(path), path))
            except (KeyError, TypeError, ValueError, IndexError) as error:
                found.unread.append(f"{path}: {error!r}")
    return tuple(made)


def _agreement(content: Mapping[str, Any], path: Path) -> Iterator[Table]:
    """A line a class; a column each pair of years, with the truth's own agreement where it is known."""
    pairs, truth = content["pairs"], content.get("truth")
    head = ("Class", *(f"{pair['from']} to {pair['to']}" for pair in pairs), "In all")

    def line(name: str, of: Mapping[str, Any], index: int | None) -> tuple[str, ...]:
        each = [*of["pairs"], of["always"]]
        shares = [one["overall"] if index is None else one["classes"][index] for one in each]
        return name, *(tables.percent(share) for share in shares)

    lines = [line(entry["name"], content, index) for index, entry in enumerate(content["legend"]["classes"])]
    lines.append(line("All classes", content, None))
    if truth:
        lines.append(line("All classes, truth", truth, None))
    yield Table(f"{content['name']}: agreement between years", content["note"], head, tuple(lines), path)
    if content["accuracy"]:
        right = tuple(
            (one["map"], tables.percent(one["overall"]), _short(one["macro_f1"]), _short(one["mean_iou"]))
            for one in content["accuracy"]
        )
        heads = ("Map", "Overall accuracy", "Mean F1", "Mean IoU")
        yield Table(f"{content['name']}: accuracy of each year", "", heads, right, path)


def _change(content: Mapping[str, Any], path: Path) -> Iterator[Table]:
    pixels, days = content["pixels"], content["median_error_days"]
    figures_line = tuple(_short(content[name]) for name in _FIGURES)
    told = "\u2013" if days is None else f"{days:g} days"
    note = f"{content['note']} Pixels: " + ", ".join(f"{name} {num:,}" for name, num in pixels.items()) + "."
    head = ("", *_FIGURES.values(), "Median error of dates")
    yield Table(f"{content['name']}: changes", note, head, (("All changes", *figures_line, told),), path)


def _short(value: float | None) -> str:
    return tables.NONE if value is None else tables.decimal(float(value))


def rows(found: Found) -> tuple[Row, ...]:
    """The picture of every judgement of changes: what was found, missed and made up."""
    made = []
    for path in found.of("change"):
        picture = path.with_name(_PICTURE)
        try:
            made.append(_row(picture, found.json(path)))
        except (LandweaveError, KeyError) as error:
            found.unread.append(f"{picture}: {error!r}")
    return tuple(made)


def _row(path: Path, content: Mapping[str, Any]) -> Row:
    legend = read_legend(path)
    if legend is None:
        raise KeyError("no legend")
    whole = grid_of(str(path))
    grid = overview(whole, _EDGE_PX)
    ids, _ = read_map(path, grid, legend.nodata)
    words = "; ".join(f"{entry.name}: {_color(entry)}" for entry in legend.classes)
    alt = f"Changes of {content['name']}: " + ", ".join(f"{name} {num:,}" for name, num in content["pixels"].items())
    wide = width_km(whole)
    shown = f"{whole.shape[1]} pixels wide" if wide is None else f"{wide:.1f} km wide"
    pictures = (Picture(figures.colored(ids, legend), words, alt),)
    return Row(f"{content['name']}: changes right and wrong, {shown}", pictures)


_WORDS = ("white", "red", "blue", "green")


def _color(entry: LandClass) -> str:
    return _WORDS[(entry.id - 1) % len(_WORDS)]

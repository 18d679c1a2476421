"""series_map.json: the maps of a series in a folder, and what their order means. The one writer and the one reader."""

from __future__ import annotations

import datetime as dt
import itertools
import json
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from jaxtyping import UInt8
from odc.geo.geobox import GeoBox

from landweave.atomic import write_text
from landweave.errors import GridError, LegendError, SeriesError
from landweave.legend import Legend
from landweave.raster.classes import read_legend
from landweave.raster.read import grid_of, read_numbers
from landweave.series.events import legend_values, read_legend_values
from landweave.series.plan import grid_of_values, grid_values
from landweave.series.timeline import Timeline, of_ends, of_years
from landweave.tiling import Window

FORMAT = 1
NAME = "series_map.json"
Kind = Literal["annual", "spans"]
_MAKE = "make them with landweave series map"
_YEAR = re.compile(r"(?<!\d)(?:19|20)\d\d(?!\d)")


@dataclass(frozen=True, slots=True)
class OneMap:
    """A map of the sequence.

    Attributes:
        key: Its last date, or its year.
        start: Its first date among those of the series.
        stop: The date after its last one.
        labels: Class ids, as a path from the folder.
        top: Probability of the class in steps of 1/255, as a path from the folder; "" where nobody knows it.
        tiles_missing: Tiles that could not be mapped.
    """

    key: str
    start: int
    stop: int
    labels: str
    top: str = ""
    tiles_missing: int = 0


@dataclass(frozen=True, slots=True)
class SeriesMaps:
    """The maps of a series.

    Attributes:
        folder: Where they lie.
        kind: One a year, or one a span.
        grid: Of all of them.
        legend: Their classes.
        dates: Of the series that they were made from.
        scenes: Names of its scenes.
        span: Dates of a span; 1 where maps are annual.
        shift: Dates from one span to the next.
        maps: In the order of their dates.
        card: Identity of the card that made them; "" where none did.
        series: Path of series.json from the folder; "" where there is none.
    """

    folder: Path
    kind: Kind
    grid: GeoBox
    legend: Legend
    dates: tuple[dt.date, ...]
    scenes: tuple[str, ...]
    span: int
    shift: int
    maps: tuple[OneMap, ...]
    card: str = ""
    series: str = ""

    @property
    def line(self) -> Timeline:
        """What the places of the sequence mean."""
        if self.kind == "annual":
            return of_years([int(one.key) for one in self.maps])
        return of_ends(self.dates, [one.stop - 1 for one in self.maps], self.span, self.shift)

    @property
    def identity(self) -> Mapping[str, Any]:
        """What decides their content, wherever they lie."""
        told = _values(self)
        return {name: told[name] for name in told if name not in ("series",)}

    def read(self, window: Window) -> tuple[UInt8[np.ndarray, "s h w"], UInt8[np.ndarray, "s h w"]]:
        """Indices of the legend and top probabilities of every map in a window; 255 where nobody knows these.

        Raises:
            SceneError: A map cannot be read.
            LegendError: It holds an id that the legend lacks.
        """
        labels = np.empty((len(self.maps), *window.shape), np.uint8)
        top = np.full(labels.shape, 255, np.uint8)
        for place, one in enumerate(self.maps):
            labels[place] = self.legend.to_indices(read_numbers(str(self.folder / one.labels), window)[0])
            if one.top:
                top[place] = read_numbers(str(self.folder / one.top), window)[0]
        return labels, top


def write_maps(maps: SeriesMaps) -> None:
    """Write series_map.json into their folder, aside and renamed.

    Raises:
        OutputError: It cannot be written.
    """
    text = json.dumps({"format": FORMAT, **_values(maps)}, indent=1, ensure_ascii=False)
    write_text(maps.folder / NAME, text + "\n")


def open_maps(folder: Path) -> SeriesMaps:
    """The maps in a folder.

    Raises:
        SeriesError: There are none, or of another format.
    """
    try:
        values = json.loads((folder / NAME).read_text(encoding="utf-8"))
        if values["format"] != FORMAT:
            raise SeriesError(f"{folder / NAME} of format {values['format']}", f"format {FORMAT}", _MAKE)
        return SeriesMaps(
            folder=folder,
            kind=values["kind"],
            grid=grid_of_values(values["grid"]),
            legend=read_legend_values(values["legend"]),
            dates=tuple(dt.date.fromisoformat(date) for date in values["dates"]),
            scenes=tuple(values["scenes"]),
            span=values["span"],
            shift=values["shift"],
            maps=tuple(OneMap(**one) for one in values["maps"]),
            card=values["card"],
            series=values["series"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        if isinstance(error, SeriesError | LegendError):
            raise
        raise SeriesError(f"{folder / NAME}, which cannot be read: {error}", "maps of a series", _MAKE) from error


def yearly_maps(paths: Sequence[Path], legend: Legend | None = None) -> SeriesMaps:
    """Maps that others made, one a year, with the year in each name; the legend of the first where none is given.

    Raises:
        SeriesError: A name tells no year, or a year comes twice.
        LegendError: No legend is given, and none stands beside the first map.
        GridError: Their grids differ.
    """
    years = {path: _YEAR.findall(path.stem) for path in paths}
    if unclear := [path for path, found in years.items() if len(found) != 1]:
        raise SeriesError(f"{unclear[0].name}", "a name with one year in it, such as map_2019.tif", "rename the file")
    ordered = sorted(paths, key=lambda path: years[path][0])
    keys = [years[path][0] for path in ordered]
    if doubles := [one for one, other in itertools.pairwise(keys) if one == other]:
        raise SeriesError(f"two maps of {doubles[0]}", "one map a year", "leave one away")
    known = legend or read_legend(ordered[0])
    if known is None:
        raise LegendError(f"{ordered[0]} without a legend", "a legend of all maps", "name it with --legend")
    grid = grid_of(str(ordered[0]))
    for path in ordered:
        if grid_of(str(path)) != grid:
            raise GridError(f"{path} on another grid than {ordered[0]}", "maps of one grid", "warp it to the others'")
    every = (
        OneMap(key, place, place + 1, str(path.resolve()))
        for place, (key, path) in enumerate(zip(keys, ordered, strict=True))
    )
    dates = tuple(dt.date(int(key), 12, 31) for key in keys)
    return SeriesMaps(Path("/"), "annual", grid, known, dates, (), 1, 1, tuple(every))


def _values(maps: SeriesMaps) -> dict[str, Any]:
    return {
        "kind": maps.kind,
        "grid": grid_values(maps.grid),
        "legend": legend_values(maps.legend),
        "dates": _texts(maps.dates),
        "scenes": list(maps.scenes),
        "span": maps.span,
        "shift": maps.shift,
        "maps": [asdict(one) for one in maps.maps],
        "card": maps.card,
        "series": maps.series,
    }


def _texts(dates: Iterable[dt.date]) -> list[str]:
    return [date.isoformat() for date in dates]

"""Sampling units: places drawn on a map with known chances, judged by a person, and what follows from them."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyproj
from jaxtyping import Int64
from numpy.typing import NDArray

from landweave.atomic import locked, write_text
from landweave.config import nearest
from landweave.errors import LegendError, OutputError, SampleError
from landweave.evaluation.maps import count_classes, pixel_ha
from landweave.evaluation.parts import whole
from landweave.evaluation.result import Evaluation
from landweave.evaluation.truth import Layer, legend_of
from landweave.jobs.run import Progress
from landweave.legend import IGNORE, Legend
from landweave.metrics import area
from landweave.metrics.confusion import Confusion
from landweave.provenance import file_sha256
from landweave.raster.classes import read_nodata

FORMAT = 1
UNITS, DESIGN = "units.geojson", "design.json"
REFERENCE = "reference"
_LEAST_A_CLASS = 2


@dataclass(frozen=True, slots=True)
class Stratum:
    """A class of the map, and what was drawn of it.

    Attributes:
        id: Its id.
        name: Its name.
        num_pixels: How many pixels the map has of it.
        num_drawn: How many of them are sampling units.
    """

    id: int
    name: str
    num_pixels: int
    num_drawn: int


@dataclass(frozen=True, slots=True)
class Unit:
    """A place drawn.

    Attributes:
        number: From 1, in random order: whoever judges the first n judges no class or corner before the others.
        row: Row of its pixel in the map.
        col: Column of its pixel in the map.
        mapped: Id of the map's class there, which is its stratum.
    """

    number: int
    row: int
    col: int
    mapped: int


@dataclass(frozen=True, slots=True)
class Design:
    """How sampling units were drawn: what makes them a probability sample.

    Attributes:
        map_sha256: The map that they were drawn on.
        seed: Of the draw.
        pixel_ha: Area of a pixel in ha; None where the map has no CRS in metres.
        strata: The classes of the map.
        units: The places.
    """

    map_sha256: str
    seed: int
    pixel_ha: float | None
    strata: tuple[Stratum, ...]
    units: tuple[Unit, ...]


def allocate(num_pixels: Int64[np.ndarray, " k"], num: int, least: int) -> Int64[np.ndarray, " k"]:
    """How many units each class gets: `least` at first, the rest in proportion to its pixels (Olofsson et al. 2014).

    No class gets more than it has pixels; together they get `num`, or all pixels where there are fewer.

    Raises:
        SampleError: `num` does not give each class that is there its least.
    """
    is_there = num_pixels > 0
    given = np.minimum(np.where(is_there, least, 0), num_pixels)
    if given.sum() > num or least < _LEAST_A_CLASS:
        raise SampleError(
            f"{num} units with at least {least} for each of the {is_there.sum()} classes of the map",
            f"at least {_LEAST_A_CLASS} for each class, {max(int(given.sum()), 1)} in all",
            "draw more units (--draw), or fewer a class (--least)",
        )
    while (left := min(num, int(num_pixels.sum())) - int(given.sum())) > 0:
        room = num_pixels - given
        # What a small class cannot take is shared out among the others in the next round.
        share = np.where(room > 0, num_pixels, 0) / np.where(room > 0, num_pixels, 0).sum() * left
        more = np.minimum(np.floor(share).astype(np.int64), room)
        if not more.any():
            # What is left are fractions: the largest first.
            more[np.argsort(-share, kind="stable")[:left]] = 1
            more = np.minimum(more, room)
        given = given + more
    return np.asarray(given)


def draw(
    map_path: Path, out: Path, *, num: int, seed: int, least: int = 50, map_legend: Legend | None = None
) -> Iterator[Progress]:
    """Draw a stratified random sample on a map: `out`/units.geojson to judge, `out`/design.json to keep.

    The strata are the classes of the map; within a class every pixel has the same chance. The draw depends on the map
    and the seed alone. The file is read twice, window by window.

    Args:
        map_path: The map.
        out: A new folder.
        num: How many units.
        seed: Of the draw.
        least: How many units each class gets at least.
        map_legend: The map's legend where the file does not tell.

    Raises:
        OutputError: `out` holds something.
        LegendError: The map's legend is not known.
        SampleError: Too few units for the classes.
    """
    legend = map_legend or legend_of(map_path)
    layer = Layer(map_path, legend, read_nodata(map_path))
    with locked(out):
        if any(not entry.name.startswith(".") for entry in out.iterdir()):
            raise OutputError(f"{out}, which holds something", "an empty folder", "choose another with -o")
        pixels = yield from count_classes(layer)
        drawn = allocate(pixels, num, least)
        rng = np.random.default_rng(seed)
        # Places as ranks within a class: they are drawn before anybody knows where they lie.
        ranks = [np.sort(rng.choice(total, size, replace=False)) for total, size in zip(pixels, drawn, strict=True)]
        places = yield from _find(layer, ranks)
        # Whoever stops half way has a smaller random sample, not the northern half.
        order = rng.permutation(len(places))
        units = tuple(Unit(i + 1, *places[place]) for i, place in enumerate(order.tolist()))
        counts = zip(legend.classes, pixels.tolist(), drawn.tolist(), strict=True)
        strata = tuple(Stratum(entry.id, entry.name, total, size) for entry, total, size in counts)
        _write(out, Design(file_sha256(map_path), seed, _pixel_ha(layer), strata, units), layer)


def _find(layer: Layer, ranks: Sequence[NDArray[np.int64]]) -> Generator[Progress, None, list[tuple[int, int, int]]]:
    """(row, col, id) of the pixels of each class that have these ranks in the order of the windows."""
    places = whole(layer.grid)
    seen = np.zeros(len(ranks), np.int64)
    found: list[tuple[int, int, int]] = []
    for done, place in enumerate(places):
        yield Progress("draw", done, len(places), "windows")
        labels = layer.indices(place.window.on(layer.grid))
        for index, wanted in enumerate(ranks):
            here = np.flatnonzero(labels == index)
            # Ranks and pixels both ascend, so that each window finds its own ranks at once.
            taken = wanted[np.searchsorted(wanted, seen[index]) : np.searchsorted(wanted, seen[index] + here.size)]
            rows, cols = np.unravel_index(here[taken - seen[index]], labels.shape)
            pairs = zip(rows.tolist(), cols.tolist(), strict=True)
            found += [(place.window.row + r, place.window.col + c, layer.legend.ids[index]) for r, c in pairs]
            seen[index] += here.size
    yield Progress("draw", len(places), len(places), "windows", {"units": len(found)})
    return found


def _pixel_ha(layer: Layer) -> float | None:
    grid = layer.grid
    return None if grid.crs is None or grid.crs.geographic else pixel_ha(grid)


def _write(out: Path, design: Design, layer: Layer) -> None:
    content = {
        "format": FORMAT,
        "kind": "stratified random sample",
        "map": str(layer.path),
        "map_sha256": design.map_sha256,
        "seed": design.seed,
        "pixel_ha": design.pixel_ha,
        "strata": [asdict(stratum) for stratum in design.strata],
        "units": [[unit.number, unit.row, unit.col, unit.mapped] for unit in design.units],
    }
    write_text(out / DESIGN, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
    write_text(out / UNITS, _geojson(design.units, layer, [None] * len(design.units)))


def _geojson(units: Sequence[Unit], layer: Layer, references: Iterable[str | None]) -> str:
    """Units as points in longitude and latitude, without the map's class: who judges must not see it."""
    # GeoJSON knows longitude and latitude only; row and col stay exact.
    points = _points(units, layer)
    features = [
        {
            "type": "Feature",
            "geometry": point,
            "properties": {"unit": unit.number, "row": unit.row, "col": unit.col, REFERENCE: reference},
        }
        for unit, point, reference in zip(units, points, references, strict=True)
    ]
    return json.dumps({"type": "FeatureCollection", "features": features}, indent=0, ensure_ascii=False) + "\n"


def _points(units: Sequence[Unit], layer: Layer) -> list[dict[str, Any] | None]:
    grid = layer.grid
    if grid.crs is None:
        return [None] * len(units)
    x, y = zip(*(grid.affine * (unit.col + 0.5, unit.row + 0.5) for unit in units), strict=True)
    lon, lat = pyproj.Transformer.from_crs(str(grid.crs), "EPSG:4326", always_xy=True).transform(x, y)
    return [{"type": "Point", "coordinates": [round(a, 7), round(b, 7)]} for a, b in zip(lon, lat, strict=True)]


def judge_by_truth(folder: Path, truth: Layer, map_path: Path) -> None:
    """Fill the units' reference from a raster of truth on the map's pixels: where a truth is known, for simulations.

    Raises:
        SampleError: The folder holds no drawn sample.
    """
    design = read_design(folder)
    layer = Layer(map_path, truth.legend)
    names = []
    for unit in design.units:
        grid = layer.grid.crop((1, 1)).translate_pix(unit.col, unit.row)
        index = int(truth.indices(grid)[0, 0])
        names.append(None if index == IGNORE else truth.legend.names[index])
    write_text(folder / UNITS, _geojson(design.units, layer, names))


def read_design(folder: Path) -> Design:
    """How the units in a folder were drawn.

    Raises:
        SampleError: Nothing tells, so that their chances are not known.
    """
    path = folder / DESIGN
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        if content["format"] != FORMAT:
            raise ValueError(f"format {content['format']}")
        strata = tuple(Stratum(**entry) for entry in content["strata"])
        units = tuple(Unit(*entry) for entry in content["units"])
        return Design(content["map_sha256"], content["seed"], content["pixel_ha"], strata, units)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise SampleError(
            f"{path}: {error}",
            f"{DESIGN} beside the units, which tells with what chance each place was drawn: "
            "places chosen by hand, or left over from a larger set, say nothing of the rest of the map",
            "draw units with landweave evaluate --draw and judge those",
        ) from error


def estimate(folder: Path, map_path: Path, name: str, map_legend: Legend | None = None) -> Evaluation:
    """What the judged units in a folder say of the map: accuracies and areas with intervals.

    Raises:
        SampleError: They are no probability sample of this map, or not all are judged.
        LegendError: A reference is no class of the map's legend.
    """
    design = read_design(folder)
    legend = map_legend or legend_of(map_path)
    # A map made anew has other strata, even if it looks the same.
    if file_sha256(map_path) != design.map_sha256:
        raise _no_sample(f"{map_path}, which is not the map that the units were drawn on", "that very map")
    references = _judged(folder, design, legend)
    # The class as drawn, not as the map may say now.
    mapped = np.array([legend.ids.index(unit.mapped) for unit in design.units], np.uint8)
    confusion = Confusion.from_labels(mapped, references, len(legend))
    pixels = np.array([stratum.num_pixels for stratum in design.strata], np.float64)
    unit = "px" if design.pixel_ha is None else "ha"
    # A class of a few pixels is drawn whole.
    complete = np.array([stratum.num_drawn == stratum.num_pixels for stratum in design.strata])
    estimates = area.by_map_class(confusion.counts, pixels * (design.pixel_ha or 1), complete)
    note = f"{len(design.units)} places, drawn at random within each class of the map and judged one by one. "
    note += "Accuracies and areas with 95 % intervals after Olofsson et al. (2014); the matrix counts places."
    counts = {"units": len(design.units)}
    return Evaluation(name, "pixels", legend, note, confusion, estimates, counts=counts, area_unit=unit)


def _judged(folder: Path, design: Design, legend: Legend) -> np.ndarray[tuple[int], np.dtype[np.uint8]]:
    """Class index of the reference of each unit, in the design's order.

    Raises:
        SampleError: Units were added, moved, lost, doubled or not judged.
        LegendError: A reference is no class.
    """
    found = _read_units(folder)
    numbers = [number for number, _, _, _ in found]
    drawn = {unit.number: unit for unit in design.units}
    if doubles := sorted({number for number in numbers if numbers.count(number) > 1})[:5]:
        raise _no_sample(f"units {doubles} more than once", "each drawn unit once")
    if foreign := sorted(set(numbers) - set(drawn))[:5]:
        raise _no_sample(f"units {foreign}, which were not drawn", "the drawn units alone: others had another chance")
    if missing := sorted(set(drawn) - set(numbers)):
        raise _no_sample(
            f"{len(missing)} of {len(drawn)} drawn units missing, {missing[:5]} among them",
            "all drawn units: those that are left are no random sample",
        )
    if moved := [number for number, row, col, _ in found if (row, col) != (drawn[number].row, drawn[number].col)][:5]:
        raise _no_sample(f"units {moved} at another place than drawn", "units where they were drawn")
    # Editors sort and renumber rows; units are known by their number alone.
    told = {number: reference for number, _, _, reference in found}
    if empty := [number for number in sorted(told) if told[number] in (None, "")]:
        raise SampleError(
            f"{len(empty)} of {len(told)} units not judged, {empty[:5]} among them",
            "a class for every unit: to leave the hard ones out makes the map look better",
            f"fill the property {REFERENCE} of all units in {folder / UNITS}",
        )
    return np.array([_class(legend, told[unit.number], unit.number) for unit in design.units], np.uint8)


def _read_units(folder: Path) -> list[tuple[int, int, int, Any]]:
    path = folder / UNITS
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        properties = [feature["properties"] for feature in features]
        return [(int(p["unit"]), int(p["row"]), int(p["col"]), p.get(REFERENCE)) for p in properties]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise SampleError(
            f"{path}: {error!r}",
            f"points with the properties unit, row, col and {REFERENCE}",
            "keep these properties when the file is edited",
        ) from error


def _class(legend: Legend, told: Any, number: int) -> int:
    """Index of a class given by its name or id."""
    text = str(told).strip()
    if text in legend.names:
        return legend.names.index(text)
    # Editors turn numbers into texts and back.
    if text.isdigit() and int(text) in legend.ids:
        return legend.ids.index(int(text))
    raise LegendError(
        f"{REFERENCE} {told!r} of unit {number}", nearest(text, legend.names), "write the name or the id of a class"
    )


def _no_sample(given: str, expected: str) -> SampleError:
    return SampleError(given, expected, "bring the units back as they were drawn, or draw and judge new ones")

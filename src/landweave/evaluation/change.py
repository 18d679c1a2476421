"""Changes that were found against those that there were: figures, dates, and a map of what was right and wrong."""

from __future__ import annotations

import datetime as dt
import json
import math
import shutil
from collections.abc import Generator, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from odc.geo.geobox import GeoBox
from pydantic import Field

from landweave.atomic import locked, sweep, write_text
from landweave.config import Config
from landweave.errors import GridError, SampleError
from landweave.evaluation.agreement import FORMAT, check_place
from landweave.evaluation.maps import pixel_ha
from landweave.evaluation.parts import whole
from landweave.evaluation.result import read_judgement
from landweave.evaluation.stack import stack
from landweave.evaluation.truth import check_grids
from landweave.jobs.run import Progress
from landweave.legend import LandClass, Legend, legend, load_legends
from landweave.metrics.change import CALM, FALSE, FOUND, MISSED, UNDATED, UNKNOWN, ChangeCounts, Changes, picture
from landweave.provenance import record
from landweave.raster.classes import read_legend
from landweave.raster.read import grid_of, read_numbers
from landweave.raster.write import write_cog, write_tile
from landweave.tiling import Window

NAME, PICTURE = "change_judged.json", "change_judged.tif"
_PARTS = ".parts"
JUDGED = Legend(
    "change-judged",
    "evaluation of changes: colours of Sedona et al. (2023), figure 2",
    (
        LandClass(1 + CALM, "No change, rightly", "#f4f4f2"),
        LandClass(1 + FALSE, "Change found that is none", "#c9302c"),
        LandClass(1 + MISSED, "Change missed", "#2c5fc9"),
        LandClass(1 + FOUND, "Change found", "#2e9e4f"),
    ),
)
_EPOCH = dt.date(1970, 1, 1)


class ChangeJob(Config):
    """Which changes to judge, and by what."""

    found: list[Path] = Field(min_length=1)
    """Layers of changes: one raster or folder; or two and more maps, of which the first and last are compared."""
    truth: list[Path] = Field(min_length=1)
    """What there was, in the same forms."""
    since: dt.date | None = None
    """Changes dated before this day do not count."""
    until: dt.date | None = None
    """Changes dated after this day do not count."""
    legend: str | None = None
    """Legend of the classes, where no file tells."""
    legends: Path | None = None
    """TOML with legends of your own."""
    name: str = Field(default="", max_length=80)
    """What is judged, for tables."""


@dataclass(frozen=True)
class Layers:
    """Changes on disk: class before, class afterwards and the day, each a band of a file.

    Attributes:
        old: File and band of the class ids before.
        new: File and band of the class ids afterwards.
        day: File and band of days counted from 1970; None where nobody dated.
        legend: What the ids mean.
        is_sparse: Ids stand only where something changed; elsewhere is 0, and nothing changed.
    """

    old: tuple[Path, int]
    new: tuple[Path, int]
    day: tuple[Path, int] | None
    legend: Legend
    is_sparse: bool

    @property
    def grid(self) -> GeoBox:
        """The grid."""
        return grid_of(str(self.old[0]))

    def read(self, window: Window) -> Changes:
        """The changes in a window."""
        old, new = (self._indices(place, window) for place in (self.old, self.new))
        if self.is_sparse:
            # Where nothing changed the class does not matter, only that it is one.
            calm = (old == _NO_ID) | (new == _NO_ID)
            old, new = (np.where(calm, np.uint8(0), each).astype(np.uint8) for each in (old, new))
        day = np.full(old.shape, UNDATED, np.int32)
        if self.day is not None:
            day = read_numbers(str(self.day[0]), window, (self.day[1],))[0].astype(np.int32)
        return Changes(old, new, day)

    def _indices(self, place: tuple[Path, int], window: Window) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
        ids = read_numbers(str(place[0]), window, (place[1],))[0]
        # 0 is no class of most legends; where it is one, files have another number where nothing changed.
        return self.legend.to_indices(ids if 0 in self.legend.ids else np.where(ids == 0, self.legend.nodata, ids))


_NO_ID = 255


def layers(paths: Sequence[Path], known: Legend, told: Legend | None = None) -> Layers:
    """Changes as they lie on disk.

    Args:
        paths: A raster with the bands from, to and day, as `landweave simulate` writes truth/change.tif; a folder
            with from.tif, to.tif and date.tif, as `landweave series change` writes it; or maps of several years.
        known: The legend of the ids of layers of changes.
        told: The legend of maps whose files do not tell it.

    Raises:
        SampleError: The folder lacks a layer.
        LegendError: Maps with different legends.
        GridError: Maps on other pixels.
    """
    if len(paths) > 1:
        maps = stack(paths, told)
        return Layers((maps.layers[0].path, 1), (maps.layers[-1].path, 1), None, maps.legend, is_sparse=False)
    path = paths[0]
    if not path.is_dir():
        return Layers((path, 1), (path, 2), (path, 3), known, is_sparse=True)
    files = {name: path / f"{name}.tif" for name in ("from", "to", "date")}
    if missing := [file.name for file in files.values() if not file.is_file()]:
        raise SampleError(f"{path} without {missing[0]}", "from.tif, to.tif and date.tif", "name the folder of changes")
    return Layers((files["from"], 1), (files["to"], 1), (files["date"], 1), known, is_sparse=True)


def run(job: ChangeJob, out: Path) -> Iterator[Progress]:
    """Judge, and write change_judged.json and change_judged.tif in `out`; gives records on the way.

    Raises:
        LandweaveError: What cannot be compared is refused before the first pixel is read.
    """
    with locked(out):
        sweep(out)
        check_place(out, NAME, PICTURE, f"{PICTURE}.aux.xml")
        told = legend(job.legend, load_legends(job.legends) if job.legends else None) if job.legend else None
        known = told or _told_by_files(job)
        found, truth = layers(job.found, known, told), layers(job.truth, known, told)
        _check(found, truth)
        period = tuple(None if day is None else (day - _EPOCH).days for day in (job.since, job.until))
        counts = yield from judge(found, truth, out, (period[0], period[1]))
        content = record("change", job.model_dump(mode="json")) | {"name": job.name or "changes"}
        content |= to_json(counts, found.grid)
        write_text(out / NAME, json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False, default=str) + "\n")


def _told_by_files(job: ChangeJob) -> Legend:
    candidates = [each for path in (*job.found, *job.truth) for each in _named(path)]
    told = (read_legend(path) for path in candidates if path.is_file())
    return next((each for each in told if each is not None), _ANY)


def _named(path: Path) -> list[Path]:
    """Files that may tell the classes of a layer of changes."""
    return [path / "from.tif", path / "to.tif"] if path.is_dir() else [path]


# Whether two classes differ needs no names.
_ANY = Legend("ids", "", tuple(LandClass(number, str(number), "#808080") for number in range(1, 255)))


def _check(found: Layers, truth: Layers) -> None:
    one, other = found.old[0], truth.old[0]
    check_grids(one, other, reproject=False)
    if found.grid.shape != truth.grid.shape:
        raise GridError(f"{one} and {other} of different extent", "the same extent", "cut both alike")


def judge(
    found: Layers, truth: Layers, out: Path, period: tuple[int | None, int | None] = (None, None)
) -> Generator[Progress, None, ChangeCounts]:
    """Count window by window, and write what each pixel is as `out`/change_judged.tif."""
    total = ChangeCounts.zero()
    places = whole(found.grid)
    parts: list[Path] = []
    for done, place in enumerate(places):
        yield Progress("compare", done, len(places), "windows")
        window = place.window
        seen, real = (within(each.read(window), *period) for each in (found, truth))
        total = total + ChangeCounts.of(seen, real)
        parts.append(out / _PARTS / f"{window.row}-{window.col}.tif")
        kinds = picture(seen, real)
        ids = np.where(kinds == UNKNOWN, 0, kinds + 1).astype(np.uint8)
        write_tile(parts[-1], ids[None], window.on(found.grid), nodata=0)
    write_cog(out / PICTURE, parts, found.grid, legend=JUDGED, nodata=0)
    shutil.rmtree(out / _PARTS)
    yield Progress("compare", len(places), len(places), "windows", {"found": total.found, "missed": total.missed})
    return total


def within(changes: Changes, first: int | None, last: int | None) -> Changes:
    """Changes without those that are dated before `first` or after `last` (days counted from 1970)."""
    day = changes.day
    early, late = -_NEVER if first is None else first, _NEVER if last is None else last
    outside = (day != UNDATED) & ((day < early) | (day > late))
    return replace(changes, new=np.where(outside, changes.old, changes.new).astype(np.uint8))


_NEVER = 2**31 - 1


def to_json(counts: ChangeCounts, grid: GeoBox | None = None) -> dict[str, Any]:
    """Everything that was counted, as JSON holds it; what is not a number is null."""
    figures = ("precision", "recall", "f1", "iou", "classes", "median_error_days", "median_late_days")
    pixels = {"found": counts.found, "false": counts.false, "missed": counts.missed, "calm": counts.calm}
    in_metres = grid is not None and grid.crs is not None and not grid.crs.geographic
    areas = {name: num * pixel_ha(grid) for name, num in pixels.items()} if in_metres and grid is not None else None
    return {
        **{name: _plain(getattr(counts, name)) for name in figures},
        "pixels": pixels,
        "areas_ha": areas,
        "num_dated": int(counts.errors.sum()),
        "note": "Pixel by pixel. Days of error: of changes rightly found, where both dates are known.",
    }


def _plain(value: float) -> float | None:
    return None if math.isnan(value) else value


def read_change(folder: Path) -> dict[str, Any]:
    """The content of a folder's change_judged.json.

    Raises:
        OutputError: There is none, or it is of another format.
    """
    return read_judgement(folder / NAME, FORMAT, "change", "landweave evaluate")


def lines(content: Mapping[str, Any]) -> Iterator[str]:
    """What a change_judged.json says, for people, in a few lines."""
    shown = {name: content[name] for name in ("precision", "recall", "f1", "iou")}
    yield ", ".join(f"{name} {'not known' if value is None else f'{value:.3f}'}" for name, value in shown.items())
    if content["median_error_days"] is not None:
        yield f"dates: median error {content['median_error_days']:g} days, of {content['num_dated']:,} pixels"
    yield ", ".join(f"{name} {num:,}" for name, num in content["pixels"].items()) + " pixels"

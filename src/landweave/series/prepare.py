"""A job that maps a series before its first pixel: card and series checked against each other, spans decided."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from landweave.config import nearest
from landweave.errors import CardError, GridError, OutputError, RadiometryError, SensorError, SeriesError
from landweave.mapping.predictor import Precision
from landweave.models.card import Card, load_parts
from landweave.models.series.input import SeriesInput
from landweave.provenance import fingerprint
from landweave.raster.dates import days
from landweave.raster.item import to_item
from landweave.raster.scene import Scene
from landweave.series.maps import NAME, OneMap, SeriesMaps, open_maps
from landweave.series.plan import Series, grid_values, open_series
from landweave.series.spans import Span, near, needed, regular_dates, sliding, yearly
from landweave.series.tile import Order, SpansTask
from landweave.tiling import Tiling
from landweave.train.precision import choose, device_of

if TYPE_CHECKING:
    from landweave.series.job import SeriesMapJob

_SAME_SIZE = 0.01


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job that was found good.

    Attributes:
        job: As it was asked for.
        series: What is mapped.
        scenes: Its scenes, by date.
        card: What it is mapped with.
        dates: What spans count: the dates of the scenes, or the card's own.
        length: Dates of a span; 1 where maps are annual.
        spans: All maps.
        lacking: Those that are to be made now.
        before: Those that are there.
        precision: What networks compute in.
        device: Where they compute.
    """

    job: SeriesMapJob
    series: Series
    scenes: tuple[Scene, ...]
    card: Card
    dates: tuple[dt.date, ...]
    length: int
    spans: tuple[Span, ...]
    lacking: tuple[Span, ...]
    before: tuple[OneMap, ...]
    precision: Precision
    device: str

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything that decides a map but for its scenes: these may become more, and stand in series_map.json."""
        return {
            "kind": self.job.kind,
            "span": self.length,
            "shift": self.job.shift,
            "card": self.card.identity,
            "bands": list(self.card.bands),
            "grid": grid_values(self.series.grid),
            "first_scene": self.scenes[0].id,
            "core_px": self.job.core_px,
            "precision": self.precision,
            "device": self.device,
        }

    @property
    def regular(self) -> SeriesInput | None:
        """How dates are filled where spans share regular ones."""
        assert self.card.series is not None, "a card of another task"
        return self.card.series if self.job.kind == "spans" and self.card.series.days_of_year is not None else None

    def order(self, folder: Path) -> Order:
        """What all tasks share."""
        places = [self.series.bands.index(band) for band in self.card.bands]
        bands = {name: tuple(own[place] for place in places) for name, own in self.series.sensor_bands.items()}
        return Order(
            card=self.job.card.resolve(),
            identity=self.card.identity,
            precision=self.precision,
            device=self.device,
            grid=self.series.grid,
            folder=folder.resolve(),
            bands=tuple(sorted(bands.items())),
            taken=self.regular,
        )

    def tasks(self, folder: Path) -> list[SpansTask]:
        """One task a tile, with the scenes that the lacking spans need and no others."""
        dates = needed(self.lacking)
        wanted = days(self.dates[dates])
        taken = self.regular
        used = dates if taken is None else near(days(self.series.dates), wanted, taken.limit_days)
        scenes = self.scenes[used]
        spans = tuple(span.since(dates.start) for span in self.lacking)
        stamp = fingerprint([[to_item(scene).to_dict() for scene in scenes], [repr(span) for span in spans]])[:12]
        order, is_annual = self.order(folder), self.job.kind == "annual"
        height, width = self.series.grid.shape
        tiles = Tiling((height, width), self.job.core_px, 0)
        days_wanted = tuple(int(day) for day in wanted)
        return [SpansTask(order, tile, scenes, days_wanted, spans, is_annual, stamp) for tile in tiles]


def prepare(job: SeriesMapJob, out: Path) -> Prepared:
    """Check all that can be checked before the first pixel is mapped.

    Raises:
        LandweaveError: Card, series, what is asked for and what lies in `out` do not fit together.
    """
    card, series = load_parts(job.card)[0], open_series(job.series)
    check_fit(card, series)
    assert card.series is not None, "a card of another task"
    dates, length, spans = _spans(job, card.series, series)
    scenes = tuple(series.open_scenes())
    before = _before(job, out, tuple(scene.id for scene in scenes), dates)
    there = {one.key for one in before}
    device = device_of(job.device)
    return Prepared(
        job=job,
        series=series,
        scenes=scenes,
        card=card,
        dates=dates,
        length=length,
        spans=spans,
        lacking=tuple(span for span in spans if span.key not in there),
        before=before,
        precision="fp32" if card.is_classical else choose(job.precision, torch.device(device)),
        device=device,
    )


def check_fit(card: Card, series: Series) -> None:
    """Refuse a card that is not for such a series.

    Raises:
        CardError: It is of another task, or of another sensor.
        SensorError: The series lacks one of its bands.
        RadiometryError: Its unit is another one.
        GridError: Its pixels have another size.
    """
    if card.series is None:
        raise CardError(
            f"a card of task {card.task}",
            "a card of series",
            "train one with a recipe of task series (docs/verbs/train.md)",
        )
    if card.sensor != series.sensor:
        raise CardError(
            f"a card for {card.sensor}",
            f"one for {series.sensor}, of which the series is",
            "train on samples of this series, or select scenes of the card's sensor",
        )
    if missing := [band for band in card.bands if band not in series.bands]:
        raise SensorError(
            f"a series with bands {', '.join(series.bands)}",
            f"{missing[0]} too, which the card takes: {nearest(missing[0], series.bands)}",
            "select the series again with --bands",
        )
    if card.unit != series.unit:
        raise RadiometryError(
            f"a series in {series.unit}", f"{card.unit}, as the card takes", "select the series again"
        )
    size = abs(series.grid.affine.a)
    if series.grid.crs is not None and series.grid.crs.projected and abs(size / card.pixel_size_m - 1) > _SAME_SIZE:
        raise GridError(
            f"a series with pixels of {size:g} m",
            f"pixels of {card.pixel_size_m:g} m, as the card was fitted on",
            "train on samples of this pixel size",
        )


def _spans(job: SeriesMapJob, taken: SeriesInput, series: Series) -> tuple[tuple[dt.date, ...], int, tuple[Span, ...]]:
    own = tuple(scene.date for scene in series.scenes)
    if job.kind == "annual":
        _check_years(job, taken, series)
        return own, 1, yearly(own)
    length = job.span or taken.num_dates
    if taken.days_of_year is None:
        return own, length, sliding(own, length, job.shift)
    regular = regular_dates(taken, own[0], own[-1])
    return regular, length, sliding(regular, length, job.shift)


def _check_years(job: SeriesMapJob, taken: SeriesInput, series: Series) -> None:
    """Refuse years with other numbers of scenes where the card cannot take them."""
    fixed = load_parts(job.card)[0].network in ("tempcnn", "forest", "linear") and taken.days_of_year is None
    counts = {year: len(series.of_year(year).scenes) for year in series.years}
    if fixed and set(counts.values()) != {taken.num_dates}:
        raise SeriesError(
            "years with " + ", ".join(f"{count} scenes ({year})" for year, count in counts.items()),
            f"{taken.num_dates} scenes in every year, as the card was fitted on",
            "select as many with --per-year, or train with [dates] in the recipe",
        )


def _before(job: SeriesMapJob, out: Path, scenes: tuple[str, ...], dates: Sequence[dt.date]) -> tuple[OneMap, ...]:
    """The maps that are in `out` and whole; refused where they are of other scenes."""
    if not (out / NAME).is_file():
        return ()
    old = open_maps(out)
    if old.kind != job.kind:
        raise OutputError(
            f"{out}, which holds {old.kind} maps", f"a folder of {job.kind} maps", "choose another one with -o"
        )
    if old.scenes != scenes[: len(old.scenes)]:
        gone = next(
            name for name, new in zip(old.scenes, [*scenes, *[""] * len(old.scenes)], strict=False) if name != new
        )
        raise OutputError(
            f"{out}, mapped from other scenes: {gone} was there, and now is not, or not at its place",
            f"the {len(old.scenes)} scenes that it was mapped from, and later ones",
            "map into another folder with -o",
        )
    num_new = len(scenes) - len(old.scenes)
    if num_new and not job.append:
        raise OutputError(
            f"{out}, mapped up to {old.dates[-1]}, and {num_new} newer scenes",
            "the scenes that it was mapped from",
            "give --append to map what is new, or choose another folder with -o",
        )
    whole = [one for one in old.maps if not one.tiles_missing and (out / one.labels).is_file()]
    if job.kind == "annual":
        # A year that got a scene is another year.
        whole = [one for one in whole if one.stop < len(old.scenes) or not num_new or _is_over(old, dates)]
    return tuple(whole)


def _is_over(old: SeriesMaps, dates: Sequence[dt.date]) -> bool:
    """Whether no newer scene is of the last year that is mapped."""
    newer: Any = np.array(dates[len(old.scenes) :], "datetime64[Y]")
    return bool((newer != np.datetime64(old.dates[-1], "Y")).all())

"""Make scenes like another sensor's: whole scenes, tile by tile, by a card, several cards, or published lines."""

from __future__ import annotations

import datetime as dt
import json
import math
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import torch
from pydantic import Field, field_validator, model_validator

from landweave.atomic import write_text
from landweave.config import Config, nearest
from landweave.errors import (
    CardError,
    CatalogError,
    LandweaveError,
    RadiometryError,
    SceneError,
    SensorError,
)
from landweave.harmonize.angles import angles_of, read_angles
from landweave.harmonize.match import compared_grid
from landweave.harmonize.pairs import PairsJob
from landweave.harmonize.physical import lines, reach_px, spread_px
from landweave.harmonize.tell import Lines, sizes_of
from landweave.harmonize.tile import REFLECTANCE, ApplyTask, Made, Order, SceneTask, apply_tile, file_of, put_together
from landweave.harmonize.views import Sizes
from landweave.jobs.executor import Executor, Summary
from landweave.jobs.phases import Phases, held, here
from landweave.jobs.run import Progress
from landweave.models.card import Card, load_parts
from landweave.provenance import fingerprint, versions
from landweave.raster.catalog import read_catalog
from landweave.raster.inspect import inspect
from landweave.raster.item import to_item
from landweave.raster.scene import Scene
from landweave.sensors import Sensor, load_sensors, sensor
from landweave.tiling import Tiling

CORE_PX = 512
IN_FLIGHT = 2
_PATCH_PX = 128
Method = Literal["raw", "hls"]


class ApplyJob(Config):
    """What `landweave harmonize apply` is to do."""

    scenes: Path
    """Catalog of the scenes."""
    cards: tuple[Path, ...] = ()
    """Cards of task reflectance; the mean of several is told."""
    physical: Method | None = None
    """In place of cards: hls (point spread, nadir view, published lines), or raw (means alone)."""
    only: tuple[str, ...] = ()
    """Names of the scenes to take from the catalog; empty for all of the card's sensor."""
    spread: bool = False
    """Write how far several cards disagree too: the standard deviation for each band."""
    angles: Path | None = None
    """TOML with the angles of scenes whose products do not tell them; for hls."""
    sensors: Path | None = None
    """TOML with sensors of your own."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks compute; auto takes a GPU where there is one."""
    core_px: int = Field(default=CORE_PX, ge=1)
    """Edge of the square that a task writes, in the other sensor's pixels."""
    margin_px: int | None = Field(default=None, ge=0)
    """Width of the margin that a task sees beyond; left away, what the network sees, or a quarter of the patch that it
    was trained on where it sees without end."""

    @field_validator("cards", "only", mode="before")
    @classmethod
    def _several(cls, value: Any) -> Any:
        return tuple(value) if isinstance(value, list) else value

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if bool(self.cards) == (self.physical is not None):
            raise ValueError("cards, or physical = raw or hls")
        if self.spread and len(self.cards) < 2:
            raise ValueError("spread for two cards at least")
        return self


@dataclass(frozen=True)
class Prepared:
    """A job that was found good.

    Attributes:
        job: As it was asked for.
        order: What all tasks share.
        scenes: What is made.
        tiling: How a grid is cut: edge of a core, margin and stride.
        set_aside: Scenes that are not made, and why.
        viewless: Scenes whose angles nothing tells, so that hls leaves their view as it is.
    """

    job: ApplyJob
    order: Order
    scenes: tuple[Made, ...]
    tiling: tuple[int, int, int]
    set_aside: Mapping[str, str]
    viewless: tuple[str, ...] = ()

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything that decides the result, and nothing that does not."""
        core, margin, stride = self.tiling
        return {
            "cards": [identity for _, identity in self.order.cards],
            "physical": self.job.physical,
            "spread": self.job.spread,
            "sensor": self.order.sensor.name,
            "device": self.order.device,
            "core_px": core,
            "margin_px": margin,
            "stride": stride,
            "lines": {made.name: made.lines for made in self.scenes},
            "scenes": [made.scene.id for made in self.scenes],
            "scenes_fingerprint": fingerprint([to_item(made.scene).to_dict() for made in self.scenes]),
        }


def run(job: ApplyJob, out: Path, executor: Executor | None = None) -> Iterator[Progress]:
    """Make scenes, and give records of how it goes; run again it goes on where it was stopped.

    `out`/scenes then holds a folder for each scene with a cloud optimised GeoTIFF and a sidecar, so that `landweave
    catalog` finds it as a scene of the other sensor; job.json tells what decided it and summary.json how it went.

    Raises:
        LandweaveError: Something that the user can mend; what is done is kept.
    """
    began, executor = time.time(), here(executor, IN_FLIGHT)
    prepared = prepare(job, out)
    with held(out, "harmonize", prepared.configuration, executor) as phases:
        tasks = list(_tasks(prepared))
        done = yield from phases.run(apply_tile, tasks, "harmonize", "tiles")
        phases.must_have_some(tasks)
        if not phases.total.get("valid_px"):
            raise SceneError(
                f"{len(prepared.scenes)} scenes without one valid pixel",
                "at least one pixel that is inside, cloud free and has data",
                "choose other scenes",
            )
        putting = list(_putting(prepared, done))
        yield from phases.run(put_together, putting, "assemble", "files")
        phases.must_have(putting, "a scene put together from its tiles")
        for number, made in enumerate(prepared.scenes):
            if any(task.number == number for task in done):
                write_text(out / file_of(made, REFLECTANCE).replace(".tif", ".toml"), sidecar(prepared.order, made))
        write_text(out / "summary.json", json.dumps(_summary(prepared, phases, began), indent=1) + "\n")
        for name, why in prepared.set_aside.items():
            yield Progress("scenes", len(prepared.scenes), len(prepared.scenes), "scenes", failed=f"{name}: {why}")


def _tasks(prepared: Prepared) -> Iterator[ApplyTask]:
    for number, made in enumerate(prepared.scenes):
        shape = (made.grid.shape[0], made.grid.shape[1])
        for tile in Tiling(shape, *prepared.tiling):
            yield ApplyTask(prepared.order, number, made, tile)


def _putting(prepared: Prepared, done: Sequence[ApplyTask]) -> Iterator[SceneTask]:
    told = ",".join(identity for _, identity in prepared.order.cards) or str(prepared.job.physical)
    tags = (("landweave_harmonized_by", told), ("landweave_sensor", prepared.order.sensor.name))
    for number, made in enumerate(prepared.scenes):
        tiles = tuple(task.key for task in done if task.number == number)
        for layer in prepared.order.layers if tiles else ():
            yield SceneTask(prepared.order, number, made, layer, tiles, (*tags, ("landweave_source", made.scene.id)))


def sidecar(order: Order, made: Made) -> str:
    """The text beside a scene that says what it is."""
    bands = ", ".join(f'"{name}"' for name in order.bands)
    cloud = "" if made.scene.cloud_cover is None else f"cloud_cover = {made.scene.cloud_cover:.4f}\n"
    time_text = made.scene.datetime.astimezone(dt.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    place = "" if made.scene.grid.crs else 'georeference = "none"\n'
    return (
        f"# Made from {made.scene.id} by landweave harmonize: no {order.sensor.name.removesuffix('-like')} took this.\n"
        f'id = "{made.name}"\nsensor = "{order.sensor.name}"\nbands = [{bands}]\ndatetime = {time_text}\n{cloud}{place}'
    )


def prepare(job: ApplyJob, out: Path) -> Prepared:
    """Check all that can be checked before the first pixel is told.

    Raises:
        LandweaveError: Cards, sensors and scenes do not fit together.
    """
    extra = load_sensors(job.sensors) if job.sensors else None
    cards = [load_parts(folder)[0] for folder in job.cards]
    asked = _of_cards(cards) if cards else _of_lines(job.physical or "raw", extra)
    like = sensor(asked.like, extra)
    like.select(asked.bands)
    if like.nodata is None or math.isnan(like.nodata):
        raise SensorError(
            f"{like.name}, whose numbers have none for no data", "a sensor with nodata", "give it one in --sensors"
        )
    scenes, aside = _choose(job, asked, read_catalog(job.scenes))
    folders = tuple((folder.resolve(), card.identity) for folder, card in zip(job.cards, cards, strict=True))
    sigma_px = spread_px() if job.physical == "hls" else 0.0
    device = ("cuda" if torch.cuda.is_available() else "cpu") if job.device == "auto" else job.device
    order = Order(folders, asked.sizes, like, asked.bands, sigma_px, device, out.resolve(), job.spread)
    known = read_angles(job.angles) if job.angles else {}
    made = tuple(
        Made(scene, f"{scene.id}_{like.name}", compared_grid(scene, asked.sizes),
             lines_of(scene, asked.taken, job.physical, known) if job.physical else ())
        for scene in scenes
    )  # fmt: skip
    viewless = tuple(one.id for one in scenes if job.physical == "hls" and angles_of(one, known) is None)
    return Prepared(job, order, made, _tiling(job, asked), aside, viewless)


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a job takes and gives."""

    source: str
    taken: tuple[str, ...]
    unit: str
    sizes: Sizes
    like: str
    bands: tuple[str, ...]
    stride: int
    margin_px: int


def _of_cards(cards: Sequence[Card]) -> _Asked:
    first = cards[0]
    for card in cards:
        sizes_of(card)
        if (card.sensor, card.bands, card.output and (card.output.sensor, card.output.bands)) != (
            first.sensor, first.bands, first.output and (first.output.sensor, first.output.bands)
        ):  # fmt: skip
            raise CardError(
                f"cards from {card.sensor} and {first.sensor}, or of other bands",
                "cards of one sensor pair and its bands",
                "give cards that were trained on the same archive, or on alike ones",
            )
    assert first.output is not None, "a card of reflectance"
    margins = [_margin(card) for card in cards]
    stride = math.lcm(*(card.sight.stride for card in cards), sizes_of(first).step_px)
    output = first.output
    return _Asked(
        first.sensor, first.bands, first.unit, sizes_of(first), output.sensor, output.bands, stride, max(margins)
    )


def _margin(card: Card) -> int:
    # A network that sees without end is tiled as published: a quarter of the patch is thrown away on every side.
    quarter = int(card.training.get("patch_px", _PATCH_PX)) // 4
    return quarter if card.sight.margin_px is None else card.sight.margin_px


def _of_lines(method: Method, extra: Mapping[str, Sensor] | None) -> _Asked:
    fields = PairsJob.model_fields
    known = sensor(fields["source"].default, extra).select(fields["bands"].default)
    sizes = {
        size: tuple(band.name for band in known if band.pixel_size_m == size)
        for size in sorted({band.pixel_size_m for band in known})
    }
    margin = reach_px(spread_px()) if method == "hls" else 0
    return _Asked(fields["source"].default, tuple(band.name for band in known), "reflectance", Sizes(sizes, 30.0),
                  "landsat-8-like", fields["target_bands"].default, 2, margin)  # fmt: skip


def _tiling(job: ApplyJob, asked: _Asked) -> tuple[int, int, int]:
    margin = asked.margin_px if job.margin_px is None else job.margin_px
    core = math.ceil(job.core_px / asked.stride) * asked.stride
    return core, math.ceil(margin / asked.stride) * asked.stride, asked.stride


def _choose(job: ApplyJob, asked: _Asked, scenes: Sequence[Scene]) -> tuple[list[Scene], dict[str, str]]:
    """The scenes to make by time, and those that cannot be, with why.

    Raises:
        CatalogError: One that was named is not there.
        LandweaveError: None fits.
    """
    by_name = {scene.id: scene for scene in scenes}
    if missing := [name for name in job.only if name not in by_name]:
        raise CatalogError(f"scene {missing[0]}", nearest(missing[0], by_name), "name scenes of this catalog")
    wanted = [by_name[name] for name in job.only] or [one for one in scenes if one.sensor.name == asked.source]
    wrong: dict[str, LandweaveError] = {}
    for scene in wanted or scenes[:1]:
        try:
            _check(asked, scene)
        except LandweaveError as error:
            wrong[scene.id] = error
    fitting = [scene for scene in wanted if scene.id not in wrong]
    if not fitting:
        raise next(iter(wrong.values()))
    told = {name: f"{error.given}; {error.do}" for name, error in wrong.items()}
    return sorted(fitting, key=lambda scene: (scene.datetime, scene.id)), told


def _check(asked: _Asked, scene: Scene) -> None:
    if scene.sensor.name != asked.source:
        raise CardError(
            f"scene {scene.id} of {scene.sensor.name} for what makes {asked.like} of {asked.source}",
            f"scenes of {asked.source}",
            "use a card of this sensor pair, or catalog scenes of the card's sensor",
        )
    for band in scene.require(asked.taken):
        if band.unit != asked.unit:
            raise RadiometryError(
                f"band {band.name} of scene {scene.id} in {band.unit}",
                f"{asked.unit}, which is asked for",
                "give scale, offset and unit in the sidecar",
            )
    compared_grid(scene, asked.sizes)
    inspect(scene, asked.taken, f"scene {scene.id}")


def lines_of(scene: Scene, bands: Sequence[str], method: Method, known: Mapping[str, Any]) -> Lines:
    """Slope and offset for each band of a scene: none for raw; for hls the published ones, after the nadir view.

    Raises:
        RadiometryError: No adjustment of the scene's satellite is published.
    """
    if method == "raw":
        return tuple((1.0, 0.0) for _ in bands)
    return lines(scene.sensor, scene.id, bands, angles_of(scene, known))


def _summary(prepared: Prepared, phases: Phases, began: float) -> dict[str, Any]:
    total: Summary = phases.total
    seconds = max(time.time() - began, 1e-9)
    return {
        "format": 1,
        "kind": "harmonize",
        "began": dt.datetime.fromtimestamp(began, dt.UTC).isoformat(timespec="seconds"),
        "seconds": round(seconds, 3),
        "workers": phases.executor.num_workers,
        "sensor": prepared.order.sensor.name,
        "layers": list(prepared.order.layers),
        "made": [file_of(made, REFLECTANCE) for made in prepared.scenes],
        **dict(total),
        "seen_px_per_s": round(float(total.get("seen_px", 0)) / seconds, 1),
        "tiles_missing": sorted(phases.ledger.failed),
        "scenes_set_aside": dict(prepared.set_aside),
        "scenes_without_angles": list(prepared.viewless),
        "versions": versions(),
    }

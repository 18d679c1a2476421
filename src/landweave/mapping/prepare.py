"""A map job before its first pixel: what was asked for, checked, with everything decided."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, FiniteFloat, model_validator

from landweave.config import Config, nearest
from landweave.errors import CatalogError, LandweaveError
from landweave.legend import Legend
from landweave.mapping.link import ObjectOrder
from landweave.mapping.merge import Rule
from landweave.mapping.plan import CORE_PX, Plan, Wish, check_fit, check_size, make_plan
from landweave.mapping.predictor import Precision
from landweave.mapping.route import Routing, open_routing
from landweave.mapping.sheet import SHEET_PX, sheets
from landweave.mapping.tile import Layer, Order
from landweave.models.card import Card, load_parts
from landweave.models.sight import Sight
from landweave.provenance import fingerprint
from landweave.raster.catalog import read_catalog
from landweave.raster.inspect import inspect
from landweave.raster.item import to_item
from landweave.raster.scene import Scene
from landweave.train.precision import choose as choose_precision
from landweave.train.precision import device_of

_NO_PART = ("card", "gallery", "scenes", "only", "sheet_px")
_OF_OBJECTS = ("objects", "min_area_m2", "simplify_m")


class MapJob(Config):
    """What `landweave map` is to do."""

    card: Path | None = None
    """Folder of the card to map with; left away where a gallery has the cards."""
    gallery: Path | None = None
    """Folder of a gallery with models: each tile is mapped with the card of the bucket that is nearest to it."""
    scenes: Path
    """Catalog of the scenes to map."""
    only: tuple[str, ...] = ()
    """Names of the scenes to take from the catalog; empty for all of the card's sensor."""
    area: tuple[FiniteFloat, FiniteFloat, FiniteFloat, FiniteFloat] | None = None
    """Left, bottom, right, top in the map's CRS; all that the scenes cover where left away."""
    crs: str | None = None
    """The map's CRS; that of the scenes where left away."""
    reproject: bool = False
    """Read scenes in another CRS or pixel size onto the map's grid; refused where false."""
    rule: Rule = "latest"
    """How several scenes of one place become one map: latest (valid), or majority."""
    probabilities: bool = False
    """Write the probability of every class too, in steps of 1/254."""
    entropy: bool = False
    """Write the entropy of the probabilities too, in steps of 1/254."""
    precision: Literal["auto", "fp32", "bf16"] = "auto"
    """What networks compute in; auto takes bf16 where the machine is faster with it."""
    device: Literal["auto", "cpu", "cuda"] = "auto"
    """Where networks compute; auto takes a GPU where there is one."""
    core_px: int = Field(default=CORE_PX, ge=1)
    """Edge of the square that a tile writes; a multiple of the network's stride."""
    margin_px: int | None = Field(default=None, ge=0)
    """Width of the margin that a tile sees beyond; what the network needs where left away."""
    sheet_px: int = Field(default=SHEET_PX, ge=1)
    """Greatest edge of one file; a larger map becomes several, with one small file that shows them all."""
    objects: tuple[str, ...] = ()
    """Names of classes whose objects are drawn as polygons too; several may stand in one text with commas between."""
    min_area_m2: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """Objects with a smaller area are left away."""
    simplify_m: float = Field(default=0.0, ge=0, allow_inf_nan=False)
    """How far outlines of objects may be moved to have fewer corners; 0 keeps every corner of every pixel."""

    @model_validator(mode="after")
    def _card_or_gallery(self) -> MapJob:
        if (self.card is None) == (self.gallery is None):
            raise ValueError("either a card or a gallery")
        return self

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers to write, labels first."""
        wanted: tuple[tuple[Layer, bool], ...] = (
            ("labels", True),
            ("probabilities", self.probabilities),
            ("entropy", self.entropy),
        )
        return tuple(layer for layer, is_wanted in wanted if is_wanted)


@dataclass(frozen=True)
class Prepared:
    """A job that was found good, with all that was decided before the first pixel.

    Attributes:
        job: As it was asked for.
        card: The card to map with.
        scenes: The scenes to map, the latest first.
        plan: Grid and tiles.
        precision: What networks compute in.
        device: Where they compute.
        set_aside: Scenes that are not mapped because something is wrong with them: id and why.
        others: Scenes of the catalog that are of other sensors.
        routing: The gallery that decides which card maps a tile, where there is one; `card` is then its mono.
    """

    job: MapJob
    card: Card
    scenes: tuple[Scene, ...]
    plan: Plan
    precision: Precision
    device: str
    set_aside: tuple[tuple[str, str], ...] = ()
    others: tuple[str, ...] = ()
    routing: Routing | None = None

    @property
    def mapped(self) -> tuple[Scene, ...]:
        """The scenes that tiles are made from, the latest first."""
        aside = {name for name, _ in self.set_aside}
        return tuple(scene for scene in self.scenes if scene.id not in aside)

    @functools.cached_property
    def configuration(self) -> dict[str, Any]:
        """Everything that decides the map, and nothing that does not, such as paths or the number of workers."""
        told = self.job.model_dump(mode="json", exclude={*_NO_PART, *_OF_OBJECTS})
        drawn = self.job.model_dump(mode="json", include=set(_OF_OBJECTS)) if self.job.objects else {}
        # How a map is cut into files decides nothing where it is one file.
        cut = {} if sheets(self.plan, self.job.sheet_px)[0].is_whole else {"sheet_px": self.job.sheet_px}
        routed = {} if self.routing is None else {"gallery": self.routing.identity}
        return {
            **told,
            **drawn,
            **routed,
            **cut,
            "card": self.card.identity,
            "scenes": [scene.id for scene in self.scenes],
            "scenes_fingerprint": fingerprint([to_item(scene).to_dict() for scene in self.scenes]),
            "margin_px": self.plan.margin_px,
            "precision": self.precision,
            "device": self.device,
        }

    def order(self, folder: Path) -> Order:
        """What all tasks share."""
        return Order(
            card=self.routing.cards[self.card.identity] if self.routing else (self.job.card or Path()).resolve(),
            identity=self.card.identity,
            precision=self.precision,
            device=self.device,
            rule=self.job.rule,
            layers=self.job.layers,
            grid=self.plan.grid,
            folder=folder.resolve(),
            stride=self.card.sight.stride,
        )

    def object_order(self, folder: Path) -> ObjectOrder:
        """What all tasks that draw objects share."""
        grid, legend = self.plan.output_grid, self.card.legend
        # Without a place on Earth pixels have the size that their sensor declares.
        pixel_m2 = self.card.pixel_size_m**2 if grid.crs is None else abs(grid.affine.determinant)
        return ObjectOrder(
            folder=folder.resolve(),
            grid=grid,
            corner=(self.plan.area.row, self.plan.area.col),
            classes=tuple((legend.ids[legend.index(name)], name) for name in self.job.objects),
            pixel_m2=pixel_m2,
            min_area_m2=self.job.min_area_m2,
            simplify_m=self.job.simplify_m,
        )


def prepare(job: MapJob) -> Prepared:
    """Check all that can be checked before the first pixel is mapped.

    Raises:
        LandweaveError: Card, scenes, grid or numbers do not fit together.
    """
    card, routing = _open(job)
    job = job.model_copy(update={"objects": _classes(job, card.legend)})
    every = read_catalog(job.scenes)
    scenes, misfits = choose(every, job, card)
    wish = Wish(job.area, job.crs, job.reproject, job.core_px, job.margin_px)
    plan = make_plan(card, scenes, wish)
    broken = _look(scenes, plan, card)
    device = device_of(job.device)
    return Prepared(
        job=job,
        card=card,
        scenes=scenes,
        plan=_without(plan, frozenset(broken)),
        precision=_precision(job.precision, device, card),
        device=device,
        set_aside=(*misfits, *((scenes[index].id, _told(error)) for index, error in broken.items())),
        others=() if job.only else tuple(scene.id for scene in every if scene.sensor.name != card.sensor),
        routing=routing,
    )


def _classes(job: MapJob, legend: Legend) -> tuple[str, ...]:
    """The classes to draw, one a name.

    Raises:
        LegendError: One is none of the legend.
    """
    # Names of some legends have commas themselves.
    asked = (names for text in job.objects for names in ([text] if text in legend.names else text.split(",")))
    return tuple(dict.fromkeys(legend.names[legend.index(name.strip())] for name in asked))


def _open(job: MapJob) -> tuple[Card, Routing | None]:
    if job.gallery is not None:
        return open_routing(job.gallery)
    assert job.card is not None, "a job without a card"
    return load_parts(job.card)[0], None


def choose(scenes: Sequence[Scene], job: MapJob, card: Card) -> tuple[tuple[Scene, ...], tuple[tuple[str, str], ...]]:
    """The scenes to map, the latest first: those named, else all of the card's sensor; and which do not fit, and why.

    Raises:
        CatalogError: One that was named is not there.
        LandweaveError: None is of the card's sensor, or none fits the card.
    """
    by_name = {scene.id: scene for scene in scenes}
    if missing := [name for name in job.only if name not in by_name]:
        raise CatalogError(f"scene {missing[0]}", nearest(missing[0], by_name), "name scenes of this catalog")
    wanted = [by_name[name] for name in job.only] or [scene for scene in scenes if scene.sensor.name == card.sensor]
    misfits: dict[str, LandweaveError] = {}
    for scene in wanted or scenes[:1]:
        try:
            check_fit(card, scene)
            check_size(card, scene, job.reproject)
        except LandweaveError as error:
            misfits[scene.id] = error
    fitting = [scene for scene in wanted if scene.id not in misfits]
    if not fitting:
        raise next(iter(misfits.values()))
    latest = sorted(fitting, key=lambda scene: (scene.datetime, scene.id), reverse=True)
    return tuple(latest), tuple((name, _told(error)) for name, error in misfits.items())


def _told(error: LandweaveError) -> str:
    return f"{error.given}; {error.do}"


def _look(scenes: Sequence[Scene], plan: Plan, card: Card) -> dict[int, LandweaveError]:
    """Positions of the scenes whose numbers cannot be what they should, and why.

    Raises:
        LandweaveError: There is no other scene.
    """
    met = sorted({index for piece in plan.pieces for index in piece.scenes})
    broken: dict[int, LandweaveError] = {}
    for index in met:
        try:
            inspect(scenes[index], card.bands, f"scene {scenes[index].id}")
        except LandweaveError as error:
            broken[index] = error
    if len(broken) == len(met):
        raise next(iter(broken.values()))
    return broken


def _without(plan: Plan, broken: frozenset[int]) -> Plan:
    """The same grid, with tiles that ask for sound scenes alone."""
    left = (
        replace(piece, scenes=tuple(index for index in piece.scenes if index not in broken)) for piece in plan.pieces
    )
    return replace(plan, pieces=tuple(piece for piece in left if piece.scenes))


def _precision(wanted: Literal["auto", "fp32", "bf16"], device: str, card: Card) -> Precision:
    # Pixel by pixel, turning numbers into bf16 and back takes a CPU longer than computing with them.
    is_quick = wanted == "auto" and device == "cpu" and card.sight == Sight(1, 0)
    return "fp32" if card.is_classical or is_quick else choose_precision(wanted, torch.device(device))

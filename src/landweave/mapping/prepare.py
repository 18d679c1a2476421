"""A map job before its first pixel: what was asked for, checked, with everything decided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import Field, FiniteFloat

from landweave.config import Config, nearest
from landweave.errors import CatalogError, ConfigError
from landweave.mapping.merge import Rule
from landweave.mapping.plan import CORE_PX, Plan, Wish, check_fit, make_plan
from landweave.mapping.predictor import Precision
from landweave.mapping.tile import Layer, Order
from landweave.models.card import Card, load_parts
from landweave.models.sight import Sight
from landweave.provenance import fingerprint
from landweave.raster.catalog import read_catalog
from landweave.raster.inspect import inspect
from landweave.raster.item import to_item
from landweave.raster.scene import Scene


class MapJob(Config):
    """What `landweave map` is to do."""

    card: Path
    """Folder of the card to map with."""
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

    @property
    def layers(self) -> tuple[Layer, ...]:
        """The layers to write, labels first."""
        wanted: tuple[tuple[Layer, bool], ...] = (
            ("labels", True),
            ("probabilities", self.probabilities),
            ("entropy", self.entropy),
        )
        return tuple(layer for layer, is_wanted in wanted if is_wanted)


@dataclass(frozen=True, slots=True)
class Prepared:
    """A job that was found good, with all that was decided before the first pixel.

    Attributes:
        job: As it was asked for.
        card: The card to map with.
        scenes: The scenes to map, the latest first.
        plan: Grid and tiles.
        precision: What networks compute in.
        device: Where they compute.
    """

    job: MapJob
    card: Card
    scenes: tuple[Scene, ...]
    plan: Plan
    precision: Precision
    device: str

    @property
    def configuration(self) -> dict[str, Any]:
        """Everything that decides the map, and nothing that does not, such as paths or the number of workers."""
        told = self.job.model_dump(mode="json", exclude={"card", "scenes", "only"})
        return {
            **told,
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
            card=self.job.card.resolve(),
            identity=self.card.identity,
            precision=self.precision,
            device=self.device,
            rule=self.job.rule,
            layers=self.job.layers,
            grid=self.plan.grid,
            folder=folder.resolve(),
            stride=self.card.sight.stride,
        )


def prepare(job: MapJob) -> Prepared:
    """Check all that can be checked before the first pixel is mapped.

    Raises:
        LandweaveError: Card, scenes, grid or numbers do not fit together.
    """
    card, _ = load_parts(job.card)
    scenes = choose(read_catalog(job.scenes), job, card)
    wish = Wish(job.area, job.crs, job.reproject, job.core_px, job.margin_px)
    plan = make_plan(card, scenes, wish)
    for index in sorted({index for piece in plan.pieces for index in piece.scenes}):
        inspect(scenes[index], card.bands, f"scene {scenes[index].id}")
    device = _device(job.device)
    return Prepared(job, card, scenes, plan, _precision(job.precision, device, card), device)


def choose(scenes: Sequence[Scene], job: MapJob, card: Card) -> tuple[Scene, ...]:
    """The scenes to map, the latest first: those named, else all of the card's sensor.

    Raises:
        CatalogError: One that was named is not there.
        LandweaveError: None is of the card's sensor, or one does not fit the card.
    """
    by_name = {scene.id: scene for scene in scenes}
    if missing := [name for name in job.only if name not in by_name]:
        raise CatalogError(f"scene {missing[0]}", nearest(missing[0], by_name), "name scenes of this catalog")
    wanted = [by_name[name] for name in job.only] or [scene for scene in scenes if scene.sensor.name == card.sensor]
    for scene in wanted or scenes[:1]:
        check_fit(card, scene)
    return tuple(sorted(wanted, key=lambda scene: (scene.datetime, scene.id), reverse=True))


def _device(wanted: str) -> str:
    if wanted == "cuda" and not torch.cuda.is_available():
        raise ConfigError(
            "device = cuda", "a CUDA device that torch sees", "use device = auto, or install a CUDA torch"
        )
    return ("cuda" if torch.cuda.is_available() else "cpu") if wanted == "auto" else wanted


def _precision(wanted: Literal["auto", "fp32", "bf16"], device: str, card: Card) -> Precision:
    if card.is_classical:
        return "fp32"
    if wanted != "auto":
        return wanted
    if device == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp32"
    if card.sight == Sight(1, 0):
        # Pixel by pixel, turning numbers into bf16 and back takes longer than computing with them.
        return "fp32"
    able = torch.cpu.get_capabilities()
    return "bf16" if able.get("avx512_bf16") or able.get("amx_bf16") else "fp32"

"""One dense series of two sensors: what was measured, and what was made for days without it, in one catalog."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import Field

from landweave.config import Config
from landweave.errors import CatalogError
from landweave.harmonize.match import days_between
from landweave.provenance import write_record
from landweave.raster.catalog import read_catalog, write_catalog
from landweave.raster.scene import Scene

_NEAR, _CLOUDS = "measured, or made clearer, within the days", "more clouds than asked for"


class MergeJob(Config):
    """What `landweave harmonize merge` is to do."""

    measured: Path
    """Catalog with the sensor's own scenes."""
    made: Path
    """Catalog of the scenes that were made like this sensor's."""
    sensor: str = "landsat-8-c2l2"
    """The sensor whose scenes are taken from the first catalog."""
    like: str = "landsat-8-like"
    """The sensor that made scenes were given."""
    days: int = Field(default=1, ge=0)
    """A made scene so many days from a measured one, at most, is left away."""
    cloud: float = Field(default=0.3, ge=0, le=1)
    """Scenes with a larger share of clouds are left away, measured and made ones alike."""
    only_made: bool = False
    """Take made scenes alone, whatever was measured."""


@dataclass(frozen=True, slots=True)
class Merged:
    """A series by date, and how many scenes were left away, by reason."""

    scenes: tuple[Scene, ...]
    left: dict[str, int]


def run(job: MergeJob, out: Path) -> Merged:
    """Write a catalog of the dense series at `out`, and a record beside it.

    Raises:
        CatalogError: A catalog lacks the scenes of its sensor, or all are too cloudy.
    """
    own, like = (_of(path, name) for path, name in ((job.measured, job.sensor), (job.made, job.like)))
    found = merge([] if job.only_made else own, like, job.days, job.cloud)
    write_catalog(found.scenes, out)
    named = {"series": [scene.id for scene in found.scenes], "left": found.left}
    write_record(out.with_name(out.name + ".json"), "dense series", {**job.model_dump(mode="json"), **named})
    return found


def _of(path: Path, name: str) -> list[Scene]:
    scenes = [scene for scene in read_catalog(path) if scene.sensor.name == name]
    if not scenes:
        raise CatalogError(f"{path} without a scene of {name}", "at least one", "name the sensor, or another catalog")
    return scenes


def merge(measured: Sequence[Scene], made: Sequence[Scene], days: int, cloud: float) -> Merged:
    """The scenes of a dense series by date: measured ones, and made ones for days that have none near.

    Of several made scenes of one day the clearest is taken.

    Raises:
        CatalogError: All are too cloudy.
    """
    left: dict[str, int] = {}
    kept, others = (_clear(scenes, cloud, left) for scenes in (measured, made))
    for scene in sorted(others, key=lambda one: (one.cloud_cover or 0, one.id)):
        is_near = any(days_between(scene, one) <= (days if one.sensor != scene.sensor else 0) for one in kept)
        if is_near:
            left[_NEAR] = left.get(_NEAR, 0) + 1
        else:
            kept.append(scene)
    if not kept:
        raise CatalogError(
            f"{len(measured) + len(made)} scenes with more than {cloud:.0%} clouds",
            "at least one that is clearer",
            "allow more with --cloud",
        )
    return Merged(tuple(sorted(kept, key=lambda one: (one.datetime, one.id))), left)


def _clear(scenes: Sequence[Scene], cloud: float, left: dict[str, int]) -> list[Scene]:
    clear = [scene for scene in scenes if (scene.cloud_cover or 0) <= 100 * cloud]
    if len(clear) < len(scenes):
        left[_CLOUDS] = left.get(_CLOUDS, 0) + len(scenes) - len(clear)
    return clear

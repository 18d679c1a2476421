"""Cut an archive of patches from scenes and labels: the whole job, through jobs/."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

from pydantic import field_validator

from landweave.errors import CatalogError
from landweave.jobs.executor import Executor, Function, Task
from landweave.jobs.ledger import opened
from landweave.jobs.run import Progress, fulfil
from landweave.jobs.share import WHOLE, Share, Sized
from landweave.legend import Legend, legend, load_legends
from landweave.patches.archive import finish, stands
from landweave.patches.extract import PatchTask, cut_shard, probe
from landweave.patches.layout import Layout
from landweave.patches.plan import PatchJob, labels_of, make_plan
from landweave.provenance import file_sha256
from landweave.raster.arrays import path_of
from landweave.raster.catalog import read_catalog
from landweave.raster.scene import Scene


class ScenesJob(PatchJob):
    """What patches are cut from, and how."""

    scenes: Path
    """The catalog of the scenes."""
    labels: Path
    """A map of class ids, or polygons (GeoJSON, GeoPackage, GeoParquet, shapefile). {scene}, {year} and {date} in the
    path stand for the scene's id, year and day, so that each scene has its own; "name.npz:array" is an array."""
    legend: str | None = None
    """Legend of the labels; left away, polygons bring their own classes."""
    legends: Path | None = None
    """TOML with legends of your own."""
    sensor: str | None = None
    """Take only the scenes of this sensor."""
    period: tuple[dt.date, dt.date] | None = None
    """Take only scenes from the first to the last day, both included: 2023-06-01/2023-08-31."""

    @field_validator("period", mode="before")
    @classmethod
    def _days(cls, value: Any) -> Any:
        if not isinstance(value, str):
            return value
        try:
            first, last = (dt.date.fromisoformat(day) for day in value.split("/"))
        except ValueError as error:
            raise ValueError("FIRST/LAST day, for example 2023-06-01/2023-08-31") from error
        return first, last


class ShardTask(Task, Sized, Protocol):
    """A task that writes one shard."""


ShardT = TypeVar("ShardT", bound=ShardTask)


def run_catalog(job: ScenesJob, folder: Path, *, executor: Executor, share: Share = WHOLE) -> Iterator[Progress]:
    """Cut the archive in `folder` from scenes of a catalog, or what an earlier run of the same job left to do.

    Raises:
        LandweaveError: As `run`; and where catalog, labels or legend are not there.
    """
    # A user's own legend may have the name of a known one; it then stands before it.
    extra = load_legends(job.legends) if job.legends else None
    classes = legend(job.legend, extra) if job.legend else None
    yield from run(job, choose(job), job.labels, classes, folder, executor=executor, share=share)


def run(
    job: PatchJob,
    scenes: Sequence[Scene],
    labels: Path,
    classes: Legend | None,
    folder: Path,
    *,
    executor: Executor,
    share: Share = WHOLE,
) -> Iterator[Progress]:
    """Cut the archive in `folder`, or what an earlier run of the same job left to do.

    Args:
        job: How.
        scenes: At least one, all of one sensor.
        labels: A map with ids of the legend, or polygons; see `labels_of` for what its name may hold.
        classes: The legend; None to take the classes of the polygons.
        folder: The archive.
        executor: What runs the tasks; the bytes do not depend on it.
        share: What to do of it; see `cut`.

    Yields:
        Records of the phases "patch" and "index".

    Raises:
        LandweaveError: What cannot work is refused before the first patch is cut; see `make_plan` and `probe`.
    """
    files = sorted({path_of(str(labels_of(labels, scene))) for scene in scenes})
    plan = make_plan(job, scenes, labels, classes, folder)
    probe_scenes(share.take(plan.tasks))
    # Contents, not only names: labels that were corrected make another archive.
    configuration = {
        **job.model_dump(mode="json"),
        "layout": plan.layout.to_json(),
        "labels_sha256": [file_sha256(path) for path in files],
        "scenes": [identity(scene) for scene in scenes],
    }
    yield from cut(
        cut_shard,
        plan.tasks,
        executor,
        folder,
        plan.layout,
        configuration=configuration,
        left=plan.left,
        share=share,
    )


def probe_scenes(tasks: Sequence[PatchTask]) -> None:
    """Read one patch of each scene: what is wrong with a scene is mostly wrong with all of it.

    Raises:
        LandweaveError: As `probe`.
    """
    for task in {task.scene.id: task for task in sorted(tasks, key=lambda task: task.key, reverse=True)}.values():
        probe(task)


def choose(job: ScenesJob) -> list[Scene]:
    """The scenes of the catalog that a job asks for.

    Raises:
        CatalogError: There is none.
    """
    every = read_catalog(job.scenes)
    first, last = job.period or (dt.date.min, dt.date.max)
    chosen = [
        scene for scene in every if job.sensor in (None, scene.sensor.name) and first <= scene.datetime.date() <= last
    ]
    if not chosen:
        seen = ", ".join(sorted({f"{scene.sensor.name} on {scene.datetime.date()}" for scene in every})[:8])
        raise CatalogError(
            f"{job.scenes} without a scene of {job.sensor or 'any sensor'} from {first} to {last}",
            f"at least one; there are {seen}",
            "choose another --sensor or --period",
        )
    return chosen


def cut(
    function: Function[ShardT],
    tasks: Sequence[ShardT],
    executor: Executor,
    folder: Path,
    layout: Layout,
    *,
    configuration: Mapping[str, Any],
    left: Mapping[str, int] | None = None,
    may_touch: bool = False,
    share: Share = WHOLE,
) -> Iterator[Progress]:
    """Run tasks that each write one shard, the largest first, then write index and manifest.

    Args:
        function: Writes the shard with the name of the task's key, or none; gives the count "patches".
        tasks: One for each shard.
        executor: What runs them.
        folder: The archive.
        layout: The layout of all shards.
        configuration: Everything that decides the archive.
        left: What was left away before, by reason.
        may_touch: True for a split as somebody else published it, whose parts may touch.
        share: Which tasks to run. One of several shares runs its own and writes no index: when all have ended, the
            whole job finds nothing left to cut, and finishes.
    """
    is_whole = share == WHOLE
    with opened(folder, configuration, "" if is_whole else share.name) as ledger:
        # Shards that somebody deleted because they were broken are cut again.
        def intact(task: ShardT) -> bool:
            return not ledger.done[task.key].get("patches") or stands(folder, task.key)

        summary: Mapping[str, Any] = {}
        mine = share.take(tasks)
        for record in fulfil(function, mine, executor, ledger, phase="patch", unit="shards", intact=intact):
            summary = record.summary
            yield record
        if not is_whole:
            return
        # Nothing is left away in silence: the counts stay with the archive.
        away = {**(left or {}), **{name: int(num) for name, num in summary.items() if name != "patches"}}
        away |= {f"failed: shard {key}": 1 for key in ledger.failed}
        made = finish(folder, layout, configuration, away, may_touch)
    yield Progress("index", 1, 1, "archives", _figures(made.manifest))


def _figures(manifest: Mapping[str, Any]) -> dict[str, Any]:
    known = {name: value for name, value in manifest["distance_m"].items() if value is not None}
    return {**manifest["splits"], **{f"{name} m apart": round(value, 1) for name, value in known.items()}}


def identity(scene: Scene) -> dict[str, Any]:
    """What a scene is, so that an archive goes on only with the same ones."""
    return {
        "id": scene.id,
        "files": {name: [file.href, file.index, file.scale, file.offset] for name, file in scene.files.items()},
        "mask": scene.mask.href if scene.mask else None,
        "grid": [str(scene.grid.crs), list(scene.grid.affine), list(scene.grid.shape)],
    }

"""Patch folders, one GeoTIFF a band, as published data sets have them: into an archive, as a job."""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from jaxtyping import Bool, Shaped, UInt8
from odc.geo.geobox import GeoBox
from pydantic import Field

from landweave.datasets.blocks import BlocksJob, deal_blocks
from landweave.errors import GridError, RadiometryError, SceneError
from landweave.jobs.executor import Executor
from landweave.jobs.run import Progress
from landweave.jobs.share import WHOLE, Share
from landweave.legend import IGNORE
from landweave.patches.extract import Patch, enlarge, one_hot, plane, write_patches
from landweave.patches.job import cut
from landweave.patches.layout import Layout, Target, View
from landweave.patches.sample import Counts, Row, Split
from landweave.patches.super import with_super
from landweave.provenance import fingerprint
from landweave.raster.files import grid_of, layer_names
from landweave.raster.read import read_numbers
from landweave.tiling import Window

Fraction = Annotated[float, Field(ge=0, le=1)]


class FoldersJob(BlocksJob):
    """How published patch folders become an archive."""

    dataset: str
    """Name of the data set (datasets/table.py)."""
    folder: Path
    """Where it lies, as published."""
    legend: str | None = None
    """Legend of the labels, to which those of the data set are brought by a published crosswalk; left away, its own."""
    bands: tuple[str, ...] = ()
    """Bands to store; empty for all."""
    targets: tuple[Target, ...] = ("classes",)
    """Labels to store: classes of the patch, the mask of its pixels where the data set has one, or both."""
    offset: float | None = None
    """Number to add before scaling (0 or -1000), where the processing baseline does not tell."""
    validation: float = Field(default=0.1, ge=0, lt=1)
    """Share of the published training part that becomes the validation part, where patches have no place on Earth."""
    exclude: tuple[Path, ...] = ()
    """Lists of patches to leave away (csv, csv.bz2), for example the published ones of snow and of clouds."""
    metadata: Path | None = None
    """The table of labels and splits, where it does not lie in the data set's folder."""
    min_valid: Fraction = 0.0
    """Least share of valid pixels of a patch; patches with less are left away and counted."""
    patches_per_shard: int = Field(default=512, ge=1)
    """Patches of one shard, at most; a shard is what one task cuts."""


@dataclass(frozen=True, slots=True)
class PatchFolder:
    """One patch as it lies in its folder.

    Attributes:
        id: Its published name.
        files: Band to file.
        classes: Indices of the legend that the patch has.
        added: Number to add before scaling: -1000 from processing baseline 04.00 on, else 0.
        split: Its part, "" where nobody said.
        reference: A map of its pixels, or None.
        scene: The product that it was cut from.
        datetime: When that was taken.
        block: The land that decided the split.
        layers: Band to its place in the file, from 1, where files hold several.
    """

    id: str
    files: Mapping[str, Path]
    classes: tuple[int, ...]
    added: float
    split: Split | Literal[""] = ""
    reference: Path | None = None
    scene: str = ""
    datetime: str = ""
    block: str = ""
    layers: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Folders:
    """What was found: the patches, how they are laid out, and what was left away.

    Attributes:
        patches: Every patch with its labels.
        layout: The layout of their archive.
        codes: Class index of each number of a reference map; empty where there are no such maps.
        left: Patches left away, by reason.
    """

    patches: tuple[PatchFolder, ...]
    layout: Layout
    codes: Mapping[int, int]
    left: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class FoldersTask:
    """All patches of one shard.

    Attributes:
        key: Name of the shard.
        folder: The archive.
        layout: What each patch looks like.
        patches: Which ones.
        codes: Class index of each number of a reference map, 255 where dropped.
        min_valid: Least share of valid pixels.
    """

    key: str
    folder: Path
    layout: Layout
    patches: tuple[PatchFolder, ...]
    codes: Mapping[int, int] = field(default_factory=dict)
    min_valid: float = 0.0

    @property
    def num_patches(self) -> int:
        """Patches to read."""
        return len(self.patches)


def run(
    job: FoldersJob, found: Folders, folder: Path, *, executor: Executor, share: Share = WHOLE
) -> Iterator[Progress]:
    """Write patch folders into the archive in `folder`, or what an earlier run of the same job left to do.

    Args:
        job: How.
        found: The patches with their labels, and with their part where `job.split` is "published".
        folder: The archive.
        executor: What runs the tasks; the bytes do not depend on it.
        share: What to do of it; see `patches.job.cut`.

    Raises:
        SplitError: Fewer blocks than parts.
        SceneError: A patch lacks a band, or its map, or comes twice.
        RadiometryError: Numbers of another type than the sensor's.
    """
    layout = with_super(found.layout, job.sharpener)
    _check_files(found.patches, layout)
    counts = Counts(left=dict(found.left))
    # By name, because the order of a folder's entries differs between file systems.
    kept = sorted(found.patches, key=lambda patch: patch.id)
    kept = _as_published(kept, counts) if job.split == "published" else _on_blocks(job, kept, counts)
    tasks = [
        FoldersTask(f"{number:06d}", folder, layout, some, found.codes, job.min_valid)
        for number, some in enumerate(_shared_out(kept, job.patches_per_shard))
    ]
    # One patch before all others: a wrong data set is refused at once.
    if tasks:
        _make(tasks[0], tasks[0].patches[0], Counts())
    configuration = {**job.model_dump(mode="json"), "layout": layout.to_json()}
    configuration["patches"] = fingerprint([[patch.id, patch.split, patch.classes] for patch in kept])
    yield from cut(
        cut_folders,
        tasks,
        executor,
        folder,
        layout,
        configuration=configuration,
        left=counts.left,
        may_touch=job.split == "published",
        share=share,
    )


def cut_folders(task: FoldersTask) -> dict[str, int]:
    """Read the patches of a task and write its shard.

    Returns:
        Numbers of patches kept and left away by reason, which add up.

    Raises:
        SceneError: A file cannot be read.
        GridError: A patch of another size.
    """
    counts = Counts()
    made = (_make(task, patch, counts) for patch in task.patches)
    return write_patches(task.key, task.folder, task.layout, made, counts)


def _shared_out(patches: Sequence[PatchFolder], most: int) -> Iterator[tuple[PatchFolder, ...]]:
    """Runs of nearly equal length, none longer than `most`."""
    num = math.ceil(len(patches) / most)
    for part in range(num):
        yield tuple(patches[part * len(patches) // num : (part + 1) * len(patches) // num])


def _check_files(patches: Sequence[PatchFolder], layout: Layout) -> None:
    # A copy beside the original would count twice.
    if doubles := [name for name, num in Counter(patch.id for patch in patches).items() if num > 1]:
        places = [str(next(iter(p.files.values())).parent) for p in patches if p.id == doubles[0] and p.files]
        raise SceneError(
            f"{len(doubles)} patches that come twice, the first in {' and '.join(places)}",
            "each patch once",
            "remove the copies, or name the folder that holds the data set once",
        )
    # All of them before the first is read: a download that broke off shows here, not after a night.
    lacking = [(p, band) for p in patches for band in layout.bands if band not in p.files]
    lacking += [(p, "reference map") for p in patches if "mask" in layout.targets and p.reference is None]
    if lacking:
        patch, what = lacking[0]
        num = len({entry.id for entry, _ in lacking})
        raise SceneError(
            f"{num} of {len(patches)} patches that are not whole: {patch.id} lacks {what}",
            f"{', '.join(layout.bands)}{' and a reference map' if 'mask' in layout.targets else ''} for every patch",
            "finish copying the data set, or name the bands that are there with --bands",
        )


def _as_published(patches: Sequence[PatchFolder], counts: Counts) -> list[PatchFolder]:
    kept = [patch for patch in patches if patch.split]
    counts.leave("left: in no published part", len(patches) - len(kept))
    return kept


def _on_blocks(job: FoldersJob, patches: Sequence[PatchFolder], counts: Counts) -> list[PatchFolder]:
    """A part for each patch by the block that its middle lies on; patches too near to another part are left away."""
    # Names tell the place only within a product, so the files are asked.
    dealt = deal_blocks(job, [grid_of(str(next(iter(patch.files.values())))) for patch in patches])
    pairs = zip(patches, dealt, strict=True)
    kept = [dataclasses.replace(patch, block=at.block, split=at.split) for patch, at in pairs if at.keep]
    counts.leave("left: too near to another part", len(patches) - len(kept))
    return kept


def _make(task: FoldersTask, patch: PatchFolder, counts: Counts) -> Patch | None:
    layout = task.layout
    arrays: dict[str, Any] = {}
    valid = np.ones((layout.patch_px, layout.patch_px), np.bool_)
    for view in layout.views:
        arrays[view.key], usable = _read_view(patch, view, counts)
        valid &= enlarge(usable, layout.patch_px // view.px)
    if valid.mean() < task.min_valid:
        counts.leave("left: too few valid pixels")
        return None
    if "mask" in layout.targets and patch.reference is not None:
        arrays["mask"] = np.where(valid, _read_reference(patch.reference, layout, task.codes), IGNORE).astype(np.uint8)
    if "classes" in layout.targets:
        arrays["classes"] = one_hot(patch.classes, len(layout.legend))
    return Patch(_row(patch, grid_of(str(patch.files[layout.bands[0]]))), {**arrays, "valid": valid})


def _read_view(
    patch: PatchFolder, view: View, counts: Counts
) -> tuple[Shaped[np.ndarray, "c h w"], Bool[np.ndarray, "h w"]]:
    """Stored numbers in the archive's encoding, whatever the processing baseline of the patch."""
    stacked = np.stack([_read_band(patch, band.name, view) for band in view.bands])
    # The published files have no nodata tag; 0 is what the product itself uses. Where one band may well be 0, all are.
    usable = (stacked != 0).any(axis=0) if view.nodata is None else (stacked != view.nodata).all(axis=0)
    # In whole numbers: going by way of reflectance could round.
    shift = np.array([round(patch.added - band.offset / band.scale) for band in view.bands])[:, None, None]
    moved = stacked.astype(np.int64) + shift
    limits = np.iinfo(view.dtype)
    kept = np.clip(moved, limits.min + (view.nodata == limits.min), limits.max)
    counts.leave("values cut to the range of the stored type", int(((kept != moved) & usable).sum()))
    return np.where(usable, kept, view.nodata or 0).astype(view.dtype), usable


def _read_band(patch: PatchFolder, band: str, view: View) -> Shaped[np.ndarray, "h w"]:
    path, layer = patch.files[band], patch.layers.get(band, 1)
    shape = tuple(grid_of(str(path)).shape)
    if shape != (view.px, view.px):
        raise GridError(
            f"{path} of {shape[0]} x {shape[1]} pixels",
            f"{view.px} x {view.px} pixels of {view.pixel_size_m:g} m",
            "check that the data set is the one that was named, and whole",
        )
    if layer > (num := len(layer_names(str(path)))):
        raise SceneError(f"{path} with {num} bands", f"at least {layer}, of which the last is {band}", "copy it again")
    numbers: Shaped[np.ndarray, "h w"] = read_numbers(str(path), Window.of((view.px, view.px)), [layer])[0]
    if numbers.dtype != view.dtype:
        raise RadiometryError(
            f"{path} with numbers of type {numbers.dtype}",
            f"{view.dtype}, as the sensor delivers",
            "take the data set as published, not stretched or converted",
        )
    return numbers


def _read_reference(path: Path, layout: Layout, codes: Mapping[int, int]) -> UInt8[np.ndarray, "h w"]:
    numbers = read_numbers(str(path), Window.of((layout.patch_px, layout.patch_px)))[0]
    # Codes go up to 523 and do not fit into the table of a byte.
    found, place = np.unique(numbers, return_inverse=True)
    return np.array([codes.get(int(code), IGNORE) for code in found], np.uint8)[place].reshape(numbers.shape)


def _row(patch: PatchFolder, grid: GeoBox) -> Row:
    box = grid.boundingbox
    assert patch.split, "a patch without a part"
    return Row(
        id=patch.id,
        split=patch.split,
        block=patch.block or "published",
        scene=patch.scene,
        source=patch.reference.name if patch.reference else "labels",
        crs=plane(grid),
        bounds=(box.left, box.bottom, box.right, box.top),
        datetime=patch.datetime,
    )

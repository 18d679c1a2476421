"""SAT-4 and SAT-6 (Basu et al. 2015): patches of 28 x 28 pixels in one MATLAB file, as published, into an archive."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from jaxtyping import UInt8

from landweave.datasets import matlab
from landweave.datasets.folders import FoldersJob
from landweave.errors import GridError, LegendError, RadiometryError, SceneError, SplitError
from landweave.jobs.executor import Executor
from landweave.jobs.run import Progress
from landweave.jobs.share import WHOLE, Share
from landweave.legend import Legend, legend
from landweave.patches.extract import Patch, write_patches
from landweave.patches.job import cut
from landweave.patches.layout import Layout, make_layout
from landweave.patches.sample import Counts, Row, Split
from landweave.patches.super import with_super
from landweave.provenance import file_sha256
from landweave.sensors import sensor

PATCH_PX = 28
_BANDS = 4
Published = Literal["train", "test"]
PUBLISHED: tuple[Published, ...] = ("train", "test")


@dataclass(frozen=True, slots=True)
class SatTask:
    """Patches of one shard: a run of the file's patches.

    Attributes:
        key: Name of the shard.
        folder: The archive.
        layout: What each patch looks like.
        file: The MATLAB file.
        part: Which of its two parts.
        first: Place of the first patch in that part, from 0.
        splits: Part of the archive of each patch.
    """

    key: str
    folder: Path
    layout: Layout
    file: Path
    part: Published
    first: int
    splits: tuple[Split, ...]

    @property
    def num_patches(self) -> int:
        """Patches to read."""
        return len(self.splits)


def run(job: FoldersJob, folder: Path, *, executor: Executor, share: Share = WHOLE) -> Iterator[Progress]:
    """Write SAT-4 or SAT-6 into the archive in `folder`, or what an earlier run of the same job left to do.

    The published test part is the test part; of the published training part a share drawn by the seed is for
    validation. Patches have no place on Earth, and the authors cut both parts from the same scenes: how far parts lie
    from each other is not known.

    Raises:
        SceneError: The file is missing, damaged or lacks an array.
        GridError: Patches of another size.
        RadiometryError: Numbers of another type.
        LegendError: Labels are not those of the data set.
        SplitError: Blocks are asked for.
    """
    path = find_file(job)
    classes = _legend(job)
    known = sensor(job.dataset)
    layout = make_layout(known, job.bands or known.band_names, PATCH_PX, classes, targets=("classes",))
    layout = with_super(layout, job.sharpener)
    sizes = _check_shapes(path, len(classes))
    tasks = [
        SatTask(f"{part}-{first:07d}", folder, layout, path, part, first, splits)
        for part in PUBLISHED
        for first, splits in _runs(_splits(job, part, sizes[part]), job.patches_per_shard)
    ]
    # One patch before all others: a wrong type is refused at once.
    _read(path, tasks[0].part, 0, 1, len(classes))
    configuration = {**job.model_dump(mode="json"), "layout": layout.to_json(), "file_sha256": file_sha256(path)}
    yield from cut(cut_run, tasks, executor, folder, layout, configuration=configuration, may_touch=True, share=share)


def find_file(job: FoldersJob) -> Path:
    """The MATLAB file: `job.folder` itself, or sat-4-full.mat (or the only one with that beginning) in it.

    Raises:
        SceneError: There is none, or several.
    """
    found = [job.folder] if job.folder.is_file() else sorted(job.folder.glob(f"{job.dataset}*.mat"))
    if len(found) != 1:
        raise SceneError(
            f"{job.folder} with {len(found)} files {job.dataset}*.mat",
            f"one file, {job.dataset}-full.mat as published",
            "unpack the data set there, or name the file itself with --folder",
        )
    return found[0]


def _legend(job: FoldersJob) -> Legend:
    if job.split == "blocks":
        raise SplitError(
            f"split blocks for {job.dataset}, whose patches have no place on Earth",
            "split published",
            "leave --set split=blocks away",
        )
    if job.legend not in (None, job.dataset) or job.targets != ("classes",):
        raise LegendError(
            f"legend {job.legend} and targets {', '.join(job.targets)} for {job.dataset}",
            f"legend {job.dataset} and targets classes: one class a patch",
            "leave --legend and --set targets=... away",
        )
    return legend(job.dataset)


def _check_shapes(path: Path, num_classes: int) -> dict[Published, int]:
    """Patches of each published part."""
    found, sizes = matlab.shapes(path), {}
    for part in PUBLISHED:
        pixels, labels = (found.get(f"{part}_{letter}") for letter in "xy")
        if pixels is None or labels is None:
            raise SceneError(
                f"{path} with {', '.join(found) or 'no array'}",
                "the arrays train_x, train_y, test_x, test_y",
                "copy or unpack the published file again",
            )
        if len(pixels) != 4 or pixels[:3] != (PATCH_PX, PATCH_PX, _BANDS):
            raise GridError(
                f"{part}_x of {path} with shape {pixels}",
                f"({PATCH_PX}, {PATCH_PX}, {_BANDS}, patches)",
                "take the file as published, not converted",
            )
        if labels != (num_classes, pixels[3]):
            raise LegendError(
                f"{part}_y of {path} with shape {labels}",
                f"({num_classes}, {pixels[3]}): a row a class, a column a patch",
                "check --dataset: SAT-4 has 4 classes, SAT-6 has 6; or copy the published file again",
            )
        sizes[part] = pixels[3]
    return sizes


def _splits(job: FoldersJob, part: Published, num: int) -> list[Split]:
    """The part of the archive of each patch of a published part."""
    # A permutation rather than a draw for each: exactly the share that was asked for.
    drawn = np.random.default_rng(job.seed).permutation(num)[: round(num * job.validation)]
    splits: list[Split] = [part] * num
    for place in drawn.tolist() if part == "train" else []:
        splits[place] = "validation"
    return splits


def _runs(splits: list[Split], most: int) -> Iterator[tuple[int, tuple[Split, ...]]]:
    """Runs of nearly equal length, none longer than `most`, each with the place of its first patch."""
    num_runs = -(-len(splits) // most)
    for run in range(num_runs):
        first, last = run * len(splits) // num_runs, (run + 1) * len(splits) // num_runs
        yield first, tuple(splits[first:last])


def cut_run(task: SatTask) -> dict[str, int]:
    """Read the patches of a task and write its shard; gives the number of patches.

    Raises:
        SceneError: The file cannot be read.
        RadiometryError: Numbers of another type.
        LegendError: A label that names no class, or several.
    """
    last = task.first + task.num_patches
    pixels, labels = _read(task.file, task.part, task.first, last, len(task.layout.legend))
    known = sensor(task.layout.sensor).band_names
    view = task.layout.views[0]
    chosen = pixels[:, [known.index(band.name) for band in view.bands]]
    valid = np.ones((PATCH_PX, PATCH_PX), np.bool_)
    made = (
        Patch(_row(task, place), {view.key: chosen[place], "classes": labels[place], "valid": valid})
        for place in range(task.num_patches)
    )
    return write_patches(task.key, task.folder, task.layout, made, Counts())


def _read(
    path: Path, part: Published, first: int, last: int, num_classes: int
) -> tuple[UInt8[np.ndarray, "n 4 28 28"], UInt8[np.ndarray, "n k"]]:
    pixels, labels = (matlab.read(path, f"{part}_{letter}", first, last) for letter in "xy")
    if pixels.dtype != np.uint8:
        raise RadiometryError(
            f"{part}_x of {path} with numbers of type {pixels.dtype}",
            "uint8, as published",
            "take the file as published, not scaled or converted",
        )
    # One-hot columns; anything else, NaN too, is a label that nobody gave.
    wrong = ~(((labels == 0) | (labels == 1)).all(axis=0) & (labels.sum(axis=0) == 1))
    if wrong.any():
        place = int(np.flatnonzero(wrong)[0])
        raise LegendError(
            f"{part}_y of {path} with {labels[:, place].tolist()} for patch {first + place}",
            f"one 1 among {num_classes - 1} zeros",
            "copy the published file again",
        )
    # MATLAB's (row, col, band, patch) as (patch, band, row, col).
    return np.ascontiguousarray(pixels.transpose(3, 2, 0, 1)), np.ascontiguousarray(labels.T.astype(np.uint8))


def _row(task: SatTask, place: int) -> Row:
    number, split = task.first + place, task.splits[place]
    # A plane for each part: nobody knows how far they lie from each other.
    plane = f"{task.layout.sensor}-{split}"
    name = f"{task.layout.sensor}-{task.part}-{number:06d}"
    left = float(number * PATCH_PX)
    return Row(name, split, "published", plane, task.file.name, "", (left, 0.0, left + PATCH_PX, float(PATCH_PX)))

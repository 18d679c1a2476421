"""Published data sets by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Protocol

from landweave.config import check, nearest
from landweave.datasets import bigearthnet, eurosat, folders, houston, sat
from landweave.datasets.folders import Folders, FoldersJob
from landweave.errors import ConfigError, SceneError
from landweave.jobs.executor import Executor
from landweave.jobs.run import Progress
from landweave.jobs.share import WHOLE, Share


class Writer(Protocol):
    """What brings a data set into an archive."""

    def __call__(self, job: FoldersJob, folder: Path, *, executor: Executor, share: Share) -> Iterator[Progress]:
        """Write the archive in `folder`, or what an earlier run of the same job left to do."""


def _from_folders(find: Callable[[FoldersJob], Folders]) -> Writer:
    def write(job: FoldersJob, folder: Path, *, executor: Executor, share: Share) -> Iterator[Progress]:
        return folders.run(job, find(job), folder, executor=executor, share=share)

    return write


DATASETS: Mapping[str, Writer] = {
    "bigearthnet-v1": _from_folders(bigearthnet.find_v1),
    "bigearthnet-v2": _from_folders(bigearthnet.find_v2),
    "eurosat": _from_folders(eurosat.find),
    "sat-4": sat.run,
    "sat-6": sat.run,
}


def writer(name: str) -> Writer:
    """What brings the data set called `name` into an archive.

    Raises:
        ConfigError: There is none.
    """
    if name not in DATASETS:
        known = (*DATASETS, houston.NAME)
        raise ConfigError(f"data set {name}", nearest(name, known), "name a known data set with --dataset")
    return DATASETS[name]


def begin(
    values: Mapping[str, object], folder: Path, *, executor: Executor, share: Share = WHOLE
) -> Iterator[Progress]:
    """Write the data set that options name into the archive in `folder`; its name tells which options it takes.

    Raises:
        ConfigError: An option is unknown or does not fit.
        LandweaveError: As `run`.
    """
    if values.get("dataset") == houston.NAME:
        return houston.run_houston(check(houston.HoustonJob, values, "options"), folder, executor=executor, share=share)
    return run(check(FoldersJob, values, "options"), folder, executor=executor, share=share)


def run(job: FoldersJob, folder: Path, *, executor: Executor, share: Share = WHOLE) -> Iterator[Progress]:
    """Write a published data set into the archive in `folder`, or what an earlier run of the same job left to do.

    Raises:
        LandweaveError: What cannot work is refused before the first patch is read.
    """
    # The name first: a wrong one is the likelier mistake, and needs no disk.
    write = writer(job.dataset)
    if not job.folder.exists():
        raise SceneError(f"{job.folder}, which is no folder", f"the folder of {job.dataset}", "check the path")
    return write(job, folder, executor=executor, share=share)

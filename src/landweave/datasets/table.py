"""Published data sets by name."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from landweave.config import nearest
from landweave.datasets import bigearthnet, folders
from landweave.datasets.folders import Folders, FoldersJob
from landweave.errors import ConfigError, SceneError
from landweave.jobs.executor import Executor
from landweave.jobs.run import Progress

Reader = Callable[[FoldersJob], Folders]

DATASETS: Mapping[str, Reader] = {
    "bigearthnet-v1": bigearthnet.find_v1,
    "bigearthnet-v2": bigearthnet.find_v2,
}


def reader(name: str) -> Reader:
    """What finds the patches of the data set called `name`.

    Raises:
        ConfigError: There is none.
    """
    if name not in DATASETS:
        raise ConfigError(f"data set {name}", nearest(name, DATASETS), "name a known data set with --dataset")
    return DATASETS[name]


def run(job: FoldersJob, folder: Path, *, executor: Executor) -> Iterator[Progress]:
    """Write a published data set into the archive in `folder`, or what an earlier run of the same job left to do.

    Raises:
        LandweaveError: What cannot work is refused before the first patch is read.
    """
    # The name first: a wrong one is the likelier mistake, and needs no disk.
    find = reader(job.dataset)
    if not job.folder.is_dir():
        raise SceneError(f"{job.folder}, which is no folder", f"the folder of {job.dataset}", "check the path")
    return folders.run(job, find(job), folder, executor=executor)

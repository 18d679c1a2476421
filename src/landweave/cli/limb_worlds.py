"""Simulated limb spectra on disk: a task a file, as a job. It composes simulator and writer, and computes nothing."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from landweave.datasets import limb
from landweave.jobs.executor import Executor, Summary
from landweave.jobs.phases import held, here
from landweave.jobs.run import Progress
from landweave.simulate.spectra import LimbWorld, known_limbs, known_seasons, load_limb, make
from landweave.simulate.winter import SeasonWorld, day_of, days, load_season
from landweave.spectra.observations import concatenate

KIND = "simulated limb spectra"


@dataclass(frozen=True)
class LimbTask:
    """One file of simulated spectra.

    Attributes:
        key: Its name without ending.
        path: The file.
        world: What decides its numbers.
        winter: Of which winter, "" where it is a database.
        month: "2009-06", "" where it is a database.
    """

    key: str
    path: Path
    world: LimbWorld | SeasonWorld
    winter: str = ""
    month: str = ""


def is_limb(name: str) -> bool:
    """Whether a world of that name is one of limb spectra."""
    return name in known_limbs() or name in known_seasons()


def write_limb(
    name: str, out: Path, executor: Executor | None = None, *, seed: int | None = None, num: int | None = None
) -> Iterator[Progress]:
    """Write a database to spectra.nc, or winters to a file a month; the same command again goes on where one stopped.

    Args:
        name: A database or winters of limbs.toml.
        out: The folder.
        executor: What runs the tasks.
        seed: Another seed than the world's own.
        num: Spectra of a database; of winters, every how many scans one is kept.

    Raises:
        ConfigError: There is no such world, or a number does not fit.
        OutputError: The folder is in use or holds something else.
    """
    world: LimbWorld | SeasonWorld
    if name in known_seasons():
        world = load_season(name, seed, **({} if num is None else {"thin": num}))
    else:
        world = load_limb(name, seed, **({} if num is None else {"num": num}))
    with held(out, KIND, world.model_dump(mode="json"), here(executor)) as phases:
        tasks = list(_tasks(world, out))
        yield from phases.run(write_file, tasks, "simulate", "files")
        phases.must_have(tasks, "every file of simulated spectra")


def _tasks(world: LimbWorld | SeasonWorld, out: Path) -> Iterator[LimbTask]:
    if isinstance(world, LimbWorld):
        yield LimbTask("spectra", out / "spectra.nc", world)
        return
    for winter in world.winters:
        for month in sorted({f"{day:%Y-%m}" for day in days(winter)}):
            key = f"{winter.name}-{month}"
            yield LimbTask(key, out / f"{key}.nc", world, winter.name, month)


def write_file(task: LimbTask) -> Summary:
    """Write the file of one task; the same task gives the same bytes."""
    if isinstance(task.world, LimbWorld):
        spectra = make(task.world)
    else:
        winter = task.world.winter(task.winter)
        spectra = concatenate([day_of(task.world, winter, day) for day in days(winter) if f"{day:%Y-%m}" == task.month])
    limb.write(task.path, spectra, {"title": f"simulated limb spectra: {task.world.name}", **_facts(task)})
    return {"spectra": len(spectra)}


def _facts(task: LimbTask) -> dict[str, Any]:
    return {"simulated": 1, "source": "landweave simulate", "world": task.world.name, "seed": task.world.seed}

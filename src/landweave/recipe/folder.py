"""The folder of a training run: it belongs to one recipe and one archive, and holds the checkpoints to go on from."""

from __future__ import annotations

import json
from collections.abc import Generator, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from landweave.atomic import locked, sweep
from landweave.errors import CheckpointError, OutputError
from landweave.parallel.world import World
from landweave.provenance import write_record
from landweave.train import checkpoint
from landweave.train.checkpoint import Checkpoint
from landweave.train.log import Log, Record
from landweave.train.loop import Run
from landweave.train.precision import Precision, Wanted, choose

RECIPE, CARD, CHECKPOINTS = "recipe.json", "card", "checkpoints"


@contextmanager
def held(out: Path, identity: str, configuration: Mapping[str, Any], world: World) -> Iterator[None]:
    """While it lasts, `out` is the folder of the run with this identity and of nobody else.

    Raises:
        OutputError: It holds another run or something else, or another process works in it.
    """
    with ExitStack() as stack:
        if world.is_first:
            stack.enter_context(locked(out))
            settle(out, identity, configuration)
        # The other ranks look for checkpoints, which is safe once what a killed run left aside is swept.
        world.wait()
        yield


def settle(out: Path, identity: str, configuration: Mapping[str, Any]) -> None:
    """Make `out` the folder of the run with this identity, or find that it is.

    Raises:
        OutputError: It holds another run or something else.
    """
    # Under the lock, so that nothing that is being written is taken for a leftover.
    sweep(out)
    path = out / RECIPE
    if path.is_file():
        if _told(path) != identity:
            raise OutputError(
                f"{out}, where another recipe or another archive was trained",
                "an empty folder, or that of the same recipe and archive to go on with it",
                "choose another output with -o, or remove that folder",
            )
        return
    if any(not entry.name.startswith(".") for entry in out.iterdir()):
        raise OutputError(f"{out}, which holds something else", "an empty folder", "choose another output with -o")
    write_record(path, "train", {**configuration, "identity": identity})


def _told(path: Path) -> str | None:
    try:
        found = json.loads(path.read_text(encoding="utf-8"))["configuration"]["identity"]
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return str(found)


def newest(folder: Path, identity: str, world: World) -> tuple[Path, Checkpoint] | None:
    """The checkpoint in `folder` to go on from, or None.

    Raises:
        CheckpointError: It is damaged or of another recipe.
    """
    paths = checkpoint.every(folder)
    world.agree("newest checkpoint", paths[-1].name if paths else "")
    if not paths:
        return None
    found = checkpoint.load(paths[-1])
    if found.facts.get("identity") != identity:
        raise CheckpointError(
            f"checkpoint {paths[-1]} of another recipe or archive",
            "a checkpoint of this recipe and archive",
            "choose another output with -o, or remove that checkpoint",
        )
    return paths[-1], found


def begun(
    folder: Path, identity: str, wanted: Wanted, world: World
) -> tuple[tuple[Path, Checkpoint] | None, Precision]:
    """The checkpoint in `folder` to go on from, or None, and the precision to compute in.

    A run keeps the precision that it was begun with, on whatever machine it goes on.

    Raises:
        CheckpointError: The newest checkpoint is damaged or of another recipe.
    """
    resume = newest(folder, identity, world)
    chosen: Precision = resume[1].facts["precision"] if resume else choose(wanted, world.device)
    world.agree("precision", chosen)
    return resume, chosen


def logged(going: Run, out: Path, world: World) -> Generator[Record]:
    """The records of a run, kept in the log of `out` by the first rank."""
    with ExitStack() as stack:
        log = None
        if world.is_first:
            log = stack.enter_context(Log(out, going.standing.step, going.standing.epoch))
        for record in going.records():
            if log:
                log.write(record)
            yield record

"""The verb train: recipe in, card out."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Generator, Iterator
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated, Any

import typer

from landweave.parallel.launch import STOPPED, TIMEOUT_S

if TYPE_CHECKING:
    from landweave.parallel.world import World


def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file; recipes/ holds some that work.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The run's folder; the same command again goes on in it.")],
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="Any key: --set epochs=3 --set optimiser.rate=1e-4.")
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    timeout_s: Annotated[
        float, typer.Option(help="Of several ranks: how long they wait for one that hangs.", min=1)
    ] = TIMEOUT_S,
) -> None:
    """Train a network, or a classical baseline, on an archive of patches.

    Example: landweave train recipes/demo-unet.toml -o run/ --set archive=archive/

    With several processes: landweave launch recipe.toml -o run/ --ranks 2, or torchrun (docs/verbs/launch.md)

    Stopped with Ctrl-C, SIGTERM or SIGKILL, the same command goes on. The run's folder ends with card/.
    """
    from landweave.cli.progress import draw
    from landweave.parallel.world import make_world
    from landweave.recipe.folder import CARD
    from landweave.recipe.kinds import load_recipe, run

    with make_world(device, timeout_s) as world:
        # Inside, so that a rank that cannot read its recipe tells the others why it ends.
        wanted = load_recipe(recipe, sets or ())
        records = _until_stopped(run(wanted, out, world), world)
        if world.is_first:
            draw(records)
            typer.echo(f"card: {out / CARD}")
        else:
            for _ in records:
                pass


def _until_stopped(records: Generator[Any], world: World) -> Iterator[Any]:
    """Records until the end or a signal; after a signal to any rank all of them stop at the same record."""
    stop = threading.Event()

    def note(number: int, frame: FrameType | None) -> None:
        # Who asks twice will not wait for the step to end.
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, note) for number in (signal.SIGTERM, signal.SIGINT)}
    try:
        for record in records:
            yield record
            if world.any(stop.is_set()):
                # Closing writes a checkpoint. Launchers kill all ranks as soon as one ends, so that all wait for it.
                records.close()
                world.wait()
                sys.exit(STOPPED)
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)

"""The verb simulate: a named world, written as scenes with their truth."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landweave.cli.executor import Machine, with_machine


@with_machine
def simulate(
    world: Annotated[str, typer.Argument(help="Name of a world: demo-1, default-1, or one of --worlds.")],
    out: Annotated[
        Path, typer.Option("-o", "--out", help="The folder to write; the same command again goes on in it.")
    ],
    seed: Annotated[int | None, typer.Option(help="Another landscape of the same kind.")] = None,
    *,
    worlds: Annotated[Path | None, typer.Option(help="A TOML of your own with tables \\[worlds.NAME].")] = None,
    machine: Machine,
) -> None:
    """Write a simulated world: scenes as agencies deliver them, with the truth beside them.

    Example: landweave simulate demo-1 -o world/

    The folder holds scenes/ (for landweave catalog) and truth/ (class maps, for landweave patch and evaluate).
    """
    from landweave.cli.progress import draw
    from landweave.simulate.city import known_cities, load_city
    from landweave.simulate.world import load_world
    from landweave.simulate.write import write
    from landweave.simulate.writecity import write_city

    executor = machine.begin(out)
    if worlds is None and world in known_cities():
        ending = draw(write_city(load_city(world, seed), out))
    else:
        ending = draw(write(load_world(world, seed, worlds), out, executor))
    typer.echo(f"scenes: {out / 'scenes'}\ntruth: {out / 'truth'}")
    ending.leave()

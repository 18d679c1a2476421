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
    num: Annotated[
        int | None, typer.Option(help="Limb spectra of a database; of winters, one scan of so many is kept.")
    ] = None,
    machine: Machine,
) -> None:
    """Write a simulated world: scenes as agencies deliver them, with the truth beside them.

    Example: landweave simulate demo-1 -o world/

    The folder holds scenes/ (for landweave catalog) and truth/ (class maps, for landweave patch and evaluate); of
    limb-published-1, limb-hard-1 and limb-season-1 files of limb spectra (for landweave limb).
    """
    from landweave.cli.limb_worlds import is_limb, write_limb
    from landweave.cli.progress import draw
    from landweave.errors import ConfigError
    from landweave.simulate.city import known_cities, load_city
    from landweave.simulate.world import load_world
    from landweave.simulate.write import write
    from landweave.simulate.writecity import write_city

    if worlds is None and is_limb(world):
        ending = draw(write_limb(world, out, machine.begin(out), seed=seed, num=num))
        typer.echo(f"spectra: {out}")
        ending.leave()
        return
    if num is not None:
        raise ConfigError(f"--num {num} of world {world}", "--num with a world of limb spectra", "leave --num away")
    executor = machine.begin(out)
    if worlds is None and world in known_cities():
        ending = draw(write_city(load_city(world, seed), out))
    else:
        ending = draw(write(load_world(world, seed, worlds), out, executor))
    typer.echo(f"scenes: {out / 'scenes'}\ntruth: {out / 'truth'}")
    ending.leave()

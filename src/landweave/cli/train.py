"""The verb train: recipe in, card out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def train(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file; recipes/ holds some that work.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The run's folder; the same command again goes on in it.")],
    sets: Annotated[
        list[str] | None,
        typer.Option("--set", help="Override a key of the recipe: --set epochs=3 --set optimiser.rate=1e-4."),
    ] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Train a network, or a classical baseline, on an archive of patches.

    Example: landweave train recipes/demo-unet.toml -o run/ --set archive=archive/

    With several processes: torchrun --nproc-per-node 2 --no-python landweave train recipe.toml -o run/

    The run's folder ends with card/ (for landweave map), log.jsonl, tensorboard/ and checkpoints/.
    """
    from landweave.cli.progress import draw
    from landweave.config import load
    from landweave.parallel.world import make_world
    from landweave.recipe.recipe import TrainRecipe
    from landweave.recipe.run import CARD, run

    wanted = load(TrainRecipe, recipe, sets or ())
    with make_world(device) as world:
        records = run(wanted, out, world)
        if world.is_first:
            draw(records)
            typer.echo(f"card: {out / CARD}")
        else:
            for _ in records:
                pass

"""The verb scale: what more ranks bring, measured here and predicted for a cluster."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def scale(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder of measurements; those in it count again.")],
    *,
    ranks: Annotated[
        list[int] | None, typer.Option(help="Ranks to measure here, as often as needed; 1, 2, 4 ... left away.", min=1)
    ] = None,
    cluster: Annotated[Path | None, typer.Option(help="TOML of a cluster to predict for.")] = None,
    epochs: Annotated[int, typer.Option(help="Of training for F1 at each number of ranks; 0: none.", min=0)] = 1,
    steps: Annotated[int, typer.Option(help="Steps to measure, of each kind.", min=1)] = 10,
    threads: Annotated[int | None, typer.Option(help="Of each rank; its share of the cores.", min=1)] = None,
    sets: Annotated[list[str] | None, typer.Option("--set", help="Any key: --set batch_per_rank=8.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    measure: Annotated[
        bool, typer.Option("--measure", help="Only measure, on the ranks that this process is started among.")
    ] = False,
) -> None:
    """Measure what more ranks bring a recipe, and predict it for a cluster before anyone pays for it.

    Example: landweave scale recipe.toml -o scale/ --cluster recipes/clusters/v100.toml

    On a cluster itself: srun landweave scale recipe.toml -o scale/ --measure, at several numbers of ranks
    """
    if measure:
        _measure(recipe, out, sets or [], device, steps)
        return
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.recipe.scale import FIGURE, RESULT, ScaleJob, lines, read, run

    chosen = tuple(sorted(set(ranks))) if ranks else _powers(device)
    values = {"recipe": recipe, "sets": tuple(sets or ()), "ranks": chosen, "steps": steps, "epochs": epochs}
    values |= {"threads": threads or _share(max(chosen)), "device": device, "cluster": cluster}
    draw(run(check(ScaleJob, values, "options"), out))
    typer.echo("\n".join(lines(read(out))))
    typer.echo(f"see {out / FIGURE} and {out / RESULT}")


def _measure(recipe: Path, out: Path, sets: list[str], device: str, steps: int) -> None:
    from landweave.cli.progress import draw
    from landweave.config import load
    from landweave.parallel.world import make_world
    from landweave.recipe.measure import measure
    from landweave.recipe.recipe import TrainRecipe

    with make_world(device) as world:
        records = measure(load(TrainRecipe, recipe, sets), out, world, steps)
        if world.is_first:
            draw(records)
        else:
            for _ in records:
                pass


def _powers(device: str) -> tuple[int, ...]:
    """1, 2, 4 and so on, as many as there are GPUs or cores."""
    import torch

    from landweave.jobs.worker import num_cores

    most = torch.cuda.device_count() if device != "cpu" and torch.cuda.is_available() else num_cores()
    return tuple(2**power for power in range(most.bit_length()))


def _share(most: int) -> int:
    from landweave.jobs.worker import num_cores

    return max(1, num_cores() // most)

"""The verb plan: on which ranks the layers of a network stand best, before anyone starts them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def plan(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    cluster: Annotated[Path, typer.Option(help="TOML of the ranks to plan for; recipes/clusters/ holds some.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The folder of the profile and the plan.")],
    *,
    micro_batches: Annotated[
        list[int] | None, typer.Option(help="Numbers to choose from, as often as needed; the recipe's.", min=1)
    ] = None,
    schedule: Annotated[str | None, typer.Option(help="gpipe or 1f1b; the recipe's.")] = None,
    inference: Annotated[bool, typer.Option("--inference", help="Plan forward passes alone.")] = False,
    repeats: Annotated[int, typer.Option(help="Passes of each kind that are timed; medians count.", min=1)] = 3,
    sets: Annotated[list[str] | None, typer.Option("--set", help="Any key: --set batch_global=40.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
) -> None:
    """Profile each layer of a network here, and reckon which placement on the ranks of a cluster is the fastest.

    Example: landweave plan recipe.toml --cluster recipes/ranks/three.toml -o plan/

    Then train: landweave launch recipe.toml -o run/ --ranks 3, with the lines that it prints in the recipe
    """
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.recipe.plan import FIGURE, RESULT, TABLE, PlanJob, run

    values = {"recipe": recipe, "cluster": cluster, "sets": tuple(sets or ()), "schedule": schedule}
    values |= {"micro_batches": tuple(micro_batches or ()), "inference": inference, "repeats": repeats}
    draw(run(check(PlanJob, {**values, "device": device}, "options"), out))
    typer.echo((out / TABLE).read_text(encoding="utf-8"))
    typer.echo(f"see {out / FIGURE} and {out / RESULT}")

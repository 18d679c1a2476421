"""The verb launch: one training on many ranks, here, by SLURM or on a Spark cluster."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from landweave.parallel.launch import TIMEOUT_S

if TYPE_CHECKING:
    from landweave.parallel.launch import SlurmJob

_SLURM, _SPARK = "With --on slurm", "With --on spark"


def launch(
    recipe: Annotated[Path, typer.Argument(help="The recipe, a TOML file.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The run's folder; the same command again goes on in it.")],
    *,
    on: Annotated[str, typer.Option(help="here, slurm or spark.")] = "here",
    ranks: Annotated[int, typer.Option(help="Processes that train together, here or on Spark.", min=1)] = 2,
    sets: Annotated[list[str] | None, typer.Option("--set", help="Any key: --set epochs=3.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    timeout_s: Annotated[float, typer.Option(help="How long ranks wait for one that hangs.", min=1)] = TIMEOUT_S,
    threads: Annotated[int | None, typer.Option(help="Of each rank here; its share of the cores.", min=1)] = None,
    script: Annotated[Path, typer.Option(help="The script to write.", rich_help_panel=_SLURM)] = Path("train.slurm"),
    nodes: Annotated[int, typer.Option(help="Machines.", rich_help_panel=_SLURM)] = 1,
    ranks_per_node: Annotated[int, typer.Option(help="Processes on each.", rich_help_panel=_SLURM)] = 1,
    cpus_per_rank: Annotated[int, typer.Option(help="Cores of each process.", rich_help_panel=_SLURM)] = 1,
    gpus: Annotated[bool, typer.Option("--gpus", help="A GPU for each rank.", rich_help_panel=_SLURM)] = False,
    time: Annotated[str, typer.Option(help="Limit of one allocation.", rich_help_panel=_SLURM)] = "01:00:00",
    partition: Annotated[str, typer.Option(help="Where to run.", rich_help_panel=_SLURM)] = "",
    account: Annotated[str, typer.Option(help="Who pays.", rich_help_panel=_SLURM)] = "",
    before: Annotated[
        list[str] | None, typer.Option(help="A line of shell to begin with: module load.", rich_help_panel=_SLURM)
    ] = None,
    master: Annotated[str, typer.Option(help="Of the cluster: spark://host:7077.", rich_help_panel=_SPARK)] = "",
) -> None:
    """Train with many ranks: started here, by a script for SLURM, or on a Spark cluster.

    Here: landweave launch recipe.toml -o run/ --ranks 2

    SLURM: landweave launch recipe.toml -o run/ --on slurm --nodes 2 --ranks-per-node 4 --gpus

    Spark: landweave launch recipe.toml -o run/ --on spark --master spark://host:7077 --ranks 4

    SIGTERM and Ctrl-C are passed on to the ranks, which save and end; the same command goes on.
    """
    from landweave.config import nearest
    from landweave.errors import ConfigError
    from landweave.parallel.launch import SlurmJob
    from landweave.recipe.kinds import load_recipe

    # A mistake is said here, not by every rank, or hours later in a queue.
    load_recipe(recipe, sets or ())
    words = ["train", str(recipe), "-o", str(out), "--device", device, "--timeout-s", f"{timeout_s:g}"]
    words += [word for text in sets or () for word in ("--set", text)]
    match on:
        case "here":
            _here(words, ranks, threads)
        case "slurm":
            asked = (nodes, ranks_per_node, cpus_per_rank, gpus, time, partition, account)
            job = SlurmJob(out.resolve().name, *asked, before=tuple(before or ()))
            _slurm(job, words, script)
        case "spark":
            _spark(words, master, ranks, gpus)
        case _:
            raise ConfigError(f"--on {on}", nearest(on, ("here", "slurm", "spark")), "choose where to train")


def _here(words: list[str], ranks: int, threads: int | None) -> None:
    from landweave.jobs.worker import num_cores
    from landweave.parallel.launch import command, here

    share = max(1, num_cores() // ranks)
    if code := here([command(), *words], ranks, threads or share):
        raise typer.Exit(code)


def _slurm(job: SlurmJob, words: list[str], script: Path) -> None:
    from landweave.atomic import write_text
    from landweave.parallel.launch import command, slurm_script

    write_text(script, slurm_script(job, [command(), *words], Path.cwd()))
    typer.echo(f"{script}: {job.nodes} nodes with {job.ranks_per_node} ranks each")
    typer.echo(f"submit it: sbatch {script}")


def _spark(words: list[str], master: str, ranks: int, gpus: bool) -> None:
    from landweave.cli.main import run
    from landweave.parallel.launch import on_spark

    if not master:
        raise typer.BadParameter("name the cluster, for example --master spark://host:7077", param_hint="--master")
    on_spark(run, words, master=master, num_ranks=ranks, gpus=gpus)

"""The verb limb: classifiers of polar stratospheric clouds in infrared limb spectra."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landweave.cli.executor import Machine, with_machine

limb = typer.Typer(
    help="Polar stratospheric clouds in infrared limb spectra: train, search, predict, compare.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
Spectra = Annotated[list[Path], typer.Argument(help="Files of labelled limb spectra (netCDF, HDF5 or CSV).")]
Recipe = Annotated[Path, typer.Option("-r", "--recipe", help="TOML: method, arguments, search, judge.")]
Run = Annotated[Path, typer.Option("-o", "--out", help="Folder of the run; the same command again goes on.")]
Sets = Annotated[list[str] | None, typer.Option("--set", help="Any key: --set seed=1 --set judge.folds=0.")]


@with_machine
def train(spectra: Spectra, recipe: Recipe, out: Run, *, sets: Sets = None, machine: Machine) -> None:
    """Fit a classifier on labelled spectra, judge it, and tell what it saw: OUT/card and OUT/training.json.

    Example: landweave limb train database.nc -r recipes/limb-pca-svm.toml -o pca/
    """
    _learn(spectra, recipe, out, sets or [], machine)


@with_machine
def search(
    spectra: Spectra,
    recipe: Recipe,
    out: Run,
    *,
    kind: Annotated[str, typer.Option(help="grid: every choice; random: some of them.")] = "grid",
    sets: Sets = None,
    machine: Machine,
) -> None:
    """Choose a classifier's arguments by cross-validation, fit the winner on all spectra, and judge it.

    Example: landweave limb search database.nc -r recipes/limb-forest.toml --kind random -o forest/ --workers 2
    """
    _learn(spectra, recipe, out, [f"search.kind={kind}", *(sets or [])], machine)


def _learn(spectra: list[Path], recipe: Path, out: Path, sets: list[str], machine: Machine) -> None:
    from landweave.cli.progress import draw
    from landweave.config import load
    from landweave.limb.recipe import LimbRecipe
    from landweave.limb.train import TrainJob, describe, run

    job = TrainJob(spectra=tuple(spectra), recipe=load(LimbRecipe, recipe, sets))
    ending = draw(run(job, out, machine.begin(out)))
    for line in describe(out):
        typer.echo(line)
    ending.leave()


@with_machine
def predict(
    spectra: Annotated[list[Path], typer.Argument(help="Files of limb spectra (netCDF, HDF5 or CSV).")],
    card: Annotated[Path, typer.Option(help="Folder of the card, from landweave limb train.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of predictions; the same command again goes on.")],
    *,
    block: Annotated[int, typer.Option(help="Spectra of a task.", min=1)] = 20_000,
    sets: Sets = None,
    machine: Machine,
) -> None:
    """Classify spectra: OUT/predictions.parquet, a row a spectrum.

    Example: landweave limb predict season.nc --card pca/card -o pca-season/ --workers 2
    """
    from landweave.cli.progress import draw
    from landweave.config import check, override
    from landweave.limb.predict import PredictJob, run
    from landweave.limb.predictions import read

    values: dict[str, object] = {"spectra": spectra, "card": card, "block": block}
    job = check(PredictJob, override(values, sets or []), "options")
    ending = draw(run(job, out, machine.begin(out)))
    for name, number in read(out / "predictions.parquet").counts.items():
        typer.echo(f"{name}: {number}")
    ending.leave()


def compare(
    folders: Annotated[list[Path], typer.Argument(help="Folders that limb train, search and predict wrote.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of comparison.json and report.html.")],
    *,
    day: Annotated[str | None, typer.Option(help="Of the maps over the pole: 2009-06-14.")] = None,
) -> None:
    """Compare classifiers on one page: accuracy, what they saw, where they agree, and how a winter went.

    Example: landweave limb compare pca/ forest/ bayes/ pca-season/ forest-season/ bayes-season/ -o comparison/
    """
    from landweave.limb.tell import REPORT, as_day, run

    told = run(folders, out, as_day(day) if day else None)
    for one in told["trainings"].values():
        if "accuracy" in one:
            typer.echo(f"{one['title']}: {100 * one['accuracy']:.2f} % in cross-validation")
    for winter in told["winters"]:
        typer.echo(winter["name"])
    typer.echo(f"page: {out / REPORT}")


def indices(
    table: Annotated[Path, typer.Argument(help="A table of real observations: cloud and NAT index, place, label.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The page.")],
) -> None:
    """Tell clouds by two indices alone, draw them over the pole, and count them against the table's labels.

    Example: landweave limb indices psc_mipas_2008_A_first300.csv -o indices.html
    """
    from landweave.limb.indices import write_page

    counted = write_page(table, out)
    for name, number in zip(counted.rows, counted.counts.sum(1).tolist(), strict=True):
        typer.echo(f"{name}: {number}")
    typer.echo(f"the meaning of their labels is not given: the table judges nothing\npage: {out}")


for _verb in (train, search, predict, compare, indices):
    limb.command(_verb.__name__, no_args_is_help=True)(_verb)

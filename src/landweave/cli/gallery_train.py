"""The verbs gallery train and gallery which: models by bucket, and which of them to take."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from landweave.cli.executor import Machine, with_machine

if TYPE_CHECKING:
    import datetime as dt


@with_machine
def train(
    gallery: Annotated[
        Path, typer.Argument(help="The gallery; its models are written there, the same command goes on.")
    ],
    recipe: Annotated[Path, typer.Option(help="The recipe of mono and of every bucket.")],
    *,
    sets: Annotated[list[str] | None, typer.Option("--set", help="Any key of both: --set archive=archive/.")] = None,
    bucket_sets: Annotated[
        list[str] | None, typer.Option("--bucket-set", help="Any key of the buckets' alone: --bucket-set epochs=10.")
    ] = None,
    mono: Annotated[Path | None, typer.Option(help="A card to take as mono; left away, it is trained first.")] = None,
    figure: Annotated[str, typer.Option(help="mean_iou, macro_f1 or overall_accuracy, to compare by.")] = "mean_iou",
    least_train: Annotated[int, typer.Option(help="Training patches that a bucket must have.", min=1)] = 16,
    least_validation: Annotated[int, typer.Option(help="Validation patches that it must have.", min=1)] = 4,
    far_share: Annotated[float, typer.Option(help="Share of validation images that may be far.")] = 0.05,
    drift_share: Annotated[float, typer.Option(help="Share of far tiles that a job warns of.", min=0, max=1)] = 0.2,
    machine: Machine,
) -> None:
    """Train a model for every bucket, beginning from one model for all (mono); keep those that are better there.

    Example: landweave gallery train gallery/ --recipe recipes/buildings-unet.toml --set archive=archive/
    """
    values: dict[str, object] = {"gallery": gallery, "mono": mono, "figure": figure}
    values |= {"least_train": least_train, "least_validation": least_validation}
    values |= {"far_share": far_share, "drift_share": drift_share}
    _train(values, recipe, sets or [], bucket_sets or [], machine)


def _train(values: dict[str, object], recipe: Path, sets: list[str], bucket_sets: list[str], machine: Machine) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check, override, read_toml
    from landweave.gallery.images import open_gallery
    from landweave.gallery.models import WORK, open_models
    from landweave.gallery.specialise import ModelsJob, run
    from landweave.recipe.recipe import TrainRecipe

    told = override(read_toml(recipe), sets)
    values["recipe"] = check(TrainRecipe, told, str(recipe))
    values["buckets"] = check(TrainRecipe, override(told, bucket_sets), str(recipe))
    job = check(ModelsJob, values, "options")
    draw(run(job, machine.begin(job.gallery / WORK))).leave()
    for line in open_models(open_gallery(job.gallery)).describe():
        typer.echo(line)


def which(
    galleries: Annotated[list[Path], typer.Argument(help="Galleries with models.")],
    sensor: Annotated[str, typer.Option(help="Name of the sensor.")],
    at: Annotated[str, typer.Option(help="LON,LAT of the place, in degrees.")],
    date: Annotated[str | None, typer.Option(help="YYYY-MM-DD; left away, any season.")] = None,
) -> None:
    """Say which model serves a sensor, a place and a time best, from the images that lie nearest.

    Example: landweave gallery which gallery/ --sensor worldview-rgb --at 15.2,48.7 --date 2025-06-01
    """
    from landweave.gallery import which as asked

    for line in asked.which(galleries, sensor, _place(at), _day(date)).describe():
        typer.echo(line)


def _place(text: str) -> tuple[float, float]:
    from landweave.errors import ConfigError

    try:
        lon, lat = (float(part) for part in text.split(","))
    except ValueError:
        lon, lat = 999.0, 999.0
    if not (-180 <= lon <= 180 and -90 <= lat <= 90):
        raise ConfigError(f"--at {text}", "LON,LAT in degrees", "write --at 15.2,48.7, longitude first")
    return lon, lat


def _day(text: str | None) -> dt.date | None:
    import datetime as dt

    from landweave.errors import ConfigError

    try:
        return dt.date.fromisoformat(text) if text else None
    except ValueError as error:
        raise ConfigError(f"--date {text}", "YYYY-MM-DD", "write --date 2025-06-01") from error

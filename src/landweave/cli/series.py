"""The verb series: from scenes of several years to labels, maps and change."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from landweave.cli.executor import Machine, with_machine
from landweave.cli.series_map import change, map_

_SHOWN = 5

series = typer.Typer(
    help="Several years of scenes: select them, make labels from an old map, map them, find change.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)


def select(
    catalog: Annotated[Path, typer.Argument(help="Catalog of the scenes.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The series to write: series.json.")],
    *,
    per_year: Annotated[int, typer.Option(help="Scenes of each year; 0 takes all.", min=0)] = 20,
    cloud: Annotated[float, typer.Option(help="Largest share of clouds of a scene.", min=0, max=1)] = 0.4,
    pair_days: Annotated[int, typer.Option(help="Pair scenes of the years within so many days.", min=0)] = 6,
    no_pairs: Annotated[bool, typer.Option("--no-pairs", help="Take each year by itself.")] = False,
    bands: Annotated[str | None, typer.Option(help="B02,B03,...; of mixed sensors blue,green,red,nir,...")] = None,
    years: Annotated[str | None, typer.Option(help="Only these: 2018,2019,2020.")] = None,
    sensors: Annotated[str | None, typer.Option(help="Only scenes of these sensors.")] = None,
    reproject: Annotated[bool, typer.Option(help="Read scenes in another CRS or pixel size onto the finest.")] = False,
) -> None:
    """Select scenes of one place: so many a year, below a share of clouds, paired between the years.

    Example: landweave series select catalog.parquet -o series.json --per-year 20 --cloud 0.4 --pair-days 6

    All that is clear enough: landweave series select catalog.parquet -o series.json --per-year 0 --no-pairs
    """
    from landweave.config import check
    from landweave.series import select as selecting

    values: dict[str, object] = {"catalog": catalog, "per_year": per_year, "cloud": cloud, "reproject": reproject}
    values |= {"pair_days": None if no_pairs else pair_days}
    values |= {name: told for name, told in (("bands", bands), ("years", years), ("sensors", sensors)) if told}
    found = selecting.select(check(selecting.SelectJob, values, "options"), out)
    for why, scenes in found.left.items():
        more = f" and {len(scenes) - _SHOWN} more" if len(scenes) > _SHOWN else ""
        typer.echo(f"left away, {why}: {', '.join(scene.id for scene in scenes[:_SHOWN])}{more}")
    counts = found.counts()
    if len(set(counts.values())) > 1:
        typer.echo("years have different numbers of scenes; networks that want as many of each need dates filled in")
    if found.num_pairs is not None and found.num_pairs < per_year:
        typer.echo(f"{found.num_pairs} pairs are there of the {per_year} that were asked for")
    shown = ", ".join(f"{year}: {num}" for year, num in counts.items())
    typer.echo(f"{len(found.series.scenes)} scenes ({shown}), {len(found.series.bands)} bands in {out}")


@with_machine
def label(
    series_file: Annotated[Path, typer.Argument(metavar="SERIES", help="The series, from landweave series select.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The samples to write: samples.h5; again it goes on.")],
    *,
    map_file: Annotated[Path | None, typer.Option("--map", help="The old map, a raster of class ids.")] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="In place of a map: what people said of changes, decisions.parquet.")
    ] = None,
    legend: Annotated[str | None, typer.Option(help="The map's legend; what its file tells.")] = None,
    legends: Annotated[Path | None, typer.Option(help="TOML: legends and crosswalks of your own.")] = None,
    to: Annotated[str | None, typer.Option(help="Legend of the labels; a crosswalk leads there.")] = None,
    resample: Annotated[
        bool, typer.Option("--resample", help="Read a map of other pixels or CRS by the nearest pixel.")
    ] = False,
    truth: Annotated[
        str | None, typer.Option(help="What is true, to judge what is thrown out: truth/{year}.tif.")
    ] = None,
    per_class: Annotated[int | None, typer.Option(help="So many places of each class; in proportion.", min=1)] = None,
    per: Annotated[str, typer.Option(help="A point is a pixel in one year, or with the whole series.")] = "year",
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="Any key: --set clusters=5 --set points=20000.")
    ] = None,
    machine: Machine,
) -> None:
    """Make training samples from an old map: what looks like its class, and is told alike by forests of all years.

    Example: landweave series label series.json --map old.tif --legend simulated-8 -o samples.h5

    From CORINE: landweave series label series.json --map corine.tif --legend corine-44 --to multiyear-11 --resample
    -o samples.h5

    From a review: landweave series label series.json --decisions decisions.parquet --legend multiyear-11 -o more.h5
    """
    values: dict[str, object] = {"series": series_file, "map": map_file, "legend": legend, "legends": legends, "to": to}
    values |= {"truth": truth, "per_class": per_class, "resample": resample or None, "decisions": decisions}
    values |= {"per": per if per != "year" else None}
    told = {name: value for name, value in values.items() if value is not None}
    if decisions is None:
        _label(told, sets or [], out, machine)
    else:
        _label_reviewed(told, sets or [], out)


def _label_reviewed(values: dict[str, object], sets: list[str], out: Path) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check, override
    from landweave.datasets.points import open_points
    from landweave.series import reviewed

    draw(reviewed.run(check(reviewed.ReviewedSamples, override(values, sets), "options"), out))
    points = open_points(out)
    typer.echo(f"{len(points)} points of {len(set(points.block.tolist()))} reviewed places in {out}")


def _label(values: dict[str, object], sets: list[str], out: Path, machine: Machine) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check, override
    from landweave.datasets.points import open_points
    from landweave.series import label as labelling
    from landweave.series.labelplan import LabelJob
    from landweave.series.purity import lines, read_purity

    job = check(LabelJob, override(values, sets), "options")
    folder = labelling.folder_of(out)
    ending = draw(labelling.run(job, out, machine.begin(folder)))
    for line in lines(read_purity(folder / labelling.PURITY)):
        typer.echo(line)
    points = open_points(out)
    counted = ", ".join(f"{len(points.of_part(part))} {part}" for part in ("train", "validation", "test"))
    typer.echo(f"{len(points)} points ({counted}) in {out}; {folder} tells more")
    ending.leave()


def import_(
    name: Annotated[str, typer.Argument(help="Its name; --list tells them all.")] = "",
    folder: Annotated[Path | None, typer.Argument(help="Where it lies, as it was published.")] = None,
    *,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="The samples to write: samples.h5.")] = None,
    fractions: Annotated[str, typer.Option(help="Shares of training, validation and test.")] = "0.6,0.2,0.2",
    seed: Annotated[int, typer.Option(help="Of the deal of blocks to parts.")] = 0,
    known: Annotated[bool, typer.Option("--list", help="Name the data sets that can be read, and stop.")] = False,
) -> None:
    """Read published series as samples, with training, validation and test on separate land.

    Example: landweave series import sits-mt sits_samples/ -o samples.h5
    """
    from landweave.datasets.series import SERIES, import_series

    if known:
        for each, published in SERIES.items():
            typer.echo(f"{each:<18}{published.about}")
        return
    if not name or folder is None or out is None:
        raise typer.BadParameter("give NAME, FOLDER and -o samples.h5, or --list", param_hint="NAME")
    points = import_series(name, folder, out, _three(fractions), seed)
    counted = ", ".join(f"{len(points.of_part(part))} {part}" for part in ("train", "validation", "test"))
    shown = f"{points.valid.shape[1]} dates, {len(points.bands)} bands, {len(points.legend)} classes"
    typer.echo(f"{len(points)} points ({counted}) with {shown} in {out}")


def _three(text: str) -> tuple[float, float, float]:
    try:
        train, validation, test = (float(part) for part in text.split(","))
    except ValueError as error:
        raise typer.BadParameter("three numbers, for example 0.6,0.2,0.2", param_hint="--fractions") from error
    return train, validation, test


_VERBS: dict[str, Callable[..., None]] = {
    "select": select,
    "label": label,
    "import": import_,
    "map": map_,
    "change": change,
}
for _name, _function in _VERBS.items():
    series.command(_name, no_args_is_help=True)(_function)

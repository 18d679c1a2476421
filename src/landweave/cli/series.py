"""The verb series: from scenes of several years to labels, maps and change."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_SHOWN = 5

series = typer.Typer(
    help="Several years of scenes: select them, make labels from an old map.",
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


for _name, _function in (("select", select),):
    series.command(_name, no_args_is_help=True)(_function)

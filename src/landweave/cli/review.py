"""The verb review: the page on which a person confirms changes, what was decided, and units to judge a map by."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup


class _Serving(TyperGroup):
    """`landweave review JOB` serves; the other commands are said by their names."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read `JOB` as `serve JOB`."""
        if args and args[0] not in self.commands and args[0] not in ctx.help_option_names:
            args = ["serve", *args]
        return super().parse_args(ctx, args)


review = typer.Typer(
    cls=_Serving,
    help="Confirm changes on a page in the browser: landweave review JOB.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
JobFolder = Annotated[Path, typer.Argument(help="Folder with events.parquet.")]
Database = Annotated[
    str | None, typer.Option(help="postgresql://user@host/name; a file of SQLite in JOB/review where left away.")
]


@review.command()
def serve(
    job: JobFolder,
    *,
    database: Database = None,
    host: Annotated[str, typer.Option(help="Where to listen; other machines reach it only if this says so.")] = (
        "127.0.0.1"
    ),
    port: Annotated[int, typer.Option(help="0 takes any that is free.", min=0, max=65535)] = 8765,
    allow_host: Annotated[
        list[str] | None, typer.Option(help="NAME:PORT by which a proxy calls the page; may be repeated.")
    ] = None,
    new_token: Annotated[bool, typer.Option(help="Make a new token; open pages end.")] = False,
    series: Annotated[Path | None, typer.Option(help="series.json, if it was moved.")] = None,
    maps: Annotated[Path | None, typer.Option(help="Folder of the annual maps, if it was moved.")] = None,
) -> None:
    """Open the page of a job: pictures before and after each change, its series, and keys to decide.

    Example: landweave review changes/

    Several people, one database: landweave review changes/ --database postgresql://me@server/review
    """
    _require("fastapi", "uvicorn", "sqlalchemy", "xstatic.pkg.leaflet")
    from landweave.review.serve import make_server

    server = make_server(
        job,
        database=database,
        host=host,
        port=port,
        allow=allow_host or (),
        new_token=new_token,
        series=series,
        maps=maps,
    )
    if not server.is_local:
        typer.echo("others can reach this page, and nothing is encrypted: a tunnel by ssh is safer", err=True)
    typer.echo(f"{len(server.desk.job.events)} events, decisions in {server.desk.store.shown}")
    typer.echo(f"open {server.address}")
    typer.echo("stop with Ctrl-C; what was decided is kept")
    server.run()


@review.command()
def export(
    job: JobFolder,
    out: Annotated[Path, typer.Option("-o", "--out", help="The file to write.")] = Path("decisions.parquet"),
    *,
    database: Database = None,
) -> None:
    """Write all decisions as GeoParquet, undone ones too, for landweave series map --decisions.

    Example: landweave review export changes/ -o decisions.parquet
    """
    _require("sqlalchemy")
    from landweave.review.export import export as write
    from landweave.review.export import history
    from landweave.review.job import open_job

    opened = open_job(job, has_scenes=False)
    told = write(opened, history(opened, database), out)
    in_force = ", ".join(f"{told[kind]} {word}" for kind, word in _WORDS.items())
    typer.echo(f"{out}: {in_force}, {told['undecided']} undecided; {told['undone']} decisions were undone")
    if told["foreign"]:
        typer.echo(f"{told['foreign']} decisions on events that are not in {opened.path} were left out", err=True)


_WORDS = {"approve": "approved", "discard": "discarded", "relabel": "relabelled"}


@review.command()
def sample(
    job: JobFolder,
    out: Annotated[Path, typer.Option("-o", "--out", help="New folder of the units.")],
    *,
    year: Annotated[int | None, typer.Option(help="Changes into this year's map; the last one.")] = None,
    error: Annotated[float, typer.Option(help="Standard error wanted of the overall accuracy.")] = 0.01,
    expect: Annotated[
        list[str] | None, typer.Option(help="KIND=ACCURACY expected; change=0.7, rim=0.9, stable=0.95.")
    ] = None,
    draw: Annotated[int | None, typer.Option(help="Draw this many units; as many as --error asks for.", min=1)] = None,
    least: Annotated[int, typer.Option(help="Units for each stratum at least.", min=2)] = 50,
    rim_px: Annotated[int, typer.Option(help="How far the stratum around changes reaches.", min=0)] = 3,
    seed: Annotated[int, typer.Option(help="Of the draw.", min=0)] = 0,
    maps: Annotated[Path | None, typer.Option(help="Folder of the annual maps, if it was moved.")] = None,
) -> None:
    """Draw sampling units on the maps of two years, to be judged on the page and to give areas with intervals.

    Example: landweave review sample changes/ -o units/

    and then: landweave review units/
    """
    from landweave.cli.progress import draw as show
    from landweave.review.events import NAME, read_events
    from landweave.review.job import open_job
    from landweave.review.sample import Wish
    from landweave.review.sample import sample as run
    from landweave.review.strata import EXPECTED

    wish = Wish(year, error, {**EXPECTED, **_expected(expect or [])}, draw, least, rim_px, seed)
    ending = show(run(open_job(job, maps=maps, has_scenes=False), out, wish))
    header, units = read_events(out / NAME)
    for stratum in header.more["strata"]:
        typer.echo(f"{stratum['num_drawn']:6d} of {stratum['num_pixels']:9d} pixels  {stratum['name']}")
    needed = header.more["design"]["needed"]
    typer.echo(f"{len(units)} units; {needed} give a standard error of {error:g}. Judge them: landweave review {out}")
    ending.leave()


def _expected(texts: list[str]) -> dict[str, float]:
    """What --expect says, by kind of stratum."""
    found = {}
    for text in texts:
        kind, _, number = text.partition("=")
        try:
            found[kind.strip()] = float(number)
        except ValueError:
            kind = ""
        if kind.strip() not in {"change", "rim", "stable"}:
            raise typer.BadParameter(f"{text}; expected change=0.7, rim=0.9 or stable=0.95", param_hint="--expect")
    return found


def _require(*packages: str) -> None:
    import importlib.util

    from landweave.errors import MissingPackageError

    for name in packages:
        try:
            found = importlib.util.find_spec(name)
        except ModuleNotFoundError:
            found = None
        if found is None:
            raise MissingPackageError(
                f"landweave review without {name}", "the extra review", "pip install 'landweave[review]'"
            )

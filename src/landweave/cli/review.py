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

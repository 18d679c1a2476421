"""The verb report: folders in, one page out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def report(
    folders: Annotated[list[Path], typer.Argument(help="Folders that patch, train, map or evaluate wrote.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The page to write.")] = Path("report.html"),
    first: Annotated[str | None, typer.Option(help="What the page is about, of several; the most accurate.")] = None,
    title: Annotated[str, typer.Option(help="The page's title.")] = "Land-cover map",
) -> None:
    """Put everything that folders hold on one page: map, accuracy, training, throughput, configuration.

    Example: landweave report archive/ run/ map/ evaluation/ -o report.html

    The page stands alone: nothing is loaded from elsewhere, it can be sent by mail.
    """
    from landweave.report.gather import gather
    from landweave.report.page import write

    material = gather(folders, title, first)
    write(material, out)
    for line in material.unread:
        typer.echo(f"not shown: {line}", err=True)
    typer.echo(f"report: {out}")

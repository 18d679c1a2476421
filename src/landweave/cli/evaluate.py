"""The verb evaluate: how right a map or a card is, and how sure one can be of that."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

_BY, _DRAW = "Judged by", "Sampling units"


def evaluate(
    *,
    out: Annotated[Path | None, typer.Option("-o", "--out", help="Folder of the evaluation or of drawn units.")] = None,
    map: Annotated[Path | None, typer.Option(help="The map to judge.")] = None,
    card: Annotated[Path | None, typer.Option(help="The card to judge, on patches: RUN/card.")] = None,
    truth: Annotated[Path | None, typer.Option(help="Raster of the truth, or polygons.", rich_help_panel=_BY)] = None,
    archive: Annotated[Path | None, typer.Option(help="Patches to judge on or by.", rich_help_panel=_BY)] = None,
    part: Annotated[str, typer.Option(help="Their part: test, validation or train.", rich_help_panel=_BY)] = "test",
    class_property: Annotated[
        str, typer.Option(help="Property with a polygon's class.", rich_help_panel=_BY)
    ] = "class",
    units: Annotated[Path | None, typer.Option(help="Folder of judged units.", rich_help_panel=_BY)] = None,
    draw: Annotated[int | None, typer.Option(help="Draw this many units to judge.", rich_help_panel=_DRAW)] = None,
    least: Annotated[int, typer.Option(help="Units for each class at least.", rich_help_panel=_DRAW)] = 50,
    seed: Annotated[int, typer.Option(help="Of the draw.", min=0, rich_help_panel=_DRAW)] = 0,
    legend: Annotated[str | None, typer.Option(help="The map's legend, if its file does not tell.")] = None,
    truth_legend: Annotated[str | None, typer.Option(help="The truth's legend, if its file does not tell.")] = None,
    legends: Annotated[Path | None, typer.Option(help="TOML: legends of your own.")] = None,
    reproject: Annotated[bool, typer.Option(help="Read the truth onto the map's pixels.")] = False,
    name: Annotated[str, typer.Option(help="What is judged, for tables.")] = "",
) -> None:
    """Judge a map or a card: accuracies, areas, and their confidence intervals where the truth allows them.

    Example: landweave evaluate --map map/map.tif --truth truth.tif -o evaluation/

    On land never trained on: landweave evaluate --map map/map.tif --truth truth.tif --archive archive/ -o evaluation/

    A card on patches: landweave evaluate --card run/card --archive archive/ -o evaluation/

    By people: landweave evaluate --map map/map.tif --draw 500 -o units/

    and when all are judged: landweave evaluate --map map/map.tif --units units/ -o evaluation/
    """
    if out is None:
        raise typer.BadParameter("name the folder to write, for example -o evaluation/", param_hint="-o")
    if draw is not None:
        _draw({"legend": legend, "legends": legends}, map, out, num=draw, least=least, seed=seed)
        return
    values = {"map": map, "card": card, "truth": truth, "archive": archive, "part": part, "units": units}
    values |= {"class_property": class_property, "legend": legend, "truth_legend": truth_legend, "legends": legends}
    _evaluate({**values, "reproject": reproject, "name": name}, out)


def _evaluate(values: dict[str, object], out: Path) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.evaluation.job import EvaluateJob, run
    from landweave.evaluation.result import lines, read_evaluation

    ending = draw(run(check(EvaluateJob, values, "options"), out))
    for line in lines(read_evaluation(out)):
        typer.echo(line)
    typer.echo(f"see {out / 'evaluation.json'}, or make a page: landweave report {out} -o report.html")
    ending.leave()


def _draw(named: dict[str, object], map: Path | None, out: Path, *, num: int, least: int, seed: int) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.evaluation.job import EvaluateJob, legends_of
    from landweave.evaluation.units import DESIGN, UNITS
    from landweave.evaluation.units import draw as draw_units

    if map is None:
        raise typer.BadParameter("name the map to draw on, for example --map map/map.tif", param_hint="--map")
    told, _ = legends_of(check(EvaluateJob, {**named, "map": map, "units": out}, "options"))
    draw(draw_units(map, out, num=num, seed=seed, least=least, map_legend=told))
    typer.echo(f"{num} units in {out / UNITS}: give each its class in the property reference; keep {out / DESIGN}")
    typer.echo(f"then: landweave evaluate --map {map} --units {out} -o evaluation/")

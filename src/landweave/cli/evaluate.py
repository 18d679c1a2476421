"""The verb evaluate: how right maps, cards and changes are, and how sure one can be of that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any

import typer


def _option(help: str, panel: str | None = None, **more: Any) -> Any:
    return typer.Option(help=help, rich_help_panel=panel, **more)


_BY, _DRAW, _YEARS, _IMAGES = "Judged by", "Sampling units", "Maps of several years", "Images of another sensor"
Maps = Annotated[list[Path] | None, typer.Argument(help="Maps of several years, or layers of changes.")]
Out = Annotated[Path | None, typer.Option("-o", "--out", help="Folder of the evaluation or of drawn units.")]
Truth = Annotated[list[Path] | None, _option("Raster of the truth, or polygons; one a year.", _BY)]
Agreement = Annotated[bool, typer.Option("--agreement", help="Compare the years.", rich_help_panel=_YEARS)]
Changes = Annotated[bool, typer.Option("--changes", help="Judge changes that were found.", rich_help_panel=_YEARS)]
Images = Annotated[bool, typer.Option("--images", help="Judge made images by measured ones.", rich_help_panel=_IMAGES)]
Physical = Annotated[str | None, _option("In place of a card, on an archive of pairs: hls, or raw.", _IMAGES)]
Decisions = Annotated[Path | None, _option("What people said of --units, drawn for review.", _YEARS)]


def evaluate(
    maps: Maps = None,
    *,
    out: Out = None,
    map: Annotated[Path | None, typer.Option(help="The map to judge.")] = None,
    card: Annotated[Path | None, typer.Option(help="The card to judge: RUN/card.")] = None,
    truth: Truth = None,
    archive: Annotated[Path | None, _option("Patches to judge on or by.", _BY)] = None,
    data: Annotated[Path | None, _option("Samples of series to judge a card on: samples.h5.", _BY)] = None,
    part: Annotated[str, _option("Their part: test, validation or train.", _BY)] = "test",
    class_property: Annotated[str, _option("Property with a polygon's class.", _BY)] = "class",
    units: Annotated[Path | None, _option("Judged units: their folder, or units for review.", _BY)] = None,
    draw: Annotated[int | None, _option("Draw this many units to judge.", _DRAW)] = None,
    least: Annotated[int, _option("Units for each class at least.", _DRAW)] = 50,
    seed: Annotated[int, _option("Of the draw.", _DRAW, min=0)] = 0,
    agreement: Agreement = False,
    changes: Changes = False,
    since: Annotated[str | None, _option("First day of changes that count.", _YEARS)] = None,
    until: Annotated[str | None, _option("Last day of changes that count.", _YEARS)] = None,
    images: Images = False,
    physical: Physical = None,
    decisions: Decisions = None,
    of: Annotated[str, _option("What they judge: changes, first or last.", _YEARS)] = "changes",
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

    A card of series: landweave evaluate --card run/card --data samples.h5 -o evaluation/

    By people: landweave evaluate --map map/map.tif --draw 500 -o units/

    and when all are judged: landweave evaluate --map map/map.tif --units units/ -o evaluation/

    Years: landweave evaluate --agreement 2020.tif 2021.tif 2022.tif -o agreement/

    Changes: landweave evaluate --changes changes/ --truth truth/change.tif -o judged/

    Made images: landweave evaluate --images --card run/card --archive pairs/ -o judged/
    """
    _begin(dict(locals()))


def _begin(asked: dict[str, Any]) -> None:
    """The one of several ways to judge that was asked for."""
    if (out := asked["out"]) is None:
        raise typer.BadParameter("name the folder to write, for example -o evaluation/", param_hint="-o")
    truths, maps = asked["truth"] or [], asked["maps"] or []
    if asked["draw"] is not None:
        _draw(asked, out)
    elif asked["images"]:
        _images(asked, maps, truths, out)
    elif asked["changes"]:
        _changes({**_some(asked, "since", "until", "legend", "legends", "name"), "found": maps, "truth": truths}, out)
    elif asked["agreement"]:
        _agreement({**_some(asked, "legend", "legends", "name"), "maps": maps, "truth": truths}, out)
    elif asked["decisions"] is not None:
        _reviewed(_some(asked, "units", "decisions", "of", "name"), out)
    elif maps or len(truths) > 1:
        raise typer.BadParameter("several maps or truths are judged with --agreement or --changes", param_hint="MAPS")
    else:
        words = (
            "map",
            "card",
            "archive",
            "data",
            "part",
            "units",
            "class_property",
            "legend",
            "truth_legend",
            "legends",
        )
        _evaluate({**_some(asked, *words, "reproject", "name"), "truth": truths[0] if truths else None}, out)


def _some(asked: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: asked[name] for name in names}


def _told(out: Path, name: str, lines: Iterable[str]) -> None:
    for line in lines:
        typer.echo(line)
    typer.echo(f"see {out / name}, or make a page: landweave report {out} -o report.html")


def _evaluate(values: dict[str, object], out: Path) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.evaluation.job import EvaluateJob, run
    from landweave.evaluation.result import lines, read_evaluation

    ending = draw(run(check(EvaluateJob, values, "options"), out))
    _told(out, "evaluation.json", lines(read_evaluation(out)))
    ending.leave()


def _agreement(values: dict[str, object], out: Path) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.evaluation.agreement import NAME, AgreementJob, lines, read_agreement, run

    ending = draw(run(check(AgreementJob, values, "options"), out))
    _told(out, NAME, lines(read_agreement(out)))
    ending.leave()


def _changes(values: dict[str, object], out: Path) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.evaluation.change import NAME, ChangeJob, lines, read_change, run

    ending = draw(run(check(ChangeJob, values, "options"), out))
    _told(out, NAME, lines(read_change(out)))
    ending.leave()


def _images(asked: Mapping[str, Any], maps: list[Path], truths: list[Path], out: Path) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.evaluation.images import NAME, ImagesJob, lines, read_images
    from landweave.evaluation.images import run as compare
    from landweave.harmonize.judge import JudgeJob
    from landweave.harmonize.judge import run as judge

    if asked["archive"] is not None:
        cards = () if asked["card"] is None else (asked["card"],)
        told = {**_some(asked, "archive", "physical", "part", "name"), "cards": cards}
        ending = draw(judge(check(JudgeJob, told, "options"), out))
    elif len(maps) == len(truths) == 1:
        told = {"told": maps[0], "truth": truths[0], "name": asked["name"]}
        ending = draw(compare(check(ImagesJob, told, "options"), out))
    else:
        raise typer.BadParameter("one made scene and its --truth, or an --archive of pairs", param_hint="--images")
    _told(out, NAME, lines(read_images(out)))
    ending.leave()


def _reviewed(values: dict[str, object], out: Path) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.evaluation.result import lines, read_evaluation
    from landweave.evaluation.reviewed import ReviewedJob, run

    ending = draw(run(check(ReviewedJob, values, "options"), out))
    _told(out, "evaluation.json", lines(read_evaluation(out)))
    ending.leave()


def _draw(asked: Mapping[str, Any], out: Path) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.evaluation.job import EvaluateJob, legends_of
    from landweave.evaluation.units import DESIGN, UNITS
    from landweave.evaluation.units import draw as draw_units

    if (map := asked["map"]) is None:
        raise typer.BadParameter("name the map to draw on, for example --map map/map.tif", param_hint="--map")
    told, _ = legends_of(check(EvaluateJob, {**_some(asked, "legend", "legends", "map"), "units": out}, "options"))
    num = asked["draw"]
    draw(draw_units(map, out, num=num, seed=asked["seed"], least=asked["least"], map_legend=told))
    typer.echo(f"{num} units in {out / UNITS}: give each its class in the property reference; keep {out / DESIGN}")
    typer.echo(f"then: landweave evaluate --map {map} --units {out} -o evaluation/")

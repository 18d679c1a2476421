"""The verb map: a land-cover map of whole scenes, with a card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landweave.cli.box import box
from landweave.cli.executor import Machine, with_machine

_GRID, _OUTPUT, _MACHINE = "Where", "What to write", "The machine"


@with_machine
def map(
    card: Annotated[Path, typer.Option(help="Card to map with: RUN/card.")],
    scenes: Annotated[Path, typer.Option(help="Catalog of the scenes.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the map; the same command again goes on.")],
    *,
    only: Annotated[list[str] | None, typer.Option(help="Only this scene; may be repeated.")] = None,
    area: Annotated[
        str | None, typer.Option(help="LEFT,BOTTOM,RIGHT,TOP in the map's CRS.", rich_help_panel=_GRID)
    ] = None,
    crs: Annotated[str | None, typer.Option(help="The map's CRS: EPSG:32633.", rich_help_panel=_GRID)] = None,
    reproject: Annotated[
        bool, typer.Option(help="Read scenes in another CRS or pixel size onto the map's.", rich_help_panel=_GRID)
    ] = False,
    rule: Annotated[
        str, typer.Option(help="Several scenes of one place: latest, or majority.", rich_help_panel=_OUTPUT)
    ] = "latest",
    probabilities: Annotated[
        bool, typer.Option(help="Write the probability of every class too.", rich_help_panel=_OUTPUT)
    ] = False,
    entropy: Annotated[bool, typer.Option(help="Write how unsure each pixel is too.", rich_help_panel=_OUTPUT)] = False,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.", rich_help_panel=_MACHINE)] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.", rich_help_panel=_MACHINE)] = "auto",
    core: Annotated[int, typer.Option(help="Edge of a tile, in pixels.", rich_help_panel=_MACHINE)] = 1024,
    margin: Annotated[
        int | None,
        typer.Option(help="Margin of a tile; as the network needs.", rich_help_panel=_MACHINE),
    ] = None,
    machine: Machine,
) -> None:
    """Map scenes with a card, tile by tile, to a cloud optimised GeoTIFF with legend and STAC item.

    Example: landweave map --card run/card --scenes catalog.parquet -o map/

    A part, with probabilities, on all cores: landweave map --card run/card --scenes catalog.parquet
    --area 400000,5000000,410000,5010000 --probabilities --workers 4 -o map/

    On a Spark cluster: landweave map --card run/card --scenes catalog.parquet -o map/ --executor spark
    --master spark://host:7077
    """
    values: dict[str, object] = {"card": card, "scenes": scenes, "only": tuple(only or ())}
    values |= {"area": box(area, "--area", "LEFT,BOTTOM,RIGHT,TOP")}
    values |= {"crs": crs, "reproject": reproject, "rule": rule, "probabilities": probabilities, "entropy": entropy}
    values |= {"precision": precision, "device": device, "core_px": core, "margin_px": margin}
    _map(values, out, machine)


def _map(values: dict[str, object], out: Path, machine: Machine) -> None:
    from landweave.jobs.worker import give_way

    give_way()
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.mapping.job import IN_FLIGHT, run
    from landweave.mapping.prepare import MapJob

    job = check(MapJob, values, "options")
    ending = draw(run(job, out, machine.begin(out, IN_FLIGHT)))
    _tell(out)
    ending.leave()


def _tell(out: Path) -> None:
    import json

    found = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    typer.echo(
        f"{out / 'map.tif'}: {found['written_px'] / 1e6:.1f} Mpx, {found['valid_px'] / found['written_px']:.1%} valid"
    )
    typer.echo(f"{found['mpx_per_s']:.2f} Mpx/s, {found['km2_per_s']:.2f} km2/s, {found['precision']}")
    if bf16 := found["bf16"]:
        typer.echo(f"bf16 changes {bf16['changed_px']} of {bf16['compared_px']} labels compared with fp32")

"""The verb map: a land-cover map of whole scenes, with a card."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landweave.cli.box import box
from landweave.cli.executor import Machine, with_machine

SHEET_PX = 16384
_GRID, _OUTPUT, _OBJECTS, _MACHINE = "Where", "What to write", "Objects as polygons", "The machine"


@with_machine
def map(
    scenes: Annotated[Path, typer.Option(help="Catalog of the scenes.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the map; the same command again goes on.")],
    *,
    card: Annotated[Path | None, typer.Option(help="Card to map with: RUN/card.")] = None,
    gallery: Annotated[Path | None, typer.Option(help="Gallery with models, in place of a card.")] = None,
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
    sheet_px: Annotated[
        int, typer.Option(help="Greatest edge of one file; larger maps become several.", rich_help_panel=_OUTPUT)
    ] = SHEET_PX,
    objects: Annotated[
        list[str] | None,
        typer.Option(help="CLASS,...: draw objects of these classes; may be repeated.", rich_help_panel=_OBJECTS),
    ] = None,
    min_area_m2: Annotated[float, typer.Option(help="Leave smaller ones away.", rich_help_panel=_OBJECTS)] = 0.0,
    simplify_m: Annotated[
        float, typer.Option(help="How far outlines may be moved to be simpler.", rich_help_panel=_OBJECTS)
    ] = 0.0,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.", rich_help_panel=_MACHINE)] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.", rich_help_panel=_MACHINE)] = "auto",
    core: Annotated[int, typer.Option(help="Edge of a tile, in pixels.", rich_help_panel=_MACHINE)] = 1024,
    margin: Annotated[
        int | None, typer.Option(help="Margin of a tile; as the network needs.", rich_help_panel=_MACHINE)
    ] = None,
    machine: Machine,
) -> None:
    """Map scenes with a card, tile by tile, to a cloud optimised GeoTIFF with legend and STAC item.

    Example: landweave map --card run/card --scenes catalog.parquet -o map/

    With a gallery, each tile by the card of its bucket: landweave map --gallery gallery/ --scenes catalog.parquet
    -o map/

    A part, with probabilities, on all cores: landweave map --card run/card --scenes catalog.parquet
    --area 400000,5000000,410000,5010000 --probabilities --workers 4 -o map/

    On a Spark cluster: landweave map --card run/card --scenes catalog.parquet -o map/ --executor spark
    --master spark://host:7077
    """
    values: dict[str, object] = {"card": card, "gallery": gallery, "scenes": scenes, "only": tuple(only or ())}
    values |= {"area": box(area, "--area", "LEFT,BOTTOM,RIGHT,TOP")}
    values |= {"crs": crs, "reproject": reproject, "rule": rule, "probabilities": probabilities, "entropy": entropy}
    values |= {"precision": precision, "device": device, "core_px": core, "margin_px": margin}
    values |= {"sheet_px": sheet_px, "objects": tuple(objects or ())}
    values |= {"min_area_m2": min_area_m2, "simplify_m": simplify_m}
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
    share = found["valid_px"] / found["written_px"]
    typer.echo(f"{out / found['map']}: {found['written_px'] / 1e6:.1f} Mpx, {share:.1%} valid")
    typer.echo(
        f"{found['mpx_per_s']:.2f} Mpx/s, {found['km2_per_s']:.2f} km2/s, {found['precision']}; "
        f"{found['tiles_per_s']:.2f} tiles/s, device busy {found['device_busy_share']:.0%}"
    )
    if bf16 := found["bf16"]:
        typer.echo(f"bf16 changes {bf16['changed_px']} of {bf16['compared_px']} labels compared with fp32")
    if others := found["scenes_of_other_sensors"]:
        typer.echo(f"{len(others)} scenes of other sensors were left out")
    if route := found.get("route"):
        typer.echo(f"{route['tiles_far']} tiles ({route['far_share']:.1%}) far from every bucket, mapped with mono")
        if route["has_drifted"]:
            typer.echo(f"the imagery has drifted: at most {route['drift_share']:.0%} of tiles should be far", err=True)

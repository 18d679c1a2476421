"""The verb catalog: folders or a STAC API in, a catalog of scenes out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landweave.cli.box import box

_SHOWN = 20


def catalog(
    sources: Annotated[
        list[str], typer.Argument(help="Folders, GeoTIFFs with a sidecar, or the address of a STAC API.")
    ],
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="The catalog to write, a GeoParquet file.")],
    offset: Annotated[
        float | None,
        typer.Option(help="0 or -1000, for Sentinel-2 products whose processing baseline does not tell (N9999)."),
    ] = None,
    sensors: Annotated[Path | None, typer.Option(help="A TOML file with sensors of your own.")] = None,
    collection: Annotated[
        list[str] | None, typer.Option(help="STAC API: a collection; may stand several times.")
    ] = None,
    bbox: Annotated[str | None, typer.Option(help="STAC API: west,south,east,north in degrees.")] = None,
    period: Annotated[str | None, typer.Option(help="STAC API: 2020-06-01/2020-08-31.")] = None,
    max_cloud_cover: Annotated[float | None, typer.Option(help="Leave cloudier scenes away, in per cent.")] = None,
) -> None:
    """Find scenes and list them in one file: sensor, time, grid, bands, clouds, scale and offset.

    Example: landweave catalog scenes/ -o catalog.parquet

    From a STAC API: landweave catalog https://example.org/stac --collection sentinel-2-l2a --bbox 11,46,11.5,46.5
    --period 2020-06-01/2020-08-31 --max-cloud-cover 20 -o catalog.parquet

    What looks like a scene and cannot be read is named with the reason; then the exit code is 3.
    """
    from landweave.config import check
    from landweave.raster.collect import CatalogJob, collect

    values = {
        "sources": sources,
        "offset": offset,
        "sensors": sensors,
        "collections": collection or [],
        "bbox": box(bbox, "--bbox", "WEST,SOUTH,EAST,NORTH"),
        "period": period,
        "max_cloud_cover": max_cloud_cover,
    }
    found = collect(check(CatalogJob, values, "the command line"), out)
    for scene in found.scenes[:_SHOWN]:
        clouds = "clouds unknown" if scene.cloud_cover is None else f"{scene.cloud_cover:.0f} % clouds"
        typer.echo(
            f"{scene.datetime:%Y-%m-%d %H:%M}  {scene.sensor.name}  {len(scene.bands)} bands  {clouds}  {scene.id}"
        )
    if len(found.scenes) > _SHOWN:
        typer.echo(f"... and {len(found.scenes) - _SHOWN} more")
    for unread in found.unread:
        reason = unread.reason
        typer.echo(
            f"not read: {unread.path}\n  given: {reason.given}\n  expected: {reason.expected}\n  to do: {reason.do}",
            err=True,
        )
    typer.echo(f"{len(found.scenes)} scenes in {out}, {len(found.unread)} inputs not read")
    if any(unread.is_product for unread in found.unread):
        raise typer.Exit(3)

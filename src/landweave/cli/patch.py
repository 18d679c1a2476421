"""The verb patch: training patches from scenes and labels, or from a published data set."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landweave.cli.executor import Machine, with_machine

_SCENES = "From scenes and labels"
_DATASET = "From a published data set"


@with_machine
def patch(
    *,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", help="The archive; the same command again goes on.")
    ] = None,
    scenes: Annotated[Path | None, typer.Option(help="Catalog of the scenes.", rich_help_panel=_SCENES)] = None,
    labels: Annotated[Path | None, typer.Option(help="Map of class ids, or polygons.", rich_help_panel=_SCENES)] = None,
    legends: Annotated[Path | None, typer.Option(help="TOML: legends of your own.", rich_help_panel=_SCENES)] = None,
    sensor: Annotated[str | None, typer.Option(help="Only its scenes.", rich_help_panel=_SCENES)] = None,
    beside: Annotated[
        str | None, typer.Option(help="Another sensor: pairs of it and --sensor.", rich_help_panel=_SCENES)
    ] = None,
    period: Annotated[str | None, typer.Option(help="Only scenes of FIRST/LAST day.", rich_help_panel=_SCENES)] = None,
    crs: Annotated[str | None, typer.Option(help="Cut on a grid in this CRS.", rich_help_panel=_SCENES)] = None,
    dataset: Annotated[
        str | None, typer.Option(help="Its name: bigearthnet-v1, eurosat, sat-6.", rich_help_panel=_DATASET)
    ] = None,
    folder: Annotated[Path | None, typer.Option(help="Where it lies.", rich_help_panel=_DATASET)] = None,
    positions: Annotated[
        Path | None, typer.Option(help="List of patches to cut from the scenes.", rich_help_panel=_DATASET)
    ] = None,
    offset: Annotated[
        float | None, typer.Option(help="0 or -1000, for a baseline that does not tell.", rich_help_panel=_DATASET)
    ] = None,
    legend: Annotated[str | None, typer.Option(help="Legend of the labels; polygons may bring their own.")] = None,
    bands: Annotated[str | None, typer.Option(help="Bands to store, B02,B03,B04; all where left away.")] = None,
    sharpener: Annotated[
        Path | None, typer.Option("--super", help="Card of a sharpener: store coarser bands at the finest size too.")
    ] = None,
    sets: Annotated[
        list[str] | None, typer.Option("--set", help="Any key: --set patch_px=120 --set fractions=[0.5,0.2,0.3].")
    ] = None,
    share: Annotated[
        str | None, typer.Option(help="Cut share NUMBER/OF only, beside the others; then once without it.")
    ] = None,
    verify: Annotated[Path | None, typer.Option(help="Check every checksum of this archive, and stop.")] = None,
    machine: Machine,
) -> None:
    """Cut training patches into an archive, on separate land for training, validation and test.

    Example: landweave patch --scenes catalog.parquet --labels truth.tif --legend simulated-8 -o archive/

    Two sensors: landweave patch --scenes catalog.parquet --sensor aerial-rgb --beside airborne-48 --labels map.tif ...

    Polygons: landweave patch --scenes catalog.parquet --labels fields.geojson --crs EPSG:32633 -o archive/

    Patch folders: landweave patch --dataset bigearthnet-v1 --folder BigEarthNet/ --legend bigearthnet-19 -o archive/

    Whole products: landweave patch --scenes catalog.parquet --positions list.csv --legend bigearthnet-19 -o archive/

    Is it whole? landweave patch --verify archive/
    """
    if verify is not None:
        _verify(verify)
        return
    values: dict[str, object] = {"scenes": scenes, "labels": labels, "legends": legends, "sensor": sensor, "crs": crs}
    values |= {"beside": beside, "dataset": dataset, "folder": folder, "positions": positions, "offset": offset}
    # What was not said is left to the configuration's own defaults.
    values |= {"bands": bands.split(",") if bands else None, "period": period, "sharpener": sharpener, "legend": legend}
    _cut({name: value for name, value in values.items() if value is not None}, sets or [], out, machine, share)


def _cut(values: dict[str, object], sets: list[str], out: Path | None, machine: Machine, share: str | None) -> None:
    from landweave.cli.progress import draw
    from landweave.config import check, override
    from landweave.datasets import pairs, positions, table
    from landweave.jobs.share import WHOLE, Share
    from landweave.patches import job
    from landweave.patches.archive import open_archive

    if out is None:
        raise typer.BadParameter("name the archive to write, for example -o archive/", param_hint="-o")
    values = override(values, sets)
    executor = machine.begin(out)
    mine = Share.parse(share) if share else WHOLE
    # After --set, so that a data set can be named either way.
    if "dataset" in values:
        records = table.begin(values, out, executor=executor, share=mine)
    elif "beside" in values:
        records = pairs.run_catalog(check(pairs.PairScenesJob, values, "options"), out, executor=executor, share=mine)
    elif "positions" in values:
        wanted = check(positions.PositionsJob, values, "options")
        records = positions.run(wanted, out, executor=executor, share=mine)
    else:
        records = job.run_catalog(check(job.ScenesJob, values, "options"), out, executor=executor, share=mine)
    ending = draw(records)
    if mine != WHOLE:
        typer.echo(f"share {share} is cut; when all are, the same command without --share writes the index")
    else:
        for line in open_archive(out).describe():
            typer.echo(line)
    ending.leave()


def _verify(folder: Path) -> None:
    from landweave.errors import ArchiveError
    from landweave.patches.verify import verify

    # All of them, so that one run tells everything that must be mended.
    checked = list(verify(folder))
    broken = [found for _, found in checked if found]
    for found in broken:
        typer.echo(f"broken: {found.file}: {found.reason}", err=True)
    if broken:
        raise ArchiveError(
            f"{folder} with {len(broken)} broken of {len(checked)} files",
            "files with the checksums of the manifest",
            "delete the broken ones and run the command that cut the archive again",
        )
    typer.echo(f"{folder}: {len(checked)} files, all whole")

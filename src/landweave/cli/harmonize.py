"""The verb harmonize: pairs of two sensors, and scenes of one made like the other's."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landweave.cli.executor import Machine, with_machine

harmonize = typer.Typer(
    help="One sensor's scenes made like another's: pairs to learn from, baselines, and whole scenes.",
    no_args_is_help=True,
    rich_markup_mode="rich",
)
Sets = Annotated[list[str] | None, typer.Option("--set", help="Any key: --set seed=1 --set min_valid=0.8.")]


@with_machine
def pairs(
    scenes: Annotated[Path, typer.Argument(help="Catalog of the scenes of both sensors.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The archive; the same command again goes on.")],
    *,
    days: Annotated[int, typer.Option(help="Days between the scenes of a pair, at most.", min=0)] = 1,
    cloud: Annotated[float, typer.Option(help="Share of clouds of a scene, at most.", min=0, max=1)] = 0.3,
    patch_px: Annotated[int, typer.Option(help="Edge of a patch in the other sensor's pixels.", min=1)] = 128,
    test_days: Annotated[str | None, typer.Option(help="Days for test alone: 2018-07-03,...")] = None,
    correct: Annotated[
        bool, typer.Option("--correct", help="Move the other sensor's scenes to where they were found to lie.")
    ] = False,
    sets: Sets = None,
    machine: Machine,
) -> None:
    """Cut patches that Sentinel-2 and Landsat 8 saw on the same day or the next.

    Example: landweave harmonize pairs catalog.parquet -o pairs/

    With a day that nothing is trained on: landweave harmonize pairs catalog.parquet --test-days 2018-10-13 -o pairs/
    """
    from landweave.cli.progress import draw
    from landweave.config import check, override
    from landweave.harmonize.pairs import LOOKS, PairsJob, run
    from landweave.jobs.ledger import retry_failed
    from landweave.patches.archive import open_archive

    values: dict[str, object] = {"scenes": scenes, "days": days, "cloud": cloud, "patch_px": patch_px}
    values |= {"correct": correct, **({"test_days": test_days} if test_days else {})}
    job = check(PairsJob, override(values, sets or []), "options")
    executor = machine.begin(out)
    if machine.retry_failed:
        retry_failed(out / LOOKS)
    ending = draw(run(job, out, executor))
    made = open_archive(out)
    for pair in made.manifest["configuration"]["pairs"]:
        typer.echo(_told(pair))
    for line in made.describe():
        typer.echo(line)
    ending.leave()


def _told(pair: dict[str, object]) -> str:
    found = pair["offset"]
    apart = "nothing tells how far they lie apart"
    if isinstance(found, dict):
        apart = f"{found['row_px']:.2f} down, {found['col_px']:.2f} right, chips within {found['spread_px']:.2f} pixels"
    return f"{pair['source']} with {pair['target']}: {pair['days']} days apart; {apart}"


def fit(
    archive: Annotated[Path, typer.Argument(help="Archive of pairs, from landweave harmonize pairs.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the card: OUT/card.")],
    *,
    model: Annotated[str, typer.Option(help="linear: a line for each band; or forest.")] = "linear",
    sets: Sets = None,
) -> None:
    """Fit a baseline on pairs, pixel by pixel; generators are trained with landweave train.

    Example: landweave harmonize fit pairs/ --model linear -o lines/
    """
    from landweave.cli.progress import draw
    from landweave.config import check, override
    from landweave.harmonize.fit import CARD, FitJob, run

    job = check(FitJob, override({"archive": archive, "model": model}, sets or []), "options")
    ending = draw(run(job, out))
    typer.echo(f"{out / CARD}: apply it with landweave harmonize apply --card {out / CARD} --scenes catalog.parquet")
    ending.leave()


@with_machine
def apply(
    scenes: Annotated[Path, typer.Option(help="Catalog of the scenes.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the job; the same command again goes on.")],
    *,
    card: Annotated[list[Path] | None, typer.Option(help="Card of reflectance; several give their mean.")] = None,
    physical: Annotated[str | None, typer.Option(help="In place of cards: hls, or raw.")] = None,
    only: Annotated[list[str] | None, typer.Option(help="Only this scene; may be repeated.")] = None,
    spread: Annotated[bool, typer.Option("--spread", help="Write how far several cards disagree.")] = False,
    angles: Annotated[Path | None, typer.Option(help="TOML: angles of scenes that do not tell them.")] = None,
    sensors: Annotated[Path | None, typer.Option(help="TOML: sensors of your own.")] = None,
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.")] = "auto",
    core: Annotated[int, typer.Option(help="Edge of a tile, in pixels of the result.")] = 512,
    margin: Annotated[int | None, typer.Option(help="Margin of a tile; as the card needs.")] = None,
    machine: Machine,
) -> None:
    """Make whole scenes look like another sensor's, so that both stand in one series.

    Example: landweave harmonize apply --card run/card --scenes catalog.parquet -o like/

    By published numbers alone: landweave harmonize apply --physical hls --scenes catalog.parquet -o hls/
    """
    values: dict[str, object] = {"scenes": scenes, "cards": tuple(card or ()), "physical": physical}
    values |= {"only": tuple(only or ()), "spread": spread, "angles": angles, "sensors": sensors}
    values |= {"device": device, "core_px": core, "margin_px": margin}
    _apply(values, out, machine)


def _apply(values: dict[str, object], out: Path, machine: Machine) -> None:
    import json

    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.harmonize.apply import IN_FLIGHT, ApplyJob, run

    job = check(ApplyJob, values, "options")
    ending = draw(run(job, out, machine.begin(out, IN_FLIGHT)))
    found = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    typer.echo(f"{len(found['made'])} scenes of {found['sensor']} in {out / 'scenes'}")
    if without := found["scenes_without_angles"]:
        typer.echo(f"{len(without)} scenes do not tell their angles: their view stays as it is; give --angles")
    typer.echo(f"then: landweave catalog {out / 'scenes'} -o more.parquet")
    ending.leave()


def merge(
    measured: Annotated[Path, typer.Argument(help="Catalog with the sensor's own scenes.")],
    made: Annotated[Path, typer.Argument(help="Catalog of scenes made like this sensor's.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="The catalog to write: dense.parquet.")],
    *,
    days: Annotated[int, typer.Option(help="Made scenes so near to a measured one are left away.", min=0)] = 1,
    cloud: Annotated[float, typer.Option(help="Largest share of clouds of a scene.", min=0, max=1)] = 0.3,
    only_made: Annotated[bool, typer.Option("--only-made", help="Take made scenes alone.")] = False,
    sets: Sets = None,
) -> None:
    """Put measured and made scenes into one dense series, by date.

    Example: landweave harmonize merge catalog.parquet like.parquet -o dense.parquet
    """
    from landweave.config import check, override
    from landweave.harmonize.merge import MergeJob, run

    values: dict[str, object] = {"measured": measured, "made": made, "days": days, "cloud": cloud}
    found = run(check(MergeJob, override({**values, "only_made": only_made}, sets or []), "options"), out)
    for why, num in found.left.items():
        typer.echo(f"left away, {why}: {num}")
    typer.echo(f"{len(found.scenes)} scenes in {out}, from {found.scenes[0].id} to {found.scenes[-1].id}")


def crops(
    catalog: Annotated[Path, typer.Argument(help="Scenes of a season: a dense series.")],
    truth: Annotated[Path, typer.Option(help="Raster of what grows, with pixels a third as wide.")],
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the evaluation.")],
    *,
    legend: Annotated[str, typer.Option(help="Legend of the truth.")] = "simulated-crops",
    model: Annotated[str, typer.Option(help="svm, forest or linear.")] = "svm",
    name: Annotated[str, typer.Option(help="What is judged, for tables.")] = "",
    sets: Sets = None,
) -> None:
    """Classify crops by a season of scenes and judge it on land apart.

    Example: landweave harmonize crops dense.parquet --truth truth/crops-2018.tif -o crops/
    """
    from landweave.cli.progress import draw
    from landweave.config import check, override
    from landweave.evaluation.result import lines, read_evaluation
    from landweave.harmonize.crops import CropsJob, run

    values: dict[str, object] = {"catalog": catalog, "truth": truth, "legend": legend, "model": model, "name": name}
    ending = draw(run(check(CropsJob, override(values, sets or []), "options"), out))
    for line in lines(read_evaluation(out)):
        typer.echo(line)
    ending.leave()


for _verb in (pairs, fit, apply, merge, crops):
    harmonize.command(_verb.__name__, no_args_is_help=True)(_verb)

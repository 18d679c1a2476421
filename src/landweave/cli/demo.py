"""The verb demo: the whole way, from simulated scenes to a report."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer


def demo(
    out: Annotated[Path, typer.Option("-o", "--out", help="The demo's folder; the same command again goes on.")] = Path(
        "demo"
    ),
    world: Annotated[str, typer.Option(help="The simulated world.")] = "demo-1",
) -> None:
    """Show the whole way in minutes, without data: simulate, catalog, patch, train, map, evaluate, report.

    Example: landweave demo -o demo/

    It ends with demo/report.html and demo/summary.json. Stopped at any moment, it goes on when it is run again.
    """
    from landweave.cli.progress import draw
    from landweave.demo import read_summary, run
    from landweave.jobs.ledger import NAME, retry_failed

    # A demo has no option for it: what failed last time is tried again.
    for ledger in out.rglob(NAME):
        retry_failed(ledger.parent)
    ending = draw(run(out, world))
    for line in closing(out, read_summary(out)):
        typer.echo(line)
    ending.leave()


def closing(out: Path, summary: Mapping[str, Any]) -> list[str]:
    """The last lines: how good the map is, where to look, what to try next."""
    baselines = ", ".join(f"{name} {figure['value']:.3f}" for name, figure in summary["baselines"].items())
    return [
        "",
        f"overall accuracy  {_interval(summary['overall_accuracy'])} on land that no training has seen",
        f"in comparison     {baselines}",
        f"took              {summary['seconds']['total']:.0f} s; mapped {summary['mpx_per_s']:.2f} Mpx/s",
        "",
        "where to look",
        f"  {out / 'report.html'}   pictures, accuracy, training, speed: open it in a browser",
        f"  {out / 'map' / 'map.tif'}   the map: opens in QGIS with its colours",
        f"  {out / 'summary.json'}   the figures",
        "",
        "what to try next",
        f"  landweave map --card {out / 'run' / 'card'} --scenes {out / 'catalog.parquet'} --entropy -o sure/",
        f"  tensorboard --logdir {out}",
        "  landweave catalog YOUR_SCENES/ -o catalog.parquet   (your own Sentinel-2 or Landsat folders)",
        "  landweave --help",
    ]


def _interval(figure: Mapping[str, Any]) -> str:
    if figure.get("low") is None:
        return f"{figure['value']:.3f}"
    return f"{figure['value']:.3f} (95 % interval {figure['low']:.3f} to {figure['high']:.3f})"

"""The verbs series map and series change: maps of a series, and what changed for good."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from landweave.cli.executor import Machine, with_machine

_SPANS, _REVIEWED, _RULES, _MACHINE = "Sliding spans", "After a review", "The rules", "The machine"


@with_machine
def map_(
    series: Annotated[Path | None, typer.Argument(help="The series: series.json.")] = None,
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the maps; the same command again goes on.")],
    card: Annotated[Path | None, typer.Option(help="Card of series to map with: RUN/card.")] = None,
    decisions: Annotated[
        Path | None, typer.Option(help="Map what was confirmed: decisions.parquet.", rich_help_panel=_REVIEWED)
    ] = None,
    change: Annotated[
        Path | None, typer.Option(help="Folder of the changes that were reviewed.", rich_help_panel=_REVIEWED)
    ] = None,
    spans: Annotated[
        bool, typer.Option("--spans/--annual", help="One map a new date, or one a year.", rich_help_panel=_SPANS)
    ] = False,
    span: Annotated[
        int | None, typer.Option(help="Dates of a span; as many as the card was fitted on.", rich_help_panel=_SPANS)
    ] = None,
    shift: Annotated[int, typer.Option(help="Dates from one span to the next.", rich_help_panel=_SPANS)] = 1,
    append: Annotated[
        bool, typer.Option("--append", help="Map only what newer scenes add.", rich_help_panel=_SPANS)
    ] = False,
    precision: Annotated[str, typer.Option(help="auto, fp32 or bf16.", rich_help_panel=_MACHINE)] = "auto",
    device: Annotated[str, typer.Option(help="auto, cpu or cuda.", rich_help_panel=_MACHINE)] = "auto",
    core: Annotated[int, typer.Option(help="Edge of a tile, in pixels.", rich_help_panel=_MACHINE)] = 256,
    machine: Machine,
) -> None:
    """Map a series with a card: one map a year, or one a new scene by spans that slide.

    Example: landweave series map series.json --card run/card --annual -o maps/

    Spans of 15 dates: landweave series map series.json --card run/card --spans --span 15 --shift 1 -o spans/

    When a scene came: landweave series map series.json --card run/card --spans --append -o spans/

    What a person confirmed: landweave series map --change change/ --decisions decisions.parquet -o final/
    """
    if decisions is not None or change is not None:
        _decide({"change": change, "decisions": decisions}, out, machine)
        return
    values: dict[str, object] = {"series": series, "card": card, "kind": "spans" if spans else "annual"}
    values |= {"span": span, "shift": shift, "append": append}
    values |= {"precision": precision, "device": device, "core_px": core}
    _map({name: value for name, value in values.items() if value is not None}, out, machine)


def _map(values: dict[str, object], out: Path, machine: Machine) -> None:
    from landweave.jobs.worker import give_way

    give_way()
    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.series.job import IN_FLIGHT, SeriesMapJob, run

    job = check(SeriesMapJob, values, "options")
    ending = draw(run(job, out, machine.begin(out, IN_FLIGHT)))
    _tell(out)
    ending.leave()


def _decide(values: dict[str, object], out: Path, machine: Machine) -> None:
    import json

    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.series.changes import DecideJob, decide

    job = check(DecideJob, {name: value for name, value in values.items() if value is not None}, "options")
    ending = draw(decide(job, out, machine.begin(out)))
    found = json.loads((out / "decided.json").read_text(encoding="utf-8"))
    typer.echo(f"{found['confirmed']} of {found['events']} events confirmed; maps of every year in {out / 'annual'}")
    ending.leave()


def _tell(out: Path) -> None:
    import json

    found = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    typer.echo(f"{found['maps']} maps of {found['scenes']} scenes in {out}, {found['maps_new']} of them new")
    typer.echo(
        f"{found['px_per_s']:.0f} pixels/s, {found['precision']}; {found['never_valid_share']:.2%} valid on no date"
    )


@with_machine
def change(
    maps: Annotated[list[Path], typer.Argument(help="Folder of maps, or maps with the year in each name.")],
    *,
    out: Annotated[Path, typer.Option("-o", "--out", help="Folder of the changes; the same command again goes on.")],
    legend: Annotated[str | None, typer.Option(help="Legend of maps of years, where none stands beside them.")] = None,
    legends: Annotated[Path | None, typer.Option(help="TOML with legends of your own.")] = None,
    min_area: Annotated[int, typer.Option(help="Smaller events are dropped, in pixels.", rich_help_panel=_RULES)] = 100,
    method: Annotated[str, typer.Option(help="rules, or hmm.", rich_help_panel=_RULES)] = "rules",
    smooth: Annotated[
        str, typer.Option("--filter", help="Along the sequence: mode, median, none.", rich_help_panel=_RULES)
    ] = "mode",
    filter_length: Annotated[int, typer.Option(help="Labels that it sees; odd.", rich_help_panel=_RULES)] = 5,
    stable: Annotated[
        int | None, typer.Option(help="Maps that must show it; half a span.", rich_help_panel=_RULES)
    ] = None,
    end: Annotated[int, typer.Option(help="So many where they are the last ones.", rich_help_panel=_RULES)] = 5,
    returns: Annotated[int, typer.Option(help="Returns to the first class, at most.", rich_help_panel=_RULES)] = 1,
    start: Annotated[int, typer.Option(help="First maps not believed.", rich_help_panel=_RULES)] = 2,
    space: Annotated[str, typer.Option(help="Filter in space: none, mode, median.", rich_help_panel=_RULES)] = "none",
    space_px: Annotated[int, typer.Option(help="Edge of its square; odd.", rich_help_panel=_RULES)] = 11,
    tolerance_days: Annotated[
        int, typer.Option(help="Neighbours of one event change within.", rich_help_panel=_RULES)
    ] = 60,
    change_chance: Annotated[float, typer.Option(help="hmm: from map to map.", rich_help_panel=_RULES)] = 0.002,
    allowed: Annotated[
        list[str] | None, typer.Option(help="hmm: FROM>TO; may be repeated.", rich_help_panel=_RULES)
    ] = None,
    weight: Annotated[float | None, typer.Option(help="hmm: what a label counts.", rich_help_panel=_RULES)] = None,
    core: Annotated[int, typer.Option(help="Edge of a tile, in pixels.", rich_help_panel=_MACHINE)] = 512,
    machine: Machine,
) -> None:
    """Find what changed for good in maps of a series: events with dates, and maps of every year that agree.

    Example: landweave series change spans/ --min-area 100 -o change/

    Maps that others made: landweave series change map_2001.tif map_2002.tif map_2003.tif -o change/
    """
    rules: dict[str, object] = {"method": method, "filter": smooth, "filter_length": filter_length}
    rules |= {"max_returns": returns, "start_maps": start, "end_maps": end}
    rules |= {"change_chance": change_chance, "allowed": allowed or ()}
    rules |= {name: value for name, value in (("stable_maps", stable), ("weight", weight)) if value is not None}
    values: dict[str, object] = {"maps": tuple(maps), "legend": legend, "legends": legends, "rules": rules}
    values |= {"space": space, "space_px": space_px, "min_area_px": min_area, "tolerance_days": tolerance_days}
    _change({**values, "core_px": core}, out, machine)


def _change(values: dict[str, object], out: Path, machine: Machine) -> None:
    import json

    from landweave.cli.progress import draw
    from landweave.config import check
    from landweave.series.changes import ChangeJob, find_changes

    job = check(ChangeJob, values, "options")
    ending = draw(find_changes(job, out, machine.begin(out)))
    found = json.loads((out / "change.json").read_text(encoding="utf-8"))
    typer.echo(f"{found['events']} events in {out / 'events.parquet'}")
    for row in found["areas"]:
        typer.echo(f"{row['year']}: {row['from']} to {row['to']}: {row['area_ha']:.2f} ha in {row['events']} events")
    ending.leave()

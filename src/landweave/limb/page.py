"""The page of a comparison: what was seen, how good it is, where classifiers agree, and how a winter went."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from landweave.legend import IGNORE
from landweave.limb import compare
from landweave.limb.compare import Training, Winter
from landweave.limb.season import busiest_day, on_day
from landweave.limb.seen import costliest
from landweave.metrics.crosstable import CrossTable
from landweave.report import limbfigures as figures
from landweave.report.material import Table
from landweave.report.sections import Page, Section, Shown, write
from landweave.report.tables import count, decimal, percent
from landweave.spectra.microwindows import CLASSES

# Where maps over the pole look (Figures 8 to 10).
_FROM_KM, _TO_KM = 18.0, 22.0
_PAPER = "Sedona et al. 2020, Atmos. Meas. Tech. 13, 3661"


def write_page(
    trainings: Sequence[Training], winters: Sequence[Winter], path: Path, day: np.datetime64 | None = None
) -> None:
    """Write the page at `path`."""
    sections = [*_judged(trainings), *_seen(trainings)]
    for number, winter in enumerate(winters, 1):
        sections += _winter(winter, number, day)
    simulated = any(winter.is_simulated for winter in winters) or bool(_kind(trainings))
    told = "Spectra were simulated where a headline or a figure says so. " if simulated else ""
    lead = f"{told}Figures and tables are those of {_PAPER}, made from other data: numbers need not be its own."
    facts = {f"{one.title}, right among {_kind([one])}spectra": percent(_accuracy(one)) for one in trainings}
    records = {f"Training: {one.title}": one.told["arguments"] for one in trainings}
    write(Page("Polar stratospheric clouds in limb spectra", lead, facts, tuple(sections), records), path)


def _accuracy(one: Training) -> float | None:
    return float(one.told["cross_validation"]["accuracy"]) if "cross_validation" in one.told else None


def _judged(trainings: Sequence[Training]) -> Iterator[Section]:
    if not trainings:
        return
    lines = {
        one.title: ([p["spectra"] for p in one.told["curve"]], [p["accuracy"] for p in one.told["curve"]])
        for one in trainings
        if one.told["curve"]
    }
    told = f"Accuracy after learning from fewer {_kind(trainings)}spectra (Figure 7)."
    shown = (Shown(figures.curve(lines), told),) if lines else ()
    note = (
        f"Judged on {_kind(trainings)}spectra that were not learnt from. The Bayesian rule tells other classes: it is "
        "right where it tells the constituent."
    )
    tables = (_overview(trainings), *_small(trainings), *_large_nat(trainings))
    yield Section("accuracy", "How good they are", note, shown, tables)


def _kind(trainings: Sequence[Training]) -> str:
    return "simulated " if any(one.is_simulated for one in trainings) else ""


def _overview(trainings: Sequence[Training]) -> Table:
    head = ("classifier", "learnt from", "cross-validation", "spread of parts", "radius left out", "arguments")
    lines = []
    for one in trainings:
        parts = one.told.get("cross_validation", {}).get("parts", [])
        spread = decimal(float(np.std(parts)), 4) if parts else ""
        held = percent(one.told["held"]["accuracy"]) if one.told.get("held") else ""
        told = ", ".join(f"{name} {value}" for name, value in one.told["arguments"].items())
        lines.append((one.title, count(one.told["spectra"]), percent(_accuracy(one)), spread, held, told))
    return Table(f"Accuracy on {_kind(trainings)}spectra", "", head, tuple(lines), trainings[0].folder)


def _small(trainings: Sequence[Training]) -> Iterator[Table]:
    for one in trainings:
        if scores := one.told.get("small", {}).get("scores"):
            lines = tuple(
                (
                    line["class"],
                    *(decimal(line[key], 2) for key in ("precision", "recall", "f1")),
                    count(line["support"]),
                )
                for line in scores
            )
            title = f"Few {_kind([one])}spectra: {one.title} (Table 6)"
            yield Table(title, "", ("class", "precision", "recall", "F1", "support"), lines, one.folder)


def _large_nat(trainings: Sequence[Training]) -> Iterator[Table]:
    rows = [
        (one.title, CrossTable.from_json(one.told["cross_validation"]["table"]).row("nat_large"))
        for one in trainings
        if "cross_validation" in one.told
    ]
    if rows:
        names = tuple(dict.fromkeys(name for _, row in rows for name in row))
        lines = tuple((title, *(decimal(row[name], 4) if name in row else "" for name in names)) for title, row in rows)
        note = "What is told of spectra whose truth is large NAT, as shares, in cross-validation."
        yield Table(
            f"Large NAT, {_kind(trainings)}spectra (Table 7)", note, ("classifier", *names), lines, trainings[0].folder
        )


def _seen(trainings: Sequence[Training]) -> Iterator[Section]:
    if not trainings:
        return
    label, mark = "share of all pairs", ", simulated" * bool(_kind(trainings))
    shown = [
        Shown(figures.matrix(f"Variance of differences{mark}", trainings[0].seen.variance, label), "Figure 4 (a).")
    ]
    tables = []
    for one in trainings:
        seen, title = one.seen, one.title
        if seen.importance.size:
            shown.append(Shown(figures.matrix(f"Importance, {title}{mark}", seen.importance, label), "Figure 4 (b)."))
            lines = tuple((decimal(t["importance"], 6), t["indices"], t["wavenumbers"]) for t in one.told["important"])
            head = ("importance", "indices", "wavenumbers (cm-1)")
            tables.append(Table(f"Top ten differences, {title}{mark} (Table 3)", "", head, lines, one.folder))
        if len(seen.places):
            shown.append(
                Shown(figures.plane(title + mark, seen.places, seen.labels, CLASSES), "First components (Figure 5).")
            )
        if len(seen.shuffled):
            names, lost = zip(*costliest(seen.shuffled), strict=True)
            drawn = figures.importances(f"Permutation importance, {title}{mark}", names, lost)
            shown.append(Shown(drawn, "Accuracy lost where one microwindow is shuffled among spectra."))
    note = "Over pairs of microwindows; the upper triangle sums to 1. Indices and wavenumbers are in docs/methods."
    yield Section("seen", "What they saw", note, tuple(shown), tuple(tables))


def _winter(winter: Winter, number: int, day: np.datetime64 | None) -> Iterator[Section]:
    pies = tuple(
        Shown(figures.pie(title + winter.mark, compare.pie_counts(one))) for title, one in winter.every.items()
    )
    yield Section(f"winter-{number}", winter.name, _left(winter), pies, tuple(_truths(winter)))
    crosses = [
        shown
        for mine, yours, table in compare.cross_tables(winter)
        for shown in (_cross(mine, yours, table), _cross(yours, mine, table.transposed))
    ]
    if crosses:
        yield Section(
            f"agreement-{number}",
            f"Where they agree: {winter.where}",
            f"Figures 2 and 16{winter.mark}.",
            tuple(crosses),
        )
    if winter.has_places:
        yield _pole(winter, number, day)
        if shown := tuple(_covers(winter)):
            note = (
                "Bins of 1 day x 1 km, smoothed over 3 days x 3 km (Figures 11 to 13). How counts become areas is "
                "ours: docs/verbs/limb.md. Mixed classes of the Bayesian rule are not in any of the three."
            )
            yield Section(f"area-{number}", f"Area covered by altitude and day: {winter.where}", note, shown)


def _left(winter: Winter) -> str:
    first = winter.first
    clouds = int((first.index != IGNORE).sum())
    return (
        f"{count(clouds)} clouds, {count(first.counts['clear'])} clear by the cloud index, "
        f"{count(first.counts['unusable'])} unusable."
    )


def _truths(winter: Winter) -> Iterator[Table]:
    for title, one in winter.every.items():
        if (table := compare.against_truth(one)) is not None:
            lines = tuple(
                (name, *map(_share, row), count(total))
                for name, row, total in zip(
                    table.rows, table.shares.tolist(), table.counts.sum(1).tolist(), strict=True
                )
                if total
            )
            note = "Rows are true classes of the simulator; shares of each row."
            yield Table(f"Truth and {title}", note, ("truth", *table.columns, "spectra"), lines, Path())


def _share(value: float) -> str:
    return decimal(value, 3)


def _cross(across: str, up: str, table: CrossTable) -> Shown:
    drawn = figures.shares(table.rows, table.columns, table.counts, across, up)
    return Shown(drawn, f"What {up} tells of each class of {across}.")


def _pole(winter: Winter, number: int, day: np.datetime64 | None) -> Section:
    first = winter.first
    # Of two winters at most one has the day that was asked for.
    chosen = day if day is not None and winter.has_day(day) else busiest_day(first.time, first.index)
    here = on_day(first.time, chosen, first.tangent_altitude_km, _FROM_KM, _TO_KM)
    shown = tuple(
        Shown(figures.pole(title + winter.mark, one.latitude[here], one.longitude[here], one.index[here], one.classes))
        for title, one in winter.every.items()
    )
    note = f"Tangent altitudes of {_FROM_KM:g} to {_TO_KM:g} km (Figures 8 to 10), {int(here.sum())} observations."
    return Section(f"pole-{number}", f"Over the pole on {chosen}{winter.mark}", note, shown)


def _covers(winter: Winter) -> Iterator[Shown]:
    found = {title: compare.cover(one) for title, one in winter.every.items()}
    for kind in compare.KINDS:
        areas = {
            title: (covered, compare.kind_area(one, covered, kind))
            for title, one in winter.every.items()
            if (covered := found[title]) is not None
        }
        # One scale for all classifiers, by which they compare.
        most = max((float(np.nanmax(area)) for _, area in areas.values()), default=0.0)
        for title, (covered, area) in areas.items():
            name = f"{kind}, {title}{winter.mark}"
            yield Shown(figures.covered(name, covered.days, covered.altitude_km, area, most))

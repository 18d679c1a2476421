"""One HTML page that stands alone: pictures and figures are inside it, files are linked beside it."""

from __future__ import annotations

import importlib.resources
import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

import jinja2
from markupsafe import Markup

from landweave import provenance
from landweave.atomic import write_text
from landweave.report import figures, growth, scaling, tables
from landweave.report.material import Growth, Job, Judgement, Material, Picture, Run

# Below this width pictures are enlarged pixel by pixel, so that classes stay apart.
_FINE_BELOW_PX = 480
# The colours of lines in page.css, and how much of one is left in the next round.
_NUM_LINES, _PALER = 4, 0.5


@dataclass(frozen=True, slots=True)
class Fact:
    """One of the figures at the head of the page."""

    name: str
    text: str
    small: str = ""


def write(material: Material, path: Path) -> None:
    """Write `material` as one HTML page at `path`, aside and renamed. The same material gives the same bytes."""
    # Names of files need not be UTF-8; a page must be.
    text = render(material, path.parent).encode("utf-8", "backslashreplace").decode("utf-8")
    write_text(path, text)


def render(material: Material, folder: Path) -> str:
    """The page as text; links to files are relative to `folder`, where the page will lie."""
    environment = jinja2.Environment(
        # Undefined names are mistakes of ours: they must not become gaps in a page.
        loader=jinja2.FunctionLoader(_resource),
        autoescape=True,
        trim_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters["percent"] = tables.percent
    return environment.get_template("page.html").render(
        material=material,
        css=Markup(_resource("page.css")),
        lead=_lead(material),
        same_land=len(_beside_first(material)) == len(material.judgements),
        headline=list(headline(material)),
        parts=list(_parts(material)),
        rows=[{"title": row.title, "pictures": [_picture(p) for p in row.pictures]} for row in material.rows],
        judgements=[_judgement(judgement) for judgement in material.judgements],
        runs=[_run(run) for run in material.runs],
        growths=[_growth(one) for one in material.growths],
        jobs=[_job(job) for job in material.jobs],
        records={name: _indented(record) for name, record in material.records.items()},
        files=[(link(file, folder), _shown(file, folder)) for file in material.files],
        version=provenance.version(),
    )


def headline(material: Material) -> Iterator[Fact]:
    """The few figures that a reader wants first."""
    for judgement in material.judgements[:1]:
        bar = tables.bar(judgement.overall)
        yield Fact("Overall accuracy", bar.text, bar.interval and f"95 % interval {bar.interval}")
        yield Fact("Kappa", tables.decimal(judgement.kappa), f"on {tables.count(judgement.num_judged)} judged")
    for job in material.jobs[:1]:
        for name in ("Mapped", "Speed"):
            if name in job.facts:
                main, _, small = job.facts[name].partition(" (")
                yield Fact(name, main, small.rstrip(")"))


def link(file: Path, folder: Path) -> str:
    """The address of `file` as seen from a page in `folder`: relative, with odd characters escaped."""
    return quote(os.fsencode(os.path.relpath(file, folder)))


def _shown(file: Path, folder: Path) -> str:
    return os.path.relpath(file, folder).encode("utf-8", "backslashreplace").decode("utf-8")


def _resource(name: str) -> str:
    return importlib.resources.files("landweave.report").joinpath(name).read_text(encoding="utf-8")


def _lead(material: Material) -> str:
    if not material.judgements:
        return "What landweave found in the folders that it was given."
    judgement = material.judgements[0]
    beside = _beside_first(material)[1:]
    others = ", ".join(f"{other.name} {tables.percent(other.overall.value)}" for other in beside)
    text = f"{judgement.name} is right on {tables.percent(judgement.overall.value)} of what was judged"
    return f"{text}; in comparison: {others}." if others else f"{text}."


def _beside_first(material: Material) -> list[Judgement]:
    """The first judgement and all others on the same land: their truths have as many pixels of each class."""
    return [one for one in material.judgements if _truth(one) == _truth(material.judgements[0])]


def _truth(judgement: Judgement) -> list[tuple[str, int]]:
    names = [each.entry.name for each in judgement.classes]
    return list(zip(names, judgement.matrix.sum(axis=1).tolist(), strict=True))


def _parts(material: Material) -> Iterator[tuple[str, str]]:
    settings = material.archives or material.records or material.versions
    for anchor, name, content in (
        ("map", "The map", material.rows),
        ("accuracy", "How good it is", material.judgements or material.tables),
        ("training", "Training", material.runs),
        ("ranks", "More ranks", material.growths),
        ("throughput", "Throughput", material.jobs),
        ("configuration", "Configuration", settings),
        ("files", "Files", material.files),
    ):
        if content:
            yield anchor, name


def _picture(picture: Picture) -> dict[str, Any]:
    height, width = picture.pixels.shape[:2]
    return {
        "source": figures.png(picture.pixels),
        "alt": picture.alt,
        "caption": picture.caption,
        "width": width,
        "height": height,
        "fine": width < _FINE_BELOW_PX,
    }


def _judgement(judgement: Judgement) -> dict[str, Any]:
    return {
        "name": judgement.name,
        "overall": tables.bar(judgement.overall),
        "kappa": tables.decimal(judgement.kappa),
        "macro_f1": tables.decimal(judgement.macro_f1),
        "note": judgement.note,
        "lines": tables.class_lines(judgement),
        "matrix": tables.matrix_lines(judgement),
    }


def _run(run: Run) -> dict[str, Any]:
    # The text is ours: matplotlib escaped every name in it.
    drawn = [Markup(figures.curves(name, lines)) for name, lines in run.curves.items()]
    return {"name": run.name, "facts": run.facts, "figures": drawn}


def _growth(one: Growth) -> dict[str, Any]:
    drawn = [Markup(svg) for svg in scaling.on_page(one)]
    return {"tables": list(growth.tables_of(one)), "figures": drawn}


def _job(job: Job) -> dict[str, Any]:
    whole = sum(job.phases.values()) or 1.0
    phases = [
        {"name": name, "text": tables.duration(seconds), "share": seconds / whole, "color": _phase_color(place)}
        for place, (name, seconds) in enumerate(job.phases.items())
    ]
    return {"name": job.name, "facts": job.facts, "phases": phases}


def _phase_color(place: int) -> str:
    """A colour of the page's four, paler from round to round, so that no two phases of a job share one."""
    line = f"var(--line-{place % _NUM_LINES + 1})"
    return f"color-mix(in srgb, {line} {round(100 * _PALER ** (place // _NUM_LINES))}%, var(--card))"


def _indented(record: Any) -> str:
    return json.dumps(record, indent=1, ensure_ascii=False, default=str)

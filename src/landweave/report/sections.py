"""A page of sections, each with figures and tables: one HTML file that stands alone, in the look of all reports."""

from __future__ import annotations

import importlib.resources
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from landweave import provenance
from landweave.atomic import write_text
from landweave.report.material import Table


@dataclass(frozen=True, slots=True)
class Shown:
    """A figure, as SVG that report/ drew, and the words below it."""

    svg: str
    caption: str = ""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of a page.

    Attributes:
        anchor: Its address on the page.
        title: Its headline.
        note: What one must know to read it; may be empty.
        figures: Side by side, as many as fit.
        tables: Below them.
    """

    anchor: str
    title: str
    note: str = ""
    figures: tuple[Shown, ...] = ()
    tables: tuple[Table, ...] = ()


@dataclass(frozen=True, slots=True)
class Page:
    """Everything that one page shows."""

    title: str
    lead: str
    facts: Mapping[str, str] = field(default_factory=dict)
    sections: tuple[Section, ...] = ()
    records: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)


def write(page: Page, path: Path) -> None:
    """Write `page` as HTML at `path`, aside and renamed. The same page gives the same bytes."""
    write_text(path, render(page).encode("utf-8", "backslashreplace").decode("utf-8"))


def render(page: Page) -> str:
    """The page as text; sections that have nothing to show are left away."""
    environment = jinja2.Environment(
        loader=jinja2.FunctionLoader(_resource), autoescape=True, trim_blocks=True, undefined=jinja2.StrictUndefined
    )
    shown = [section for section in page.sections if section.figures or section.tables or section.note]
    return environment.get_template("sections.html").render(
        page=page,
        css=Markup(_resource("page.css")),
        # The figures are ours: matplotlib escaped every name in them.
        sections=[(section, [(Markup(one.svg), one.caption) for one in section.figures]) for section in shown],
        records={name: json.dumps(value, indent=1, default=str) for name, value in page.records.items()},
        version=provenance.version(),
    )


def _resource(name: str) -> str:
    return importlib.resources.files("landweave.report").joinpath(name).read_text(encoding="utf-8")

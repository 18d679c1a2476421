"""The page: it stands alone, escapes what it shows, and can be read by machines that read aloud."""

from __future__ import annotations

import dataclasses
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from tests.report.conftest import make_material

from landweave.report import page
from landweave.report.material import Material

VOID = {"meta", "link", "img", "br"}


class Reader(HTMLParser):
    """Collects elements and checks that every tag that opens also closes."""

    def __init__(self) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def read(text: str) -> Reader:
    reader = Reader()
    reader.feed(text)
    assert reader.open == []
    return reader


@pytest.fixture(scope="module")
def text(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The page of all of the material."""
    folder = tmp_path_factory.mktemp("page")
    return page.render(make_material(folder), folder)


def test_the_page_stands_alone(text: str) -> None:
    reader = read(text)
    for tag, attributes in reader.elements:
        for name in ("src", "srcset", "xlink:href", "action"):
            address = attributes.get(name)
            assert address is None or address.startswith(("data:", "#")), (tag, address)
        assert "://" not in str(attributes.get("href", ""))
        assert tag not in {"script", "iframe", "object"}


def test_every_picture_has_words(text: str) -> None:
    reader = read(text)
    pictures = [attributes for tag, attributes in reader.elements if tag == "img"]
    assert [picture["alt"] for picture in pictures] == ["A map with <b>eight</b> classes"] * 2
    drawings = [attributes for tag, attributes in reader.elements if tag == "svg"]
    assert drawings
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in drawings)


def test_ids_stand_once_and_links_inside_the_page_lead_somewhere(text: str) -> None:
    reader = read(text)
    ids = [attributes["id"] for _, attributes in reader.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    inside = [str(a["href"])[1:] for tag, a in reader.elements if tag == "a" and str(a["href"]).startswith("#")]
    assert inside == ["map", "accuracy", "training", "ranks", "throughput", "configuration", "files"]
    assert set(inside) <= set(ids)


def test_what_is_shown_is_escaped(text: str) -> None:
    assert "<somewhere>" not in text
    assert "<script" not in text
    assert "A map of &lt;somewhere&gt;" in text


def test_what_could_not_be_read_is_said(text: str) -> None:
    assert "run/log.jsonl: truncated" in text


def test_an_empty_material_is_a_page_too(tmp_path: Path) -> None:
    text = page.render(Material("Nothing"), tmp_path)
    read(text)
    assert "What landweave found" in text


def test_the_headline_says_what_a_reader_wants_first(material: Material) -> None:
    facts = {fact.name: (fact.text, fact.small) for fact in page.headline(material)}
    assert facts["Overall accuracy"] == ("93.0 %", "95 % interval 92.0\u201394.0 %")
    assert facts["Speed"] == ("1.2 Mpx/s", "120 km²/s")


def test_write_gives_the_same_bytes_each_time(material: Material, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    page.write(material, path)
    first = path.read_bytes()
    page.write(material, path)
    assert path.read_bytes() == first
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize(
    ("file", "address"),
    [("map/map one.tif", "map/map%20one.tif"), ("../run/a#b.json", "../run/a%23b.json"), ("ü.tif", "%C3%BC.tif")],
)
def test_links_are_relative(file: str, address: str) -> None:
    assert page.link(Path("/data/demo") / file, Path("/data/demo")) == address


def test_links_to_names_that_are_not_utf8() -> None:
    assert page.link(Path("/d/b\udcff.tif"), Path("/d")) == "b%FF.tif"


def test_names_that_are_not_utf8_are_shown_and_linked(material: Material, tmp_path: Path) -> None:
    odd = dataclasses.replace(material, title="b\udcff", files=(tmp_path / "b\udcff.tif",))
    page.write(odd, tmp_path / "report.html")
    text = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "<title>b\\udcff</title>" in text
    assert 'href="b%FF.tif"' in text


@pytest.mark.parametrize(
    "part", ["judgements", "rows", "runs", "growths", "jobs", "archives", "records", "files", "versions"]
)
def test_what_is_not_there_leaves_no_trace(material: Material, tmp_path: Path, part: str) -> None:
    """Any part may be missing: its section and its place in the list of parts are then missing too."""
    without = dataclasses.replace(material, **{part: type(getattr(material, part))()})
    reader = read(page.render(without, tmp_path))
    inside = {str(a["href"])[1:] for tag, a in reader.elements if tag == "a" and str(a["href"]).startswith("#")}
    ids = {str(attributes["id"]) for _, attributes in reader.elements if "id" in attributes}
    assert inside <= ids
    gone = {
        "judgements": "accuracy",
        "rows": "map",
        "runs": "training",
        "growths": "ranks",
        "jobs": "throughput",
        "files": "files",
    }
    assert gone.get(part) not in inside


def test_one_judgement_needs_no_comparison(text: str, material: Material, tmp_path: Path) -> None:
    alone = page.render(dataclasses.replace(material, judgements=material.judgements[:1]), tmp_path)
    assert "Comparison of methods" not in alone
    assert "in comparison" not in alone
    assert "Comparison of methods" in text


def test_figures_of_other_land_are_not_compared(text: str, material: Material, tmp_path: Path) -> None:
    best, other = material.judgements
    assert "Every method on the same land" in text
    elsewhere = dataclasses.replace(other, matrix=other.matrix * 2)
    apart = page.render(dataclasses.replace(material, judgements=(best, elsewhere)), tmp_path)
    assert "Not all on the same land" in apart
    assert "in comparison" not in apart


def test_every_phase_has_its_colour_and_its_name(material: Material, tmp_path: Path) -> None:
    phases = {f"phase {number}": 1.0 for number in range(7)}
    job = dataclasses.replace(material.jobs[0], phases=phases)
    text = page.render(dataclasses.replace(material, jobs=(job,)), tmp_path)
    colors = re.findall(r'%;background:(color-mix\([^"]*)"', text)
    assert len(set(colors)) == len(colors) == 7
    assert all(text.count(f"background:{color}") == 2 for color in colors)


def test_tables_have_a_head_for_every_column(text: str) -> None:
    for table in re.findall(r"<table.*?</table>", text, flags=re.DOTALL):
        heads = len(re.findall(r'<th[^>]*scope="col"', table))
        for line in re.findall(r"<tr>(.*?)</tr>", table.split("<tbody>")[1], flags=re.DOTALL):
            assert len(re.findall(r"<t[hd][ >]", line)) == heads
            assert line.count('scope="row"') == 1


def test_the_style_fits_dark_and_light_and_paper() -> None:
    style = page._resource("page.css")
    for rule in ("prefers-color-scheme: dark", "@media print", "max-width", ":focus-visible"):
        assert rule in style
    assert "url(" not in style
    assert "@import" not in style

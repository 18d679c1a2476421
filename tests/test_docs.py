"""The documentation is that of this code: generated parts are up to date, links lead somewhere, commands exist."""

from __future__ import annotations

import importlib.util
import re
from pathlib import Path
from types import ModuleType

import pytest

from landweave.cli.main import VERBS

ROOT = Path(__file__).parents[1]
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])


def load_generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("generate", ROOT / "docs" / "generate.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    return load_generator()


def test_generated_pages_are_up_to_date(generator: ModuleType) -> None:
    for path, text in generator.pages().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is out of date; run make docs"


def test_every_key_of_every_configuration_is_explained(generator: ModuleType) -> None:
    kinds = generator.configurations()
    assert len(kinds) > 10
    silent = [
        f"{kind.__module__}.{kind.__name__}.{name}"
        for kind in kinds
        for name, field in kind.model_fields.items()
        if not field.description
    ]
    assert silent == []


@pytest.mark.parametrize(
    ("annotation", "text"),
    [
        (int, "integer"),
        (float | None, "number"),
        (tuple[str, ...], "list of string"),
        (dict[str, list[float]], "table of list of number"),
        (tuple[float, float] | None, "list of number"),
        (bool, "true or false"),
        (Path, "path"),
    ],
)
def test_types_are_said_as_in_toml(generator: ModuleType, annotation: object, text: str) -> None:
    assert generator.type_text(annotation) == text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for address in re.findall(r"\]\(([^)#\s]+)", text):
        if "://" not in address:
            assert (page.parent / address).exists(), address


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_commands_in_the_docs_exist(page: Path) -> None:
    blocks = re.findall(r"```.*?\n(.*?)```", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for verb in re.findall(r"^\s*(?:\.venv/bin/)?landweave (\w+)", "\n".join(blocks), flags=re.MULTILINE):
        assert verb in VERBS


def test_every_verb_has_a_page() -> None:
    # And one for what several verbs have in common.
    assert {path.stem for path in (ROOT / "docs" / "verbs").glob("*.md")} == {*VERBS, "cluster"}

"""Write the parts of docs/ that come from the code: the tree, the keys of every TOML file, sensors and legends.

Run `make docs` after changing a configuration; tests/test_docs.py fails while a page is out of date.
"""

from __future__ import annotations

import ast
import builtins
import collections.abc
import importlib
import inspect
import pkgutil
import re
import sys
import types
import typing
from pathlib import Path
from typing import Any, get_args, get_origin

from pydantic.fields import FieldInfo
from pydantic_core import PydanticUndefined

import landweave
from landweave.config import Config
from landweave.legend import known_legends
from landweave.sensors import known_sensors

DOCS = Path(__file__).parent
# Command line and web page hold no configuration; importing them would only take time.
_SKIPPED = ("landweave.cli", "landweave.review")


def configurations() -> list[type[Config]]:
    """Every configuration of the package, by module and then in the order of the file."""
    found: dict[str, type[Config]] = {}
    for module in pkgutil.walk_packages(landweave.__path__, "landweave."):
        if module.name.startswith(_SKIPPED):
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            if inspect.isclass(value) and issubclass(value, Config) and value.__module__ == module.name:
                found[f"{module.name}.{name}"] = value
    return [kind for kind in found.values() if kind is not Config]


def keys() -> str:
    """The section of every configuration with a table of its keys."""
    return "\n".join(_section(kind) for kind in configurations())


def _section(kind: type[Config]) -> str:
    where = kind.__module__.removeprefix("landweave.")
    summary = (kind.__doc__ or "").partition("\n\n")[0]
    lines = [
        f"### {kind.__name__.lstrip('_')}",
        "",
        f"{_cell(summary)} (`{where}`)".strip(),
        "",
        "| key | type | default | meaning |",
        "|---|---|---|---|",
    ]
    lines += [_line(name, field) for name, field in kind.model_fields.items()]
    return "\n".join([*lines, ""])


def _line(name: str, field: FieldInfo) -> str:
    shown = f"`{field.alias or name}`"
    return f"| {shown} | {_escape(type_text(field.annotation))} | {_default(field)} | {_cell(field.description)} |"


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "required"
    value = field.default_factory() if field.default_factory else field.default  # type: ignore[call-arg]
    if value is PydanticUndefined or value is None:
        return "none"
    if isinstance(value, Config):
        return f"see {type(value).__name__}"
    return f"`{_escape(_toml(value))}`"


def _toml(value: Any) -> str:
    match value:
        case bool():
            return str(value).lower()
        case str() | Path():
            return f'"{value}"'
        case list() | tuple():
            return "[" + ", ".join(_toml(item) for item in value) + "]"
        case dict():
            return "{" + ", ".join(f"{key} = {_toml(item)}" for key, item in value.items()) + "}"
    return str(value)


def type_text(annotation: Any) -> str:
    """A type as a user of TOML would say it."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    inner = list(dict.fromkeys(type_text(part) for part in arguments if isinstance(part, type) or get_origin(part)))
    match origin:
        case None:
            return _NAMES.get(annotation, getattr(annotation, "__name__", str(annotation))).lstrip("_")
        case typing.Annotated:
            return inner[0]
        case typing.Literal:
            return " or ".join(_toml(argument) for argument in arguments)
        case typing.Union | types.UnionType:
            return " or ".join(part for part in inner if part != "NoneType")
        case builtins.dict | collections.abc.Mapping:
            return f"table of {inner[-1]}"
    return "list of " + ", ".join(inner)


_NAMES = {str: "string", Path: "path", int: "integer", float: "number", bool: "true or false", dict: "table"}


def sensors() -> str:
    """A table of the bands of every known sensor."""
    parts = []
    for name, sensor in known_sensors().items():
        parts += [f"## `{name}`", "", f"{sensor.title}. Source: {sensor.source}", ""]
        parts += [
            "| band | centre (nm) | width (nm) | pixel (m) | unit | scale | offset |",
            "|---|---|---|---|---|---|---|",
        ]
        for band in sensor.bands:
            numbers = (band.wavelength_nm, band.width_nm, band.pixel_size_m)
            shown = " | ".join("" if number is None else f"{number:g}" for number in numbers)
            parts.append(f"| {band.name} | {shown} | {band.unit} | {band.scale:g} | {band.offset:g} |")
        parts.append("")
    return "\n".join(parts)


def legends() -> str:
    """A table of the classes of every known legend."""
    parts = []
    for name, legend in known_legends().items():
        parts += [
            f"## `{name}` ({len(legend)} classes)",
            "",
            f"Source: {legend.source}",
            "",
            "| id | name | colour |",
            "|---|---|---|",
        ]
        parts += [f"| {entry.id} | {_escape(entry.name)} | `{entry.color}` |" for entry in legend.classes]
        parts.append("")
    return "\n".join(parts)


def pages() -> dict[Path, str]:
    """Every generated page, whole."""
    made = {
        DOCS / name: between((DOCS / name).read_text(encoding="utf-8"), mark, content())
        for name, mark, content in (("formats.md", "keys", keys), ("house.md", "tree", tree))
    }
    for word, tables in (("sensor", sensors()), ("legend", legends())):
        head = f"# The {word}s that landweave knows\n\n<!-- made by `make docs`; do not edit -->\n\n"
        own = f"Your own {word} goes into a TOML file that looks like `src/landweave/{word}s.toml`;"
        made[DOCS / f"{word}s.md"] = f"{head}{own} [formats.md](formats.md) explains its keys.\n\n{tables}"
    return made


def tree() -> str:
    """Every file of the package with what its docstring says first."""
    package = Path(landweave.__path__[0])
    lines = ["```"]
    # What stands directly in a room before what stands in its folders.
    for path in sorted(package.rglob("*"), key=lambda path: (path.parent.parts, path.name)):
        if path.suffix in _SHOWN and path.name != "__init__.py":
            place = path.relative_to(package).as_posix()
            begins = f"{place.rpartition('/')[0]}/"
            lines += [""] if begins != "/" and not lines[-1].startswith(begins) else []
            lines.append(f"{place:<30} {_first_line(path)}".rstrip())
    return "\n".join([*lines, "```"]) + "\n"


_SHOWN = {".py", ".toml", ".csv", ".html", ".css", ".js"}


def _first_line(path: Path) -> str:
    if path.suffix != ".py":
        return ""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").partition("\n")[0]


def between(text: str, mark: str, content: str) -> str:
    """`text` with what stands between the two marks replaced by `content`."""
    begin, end = f"<!-- {mark}: begin, made by `make docs`; do not edit -->", f"<!-- {mark}: end -->"
    head, _, rest = text.partition(begin)
    return f"{head}{begin}\n\n{content}\n{end}{rest.partition(end)[2]}"


def _cell(text: str | None) -> str:
    return _escape(re.sub(r"\s+", " ", text or "").strip())


def _escape(text: str) -> str:
    return re.sub(r"(?<!\\)\|", r"\\|", text)


def main() -> None:
    """Write every generated page that changed."""
    for path, text in pages().items():
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {path.name}\n")


if __name__ == "__main__":
    main()

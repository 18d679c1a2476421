"""TOML to a frozen pydantic model, strictly: unknown keys are refused with the key that was probably meant."""

from __future__ import annotations

import copy
import difflib
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, TypeVar

from pydantic import AllowInfNan, BaseModel, ConfigDict, ValidationError
from pydantic_core import ErrorDetails

from landweave.errors import ConfigError


class Config(BaseModel):
    """The base of every configuration: frozen, no unknown keys, docstrings of fields become their documentation."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, validate_default=True, allow_inf_nan=False
    )


AnyFloat = Annotated[float, AllowInfNan(True)]
"""A number that may be NaN or infinite, which others of a configuration may not."""
ConfigT = TypeVar("ConfigT", bound=BaseModel)


def load(kind: type[ConfigT], path: Path, overrides: Iterable[str] = ()) -> ConfigT:
    """Read `path` as TOML, apply `overrides` ("train.epochs=3"), and check it as `kind`.

    Raises:
        ConfigError: The file is missing or no TOML, or a key or value does not fit.
    """
    return check(kind, override(read_toml(path), overrides), str(path))


def override(values: Mapping[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """A copy of `values` with each override ("train.epochs=3") applied.

    Raises:
        ConfigError: An override is none.
    """
    changed = copy.deepcopy(dict(values))
    for text in overrides:
        _set(changed, text)
    return changed


def read_toml(path: Path) -> dict[str, Any]:
    """The content of a TOML file.

    Raises:
        ConfigError: The file is missing, unreadable or no TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}", "a readable TOML file", "check the path") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: {error}", "valid TOML in UTF-8", "mend the file at that place") from error


def check(kind: type[ConfigT], values: Mapping[str, Any], source: str) -> ConfigT:
    """Check `values`, which came from `source` (a file name, for the message), as `kind`.

    Raises:
        ConfigError: A key or value does not fit; all that do not are named.
    """
    try:
        return kind.model_validate(dict(values))
    except ValidationError as error:
        details = error.errors()
        raise ConfigError(
            f"{source}: " + "; ".join(_given(detail) for detail in details),
            "; ".join(dict.fromkeys(_expected(kind, detail) for detail in details)),
            "mend these keys; docs/formats.md explains every one",
        ) from error


def _set(values: dict[str, Any], override: str) -> None:
    name, separator, text = override.partition("=")
    if not separator or not name.strip():
        raise ConfigError(f"--set {override}", "--set key=value, for example --set epochs=3", "add the key and a value")
    *tables, key = name.strip().split(".")
    for table in tables:
        values = values.setdefault(table, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--set {override}", f"{table} to be a table", "check the key")
    values[key] = _value(text.strip())


def _value(text: str) -> Any:
    """A TOML value where the text is one, else the text itself, so that quotes are not needed on a command line."""
    try:
        return tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        return text


def _given(detail: ErrorDetails) -> str:
    key = ".".join(str(part) for part in detail["loc"])
    match detail["type"]:
        case "extra_forbidden":
            return f"unknown key {key}"
        case "missing":
            return f"{key} is missing"
    return f"{key} = {detail['input']!r}" if key else str(detail["input"])


def _expected(kind: type[BaseModel], detail: ErrorDetails) -> str:
    if detail["type"] != "extra_forbidden":
        return detail["msg"].removeprefix("Value error, ")
    *path, wrong = (str(part) for part in detail["loc"])
    return nearest(wrong, _fields(kind, path))


def _fields(kind: type[BaseModel], path: Iterable[str]) -> list[str]:
    """Names of the keys that are known at `path` of `kind`."""
    fields = kind.model_fields
    for part in path:
        inner = fields[part].annotation if part in fields else None
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            break
        fields = inner.model_fields
    return list(fields)


def nearest(wrong: str, known: Iterable[str]) -> str:
    """What to say was expected where `wrong` is none of the `known` names: the nearest one, or all of them."""
    names = list(known)
    near = difflib.get_close_matches(wrong, names, n=1)
    return f"{near[0]} (did you mean that?)" if near else "one of " + ", ".join(names)

"""Legends: ordered classes with ids, names and colours, and crosswalks between legends."""

from __future__ import annotations

import importlib.resources
import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from landweave.config import Config, check, nearest, read_toml
from landweave.errors import LegendError

IGNORE = 255
"""The class index of a pixel that has no label: in masks of patches and in losses."""
_MAX_CLASSES = 254


@dataclass(frozen=True, slots=True)
class LandClass:
    """One class: its id in published maps, its name, its colour as "#rrggbb", and its code where that is no id."""

    id: int
    name: str
    color: str
    code: int | None = None

    @property
    def rgb(self) -> tuple[int, int, int]:
        """Red, green and blue, 0-255."""
        red, green, blue = (int(self.color[start : start + 2], 16) for start in (1, 3, 5))
        return red, green, blue


@dataclass(frozen=True, slots=True)
class Legend:
    """The ordered classes of a map or of labels. A network's output channel i is `classes[i]`.

    Attributes:
        name: Its key in legends.toml ("corine-44").
        source: Where its classes come from.
        classes: At most 254, ids within 0-255.
    """

    name: str
    source: str
    classes: tuple[LandClass, ...]

    def __post_init__(self) -> None:
        _check(self)

    def __len__(self) -> int:
        return len(self.classes)

    @property
    def ids(self) -> tuple[int, ...]:
        """Ids in order."""
        return tuple(entry.id for entry in self.classes)

    @property
    def names(self) -> tuple[str, ...]:
        """Names in order."""
        return tuple(entry.name for entry in self.classes)

    @property
    def nodata(self) -> int:
        """The number that means no data in a map of this legend: 0, or 255 where 0 is a class."""
        return 255 if 0 in self.ids else 0

    def index(self, name: str) -> int:
        """Index of the class called `name`.

        Raises:
            LegendError: There is none.
        """
        if name not in self.names:
            raise LegendError(
                f"class {name} of legend {self.name}", nearest(name, self.names), "name a class of this legend"
            )
        return self.names.index(name)

    def to_indices(self, ids: NDArray[Any]) -> NDArray[np.uint8]:
        """Class ids of a map as indices of this legend, same shape; nodata becomes IGNORE.

        Raises:
            LegendError: An id is neither a class of the legend nor its nodata.
        """
        found = np.unique(ids)
        known = [*self.ids, self.nodata]
        foreign = found[~np.isin(found, known)]
        if foreign.size:
            raise LegendError(
                f"ids {foreign[:10].tolist()} in a map that should have legend {self.name}",
                f"ids {list(self.ids)} or {self.nodata} for no data",
                "name the legend of this map, or translate it by a crosswalk",
            )
        table = np.full(256, IGNORE, np.uint8)
        table[list(self.ids)] = np.arange(len(self), dtype=np.uint8)
        return np.asarray(table[ids.astype(np.int64)])

    def to_ids(self, indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Indices of this legend as class ids of a map, same shape; IGNORE becomes nodata."""
        table = np.full(256, self.nodata, np.uint8)
        table[: len(self)] = self.ids
        return np.asarray(table[indices])


@dataclass(frozen=True, slots=True)
class Crosswalk:
    """How the classes of one legend become those of another; classes that are not named are dropped.

    Attributes:
        old: The legend to come from.
        new: The legend to go to.
        source: Where the table comes from.
        table: Name of a class of `old` to the name of a class of `new`.
    """

    old: Legend
    new: Legend
    source: str
    table: Mapping[str, str]

    def indices(self) -> NDArray[np.uint8]:
        """A table of 256 entries: index of `old` to index of `new`, IGNORE where dropped."""
        table = np.full(256, IGNORE, np.uint8)
        for old, new in self.table.items():
            table[self.old.index(old)] = self.new.index(new)
        return table

    def apply(self, indices: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """Indices of `old` as indices of `new`, same shape; IGNORE stays, dropped classes become IGNORE."""
        return np.asarray(self.indices()[indices])


class _ClassTable(Config):
    """One class of a legend TOML."""

    id: int
    """The number in published maps, 0-255."""
    name: str
    """The name for people and for commands."""
    color: str
    """The colour as #rrggbb."""
    code: int | None = None
    """The number in published maps where it is none of 0-255 (CORINE's 111-523)."""


class LegendTable(Config):
    """A legend as it stands in a TOML file, under [legends.NAME]."""

    source: str
    """Where the classes come from."""
    classes: list[_ClassTable]
    """The classes in order; a network's output channels follow it."""


class _CrosswalkTable(Config):
    """How the classes of one legend become those of another, under [crosswalks.OLD.NEW]."""

    source: str
    """Where the table comes from."""
    table: dict[str, list[str]]
    """Class of the new legend to the classes of the old one that become it."""


class _LegendFile(Config):
    """A TOML file of legends."""

    legends: dict[str, LegendTable] = Field(default_factory=dict)
    """Legends by name."""
    crosswalks: dict[str, dict[str, _CrosswalkTable]] = Field(default_factory=dict)
    """Crosswalks by the name of the old legend, then by that of the new one."""


def load_legends(path: Path) -> dict[str, Legend]:
    """A user's own legends from a TOML file with tables [legends.NAME].

    Raises:
        ConfigError: The file does not fit.
        LegendError: A legend contradicts itself.
    """
    return _build(check(_LegendFile, read_toml(path), str(path)))


@cache
def known_legends() -> dict[str, Legend]:
    """The legends that landweave knows, by name (legends.toml)."""
    return _build(_own_file())


def legend(name: str, extra: Mapping[str, Legend] | None = None) -> Legend:
    """The legend called `name`, from `extra` (a user's own) or the known ones.

    Raises:
        LegendError: There is none.
    """
    every = {**known_legends(), **(extra or {})}
    if name not in every:
        raise LegendError(f"legend {name}", nearest(name, every), "name a known legend or give its TOML with --legends")
    return every[name]


def crosswalk(old: str, new: str, path: Path | None = None) -> Crosswalk:
    """The crosswalk between two legends: one of a user's own TOML, which may name known legends, else the known one.

    Raises:
        ConfigError: The file does not fit.
        LegendError: There is none.
    """
    mine = check(_LegendFile, read_toml(path), str(path)) if path else _LegendFile()
    tables, extra = {**_own_file().crosswalks, **mine.crosswalks}, _build(mine)
    if old in mine.crosswalks and old in _own_file().crosswalks:
        tables[old] = {**_own_file().crosswalks[old], **mine.crosswalks[old]}
    if new not in tables.get(old, {}):
        known = [f"{a} to {b}" for a, inner in tables.items() for b in inner]
        raise LegendError(f"a crosswalk from {old} to {new}", "one of " + ", ".join(known), "choose a known pair")
    entry = tables[old][new]
    pairs = {part: whole for whole, parts in entry.table.items() for part in parts}
    return Crosswalk(legend(old, extra), legend(new, extra), entry.source, pairs)


def known_crosswalks() -> list[tuple[str, str]]:
    """Old and new legend of every published crosswalk."""
    return [(old, new) for old, inner in _own_file().crosswalks.items() for new in inner]


@cache
def _own_file() -> _LegendFile:
    text = importlib.resources.files("landweave").joinpath("legends.toml").read_text(encoding="utf-8")
    return check(_LegendFile, tomllib.loads(text), "legends.toml")


def _build(file: _LegendFile) -> dict[str, Legend]:
    return {
        name: Legend(name, table.source, tuple(LandClass(c.id, c.name, c.color, c.code) for c in table.classes))
        for name, table in file.legends.items()
    }


def _check(legend: Legend) -> None:
    if not 1 <= len(legend) <= _MAX_CLASSES:
        raise LegendError(f"{len(legend)} classes in {legend.name}", f"1 to {_MAX_CLASSES}", "split the legend")
    for what, values in (("ids", legend.ids), ("names", legend.names)):
        if doubles := _doubles(values):
            raise LegendError(f"{what} {doubles} twice in {legend.name}", f"each of the {what} once", "mend the TOML")
    for entry in legend.classes:
        if not 0 <= entry.id <= IGNORE or not re.fullmatch(r"#[0-9a-fA-F]{6}", entry.color):
            raise LegendError(
                f"id {entry.id} and colour {entry.color} of {entry.name} in {legend.name}",
                "an id within 0-255 and a colour as #rrggbb",
                "mend the TOML",
            )
    if {0, IGNORE} <= set(legend.ids):
        raise LegendError(f"ids 0 and 255 in {legend.name}", "one of them left for no data", "renumber a class")


def _doubles(values: Iterable[object]) -> list[object]:
    seen: set[object] = set()
    return [value for value in values if value in seen or seen.add(value)]  # type: ignore[func-returns-value]

"""Find in folders what a report can show: judgements, maps, runs, measurements of ranks, archives.

The rooms that write these files stand beside or above this one; here they are read as the plain JSON that
docs/formats.md describes.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from landweave.errors import ConfigError

FORMAT = 1
# Deep enough for a folder of runs with their cards, not so deep that a disk of scenes is walked.
_DEPTH = 4
_NAMES = {
    "evaluation": "evaluation.json",
    "agreement": "agreement.json",
    "change": "change_judged.json",
    "run": "log.jsonl",
    "map": "map.tif",
    "sheets": "map.vrt",
    "card": "card.json",
    "archive": "archive.json",
    "record": "job.json",
    "recipe": "recipe.json",
    "scale": "scale.json",
    "catalog": "catalog.parquet",
    "summary": "summary.json",
}


@dataclass
class Found:
    """Files by what they are, and what could not be read."""

    files: dict[str, list[Path]] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)

    def of(self, kind: str) -> list[Path]:
        """The files of one kind, in the order of their folders."""
        return self.files.get(kind, [])

    def json(self, path: Path) -> Mapping[str, Any]:
        """A JSON object of our formats, or an empty one, with a line in `unread`."""
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            self.unread.append(f"{path}: {error}")
            return {}
        if not isinstance(content, dict) or content.get("format", FORMAT) != FORMAT:
            self.unread.append(f"{path}: of another format than {FORMAT}")
            return {}
        return content

    def lines(self, path: Path) -> list[dict[str, Any]]:
        """The records of a log, without its first line and without a last one that was torn."""
        records = []
        try:
            # The first line says the format; after the last line end stands what a kill tore, or nothing.
            for text in path.read_text(encoding="utf-8").split("\n")[1:-1]:
                records.append(json.loads(text))
        except (OSError, ValueError) as error:
            self.unread.append(f"{path}: {error}")
        return records


def find(folders: Iterable[Path]) -> Found:
    """What is in `folders` and a few levels below them.

    Raises:
        ConfigError: A folder is missing, or none holds anything that landweave writes.
    """
    found = Found()
    every = list(folders)
    for folder in every:
        if not folder.exists():
            raise ConfigError(f"{folder}, which does not exist", "a folder that landweave wrote", "check the path")
        for path in _walk(folder, _DEPTH):
            for kind, name in _NAMES.items():
                if path.name == name and path not in found.of(kind):
                    found.files.setdefault(kind, []).append(path)
    if not found.files:
        raise ConfigError(
            f"{', '.join(map(str, every)) or 'no folder'}, without any of {', '.join(_NAMES.values())}",
            "folders that landweave patch, train, scale, map or evaluate wrote",
            "give at least one of them",
        )
    return found


def _walk(folder: Path, depth: int) -> Iterator[Path]:
    if folder.is_file():
        yield folder
        return
    for path in sorted(folder.iterdir()):
        if path.is_file():
            yield path
        # Hidden folders are those that a job is still writing.
        elif depth and not path.name.startswith("."):
            yield from _walk(path, depth - 1)

"""Lists of patches, as published beside data sets: names, one a line, in csv or csv.bz2."""

from __future__ import annotations

import bz2
from collections.abc import Iterable, Iterator
from pathlib import Path

from landweave.errors import SceneError


def read_lists(paths: Iterable[Path]) -> set[str]:
    """Names of patches in lists (csv, csv.bz2), one a line.

    Raises:
        SceneError: A list cannot be read.
    """
    return {name for path in paths for name in lines(path)}


def lines(path: Path) -> Iterator[str]:
    """First column of each line.

    Raises:
        SceneError: The list cannot be read.
    """
    # Published lists end their lines as Windows does, some with a second column.
    return (line.split(",")[0].strip() for line in read_text(path).splitlines() if line.strip())


def read_text(path: Path) -> str:
    """A text file, unpacked where its name ends with .bz2.

    Raises:
        SceneError: It cannot be read.
    """
    try:
        content = bz2.decompress(path.read_bytes()) if path.suffix == ".bz2" else path.read_bytes()
        # Spreadsheets put a mark before the first column's name.
        return content.decode("utf-8-sig")
    except (OSError, ValueError) as error:
        raise SceneError(f"{path}: {error}", "a list of patches, one a line", "copy that list again") from error

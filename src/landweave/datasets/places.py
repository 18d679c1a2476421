"""Where the patches of a list lie: a table with a row a patch, and names that tell the place themselves."""

from __future__ import annotations

import csv
import io
import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pyarrow.parquet
from odc.geo.geobox import GeoBox

from landweave.datasets.lists import read_text
from landweave.errors import SceneError, SplitError
from landweave.patches.sample import SPLITS, Split

_NAME = re.compile(r"_(\d{1,3})_(\d{1,3})$")
_PARTS: Mapping[str, Split] = {**{name: name for name in SPLITS}, "val": "validation"}
_COLUMNS = "patch_id and labels, and where names do not tell the place also row and col, or left and top"


@dataclass(frozen=True, slots=True)
class Place:
    """One patch of a list.

    Attributes:
        id: Its name.
        labels: Names of its classes.
        split: Its published part, "" where nobody said.
        scene: Name of its product, "" where the patch's name tells it.
        pixel: (row, col) of its first pixel on the product's finest pixels, or None.
        point: (x, y) of its upper left corner in the product's CRS, or None.
    """

    id: str
    labels: tuple[str, ...]
    split: Split | Literal[""] = ""
    scene: str = ""
    pixel: tuple[float, float] | None = None
    point: tuple[float, float] | None = None

    def corner(self, grid: GeoBox, patch_px: int) -> tuple[float, float]:
        """(row, col) of its first pixel on a grid; whole numbers where it lies on the grid's pixels.

        A patch whose name ends with _H_V, as BigEarthNet's do, is the one in column H and row V of its product, both
        counted in patches from 0.

        Raises:
            SceneError: Neither columns nor name tell it.
        """
        if self.pixel is not None:
            return self.pixel
        if self.point is not None:
            col, row = ~grid.affine * self.point
            return float(row), float(col)
        found = _NAME.search(self.id)
        if found is None:
            raise SceneError(
                f"patch {self.id} without a place", "a name that ends with _COLUMN_ROW, or columns", f"add {_COLUMNS}"
            )
        return float(found[2]) * patch_px, float(found[1]) * patch_px


def read_places(path: Path) -> list[Place]:
    """The patches of a list: csv, csv.bz2 (several labels with ";" between them) or parquet.

    Raises:
        SceneError: It cannot be read, lacks a column, or names a patch twice.
        SplitError: A part has a name that is none.
    """
    rows = _parquet(path) if path.suffix == ".parquet" else list(csv.DictReader(io.StringIO(read_text(path))))
    if not rows or not {"patch_id", "labels"} <= set(rows[0]):
        shown = ", ".join(map(str, rows[0])) if rows else "no row"
        raise SceneError(f"{path} with {shown}", f"the columns {_COLUMNS}", "add them, or take the published table")
    places = [_place(path, row) for row in rows]
    if doubles := [name for name, num in Counter(place.id for place in places).items() if num > 1]:
        raise SceneError(f"patch {doubles[0]} twice in {path}", "each patch once", "remove the double rows")
    return places


def _parquet(path: Path) -> list[dict[str, Any]]:
    try:
        return list(pyarrow.parquet.read_table(path).to_pylist())
    except (OSError, ValueError) as error:
        raise SceneError(f"{path}: {error}", f"a table with {_COLUMNS}", "copy that file again") from error


def _place(path: Path, row: Mapping[str, Any]) -> Place:
    name, split = str(row["patch_id"]), str(row.get("split") or "")
    if split and split not in _PARTS:
        raise SplitError(f"part {split} of {name} in {path}", f"one of {', '.join(_PARTS)}", "mend the column split")
    given = row["labels"]
    labels: Iterable[str] = given.split(";") if isinstance(given, str) else given or ()
    return Place(
        name,
        tuple(label.strip() for label in labels if label.strip()),
        _PARTS[split] if split else "",
        str(row.get("scene") or ""),
        _pair(path, row, "row", "col"),
        _pair(path, row, "left", "top"),
    )


def _pair(path: Path, row: Mapping[str, Any], one: str, other: str) -> tuple[float, float] | None:
    given = [row.get(one), row.get(other)]
    if all(value in (None, "") for value in given):
        return None
    try:
        first, second = (float(value) for value in given)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        first = second = math.nan
    if not (math.isfinite(first) and math.isfinite(second)):
        raise SceneError(
            f"{one} {given[0]}, {other} {given[1]} of {row['patch_id']} in {path}", "two numbers", "mend that row"
        )
    return first, second

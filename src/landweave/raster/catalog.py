"""A catalog of scenes: STAC items in one GeoParquet file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pystac
import stac_geoparquet.arrow

from landweave.atomic import aside
from landweave.errors import CatalogError
from landweave.raster.item import from_item, to_item
from landweave.raster.scene import Scene


def write_catalog(scenes: Sequence[Scene], path: Path) -> None:
    """Write scenes as STAC items into one GeoParquet file, aside and renamed; `read_catalog` gives equal scenes.

    Raises:
        CatalogError: There is no scene, two are of one name, or a path is not UTF-8.
        OutputError: The place cannot be written.
    """
    write_table(to_table(scenes), path)


def to_table(scenes: Sequence[Scene]) -> pyarrow.Table:
    """The scenes as a table of STAC items.

    Raises:
        CatalogError: There is no scene, two are of one name, or a path is not UTF-8.
    """
    if not scenes:
        raise CatalogError("no scene for a catalog", "at least one", "name folders that hold scenes")
    # Masks of two scenes with one name would be told apart by nobody later.
    _check_ids(scenes)
    items = [to_item(scene).to_dict(include_self_link=False) for scene in scenes]
    _check_text(items)
    # One batch: the columns are known before the first row is written, whatever scenes there are.
    return stac_geoparquet.arrow.parse_stac_items_to_arrow(items).read_all()


def write_table(table: pyarrow.Table, path: Path) -> None:
    """Write what `to_table` gave, aside and renamed.

    Raises:
        OutputError: The place cannot be written.
    """
    with aside(path) as temporary:
        stac_geoparquet.arrow.to_parquet(table, temporary)


_MAKE = "make it with landweave catalog FOLDER -o catalog.parquet"


def read_catalog(path: Path) -> list[Scene]:
    """The scenes of a catalog, in its order.

    Raises:
        CatalogError: It is missing, damaged, empty or of another format.
    """
    if not path.is_file():
        raise CatalogError(f"{path}, which is no file", "a catalog of landweave", _MAKE)
    try:
        table = pyarrow.parquet.read_table(path)
        items = list(stac_geoparquet.arrow.stac_table_to_items(table))
    except (OSError, pyarrow.ArrowException, KeyError, ValueError) as error:
        raise CatalogError(f"{path}: {error}", "a catalog of landweave", _MAKE) from error
    if not items:
        raise CatalogError(f"{path}, which is empty", "at least one scene", "make the catalog again")
    return [from_item(pystac.Item.from_dict(item)) for item in items]


def _check_ids(scenes: Sequence[Scene]) -> None:
    seen: dict[str, Scene] = {}
    for scene in scenes:
        if other := seen.get(scene.id):
            first, second = (next(iter(each.files.values())).href for each in (other, scene))
            raise CatalogError(
                f"two scenes called {scene.id}: {first} and {second}",
                "each scene once",
                "leave one of the folders away, or give one an id of its own in its sidecar",
            )
        seen[scene.id] = scene


def _check_text(items: Sequence[dict[str, Any]]) -> None:
    for item in items:
        for asset in item["assets"].values():
            try:
                asset["href"].encode("utf-8")
            except UnicodeEncodeError as error:
                shown = asset["href"].encode("utf-8", "backslashreplace").decode("utf-8")
                raise CatalogError(
                    f"the path {shown}, which is not UTF-8", "paths in UTF-8", "rename the folder or file"
                ) from error

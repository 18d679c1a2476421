"""The STAC item of a map: where and when, which classes, and what made it. Holds no time of its own. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import pystac
from odc.geo.geobox import GeoBox

from landweave.legend import Legend
from landweave.mapping.head import NODATA, STEPS
from landweave.mapping.merge import RULES, Rule
from landweave.models.card import Card
from landweave.raster.item import footprint, projection
from landweave.raster.scene import Scene

FORMAT = 1
_EXTENSIONS = [
    "https://stac-extensions.github.io/classification/v2.0.0/schema.json",
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
]
_BLENDED = "the network has no finite field of view: neighbouring tiles overlap and are blended by a linear taper"
_SEAMLESS = "every tile sees as far as the network does: the map is the same however it is cut"
COG = pystac.MediaType.COG
PARQUET = "application/vnd.apache.parquet"


def map_item(
    name: str,
    grid: GeoBox,
    scenes: Sequence[Scene],
    card: Card,
    *,
    rule: Rule,
    layers: Iterable[str],
    facts: Mapping[str, Any],
    is_blended: bool,
    sheets: Mapping[str, Mapping[str, GeoBox]] | None = None,
    has_objects: bool = False,
    has_buckets: bool = False,
) -> str:
    """The item as JSON text; equal arguments give equal text.

    Args:
        name: The item's id.
        grid: The map's grid.
        scenes: What was mapped.
        card: What it was mapped with.
        rule: How scenes of one place became one.
        layers: The layers beside the labels.
        facts: What else is worth saying, under names with "landweave:".
        is_blended: Whether tiles were blended.
        sheets: For each layer in several files, "map" among them, their paths and grids.
        has_objects: Whether objects were drawn.
        has_buckets: Whether a gallery decided which card maps a tile.
    """
    outline = footprint(grid)
    times = sorted(scene.datetime for scene in scenes)
    spans = {"start_datetime": times[0].isoformat(), "end_datetime": times[-1].isoformat()}
    item = pystac.Item(
        id=name,
        geometry=outline,
        bbox=list(grid.geographic_extent.boundingbox) if outline else None,
        datetime=times[0] if times[0] == times[-1] else None,
        properties={
            **({} if times[0] == times[-1] else spans),
            **projection(grid),
            "landweave:format": FORMAT,
            "landweave:sensor": card.sensor,
            "landweave:network": card.network,
            "landweave:card": card.identity,
            "landweave:legend": card.legend.name,
            "landweave:scenes": [scene.id for scene in scenes],
            "landweave:merged_by": RULES[rule],
            "landweave:tiles": _BLENDED if is_blended else _SEAMLESS,
            **facts,
        },
        stac_extensions=_EXTENSIONS,
    )
    for key, asset in (*_assets(card, layers, sheets or {}), *_tables(has_objects, has_buckets)):
        item.add_asset(key, asset)
    return json.dumps(item.to_dict(include_self_link=False), indent=1, sort_keys=True, ensure_ascii=False) + "\n"


def _assets(
    card: Card, layers: Iterable[str], sheets: Mapping[str, Mapping[str, GeoBox]]
) -> Iterator[tuple[str, pystac.Asset]]:
    legend = card.legend
    bands = [{"data_type": "uint8", "nodata": legend.nodata, "spatial_resolution": card.pixel_size_m}]
    words: dict[str, Any] = {"classification:classes": classes(legend), "raster:bands": bands}
    yield from _layer("map", "Land cover", words, sheets.get("map", {}))
    steps = {"data_type": "uint8", "nodata": NODATA, "scale": 1 / STEPS, "offset": 0.0}
    if "probabilities" in layers:
        words = {"raster:bands": [{**steps, "name": text} for text in legend.names]}
        yield from _layer("probabilities", "Probability of every class", words, sheets.get("probabilities", {}))
    if "entropy" in layers:
        title = "Entropy of the probabilities, 0 sure to 1 clueless"
        yield from _layer("entropy", title, {"raster:bands": [steps]}, sheets.get("entropy", {}))
    json_type = pystac.MediaType.JSON
    yield "job", pystac.Asset("./job.json", "What decided this map", media_type=json_type, roles=["metadata"])


def _tables(has_objects: bool, has_buckets: bool) -> Iterator[tuple[str, pystac.Asset]]:
    if has_objects:
        yield "objects", pystac.Asset("./objects.parquet", "Objects", media_type=PARQUET, roles=["data"])
    if has_buckets:
        title = "Bucket and distance of every tile"
        yield "buckets", pystac.Asset("./buckets.tif", title, media_type=COG, roles=["data"])
        yield "tiles", pystac.Asset("./buckets.parquet", title, media_type=PARQUET, roles=["data"])


def _layer(
    stem: str, title: str, words: dict[str, Any], sheets: Mapping[str, GeoBox]
) -> Iterator[tuple[str, pystac.Asset]]:
    """A layer as one file; or the small file that shows all its sheets, and after it the sheets."""
    ending, kind = (".vrt", pystac.MediaType.XML) if sheets else (".tif", COG)
    yield stem, pystac.Asset(f"./{stem}{ending}", title, media_type=kind, roles=["data"], extra_fields=words)
    for path, grid in sheets.items():
        name, where = path.removesuffix(".tif").rpartition("/")[2], projection(grid)
        fields = {**words, "proj:shape": where["proj:shape"], "proj:transform": where["proj:transform"]}
        yield (
            name,
            pystac.Asset(f"./{path}", f"{title}, a part", media_type=COG, roles=["data"], extra_fields=fields),
        )


def classes(legend: Legend) -> list[dict[str, Any]]:
    """The legend in the words of STAC's classification extension, no data last."""
    found: list[dict[str, Any]] = [
        {
            "value": entry.id,
            "name": re.sub(r"[^0-9A-Za-z]+", "-", entry.name).strip("-").lower() or f"class-{entry.id}",
            "title": entry.name,
            "description": entry.name,
            "color_hint": entry.color.lstrip("#").upper(),
        }
        for entry in legend.classes
    ]
    return [*found, {"value": legend.nodata, "name": "no-data", "description": "no data", "nodata": True}]

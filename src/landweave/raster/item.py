"""Scenes and STAC items: the projection, eo and raster extensions, and what landweave adds to them."""

from __future__ import annotations

import datetime as dt
import json
import math
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pystac
from odc.geo.geobox import GeoBox
from odc.geo.geom import Geometry
from rasterio import Affine
from shapely.geometry import mapping

from landweave.errors import CatalogError, LandweaveError, RadiometryError, SceneError, SensorError
from landweave.raster.files import grid_of, is_remote
from landweave.raster.scene import BandFile, MaskFile, MaskKind, Scene
from landweave.sensors import Band, Sensor, sensor

FORMAT = 1
_EXTENSIONS = [
    "https://stac-extensions.github.io/projection/v2.0.0/schema.json",
    "https://stac-extensions.github.io/eo/v1.1.0/schema.json",
    "https://stac-extensions.github.io/raster/v1.1.0/schema.json",
]
# GeoParquet wants a geometry; a scene without a CRS lies nowhere.
_NOWHERE: dict[str, Any] = {"type": "Polygon", "coordinates": []}
_MASK_KEYS: Mapping[str, MaskKind] = {
    "scl": "scl",
    "SCL": "scl",
    "SCL_20m": "scl",
    "qa_pixel": "qa_pixel",
    "QA_PIXEL": "qa_pixel",
}


def footprint(grid: GeoBox) -> dict[str, Any] | None:
    """The outline of a grid in longitude and latitude as GeoJSON; None where the grid has no CRS."""
    if grid.crs is None:
        return None
    return _geojson(grid.geographic_extent)


def _geojson(extent: Geometry) -> dict[str, Any]:
    outline: dict[str, Any] = json.loads(json.dumps(mapping(extent.geom)))
    return outline


def projection(grid: GeoBox) -> dict[str, Any]:
    """The grid in the words of STAC's projection extension."""
    crs = grid.crs
    code = crs.to_epsg() if crs is not None else None
    words: dict[str, Any] = {"proj:code": f"EPSG:{code}" if code else None}
    if crs is not None and not code:
        words["proj:wkt2"] = crs.to_wkt()
    return {**words, "proj:shape": list(grid.shape), "proj:transform": [float(v) for v in grid.affine[:6]]}


def to_item(scene: Scene) -> pystac.Item:
    """A scene as a STAC item; `from_item` gives an equal scene back."""
    extent = None if scene.grid.crs is None else scene.grid.geographic_extent
    properties = {
        "landweave:format": FORMAT,
        "landweave:sensor": json.dumps(asdict(scene.sensor), sort_keys=True),
        "landweave:baseline": scene.baseline,
        "eo:cloud_cover": scene.cloud_cover,
        **projection(scene.grid),
    }
    item = pystac.Item(
        id=scene.id,
        geometry=_geojson(extent) if extent else _NOWHERE,
        bbox=list(extent.boundingbox) if extent else [0.0] * 4,
        datetime=scene.datetime,
        properties={key: value for key, value in properties.items() if value is not None or key == "proj:code"},
        stac_extensions=_EXTENSIONS,
    )
    for band in scene.require(scene.bands):
        item.add_asset(band.name, _band_asset(band, scene.files[band.name]))
    if scene.mask is not None:
        words = {"landweave:mask": scene.mask.kind, "landweave:index": scene.mask.index}
        item.add_asset("mask", pystac.Asset(scene.mask.href, roles=["data-mask"], extra_fields=words))
    return item


def _band_asset(band: Band, file: BandFile) -> pystac.Asset:
    eo: dict[str, Any] = {"name": band.name}
    if band.wavelength_nm is not None:
        eo["center_wavelength"] = band.wavelength_nm / 1000
    raster = {"scale": file.scale, "offset": file.offset}
    if file.nodata is not None and math.isfinite(file.nodata):
        raster["nodata"] = file.nodata
    # As a text, for neither JSON nor a column of Parquet holds a number, NaN and nothing side by side.
    words = {"landweave:index": file.index, "landweave:nodata": str(file.nodata)}
    words = {"eo:bands": [eo], "raster:bands": [raster], **words}
    return pystac.Asset(file.href, roles=["data"], extra_fields=words)


def item_files(folder: Path) -> list[Path]:
    """The STAC items with assets among the json files of `folder`."""
    return [path for path in sorted(folder.glob("*.json")) if _is_item(path)]


def _is_item(path: Path) -> bool:
    try:
        values = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        # What was cut short is still an item, and refused by name when it is read.
        return _looks_like_item(path)
    if not isinstance(values, dict) or "stac_version" not in values:
        return False
    # Maps of landweave have items too, which are no scenes.
    return bool(values.get("assets")) and "landweave:legend" not in (values.get("properties") or {})


def _looks_like_item(path: Path) -> bool:
    try:
        return b'"stac_' in path.read_bytes()
    except OSError:
        return False


def read_item_file(path: Path, told: float | None = None, sensors: Mapping[str, Sensor] | None = None) -> Scene:
    """The scene of a STAC item on disk; files beside it count before those that the item names elsewhere.

    Raises:
        SceneError: It is no item, or its files cannot be read.
        SensorError: Sensor or bands are unknown.
        RadiometryError: Nobody tells the offset, or two tell differently.
    """
    try:
        item = pystac.Item.from_file(str(path))
    except (pystac.STACError, ValueError, KeyError, TypeError) as error:
        raise SceneError(f"{path}: {error}", "a STAC item", "fetch it again, or move it elsewhere") from error
    # Items downloaded with their files still point to where they came from.
    for asset in item.assets.values():
        beside = path.parent / asset.href.rsplit("/", 1)[-1]
        if beside.is_file():
            asset.href = str(beside.resolve())
    return from_item(item, told, sensors)


def from_item(item: pystac.Item, told: float | None = None, sensors: Mapping[str, Sensor] | None = None) -> Scene:
    """The scene of a STAC item, of landweave's own catalogs or of an agency's.

    An offset that was removed upstream (`earthsearch:boa_offset_applied`, or an offset of 0 in `raster:bands`) is not
    removed again.

    Args:
        item: The item.
        told: The offset in stored numbers for products whose processing baseline does not tell.
        sensors: A user's own sensors.

    Raises:
        SensorError: The sensor is unknown, or no asset is one of its bands.
        RadiometryError: Nobody tells the offset, or two tell differently.
        SceneError: The item is damaged, or its grid is not in it and its files cannot be read.
        CatalogError: The item is of a newer format.
    """
    try:
        return _scene(item, told, sensors)
    except LandweaveError:
        raise
    except (ArithmeticError, ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise SceneError(
            f"item {item.id}: {type(error).__name__}: {error}",
            "a STAC item with the projection, eo and raster extensions as they are published",
            "fetch it again, or describe the files with sidecars",
        ) from error


def _scene(item: pystac.Item, told: float | None, sensors: Mapping[str, Sensor] | None) -> Scene:
    _check_format(item)
    known = _sensor(item, sensors or {})
    assets = {name: asset for key, asset in item.assets.items() if (name := _band_name(key, asset, known))}
    if not assets:
        raise SensorError(
            f"item {item.id} with assets {', '.join(item.assets)}",
            f"bands of {known.name}: {', '.join(known.band_names)}",
            "name the right collection, or describe the files with sidecars",
        )
    files = {
        name: _band_file(item, assets[name], known.band(name), known, told)
        for name in known.band_names
        if name in assets
    }
    clouds = item.properties.get("eo:cloud_cover")
    return Scene(
        id=item.id,
        sensor=known,
        datetime=_time(item),
        grid=_grid(item, assets),
        files=files,
        mask=_mask(item),
        baseline=_baseline(item),
        cloud_cover=None if clouds is None else float(clouds),
    )


def _check_format(item: pystac.Item) -> None:
    stated = item.properties.get("landweave:format", FORMAT)
    if stated != FORMAT:
        raise CatalogError(
            f"item {item.id} of format {stated}", f"format {FORMAT}", "make the catalog again with this version"
        )


def _sensor(item: pystac.Item, sensors: Mapping[str, Sensor]) -> Sensor:
    own = item.properties.get("landweave:sensor")
    if own is not None:
        values = json.loads(own)
        bands = tuple(Band(**band) for band in values.pop("bands"))
        return Sensor(**{**values, "rgb": tuple(values["rgb"])}, bands=bands)
    words = " ".join(str(word) for word in _words(item)).lower()
    for pattern, name in _KNOWN:
        if re.search(pattern, words):
            return sensor(name, sensors)
    raise SensorError(
        f"item {item.id} of collection {item.collection_id}, whose sensor landweave does not recognise",
        "an item of Sentinel-2 level 1C or 2A, or of Landsat 8 or 9 Collection 2 level 2",
        "describe the files with sidecars and a sensor of your own",
    )


def _words(item: pystac.Item) -> Iterator[object]:
    """Where agencies say what an item is."""
    yield item.id
    yield item.collection_id
    for key in ("platform", "s2:product_type", "s2:product_uri", "eo:platform"):
        yield item.properties.get(key)


_KNOWN = (
    (r"sentinel-2\S*-l1c|\bs2[a-d]_\S*(_l1c|msil1c)", "sentinel-2-l1c"),
    (r"sentinel-2\S*-l2a|\bs2[a-d]_\S*(_l2a|msil2a)", "sentinel-2-l2a"),
    (r"\blc08_l2s[pr]|landsat-c2\S*l2\S*.*landsat[-_]8", "landsat-8-c2l2"),
    (r"\blc09_l2s[pr]|landsat-c2\S*l2\S*.*landsat[-_]9", "landsat-9-c2l2"),
)


def _band_name(key: str, asset: pystac.Asset, known: Sensor) -> str | None:
    """The sensor's band that an asset is: by its key, its bands' name, or the end of its file's name."""
    stem = asset.href.rsplit("/", 1)[-1].rsplit(".", 1)[0]
    # A preview in colours has bands too, but several.
    bands = asset.extra_fields.get("eo:bands") or asset.extra_fields.get("bands") or []
    names = [str(band.get("name", "")) for band in bands] if len(bands) == 1 else []
    # Some name the resolution behind the band.
    tails = [stem, re.sub(r"_\d+m$", "", stem)]
    for text in (key, re.sub(r"_\d+m$", "", key), *names, *(name.replace("OLI_B", "SR_B") for name in names)):
        if text in known.band_names:
            return text
    if len(bands) > 1:
        return None
    return next(
        (name for name in known.band_names for tail in tails if tail == name or tail.endswith(f"_{name}")), None
    )


def _band_file(item: pystac.Item, asset: pystac.Asset, band: Band, known: Sensor, told: float | None) -> BandFile:
    stated = _raster(asset)
    own = asset.extra_fields.get("landweave:nodata")
    nodata = stated.get("nodata", known.nodata) if own is None else None if own == "None" else own
    return BandFile(
        href=_href(asset),
        index=int(asset.extra_fields.get("landweave:index", 1)),
        scale=float(stated.get("scale", band.scale)),
        offset=_offset(item, stated, known, band, told),
        nodata=None if nodata is None else float(nodata),
    )


def _raster(asset: pystac.Asset) -> dict[str, Any]:
    """Scale, offset and nodata as STAC 1.0 (raster:bands) or 1.1 (bands, raster:scale) says them."""
    fields = asset.extra_fields
    bands = fields.get("raster:bands") or fields.get("bands") or [{}]
    words = {**fields, **bands[0]}
    found = {name: words.get(name, words.get(f"raster:{name}")) for name in ("scale", "offset")}
    stated = {name: value for name, value in found.items() if value is not None}
    return {**stated, "nodata": words["nodata"]} if "nodata" in words else stated


def _offset(item: pystac.Item, stated: Mapping[str, Any], known: Sensor, band: Band, told: float | None) -> float:
    # Our own items state what is left to add; there is nothing to look up.
    if "landweave:format" in item.properties:
        return float(stated["offset"])
    if not known.baseline_offsets:
        return float(stated.get("offset", band.offset))
    # Its raster:bands go on stating -0.1 for pixels from which it was taken away.
    if item.properties.get("earthsearch:boa_offset_applied") is True:
        _check_told(item, told, 0)
        return 0.0
    scale = float(stated.get("scale", band.scale))
    if "offset" not in stated:
        return known.offset_number(_baseline(item), told) * scale
    # In stored numbers, as baselines and --offset say it.
    number = round(float(stated["offset"]) / scale)
    _check_told(item, told, number)
    if number:
        known.offset_number(_baseline(item), number)
    return float(stated["offset"])


def _check_told(item: pystac.Item, told: float | None, stated: float) -> None:
    if told is not None and told != stated:
        raise RadiometryError(
            f"offset {told:g} for {item.id}, whose item states {stated:g}",
            "the offset that the item states",
            "leave --offset away for this item",
        )


def _baseline(item: pystac.Item) -> str | None:
    for key in ("landweave:baseline", "s2:processing_baseline", "processing:version"):
        if (value := item.properties.get(key)) is not None:
            return str(value)
    match = re.search(r"_N(\d{2})(\d{2})_", str(item.properties.get("s2:product_uri", item.id)))
    return f"{match[1]}.{match[2]}" if match else None


def _mask(item: pystac.Item) -> MaskFile | None:
    for key, asset in item.assets.items():
        kind: MaskKind | None = asset.extra_fields.get("landweave:mask") or _MASK_KEYS.get(key)
        if kind is not None:
            return MaskFile(_href(asset), kind, int(asset.extra_fields.get("landweave:index", 1)))
    return None


def _href(asset: pystac.Asset) -> str:
    return asset.href if is_remote(asset.href) else asset.get_absolute_href() or asset.href


def _time(item: pystac.Item) -> dt.datetime:
    time = item.datetime or item.common_metadata.start_datetime
    if time is None:
        raise SceneError(f"item {item.id} without a time", "a datetime", "correct the item")
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _grid(item: pystac.Item, assets: Mapping[str, pystac.Asset]) -> GeoBox:
    """The grid of the finest band: as the assets say it, else the item, else the file itself."""
    # The item's own projection is that of all its assets, unless one says otherwise.
    words = [{**item.properties, **asset.extra_fields} for asset in assets.values()]
    grids = [grid for fields in words if (grid := _stated_grid(fields))]
    if not grids:
        grids = [grid_of(_href(asset)) for asset in assets.values()]
    return min(grids, key=lambda grid: abs(grid.affine.a))


def _stated_grid(fields: Mapping[str, Any]) -> GeoBox | None:
    if not fields.get("proj:shape") or not fields.get("proj:transform"):
        return None
    code = fields.get("proj:code") or (f"EPSG:{fields['proj:epsg']}" if fields.get("proj:epsg") else None)
    crs = code or fields.get("proj:wkt2")
    if crs is None and "landweave:format" not in fields:
        return None
    height, width = fields["proj:shape"]
    return GeoBox((int(height), int(width)), Affine(*fields["proj:transform"][:6]), crs)

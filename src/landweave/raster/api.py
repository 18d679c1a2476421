"""Scenes from a STAC API."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pystac
import pystac_client
import requests
from pystac_client.exceptions import APIError
from pystac_client.stac_api_io import StacApiIO
from urllib3 import Retry

from landweave.errors import CatalogError, LandweaveError
from landweave.raster.item import from_item
from landweave.raster.products import Found, Unread
from landweave.raster.scene import Scene
from landweave.sensors import Sensor

_TIMEOUT_S = 60
_CONNECT_RETRIES = 1


def search_api(
    url: str,
    *,
    collections: Sequence[str] = (),
    bbox: Sequence[float] | None = None,
    period: str | None = None,
    max_cloud_cover: float | None = None,
    max_items: int | None = None,
    offset: float | None = None,
    sensors: Mapping[str, Sensor] | None = None,
    num_retries: int = 5,
) -> Found:
    """The scenes that a STAC API finds, by time and name, and the items that are none.

    A server that is busy or fails (429, 500, 502, 503, 504) is asked again, later each time.

    Args:
        url: The API's root.
        collections: Names of collections; all where empty.
        bbox: West, south, east, north in degrees.
        period: "2020-06-01/2020-08-31", or one of both ends as "..".
        max_cloud_cover: Per cent. Items that do not say theirs are kept.
        max_items: At most so many, before clouds are looked at.
        offset: The offset in stored numbers for items whose processing baseline does not tell.
        sensors: A user's own sensors.
        num_retries: How often to ask again.

    Raises:
        CatalogError: The API does not answer, refuses, or is none.
    """
    # A search is asked by POST, which urllib3 would not repeat unless told that it changes nothing.
    # An address where nobody answers is mostly a slip: it is told at once, not after half a minute.
    retry = Retry(
        total=num_retries,
        connect=min(num_retries, _CONNECT_RETRIES),
        backoff_factor=0.5,
        status_forcelist=(429, 500, 502, 503, 504),
        allowed_methods=None,
    )
    words: dict[str, Any] = {"bbox": bbox, "datetime": period, "max_items": max_items}

    def ask() -> list[pystac.Item]:
        client = pystac_client.Client.open(url, stac_io=StacApiIO(max_retries=retry, timeout=_TIMEOUT_S))
        return list(client.search(collections=list(collections) or None, **words).items())

    # Not every server can filter by clouds, and those that can do it in different languages.
    items = [item for item in _asked(url, ask) if _is_clear(item, max_cloud_cover)]
    scenes: list[Scene] = []
    unread: list[Unread] = []
    for item in items:
        try:
            scenes.append(from_item(item, offset, sensors))
        except LandweaveError as error:
            unread.append(Unread(Path(item.id), error))
    return Found(tuple(sorted(scenes, key=lambda scene: (scene.datetime, scene.id))), tuple(unread))


def _asked(url: str, ask: Callable[[], list[pystac.Item]]) -> list[pystac.Item]:
    try:
        return ask()
    except (APIError, pystac.STACError, requests.RequestException, ValueError, KeyError, NotImplementedError) as error:
        raise CatalogError(
            f"{url}: {error}", "a STAC API that answers", "check the address, the collection and the network"
        ) from error


def _is_clear(item: pystac.Item, max_cloud_cover: float | None) -> bool:
    clouds = item.properties.get("eo:cloud_cover")
    return max_cloud_cover is None or clouds is None or float(clouds) <= max_cloud_cover

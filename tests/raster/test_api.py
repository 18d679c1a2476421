"""Scenes from STAC APIs."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import pytest
from tests.raster import serving, stac_server
from tests.raster.test_item import EARTH_SEARCH

from landweave.errors import CatalogError, RadiometryError
from landweave.raster.api import search_api

COLLECTION = {
    "type": "Collection", "id": "sentinel-2-l2a", "stac_version": "1.0.0", "description": "a test", "license": "other",
    "extent": {"spatial": {"bbox": [[-180, -90, 180, 90]]}, "temporal": {"interval": [["2015-01-01T00:00:00Z", None]]}},
    "links": [],
}  # fmt: skip


def item(day: int, lon: float = 10.0, **properties: Any) -> dict[str, Any]:
    west, south, east, north = lon, 45.0, lon + 1, 46.0
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {
        "type": "Feature", "stac_version": "1.0.0", "stac_extensions": [], "collection": "sentinel-2-l2a",
        "id": f"S2B_32TNR_202407{day:02d}_{lon:.0f}_L2A", "bbox": [west, south, east, north], "links": [],
        "geometry": {"type": "Polygon", "coordinates": [ring]}, "assets": EARTH_SEARCH,
        "properties": {"datetime": f"2024-07-{day:02d}T10:00:00Z", "eo:cloud_cover": 3 * day,
                       "s2:processing_baseline": "05.10", **properties},
    }  # fmt: skip


def test_items_become_scenes_by_time() -> None:
    with serving.api([item(3), item(1)]) as traffic:
        found = search_api(traffic.url, collections=["sentinel-2-l2a"])
    assert [scene.datetime.day for scene in found.scenes] == [1, 3]
    assert found.unread == ()
    assert found.scenes[0].files["B02"].href == "https://example.org/B02.tif"
    assert found.scenes[0].files["B02"].offset == pytest.approx(-0.1)


def test_cloudy_items_are_left_away_and_unknown_ones_kept() -> None:
    unknown = item(9)
    del unknown["properties"]["eo:cloud_cover"]
    with serving.api([item(1), item(5), unknown]) as traffic:
        found = search_api(traffic.url, max_cloud_cover=10)
    assert [scene.datetime.day for scene in found.scenes] == [1, 9]


def test_items_that_are_no_scenes_are_named() -> None:
    silent = item(2)
    del silent["properties"]["s2:processing_baseline"]
    with serving.api([item(1), silent]) as traffic:
        found = search_api(traffic.url)
        told = search_api(traffic.url, offset=-1000)
    assert len(found.scenes) == 1
    (unread,) = found.unread
    assert unread.path.name == silent["id"]
    assert isinstance(unread.reason, RadiometryError)
    assert len(told.scenes) == 2


@pytest.mark.parametrize("refusal", [429, 500, 503])
def test_a_busy_server_is_asked_again(refusal: int) -> None:
    with serving.api([item(1)], refusals=2, refusal=refusal) as traffic:
        assert len(search_api(traffic.url, num_retries=3).scenes) == 1
        assert traffic.refusals_left == 0
        assert len(traffic.requests) == 4


def test_a_server_that_stays_busy_is_named() -> None:
    with serving.api([item(1)], refusals=99) as traffic, pytest.raises(CatalogError) as caught:
        search_api(traffic.url, num_retries=1)
    assert traffic.url in caught.value.given
    assert "a STAC API that answers" in caught.value.expected
    assert "network" in caught.value.do


def test_a_refusal_is_not_repeated() -> None:
    with serving.api([item(1)], refusals=1, refusal=403) as traffic, pytest.raises(CatalogError):
        search_api(traffic.url)
    assert len(traffic.requests) == 1


def test_a_server_that_is_gone_or_none_is_named() -> None:
    with serving.api([]) as traffic:
        pass
    with pytest.raises(CatalogError, match=traffic.url):
        search_api(traffic.url, num_retries=0)


def test_an_address_where_nobody_answers_is_told_within_seconds() -> None:
    with serving.api([]) as traffic:
        pass
    began = time.monotonic()
    with pytest.raises(CatalogError, match=traffic.url):
        search_api(traffic.url)
    assert time.monotonic() - began < 5


@pytest.fixture(scope="module")
def pgstac() -> Iterator[str]:
    """An API of another make: 30 days here and one day elsewhere."""
    items = [item(day) for day in range(1, 31)] + [item(15, lon=20.0)]
    with stac_server.running(COLLECTION, items) as url:
        yield url


@pytest.mark.postgres
@pytest.mark.parametrize(("words", "days"), [
    ({}, [*range(1, 16), *range(15, 31)]),
    ({"bbox": (10.2, 45.1, 10.3, 45.2)}, list(range(1, 31))),
    ({"bbox": (20.2, 45.1, 20.3, 45.2)}, [15]),
    ({"period": "2024-07-02/2024-07-06"}, [2, 3, 4, 5, 6]),
    ({"max_cloud_cover": 12}, [1, 2, 3, 4]),
    ({"bbox": (10, 45, 11, 46), "period": "2024-07-03/..", "max_cloud_cover": 14}, [3, 4]),
    ({"bbox": (-60.0, 0.0, -59.0, 1.0)}, []),
])  # fmt: skip
def test_an_api_of_another_make(pgstac: str, words: dict[str, Any], days: list[int]) -> None:
    found = search_api(pgstac, collections=["sentinel-2-l2a"], **words)
    assert [scene.datetime.day for scene in found.scenes] == days
    assert found.unread == ()
    for scene in found.scenes:
        assert scene.sensor.name == "sentinel-2-l2a"
        assert scene.bands == ("B02", "B05")
        assert scene.grid.shape == (60, 60)


@pytest.mark.postgres
def test_an_unknown_collection_finds_nothing_or_is_refused(pgstac: str) -> None:
    assert search_api(pgstac, collections=["no-such-collection"]).scenes == ()


@pytest.mark.postgres
def test_a_wrong_box_is_refused_by_name(pgstac: str) -> None:
    with pytest.raises(CatalogError, match=pgstac):
        search_api(pgstac, bbox=(11.0, 46.0, 10.0, 95.0))

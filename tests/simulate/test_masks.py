"""Masks as agencies deliver them."""

from __future__ import annotations

import numpy as np

from landweave.legend import legend
from landweave.raster.clouds import usable
from landweave.simulate.masks import Seen, qa_pixel, scl

WATER, CROP, TOWN = (legend("simulated-8").index(name) for name in ("Water", "Cropland", "Built-up"))
# Clear land, clear water, cloud, its thin edge, shadow, snow, outside.
LAND = np.array([[CROP, WATER, CROP, CROP, CROP, CROP, TOWN]], np.uint8)
CLOUD = np.array([[0, 0, 0.9, 0.3, 0, 0, 0]], np.float32)
SHADOW = np.array([[0, 0, 0, 0, 0.8, 0, 0]], np.float32)
SNOW = np.array([[0, 0, 0, 0, 0, 0.9, 0]], np.float32)
INSIDE = np.array([[True, True, True, True, True, True, False]])
SEEN = Seen(LAND, CLOUD, SHADOW, SNOW, INSIDE)


def test_scene_classification() -> None:
    assert scl(SEEN).tolist() == [[4, 6, 9, 8, 3, 11, 0]]
    assert scl(SEEN).dtype == np.uint8


def test_pixel_quality_has_the_numbers_of_the_product_guide() -> None:
    # USGS, Landsat 8-9 Collection 2 Level 2 Science Product Guide, table of QA_PIXEL values: 21824 clear, 21952 water,
    # 22280 high confidence cloud, 23888 high confidence cloud shadow, 30048 high confidence snow, 1 fill.
    found = qa_pixel(SEEN)[0].tolist()
    assert [found[place] for place in (0, 1, 2, 4, 5, 6)] == [21824, 21952, 22280, 23888, 30048, 1]
    assert found[3] & 0b10


def test_what_is_usable_agrees() -> None:
    expected = [[True, True, False, False, False, True, False]]
    assert usable(scl(SEEN), "scl").tolist() == expected
    assert usable(qa_pixel(SEEN), "qa_pixel").tolist() == expected

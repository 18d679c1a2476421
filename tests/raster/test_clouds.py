"""Which pixels the agencies' masks leave."""

from __future__ import annotations

import numpy as np
import pytest

from landweave.raster.clouds import usable

# Sentinel-2 scene classification, and whether such a pixel is used.
SCL = {
    0: ("no data", False),
    1: ("defective", False),
    2: ("dark", True),
    3: ("cloud shadow", False),
    4: ("vegetation", True),
    5: ("bare", True),
    6: ("water", True),
    7: ("unclassified", True),
    8: ("cloud, medium probability", False),
    9: ("cloud, high probability", False),
    10: ("thin cirrus", False),
    11: ("snow", True),
}


@pytest.mark.parametrize("number", SCL)
def test_scene_classification(number: int) -> None:
    assert usable(np.full((2, 3), number, np.uint8), "scl").tolist() == [[SCL[number][1]] * 3] * 2


# Bits of QA_PIXEL, Landsat 8-9 Collection 2 (LSDS-1619, table 6-3), and whether the bit alone spoils a pixel.
BITS = {0: True, 1: True, 2: True, 3: True, 4: True, 5: False, 6: False, 7: False, 8: False, 15: False}


@pytest.mark.parametrize("bit", BITS)
def test_single_bits_of_qa_pixel(bit: int) -> None:
    assert usable(np.full((1, 1), 1 << bit, np.uint16), "qa_pixel").item() is not BITS[bit]


# Numbers of whole pixels as they are published, same source.
PIXELS = {
    1: False,  # fill
    21824: True,  # clear
    21952: True,  # water
    21762: False,  # dilated cloud over clear
    22280: False,  # cloud, high confidence
    23888: False,  # cloud shadow, high confidence
    30048: True,  # snow
    54596: False,  # cirrus
    55052: False,  # cirrus and cloud
}


@pytest.mark.parametrize("number", PIXELS)
def test_published_numbers_of_qa_pixel(number: int) -> None:
    assert usable(np.array([[number]], np.uint16), "qa_pixel").item() is PIXELS[number]


def test_plain_masks() -> None:
    numbers = np.array([[0, 1, 2, 255]], np.uint8)
    assert usable(numbers, "cloud_mask").tolist() == [[True, False, False, False]]
    assert usable(numbers, "valid").tolist() == [[False, True, True, True]]


@pytest.mark.parametrize("kind", ["scl", "qa_pixel", "cloud_mask", "valid"])
def test_shape_and_type(kind: str) -> None:
    found = usable(np.zeros((5, 7), np.uint16), kind)  # type: ignore[arg-type]
    assert found.shape == (5, 7)
    assert found.dtype == np.bool_

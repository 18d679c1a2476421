"""Figures of a gallery: sheets pixel by pixel, curves and planes that say what they show."""

from __future__ import annotations

import numpy as np

from landweave.report.gallery import color, curve, plane, sheet


def test_a_sheet_has_its_pictures_side_by_side_on_white() -> None:
    pictures = [np.full((2, 3, 3), shade, np.uint8) for shade in (10, 20, 30)]
    whole = sheet(pictures, 2, gap_px=1)
    assert whole.shape == (5, 7, 3)
    assert whole[0, 0, 0] == 10
    assert whole[1, 4, 0] == 20
    assert whole[3, 2, 0] == 30
    assert (whole[2] == 255).all()
    assert (whole[:, 3] == 255).all()
    assert (whole[3:, 4:] == 255).all()


def test_a_sheet_of_few_pictures_is_as_wide_as_they_are() -> None:
    assert sheet([np.zeros((4, 4, 3), np.uint8)], 12).shape == (4, 4, 3)


def test_the_curve_says_which_number_was_chosen() -> None:
    text = curve([1, 2, 3, 4], [9.0, 4.0, 1.0, 0.9], 3)
    assert "3 clusters" in text
    assert "within-cluster variance" in text
    assert text == curve([1, 2, 3, 4], [9.0, 4.0, 1.0, 0.9], 3)


def test_the_plane_names_every_bucket_with_its_images() -> None:
    places = np.random.default_rng(0).normal(size=(50, 2)).astype(np.float32)
    buckets = (np.arange(50) % 3).astype(np.int32)
    text = plane(places, buckets, 4)
    for name in ("bucket 0 (17)", "bucket 2 (16)", "bucket 3 (0)"):
        assert name in text
    # Points are one picture inside: thousands of them as vectors would make no page.
    assert len(plane(np.tile(places, (100, 1)), np.tile(buckets, 100), 4)) < 400_000


def test_colours_come_in_turn() -> None:
    assert len({color(bucket) for bucket in range(12)}) == 12
    assert color(0) == color(12)

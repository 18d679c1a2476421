"""Parts never touch: blocks with gaps, whole numbers of blocks, measured distances."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from landweave.errors import SplitError
from landweave.patches.sample import SPLITS
from landweave.patches.split import Blocks, Fractions, Place, apart, check_apart, deal, distances
from landweave.tiling import Window

UTM33, UTM32 = "EPSG:32633", "EPSG:32632"


def box(left: float, split: str, plane: str = UTM33, bottom: float = 5_000_000.0) -> Place:
    return Place(plane, shapely.box(left, bottom, left + 100, bottom + 100), split)  # type: ignore[arg-type]


@given(
    st.integers(1, 40),
    st.integers(1, 3),
    st.integers(1, 9),
    st.tuples(st.integers(1, 90), st.integers(1, 90)),
    st.tuples(st.integers(-150, 150), st.integers(-150, 150)),
)
def test_windows_of_different_blocks_never_touch(
    patch_px: int, block_patches: int, gap_px: int, shape: tuple[int, int], corner: tuple[int, int]
) -> None:
    found = list(Blocks(patch_px, block_patches, gap_px).windows(shape, corner))
    seen = np.zeros((shape[0] + 2 * patch_px, shape[1] + 2 * patch_px), int)
    for _, window in found:
        rows, cols = Window(window.row + patch_px, window.col + patch_px, patch_px, patch_px).slices
        seen[rows, cols] += 1
    assert seen.max() <= 1
    for (one, a), (other, b) in itertools.islice(itertools.combinations(found, 2), 300):
        if one != other:
            apart_px = max(abs(a.row - b.row), abs(a.col - b.col)) - patch_px
            assert apart_px >= gap_px


def test_scenes_with_other_corners_share_blocks() -> None:
    blocks = Blocks(10, 2, 4)
    whole = {(w.row, w.col): block for block, w in blocks.windows((100, 100), (0, 0))}
    moved = {(w.row + 30, w.col + 17): block for block, w in blocks.windows((50, 50), (30, 17))}
    assert moved
    assert all(whole[place] == block for place, block in moved.items())


@pytest.mark.parametrize("gap_px", [0, -3])
def test_blocks_that_touch_are_refused(gap_px: int) -> None:
    with pytest.raises(SplitError) as caught:
        Blocks(10, 2, gap_px)
    assert str(gap_px) in caught.value.given
    assert "never touch" in caught.value.expected
    assert "gap_px" in caught.value.do


@given(st.integers(3, 300), st.integers(0, 9), st.sampled_from([(0.6, 0.2, 0.2), (0.98, 0.01, 0.01), (0.5, 0.5, 0.0)]))
def test_every_block_gets_a_part_in_the_wanted_fractions(num: int, seed: int, fractions: Fractions) -> None:
    names = [f"b{i}" for i in range(num)]
    dealt = deal(names, fractions, seed)
    assert set(dealt) == set(names)
    assert dealt == deal(reversed(names), fractions, seed)
    for split, fraction in zip(SPLITS, fractions, strict=True):
        size = sum(part == split for part in dealt.values())
        assert abs(size - fraction * num) <= 2
        assert (size > 0) == (fraction > 0)


def test_another_seed_deals_otherwise() -> None:
    names = [f"b{i}" for i in range(50)]
    assert deal(names, (0.6, 0.2, 0.2), 0) != deal(names, (0.6, 0.2, 0.2), 1)


@pytest.mark.parametrize("fractions", [(0.6, 0.2, 0.1), (0.0, 0.5, 0.5), (1.2, -0.2, 0.0), (math.nan, 0.5, 0.5)])
def test_fractions_that_are_none_are_refused(fractions: Fractions) -> None:
    with pytest.raises(SplitError) as caught:
        deal(["a", "b", "c"], fractions, 0)
    assert str(fractions) in caught.value.given
    assert "sum 1" in caught.value.expected
    assert "fractions=" in caught.value.do


def test_too_few_blocks_are_refused() -> None:
    with pytest.raises(SplitError) as caught:
        deal(["a", "b"], (0.6, 0.2, 0.2), 0)
    assert "2 blocks" in caught.value.given
    assert "each part" in caught.value.expected
    assert "smaller" in caught.value.do


def test_distances_are_those_of_the_nearest() -> None:
    places = [box(0, "train"), box(150, "test"), box(1000, "train"), box(1300, "validation")]
    assert distances(places) == {
        "train-validation": pytest.approx(200),
        "train-test": pytest.approx(50),
        "validation-test": pytest.approx(1050),
    }


def test_a_missing_part_has_no_distance() -> None:
    assert distances([box(0, "train"), box(150, "test")])["train-validation"] is None
    assert distances([]) == dict.fromkeys(("train-validation", "train-test", "validation-test"))


@pytest.mark.parametrize("shift", [100, 50, 0])
def test_parts_that_touch_or_overlap_are_refused(shift: float) -> None:
    places = [box(5000, "train"), box(0, "train"), box(shift, "test")]
    with pytest.raises(SplitError) as caught:
        check_apart(places, distances(places))
    assert "train and test" in caught.value.given and "at 0," in caught.value.given
    assert "land between" in caught.value.expected
    assert "gap" in caught.value.do


def test_parts_with_land_between_pass() -> None:
    places = [box(0, "train"), box(101, "test")]
    check_apart(places, distances(places))


def test_places_of_two_zones_are_compared_on_the_ground() -> None:
    # 12 degrees east is the border of both zones: easting 263 km in one, 737 km in the other, at 45 degrees north.
    places = [box(263_554, "train", UTM33, 4_987_329), box(736_446, "test", UTM32, 4_987_329)]
    found = distances(places)["train-test"]
    assert found is not None and found < 150
    planes = [box(0, "train", "scene a"), box(0, "test", "scene b")]
    assert distances(planes)["train-test"] is None


def test_the_weaker_part_yields() -> None:
    places = [box(0, "test"), box(150, "validation"), box(300, "train"), box(120, "train"), box(900, "validation")]
    assert apart(places, 60).tolist() == [True, False, True, False, True]
    assert apart(places, 1).tolist() == [True, True, True, False, True]
    kept = [place for place, keep in zip(places, apart(places, 60), strict=True) if keep]
    assert min(value for value in distances(kept).values() if value is not None) >= 60


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 5000), st.sampled_from(SPLITS)), max_size=30))
def test_distances_and_what_to_keep_equal_brute_force(drawn: list[tuple[int, int, str]]) -> None:
    places = [box(500_000.0 + x, split, UTM33, 5_000_000.0 + y) for x, y, split in drawn]
    found = distances(places)
    for one, other in itertools.combinations(SPLITS, 2):
        every = [a.shape.distance(b.shape) for a in places for b in places if (a.split, b.split) == (one, other)]
        assert found[f"{one}-{other}"] == (pytest.approx(min(every)) if every else None)
    keep = apart(places, 300)
    kept = [place for place, stays in zip(places, keep, strict=True) if stays]
    assert all(value >= 300 for value in distances(kept).values() if value is not None)
    assert [stays for place, stays in zip(places, keep, strict=True) if place.split == "test" and not stays] == []
    strong = [place for place in kept if place.split != "train"]
    for place, stays in zip(places, keep, strict=True):
        if place.split == "train" and not stays:
            assert min(place.shape.distance(other.shape) for other in strong) < 300


def test_many_places_are_compared_in_a_moment() -> None:
    rows, cols = np.divmod(np.arange(20_000), 200)
    places = [
        Place(UTM33, shapely.box(x, y, x + 1000, y + 1000), SPLITS[int(row) % 3])
        for row, x, y in zip(rows, 400_000 + 1200.0 * cols, 5_000_000 + 1200.0 * rows, strict=True)
    ]
    assert distances(places) == pytest.approx({"train-validation": 200, "train-test": 200, "validation-test": 200})
    touching = [*places, Place(UTM33, shapely.box(401_000, 5_000_000, 401_100, 5_001_000), "test")]
    with pytest.raises(SplitError) as caught:
        check_apart(touching, distances(touching))
    assert "at 400000, 5e+06" in caught.value.given

"""Where pairs are cut: within blocks, equally often for each class, rare classes in every part."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.datasets import pair_making as making

from landweave.datasets import pairspots
from landweave.datasets.pairspots import candidates, chosen, wanted
from landweave.errors import LegendError, SampleError
from landweave.raster.write import write_tile
from landweave.tiling import Window


@dataclass(frozen=True)
class Told:
    patch_px: int = 5
    per_class: int = 6
    fewer: bool = False
    block_px: int = 24
    gap_px: int = 2
    fractions: tuple[float, float, float] = (0.5, 0.25, 0.25)
    seed: int = 0


@pytest.fixture(scope="module")
def labels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("labels") / "classes.tif"
    write_tile(path, making.LEGEND.to_ids(making.classes(0.5))[None], making.grid(0.5))
    return path


LAND = Window.of((96, 96))


@given(
    st.integers(1, 31), st.integers(1, 9), st.integers(1, 4), st.integers(8, 60), st.integers(0, 90), st.integers(0, 90)
)
def test_patches_lie_within_their_block(patch: int, gap: int, step: int, block: int, row: int, col: int) -> None:
    told = Told(patch_px=patch, gap_px=gap, block_px=block)
    whole = Window(row, col, block, block)
    inner = pairspots._inner(whole, told, step)
    for corner in ((inner.row, inner.col), (inner.row + inner.height - 1, inner.col + inner.width - 1)):
        if inner.num_pixels:
            for middle, start in zip(corner, (row, col), strict=True):
                first = (middle - patch // 2) // step * step
                assert start + gap // 2 <= first
                assert first + patch + gap // 2 <= start + block


def test_blocks_partition_the_land() -> None:
    land = Window(10, 30, 50, 61)
    blocks = dict(pairspots._blocks(land, Told()))
    assert sum(block.num_pixels for block in blocks.values()) == land.num_pixels
    assert set(blocks) == {f"{row}_{col}" for row in range(3) for col in range(1, 4)}


@pytest.mark.parametrize(
    ("fractions", "num", "parts"),
    [
        ((0.6, 0.2, 0.2), 400, (400, 133, 133)),
        ((0.5, 0.25, 0.25), 6, (6, 3, 3)),
        ((1.0, 0.0, 0.0), 9, (9, 0, 0)),
        ((0.8, 0.0, 0.2), 10, (10, 0, 2)),
    ],
)
def test_parts_get_patches_by_their_fractions(
    fractions: tuple[float, float, float], num: int, parts: tuple[int, int, int]
) -> None:
    assert tuple(wanted(Told(per_class=num, fractions=fractions)).values()) == parts


def test_each_class_is_drawn_equally_often_in_each_part(labels: Path) -> None:
    told = Told()
    cuts = chosen(candidates(labels, making.LEGEND, LAND, told), making.LEGEND, told)
    counted = Counter((cut.split, cut.label) for cut in cuts)
    assert counted == {
        **{("train", label): 6 for label in range(4)},
        **{(part, label): 3 for part in ("validation", "test") for label in range(4)},
    }


def test_the_seed_decides_which_pixels_and_nothing_else_does(labels: Path) -> None:
    def ids(told: Told) -> list[str]:
        return [cut.id for cut in chosen(candidates(labels, making.LEGEND, LAND, told), making.LEGEND, told)]

    assert ids(Told()) == ids(Told())
    assert set(ids(Told())) != set(ids(Told(seed=1)))


def test_pixels_beyond_the_land_are_not_taken(labels: Path) -> None:
    told = Told(fewer=True)
    land = Window(20, 40, 50, 56)
    cuts = chosen(candidates(labels, making.LEGEND, land, told), making.LEGEND, told)
    assert cuts
    for cut in cuts:
        assert Window(cut.row, cut.col, 5, 5).clip(land) == Window(cut.row, cut.col, 5, 5)


def test_a_rare_class_is_in_every_part(tmp_path: Path) -> None:
    ids = np.ones((96, 96), np.uint8)
    # In three of sixteen blocks alone.
    for row, col in ((10, 10), (60, 40), (35, 85)):
        ids[row : row + 3, col : col + 3] = 2
    write_tile(tmp_path / "rare.tif", ids[None], making.grid(0.5))
    for seed in range(4):
        told = Told(per_class=4, seed=seed, fewer=True)
        cuts = chosen(candidates(tmp_path / "rare.tif", making.LEGEND, LAND, told), making.LEGEND, told)
        assert {cut.split for cut in cuts if cut.label == 1} == {"train", "validation", "test"}, seed


@pytest.mark.parametrize("fewer", [False, True])
def test_a_map_without_labels_is_refused(tmp_path: Path, fewer: bool) -> None:
    write_tile(tmp_path / "none.tif", np.zeros((1, 96, 96), np.uint8), making.grid(0.5))
    told = Told(fewer=fewer)
    with pytest.raises(SampleError) as caught:
        chosen(candidates(tmp_path / "none.tif", making.LEGEND, LAND, told), making.LEGEND, told)
    assert "0 labelled pixels" in caught.value.given
    assert "pixels of each class" in caught.value.expected
    assert "per_class" in caught.value.do


def test_a_foreign_id_is_refused(tmp_path: Path) -> None:
    write_tile(tmp_path / "other.tif", np.full((1, 96, 96), 77, np.uint8), making.grid(0.5))
    with pytest.raises(LegendError) as caught:
        candidates(tmp_path / "other.tif", making.LEGEND, LAND, Told())
    assert "77" in caught.value.given
    assert "four" in caught.value.given
    assert "crosswalk" in caught.value.do

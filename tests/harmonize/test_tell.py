"""What tells values: lines, regressions and several of them; cards that are not what they were; limits of values."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from tests.harmonize import making
from tests.models.test_card import CARD
from tests.patches import making as patches
from tests.patches.test_layout import paired

from landweave.classical.linear import Linear
from landweave.errors import ArchiveError, CardError
from landweave.harmonize.fit import FitJob, card_of, sizes_of
from landweave.harmonize.look import Looked, _limits, _scale, chips, read_look
from landweave.harmonize.look import _write as write_look
from landweave.harmonize.register import Offset
from landweave.harmonize.tell import Ensemble, PerPixel, Published, Teller, ready
from landweave.harmonize.tell import sizes_of as sizes_of_card
from landweave.harmonize.views import Sizes, Values
from landweave.models.card import save_card
from landweave.patches.archive import finish, write_shard
from landweave.sensors import Band, sensor

SIZES = Sizes({10: ("B02",), 20: ("B11",)}, 30)
VALID = np.ones((4, 4), bool)


def values(seed: int = 0) -> dict[float, NDArray[np.float32]]:
    generator = np.random.default_rng(seed)
    return {10: generator.uniform(0, 0.5, (1, 12, 12)).astype(np.float32),
            20: generator.uniform(0, 0.5, (1, 6, 6)).astype(np.float32)}  # fmt: skip


def test_published_lines_are_lines() -> None:
    raw = Published(SIZES, ((1, 0), (1, 0))).tell(values(), VALID)
    told = Published(SIZES, ((0.9, 0.01), (1.1, -0.02))).tell(values(), VALID)
    np.testing.assert_allclose(told, raw * [[[0.9]], [[1.1]]] + [[[0.01]], [[-0.02]]], rtol=1e-5)
    assert told.dtype == np.float32 and isinstance(Published(SIZES, ((1, 0), (1, 0))), Teller)


class Constant:
    """Tells one number everywhere."""

    def __init__(self, number: float) -> None:
        self.number = number

    def tell(self, values: Values, valid: NDArray[np.bool_]) -> NDArray[np.float32]:
        return np.full((2, *valid.shape), self.number, np.float32)


@pytest.mark.parametrize(
    ("numbers", "mean", "spread"),
    [((0.3,), 0.3, 0), ((0.2, 0.4), 0.3, 0.02**0.5), ((0.1, 0.2, 0.3), 0.2, 0.1), ((0.5, 0.5, 0.5), 0.5, 0)],
)
def test_several_tell_their_mean_and_spread(numbers: tuple[float, ...], mean: float, spread: float) -> None:
    both = Ensemble([Constant(number) for number in numbers])
    told, apart = both.tell_spread(values(), VALID)
    np.testing.assert_allclose(told, mean, rtol=1e-6)
    np.testing.assert_allclose(apart, spread, atol=1e-7)
    np.testing.assert_array_equal(both.tell(values(), VALID), told)


@pytest.mark.parametrize(
    ("numbers", "percent"),
    [(range(1, 101), (1, 99)), (range(1, 101), (0, 100)), (range(1, 101), (10, 90)), ([5] * 10, (1, 99)),
     ([1, 9], (1, 99)), ([1] * 99 + [1000], (1, 99)), (range(1, 1001), (2.5, 97.5))],
)  # fmt: skip
def test_limits_are_percentiles_of_what_was_counted(numbers: list[int], percent: tuple[float, float]) -> None:
    band = sensor("landsat-8-c2l2").band("SR_B4")
    counts = np.bincount(np.array(list(numbers)), minlength=65536)
    expected = np.percentile(list(numbers), percent, method="inverted_cdf") * band.scale + band.offset
    assert _limits(counts, band, percent) == pytest.approx(tuple(expected))


@pytest.mark.parametrize(
    ("dtype", "unit", "scale", "start"),
    [
        ("uint16", "reflectance", 2e-5, -0.1),
        ("uint8", "digital_number", 1.0, 0.0),
        ("int16", "reflectance", 1e-4, -3.2768),
        ("float32", "reflectance", 1e-4, -3.2768),
        ("float32", "brightness_temperature", 0.01, -327.68),
    ],
)
def test_values_are_counted_in_steps_of_their_type(dtype: str, unit: str, scale: float, start: float) -> None:
    offset = {"uint16": -0.1}.get(dtype, 0.0)
    band = Band("b", 500, 10, 30, unit, 1.0 if unit == "digital_number" else scale, offset, dtype)  # type: ignore[arg-type]
    assert _scale(band) == pytest.approx((scale, start))


@pytest.mark.parametrize("shape", [(10, 10), (256, 256), (257, 300), (512, 768), (600, 20)])
def test_chips_cover_the_land_once(shape: tuple[int, int]) -> None:
    grid = making.grid(30, shape)
    found = list(chips(grid))
    assert sum(chip.shape[0] * chip.shape[1] for chip in found) == shape[0] * shape[1]
    assert max(max(chip.shape) for chip in found) <= 256
    assert len({(chip.affine.c, chip.affine.f) for chip in found}) == len(found)


@pytest.mark.parametrize("offset", [None, Offset(0.25, -0.5), Offset(1, 2, 0.125, 7)])
def test_what_was_found_is_read_again(tmp_path: Path, offset: Offset | None) -> None:
    looked = Looked(offset, 0.75, {"B02": (0.01, 0.5), "SR_B2": (-0.05, 0.25)})
    write_look(tmp_path / "look.json", looked)
    assert read_look(tmp_path / "look.json") == looked


def test_patches_of_one_sensor_are_no_pairs(tmp_path: Path) -> None:
    made = patches.write(tmp_path)
    with pytest.raises(ArchiveError) as caught:
        sizes_of(made)
    assert "patches of sentinel-2-l2a alone" in caught.value.given and "harmonize pairs" in caught.value.do


def card(tmp_path: Path) -> tuple[Path, str]:
    layout, generator = paired(), np.random.default_rng(0)
    arrays = {
        key: generator.integers(1, 9000, (3, *shape)).astype(dtype) for key, (shape, dtype) in layout.shapes().items()
    }
    arrays["valid"] = np.ones((3, 4, 4), bool)
    write_shard(tmp_path / "pairs", "000000", layout, arrays, patches.rows(3))
    made = finish(tmp_path / "pairs", layout, {})
    told = card_of(FitJob(archive=tmp_path / "pairs"), made)
    lines = Linear(np.diag([0.9, 1.1]), np.array([0.01, -0.02]))
    return tmp_path / "card", save_card(tmp_path / "card", told, lines.to_arrays()).identity


def test_a_card_of_lines_tells_what_lines_tell(tmp_path: Path) -> None:
    folder, identity = card(tmp_path)
    teller = ready(folder, identity, "cpu")
    assert isinstance(teller, PerPixel) and ready(folder, identity, "cpu") is teller
    part = VALID.copy()
    part[1, 2] = False
    told = teller.tell(values(), part)
    assert told.shape == (2, 4, 4) and not told[:, 1, 2].any()
    even = {10: np.full((1, 12, 12), 0.2, np.float32), 20: np.full((1, 6, 6), 0.3, np.float32)}
    np.testing.assert_allclose(teller.tell(even, VALID)[:, 0, 0], [0.19, 0.31], rtol=1e-5)


def test_a_card_that_is_not_what_it_was_is_refused(tmp_path: Path) -> None:
    folder, _ = card(tmp_path)
    with pytest.raises(CardError) as caught:
        ready(folder, "0" * 64, "cpu")
    assert "the job began with, 000000000000" in caught.value.expected and "old card back" in caught.value.do
    with pytest.raises(CardError, match="a card of task pixels"):
        sizes_of_card(CARD)

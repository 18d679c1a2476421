"""Offsets, dense series, seasons, names of files and jobs that contradict themselves: tables and properties."""

from __future__ import annotations

import dataclasses
import datetime as dt
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from scipy import ndimage
from tests.harmonize import making
from tests.harmonize.making import DAY, L8

from landweave.cli.harmonize import _told
from landweave.config import Config, check
from landweave.errors import CatalogError, ConfigError, LandweaveError, LegendError, SceneError
from landweave.harmonize.angles import Angles, AnglesTable, angles_of
from landweave.harmonize.crops import CropsJob, filled, pure
from landweave.harmonize.fit import FitJob
from landweave.harmonize.judge import JudgeJob
from landweave.harmonize.merge import MergeJob, merge
from landweave.harmonize.register import Offset, offset, together
from landweave.harmonize.tell import Ensemble, Published
from landweave.harmonize.tile import REFLECTANCE, SPREAD, ApplyTask, Made, Order, SceneTask, file_of
from landweave.harmonize.views import Sizes
from landweave.legend import IGNORE, legend
from landweave.raster.scene import BandFile, Scene
from landweave.raster.write import write_tile
from landweave.sensors import sensor
from landweave.tiling import Tile, Window

FEW = settings(max_examples=20)
LIKE = "landsat-8-like"
SIZES = Sizes({10: ("B02",), 20: ("B11",)}, 30)


def texture(seed: int = 0) -> NDArray[np.float32]:
    rough = np.random.default_rng(seed).normal(size=(64, 64))
    return np.asarray(ndimage.gaussian_filter(rough, 2, mode="wrap"), np.float32)


WHOLE = np.ones((48, 48), bool)


@pytest.mark.parametrize("by", [(0, 0), (2, 0), (0, -3), (4, 5), (-6, 1)])
def test_whole_pixels_come_back_and_turn_round(by: tuple[int, int]) -> None:
    land = texture()
    first = land[8:56, 8:56]
    second = land[8 - by[0] : 56 - by[0], 8 - by[1] : 56 - by[1]]
    there, back = offset(first, second, WHOLE), offset(second, first, WHOLE)
    assert there is not None and back is not None
    assert (there.row_px, there.col_px) == pytest.approx(by, abs=0.15)
    assert (back.row_px, back.col_px) == pytest.approx((-there.row_px, -there.col_px), abs=0.1)
    assert (there.num_chips, there.spread_px) == (1, 0)


@pytest.mark.parametrize(
    ("shape", "share", "is_told"),
    [((48, 48), 1.0, True), ((31, 48), 1.0, False), ((48, 31), 1.0, False), ((32, 32), 1.0, True),
     ((48, 48), 0.5, False), ((48, 48), 0.75, True), ((48, 48), 0.0, False)],
)  # fmt: skip
def test_too_small_or_too_few_valid_pixels_tell_nothing(shape: tuple[int, int], share: float, is_told: bool) -> None:
    land = texture()[: shape[0], : shape[1]]
    valid = np.zeros(shape, bool)
    valid[: round(share * shape[0])] = True
    found = offset(land, land, valid)
    assert (found is not None) is is_told
    if found:
        assert found.length_px < 0.05


@pytest.mark.parametrize(
    ("offsets", "told"),
    [
        ([(1, 2)], (1, 2, 0, 1)),
        ([(0, 0), (2, 4)], (1, 2, 5**0.5, 2)),
        ([(0, 0), (0, 0), (9, 9)], (0, 0, 0, 3)),
        ([(1, 0), (2, 0), (3, 0)], (2, 0, 1, 3)),
        ([(0, 1), (0, 2), (0, 4), (0, 9)], (0, 3, 1.5, 4)),
    ],
)
def test_chips_together_by_hand(offsets: list[tuple[float, float]], told: tuple[float, ...]) -> None:
    found = together([Offset(*each) for each in offsets])
    assert found is not None
    assert dataclasses.astuple(found) == pytest.approx(told, abs=1e-4)
    assert together([Offset(*each) for each in reversed(offsets)]) == found


def dated(name: str, number: int, cloud: float | None = 0.0) -> Scene:
    time = dt.datetime.combine(DAY + dt.timedelta(number), dt.time(10), dt.UTC)
    return Scene(f"{name}-{number}", sensor(name), time, making.grid(30, (4, 4)), {}, cloud_cover=cloud)


DAYS = st.lists(
    st.tuples(st.integers(0, 30), st.one_of(st.none(), st.integers(0, 100))), max_size=8, unique_by=lambda one: one[0]
)


@FEW
@given(DAYS, DAYS, st.integers(0, 5), st.sampled_from([0.0, 0.3, 1.0]))
def test_a_dense_series_keeps_all_that_was_measured_and_fills_only_gaps(
    measured: list[tuple[int, int | None]], made: list[tuple[int, int | None]], days: int, cloud: float
) -> None:
    own, like = ([dated(name, *one) for one in some] for name, some in ((L8, measured), (LIKE, made)))
    clear = [one for one in own if (one.cloud_cover or 0) <= 100 * cloud]
    if not any((one.cloud_cover or 0) <= 100 * cloud for one in own + like):
        with pytest.raises(CatalogError) as caught:
            merge(own, like, days, cloud)
        assert f"{len(own) + len(like)} scenes" in caught.value.given and "--cloud" in caught.value.do
        return
    found = merge(own, like, days, cloud)
    assert [one for one in found.scenes if one.sensor.name == L8] == sorted(clear, key=lambda one: one.datetime)
    dates = [one.datetime for one in found.scenes]
    assert dates == sorted(dates) and len({one.id for one in found.scenes}) == len(found.scenes)
    assert len(found.scenes) + sum(found.left.values()) == len(own) + len(like)
    for one in like:
        is_near = any(abs((one.datetime - other.datetime).days) <= days for other in clear)
        is_clear = (one.cloud_cover or 0) <= 100 * cloud
        assert (one in found.scenes) is (is_clear and not is_near)


@FEW
@given(st.integers(0, 2**16), st.integers(1, 6), st.integers(1, 4), st.integers(1, 3))
def test_filled_dates_lie_within_what_was_seen(seed: int, dates: int, pixels: int, bands: int) -> None:
    generator = np.random.default_rng(seed)
    values = generator.uniform(0, 1, (dates, pixels, bands)).astype(np.float32)
    valid = generator.uniform(0, 1, (dates, pixels)) > 0.5
    values[~valid] = 0
    found = filled(values, valid)
    assert found.shape == (pixels, dates * bands) and found.dtype == np.float32 and found.flags.c_contiguous
    back = found.reshape(pixels, dates, bands).transpose(1, 0, 2)
    np.testing.assert_array_equal(back[valid], values[valid])
    for pixel in range(pixels):
        there = values[valid[:, pixel], pixel]
        if len(there):
            assert (back[:, pixel] >= there.min(0)).all() and (back[:, pixel] <= there.max(0)).all()
        else:
            assert not back[:, pixel].any()
    # Filled once, there is nothing to fill.
    np.testing.assert_array_equal(filled(back.copy(), np.ones_like(valid)), found)


def test_pixels_of_one_class_all_over_are_pure(tmp_path: Path) -> None:
    ids = np.ones((9, 9), np.uint8)
    ids[3, 3] = 2
    ids[0:3, 6:9] = 3
    ids[6:9, 0:6] = 2
    ids[8, 5] = 0
    write_tile(tmp_path / "truth.tif", ids[None], making.grid(10, ids.shape))
    known = legend("simulated-crops")
    found = pure(tmp_path / "truth.tif", known, making.grid(30, (3, 3)))
    one, two, three = known.to_indices(np.array([1, 2, 3], np.uint8)).tolist()
    assert found.tolist() == [[one, one, three], [one, IGNORE, one], [two, IGNORE, one]]
    ids[4, 8] = 99
    write_tile(tmp_path / "odd.tif", ids[None], making.grid(10, ids.shape))
    with pytest.raises(LegendError, match="99"):
        pure(tmp_path / "odd.tif", known, making.grid(30, (3, 3)))


def order(folder: Path, with_spread: bool = False) -> Order:
    known = sensor(LIKE)
    return Order((), SIZES, known, (known.bands[1].name,), 0.0, "cpu", folder, with_spread)


@pytest.mark.parametrize(
    ("with_spread", "layers", "last"), [(False, (REFLECTANCE,), "reflectance"), (True, (REFLECTANCE, SPREAD), "spread")]
)
def test_tasks_and_their_files_are_named_by_scene_tile_and_layer(
    tmp_path: Path, with_spread: bool, layers: tuple[str, ...], last: str
) -> None:
    told, grid = order(tmp_path, with_spread), making.grid(30, (8, 8))
    made = Made(dated(L8, 0), "like-1", grid)
    first, second = (Tile(0, col, Window(0, 4 * col, 4, 4), Window(0, 4 * col, 4, 4)) for col in (0, 1))
    tasks = [ApplyTask(told, number, made, tile) for number in (0, 12) for tile in (first, second)]
    assert told.layers == layers and len({task.key for task in tasks}) == 4
    assert tasks[0].key == f"00000-{first.key}" and tasks[3].key == f"00012-{second.key}"
    assert tasks[3].path == tmp_path / ".tiles" / last / f"00012-{second.key}.tif"
    scenes = [SceneTask(told, 3, made, layer, ("a", "b"), ()) for layer in layers]
    assert [task.key for task in scenes] == [f"assemble-{layer}-00003-2" for layer in layers]
    assert scenes[0].path == tmp_path / "scenes" / "like-1" / "like-1.tif"
    assert file_of(made, SPREAD) == "spread/like-1.tif"
    # With another tile it is another task, and is done again.
    assert dataclasses.replace(scenes[0], tiles=("a", "b", "c")).key != scenes[0].key


def test_where_nothing_is_valid_lines_tell_nothing_but_their_offset() -> None:
    values = {10.0: np.full((1, 6, 6), np.nan, np.float32), 20.0: np.full((1, 3, 3), np.nan, np.float32)}
    lines = Published(SIZES, ((0.9, 0.01), (1.1, -0.02)), 0.4)
    told, spread = Ensemble([lines, lines]).tell_spread(values, np.zeros((2, 2), bool))
    np.testing.assert_allclose(told[:, 0, 0], [0.01, -0.02])
    assert told.shape == (2, 2, 2) and not spread.any()


ARCHIVE = {"archive": "pairs"}
CROPS = {"catalog": "c.parquet", "truth": "t.tif", "legend": "simulated-crops"}
MERGE = {"measured": "a.parquet", "made": "b.parquet"}
ANGLES = {"sun_zenith": 30, "sun_azimuth": 150, "view_zenith": 5, "view_azimuth": 290}


@pytest.mark.parametrize(
    ("kind", "values", "named"),
    [
        (FitJob, {**ARCHIVE, "model": "spline"}, "'linear' or 'forest'"),
        (FitJob, {**ARCHIVE, "pixels": 1}, "pixels"),
        (FitJob, {**ARCHIVE, "trees": 0}, "trees"),
        (FitJob, {**ARCHIVE, "min_leaf": 0}, "min_leaf"),
        (FitJob, {**ARCHIVE, "point_spred": True}, "point_spread (did you mean that?)"),
        (FitJob, {}, "archive"),
        (JudgeJob, ARCHIVE, "cards, or physical"),
        (JudgeJob, {**ARCHIVE, "cards": ("card",), "physical": "hls"}, "cards, or physical"),
        (JudgeJob, {**ARCHIVE, "physical": "raw", "peak": 0}, "peak"),
        (JudgeJob, {**ARCHIVE, "physical": "raw", "part": "all"}, "part"),
        (MergeJob, {**MERGE, "days": -1}, "days"),
        (MergeJob, {**MERGE, "cloud": 1.1}, "cloud"),
        (MergeJob, {"measured": "a.parquet"}, "made"),
        (CropsJob, {**CROPS, "folds": 1}, "folds"),
        (CropsJob, {**CROPS, "test": 1}, "test"),
        (CropsJob, {**CROPS, "per_class": 1}, "per_class"),
        (CropsJob, {**CROPS, "block_px": 0}, "block_px"),
        (CropsJob, {**CROPS, "model": "gan"}, "model"),
        # Without a value to try, and with values that no kernel has.
        (CropsJob, {**CROPS, "strengths": ()}, "strengths"),
        (CropsJob, {**CROPS, "gammas": ()}, "gammas"),
        (CropsJob, {**CROPS, "strengths": (0.0,)}, "strengths"),
        (CropsJob, {**CROPS, "gammas": (1.0, -1.0)}, "gammas"),
        (AnglesTable, {**ANGLES, "sun_zenith": 90}, "sun_zenith"),
        (AnglesTable, {**ANGLES, "view_zenith": -1}, "view_zenith"),
        (AnglesTable, {"sun_zenith": 30}, "sun_azimuth"),
    ],
)
def test_jobs_that_cannot_be_done_are_refused_by_key(kind: type[Config], values: dict[str, Any], named: str) -> None:
    with pytest.raises(ConfigError) as caught:
        check(kind, values, "options")
    assert named in str(caught.value)
    assert caught.value.given and caught.value.expected and caught.value.do


def test_angles_of_a_table_and_bands_of_a_line() -> None:
    assert check(AnglesTable, ANGLES, "x").made() == Angles(30, 5, 140)
    assert check(AnglesTable, {**ANGLES, "sun_azimuth": -10, "view_azimuth": 350}, "x").made().azimuth == 0
    assert check(CropsJob, {**CROPS, "bands": "red, nir,swir16"}, "x").bands == ("red", "nir", "swir16")


SUN = "<Mean_Sun_Angle><ZENITH_ANGLE>40</ZENITH_ANGLE><AZIMUTH_ANGLE>150</AZIMUTH_ANGLE></Mean_Sun_Angle>"
VIEW = (
    "<Mean_Viewing_Incidence_Angle><ZENITH_ANGLE>8</ZENITH_ANGLE><AZIMUTH_ANGLE>100</AZIMUTH_ANGLE>"
    "</Mean_Viewing_Incidence_Angle>"
)


@pytest.mark.parametrize("folder", [".", "IMG_DATA", "IMG_DATA/R10m"])
def test_angles_stand_up_to_three_folders_above_a_band(tmp_path: Path, folder: str) -> None:
    (tmp_path / folder).mkdir(parents=True, exist_ok=True)
    (tmp_path / "MTD_TL.xml").write_text(f"<a>{SUN}{VIEW}</a>")
    seen = dataclasses.replace(dated(L8, 0), files={"SR_B4": BandFile(str(tmp_path / folder / "B04.jp2"))})
    assert angles_of(seen) == Angles(40, 8, 50)
    assert angles_of(seen, {"another": Angles(1, 2, 3)}) == Angles(40, 8, 50)
    assert angles_of(seen, {seen.id: Angles(1, 2, 3)}) == Angles(1, 2, 3)


@pytest.mark.parametrize(
    "text",
    ["", "no xml", f"<a>{VIEW}</a>", f"<a>{SUN}</a>", f"<a>{SUN.replace('40', 'high')}{VIEW}</a>",
     f"<a>{SUN}{VIEW.replace('<ZENITH_ANGLE>8</ZENITH_ANGLE>', '')}</a>"],
)  # fmt: skip
def test_metadata_without_angles_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "MTD_TL.xml").write_text(text)
    seen = dataclasses.replace(dated(L8, 0), files={"SR_B4": BandFile(str(tmp_path / "B04.jp2"))})
    with pytest.raises(LandweaveError) as caught:
        angles_of(seen)
    assert isinstance(caught.value, SceneError) and "MTD_TL.xml" in caught.value.given
    assert "mean angles" in caught.value.expected and "fetch the product again" in caught.value.do


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (None, "a with b: 1 days apart; nothing tells how far they lie apart"),
        ({"row_px": 0.126, "col_px": -2, "spread_px": 0.5}, "a with b: 1 days apart; 0.13 down, -2.00 right, chips within 0.50 pixels"),  # noqa: E501
    ],
)  # fmt: skip
def test_pairs_in_one_line(found: object, told: str) -> None:
    assert _told({"source": "a", "target": "b", "days": 1, "offset": found}) == told

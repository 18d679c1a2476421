"""Maps against a truth: the figures of the whole, on the part that was asked for, with honest intervals."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import geopandas
import numpy as np
import pytest
import shapely
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.evaluation.making import GRID, LEGEND, RANDOM, box, cut, files, land, land_of_test, parts, value_of, write

from landweave.errors import ConfigError, GridError, LegendError, SceneError, SplitError
from landweave.evaluation import maps
from landweave.evaluation import parts as places
from landweave.evaluation.truth import Layer, Pair, pair
from landweave.legend import IGNORE, LandClass, Legend
from landweave.metrics.confusion import Confusion
from landweave.tiling import Window


@pytest.fixture
def both(tmp_path: Path) -> Pair:
    return pair(*files(tmp_path))


def expected(where: Any = True) -> Confusion:
    predicted, truth = land()
    return Confusion.from_labels(predicted, np.where(where, truth, IGNORE).astype(np.uint8), 3)


def test_the_whole_map_has_the_counts_of_the_arrays(both: Pair) -> None:
    found = value_of(maps.compare(both, "it"))
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, expected().counts)
    predicted, truth = land()
    assert found.counts["pixels_not_mapped"] == ((predicted == IGNORE) & (truth != IGNORE)).sum() > 0
    assert found.estimates is None
    assert "nothing was drawn" in found.why_no_interval


def test_windows_add_up_whatever_their_size(both: Pair, monkeypatch: pytest.MonkeyPatch) -> None:
    one = value_of(maps.compare(both, "it"))
    monkeypatch.setattr(places, "_EDGE_PX", 37)
    many = value_of(maps.compare(both, "it"))
    assert len(places.whole(GRID)) > 10
    assert one.confusion is not None
    assert many.confusion is not None
    np.testing.assert_array_equal(one.confusion.counts, many.confusion.counts)
    assert one.counts == many.counts


def test_no_more_than_one_window_is_in_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 3, (150, 170)).astype(np.uint8).repeat(16, 0).repeat(16, 1)
    both = pair(*(write(tmp_path / f"{n}.tif", indices, GRID.crop(indices.shape)) for n in ("map", "truth")))
    shapes: list[tuple[int, int]] = []
    read = Pair.read

    def spy(self: Pair, window: Window) -> Any:
        shapes.append(window.shape)
        return read(self, window)

    monkeypatch.setattr(Pair, "read", spy)
    found = value_of(maps.compare(both, "it"))
    assert found.counts["pixels"] == indices.size == sum(height * width for height, width in shapes)
    assert len(shapes) == 9
    assert max(height * width for height, width in shapes) <= 1024 * 1024


def test_the_test_part_alone_counts(both: Pair, tmp_path: Path) -> None:
    found = value_of(maps.compare_part(both, cut(tmp_path / "archive"), "test", "it"))
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, expected(land_of_test()).counts)
    assert found.counts["blocks"] == 10
    assert "no training patch touches" in found.note


def test_blocks_drawn_at_random_give_intervals(both: Pair, tmp_path: Path) -> None:
    found = value_of(maps.compare_part(both, cut(tmp_path / "archive"), "test", "it"))
    assert found.estimates is not None
    assert found.estimates.num_drawn == 10
    assert found.estimates.overall.value == pytest.approx(expected(land_of_test()).overall)
    assert 0 < found.estimates.overall.half_width < 0.2
    # The whole map's area: 10 m pixels, less the 35 that are not mapped.
    assert found.estimates.total == pytest.approx((GRID.shape[0] * GRID.shape[1] - 35) / 100)


def test_masks_of_an_archive_are_a_truth_too(tmp_path: Path) -> None:
    map_path, _ = files(tmp_path)
    found = value_of(maps.compare_masks(map_path, None, cut(tmp_path / "archive"), "test", "it"))
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, expected(land_of_test()).counts)
    assert found.estimates is not None


@pytest.mark.parametrize(
    ("configuration", "word"),
    [
        ({"made": "for tests"}, "published"),
        ({**RANDOM, "split": "published"}, "published"),
        ({**RANDOM, "areas": "areas.geojson"}, "chosen"),
    ],
)
def test_parts_that_were_not_drawn_give_no_interval_and_the_reason(
    both: Pair, tmp_path: Path, configuration: dict[str, Any], word: str
) -> None:
    found = value_of(maps.compare_part(both, cut(tmp_path / "archive", configuration), "test", "it"))
    assert found.estimates is None
    assert word in found.why_no_interval


def test_labels_drawn_as_polygons_count_where_they_lie_and_give_no_interval(both: Pair, tmp_path: Path) -> None:
    triangle = "POLYGON((500000 5000960, 500240 5000960, 500000 5000720, 500000 5000960))"
    archive = cut(tmp_path / "archive", labelled=triangle, block="polygon")
    found = value_of(maps.compare_part(both, archive, "test", "it"))
    rows, cols = np.arange(GRID.shape[0])[:, None] + 0.5, np.arange(GRID.shape[1])[None] + 0.5
    inside = rows + cols < 24
    assert found.confusion is not None
    assert found.confusion.num_pixels == expected(inside).num_pixels > 100
    np.testing.assert_array_equal(found.confusion.counts, expected(inside).counts)
    assert "polygons" in found.why_no_interval


def polygons(folder: Path, *squares: tuple[int, int, int, str]) -> Path:
    """Squares of (row, col, size, class) in pixels of the map, in longitude and latitude."""
    shapes = [shapely.box(*box(row, col, size)) for row, col, size, _ in squares]
    frame = geopandas.GeoDataFrame({"class": [label for *_, label in squares]}, geometry=shapes, crs="EPSG:32633")
    frame.to_crs("EPSG:4326").to_file(folder / "truth.geojson")
    return folder / "truth.geojson"


def test_polygons_are_a_truth_where_they_lie(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    map_path, _ = files(tmp_path)
    path = polygons(
        tmp_path, (10, 20, 30, "Water"), (60, 80, 8, "Town"), (90, 110, 30, "Meadow"), (500, 500, 9, "Town")
    )
    found = value_of(maps.compare_polygons(map_path, None, path, "class", "it"))
    truth = np.full(GRID.shape, IGNORE, np.uint8)
    truth[10:40, 20:50], truth[60:68, 80:88], truth[90:, 110:] = 1, 2, 0
    counts = Confusion.from_labels(land()[0], truth, 3).counts
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, counts)
    assert found.counts["blocks"] == 3
    assert "not by chance" in found.why_no_interval
    monkeypatch.setattr(places, "_EDGE_PX", 7)
    again = value_of(maps.compare_polygons(map_path, None, path, "class", "it"))
    assert again.confusion is not None
    np.testing.assert_array_equal(again.confusion.counts, counts)


def test_polygons_of_other_classes_or_elsewhere_are_refused(tmp_path: Path) -> None:
    map_path, _ = files(tmp_path)
    with pytest.raises(LegendError, match="Forest"):
        value_of(maps.compare_polygons(map_path, None, polygons(tmp_path, (0, 0, 9, "Forest")), "class", "it"))
    with pytest.raises(GridError, match="none of them on the map"):
        value_of(maps.compare_polygons(map_path, None, polygons(tmp_path, (900, 0, 9, "Town")), "class", "it"))
    with pytest.raises(ConfigError, match="crop"):
        value_of(maps.compare_polygons(map_path, None, polygons(tmp_path, (0, 0, 9, "Town")), "crop", "it"))


def test_one_block_gives_no_interval(both: Pair, tmp_path: Path) -> None:
    archive = cut(tmp_path / "archive", block="same")
    archive_rows = archive.table()
    assert set(archive_rows["block"])
    whole_truth = both.truth.indices(GRID)
    whole_truth[24:] = IGNORE
    whole_truth[:, 24:] = IGNORE
    small = pair(both.map.path, write(tmp_path / "small.tif", whole_truth))
    found = value_of(maps.compare_part(small, archive, "test", "it"))
    assert found.estimates is None
    assert "1 block with" in found.why_no_interval


def test_land_that_two_scenes_show_is_judged_once(both: Pair, tmp_path: Path) -> None:
    one, two = (cut(tmp_path / str(num), num_scenes=num) for num in (1, 2))
    assert len(two) == 2 * len(one)
    found = [value_of(maps.compare_part(both, archive, "test", "it")) for archive in (one, two)]
    assert found[0].counts == found[1].counts


def test_a_truth_that_is_shifted_by_whole_pixels_is_compared_where_both_are(tmp_path: Path) -> None:
    predicted, truth = land()
    map_path = write(tmp_path / "map.tif", predicted)
    truth_path = write(tmp_path / "truth.tif", truth[10:, 20:], GRID[10:, 20:])
    found = value_of(maps.compare(pair(map_path, truth_path), "it"))
    inside = (np.arange(96)[:, None] >= 10) & (np.arange(120)[None] >= 20)
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, expected(inside).counts)


OTHER_GRIDS = {
    "pixel size": GeoBox((48, 60), Affine(20, 0, 500_000, 0, -20, 5_000_960), "EPSG:32633"),
    "half a pixel": GeoBox((96, 120), Affine(10, 0, 500_005, 0, -10, 5_000_960), "EPSG:32633"),
    "CRS": GeoBox((96, 120), Affine(10, 0, 500_000, 0, -10, 5_000_960), "EPSG:32634"),
    "no CRS": GeoBox((96, 120), Affine(10, 0, 500_000, 0, -10, 5_000_960), None),
}


@pytest.mark.parametrize("name", OTHER_GRIDS)
def test_a_truth_on_another_grid_is_refused(name: str, tmp_path: Path) -> None:
    grid = OTHER_GRIDS[name]
    truth_path = write(tmp_path / "truth.tif", np.zeros(grid.shape, np.uint8), grid)
    with pytest.raises(GridError) as caught:
        pair(write(tmp_path / "map.tif", land()[0]), truth_path)
    assert "--reproject" in "".join(parts(caught.value))


def test_a_truth_on_another_grid_is_read_onto_the_maps_when_that_is_asked_for(tmp_path: Path) -> None:
    coarse = OTHER_GRIDS["pixel size"]
    truth_path = write(tmp_path / "truth.tif", land()[1][::2, ::2], coarse)
    found = value_of(maps.compare(pair(write(tmp_path / "map.tif", land()[0]), truth_path, reproject=True), "it"))
    assert found.confusion is not None
    # The truth of this land has pieces of 8 x 8 pixels, which pixels of 20 m show as well but at the unknown corner.
    assert abs(found.confusion.num_pixels - expected().num_pixels) < 40


def test_arrays_without_a_place_on_earth_are_compared_by_position(tmp_path: Path) -> None:
    predicted, truth = land()
    plain = GeoBox(GRID.shape, Affine(30, 0, 0, 0, -30, 0), None)
    pixels = GeoBox(GRID.shape, Affine(1, 0, 0, 0, 1, 0), None)
    both = pair(write(tmp_path / "map.tif", predicted, plain), write(tmp_path / "truth.tif", truth, pixels))
    found = value_of(maps.compare(both, "it"))
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, expected().counts)
    smaller = write(tmp_path / "small.tif", truth[:50], pixels[:50])
    with pytest.raises(GridError, match="no CRS"):
        pair(tmp_path / "map.tif", smaller)


@pytest.mark.parametrize(("scenes", "is_found"), [(["s"], True), (["another"], False), (None, False)])
def test_without_a_crs_the_scenes_tell_which_patches_are_the_maps(
    tmp_path: Path, scenes: list[str] | None, is_found: bool
) -> None:
    predicted, _ = land()
    map_path = write(tmp_path / "map.tif", predicted, GeoBox(GRID.shape, GRID.affine, None))
    if scenes:
        map_path.with_suffix(".json").write_text(json.dumps({"properties": {"landweave:scenes": scenes}}))
    archive = cut(tmp_path / "archive", crs="")
    if not is_found:
        with pytest.raises(GridError, match="none of them on the map"):
            value_of(maps.compare_masks(map_path, None, archive, "test", "it"))
        return
    found = value_of(maps.compare_masks(map_path, None, archive, "test", "it"))
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, expected(land_of_test()).counts)
    assert found.estimates is not None
    assert found.estimates.areas is None


def test_files_that_do_not_meet_are_refused(tmp_path: Path) -> None:
    far = GRID.translate_pix(1000, 0)
    with pytest.raises(GridError, match="do not meet"):
        pair(write(tmp_path / "map.tif", land()[0]), write(tmp_path / "truth.tif", land()[1], far))


def test_a_truth_that_is_nowhere_known_is_refused(tmp_path: Path) -> None:
    nothing = np.full(GRID.shape, IGNORE, np.uint8)
    both = pair(write(tmp_path / "map.tif", land()[0]), write(tmp_path / "truth.tif", nothing))
    with pytest.raises(GridError, match="nowhere both known"):
        value_of(maps.compare(both, "it"))


def test_another_legend_is_refused(tmp_path: Path) -> None:
    other = Legend("other", "tests", (LandClass(1, "Wood", "#00ff00"), LandClass(2, "Water", "#0000ff")))
    with pytest.raises(LegendError) as caught:
        pair(
            write(tmp_path / "map.tif", land()[0]),
            write(tmp_path / "truth.tif", np.zeros(GRID.shape, np.uint8), legend=other),
        )
    assert "crosswalk" in caught.value.expected
    parts(caught.value)


def test_the_same_classes_under_another_name_and_colour_are_the_same(tmp_path: Path) -> None:
    renamed = Legend("renamed", "x", tuple(LandClass(c.id, c.name, "#123456") for c in LEGEND.classes))
    truth_path = write(tmp_path / "truth.tif", land()[1], legend=renamed)
    found = value_of(maps.compare(pair(write(tmp_path / "map.tif", land()[0]), truth_path), "it"))
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, expected().counts)


def test_a_crosswalk_brings_both_to_one_legend(tmp_path: Path) -> None:
    from landweave.legend import legend

    fine, coarse = legend("bigearthnet-43"), legend("bigearthnet-19")
    indices = np.full(GRID.shape, fine.index("Vineyards"), np.uint8)
    indices[:, :60] = fine.index("Pastures")
    indices[0] = fine.index("Burnt areas")
    mapped = np.full(GRID.shape, coarse.index("Permanent crops"), np.uint8)
    both = pair(write(tmp_path / "map.tif", mapped, legend=coarse), write(tmp_path / "truth.tif", indices, legend=fine))
    found = value_of(maps.compare(both, "it"))
    assert found.legend.name == "bigearthnet-19"
    assert found.confusion is not None
    assert found.confusion.num_pixels == 95 * 120
    assert found.confusion.overall == pytest.approx(0.5)


def test_a_file_that_does_not_tell_its_legend_needs_one(tmp_path: Path) -> None:
    map_path, truth_path = files(tmp_path)
    for path in (map_path, truth_path):
        path.with_name(f"{path.name}.aux.xml").unlink()
    with pytest.raises(LegendError, match="--legend"):
        pair(map_path, truth_path)
    found = value_of(maps.compare(pair(map_path, truth_path, map_legend=LEGEND), "it"))
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, expected().counts)


def test_ids_that_are_no_class_are_refused(tmp_path: Path) -> None:
    map_path, truth_path = files(tmp_path)
    two = Legend("two", "x", LEGEND.classes[:2])
    with pytest.raises(LegendError, match=r"\[5\]"):
        value_of(maps.compare(pair(map_path, truth_path, map_legend=two, truth_legend=two), "it"))


def test_a_nodata_of_the_files_own_means_no_data(tmp_path: Path) -> None:
    from landweave.raster.write import write_tile

    ids = LEGEND.to_ids(land()[1])
    write_tile(tmp_path / "truth.tif", np.where(ids == 0, 99, ids).astype(np.uint8)[None], GRID, nodata=99)
    map_path = write(tmp_path / "map.tif", land()[0])
    found = value_of(maps.compare(pair(map_path, tmp_path / "truth.tif"), "it"))
    assert found.confusion is not None
    np.testing.assert_array_equal(found.confusion.counts, expected().counts)


def test_missing_and_damaged_files_are_named(tmp_path: Path) -> None:
    map_path, truth_path = files(tmp_path)
    with pytest.raises(SceneError, match="nothing"):
        pair(map_path, tmp_path / "nothing.tif", truth_legend=LEGEND)
    truth_path.write_bytes(b"")
    with pytest.raises(SceneError, match="truth"):
        pair(map_path, truth_path)


def test_patches_in_another_crs_or_elsewhere_are_refused(both: Pair, tmp_path: Path) -> None:
    with pytest.raises(GridError, match="EPSG:32634"):
        value_of(maps.compare_part(both, cut(tmp_path / "a", crs="EPSG:32634"), "test", "it"))
    far = write(tmp_path / "far.tif", land()[0], GRID.translate_pix(5000, 0))
    with pytest.raises(GridError, match="none of them on the map"):
        value_of(maps.compare_masks(far, None, cut(tmp_path / "b"), "test", "it"))


def test_an_empty_part_is_refused(both: Pair, tmp_path: Path) -> None:
    with pytest.raises(SplitError, match="validation"):
        value_of(maps.compare_part(both, cut(tmp_path / "a"), "validation", "it"))


def test_masks_of_another_legend_or_pixel_size_are_refused(tmp_path: Path) -> None:
    archive = cut(tmp_path / "archive")
    other = Legend("other", "tests", (LandClass(1, "Wood", "#00ff00"),))
    with pytest.raises(LegendError, match="crosswalk"):
        value_of(
            maps.compare_masks(
                write(tmp_path / "map.tif", np.zeros(GRID.shape, np.uint8), legend=other), None, archive, "test", "it"
            )
        )
    coarse = write(tmp_path / "coarse.tif", land()[0][::2, ::2], OTHER_GRIDS["pixel size"])
    with pytest.raises(GridError, match="20 m"):
        value_of(maps.compare_masks(coarse, None, archive, "test", "it"))


def test_judging_the_training_part_says_so(both: Pair, tmp_path: Path) -> None:
    found = value_of(maps.compare_part(both, cut(tmp_path / "archive"), "train", "it"))
    assert "too good" in found.note


def test_classes_are_counted_window_by_window(tmp_path: Path) -> None:
    layer = Layer(write(tmp_path / "map.tif", land()[0]), LEGEND)
    counts = value_of(maps.count_classes(layer))
    np.testing.assert_array_equal(counts, np.bincount(land()[0].ravel(), minlength=256)[:3])

"""Sampling units: drawn with known chances, judged, and refused where they are no probability sample any more."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from odc.geo.geobox import GeoBox
from rasterio import Affine
from tests.evaluation.making import GRID, LEGEND, files, land, parts, write

from landweave.errors import LegendError, OutputError, SampleError
from landweave.evaluation import parts as places
from landweave.evaluation.truth import Layer
from landweave.evaluation.units import DESIGN, REFERENCE, UNITS, allocate, draw, estimate, judge_by_truth, read_design
from landweave.legend import IGNORE
from landweave.metrics.confusion import Confusion


def drawn(map_path: Path, out: Path, num: int = 300, seed: int = 1, least: int = 20) -> Path:
    for _ in draw(map_path, out, num=num, seed=seed, least=least):
        pass
    return out


@pytest.fixture
def judged(tmp_path: Path) -> tuple[Path, Path]:
    """A map and a folder of units, judged by the truth."""
    predicted, truth = land()
    truth[truth == IGNORE] = 0
    map_path = write(tmp_path / "map.tif", predicted)
    folder = drawn(map_path, tmp_path / "units")
    judge_by_truth(folder, Layer(write(tmp_path / "truth.tif", truth), LEGEND), map_path)
    return map_path, folder


def edit(folder: Path, change: Callable[[list[Any]], Any]) -> None:
    content = json.loads((folder / UNITS).read_text())
    change(content["features"])
    (folder / UNITS).write_text(json.dumps(content))


def test_units_lie_in_their_stratum_and_nowhere_twice(tmp_path: Path) -> None:
    map_path, _ = files(tmp_path)
    design = read_design(drawn(map_path, tmp_path / "units"))
    predicted, _ = land()
    assert len({(unit.row, unit.col) for unit in design.units}) == len(design.units) == 300
    for unit in design.units:
        assert LEGEND.ids[predicted[unit.row, unit.col]] == unit.mapped
    pixels = np.bincount(predicted[predicted != IGNORE], minlength=3)
    assert [stratum.num_pixels for stratum in design.strata] == pixels.tolist()
    assert sum(stratum.num_drawn for stratum in design.strata) == 300
    assert design.pixel_ha == pytest.approx(0.01)


def test_the_draw_depends_on_the_map_and_the_seed_alone(tmp_path: Path) -> None:
    map_path, _ = files(tmp_path)
    folders = [drawn(map_path, tmp_path / str(i), seed=seed) for i, seed in enumerate((1, 1, 2))]
    texts = [(folder / UNITS).read_text() for folder in folders]
    assert texts[0] == texts[1] != texts[2]


def test_every_pixel_of_a_class_has_the_same_chance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "_EDGE_PX", 16)
    small = GeoBox((24, 24), Affine(10, 0, 500_000, 0, -10, 5_000_960), "EPSG:32633")
    predicted = np.zeros((24, 24), np.uint8)
    predicted[:, 18:] = 1
    map_path = write(tmp_path / "map.tif", predicted, small)
    counts = np.zeros((24, 24))
    for seed in range(60):
        for unit in read_design(drawn(map_path, tmp_path / str(seed), num=200, seed=seed, least=50)).units:
            counts[unit.row, unit.col] += 1
    for index in (0, 1):
        of_class = counts[predicted == index]
        chance = of_class.sum() / 60 / of_class.size
        # Means over quarters of the class: a draw that prefers a corner or a window shows here.
        quarters = of_class[: of_class.size // 4 * 4].reshape(4, -1).mean(1) / 60
        assert np.abs(quarters - chance).max() < 0.04


def test_who_judges_does_not_see_the_map(tmp_path: Path) -> None:
    map_path, _ = files(tmp_path)
    content = json.loads((drawn(map_path, tmp_path / "units") / UNITS).read_text())
    first = content["features"][0]
    assert set(first["properties"]) == {"unit", "row", "col", REFERENCE}
    assert first["properties"][REFERENCE] is None
    lon, lat = first["geometry"]["coordinates"]
    assert (14.9 < lon < 15.1, 45.1 < lat < 45.2) == (True, True)


def test_units_come_in_random_order(tmp_path: Path) -> None:
    map_path, _ = files(tmp_path)
    units = read_design(drawn(map_path, tmp_path / "units")).units
    rows = [unit.row for unit in units]
    assert rows != sorted(rows)
    assert len({unit.mapped for unit in units[:20]}) > 1


@given(st.lists(st.integers(0, 10_000), min_size=1, max_size=8), st.integers(0, 500), st.integers(2, 40))
def test_units_are_shared_out_among_the_classes(pixels: list[int], more: int, least: int) -> None:
    counts = np.array(pixels, np.int64)
    needed = int(np.minimum(np.where(counts > 0, least, 0), counts).sum())
    if not needed:
        return
    given_to = allocate(counts, needed + more, least)
    assert given_to.sum() == min(needed + more, counts.sum())
    assert (given_to <= counts).all()
    assert (given_to >= np.minimum(least, counts)).all()
    assert (given_to[counts == 0] == 0).all()


def test_large_classes_get_more() -> None:
    # Thirty each; of the 110 that are left the shares are 99, 9.9 and 1.1, and the last one goes to the largest.
    assert allocate(np.array([9000, 900, 100]), 200, 30).tolist() == [130, 39, 31]


def test_a_class_of_a_single_pixel_can_be_judged(tmp_path: Path) -> None:
    predicted, truth = land()
    predicted[predicted == 2] = 0
    predicted[5, 5] = truth[5, 5] = 2
    truth[truth == IGNORE] = 0
    map_path = write(tmp_path / "map.tif", predicted)
    folder = drawn(map_path, tmp_path / "units")
    judge_by_truth(folder, Layer(write(tmp_path / "truth.tif", truth), LEGEND), map_path)
    found = estimate(folder, map_path, "").estimates
    assert found is not None
    assert (found.users[2].value, found.users[2].half_width) == (1, 0)
    assert found.overall.half_width > 0


@pytest.mark.parametrize(("num", "least"), [(50, 20), (300, 1)])
def test_too_few_units_for_the_classes_are_refused(tmp_path: Path, num: int, least: int) -> None:
    map_path, _ = files(tmp_path)
    with pytest.raises(SampleError) as caught:
        drawn(map_path, tmp_path / "units", num=num, least=least)
    parts(caught.value)
    assert not (tmp_path / "units" / UNITS).exists()


def test_a_folder_that_holds_units_is_not_drawn_into(tmp_path: Path) -> None:
    map_path, _ = files(tmp_path)
    drawn(map_path, tmp_path / "units")
    with pytest.raises(OutputError) as caught:
        drawn(map_path, tmp_path / "units", seed=2)
    parts(caught.value)


def test_judged_units_estimate_the_map(judged: tuple[Path, Path]) -> None:
    map_path, folder = judged
    found = estimate(folder, map_path, "it")
    predicted, truth = land()
    truth[truth == IGNORE] = 0
    whole = Confusion.from_labels(predicted, truth, 3)
    assert found.estimates is not None
    assert abs(found.estimates.overall.value - whole.overall) < 2.5 * found.estimates.overall.standard_error
    assert 0.01 < found.estimates.overall.half_width < 0.08
    assert found.estimates.areas is not None
    assert sum(area.value for area in found.estimates.areas) == pytest.approx(whole.num_pixels * 0.01)
    for area, pixels in zip(found.estimates.areas, whole.counts.sum(0), strict=True):
        assert abs(area.value - pixels * 0.01) < 3 * area.standard_error
    assert found.counts == {"units": 300}
    assert "Olofsson" in found.note


def test_ids_do_as_well_as_names(judged: tuple[Path, Path]) -> None:
    map_path, folder = judged
    before = estimate(folder, map_path, "it")

    def to_ids(features: list[Any]) -> None:
        for number, feature in enumerate(features):
            index = LEGEND.names.index(feature["properties"][REFERENCE])
            told: Any = LEGEND.ids[index]
            feature["properties"][REFERENCE] = str(told) if number % 2 else told
        features.reverse()

    edit(folder, to_ids)
    assert estimate(folder, map_path, "it").estimates == before.estimates


@pytest.mark.parametrize(
    ("change", "word"),
    [
        (lambda features: features.pop(), "missing"),
        (lambda features: features.append(features[0]), "more than once"),
        (lambda features: features[0]["properties"].update(unit=9999), "were not drawn"),
        (lambda features: features[0]["properties"].update(row=0, col=0), "another place"),
        (lambda features: features[0]["properties"].update(reference=None), "not judged"),
        (lambda features: features[0]["properties"].update(reference=""), "not judged"),
        (lambda features: features[0]["properties"].pop("unit"), "properties"),
        (lambda features: features.__setitem__(0, None), "properties"),
    ],
)
def test_what_is_no_probability_sample_any_more_is_refused(
    judged: tuple[Path, Path], change: Callable[[list[Any]], Any], word: str
) -> None:
    map_path, folder = judged
    edit(folder, change)
    with pytest.raises(SampleError) as caught:
        estimate(folder, map_path, "it")
    assert word in "".join(parts(caught.value))


def test_units_without_a_design_are_refused_with_the_reason(judged: tuple[Path, Path]) -> None:
    map_path, folder = judged
    (folder / DESIGN).unlink()
    with pytest.raises(SampleError) as caught:
        estimate(folder, map_path, "it")
    assert "chosen by hand" in caught.value.expected
    parts(caught.value)


@pytest.mark.parametrize("text", ["{}", "[]", "{", '{"format": 2}'])
def test_a_damaged_design_is_refused(judged: tuple[Path, Path], text: str) -> None:
    map_path, folder = judged
    (folder / DESIGN).write_text(text)
    with pytest.raises(SampleError) as caught:
        estimate(folder, map_path, "it")
    parts(caught.value)


def test_units_of_another_map_are_refused(judged: tuple[Path, Path], tmp_path: Path) -> None:
    _, folder = judged
    other = write(tmp_path / "other.tif", land(seed=5)[0])
    with pytest.raises(SampleError, match="not the map"):
        estimate(folder, other, "it")


def test_a_reference_that_is_no_class_is_refused(judged: tuple[Path, Path]) -> None:
    map_path, folder = judged
    edit(folder, lambda features: features[0]["properties"].update(reference="Watr"))
    with pytest.raises(LegendError, match="Water"):
        estimate(folder, map_path, "it")


def test_a_map_without_a_crs_has_units_without_coordinates(tmp_path: Path) -> None:
    plain = GeoBox((96, 120), Affine(1, 0, 0, 0, 1, 0), None)
    map_path = write(tmp_path / "map.tif", land()[0], plain)
    folder = drawn(map_path, tmp_path / "units")
    assert json.loads((folder / UNITS).read_text())["features"][0]["geometry"] is None
    judge_by_truth(folder, Layer(write(tmp_path / "truth.tif", land()[0] * 0, plain), LEGEND), map_path)
    assert estimate(folder, map_path, "it").area_unit == "px"
    assert GRID.crs is not None

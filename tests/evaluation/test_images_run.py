"""A made scene judged by a measured one, on disk: which pixels and bands count, and what cannot be compared."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from odc.geo.geobox import GeoBox
from pydantic import ValidationError
from rasterio import Affine
from tests.evaluation.making import parts

from landweave.errors import GridError, LandweaveError, OutputError, RadiometryError, SceneError, SensorError
from landweave.evaluation.images import ImagesJob, read_images, run
from landweave.raster.write import write_tile

EDGE = 24
RNG = np.random.default_rng(5)
TRUTH = RNG.integers(60, 200, (3, EDGE, EDGE)).astype(np.uint8)


def grid(x: float = 0.0, crs: str | None = "EPSG:32615") -> GeoBox:
    return GeoBox((EDGE, EDGE), Affine(1, 0, 500_000 + x, 0, -1, 3_300_000), crs)


def scene(path: Path, values: np.ndarray, where: GeoBox | None = None, **words: Any) -> Path:
    """A GeoTIFF with a sidecar; 0 is no data."""
    write_tile(path, values, where or grid(), nodata=0)
    told: Mapping[str, Any] = {"sensor": "aerial-rgb", "bands": ["R", "G", "B"][: len(values)]} | words
    lines = [f"{name} = {json.dumps(value)}" for name, value in told.items()]
    path.with_suffix(".toml").write_text("\n".join([*lines, "datetime = 2018-02-16T12:00:00Z", ""]))
    return path


def judged(out: Path, made: Path, truth: Path, **values: Any) -> dict[str, Any]:
    records = list(run(ImagesJob(told=made, truth=truth, **values), out))
    assert [record.done for record in records] == list(range(1, len(records) + 1)) and records
    return read_images(out)


@pytest.fixture
def truth(tmp_path: Path) -> Path:
    return scene(tmp_path / "truth.tif", TRUTH)


def test_errors_by_hand(tmp_path: Path, truth: Path) -> None:
    made = scene(tmp_path / "made.tif", (TRUTH + np.array([3, 0, 4], np.uint8)[:, None, None]).astype(np.uint8))
    told = judged(tmp_path / "out", made, truth, peak=255)
    assert told["bands"] == ["R", "G", "B"] and told["num_px"] == EDGE**2 and told["name"] == "made"
    rmse = told["mean"]["rmse"]
    assert [rmse[band] for band in "RGB"] == pytest.approx([3, 0, 4], abs=1e-5)
    # Ten times the logarithm of 255 squared over 9; an image without an error has none.
    assert told["mean"]["psnr"]["R"] == pytest.approx(10 * np.log10(255**2 / 9), abs=1e-4)
    assert told["mean"]["psnr"]["G"] is None
    assert told["spectral_angle_deg"] > 0


def test_pixels_count_where_both_are_valid(tmp_path: Path, truth: Path) -> None:
    values = TRUTH + np.uint8(5)
    values[:, :4] = 0
    made = scene(tmp_path / "made.tif", values)
    for one, other in ((made, truth), (truth, made)):
        told = judged(tmp_path / one.stem, one, other, peak=255)
        assert told["num_px"] == EDGE * (EDGE - 4)
        assert told["mean"]["rmse"]["overall"] == pytest.approx(5, abs=1e-5)


def test_a_scene_that_lies_beside_it_is_compared_where_they_meet(tmp_path: Path, truth: Path) -> None:
    moved = np.roll(TRUTH, -6, axis=2)
    told = judged(tmp_path / "out", scene(tmp_path / "made.tif", moved, grid(6)), truth, peak=255)
    # The first 18 columns of the moved one are the last ones of the truth.
    assert told["num_px"] == EDGE * (EDGE - 6)
    assert told["mean"]["rmse"]["overall"] == 0 and told["spectral_angle_deg"] == pytest.approx(0, abs=0.05)


def test_bands_that_are_named_and_those_that_both_have(tmp_path: Path, truth: Path) -> None:
    two = scene(tmp_path / "two.tif", TRUTH[:2])
    assert judged(tmp_path / "a", two, truth)["bands"] == ["R", "G"]
    assert judged(tmp_path / "b", truth, two, bands=("G",))["bands"] == ["G"]
    with pytest.raises(SensorError) as caught:
        judged(tmp_path / "c", two, truth, bands=("B",))
    assert all(parts(caught.value))


def test_a_new_judgement_takes_the_place_of_the_old_one(tmp_path: Path, truth: Path) -> None:
    made = scene(tmp_path / "made.tif", TRUTH + np.uint8(2))
    first = judged(tmp_path / "out", made, truth, name="one")
    second = judged(tmp_path / "out", truth, truth, name="two")
    assert (first["name"], second["name"]) == ("one", "two")
    assert second["mean"]["rmse"]["overall"] == 0 and first["mean"]["rmse"]["overall"] > 0
    assert {"images.json", "images.csv"} <= {path.name for path in (tmp_path / "out").iterdir()}


def _elsewhere(folder: Path) -> Path:
    return scene(folder / "far.tif", TRUTH, grid(5_000))


def _clouds(folder: Path) -> Path:
    return scene(folder / "clouds.tif", np.zeros_like(TRUTH))


def _other_unit(folder: Path) -> Path:
    return scene(folder / "unit.tif", (TRUTH / 500).astype(np.float32), unit="reflectance")


def _none(folder: Path) -> Path:
    return folder / "nowhere.tif"


def _other_bands(folder: Path) -> Path:
    return scene(folder / "cube.tif", TRUTH[:2].astype(np.uint16), sensor="airborne-48", bands=["H01", "H02"])


@pytest.mark.parametrize(
    ("make", "kind", "word"),
    [
        (_elsewhere, GridError, "far"),
        (_clouds, GridError, "clouds"),
        (_other_unit, RadiometryError, "reflectance"),
        (_none, SceneError, "nowhere"),
        (_other_bands, SensorError, "H01, H02"),
    ],
)
def test_what_cannot_be_compared_is_refused(
    tmp_path: Path, truth: Path, make: Any, kind: type[LandweaveError], word: str
) -> None:
    with pytest.raises(kind) as caught:
        judged(tmp_path / "out", make(tmp_path), truth)
    given, _, _ = parts(caught.value)
    assert word in given
    assert not (tmp_path / "out" / "images.json").exists()


def test_a_folder_of_something_else_is_not_written_to(tmp_path: Path, truth: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "notes.txt").write_text("mine")
    with pytest.raises(OutputError) as caught:
        judged(tmp_path / "out", truth, truth)
    given, expected, do = parts(caught.value)
    assert "notes.txt" in given and "empty folder" in expected and "-o" in do
    assert [path.name for path in (tmp_path / "out").iterdir() if not path.name.startswith(".")] == ["notes.txt"]


@pytest.mark.parametrize("values", [{"peak": 0}, {"peak": -1}, {"name": "x" * 81}, {"band": ("R",)}])
def test_jobs_that_make_no_sense_are_refused(values: dict[str, Any]) -> None:
    with pytest.raises(ValidationError) as caught:
        ImagesJob(told=Path("a"), truth=Path("b"), **values)
    assert next(iter(values)) in str(caught.value)

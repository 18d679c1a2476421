"""Houston 2018 in its published layout: four tiles merged, 48 of 50 layers, classes of the ground truth, refusals."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.published import houston as published

from landweave.datasets import table
from landweave.datasets.houston import HoustonJob
from landweave.errors import ConfigError, SceneError
from landweave.jobs.serial import Serial
from landweave.patches.archive import Archive, open_archive

SMALL: dict[str, Any] = {"patch_px": 5, "per_class": 3, "block_px": 12, "fewer": True}


def cut(folder: Path, out: Path, **changed: Any) -> Archive:
    values = {"dataset": "houston-2018", "folder": folder, **SMALL, **changed}
    for _ in table.begin(values, out, executor=Serial()):
        pass
    return open_archive(out)


@pytest.mark.parametrize("phase", [1, 2])
def test_numbers_and_classes_are_those_of_the_files(phase: int, tmp_path: Path) -> None:
    archive = cut(published.write(tmp_path / "in", phase=phase), tmp_path / "a")
    layout = archive.layout
    assert layout.pair is not None
    assert (layout.sensor, layout.pair.sensor, layout.legend.name) == ("aerial-rgb", "airborne-48", "houston-20")
    assert [band.name for band in layout.pair.bands] == [f"H{place:02d}" for place in range(1, 49)]
    # On the class raster's pixels of 0.5 m, as in the paper.
    assert (layout.patch_px, layout.pair.px, layout.pixel_size_m) == (5, 5, 0.5)
    batch, table_ = archive.batch(np.arange(len(archive))), archive.table()
    names = {layout.legend.names[label] for label in batch["classes"].argmax(1)}
    assert names == {"Bare Earth", "Non-Residential Buildings"}
    for index in range(len(archive)):
        identity = layout.legend.ids[batch["classes"][index].argmax()]
        # Means of 10 x 10 pixels of 5 cm: all of one class, and of the tile that the place lies on.
        tile = int((table_["left"][index] + 1.25 - published.LEFT) // 6)
        assert batch["data_0.5m"][index, :, 2, 2].tolist() == [identity * 10, tile, identity]
        assert batch["target_0.5m"][index, 40, 2, 2] > 600


def test_defaults_are_the_papers(tmp_path: Path) -> None:
    told = HoustonJob(folder=tmp_path)
    assert (told.patch_px, told.per_class, told.pixels) == (25, 400, "reference")


@pytest.mark.parametrize(
    ("lost", "given", "expected"),
    [
        ("2018_IEEE_GRSS_DFC_GT_TR.tif", "0 files 2018_IEEE_GRSS_DFC_GT_TR.tif", "one file"),
        ("20170218_UH_CASI_S4_NAD83.pix", "0 files 20170218_UH_CASI_S4_NAD83", "one file"),
        ("UH_NAD83_*.tif", "no tile of the picture", "UH_NAD83"),
    ],
)
def test_a_data_set_that_is_not_whole_is_refused(tmp_path: Path, lost: str, given: str, expected: str) -> None:
    published.write(tmp_path / "in")
    for path in (tmp_path / "in").rglob(lost):
        path.unlink()
    with pytest.raises(SceneError) as caught:
        cut(tmp_path / "in", tmp_path / "a")
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert "--folder" in caught.value.do


def test_a_cube_of_other_layers_and_unknown_names_are_refused(tmp_path: Path) -> None:
    published.write(tmp_path / "in", num_layers=7)
    with pytest.raises(SceneError) as caught:
        cut(tmp_path / "in", tmp_path / "a")
    assert "7 layers" in caught.value.given
    assert "48" in caught.value.expected
    assert caught.value.do
    with pytest.raises(ConfigError) as unknown:
        list(table.begin({"dataset": "houston-2019", "folder": tmp_path}, tmp_path / "b", executor=Serial()))
    assert "houston-2018" in unknown.value.expected

"""One plot of 40 m of the NEON site HARV: 426 bands at 1 m and a picture at 0.1 m, paired, and trained for one epoch.

It shows that such files are read and fit together. Two classes on 40 x 40 m allow no claim of how right a network is.
"""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import rasterio
from rasterio.features import rasterize

from landweave.config import check
from landweave.datasets import pairs
from landweave.errors import GridError
from landweave.evaluation.patches import judge
from landweave.jobs.serial import Serial
from landweave.legend import LandClass, Legend
from landweave.models.card import load_card
from landweave.parallel.world import World
from landweave.patches.archive import open_archive
from landweave.raster.collect import CatalogJob, collect
from landweave.raster.files import grid_of
from landweave.raster.write import write_map
from landweave.recipe.kinds import run
from landweave.recipe.recipe import TrainRecipe

pytestmark = pytest.mark.real

CROWNS = Legend("crowns", "NEON, HARV_026, 2019", (LandClass(1, "Other", "#c0a060"), LandClass(2, "Crown", "#008040")))
NUM_BANDS = 426


def sidecar(path: Path, sensor: str, bands: list[str]) -> None:
    path.with_suffix(".toml").write_text(
        f'sensor = "{sensor}"\nbands = {json.dumps(bands)}\ndatetime = 2019-08-15T16:00:00Z\n'
    )


def own_sensor(path: Path) -> None:
    bands = "\n".join(f'  {{ name = "N{place:03d}", pixel_size_m = 1 }},' for place in range(1, NUM_BANDS + 1))
    path.write_text(
        '[sensors.neon-426]\ntitle = "NEON imaging spectrometer"\nsource = "NEON"\nunit = "reflectance"\n'
        f'scale = 0.0001\noffset = 0\nnodata = -9999\ndtype = "int16"\nrgb = ["N054", "N035", "N019"]\n'
        f"bands = [\n{bands}\n]\n"
    )


@pytest.fixture
def plot(tmp_path: Path, real_data: Path) -> Path:
    source = real_data / "neon_harv026"
    scenes = tmp_path / "scenes"
    scenes.mkdir()
    (scenes / "rgb.tif").write_bytes((source / "HARV_026_rgb_2019.tif").read_bytes())
    sidecar(scenes / "rgb.tif", "aerial-rgb", ["R", "G", "B"])
    # The cube's file does not say its CRS, the picture's does; both have the same corners.
    with rasterio.open(source / "HARV_026_hyperspectral.tif") as cube, rasterio.open(scenes / "rgb.tif") as picture:
        assert cube.crs is None
        assert (cube.bounds, cube.count) == (picture.bounds, NUM_BANDS)
        profile = {**cube.profile, "crs": picture.crs}
        with rasterio.open(scenes / "cube.tif", "w", **profile) as file:
            file.write(cube.read())
        shape, place = cube.shape, cube.transform
    sidecar(scenes / "cube.tif", "neon-426", [f"N{place:03d}" for place in range(1, NUM_BANDS + 1)])
    own_sensor(tmp_path / "sensors.toml")
    crowns = json.loads((source / "HARV_026_crowns_2019.geojson").read_text())
    ids = rasterize([(entry["geometry"], 2) for entry in crowns["features"]], shape, fill=1, transform=place)
    assert len(crowns["features"]) == 114
    write_map(tmp_path / "crowns.tif", ids.astype(np.uint8), grid_of(str(scenes / "cube.tif")), CROWNS)
    collect(CatalogJob(sources=[str(scenes)], sensors=tmp_path / "sensors.toml"), tmp_path / "catalog.parquet")
    return tmp_path


def job(plot: Path, **changed: object) -> pairs.PairScenesJob:
    told = {
        "scenes": plot / "catalog.parquet", "labels": plot / "crowns.tif", "sensor": "aerial-rgb",
        "beside": "neon-426", "patch_px": 6, "pixels": "own", "per_class": 12, "block_px": 13, "gap_px": 1,
        "fewer": True,
    }  # fmt: skip
    return check(pairs.PairScenesJob, {**told, **changed}, "here")


def test_the_plot_is_read_paired_and_trained_for_one_epoch(plot: Path) -> None:
    for _ in pairs.run_catalog(job(plot), plot / "archive", executor=Serial()):
        pass
    archive = open_archive(plot / "archive")
    batch = archive.batch(archive.part("train"))
    assert batch["data_0.1m"].shape[1:] == (3, 60, 60)
    assert batch["target_1m"].shape[1:] == (NUM_BANDS, 6, 6)
    told = {
        "archive": archive.folder, "network": "two_branch", "arguments": {"width": 0.125}, "task": "patches",
        "epochs": 1, "batch_global": 8, "precision": "fp32",
        "optimiser": {"name": "adam", "rate": 1e-3, "weight_decay": 0.0},
    }  # fmt: skip
    for _ in run(check(TrainRecipe, told, "here"), plot / "run", World()):
        pass
    card, network = load_card(plot / "run" / "card")
    assert card.second is not None
    assert (card.sensor, card.second.sensor, len(card.second.bands)) == ("aerial-rgb", "neon-426", NUM_BANDS)
    assert set(network.branches()) == {"rgb", "hsi"}
    going = judge(plot / "run" / "card", archive, "test", "test")
    records = list(going)
    assert records[-1].done == archive.manifest["splits"]["test"] > 0


def test_a_cube_that_does_not_say_its_crs_is_refused(plot: Path, real_data: Path) -> None:
    (plot / "scenes" / "cube.tif").write_bytes((real_data / "neon_harv026" / "HARV_026_hyperspectral.tif").read_bytes())
    beside = plot / "scenes" / "cube.toml"
    beside.write_text(f'{beside.read_text()}georeference = "none"\n')
    collect(CatalogJob(sources=[str(plot / "scenes")], sensors=plot / "sensors.toml"), plot / "catalog.parquet")
    with pytest.raises(GridError) as caught:
        list(pairs.run_catalog(job(plot), plot / "archive", executor=Serial()))
    assert "no CRS" in caught.value.given
    assert "one CRS" in caught.value.expected
    assert "write the CRS" in caught.value.do

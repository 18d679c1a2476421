"""Real pairs: one place that Landsat 8 and Sentinel-2 saw in 8 bit, and spectra of both sensors, pixel by pixel."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from landweave.classical import regression
from landweave.evaluation.images import read_images
from landweave.harmonize import fit, judge, pairs
from landweave.harmonize.apply import ApplyJob
from landweave.harmonize.apply import run as apply
from landweave.harmonize.physical import adjustment
from landweave.jobs.serial import Serial
from landweave.patches.archive import open_archive
from landweave.raster.catalog import write_catalog
from landweave.raster.products import recognise
from landweave.raster.read import read
from landweave.sensors import load_sensors

pytestmark = pytest.mark.real

SENSORS = """
[sensors.NAME]
title = "NAME of l8s2_pairs_rgb, stretched to 8 bit"
source = "l8s2_pairs_rgb: no unit is told"
unit = "digital_number"
dtype = "uint8"
nodata = 0
rgb = ["R", "G", "B"]
bands = [
  { name = "R", wavelength_nm = 655, width_nm = 30, pixel_size_m = SIZE },
  { name = "G", wavelength_nm = 560, width_nm = 30, pixel_size_m = SIZE },
  { name = "B", wavelength_nm = 482, width_nm = 30, pixel_size_m = SIZE },
]
"""
SIDECAR = 'sensor = "NAME"\nbands = ["R", "G", "B"]\ndatetime = 2020-01-01T10:00:00Z\ngeoreference = "none"\n'
ROWS = {"rgb8-s2": ("scene_1_Sentinel-2.tif", 10), "rgb8-l8": ("scene_1_Landsat-8.tif", 30), "rgb8-like": ("", 30)}


def test_a_pair_of_three_bands_is_cut_fitted_applied_and_judged(tmp_path: Path, real_data: Path) -> None:
    text = "".join(SENSORS.replace("NAME", name).replace("SIZE", str(size)) for name, (_, size) in ROWS.items())
    (tmp_path / "sensors.toml").write_text(text)
    (tmp_path / "scenes").mkdir()
    for name, (file, _) in list(ROWS.items())[:2]:
        (tmp_path / "scenes" / file).symlink_to(real_data / "l8s2_pairs_rgb" / file)
        (tmp_path / "scenes" / file).with_suffix(".toml").write_text(SIDECAR.replace("NAME", name))
    found = recognise(tmp_path / "scenes", sensors=load_sensors(tmp_path / "sensors.toml"))
    assert len(found.scenes) == 2 and not found.unread
    write_catalog(found.scenes, tmp_path / "catalog.parquet")
    wanted = pairs.PairsJob(scenes=tmp_path / "catalog.parquet", source="rgb8-s2", target="rgb8-l8",
                            bands=("R", "G", "B"), target_bands=("R", "G", "B"), patch_px=32, block_patches=1,
                            gap_px=2, saturate=(0, 100))  # fmt: skip
    list(pairs.run(wanted, tmp_path / "pairs", Serial()))
    archive = open_archive(tmp_path / "pairs")
    offset = archive.manifest["configuration"]["pairs"][0]["offset"]
    # The files' corners lie 10 m apart; what is seen lies within half a pixel.
    assert abs(offset["row_px"]) < 0.6 and abs(offset["col_px"]) < 0.6
    list(fit.run(fit.FitJob(archive=tmp_path / "pairs", like="rgb8-like", point_spread=False), tmp_path / "lines"))
    card = (tmp_path / "lines" / "card",)
    rmse = {}
    for name, how in {"raw": {"physical": "raw"}, "lines": {"cards": card}}.items():
        list(judge.run(judge.JudgeJob(archive=tmp_path / "pairs", peak=255, **how), tmp_path / f"judged-{name}"))
        rmse[name] = read_images(tmp_path / f"judged-{name}")["mean"]["rmse"]["overall"]
    assert rmse["lines"] < rmse["raw"] < 80
    job = ApplyJob(scenes=tmp_path / "catalog.parquet", cards=card, sensors=tmp_path / "sensors.toml", core_px=100)
    list(apply(job, tmp_path / "like"))
    (made,) = recognise(tmp_path / "like" / "scenes", sensors=load_sensors(tmp_path / "sensors.toml")).scenes
    values, valid = read(made, ("R", "G", "B"), made.grid)
    assert values.shape == (3, 256, 256) and valid.mean() > 0.9 and made.sensor.name == "rgb8-like"


def cube(folder: Path, name: str, num_bands: int) -> NDArray[np.float32]:
    numbers = np.fromfile(next(folder.glob(f"refcube__{name}*.bsq")), np.int16).reshape(num_bands, 9000)
    return np.asarray(numbers.T / 10_000, np.float32)


def test_spectra_of_two_sensors_pixel_by_pixel(real_data: Path) -> None:
    folder = real_data / "spechomo_refcubes"
    # B01-B08, B8A, B11, B12 of Sentinel-2A and bands 1-7 of OLI: blue, green, red, near and short-wave infrared.
    s2, l8 = cube(folder, "Sentinel-2A", 11)[:, [1, 2, 3, 8, 9, 10]], cube(folder, "Landsat-8", 7)[:, 1:]
    whole = (s2 > -0.5).all(1) & (l8 > -0.5).all(1)
    s2, l8 = s2[whole], l8[whole]
    train = np.arange(len(s2)) % 2 == 0
    slopes, offsets = adjustment("S2A", ("B02", "B03", "B04", "B8A", "B11", "B12"))
    line = regression.LineSums.of(s2[train], l8[train]).fit()
    forest = regression.fit_forest(s2[train], l8[train], num_trees=20)
    told = {"raw": s2, "hls": s2 * slopes + offsets, "linear": regression.predict(line, s2),
            "forest": regression.predict(forest, s2)}  # fmt: skip
    rmse = {name: float(np.sqrt(((values - l8)[~train] ** 2).mean())) for name, values in told.items()}
    assert rmse["linear"] < rmse["raw"] < 0.02
    assert rmse["forest"] < 0.02
    assert abs(rmse["hls"] - rmse["raw"]) < 0.01

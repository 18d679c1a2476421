"""Scenes made like another sensor's: lines, forests, generators and several of them; tiled as whole; refused well."""

from __future__ import annotations

import dataclasses
import json
import pickle
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from tests.harmonize import making
from tests.harmonize.making import L8, S2, catalog, job, scene
from tests.harmonize.test_physical import XML

from landweave.errors import (
    CardError,
    CatalogError,
    ConfigError,
    GridError,
    LandweaveError,
    OutputError,
    RadiometryError,
    SensorError,
)
from landweave.evaluation.images import ImagesJob, lines, read_images
from landweave.evaluation.images import run as compare
from landweave.harmonize import fit, judge, pairs
from landweave.harmonize.apply import ApplyJob, _tasks, prepare, run
from landweave.harmonize.look import LookTask
from landweave.jobs.serial import Serial
from landweave.models.card import Card, load_parts, save_card
from landweave.models.pair.mgan import Generator
from landweave.models.sight import Sight
from landweave.raster.products import recognise
from landweave.raster.read import read, read_numbers
from landweave.sensors import sensor
from landweave.tiling import Window


def all_of(records: Iterator[Any]) -> list[Any]:
    return list(records)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A catalog, an archive of pairs, and cards fitted on it."""
    folder = tmp_path_factory.mktemp("apply")
    hidden = [(slice(30, 50), slice(30, 50), 9)]
    catalog(folder, scene(folder, S2, mask=hidden), scene(folder, L8))
    all_of(pairs.run(job(folder / "catalog.parquet", saturate=(0, 100)), folder / "pairs", Serial()))
    for model in ("linear", "forest"):
        wanted = fit.FitJob(archive=folder / "pairs", model=model, trees=5, pixels=2000, point_spread=False)
        all_of(fit.run(wanted, folder / model))
    return folder


def made(folder: Path, out: Path, **more: Any) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """The values that a job makes of the one Sentinel-2 scene, as a catalog of them is read."""
    all_of(run(ApplyJob(scenes=folder / "catalog.parquet", **more), out))
    found = recognise(out / "scenes")
    assert not found.unread and len(found.scenes) == 1
    (one,) = found.scenes
    assert one.sensor == sensor("landsat-8-like") and one.bands == making.TARGET
    return read(one, one.bands, one.grid)


def test_raw_values_are_means_of_what_the_sensor_saw(place: Path, tmp_path: Path) -> None:
    values, valid = made(place, tmp_path / "raw", physical="raw", core_px=40)
    assert values.shape == (6, 96, 96) and not valid[20:33, 20:33].any() and valid.sum() == 96**2 - 14**2
    expected = making.means(making.land(), 3)
    np.testing.assert_allclose(values[1][valid], expected[valid] * 1.05, atol=2e-4)
    told = json.loads((tmp_path / "raw" / "summary.json").read_text())
    assert told["valid_px"] == valid.sum() and told["written_px"] == 96**2 and told["sensor"] == "landsat-8-like"


@pytest.mark.parametrize("model", ["linear", "forest"])
def test_what_was_fitted_on_pairs_comes_near_the_other_sensor(place: Path, tmp_path: Path, model: str) -> None:
    values, valid = made(place, tmp_path / model, cards=(place / model / "card",))
    scale = 1 + np.arange(6, dtype=np.float32)[:, None, None] / 20
    expected = making.means(making.land(), 3) * scale
    error = np.abs(values - expected)[:, valid]
    assert error.mean() < (0.001 if model == "linear" else 0.01)


def generator(place: Path, folder: Path, seed: int = 0) -> Card:
    """A card of an untrained generator of the pair."""
    known, _ = load_parts(place / "linear" / "card")
    assert known.output is not None
    torch.manual_seed(seed)
    arguments: dict[str, Any] = {"input_sizes_m": known.output.input_sizes_m, "output_size_m": 30.0}
    arguments |= {"width": 4, "depth": 2}
    network = Generator(6, 6, **arguments)
    with torch.no_grad():
        for weights in network.parameters():
            weights.copy_(torch.randn_like(weights) * 0.1)
    output = dataclasses.replace(known.output, mean=(0.3,) * 6, std=(0.1,) * 6)
    card = dataclasses.replace(known, network="mgan", arguments=arguments, sight=Sight(4, 24), output=output)
    return save_card(folder, card, network)


def test_a_generator_in_tiles_is_a_generator_on_the_whole(place: Path, tmp_path: Path) -> None:
    generator(place, tmp_path / "card")
    whole, valid = made(place, tmp_path / "whole", cards=(tmp_path / "card",), core_px=96)
    tiled, again = made(place, tmp_path / "tiled", cards=(tmp_path / "card",), core_px=48)
    np.testing.assert_array_equal(valid, again)
    assert np.ptp(whole[:, valid]) > 0.01
    # Stored numbers are steps of 2.75e-5: rounding may fall the other way.
    np.testing.assert_allclose(tiled, whole, atol=3e-5)


def test_several_cards_tell_their_mean_and_how_far_they_disagree(place: Path, tmp_path: Path) -> None:
    cards = [tmp_path / "one", tmp_path / "two"]
    each = []
    for seed, card in enumerate(cards):
        generator(place, card, seed)
        each.append(made(place, tmp_path / f"only{seed}", cards=(card,))[0])
    both, valid = made(place, tmp_path / "both", cards=tuple(cards), spread=True)
    np.testing.assert_allclose(both[:, valid], np.mean(each, 0)[:, valid], atol=6e-5)
    name = next((tmp_path / "both" / "spread").iterdir())
    spread = read_numbers(str(name), Window.of((96, 96)), range(1, 7))
    np.testing.assert_allclose(spread[:, valid], np.std(each, 0, ddof=1)[:, valid], atol=6e-5)
    assert np.isnan(spread[:, ~valid]).all()


def test_tasks_can_be_sent_to_another_process(place: Path, tmp_path: Path) -> None:
    wanted = ApplyJob(scenes=place / "catalog.parquet", physical="raw", core_px=48)
    tasks = list(_tasks(prepare(wanted, tmp_path)))
    assert len(tasks) == 4 and len({task.key for task in tasks}) == 4
    assert pickle.loads(pickle.dumps(tasks)) == tasks
    found = pairs.prepare(job(place / "catalog.parquet"))
    seen = LookTask(tmp_path, found.pairs[0], found.sizes, found.layout, (1, 99))
    assert pickle.loads(pickle.dumps(seen)) == seen


def test_the_same_job_twice_is_the_same_bytes_and_another_is_refused(place: Path, tmp_path: Path) -> None:
    wanted = ApplyJob(scenes=place / "catalog.parquet", physical="raw", core_px=48)
    all_of(run(wanted, tmp_path / "a"))
    (file,) = (tmp_path / "a" / "scenes").rglob("*.tif")
    before = file.read_bytes()
    assert all(record.done == record.total for record in run(wanted, tmp_path / "a"))
    file.unlink()
    all_of(run(wanted, tmp_path / "a"))
    assert file.read_bytes() == before
    with pytest.raises(OutputError, match="core_px was 48, is now 32"):
        all_of(run(wanted.model_copy(update={"core_px": 32}), tmp_path / "a"))


def wrong(place: Path, folder: Path) -> dict[str, tuple[type[LandweaveError], str, str, dict[str, Any]]]:
    other, _ = load_parts(place / "linear" / "card")
    assert other.output is not None
    arrays = load_parts(place / "linear" / "card")[1]
    save_card(folder / "foreign", dataclasses.replace(other, sensor="sentinel-2-l1c"), arrays)
    save_card(folder / "celsius", dataclasses.replace(other, unit="radiance"), arrays)
    naip = dataclasses.replace(other.output, sensor="naip", bands=("R", "G", "B", "N", "R2", "N2"))
    save_card(folder / "nodata", dataclasses.replace(other, output=naip, legend=naip.legend), arrays)
    labels = dataclasses.replace(other, task="pixels", output=None)
    save_card(folder / "labels", labels, arrays)
    one = place / "linear" / "card"
    return {
        "pair": (CardError, "of sentinel-2-l2a for what makes", "card of this sensor pair",
                 {"cards": (folder / "foreign",), "only": (f"S2A_{making.DAY}",)}),
        "unit": (RadiometryError, "in reflectance", "sidecar", {"cards": (folder / "celsius",)}),
        "task": (CardError, "a card of task pixels", "harmonize", {"cards": (folder / "labels",)}),
        "mixed": (CardError, "or of other bands", "same archive", {"cards": (one, folder / "foreign")}),
        "sensor": (SensorError, "band R2 of naip", "name a band", {"cards": (folder / "nodata",)}),
        "scene": (CatalogError, "scene nowhere", "name scenes", {"physical": "raw", "only": ("nowhere",)}),
        "landsat": (CardError, f"LC08_{making.DAY}", "card of this sensor pair",
                    {"physical": "raw", "only": (f"LC08_{making.DAY}",)}),
        "angles": (ConfigError, "angles.toml", "check the path", {"physical": "hls", "angles": folder / "angles.toml"}),
    }  # fmt: skip


@pytest.mark.parametrize("what", ["pair", "unit", "task", "mixed", "sensor", "scene", "landsat", "angles"])
def test_what_does_not_fit_is_refused_before_a_pixel_is_told(place: Path, tmp_path: Path, what: str) -> None:
    kind, given, do, more = wrong(place, tmp_path)[what]
    with pytest.raises(kind) as caught:
        all_of(run(ApplyJob(scenes=place / "catalog.parquet", **more), tmp_path / "out"))
    assert given in caught.value.given
    assert do in caught.value.do
    assert caught.value.expected and not (tmp_path / "out" / "scenes").exists()


def test_jobs_that_contradict_themselves() -> None:
    for values, words in (
        ({}, "cards, or physical"),
        ({"physical": "raw", "cards": ("a",)}, "cards, or physical"),
        ({"cards": ("a",), "spread": True}, "two cards"),
    ):
        with pytest.raises(ValueError, match=words):
            ApplyJob(scenes=Path("c"), **values)
    with pytest.raises(ValueError, match="cards, or physical"):
        judge.JudgeJob(archive=Path("a"))


def test_a_card_is_judged_on_pairs_day_by_day(place: Path, tmp_path: Path) -> None:
    wanted = judge.JudgeJob(archive=place / "pairs", cards=(place / "linear" / "card",), name="lines")
    all_of(judge.run(wanted, tmp_path / "lines"))
    all_of(judge.run(judge.JudgeJob(archive=place / "pairs", physical="hls"), tmp_path / "hls"))
    told, hls = (read_images(tmp_path / name) for name in ("lines", "hls"))
    assert (told["name"], hls["name"]) == ("lines", "hls")
    assert told["mean"]["rmse"]["overall"] < 0.001 < hls["mean"]["rmse"]["overall"]
    assert list(told["images"]) == [f"S2A_{making.DAY}"] and told["num_images"] == 1
    assert (tmp_path / "lines" / "pictures.png").read_bytes()[:4] == b"\x89PNG"
    table = (tmp_path / "hls" / "images.csv").read_text().splitlines()
    assert table[0] == "measure," + ",".join((*making.TARGET, "overall")) and len(table) == 7
    foreign = wrong(place, tmp_path)["pair"][3]["cards"]
    with pytest.raises(CardError, match="sentinel-2-l1c"):
        all_of(judge.run(judge.JudgeJob(archive=place / "pairs", cards=foreign), tmp_path / "no"))


def test_the_archive_keeps_the_angles_that_the_nadir_view_needs(tmp_path: Path) -> None:
    path = catalog(tmp_path)
    told = {}
    for name, text in {"without": None, "with": XML}.items():
        if text:
            (tmp_path / f"S2A_{making.DAY}" / "MTD_TL.xml").write_text(text)
        all_of(pairs.run(job(path, patch_px=32, saturate=(0, 100)), tmp_path / name, Serial()))
        wanted = judge.JudgeJob(archive=tmp_path / name, physical="hls")
        all_of(judge.run(wanted, tmp_path / f"judged-{name}"))
        told[name] = read_images(tmp_path / f"judged-{name}")["mean"]["rmse"]
    manifest = json.loads((tmp_path / "with" / "archive.json").read_text())
    assert manifest["configuration"]["pairs"][0]["angles"] == {"sun_zenith": 40.5, "view_zenith": 8.5, "azimuth": 141}
    assert told["with"]["SR_B2"] != told["without"]["SR_B2"]


def test_a_made_scene_is_judged_by_a_measured_one(place: Path, tmp_path: Path) -> None:
    _, valid = made(place, tmp_path / "raw", physical="raw")
    (folder,) = (tmp_path / "raw" / "scenes").iterdir()
    all_of(compare(ImagesJob(told=folder, truth=folder), tmp_path / "same"))
    told = read_images(tmp_path / "same")
    assert told["num_px"] == valid.sum() and told["mean"]["rmse"]["overall"] == 0
    assert told["mean"]["psnr"]["overall"] is None and told["mean"]["ssim"]["overall"] == pytest.approx(1)
    shown = list(lines(told))
    assert shown[0].startswith("sam ") and "psnr not known" in shown[4] and len(shown) == 8
    with pytest.raises(OutputError, match="which holds"):
        all_of(compare(ImagesJob(told=folder, truth=folder), tmp_path / "raw"))
    with pytest.raises(OutputError, match="wrote of kind images, format 1"):
        read_images(tmp_path)
    with pytest.raises(LandweaveError, match="0 scenes"):
        all_of(compare(ImagesJob(told=tmp_path / "same", truth=folder), tmp_path / "x"))
    with pytest.raises(SensorError, match="name a band"):
        all_of(compare(ImagesJob(told=folder, truth=folder, bands=("B99",)), tmp_path / "x"))
    far = tmp_path / "far"
    all_of(
        run(ApplyJob(scenes=catalog(tmp_path, scene(tmp_path, S2, corner=(600_000, 5_300_040))), physical="raw"), far)
    )
    with pytest.raises(GridError, match="without a pixel that both know"):
        all_of(compare(ImagesJob(told=folder, truth=next((far / "scenes").iterdir())), tmp_path / "y"))

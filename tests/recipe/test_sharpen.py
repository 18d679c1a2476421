"""Recipes of sharpeners: from scenes to a card, stopped and gone on, and what is refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tests.patches import scenes
from tests.recipe.making import stop_after, told

from landweave.config import check
from landweave.datasets.wald import Land
from landweave.errors import CatalogError, ConfigError, LandweaveError, OutputError, SensorError
from landweave.models.pair.sharpener import load_sharpener
from landweave.parallel.world import World
from landweave.raster.catalog import write_catalog
from landweave.recipe.kinds import load_recipe, run
from landweave.recipe.lands import Lands, plan
from landweave.recipe.recipe import TrainRecipe
from landweave.recipe.sharpen import SharpenRecipe, fit
from landweave.train.log import EpochRecord

torch.set_num_threads(1)


def recipe(catalog: Path, **changed: Any) -> SharpenRecipe:
    """Tiny networks on tiny land."""
    values = {
        "task": "sharpen",
        "scenes": catalog,
        "width": 4,
        "depth": 1,
        "patch_px": 6,
        "land_px": 36,
        "validation": 0.25,
        "epochs": 2,
        "precision": "fp32",
        "log_every_steps": 1,
        "checkpoint_every_s": 0,
        **changed,
    }
    return check(SharpenRecipe, values, "test")


@pytest.fixture
def catalog(tmp_path: Path) -> Path:
    write_catalog([scenes.write_scene(tmp_path)], tmp_path / "catalog.parquet")
    return tmp_path / "catalog.parquet"


def train(wanted: SharpenRecipe, out: Path) -> list[Any]:
    return list(run(wanted, out, World()))


def test_scenes_become_a_card(catalog: Path, tmp_path: Path) -> None:
    records = train(recipe(catalog), tmp_path / "run")
    found, networks = load_sharpener(tmp_path / "run" / "card")
    assert {view.pixel_size_m: view.bands for view in found.views} == {
        10.0: ("B02", "B03"),
        20.0: ("B05",),
        60.0: ("B09",),
    }
    assert list(networks) == ["20m", "60m"]
    assert (found.sensor, found.unit, found.width, found.depth) == ("sentinel-2-l2a", "reflectance", 4, 1)
    # Numbers of 1001 to 6000 with the newest offset are reflectances of 0.0001 to 0.5.
    assert found.views[0].mean == pytest.approx([0.25, 0.25], abs=0.01)
    assert found.training["20m"]["num_train"] == 3 * 7 * 7
    assert found.training["20m"]["num_validation"] == 9
    assert set(found.training["60m"]["validation"]) == {"loss", "rmse_by_bilinear", "rmse_B09"}
    ends = [record for record in records if isinstance(record, EpochRecord)]
    assert [record.done for record in ends] == [1, 2, 1, 2]
    assert [record.done for record in records if getattr(record, "phase", "") == "read"] == [1, 2, 3, 4]
    configuration = json.loads((tmp_path / "run" / "recipe.json").read_text())["configuration"]
    assert (configuration["task"], configuration["width"]) == ("sharpen", 4)


@pytest.mark.parametrize("num", [1, 6, 9, 14, 17])
def test_stopped_and_gone_on_is_not_stopped(catalog: Path, tmp_path: Path, num: int) -> None:
    wanted = recipe(catalog, batch_global=25)
    train(wanted, tmp_path / "whole")
    stop_after(run(wanted, tmp_path / "stopped", World()), num)
    assert not (tmp_path / "stopped" / "card").exists()
    train(wanted, tmp_path / "stopped")
    for file in ("sharpener.json", "weights.safetensors"):
        whole, stopped = ((tmp_path / name / "card" / file).read_bytes() for name in ("whole", "stopped"))
        assert whole == stopped
    for name in ("20m", "60m"):
        assert told(tmp_path / "whole" / name) == told(tmp_path / "stopped" / name)


def test_done_is_done(catalog: Path, tmp_path: Path) -> None:
    train(recipe(catalog), tmp_path / "run")
    again = train(recipe(catalog), tmp_path / "run")
    assert not [record for record in again if isinstance(record, EpochRecord)]


def test_another_recipe_is_refused(catalog: Path, tmp_path: Path) -> None:
    train(recipe(catalog), tmp_path / "run")
    with pytest.raises(OutputError) as told:
        train(recipe(catalog, width=5), tmp_path / "run")
    assert "another recipe" in told.value.given
    assert "-o" in told.value.do


def smooth(edge: int, seed: int) -> Land:
    """Land whose coarse band is the mean of what the fine bands show: nothing that could not be told."""
    rng = np.random.default_rng(seed)
    fine = rng.uniform(0.1, 0.5, (2, edge // 3, edge // 3)).repeat(3, 1).repeat(3, 2).astype(np.float32)
    whole = fine.mean(0, keepdims=True)
    return Land.of({10.0: fine, 20.0: whole.reshape(1, edge // 2, 2, edge // 2, 2).mean((2, 4)).astype(np.float32)})


def test_what_the_fine_bands_show_is_learnt(tmp_path: Path) -> None:
    bands = {10.0: ("B02", "B03"), 20.0: ("B05",)}
    lands = Lands("sentinel-2-l2a", "reflectance", bands, [smooth(144, 0)], [smooth(72, 1)], "made")
    optimiser = {"name": "adam", "rate": 5e-3, "weight_decay": 0}
    wanted = recipe(
        tmp_path, width=8, patch_px=12, epochs=12, batch_global=8, optimiser=optimiser, checkpoint_every_s=60
    )
    ends = [one for one in fit(wanted, lands, tmp_path / "run", World()) if isinstance(one, EpochRecord)]
    assert ends[-1].figures["rmse_by_bilinear"] < 0.5
    assert ends[-1].losses["loss"] < ends[0].losses["loss"]


def test_land_without_validation_trains_to_the_end(tmp_path: Path) -> None:
    bands = {10.0: ("B02", "B03"), 20.0: ("B05",)}
    lands = Lands("sentinel-2-l2a", "reflectance", bands, [smooth(72, 0)], identity="made")
    ends = [one for one in fit(recipe(tmp_path), lands, tmp_path / "run", World()) if isinstance(one, EpochRecord)]
    assert [dict(one.figures) for one in ends] == [{}, {}]
    assert load_sharpener(tmp_path / "run" / "card")[0].training["20m"]["num_validation"] == 0


def test_land_of_one_place_is_for_one_part(tmp_path: Path) -> None:
    dates = [scenes.write_scene(tmp_path, f"S{number}") for number in range(3)]
    write_catalog(dates, tmp_path / "catalog.parquet")
    found = plan(recipe(tmp_path / "catalog.parquet"))
    assert len(found.places) == 12
    parts: dict[Any, set[str]] = {}
    for place in found.places:
        parts.setdefault((place.window.row, place.window.col), set()).add(place.part)
    assert sorted(map(len, parts.values())) == [1, 1, 1, 1]
    assert sum(place.part == "validation" for place in found.places) == 3


def test_pieces_of_land_do_not_touch_and_are_whole(catalog: Path) -> None:
    windows = [place.window for place in plan(recipe(catalog)).places]
    assert {(window.row % 36, window.col % 36, window.height, window.width) for window in windows} == {(0, 0, 36, 36)}
    assert len(windows) == 4
    assert {(window.row, window.col) for window in windows} == {(0, 0), (0, 72), (72, 0), (72, 72)}


def test_no_more_land_is_read_than_asked_for(catalog: Path) -> None:
    few, again = (plan(recipe(catalog, num_lands=2)) for _ in range(2))
    assert len(few.places) == 2
    assert few.places == again.places
    assert {place.part for place in few.places} == {"train", "validation"}


def test_clouds_are_left_away(tmp_path: Path) -> None:
    valid = np.ones((120, 120), np.uint8)
    valid[5:8, 5:8] = 0
    write_catalog([scenes.write_scene(tmp_path, valid=valid)], tmp_path / "catalog.parquet")
    pieces = {part: land for part, land in plan(recipe(tmp_path / "catalog.parquet")).read() if not land.valid.all()}
    assert len(pieces) == 1
    assert not next(iter(pieces.values())).valid[5:8, 5:8].any()


@pytest.mark.parametrize(
    ("changed", "error", "given"),
    [
        ({"bands": ["B02", "B03"]}, SensorError, "10 m only"),
        ({"bands": ["B02", "B8A"]}, SensorError, "B8A"),
        ({"sensor": "landsat-8-c2l2"}, CatalogError, "landsat-8-c2l2"),
        ({"patch_px": 7}, ConfigError, "patch_px = 7"),
    ],
)
def test_what_cannot_work_is_refused(
    catalog: Path, tmp_path: Path, changed: Mapping[str, Any], error: type[LandweaveError], given: str
) -> None:
    with pytest.raises(error) as told:
        train(recipe(catalog, **changed), tmp_path / "run")
    assert given in told.value.given
    assert told.value.expected
    assert told.value.do


def test_a_band_that_never_varies_is_refused(tmp_path: Path) -> None:
    flat = {"B09": np.full((1, 20, 20), 2000, np.uint16)}
    write_catalog([scenes.write_scene(tmp_path, changed=flat)], tmp_path / "catalog.parquet")
    with pytest.raises(SensorError) as told:
        train(recipe(tmp_path / "catalog.parquet"), tmp_path / "run")
    assert "B09 with one value" in told.value.given
    assert "vary" in told.value.expected
    assert "away" in told.value.do


def test_the_task_says_what_a_recipe_is(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text('task = "sharpen"\nscenes = "catalog.parquet"\n')
    (tmp_path / "b.toml").write_text('archive = "archive"\n')
    assert isinstance(load_recipe(tmp_path / "a.toml", ["epochs=3"]), SharpenRecipe)
    assert load_recipe(tmp_path / "a.toml", ["epochs=3"]).epochs == 3
    assert isinstance(load_recipe(tmp_path / "b.toml"), TrainRecipe)
    with pytest.raises(ConfigError) as told:
        load_recipe(tmp_path / "a.toml", ["wdith=3"])
    assert "wdith" in told.value.given
    assert "width" in told.value.expected


def test_the_recipe_in_the_folder_is_that_of_the_paper(catalog: Path, tmp_path: Path) -> None:
    path = Path(__file__).parents[2] / "recipes" / "sharpen-sentinel2.toml"
    found = load_recipe(path)
    assert isinstance(found, SharpenRecipe)
    assert (found.width, found.depth) == (128, 6)
    small = ["width=4", "depth=1", "epochs=1", "patch_px=6", "land_px=36", f'scenes="{catalog}"']
    assert list(run(load_recipe(path, small), tmp_path / "run", World()))
    assert (tmp_path / "run" / "card" / "sharpener.json").is_file()

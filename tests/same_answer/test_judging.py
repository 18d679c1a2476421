"""One judgement, two ways: a card on patches and its map; masks and a raster of truth; parts and the whole."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.mapping.places import BANDS, LEGEND, SENSOR, grid_at, make_card, make_catalog, make_scene

from landweave.classical import store
from landweave.config import check
from landweave.evaluation.job import EvaluateJob
from landweave.evaluation.job import run as judge
from landweave.evaluation.result import read_evaluation
from landweave.jobs.serial import Serial
from landweave.legend import IGNORE
from landweave.mapping.job import run as map_scenes
from landweave.mapping.prepare import MapJob
from landweave.models.card import Card, save_card
from landweave.models.sight import Sight
from landweave.patches.job import ScenesJob, run_catalog
from landweave.raster.write import write_map

GRID = grid_at(150, 170)


@pytest.fixture(scope="module")
def land(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scene with a hole, a truth with unknown pixels, and patches of both."""
    folder = tmp_path_factory.mktemp("land")
    scene = make_scene(folder, "one", GRID, holes=[(slice(40, 60), slice(30, 50))])
    make_catalog(folder / "catalog.parquet", scene)
    rng = np.random.default_rng(0)
    truth = rng.integers(0, 6, (10, 12)).astype(np.uint8).repeat(16, 0).repeat(16, 1)[:150, :170]
    truth[:20, 100:] = IGNORE
    write_map(folder / "truth.tif", LEGEND.to_ids(truth), GRID, LEGEND)
    (folder / "legends.toml").write_text(
        '[legends.six]\nsource = "a test"\nclasses = ['
        + ", ".join(f'{{ id = {c.id}, name = "{c.name}", color = "{c.color}" }}' for c in LEGEND.classes)
        + "]\n"
    )
    values = {"scenes": folder / "catalog.parquet", "labels": folder / "truth.tif", "legends": folder / "legends.toml"}
    sizes = {"patch_px": 16, "gap_px": 2, "block_patches": 1, "min_valid": 0.1, "fractions": [0.5, 0.0, 0.5]}
    job = check(ScenesJob, {**values, **sizes, "legend": "six"}, "test")
    list(run_catalog(job, folder / "archive", executor=Serial()))
    return folder


def judged(out: Path, **values: Any) -> dict[str, Any]:
    list(judge(check(EvaluateJob, values, "test"), out))
    return read_evaluation(out)


def mapped(land: Path, card: Path, out: Path) -> Path:
    job = check(MapJob, {"card": card, "scenes": land / "catalog.parquet", "precision": "fp32", "core_px": 64}, "test")
    list(map_scenes(job, out))
    return out / "map.tif"


def forest_card(folder: Path) -> None:
    rng = np.random.default_rng(3)
    x = rng.uniform(0, 0.4, (400, len(BANDS))).astype(np.float32)
    model = store.fit("forest", x, rng.integers(0, 6, 400).astype(np.uint8), 6, num_trees=10)
    zeros, ones = (0.0,) * len(BANDS), (1.0,) * len(BANDS)
    save_card(
        folder,
        Card("forest", {}, SENSOR.name, BANDS, 10.0, "reflectance", zeros, ones, LEGEND, "pixels", Sight(1, 0)),
        model.to_arrays(),
    )


@pytest.mark.parametrize("kind", ["pixel", "forest"])
def test_a_card_on_patches_and_its_map_on_the_same_land(land: Path, tmp_path: Path, kind: str) -> None:
    if kind == "pixel":
        make_card(tmp_path / "card", "pixel")
    else:
        forest_card(tmp_path / "card")
    map_path = mapped(land, tmp_path / "card", tmp_path / "map")
    on_patches = judged(tmp_path / "a", card=tmp_path / "card", archive=land / "archive")
    by_masks = judged(tmp_path / "b", map=map_path, archive=land / "archive")
    by_truth = judged(tmp_path / "c", map=map_path, truth=land / "truth.tif", archive=land / "archive")
    assert on_patches["num_judged"] > 5000
    assert on_patches["overall"]["low"] is not None
    for other in (by_masks, by_truth):
        assert other["confusion"] == on_patches["confusion"]
        assert other["overall"] == on_patches["overall"]
        assert other["classes"] == on_patches["classes"]


def test_parts_add_up_to_the_land_that_they_share(land: Path, tmp_path: Path) -> None:
    make_card(tmp_path / "card", "pixel")
    map_path = mapped(land, tmp_path / "card", tmp_path / "map")
    values = {"map": map_path, "truth": land / "truth.tif"}
    whole = np.array(judged(tmp_path / "whole", **values)["confusion"])
    parts = [
        np.array(judged(tmp_path / part, **values, archive=land / "archive", part=part)["confusion"])
        for part in ("train", "test")
    ]
    assert all(part.sum() > 0 for part in parts)
    # Gaps between blocks are in no part.
    assert (sum(parts) <= whole).all()
    assert sum(parts).sum() > 0.6 * whole.sum()

"""A map made of tiles is the map made at once: a network with finite sight, a margin that wide, cores at its stride."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from tests.mapping.places import BANDS, LEGEND, grid_at, make_card, make_catalog, make_scene

from landweave.jobs.worker import Stopwatch
from landweave.mapping.job import run
from landweave.mapping.plan import Wish, make_plan
from landweave.mapping.prepare import MapJob
from landweave.mapping.tile import MapTask, Order, predictions
from landweave.models.card import load_card
from landweave.raster.read import read, read_map, read_numbers
from landweave.raster.scene import Scene
from landweave.tiling import Window

HOLE = (slice(30, 75), slice(100, 140))
# Not a multiple of any stride, so that the last tiles are cut and the grid is extended.
SHAPE = (331, 405)
NEAR_TIE = 2e-5


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("whole")


@pytest.fixture(scope="module")
def scene(folder: Path) -> Scene:
    found = make_scene(folder, "s", grid_at(*SHAPE), holes=[HOLE])
    make_catalog(folder / "c.parquet", found)
    return found


def whole(folder: Path, scene: Scene) -> np.ndarray:
    """Probabilities of the untiled network, as the card has it."""
    card, network = load_card(folder)
    values, valid = read(scene, BANDS, scene.grid)
    mean, std = (np.array(numbers, np.float32)[:, None, None] for numbers in (card.mean, card.std))
    normalised = np.where(valid, (values - mean) / std, np.float32(0))
    with torch.inference_mode():
        return np.asarray(torch.softmax(network(torch.from_numpy(normalised)[None])[0], 0).numpy())


NETWORKS = [("unet", {"width": 8, "depth": 4}, 128), ("unet", {"width": 8, "depth": 2}, 64), ("pixel", {}, 100)]


@pytest.mark.parametrize(("network", "arguments", "core_px"), NETWORKS)
def test_probabilities_of_tiles_are_those_of_the_whole(
    folder: Path, scene: Scene, network: str, arguments: dict[str, int], core_px: int
) -> None:
    place = folder / f"{network}{arguments.get('depth', 0)}"
    card = make_card(place, network, arguments=arguments)
    expected = whole(place, scene)
    assert len(np.unique(expected.argmax(0))) >= 3
    plan = make_plan(card, [scene], Wish(core_px=core_px))
    assert len(plan.pieces) >= 12
    order = Order(
        card=place,
        identity=card.identity,
        precision="fp32",
        device="cpu",
        rule="latest",
        layers=("labels", "probabilities"),
        grid=plan.grid,
        folder=folder / "unused",
        stride=card.sight.stride,
    )
    counted = 0
    for piece in plan.pieces:
        task = MapTask(order, piece.tile, (scene,))
        counts = {"seen_px": 0, "scenes_read": 0, "compared_px": 0}
        (found,) = predictions(task, order.predictor, Stopwatch(), counts, [])
        there = expected[(slice(None), *piece.tile.core.slices)]
        assert found.probabilities is not None
        assert np.abs(found.probabilities - np.where(found.valid, there, 0)).max() <= 1e-5
        best = np.sort(there, axis=0)
        clear = (best[-1] - best[-2] > NEAR_TIE) & found.valid
        assert (found.indices == there.argmax(0))[clear].all()
        counted += int((~clear & found.valid).sum())
    assert counted < 0.001 * SHAPE[0] * SHAPE[1]


def labels(folder: Path, name: str, **changes: object) -> np.ndarray:
    job = MapJob(card=folder / "unet4", scenes=folder / "c.parquet", precision="fp32", **changes)  # type: ignore[arg-type]
    assert not [record.failed for record in run(job, folder / name) if record.failed]
    return read_map(folder / name / "map.tif")[0]


@pytest.fixture(scope="module")
def probabilities(folder: Path, scene: Scene) -> np.ndarray:
    make_card(folder / "unet4", "unet", arguments={"width": 8, "depth": 4})
    return whole(folder / "unet4", scene)


def near_ties(probabilities: np.ndarray) -> np.ndarray:
    best = np.sort(probabilities, axis=0)
    return np.asarray(best[-1] - best[-2] <= NEAR_TIE)


def test_the_map_of_a_job_is_the_map_of_the_whole(folder: Path, probabilities: np.ndarray) -> None:
    expected = np.array(LEGEND.ids, np.uint8)[probabilities.argmax(0)]
    expected[HOLE] = LEGEND.nodata
    found = labels(folder, "job", core_px=128, probabilities=True)
    differs = found != expected
    assert found.any()
    assert not (differs & ~near_ties(probabilities)).any()
    steps = read_numbers(str(folder / "job" / "probabilities.tif"), Window.of(SHAPE), range(1, 7)).astype(int)
    inside = found != LEGEND.nodata
    assert np.abs(steps - np.rint(probabilities * 254))[:, inside].max() <= 1


@pytest.mark.parametrize("core_px", [96, 256, 1024])
def test_the_map_does_not_depend_on_the_tiles(folder: Path, probabilities: np.ndarray, core_px: int) -> None:
    one, other = labels(folder, f"core{core_px}", core_px=core_px), labels(folder, "job64", core_px=64)
    assert not ((one != other) & ~near_ties(probabilities)).any()


def test_the_map_of_an_area_is_that_part_of_the_whole(folder: Path, scene: Scene, probabilities: np.ndarray) -> None:
    rows, cols = slice(37, 250), slice(53, 301)
    left, top = scene.grid.affine * (cols.start, rows.start)
    right, bottom = scene.grid.affine * (cols.stop, rows.stop)
    part = labels(folder, "area", core_px=128, area=(left, bottom, right, top))
    there = labels(folder, "job64", core_px=64)[rows, cols]
    assert part.shape == (213, 248)
    assert not ((part != there) & ~near_ties(probabilities)[rows, cols]).any()

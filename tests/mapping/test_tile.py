"""One task of a map job: its files, its summary, and the same bytes twice."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.mapping.places import LEGEND, grid_at, make_card, make_scene

from landweave.mapping.plan import Wish, make_plan
from landweave.mapping.tile import Layer, MapTask, Order, map_tile
from landweave.models.card import Card
from landweave.raster.read import read_map, read_numbers
from landweave.raster.scene import Scene
from landweave.tiling import Window

EVERY: tuple[Layer, ...] = ("labels", "probabilities", "entropy")


def tasks(
    folder: Path, card: Card, scenes: list[Scene], layers: tuple[Layer, ...] = EVERY, precision: str = "fp32"
) -> list[MapTask]:
    plan = make_plan(card, scenes, Wish(core_px=64))
    order = Order(
        card=folder / "card",
        identity=card.identity,
        precision="bf16" if precision == "bf16" else "fp32",
        device="cpu",
        rule="latest",
        layers=layers,
        grid=plan.grid,
        folder=folder / "out",
        stride=card.sight.stride,
    )
    return [MapTask(order, p.tile, tuple(scenes[i] for i in p.scenes), precision == "bf16") for p in plan.pieces]


@pytest.fixture
def card(tmp_path: Path) -> Card:
    return make_card(tmp_path / "card")


def test_every_layer_is_written_on_the_core(tmp_path: Path, card: Card) -> None:
    scene = make_scene(tmp_path, "s", grid_at(100, 120), holes=[(slice(0, 10), slice(0, 120))])
    every = tasks(tmp_path, card, [scene])
    assert len(every) == 4
    for task in every:
        assert not task.is_written
        summary = map_tile(task)
        assert task.is_written
        assert summary["written_px"] == task.tile.core.num_pixels
        assert summary["seen_px"] == task.tile.seen.num_pixels
    ids, grid = read_map(every[1].order.path("labels", every[1].key))
    assert grid == every[1].tile.core.on(scene.grid)
    assert set(np.unique(ids)) <= {0, *LEGEND.ids}
    assert not ids[:10].any()
    assert ids[10:].all()
    window = Window.of(ids.shape)
    steps = read_numbers(str(every[1].order.path("probabilities", every[1].key)), window, range(1, 7))
    assert (steps[:, :10] == 255).all()
    assert abs(steps[:, 10:].sum(0).astype(int) - 254).max() <= 6
    assert (np.array(LEGEND.ids)[steps[:, 10:].argmax(0)] == ids[10:]).mean() > 0.98
    entropy = read_numbers(str(every[1].order.path("entropy", every[1].key)), window)
    assert (entropy[0, :10] == 255).all()
    assert 0 < entropy[0, 10:].mean() < 254


def test_twice_the_same_bytes(tmp_path: Path, card: Card) -> None:
    task = tasks(tmp_path, card, [make_scene(tmp_path, "s", grid_at(60, 60))])[0]
    contents = []
    for _ in range(2):
        map_tile(task)
        contents.append([task.order.path(layer, task.key).read_bytes() for layer in EVERY])
    assert contents[0] == contents[1]


def test_a_tile_without_a_valid_pixel_is_written_and_not_computed(tmp_path: Path, card: Card) -> None:
    scene = make_scene(tmp_path, "s", grid_at(64, 64), holes=[(slice(0, 64), slice(0, 64))])
    task = tasks(tmp_path, card, [scene])[0]
    summary = map_tile(task)
    assert (summary["valid_px"], summary["seen_px"], summary["scenes_read"]) == (0, 0, 1)
    assert not read_map(task.order.path("labels", task.key))[0].any()


def test_older_scenes_fill_what_the_latest_lacks(tmp_path: Path, card: Card) -> None:
    hole = (slice(0, 20), slice(0, 64))
    latest = make_scene(tmp_path, "new", grid_at(64, 64), day=9, holes=[hole])
    older = make_scene(tmp_path, "old", grid_at(64, 64), seed=5)
    task = tasks(tmp_path, card, [latest, older], ("labels",))[0]
    map_tile(task)
    both = read_map(task.order.path("labels", task.key))[0]
    alone = tasks(tmp_path / "x", card, [older], ("labels",))[0]
    (tmp_path / "x").mkdir()
    make_card(tmp_path / "x" / "card")
    map_tile(alone)
    old = read_map(alone.order.path("labels", alone.key))[0]
    assert (both[hole] == old[hole]).all()
    assert (both != old).any()


def test_bf16_is_compared_with_fp32_in_the_middle(tmp_path: Path, card: Card) -> None:
    task = tasks(tmp_path, card, [make_scene(tmp_path, "s", grid_at(64, 64))], ("labels",), "bf16")[0]
    summary = map_tile(task)
    assert 0 < int(summary["compared_px"]) <= 64 * 64
    assert 0 <= int(summary["changed_px"]) < 0.2 * int(summary["compared_px"])
    assert float(summary["compare_s"]) > 0

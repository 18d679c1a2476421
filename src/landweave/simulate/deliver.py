"""What is written of a world: deliveries of layers, the parts they are made in, and what each part holds. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from landweave.legend import legend
from landweave.simulate.kinds import LEGEND
from landweave.simulate.products import BUILDINGS, CHANGE, CROPS, OLD_MAP, TRUTH, Layer, layers
from landweave.simulate.scene import observe
from landweave.simulate.truth import changes, cover, crops, old_map
from landweave.simulate.world import PIXEL_M, World, sensor_of, truth_dates
from landweave.tiling import Window

# Edge of a part in finest pixels. Pixels of every size up to 60 m fit into 3,600 m.
_PART_M, _FINE_PART_PX = 3600.0, 720


@dataclass(frozen=True)
class Delivery:
    """Layers that are made together, from the same ground.

    Attributes:
        name: Unique in the world.
        window: What they cover, in pixels of `pixel_size_m` of the world's grid.
        pixel_size_m: Of the finest layer.
        layers: The files.
        scene: Index of the scene among the world's, or None where only truth is delivered.
    """

    name: str
    window: Window
    pixel_size_m: float
    layers: tuple[Layer, ...]
    scene: int | None = None

    def part(self, window: Window, pixel_size_m: float) -> Window:
        """A window of its finest pixels in pixels of another size."""
        return _scaled(window, self.pixel_size_m, pixel_size_m)


def _scaled(window: Window, old_m: float, new_m: float) -> Window:
    sides = (window.row, window.col, window.height, window.width)
    return Window(*(round(side * old_m / new_m) for side in sides))


def deliveries(world: World) -> list[Delivery]:
    """Everything that is written of a world.

    The truth of a day on which a scene with pixels of 10 m is taken of the whole world is delivered with that scene.
    """
    made: list[Delivery] = []
    told: set[dt.date] = set()
    for index, scene in enumerate(world.scenes):
        size = sensor_of(scene).pixel_size_m
        window = Window(*scene.window_px) if scene.window_px else world.window
        own = list(layers(world, scene, index))
        # What a scene that lies beside its place shows is not the truth of the place.
        is_exact = size == PIXEL_M and window == world.window and not world.shift_m
        if is_exact and scene.date in set(truth_dates(world)) - told:
            told.add(scene.date)
            own.append(_truth_layer(scene.date))
        made.append(Delivery(f"scene-{index:03d}", _scaled(window, PIXEL_M, size), size, tuple(own), index))
    rest = [_truth_layer(date) for date in truth_dates(world) if date not in told]
    if len(truth_dates(world)) > 1:
        rest.append(Layer((*CHANGE,), "truth/change.tif", PIXEL_M, "change"))
    if world.crops:
        rest += [_crop_layer(date) for date in truth_dates(world)]
    if world.old_map:
        rest.append(Layer((OLD_MAP,), f"truth/old-map-{world.old_map.date.year}.tif", PIXEL_M, "old-map", True))
    return [*made, *([Delivery("truth", world.window, PIXEL_M, tuple(rest))] if rest else [])]


def _truth_layer(date: dt.date) -> Layer:
    return Layer((f"{TRUTH}-{date.year}",), f"truth/{date.year}.tif", PIXEL_M, f"truth-{date.year}", True)


def _crop_layer(date: dt.date) -> Layer:
    return Layer((f"{CROPS}-{date.year}",), f"truth/crops-{date.year}.tif", PIXEL_M, f"crops-{date.year}", True)


def parts_of(world: World, delivery: Delivery) -> list[Window]:
    """Windows that partition a delivery, in its finest pixels."""
    size = delivery.pixel_size_m
    step = _FINE_PART_PX if size < 5 else round(_PART_M / size)
    whole = delivery.window
    return [
        Window(row, col, step, step).clip(whole)
        for row in range(whole.row, whole.row + whole.height, step)
        for col in range(whole.col, whole.col + whole.width, step)
    ]


def layers_of(world: World, delivery: Delivery, window: Window) -> tuple[Mapping[str, NDArray[np.generic]], float]:
    """The numbers of every band of every layer on a part, and the share of it under clouds."""
    known, clouded = legend(LEGEND), 0.0
    numbers: dict[str, NDArray[np.generic]] = {}
    if delivery.scene is not None:
        scene = world.scenes[delivery.scene]
        part = observe(world, scene, window)
        clouded = part.clouded
        numbers |= part.layers
        numbers[f"{TRUTH}-{scene.date.year}"] = known.to_ids(part.truth)
        numbers[BUILDINGS] = part.buildings
        return numbers, clouded
    for date in truth_dates(world):
        if any(layer.bands == (f"{TRUTH}-{date.year}",) for layer in delivery.layers):
            numbers[f"{TRUTH}-{date.year}"] = known.to_ids(cover(world, window, date))
        if world.crops:
            numbers[f"{CROPS}-{date.year}"] = crops(world, window, date)
    dates = truth_dates(world)
    if len(dates) > 1:
        numbers |= dict(zip(CHANGE, changes(world, window, dates[0], dates[-1]), strict=True))
    if world.old_map:
        numbers[OLD_MAP] = known.to_ids(old_map(world, window, world.old_map))
    return numbers, clouded

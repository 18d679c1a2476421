"""Maps of several years of one place: one legend, the same pixels, read window by window."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import UInt8
from odc.geo.geobox import GeoBox

from landweave.errors import GridError, LegendError, SampleError
from landweave.evaluation.truth import Layer, check_grids, described, legend_of, same_classes
from landweave.legend import Legend
from landweave.raster.classes import read_legend, read_nodata
from landweave.raster.read import grid_of
from landweave.tiling import Window

_LEAST = 2


@dataclass(frozen=True)
class Stack:
    """Maps of one place in the order of their years.

    Attributes:
        layers: The maps.
        legend: What their ids mean.
    """

    layers: tuple[Layer, ...]
    legend: Legend

    @property
    def grid(self) -> GeoBox:
        """The grid of the first map, on which windows count."""
        return self.layers[0].grid

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the maps for tables: of their files, with the folder where two have the same."""
        short = [layer.path.stem for layer in self.layers]
        if len(set(short)) == len(short):
            return tuple(short)
        return tuple(f"{layer.path.parent.name}/{layer.path.stem}" for layer in self.layers)

    def read(self, window: Window) -> UInt8[np.ndarray, "t h w"]:
        """Class indices of all maps in a window; IGNORE where there is no data."""
        return np.stack([layer.indices(window.on(self._grid(layer))) for layer in self.layers])

    def _grid(self, layer: Layer) -> GeoBox:
        # Arrays without a place on Earth are compared pixel by pixel.
        return layer.grid if self.grid.crs is None else self.grid


def stack(paths: Sequence[Path], legend: Legend | None = None) -> Stack:
    """Maps of several years, if they can be compared.

    Args:
        paths: The maps in the order of their years.
        legend: Their legend where the files do not tell.

    Raises:
        SampleError: Fewer than two maps.
        LegendError: A legend is not known, or two maps have different ones.
        GridError: Two maps differ in CRS or pixels.
        SceneError: A file cannot be read.
    """
    if len(paths) < _LEAST:
        raise SampleError(f"{len(paths)} map", "at least two maps, of two years", "name the maps in order of years")
    known = legend or legend_of(paths[0])
    for path in paths[1:]:
        own = legend or read_legend(path) or known
        if not same_classes(own, known):
            raise LegendError(
                f"{paths[0]} with legend {known.name} and {path} with legend {own.name}",
                "one legend for all years",
                "translate the maps to one legend first",
            )
        _check_whole(paths[0], path)
    return Stack(tuple(Layer(path, known, read_nodata(path)) for path in paths), known)


def _check_whole(first: Path, path: Path) -> None:
    check_grids(first, path, reproject=False)
    one, other = grid_of(str(first)), grid_of(str(path))
    if one.shape != other.shape:
        raise GridError(
            f"{first} with {described(one)} and {path} with {described(other)}", "the same extent", "cut both alike"
        )


def beside(maps: Stack, paths: Iterable[Path]) -> Stack:
    """Truth maps on the pixels of maps, in their legend, one for each.

    Raises:
        SampleError: Another number of truth maps than maps.
        LegendError: Another legend.
        GridError: Other pixels.
    """
    truths = list(paths)
    if len(truths) != len(maps.layers):
        raise SampleError(
            f"{len(truths)} truth maps for {len(maps.layers)} maps", "one for each", "name them in the same order"
        )
    found = stack([maps.layers[0].path, *truths], None)
    if not same_classes(found.legend, maps.legend):
        raise LegendError(
            f"maps with legend {maps.legend.name} and a truth with legend {found.legend.name}",
            "one legend",
            "translate",
        )
    return Stack(found.layers[1:], maps.legend)

"""Look at a pair before it is cut: how far its images lie apart, how much of it is valid, and where its values end."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Bool, Float32, Int64
from odc.geo.geobox import GeoBox

from landweave.atomic import write_text
from landweave.harmonize.match import Pair
from landweave.harmonize.register import Offset, offset, together
from landweave.harmonize.views import Sizes, read_other, read_views
from landweave.jobs.executor import Summary
from landweave.patches.layout import Layout, View
from landweave.raster.read import read
from landweave.sensors import Band
from landweave.spectra.indices import roles
from landweave.tiling import Window

_CHIP_PX = 256
_BINS = 65536
# Floats have no step of their own: reflectance is told apart to this, temperatures to hundredths.
_STEP = {"brightness_temperature": 0.01}
# Fields and woods stand out most where plants shine.
_SHARP = ("nir", "red", "green")


@dataclass(frozen=True, slots=True)
class Looked:
    """What was found of a pair.

    Attributes:
        offset: By how much the second scene lies off the first, in compared pixels; None where nothing tells.
        valid_share: Share of the land on which both are valid.
        limits: The values of each band beyond which so many lie as was asked for, of both sensors.
    """

    offset: Offset | None
    valid_share: float
    limits: Mapping[str, tuple[float, float]]


@dataclass(frozen=True, slots=True)
class LookTask:
    """Look at one pair.

    Attributes:
        folder: Where what is found is kept.
        pair: The pair.
        sizes: Bands of its first sensor.
        layout: The views of both sensors.
        percent: At which percentiles values end.
    """

    folder: Path
    pair: Pair
    sizes: Sizes
    layout: Layout
    percent: tuple[float, float]

    @property
    def key(self) -> str:
        """The pair's."""
        return f"look-{self.pair.key}"

    @property
    def path(self) -> Path:
        """What was found."""
        return self.folder / f"{self.pair.key}.json"


def look(task: LookTask) -> Summary:
    """Read all of a pair once, piece by piece, and write what was found.

    Raises:
        SceneError: A file cannot be read.
        RadiometryError: Values do not look like the unit that their bands declare.
    """
    counts: dict[str, Int64[np.ndarray, " n"]] = {}
    num_valid, offsets = 0, []
    for grid in chips(task.pair.grid):
        values, valid = read_views(task.pair.source, task.sizes, grid, without_snow=True)
        other, usable = read_other(task.pair.target, _names(_pair(task.layout)), grid)
        valid &= usable
        num_valid += int(valid.sum())
        if not valid.any():
            continue
        for view in task.layout.views:
            _count(counts, view, values[view.pixel_size_m], task.sizes.back(valid, view.pixel_size_m))
        _count(counts, _pair(task.layout), other, valid)
        if found := _offset(task, grid, valid):
            offsets.append(found)
    share = num_valid / max(task.pair.grid.shape[0] * task.pair.grid.shape[1], 1)
    views = (*task.layout.views, _pair(task.layout))
    bands = [band for view in views for band in view.bands if band.name in counts]
    limits = {band.name: _limits(counts[band.name], band, task.percent) for band in bands}
    _write(task.path, Looked(together(offsets), share, limits))
    return {"pairs": 1, "valid_px": num_valid}


def chips(grid: GeoBox) -> Iterator[GeoBox]:
    """The land of `grid` in squares, row by row."""
    whole = Window.of((grid.shape[0], grid.shape[1]))
    for row in range(0, whole.height, _CHIP_PX):
        for col in range(0, whole.width, _CHIP_PX):
            yield Window(row, col, _CHIP_PX, _CHIP_PX).clip(whole).on(grid)


def _pair(layout: Layout) -> View:
    assert layout.pair is not None, "a layout of pairs"
    return layout.pair


def _names(view: View) -> tuple[str, ...]:
    return tuple(band.name for band in view.bands)


def _count(
    counts: dict[str, Int64[np.ndarray, " n"]],
    view: View,
    values: Float32[np.ndarray, "c h w"],
    valid: Bool[np.ndarray, "h w"],
) -> None:
    """Add how often each step of every band comes up."""
    for band, layer in zip(view.bands, values, strict=True):
        scale, start = _scale(band)
        steps = np.clip(np.rint((layer[valid].astype(np.float64) - start) / scale), 0, _BINS - 1).astype(np.int64)
        counts[band.name] = counts.get(band.name, np.zeros(_BINS, np.int64)) + np.bincount(steps, minlength=_BINS)


def _scale(band: Band) -> tuple[float, float]:
    """The step in which values of a band are counted, and the value of the first one."""
    if band.dtype == "float32":
        scale = _STEP.get(band.unit, 1e-4)
        return scale, -scale * _BINS / 2
    return band.scale, band.offset + band.scale * np.iinfo(band.dtype).min


def _limits(counts: Int64[np.ndarray, " n"], band: Band, percent: tuple[float, float]) -> tuple[float, float]:
    """The least value that at least so many per cent do not exceed, for both."""
    scale, start = _scale(band)
    below = np.cumsum(counts)
    low, high = (int(np.searchsorted(below, max(share / 100 * below[-1], 1) - 1e-9)) for share in percent)
    return float(start + scale * low), float(start + scale * high)


def _offset(task: LookTask, grid: GeoBox, valid: Bool[np.ndarray, "h w"]) -> Offset | None:
    source, target = (_sharp(*each) for each in _sensors(task))
    # By interpolation, for the nearest pixel itself may lie half a pixel away.
    first, second = (read(scene, [name], grid)[0][0] for scene, name in
                     ((task.pair.source, source), (task.pair.target, target)))  # fmt: skip
    return offset(first, second, valid)


def _sensors(task: LookTask) -> Iterator[tuple[dict[str, int], tuple[str, ...]]]:
    for scene, names in ((task.pair.source, task.layout.bands), (task.pair.target, _names(_pair(task.layout)))):
        yield roles(scene.sensor, names), names


def _sharp(found: dict[str, int], names: tuple[str, ...]) -> str:
    return names[next((found[role] for role in _SHARP if role in found), 0)]


def _write(path: Path, looked: Looked) -> None:
    told = {"format": 1, "kind": "pair", "offset": asdict(looked.offset) if looked.offset else None}
    content = {**told, "valid_share": round(looked.valid_share, 6), "limits": dict(looked.limits)}
    write_text(path, json.dumps(content, indent=1, sort_keys=True) + "\n")


def read_look(path: Path) -> Looked:
    """What `look` wrote."""
    values = json.loads(path.read_text(encoding="utf-8"))
    limits = {name: (float(low), float(high)) for name, (low, high) in values["limits"].items()}
    return Looked(Offset(**values["offset"]) if values["offset"] else None, float(values["valid_share"]), limits)

"""Pictures of an event: before and after in true and false colour, a wider view, and the maps around it."""

from __future__ import annotations

import io
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, UInt8
from odc.geo.geobox import GeoBox
from PIL import Image

from landweave.errors import ReviewError, SceneError
from landweave.raster.overview import has_overview, read_overview
from landweave.raster.read import read, read_map
from landweave.raster.scene import Scene
from landweave.review.events import Event
from landweave.review.frame import Frame, frame_of, inside
from landweave.review.job import Job
from landweave.spectra.indices import roles

Look = Literal["true", "false", "wide"]
LOOKS: dict[str, tuple[str, str, str]] = {
    "true": ("red", "green", "blue"),
    "false": ("nir", "red", "green"),
    "wide": ("red", "green", "blue"),
}
SIDES = ("before", "after")
# Of a frame: how much land around the event, and least and most pixels along an edge.
_NEAR = {"around": 0.75, "least_px": 48, "most_px": 384}
_WIDE = {"around": 2.0, "least_px": 160, "most_px": 512}
# How many scenes are looked at for one without clouds, and how much of the event it must show.
_TRIES, _ENOUGH = 6, 0.9
_GREY = 128
_Values = tuple[Float32[np.ndarray, "3 h w"], Bool[np.ndarray, "h w"]]


@dataclass(frozen=True)
class Previews:
    """Pictures of the events of a job; what was made last is kept.

    Attributes:
        job: What is reviewed.
    """

    job: Job

    def __post_init__(self) -> None:
        for name, size in (("frame", 1024), ("sides", 1024), ("picture", 256), ("labels", 64), ("_seen", 24)):
            object.__setattr__(self, name, lru_cache(size)(getattr(self, name)))

    def frame(self, row: int, look: Look = "true") -> Frame:
        """What the pictures of an event show."""
        event, grid = self.job.events[row], self.job.grid
        point = event.shape.representative_point()
        col, at = ~grid.affine * (point.x, point.y)
        wanted = _WIDE if look == "wide" else _NEAR
        shape = (grid.shape[0], grid.shape[1])
        whole = frame_of(event.window, (at, col), shape, **wanted, may_zoom=True)  # type: ignore[arg-type]
        if whole.factor == 1 or self._has_overviews(whole.factor):
            return whole
        return frame_of(event.window, (at, col), shape, **wanted, may_zoom=False)  # type: ignore[arg-type]

    def _has_overviews(self, factor: int) -> bool:
        """Whether a scene can be looked at from afar; the others of a series are made alike."""
        files = list(self.job.scenes[0].files.values()) if self.job.scenes else []
        try:
            return any(has_overview(file.href, factor) for file in files[:1])
        except SceneError:
            # A scene that is gone takes its own picture away, not the event.
            return False

    def sides(self, row: int) -> tuple[int | None, int | None]:
        """Places in the series of the nearest scenes before and after an event that show it; None where none is.

        A scene shows it where most of its pixels are valid; where no near one does, the best of them is taken.
        """
        event = self.job.events[row]
        before = [place for place, scene in enumerate(self.job.scenes) if scene.datetime.date() < event.date]
        after = range(len(before), len(self.job.scenes))
        return self._clearest(row, before[::-1]), self._clearest(row, after)

    def _clearest(self, row: int, places: Sequence[int]) -> int | None:
        best, most = None, -1.0
        for place in places[:_TRIES]:
            share = self._share(row, place)
            if share > most:
                best, most = place, share
            if most >= _ENOUGH:
                break
        return best

    def _share(self, row: int, place: int) -> float:
        """Which share of an event is valid in a scene."""
        frame = self.frame(row)
        _, valid = self._seen(row, place, "true")
        return float(valid[inside(self.job.events[row].shape, frame.grid(self.job.grid))].mean())

    def picture(self, row: int, place: int, look: Look) -> bytes:
        """A scene around an event as PNG; all pictures of an event share one stretch. Invalid pixels are grey.

        Args:
            row: Of the event.
            place: Of the scene in the series.
            look: "true" or "false" colour, or the "wide" view.

        Raises:
            ReviewError: The scene lacks the bands.
            SceneError: Its files cannot be read.
        """
        values, valid = self._seen(row, place, look)
        low, high = self._limits(row, look, (values, valid))
        scaled = np.clip((values - low) / np.maximum(high - low, 1e-9), 0, 1) ** 0.8
        pixels = np.moveaxis(np.round(255 * scaled), 0, -1).astype(np.uint8)
        pixels[~valid] = _GREY
        return _png(pixels)

    def _limits(
        self, row: int, look: Look, own: _Values
    ) -> tuple[Float32[np.ndarray, "3 1 1"], Float32[np.ndarray, "3 1 1"]]:
        """From where to where brightness goes: the same before and after, so that what differs is on the ground.

        One stretch for all bands keeps the balance of true colours; false ones have no balance to keep.
        """
        pair = [self._seen(row, place, look) for place in self.sides(row) if place is not None]
        seen = np.concatenate([values[:, valid] for values, valid in (pair or [own])], axis=1)
        if not seen.size:
            return np.zeros((3, 1, 1), np.float32), np.ones((3, 1, 1), np.float32)
        whole = seen if look == "false" else np.broadcast_to(seen.ravel(), (3, seen.size))
        low, high = np.percentile(whole, (1, 99), axis=1).astype(np.float32)
        return low[:, None, None], high[:, None, None]

    def _seen(self, row: int, place: int, look: Look) -> _Values:
        frame = self.frame(row, look)
        scene = self.job.scenes[place]
        bands, grid = colours(scene, look), frame.grid(self.job.grid)
        return read(scene, bands, grid) if frame.factor == 1 else _coarse(scene, bands, grid)

    def labels(self, row: int, side: str) -> bytes | None:
        """The map of the year before or after an event around it, in the legend's colours; None where there is none.

        Raises:
            SceneError: The map cannot be read.
        """
        event, legend = self.job.events[row], self.job.legend
        year = event.year - (side == "before")
        if self.job.maps is None or not (path := self.job.maps / "annual" / f"{year}.tif").is_file():
            return None
        frame = self.frame(row)
        grid = frame.grid(self.job.grid)
        if frame.factor > 1 and has_overview(str(path), frame.factor):
            ids = read_overview(str(path), [1], grid, legend.nodata)[0]
        else:
            ids, _ = read_map(path, grid, legend.nodata)
        return _png(_colored(ids, event, self.job))


def colours(scene: Scene, look: Look) -> list[str]:
    """The bands of a scene for red, green and blue of a picture; its first band thrice where it has no colours.

    Raises:
        ReviewError: It lacks one of those of false colours.
    """
    found = roles(scene.sensor, scene.bands)
    if all(role in found for role in LOOKS[look]):
        return [scene.bands[found[role]] for role in LOOKS[look]]
    if look != "false":
        has_own = all(name in scene.files for name in scene.sensor.rgb)
        return list(scene.sensor.rgb) if has_own else [scene.bands[0]] * 3
    raise ReviewError(
        f"scene {scene.id} with the bands {', '.join(scene.bands)}",
        f"bands that are {', '.join(LOOKS[look])}",
        "look at the other pictures",
    )


def _coarse(scene: Scene, bands: Sequence[str], grid: GeoBox) -> _Values:
    """Values from overviews. Clouds stay: masks have no overviews that could be trusted."""
    layers, valid = [], np.ones(grid.shape, np.bool_)
    for name in bands:
        file = scene.files[name]
        nodata = 0.0 if file.nodata is None else file.nodata
        numbers = read_overview(file.href, [file.index], grid, nodata)[0]
        valid &= numbers != nodata
        layers.append((numbers * np.float32(file.scale) + np.float32(file.offset)).astype(np.float32))
    return np.stack(layers), valid


def _colored(ids: UInt8[np.ndarray, "h w"], event: Event, job: Job) -> UInt8[np.ndarray, "h w 3"]:
    table = np.full((256, 3), 255, np.uint8)
    for entry in job.legend.classes:
        table[entry.id] = entry.rgb
    return np.asarray(table[ids])


def _png(pixels: UInt8[np.ndarray, "h w 3"]) -> bytes:
    memory = io.BytesIO()
    Image.fromarray(pixels).save(memory, "png", compress_level=3)
    return memory.getvalue()

"""What all patches of an archive have in common: bands by pixel size, their encoding, sizes, legend and targets."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from landweave.config import nearest
from landweave.errors import ConfigError, RadiometryError, SensorError
from landweave.legend import LandClass, Legend
from landweave.sensors import Band, Sensor, Unit

Target = Literal["mask", "classes"]


@dataclass(frozen=True, slots=True)
class View:
    """The bands of one pixel size, as an archive stores them.

    Attributes:
        pixel_size_m: Edge of a pixel.
        px: Edge of the patch in these pixels.
        bands: In the sensor's order; physical value = number * scale + offset of the band.
        nodata: The stored number that only invalid pixels have; None where every number may be valid.
    """

    pixel_size_m: float
    px: int
    bands: tuple[Band, ...]
    nodata: float | None

    @property
    def key(self) -> str:
        """The name of the data set in a shard ("data_10m")."""
        return f"data_{self.pixel_size_m:g}m"

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the stored numbers."""
        return np.dtype(self.bands[0].dtype)

    @property
    def shape(self) -> tuple[int, int, int]:
        """(bands, height, width) of one patch."""
        return len(self.bands), self.px, self.px

    @property
    def scale(self) -> Float32[np.ndarray, " c"]:
        """Scale of each band."""
        return np.array([band.scale for band in self.bands], np.float32)

    @property
    def offset(self) -> Float32[np.ndarray, " c"]:
        """Offset of each band."""
        return np.array([band.offset for band in self.bands], np.float32)

    def to_numbers(
        self, physical: Float32[np.ndarray, "*n c h w"], valid: Bool[np.ndarray, "*n h w"]
    ) -> tuple[Shaped[np.ndarray, "*n c h w"], int]:
        """Physical values as stored numbers, nodata (or 0) where invalid; and how many were cut to the type's range.

        Reading a number that the sensor's product stores and storing it again gives the same number.
        """
        inside = np.broadcast_to(valid[..., None, :, :], physical.shape)
        if self.dtype.kind == "f":
            return np.where(inside, physical, np.float32(self.nodata or 0)).astype(self.dtype), 0
        scale, offset = (part.astype(np.float64)[:, None, None] for part in self._encoding())
        # float64, because float32 has too few digits for 65535 steps beside an offset.
        numbers = np.rint((physical.astype(np.float64) - offset) / scale)
        limits = np.iinfo(self.dtype)
        # A valid pixel must not become the number that means "no data".
        low = limits.min + 1 if self.nodata == limits.min else limits.min
        kept = np.clip(numbers, low, limits.max)
        num_cut = int(((kept != numbers) & inside).sum())
        return np.where(inside, kept, self.nodata or 0).astype(self.dtype), num_cut

    def to_physical(self, numbers: Shaped[np.ndarray, "*n c h w"]) -> Float32[np.ndarray, "*n c h w"]:
        """Stored numbers as physical values; what nodata becomes has no meaning, `valid` of the patch tells it."""
        return np.asarray(numbers.astype(np.float32) * self.scale[:, None, None] + self.offset[:, None, None])

    def _encoding(self) -> tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]:
        return np.array([band.scale for band in self.bands]), np.array([band.offset for band in self.bands])


@dataclass(frozen=True, slots=True)
class Super(View):
    """The coarser bands once more, brought to the finest pixels by a network.

    Attributes:
        sharpener: Identity of the card that does it.
        card: Where the card lies while an archive is cut; archives keep its identity only.
    """

    sharpener: str
    card: Path | None = dataclasses.field(default=None, compare=False)

    @property
    def key(self) -> str:
        """The name of the data set in a shard."""
        return "data_super"


@dataclass(frozen=True, slots=True)
class Paired(View):
    """What another sensor saw of the same land, on its own pixels, on which `valid` of the patches then stands.

    Attributes:
        sensor: Name of that sensor.
    """

    sensor: str

    @property
    def key(self) -> str:
        """The name of the data set in a shard ("target_30m")."""
        return f"target_{self.pixel_size_m:g}m"


@dataclass(frozen=True, slots=True)
class Layout:
    """What all patches of an archive have in common.

    Attributes:
        sensor: Name of the sensor.
        patch_px: Edge of a patch in pixels of the finest view.
        views: From the finest to the coarsest.
        legend: The classes of masks and labels.
        targets: What is stored beside the views: "mask" (class index of each pixel), "classes" (0 or 1 for each).
        super: The coarser bands on the finest pixels, where they were asked for.
        pair: The same land as another sensor saw it, in archives of pairs.
    """

    sensor: str
    patch_px: int
    views: tuple[View, ...]
    legend: Legend
    targets: tuple[Target, ...]
    super: Super | None = None
    pair: Paired | None = None

    @property
    def bands(self) -> tuple[str, ...]:
        """Names of all bands, from the finest view to the coarsest."""
        return tuple(band.name for view in self.views for band in view.bands)

    @property
    def unit(self) -> Unit:
        """Unit of the physical values."""
        return self.views[0].bands[0].unit

    @property
    def pixel_size_m(self) -> float:
        """Pixel size of the finest view."""
        return self.views[0].pixel_size_m

    @property
    def step_px(self) -> int:
        """Finest pixels after which pixels of all views begin together."""
        return math.lcm(*(self.patch_px // view.px for view in self.views))

    @property
    def valid_px(self) -> int:
        """Edge of `valid` in its pixels: the finest ones, or those of the other sensor in archives of pairs."""
        return self.pair.px if self.pair else self.patch_px

    def finest(self, valid: Bool[np.ndarray, "*n h w"]) -> Bool[np.ndarray, "*n h2 w2"]:
        """`valid` of patches on the finest pixels."""
        ratio = self.patch_px // self.valid_px
        return valid if ratio == 1 else valid.repeat(ratio, -1).repeat(ratio, -2)

    def shapes(self) -> dict[str, tuple[tuple[int, ...], np.dtype[Any]]]:
        """Shape of one patch and type of each array of a shard, in the order in which they are stored."""
        square = (self.patch_px, self.patch_px)
        found: dict[str, tuple[tuple[int, ...], np.dtype[Any]]] = {v.key: (v.shape, v.dtype) for v in self.views}
        if self.super is not None:
            found[self.super.key] = (self.super.shape, self.super.dtype)
        if "mask" in self.targets:
            found["mask"] = (square, np.dtype(np.uint8))
        if "classes" in self.targets:
            found["classes"] = ((len(self.legend),), np.dtype(np.uint8))
        if self.pair is not None:
            found[self.pair.key] = (self.pair.shape, self.pair.dtype)
        found["valid"] = ((self.valid_px, self.valid_px), np.dtype(np.bool_))
        return found

    def to_json(self) -> dict[str, Any]:
        """This layout as JSON holds it."""
        values = dataclasses.asdict(self)
        if self.super is None:
            # Archives without it are what they were before there was such a thing.
            del values["super"]
        else:
            del values["super"]["card"]
        if self.pair is None:
            del values["pair"]
        return values

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> Self:
        """The layout that `to_json` gave."""
        views = tuple(View(*_view_parts(view)) for view in values["views"])
        more = values.get("super")
        # The legend as it was: a later version of landweave may know it otherwise.
        old = values["legend"]
        legend = Legend(old["name"], old["source"], tuple(LandClass(**entry) for entry in old["classes"]))
        sharpened = Super(*_view_parts(more), more["sharpener"]) if more else None
        other = values.get("pair")
        pair = Paired(*_view_parts(other), other["sensor"]) if other else None
        return cls(values["sensor"], values["patch_px"], views, legend, tuple(values["targets"]), sharpened, pair)


def _view_parts(view: Mapping[str, Any]) -> tuple[float, int, tuple[Band, ...], float | None]:
    return view["pixel_size_m"], view["px"], tuple(Band(**band) for band in view["bands"]), view["nodata"]


def make_layout(
    sensor: Sensor,
    bands: Iterable[str],
    patch_px: int,
    legend: Legend,
    *,
    targets: Iterable[Target] = ("mask",),
    pixel_size_m: float | None = None,
) -> Layout:
    """The layout of patches of `patch_px` finest pixels with these bands, each at its own pixel size.

    Numbers are stored with the type, scale and offset of `sensor` (the newest processing baseline), whatever
    encoding the scenes have, so that one archive has one encoding.

    Args:
        sensor: The sensor.
        bands: Names of bands, in any order.
        patch_px: Edge of a patch in pixels of the finest band.
        legend: The classes.
        targets: What is stored beside the bands.
        pixel_size_m: Size of the finest pixels where it is not the sensor's; the others keep their ratio to it.

    Raises:
        SensorError: A band is unknown or named twice.
        RadiometryError: The bands have different units.
        ConfigError: `patch_px` does not give whole pixels in a coarser view.
    """
    chosen = _resized(_check_bands(sensor, tuple(bands)), pixel_size_m)
    sizes = sorted({band.pixel_size_m for band in chosen})
    _check_size(patch_px, sizes)
    views = []
    for size in sizes:
        of_size = tuple(band for band in chosen if band.pixel_size_m == size)
        views.append(View(size, round(patch_px * sizes[0] / size), of_size, _nodata(sensor)))
    return Layout(sensor.name, patch_px, tuple(views), legend, tuple(targets))


def _resized(bands: tuple[Band, ...], finest_m: float | None) -> tuple[Band, ...]:
    ratio = (finest_m or 0) / min(band.pixel_size_m for band in bands) or 1
    return tuple(dataclasses.replace(band, pixel_size_m=band.pixel_size_m * ratio) for band in bands)


def _nodata(sensor: Sensor) -> float | None:
    """The sensor's nodata; None where that is NaN, which arithmetic would spread: `valid` tells invalid pixels."""
    return None if sensor.nodata is None or math.isnan(sensor.nodata) else float(sensor.nodata)


def _check_bands(sensor: Sensor, names: tuple[str, ...]) -> tuple[Band, ...]:
    if not names or len(set(names)) != len(names):
        raise SensorError(f"bands {', '.join(names) or '(none)'}", "each band once", "name every band once")
    wanted = sensor.select(names)
    # Statistics, networks and cards have one unit: a kelvin among reflectances would drown them.
    units = sorted({band.unit for band in wanted})
    if len(units) > 1:
        raise RadiometryError(
            f"bands of {sensor.name} with units {' and '.join(units)}",
            "bands of one unit",
            "name the bands of one unit with --bands",
        )
    # The sensor's order, so that two archives of the same bands are alike however they were asked for.
    return tuple(band for band in sensor.bands if band in wanted)


def _check_size(patch_px: int, sizes_m: list[float]) -> None:
    step = math.lcm(*(round(size / sizes_m[0]) for size in sizes_m))
    if patch_px < 1 or patch_px % step:
        raise ConfigError(
            f"patches of {patch_px} pixels with bands of {', '.join(f'{size:g}' for size in sizes_m)} m",
            f"a multiple of {step}, so that each band has whole pixels",
            f"set the size to {max(1, round(patch_px / step)) * step}, or leave the coarsest bands away",
        )


def check_same_bands(layout: Layout, wanted: Iterable[str]) -> None:
    """Refuse bands that the archive lacks.

    Raises:
        SensorError: One of `wanted` is not stored.
    """
    for name in wanted:
        if name not in layout.bands:
            raise SensorError(
                f"band {name} of an archive of {layout.sensor}",
                nearest(name, layout.bands),
                "name bands that the archive holds, or cut it again with that band",
            )

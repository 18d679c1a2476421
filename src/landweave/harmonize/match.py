"""Which scenes of two sensors make pairs: taken on nearly the same day, of the same land, under few clouds."""

from __future__ import annotations

import datetime as dt
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from odc.geo.geobox import GeoBox

from landweave.errors import CatalogError, GridError, LandweaveError
from landweave.harmonize.views import Sizes
from landweave.provenance import fingerprint
from landweave.raster.scene import Scene
from landweave.tiling import Window

# Edges that meet within this share of a pixel are the same edge.
_SAME_PX = 1e-3
_CLOUDS, _DAYS, _APART = "more clouds than asked for", "no partner within the days given", "no land in common"


@dataclass(frozen=True, slots=True)
class Pair:
    """Two scenes of one piece of land.

    Attributes:
        source: The scene that shall look like the other.
        target: The other sensor's.
        grid: The land that both show, in the pixels that are compared; on the pixels of `source`.
    """

    source: Scene
    target: Scene
    grid: GeoBox

    @property
    def key(self) -> str:
        """Unique in a catalog, fit for a file name."""
        return f"{self.target.datetime:%Y%m%d}-{fingerprint([self.source.id, self.target.id])[:10]}"

    @property
    def days(self) -> int:
        """Days from one to the other."""
        return days_between(self.source, self.target)

    @property
    def name(self) -> str:
        """Both, for people."""
        return f"{self.source.id} with {self.target.id}"


@dataclass(frozen=True, slots=True)
class Wish:
    """Which pairs are wanted.

    Attributes:
        source: Name of the sensor whose scenes shall look like the other's.
        target: Name of the other.
        days: Days between the two, at most.
        cloud: Share of clouds of either, at most; a scene that does not tell is taken.
    """

    source: str
    target: str
    days: int
    cloud: float


def days_between(first: Scene, second: Scene) -> int:
    """Whole days between two scenes by the calendar of UTC."""
    one, other = (scene.datetime.astimezone(dt.UTC).date() for scene in (first, second))
    return abs((one - other).days)


def find(scenes: Sequence[Scene], wish: Wish, sizes: Sizes) -> tuple[tuple[Pair, ...], dict[str, int]]:
    """The pairs by day, each scene of `source` with the nearest of `target`; and what was left away, by reason.

    Of several scenes of one square that are near the same target, the nearest in time is taken, then the clearest.

    Raises:
        CatalogError: There is no scene of a sensor, none with so few clouds, or no pair within the days.
        GridError: Pairs in time have no land in common, or a scene's pixels are not those of its sensor.
    """
    left: dict[str, int] = {}
    sources, targets = (_clear(_of(scenes, name), wish.cloud, left) for name in (wish.source, wish.target))
    near: dict[tuple[str, str], Pair] = {}
    for source in sources:
        beside = [target for target in targets if days_between(source, target) <= wish.days]
        if not beside:
            left[_DAYS] = left.get(_DAYS, 0) + 1
            continue
        pairs = [Pair(source, target, grid) for target in beside if (grid := common(source, target, sizes))]
        if not pairs:
            left[_APART] = left.get(_APART, 0) + 1
        near |= {(pair.source.id, pair.target.id): pair for pair in _nearest(pairs)}
    if not near:
        raise _none(sources, targets, wish, left)
    return tuple(sorted(_once(near.values()), key=lambda pair: (pair.target.datetime, pair.key))), left


def _of(scenes: Sequence[Scene], name: str) -> list[Scene]:
    found = [scene for scene in scenes if scene.sensor.name == name]
    if not found:
        there = ", ".join(sorted({scene.sensor.name for scene in scenes}))
        raise CatalogError(
            f"a catalog without a scene of {name}",
            f"scenes of both sensors; it has {there}",
            "catalog the other sensor's scenes too, or name the sensors with --from and --to",
        )
    return found


def _clear(scenes: list[Scene], cloud: float, left: dict[str, int]) -> list[Scene]:
    clear = [scene for scene in scenes if scene.cloud_cover is None or scene.cloud_cover <= 100 * cloud]
    if len(clear) < len(scenes):
        left[_CLOUDS] = left.get(_CLOUDS, 0) + len(scenes) - len(clear)
    if not clear:
        least = min(scene.cloud_cover or 0 for scene in scenes)
        raise CatalogError(
            f"{len(scenes)} scenes of {scenes[0].sensor.name} with {least:.0f} % clouds and more",
            f"at least one with at most {100 * cloud:.0f} %",
            "allow more with --cloud, or fetch clearer scenes",
        )
    return clear


def _nearest(pairs: Sequence[Pair]) -> Iterable[Pair]:
    """Of the targets of one scene those on the nearest day: a scene may lie on several of them."""
    least = min((pair.days for pair in pairs), default=0)
    return [pair for pair in pairs if pair.days == least]


def _once(pairs: Iterable[Pair]) -> Iterable[Pair]:
    """One scene of a square for every target."""
    best: dict[tuple[str, GeoBox], Pair] = {}
    for pair in sorted(pairs, key=lambda pair: (pair.days, pair.source.cloud_cover or 0, pair.source.id)):
        best.setdefault((pair.target.id, pair.source.grid), pair)
    return best.values()


def _none(sources: Sequence[Scene], targets: Sequence[Scene], wish: Wish, left: Mapping[str, int]) -> LandweaveError:
    if left.get(_APART):
        return GridError(
            f"scenes of {wish.source} and {wish.target} within {wish.days} days of each other that share no land",
            "scenes of one place",
            "catalog both sensors' scenes of the same land",
        )
    apart = min(days_between(source, target) for source in sources for target in targets)
    return CatalogError(
        f"scenes of {wish.source} and {wish.target} at least {apart} days apart",
        f"a pair within {wish.days} days",
        "allow more with --days, where the land changes little, or fetch other scenes",
    )


def common(source: Scene, target: Scene, sizes: Sizes) -> GeoBox | None:
    """The land of both, in the pixels that are compared, which lie on those of `source`; None where there is none.

    Raises:
        GridError: The source's pixels have another size or are turned, or one of the two only has a CRS.
    """
    if (source.grid.crs is None) != (target.grid.crs is None):
        raise GridError(
            f"{source.id} in {source.grid.crs} and {target.id} in {target.grid.crs}",
            "a CRS for both, or for none",
            "give both files their CRS",
        )
    whole = compared_grid(source, sizes)
    extent = target.grid.extent if source.grid.crs is None else target.grid.extent.to_crs(source.grid.crs)
    window = Window.of((whole.shape[0], whole.shape[1]))
    meeting = _within(whole, tuple(extent.boundingbox), sizes.step_px).clip(window)
    step = sizes.step_px
    height, width = (side // step * step for side in meeting.shape)
    return Window(meeting.row, meeting.col, height, width).on(whole) if height and width else None


def compared_grid(scene: Scene, sizes: Sizes) -> GeoBox:
    """A scene's land in the pixels that are compared.

    Raises:
        GridError: Its pixels have another size or are turned.
    """
    finest = min(scene.sensor.band(name).pixel_size_m for name in scene.bands)
    affine = scene.grid.affine
    straight = affine.b == affine.d == 0 and affine.e < 0 and math.isclose(affine.a, -affine.e, rel_tol=_SAME_PX)
    metric = scene.grid.crs is None or scene.grid.crs.units == ("metre", "metre")
    if not (straight and metric and math.isclose(affine.a, finest, rel_tol=_SAME_PX)):
        raise GridError(
            f"scene {scene.id} with pixels of {affine.a:g} x {-affine.e:g} in {scene.grid.crs or 'no CRS'}",
            f"pixels of {finest:g} m as {scene.sensor.name} has, north up",
            "bring it to the sensor's own pixels first",
        )
    ratio = sizes.pixel_size_m / finest
    shape = math.ceil(scene.grid.shape[0] / ratio), math.ceil(scene.grid.shape[1] / ratio)
    return GeoBox(shape, affine * affine.scale(ratio), scene.grid.crs)


def _within(grid: GeoBox, box: Sequence[float], step: int) -> Window:
    """The whole pixels of `grid` within a box (left, bottom, right, top), beginning at a multiple of `step`."""
    inverse = ~grid.affine
    (left, top), (right, bottom) = (inverse * corner for corner in ((box[0], box[3]), (box[2], box[1])))
    row, col = (max(math.ceil(edge / step - _SAME_PX), 0) * step for edge in (top, left))
    end_row, end_col = (math.floor(edge + _SAME_PX) for edge in (bottom, right))
    return Window(row, col, max(end_row - row, 0), max(end_col - col, 0))

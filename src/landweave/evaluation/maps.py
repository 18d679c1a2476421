"""Judge a map against a truth, window by window: sums that add up, memory that does not grow with the map."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Int64, UInt8
from odc.geo.geobox import GeoBox

from landweave.errors import GridError, LegendError, SampleError
from landweave.evaluation.origin import scenes_of
from landweave.evaluation.parts import POLYGONS, Place, of_part, of_polygons, whole, why_no_census, why_not_random
from landweave.evaluation.result import Evaluation
from landweave.evaluation.truth import Layer, Pair, find_crosswalk, legend_of, same_classes
from landweave.jobs.run import Progress
from landweave.legend import IGNORE, Legend
from landweave.metrics import area
from landweave.metrics.confusion import Confusion
from landweave.patches.archive import Archive
from landweave.patches.polygons import check_labels, moved, read_polygons
from landweave.patches.sample import Split
from landweave.raster.classes import read_legend, read_nodata

Labels = UInt8[np.ndarray, "h w"]
Read = Callable[[Place], tuple[Labels, Labels]]
Records = Generator[Progress, None, Evaluation]
_SQUARE_METRES_PER_HA = 10_000


def compare(pair: Pair, name: str) -> Records:
    """Judge a map everywhere where the truth is known; the evaluation is the generator's value.

    Raises:
        GridError: Nowhere are both known.
    """

    def read(place: Place) -> tuple[Labels, Labels]:
        return pair.read(place.window)

    places = whole(pair.map.grid)
    blocks, counts = yield from _sum(places, read, pair.map.grid, len(pair.legend))
    why = "the truth is known everywhere it is compared, nothing was drawn"
    note = f"All {blocks.sum():,} pixels of the map where the truth is known."
    total = Confusion(blocks.sum(0))
    return Evaluation(name, "pixels", pair.legend, note, total, why_no_interval=why, counts=counts)


def compare_polygons(
    map_path: Path, map_legend: Legend | None, polygons_path: Path, class_property: str, name: str
) -> Records:
    """Judge a map against polygons whose class is known: every pixel whose centre lies in one.

    Raises:
        LegendError: A class of the polygons is none of the map's.
        GridError: No polygon lies on the map, or the map has no CRS.
        SceneError: A file cannot be read.
    """
    legend = map_legend or legend_of(map_path)
    drawn = read_polygons(polygons_path, class_property)
    check_labels(drawn, legend, polygons_path)
    layer = Layer(map_path, legend, read_nodata(map_path))
    grid = layer.grid
    found = of_polygons(moved(drawn, "" if grid.crs is None else str(grid.crs)), grid)
    classes = {id(place): legend.index(label) for place, label in found}

    def read(place: Place) -> tuple[Labels, Labels]:
        return layer.indices(place.window.on(grid)), np.full(place.window.shape, classes[id(place)], np.uint8)

    blocks, counts = yield from _sum([place for place, _ in found], read, grid, len(legend))
    note = f"{blocks.sum():,} pixels in {counts['blocks']} polygons."
    return Evaluation(name, "pixels", legend, note, Confusion(blocks.sum(0)), why_no_interval=POLYGONS, counts=counts)


def compare_part(pair: Pair, archive: Archive, split: Split, name: str) -> Records:
    """Judge a map against a raster of truth on the patches of one part of an archive, with intervals by blocks.

    Raises:
        GridError: Patches in another CRS, or nowhere are both known.
        SplitError: The part is empty.
    """
    places = of_part(archive, split, pair.map.grid, scenes_of(pair.map.path))

    def read(place: Place) -> tuple[Labels, Labels]:
        return pair.read(place.window)

    return (yield from _judge_part(places, read, pair.map, pair.legend, archive=archive, split=split, name=name))


def compare_masks(map_path: Path, map_legend: Legend | None, archive: Archive, split: Split, name: str) -> Records:
    """Judge a map against the masks of one part of an archive, which stand on the same pixels.

    Raises:
        LegendError: The map has another legend than the archive, and there is no crosswalk.
        GridError: Patches in another CRS or on other pixels, or nowhere are both known.
        SplitError: The part is empty.
    """
    legend = archive.layout.legend
    own = map_legend or read_legend(map_path) or legend
    walk = None if same_classes(own, legend) else find_crosswalk(own, legend)
    if walk is None and not same_classes(own, legend):
        raise LegendError(
            f"a map with legend {own.name} and an archive with legend {legend.name}",
            "one legend, or a crosswalk from the map's to the archive's",
            "judge the map with an archive of its own legend",
        )
    layer = Layer(map_path, own, read_nodata(map_path), walk)
    places = of_part(archive, split, layer.grid, scenes_of(map_path))
    _check_same_pixels(places, archive, layer.grid)

    def read(place: Place) -> tuple[Labels, Labels]:
        assert place.inside is not None
        # A patch at the map's edge is compared where the map is.
        mask = archive.batch([place.patch])["mask"][0]
        return layer.indices(place.window.on(layer.grid)), mask[place.inside.slices]

    return (yield from _judge_part(places, read, layer, legend, archive=archive, split=split, name=name))


def _check_same_pixels(places: Sequence[Place], archive: Archive, grid: GeoBox) -> None:
    size, wanted = abs(grid.affine.a), archive.layout.pixel_size_m
    if grid.crs is not None and abs(size - wanted) > 1e-3 * wanted:
        raise GridError(
            f"a map with pixels of {size:g} m and masks with pixels of {wanted:g} m",
            "the same pixels",
            "judge it against a truth raster with --truth, or map at the archive's pixel size",
        )


def _judge_part(
    places: Sequence[Place], read: Read, layer: Layer, legend: Legend, *, archive: Archive, split: Split, name: str
) -> Records:
    blocks, counts = yield from _sum(places, read, layer.grid, len(legend))
    estimates, why = None, why_not_random(archive.manifest) or why_no_census(places)
    if not why:
        # The blocks were drawn from all the land that the map shows.
        total = yield from _mapped_area(layer)
        try:
            estimates = area.blocks(blocks, total)
        except SampleError as error:
            why = f"{error.given}, where it takes {error.expected}"
    num = int((blocks.sum((1, 2)) > 0).sum())
    note = f"{blocks.sum():,} pixels in {num} blocks of the part {split}, which no training patch touches."
    # Allowed, since it shows overfitting beside the test part; but never without a word.
    if split == "train":
        note = f"{blocks.sum():,} pixels in {num} blocks of the part train, on which it was trained: too good."
    if estimates is not None:
        note += f" Intervals (95 %) from the differences between the {num} blocks, which were drawn at random."
    return Evaluation(name, "pixels", legend, note, Confusion(blocks.sum(0)), estimates, why, counts=counts)


def _sum(
    places: Sequence[Place], read: Read, grid: GeoBox, num_classes: int
) -> Generator[Progress, None, tuple[Int64[np.ndarray, "b k k"], dict[str, int]]]:
    """One confusion matrix a block, and how many pixels with a truth the map leaves out."""
    found: dict[str, Confusion] = {}
    unmapped = 0
    for done, place in enumerate(places):
        yield Progress("compare", done, len(places), "windows")
        predicted, truth = read(place)
        inside = place.counts(grid)
        if inside is not None:
            truth = np.where(inside, truth, IGNORE).astype(np.uint8)
        one = Confusion.from_labels(predicted, truth, num_classes)
        # By block and not in one sum: the differences between blocks are what makes the interval.
        found[place.block] = found.get(place.block, Confusion.zero(num_classes)) + one
        # Counted, not judged: what is under clouds is neither right nor wrong, but must not vanish.
        unmapped += int(((truth != IGNORE) & (predicted == IGNORE)).sum())
    blocks = np.stack([one.counts for one in found.values()])
    counts = {"pixels": int(blocks.sum()), "pixels_not_mapped": unmapped, "blocks": len(found)}
    if not counts["pixels"]:
        raise GridError(
            f"a map and a truth that are nowhere both known; {unmapped} pixels have a truth but are not mapped",
            "at least one pixel with both",
            "check that both are of one place, and which ids mean no data",
        )
    yield Progress("compare", len(places), len(places), "windows", counts)
    return blocks, counts


def _mapped_area(layer: Layer) -> Generator[Progress, None, float | None]:
    """Area of the map in ha; None where it has no CRS in metres."""
    grid = layer.grid
    if grid.crs is None or grid.crs.geographic:
        return None
    counts = yield from count_classes(layer)
    return float(counts.sum()) * pixel_ha(grid)


def count_classes(layer: Layer) -> Generator[Progress, None, Int64[np.ndarray, " k"]]:
    """Pixels of each class in a map, as the generator's value."""
    places = whole(layer.grid)
    legend = layer.walk.new if layer.walk else layer.legend
    # 256 bins hold IGNORE too, which is cut off at the end.
    counts: Int64[np.ndarray, " k"] = np.zeros(256, np.int64)
    for done, place in enumerate(places):
        yield Progress("count", done, len(places), "windows")
        counts += np.bincount(layer.indices(place.window.on(layer.grid)).ravel(), minlength=256)
    yield Progress("count", len(places), len(places), "windows")
    return counts[: len(legend)]


def pixel_ha(grid: GeoBox) -> float:
    """Area of a pixel of a grid in metres, in ha."""
    return abs(grid.affine.determinant) / _SQUARE_METRES_PER_HA

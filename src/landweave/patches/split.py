"""Training, validation and test parts on separate land: blocks, their parts, the distance between them. Pure."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyproj
import shapely
from numpy.typing import NDArray

from landweave.errors import SplitError
from landweave.patches.sample import SPLITS, Split
from landweave.tiling import Window

Fractions = tuple[float, float, float]
Pair = tuple[Split, Split]
# How many places give the first bound of a search.
_FIRST = 64
_FEW: tuple[Split, ...] = ("train", "test", "validation")
PAIRS: tuple[Pair, ...] = tuple(itertools.combinations(SPLITS, 2))


@dataclass(frozen=True, slots=True)
class Place:
    """A piece of land with its part.

    Attributes:
        plane: What coordinates mean: a CRS ("EPSG:32633"), or anything else for a plane of its own.
        shape: The land, in coordinates of the plane.
        split: Its part.
    """

    plane: str
    shape: shapely.Geometry
    split: Split


@dataclass(frozen=True, slots=True)
class Blocks:
    """Square blocks of patches with gaps between them, on the pixels of a plane that all its scenes share.

    Attributes:
        patch_px: Edge of a patch.
        block_patches: Patches along the edge of a block.
        gap_px: Pixels between neighbouring blocks; at least 1, so that parts never touch.
    """

    patch_px: int
    block_patches: int
    gap_px: int

    def __post_init__(self) -> None:
        if self.gap_px < 1:
            raise SplitError(
                f"a gap of {self.gap_px} pixels between blocks",
                "at least 1 pixel, so that training, validation and test never touch",
                "set gap_px to a positive number",
            )

    @property
    def pitch_px(self) -> int:
        """Pixels from one block to the next."""
        return self.block_patches * self.patch_px + self.gap_px

    def windows(self, shape: tuple[int, int], corner: tuple[int, int]) -> Iterator[tuple[tuple[int, int], Window]]:
        """Block (row, col) and window of each patch that meets a grid, row by row of blocks.

        Args:
            shape: (height, width) of the grid.
            corner: (row, col) of the grid's first pixel in the plane that the blocks are counted on.

        Yields:
            Blocks with windows that count from the grid's first pixel; they may reach outside it.
        """
        spans = [
            range(start // self.pitch_px, (start + size - 1) // self.pitch_px + 1)
            for start, size in zip(corner, shape, strict=True)
        ]
        # By block, so that patches which are read together are neighbours.
        whole = Window.of(shape)
        for block in itertools.product(*spans):
            for inner in itertools.product(range(self.block_patches), repeat=2):
                row, col = (block[axis] * self.pitch_px + inner[axis] * self.patch_px - corner[axis] for axis in (0, 1))
                window = Window(row, col, self.patch_px, self.patch_px)
                if window.clip(whole).num_pixels:
                    yield (block[0], block[1]), window


def check_fractions(fractions: Fractions) -> None:
    """Return when these are shares of parts, some of it for training.

    Raises:
        SplitError: They are not.
    """
    if min(fractions) < 0 or not math.isclose(sum(fractions), 1, abs_tol=1e-6) or not fractions[0]:
        raise SplitError(
            f"fractions {fractions}",
            "three numbers for train, validation, test, the first above 0, with sum 1",
            "set them, for example --set fractions=[0.6,0.2,0.2]",
        )


def deal(blocks: Iterable[str], fractions: Fractions, seed: int) -> dict[str, Split]:
    """A part for each block: at random, with the wanted fractions as nearly as whole blocks allow.

    The result depends on the set of names and the seed alone, not on their order. A part whose fraction is not zero
    gets at least one block.

    Raises:
        SplitError: Fractions are no fractions, or there are fewer blocks than parts.
    """
    # Sorted, because the order in which scenes come must not decide who is tested.
    names = sorted(set(blocks))
    check_fractions(fractions)
    wanted = [split for split, fraction in zip(SPLITS, fractions, strict=True) if fraction > 0]
    if len(names) < len(wanted):
        raise SplitError(
            f"{len(names)} blocks for the parts {', '.join(wanted)}",
            "at least one block for each part",
            "make blocks smaller (--set patch_px=... block_patches=... or block_m=...), or bring more scenes",
        )
    # A permutation rather than a draw for each: few blocks would else miss the fractions by far.
    order = np.random.default_rng(seed).permutation(len(names))
    sizes = _whole_sizes(len(names), fractions)
    parts = [split for split, size in zip(SPLITS, sizes, strict=True) for _ in range(size)]
    return {names[place]: part for place, part in zip(order.tolist(), parts, strict=True)}


def deal_by_class(labels: Mapping[str, str], fractions: Fractions, seed: int) -> dict[str, Split]:
    """A part for each block, dealt within each class, so that each part has every class where there are enough blocks.

    A class with fewer blocks than parts goes to training first, then to test.

    Args:
        labels: Class of each block.
        fractions: As for `deal`.
        seed: As for `deal`.
    """
    # Classes one by one: dealt together, a rare one would often miss a part.
    dealt: dict[str, Split] = {}
    for label in sorted(set(labels.values())):
        names = [name for name, other in labels.items() if other == label]
        if len(names) >= sum(fraction > 0 for fraction in fractions):
            dealt |= deal(names, fractions, seed)
        else:
            few: list[Split] = [split for split in _FEW if fractions[SPLITS.index(split)] > 0]
            dealt |= dict(zip(sorted(names), few, strict=False))
    return dealt


def _whole_sizes(num: int, fractions: Fractions) -> list[int]:
    """Whole numbers with sum `num`, by largest remainder, none 0 where its fraction is not."""
    # A part that was asked for gets a block even where its share rounds to none.
    exact = [num * fraction for fraction in fractions]
    sizes = [max(int(value), int(value > 0)) for value in exact]
    while sum(sizes) > num:
        sizes[max(range(3), key=lambda i: sizes[i] - exact[i] if sizes[i] > 1 else -math.inf)] -= 1
    while sum(sizes) < num:
        sizes[max(range(3), key=lambda i: exact[i] - sizes[i])] += 1
    return sizes


def distances(places: Sequence[Place]) -> dict[str, float | None]:
    """Distance in metres between the nearest places of each two parts ("train-test"); None where one is empty.

    Places of different CRS are compared in one of the two. Planes that are no CRS do not know each other.
    """
    return {f"{one}-{other}": _nearest(places, one, other) for one, other in PAIRS}


def check_apart(places: Sequence[Place], distance_m: dict[str, float | None]) -> None:
    """Refuse parts that overlap or touch.

    Raises:
        SplitError: Two parts do; it names them and where.
    """
    for (one, other), distance in zip(PAIRS, distance_m.values(), strict=True):
        # Touching counts as overlapping: neighbours along an edge are nearly the same land.
        if distance is not None and distance <= 0:
            where = _meeting(places, one, other)
            raise SplitError(
                f"parts {one} and {other} that overlap or touch{where}",
                "parts with land between them",
                "mend the areas, or let landweave cut blocks with a gap",
            )


def apart(places: Sequence[Place], gap_m: float) -> NDArray[np.bool_]:
    """Which places to keep so that parts lie `gap_m` apart: test stays, validation yields, train yields most."""
    # Test is the dearest: what is judged must not depend on what is trained.
    keep = np.ones(len(places), bool)
    for place, split in enumerate(("validation", "train")):
        stronger = ("test",) if place == 0 else ("test", "validation")
        weak = [i for i, entry in enumerate(places) if entry.split == split]
        strong = [entry for i, entry in enumerate(places) if entry.split in stronger and keep[i]]
        near = _distance_to(strong, [places[i] for i in weak], gap_m)
        keep[weak] = near >= gap_m
    return keep


def _nearest(places: Sequence[Place], one: Split, other: Split) -> float | None:
    best = math.inf
    targets = [place for place in places if place.split == other]
    for _, shapes, tree in _shared_planes(targets, [place for place in places if place.split == one]):
        # A few first: with a bound from them the tree need not be searched far for all the rest.
        for some in (shapes[:: len(shapes) // _FIRST + 1], shapes):
            if best > 0:
                _, near = _query(tree, some, best)
                best = min([best, *near.tolist()])
    return best if math.isfinite(best) else None


def _distance_to(targets: Sequence[Place], places: Sequence[Place], most_m: float) -> NDArray[np.float64]:
    """Distance from each of `places` to the nearest of `targets`; infinite where it is above `most_m`."""
    found = np.full(len(places), np.inf)
    for here, shapes, tree in _shared_planes(targets, places):
        of, near = _query(tree, shapes, most_m)
        found[here[of]] = np.minimum(found[here[of]], near)
    return found


def _query(tree: shapely.STRtree, shapes: NDArray[Any], most_m: float) -> tuple[NDArray[Any], NDArray[Any]]:
    """Which shapes have a neighbour in the tree within `most_m`, and how far it is."""
    bound = {} if math.isinf(most_m) else {"max_distance": most_m}
    (of, _), near = tree.query_nearest(shapes, return_distance=True, all_matches=False, **bound)
    return of, near


def _shared_planes(
    targets: Sequence[Place], places: Sequence[Place]
) -> Iterator[tuple[NDArray[Any], NDArray[Any], shapely.STRtree]]:
    """For each plane of `places`, and each of `targets` that can be brought there: which ones, shapes, targets."""
    planes = {place.plane for place in places}, {target.plane for target in targets}
    # One's own plane first: it mostly has the nearest neighbours, which bounds the search in the others.
    for plane, far in sorted(itertools.product(*planes), key=lambda pair: (pair[0] != pair[1], pair)):
        if plane != far and not (_is_crs(plane) and _is_crs(far)):
            continue
        # Metres are those of the place's own zone, where its projection is true to scale.
        here = np.array([i for i, place in enumerate(places) if place.plane == plane])
        moved = _moved([target.shape for target in targets if target.plane == far], far, plane)
        # A tree, because an archive has hundreds of thousands of patches.
        yield here, np.array([places[i].shape for i in here]), shapely.STRtree(moved)


def _moved(shapes: Sequence[shapely.Geometry], old: str, new: str) -> NDArray[Any]:
    every = np.array(shapes)
    if old == new:
        return every
    transformer = pyproj.Transformer.from_crs(old, new, always_xy=True)
    moved = shapely.transform(every, transformer.transform, interleaved=False)
    # What lies too far from a projection's zone has no coordinates there, and is no neighbour.
    return np.asarray(moved[np.isfinite(shapely.bounds(moved)).all(axis=1)])


def _is_crs(plane: str) -> bool:
    return plane.startswith("EPSG:") or "[" in plane  # A code, or the whole text of a CRS that has none.


def _meeting(places: Sequence[Place], one: Split, other: Split) -> str:
    """Where the first place of `one` meets one of `other`, for people."""
    here = [place for place in places if place.split == one]
    near = _distance_to([place for place in places if place.split == other], here, 1e-6)
    first = here[int(np.argmin(near))]
    left, bottom, right, top = first.shape.bounds
    return f" at {left:g}, {bottom:g}, {right:g}, {top:g} ({first.plane or 'pixels'})"

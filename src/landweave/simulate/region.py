"""What a landscape is made of: regions, places with a seed, and the ground that is painted. Pure."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import Float32
from numpy.typing import NDArray
from pydantic import Field

from landweave.config import Config
from landweave.simulate.kinds import classes, numbers
from landweave.simulate.lattice import Axes, Plane, key

_CROPS = {
    "wheat": 0.34,
    "maize": 0.19,
    "rape": 0.11,
    "beet": 0.08,
    "potato": 0.06,
    "alfalfa": 0.06,
    "ley": 0.08,
    "fallow": 0.08,
}
_ROOFS = {"roof_tile": 0.55, "roof_grey": 0.25, "roof_light": 0.12, "roof_metal": 0.08}
_SOILS = ("soil_brown", "soil_loam", "soil_dark", "soil_grey", "soil_pale")
EPOCH = dt.date(1970, 1, 1)
_NOVEMBER = 10


class Region(Config):
    """How the land looks: shares, sizes and materials."""

    relief_m: float = Field(default=600, ge=0)
    """Height difference between valleys and hills."""
    wild: float = Field(default=0.45, ge=0, le=1)
    """Share of the land that is not farmed."""
    forest: float = Field(default=0.66, ge=0, le=1)
    """Share of the wild land under forest."""
    shrub: float = Field(default=0.14, ge=0, le=1)
    """Share of the wild land under shrubs."""
    conifer: float = Field(default=0.45, ge=0, le=1)
    """Share of conifers among the stands."""
    rock: float = Field(default=0.12, ge=0, le=1)
    """Share of the open wild land that is rock."""
    meadow: float = Field(default=0.25, ge=0, le=1)
    """Share of meadows and pastures among the fields."""
    lakes: float = Field(default=0.02, ge=0, le=1)
    """Share of the land under lakes."""
    river_m: float = Field(default=40, ge=0)
    """Mean width of rivers."""
    field_m: float = Field(default=190, gt=0)
    """Mean width of fields."""
    town: float = Field(default=0.75, ge=0, le=1)
    """Chance of a town in a square of 4.2 km."""
    town_m: float = Field(default=850, gt=0)
    """Mean radius of towns."""
    felling: float = Field(default=0.01, ge=0)
    """Share of the stands that are felled in a year."""
    building: float = Field(default=0.02, ge=0)
    """Share of the outer quarters that are built in a year."""
    stand_m: float = Field(default=240, gt=0)
    """Size of stands of trees."""
    quarter_m: float = Field(default=330, gt=0)
    """Size of the quarters of towns."""
    regrowth_days: float = Field(default=0, ge=0)
    """After so many days a felled stand is a thicket, after a quarter of them it is green; 0: it is green at once."""
    renewal: float = Field(default=0, ge=0, le=1)
    """Share of meadows and pastures that are ploughed and sown anew in a year: they look otherwise, and stay grass."""
    quarry: float = Field(default=0.32, ge=0, le=1)
    """Chance of a pit or quarry in a square of 2.6 km."""
    crops: dict[str, float] = Field(default_factory=lambda: dict(_CROPS))
    """Weights of the crops."""
    roofs: dict[str, float] = Field(default_factory=lambda: dict(_ROOFS))
    """Weights of the roofs of houses."""
    soils: list[str] = Field(default_factory=lambda: list(_SOILS), min_length=2)
    """Soils from the commonest to the rarest."""
    delay_days: float = 0
    """How much later its spring and harvest are than the tables of kinds.toml say."""


@dataclass
class Ground:
    """What stands on each cell of a window.

    Attributes:
        kind: Number of its kind.
        land: Class index of the object that it belongs to; flecks within it do not count.
        owner: Random bits of the object that it belongs to (field, stand, house).
        soil: Index of the soil within the region's list.
        region: Index of the region.
        across: Metres across the rows of a field.
        since: Day (counted from 1970) of the event that made it so, 0 where none did.
        height: Height above the lowest valley in metres.
        east: How much it rises from one cell to the next one east, per metre.
        south: The same to the south.
    """

    kind: NDArray[np.uint8]
    land: NDArray[np.uint8]
    owner: NDArray[np.uint32]
    soil: NDArray[np.uint8]
    region: NDArray[np.uint8]
    across: Plane
    since: NDArray[np.int32]
    height: Plane
    east: Plane
    south: Plane

    def paint(
        self,
        where: NDArray[np.bool_],
        kind: str | NDArray[np.uint8],
        owner: int | NDArray[np.uint32],
        since: NDArray[np.int32] | None = None,
    ) -> None:
        """Put `kind` on the cells `where`."""
        self.kind[where] = numbers()[kind] if isinstance(kind, str) else kind[where]
        self.land[where] = classes()[self.kind[where]]
        self.owner[where] = owner if isinstance(owner, int) else owner[where]
        self.since[where] = 0 if since is None else since[where]


def bare(
    shape: tuple[int, int], soil: NDArray[np.uint8], height: Float32[np.ndarray, "h2 w2"], cell_m: float
) -> Ground:
    """Ground on which nothing stands yet; `height` has one cell more on each side."""
    east = (height[1:-1, 2:] - height[1:-1, :-2]) / np.float32(2 * cell_m)
    south = (height[2:, 1:-1] - height[:-2, 1:-1]) / np.float32(2 * cell_m)
    zeros = [np.zeros(shape, kind) for kind in (np.uint8, np.uint32, np.float32, np.int32)]
    return Ground(
        zeros[0], zeros[0].copy(), zeros[1], soil, zeros[0].copy(), zeros[2], zeros[3], height[1:-1, 1:-1], east, south
    )


def joined(strips: Sequence[Ground]) -> Ground:
    """Strips from north to south as one ground."""
    layers = zip(*(vars(strip).values() for strip in strips), strict=True)
    return Ground(*(np.concatenate(layer) for layer in layers))


def chosen(where: NDArray[np.bool_], one: Ground, other: Ground) -> Ground:
    """`one` where it is chosen, `other` elsewhere."""
    both = zip(vars(one).values(), vars(other).values(), strict=True)
    return Ground(*(np.where(where, first, second) for first, second in both))


@dataclass(frozen=True)
class Place:
    """What a landscape is made of.

    Attributes:
        seed: The world's seed.
        region: How the land looks.
        period: First and last day (counted from 1970) of the events: felling, building.
        late: Share of the events that come in November and December.
    """

    seed: int
    region: Region
    period: tuple[int, int] = (17_167, 20_089)
    late: float = 0.0

    def key(self, name: str) -> int:
        """32 bits for a layer."""
        return key(self.seed, name)


@dataclass(frozen=True)
class Land:
    """Where and when a strip is painted.

    Attributes:
        place: The world's seed and region.
        axes: The cells.
        warp: Metres east and south by which borders bend.
        to_river: Metres to the middle of the nearest river.
        date: When.
    """

    place: Place
    axes: Axes
    warp: tuple[Plane, Plane]
    to_river: Plane
    date: dt.date

    @property
    def day(self) -> int:
        """The date counted from 1970."""
        return (self.date - EPOCH).days


def pick(even: NDArray[np.float32], weights: Mapping[str, float]) -> NDArray[np.uint8]:
    """A kind for every number in 0-1, by weights."""
    edges = np.cumsum(list(weights.values()))
    codes = np.array([numbers()[name] for name in weights], np.uint8)
    return codes[np.minimum(np.searchsorted(edges / edges[-1], even), len(codes) - 1)]


def events(
    place: Place, chance: NDArray[np.float32], when: NDArray[np.float32], share_a_year: float
) -> tuple[NDArray[np.bool_], NDArray[np.int32]]:
    """Whether something happens to each object within the world's period, and on which day, from two even numbers."""
    first, last = place.period
    years = (last - first) / 365.25
    day = (first + when * np.float32(last - first)).astype(np.int32)
    days = np.arange(first, last, dtype=np.int32)
    # Months counted from 1970: 10 and 11 of every twelve are November and December.
    of_autumn = days[(days.astype("M8[D]").astype("M8[M]").astype(np.int64) % 12) >= _NOVEMBER]
    if place.late and of_autumn.size:
        is_late = when < place.late
        # The even number that chose them chooses their day as well.
        pick_of = (when / np.float32(place.late) * of_autumn.size).astype(np.int64) % of_autumn.size
        rest = ((when - np.float32(place.late)) / np.float32(max(1 - place.late, 1e-6))).clip(0, 1)
        day = np.where(is_late, of_autumn[pick_of], (first + rest * np.float32(last - first)).astype(np.int32))
    return chance < share_a_year * years, day

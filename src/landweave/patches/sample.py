"""One patch in memory, and the row of the index that says where it comes from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from jaxtyping import Bool, Float32, UInt8

Split = Literal["train", "validation", "test"]
SPLITS: tuple[Split, ...] = ("train", "validation", "test")


@dataclass(frozen=True)
class Sample:
    """One patch, as a data set gives it.

    Attributes:
        id: Its name, unique in the archive.
        views: Physical values by key ("data_10m"), each (bands, height, width) at its own pixel size; 0 where invalid.
        valid: True where inside the scene, cloud free and usable; on the finest grid.
        mask: Class index of each pixel on the finest grid, 255 without a label; None where labels are of patches.
        classes: 1 for each class of the legend that the patch has; None where labels are of pixels.
    """

    id: str
    views: Mapping[str, Float32[np.ndarray, "c h w"]]
    valid: Bool[np.ndarray, "h w"]
    mask: UInt8[np.ndarray, "h w"] | None = None
    classes: UInt8[np.ndarray, " k"] | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """Where one patch comes from and which part it belongs to.

    Attributes:
        id: Its name, unique in the archive.
        split: "train", "validation" or "test".
        block: The piece of land (or polygon) that decided the split.
        scene: Id of the scene.
        source: File or folder of the labels, for people.
        crs: CRS of `bounds` ("EPSG:32633"), "" for pixels without georeference.
        bounds: (left, bottom, right, top) of the patch.
        labelled: WKT of the labelled part in `crs`; "" where it is the whole patch.
        datetime: Acquisition time in ISO 8601, "" where unknown.
    """

    id: str
    split: Split
    block: str
    scene: str
    source: str
    crs: str
    bounds: tuple[float, float, float, float]
    labelled: str = ""
    datetime: str = ""


@dataclass
class Counts:
    """What was kept and what was left away, by reason: it adds up over tasks."""

    kept: int = 0
    left: dict[str, int] = field(default_factory=dict)

    def leave(self, reason: str, num: int = 1) -> None:
        """Count `num` things left away for `reason`."""
        if num:
            self.left[reason] = self.left.get(reason, 0) + num

    def __add__(self, other: Counts) -> Counts:
        total = Counts(self.kept + other.kept, dict(self.left))
        for reason, num in other.left.items():
            total.leave(reason, num)
        return total

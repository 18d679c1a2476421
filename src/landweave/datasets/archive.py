"""An archive of patches as a data set: one Sample a patch, in physical values."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Shaped

from landweave.patches.archive import Archive, open_archive
from landweave.patches.layout import View
from landweave.patches.sample import Sample, Split


class ArchiveDataset:
    """The patches of one part of an archive, in the order of the archive.

    Attributes:
        archive: Where they are.
        indices: Their indices in the archive.
    """

    def __init__(self, archive: Archive | Path, part: Split) -> None:
        self.archive = archive if isinstance(archive, Archive) else open_archive(archive)
        self.indices = self.archive.part(part)
        self._ids = self.archive.ids()

    def __len__(self) -> int:
        return len(self.indices)

    def __iter__(self) -> Iterator[Sample]:
        return (self[place] for place in range(len(self)))

    def __getitem__(self, place: int) -> Sample:
        """The patch at `place` of this part, counted from 0."""
        index = int(self.indices[place])
        # One patch at a time is for looking at; training takes whole batches from the archive.
        stored = {key: array[0] for key, array in self.archive.batch([index]).items()}
        layout = self.archive.layout
        stored_views = (*layout.views, *(view for view in (layout.super, layout.pair) if view))
        usable = layout.finest(stored["valid"])
        views = {view.key: _physical(view, stored[view.key], usable) for view in stored_views}
        return Sample(self._ids[index], views, stored["valid"], stored.get("mask"), stored.get("classes"))


def _physical(
    view: View, numbers: Shaped[np.ndarray, "c h w"], valid: Bool[np.ndarray, "H W"]
) -> Float32[np.ndarray, "c h w"]:
    """Physical values, 0 where no pixel below is valid."""
    ratio = valid.shape[0] // view.px
    # Any, not all: bilinear enlargement needs the neighbours of what is valid.
    usable: Any = valid.reshape(view.px, ratio, view.px, ratio).any(axis=(1, 3))
    return np.where(usable, view.to_physical(numbers), np.float32(0))

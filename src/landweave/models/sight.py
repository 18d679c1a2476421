"""How far a network sees: its stride and the reach of its receptive field."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Sight:
    """What a tile must respect so that a network sees it as it sees the whole.

    Attributes:
        stride: Shifting the input by this many pixels shifts the output, and nothing else.
        reach_px: How many pixels beyond a core that is aligned to the stride can change the core's output; None where
            every pixel can, however far.
    """

    stride: int
    reach_px: int | None

    @property
    def margin_px(self) -> int | None:
        """The narrowest margin that is a multiple of the stride and at least the reach; None without finite reach."""
        return None if self.reach_px is None else math.ceil(self.reach_px / self.stride) * self.stride

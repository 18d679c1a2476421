"""How the learning rate goes over a run: pure functions of the step, as factors of the rate in the recipe."""

from __future__ import annotations

import math
from typing import Literal

from pydantic import Field

from landweave.config import Config


class Schedule(Config):
    """The course of the learning rate: warm-up, then one of five shapes."""

    name: Literal["constant", "cosine", "polynomial", "step", "cyclic"] = "cosine"
    """constant; cosine or polynomial (of `power`) down to `end`; step (times `gamma` after each of `at_epochs`);
    cyclic (straight up and down between `end` and 1)."""
    warmup_epochs: float = Field(default=0.0, ge=0)
    """Epochs over which the rate climbs from nearly 0 in equal steps; parts of an epoch are allowed."""
    end: float = Field(default=0.0, ge=0, le=1)
    """Factor that cosine and polynomial end at, and the lowest one of cyclic."""
    power: float = Field(default=2.0, gt=0)
    """Power of the polynomial."""
    at_epochs: tuple[float, ...] = (30.0, 60.0, 80.0)
    """Epochs after which `step` lowers the rate."""
    gamma: float = Field(default=0.1, gt=0, le=1)
    """What `step` multiplies the rate by."""
    cycle_epochs: float = Field(default=10.0, gt=0)
    """Epochs of one cycle of `cyclic`, up and down again (Smith 2017, "triangular")."""

    def factor(self, step: int, steps_per_epoch: int, epochs: int) -> float:
        """The factor of the rate at update number `step` (from 0) of `epochs * steps_per_epoch`."""
        warmup = self.warmup_epochs * steps_per_epoch
        if step < warmup:
            # Never 0: the first update would be lost.
            return (step + 1) / math.ceil(warmup)
        share = (step - warmup) / max(epochs * steps_per_epoch - warmup, 1)
        match self.name:
            case "constant":
                return 1.0
            case "cosine":
                return self.end + (1 - self.end) * 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))
            case "polynomial":
                return self.end + (1 - self.end) * float((1 - min(share, 1.0)) ** self.power)
            case "step":
                return float(self.gamma ** sum(step >= epoch * steps_per_epoch for epoch in self.at_epochs))
            case "cyclic":
                return self.end + (1 - self.end) * self._triangle(step - warmup, steps_per_epoch)

    def _triangle(self, step: float, steps_per_epoch: int) -> float:
        """From 0 up to 1 in the middle of a cycle, and down again; after a warm-up a cycle begins at its height."""
        place = step / (self.cycle_epochs * steps_per_epoch) + (0.5 if self.warmup_epochs else 0.0)
        return 1 - abs(2 * (place % 1.0) - 1)

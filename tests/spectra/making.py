"""Simulated temperatures for tests: smooth spectra of several kinds with noise, without any physics."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, UInt8

from landweave.spectra.microwindows import NUM


def temperatures(
    num: int, length: int = NUM, kinds: int = 6, seed: int = 0, noise: float = 0.5
) -> tuple[Float32[np.ndarray, "n l"], UInt8[np.ndarray, " n"]]:
    """Temperatures around 220 K, and the kind of each spectrum."""
    shapes = np.random.default_rng(99)
    where = np.linspace(0, 1, length)
    waves = np.cos(np.pi * np.arange(1, 7)[:, None] * where)
    centres = shapes.normal(0, 3, (kinds, 6))
    rng = np.random.default_rng(seed)
    kind = rng.integers(0, kinds, num).astype(np.uint8)
    size = rng.gamma(3, 0.4, (num, 1))
    smooth = (size * centres[kind] + rng.normal(0, 1, (num, 6))) @ waves
    level = rng.normal(220, 8, (num, 1))
    return (level + smooth + rng.normal(0, noise, (num, length))).astype(np.float32), kind

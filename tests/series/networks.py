"""Small cards of series with random weights, and series of pixels to show them. Imported by worker processes too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from tests.mapping.places import BANDS, LEGEND, SENSOR
from torch import nn

from landweave.classical import store
from landweave.models.card import Card, save_card
from landweave.models.series.input import SeriesInput
from landweave.models.sight import Sight
from landweave.models.table import build

SMALL: dict[str, dict[str, Any]] = {
    "transformer": {"width": 16, "depth": 3, "heads": 2, "hidden": 24},
    "lstm": {"width": 12, "depth": 2},
    "tempcnn": {"width": 8, "hidden": 16},
    "ltae": {"width": 16, "heads": 4, "keys": 4, "hidden": 12},
}


def lively(network: nn.Module, seed: int = 0) -> nn.Module:
    """The network with weights that tell classes apart: those of torch let nearly all pixels look alike."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, weights in network.named_parameters():
            noise = torch.randn(weights.shape, generator=generator)
            is_gain = weights.ndim == 1 and name.endswith("weight")
            weights.copy_(1 + 0.1 * noise if is_gain else noise * (2.0 / max(weights.shape[-1], 4)) ** 0.5)
    return network.eval()


def make_series_card(
    folder: Path, network: str = "transformer", *, num_dates: int = 5, seed: int = 0, **changes: Any
) -> Card:
    """Save a card of series; `taken` says how dates are taken, `arguments` what the network is built with."""
    taken = changes.pop("taken", SeriesInput(num_dates))
    arguments = {**SMALL.get(network, {}), **changes.pop("arguments", {})}
    if network == "tempcnn":
        arguments["num_dates"] = taken.num_dates
    values: dict[str, Any] = {
        "network": network,
        "arguments": arguments,
        "sensor": SENSOR.name,
        "bands": BANDS,
        "pixel_size_m": 10.0,
        "unit": "reflectance",
        "mean": (0.2,) * len(BANDS),
        "std": (0.1,) * len(BANDS),
        "legend": LEGEND,
        "task": "series",
        "sight": Sight(1, 0),
        "series": taken,
        **changes,
    }
    if network == "forest":
        values["arguments"] = {}
        return save_card(folder, Card(**values), forest(taken.num_dates, seed).to_arrays())
    return save_card(folder, Card(**values), lively(build(network, len(BANDS), len(LEGEND), **arguments), seed))


def forest(num_dates: int, seed: int = 0) -> store.Model:
    """A small forest of random samples."""
    generator = np.random.default_rng(seed)
    x = generator.uniform(0, 0.5, (200, num_dates * len(BANDS))).astype(np.float32)
    y = (x[:, 0] * 12).astype(np.uint8) % len(LEGEND)
    return store.fit("forest", x, y, len(LEGEND), seed=seed, num_trees=5)


def make_pixels(num: int, num_dates: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, valid and days of pixels; of some nothing is valid."""
    generator = np.random.default_rng(seed)
    values = generator.uniform(0, 0.5, (num, num_dates, len(BANDS))).astype(np.float32)
    valid = generator.random((num, num_dates)) < 0.7
    valid[::7] = False
    values[~valid] = np.nan
    return values, valid, 17_532 + 24 * np.arange(num_dates, dtype=np.int64)

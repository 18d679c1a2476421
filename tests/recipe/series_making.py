"""Points whose label can be learnt from their series, and recipes for them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from landweave.datasets.points import Points, write_points
from landweave.legend import LandClass, Legend
from landweave.recipe.series import SeriesRecipe

LEGEND = Legend(
    "three",
    "here",
    (LandClass(10, "early", "#00ff00"), LandClass(20, "late", "#0000ff"), LandClass(30, "flat", "#ff0000")),
)
DAYS = np.array([20, 60, 95, 130, 170, 205, 250, 290, 330])


def make_points(num: int = 120, seed: int = 0, **changes: Any) -> Points:
    """Points of 2019 and 2020 whose second band has its hill early, late or nowhere; every fifth date is cloudy."""
    generator = np.random.default_rng(seed)
    label, year = np.arange(num) % 3, 2019 + np.arange(num) // 3 % 2
    days = np.array([f"{one}-01-01" for one in year], "datetime64[D]").astype(np.int64)[:, None] + DAYS
    middle = np.array([120.0, 250.0, 0.0])[label][:, None]
    hill = np.where(middle > 0, np.exp(-(((DAYS - middle) / 50) ** 2)), 0.3)
    noise = generator.normal(0, 0.05, (num, len(DAYS), 2))
    values = np.stack([0.2 + 0 * hill, 0.2 + 0.5 * hill], -1) + noise
    valid = generator.random((num, len(DAYS))) > 0.2
    values[~valid] = 0
    arrays: dict[str, Any] = {
        "values": values.astype(np.float32),
        "valid": valid,
        "days": days.astype(np.int32),
        "label": label.astype(np.int16),
        "year": year.astype(np.int16),
        "x": np.arange(num) * 10.0,
        "y": np.zeros(num),
        "block": (np.arange(num) // 12).astype(np.int32),
        "part": np.array([0, 0, 0, 1, 2], np.uint8)[np.arange(num) // 12 % 5],
    }
    named = {"sensor": "sentinel-2-l2a", "bands": ("B04", "B08"), "unit": "reflectance", "pixel_size_m": 10.0}
    return Points(**{**arrays, **named, "crs": "EPSG:32633", "legend": LEGEND, **changes})


def cut(folder: Path, **changes: Any) -> Path:
    """These points as a file."""
    write_points(make_points(**changes), folder / "samples.h5")
    return folder / "samples.h5"


SMALL: dict[str, dict[str, Any]] = {
    "lstm": {"width": 16, "depth": 2, "dropout": 0.1},
    "transformer": {"width": 16, "depth": 2, "hidden": 32, "dropout": 0.1},
    "tempcnn": {"width": 8, "hidden": 16, "dropout": 0.1},
    "ltae": {"width": 32, "heads": 4, "keys": 4, "hidden": 16},
    "forest": {"num_trees": 20},
    "linear": {},
}


def recipe(samples: Path, network: str = "lstm", **changes: Any) -> SeriesRecipe:
    """A small recipe that learns fast."""
    told = {
        "samples": samples,
        "network": network,
        "arguments": SMALL.get(network, {}),
        "optimiser": {"rate": 0.01},
        "epochs": 16,
        "batch_global": 16,
        "precision": "fp32",
        "log_every_steps": 2,
        "checkpoint_every_s": 1e9,
        **changes,
    }
    return SeriesRecipe.model_validate(told)

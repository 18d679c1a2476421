"""The series of an event as a chart shows it: means of bands and indices over its pixels, date by date."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from jaxtyping import Float32

from landweave.errors import SensorError
from landweave.raster.read import read
from landweave.raster.scene import Scene
from landweave.review.events import Event
from landweave.review.frame import frame_of, inside
from landweave.review.job import Job
from landweave.spectra.indices import indices, known_indices, roles

# What a person reads from a chart; more lines than these hide each other.
_ROLES = ("blue", "green", "red", "nir", "swir16", "swir22")
# A mean of so many pixels does not change with more of them, and a chart must not read a whole scene.
_EDGE_PX = 32
_THREADS = 4


def profile(job: Job, row: int) -> dict[str, Any]:
    """Dates of the series with the mean of each band and index over the valid pixels of an event.

    Returns:
        "dates" as ISO text, "valid" (share of the pixels), "bands" and "indices" (name to numbers, None where nothing
        is valid), and "is_part": whether the event is so large that a square within it stands for it.

    Raises:
        SceneError: A scene cannot be read.
    """
    event = job.events[row]
    shape = (job.grid.shape[0], job.grid.shape[1])
    point = event.shape.representative_point()
    col, at = ~job.grid.affine * (point.x, point.y)
    frame = frame_of(event.window, (at, col), shape, around=0, least_px=1, most_px=_EDGE_PX, may_zoom=False)
    # Most of the time goes into unpacking blocks of files, which threads do side by side.
    with ThreadPoolExecutor(_THREADS) as pool:
        rows = list(pool.map(lambda scene: _one(job, scene, event, frame.window), job.scenes))
    names = {kind: list(dict.fromkeys(name for one in rows for name in one[kind])) for kind in ("bands", "indices")}
    return {
        "dates": [scene.datetime.date().isoformat() for scene in job.scenes],
        "valid": [one["valid"] for one in rows],
        **{kind: {name: [one[kind].get(name) for one in rows] for name in names[kind]} for kind in names},
        "is_part": frame.is_part,
    }


def _one(job: Job, scene: Scene, event: Event, window: Any) -> dict[str, Any]:
    grid = window.on(job.grid)
    found = roles(scene.sensor, scene.bands)
    wanted = [role for role in _ROLES if role in found] or list(found)
    values, valid = read(scene, [scene.bands[found[role]] for role in wanted], grid)
    pixels = inside(event.shape, grid)
    good = pixels & valid
    share = float(good.sum() / pixels.sum())
    if not good.any():
        return {"valid": 0.0, "bands": {}, "indices": {}}
    means = values[:, good].mean(1)
    bands = {role: _rounded(value) for role, value in zip(wanted, means.tolist(), strict=True)}
    return {"valid": round(share, 3), "bands": bands, "indices": _indices(means, wanted)}


def _indices(means: Float32[np.ndarray, " b"], wanted: list[str]) -> dict[str, float]:
    places = {role: place for place, role in enumerate(wanted)}
    try:
        numbers = indices(means, places)
    except SensorError:
        # A sensor of one band has a chart, too.
        return {}
    return {name: _rounded(value) for name, value in zip(known_indices(places), numbers.tolist(), strict=True)}


def _rounded(value: float) -> float:
    return round(value, 4)

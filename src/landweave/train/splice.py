"""Series of land that changes: one sample's dates, and from some date on those of another. Drawn from keys alone. Pure.

Samples of old maps come from land that stands still, and a network that learns from them alone has never seen a span
that shows two classes: what it tells of one is chance. A span that slides over a change is such a span.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from jaxtyping import Bool, Float32, Int64, Shaped, UInt64
from numpy.typing import NDArray

from landweave.train.draw import BEGIN, SPLICE, uniform

_YEAR_DAYS = np.float32(365)


def spliced(
    arrays: dict[str, NDArray[Any]],
    keys: UInt64[np.ndarray, " n"],
    own: Float32[np.ndarray, " n"],
    chance: float,
) -> dict[str, NDArray[Any]]:
    """Some of n series as spans that slide over a change show them.

    Such a span begins on any date of the year and goes on into the next year; its first dates are the sample's, the
    others those of its partner, and both labels are true of it, each as much as it has of the valid dates. The label
    of most dates is then the likeliest: a change is shown by the first span of which it fills more than half (Sedona et
    al., IEEE GRSL 2023, IV). Labels of dates go with their dates.

    Args:
        arrays: values, valid, days and target of n samples, then of their n partners, on as many dates.
        keys: Of the samples.
        own: Share of the dates that is the sample's own, 0-1.
        chance: Share of the samples that this happens to.

    Returns:
        Values, valid, days and target; where a series has one label, `second`, that of its partner, and the `share` of
        the valid dates that are the partner's.
    """
    num = len(keys)
    steps = np.arange(arrays["valid"].shape[1])
    happens = uniform(keys, SPLICE) < chance
    begins = np.where(happens, uniform(keys, BEGIN) * len(steps), 0).astype(np.int64)
    places = (begins[:, None] + steps) % len(steps)
    # From none of the dates to all of them.
    kept = np.where(happens, own * (len(steps) + 1), len(steps)).astype(np.int64)
    is_new = steps >= kept[:, None]
    out = {name: _joined(array, places, is_new) for name, array in arrays.items() if array.ndim > 1}
    out["days"] = out["days"] + _YEAR_DAYS * (places < begins[:, None])
    if "target" not in out:
        out |= {"target": arrays["target"][:num], "second": arrays["target"][num:]}
        out["share"] = _share(out["valid"], is_new)
    return out


def _joined(
    array: Shaped[np.ndarray, "m t ..."], places: Int64[np.ndarray, "n t"], is_new: Bool[np.ndarray, "n t"]
) -> Shaped[np.ndarray, "n t ..."]:
    """Of each pair the dates at `places`, from the second one where they are new."""
    rows = np.arange(len(places))[:, None] + len(places) * is_new
    return np.asarray(array[rows, places])


def _share(valid: Bool[np.ndarray, "n t"], is_new: Bool[np.ndarray, "n t"]) -> Float32[np.ndarray, " n"]:
    return np.asarray((valid & is_new).sum(1) / np.maximum(valid.sum(1), 1), np.float32)

"""What a fitted classifier saw: variances and importances of differences, first components, and what shuffling costs.

Sedona et al. 2020 (Atmos. Meas. Tech. 13, 3661), Figures 4 and 5 and Table 3. Matrices are over pairs of microwindows,
symmetric, and their upper triangle sums to 1.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.numpy
from jaxtyping import Float, Float32, UInt8

from landweave.atomic import write_bytes
from landweave.errors import CardError
from landweave.limb.measure import is_right
from landweave.limb.methods import Classifier, Machine, Trees
from landweave.limb.prepare import Learnable
from landweave.spectra import differences
from landweave.spectra.microwindows import MICROWINDOWS, NUM, pairs

_SCATTERED = 2000
_EMPTY = np.zeros(0, np.float32)


@dataclass(frozen=True, eq=False)
class Seen:
    """What a classifier saw.

    Attributes:
        variance: Of every difference, as shares of all.
        importance: Of every difference in a forest (decrease of impurity); empty for other methods.
        places: First two scores of some spectra, for methods with components; else empty.
        labels: The classes of these spectra.
        shuffled: Accuracy that is lost where one microwindow is shuffled among spectra; empty where not measured.
    """

    variance: Float32[np.ndarray, "l l"]
    importance: Float32[np.ndarray, "_ _"] = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    places: Float32[np.ndarray, "n 2"] = field(default_factory=lambda: np.zeros((0, 2), np.float32))
    labels: UInt8[np.ndarray, " n"] = field(default_factory=lambda: np.zeros(0, np.uint8))
    shuffled: Float32[np.ndarray, " _"] = field(default_factory=lambda: _EMPTY)

    def write(self, path: Path) -> None:
        """Write as safetensors, aside and renamed."""
        write_bytes(path, safetensors.numpy.save({name: np.ascontiguousarray(getattr(self, name)) for name in _NAMES}))

    @classmethod
    def read(cls, path: Path) -> Seen:
        """What `write` wrote.

        Raises:
            CardError: The file is missing, damaged or another one.
        """
        try:
            found = safetensors.numpy.load(path.read_bytes())
            return cls(**{name: found[name] for name in _NAMES})
        except (OSError, safetensors.SafetensorError, KeyError) as error:
            raise CardError(f"{path}: {error}", "what landweave limb train saw", "train again") from error


_NAMES = ("variance", "importance", "places", "labels", "shuffled")


def look(model: Classifier, every: Learnable, judged: Learnable, seed: int = 0, num_threads: int = 1) -> Seen:
    """What `model` saw of the spectra that it learnt from.

    Args:
        model: Fitted on `every`.
        every: What it learnt from.
        judged: Spectra on which shuffling is tried; none for not at all.
        seed: Of what is drawn and shuffled.
        num_threads: Of predictions.
    """
    variance = _shared(differences.variances(differences.covariance(every.temperature)[1]))
    found: dict[str, Any] = {"variance": variance}
    if isinstance(model, Trees):
        found["importance"] = _shared(model.importance)
    if isinstance(model, Machine):
        rows = np.sort(np.random.default_rng(seed).permutation(len(every))[:_SCATTERED])
        found["places"] = model.components.scores(every.temperature[rows])[:, :2]
        found["labels"] = every.label[rows]
    if len(judged):
        found["shuffled"] = np.array(list(_lost(model, judged, seed, num_threads)), np.float32)
    return Seen(**found)


def _shared(values: Float[np.ndarray, " p"]) -> Float32[np.ndarray, "l l"]:
    return differences.as_matrix(values / max(values.sum(), 1e-300)).astype(np.float32)


def _lost(model: Classifier, judged: Learnable, seed: int, num_threads: int) -> Iterator[float]:
    rng = np.random.default_rng(seed)

    def share(temperature: Float32[np.ndarray, "b l"]) -> float:
        told, _ = model.predict(temperature, num_threads)
        return float(is_right(model.classes, told, judged.label).mean())

    whole = share(judged.temperature)
    for place in range(NUM):
        mixed = judged.temperature.copy()
        mixed[:, place] = rng.permutation(mixed[:, place])
        yield whole - share(mixed)


def top(matrix: Float32[np.ndarray, "l l"], num: int = 10) -> list[Mapping[str, Any]]:
    """The pairs with the largest numbers, as Table 3 has them: importance, indices and wavenumbers."""
    first, second = pairs()
    values = matrix[first, second]
    order = np.argsort(-values, kind="stable")[:num]
    return [
        {"importance": float(values[place]), **pair_names(int(first[place]), int(second[place]))} for place in order
    ]


def pair_names(first: int, second: int) -> dict[str, str]:
    """A pair by its indices and by its wavenumbers in cm-1: "85-105" and "1225.5-1410.5"."""
    one, two = (f"{MICROWINDOWS[place].centre_per_cm:g}" for place in (first, second))
    return {"indices": f"{first}-{second}", "wavenumbers": f"{one}-{two}"}


def costliest(shuffled: Float32[np.ndarray, " l"], num: int = 10) -> list[tuple[str, float]]:
    """Microwindows by how much accuracy their shuffling costs, the most first, by index and wavenumber."""
    order = np.argsort(-shuffled, kind="stable")[:num]
    return [(f"{place}: {MICROWINDOWS[place].centre_per_cm:g} cm-1", float(shuffled[place])) for place in order]

"""k nearest neighbours (Cover and Hart 1967): the classes of the training samples that are most alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, UInt8
from numpy.typing import NDArray

from landweave.classical.samples import check_features, check_samples
from landweave.classical.scaled import check_arrays, rows_of, scale_of, squared_distances
from landweave.errors import SampleError

_ARRAYS = {"samples": ("f", 2), "targets": ("u", 2), "mean": ("f", 1), "std": ("f", 1), "nearest": ("i", 1)}


@dataclass(frozen=True, eq=False)
class Neighbours:
    """The training samples themselves.

    Attributes:
        samples: Standardised features.
        targets: 1 for each class that a sample has.
        mean: Of each feature.
        std: Of each feature.
        nearest: How many neighbours are asked.
    """

    samples: Float32[np.ndarray, "n f"]
    targets: UInt8[np.ndarray, "n k"]
    mean: Float32[np.ndarray, " f"]
    std: Float32[np.ndarray, " f"]
    nearest: int

    @property
    def num_classes(self) -> int:
        """Length of a prediction."""
        return int(self.targets.shape[1])

    @property
    def num_features(self) -> int:
        """Length of a sample."""
        return int(self.samples.shape[1])

    def predict_probabilities(self, x: Float32[np.ndarray, "n f"], num_threads: int = 1) -> Float32[np.ndarray, "n k"]:
        """Share of each class among the nearest samples by Euclidean distance of standardised features.

        Args:
            x: Samples with finite values.
            num_threads: Not used: the one matrix product is done by BLAS, which has its own.

        Raises:
            CardError: The samples have another number of features.
        """
        check_features(x.shape[1], self.num_features)
        out = np.empty((len(x), self.num_classes), np.float32)
        scaled = (np.asarray(x, np.float32) - self.mean) / self.std
        for rows, far in squared_distances(scaled, self.samples):
            near = np.argpartition(far, self.nearest - 1, axis=1)[:, : self.nearest]
            out[rows] = self.targets[near].mean(1)
        return out

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The model as named arrays, for a card."""
        kept = {"samples": self.samples, "targets": self.targets, "mean": self.mean, "std": self.std}
        return {**kept, "nearest": np.array([self.nearest], np.int32)}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Neighbours:
        """The model that `to_arrays` gave.

        Raises:
            CardError: The arrays are no such model.
        """
        found = dict(arrays)
        check_arrays("model of neighbours", found, _ARRAYS, set(found) == set(_ARRAYS) and _fit(found))
        return cls(found["samples"], found["targets"], found["mean"], found["std"], int(found["nearest"][0]))


def _fit(arrays: Mapping[str, NDArray[Any]]) -> bool:
    samples, nearest = arrays["samples"], arrays["nearest"]
    lengths = samples.ndim == 2 and arrays["mean"].shape == arrays["std"].shape == samples.shape[1:]
    return bool(
        lengths and len(arrays["targets"]) == len(samples) and nearest.size == 1 and 1 <= nearest[0] <= len(samples)
    )


def fit(
    x: Float32[np.ndarray, "n f"],
    y: UInt8[np.ndarray, " n"] | UInt8[np.ndarray, "n k"],
    num_classes: int,
    *,
    nearest: int = 5,
) -> Neighbours:
    """Keep the samples, their features standardised; nothing is random.

    Args:
        x: Samples.
        y: A class index a sample (IGNORE is left out), or a row of 0 and 1 for several labels a sample.
        num_classes: How many classes there are.
        nearest: How many neighbours are asked; 5 as in Aspri et al. (2020).

    Raises:
        SampleError: There are too few samples, or some are not finite.
    """
    samples, labels = check_samples(x, y, num_classes)
    if not 1 <= nearest <= len(samples):
        raise SampleError(
            f"{len(samples)} labelled samples for {nearest} nearest neighbours",
            "at least one neighbour, and as many samples",
            "label more, or set nearest in [arguments]",
        )
    mean, std = scale_of(samples)
    return Neighbours((samples - mean) / std, rows_of(labels, num_classes), mean, std, nearest)

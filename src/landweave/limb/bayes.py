"""Bayesian classifier of polar stratospheric clouds: the rule as printed, its probability tables fitted here. Pure.

Sedona et al. 2020 (Atmos. Meas. Tech. 13, 3661, section 3.1) print the rule of Spang et al. 2016: 13 features, each
with probabilities p(i, j) of ice, NAT and STS, P(j) = prod_i p(i, j) / sum_j prod_i p(i, j), and how P becomes one of
seven classes. The probabilities and five of the seven quantities behind the features are not printed. Here they are
histograms of labelled spectra, and the choice of quantities and pairs is ours; so it is called "Bayesian, fitted here".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy.typing import NDArray

from landweave.classical.scaled import check_arrays
from landweave.spectra.brightness import planck
from landweave.spectra.clouds import cloud_index, nat_index
from landweave.spectra.microwindows import CLASSES

TITLE = "Bayesian, fitted here"
CONSTITUENTS = ("ice", "NAT", "STS")
OUTPUT = ("unknown", "ice", "NAT", "STS_mix", "ICE_NAT", "NAT_STS", "ICE_STS")
"""What it tells (section 3.1)."""

# Which constituent each of the six classes is.
_OF = np.array([0 if name == "ice" else 1 if name.startswith("nat") else 2 for name in CLASSES])
# Beside cloud and NAT index: differences across features of ice (about 948 cm-1) and NAT (820 cm-1), and between
# regions that Table 3 names.
_BTDS = ((140, 141), (139, 140), (61, 83), (86, 139), (85, 105))
# Each index with everything (11 pairs), and two pairs of differences that tell the same by other regions.
FEATURES = (
    *((0, other) for other in range(1, 7)),
    *((1, other) for other in range(2, 7)),
    (2, 4),
    (5, 6),
)
_BINS = 16
_LEAST = 0.4
_ALONE = 0.5
_ARRAYS = {"edges": ("f", 2), "tables": ("f", 4)}


@dataclass(frozen=True, eq=False)
class Bayes:
    """A fitted classifier.

    Attributes:
        edges: Inner edges of the bins of each of the seven quantities.
        tables: p(i, j) by feature, bin of its first quantity, bin of its second, and constituent; sums to 1 over j.
    """

    edges: Float32[np.ndarray, "7 e"]
    tables: Float32[np.ndarray, "13 n n 3"]

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what `predict` tells."""
        return OUTPUT

    def probabilities(self, temperature: Float32[np.ndarray, "b 142"]) -> Float64[np.ndarray, "b 3"]:
        """P(j) of ice, NAT and STS."""
        place = _bins(quantities(temperature), self.edges)
        # In logarithms: products of 13 small numbers would lose what tells them apart.
        total = np.zeros((len(temperature), len(CONSTITUENTS)))
        for table, (one, other) in zip(np.log(self.tables), FEATURES, strict=True):
            total += table[place[:, one], place[:, other]]
        shares = np.exp(total - total.max(1, keepdims=True))
        return np.asarray(shares / shares.sum(1, keepdims=True))

    def predict(
        self, temperature: Float32[np.ndarray, "b 142"], num_threads: int = 1
    ) -> tuple[UInt8[np.ndarray, " b"], Float32[np.ndarray, " b"]]:
        """Index in `OUTPUT` of every spectrum, and its largest probability."""
        shares = self.probabilities(temperature)
        return decide(shares), shares.max(1).astype(np.float32)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The classifier as named arrays, for a card."""
        return {"edges": self.edges, "tables": self.tables}

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Bayes:
        """The classifier that `to_arrays` gave.

        Raises:
            CardError: The arrays are no such classifier.
        """
        found = dict(arrays)
        fits = set(found) == set(_ARRAYS) and _fit(found["edges"], found["tables"])
        check_arrays("Bayesian classifier", found, _ARRAYS, fits)
        return cls(**found)


def _fit(edges: NDArray[Any], tables: NDArray[Any]) -> bool:
    bins = edges.shape[-1] + 1
    fits = len(edges) == len(_BTDS) + 2 and tables.shape == (len(FEATURES), bins, bins, len(CONSTITUENTS))
    return bool(fits and np.isfinite(edges).all() and (tables > 0).all())


def decide(shares: Float64[np.ndarray, "b 3"]) -> UInt8[np.ndarray, " b"]:
    """Index in `OUTPUT`, step by step as printed.

    Above 50 % a constituent stands alone; two from 40 to 50 % are mixed; all else is unknown. The text calls unknown
    what has all three below 40 %; one from 40 to 50 % with both others below is not mentioned, and unknown here.
    """
    out = np.zeros(len(shares), np.uint8)
    between = (shares >= _LEAST) & (shares <= _ALONE)
    for name, pair in (("ICE_NAT", (0, 1)), ("NAT_STS", (1, 2)), ("ICE_STS", (0, 2))):
        out[between[:, pair].all(1)] = OUTPUT.index(name)
    alone = shares.max(1) > _ALONE
    out[alone] = 1 + shares[alone].argmax(1)
    return out


def quantities(temperature: Float32[np.ndarray, "b 142"]) -> Float32[np.ndarray, "b 7"]:
    """Cloud index, NAT index, and five differences of brightness temperatures in K."""
    # Radiance from temperature: exactly what the temperature came from, and whole where that was filled.
    radiance = planck(temperature.astype(np.float64))
    differences = [temperature[:, one] - temperature[:, other] for one, other in _BTDS]
    return np.stack([cloud_index(radiance), nat_index(radiance), *differences], axis=1).astype(np.float32)


def fit(temperature: Float32[np.ndarray, "b 142"], label: UInt8[np.ndarray, " b"], *, bins: int = _BINS) -> Bayes:
    """Histograms of the 13 features, each constituent counted alike however many spectra it has.

    Args:
        temperature: Brightness temperatures of clouds, K.
        label: Index in `spectra.microwindows.CLASSES`.
        bins: Of each quantity; as many spectra are in each.
    """
    found, constituent = quantities(temperature), _OF[label]
    edges = np.quantile(found, np.arange(1, bins) / bins, axis=0).T.astype(np.float32)
    place = _bins(found, edges)
    tables = np.empty((len(FEATURES), bins, bins, len(CONSTITUENTS)), np.float32)
    for number, (one, other) in enumerate(FEATURES):
        tables[number] = _table(place[:, one] * bins + place[:, other], constituent, bins)
    return Bayes(edges, tables)


def _table(cell: NDArray[Any], constituent: NDArray[Any], bins: int) -> Float64[np.ndarray, "n n 3"]:
    num = len(CONSTITUENTS)
    counts = np.bincount(cell * num + constituent, minlength=bins * bins * num).reshape(bins, bins, num)
    # A bin where nothing fell says nothing: the same small share for each, which also keeps products above zero.
    chances = counts / np.maximum(counts.sum((0, 1)), 1) + 1e-4
    return np.asarray(chances / chances.sum(2, keepdims=True))


def _bins(found: Float32[np.ndarray, "b 7"], edges: Float32[np.ndarray, "7 e"]) -> NDArray[np.int64]:
    return np.stack([np.searchsorted(own, column) for own, column in zip(edges, found.T, strict=True)], axis=1)

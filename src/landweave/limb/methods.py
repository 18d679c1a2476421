"""The classifiers of polar stratospheric clouds by name: components and a machine, a forest, and the Bayesian rule.

All take brightness temperatures of the 142 microwindows and stand for the 10,011 differences of two of them, which are
never built (docs/methods/limb_spectra.md).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, get_args, get_type_hints

import numpy as np
from jaxtyping import Float32, Float64, UInt8
from numpy.typing import NDArray

from landweave.classical import difference_forest, svm
from landweave.classical.difference_forest import DifferenceForest
from landweave.classical.svm import SVM
from landweave.config import nearest
from landweave.errors import CardError, ConfigError
from landweave.limb import bayes
from landweave.limb.bayes import Bayes
from landweave.limb.prepare import Learnable
from landweave.spectra import components as components_
from landweave.spectra import differences, kernels
from landweave.spectra.components import PCA
from landweave.spectra.differences import KEPT_ABOVE_K2
from landweave.spectra.kernels import KernelPCA
from landweave.spectra.microwindows import CLASSES

# Enough for radial machines on all spectra of a database to come to their end.
_STEPS = 200_000


class Classifier(Protocol):
    """A fitted classifier."""

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what it tells."""

    def predict(
        self, temperature: Float32[np.ndarray, "b 142"], num_threads: int = 1
    ) -> tuple[UInt8[np.ndarray, " b"], Float32[np.ndarray, " b"]]:
        """Index of the class of every spectrum, and its probability or share of votes."""

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The classifier as named arrays, for a card."""


@dataclass(frozen=True)
class Method:
    """How a classifier is called, fitted and read.

    Attributes:
        title: For tables.
        classes: What it tells.
        fit: From temperatures (K), labels, keywords, and `seed` and `num_threads`.
        from_arrays: Its reader.
    """

    title: str
    classes: tuple[str, ...]
    fit: Callable[..., Classifier]
    from_arrays: Callable[[Mapping[str, NDArray[Any]]], Classifier]


@dataclass(frozen=True, eq=False)
class Machine:
    """Components of all differences, and a support vector machine on their scores.

    Attributes:
        components: From temperatures to scores.
        svm: From scores to classes.
    """

    components: PCA | KernelPCA
    svm: SVM

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what `predict` tells."""
        return CLASSES

    def predict(
        self, temperature: Float32[np.ndarray, "b 142"], num_threads: int = 1
    ) -> tuple[UInt8[np.ndarray, " b"], Float32[np.ndarray, " b"]]:
        """Index in `CLASSES` of every spectrum, and its share of the machines' decisions, which is not calibrated."""
        return _likeliest(self.svm.predict_probabilities(self.components.scores(temperature), num_threads))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The classifier as named arrays, for a card."""
        parts = {"components": self.components.to_arrays(), "svm": self.svm.to_arrays()}
        return {f"{part} {name}": array for part, arrays in parts.items() for name, array in arrays.items()}


@dataclass(frozen=True, eq=False)
class Trees:
    """A forest on all differences.

    Attributes:
        forest: It predicts from temperatures.
    """

    forest: DifferenceForest

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of what `predict` tells."""
        return CLASSES

    @property
    def importance(self) -> Float64[np.ndarray, " p"]:
        """Decrease of impurity by every difference."""
        return self.forest.importance

    def predict(
        self, temperature: Float32[np.ndarray, "b 142"], num_threads: int = 1
    ) -> tuple[UInt8[np.ndarray, " b"], Float32[np.ndarray, " b"]]:
        """Index in `CLASSES` of every spectrum, and the mean share of its class in the leaves."""
        return _likeliest(self.forest.predict_probabilities(temperature, num_threads))

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The classifier as named arrays, for a card."""
        return self.forest.to_arrays()

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> Trees:
        """The classifier that `to_arrays` gave.

        Raises:
            CardError: The arrays are no forest.
        """
        return cls(DifferenceForest.from_arrays(arrays))


def machine_of(
    components: type[PCA] | type[KernelPCA],
) -> Callable[[Mapping[str, NDArray[Any]]], Machine]:
    """The reader of machines on such components."""

    def read(arrays: Mapping[str, NDArray[Any]]) -> Machine:
        return Machine(components.from_arrays(_part(arrays, "components ")), SVM.from_arrays(_part(arrays, "svm ")))

    return read


def _part(arrays: Mapping[str, NDArray[Any]], head: str) -> dict[str, NDArray[Any]]:
    return {name.removeprefix(head): array for name, array in arrays.items() if name.startswith(head)}


def _likeliest(
    shares: Float32[np.ndarray, "b k"],
) -> tuple[UInt8[np.ndarray, " b"], Float32[np.ndarray, " b"]]:
    return shares.argmax(1).astype(np.uint8), shares.max(1)


def fit_pca_svm(
    temperature: Float32[np.ndarray, "b 142"],
    label: UInt8[np.ndarray, " b"],
    *,
    components: int = 10,
    threshold_k2: float = KEPT_ABOVE_K2,
    strength: float = 1000.0,
    gamma: float | None = 1.0,
    kernel: str = "rbf",
    vectors: int | None = 500,
    max_steps: int | None = _STEPS,
    seed: int = 0,
) -> Machine:
    """PCA of the differences whose variance is at least `threshold_k2`, and a machine on the scores (PCA + SVM).

    Args:
        temperature: Brightness temperatures of clouds, K.
        label: Index in `CLASSES`.
        components: How many scores.
        threshold_k2: In K2.
        strength: C.
        gamma: Of the machine's kernel, on scores over the deviation of the first; None for one over their number.
        kernel: Of the machine: rbf, linear or polynomial.
        vectors: Machines stand on so many spectra, drawn at random, where there are more; None for all, which takes
            hours on 70,000 spectra of classes that overlap, and is no better.
        max_steps: Of the solver of machines on all; without end some choices of Table 4 take hours, and are no better.
        seed: Of the vectors.
    """
    kept = differences.kept(differences.covariance(temperature)[1], threshold_k2)
    found = components_.fit(temperature, components, kept)
    how = {"strength": strength, "gamma": gamma, "kernel": kernel, "max_steps": max_steps}
    return _on(found, temperature, label, num_vectors=vectors, seed=seed, **how)


def fit_kpca_svm(
    temperature: Float32[np.ndarray, "b 142"],
    label: UInt8[np.ndarray, " b"],
    *,
    components: int = 10,
    threshold_k2: float = KEPT_ABOVE_K2,
    kpca_kernel: str = "polynomial",
    kpca_gamma: float | None = None,
    degree: int = 3,
    landmarks: int = 1000,
    strength: float = 1000.0,
    gamma: float | None = 0.1,
    kernel: str = "rbf",
    vectors: int | None = 500,
    max_steps: int | None = _STEPS,
    seed: int = 0,
) -> Machine:
    """Kernel PCA of those differences, and a machine on the scores (KPCA + SVM).

    Args:
        temperature: Brightness temperatures of clouds, K.
        label: Index in `CLASSES`.
        components: How many scores.
        threshold_k2: In K2.
        kpca_kernel: Of the components: polynomial, rbf or linear.
        kpca_gamma: Of that kernel; None for one over the variance of all differences together.
        degree: Of a polynomial one.
        landmarks: Spectra that stand for all others where there are more (Nystroem).
        strength: C.
        gamma: Of the machine's kernel, on scores over the deviation of the first; None for one over their number.
        kernel: Of the machine: rbf, linear or polynomial.
        vectors: Machines stand on so many spectra, drawn at random, where there are more; None for all, which takes
            hours on 70,000 spectra of classes that overlap, and is no better.
        max_steps: Of the solver of machines on all; without end some choices of Table 4 take hours, and are no better.
        seed: Of the landmarks and the vectors.
    """
    kept = differences.kept(differences.covariance(temperature)[1], threshold_k2)
    found = kernels.fit(
        temperature,
        components,
        name=kpca_kernel,
        gamma=kpca_gamma,
        degree=degree,
        weights=kept,
        num_landmarks=landmarks,
        seed=seed,
    )
    how = {"strength": strength, "gamma": gamma, "kernel": kernel, "max_steps": max_steps}
    return _on(found, temperature, label, num_vectors=vectors, seed=seed, **how)


def _on(
    components: PCA | KernelPCA, temperature: Float32[np.ndarray, "b 142"], label: UInt8[np.ndarray, " b"], **how: Any
) -> Machine:
    # Scores keep their weight: parts of one length each would let noise decide as much as what varies most.
    scores = components.scores(temperature)
    return Machine(components, svm.fit(scores, label, len(CLASSES), one_scale=True, **how))


def fit_forest(
    temperature: Float32[np.ndarray, "b 142"],
    label: UInt8[np.ndarray, " b"],
    *,
    num_trees: int = 100,
    max_features: float | str = "sqrt",
    max_depth: int | None = 50,
    min_split: int = 2,
    min_leaf: int = 1,
    bootstrap: bool = False,
    seed: int = 0,
    num_threads: int = 1,
) -> Trees:
    """A random forest on all differences (RF).

    Args:
        temperature: Brightness temperatures of clouds, K.
        label: Index in `CLASSES`.
        num_trees: How many; the paper's choice is 1,000.
        max_features: Differences that are tried at each node: "sqrt" ("auto" is the same) or a share.
        max_depth: Greatest depth of a tree.
        min_split: Fewest spectra that are split.
        min_leaf: Fewest spectra in a leaf.
        bootstrap: Grow each tree on spectra drawn with replacement.
        seed: Of what is drawn.
        num_threads: How many trees grow at once.
    """
    grown = difference_forest.fit(
        temperature,
        label,
        len(CLASSES),
        num_trees=num_trees,
        max_features=max_features,
        max_depth=max_depth,
        min_split=min_split,
        min_leaf=min_leaf,
        bootstrap=bootstrap,
        seed=seed,
        num_threads=num_threads,
    )
    return Trees(grown)


METHODS: Mapping[str, Method] = {
    "pca-svm": Method("PCA + SVM", CLASSES, fit_pca_svm, machine_of(PCA)),
    "kpca-svm": Method("KPCA + SVM", CLASSES, fit_kpca_svm, machine_of(KernelPCA)),
    "forest": Method("Random forest", CLASSES, fit_forest, Trees.from_arrays),
    "bayes": Method(bayes.TITLE, bayes.OUTPUT, bayes.fit, Bayes.from_arrays),
}
"""Every method by its name in recipes."""


def fit(name: str, learnt: Learnable, arguments: Mapping[str, Any], seed: int = 0, num_threads: int = 1) -> Classifier:
    """Fit the method called `name`.

    Raises:
        ConfigError: An argument is unknown or of a value that it cannot have.
        LandweaveError: The spectra do not do.
    """
    function = METHODS[name].fit
    check_arguments(name, arguments)
    taken = inspect.signature(function).parameters
    # Some fits have no chance in them, some no threads; a recipe says both anyway.
    shared = {key: value for key, value in (("seed", seed), ("num_threads", num_threads)) if key in taken}
    return function(learnt.temperature, learnt.label, **shared, **arguments)


def check_arguments(name: str, arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that the method called `name` does not take, and values of another type or out of range.

    Raises:
        ConfigError: There are some.
    """
    check_names(name, arguments)
    hints = get_type_hints(METHODS[name].fit)
    for key, value in arguments.items():
        kinds, least = get_args(hints[key]) or (hints[key],), _LEAST.get(key, 0)
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        fits = type(value) in kinds or (is_number and float in kinds)
        inside = not is_number or value > least or (key in _LEAST and value == least)
        if not (fits and inside):
            words = " or ".join(_TYPES[kind] for kind in kinds if kind in _TYPES)
            bound = f", {least} or more" if key in _LEAST else ", above 0" if {int, float} & set(kinds) else ""
            raise ConfigError(f"argument {key} = {value!r} of {name}", words + bound, "mend [arguments]")


_TYPES: Mapping[type, str] = {bool: "true or false", int: "a whole number", float: "a number", str: "a name"}
# Other numbers are above 0.
_LEAST: Mapping[str, int] = {"threshold_k2": 0, "min_split": 2, "bins": 2}


def check_names(name: str, arguments: Iterable[str]) -> None:
    """Refuse names of arguments that the method called `name` does not take.

    Raises:
        ConfigError: There are some.
    """
    every = inspect.signature(METHODS[name].fit).parameters.items()
    own = [key for key, entry in every if entry.kind is entry.KEYWORD_ONLY and key not in {"seed", "num_threads"}]
    if foreign := [key for key in arguments if key not in own]:
        raise ConfigError(f"argument {foreign[0]} of {name}", nearest(foreign[0], own), "mend [arguments]")


def from_arrays(name: str, arrays: Mapping[str, NDArray[Any]]) -> Classifier:
    """The classifier of the method called `name` whose `to_arrays` gave `arrays`.

    Raises:
        CardError: There is no such method, or the arrays are not its.
    """
    if name not in METHODS:
        raise CardError(f"a card of {name}", nearest(name, METHODS), "use a card of this version of landweave")
    return METHODS[name].from_arrays(arrays)

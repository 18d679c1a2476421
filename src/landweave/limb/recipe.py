"""Recipes of classifiers of limb spectra: which method, what it is fitted with, what is searched, how it is judged."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field, PositiveInt, field_validator

from landweave.config import Config

CURVE = (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
"""Shares of the spectra that are learnt from, as Figure 7 has them."""


class Search(Config):
    """How the arguments of a method are chosen (Sedona et al. 2020, section 4.2)."""

    kind: Literal["none", "grid", "random"] = "none"
    """none: take the arguments as they are; grid: every combination; random: some of them."""
    options: dict[str, list[Any]] = Field(default_factory=dict)
    """Values to try by argument; empty for the paper's Tables 4 and 5."""
    num: PositiveInt = 20
    """How many combinations are tried at random."""
    most: PositiveInt = 5000
    """Spectra that are searched on, at most; the winner is fitted on all."""


class Judge(Config):
    """How a method is judged on spectra that it did not learn from."""

    folds: int = Field(default=5, ge=0)
    """Parts of the cross-validation; 0 for none."""
    most: PositiveInt = 20_000
    """Spectra that are cross-validated, at most."""
    curve: tuple[Annotated[float, Field(gt=0, lt=1)], ...] = CURVE
    """Shares of all spectra to learn from, for Figure 7; none for no curve."""
    curve_test: PositiveInt = 5000
    """Spectra apart, on which every point of the curve is judged, at most a fifth of all."""
    small_train: int = Field(default=600, ge=0)
    """Spectra to learn from for Table 6; 0 for no such table."""
    small_test: PositiveInt = 210
    """Spectra to judge on for Table 6."""
    shuffled: int = Field(default=1000, ge=0)
    """Spectra on which permutation importance is measured; 0 for none."""

    @field_validator("folds")
    @classmethod
    def _parts(cls, folds: int) -> int:
        if folds == 1:
            raise ValueError("2 or more folds, or 0 for no cross-validation: one would leave nothing to learn from")
        return folds


class LimbRecipe(Config):
    """What `landweave limb train` and `landweave limb search` do."""

    method: Literal["pca-svm", "kpca-svm", "forest", "bayes"]
    """A support vector machine on components or kernel components, a forest on differences, or the Bayesian rule."""
    arguments: dict[str, Any] = Field(default_factory=dict)
    """What the method is fitted with; docs/verbs/limb.md tells them by method."""
    search: Search = Search()
    """How arguments are chosen."""
    judge: Judge = Judge()
    """How the method is judged."""
    max_masked: int = Field(default=14, ge=0, le=140)
    """Most microwindows of a spectrum that may be negative, zero or missing."""
    seed: int = 0
    """Of folds, subsets and methods with chance in them."""

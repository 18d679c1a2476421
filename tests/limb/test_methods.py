"""Every method by its name: it learns, tells, and comes back from arrays as it was."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tests.limb.making import clouds

from landweave.classical import svm
from landweave.config import load
from landweave.errors import CardError, ConfigError
from landweave.limb.measure import is_right
from landweave.limb.methods import METHODS, Machine, check_arguments, fit, from_arrays
from landweave.limb.prepare import Learnable
from landweave.limb.recipe import Judge, LimbRecipe, Search
from landweave.limb.search import SPACES, Tried, best, choices
from landweave.spectra.differences import differences
from landweave.spectra.microwindows import CLASSES

TEMPERATURE, LABEL = clouds(180, seed=5)
EVERY = Learnable(TEMPERATURE, LABEL, TEMPERATURE.mean(0), np.zeros(180, np.bool_))
FRESH, TRUTH = clouds(120, seed=6)
ARGUMENTS: dict[str, dict[str, Any]] = {
    "pca-svm": {"components": 5, "gamma": None},
    "kpca-svm": {"components": 5, "landmarks": 60, "gamma": None},
    "forest": {"num_trees": 10},
    "bayes": {"bins": 8},
}
RECIPES = sorted((Path(__file__).parents[2] / "recipes").glob("limb-*.toml"))
FITTED = {name: fit(name, EVERY, arguments, seed=1) for name, arguments in ARGUMENTS.items()}


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_a_recipe_in_the_folder_fits_and_learns(path: Path) -> None:
    recipe = load(LimbRecipe, path)
    check_arguments(recipe.method, recipe.arguments)
    assert path.stem == f"limb-{recipe.method}"
    few = {"num_trees": 5} if recipe.method == "forest" else {"landmarks": 60} if recipe.method == "kpca-svm" else {}
    found = fit(recipe.method, EVERY, {**recipe.arguments, **few}, seed=1)
    assert is_right(found.classes, found.predict(FRESH)[0], TRUTH).mean() > 0.5


def test_there_is_a_test_and_a_search_space_for_every_method() -> None:
    assert set(ARGUMENTS) == set(METHODS) == set(SPACES)
    for name, space in SPACES.items():
        for key, values in space.items():
            for value in values:
                check_arguments(name, {key: value})


@pytest.mark.parametrize("name", ARGUMENTS)
def test_it_learns_and_comes_back_from_arrays(name: str) -> None:
    model = FITTED[name]
    index, share = model.predict(FRESH)
    assert is_right(model.classes, index, TRUTH).mean() > 0.85
    assert (share > 0).all() and (share <= 1).all()
    assert (index.dtype, share.dtype) == (np.uint8, np.float32)
    back = from_arrays(name, model.to_arrays())
    for mine, yours in zip(back.predict(FRESH, 2), (index, share), strict=True):
        np.testing.assert_array_equal(mine, yours)
    assert back.classes == METHODS[name].classes


def test_a_machine_is_that_on_the_scores_of_all_columns() -> None:
    """The columns themselves, centred and decomposed, give scores that differ in signs at most."""
    model = FITTED["pca-svm"]
    assert isinstance(model, Machine)
    columns = differences(TEMPERATURE).astype(np.float64)
    kept = columns[:, columns.var(0, ddof=1) >= 10]
    centred = kept - kept.mean(0)
    _, _, axes = np.linalg.svd(centred, full_matrices=False)
    scores = centred @ axes[:5].T
    own = model.components.scores(TEMPERATURE)
    np.testing.assert_allclose(np.abs(own), np.abs(scores), rtol=1e-3, atol=2e-2)
    plain = svm.fit((scores * np.sign((scores * own).sum(0))).astype(np.float32), LABEL, 6, strength=1000.0)
    told, _ = model.predict(TEMPERATURE)
    assert (plain.predict_probabilities(own).argmax(1) == told).mean() > 0.99


def test_arguments_and_names_that_are_none() -> None:
    with pytest.raises(ConfigError) as refused:
        check_arguments("pca-svm", {"componets": 3})
    assert refused.value.given == "argument componets of pca-svm"
    assert refused.value.expected == "components (did you mean that?)"
    assert refused.value.do == "mend [arguments]"
    with pytest.raises(CardError, match="a card of tree"):
        from_arrays("tree", {})
    with pytest.raises(CardError):
        from_arrays("forest", FITTED["bayes"].to_arrays())


@pytest.mark.parametrize(
    ("name", "key", "value", "expected"),
    [
        ("pca-svm", "strength", "high", "a number, above 0"),
        ("pca-svm", "gamma", -1, "a number, above 0"),
        ("pca-svm", "threshold_k2", -0.5, "a number, 0 or more"),
        ("pca-svm", "components", 2.5, "a whole number, above 0"),
        ("kpca-svm", "landmarks", True, "a whole number, above 0"),
        ("kpca-svm", "kernel", 3, "a name"),
        ("forest", "num_trees", 0, "a whole number, above 0"),
        ("forest", "min_split", 1, "a whole number, 2 or more"),
        ("forest", "max_features", 0.0, "a number or a name, above 0"),
        ("forest", "bootstrap", "no", "true or false"),
        ("bayes", "bins", 1, "a whole number, 2 or more"),
    ],
)
def test_values_that_arguments_cannot_have(name: str, key: str, value: Any, expected: str) -> None:
    with pytest.raises(ConfigError) as refused:
        check_arguments(name, {key: value})
    assert refused.value.given == f"argument {key} = {value!r} of {name}"
    assert refused.value.expected == expected
    with pytest.raises(ConfigError):
        choices(name, Search(kind="grid", options={key: [value]}), 0)


def test_values_at_the_edge_are_taken() -> None:
    check_arguments("pca-svm", {"threshold_k2": 0, "gamma": None, "strength": 1})
    check_arguments("forest", {"max_features": 1, "max_depth": None, "min_split": 2, "min_leaf": 1})


@pytest.mark.parametrize(("key", "value"), [("folds", 1), ("folds", -1), ("curve", (1.0,)), ("curve", (0.0,))])
def test_a_judge_that_leaves_nothing_to_learn_from_or_to_judge_on(key: str, value: Any) -> None:
    with pytest.raises(ValueError, match=key):
        Judge(**{key: value})


def test_the_papers_search_spaces() -> None:
    """Tables 4 and 5: 3 kernels x 4 C x 6 gamma, of which a linear one has no gamma; of 71,676 forests 20 at random."""
    assert len(choices("pca-svm", Search(kind="grid"), 0)) == 4 + 2 * 24
    some = choices("forest", Search(kind="random", num=20), seed=3)
    assert len({repr(one) for one in some}) == 20
    assert all(one[key] in SPACES["forest"][key] for one in some for key in one)
    assert some == choices("forest", Search(kind="random", num=20), seed=3)
    assert some != choices("forest", Search(kind="random", num=20), seed=4)
    own = Search(kind="grid", options={"components": [3, 5], "gamma": [0.1]})
    assert choices("pca-svm", own, 0) == [{"components": 3, "gamma": 0.1}, {"components": 5, "gamma": 0.1}]
    with pytest.raises(ConfigError, match=r"search.options.gamma = \[\]"):
        choices("pca-svm", Search(kind="grid", options={"gamma": []}), 0)


def test_the_best_is_the_first_of_equals() -> None:
    tried = [Tried({"n": number}, share, ()) for number, share in enumerate((0.5, 0.9, 0.9))]
    assert best(tried).arguments == {"n": 1}


def test_recipes_say_what_they_judge() -> None:
    recipe = LimbRecipe(method="pca-svm")
    assert recipe.judge.curve == (0.5, 0.2, 0.1, 0.05, 0.02, 0.01, 0.005, 0.002, 0.001)
    assert (recipe.judge.folds, recipe.search.most) == (5, 5000)
    assert len(CLASSES) == 6

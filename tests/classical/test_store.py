"""Classical models by name: fitted, stored, read, predicted, and refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.classical.making import draw

from landweave.classical import store
from landweave.errors import CardError, ConfigError
from landweave.legend import LandClass, Legend
from landweave.models.card import Card, load_parts, save_card
from landweave.models.sight import Sight

X, Y = draw(300, num_classes=3, num_features=2)
ARGUMENTS = {"forest": {"num_trees": 5}, "linear": {}, "neighbours": {"nearest": 9}, "svm": {"strength": 2.0}}
LEGEND = Legend("three", "here", tuple(LandClass(i + 1, str(i), f"#00000{i}") for i in range(3)))


@pytest.mark.parametrize("name", store.known())
def test_a_model_goes_through_a_card_unchanged(name: str, tmp_path: Path) -> None:
    model = store.fit(name, X, Y, 3, seed=1, num_threads=2, **ARGUMENTS[name])
    bands, zeros, ones = ("B02", "B03"), (0.0, 0.0), (1.0, 1.0)
    card = Card(name, {}, "sentinel-2-l2a", bands, 10.0, "reflectance", zeros, ones, LEGEND, "pixels", Sight(1, 0))
    save_card(tmp_path / "card", card, model.to_arrays())
    found, arrays = load_parts(tmp_path / "card")
    assert found.is_classical
    again = store.from_arrays(found.network, arrays)
    np.testing.assert_array_equal(again.predict_probabilities(X), model.predict_probabilities(X))


@pytest.mark.parametrize("name", store.known())
def test_models_are_better_than_chance(name: str) -> None:
    fresh, labels = draw(300, num_classes=3, num_features=2, seed=5)
    model = store.fit(name, X, Y, 3, **ARGUMENTS[name])
    assert (model.predict_probabilities(fresh).argmax(1) == labels).mean() > 0.6


def test_the_seed_decides_the_forest() -> None:
    one, same, other = (store.fit("forest", X, Y, 3, seed=seed, num_trees=3) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.predict_probabilities(X), same.predict_probabilities(X))
    assert (one.predict_probabilities(X) != other.predict_probabilities(X)).any()


@pytest.mark.parametrize("window_px", [1, 3])
def test_a_map_is_the_prediction_of_every_valid_pixel(window_px: int) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(0, 2, (2, 9, 7)).astype(np.float32)
    valid = rng.random((9, 7)) > 0.3
    x, y = draw(300, num_classes=3, num_features=2 * (1 if window_px == 1 else 3))
    model = store.fit("forest", x, y, 3, num_trees=5)
    found = store.predict_map(model, values, valid, window_px, num_threads=2)
    assert found.shape == (3, 9, 7)
    assert (found[:, ~valid] == 0).all()
    row, col = np.argwhere(valid)[10]
    one = store.features(values, valid, window_px)[:, row, col]
    np.testing.assert_array_equal(found[:, row, col], model.predict_probabilities(one[None])[0])


def test_a_map_without_valid_pixels() -> None:
    model = store.fit("linear", X, Y, 3)
    assert not store.predict_map(model, np.zeros((2, 4, 4), np.float32), np.zeros((4, 4), bool)).any()


def test_other_bands_are_refused() -> None:
    model = store.fit("linear", X, Y, 3)
    with pytest.raises(CardError, match="3 features"):
        store.predict_map(model, np.zeros((3, 4, 4), np.float32), np.ones((4, 4), bool))


def test_unknown_names_and_arguments_get_the_nearest_known() -> None:
    with pytest.raises(ConfigError, match="forest"):
        store.fit("florest", X, Y, 3)
    with pytest.raises(ConfigError, match="num_trees"):
        store.fit("forest", X, Y, 3, num_tree=4)
    with pytest.raises(ConfigError, match="strength"):
        store.fit("linear", X, Y, 3, strenght=4)
    with pytest.raises(ConfigError, match="nearest"):
        store.fit("neighbours", X, Y, 3, k=4)
    with pytest.raises(ConfigError, match="gamma"):
        store.fit("svm", X, Y, 3, gama=4)
    with pytest.raises(CardError, match="linear"):
        store.from_arrays("liner", {})

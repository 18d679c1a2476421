"""Configuration is read strictly, and a refusal says which key was meant."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import Field, ValidationError

from landweave.config import Config, check, load, nearest
from landweave.errors import ConfigError


class Optimiser(Config):
    name: str = "adam"
    rate: float = Field(default=0.001, gt=0)


class Recipe(Config):
    epochs: int = Field(ge=1)
    network: str = "unet"
    optimiser: Optimiser = Optimiser()


def write(folder: Path, text: str) -> Path:
    path = folder / "recipe.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_good_file_becomes_a_frozen_value(tmp_path: Path) -> None:
    recipe = load(Recipe, write(tmp_path, "epochs = 3\n[optimiser]\nrate = 0.1\n"))
    assert recipe == Recipe(epochs=3, optimiser=Optimiser(rate=0.1))
    with pytest.raises(ValidationError):
        recipe.epochs = 4


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("epochs=7", Recipe(epochs=7)),
        ("optimiser.rate=0.5", Recipe(epochs=1, optimiser=Optimiser(rate=0.5))),
        ("network=resnet50", Recipe(epochs=1, network="resnet50")),
        ('network="resnet50"', Recipe(epochs=1, network="resnet50")),
    ],
)
def test_overrides(tmp_path: Path, override: str, expected: Recipe) -> None:
    assert load(Recipe, write(tmp_path, "epochs = 1"), [override]) == expected


@pytest.mark.parametrize(
    ("text", "given", "expected"),
    [
        ("epoch = 3\nepochs = 1", "unknown key epoch", "epochs (did you mean that?)"),
        ("epochs = 1\n[optimiser]\nrat = 1", "unknown key optimiser.rat", "rate (did you mean that?)"),
        ("epochs = 1\nzzzzzz = 1", "unknown key zzzzzz", "one of epochs, network, optimiser"),
        ("", "epochs is missing", "Field required"),
        ("epochs = 0", "epochs = 0", "greater than or equal to 1"),
        ("epochs = 'many'", "epochs = 'many'", "valid integer"),
        ("epochs = ", "recipe.toml", "valid TOML"),
    ],
)
def test_refusals_say_given_expected_and_to_do(tmp_path: Path, text: str, given: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(Recipe, write(tmp_path, text))
    assert given in caught.value.given
    assert expected in caught.value.expected
    assert "mend" in caught.value.do


@pytest.mark.parametrize("override", ["epochs", "=3", "epochs.deep=3"])
def test_overrides_that_do_not_fit(tmp_path: Path, override: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(Recipe, write(tmp_path, "epochs = 1"), [override])
    assert override in caught.value.given
    assert caught.value.do


def test_a_missing_file_and_one_that_is_not_utf8(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="a readable TOML file"):
        load(Recipe, tmp_path / "none.toml")
    (tmp_path / "latin.toml").write_bytes(b"name = 'caf\xe9'")
    with pytest.raises(ConfigError, match="UTF-8"):
        load(Recipe, tmp_path / "latin.toml")


def test_all_faults_are_named_at_once() -> None:
    with pytest.raises(ConfigError) as caught:
        check(Recipe, {"epochs": 0, "netwrok": "unet"}, "here")
    assert "epochs = 0" in caught.value.given
    assert "unknown key netwrok" in caught.value.given


def test_the_nearest_name_or_all_of_them() -> None:
    assert nearest("B4", ["B04", "B12"]) == "B04 (did you mean that?)"
    assert nearest("zzz", ["B04", "B12"]) == "one of B04, B12"

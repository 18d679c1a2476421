"""Networks by name; what is unknown is refused with the nearest that is known."""

from __future__ import annotations

import pytest
import torch

from landweave.errors import ConfigError
from landweave.models.table import build, known


@pytest.mark.parametrize("name", known())
def test_every_network_takes_bands_and_gives_classes(name: str) -> None:
    with torch.inference_mode():
        assert build(name, 5, 7).eval()(torch.randn(1, 5, 32, 32)).shape[:2] == (1, 7)


def test_arguments_reach_the_network() -> None:
    assert build("unet", 2, 3, width=4, depth=2).stride == 4


@pytest.mark.parametrize(
    ("name", "arguments", "word"),
    [
        ("unett", {}, "unet"),
        ("unet", {"widht": 8}, "width"),
        ("resnet18", {"depth": 8}, "width"),
        ("unet", {"width": "wide"}, "numbers"),
        ("unet", {"width": -4}, "numbers"),
        ("unet", {"width": 0}, "numbers"),
        ("unet", {"depth": 0}, "numbers"),
    ],
)
def test_what_makes_no_network_is_refused(name: str, arguments: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(name, 3, 2, **arguments)
    assert word in caught.value.expected
    assert caught.value.given
    assert caught.value.do

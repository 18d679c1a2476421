"""Networks by name; what is unknown is refused with the nearest that is known."""

from __future__ import annotations

import pytest
import torch

from landweave.errors import ConfigError
from landweave.models.table import PAIRS, SERIES, build, known


@pytest.mark.parametrize("name", [name for name in known() if name not in (*SERIES, *PAIRS)])
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
        ("tempcnn", {}, "numbers"),
        ("tempcnn", {"num_dates": 9, "kernel": 4}, "numbers"),
        ("tempcnn", {"num_dates": 9, "per": "date"}, "numbers"),
        ("ltae", {"width": 100, "heads": 16}, "numbers"),
        ("lstm", {"depth": 0}, "numbers"),
        ("transformer", {"depth": 0}, "numbers"),
        ("transformer", {"width": 9, "heads": 2}, "numbers"),
        ("transformer", {"encoding": "place"}, "numbers"),
        ("transformer", {"head": 2}, "heads"),
    ],
)
def test_what_makes_no_network_is_refused(name: str, arguments: dict[str, object], word: str) -> None:
    with pytest.raises(ConfigError) as caught:
        build(name, 3, 2, **arguments)
    assert word in caught.value.expected
    assert caught.value.given
    assert caught.value.do

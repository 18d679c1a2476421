"""Every network by its name."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from torch import nn

from landweave.config import nearest
from landweave.errors import ConfigError
from landweave.models.pair.branches import TwoBranch
from landweave.models.patch.resnet import resnet18, resnet50
from landweave.models.pixel.deeplab import DeepLab
from landweave.models.pixel.fcn import FCN
from landweave.models.pixel.pixel import Pixel
from landweave.models.pixel.segnet import SegNet
from landweave.models.pixel.unet import UNet
from landweave.models.series.lstm import LSTM
from landweave.models.series.ltae import LTAE
from landweave.models.series.tempcnn import TempCNN
from landweave.models.series.transformer import Transformer

_NETWORKS: dict[str, Callable[..., nn.Module]] = {
    "unet": UNet,
    "fcn": FCN,
    "segnet": SegNet,
    "deeplab": DeepLab,
    "resnet18": resnet18,
    "resnet50": resnet50,
    "pixel": Pixel,
    "lstm": LSTM,
    "transformer": Transformer,
    "tempcnn": TempCNN,
    "ltae": LTAE,
    "two_branch": TwoBranch,
}
SERIES = ("lstm", "transformer", "tempcnn", "ltae")
"""Names of networks of series, which take (values, valid, days); all others take patches."""
PAIRS = ("two_branch",)
"""Names of networks of patches that two sensors see, which take (first view, second view)."""


def known() -> tuple[str, ...]:
    """Names of all networks."""
    return tuple(_NETWORKS)


def build(name: str, num_bands: int, num_classes: int, **arguments: Any) -> nn.Module:
    """The network called `name` with fresh weights, from torch's global generator.

    Args:
        name: One of `known()`.
        num_bands: Channels of its input.
        num_classes: Channels of its output.
        arguments: What else the network takes ("width", "depth").

    Raises:
        ConfigError: The name or an argument is unknown, or the arguments make no network.
    """
    if name not in _NETWORKS:
        raise ConfigError(f"network {name}", nearest(name, _NETWORKS), "name a known network")
    # The first two parameters are bands and classes, which the data decide.
    taken = list(inspect.signature(_NETWORKS[name]).parameters)[2:]
    if foreign := [key for key in arguments if key not in taken]:
        raise ConfigError(
            f"argument {foreign[0]} of network {name}",
            nearest(foreign[0], taken) if taken else "no arguments",
            "mend [arguments] of the recipe",
        )
    try:
        network = _NETWORKS[name](num_bands, num_classes, **arguments)
        # torch builds layers without channels, and fails when it computes with them.
        if empty := [key for key, weights in network.named_parameters() if not weights.numel()]:
            raise ValueError(f"{empty[0]} has no weights")
    except ConfigError:
        # What the network itself refuses, it refuses better.
        raise
    except (TypeError, ValueError, RuntimeError, IndexError) as error:
        raise ConfigError(
            f"network {name} with {num_bands} bands, {num_classes} classes and {arguments}: {error}",
            "numbers that make a network",
            "mend [arguments] of the recipe",
        ) from error
    return network

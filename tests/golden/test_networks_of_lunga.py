"""Weights of four networks beside Table II of Lunga et al. 2019, with every difference explained to the last weight.

Source: Lunga, Gerrand, Yang, Layton, Stewart: Apache Spark accelerated deep learning inference for large scale
satellite image analytics (IEEE JSTARS, 2020; arXiv 1908.04383), Table II. It gives counts only. That what differs is
biases, frozen norms and a second class is our arithmetic: the sums are exact, but the paper does not say so.
"""

from __future__ import annotations

import torch
from torch import nn

from landweave.models.table import build


def num(network: nn.Module) -> int:
    return sum(parameter.numel() for parameter in network.parameters())


def norms(network: nn.Module) -> int:
    return sum(num(module) for module in network.modules() if isinstance(module, nn.BatchNorm2d))


def empty(name: str) -> nn.Module:
    with torch.device("meta"):
        return build(name, 3, 1)


def test_unet_and_segnet_are_the_papers() -> None:
    assert num(empty("unet")) == 13_395_329
    assert num(empty("segnet")) == 29_443_073


def test_fcn_differs_by_biases_before_norms_and_by_two_channels_of_scores() -> None:
    network = empty("fcn")
    trunk = [module for name, module in network.named_modules() if not name.startswith("heads")]
    biases = sum(module.out_channels for module in trunk if isinstance(module, nn.Conv2d))
    heads = num(network.heads)  # type: ignore[arg-type]
    # Keras' ResNet-50 has a bias at every convolution; two channels at each scale, then a 1x1 convolution to one.
    assert num(network) == 23_511_619
    assert num(network) + biases + heads + 3 == 23_541_769


def test_deeplab_differs_by_frozen_norms_and_a_second_class() -> None:
    network = empty("deeplab")
    heads = num(network.heads)  # type: ignore[arg-type]
    # Public DeepLab programs keep the norms' scales and shifts as they were and do not count them as learnt.
    assert num(network) == 42_573_892
    assert num(network) - norms(network) + heads == 42_542_280

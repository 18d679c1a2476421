"""Features of whole patches from a network that was made for something else: its coarsest scale, averaged."""

from __future__ import annotations

from typing import Protocol, cast, runtime_checkable

import torch
from jaxtyping import Float
from torch import Tensor, nn

from landweave.errors import CardError


@runtime_checkable
class Encoder(Protocol):
    """A network whose coarsest scale can be had by itself: what a network of models/ offers to be an encoder."""

    def encode(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d h2 w2"]:
        """Features at the coarsest scale."""


def check_encoder(network: nn.Module, name: str) -> None:
    """Refuse a network that cannot give features.

    Raises:
        CardError: It has no `encode`.
    """
    if not isinstance(network, Encoder):
        raise CardError(
            f"a network {name} as an encoder",
            "one that comes down to a coarse scale: unet, resnet18, resnet50 and the like",
            "give the card of such a network, or learn an encoder without labels (task = contrast)",
        )


def features(network: nn.Module, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b d"]:
    """One row of features a patch: the mean of `network.encode` over the ground.

    Args:
        network: Offers `encode`.
        values: Normalised bands.
    """
    return torch.mean(cast(Encoder, network).encode(values).float(), dim=(2, 3))

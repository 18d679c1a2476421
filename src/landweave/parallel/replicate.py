"""One network held by every rank: wrapping takes a module and returns a module."""

from __future__ import annotations

from torch import nn
from torch.nn.parallel import DistributedDataParallel

from landweave.parallel.world import World


def replicate(network: nn.Module, world: World) -> nn.Module:
    """`network` on the world's device, with gradients averaged over the ranks during the backward pass.

    Rank 0's weights go to all ranks. In a world of one rank the network itself is given back. A loss that shall not
    depend on the number of ranks is divided by what all ranks hold together and multiplied by the number of ranks,
    because gradients are averaged, not added.
    """
    network = network.to(world.device)
    if world.size == 1 or not any(weight.requires_grad for weight in network.parameters()):
        return network
    device_ids = [world.device.index] if world.device.type == "cuda" else None
    # Gradients that live in the buckets which are sent need not be copied there and back.
    return DistributedDataParallel(network, device_ids=device_ids, gradient_as_bucket_view=True)


def bare(network: nn.Module) -> nn.Module:
    """The network that `replicate` was given."""
    return network.module if isinstance(network, DistributedDataParallel) else network

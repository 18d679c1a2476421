"""One network held by every rank: wrapping takes a module and returns a module."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext
from typing import Literal

import torch
from torch import nn
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import bf16_compress_hook
from torch.distributed.algorithms.ddp_comm_hooks.powerSGD_hook import PowerSGDState, powerSGD_hook
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

from landweave.errors import ConfigError
from landweave.parallel.world import World

Compression = Literal["none", "bf16", "powersgd"]
# Vogels et al. 2019 need rank 2 for a ResNet to end where it ends without compression.
_POWER_RANK = 2
# First gradients change most: compressed from the beginning, they would leave an error that is long carried on.
_PLAIN_STEPS = 100


def replicate(network: nn.Module, world: World, compression: Compression = "none") -> nn.Module:
    """`network` on the world's device, with gradients averaged over the ranks during the backward pass.

    Rank 0's weights go to all ranks. In a world of one rank the network itself is given back. A loss that shall not
    depend on the number of ranks is divided by what all ranks hold together and multiplied by the number of ranks,
    because gradients are averaged, not added.

    Args:
        network: What every rank holds.
        world: The ranks.
        compression: How gradients are sent: none; bf16, half as many bytes; powersgd, matrices of rank 2 with the error
            carried on to the next step (Vogels et al. 2019, Algorithm 2), after 100 steps without compression. What
            powersgd carries on is not in checkpoints: a run that goes on begins with 100 plain steps again. On CPUs it
            does not go on behind the backward pass.

    Raises:
        ConfigError: The ranks talk in a way that cannot add up such numbers.
    """
    network = network.to(world.device)
    if world.size == 1 or not any(weight.requires_grad for weight in network.parameters()):
        return network
    device_ids = [world.device.index] if world.device.type == "cuda" else None
    # Gradients that live in the buckets which are sent need not be copied there and back.
    replica = DistributedDataParallel(network, device_ids=device_ids, gradient_as_bucket_view=True)
    compress(replica, world, compression)
    return replica


def compress(
    replica: DistributedDataParallel, world: World, compression: Compression, plain_steps: int = _PLAIN_STEPS
) -> None:
    """Let `replica` send its gradients by `compression`, from step `plain_steps` on where that is powersgd.

    Raises:
        ConfigError: The ranks talk in a way that cannot add up such numbers.
    """
    if compression == "bf16":
        if world.device.type != "cuda" or torch.cuda.nccl.version() < (2, 10):  # type: ignore[no-untyped-call]
            raise ConfigError(
                f"compression bf16 on {world.device.type}, where ranks talk by gloo, which does not add up bf16",
                "CUDA devices and NCCL 2.10 or newer",
                'set compression = "none" or "powersgd", or train on GPUs',
            )
        replica.register_comm_hook(None, bf16_compress_hook)
    elif compression == "powersgd":
        state = PowerSGDState(None, _POWER_RANK, start_powerSGD_iter=plain_steps)
        in_turn = lambda state, bucket: _ended(powerSGD_hook(state, bucket))  # noqa: E731 - DDP reads no quoted types
        replica.register_comm_hook(state, powerSGD_hook if world.device.type == "cuda" else in_turn)


def _ended(sent: Future[torch.Tensor]) -> Future[torch.Tensor]:
    """`sent` when it has come, so that one bucket is done before the next begins.

    PowerSGD's hook waits for its second sum in a thread that gloo needs to carry it out: two buckets at once take both
    of gloo's threads, and all ranks wait for ever.
    """
    sent.wait()
    return sent


def bare(network: nn.Module) -> nn.Module:
    """The network that `replicate` was given."""
    return network.module if isinstance(network, DistributedDataParallel) else network


def passing(network: nn.Module, sends: bool) -> AbstractContextManager[None]:
    """A block for one forward and backward pass; unless it `sends`, its gradients wait here for those of the next.

    So gradients of several micro-batches are added up on every rank, and sent once.
    """
    if sends or not isinstance(network, DistributedDataParallel):
        return nullcontext()
    waiting: AbstractContextManager[None] = network.no_sync()
    return waiting

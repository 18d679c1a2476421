"""The ranks that train one model together: made once by the command and passed down. One process is the case n = 1."""

from __future__ import annotations

import datetime
import gc
import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import torch
import torch.distributed as dist
from torch import Tensor

from landweave.errors import ConfigError, TaskError

# A dead rank is noticed at once by its closed connection; this is for one that hangs, or writes a card for long.
_TIMEOUT_S = 600
# What gloo and NCCL say of a rank that is gone.
_LOST = ("Connection closed by peer", "Connection reset by peer", "Timed out waiting", "ncclRemoteError", "aborted")


@dataclass(frozen=True)
class World:
    """This rank's place among all.

    Attributes:
        rank: This process, from 0.
        size: How many processes train together.
        device: Where this rank computes.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))

    @property
    def is_first(self) -> bool:
        """Whether this rank writes files and draws progress."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """The sum of `value` over all ranks, on every rank; `value` itself is left as it is."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total)
        return total

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true on any rank."""
        return flag if self.size == 1 else bool(self.sum(torch.tensor(float(flag), device=self.device)))

    def spread(self, tensors: list[Tensor]) -> None:
        """Overwrite `tensors` on every rank with those of rank 0."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, 0)

    def wait(self) -> None:
        """Return when every rank has come here."""
        self.sum(torch.zeros(1, device=self.device))

    def agree(self, what: str, value: str) -> None:
        """Return when all ranks hold the same `value`.

        Raises:
            ConfigError: They do not; raised on every rank, naming the ranks that differ from rank 0.
        """
        if self.size == 1:
            return
        # Digests, because a collective needs equal sizes, and nothing of another rank is unpickled.
        digest = hashlib.sha256(value.encode("utf-8", "surrogateescape")).digest()
        mine = torch.tensor(list(digest), dtype=torch.uint8, device=self.device)
        every = [torch.zeros_like(mine) for _ in range(self.size)]
        dist.all_gather(every, mine)
        if odd := [rank for rank, other in enumerate(every) if not torch.equal(other, every[0])]:
            raise ConfigError(
                f"another {what} on rank {', '.join(map(str, odd))} than on rank 0",
                f"the same {what} on all {self.size} ranks",
                "give every rank the same files, options and version of landweave",
            )


@contextmanager
def make_world(device: str = "auto") -> Iterator[World]:
    """The world that torchrun describes in the environment, or one process alone.

    Args:
        device: "auto" takes the CUDA device of this rank's number on its machine where there is one, else the CPU.

    Raises:
        ConfigError: The device is not at hand.
        TaskError: Another rank ended while this one waited for it.
    """
    size = int(os.environ.get("WORLD_SIZE", "1"))
    chosen = _device(device, int(os.environ.get("LOCAL_RANK", "0")))
    if size == 1:
        yield World(device=chosen)
        return
    backend = "nccl" if chosen.type == "cuda" else "gloo"
    dist.init_process_group(backend, timeout=datetime.timedelta(seconds=_TIMEOUT_S))
    try:
        yield World(dist.get_rank(), dist.get_world_size(), chosen)
    except RuntimeError as error:
        if not any(sign in str(error) for sign in _LOST):
            raise
        raise TaskError(
            f"rank {dist.get_rank()} of {size}, which waited for a rank that has ended",
            "all ranks to go on together",
            "read what the other ranks said, mend it, and run the same command again: checkpoints are kept",
        ) from error
    finally:
        # A replica that is still alive when its process group goes aborts the process at exit in one run of three.
        gc.collect()
        dist.destroy_process_group()


def _device(wanted: str, local_rank: int) -> torch.device:
    if wanted == "auto":
        wanted = "cuda" if torch.cuda.is_available() else "cpu"
    if wanted == "cpu":
        return torch.device("cpu")
    if wanted != "cuda" or local_rank >= torch.cuda.device_count():
        raise ConfigError(
            f"device {wanted} for local rank {local_rank}; {torch.cuda.device_count()} CUDA devices are at hand",
            "auto, cpu, or cuda with one device for each rank of this machine",
            'start fewer ranks on this machine, or say device = "cpu"',
        )
    chosen = torch.device("cuda", local_rank)
    # Else every rank would open a context on device 0 as well.
    torch.cuda.set_device(chosen)
    return chosen

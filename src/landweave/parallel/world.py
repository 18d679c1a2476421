"""The ranks that train one model together: made once by the command and passed down. One process is the case n = 1."""

from __future__ import annotations

import datetime
import gc
import hashlib
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from types import TracebackType

import torch
import torch.distributed as dist
from torch import Tensor
from torch.distributed.rendezvous import rendezvous

from landweave.errors import ConfigError, LandweaveError, TaskError
from landweave.parallel.launch import TIMEOUT_S
from landweave.parallel.lifeline import TOKEN_BYTES, Lifeline

# Machines of a cluster start one after the other.
_JOIN_S = 600
# What gloo and NCCL say of a rank that is gone.
_LOST = (
    "Connection closed by peer",
    "Connection reset by peer",
    "Broken pipe",
    "Timed out waiting",
    "ncclRemoteError",
    "aborted",
)
# The name of a lost rank comes at once where its process died, after some seconds where its machine did.
_NAMING_S = 8.0
# Letters of a rank's last words that the others are told.
_MOST = 2000


@dataclass(frozen=True)
class World:
    """This rank's place among all.

    Attributes:
        rank: This process, from 0.
        size: How many processes train together.
        device: Where this rank computes.
        group: The processes themselves, where they are a part of all that run.
        timeout_s: How long they wait for one that lives but does not come.
    """

    rank: int = 0
    size: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    group: dist.ProcessGroup | None = None
    timeout_s: float = TIMEOUT_S

    @property
    def is_first(self) -> bool:
        """Whether this rank writes files and draws progress."""
        return self.rank == 0

    def sum(self, value: Tensor) -> Tensor:
        """The sum of `value` over all ranks, on every rank; `value` itself is left as it is."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        dist.all_reduce(total, group=self.group)
        return total

    def any(self, flag: bool) -> bool:
        """Whether `flag` is true on any rank."""
        return flag if self.size == 1 else bool(self.sum(torch.tensor(float(flag), device=self.device)))

    def spread(self, tensors: list[Tensor]) -> None:
        """Overwrite `tensors` on every rank with those of rank 0."""
        if self.size > 1:
            for tensor in tensors:
                dist.broadcast(tensor, group=self.group, group_src=0)

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
        dist.all_gather(every, mine, group=self.group)
        if odd := [rank for rank, other in enumerate(every) if not torch.equal(other, every[0])]:
            raise ConfigError(
                f"another {what} on rank {', '.join(map(str, odd))} than on rank 0",
                f"the same {what} on all {self.size} ranks",
                "give every rank the same files, options and version of landweave; set in the recipe what is left to "
                "the machine, such as precision",
            )

    def split(self, parts: Sequence[Sequence[int]]) -> World:
        """This rank's place in the one of `parts` that has it, ranks in rising order; every rank calls it alike."""
        own = World(device=self.device, timeout_s=self.timeout_s)
        for ranks in parts:
            # Every process takes part in the making of every group, those that it is not in as well.
            alone, waits = len(ranks) == 1, datetime.timedelta(seconds=self.timeout_s)
            group = None if alone or len(ranks) == self.size else dist.new_group(list(ranks), timeout=waits)
            if self.rank in ranks and not alone:
                own = replace(own, rank=ranks.index(self.rank), size=len(ranks), group=group)
        return own


@contextmanager
def make_world(device: str = "auto", timeout_s: float = TIMEOUT_S) -> Iterator[World]:
    """The world that torchrun or srun describes in the environment, or one process alone.

    A rank that ends before the others, however it ends, ends them within ten seconds, and they say which it was.

    Args:
        device: "auto" takes the CUDA device of this rank's number on its machine where there is one, else the CPU.
        timeout_s: How long ranks wait for one that lives but does not come; then all end, and name it.

    Raises:
        ConfigError: The device is not at hand, or the environment describes no world.
        TaskError: Another rank ended while this one waited for it.
    """
    place = find_place(os.environ)
    chosen = _device(device, place.local_rank)
    if place.size == 1:
        yield World(device=chosen)
        return
    backend = "nccl" if chosen.type == "cuda" else "gloo"
    store, _, _ = next(rendezvous("env://", place.rank, place.size, timeout=datetime.timedelta(seconds=_JOIN_S)))
    waits = datetime.timedelta(seconds=timeout_s)
    dist.init_process_group(backend, store=store, timeout=waits, rank=place.rank, world_size=place.size)
    world = World(place.rank, place.size, chosen, timeout_s=timeout_s)
    try:
        with _Together(world):
            yield world
    finally:
        # A replica that is still alive when its process group goes aborts the process at exit in one run of three.
        gc.collect()
        dist.destroy_process_group()


class _Together:
    """Tells the other ranks why this one fails, and says of a failure that another rank caused which one it was."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.line: Lifeline | None = None

    def __enter__(self) -> None:
        self.line = _lifeline(self.world)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        line = self.line
        assert line is not None
        lost = line.who_hangs(_NAMING_S) if _is_lost(error) else line.who(0)
        # Who leaves with an exit code has agreed on it with the others.
        asked = error is None or isinstance(error, SystemExit | GeneratorExit)
        line.leave(None if asked else f"{type(error).__name__}: {error}"[:_MOST])
        if isinstance(error, LandweaveError) or not (_is_lost(error) or (lost and isinstance(error, RuntimeError))):
            return
        raise TaskError(
            f"rank {self.world.rank} of {self.world.size}, which waited for another one in vain"
            + (f"; {lost}" if lost else ""),
            "all ranks to go on together",
            "read what the other ranks said, mend it, and run the same command again: checkpoints are kept",
        ) from error


def _lifeline(world: World) -> Lifeline:
    """This rank's end of the line between all; the first rank says where it listens."""
    host = os.environ["MASTER_ADDR"]
    line = Lifeline.listen(host) if world.is_first else None
    port, token = line.address if line else (0, bytes(TOKEN_BYTES))
    told = torch.tensor([port, *token], device=world.device)
    world.spread([told])
    port, *letters = told.tolist()
    return line or Lifeline.connect(world.rank, host, port, bytes(letters))


def _is_lost(error: BaseException | None) -> bool:
    """Whether a collective failed because a rank has gone."""
    return isinstance(error, RuntimeError) and any(sign in str(error) for sign in _LOST)


@dataclass(frozen=True)
class Place:
    """What the environment tells of this process: rank, world size, and rank among those of its machine."""

    rank: int = 0
    size: int = 1
    local_rank: int = 0


# What torchrun sets, and what srun sets for every process of a step.
_TORCHRUN = ("RANK", "WORLD_SIZE", "LOCAL_RANK")
_SRUN = ("SLURM_PROCID", "SLURM_STEP_NUM_TASKS", "SLURM_LOCALID")


def find_place(environment: Mapping[str, str]) -> Place:
    """This process's place as torchrun, else srun, tells it.

    A process that srun starts is a rank when MASTER_ADDR says where the first one is, as the script does that
    `landweave launch` writes.

    Raises:
        ConfigError: The environment speaks of several ranks, but not of all that one must know.
    """
    names = _TORCHRUN
    if "WORLD_SIZE" not in environment:
        names = _SRUN
        # Without srun the batch script itself is the one process, whatever was allocated.
        if "SLURM_STEP_NUM_TASKS" not in environment and "MASTER_ADDR" in environment:
            names = ("SLURM_PROCID", "SLURM_NTASKS", "SLURM_LOCALID")
    if environment.get(names[1], "1") == "1":
        return Place()
    wanted = [*names, "MASTER_ADDR", "MASTER_PORT"]
    if missing := [name for name in wanted if not environment.get(name)]:
        raise ConfigError(
            f"{names[1]}={environment[names[1]]} in the environment without {', '.join(missing)}",
            f"all of {', '.join(wanted)}",
            "start the ranks with torchrun, or with the script that landweave launch --on slurm writes",
        )
    try:
        place = Place(*(int(environment[name]) for name in names))
    except ValueError:
        place = Place(-1)
    if not 0 <= place.rank < place.size:
        given = ", ".join(f"{name}={environment[name]}" for name in names)
        raise ConfigError(
            f"{given} in the environment",
            "whole numbers, the rank below the number of ranks",
            "let torchrun or srun set them",
        )
    return place


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

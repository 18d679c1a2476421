"""Shares of a GPU, where no scheduler deals them out: a fixed number of tickets a GPU, each held by one process."""

from __future__ import annotations

import fcntl
import os
import time
from dataclasses import dataclass
from pathlib import Path

from landweave.atomic import writing
from landweave.errors import TaskError

_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True)
class Tickets:
    """The tickets of one machine: files in a folder of that machine, which processes lock.

    Attributes:
        folder: Where the files are; the same for all processes that share the GPUs, on a disk of this machine.
        per_gpu: How many processes may use one GPU at once.
        num_gpus: GPUs of the machine; None asks torch.
        patience_s: How long a process waits for a ticket.
    """

    folder: Path
    per_gpu: int
    num_gpus: int | None = None
    patience_s: float = 60.0

    def take(self) -> Ticket:
        """A ticket, of a GPU with the most free ones left; it is this process's until given back or until it ends.

        The system unlocks what a process held however it dies, so no ticket is ever lost.

        Raises:
            TaskError: None came free in time, or there is no GPU.
            OutputError: The folder cannot be written.
        """
        num_gpus = _num_gpus() if self.num_gpus is None else self.num_gpus
        end = time.monotonic() + self.patience_s
        with writing(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        while True:
            # Number by number, so that the second process gets the second GPU, not the second share of the first.
            for number in range(self.per_gpu):
                for gpu in range(num_gpus):
                    if handle := _lock(self.folder / f"gpu-{gpu}-ticket-{number}.lock"):
                        return Ticket(gpu, number, handle)
            if time.monotonic() >= end or not num_gpus:
                raise _sold_out(self, num_gpus)
            time.sleep(_AGAIN_S)


@dataclass(frozen=True, slots=True)
class Ticket:
    """A held ticket.

    Attributes:
        gpu: The GPU that it is for.
        number: Which of its tickets.
        handle: The open file whose lock is the ticket.
    """

    gpu: int
    number: int
    handle: int

    def give_back(self) -> None:
        """Let another process have it."""
        os.close(self.handle)


def _lock(path: Path) -> int | None:
    with writing(path):
        # Users who share a machine share its tickets.
        handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o666)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(handle)
        return None
    return handle


def _num_gpus() -> int:
    import torch

    return torch.cuda.device_count()


def _sold_out(tickets: Tickets, num_gpus: int) -> TaskError:
    if not num_gpus:
        return TaskError("tickets for GPUs on a machine without one", "a GPU that torch sees", "use --device cpu")
    return TaskError(
        f"all {num_gpus * tickets.per_gpu} tickets of {num_gpus} GPUs in {tickets.folder} held by other processes "
        f"for {tickets.patience_s:.0f} s",
        "a free ticket for every worker",
        "use fewer --workers a machine, or more --tickets-per-gpu where the GPU's memory allows",
    )

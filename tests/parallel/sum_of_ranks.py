"""One rank, started by anything: prints what all ranks sum to."""

from __future__ import annotations

import sys

import torch

from landweave.parallel.world import make_world


def main() -> None:
    with make_world("cpu") as world:
        total = world.sum(torch.tensor([world.rank + 1]))
        sys.stdout.write(f"rank {world.rank} of {world.size}: {total.item()}\n")


if __name__ == "__main__":
    main()

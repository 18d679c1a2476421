"""Run on three ranks: one of them dies while it trains its part of a network."""

from __future__ import annotations

import os
import signal
import sys

import torch
from tests.parallel import splitting

from landweave.parallel import lifeline
from landweave.parallel.pipeline import place, take_seat
from landweave.parallel.placement import parse
from landweave.parallel.stages import TRUNK, stages_of
from landweave.parallel.world import make_world


def main(who: int, micro: int) -> None:
    """Rank `who` is killed before the forward pass of a micro-batch of its third step."""
    lifeline._GRACE_S = lifeline._SKEW_S = 0.5
    with make_world("cpu", timeout_s=60) as world:
        network = splitting.Chain()
        seat = take_seat(parse({TRUNK: "0: ..conv1; 1: norm1..norm2; 2"}, stages_of(network).names), world)
        pipeline = place(network, seat)
        views = [{TRUNK: torch.randn(3, 6, 4, 4)} for _ in range(4)]
        for step in range(10):

            def begin(number: int, now: int = step) -> None:
                if (world.rank, now, number) == (who, 2, micro):
                    os.kill(os.getpid(), signal.SIGKILL)

            pipeline.train(views, [3] * 4, begin, lambda micro, scores: scores.sum())


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))

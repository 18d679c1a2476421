"""Ten steps of networks that stand on these ranks, and of the same on one: losses, gradients, weights, scores."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from tests.parallel import splitting
from torch import Tensor, nn

from landweave.errors import ConfigError
from landweave.models.pair.branches import TwoBranch
from landweave.parallel.norm import norm_over_ranks
from landweave.parallel.pipeline import take_seat
from landweave.parallel.placement import num_replicas, resolve, whole
from landweave.parallel.schedule import Schedule
from landweave.parallel.stages import stages_of, views_of
from landweave.parallel.world import World, make_world
from landweave.train import placed
from landweave.train.optim import OptimiserTable
from landweave.train.placed import Placed
from landweave.train.prepare import Batch
from landweave.train.step import Supervised

STEPS, SAMPLES = 10, 12


@dataclass(frozen=True)
class Case:
    """A network on so many ranks.

    Attributes:
        ranks: How many.
        placed: Its placement, as a recipe says it.
        micro: Micro-batches of a step on each replica.
        schedule: Order of passes.
        network: Of splitting.py, or TwoBranch.
        over_ranks: Whether batch norm takes the samples of all replicas together.
    """

    ranks: int
    placed: str | Mapping[str, str]
    micro: int = 1
    schedule: Schedule = "1f1b"
    network: str = "TwoViews"
    over_ranks: bool = False


CASES = {
    "two ranks, a branch with the trunk": Case(2, {"hsi": "1", "rgb": "0", "trunk": "1"}),
    "two ranks, there before it is needed": Case(2, {"hsi": "0", "rgb": "1", "trunk": "1"}, micro=3, schedule="gpipe"),
    "chain of two": Case(2, {"trunk": "0: ..norm1; 1"}, micro=4, network="Chain"),
    "data parallel": Case(2, "whole", micro=2),
    "data parallel, norm over ranks": Case(2, "whole", micro=2, over_ranks=True),
    "baseline": Case(3, "baseline"),
    "baseline, micro-batches": Case(3, "baseline", micro=4),
    "baseline, GPipe": Case(3, "baseline", micro=4, schedule="gpipe"),
    "optimized": Case(3, "optimized"),
    "optimized, micro-batches": Case(3, "optimized", micro=5),
    "a rank without weights": Case(3, {"trunk": "0: ..norm2; 1: flatten; 2"}, micro=2, network="Chain"),
    "the paper's optimized": Case(3, "optimized", micro=3, network="TwoBranch", schedule="gpipe"),
    "chain of four": Case(4, {"trunk": "0: conv1; 1: norm1; 2: conv2..flatten; 3: dense"}, micro=6, network="Chain"),
    "two replicas of two": Case(4, {"hsi": "0", "rgb": "1", "trunk": "1"}, micro=2),
    "two replicas, norm over ranks": Case(4, {"hsi": "0", "rgb": "1", "trunk": "1"}, micro=2, over_ranks=True),
    "ways of unequal length": Case(
        5, {"hsi": "0: conv1; 1: norm1; 2: conv2..", "rgb": "3: ..norm1; 4", "trunk": "4"}, micro=4
    ),
    "five ranks, GPipe": Case(
        5, {"hsi": "2: conv1; 1", "rgb": "4", "trunk": "0: ..dense1; 3: dense2"}, micro=4, schedule="gpipe"
    ),
}


def batch(network: str, step: int, sizes: tuple[int, ...], rows: Tensor) -> Batch:
    """The rows of the global batch of a step, as micro-batches of these sizes; two views where a network takes them."""
    random = torch.Generator().manual_seed(step)
    values = torch.randn(SAMPLES, 9, 4, 4, generator=random)
    target = torch.randint(splitting.CLASSES, (SAMPLES,), generator=random)
    keys = torch.arange(SAMPLES) + 1000 * step
    weight = 0.5 + torch.rand(SAMPLES, generator=random)
    mine = tuple((size, size) for size in sizes)
    first, second = values[rows].split([6, 3], 1)
    # The paper's network takes the camera's view first.
    first, second = (second, first) if network == "TwoBranch" else (first, second)
    given = first, target[rows], weight[rows], keys[rows], len(rows), mine
    return Batch(*given, beside=None if network == "Chain" else second)


def parts(case: Case, replicas: int) -> list[list[Tensor]]:
    """The rows of each micro-batch, by replica."""
    pieces = torch.arange(SAMPLES).tensor_split(case.micro)
    return [[piece.tensor_split(replicas)[replica] for piece in pieces] for replica in range(replicas)]


def made(case: Case) -> nn.Module:
    torch.manual_seed(7)
    if case.network == "TwoBranch":
        return TwoBranch(3, splitting.CLASSES, num_second=6, patch_px=4, width=0.02, dropout=0.5)
    network: nn.Module = getattr(splitting, case.network)()
    return network


HOW = {"table": OptimiserTable(rate=1e-2, clip_norm=0.5), "task": "patches", "num_classes": splitting.CLASSES}


def alone(case: Case) -> dict[str, Tensor]:
    """What one process finds with the micro-batches of all replicas."""
    step, names = Supervised(made(case), world=World(), **HOW), None
    found: dict[str, Tensor] = {}
    replicas = parts(case, num_replicas(_placement(case, step.networks["main"]), case.ranks))
    # Norm over ranks takes the parts of all replicas together, else each is normalised by itself.
    rows = [[torch.cat(each)] if case.over_ranks else list(each) for each in zip(*replicas, strict=True)]
    mine = list(itertools.chain.from_iterable(rows))
    for number in range(STEPS):
        sums = step.update(batch(case.network, number, tuple(len(piece) for piece in mine), torch.cat(mine)), 1.0)
        found[f"loss/{number}"] = sums["loss"] / sums["loss_share"]
        if not number:
            names = dict(step.networks["main"].named_parameters())
            found |= {f"grad/{name}": weight.grad.clone() for name, weight in names.items() if weight.grad is not None}
    found |= {f"weight/{name}": values.clone() for name, values in step.networks["main"].state_dict().items()}
    network, judged = step.networks["main"].eval(), batch(case.network, 99, (), torch.arange(SAMPLES))
    return {**found, "found/scores": step._scores(network, judged).detach()}


def split(case: Case, world: World) -> dict[str, Tensor]:
    """The same of a network on the ranks of `world`, on the first of them."""
    network = made(case)
    seat = take_seat(_placement(case, network), world)
    if case.over_ranks:
        network = norm_over_ranks(network, seat.peers)
    step = Placed(network, seat, schedule=case.schedule, **HOW)
    rows = parts(case, seat.peers.size)[seat.peers.rank]
    found: dict[str, Tensor] = {}
    for number in range(STEPS):
        sums = step.update(batch(case.network, number, tuple(map(len, rows)), torch.cat(rows)), 1.0)
        loss, share = (world.sum(sums[name]) for name in ("loss", "loss_share"))
        found[f"loss/{number}"] = loss / share
        if not number:
            named = network.named_parameters()
            mine = {f"grad/{name}": weight.grad.clone() for name, weight in named if weight.grad is not None}
            found |= step.gathered(mine)
    step.spread()
    found |= step.gathered({f"weight/{name}": values for name, values in network.state_dict().items()})
    network.eval()
    scores = step.pipeline.score(views_of(network, batch(case.network, 99, (), torch.arange(SAMPLES)).views), SAMPLES)
    # Replicas that nothing is gathered from must not leave before what they sent is taken.
    step.pipeline.post.settle()
    found |= step.gathered({} if scores is None else {"found/scores": scores})
    return found


def _placement(case: Case, network: nn.Module):  # type: ignore[no-untyped-def]
    names = stages_of(network).names
    return whole(names) if case.placed == "whole" else resolve(case.placed, names)


def differ(folder: Path, world: World) -> None:
    """Two ranks that begin with other weights, and two of other versions."""
    for what in ("weights", "version"):
        network = splitting.Chain()
        with torch.no_grad():
            network.dense.weight.fill_(world.rank if what == "weights" else 1)
        seat = take_seat(resolve({"trunk": "0: ..norm1; 1"}, stages_of(network).names), world)
        told = placed.versions
        if what == "version":
            placed.versions = lambda: {"landweave": str(world.rank)}
            network = made(CASES["chain of two"])
        try:
            Placed(network, seat, **HOW)
        except ConfigError as error:
            (folder / f"{what}.{world.rank}").write_text(str(error))
        placed.versions = told


def main(folder: Path) -> None:
    with make_world("cpu") as world:
        if world.size == 2:
            differ(folder, world)
        for name, case in CASES.items():
            if case.ranks == world.size or world.size == 1:
                found = alone(case) if world.size == 1 else split(case, world)
                if world.is_first:
                    save_file(
                        {key: values.contiguous() for key, values in found.items()}, folder / f"{name}.{world.size}"
                    )


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""Which rank holds which layers of a network in training: as named, as written out, or as planned.

All ranks come to the same, from one profile that the first of them takes.
"""

from __future__ import annotations

import copy
import hashlib
import json
import socket
from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor, nn

from landweave.config import check, load
from landweave.errors import ConfigError
from landweave.jobs.worker import num_cores
from landweave.parallel import placement, planner, profile
from landweave.parallel.cluster import Ranks
from landweave.parallel.placement import Placement
from landweave.parallel.planner import Ask
from landweave.parallel.profile import Profile, Trial
from landweave.parallel.program import Plan
from landweave.parallel.stages import stages_of, views_of
from landweave.parallel.world import World
from landweave.train import optim, precision
from landweave.train.draw import SampleDropout
from landweave.train.optim import OptimiserTable
from landweave.train.precision import Precision
from landweave.train.prepare import Batch

AUTO = "auto"
# Of two processes of one machine by gloo.
_LOOPBACK = {"latency_us": 50, "gigabytes_per_s": 1.0}
_REPEATS = 3
_NO_END = 1e15


@dataclass(frozen=True)
class Wanted:
    """What is asked of a placement.

    Attributes:
        placement: baseline, optimized, auto, or a line for each chain.
        ask: Samples, micro-batches and schedule of a step.
        cluster: The TOML of the ranks; None for processes of this machine.
    """

    placement: str | Mapping[str, str]
    ask: Ask
    cluster: Path | None = None


@dataclass(frozen=True)
class How:
    """How a network is tried.

    Attributes:
        table: Its optimiser.
        precision: What it computes in.
        device: Where.
    """

    table: OptimiserTable
    precision: Precision
    device: torch.device


def find(wanted: Wanted, network: nn.Module, batch: Batch, how: How, world: World) -> Placement:
    """The placement of `network` on the ranks of `world`, the same on all of them; `network` stays as it is.

    Data parallelism is told by a placement on one rank.

    Raises:
        ConfigError: It does not fit the network, the number of ranks or their memory.
    """
    names = stages_of(network).names
    asked = None if wanted.placement == AUTO else placement.resolve(wanted.placement, names)
    if asked:
        placement.num_replicas(asked, world.size)
    ranks = load(Ranks, wanted.cluster) if wanted.cluster else here(world)
    ranks.agree(world.size)
    costs = _shared(wanted, network, batch, how, world)
    if asked is None:
        return planner.best(costs, ranks, wanted.ask).plan.placement
    ask = wanted.ask
    plan = Plan(asked, world.size // asked.num_ranks, ask.batch, ask.num_micro[0], ask.schedule, ask.training)
    planner.check_memory(plan, costs, ranks)
    return asked


def _shared(wanted: Wanted, network: nn.Module, batch: Batch, how: How, world: World) -> Profile:
    """The profile that the first rank takes; where nothing is chosen, sizes count and seconds do not."""
    sizes, repeats = (2, 2), 1
    if wanted.placement == AUTO:
        sizes, repeats = sizes_of(wanted.ask, world.size), _REPEATS
    told = json.dumps(take(copy.deepcopy(network), batch, sizes, repeats, how).told()) if world.is_first else ""
    return profile.heard(json.loads(spread_text(told, world)))


def spread_text(text: str, world: World) -> str:
    """The text of the first rank, on every rank."""
    mine = text.encode()
    length = torch.tensor([len(mine)], device=world.device)
    world.spread([length])
    letters = torch.zeros(int(length), dtype=torch.uint8, device=world.device)
    if world.is_first:
        letters.copy_(torch.tensor(list(mine), dtype=torch.uint8))
    world.spread([letters])
    return bytes(letters.tolist()).decode()


def here(world: World) -> Ranks:
    """The ranks of `world` as processes of one machine, which share its cores and its memory.

    Raises:
        ConfigError: They are on several.
    """
    digest = int.from_bytes(hashlib.sha256(socket.gethostname().encode()).digest()[:7])
    every = torch.zeros(world.size, dtype=torch.int64, device=world.device)
    every[world.rank] = digest
    if len(set(world.sum(every).tolist())) > 1:
        raise ConfigError(
            f"a placement on {world.size} ranks of several machines",
            "a TOML of their memory and links",
            'say in the recipe cluster = "cluster.toml" (docs/verbs/plan.md)',
        )
    values = {"name": "this machine", "ranks": world.size, "link": _LOOPBACK}
    values["memory_gigabytes"] = _free_bytes(world.device) / world.size / 1e9
    if (cores := _at_once(world.device)) < world.size:
        values["shared"] = [{"ranks": list(range(world.size)), "cores": cores}]
    return check(Ranks, values, "this machine")


def _at_once(device: torch.device) -> float:
    """How many ranks of this machine compute at full speed at the same time."""
    if device.type == "cuda":
        return torch.cuda.device_count()
    return max(1.0, num_cores() / torch.get_num_threads())


def _free_bytes(device: torch.device) -> float:
    """Memory that ranks may still take; hardly an end where the system does not tell."""
    if device.type == "cuda":
        return float(sum(torch.cuda.mem_get_info(number)[0] for number in range(torch.cuda.device_count())))
    try:
        told = Path("/proc/meminfo").read_text(encoding="utf-8")
    except OSError:
        return _NO_END
    return next((1024.0 * int(row.split()[1]) for row in told.splitlines() if row.startswith("MemAvailable:")), _NO_END)


def sizes_of(ask: Ask, num_ranks: int) -> tuple[int, int]:
    """Samples of the smallest and the largest micro-batch that any plan has; batch norm cannot learn from one."""
    small = max(2, ask.batch // (num_ranks * max(ask.num_micro)))
    return small, max(small, -(-ask.batch // min(ask.num_micro)))


def take(network: nn.Module, batch: Batch, sizes: tuple[int, int], repeats: int, how: How) -> Profile:
    """What each layer of a network costs here, on the samples of a batch; its weights move.

    Raises:
        ConfigError: The network cannot be split.
    """
    trial = Trial(
        sizes,
        repeats,
        partial(optim.build, how.table),
        how.device,
        partial(_seed, network, batch),
        partial(precision.computing, how.precision, how.device),
    )
    views = views_of(network, [_enough(view, sizes[1]) for view in batch.views])
    return profile.measure(stages_of(network), views, trial)


def _enough(values: Tensor, num: int) -> Tensor:
    """So many samples, over again where there are fewer: what they show does not change what they cost."""
    return torch.cat([values] * -(-num // len(values)))[:num]


def _seed(network: nn.Module, batch: Batch, num: int) -> None:
    """Give dropout the keys of so many samples."""
    keys = _enough(batch.keys, num)
    for module in network.modules():
        if isinstance(module, SampleDropout):
            module.keys = keys

"""What the benchmarks of splitting share: the paper's network and patches of noise, trained by one rank of a placement.

Also the paper's parameter server, which lives in these benchmarks only: one more process that holds all parameters;
before a step each worker fetches those of its layers, after it the worker sends their gradients there.
"""

from __future__ import annotations

import socket
import struct
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.nn.parallel import DistributedDataParallel

from landweave.models.pair.branches import TwoBranch
from landweave.parallel.pipeline import place, take_seat
from landweave.parallel.placement import Placement, num_replicas, parse, resolve
from landweave.parallel.program import Plan
from landweave.parallel.replicate import replicate
from landweave.parallel.schedule import Schedule
from landweave.parallel.stages import stages_of, views_of
from landweave.parallel.traffic import Counter, Kind, Traffic, count_sums
from landweave.parallel.world import World
from landweave.train.draw import seed_dropout

CLASSES, PX, BANDS, RATE = 20, 25, 48, 1e-3


@dataclass(frozen=True)
class Case:
    """One way to train the network.

    Attributes:
        name: What tables call it.
        placement: A named placement, its lines, or "data-parallel".
        batch: Samples of a step on all ranks.
        width: Times the paper's filters.
        num_micro: Micro-batches of an arrangement.
        schedule: Of them.
        px: Edge of a patch in pixels.
        bands: Of the hyperspectral view.
        server: Where the parameter server listens; empty for none.
    """

    name: str
    placement: str | Mapping[str, str]
    batch: int
    width: float = 1.0
    num_micro: int = 1
    schedule: Schedule = "1f1b"
    px: int = PX
    bands: int = BANDS
    server: str = ""

    def network(self) -> TwoBranch:
        """With first weights, the same on all ranks."""
        torch.manual_seed(0)
        size = {"patch_px": self.px, "second_px": self.px, "width": self.width}
        return TwoBranch(3, CLASSES, num_second=self.bands, **size)  # type: ignore[arg-type]

    def views(self, num: int) -> tuple[Tensor, Tensor]:
        """Patches of noise: what they show does not change what they cost."""
        random = torch.Generator().manual_seed(1)
        return tuple(torch.randn(num, bands, self.px, self.px, generator=random) for bands in (3, self.bands))  # type: ignore[return-value]

    def placed(self, network: nn.Module) -> Placement | None:
        """Its placement; None for data parallelism."""
        if self.placement == "data-parallel":
            return None
        names = stages_of(network).names
        return resolve(self.placement, names) if isinstance(self.placement, str) else parse(self.placement, names)

    def plan(self, num_ranks: int) -> Plan:
        """The same for the planner."""
        network = self.network()
        placement = self.placed(network) or parse(
            dict.fromkeys(stages_of(network).names, "0"), stages_of(network).names
        )
        replicas = num_replicas(placement, num_ranks)
        return Plan(placement, replicas, self.batch, self.num_micro, self.schedule)

    def told(self) -> dict[str, Any]:
        """As JSON holds it; `Case(**told)` is the same."""
        return asdict(self)


class Trainer:
    """One rank's part of a case: `step` takes one update and gives what was counted."""

    def __init__(self, case: Case, world: World) -> None:
        self.case, self.world = case, world
        network = case.network()
        self.dropout = seed_dropout(network)
        placement = case.placed(network)
        self.counter = Counter(world.device)
        self.pipeline, self.replica = None, None
        if placement is None:
            self.samples = case.batch // world.size
            self.replica = replicate(network, world)
            if isinstance(self.replica, DistributedDataParallel):
                count_sums(self.replica, self.counter, world.size)
        else:
            seat = take_seat(placement, world)
            self.samples = case.batch // seat.peers.size
            self.pipeline = place(network, seat, case.schedule)
            self.counter = self.pipeline.counter
        self.network = network
        self.views = views_of(network, case.views(-(-self.samples // case.num_micro)))
        self.target = torch.arange(self.samples) % CLASSES
        self.optimiser = torch.optim.Adam([w for w in network.parameters() if w.requires_grad], lr=RATE, fused=True)
        # Workers of a placed network have layers of their own, others the same.
        first = 1000 * world.rank if placement else 0
        self.store = Remote.connect(case.server, self.counter, first) if case.server else None
        self.weights = [weight for weight in network.parameters() if weight.requires_grad]
        if self.store:
            self.store.begin(self.weights)

    def step(self) -> tuple[float, Traffic]:
        """Seconds of an update, and what was counted meanwhile."""
        self.world.wait()
        self.counter.take()
        began_s = time.perf_counter()
        if self.store:
            self.store.fetch(self.weights)
        self.optimiser.zero_grad(set_to_none=True)
        self.network.train()
        if self.pipeline:
            self._placed()
        else:
            self._replicated()
        if self.store:
            self.store.give(self.weights)
        else:
            with self.counter.computing("all", "update"):
                self.optimiser.step()
        return time.perf_counter() - began_s, self.counter.take()

    def _placed(self) -> None:
        assert self.pipeline is not None
        targets = self.target.tensor_split(self.case.num_micro)
        sizes = [len(part) for part in targets]
        views = [{chain: view[:size] for chain, view in self.views.items()} for size in sizes]
        self.pipeline.train(
            views,
            sizes,
            lambda micro: self._begin(sizes[micro]),
            lambda micro, scores: functional.cross_entropy(scores, targets[micro], reduction="sum") / self.samples,
        )

    def _replicated(self) -> None:
        assert self.replica is not None
        first, second = self.views["rgb"], self.views["hsi"]
        self._begin(self.samples)
        with self.counter.computing("all", "forward"):
            loss = functional.cross_entropy(self.replica(first, second), self.target)
        with self.counter.computing("all", "backward"):
            loss.backward()  # type: ignore[no-untyped-call]
        self.counter.step()

    def _begin(self, num: int) -> None:
        for layer in self.dropout:
            layer.keys = torch.arange(num)


@dataclass
class Server:
    """The parameter server: all parameters in one process; gradients of a step are averaged and taken off them.

    Attributes:
        num_workers: That fetch and give the same parameters; 1 where each worker has its own.
    """

    num_workers: int
    _held: dict[int, Tensor] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def serve(self, listening: socket.socket, num_connections: int) -> None:
        """Answer so many workers until all have gone."""
        threads = []
        for _ in range(num_connections):
            line, _ = listening.accept()
            threads.append(threading.Thread(target=self._one, args=(line,)))
            threads[-1].start()
        for thread in threads:
            thread.join()

    def _one(self, line: socket.socket) -> None:
        with line:
            while word := line.recv(1):
                key, size = struct.unpack("!qq", _take(line, 16))
                if word == b"f":
                    with self._lock:
                        held = self._held[key].clone()
                    line.sendall(held.numpy().data)
                    continue
                sent = torch.frombuffer(_take(line, 4 * size), dtype=torch.float32)
                with self._lock:
                    if word == b"b":
                        self._held.setdefault(key, sent)
                    else:
                        self._held[key].sub_(sent, alpha=RATE / self.num_workers)


def _take(line: socket.socket, size: int) -> bytearray:
    found = bytearray(size)
    room = memoryview(found)
    while room:
        room = room[line.recv_into(room) :]
    return found


@dataclass
class Remote:
    """A worker's line to the parameter server.

    Attributes:
        line: The connection.
        counter: Counts what goes over it.
        first: Number of this worker's first parameter: of their own, or those of all.
    """

    line: socket.socket
    counter: Counter
    first: int

    @classmethod
    def connect(cls, server: str, counter: Counter, first: int) -> Remote:
        """A line to host:port."""
        host, port = server.split(":")
        for _ in range(3000):
            try:
                return cls(socket.create_connection((host, int(port))), counter, first)
            except OSError:
                time.sleep(0.1)
        raise SystemExit(f"no parameter server at {server}")

    def begin(self, weights: Sequence[nn.Parameter]) -> None:
        """Send what this worker's layers begin with; of workers that have the same the first one counts."""
        for number, weight in enumerate(weights):
            self._send(b"b", number, weight.detach())

    def fetch(self, weights: Sequence[nn.Parameter]) -> None:
        """Take the parameters of this worker's layers."""
        for number, weight in enumerate(weights):
            self._tell(b"f", number, weight)
            size = 4 * weight.numel()
            held = torch.frombuffer(_take(self.line, size), dtype=torch.float32)
            weight.data.copy_(held.view(weight.shape))
            self._count("received", "parameters", size)

    def give(self, weights: Sequence[nn.Parameter]) -> None:
        """Send the gradients of this worker's layers."""
        for number, weight in enumerate(weights):
            assert weight.grad is not None
            self._send(b"g", number, weight.grad)
            self._count("sent", "gradient", 4 * weight.numel())

    def _send(self, word: bytes, number: int, values: Tensor) -> None:
        self._tell(word, number, values)
        self.line.sendall(values.contiguous().view(-1).numpy().data)

    def _tell(self, word: bytes, number: int, values: Tensor) -> None:
        self.line.sendall(word + struct.pack("!qq", self.first + number, values.numel()))

    def _count(self, way: str, kind: Kind, size: int) -> None:
        getattr(self.counter, way)("server", kind, size)

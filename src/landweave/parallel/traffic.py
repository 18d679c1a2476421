"""What a rank sent and received, computed and waited for: counted as it happens, as sums that add up."""

from __future__ import annotations

import json
import time
from collections import Counter as Tally
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor
from torch.distributed.algorithms.ddp_comm_hooks.default_hooks import allreduce_hook
from torch.futures import Future
from torch.nn.parallel import DistributedDataParallel

from landweave.atomic import write_text
from landweave.errors import ConfigError
from landweave.parallel.cost import ring_factors

FORMAT = 1
Kind = Literal["activation", "gradient", "all_reduce", "parameters"]
Phase = Literal["forward", "backward", "update"]
KINDS: tuple[Kind, ...] = ("activation", "gradient", "all_reduce", "parameters")
# What is not sent over a cut: sums over ranks, and weights.
EVERYWHERE = "all"


@dataclass(frozen=True)
class Traffic:
    """What one rank did, or several together: adds up with `+`, over steps and over ranks.

    Attributes:
        sent: Bytes by cut and kind.
        received: The same of what came.
        cpu_s: Seconds of all cores together by stage and phase, with those that sending and receiving took meanwhile.
        device_s: Seconds in which the device computed, by stage and phase: on a CPU those of the clock.
        waited_s: Seconds in which this rank did nothing but wait for another, by stage.
        steps: How many updates.
    """

    sent: Mapping[tuple[str, str], int] = field(default_factory=dict)
    received: Mapping[tuple[str, str], int] = field(default_factory=dict)
    cpu_s: Mapping[tuple[str, str], float] = field(default_factory=dict)
    device_s: Mapping[tuple[str, str], float] = field(default_factory=dict)
    waited_s: Mapping[str, float] = field(default_factory=dict)
    steps: int = 0

    def __add__(self, other: Traffic) -> Traffic:
        return Traffic(
            _add(self.sent, other.sent),
            _add(self.received, other.received),
            _add(self.cpu_s, other.cpu_s),
            _add(self.device_s, other.device_s),
            _add(self.waited_s, other.waited_s),
            self.steps + other.steps,
        )

    @property
    def num_sent(self) -> int:
        """Bytes in all."""
        return sum(self.sent.values())

    @property
    def num_received(self) -> int:
        """Bytes in all."""
        return sum(self.received.values())

    def by_kind(self, way: Literal["sent", "received"] = "sent") -> dict[str, int]:
        """Bytes of each kind, 0 where there were none."""
        totals: dict[str, int] = dict.fromkeys(KINDS, 0)
        for (_, kind), num_bytes in getattr(self, way).items():
            totals[kind] += num_bytes
        return totals

    def told(self) -> dict[str, Any]:
        """The same as JSON holds it; `heard` reads it."""
        return {
            "sent": _rows(self.sent),
            "received": _rows(self.received),
            "cpu_s": _rows(self.cpu_s),
            "device_s": _rows(self.device_s),
            "waited_s": dict(self.waited_s),
            "steps": self.steps,
        }


def _add(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> dict[Any, Any]:
    return {key: one.get(key, 0) + other.get(key, 0) for key in (*one, *(key for key in other if key not in one))}


def _rows(values: Mapping[tuple[str, str], float]) -> list[list[Any]]:
    return [[*key, value] for key, value in values.items()]


def save(folder: Path, rank: int, traffic: Traffic) -> None:
    """Write `folder`/traffic-RANK.json: what this rank did since its process began."""
    told = {"format": FORMAT, "kind": "traffic", "rank": rank, **traffic.told()}
    write_text(folder / f"traffic-{rank}.json", json.dumps(told, indent=1) + "\n")


def load_all(folder: Path) -> list[Traffic]:
    """What the ranks of a run did, in their order.

    Raises:
        ConfigError: A file is damaged or of another format.
    """
    found = {}
    for path in folder.glob("traffic-*.json"):
        try:
            told = json.loads(path.read_text(encoding="utf-8"))
            if (told["format"], told["kind"]) != (FORMAT, "traffic"):
                raise ValueError(f"of another format than {FORMAT}")
            found[int(told["rank"])] = heard(told)
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{path}: {error}", "counts that landweave train wrote", "remove it, or train again"
            ) from error
    return [found[rank] for rank in sorted(found)]


def heard(told: Mapping[str, Any]) -> Traffic:
    """What `Traffic.told` told."""
    tables = [
        {(one, other): value for one, other, value in told[name]} for name in ("sent", "received", "cpu_s", "device_s")
    ]
    return Traffic(tables[0], tables[1], tables[2], tables[3], told["waited_s"], told["steps"])


class Counter:
    """Counts one rank's traffic and time; whoever sends, receives, computes or waits tells it.

    Args:
        device: Where this rank computes.
    """

    def __init__(self, device: torch.device | None = None) -> None:
        self.device = device or torch.device("cpu")
        self._marks: list[tuple[tuple[str, str], Any, Any]] = []
        self._begin()

    def sent(self, cut: str, kind: Kind, num_bytes: int) -> None:
        """So many bytes left this rank."""
        self._sent[cut, kind] += num_bytes

    def received(self, cut: str, kind: Kind, num_bytes: int) -> None:
        """So many bytes came to this rank."""
        self._received[cut, kind] += num_bytes

    def reduced(self, num_bytes: int, num_ranks: int, stage: str = EVERYWHERE) -> None:
        """This rank took part in summing up so many bytes over so many ranks, by a ring."""
        _, times = ring_factors(num_ranks)
        self.sent(stage, "all_reduce", round(times * num_bytes))
        self.received(stage, "all_reduce", round(times * num_bytes))

    @contextmanager
    def computing(self, stage: str, phase: Phase) -> Iterator[None]:
        """A block in which this rank computes."""
        began_s, cpu_s, begun = time.perf_counter(), time.process_time(), self._mark()
        try:
            yield
        finally:
            self._cpu_s[stage, phase] += time.process_time() - cpu_s
            if begun is None:
                self._device_s[stage, phase] += time.perf_counter() - began_s
            else:
                self._marks.append(((stage, phase), begun, self._mark()))

    @contextmanager
    def waiting(self, stage: str) -> Iterator[None]:
        """A block in which this rank waits for another."""
        began_s = time.perf_counter()
        try:
            yield
        finally:
            self._waited_s[stage] += time.perf_counter() - began_s

    def step(self) -> None:
        """An update is done."""
        self._steps += 1
        self._settle(only_ended=True)

    def take(self) -> Traffic:
        """What was counted since the last call, or since the beginning."""
        self._settle(only_ended=False)
        seconds = (dict(self._cpu_s), dict(self._device_s), dict(self._waited_s))
        found = Traffic(dict(self._sent), dict(self._received), *seconds, self._steps)
        self._begin()
        return found

    def _settle(self, only_ended: bool) -> None:
        """Turn pairs of moments of a GPU into seconds: those that are over, or all, waiting for them."""
        left = []
        for key, begun, ended in self._marks:
            if only_ended and not ended.query():
                left.append((key, begun, ended))
                continue
            ended.synchronize()
            self._device_s[key] += begun.elapsed_time(ended) / 1000
        self._marks = left

    def _begin(self) -> None:
        self._sent, self._received = Tally[tuple[str, str]](), Tally[tuple[str, str]]()
        # Tallies of seconds, which mypy knows of whole numbers only.
        self._cpu_s: Any = Tally()
        self._device_s: Any = Tally()
        self._waited_s: Any = Tally()
        self._marks = []
        self._steps = 0

    def _mark(self) -> Any:
        """A moment in the stream of a GPU, which computes on after the call; None on a CPU."""
        if self.device.type != "cuda":
            return None
        mark = torch.cuda.Event(enable_timing=True)  # type: ignore[no-untyped-call]
        mark.record()
        return mark


def size_of(values: Tensor) -> int:
    """Bytes of a tensor's elements: what sending it takes without headers."""
    return values.numel() * values.element_size()


def count_sums(replica: DistributedDataParallel, counter: Counter, num_ranks: int) -> None:
    """Let `counter` count the gradients that `replica` sums up over ranks; they are sent as they are without it."""

    def count(state: None, bucket: Any) -> Future[Tensor]:
        counter.reduced(size_of(bucket.buffer()), num_ranks)
        return allreduce_hook(None, bucket)  # type: ignore[arg-type]

    # DDP reads the annotations of a hook as objects, and this file's are text.
    count.__annotations__ = {}
    replica.register_comm_hook(None, count)

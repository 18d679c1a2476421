"""Tensors from one rank to another, without waiting for either side until it needs them."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.distributed as dist
from jaxtyping import Int64, Shaped, UInt8
from torch import Tensor

from landweave.parallel.traffic import Counter, Kind, size_of
from landweave.parallel.world import World

# Receives that stand open before their content is needed, so that it travels while this rank computes.
_AHEAD = 2
# Sends that no receiver has taken yet: beyond these a rank waits, so that a slow one is not buried.
_OPEN_SENDS = 8
_DTYPES = (torch.float32, torch.bfloat16, torch.float16, torch.float64, torch.int64, torch.uint8)
_MOST_DIMS = 7
_CODES: Mapping[Kind, int] = {"activation": 1, "gradient": 2, "all_reduce": 3, "parameters": 4}


@dataclass(frozen=True)
class Form:
    """What one must know of a tensor to receive it.

    Attributes:
        dtype: Of its numbers.
        sizes: Of its dimensions.
        strides: How it lies in memory: what comes lies as what was sent, so that the same kernels compute on it.
    """

    dtype: torch.dtype
    sizes: tuple[int, ...]
    strides: tuple[int, ...]

    @classmethod
    def of(cls, values: Tensor) -> Form:
        """The form of `values`, which has no gaps in memory."""
        return cls(values.dtype, tuple(values.shape), values.stride())

    def told(self) -> Int64[Tensor, " n"]:
        """The form as numbers; `heard` reads them."""
        blank = [0] * (_MOST_DIMS - len(self.sizes))
        numbers = [_DTYPES.index(self.dtype), len(self.sizes), *self.sizes, *blank, *self.strides, *blank]
        return torch.tensor(numbers, dtype=torch.int64)

    @classmethod
    def heard(cls, numbers: Int64[Tensor, " n"]) -> Form:
        """The form that `told` told."""
        code, num, *rest = numbers.tolist()
        return cls(_DTYPES[code], tuple(rest[:num]), tuple(rest[_MOST_DIMS : _MOST_DIMS + num]))

    def empty(self) -> Tensor:
        """Room for a tensor of this form."""
        return torch.empty_strided(self.sizes, self.strides, dtype=self.dtype)

    def fit(self, values: Tensor) -> Tensor:
        """`values` as a tensor of this form; itself where it is one."""
        if Form.of(values) == self:
            return values
        return torch.empty_strided(self.sizes, self.strides, dtype=self.dtype, device=values.device).copy_(values)


@dataclass(frozen=True)
class Wire:
    """One way between two ranks.

    Attributes:
        name: Of the cut, in counts.
        number: Of the cut in its placement: what keeps its messages apart from those of others.
        peer: The rank at the other end, among all processes.
        kind: What goes there.
    """

    name: str
    number: int
    peer: int
    kind: Kind

    @property
    def tag(self) -> int:
        """Marks the messages of this wire."""
        return self.header + _CODES[self.kind]

    @property
    def header(self) -> int:
        """Marks the headers of this wire."""
        # Above 0, which is the tag of messages that have none.
        return 8 * (self.number + 1)


@dataclass(frozen=True)
class Due:
    """A tensor that will come.

    Attributes:
        wire: By which way.
        key: Of its form.
    """

    wire: Wire
    key: Any


@dataclass
class _Parcel:
    """A receive that stands open."""

    buffer: Tensor
    work: Any


@dataclass
class Post:
    """This rank's messages to others and from them.

    Attributes:
        world: All ranks.
        counter: Counts what is sent and received, and how long this rank waits for it.
    """

    world: World
    counter: Counter
    _group: dist.ProcessGroup | None = None
    _forms: dict[tuple[str, Any], Form] = field(default_factory=dict)
    _due: deque[Due] = field(default_factory=deque)
    _open: deque[tuple[Due, _Parcel | None]] = field(default_factory=deque)
    _sent: deque[tuple[Any, Tensor]] = field(default_factory=deque)

    def __post_init__(self) -> None:
        # NCCL knows no tags, so that its messages would have to pair up in one order over all wires.
        if self.world.size > 1 and self.world.device.type != "cpu":
            self._group = dist.new_group(backend="gloo")

    def send(self, wire: Wire, key: Any, values: Tensor) -> None:
        """Send `values`, which must not change any more; goes on at once.

        What goes over one cut for one key has one form, which the first of it brings along; gradients come back in it.
        """
        form = self._forms.get((wire.name, key))
        dense = form.fit(values) if form else _dense(values)
        if not form:
            form = self._forms[wire.name, key] = Form.of(dense)
            self._give(form.told(), wire.peer, wire.header)
        self._give(_flat(dense).cpu(), wire.peer, wire.tag)
        self.counter.sent(wire.name, wire.kind, size_of(dense))

    def expect(self, dues: Iterable[Due]) -> None:
        """What comes next, in the order in which it will be taken."""
        self._due.extend(dues)
        self._look_ahead()

    def take(self, stage: str) -> Tensor:
        """The next of what was expected, once it is here; `stage` is who waits for it."""
        self._look_ahead()
        due, parcel = self._open.popleft() if self._open else (self._due.popleft(), None)
        with self.counter.waiting(stage):
            parcel = parcel or self._ask(due, self._form(due) or self._hear(due))
            parcel.work.wait()
        self._look_ahead()
        self.counter.received(due.wire.name, due.wire.kind, size_of(parcel.buffer))
        return parcel.buffer.to(self.world.device)

    def settle(self, stage: str = "end") -> None:
        """Return when all that was sent has been taken."""
        with self.counter.waiting(stage):
            while self._sent:
                self._sent.popleft()[0].wait()

    def _give(self, values: Tensor, peer: int, tag: int) -> None:
        # What was taken needs no memory any more.
        while self._sent and (len(self._sent) >= _OPEN_SENDS or self._sent[0][0].is_completed()):
            self._sent.popleft()[0].wait()
        self._sent.append((dist.isend(values, peer, group=self._group, tag=tag), values))

    def _look_ahead(self) -> None:
        """Open receives whose form is known, in order."""
        while self._due and len(self._open) < _AHEAD and (form := self._form(self._due[0])):
            due = self._due.popleft()
            self._open.append((due, self._ask(due, form)))

    def _form(self, due: Due) -> Form | None:
        return self._forms.get((due.wire.name, due.key))

    def _hear(self, due: Due) -> Form:
        """The form of the first activation of a key, from its header."""
        numbers = torch.zeros(2 + 2 * _MOST_DIMS, dtype=torch.int64)
        dist.recv(numbers, due.wire.peer, group=self._group, tag=due.wire.header)
        form = self._forms[due.wire.name, due.key] = Form.heard(numbers)
        return form

    def _ask(self, due: Due, form: Form) -> _Parcel:
        buffer = form.empty()
        return _Parcel(buffer, dist.irecv(_flat(buffer), due.wire.peer, group=self._group, tag=due.wire.tag))


def _dense(values: Tensor) -> Tensor:
    """`values` without gaps in memory; itself where it has none."""
    places = sorted(range(values.dim()), key=values.stride, reverse=True)
    return values if values.permute(places).is_contiguous() else values.contiguous()


def _flat(values: Tensor) -> Shaped[Tensor, " n"]:
    """The numbers as they lie in memory; no copy."""
    return values.as_strided((values.numel(),), (1,))


def gather(world: World, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of all ranks of `world` on its first one, by name; elsewhere nothing. All tensors lie on the CPU.

    Raises:
        TaskError: By way of the world, when a rank ends meanwhile.
    """
    if not world.is_first:
        _hand_over(world, tensors)
        return {}
    found = dict(tensors)
    for rank in range(1, world.size):
        found |= _take_over(world, rank)
    return found


def _hand_over(world: World, tensors: Mapping[str, Tensor]) -> None:
    told = json.dumps([[name, Form.of(_dense(values)).told().tolist()] for name, values in tensors.items()]).encode()
    for part in (torch.tensor([len(told)]), _letters(told), *(_flat(_dense(one)) for one in tensors.values())):
        if part.numel():
            dist.send(part.to(world.device), group=world.group, group_dst=0)


def _take_over(world: World, rank: int) -> dict[str, Tensor]:
    (length,) = _received(world, rank, torch.zeros(1, dtype=torch.int64)).tolist()
    letters = _received(world, rank, torch.zeros(length, dtype=torch.uint8))
    # Names and numbers only: nothing of another rank is unpickled.
    told = json.loads(bytes(letters.tolist()))
    return {name: _received(world, rank, Form.heard(torch.tensor(numbers)).empty()) for name, numbers in told}


def _received(world: World, rank: int, room: Tensor) -> Tensor:
    """What `rank` of `world` sent, in `room`."""
    if room.numel():
        flat = _flat(room).to(world.device)
        dist.recv(flat, group=world.group, group_src=rank)
        _flat(room).copy_(flat)
    return room


def _letters(text: bytes) -> UInt8[Tensor, " n"]:
    return torch.frombuffer(bytearray(text), dtype=torch.uint8)

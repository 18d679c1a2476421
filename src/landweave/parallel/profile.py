"""What each layer of a network costs here: seconds, bytes that it gives and keeps, weights. Measured once each."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from landweave.parallel.placement import Names
from landweave.parallel.stages import TRUNK, Layer, Stages
from landweave.parallel.traffic import size_of

# The first passes find memory and choose algorithms.
_WARM_UP = 1


@dataclass(frozen=True)
class LayerCost:
    """What a layer costs one rank; seconds are those of this machine while it does nothing else.

    Attributes:
        forward_s: Of a forward pass, however few samples.
        forward_sample_s: Beyond that, for each sample.
        backward_s: Of a backward pass, however few samples.
        backward_sample_s: Beyond that, for each sample.
        add_s: Of adding its gradients to those of an earlier micro-batch.
        update_s: Of the optimiser.
        out_bytes: Of what it gives, for each sample.
        kept_bytes: Of what it keeps from the forward to the backward pass, for each sample.
        weight_bytes: Of its weights.
        gradient_bytes: Of those that learn.
        state_bytes: Of the optimiser's state.
    """

    forward_s: float = 0.0
    forward_sample_s: float = 0.0
    backward_s: float = 0.0
    backward_sample_s: float = 0.0
    add_s: float = 0.0
    update_s: float = 0.0
    out_bytes: float = 0.0
    kept_bytes: float = 0.0
    weight_bytes: float = 0.0
    gradient_bytes: float = 0.0
    state_bytes: float = 0.0

    def passed_s(self, samples: float) -> float:
        """A forward pass of so many samples."""
        return self.forward_s + samples * self.forward_sample_s

    def returned_s(self, samples: float) -> float:
        """A backward pass of so many samples, the first of a step."""
        return self.backward_s + samples * self.backward_sample_s


@dataclass(frozen=True)
class Profile:
    """What a network costs.

    Attributes:
        chains: What each layer costs, by chain and layer, in order, the trunk last.
        base_bytes: What a process takes before its first weight.
    """

    chains: Mapping[str, Mapping[str, LayerCost]]
    base_bytes: float = 0.0

    @property
    def names(self) -> Names:
        """The layers' names by chain."""
        return {chain: tuple(layers) for chain, layers in self.chains.items()}

    def told(self) -> dict[str, Any]:
        """The same as JSON holds it; `heard` reads it."""
        chains = {chain: {name: asdict(cost) for name, cost in layers.items()} for chain, layers in self.chains.items()}
        return {"chains": chains, "base_bytes": self.base_bytes}


def heard(told: Mapping[str, Any]) -> Profile:
    """What `Profile.told` told."""
    chains = told["chains"].items()
    costs = {chain: {name: LayerCost(**values) for name, values in layers.items()} for chain, layers in chains}
    return Profile(costs, told["base_bytes"])


@dataclass(frozen=True)
class Trial:
    """How a network is tried.

    Attributes:
        sizes: Samples of a small and of a large micro-batch: between them seconds are taken to grow evenly.
        repeats: Passes of each kind; their median counts.
        optimiser: Gives what updates a layer with weights.
        device: Where.
        begin: Called with the number of samples before each forward pass.
        computing: Gives the block in which forward passes compute, as for another precision.
    """

    sizes: tuple[int, int]
    repeats: int
    optimiser: Callable[[nn.Module], Optimizer]
    device: torch.device
    begin: Callable[[int], object] = int
    computing: Callable[[], AbstractContextManager[object]] = nullcontext


_Given = tuple[Tensor, Tensor]
"""What a layer takes: of the smaller and of the larger size."""


def measure(stages: Stages, views: Mapping[str, Tensor], trial: Trial) -> Profile:
    """Try every layer of a network once, alone, on what the layers before it make of `views`.

    Weights move, and end on the CPU: no more than one layer's stand on the device at once.

    Args:
        stages: The network's layers.
        views: What the network takes, by chain, of as many samples as the larger size.
        trial: How.
    """
    base = resident_bytes()
    found: dict[str, dict[str, LayerCost]] = {}
    ends: list[_Given] = []
    for chain in stages.entries:
        values = views[chain].to(trial.device)
        given = values[: trial.sizes[0]].clone(), values[: trial.sizes[1]]
        found[chain], ended = _chain(stages.chains[chain], given, trial, learns=False)
        ends.append(ended)
    if stages.merge is not None:
        learns = any(cost.gradient_bytes for layers in found.values() for cost in layers.values())
        few, many = zip(*ends, strict=True)
        found[TRUNK], _ = _chain(stages.trunk, (stages.merge(few), stages.merge(many)), trial, learns=learns)
    return Profile(found, base)


def _chain(layers: Sequence[Layer], given: _Given, trial: Trial, learns: bool) -> tuple[dict[str, LayerCost], _Given]:
    """The layers' costs, and what the last one gives; `learns` says whether something before the first one does."""
    found = {}
    seen: dict[int, Tensor] = {}
    for layer in layers:
        module = layer.module.train().to(trial.device)
        found[layer.name], given = _layer(module, given, trial, learns, seen)
        module.to("cpu")
        learns = learns or found[layer.name].gradient_bytes > 0
    return found, given


def _layer(
    module: nn.Module, given: _Given, trial: Trial, learns: bool, seen: dict[int, Tensor]
) -> tuple[LayerCost, _Given]:
    small, large = trial.sizes
    weights = list(module.parameters())
    learning = [weight for weight in weights if weight.requires_grad]
    few, many = (_Passes(module, values, trial, learns).times() for values in given)
    forward_s, forward_sample_s = _line(small, large, few[0], many[0])
    backward_s, backward_sample_s = _line(small, large, few[1], many[1])
    kept, out = _kept(module, given[0], trial, learns, seen)
    update_s, state_bytes = _update(module, trial) if learning else (0.0, 0)
    cost = LayerCost(
        forward_s,
        forward_sample_s,
        backward_s,
        backward_sample_s,
        max(0.0, few[2] - few[1]) if learning else 0.0,
        update_s,
        size_of(out) / small,
        kept / small,
        sum(map(size_of, weights)),
        sum(map(size_of, learning)),
        state_bytes,
    )
    trial.begin(large)
    with torch.no_grad(), trial.computing():
        return cost, (out, module(_given(module, given[1], learns=False)))


def _line(small: int, large: int, small_s: float, large_s: float) -> tuple[float, float]:
    """Seconds of no sample and of one more, neither below zero."""
    if small == large:
        return 0.0, small_s / small
    sample_s = max(0.0, (large_s - small_s) / (large - small))
    if small_s < small * sample_s:
        return 0.0, large_s / large
    return small_s - small * sample_s, sample_s


@dataclass(frozen=True)
class _Passes:
    """Passes of one layer, over and over."""

    module: nn.Module
    values: Tensor
    trial: Trial
    learns: bool

    def times(self) -> tuple[float, float, float]:
        """Medians of a forward pass, of the first backward pass of a step, and of a later one."""
        found = [self._once() for _ in range(_WARM_UP + self.trial.repeats)][_WARM_UP:]
        forward, first, later = (statistics.median(column) for column in zip(*found, strict=True))
        return forward, first, later

    def _once(self) -> tuple[float, float, float]:
        self.module.zero_grad(set_to_none=True)
        forward_s, out = self._forward()
        first_s = self._backward(out)
        _, out = self._forward()
        return forward_s, first_s, self._backward(out)

    def _forward(self) -> tuple[float, Tensor]:
        values = _given(self.module, self.values, self.learns)
        self.trial.begin(len(values))
        began_s = self._now()
        with self.trial.computing():
            out = self.module(values)
        return self._now() - began_s, out

    def _backward(self, out: Tensor) -> float:
        if not out.requires_grad:
            return 0.0
        gradient = torch.ones_like(out)
        began_s = self._now()
        out.backward(gradient)  # type: ignore[no-untyped-call]
        return self._now() - began_s

    def _now(self) -> float:
        if self.values.device.type == "cuda":
            torch.cuda.synchronize(self.values.device)
        return time.perf_counter()


def _given(module: nn.Module, values: Tensor, learns: bool) -> Tensor:
    """`values` as a layer takes them: torch refuses to change a leaf, and the next pass needs them as they are."""
    leaf = values.detach().requires_grad_(learns)
    return leaf.clone() if getattr(module, "inplace", False) else leaf


def _kept(module: nn.Module, values: Tensor, trial: Trial, learns: bool, seen: dict[int, Tensor]) -> tuple[int, Tensor]:
    """Bytes that the layer keeps for its backward pass and no layer before it keeps already; and what it gives."""
    own = {weight.data_ptr() for weight in module.parameters()}
    total = 0

    def note(tensor: Tensor) -> Tensor:
        nonlocal total
        place = tensor.untyped_storage().data_ptr()
        if place not in seen and place not in own:
            # Held, so that nothing else comes to lie there meanwhile.
            seen[place] = tensor
            total += tensor.untyped_storage().nbytes()
        return tensor

    trial.begin(len(values))
    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor), trial.computing():
        out = module(_given(module, values, learns))
    return total, out.detach()


def _update(module: nn.Module, trial: Trial) -> tuple[float, int]:
    """Seconds of an update, and bytes of the optimiser's state after it."""
    optimiser = trial.optimiser(module)
    for weight in module.parameters():
        weight.grad = torch.zeros_like(weight)
    times = []
    for _ in range(_WARM_UP + trial.repeats):
        began_s = time.perf_counter()
        optimiser.step()
        if trial.device.type == "cuda":
            torch.cuda.synchronize(trial.device)
        times.append(time.perf_counter() - began_s)
    module.zero_grad(set_to_none=True)
    states = [value for state in optimiser.state.values() for value in state.values() if isinstance(value, Tensor)]
    return statistics.median(times[_WARM_UP:]), sum(map(size_of, states))


def resident_bytes() -> int:
    """What this process holds in memory now; 0 where the system does not tell."""
    try:
        told = Path("/proc/self/status").read_text(encoding="utf-8")
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in told.splitlines() if line.startswith("VmRSS:")), 0)

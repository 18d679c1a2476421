"""The layers of a network that one rank holds, as segments that take and give activations."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from landweave.parallel.placement import Placement, Run
from landweave.parallel.stages import TRUNK, Stages, stages_of
from landweave.parallel.traffic import Counter


@dataclass(frozen=True)
class Way:
    """Where the output of one run becomes the input of another, on the same rank or on another.

    Attributes:
        name: Of the layer that it comes from, with its chain.
        number: Among all ways of the placement.
        source: The rank that has that layer.
        target: The rank that takes it.
    """

    name: str
    number: int
    source: int
    target: int

    @property
    def is_cut(self) -> bool:
        """Whether it goes to another rank."""
        return self.source != self.target


@dataclass(frozen=True)
class Segment:
    """A run of layers on this rank.

    Attributes:
        chain: The branch, or the trunk.
        name: The chain with the first and the last layer, for counts.
        layers: In order.
        comes: Ways of the inputs; empty where it takes a view.
        goes: Way of the output; None where that is the network's.
        merge: Joins the inputs where they are branches'.
    """

    chain: str
    name: str
    layers: tuple[nn.Module, ...]
    comes: tuple[Way, ...]
    goes: Way | None
    merge: Callable[[Sequence[Tensor]], Tensor] | None = None

    def __call__(self, inputs: Sequence[Tensor]) -> Tensor:
        """The output of the last layer."""
        values = self.merge(inputs) if self.merge else inputs[0]
        # What another segment gave must stay as it is, and torch refuses to change a leaf.
        if not self.merge and getattr(self.layers[0], "inplace", False):
            values = values.clone()
        for layer in self.layers:
            values = layer(values)
        return values

    @cached_property
    def weights(self) -> tuple[nn.Parameter, ...]:
        """All weights that are trained, each once."""
        return tuple(weight for layer in self.layers for weight in layer.parameters() if weight.requires_grad)


@dataclass
class Passed:
    """What one segment keeps of a micro-batch until its backward pass.

    Attributes:
        inputs: Leaves, which receive gradients.
        output: What was computed of them.
    """

    inputs: list[Tensor]
    output: Tensor


class Branch:
    """All segments of one rank: computes them forward and backward, one micro-batch at a time.

    Args:
        segments: In the order in which they can be computed.
        counter: Counts seconds by segment.
        computing: Gives the block in which forward passes compute, as for another precision.
    """

    def __init__(
        self,
        segments: Sequence[Segment],
        counter: Counter,
        computing: Callable[[], AbstractContextManager[object]] = nullcontext,
    ) -> None:
        self.segments, self.counter, self.computing = tuple(segments), counter, computing

    def forward(self, segment: Segment, inputs: Sequence[Tensor]) -> Passed:
        """Compute `segment`; in training its inputs become leaves of their own."""
        leaves = [self._leaf(segment, values) for values in inputs]
        with self.counter.computing(segment.name, "forward"), self.computing():
            return Passed(leaves, segment(leaves))

    def backward(self, segment: Segment, passed: Passed, gradient: Tensor | None) -> list[Tensor]:
        """Add up the gradients of the segment's weights; gives those of its inputs, none for views.

        Args:
            segment: Whose forward pass gave `passed`.
            passed: What it gave; not to be used again.
            gradient: Of its output; None where that is a loss.
        """
        with self.counter.computing(segment.name, "backward"):
            # Where nothing before a cut is trained, what comes back ends here.
            if passed.output.requires_grad:
                torch.autograd.backward(passed.output, gradient)
        return [_gradient(leaf) for leaf in passed.inputs] if segment.comes else []

    def _leaf(self, segment: Segment, values: Tensor) -> Tensor:
        if not segment.comes or not torch.is_grad_enabled():
            return values
        return values.detach().requires_grad_()


def _gradient(leaf: Tensor) -> Tensor:
    """The gradient of an input; zeros where the output does not depend on it."""
    return torch.zeros_like(leaf) if leaf.grad is None else leaf.grad


def hold(network: nn.Module, placement: Placement, rank: int) -> tuple[Segment, ...]:
    """The segments of `rank`; afterwards `network` holds the weights of these and of no other layers.

    Names of weights stay as they are: a state of the whole network, with foreign names left out, fits.
    """
    found = stages_of(network)
    made = segments(found, placement, rank)
    kept = {id(module) for segment in made for layer in segment.layers for module in layer.modules()}
    for module in network.modules():
        if id(module) not in kept:
            _empty(module)
    return made


def _empty(module: nn.Module) -> None:
    """Let go of the module's own weights and buffers."""
    for held in (module._parameters, module._buffers):
        for name in held:
            held[name] = None
    # Batch norm would ask a state for a count of batches that this rank does not hold.
    if isinstance(module, _BatchNorm):
        module.track_running_stats = False


def segments(found: Stages, placement: Placement, rank: int) -> tuple[Segment, ...]:
    """The segments of `rank`, in the order of the placement's runs."""
    layers = {chain: dict(members) for chain, members in found.chains.items()}
    comes, goes = _ways(placement)
    made = []
    for place, run in enumerate(placement.runs):
        if run.rank != rank:
            continue
        members = tuple(layers[run.chain][name] for name in run.layers)
        is_joint = run.chain == TRUNK and run.layers[0] == found.trunk[0].name
        made.append(
            Segment(run.chain, _name(run), members, comes[place], goes.get(place), found.merge if is_joint else None)
        )
    return tuple(made)


def _ways(placement: Placement) -> tuple[list[tuple[Way, ...]], Mapping[int, Way]]:
    """Ways into each run, and out of each but the last, by the run's place."""
    runs = placement.runs
    trunk = next(place for place, run in enumerate(runs) if run.chain == TRUNK)
    goes: dict[int, Way] = {}
    comes: list[tuple[Way, ...]] = [() for _ in runs]
    for place, run in enumerate(runs[:-1]):
        after = place + 1 if runs[place + 1].chain == run.chain else trunk
        goes[place] = Way(f"{run.chain}.{run.layers[-1]}", place, run.rank, runs[after].rank)
        comes[after] += (goes[place],)
    return comes, goes


def _name(run: Run) -> str:
    first, last = run.layers[0], run.layers[-1]
    return f"{run.chain}.{first}" if first == last else f"{run.chain}.{first}..{last}"

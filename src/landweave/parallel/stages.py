"""A network as chains of layers that can be held by different ranks: branches side by side, what joins them, the trunk.

A network that can be split offers `branches()`, `merge` and `trunk()`, or without branches `stages()`. This is the one
place that asks for them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from torch import Tensor, nn

from landweave.errors import ConfigError

TRUNK = "trunk"
"""Name of the chain behind the branches, and of the only one where there are none."""


class Layer(NamedTuple):
    """One layer of a chain: what a placement can name and cut before or behind.

    Attributes:
        name: Of its own within its chain.
        module: Takes one tensor and gives one.
    """

    name: str
    module: nn.Module


@runtime_checkable
class Branched(Protocol):
    """A network whose branches take one view each and are joined."""

    def branches(self) -> Mapping[str, Sequence[tuple[str, nn.Module]]]:
        """Layers in order by branch."""

    def merge(self, parts: Sequence[Tensor]) -> Tensor:
        """What the trunk takes, from what the branches give, in their order."""

    def trunk(self) -> Sequence[tuple[str, nn.Module]]:
        """Layers behind the merge, in order."""


@runtime_checkable
class Sorting(Branched, Protocol):
    """A network that says which of its views a branch takes; of others the branches take them in order."""

    def by_branch(self, first: Tensor, second: Tensor) -> Mapping[str, Tensor]:
        """The view that each branch takes."""


@runtime_checkable
class Staged(Protocol):
    """A network that is one chain."""

    def stages(self) -> Sequence[tuple[str, nn.Module]]:
        """Layers in order."""


@dataclass(frozen=True)
class Stages:
    """A network as chains of layers.

    Attributes:
        branches: Layers by branch; empty for a network of one chain.
        trunk: Layers behind the merge, or all of them.
        merge: Joins what the branches give; None where there are none.
    """

    branches: Mapping[str, tuple[Layer, ...]]
    trunk: tuple[Layer, ...]
    merge: Callable[[Sequence[Tensor]], Tensor] | None = None

    @property
    def chains(self) -> dict[str, tuple[Layer, ...]]:
        """All chains by name, the trunk last."""
        return {**self.branches, TRUNK: self.trunk}

    @property
    def names(self) -> dict[str, tuple[str, ...]]:
        """The layers' names by chain: all that a placement needs to know."""
        return {chain: tuple(layer.name for layer in layers) for chain, layers in self.chains.items()}

    @property
    def entries(self) -> tuple[str, ...]:
        """The chains that take the network's views."""
        return tuple(self.branches) or (TRUNK,)


def stages_of(network: nn.Module) -> Stages:
    """The chains of `network`.

    Raises:
        ConfigError: It does not say what its layers are, or holds weights that stand in none of them.
    """
    if isinstance(network, Branched):
        branches = {name: _layers(layers) for name, layers in network.branches().items()}
        found = Stages(branches, _layers(network.trunk()), network.merge)
    elif isinstance(network, Staged):
        found = Stages({}, _layers(network.stages()))
    else:
        raise ConfigError(
            f"a {type(network).__name__}, which does not say what its layers are",
            "a network with branches() and trunk(), or with stages()",
            "leave the placement away, or choose a network that can be split, such as two-branch",
        )
    _check(network, found)
    return found


def views_of(network: nn.Module, views: Sequence[Tensor]) -> dict[str, Tensor]:
    """What each chain takes that takes a view, of all `views` that the network takes."""
    if isinstance(network, Sorting):
        first, second = views
        return dict(network.by_branch(first, second))
    return dict(zip(stages_of(network).entries, views, strict=True))


def _layers(told: Sequence[tuple[str, nn.Module]]) -> tuple[Layer, ...]:
    return tuple(Layer(name, module) for name, module in told)


def _check(network: nn.Module, found: Stages) -> None:
    """Every chain has layers with names of their own, and every weight stands in one of them."""
    for chain, names in found.names.items():
        assert names and len(set(names)) == len(names), f"layers {names} of {chain}"
    held = [id(weight) for layer in _every(found) for weight in layer.module.parameters()]
    assert len(set(held)) == len(held), "a weight that stands in two layers"
    if foreign := [name for name, weight in network.named_parameters() if id(weight) not in set(held)]:
        raise ConfigError(
            f"weights {', '.join(foreign)} of a {type(network).__name__} that stand in none of its layers",
            "all weights in the layers of branches() and trunk(), or of stages()",
            "leave the placement away",
        )


def _every(found: Stages) -> Iterator[Layer]:
    for layers in found.chains.values():
        yield from layers

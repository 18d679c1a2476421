"""Sums through which gradients flow: alone they are the value; what ranks add is held by tests/same_answer."""

from __future__ import annotations

import torch

from landweave.parallel.total import _Total, sum_over_ranks
from landweave.parallel.world import World


class Doubled(World):
    """Two ranks that hold the same."""

    def sum(self, value: torch.Tensor) -> torch.Tensor:
        return value.detach() * 2


def test_alone_the_sum_is_the_value() -> None:
    value = torch.rand(3, requires_grad=True)
    assert sum_over_ranks(value, World()) is value


def test_gradients_of_all_ranks_are_added() -> None:
    value = torch.tensor([1.0, 3.0], requires_grad=True)
    total = sum_over_ranks(value, Doubled(size=2))
    assert total.tolist() == [2, 6]
    (total * torch.tensor([1.0, 10.0])).sum().backward()  # type: ignore[no-untyped-call]
    assert value.grad is not None
    assert value.grad.tolist() == [2, 20]


def test_it_can_be_differentiated_once_more() -> None:
    assert _Total.apply(torch.ones(1, requires_grad=True), Doubled(size=2)).requires_grad  # type: ignore[no-untyped-call]

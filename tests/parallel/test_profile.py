"""What layers cost here: bytes that can be counted by hand, and seconds that are there."""

from __future__ import annotations

import json

import pytest
import torch
from tests.parallel import splitting
from torch import nn

from landweave.parallel import profile
from landweave.parallel.profile import LayerCost, Profile, Trial
from landweave.parallel.stages import stages_of

TRIAL = Trial((2, 4), 1, lambda module: torch.optim.Adam(module.parameters()), torch.device("cpu"))


class Chain(nn.Module):
    """Layers whose bytes one can count."""

    def __init__(self) -> None:
        super().__init__()
        self.one = nn.Linear(10, 20, bias=False)
        self.two = nn.ReLU()
        self.three = nn.Linear(20, 5, bias=False)

    def stages(self) -> tuple[tuple[str, nn.Module], ...]:
        return ("one", self.one), ("two", self.two), ("three", self.three)


@pytest.fixture(scope="module")
def found() -> Profile:
    return profile.measure(stages_of(Chain()), {"trunk": torch.ones(4, 10)}, TRIAL)


def test_bytes_are_those_of_the_tensors(found: Profile) -> None:
    costs = found.chains["trunk"]
    assert [costs[name].out_bytes for name in ("one", "two", "three")] == [80, 80, 20]
    assert [costs[name].weight_bytes for name in costs] == [800, 0, 400]
    assert [costs[name].gradient_bytes for name in costs] == [800, 0, 400]
    # Adam keeps two numbers a weight, and the number of its steps.
    assert [costs[name].state_bytes for name in costs] == [1604, 0, 804]


def test_what_two_layers_keep_is_counted_once(found: Profile) -> None:
    costs = found.chains["trunk"]
    # The first layer keeps its input, the rectifier its output, which is also what the third would keep.
    assert [costs[name].kept_bytes for name in costs] == [40, 80, 0]


def test_seconds_are_there_and_never_below_zero(found: Profile) -> None:
    for cost in found.chains["trunk"].values():
        assert min(cost.forward_s, cost.forward_sample_s, cost.backward_s, cost.backward_sample_s, cost.add_s) >= 0
        assert cost.passed_s(4) > 0
        assert cost.returned_s(4) > 0
    assert found.chains["trunk"]["one"].update_s > 0
    assert found.chains["trunk"]["two"].update_s == 0
    assert found.base_bytes > 1e6


def test_branches_and_trunk_are_tried_on_what_comes_before_them() -> None:
    network = splitting.TwoViews()
    found = profile.measure(stages_of(network), splitting.views(4), TRIAL)
    assert found.names == stages_of(network).names
    joined = sum(found.chains[name]["flatten"].out_bytes for name in ("hsi", "rgb"))
    assert found.chains["trunk"]["dense1"].weight_bytes >= joined
    again = profile.heard(json.loads(json.dumps(found.told())))
    assert again == found


@pytest.mark.parametrize(
    ("small_s", "large_s", "line"),
    [(2.0, 4.0, (0.0, 1.0)), (3.0, 5.0, (1.0, 1.0)), (3.0, 2.0, (3.0, 0.0)), (1.0, 4.0, (0.0, 1.0))],
)
def test_a_line_through_two_sizes_never_falls_below_zero(
    small_s: float, large_s: float, line: tuple[float, float]
) -> None:
    assert profile._line(2, 4, small_s, large_s) == line
    assert profile._line(2, 2, small_s, small_s) == (0.0, small_s / 2)


def test_weights_that_do_not_learn_have_no_gradients() -> None:
    network = Chain()
    network.one.weight.requires_grad_(False)
    found = profile.measure(stages_of(network), {"trunk": torch.ones(4, 10)}, TRIAL).chains["trunk"]
    assert (found["one"].weight_bytes, found["one"].gradient_bytes, found["one"].update_s) == (800, 0, 0)
    assert found["one"].returned_s(4) == found["two"].returned_s(4) == 0
    assert found["three"].returned_s(4) > 0


def test_a_cost_of_nothing() -> None:
    assert LayerCost().passed_s(5) == LayerCost().returned_s(5) == 0

"""What one rank holds of a network, and the pipeline of one rank; several ranks are compared in same_answer/."""

from __future__ import annotations

import pytest
import torch
from tests.parallel import splitting
from torch import Tensor, nn
from torch.nn import functional

from landweave.errors import ConfigError
from landweave.parallel.branch import Branch, Segment, Way, hold, segments
from landweave.parallel.pipeline import Pipeline, Seat, place, take_seat
from landweave.parallel.placement import parse, resolve, whole
from landweave.parallel.stages import TRUNK, stages_of
from landweave.parallel.traffic import Counter
from landweave.parallel.world import World

LINES = {"hsi": "0: ..norm1; 2", "rgb": "1", TRUNK: "2: ..dense1; 3"}
SIZES = (3, 2, 3)


def test_a_rank_holds_its_layers_and_no_other_weights() -> None:
    whole_one = splitting.TwoViews().state_dict()
    held: dict[str, Tensor] = {}
    for rank in range(4):
        network = splitting.TwoViews()
        hold(network, parse(LINES, stages_of(network).names), rank)
        mine = network.state_dict()
        assert not held.keys() & mine.keys()
        # A state of the whole network fits, and what belongs to other ranks is not asked for.
        network.load_state_dict({name: whole_one[name] for name in mine})
        assert {name for name, _ in network.named_parameters()} <= mine.keys()
        held |= mine
    assert held.keys() == whole_one.keys()


def test_segments_know_where_activations_come_from_and_go() -> None:
    found = stages_of(splitting.TwoViews())
    placement = parse(LINES, found.names)
    first, second, third, last = (segments(found, placement, rank) for rank in range(4))
    assert [segment.name for segment in third] == ["hsi.conv2..flatten", "trunk.dropout..dense1"]
    assert first[0].comes == () and second[0].comes == ()
    assert first[0].goes == third[0].comes[0]
    assert first[0].goes and first[0].goes.is_cut and first[0].goes.name == "hsi.norm1"
    assert [way.name for way in third[1].comes] == ["hsi.flatten", "rgb.flatten"]
    assert [way.is_cut for way in third[1].comes] == [False, True]
    assert third[1].merge == found.merge and third[0].merge is None and last[0].merge is None
    assert last[0].goes is None and last[0].name == "trunk.dense2"
    ways = [segment.goes.number for rank in (first, second, third, last) for segment in rank if segment.goes]
    assert len(set(ways)) == len(ways) == 4


def test_a_run_may_begin_with_a_layer_that_changes_its_input() -> None:
    segment = Segment(TRUNK, "relu", (nn.ReLU(inplace=True),), stages_way(), None)
    branch, given = Branch([segment], Counter()), torch.tensor([-1.0, 2.0])
    passed = branch.forward(segment, [given])
    assert given.tolist() == [-1, 2] and passed.output.tolist() == [0, 2]
    (gradient,) = branch.backward(segment, passed, torch.tensor([5.0, 7.0]))
    assert gradient.tolist() == [0, 7]


def stages_way() -> tuple[Way, ...]:
    """A way into a segment."""
    found = stages_of(splitting.Chain())
    return segments(found, parse({TRUNK: "0: ..conv1; 1"}, found.names), 1)[0].comes


def test_what_nothing_depends_on_has_a_gradient_of_zeros() -> None:
    class Constant(nn.Module):
        def forward(self, values: Tensor) -> Tensor:
            return torch.ones(2, requires_grad=True)

    segment = Segment(TRUNK, "constant", (Constant(),), stages_way(), None)
    branch = Branch([segment], Counter())
    passed = branch.forward(segment, [torch.ones(3)])
    assert branch.backward(segment, passed, torch.ones(2))[0].tolist() == [0, 0, 0]


def alone(network: nn.Module) -> Pipeline:
    return place(network, take_seat(whole(stages_of(network).names), World()))


def test_one_rank_adds_up_the_gradients_of_micro_batches() -> None:
    torch.manual_seed(0)
    network, target = splitting.TwoViews(), torch.arange(3) % splitting.CLASSES
    other = splitting.TwoViews()
    other.load_state_dict(network.state_dict())
    views = [splitting.views(size, seed) for seed, size in enumerate(SIZES)]
    begun: list[int] = []
    pipeline = alone(network.eval())
    pipeline.train(
        views, SIZES, begun.append, lambda micro, scores: functional.cross_entropy(scores, target[: SIZES[micro]])
    )
    assert begun == [0, 1, 2]
    for size, view in zip(SIZES, views, strict=True):
        functional.cross_entropy(other.eval()(*view.values()), target[:size]).backward()
    for one, two in zip(network.parameters(), other.parameters(), strict=True):
        assert one.grad is not None and two.grad is not None
        assert torch.allclose(one.grad, two.grad, atol=1e-7)
    counted = pipeline.counter.take()
    assert counted.steps == 1 and counted.num_sent == 0
    assert {phase for _, phase in counted.device_s} == {"forward", "backward"}


def test_one_rank_scores_as_the_network_does() -> None:
    network = splitting.Chain().eval()
    pipeline, views = alone(network), splitting.views(5)["hsi"]
    wanted = network(views)
    assert torch.equal(pipeline.score({TRUNK: views}, 5), wanted)  # type: ignore[arg-type]
    parts = [(({TRUNK: part}), len(part)) for part in views.split(2)]
    assert torch.allclose(torch.cat([*pipeline.scores(parts)]), wanted, atol=1e-6)  # type: ignore[arg-type]
    assert list(pipeline.scores([])) == []


def test_a_seat_among_replicas() -> None:
    placement = resolve("baseline", stages_of(splitting.TwoViews()).names)
    seat = Seat(placement, World(5, 6), World(2, 3), World(1, 2))
    assert (seat.rank, seat.ends) == (2, True)
    assert [seat.among_all(rank) for rank in range(3)] == [3, 4, 5]


def test_too_few_ranks_are_refused() -> None:
    with pytest.raises(ConfigError) as refused:
        take_seat(resolve("baseline", stages_of(splitting.TwoViews()).names), World())
    assert "3 ranks, started on 1" in refused.value.given
    assert "a multiple" in refused.value.expected
    assert "start 3 ranks" in refused.value.do

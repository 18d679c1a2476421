"""The step of a placed network where one rank holds it all: that of one process, and how its state is told apart."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.parallel import splitting
from torch import Tensor

from landweave.config import check
from landweave.errors import ConfigError
from landweave.legend import IGNORE
from landweave.parallel.branch import hold
from landweave.parallel.pipeline import take_seat
from landweave.parallel.placement import parse, whole
from landweave.parallel.stages import TRUNK, stages_of
from landweave.parallel.world import World
from landweave.recipe.recipe import TrainRecipe
from landweave.train import checkpoint
from landweave.train.loop import Parted
from landweave.train.optim import OptimiserTable
from landweave.train.placed import Placed, _trained
from landweave.train.prepare import Batch
from landweave.train.step import Supervised

SIZES = ((4, 4), (3, 2))


def how(**changed: Any) -> dict[str, Any]:
    table = OptimiserTable(rate=1e-2, clip_norm=changed.pop("clip_norm", 0.0))
    return {"table": table, "task": "patches", "num_classes": splitting.CLASSES, **changed}


def chain() -> splitting.Chain:
    torch.manual_seed(3)
    return splitting.Chain()


def placed(network: torch.nn.Module | None = None, **changed: Any) -> Placed:
    network = network or chain()
    return Placed(network, take_seat(whole(stages_of(network).names), World()), **how(**changed))


def batch(num: int = 7, task: str = "patches", sizes: tuple[tuple[int, int], ...] = SIZES) -> Batch:
    """Two micro-batches, the second with one sample that only fills up."""
    random = torch.Generator().manual_seed(num)
    target = torch.randint(splitting.CLASSES, (num,), generator=random)
    if task == "multilabel":
        target = torch.randint(2, (num, splitting.CLASSES), generator=random)
    weight = (torch.arange(num) < 6).float()
    target[-1] = IGNORE
    return Batch(torch.randn(num, 6, 4, 4, generator=random), target, weight, torch.arange(num), 6, sizes)


@pytest.mark.parametrize("clip_norm", [0.0, 0.05])
@pytest.mark.parametrize("task", ["patches", "multilabel"])
def test_an_update_is_that_of_one_process(task: str, clip_norm: float) -> None:
    made = how(task=task, clip_norm=clip_norm)
    one, other = placed(**made), Supervised(chain(), world=World(), **made)
    for _ in range(3):
        told, wanted = (step.update(batch(task=task), 0.5) for step in (one, other))
        assert torch.equal(told["loss"], wanted["loss"]) and torch.equal(told["loss_share"], wanted["loss_share"])
    weights = [step.networks["main"].state_dict() for step in (one, other)]
    assert all(torch.equal(values, weights[1][name]) for name, values in weights[0].items())
    assert one.optimisers["main"].param_groups[0]["lr"] == 0.5 * 1e-2


@pytest.mark.parametrize("task", ["patches", "multilabel"])
def test_judging_is_that_of_one_process(task: str) -> None:
    one, other = placed(task=task), Supervised(chain(), world=World(), **how(task=task))
    mine, wanted = (step.judge(batch(task=task)) for step in (one, other))
    assert mine.keys() == wanted.keys()
    assert all(torch.equal(values, wanted[name]) for name, values in mine.items())
    assert one.figures(mine) == other.figures(wanted)


def test_thresholds_are_those_of_one_process() -> None:
    one, other = placed(task="multilabel"), Supervised(chain(), world=World(), **how(task="multilabel"))
    batches = [batch(num, "multilabel", ()) for num in (6, 7)]
    assert one.thresholds(batches) == other.thresholds(batches)


@pytest.mark.parametrize("task", ["patches", "multilabel"])
def test_ranks_without_scores_give_zeros_of_the_same_shapes(task: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """All ranks add up the same names at the same time."""
    step = placed(task=task)
    wanted = step.judge(batch(task=task))
    monkeypatch.setattr(step.pipeline, "score", lambda views, size: None)
    blank = step.judge(batch(task=task))
    assert blank.keys() == wanted.keys()
    for name, values in blank.items():
        assert values.shape == wanted[name].shape and values.dtype == wanted[name].dtype
        assert not values.any()


def test_dropout_draws_from_the_keys_of_samples() -> None:
    torch.manual_seed(1)
    first, second = splitting.views(4).values()
    given = Batch(first, torch.arange(4), torch.ones(4), torch.arange(4), 4, (), beside=second)
    steps = [placed(splitting.TwoViews()) for _ in range(2)]
    steps[1].networks["main"].load_state_dict(steps[0].networks["main"].state_dict())
    losses = []
    for seed, step in enumerate(steps):
        torch.manual_seed(seed)
        losses.append(float(step.update(given, 1.0)["loss"]))
    assert losses[0] == losses[1]


def test_the_loop_knows_a_step_whose_state_is_spread() -> None:
    assert isinstance(placed(), Parted)
    assert not isinstance(Supervised(chain(), world=World(), **how()), Parted)


def state(step: Placed) -> dict[str, Tensor]:
    tensors = checkpoint.network_tensors(step.networks) | checkpoint.optimiser_tensors(step.optimisers)
    return tensors | checkpoint.network_tensors(step.networks, "best")


def test_where_all_is_held_the_state_is_its_own() -> None:
    step = placed()
    step.update(batch(), 1.0)
    held = state(step)
    assert any(name.startswith("optimisers/") for name in held)
    assert step.gathered(held).keys() == held.keys()
    assert step.own(held).keys() == held.keys()
    step.spread()


def test_a_part_of_the_state_is_numbered_as_in_the_whole() -> None:
    """Weights of an optimiser are known by number: of a rank's own layers as of all."""
    whole_one, step = placed(), placed()
    whole_one.update(batch(), 1.0)
    every = state(whole_one)
    # As if this rank held the end alone.
    network = step.networks["main"]
    names = _trained(network)
    hold(network, parse({TRUNK: "0: ..conv2; 1"}, stages_of(network).names), 1)
    step._numbers = {str(mine): str(names.index(name)) for mine, name in enumerate(_trained(network))}
    mine = step.own(every)
    held = network.state_dict().keys()
    assert {name.split("/")[2] for name in mine if name.startswith("networks/")} == set(held)
    assert {name.split("/")[2] for name in mine if name.startswith("best/")} == set(held)
    numbers = {name.split("/")[2] for name in mine if name.startswith("optimisers/")}
    assert numbers == {str(number) for number in range(len(_trained(network)))}
    back = {step._renamed(name, step._numbers): values for name, values in mine.items()}
    assert back.keys() <= every.keys()
    assert all(torch.equal(values, every[name]) for name, values in back.items())


@pytest.mark.parametrize(
    "changed", [{"compile": True}, {"compression": "powersgd"}, {"network": "forest"}, {"network": "svm"}]
)
def test_what_a_placement_cannot_be_joined_with_is_refused(changed: dict[str, Any]) -> None:
    values = {"archive": "a", "network": "resnet18", "task": "patches", "placement": {"trunk": "0"}, **changed}
    with pytest.raises(ConfigError) as refused:
        check(TrainRecipe, values, "recipe.toml")
    assert "a placement without compile, compression or a classical model" in str(refused.value)


def test_a_digest_tells_weights_names_and_shapes_apart() -> None:
    one = chain()
    assert checkpoint.digest(one) == checkpoint.digest(chain())
    with torch.no_grad():
        one.dense.bias[0] += 1e-6
    assert checkpoint.digest(one) != checkpoint.digest(chain())
    assert checkpoint.digest(torch.nn.Linear(2, 3)) != checkpoint.digest(torch.nn.Linear(3, 2))
    assert checkpoint.digest(torch.nn.Flatten()) == checkpoint.digest(torch.nn.ReLU())

"""The whole state comes back, or an error says why not."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from landweave.errors import CheckpointError, OutputError
from landweave.train import checkpoint
from landweave.train.checkpoint import Checkpoint, Saver, every, load, save
from landweave.train.optim import OptimiserTable, build


def network(width: int = 4) -> nn.Sequential:
    torch.manual_seed(0)
    made = nn.Sequential(nn.Conv2d(3, width, 3), nn.BatchNorm2d(width), nn.Conv2d(width, 2, 1))
    return made.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def step(made: nn.Module, optimiser: torch.optim.Optimizer, seed: int) -> None:
    x = torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(seed))
    optimiser.zero_grad()
    made(x).square().mean().backward()
    optimiser.step()


def state(made: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, torch.Tensor]:
    return {
        **checkpoint.network_tensors({"main": made}),
        **checkpoint.optimiser_tensors({"main": optimiser}),
    }


def simple(number: float = 0.1) -> Checkpoint:
    return Checkpoint({"a/b": torch.arange(3)}, {"standing": {"best": number}})


@pytest.mark.parametrize("name", ["adamw", "adam", "sgd"])
def test_training_goes_on_as_if_it_had_not_been_stopped(tmp_path: Path, name: Any) -> None:
    table = OptimiserTable(name=name, rate=0.01)
    whole, stopped, fresh = network(), network(), network(width=4)
    optimisers = [build(table, made) for made in (whole, stopped, fresh)]
    for seed in range(6):
        step(whole, optimisers[0], seed)
    for seed in range(3):
        step(stopped, optimisers[1], seed)
    path = save(tmp_path, 3, Checkpoint(state(stopped, optimisers[1]), {}))
    back = load(path).tensors
    checkpoint.put_networks({"main": fresh}, back, path)
    checkpoint.put_optimisers({"main": optimisers[2]}, back)
    for seed in range(3, 6):
        step(fresh, optimisers[2], seed)
    left, right = state(whole, optimisers[0]), state(fresh, optimisers[2])
    assert left.keys() == right.keys()
    assert len(left) > len(whole.state_dict())
    assert all(torch.equal(left[key], right[key]) for key in left)


def test_tensors_are_copies_of_the_moment() -> None:
    made = network()
    optimiser = build(OptimiserTable(), made)
    before = state(made, optimiser)
    kept = {name: tensor.clone() for name, tensor in before.items()}
    step(made, optimiser, 0)
    assert all(torch.equal(before[name], kept[name]) for name in kept)


def test_facts_come_back_to_the_last_bit(tmp_path: Path) -> None:
    number = 0.1 + 0.2
    assert load(save(tmp_path, 1, simple(number))).facts["standing"]["best"] == number


def test_only_the_newest_are_kept_and_order_is_by_step(tmp_path: Path) -> None:
    for number in (9, 10, 100):
        save(tmp_path, number, simple())
    assert [path.name for path in every(tmp_path)] == ["step-00000010", "step-00000100"]
    assert every(tmp_path / "nowhere") == []


def test_the_same_step_may_be_saved_again(tmp_path: Path) -> None:
    save(tmp_path, 1, simple(1.0))
    assert load(save(tmp_path, 1, simple(2.0))).facts["standing"]["best"] == 2.0


def test_another_network_is_refused_in_three_parts(tmp_path: Path) -> None:
    made, other = network(), network(width=5)
    path = save(tmp_path, 1, Checkpoint(checkpoint.network_tensors({"main": made}), {}))
    with pytest.raises(CheckpointError) as refused:
        checkpoint.put_networks({"main": other}, load(path).tensors, path)
    assert "another network" in refused.value.given and str(path) in refused.value.given
    assert "network main" in refused.value.expected
    assert "-o" in refused.value.do


def test_a_missing_checkpoint_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError) as refused:
        load(tmp_path / "step-00000001")
    assert "step-00000001" in refused.value.given
    assert "as landweave wrote it" in refused.value.expected
    assert "remove" in refused.value.do


def test_a_saver_writes_while_others_work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    may_write, honest = threading.Event(), checkpoint.save

    def slow(*arguments: Any) -> Path:
        assert may_write.wait(10)
        return honest(*arguments)

    monkeypatch.setattr(checkpoint, "save", slow)
    saver = Saver(tmp_path)
    saver.save(1, simple())
    assert every(tmp_path) == []
    may_write.set()
    saver.save(2, simple())
    saver.close()
    assert [path.name for path in every(tmp_path)] == ["step-00000001", "step-00000002"]


def test_what_goes_wrong_in_writing_is_raised_at_the_next_save(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    saver = Saver(tmp_path / "file")
    saver.save(1, simple())
    with pytest.raises(OutputError):
        saver.save(2, simple())
    saver.close()


def test_saved_at_once_it_is_there(tmp_path: Path) -> None:
    saver = Saver(tmp_path)
    saver.save(7, simple(), at_once=True)
    assert [path.name for path in every(tmp_path)] == ["step-00000007"]
    saver.close()

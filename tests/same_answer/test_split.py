"""A network on two to five ranks learns what it learns on one: the same losses, gradients, weights and scores."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tests.parallel import launching
from tests.same_answer import split_ranks
from tests.same_answer.split_ranks import CASES, STEPS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one, two, three, four and five ranks found."""
    found = tmp_path_factory.mktemp("split")
    for num in sorted({1, *(case.ranks for case in CASES.values())}):
        launching.ranks(num, split_ranks.__file__, found)
    return found


@pytest.mark.parametrize("name", CASES)
def test_where_layers_stand_changes_nothing(folder: Path, name: str) -> None:
    """Up to rounding: gradients that branches share lie otherwise in memory, replicas add them up in another order."""
    case = CASES[name]
    one, several = (load_file(folder / f"{name}.{num}") for num in (1, case.ranks))
    assert one.keys() == several.keys()
    assert sum(key.startswith("loss/") for key in one) == STEPS
    assert len({float(one[f"loss/{step}"]) for step in range(STEPS)}) == STEPS
    assert sum(key.startswith("grad/") for key in one) >= 6
    replicas = case.placed == "whole" or "replicas" in name
    for key, values in one.items():
        # Each replica has running means of its own, and goes on with those of the first.
        if replicas and not case.over_ranks and ("running" in key or "tracked" in key or key == "found/scores"):
            continue
        assert torch.allclose(values.double(), several[key].double(), rtol=1e-4, atol=1e-6), key


@pytest.mark.parametrize("name", ["chain of two", "a rank without weights", "chain of four"])
def test_a_chain_gives_the_same_bits(folder: Path, name: str) -> None:
    one, several = (load_file(folder / f"{name}.{num}") for num in (1, CASES[name].ranks))
    assert all(torch.equal(values, several[key]) for key, values in one.items())


def test_schedules_give_the_same_bits(folder: Path) -> None:
    one, other = (load_file(folder / f"{name}.3") for name in ("baseline, micro-batches", "baseline, GPipe"))
    assert all(torch.equal(values, other[key]) for key, values in one.items())


@pytest.mark.parametrize(("what", "given"), [("weights", "weights to begin with"), ("version", "version of landweave")])
def test_ranks_that_differ_are_refused_before_the_first_step(folder: Path, what: str, given: str) -> None:
    for rank in range(2):
        said = (folder / f"{what}.{rank}").read_text()
        assert f"another {given}" in said and "on rank 1 than on rank 0" in said
        assert f"the same {given}" in said and "on all 2 ranks" in said
        assert "every rank the same files" in said

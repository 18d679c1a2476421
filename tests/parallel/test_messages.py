"""Forms of tensors that travel, and what keeps messages apart; what only several ranks can show is in same_answer/."""

from __future__ import annotations

import itertools

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from landweave.parallel.messages import Form, Post, Wire, _dense, _flat, gather
from landweave.parallel.traffic import KINDS, Counter
from landweave.parallel.world import World

LAID_OUT = {
    "rows": torch.arange(24.0).view(2, 3, 4),
    "channels last": torch.arange(120.0).view(2, 3, 4, 5).contiguous(memory_format=torch.channels_last),
    "channels last 3d": torch.arange(96.0).view(2, 2, 2, 3, 4).contiguous(memory_format=torch.channels_last_3d),
    "turned": torch.arange(6).view(2, 3).T,
    "one number": torch.tensor(3.5),
    "half": torch.arange(4, dtype=torch.bfloat16),
    "behind another": torch.arange(10.0)[4:],
}


@pytest.mark.parametrize("kind", LAID_OUT)
def test_what_comes_lies_in_memory_as_what_was_sent(kind: str) -> None:
    sent = LAID_OUT[kind]
    assert _dense(sent) is sent
    room = Form.heard(Form.of(sent).told()).empty()
    _flat(room).copy_(_flat(sent))
    assert torch.equal(room, sent)
    assert room.stride() == sent.stride() and room.dtype == sent.dtype


@given(sizes=st.lists(st.integers(1, 4), max_size=5), seed=st.integers(0, 9))
def test_forms_are_told_and_heard(sizes: list[int], seed: int) -> None:
    places = torch.randperm(len(sizes), generator=torch.Generator().manual_seed(seed)).tolist()
    form = Form.of(torch.zeros(sizes).permute(places))
    assert Form.heard(form.told()) == form


def gaps() -> list[Tensor]:
    return [torch.arange(12.0).view(3, 4)[:, :2], torch.ones(()).expand(2, 3), torch.arange(9.0)[::2]]


@pytest.mark.parametrize("values", gaps())
def test_what_has_gaps_is_copied_without(values: Tensor) -> None:
    made = _dense(values)
    assert torch.equal(made, values)
    assert _flat(made).tolist() == values.flatten().tolist()


@pytest.mark.parametrize("values", gaps())
def test_gradients_are_laid_out_as_the_activation_was(values: Tensor) -> None:
    form = Form.of(torch.empty(values.shape[::-1]).permute(*range(values.dim() - 1, -1, -1)))
    made = form.fit(values)
    assert torch.equal(made, values) and Form.of(made) == form
    assert form.fit(made) is made


def test_no_two_wires_have_one_tag() -> None:
    wires = [Wire("a", number, 1, kind) for number, kind in itertools.product(range(5), KINDS)]
    tags = [tag for wire in wires for tag in {wire.tag}] + [wire.header for wire in wires[:: len(KINDS)]]
    assert len(set(tags)) == len(tags)
    # Messages that belong to no wire have the tag 0, as torch gives it.
    assert 0 not in tags


def test_alone_nothing_is_sent() -> None:
    post = Post(World(), Counter())
    post.expect([])
    post.settle()
    tensors = {"a": torch.ones(2)}
    assert gather(World(), tensors) == tensors
    assert post.counter.take().num_sent == 0

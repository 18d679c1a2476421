"""Batches of pairs: each view by its own statistics, one symmetry for both, one mask on the pixels of each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from landweave.legend import IGNORE
from landweave.train.draw import dihedral, sample_keys
from landweave.train.loader import Mix, Part
from landweave.train.pairs import PreparePair
from landweave.train.prepare import Batch, Prepare, View, turn

NUM, FINE_PX, COARSE_PX = 6, 4, 2
CPU = torch.device("cpu")
FIRST = View("fine", 0.5, ("R",), (1.0,), (0.0,))
SECOND = View("coarse", 1.0, ("H1", "H2"), (0.5, 1.0), (1.0, 0.0))


def pair(augment: bool = False) -> PreparePair:
    first = Prepare(
        [FIRST], ("R",), mean=[10.0], std=[2.0], task="patches", device=CPU, channels_last=False, augment=augment
    )
    second = Prepare(
        [SECOND], ("H1", "H2"), mean=[0.0, 5.0], std=[1.0, 4.0], task="patches", device=CPU, channels_last=False,
        augment=augment,
    )  # fmt: skip
    return PreparePair(first, second, FINE_PX // COARSE_PX)


def arrays(num: int = NUM) -> dict[str, np.ndarray]:
    generator = np.random.default_rng(0)
    valid = np.ones((num, COARSE_PX, COARSE_PX), bool)
    valid[1, 0, 0] = False
    return {
        "fine": generator.integers(0, 200, (num, 1, FINE_PX, FINE_PX)).astype(np.uint8),
        "coarse": generator.integers(0, 900, (num, 2, COARSE_PX, COARSE_PX)).astype(np.uint16),
        "classes": np.eye(3, dtype=np.uint8)[np.arange(num) % 3],
        "valid": valid.repeat(2, 1).repeat(2, 2),
    }


def part(num: int = NUM, weight: np.ndarray | None = None) -> Part:
    samples = np.arange(num)
    return Part(samples, sample_keys(1, 0, samples), np.ones(num, np.float32) if weight is None else weight)


def test_each_view_has_its_own_statistics_and_encoding() -> None:
    given = arrays()
    batch = pair()(part(), given, training=False)
    assert batch.beside is not None
    assert torch.equal(batch.values[0], (torch.from_numpy(given["fine"][0]).float() - 10) / 2)
    wanted = torch.from_numpy(given["coarse"][0].astype(np.float32))
    assert torch.allclose(batch.beside[0, 0], wanted[0] * 0.5 + 1)
    assert torch.allclose(batch.beside[0, 1], (wanted[1] - 5) / 4)


def test_what_is_not_valid_is_the_mean_in_both() -> None:
    batch = pair()(part(), arrays(), training=False)
    assert batch.beside is not None
    assert (batch.values[1, :, :2, :2] == 0).all()
    assert (batch.beside[1, :, 0, 0] == 0).all()
    assert (batch.values[0] != 0).any()


def test_targets_weights_and_keys_are_those_of_one_view() -> None:
    weight = np.array([1, 1, 1, 1, 1, 0], np.float32)
    batch = pair()(part(weight=weight), arrays(), training=False)
    assert batch.target.tolist() == [0, 1, 2, 0, 1, IGNORE]
    assert batch.weight.tolist() == weight.tolist()
    assert batch.num_samples == 5


def test_both_views_are_turned_alike_in_training_and_not_at_all_in_judging() -> None:
    made = pair(augment=True)
    plain, turned = made(part(), arrays(), training=False), made(part(), arrays(), training=True)
    assert plain.beside is not None
    assert turned.beside is not None
    hows = dihedral(part().keys)
    assert len(set(hows.tolist())) > 2
    for index, how in enumerate(hows.tolist()):
        assert torch.equal(turned.values[index], turn(plain.values[index], how))
        assert torch.equal(turned.beside[index], turn(plain.beside[index], how))


def test_both_views_of_a_pair_of_samples_are_blended_by_one_share() -> None:
    num = 3
    own = part(num)
    mix = Mix(np.arange(3, 6), sample_keys(1, 0, np.arange(3, 6)), np.array([1.0, 0.0, 0.25], np.float32))
    mixed = pair()(Part(own.samples, own.keys, own.weight, (), mix), arrays(), training=True)
    plain = pair()(part(), arrays(), training=True)
    assert mixed.beside is not None
    assert plain.beside is not None
    for index, share in enumerate((1.0, 0.0, 0.25)):
        for blended, both in ((mixed.values, plain.values), (mixed.beside, plain.beside)):
            wanted = share * both[index] + (1 - share) * both[index + num]
            assert torch.allclose(blended[index], wanted, atol=1e-5)


@pytest.mark.parametrize("with_second", [False, True])
def test_views_of_a_batch(with_second: bool) -> None:
    values, beside = torch.zeros(4, 1, 2, 2), torch.ones(4, 2, 1, 1)
    own = torch.zeros(4, dtype=torch.int64), torch.ones(4), torch.arange(4)
    batch = Batch(values, *own, 4, ((2, 2), (2, 2)), beside=beside if with_second else None)
    assert len(batch.views) == 1 + with_second
    pieces = list(batch.micro_batches())
    assert [piece.num_samples for piece in pieces] == [2, 2]
    assert all((piece.beside is not None) == with_second for piece in pieces)
    assert all(len(view) == 2 for piece in pieces for view in piece.views)

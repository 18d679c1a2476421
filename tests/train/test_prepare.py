"""From stored numbers to what a network takes."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional

from landweave.train.loader import Mix, Part
from landweave.train.prepare import Prepare, View, single_label, turn

CPU = torch.device("cpu")
FINE = View("data_10m", 10.0, ("B04", "B03"), (0.0001, 0.0002), (-0.1, 0.5))
COARSE = View("data_20m", 20.0, ("B05",), (0.001,), (0.0,))
MEAN, STD = {"B04": 0.2, "B03": 1.0, "B05": 3.0}, {"B04": 0.1, "B03": 0.5, "B05": 2.0}


def prepare(bands: tuple[str, ...] = ("B04", "B03", "B05"), **changed: Any) -> Prepare:
    mean, std = [MEAN[name] for name in bands], [STD[name] for name in bands]
    return Prepare([COARSE, FINE], bands, **{"mean": mean, "std": std, "task": "pixels", "device": CPU, **changed})


def part(num: int, keys: list[int] | None = None) -> Part:
    return Part(np.arange(num), np.array(keys or range(num), np.uint64), np.ones(num, np.float32))


def arrays(num: int = 3, px: int = 8) -> dict[str, np.ndarray[Any, Any]]:
    generator = np.random.default_rng(0)
    return {
        "data_10m": generator.integers(0, 65536, (num, 2, px, px)).astype(np.uint16),
        "data_20m": generator.integers(0, 9000, (num, 1, px // 2, px // 2)).astype(np.uint16),
        "mask": generator.integers(0, 5, (num, px, px)).astype(np.uint8),
        "classes": generator.integers(0, 2, (num, 5)).astype(np.uint8),
        "valid": generator.random((num, px, px)) > 0.2,
    }


def expected(given: dict[str, np.ndarray[Any, Any]]) -> torch.Tensor:
    """The long way, in double precision."""
    fine = torch.from_numpy(given["data_10m"].astype(np.float64)) * torch.tensor([1e-4, 2e-4])[:, None, None].double()
    fine += torch.tensor([-0.1, 0.5])[:, None, None].double()
    coarse = torch.from_numpy(given["data_20m"].astype(np.float64)) * 0.001
    physical = torch.cat([fine, functional.interpolate(coarse, scale_factor=2, mode="bilinear")], 1)
    mean, std = (torch.tensor(list(of.values())).double()[:, None, None] for of in (MEAN, STD))
    return torch.where(torch.from_numpy(given["valid"])[:, None], (physical - mean) / std, 0.0)


def test_numbers_become_normalised_values_on_the_finest_grid() -> None:
    given = arrays()
    batch = prepare()(part(3), given, training=False)
    assert batch.values.numpy() == pytest.approx(expected(given).numpy(), abs=2e-5)
    assert batch.values.is_contiguous(memory_format=torch.channels_last)
    assert batch.num_samples == 3


def test_bands_come_in_the_order_asked_for() -> None:
    given = arrays()
    whole, some = (
        prepare(bands)(part(3), given, training=False).values for bands in (("B04", "B03", "B05"), ("B05", "B04"))
    )
    assert torch.equal(some, whole[:, [2, 0]])


def test_the_mask_ignores_what_is_not_valid() -> None:
    given = arrays()
    target = prepare()(part(3), given, training=False).target.numpy()
    assert (target[~given["valid"]] == 255).all()
    assert (target[given["valid"]] == given["mask"][given["valid"]]).all()


def test_without_valid_everything_is() -> None:
    given = arrays()
    del given["valid"]
    assert torch.equal(prepare()(part(3), given, training=False).target, torch.from_numpy(given["mask"]))


def test_labels_of_patches() -> None:
    given = arrays()
    several = prepare(task="multilabel")(part(3), given, training=False).target
    assert torch.equal(several, torch.from_numpy(given["classes"]))
    given["classes"] = np.array([[0, 1, 0], [0, 0, 0], [1, 1, 0]], np.uint8)
    assert prepare(task="patches")(part(3), given, training=False).target.tolist() == [1, 255, 255]
    assert single_label(torch.eye(4, dtype=torch.uint8)).tolist() == [0, 1, 2, 3]


def test_all_eight_symmetries_are_different_and_each_has_its_inverse() -> None:
    x = torch.arange(9).view(1, 3, 3)
    seen = [tuple(turn(x, how).flatten().tolist()) for how in range(8)]
    assert len(set(seen)) == 8
    for how in range(8):
        assert any(torch.equal(turn(turn(x, how), back), x) for back in range(8))


def test_patches_that_are_no_squares_keep_their_shape() -> None:
    x = torch.arange(12).view(1, 3, 4)
    assert {turn(x, how).shape for how in range(8)} == {(1, 3, 4)}
    assert len({tuple(turn(x, how).flatten().tolist()) for how in range(8)}) == 4


def test_augmenting_turns_every_band_and_the_mask_alike() -> None:
    given = arrays(num=8, px=8)
    # All arrays hold the same picture, so that after turning they must still hold the same one.
    picture = np.repeat(np.repeat(given["data_20m"][:, 0] % 200, 2, 1), 2, 2)
    given["mask"] = picture.astype(np.uint8)
    given["data_10m"] = np.stack([picture, picture], 1).astype(np.uint16)
    given["valid"] = np.ones_like(given["valid"])
    plain, turned = (prepare(augment=True)(part(8), given, training) for training in (False, True))
    assert not torch.equal(plain.target, turned.target)
    numbers = torch.round((turned.values[:, 0] * 0.1 + 0.2 + 0.1) / 0.0001)
    assert torch.equal(numbers, turned.target.float())
    spread = torch.stack([one.flatten().sort().values for one in turned.values[:, 2]])
    assert torch.allclose(spread, torch.stack([one.flatten().sort().values for one in plain.values[:, 2]]), atol=1e-5)


def test_augmentation_belongs_to_the_key_of_the_sample() -> None:
    given = arrays(num=8)
    whole = prepare(augment=True)(part(8), given, training=True)
    some = {name: array[[5, 2]] for name, array in given.items()}
    again = prepare(augment=True)(part(2, keys=[5, 2]), some, training=True)
    assert torch.equal(again.values, whole.values[[5, 2]])
    assert torch.equal(again.target, whole.target[[5, 2]])


def test_a_sample_that_fills_up_is_not_counted() -> None:
    filled = Part(np.arange(3), np.arange(3, dtype=np.uint64), np.array([1, 1, 0], np.float32))
    assert prepare()(filled, arrays(), training=True).num_samples == 2


@pytest.mark.gpu
def test_the_gpu_prepares_what_the_cpu_does() -> None:
    given = arrays()
    here, there = (prepare(device=torch.device(name))(part(3), given, training=False) for name in ("cpu", "cuda"))
    assert there.values.cpu().numpy() == pytest.approx(here.values.numpy(), abs=1e-5)
    assert torch.equal(there.target.cpu(), here.target)


def mixed(num: int = 3) -> Part:
    keys = np.arange(2 * num, dtype=np.uint64)
    share = np.linspace(0.1, 1.0, num, dtype=np.float32)
    return Part(
        np.arange(num), keys[:num], np.ones(num, np.float32), mix=Mix(np.arange(num, 2 * num), keys[num:], share)
    )


@pytest.mark.parametrize("task", ["pixels", "multilabel"])
def test_samples_are_blended_with_their_partners_as_each_would_be_alone(task: Any) -> None:
    """Turned and normalised first, so that a pair is made of what the network would see of each."""
    given, wanted = arrays(6), prepare(task=task, augment=True)
    batch = wanted(mixed(), given, training=True)
    one, other = (
        wanted(part(3, list(keys)), {name: array[place] for name, array in given.items()}, training=True)
        for keys, place in ((range(3), slice(0, 3)), (range(3, 6), slice(3, 6)))
    )
    share = torch.linspace(0.1, 1.0, 3)
    blended = share.view(-1, 1, 1, 1) * one.values + (1 - share).view(-1, 1, 1, 1) * other.values
    assert torch.allclose(batch.values, blended, atol=1e-5)
    assert batch.values.is_contiguous(memory_format=torch.channels_last)
    assert torch.equal(batch.target, one.target)
    assert batch.second is not None and torch.equal(batch.second, other.target)
    weights = [weight.tolist() for _, weight in batch.targets()]
    assert weights[0] == pytest.approx(share.tolist()) and weights[1] == pytest.approx((1 - share).tolist())


def test_micro_batches_are_cut_where_the_part_says_and_know_what_counts() -> None:
    weight = np.array([1, 1, 1, 0, 1, 0], np.float32)
    given = Part(np.arange(6), np.arange(6, dtype=np.uint64), weight, sizes=(2, 2, 2))
    batch = prepare()(given, arrays(6), training=False)
    assert (batch.num_samples, batch.sizes) == (4, ((2, 2), (2, 1), (2, 1)))
    pieces = list(batch.micro_batches())
    assert [piece.num_samples for piece in pieces] == [2, 1, 1]
    assert torch.equal(torch.cat([piece.values for piece in pieces]), batch.values)
    assert torch.equal(torch.cat([piece.keys for piece in pieces]), batch.keys)
    assert [(piece.target[piece.num_samples :] == 255).all() for piece in pieces] == [True] * 3
    assert [len(list(piece.micro_batches())) for piece in pieces] == [1, 1, 1]

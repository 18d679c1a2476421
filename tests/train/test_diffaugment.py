"""Differentiable augmentation: drawn from keys alone, alike for real and fake, with gradients."""

from __future__ import annotations

import pytest
import torch

from landweave.train.diffaugment import POLICIES, Policy, augmented

KEYS = torch.tensor([11, -22, 33, 2**62], dtype=torch.int64)


def images(num: int = 4, px: int = 16) -> torch.Tensor:
    return torch.randn(num, 3, px, px, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_drawn_belongs_to_the_key(policy: Policy) -> None:
    whole = augmented(images(), KEYS, [policy])
    turned = augmented(images().flip(0), KEYS.flip(0), [policy])
    torch.testing.assert_close(whole, turned.flip(0))
    for place in range(4):
        torch.testing.assert_close(
            augmented(images()[place : place + 1], KEYS[place : place + 1], [policy])[0], whole[place]
        )
    assert not torch.allclose(whole, images())


@pytest.mark.parametrize("policy", POLICIES)
def test_gradients_flow(policy: Policy) -> None:
    values = images().requires_grad_()
    augmented(values, KEYS, [policy]).square().sum().backward()  # type: ignore[no-untyped-call]
    assert values.grad is not None
    assert bool(values.grad.isfinite().all())
    assert float((values.grad != 0).float().mean()) > 0.5


def test_color_moves_stretches_and_keeps_its_bounds() -> None:
    flat = torch.zeros(4, 3, 8, 8)
    moved = augmented(flat, KEYS, ["color"])
    # Only brightness changes an image of one value.
    assert len(set(moved[:, 0, 0, 0].tolist())) == 4
    assert float(moved.abs().max()) <= 0.5
    spread = augmented(images(), KEYS, ["color"]).std((1, 2, 3)) / images().std((1, 2, 3))
    assert float(spread.max()) <= 3


def test_translation_moves_by_an_eighth_at_most_and_leaves_zeros() -> None:
    values = images(px=16) + 10
    found = augmented(values, KEYS, ["translation"])
    for one, before in zip(found, values, strict=True):
        moves = [
            (down, right)
            for down in range(-2, 3)
            for right in range(-2, 3)
            if torch.equal(one[:, 2:-2, 2:-2], torch.roll(before, (-down, -right), (1, 2))[:, 2:-2, 2:-2])
        ]
        assert len(moves) == 1
        down, right = moves[0]
        assert int((one[0] == 0).sum()) == 16 * 16 - (16 - abs(down)) * (16 - abs(right))


def test_a_hole_is_a_square_of_half_the_edge() -> None:
    found = augmented(torch.ones(200, 1, 16, 16), torch.arange(200) * 7919, ["cutout"])
    sizes = (found == 0).sum((1, 2, 3))
    assert int(sizes.max()) == 64
    assert int(sizes.min()) >= 16
    holes = (found[int(sizes.argmax())][0] == 0).nonzero()
    assert (holes.amax(0) - holes.amin(0)).tolist() == [7, 7]


def test_without_policies_nothing_changes() -> None:
    assert torch.equal(augmented(images(), KEYS, []), images())

"""Two looks at a patch: drawn from keys alone, within what was asked for."""

from __future__ import annotations

import pytest
import torch

from landweave.train.looks import LooksTable, look

PLAIN = LooksTable(crop=1.0, brightness=0.0, contrast=0.0, bands=0.0, turn=False)


def patches(num: int = 4, seed: int = 0) -> torch.Tensor:
    return torch.randn(num, 3, 16, 16, generator=torch.Generator().manual_seed(seed))


def keys(num: int = 4) -> torch.Tensor:
    return torch.arange(num) * 7919 + 11


def test_a_look_that_changes_nothing_is_the_patch_itself() -> None:
    torch.testing.assert_close(look(patches(), keys(), 0, PLAIN), patches(), atol=1e-5, rtol=1e-5)


def test_a_look_depends_on_key_and_number_alone() -> None:
    table = LooksTable()
    whole = look(patches(), keys(), 1, table)
    alone = torch.cat([look(patches()[i : i + 1], keys()[i : i + 1], 1, table) for i in range(4)])
    torch.testing.assert_close(whole, alone)
    assert not torch.allclose(whole, look(patches(), keys(), 0, table))
    assert not torch.allclose(whole, look(patches(), keys() + 1, 1, table))


def test_turned_looks_are_the_symmetries_of_the_square() -> None:
    table = PLAIN.model_copy(update={"turn": True})
    patch = patches(1)
    many = look(patch.expand(64, -1, -1, -1), torch.arange(64) * 31337, 0, table)
    eight = [torch.rot90(one, quarter, (-2, -1))[0] for one in (patch, patch.flip(-1)) for quarter in range(4)]
    found = {next(i for i, one in enumerate(eight) if torch.allclose(one, seen, atol=1e-4)) for seen in many}
    assert found == set(range(8))


def test_a_cut_look_is_a_part_of_the_patch() -> None:
    # On a ramp a look tells where it lies: its range is that of its place, within the patch.
    ramp = torch.linspace(0, 1, 32).expand(64, 1, 32, 32).contiguous()
    table = PLAIN.model_copy(update={"crop": 0.25})
    seen = look(ramp, torch.arange(64) * 104729, 0, table)
    width = (seen[..., -1] - seen[..., 0]).mean((1, 2))
    assert seen.min() >= -1e-5
    assert seen.max() <= 1 + 1e-5
    # Edges from a half to the whole of the patch, and not all alike.
    assert 0.45 < width.min() < 0.7
    assert 0.8 < width.max() <= 1.0


@pytest.mark.parametrize(("name", "value"), [("brightness", 0.3), ("contrast", 0.3), ("bands", 0.3)])
def test_light_changes_as_far_as_was_asked_for(name: str, value: float) -> None:
    seen = look(torch.ones(200, 3, 8, 8), torch.arange(200) * 15485863, 0, PLAIN.model_copy(update={name: value}))
    moved = (seen - 1).mean((2, 3))
    assert 0.8 * value < moved.abs().max() <= value + 1e-4
    assert abs(float(moved.mean())) < 0.1 * value + 0.02
    # All bands together, but where each moves by itself.
    together = torch.allclose(moved[:, 0], moved[:, 1], atol=1e-4)
    assert together == (name != "bands")

"""Sharpeners: written and read, used on views, and refused when they are not whole."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import nn

from landweave.errors import CardError
from landweave.models.card import load_card
from landweave.models.pair.sharpener import (
    Sharpener,
    View,
    load_sharpener,
    name_of,
    read_sharpener,
    save_sharpener,
    sharpen,
    stacked,
)
from landweave.models.upsample import to_finest

VIEWS = (
    View(10.0, ("B02", "B08"), (0.1, 0.3), (0.05, 0.1)),
    View(20.0, ("B05",), (0.2,), (0.08,)),
    View(60.0, ("B01", "B09"), (0.1, 0.05), (0.02, 0.03)),
)


def make(seed: int = 0) -> tuple[Sharpener, nn.ModuleDict]:
    """A sharpener with random weights everywhere."""
    made = Sharpener("sentinel-2-l2a", "reflectance", VIEWS, 4, 1, {"epochs": 3})
    torch.manual_seed(seed)
    networks = made.networks()
    for network in networks.values():
        nn.init.normal_(network.tail.weight, 0, 0.1)  # type: ignore[union-attr, arg-type]
    return made, networks.eval()


def values(batch: int = 2) -> dict[float, torch.Tensor]:
    """Views of 12 x 12 finest pixels."""
    generator = torch.Generator().manual_seed(1)
    return {
        view.pixel_size_m: torch.rand(
            batch, len(view.bands), *(round(120 / view.pixel_size_m),) * 2, generator=generator
        )
        for view in VIEWS
    }


def test_what_is_written_is_read(tmp_path: Path) -> None:
    made, networks = make()
    saved = save_sharpener(tmp_path / "card", made, networks)
    found, again = load_sharpener(tmp_path / "card")
    assert found == saved == read_sharpener(tmp_path / "card")
    assert found.views == VIEWS
    assert not again.training
    assert torch.equal(sharpen(found, again, values()), sharpen(made, networks, values()))


def test_equal_sharpeners_have_equal_bytes(tmp_path: Path) -> None:
    for name in ("a", "b"):
        save_sharpener(tmp_path / name, *make())
    for file in ("sharpener.json", "weights.safetensors"):
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()


def test_other_weights_are_another_identity(tmp_path: Path) -> None:
    first, second = (save_sharpener(tmp_path / str(seed), *make(seed)) for seed in (0, 1))
    assert first.identity != second.identity


def test_every_coarse_band_comes_out_on_the_finest_pixels() -> None:
    made, networks = make()
    found = sharpen(made, networks, values())
    assert found.shape == (2, 3, 12, 12)
    assert made.bands == ("B05", "B01", "B09")


def test_each_network_takes_the_views_up_to_its_own() -> None:
    made, networks = make()
    given = values()
    told = networks["60m"](stacked(VIEWS, given))
    std, mean = (torch.tensor(part)[:, None, None] for part in (VIEWS[2].std, VIEWS[2].mean))
    torch.testing.assert_close(sharpen(made, networks, given)[:, 1:], told * std + mean)
    # Bands that are coarser than its own tell a network nothing.
    changed = {**given, 60.0: given[60.0] + 1}
    assert torch.equal(sharpen(made, networks, changed)[:, 0], sharpen(made, networks, given)[:, 0])


def test_fresh_networks_interpolate() -> None:
    made = Sharpener("sentinel-2-l2a", "reflectance", VIEWS, 4, 1)
    given = values()
    found = sharpen(made, made.networks().eval(), given)
    torch.testing.assert_close(found, to_finest(given)[:, 2:])


def test_pixels_without_a_value_do_not_spread() -> None:
    made, networks = make()
    given, valid = values(1), torch.ones(1, 12, 12, dtype=torch.bool)
    valid[:, :6, :6] = False
    dirty = {size: view.clone() for size, view in given.items()}
    for size, view in dirty.items():
        edge = round(60 / size)
        view[..., :edge, :edge] = float("nan")
    clean = {size: view.clone() for size, view in dirty.items()}
    for size, view in clean.items():
        edge = round(60 / size)
        view[..., :edge, :edge] = 0.7
    assert sharpen(made, networks, dirty, valid).isfinite().all()
    assert torch.equal(sharpen(made, networks, dirty, valid), sharpen(made, networks, clean, valid))


def test_names_have_no_points() -> None:
    assert [name_of(size) for size in (20.0, 2.5)] == ["20m", "2_5m"]
    odd = Sharpener("x", "reflectance", (View(1.25, ("A",), (0,), (1,)), View(2.5, ("B",), (0,), (1,))), 2, 0)
    assert list(odd.networks()) == ["2_5m"]


@pytest.mark.parametrize(
    ("harm", "given"),
    [
        (lambda folder: (folder / "weights.safetensors").write_bytes(b"short"), "weights.safetensors of 5 bytes"),
        (lambda folder: (folder / "weights.safetensors").unlink(), "No such file"),
        (lambda folder: (folder / "sharpener.json").write_text("{}"), "Field required"),
        (lambda folder: change(folder, "width", 5), "changed after it was written"),
        (lambda folder: change(folder, "format", 2), "Input should be 1"),
    ],
)
def test_damage_is_told(tmp_path: Path, harm: object, given: str) -> None:
    save_sharpener(tmp_path / "card", *make())
    harm(tmp_path / "card")  # type: ignore[operator]
    with pytest.raises(CardError) as told:
        load_sharpener(tmp_path / "card")
    assert given in told.value.given
    assert told.value.expected
    assert "again" in told.value.do or "task" in told.value.do


def change(folder: Path, key: str, value: object) -> None:
    path = folder / "sharpener.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), key: value}))


def test_a_sharpener_is_no_card_and_a_card_no_sharpener(tmp_path: Path) -> None:
    save_sharpener(tmp_path / "sharpener", *make())
    with pytest.raises(CardError) as told:
        load_card(tmp_path / "sharpener")
    assert "card.json" in told.value.given
    (tmp_path / "card").mkdir()
    (tmp_path / "card" / "card.json").write_text("{}")
    with pytest.raises(CardError) as other:
        load_sharpener(tmp_path / "card")
    assert "sharpener.json" in other.value.given
    assert 'task = "sharpen"' in other.value.do

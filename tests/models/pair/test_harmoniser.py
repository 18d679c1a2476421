"""Physical values in, physical values out: statistics of both sides, and what is not valid."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from tests.models.test_card import CARD

from landweave.errors import CardError
from landweave.models.card import Card
from landweave.models.pair.harmoniser import Harmoniser, NormaliseViews, Sizes
from landweave.models.pair.mgan import Generator, on_output
from landweave.models.pair.output import Output

SIZES = (10.0, 10.0, 20.0)
OUTPUT = Output("landsat-8-like", ("R", "G", "N"), 30.0, "reflectance", (0.1, 0.2, 0.3), (0.5, 0.25, 2.0), SIZES)


class Means(torch.nn.Module):
    """Tells means over the output's pixels."""

    def forward(self, *views: torch.Tensor) -> torch.Tensor:
        ratios = Generator(3, 3, input_sizes_m=SIZES, width=3, depth=0).ratios
        return on_output(views, ratios)


def card() -> Card:
    changed = {"bands": ("B02", "B03", "B11"), "mean": (0.1, 0.2, 0.3), "std": (0.5, 0.25, 2.0)}
    return replace(CARD, task="reflectance", legend=OUTPUT.legend, output=OUTPUT, **changed)


def views() -> dict[float, torch.Tensor]:
    made = torch.Generator().manual_seed(0)
    return {10.0: torch.rand(2, 2, 12, 12, generator=made), 20.0: torch.rand(2, 1, 6, 6, generator=made)}


def test_values_go_through_the_statistics_of_both_sides() -> None:
    told = Harmoniser(card(), Means())(views())
    # Equal statistics on both sides: means in, means out.
    torch.testing.assert_close(told[:, :2], torch.nn.functional.avg_pool2d(views()[10.0], 3))
    torch.testing.assert_close(told.mean((2, 3))[:, 2:], views()[20.0].mean((2, 3)))


def test_what_is_not_valid_is_seen_as_the_mean() -> None:
    valid = torch.ones(2, 4, 4, dtype=torch.bool)
    valid[0, 1, 1] = False
    found = views()
    found[10.0][0, :, 3:6, 3:6] = float("nan")
    found[20.0][0, :, 1:3, 1:3] = float("nan")
    told = Harmoniser(card(), Means())(found, valid)
    assert bool(told.isfinite().all())
    torch.testing.assert_close(told[0, :2, 1, 1], torch.tensor([0.1, 0.2]))


def test_a_coarser_pixel_is_valid_where_all_of_its_ground_is() -> None:
    sizes = Sizes.of(OUTPUT)
    assert (sizes.sizes_m, sizes.places) == ((10.0, 20.0), ((0, 1), (2,)))
    valid = torch.tensor([[[True, False], [True, True]]])
    assert torch.equal(sizes.valid_at(10.0, valid), valid.repeat_interleave(3, 1).repeat_interleave(3, 2))
    assert sizes.valid_at(20.0, valid)[0].tolist() == [[True, False, False], [True, False, False], [True, True, True]]


def test_each_band_is_normalised_by_its_own_numbers() -> None:
    found = views()
    fine, half = NormaliseViews(Sizes.of(OUTPUT), card().mean, card().std)(found)
    torch.testing.assert_close(fine[:, 1], (found[10.0][:, 1] - 0.2) / 0.25)
    torch.testing.assert_close(half[:, 0], (found[20.0][:, 0] - 0.3) / 2)


def test_a_card_of_another_task_is_refused() -> None:
    with pytest.raises(CardError) as told:
        Harmoniser(CARD, Means())
    assert "task pixels" in told.value.given
    assert all((told.value.expected, told.value.do))

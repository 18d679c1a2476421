"""Sliding spans give what the network gives on every span alone, and compute less."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tests.series.networks import SMALL, lively
from torch.utils.flop_counter import FlopCounterMode

from landweave.models.series.transformer import Transformer
from landweave.models.table import build
from landweave.series.slide import TOGETHER, can_share, slide

SPANS = [slice(start, start + 5) for start in range(0, 8, 1)]


def pixels(num: int = 40, num_dates: int = 12) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    values = torch.randn(num, num_dates, 4, generator=generator)
    valid = torch.rand(num, num_dates, generator=generator) < 0.7
    valid[0], valid[1] = False, True
    return values.masked_fill(~valid[..., None], torch.nan), valid, 24.0 * torch.arange(12).expand(num, -1)


@pytest.mark.parametrize(
    ("network", "arguments"),
    [
        ("transformer", {}),
        ("transformer", {"pool": "mean"}),
        ("transformer", {"per": "date"}),
        ("transformer", {"encoding": "days"}),
        ("transformer", {"depth": 1}),
        ("transformer", {"depth": 2}),
        ("lstm", {}),
        ("ltae", {}),
        ("tempcnn", {"num_dates": 5}),
    ],
)
@torch.inference_mode()
def test_every_span_is_as_if_it_were_alone(network: str, arguments: dict[str, Any]) -> None:
    made = lively(build(network, 4, 6, **{**SMALL[network], **arguments}))
    values, valid, days = pixels()
    found = list(slide(made, values, valid, days, SPANS))
    assert len(found) == 8
    for span, scores in zip(SPANS, found, strict=True):
        assert torch.isfinite(scores).all()
        assert torch.allclose(scores, made(values[:, span], valid[:, span], days[:, span]), atol=1e-4, rtol=1e-4)
    labels = torch.stack(found).flatten(1, -2).argmax(-1)
    assert len(labels.unique()) > 1
    assert not torch.equal(labels[0], labels[-1])


@pytest.mark.parametrize(
    "spans",
    [
        SPANS[:1],
        SPANS[: TOGETHER + 1],
        [slice(start, start + 5) for start in range(0, 8, 3)],
        [slice(0, 12)] * 2,
        [slice(0, 3), slice(2, 9), slice(4, 5), slice(9, 12), slice(0, 12)],
        [slice(7, 12), slice(0, 5)],
    ],
    ids=["one", "one more than go together", "three dates apart", "all dates", "of all lengths", "backwards"],
)
@torch.inference_mode()
def test_whatever_spans_go_together(spans: list[slice]) -> None:
    made = lively(Transformer(4, 6, **SMALL["transformer"]))
    values, valid, days = pixels()
    found = list(slide(made, values, valid, days, spans))
    assert len(found) == len(spans)
    for span, scores in zip(spans, found, strict=True):
        alone = made(values[:, span], valid[:, span], days[:, span])
        torch.testing.assert_close(scores, alone, atol=1e-4, rtol=1e-4)


def test_who_shares() -> None:
    assert can_share(build("transformer", 4, 6, **SMALL["transformer"]))
    assert not can_share(build("transformer", 4, 6, **{**SMALL["transformer"], "encoding": "days"}))
    assert not can_share(build("transformer", 4, 6, **{**SMALL["transformer"], "depth": 1}))
    assert not can_share(build("lstm", 4, 6, **SMALL["lstm"]))


@torch.inference_mode()
def test_the_first_layers_projections_are_computed_once_a_date() -> None:
    made = Transformer(4, 6, **SMALL["transformer"]).eval()
    values, valid, days = pixels()
    with FlopCounterMode(display=False) as shared:
        list(slide(made, values, valid, days, SPANS))
    with FlopCounterMode(display=False) as alone:
        for span in SPANS:
            made(values[:, span], valid[:, span], days[:, span])
    # Of 8 spans of 5 dates, 40 dates are projected alone and 12 when shared: width x (bands + 3 widths), twice.
    saved = 2 * 40 * (8 * 5 - 12) * 16 * (4 + 3 * 16)
    assert alone.get_total_flops() - shared.get_total_flops() == saved


@torch.inference_mode()
def test_a_date_outside_a_span_does_not_touch_it() -> None:
    made = lively(Transformer(4, 6, **SMALL["transformer"]))
    values, valid, days = pixels()
    before = next(slide(made, values, valid, days, SPANS[:1]))
    values[:, 5:] = 1e6
    assert torch.equal(before, next(slide(made, values, valid, days, SPANS[:1])))

"""Transformer: torch's own encoder layer, its parts put together by hand, and what spans share."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn

from landweave.models.series.transformer import Layer, Transformer


@pytest.fixture(autouse=True)
def seeded() -> None:
    torch.manual_seed(0)


def as_torchs(layer: Layer) -> nn.TransformerEncoderLayer:
    """torch's layer, normalised before, with the same weights."""
    width, hidden = layer.out.in_features, layer.widen.out_features
    same = nn.TransformerEncoderLayer(width, layer.heads, hidden, 0.0, batch_first=True, norm_first=True)
    pairs = [
        (same.self_attn.out_proj, layer.out),
        (same.linear1, layer.widen),
        (same.linear2, layer.narrow),
        (same.norm1, layer.before),
        (same.norm2, layer.between),
    ]
    for theirs, ours in pairs:
        theirs.load_state_dict(ours.state_dict())
    same.self_attn.in_proj_weight.data.copy_(layer.into.weight)
    same.self_attn.in_proj_bias.data.zero_()
    return same.eval()


def a_batch() -> tuple[Tensor, Tensor]:
    valid = torch.rand(4, 6) < 0.7
    valid[:, 0] = True
    return torch.randn(4, 6, 8), valid


def test_a_layer_is_torchs_encoder_layer() -> None:
    layer, (x, valid) = Layer(8, 2, 16, 0.1).eval(), a_batch()
    with torch.no_grad():
        expected = as_torchs(layer)(x, src_key_padding_mask=~valid)
        torch.testing.assert_close(layer(x, valid)[valid], expected[valid], rtol=1e-5, atol=1e-6)
        torch.testing.assert_close(layer(x), as_torchs(layer)(x), rtol=1e-5, atol=1e-6)


def test_each_date_may_see_dates_of_its_own() -> None:
    layer, (x, valid) = Layer(8, 2, 16, 0.1).eval(), a_batch()
    q, k, v = layer.project(x)
    seen = valid[:, None].repeat(1, 6, 1)
    torch.testing.assert_close(layer.attend(q, k, v, seen), layer.attend(q, k, v, valid), rtol=1e-6, atol=1e-7)
    seen[:, :3, 3:] = False
    seen[..., 0] = True
    first = layer.attend(q[:, :, :3], k[:, :, :3], v[:, :, :3], seen[:, 0, :3])
    torch.testing.assert_close(layer.attend(q, k, v, seen)[:, :3], first, rtol=1e-5, atol=1e-6)


def test_the_pooled_layer_asks_once_for_the_mean() -> None:
    layer, (x, valid) = Layer(8, 2, 16, 0.1).eval(), a_batch()
    with torch.no_grad():
        for one, kept, found in zip(x, valid, layer.pooled(x, valid), strict=True):
            seen = one[kept][None]
            asked = seen.mean(1, keepdim=True)
            q, (_, k, v) = layer.project(asked)[0], layer.project(seen)
            expected = layer.rest(asked, layer.attend(q, k, v))
            torch.testing.assert_close(found, expected[0, 0], rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("arguments", [{}, {"pool": "mean"}, {"depth": 1}, {"depth": 3}, {"per": "date"}])
def test_spans_that_share_first_queries_keys_and_values_get_the_same_scores(arguments: dict[str, object]) -> None:
    network = Transformer(3, 5, width=8, hidden=16, **{"depth": 2, **arguments}).eval()  # type: ignore[arg-type]
    values, valid, days = torch.randn(2, 9, 3), torch.rand(2, 9) < 0.8, torch.zeros(2, 9)
    first: Layer = network.layers[0]  # type: ignore[assignment]
    with torch.inference_mode():
        x = network.embed(values)
        q, k, v = first.project(x)
        for begin in range(5):
            span = slice(begin, begin + 5)
            inner = x[:, span]
            if len(network.layers) > 1:
                taken = first.attend(q[:, :, span], k[:, :, span], v[:, :, span], valid[:, span])
                inner = first.rest(inner, taken)
            for layer in network.layers[1:-1]:
                inner = layer(inner, valid[:, span])
            expected = network(values[:, span], valid[:, span], days[:, span])
            # Not valid dates were not blanked here, so that per date only valid ones are alike.
            found = network.finish(inner, valid[:, span])
            if arguments.get("per") == "date":
                found, expected = found[valid[:, span]], expected[valid[:, span]]
            torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)


def test_days_count_with_an_encoding_only() -> None:
    values, valid = torch.randn(2, 6, 3), torch.ones(2, 6, dtype=torch.bool)
    early = torch.arange(6).float().expand(2, 6) * 10
    for encoding in ("none", "days"):
        network = Transformer(3, 5, width=8, depth=1, hidden=16, encoding=encoding).eval()  # type: ignore[arg-type]
        with torch.inference_mode():
            is_same = torch.equal(network(values, valid, early), network(values, valid, early + 90))
        assert is_same == (encoding == "none")

"""Scores of many spans of the same dates, without computing again for one span what the last one already had. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from landweave.models.series.dates import known, usable
from landweave.models.series.transformer import Layer, Transformer

TOGETHER = 4
"""Spans whose first attention is computed at once: it takes a fifth more products, and half the time."""


def can_share(network: nn.Module) -> bool:
    """Whether a date is the same to the first layer in whatever span it stands: no encoding says where."""
    return isinstance(network, Transformer) and network.encoding == "none" and len(network.layers) > 1


def slide(
    network: nn.Module,
    values: Float[Tensor, "b t c"],
    valid: Bool[Tensor, "b t"],
    days: Float[Tensor, "b t"],
    spans: Sequence[slice],
) -> Iterator[Float[Tensor, "b *s k"]]:
    """Scores of every span, one after the other: those of the network on each span alone, but for rounding.

    Where `can_share`, each date is embedded, normalised and projected to its queries, keys and values once for all
    spans; only attention and what follows is computed span by span.

    Args:
        network: In evaluation mode; takes (values, valid, days).
        values: Normalised.
        valid: Which dates are valid.
        days: What the network is told of each date.
        spans: Runs of dates.
    """
    if not can_share(network):
        for span in spans:
            yield network(values[:, span], valid[:, span], days[:, span])
        return
    assert isinstance(network, Transformer)
    first: Layer = network.layers[0]  # type: ignore[assignment]
    x = network.embed(known(values, valid))
    for span, taken in zip(spans, _taken(first, x, valid, spans), strict=True):
        there = valid[:, span]
        y = first.rest(x[:, span], taken)
        for layer in network.layers[1:-1]:
            y = layer(y, there)
        yield network.finish(y, there)


def _taken(
    first: Layer, x: Float[Tensor, "b t d"], valid: Bool[Tensor, "b t"], spans: Sequence[slice]
) -> Iterator[Float[Tensor, "b s d"]]:
    """What the dates of every span take from each other in the first layer."""
    q, k, v = first.project(x)
    for start in range(0, len(spans), TOGETHER):
        some = spans[start : start + TOGETHER]
        low, high = min(span.start for span in some), max(span.stop for span in some)
        # Each span sees its own valid dates among those of all.
        seen = valid.new_zeros(len(x), len(some), high - low)
        for number, span in enumerate(some):
            seen[:, number, span.start - low : span.stop - low] = usable(valid[:, span])
        lengths = [span.stop - span.start for span in some]
        whose = torch.arange(len(some)).repeat_interleave(torch.tensor(lengths))
        asked = torch.cat([q[:, :, span] for span in some], 2)
        taken = first.attend(asked, k[:, :, low:high], v[:, :, low:high], seen[:, whose])
        yield from torch.split_with_sizes(taken, lengths, 1)

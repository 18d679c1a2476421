"""Scores of many spans of the same dates, without computing again for one span what the last one already had. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from jaxtyping import Bool, Float
from torch import Tensor, nn

from landweave.models.series.dates import known
from landweave.models.series.transformer import Layer, Transformer


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
    q, k, v = first.project(x)
    for span in spans:
        there = valid[:, span]
        y = first.rest(x[:, span], first.attend(q[:, :, span], k[:, :, span], v[:, :, span], there))
        for layer in network.layers[1:-1]:
            y = layer(y, there)
        yield network.finish(y, there)

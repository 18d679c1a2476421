"""Transformer encoder: labels of series by attention between dates (Vaswani et al. 2017), in parts to be shared."""

from __future__ import annotations

from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn
from torch.nn import functional

from landweave.models.series.dates import known, mean, usable, waves
from landweave.models.series.input import Per

Heads = tuple[Tensor, Tensor, Tensor]
"""Queries, keys and values, each (b, heads, t, width / heads)."""


class Layer(nn.Module):
    """One encoding layer: attention, then two linear layers, each added to what it was given.

    Layers are normalised before, not after (Xiong et al. 2020), so that five of them learn at a rate of 0.003 without a
    warm-up.

    Args:
        width: Numbers of a date.
        heads: Of attention; they share the width.
        hidden: Width between the two linear layers.
        dropout: Share of each branch that is dropped.
    """

    def __init__(self, width: int, heads: int, hidden: int, dropout: float) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"width {width} is no multiple of {heads} heads")
        self.heads = heads
        self.before, self.between = nn.LayerNorm(width), nn.LayerNorm(width)
        # One product for queries, keys and values together, without biases: those of keys change nothing, those of
        # values are in the next layer's, and what changes nothing has rounding for a gradient, with which Adam walks.
        self.into, self.out = nn.Linear(width, 3 * width, bias=False), nn.Linear(width, width)
        self.widen, self.narrow = nn.Linear(width, hidden), nn.Linear(hidden, width)
        self.drops = nn.ModuleList(nn.Dropout(dropout) for _ in range(3))

    def project(self, x: Float[Tensor, "b t d"]) -> Heads:
        """Queries, keys and values of each date: of one date alone they are the same in whatever span it stands."""
        q, k, v = (self._split(part) for part in self.into(self.before(x)).chunk(3, -1))
        return q, k, v

    def attend(
        self,
        q: Float[Tensor, "b h s e"],
        k: Float[Tensor, "b h t e"],
        v: Float[Tensor, "b h t e"],
        valid: Bool[Tensor, "b t"] | Bool[Tensor, "b s t"] | None = None,
    ) -> Float[Tensor, "b s d"]:
        """What each of s dates takes from the valid ones of t, or from those that it may see; None where from all."""
        seen = None if valid is None else usable(valid)[:, None, None] if valid.ndim == 2 else valid[:, None]
        taken: Tensor = functional.scaled_dot_product_attention(q, k, v, seen)
        return taken.transpose(1, 2).flatten(2)

    def rest(self, x: Float[Tensor, "b s d"], taken: Float[Tensor, "b s d"]) -> Float[Tensor, "b s d"]:
        """What becomes of dates with what they took: everything of the layer behind attention."""
        x = x + self.drops[0](self.out(taken))
        inner = self.drops[1](functional.relu(self.widen(self.between(x)), inplace=True))
        added: Tensor = x + self.drops[2](self.narrow(inner))
        return added

    def forward(self, x: Float[Tensor, "b t d"], valid: Bool[Tensor, "b t"] | None = None) -> Float[Tensor, "b t d"]:
        """All of it."""
        return self.rest(x, self.attend(*self.project(x), valid))

    def pooled(self, x: Float[Tensor, "b t d"], valid: Bool[Tensor, "b t"]) -> Float[Tensor, "b d"]:
        """The layer for one date that stands for all: the mean of the valid ones asks, and all of them answer.

        For one question it is cheaper to take the weights of keys to the question, and those of values to what is
        taken, than both to every date: (W q) x = q (W x), and the sum of W x is W times the sum. No date is projected.
        """
        asked, dates = mean(x, valid)[:, None], self.before(x)
        queries, keys, values = self.into.weight.view(3, self.heads, -1, x.shape[-1])
        own = torch.einsum("bd,hed->bhe", self.before(asked)[:, 0], queries)
        question = torch.einsum("bhe,hed->bhd", own, keys)
        shown = dates[:, None].expand(-1, self.heads, -1, -1)
        scale = queries.shape[1] ** -0.5
        found = functional.scaled_dot_product_attention(
            question[:, :, None], shown, shown, usable(valid)[:, None, None], scale=scale
        )
        taken = torch.einsum("bhd,hed->bhe", found[:, :, 0], values).flatten(1)[:, None]
        return self.rest(asked, taken)[:, 0]

    def _split(self, x: Float[Tensor, "b t d"]) -> Float[Tensor, "b h t e"]:
        return x.view(*x.shape[:-1], self.heads, -1).transpose(1, 2)


class Transformer(nn.Module):
    """Encoding layers over the dates of a series.

    The sizes by default are those of Sedona et al. 2023: five layers, two heads, width 128, no position encoding.

    Args:
        num_bands: Values of a date.
        num_classes: Scores of a series or a date.
        width: Numbers of a date.
        depth: Layers.
        heads: Of attention.
        hidden: Width between the linear layers of each layer.
        dropout: Share of each branch that is dropped.
        encoding: none: dates are a set; days: what day it is, is added as waves.
        pool: How a series becomes one: query (the last layer works for the mean of the dates alone, and nothing is
            computed that the answer does not need) or mean (of all dates behind the last layer).
        per: Whether a series is told, or each date.
    """

    def __init__(
        self,
        num_bands: int,
        num_classes: int,
        *,
        width: int = 128,
        depth: int = 5,
        heads: int = 2,
        hidden: int = 256,
        dropout: float = 0.1,
        encoding: Literal["none", "days"] = "none",
        pool: Literal["query", "mean"] = "query",
        per: Per = "series",
    ) -> None:
        super().__init__()
        if (
            depth < 1
            or encoding not in ("none", "days")
            or pool not in ("query", "mean")
            or per not in ("series", "date")
        ):
            raise ValueError(f"depth {depth}, encoding {encoding}, pool {pool} and per {per} make no Transformer")
        self.encoding, self.pool, self.per = encoding, pool, per
        self.input = nn.Linear(num_bands, width)
        self.layers = nn.ModuleList(Layer(width, heads, hidden, dropout) for _ in range(depth))
        self.norm = nn.LayerNorm(width)
        self.head = nn.Linear(width, num_classes)

    def forward(
        self, values: Float[Tensor, "b t c"], valid: Bool[Tensor, "b t"], days: Float[Tensor, "b t"]
    ) -> Float[Tensor, "b *s k"]:
        """Scores (b, k), or (b, t, k) per date; days count only with an encoding."""
        x = self.embed(known(values, valid), days)
        for layer in self.layers[:-1]:
            x = layer(x, valid)
        return self.finish(x, valid)

    def embed(self, values: Float[Tensor, "b t c"], days: Float[Tensor, "b t"] | None = None) -> Float[Tensor, "b t d"]:
        """Dates before the first layer: each by itself, so that spans which share a date share this."""
        x: Tensor = self.input(values)
        return x if self.encoding == "none" or days is None else x + waves(days, x.shape[-1]).to(x.dtype)

    def finish(self, x: Float[Tensor, "b t d"], valid: Bool[Tensor, "b t"]) -> Float[Tensor, "b *s k"]:
        """The last layer, pooling and scores, from what all layers before the last gave."""
        last: Layer = self.layers[-1]  # type: ignore[assignment]
        if self.per == "date":
            x = last(x, valid)
        else:
            x = last.pooled(x, valid) if self.pool == "query" else mean(last(x, valid), valid)
        scores: Tensor = self.head(self.norm(x))
        return scores

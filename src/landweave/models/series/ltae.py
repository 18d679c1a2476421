"""L-TAE: labels of series by attention whose queries are learnt, a few channels a head (Garnot and Landrieu 2020)."""

from __future__ import annotations

import math

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from landweave.models.series.dates import known, usable, waves
from landweave.models.series.input import Per


class LTAE(nn.Module):
    """Lightweight temporal attention: one learnt query a head, and each head gathers its own channels.

    The sizes by default are those of Garnot and Landrieu 2020, section 4 (16 heads, keys of 8, width 256, then 128).
    Unlike there dates are normalised one by one, so that a date that is not valid changes no other.

    Args:
        num_bands: Values of a date.
        num_classes: Scores of a series.
        width: Numbers of a date; the heads share them.
        heads: Of attention.
        keys: Numbers in a key.
        hidden: Width behind attention.
        dropout: Share that is dropped behind attention.
        per: "series"; it tells no single dates.
    """

    def __init__(
        self,
        num_bands: int,
        num_classes: int,
        *,
        width: int = 256,
        heads: int = 16,
        keys: int = 8,
        hidden: int = 128,
        dropout: float = 0.2,
        per: Per = "series",
    ) -> None:
        super().__init__()
        if per != "series" or width % heads:
            raise ValueError(f"per {per} and {heads} heads of a width of {width} make no L-TAE")
        self.heads, self.num_keys = heads, keys
        # Neither has a bias: a shift of all keys changes no share, and batch norm takes away a shift of all dates.
        self.input, self.norm = nn.Linear(num_bands, width), nn.LayerNorm(width, bias=False)
        self.keys = nn.Linear(width, heads * keys, bias=False)
        self.queries = nn.Parameter(torch.randn(heads, keys) * math.sqrt(2 / keys))
        self.dense = nn.Sequential(
            nn.Linear(width, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(dropout)
        )
        self.last = nn.LayerNorm(hidden)
        self.head = nn.Linear(hidden, num_classes)

    def forward(
        self, values: Float[Tensor, "b t c"], valid: Bool[Tensor, "b t"], days: Float[Tensor, "b t"]
    ) -> Float[Tensor, "b k"]:
        """Scores."""
        x = self.norm(self.input(known(values, valid)))
        # Every head gets the days by the same waves, as its channels are all that it gathers.
        x = x + waves(days, x.shape[-1] // self.heads).to(x.dtype).repeat(1, 1, self.heads)
        keys = self.keys(x).unflatten(-1, (self.heads, self.num_keys))
        likeness = torch.einsum("bthk,hk->bht", keys, self.queries.to(keys.dtype)) / math.sqrt(self.num_keys)
        share = likeness.masked_fill(~usable(valid)[:, None], -math.inf).softmax(-1)
        gathered = torch.einsum("bht,bthe->bhe", share.to(x.dtype), x.unflatten(-1, (self.heads, -1)))
        scores: Tensor = self.head(self.last(self.dense(gathered.flatten(1))))
        return scores

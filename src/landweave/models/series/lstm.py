"""LSTM: labels of series from states that are carried from date to date (Hochreiter and Schmidhuber 1997)."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from landweave.models.series.dates import known
from landweave.models.series.input import Per


class LSTM(nn.Module):
    """Layers of LSTM cells over the valid dates, and a linear layer on the last state.

    The sizes by default are those of Sedona et al. 2022 (four layers of 128, dropout between them).

    Args:
        num_bands: Values of a date.
        num_classes: Scores of a series or a date.
        width: Numbers in the state of each layer.
        depth: Layers.
        dropout: Share of what each layer gives on that is dropped.
        per: Whether the state after the last date is told, or that after each. Of a date that is not valid it is the
            state that the valid ones before have left.
    """

    def __init__(
        self,
        num_bands: int,
        num_classes: int,
        *,
        width: int = 128,
        depth: int = 4,
        dropout: float = 0.2,
        per: Per = "series",
    ) -> None:
        super().__init__()
        if depth < 1 or per not in ("series", "date"):
            raise ValueError(f"depth {depth} and per {per} make no LSTM")
        self.per = per
        # One by one: between the layers of a single nn.LSTM dropout could not be drawn by sample.
        sizes = [num_bands, *[width] * depth]
        self.layers = nn.ModuleList(nn.LSTM(size, width, batch_first=True) for size in sizes[:-1])
        self.drops = nn.ModuleList(nn.Dropout(dropout) for _ in range(depth))
        self.head = nn.Linear(width, num_classes)

    def forward(
        self, values: Float[Tensor, "b t c"], valid: Bool[Tensor, "b t"], days: Float[Tensor, "b t"]
    ) -> Float[Tensor, "b *s k"]:
        """Scores (b, k), or (b, t, k) per date; days are not looked at. Without a valid date it is the bias."""
        del days
        # Valid dates to the front, in order: a state is never carried over a date that is not valid.
        order = torch.argsort((~valid).byte(), dim=1, stable=True)
        x = torch.take_along_dim(known(values, valid), order[..., None], 1)
        for layer, drop in zip(self.layers, self.drops, strict=True):
            x = drop(layer(x)[0])
        # Row 0 is the state before the first valid date, row n that after n of them.
        states = torch.cat([x.new_zeros(len(x), 1, x.shape[2]), x], 1)
        seen = valid.cumsum(1)[..., None]
        if self.per == "series":
            seen = seen[:, -1:]
        scores: Tensor = self.head(torch.take_along_dim(states, seen, 1))
        return scores[:, 0] if self.per == "series" else scores

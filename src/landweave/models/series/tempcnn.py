"""TempCNN: labels of series by convolutions along the dates (Pelletier, Webb and Petitjean 2019)."""

from __future__ import annotations

from jaxtyping import Bool, Float
from torch import Tensor, nn

from landweave.models.series.dates import known
from landweave.models.series.input import Per


class TempCNN(nn.Module):
    """Three convolutions along the dates, then two linear layers over all of them.

    The sizes by default are those of Pelletier et al. 2019, section 3.3. It takes dates by their place, so that series
    must have equally many, best on the same days of each year.

    Args:
        num_bands: Values of a date.
        num_classes: Scores of a series.
        num_dates: Dates of a series.
        width: Channels of the convolutions.
        kernel: Dates that each of them sees at once; odd.
        hidden: Width of the linear layer.
        dropout: Share that is dropped behind each of the four layers.
        per: "series"; it tells no single dates.
    """

    def __init__(
        self,
        num_bands: int,
        num_classes: int,
        *,
        num_dates: int,
        width: int = 64,
        kernel: int = 5,
        hidden: int = 256,
        dropout: float = 0.5,
        per: Per = "series",
    ) -> None:
        super().__init__()
        if per != "series" or num_dates < 1 or kernel % 2 == 0:
            raise ValueError(f"per {per}, {num_dates} dates and a kernel of {kernel} make no TempCNN")
        blocks = [
            nn.Sequential(
                nn.Conv1d(before, width, kernel, padding=kernel // 2, bias=False),
                nn.BatchNorm1d(width),
                nn.ReLU(),
                nn.Dropout(dropout),
            )
            for before in (num_bands, width, width)
        ]
        self.convolutions = nn.Sequential(*blocks)
        self.dense = nn.Sequential(
            nn.Linear(width * num_dates, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Dropout(dropout)
        )
        self.head = nn.Linear(hidden, num_classes)

    def forward(
        self, values: Float[Tensor, "b t c"], valid: Bool[Tensor, "b t"], days: Float[Tensor, "b t"]
    ) -> Float[Tensor, "b k"]:
        """Scores; dates that are not valid are taken for the mean, and days are not looked at."""
        del days
        x = self.convolutions(known(values, valid).transpose(1, 2))
        scores: Tensor = self.head(self.dense(x.flatten(1)))
        return scores

"""A network of 1x1 convolutions: every pixel by itself. The cheapest network there is, for benchmarks of the rest."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class Pixel(nn.Module):
    """A perceptron with one hidden layer at every pixel; stride 1, reach 0.

    Args:
        num_bands: Channels of the input.
        num_classes: Channels of the output.
        width: Channels of the hidden layer.
    """

    def __init__(self, num_bands: int, num_classes: int, width: int = 16) -> None:
        super().__init__()
        self.hidden = nn.Conv2d(num_bands, width, 1)
        self.relu = nn.ReLU(inplace=True)
        self.head = nn.Conv2d(width, num_classes, 1)

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k h w"]:
        """Scores of every class at every pixel."""
        scores: Tensor = self.head(self.relu(self.hidden(values)))
        return scores

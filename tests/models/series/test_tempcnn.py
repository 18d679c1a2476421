"""TempCNN: convolutions along the dates that see two dates on either side each."""

from __future__ import annotations

import torch

from landweave.models.series.tempcnn import TempCNN


def test_three_convolutions_see_six_dates_on_either_side() -> None:
    torch.manual_seed(0)
    network = TempCNN(2, 3, num_dates=20, width=8, hidden=8).eval()
    values = torch.zeros(1, 20, 2)
    values[0, 9] = 5.0
    with torch.inference_mode():
        moved = network.convolutions(values.transpose(1, 2)) - network.convolutions(torch.zeros(1, 2, 20))
    touched = moved[0].abs().amax(0) > 0
    assert touched.nonzero().flatten().tolist() == list(range(3, 16))

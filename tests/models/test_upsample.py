"""Views of several pixel sizes come to the finest one."""

from __future__ import annotations

import pytest
import torch

from landweave.errors import GridError
from landweave.models.upsample import to_finest


def test_bands_stand_in_the_order_of_the_views() -> None:
    views = {20.0: torch.full((1, 2, 3, 3), 7.0), 10.0: torch.rand(1, 1, 6, 6), 60.0: torch.full((1, 1, 1, 1), 9.0)}
    raised = to_finest(views)
    assert raised.shape == (1, 4, 6, 6)
    assert torch.equal(raised[:, 2:3], views[10.0])
    assert (raised[:, :2] == 7).all()
    assert (raised[:, 3] == 9).all()


def test_interpolation_is_between_the_centres_of_pixels() -> None:
    coarse = torch.tensor([[[[0.0, 4.0], [0.0, 4.0]]]])
    raised = to_finest({10.0: torch.zeros(1, 1, 4, 4), 20.0: coarse})
    assert raised[0, 1, 0].tolist() == [0, 1, 3, 4]


def test_pixels_may_be_repeated_instead() -> None:
    views = {10.0: torch.rand(1, 1, 6, 6), 20.0: torch.rand(1, 2, 3, 3), 60.0: torch.rand(1, 1, 1, 1)}
    raised = to_finest(views, repeats=True)
    assert torch.equal(raised[:, :1], views[10.0])
    for row, col in ((0, 0), (0, 1), (1, 0), (1, 1)):
        assert torch.equal(raised[:, 1:3, row::2, col::2], views[20.0])
    assert (raised[:, 3] == views[60.0]).all()


def test_views_of_other_ground_are_refused() -> None:
    with pytest.raises(GridError) as caught:
        to_finest({10.0: torch.zeros(1, 1, 6, 6), 20.0: torch.zeros(1, 1, 3, 4)})
    assert "3 x 4" in caught.value.given
    assert "3 x 3" in caught.value.expected
    assert caught.value.do

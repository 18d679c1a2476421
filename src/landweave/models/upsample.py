"""Views with pixels of different sizes, brought to the finest."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor, nn

from landweave.errors import GridError


def to_finest(views: Mapping[float, Float[Tensor, "b _ _ _"]], repeats: bool = False) -> Float[Tensor, "b c h w"]:
    """All bands on the finest grid, in the order of `views` (by pixel size in m).

    Coarser views come up by bilinear interpolation between the centres of their pixels (align_corners=False), edges
    repeated; the finest is left as it is, bit for bit. With `repeats` every coarse pixel is repeated instead, for
    networks that take it apart again (models.patch.resnet.NativeStem).

    Raises:
        GridError: A view does not cover the same ground as the finest.
    """
    finest = min(views)
    shape = views[finest].shape[-2:]
    raised = []
    for size, view in views.items():
        expected = [edge * finest / size for edge in shape]
        # Interpolation would stretch any size to any other without a word.
        if any(abs(edge - wanted) > 1e-6 for edge, wanted in zip(view.shape[-2:], expected, strict=True)):
            raise GridError(
                f"a view of {view.shape[-2]} x {view.shape[-1]} pixels of {size:g} m",
                f"{expected[0]:g} x {expected[1]:g} pixels, as the view of {finest:g} m covers",
                "cut all views of a patch on the same ground",
            )
        is_finest = view.shape[-2:] == shape
        mode = "nearest" if repeats else "bilinear"
        raised.append(view if is_finest else nn.functional.interpolate(view, tuple(shape), mode=mode))
    return torch.cat(raised, dim=1)

"""Write docs/picture.png, the picture of the README: python docs/picture.py demo/, after landweave demo -o demo/."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
from PIL import Image

from landweave.report.gather import gather

_GAP_PX = 12
_EDGE_PX = 400


def main(folder: Path) -> None:
    """Put the pictures of the demo's whole map side by side."""
    (row, *_) = gather([folder], "").rows
    shown = [Image.fromarray(picture.pixels) for picture in row.pictures]
    shown = [image.resize((_EDGE_PX, _EDGE_PX), Image.Resampling.LANCZOS) for image in shown]
    gap = np.full((_EDGE_PX, _GAP_PX, 3), 255, np.uint8)
    parts = [part for image in shown for part in (np.asarray(image), gap)][:-1]
    picture = Image.fromarray(np.concatenate(parts, axis=1)).quantize(255, dither=Image.Dither.NONE)
    picture.save(Path(__file__).parent / "picture.png", optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))

"""YATSM's test pixels: 5 x 5 places seen by Landsat 4, 5 and 7 on 447 dates from 1984 to 2013, with Fmask."""

from __future__ import annotations

import datetime as dt
from pathlib import Path

import numpy as np

from landweave.datasets.raw import Raw, of_image, year_of

_BANDS = ("B1", "B2", "B3", "B4", "B5", "B7")
_SCALE, _NODATA, _SATURATED = 1e-4, -9999, 16000
_CLEAR = (0, 1)
_ORDINAL = dt.date(1970, 1, 1).toordinal()


def read(folder: Path) -> Raw:
    """Six reflective bands of every pixel; valid where Fmask says land or water and no band is saturated."""
    with np.load(folder / "p035r032_5x5_stack.npz") as file:
        stack, ordinals, names = file["Y"], file["dates"], [str(name) for name in file["bands"]]
    numbers = stack[:, [names.index(band) for band in _BANDS]]
    clear = np.isin(stack[:, names.index("Fmask")], _CLEAR)
    valid = clear & (numbers != _NODATA).all(1) & (numbers < _SATURATED).all(1)
    values, good, rows, cols = of_image(numbers * _SCALE, valid, np.ones(valid.shape[1:], bool))
    when = ordinals - _ORDINAL
    nothing = np.full(len(rows), -1)
    year = np.full(len(rows), year_of(int(when[-1])))
    return Raw(values, good, np.tile(when, (len(rows), 1)), nothing, (), year, cols.astype(float), rows.astype(float),
               rows * 5 + cols, "landsat-tm-etm", _BANDS, 30.0)  # fmt: skip

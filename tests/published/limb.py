"""Limb spectra by hand: a classic netCDF file in the layout that docs/formats.md tells, by SciPy alone."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from scipy.io import netcdf_file

# Lower and upper edge of every microwindow: Tables 1 and 3 of Sedona et al. 2020, and what docs/methods tells is ours.
LOWER = np.concatenate([
    np.arange(782, 841), np.arange(940, 965), np.arange(1224, 1228), np.arange(1229, 1250, 2), np.arange(1404, 1412),
    np.arange(1930, 1936), np.arange(1972, 1985), np.arange(2001, 2006), np.arange(2140, 2146),
    [788.2, 832.0, 819.0, 832.3, 947.5],
]).astype(float)  # fmt: skip
UPPER = np.concatenate([LOWER[:137] + 1, [796.2, 834.4, 821.0, 834.4, 950.0]])


def write(path: Path, radiance: np.ndarray, longitude: np.ndarray, fill: float = -999.0, limit: bool = True) -> Path:
    """Spectra without labels; what is not finite becomes a fill value. Without a limit more could be added."""
    num = len(radiance)
    columns = {
        "radiance": (np.where(np.isfinite(radiance), radiance, fill), ("spectrum", "microwindow"), "nW/(cm2 sr cm-1)"),
        "microwindow_lower": (LOWER, ("microwindow",), "cm-1"),
        "microwindow_upper": (UPPER, ("microwindow",), "cm-1"),
        "time": (np.arange(num) * 60.0, ("spectrum",), "seconds since 2009-06-14 00:00:00"),
        "latitude": (np.full(num, -70.0), ("spectrum",), "degrees_north"),
        "longitude": (longitude, ("spectrum",), "degrees_east"),
        "tangent_altitude": (np.full(num, 20.0), ("spectrum",), "km"),
    }
    with netcdf_file(path, "w", version=2) as file:
        file.createDimension("spectrum", num if limit else None)
        file.createDimension("microwindow", 142)
        file.kind, file.format = "landweave limb spectra", 1
        for name, (values, dimensions, unit) in columns.items():
            made = file.createVariable(name, "d" if name in ("time", "longitude") else "f", dimensions)
            made[:], made.units = values, unit
        file.variables["radiance"].missing_value = np.float32(fill)
    return path

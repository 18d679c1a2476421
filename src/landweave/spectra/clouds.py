"""Cloud index and NAT index of limb spectra: ratios of radiances that tell clouds from clear air, and NAT from others.

Sedona et al. 2020 give both by reference only. These are their usual forms (Spang and Remedios 2003; Spang et al.
2004), which were not checked against those papers. Pure.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Bool, Float, Float32

from landweave.spectra.brightness import check_length

CLOUDY_BELOW = 4.5
"""Cloud index below which a spectrum is cloudy (Sedona et al. 2020, Atmos. Meas. Tech. 13, 3661, section 2.2)."""

# Places of W1 (788.2-796.2 cm-1), W3 (819-821 cm-1) and W4 (832.3-834.4 cm-1).
_W1, _W3, _W4 = 137, 139, 140


def cloud_index(radiance: Float[np.ndarray, "b l"]) -> Float32[np.ndarray, " b"]:
    """Mean radiance of 788.2-796.2 over that of 832.3-834.4 cm-1: small where clouds fill the second interval.

    NaN where the second is not above 0, or one is not finite: such a spectrum is neither cloudy nor clear.

    Raises:
        RadiometryError: There is another number of microwindows.
    """
    return _ratio(radiance, _W1, _W4)


def nat_index(radiance: Float[np.ndarray, "b l"]) -> Float32[np.ndarray, " b"]:
    """Mean radiance of 819-821 over that of 788.2-796.2 cm-1: large where small NAT has its peak; NaN as above.

    Raises:
        RadiometryError: There is another number of microwindows.
    """
    return _ratio(radiance, _W3, _W1)


def is_cloudy(index: Float[np.ndarray, " b"], below: float = CLOUDY_BELOW) -> Bool[np.ndarray, " b"]:
    """Where the cloud index is below its threshold; False where there is no index."""
    return np.asarray(index < below)


def _ratio(radiance: Float[np.ndarray, "b l"], top: int, bottom: int) -> Float32[np.ndarray, " b"]:
    check_length(radiance.shape[-1])
    above, below = radiance[:, top].astype(np.float64), radiance[:, bottom].astype(np.float64)
    usable = np.isfinite(above) & (below > 0) & np.isfinite(below)
    out = np.full(len(above), np.nan, np.float32)
    out[usable] = above[usable] / below[usable]
    return out

"""Mixup: pairs of samples blended, drawn from the keys of samples alone. Pure."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float32, Int64, UInt64
from scipy.special import betaincinv

from landweave.train.draw import PARTNER, SHARE, uniform


def partners(keys: UInt64[np.ndarray, " n"], num: int) -> Int64[np.ndarray, " n"]:
    """The place (0 to num - 1) in the global batch of each sample's partner; it may be the sample itself.

    Zhang et al. 2018 (mixup: Beyond Empirical Risk Minimization, ICLR) draw one order of the batch; here each sample
    draws its own partner, so that neither the ranks nor the order within the batch change it.
    """
    return np.asarray((uniform(keys, PARTNER) * num).astype(np.int64))


def shares(keys: UInt64[np.ndarray, " n"], alpha: float) -> Float32[np.ndarray, " n"]:
    """The share of each sample in its pair, drawn from Beta(alpha, alpha) by the inverse of its distribution."""
    return np.asarray(betaincinv(alpha, alpha, uniform(keys, SHARE)).astype(np.float32))

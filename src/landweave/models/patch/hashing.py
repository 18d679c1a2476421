"""Binary codes of patches: a ResNet whose last layer gives bits, and the centres that the codes are drawn to."""

from __future__ import annotations

import numpy as np
import scipy.linalg
import torch
from jaxtyping import Bool, Float, Int64, UInt64
from torch import Tensor, nn

from landweave.models.encode import features
from landweave.models.patch.resnet import resnet18

MAX_BITS = 64
# Enough to tell the cells of a dozen centroids apart, which are no half-spaces.
_HIDDEN = 128
# Drawn candidates among which far ones are chosen, where no Hadamard matrix has the size that is asked for.
_CANDIDATES = 4096


class Hashing(nn.Module):
    """Scores of every bit of a patch's code; a bit is set where its score is above 0.

    Args:
        num_bands: Channels of the input.
        num_classes: Clusters that the codes are learnt from.
        bits: Length of a code, at most 64.
        width: Channels of the body's first stage (`models.patch.resnet.resnet18`).

    Raises:
        ValueError: There are no such codes.
    """

    centres: Tensor

    def __init__(self, num_bands: int, num_classes: int, *, bits: int = 48, width: int = 32) -> None:
        super().__init__()
        self.body = resnet18(num_bands, 1, width=width)
        # It would be weights that nothing reads.
        self.body.fc = nn.Identity()  # type: ignore[assignment]
        # Standardised first: features of an encoder that is kept have any size.
        self.code = nn.Sequential(
            nn.BatchNorm1d(8 * width), nn.Linear(8 * width, _HIDDEN), nn.ReLU(inplace=True), nn.Linear(_HIDDEN, bits)
        )
        # In the card, so that codes keep their meaning whatever later versions of landweave choose.
        self.register_buffer("centres", torch.from_numpy(centres(num_classes, bits)))

    def forward(self, values: Float[Tensor, "b c h w"]) -> Float[Tensor, "b k"]:
        """Scores of every bit of every patch."""
        scores: Tensor = self.code(features(self.body, values))
        return scores


def centres(num: int, bits: int) -> Bool[np.ndarray, "n k"]:
    """`num` codes that lie far from each other: rows of a Hadamard matrix and their opposites (Yuan et al. 2020, 3.1).

    Rows of a Hadamard matrix differ in exactly half of their bits. There is one here for a power of two (Sylvester),
    and for a prime of the form 4 m + 3 and one more (Paley), 48 for example; for other lengths, or more codes, each
    next code is the farthest from all before it among drawn ones. The same answer at every call.

    Raises:
        ValueError: Fewer than one code, or codes longer than 64 bits or too short to differ.
    """
    if num < 1 or not 1 <= bits <= MAX_BITS or num > 2**bits:
        raise ValueError(f"{num} codes of {bits} bits")
    matrix = _hadamard(bits)
    if matrix is None or num > 2 * bits - 2:
        return _far_apart(num, bits)
    # Not the first row, all of whose bits are set: the others are set in one half.
    return np.concatenate([matrix[1:], ~matrix[1:]])[:num]


def _hadamard(order: int) -> Bool[np.ndarray, "n n"] | None:
    if order < 2:
        return None
    if order & (order - 1) == 0:
        return np.asarray(scipy.linalg.hadamard(order) > 0)
    prime = order - 1
    if prime % 4 != 3 or any(prime % factor == 0 for factor in range(2, int(prime**0.5) + 1)):
        return None
    return _paley(prime)


def _paley(prime: int) -> Bool[np.ndarray, "n n"]:
    """The first construction of Paley (1933), with a first row of ones."""
    squares = np.zeros(prime, np.int64)
    squares[np.arange(1, prime) ** 2 % prime] = 1
    signs = np.where(np.arange(prime) == 0, 0, 2 * squares - 1)
    inner = signs[(np.arange(prime)[None] - np.arange(prime)[:, None]) % prime]
    matrix = np.ones((prime + 1, prime + 1), np.int64)
    matrix[1:, 1:] = inner - np.eye(prime, dtype=np.int64)
    return np.asarray(matrix > 0)


def _far_apart(num: int, bits: int) -> Bool[np.ndarray, "n k"]:
    drawn = np.unique(np.random.default_rng(0).integers(0, 2, (_CANDIDATES, bits)), axis=0).astype(np.bool_)
    chosen = [drawn[0]]
    nearest = (drawn != drawn[0]).sum(1)
    while len(chosen) < num:
        chosen.append(drawn[int(nearest.argmax())])
        if not nearest.max():
            raise ValueError(f"{num} codes of {bits} bits")
        nearest = np.minimum(nearest, (drawn != chosen[-1]).sum(1))
    return np.stack(chosen)


def pack(bits: Bool[np.ndarray, "n k"]) -> UInt64[np.ndarray, " n"]:
    """Bits as numbers: bit i of a number is column i."""
    weights = np.uint64(1) << np.arange(bits.shape[1], dtype=np.uint64)
    return np.asarray(np.where(bits, weights, np.uint64(0)).sum(1, dtype=np.uint64))


def unpack(codes: UInt64[np.ndarray, " n"], num_bits: int) -> Bool[np.ndarray, "n k"]:
    """The bits of codes, column i for bit i."""
    places = np.arange(num_bits, dtype=np.uint64)
    return np.asarray((codes[:, None] >> places) & np.uint64(1) != 0)


def majority(codes: UInt64[np.ndarray, " n"], num_bits: int) -> np.uint64:
    """The code of which each bit is set where more than half of `codes` have it; 0 of none."""
    bits = unpack(codes, num_bits)
    return np.uint64(pack((2 * bits.sum(0) > len(codes))[None])[0])


def nearest(
    codes: UInt64[np.ndarray, " n"], to: UInt64[np.ndarray, " m"]
) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """For each code the number of the nearest of `to` by Hamming distance, the first of equals, and that distance."""
    distances = np.bitwise_count(codes[:, None] ^ to).astype(np.int64)
    found = distances.argmin(1)
    return found, np.take_along_axis(distances, found[:, None], 1)[:, 0]

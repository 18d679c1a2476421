"""Numbers drawn from (seed, epoch, sample) alone, so that neither ranks, batches nor resuming change them."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Float64, Int64, Shaped, UInt8, UInt64
from torch import Tensor, nn

_GOLDEN = 0x9E3779B97F4A7C15
_FIRST, _SECOND = 0xBF58476D1CE4E5B9, 0x94D049BB133111EB
_MASK = (1 << 64) - 1
# One stream for each purpose: without them a sample's symmetry and its dropout would follow from each other.
_DIHEDRAL = 1
_DROPOUT = 2
_AGAIN = 3
PARTNER, SHARE = 4, 5
"""Streams of `uniform` for mixup."""
SPLICE, BEGIN = 6, 7
"""Those for series that change."""


def _mix(value: UInt64[np.ndarray, "*n"]) -> UInt64[np.ndarray, "*n"]:
    """The finaliser of SplitMix64 (Steele, Lea and Flood 2014): every bit in moves every bit out."""
    with np.errstate(over="ignore"):
        value = value + np.uint64(_GOLDEN)
        value = (value ^ (value >> np.uint64(30))) * np.uint64(_FIRST)
        value = (value ^ (value >> np.uint64(27))) * np.uint64(_SECOND)
    return np.asarray(value ^ (value >> np.uint64(31)))


def sample_keys(seed: int, epoch: int, samples: Shaped[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """One key for each sample of an epoch: everything random about the sample is drawn from it."""
    # Mixed after each part, so that (seed 1, epoch 2) and (seed 2, epoch 1) have nothing in common.
    start = _mix(np.array([seed & _MASK], np.uint64))
    with np.errstate(over="ignore"):
        start = _mix(start + np.uint64(epoch))
        return _mix(start + samples.astype(np.uint64))


def order(seed: int, epoch: int, samples: Shaped[np.ndarray, " n"]) -> Shaped[np.ndarray, " n"]:
    """The samples in the order of an epoch: a permutation that depends on (seed, epoch) alone."""
    generator = np.random.Generator(np.random.Philox(key=np.array([seed & _MASK, epoch], np.uint64)))
    return np.asarray(generator.permutation(samples))


def class_aware(
    seed: int, epoch: int, samples: Int64[np.ndarray, " n"], classes: UInt8[np.ndarray, "n k"]
) -> Int64[np.ndarray, " m"]:
    """As many samples as there are, in the order of an epoch, every class asked for equally often.

    Class-aware sampling (Shen, Lin and Huang 2016, Relay Backpropagation, section 3.3): draw a class, then a sample
    that has it. Classes come in turn and the samples of a class go round in an order drawn anew at each round, so that
    no draw is left to chance: samples of one class differ by one draw at most. A sample of several classes can be
    drawn for each; a sample of none is not drawn. It depends on (seed, epoch) alone.
    """
    held = [np.flatnonzero(column == 1) for column in classes.T]
    held = [numbers for numbers in held if len(numbers)]
    drawn = np.empty(len(samples), np.int64)
    for index, numbers in enumerate(held):
        num = len(range(index, len(samples), len(held)))
        # One stream for each class and round, far from those of `order`.
        rounds = [
            order(seed + ((index + 1) << 32) + (turn << 48), epoch, numbers) for turn in range(-(-num // len(numbers)))
        ]
        drawn[index :: len(held)] = np.concatenate(rounds)[:num]
    return np.asarray(order(seed, epoch, samples[drawn]))


def again(keys: UInt64[np.ndarray, " n"], samples: Shaped[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """Keys of which no two are alike where a sample comes several times; of those that come once they are the same."""
    places = np.argsort(samples, kind="stable")
    ordered = samples[places]
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1])) if len(samples) else np.zeros(0, np.int64)
    turn = np.empty(len(samples), np.uint64)
    turn[places] = np.arange(len(samples)) - np.repeat(first, np.diff(np.append(first, len(samples))))
    with np.errstate(over="ignore"):
        return np.where(turn == 0, keys, _mix(keys + np.uint64(_AGAIN) * turn))


def uniform(keys: UInt64[np.ndarray, " n"], stream: int) -> Float64[np.ndarray, " n"]:
    """One number of at least 0 and below 1 for each key, in steps of 2**-53."""
    with np.errstate(over="ignore"):
        return np.asarray((_mix(keys + np.uint64(stream)) >> np.uint64(11)).astype(np.float64) * 2.0**-53)


def step_seed(seed: int, step: int, rank: int) -> int:
    """The seed of torch's own generator for one update, for what networks draw by themselves."""
    # torch takes seeds below 2**63.
    return int(sample_keys(seed, step, np.array([rank]))[0] >> np.uint64(1))


def dihedral(keys: UInt64[np.ndarray, " n"]) -> UInt64[np.ndarray, " n"]:
    """One of the eight symmetries of the square (0-7) for each key."""
    with np.errstate(over="ignore"):
        return np.asarray(_mix(keys + np.uint64(_DIHEDRAL)) & np.uint64(7))


class SampleDropout(nn.Module):
    """Dropout whose mask is drawn from the key of each sample, the number of the layer and the place in the sample.

    Attributes:
        share: The share of values that become zero; the others are divided by 1 - share.
        channels: Whether whole channels are dropped.
        keys: Of the samples of the batch that comes next.
    """

    def __init__(self, share: float, layer: int, channels: bool) -> None:
        super().__init__()
        self.share, self.layer, self.channels = share, layer, channels
        # No buffer: replicas spread their buffers from rank 0, and each rank has samples of its own.
        self.keys: Int64[Tensor, " b"] = torch.zeros(0, dtype=torch.int64)

    def forward(self, x: Float[Tensor, "b ..."]) -> Float[Tensor, "b ..."]:
        """Give x where the mask keeps it, in training; x itself in evaluation."""
        if not self.training or self.share == 0:
            return x
        inner = x.shape[1:2] + (1,) * (x.dim() - 2) if self.channels else x.shape[1:]
        places = torch.arange(inner.numel(), device=x.device)
        start = _mix_torch(self.keys + _signed(_DROPOUT + (self.layer << 8)))
        # 24 bits compare exactly on every device, in whatever format the network computes.
        drawn = _mix_torch(start[:, None] + places) & 0xFFFFFF
        kept = drawn >= round(self.share * (1 << 24))
        return x * kept.view(x.shape[0], *inner).to(x.dtype) / (1 - self.share)


def seed_dropout(network: nn.Module) -> list[SampleDropout]:
    """Replace every dropout layer of `network` by one that draws from the keys of samples; gives the new ones."""
    new: list[SampleDropout] = []
    for parent in list(network.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Dropout | nn.Dropout1d | nn.Dropout2d | nn.Dropout3d):
                new.append(SampleDropout(child.p, len(new), channels=not isinstance(child, nn.Dropout)))
                setattr(parent, name, new[-1])
    return new


def _mix_torch(value: Int64[Tensor, "*n"]) -> Int64[Tensor, "*n"]:
    """`_mix` on int64, whose products wrap as those of uint64 do."""
    value = value + _signed(_GOLDEN)
    value = (value ^ _shift(value, 30)) * _signed(_FIRST)
    value = (value ^ _shift(value, 27)) * _signed(_SECOND)
    return value ^ _shift(value, 31)


def _shift(value: Int64[Tensor, "*n"], bits: int) -> Int64[Tensor, "*n"]:
    return (value >> bits) & ((1 << (64 - bits)) - 1)


def _signed(value: int) -> int:
    """The int64 with the same 64 bits."""
    value &= _MASK
    return value - (1 << 64) if value >> 63 else value

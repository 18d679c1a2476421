"""Codes that lie far from each other, bits as numbers and back, and the network that gives them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from landweave.models.patch.hashing import Hashing, centres, majority, nearest, pack, unpack


@pytest.mark.parametrize("bits", [2, 4, 8, 12, 16, 20, 24, 32, 44, 48, 60, 64])
def test_where_a_hadamard_matrix_is_known_codes_differ_in_half_of_their_bits(bits: int) -> None:
    found = centres(bits - 1, bits)
    apart = (found[:, None] != found).sum(2)
    assert set(apart[~np.eye(len(found), dtype=bool)].tolist()) <= {bits // 2}
    assert (found.sum(1) == bits // 2).all()


@pytest.mark.parametrize(("num", "bits", "least"), [(94, 48, 24), (6, 47, 18), (6, 40, 14), (200, 48, 10), (4, 3, 1)])
def test_other_codes_are_far_apart_too(num: int, bits: int, least: int) -> None:
    found = centres(num, bits)
    apart = (found[:, None] != found).sum(2)[~np.eye(num, dtype=bool)]
    assert found.shape == (num, bits)
    assert apart.min() >= least


def test_codes_are_the_same_at_every_call() -> None:
    np.testing.assert_array_equal(centres(7, 47), centres(7, 47))
    # More of them begin with the same ones, where they come from one matrix.
    np.testing.assert_array_equal(centres(7, 48), centres(12, 48)[:7])


@pytest.mark.parametrize(("num", "bits"), [(0, 48), (3, 0), (3, 65), (5, 2)])
def test_codes_that_cannot_be_are_refused(num: int, bits: int) -> None:
    with pytest.raises(ValueError, match="codes of"):
        centres(num, bits)


@given(st.integers(1, 64), st.integers(0, 5), st.integers(0, 2**32))
def test_bits_as_numbers_and_back(num_bits: int, num: int, seed: int) -> None:
    bits = np.random.default_rng(seed).integers(0, 2, (num, num_bits)).astype(bool)
    codes = pack(bits)
    assert codes.dtype == np.uint64
    np.testing.assert_array_equal(unpack(codes, num_bits), bits)


def test_bit_i_is_column_i() -> None:
    assert pack(np.array([[True, False, False], [False, False, True]])).tolist() == [1, 4]
    assert pack(np.eye(64, dtype=bool)).tolist() == [1 << bit for bit in range(64)]


def test_the_majority_of_codes() -> None:
    assert majority(np.array([0b011, 0b010, 0b110], np.uint64), 3) == 0b010
    # Of two that differ neither is more than half.
    assert majority(np.array([0b01, 0b10], np.uint64), 2) == 0
    assert majority(np.zeros(0, np.uint64), 48) == 0


def test_the_nearest_code_is_the_first_of_equals() -> None:
    found, distance = nearest(np.array([0b000, 0b111, 0b101], np.uint64), np.array([0b001, 0b100, 0b111], np.uint64))
    assert found.tolist() == [0, 2, 0]
    assert distance.tolist() == [1, 0, 1]


@given(st.integers(0, 2**32))
def test_the_nearest_is_that_of_comparing_bit_by_bit(seed: int) -> None:
    generator = np.random.default_rng(seed)
    codes, to = (generator.integers(0, 2**63, num).astype(np.uint64) for num in (7, 4))
    apart = (unpack(codes, 64)[:, None] != unpack(to, 64)).sum(2)
    found, distance = nearest(codes, to)
    np.testing.assert_array_equal(found, apart.argmin(1))
    np.testing.assert_array_equal(distance, apart.min(1))


def test_the_network_gives_a_score_for_every_bit() -> None:
    network = Hashing(3, 5, bits=12, width=4).eval()
    with torch.inference_mode():
        assert network(torch.randn(2, 3, 32, 32)).shape == (2, 12)
    assert network.centres.shape == (5, 12)
    assert not any(name.startswith("body.fc") for name in network.state_dict())

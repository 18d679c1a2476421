"""A rank of a placed network that dies ends the others, who say which it was."""

from __future__ import annotations

import signal

import pytest
from tests.faults import split_ranks
from tests.parallel import launching


@pytest.mark.parametrize(("who", "micro"), [(0, 0), (1, 3)])
def test_a_rank_that_dies_ends_the_others_with_its_name(who: int, micro: int) -> None:
    """The first, which all others hear from, and the middle one, which one waits for gradients of, one for more."""
    ended = launching.ended(3, split_ranks.__file__, who, micro)
    assert ended[who][0] == -signal.SIGKILL
    for rank, (code, said) in enumerate(ended):
        if rank != who:
            assert code == 1, said
            assert f"rank {rank}" in said
            assert f"rank {who} has ended: it was killed or crashed without a word" in said
            assert "all ranks to go on together" in said
            assert "run the same command again" in said

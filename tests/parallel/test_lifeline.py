"""Whoever is lost first is named to all, at once; who leaves in peace, or is a stranger, is not."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from landweave.parallel import lifeline
from landweave.parallel.lifeline import Lifeline, Lost

HOST = "127.0.0.1"


@pytest.fixture
def ends(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[Lifeline]]:
    """Three ranks in one process, which must not be ended by what these tests do."""
    monkeypatch.setattr(lifeline, "_GRACE_S", 1e6)
    monkeypatch.setattr(lifeline, "_LISTEN_S", 0.01)
    first = Lifeline.listen(HOST)
    made = [first, *(Lifeline.connect(rank, HOST, *first.address) for rank in (1, 2))]
    while len(first.peers) < 2:
        pass
    yield made
    for end in made:
        end.leave()


def die(end: Lifeline) -> None:
    """As the system does for a process that is killed."""
    end.peers[0].shutdown(socket.SHUT_RDWR)


def test_a_rank_that_dies_is_named_to_all(ends: list[Lifeline]) -> None:
    die(ends[2])
    for end in ends[:2]:
        lost = end.who(5)
        assert lost is not None
        assert lost.rank == 2
        assert "rank 2 has ended: it was killed or crashed" in str(lost)


def test_a_rank_that_fails_says_why(ends: list[Lifeline]) -> None:
    ends[1].leave("OutputError: no space left\non this disk: ä")
    assert ends[0].who(5) == ends[2].who(5) == Lost(1, "OutputError: no space left\non this disk: ä")


def test_all_hear_the_name_before_the_first_rank_leaves(ends: list[Lifeline], monkeypatch: pytest.MonkeyPatch) -> None:
    tell = Lifeline._tell

    def slowly(self: Lifeline, line: socket.socket, lost: Lost) -> None:
        time.sleep(0.1)
        tell(self, line, lost)

    monkeypatch.setattr(Lifeline, "_tell", slowly)
    die(ends[2])
    assert ends[0].who(5) == Lost(2)
    ends[0].leave()
    assert ends[1].who(5) == Lost(2)


@pytest.mark.parametrize("failed", [None, "ConfigError: another recipe"])
def test_the_first_rank_may_fail_or_leave(ends: list[Lifeline], failed: str | None) -> None:
    ends[0].leave(failed)
    for end in ends[1:]:
        assert end.who(5 if failed else 0.1) == (Lost(0, failed) if failed else None)


def test_who_did_not_wait_is_the_one_that_hangs(ends: list[Lifeline], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifeline, "_SKEW_S", 0.3)
    with ThreadPoolExecutor(2) as pool:
        for lost in pool.map(lambda end: end.who_hangs(5), [ends[0], ends[2]]):
            assert str(lost) == "rank 1 hangs: it lives, but did not come where the others waited for it"
    assert ends[1].who(5) == ends[0].who(0)


def test_all_that_did_not_wait_are_named(ends: list[Lifeline], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifeline, "_SKEW_S", 0.1)
    assert str(ends[2].who_hangs(5)).endswith("the others waited for it; nor did rank 1")


def test_a_first_rank_that_answers_no_more_is_named(ends: list[Lifeline]) -> None:
    assert str(ends[1].who_hangs(0.1)) == "rank 0 hangs: it answers no more"


def test_who_leaves_in_peace_is_not_lost(ends: list[Lifeline]) -> None:
    ends[1].leave()
    assert [end.who(0.1) for end in ends] == [None, None, None]
    ends[2].leave("later")
    assert ends[0].who(5) == Lost(2, "later")


def test_the_first_loss_is_the_reason_and_what_follows_is_not(ends: list[Lifeline]) -> None:
    ends[1].leave("the reason")
    assert ends[2].who(5) == Lost(1, "the reason")
    ends[2].leave("a connection that closed, because of that reason")
    assert ends[0].who(5) == Lost(1, "the reason")


def test_strangers_are_not_heard(ends: list[Lifeline]) -> None:
    port, _ = ends[0].address
    for words in (
        b'{"hello": 1, "token": "00"}\n{"failed": "nonsense"}\n',
        b"GET / HTTP/1.1\r\n\r\n",
        b'[]\n"x"\n',
        b"",
    ):
        with socket.create_connection((HOST, port)) as stranger:
            stranger.sendall(words)
    assert [end.who(0.2) for end in ends] == [None, None, None]
    ends[2].leave("still heard")
    assert ends[0].who(5) == Lost(2, "still heard")


def test_a_late_rank_hears_of_an_earlier_loss(ends: list[Lifeline]) -> None:
    ends[1].leave("before you came")
    assert ends[0].who(5)
    late = Lifeline.connect(3, HOST, *ends[0].address)
    assert late.who(5) == Lost(1, "before you came")
    late.leave()


def test_a_name_of_no_own_address_is_listened_to_on_all() -> None:
    end = Lifeline.listen("192.0.2.1")
    port, token = end.address
    other = Lifeline.connect(1, HOST, port, token)
    other.leave("heard")
    assert end.who(5) == Lost(1, "heard")
    end.leave()

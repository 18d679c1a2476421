"""The server as a process: where it listens, who reaches it, and what a kill leaves."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import httpx
import pytest
from tests.review.making import DATES, draft, make_job, parts
from tests.review.serving import serve, serving

from landweave.errors import OutputError, ReviewError
from landweave.review.serve import is_loopback, make_server


@pytest.fixture(scope="module")
def job(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_job(tmp_path_factory.mktemp("served"), 9, dates=DATES[::13], edge=40)


def test_it_listens_on_loopback_alone_unless_told_otherwise(job: Path) -> None:
    server = make_server(job, port=0)
    assert server.listener.getsockname()[0] == "127.0.0.1"
    assert server.is_local
    assert server.address.startswith("http://127.0.0.1:")
    assert "token=" in server.address
    assert {name.rpartition(":")[0] for name in server.guard.hosts} == {"127.0.0.1", "localhost", "[::1]"}
    server.listener.close()


def test_other_names_are_those_that_were_asked_for(job: Path) -> None:
    server = make_server(job, port=0, host="0.0.0.0", allow=["maps.example:80", "Other.example:8443"])
    assert not server.is_local
    assert {"maps.example", "other.example:8443"} <= server.guard.hosts
    assert f"{socket.gethostname().lower()}:{server.listener.getsockname()[1]}" in server.guard.hosts
    assert server.address.startswith("http://127.0.0.1:")
    server.listener.close()


@pytest.mark.parametrize(("host", "expected"), [
    ("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
    ("192.168.1.2", False), ("example.org", False),
])  # fmt: skip
def test_what_loopback_is(host: str, expected: bool) -> None:
    assert is_loopback(host) == expected


def test_a_port_that_is_taken_is_said(job: Path) -> None:
    first = make_server(job, port=0)
    with pytest.raises(OutputError) as caught:
        make_server(job, port=first.listener.getsockname()[1])
    assert "--port" in list(parts(caught.value))[2]
    first.listener.close()


def test_who_comes_before_it_answers_waits(job: Path) -> None:
    server = make_server(job, port=0)
    # As a browser does that opens the address at once.
    with socket.create_connection(server.listener.getsockname()[:2], timeout=5) as early:
        assert early.getpeername() == server.listener.getsockname()
    server.listener.close()


def test_a_host_that_is_none_is_said(job: Path) -> None:
    with pytest.raises((ReviewError, OutputError)) as caught:
        make_server(job, host="no such host", port=0)
    parts(caught.value)


def test_the_token_stays_over_restarts_until_a_new_one_is_asked_for(job: Path) -> None:
    tokens = []
    for new in (False, False, True):
        server = make_server(job, port=0, new_token=new)
        tokens.append(server.guard.token)
        server.listener.close()
    assert tokens[0] == tokens[1] != tokens[2]


def test_a_killed_server_loses_nothing_that_it_answered(job: Path) -> None:
    served = serve(job)
    for number in range(3):
        assert served.post("/api/decisions", draft(number, key=f"key-kill-{number}")).status_code == 200
    answered: list[int] = []

    def go_on() -> None:
        for number in range(200):
            body = draft(number % 9, key=f"key-more-{number:03d}", reviewer="Bob")
            try:
                if served.post("/api/decisions", body).status_code == 200:
                    answered.append(number)
            except httpx.TransportError:
                return

    thread = threading.Thread(target=go_on)
    thread.start()
    while len(answered) < 5:
        assert thread.is_alive()
    served.kill()
    thread.join()
    with serving(job, port=served.port) as again:
        assert again.headers == served.headers
        server = make_server(job, port=0)
        kept = {one.key for one in server.desk.store.since()}
        server.listener.close()
        assert {f"key-kill-{n}" for n in range(3)} | {f"key-more-{n:03d}" for n in answered} <= kept
        # What the page does not know the answer of it sends again; it is there once.
        last = f"key-more-{answered[-1]:03d}"
        assert again.post("/api/decisions", draft(answered[-1] % 9, key=last, reviewer="Bob")).status_code == 200
        told = again.get("/api/progress", params={"reviewer": "Ada"}).json()
        assert told["mine"] == 3
        assert httpx.get(f"{again.root}/api/job").status_code == 401
        assert httpx.get(f"{again.root}/api/job", headers={**again.headers, "Host": "evil"}).status_code == 421


def test_a_disk_that_is_full_while_reviewing(tmp_path: Path) -> None:
    job = make_job(tmp_path, 4, dates=DATES[::13], edge=32)
    # No file may grow beyond this: what a full disk says, without filling one.
    limit = "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
    limit += "resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, 120_000))"
    with serving(job, before=limit) as served:
        statuses = []
        for number in range(60):
            body = draft(number % 4, key=f"key-full-{number:03d}", note="x" * 2000, reviewer=f"R{number}")
            answer = served.post("/api/decisions", body)
            statuses.append(answer.status_code)
            if answer.status_code != 200:
                assert set(answer.json()) == {"given", "expected", "do"}
                break
        assert statuses[-1] == 507
    with serving(job) as served:
        server = make_server(job, port=0)
        kept = [one.key for one in server.desk.store.since()]
        server.listener.close()
        assert kept[: len(statuses) - 1] == [f"key-full-{n:03d}" for n in range(len(statuses) - 1)]
        assert served.post("/api/decisions", draft(0, key="key-after")).status_code == 200

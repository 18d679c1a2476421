"""Decisions in SQLite; tests/review/test_postgres.py asks PostgreSQL the same."""

from __future__ import annotations

import datetime as dt
import sqlite3
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa
from tests.review.making import JOB, parts

from landweave.errors import MissingPackageError, OutputError, ReviewError
from landweave.review import store as stores
from landweave.review.store import Decision, Draft, Store, address_of, open_store


def told(number: int = 0, **changes: object) -> Draft:
    known = {"key": f"key-{number:05d}", "event": f"e{number}", "kind": "approve", "from_id": 1, "to_id": 5}
    return Draft(**{**known, "reviewer": "Ada", **changes})  # type: ignore[arg-type]


@pytest.fixture
def address(tmp_path: Path) -> str:
    return address_of(None, tmp_path)


@pytest.fixture
def store(address: str) -> Store:
    return open_store(address, JOB)


def test_what_is_appended_is_read_in_order(store: Store, address: str) -> None:
    before = dt.datetime.now(dt.UTC)
    kept = [store.append(told(n, note=f"<b>note</b> {n} ü")) for n in range(5)]
    assert [one.number for one in kept] == [1, 2, 3, 4, 5]
    assert all(before <= one.time <= dt.datetime.now(dt.UTC) for one in kept)
    assert store.since() == kept
    assert store.since(3) == kept[3:]
    assert open_store(address, JOB).since() == kept


def test_what_comes_twice_with_one_key_is_kept_once(store: Store) -> None:
    first = store.append(told(1))
    assert store.append(told(1)) == first
    assert store.since() == [first]
    with pytest.raises(ReviewError) as caught:
        store.append(told(1, kind="discard", to_id=1))
    assert "key-00001" in next(iter(parts(caught.value)))
    assert store.since() == [first]


def test_an_undo_names_a_decision_of_the_same_reviewer_once(store: Store) -> None:
    first = store.append(told(1))
    wrong = [
        {"undoes": "nothing-there"},
        {"undoes": first.key, "reviewer": "Bob"},
        {"undoes": first.key, "event": "e2"},
        {"undoes": None},
    ]
    for changes in wrong:
        with pytest.raises(ReviewError) as caught:
            store.append(told(1, key="undo-wrong", kind="undo", **changes))
        parts(caught.value)
    undo = store.append(told(1, key="undo-00001", kind="undo", undoes=first.key))
    assert undo.undoes == first.key
    assert store.append(told(1, key="undo-00001", kind="undo", undoes=first.key)) == undo
    for again in ("undo-00002",):
        with pytest.raises(ReviewError, match="undone"):
            store.append(told(1, key=again, kind="undo", undoes=first.key))
    with pytest.raises(ReviewError):
        store.append(told(1, key="undo-00003", kind="undo", undoes=undo.key))
    with pytest.raises(ReviewError):
        store.append(told(1, key="key-00009", undoes=first.key))


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE landweave_decisions SET note = ''",
        "DELETE FROM landweave_decisions",
        "UPDATE landweave_review SET job = ''",
        "DELETE FROM landweave_review",
    ],
)
def test_the_database_itself_keeps_what_was_decided(store: Store, tmp_path: Path, change: str) -> None:
    store.append(told(1))
    with sqlite3.connect(tmp_path / "decisions.sqlite") as link, pytest.raises(sqlite3.IntegrityError, match="added"):
        link.execute(change)
    assert len(store.since()) == 1


def test_many_at_once_lose_nothing(address: str) -> None:
    stores_ = [open_store(address, JOB) for _ in range(3)]

    def work(who: int) -> None:
        for n in range(15):
            stores_[who % 3].append(told(n, key=f"key-{who}-{n:03d}", reviewer=f"reviewer {who}"))

    threads = [threading.Thread(target=work, args=(who,)) for who in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found = stores_[0].since()
    assert [one.number for one in found] == list(range(1, 91))
    assert {one.key for one in found} == {f"key-{who}-{n:03d}" for who in range(6) for n in range(15)}


def test_a_reader_that_follows_numbers_misses_none(address: str) -> None:
    writers, reader = [open_store(address, JOB) for _ in range(2)], open_store(address, JOB)
    seen: list[Decision] = []
    threads = [
        threading.Thread(target=lambda s=s, w=w: [s.append(told(n, key=f"key-{w}-{n:03d}")) for n in range(20)])  # type: ignore[misc]
        for w, s in enumerate(writers)
    ]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads) or len(seen) < 40:
        seen += reader.since(seen[-1].number if seen else 0)
    assert [one.number for one in seen] == list(range(1, 41))


def test_the_database_of_another_job_is_refused(address: str, store: Store) -> None:
    store.append(told(1))
    with pytest.raises(ReviewError) as caught:
        open_store(address, "another job")
    given, expected, do = parts(caught.value)
    assert JOB[:12] in given
    assert "another job" in expected
    assert "--database" in do


def test_a_database_of_another_format_is_refused(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stores, "FORMAT", 2)
    open_store(address, JOB).close()
    monkeypatch.undo()
    with pytest.raises(ReviewError, match="format 2"):
        open_store(address, JOB)


def test_a_file_that_is_no_database_is_named(tmp_path: Path, address: str) -> None:
    (tmp_path / "decisions.sqlite").write_bytes(b"no database at all, but long enough to look at" * 40)
    with pytest.raises(OutputError, match="not a database"):
        open_store(address, JOB)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        open_store(address_of(None, tmp_path / "gone"), JOB)
    assert "unable to open" in next(iter(parts(caught.value)))


def test_a_database_that_cannot_grow_refuses_and_keeps_the_rest(store: Store) -> None:
    first = store.append(told(1))

    def starve(link: sqlite3.Connection, *_: object) -> None:
        pages = link.execute("PRAGMA page_count").fetchone()[0]
        link.execute(f"PRAGMA max_page_count={pages}")

    store.engine.dispose()
    sa.event.listen(store.engine, "connect", starve)
    with pytest.raises(OutputError) as caught:
        store.append(told(2, note="x" * 50_000))
    given, expected, do = parts(caught.value)
    assert "full" in given
    assert "space" in expected
    assert "sends it again" in do
    sa.event.remove(store.engine, "connect", starve)
    store.engine.dispose()
    assert store.since() == [first]
    assert store.append(told(2)).number == 2


@pytest.mark.parametrize(("address", "words"), [
    ("mysql://a:secret@b/c", "sqlite or postgresql"),
    ("no address at all", "an address"),
    ("nosuchdialect://x", "sqlite or postgresql"),
    ("postgresql+nosuchdriver://x", "an address"),
])  # fmt: skip
def test_other_addresses_are_refused_without_saying_the_password(address: str, words: str) -> None:
    with pytest.raises((ReviewError, MissingPackageError)) as caught:
        open_store(address, JOB)
    assert words in caught.value.expected or "driver" in caught.value.expected
    assert "secret" not in str(caught.value)


def test_addresses_are_of_the_installed_driver(tmp_path: Path) -> None:
    assert address_of("postgresql://me@here/db", tmp_path) == "postgresql+psycopg://me@here/db"
    assert address_of("postgres://me@here/db", tmp_path) == "postgresql+psycopg://me@here/db"
    assert address_of("postgresql+psycopg://x/y", tmp_path) == "postgresql+psycopg://x/y"
    assert address_of("sqlite:///a.db", tmp_path) == "sqlite:///a.db"
    assert address_of(None, tmp_path).endswith("decisions.sqlite")


def test_nobody_at_the_address_is_told_without_the_password(tmp_path: Path) -> None:
    with pytest.raises(OutputError) as caught:
        open_store(address_of("postgresql://me:secret@127.0.0.1:1/none", tmp_path), JOB)
    assert "secret" not in str(caught.value)
    assert "127.0.0.1" in caught.value.given
    assert "answers" in caught.value.expected

"""Decisions in a real PostgreSQL: the tests of SQLite's store run here again, and what only a server can do."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from tests.raster.stac_server import postgres
from tests.review.making import DATES, JOB, draft, light_job, make_job
from tests.review.serving import serving
from tests.review.test_store import (  # noqa: F401 - collected here, with the fixtures of this file
    test_a_database_of_another_format_is_refused,
    test_a_reader_that_follows_numbers_misses_none,
    test_an_undo_names_a_decision_of_the_same_reviewer_once,
    test_many_at_once_lose_nothing,
    test_the_database_of_another_job_is_refused,
    test_what_comes_twice_with_one_key_is_kept_once,
    test_what_is_appended_is_read_in_order,
    told,
)

from landweave.errors import OutputError
from landweave.review.desk import Desk
from landweave.review.export import export, history
from landweave.review.store import Store, address_of, open_store

pytestmark = pytest.mark.postgres
_NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres() as settings:
        yield f"postgresql://postgres:any@127.0.0.1:{settings['PGPORT']}"


@pytest.fixture
def database(server: str) -> str:
    """The address of a database of its own, as a user gives it."""
    name = f"review{next(_NUMBERS)}"
    with psycopg.connect(f"{server}/postgres", autocommit=True) as link:
        link.execute(f"CREATE DATABASE {name}")  # type: ignore[arg-type]
    return f"{server}/{name}"


@pytest.fixture
def address(database: str, tmp_path: Path) -> str:
    return address_of(database, tmp_path)


@pytest.fixture
def store(address: str) -> Iterator[Store]:
    opened = open_store(address, JOB)
    yield opened
    opened.close()


@pytest.mark.parametrize("change", ["UPDATE {} SET {} = ''", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
@pytest.mark.parametrize(("table", "column"), [("landweave_decisions", "note"), ("landweave_review", "job")])
def test_the_server_itself_keeps_what_was_decided(
    store: Store, database: str, table: str, column: str, change: str
) -> None:
    store.append(told(1))
    with psycopg.connect(database) as link, pytest.raises(psycopg.errors.RaiseException, match="only added"):
        link.execute(change.format(table, column))  # type: ignore[arg-type]
    assert len(store.since()) == 1


def test_a_connection_that_was_cut_is_made_again(store: Store, database: str) -> None:
    store.append(told(1))
    with psycopg.connect(database, autocommit=True) as link:
        link.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid() "
                     "AND datname = current_database()")  # fmt: skip
    assert store.append(told(2)).number == 2


def test_whoever_may_not_write_is_told(store: Store, address: str) -> None:
    with store.engine.connect() as link, link.begin():
        name = link.scalar(sa.text("SELECT current_database()"))
        link.execute(sa.text(f"ALTER DATABASE {name} SET default_transaction_read_only = on"))
    store.engine.dispose()
    with pytest.raises(OutputError) as caught:
        store.append(told(1))
    assert "read-only" in caught.value.given
    assert "any" not in caught.value.given.split("@")[0]


def test_two_servers_share_one_database_and_a_kill_loses_nothing(database: str, tmp_path: Path) -> None:
    job = make_job(tmp_path, 6, dates=DATES[::13], edge=40)
    with serving(job, "--database", database) as one, serving(job, "--database", database) as other:
        for number in range(3):
            assert one.post("/api/decisions", draft(number)).status_code == 200
            body = draft(number, key=f"key-bob-{number}", reviewer="Bob", kind="discard")
            assert other.post("/api/decisions", body).status_code == 200
        one.kill()
        told_ = other.get("/api/progress", params={"reviewer": "Ada"}).json()
        assert (told_["judged"], told_["mine"], told_["disputed"]) == (3, 3, 3)
        assert other.get("/api/next", params={"reviewer": "Ada", "order": "file"}).json()["row"] == 3
    found = light_job(tmp_path / "other")
    assert len(history(found, database)) == 6


def test_export_is_that_of_sqlite(database: str, tmp_path: Path) -> None:
    job = light_job(tmp_path)
    stored = open_store(address_of(database, job.folder), job.header.job)
    desk = Desk(job, stored)
    desk.decide(**draft(0, note="ünï <b>"))
    desk.decide(**draft(1))
    desk.undo(key="undo-0001", undoes=draft(1)["key"], reviewer="Ada")
    told_ = export(job, history(job, database), tmp_path / "d.parquet")
    stored.close()
    assert told_ == {"approve": 1, "discard": 0, "relabel": 0, "undecided": 5, "undone": 1, "foreign": 0}

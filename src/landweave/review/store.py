"""Decisions in a database, SQLite or PostgreSQL: rows that are added and never changed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy import event as events
from sqlalchemy.exc import ArgumentError, DBAPIError, NoSuchModuleError, OperationalError, ProgrammingError

from landweave.errors import MissingPackageError, OutputError, ReviewError

FORMAT = 1
FILE = "decisions.sqlite"
Kind = Literal["approve", "discard", "relabel", "undo"]
_BUSY_MS = 30_000

_META = sa.MetaData()
_JOBS = sa.Table(
    "landweave_review",
    _META,
    sa.Column("format", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("job", sa.Text, nullable=False),
)
_DECISIONS = sa.Table(
    "landweave_decisions",
    _META,
    sa.Column("number", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("key", sa.String(64), nullable=False, unique=True),
    sa.Column("event", sa.Text, nullable=False),
    sa.Column("kind", sa.String(8), nullable=False),
    sa.Column("from_id", sa.Integer, nullable=False),
    sa.Column("to_id", sa.Integer, nullable=False),
    sa.Column("reviewer", sa.Text, nullable=False),
    # As text, for SQLite keeps no time zone.
    sa.Column("time", sa.String(32), nullable=False),
    sa.Column("note", sa.Text, nullable=False),
    sa.Column("undoes", sa.String(64), sa.ForeignKey("landweave_decisions.key"), unique=True),
)


def _guard(table: sa.Table) -> None:
    """Let the database itself refuse to change or delete rows, whatever program asks."""
    triggers = [
        f"CREATE TRIGGER {table.name}_no_{verb.lower()} BEFORE {verb} ON {table.name} "
        "BEGIN SELECT RAISE(ABORT, 'decisions are only added'); END"
        for verb in ("UPDATE", "DELETE")
    ]
    function = f"{table.name}_refuse"
    functions = [
        f"CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'decisions are only added'; END $$",
        f"CREATE TRIGGER {function} BEFORE UPDATE OR DELETE OR TRUNCATE ON {table.name} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {function}()",
    ]
    for dialect, texts in (("sqlite", triggers), ("postgresql", functions)):
        for text in texts:
            ddl = sa.DDL(text).execute_if(dialect=dialect)  # type: ignore[no-untyped-call]
            events.listen(table, "after_create", ddl)


for _table in (_JOBS, _DECISIONS):
    _guard(_table)


@dataclass(frozen=True, slots=True)
class Draft:
    """A decision to be kept.

    Attributes:
        key: Made by whoever decides; what comes twice with one key is kept once.
        event: Id of the event.
        kind: "approve", "discard", "relabel", or "undo".
        from_id: Class id before, after the decision.
        to_id: Class id after, after the decision.
        reviewer: Who decides.
        note: A remark, or "".
        undoes: Key of the decision that is taken back.
    """

    key: str
    event: str
    kind: Kind
    from_id: int
    to_id: int
    reviewer: str
    note: str = ""
    undoes: str | None = None


@dataclass(frozen=True, slots=True)
class Decision(Draft):
    """A decision that is kept: its place in the history, from 1, and when it was made (UTC)."""

    number: int = 0
    time: dt.datetime = dt.datetime.min


@dataclass(frozen=True, slots=True)
class Store:
    """An open database of decisions; threads and processes may share it."""

    engine: sa.Engine
    shown: str

    def append(self, draft: Draft) -> Decision:
        """Keep a decision; when this returns it is on disk.

        Raises:
            ReviewError: Its key names another decision, or it undoes what is not there, undone, or somebody else's.
            OutputError: The disk is full, or the database cannot be written. Nothing was kept.
        """
        with self._telling(), self.engine.connect().execution_options(writes=True) as link, link.begin():
            # One after the other, over all processes: whoever reads number n finds all below n.
            link.execute(sa.select(_JOBS.c.job).with_for_update()).all()
            if (there := _find(link, draft.key)) is not None:
                return _same(there, draft)
            _check_undo(link, draft)
            number = (link.scalar(sa.select(sa.func.max(_DECISIONS.c.number))) or 0) + 1
            decision = Decision(**asdict(draft), number=number, time=dt.datetime.now(dt.UTC))
            link.execute(_DECISIONS.insert().values({**asdict(decision), "time": decision.time.isoformat()}))
        return decision

    def since(self, number: int = 0) -> list[Decision]:
        """All decisions after a number, in order.

        Raises:
            OutputError: The database cannot be read.
        """
        wanted = sa.select(_DECISIONS).where(_DECISIONS.c.number > number).order_by(_DECISIONS.c.number)
        with self._telling(), self.engine.connect() as link, link.begin():
            return [_decision(row) for row in link.execute(wanted)]

    def close(self) -> None:
        """Let go of the database."""
        self.engine.dispose()

    @contextmanager
    def _telling(self) -> Iterator[None]:
        """Turn what the database says into an error with what to do."""
        try:
            yield
        except DBAPIError as error:
            reason = str(error.orig).strip().splitlines()[0]
            full = any(word in reason for word in ("full", "No space", "disk I/O"))
            raise OutputError(
                f"the database {self.shown}: {reason}",
                "free space where it lies" if full else "a database that answers and can be written",
                "free some space; the page keeps what is not saved and sends it again" if full else _ANSWERS,
            ) from error


_ANSWERS = "start the database, check its address and who may write to it"


def address_of(database: str | None, folder: Path) -> str:
    """The address of the database: what was asked for, or a file of SQLite in the folder of the review."""
    if database is None:
        return sa.URL.create("sqlite", database=str(folder / FILE)).render_as_string()
    scheme, separator, rest = database.partition("://")
    # Whatever driver this version of SQLAlchemy prefers.
    known = {"postgres": "postgresql+psycopg", "postgresql": "postgresql+psycopg"}
    return known.get(scheme, scheme) + separator + rest


def open_store(address: str, job: str) -> Store:
    """Open or make the database of decisions on the events of one job.

    Args:
        address: As `address_of` gives it.
        job: The fingerprint of the job.

    Raises:
        ReviewError: It is no address, of another format, or the decisions of another job.
        OutputError: It cannot be reached, made or written.
        MissingPackageError: The driver is not installed.
    """
    engine = _engine(address)
    store = Store(engine, engine.url.render_as_string(hide_password=True))
    try:
        with store._telling():
            _make(engine)
            _claim(engine, job, store.shown)
    except BaseException:
        engine.dispose()
        raise
    return store


def _engine(address: str) -> sa.Engine:
    try:
        url = sa.make_url(address)
        if url.get_backend_name() not in {"sqlite", "postgresql"}:
            raise ReviewError(f"a database {url.get_backend_name()}", "sqlite or postgresql", _ADDRESS)
        engine = sa.create_engine(url, pool_pre_ping=True)
    except (ArgumentError, NoSuchModuleError) as error:
        raise ReviewError(f"the database address {address.partition('@')[0]}...", "an address", _ADDRESS) from error
    except ModuleNotFoundError as error:
        raise MissingPackageError(
            f"a database without its driver: {error}", "an installed driver", "pip install 'landweave[review]'"
        ) from error
    if url.get_backend_name() == "sqlite":
        events.listen(engine, "connect", _settle)
        events.listen(engine, "begin", _begin)
    return engine


_ADDRESS = "write --database postgresql://user@host/name, or leave it away for a file of SQLite"


def _settle(link: Any, _: object) -> None:
    """SQLite: readers beside a writer; what is committed survives even a power failure."""
    # Transactions are begun by `_begin`, not by the driver when it thinks so.
    link.isolation_level = None
    for word in ("journal_mode=WAL", "synchronous=FULL", f"busy_timeout={_BUSY_MS}", "foreign_keys=ON"):
        link.execute(f"PRAGMA {word}")


def _begin(link: sa.Connection) -> None:
    # At once for writing: a reader that becomes a writer later could be refused.
    link.exec_driver_sql("BEGIN IMMEDIATE" if link.get_execution_options().get("writes") else "BEGIN")


def _make(engine: sa.Engine) -> None:
    try:
        with engine.connect().execution_options(writes=True) as link, link.begin():
            _META.create_all(link)
    except (ProgrammingError, OperationalError, sa.exc.IntegrityError):
        # Another server began at the same moment and made the same tables.
        with engine.connect().execution_options(writes=True) as link, link.begin():
            _META.create_all(link)


def _claim(engine: sa.Engine, job: str, shown: str) -> None:
    with engine.connect().execution_options(writes=True) as link, link.begin():
        rows = link.execute(sa.select(_JOBS)).all()
        if not rows:
            link.execute(_JOBS.insert().values(format=FORMAT, job=job))
        elif rows[0].job != job:
            raise ReviewError(
                f"the database {shown} with decisions on job {rows[0].job[:12]}",
                f"a database of job {job[:12]}, whose events these are",
                "name another database with --database, or review the events that it is of",
            )
        elif rows[0].format != FORMAT:
            raise ReviewError(f"{shown} of format {rows[0].format}", f"format {FORMAT}", "use the landweave it is of")


def _find(link: sa.Connection, key: str) -> Decision | None:
    row = link.execute(sa.select(_DECISIONS).where(_DECISIONS.c.key == key)).first()
    return None if row is None else _decision(row)


def _decision(row: sa.Row[Any]) -> Decision:
    values = dict(row._mapping)
    return Decision(**{**values, "time": dt.datetime.fromisoformat(values["time"])})


def _same(there: Decision, draft: Draft) -> Decision:
    if any(getattr(there, each.name) != getattr(draft, each.name) for each in fields(draft)):
        raise ReviewError(f"key {draft.key} for two decisions", "a key of its own for each", "reload the page")
    return there


def _check_undo(link: sa.Connection, draft: Draft) -> None:
    if (draft.kind == "undo") != (draft.undoes is not None):
        raise ReviewError(f"{draft.kind} of {draft.undoes}", "an undo with the key of a decision", "reload the page")
    if draft.undoes is None:
        return
    known = _find(link, draft.undoes)
    if known is None or known.kind == "undo" or known.reviewer != draft.reviewer or known.event != draft.event:
        raise ReviewError(
            f"undo of {draft.undoes} by {draft.reviewer}", "a decision of the same reviewer", "reload the page"
        )
    if link.scalar(sa.select(_DECISIONS.c.number).where(_DECISIONS.c.undoes == draft.undoes)) is not None:
        raise ReviewError(f"undo of {draft.undoes}, which is undone", "a decision in force", "reload the page")

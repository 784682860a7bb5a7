"""A desk on SQLite and, where one runs, on PostgreSQL: every test here runs on both."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from cases.county import County
from cases.desk import Desk
from cases.shield import Shield
from cases.store import Store
from tests.running import ROOT

SERVER = "postgresql+psycopg2://postgres@127.0.0.1:5432"


class Clock:
    """A clock that stands until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 24, 2, 0, tzinfo=timezone.utc)

    def __call__(self) -> datetime:
        return self.now

    def move(self, **by: float) -> None:
        self.now += timedelta(**by)


@pytest.fixture(scope="session")
def county() -> County:
    return County.load(ROOT / "city")


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="session")
def postgresql() -> Iterator[str]:
    """URL of an empty database of this test run's own."""
    name = f"minhu_test_{uuid.uuid4().hex[:12]}"
    server = sa.create_engine(f"{SERVER}/postgres", isolation_level="AUTOCOMMIT", future=True)
    try:
        with server.connect() as connection:
            connection.execute(sa.text(f"create database {name}"))
            connection.execute(sa.text(f"alter database {name} set synchronous_commit = off"))
    except sa.exc.OperationalError:
        pytest.skip("no PostgreSQL server on 127.0.0.1:5432")
    yield f"{SERVER}/{name}"
    with server.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))


def empty(store: Store) -> None:
    """Empties every table of a PostgreSQL store and starts its numbers anew, without a truncate, which takes longer."""
    with store.write() as write:
        write.execute(sa.text("set local session_replication_role = replica"))
        for table in sa.inspect(write).get_table_names():
            if table != "alembic_version":
                write.execute(sa.text(f'delete from "{table}"'))
        for name in write.execute(sa.text("select sequencename from pg_sequences")).scalars().all():
            write.execute(sa.text(f"select setval('{name}', 1, false)"))


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Store]:
    """A migrated, empty store."""
    url = f"sqlite:///{tmp_path / 'minhu.db'}"
    if request.param == "postgresql":
        url = request.getfixturevalue("postgresql")
    made = Store(url)
    made.migrate()
    yield made
    if request.param == "postgresql":
        empty(made)
    made.engine.dispose()


@pytest.fixture
def desk(store: Store, county: County, clock: Clock) -> Desk:
    """A desk whose clock stands at ten o'clock in Liling on a working day."""
    made = Desk(store, county, clock, Shield("test secret"))
    made.hear("web:1", "web", "你好", "r0")
    return made

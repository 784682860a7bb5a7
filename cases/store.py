"""Where cases and conversations are durable: the tables, and transactions on SQLite or PostgreSQL by one URL."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine

metadata = sa.MetaData()


class Moment(sa.types.TypeDecorator):
    """A point in time: UTC in the database, aware in Python, whatever the zone it came in."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Any) -> datetime | None:
        """Refuses a time without a zone: nobody could say what it means."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError(f"{value} has no time zone")
        return value.astimezone(timezone.utc)

    def process_result_value(self, value: datetime | None, dialect: Any) -> datetime | None:
        """SQLite forgets the zone; it is UTC."""
        if value is None:
            return None
        return value.replace(tzinfo=timezone.utc) if value.tzinfo is None else value.astimezone(timezone.utc)


def _id() -> sa.Column[int]:
    return sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True, autoincrement=True)


def _time(name: str, **kept: Any) -> sa.Column[Any]:
    return sa.Column(name, Moment, **kept)


conversations = sa.Table(
    "conversations",
    metadata,
    sa.Column("id", sa.String(200), primary_key=True),
    sa.Column("channel", sa.String(20), nullable=False),
    sa.Column("language", sa.String(8), nullable=False, server_default="zh"),
    sa.Column("holder", sa.String(10), nullable=False, server_default="bot"),
    sa.Column("staff", sa.String(80)),
    sa.Column("reason", sa.String(40)),
    sa.Column("last_seq", sa.Integer, nullable=False, server_default="0"),
    _time("waiting_since"),
    _time("created_at", nullable=False),
    sa.Index("ix_conversations_holder", "holder", "waiting_since"),
)
messages = sa.Table(
    "messages",
    metadata,
    _id(),
    sa.Column("conversation_id", sa.String(200), sa.ForeignKey("conversations.id"), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("ref", sa.String(120), nullable=False),
    sa.Column("author", sa.String(10), nullable=False),
    sa.Column("staff", sa.String(80)),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("text_sealed", sa.Text),
    sa.Column("buttons", sa.JSON, nullable=False),
    sa.Column("sources", sa.JSON, nullable=False),
    sa.Column("attachments", sa.JSON, nullable=False),
    sa.Column("case_id", sa.BigInteger),
    sa.Column("delivery", sa.String(10), nullable=False, server_default="none"),
    sa.Column("error", sa.Text),
    _time("created_at", nullable=False),
    _time("answered_at"),
    sa.UniqueConstraint("conversation_id", "seq", name="uq_messages_seq"),
    sa.UniqueConstraint("conversation_id", "ref", name="uq_messages_ref"),
    sa.Index("ix_messages_unanswered", "author", "answered_at"),
)
cases = sa.Table(
    "cases",
    metadata,
    _id(),
    sa.Column("number", sa.String(40), nullable=False, unique=True),
    sa.Column("filing_key", sa.String(330), nullable=False, unique=True),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("status", sa.String(20), nullable=False),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("conversation_id", sa.String(200), sa.ForeignKey("conversations.id"), nullable=False),
    sa.Column("words", sa.JSON, nullable=False),
    sa.Column("words_sealed", sa.Text),
    sa.Column("category", sa.String(80)),
    sa.Column("domain", sa.String(40)),
    sa.Column("town", sa.String(20)),
    sa.Column("village", sa.String(20)),
    sa.Column("grid", sa.String(40)),
    sa.Column("place_said", sa.Text),
    sa.Column("place_sealed", sa.Text),
    sa.Column("since", sa.String(40)),
    sa.Column("since_said", sa.Text),
    sa.Column("contact_sealed", sa.Text),
    sa.Column("contact_masked", sa.String(80)),
    sa.Column("contact_withheld", sa.Boolean, nullable=False),
    sa.Column("language", sa.String(8), nullable=False),
    sa.Column("emergency", sa.String(20)),
    sa.Column("signals", sa.JSON, nullable=False),
    sa.Column("legal_topic", sa.String(40)),
    sa.Column("wanted", sa.Text),
    sa.Column("citations", sa.JSON, nullable=False),
    sa.Column("unit", sa.String(80)),
    sa.Column("adviser", sa.String(80)),
    _time("due_at"),
    _time("created_at", nullable=False),
    _time("closed_at"),
    sa.Column("in_time", sa.Boolean),
    sa.Column("rating", sa.Integer),
    sa.Column("rating_words", sa.Text),
    sa.Column("open", sa.Boolean, nullable=False),
    sa.Column("pressing", sa.SmallInteger, nullable=False),
    sa.Column("level", sa.String(10)),
    sa.Column("returns", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("ruled", sa.Boolean, nullable=False, server_default=sa.false()),
    sa.Column("extensions", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("extension_asked", sa.SmallInteger),
    sa.Column("reopenings", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("hours_left", sa.Float),
    sa.Column("verified", sa.String(20)),
    sa.Column("merged_into", sa.BigInteger),
    sa.Column("split_from", sa.BigInteger),
    _time("dispatched_at"),
    _time("amber_at"),
    _time("overdue_at"),
    _time("acknowledged_at"),
    _time("alarmed_at"),
    _time("supervised_at"),
    sa.Index("ix_cases_open", "open", "pressing", "due_at", "id"),
    sa.Index("ix_cases_status", "status", "pressing", "due_at", "id"),
    sa.Index("ix_cases_unit", "open", "unit", "pressing", "due_at", "id"),
    sa.Index("ix_cases_adviser", "adviser", "open", "pressing", "due_at", "id"),
    sa.Column("rating_words_sealed", sa.Text),
    sa.Column("indexed_version", sa.Integer, nullable=False, server_default="0"),
    sa.Index("ix_cases_ended", "unit", "status", "id"),
    sa.Index("ix_cases_newest", "status", "id"),
    sa.Index("ix_cases_conversation", "conversation_id", "created_at"),
    sa.Index("ix_cases_place", "town", "category", "status"),
    sa.Index("ix_cases_closed", "closed_at", "created_at", "status", "unit", "in_time", "rating"),
)
followers = sa.Table(
    "followers",
    metadata,
    _id(),
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), nullable=False),
    sa.Column("conversation_id", sa.String(200), sa.ForeignKey("conversations.id"), nullable=False),
    _time("joined_at", nullable=False),
    sa.Column("rating", sa.Integer),
    sa.UniqueConstraint("case_id", "conversation_id", name="uq_followers"),
    sa.Index("ix_followers_conversation", "conversation_id"),
)
#: the units that help the one that leads (协办); `open` is that of the case
supporters = sa.Table(
    "supporters",
    metadata,
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), primary_key=True),
    sa.Column("unit", sa.String(80), primary_key=True),
    sa.Column("open", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Index("ix_supporters_unit", "unit", "open", "case_id"),
)
events = sa.Table(
    "events",
    metadata,
    _id(),
    sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("ref", sa.String(330), unique=True),
    sa.Column("move", sa.String(20), nullable=False),
    sa.Column("before", sa.String(20)),
    sa.Column("after", sa.String(20), nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("role", sa.String(20), nullable=False),
    sa.Column("note", sa.Text),
    sa.Column("note_sealed", sa.Text),
    sa.Column("detail", sa.JSON, nullable=False),
    _time("at", nullable=False),
    sa.UniqueConstraint("case_id", "seq", name="uq_events_seq"),
    sa.Index("ix_events_at", "at", "case_id"),
)
outbox = sa.Table(
    "outbox",
    metadata,
    _id(),
    sa.Column("kind", sa.String(20), nullable=False),
    sa.Column("message_id", sa.BigInteger),
    sa.Column("case_id", sa.BigInteger),
    sa.Column("order_key", sa.String(200), nullable=False),
    sa.Column("idempotency_key", sa.String(120), nullable=False, unique=True),
    sa.Column("payload", sa.JSON, nullable=False),
    sa.Column("state", sa.String(12), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
    sa.Column("last_error", sa.Text),
    _time("next_at", nullable=False),
    _time("created_at", nullable=False),
    sa.Index("ix_outbox_due", "state", "next_at"),
    sa.Index("ix_outbox_order", "order_key", "id"),
)
staff = sa.Table(
    "staff",
    metadata,
    sa.Column("login", sa.String(80), primary_key=True),
    sa.Column("password_hash", sa.Text, nullable=False),
)
audit = sa.Table(
    "audit",
    metadata,
    _id(),
    _time("at", nullable=False),
    sa.Column("actor", sa.String(200), nullable=False),
    sa.Column("action", sa.String(40), nullable=False),
    sa.Column("object", sa.String(200), nullable=False),
    sa.Column("reason", sa.Text),
    sa.Column("previous", sa.String(64), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("salt", sa.String(32)),
    sa.Column("withheld", sa.String(64)),
    sa.Column("withheld_by", sa.BigInteger),
    sa.Index("ix_audit_object", "object"),
    sa.Index("ix_audit_actor", "actor"),
    sa.Index("ix_audit_withheld_by", "withheld_by"),
)
attachments = sa.Table(
    "attachments",
    metadata,
    sa.Column("key", sa.String(40), primary_key=True),
    sa.Column("conversation_id", sa.String(200), nullable=False),
    sa.Column("kind", sa.String(60), nullable=False),
    sa.Column("size", sa.Integer, nullable=False),
    _time("created_at", nullable=False),
)
counters = sa.Table(
    "counters",
    metadata,
    sa.Column("name", sa.String(40), primary_key=True),
    sa.Column("value", sa.Integer, nullable=False),
)


class Store:
    """One database. Raises `sqlalchemy.exc.SQLAlchemyError` where the database refuses; nothing is half-written."""

    def __init__(self, url: str) -> None:
        """Cheap: no connection is made before the first transaction. `url` is an SQLAlchemy URL."""
        self.url = url
        self.engine = _engine(url)
        self._writer = self.engine.execution_options(minhu_write=True)

    @property
    def on_sqlite(self) -> bool:
        """Whether the database is embedded."""
        return bool(self.engine.dialect.name == "sqlite")

    def migrate(self) -> None:
        """Brings the schema to its newest version."""
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(Path(__file__).with_name("migrations")))
        with self.engine.connect() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction that may change things; on SQLite it takes the write lock at once, so that it never has to
        give up half-way. It is durable when the block ends."""
        with self._writer.begin() as connection:
            yield connection

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look."""
        with self.engine.begin() as connection:
            yield connection

    def lock_row(self, query: Any, skip_locked: bool = False) -> Any:
        """`query` with a row lock where the database has them (on SQLite the transaction itself is the lock).

        `skip_locked`: rows that others have locked are passed over.
        """
        return query if self.on_sqlite else query.with_for_update(skip_locked=skip_locked)


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return sa.create_engine(
            url, future=True, pool_pre_ping=True, pool_size=5, max_overflow=20, hide_parameters=True,
            json_serializer=_json,
        )  # fmt: skip
    engine = sa.create_engine(
        url,
        future=True,
        hide_parameters=True,
        poolclass=sa.pool.QueuePool,
        pool_size=4,
        max_overflow=12,
        connect_args={"check_same_thread": False, "timeout": 15},
        json_serializer=_json,
    )
    sa.event.listen(engine, "connect", _settle)
    sa.event.listen(engine, "begin", _begin)
    return engine


def _json(value: Any) -> str:
    import json

    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _settle(connection: Any, _: Any) -> None:
    connection.isolation_level = None
    for pragma in ("journal_mode=WAL", "synchronous=FULL", "busy_timeout=15000", "foreign_keys=ON"):
        connection.execute(f"PRAGMA {pragma}")


def _begin(connection: Connection) -> None:
    write = connection.get_execution_options().get("minhu_write")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

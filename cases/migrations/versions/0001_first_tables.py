"""The first tables: conversations, messages, cases, events, outbox, staff, audit, attachments, counters."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Creates everything."""
    op.create_table(
        "attachments",
        sa.Column("key", sa.String(40), primary_key=True),
        sa.Column("conversation_id", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(60), nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "audit",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("action", sa.String(40), nullable=False),
        sa.Column("object", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("previous", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
    )
    op.create_table(
        "conversations",
        sa.Column("id", sa.String(200), primary_key=True),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("language", sa.String(8), nullable=False, server_default="zh"),
        sa.Column("holder", sa.String(10), nullable=False, server_default="bot"),
        sa.Column("staff", sa.String(80)),
        sa.Column("reason", sa.String(40)),
        sa.Column("last_seq", sa.Integer, nullable=False, server_default="0"),
        sa.Column("waiting_since", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_conversations_holder", "conversations", ["holder", "waiting_since"])
    op.create_table(
        "counters",
        sa.Column("name", sa.String(40), primary_key=True),
        sa.Column("value", sa.Integer, nullable=False),
    )
    op.create_table(
        "outbox",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("message_id", sa.BigInteger),
        sa.Column("case_id", sa.BigInteger),
        sa.Column("order_key", sa.String(200), nullable=False),
        sa.Column("idempotency_key", sa.String(120), nullable=False, unique=True),
        sa.Column("payload", sa.JSON, nullable=False),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False, server_default="0"),
        sa.Column("last_error", sa.Text),
        sa.Column("next_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_outbox_due", "outbox", ["state", "next_at"])
    op.create_index("ix_outbox_order", "outbox", ["order_key", "id"])
    op.create_table(
        "staff",
        sa.Column("login", sa.String(80), primary_key=True),
        sa.Column("password_hash", sa.Text, nullable=False),
    )
    op.create_table(
        "cases",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("number", sa.String(40), nullable=False, unique=True),
        sa.Column("filing_key", sa.String(330), nullable=False, unique=True),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("status", sa.String(20), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("conversation_id", sa.String(200), sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("words", sa.JSON, nullable=False),
        sa.Column("category", sa.String(80)),
        sa.Column("domain", sa.String(40)),
        sa.Column("town", sa.String(20)),
        sa.Column("village", sa.String(20)),
        sa.Column("grid", sa.String(40)),
        sa.Column("place_said", sa.Text),
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
        sa.Column("due_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("in_time", sa.Boolean),
        sa.Column("rating", sa.Integer),
        sa.Column("rating_words", sa.Text),
    )
    op.create_index("ix_cases_adviser", "cases", ["adviser", "status"])
    op.create_index("ix_cases_conversation", "cases", ["conversation_id", "created_at"])
    op.create_index("ix_cases_queue", "cases", ["status", "unit", "due_at"])
    op.create_table(
        "messages",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("conversation_id", sa.String(200), sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("ref", sa.String(120), nullable=False),
        sa.Column("author", sa.String(10), nullable=False),
        sa.Column("staff", sa.String(80)),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("buttons", sa.JSON, nullable=False),
        sa.Column("sources", sa.JSON, nullable=False),
        sa.Column("attachments", sa.JSON, nullable=False),
        sa.Column("case_id", sa.BigInteger),
        sa.Column("delivery", sa.String(10), nullable=False, server_default="none"),
        sa.Column("error", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("answered_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("conversation_id", "seq", name="uq_messages_seq"),
        sa.UniqueConstraint("conversation_id", "ref", name="uq_messages_ref"),
    )
    op.create_index("ix_messages_unanswered", "messages", ["author", "answered_at"])
    op.create_table(
        "events",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("ref", sa.String(330), unique=True),
        sa.Column("move", sa.String(20), nullable=False),
        sa.Column("before", sa.String(20)),
        sa.Column("after", sa.String(20), nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("note", sa.Text),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("case_id", "seq", name="uq_events_seq"),
    )


def downgrade() -> None:
    """Drops everything."""
    op.drop_table("events")
    op.drop_table("messages")
    op.drop_table("cases")
    op.drop_table("staff")
    op.drop_table("outbox")
    op.drop_table("counters")
    op.drop_table("conversations")
    op.drop_table("audit")
    op.drop_table("attachments")

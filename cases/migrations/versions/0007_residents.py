"""Audit entries can lose the person they tell of, and erasures that are under way are remembered."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"

OF_RESIDENTS = sa.text("role = 'resident'")


def upgrade() -> None:
    """Entries that are there already stay as they are and as they were hashed."""
    for column in (
        sa.Column("salt", sa.String(32)),
        sa.Column("withheld", sa.String(64)),
        sa.Column("withheld_by", sa.BigInteger),
    ):
        op.add_column("audit", column)
    op.create_index("ix_audit_object", "audit", ["object"])
    op.create_index("ix_audit_actor", "audit", ["actor"])
    op.create_index("ix_audit_withheld_by", "audit", ["withheld_by"])
    op.create_index(
        "ix_events_residents", "events", ["actor"], sqlite_where=OF_RESIDENTS, postgresql_where=OF_RESIDENTS
    )
    op.create_index("ix_outbox_message", "outbox", ["message_id"])
    op.create_index("ix_outbox_case", "outbox", ["case_id"])
    op.create_table(
        "erasures",
        sa.Column("pseudonym", sa.String(40), primary_key=True),
        sa.Column("conversation_id", sa.String(200)),
        sa.Column("begun_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_erasures_conversation_id", "erasures", ["conversation_id"])


def downgrade() -> None:
    """What was erased stays erased; entries made since can't be verified without their salt."""
    op.drop_table("erasures")
    op.drop_index("ix_outbox_case", "outbox")
    op.drop_index("ix_outbox_message", "outbox")
    op.drop_index("ix_events_residents", "events")
    op.drop_index("ix_audit_withheld_by", "audit")
    op.drop_index("ix_audit_actor", "audit")
    op.drop_index("ix_audit_object", "audit")
    with op.batch_alter_table("audit") as audit:
        for column in ("withheld_by", "withheld", "salt"):
            audit.drop_column(column)

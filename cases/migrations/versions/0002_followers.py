"""Followers: residents who joined the case of somebody else."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "followers",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer, "sqlite"), primary_key=True),
        sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("conversation_id", sa.String(200), sa.ForeignKey("conversations.id"), nullable=False),
        sa.Column("joined_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("rating", sa.Integer),
        sa.UniqueConstraint("case_id", "conversation_id", name="uq_followers"),
    )
    op.create_index("ix_followers_conversation", "followers", ["conversation_id"])
    op.create_index("ix_cases_place", "cases", ["town", "category", "status"])


def downgrade() -> None:
    """Drops it; the words of those who joined stay in the events."""
    op.drop_index("ix_cases_place", "cases")
    op.drop_table("followers")

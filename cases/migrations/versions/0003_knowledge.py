"""The county's own answers, what was done to them, and the questions asked in vain."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "knowledge_texts",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("code", sa.String(80), nullable=False),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("body", sa.JSON, nullable=False),
        sa.Column("question", sa.Text, nullable=False),
        sa.Column("settles", sa.JSON, nullable=False),
        sa.Column("state", sa.String(10), nullable=False),
        sa.Column("author", sa.String(80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_knowledge_texts_code", "knowledge_texts", ["code"])
    op.create_index("ix_knowledge_texts_state", "knowledge_texts", ["state"])
    op.create_table(
        "knowledge_acts",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("code", sa.String(80), nullable=False),
        sa.Column("text_id", ID),
        sa.Column("act", sa.String(10), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("ix_knowledge_acts_code", "knowledge_acts", ["code"])
    op.create_table(
        "knowledge_questions",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("language", sa.String(8), nullable=False),
        sa.Column("why", sa.String(12), nullable=False),
        sa.Column("about", sa.String(80)),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_by", sa.String(80)),
        sa.Column("done_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_knowledge_questions_done_by", "knowledge_questions", ["done_by"])


def downgrade() -> None:
    """Drops them: export what the county wrote first (`minhu knowledge export`)."""
    for table in ("knowledge_questions", "knowledge_acts", "knowledge_texts"):
        op.drop_table(table)

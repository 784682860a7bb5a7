"""Disputes: facts of a consultation, and keyed hashes of who is on which side of it."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "disputes",
        sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), primary_key=True, autoincrement=False),
        sa.Column("facts", sa.JSON, nullable=False),
        sa.Column("persons_sealed", sa.Text),
    )
    op.create_table(
        "parties",
        sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), primary_key=True, autoincrement=False),
        sa.Column("side", sa.String(5), primary_key=True),
        sa.Column("token", sa.String(64), primary_key=True),
    )
    op.create_table(
        "token_keys",
        sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("key_sealed", sa.Text, nullable=False),
    )
    op.create_index("ix_parties_token", "parties", ["token", "side"])


def downgrade() -> None:
    """Drops them; facts can be read from the words again, the check for conflicts begins anew."""
    op.drop_index("ix_parties_token", "parties")
    op.drop_table("token_keys")
    op.drop_table("parties")
    op.drop_table("disputes")

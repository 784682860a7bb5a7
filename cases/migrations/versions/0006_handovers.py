"""Cases on their way to a system outside."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Creates the table."""
    op.create_table(
        "handovers",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("system", sa.String(20), nullable=False),
        sa.Column("idempotency_key", sa.String(80), nullable=False, unique=True),
        sa.Column("state", sa.String(12), nullable=False),
        sa.Column("unclear", sa.Boolean, nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("misses", sa.Integer, nullable=False),
        sa.Column("their_id", sa.String(200)),
        sa.Column("token", sa.String(200)),
        sa.Column("their_status", sa.String(80)),
        sa.Column("their_note", sa.Text),
        sa.Column("status_at", sa.DateTime(timezone=True)),
        sa.Column("untold", sa.Boolean, nullable=False),
        sa.Column("error_code", sa.String(40)),
        sa.Column("last_error", sa.Text),
        sa.Column("next_at", sa.DateTime(timezone=True)),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sent_at", sa.DateTime(timezone=True)),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("case_id", "system", name="uq_handovers_case"),
    )
    op.create_index("ix_handovers_due", "handovers", ["system", "state", "next_at"])
    op.create_index("ix_handovers_their_id", "handovers", ["system", "their_id"])
    op.create_index("ix_handovers_untold", "handovers", ["untold", "status_at"])


def downgrade() -> None:
    """Drops it: what was handed over, and where it stands there, is forgotten."""
    op.drop_table("handovers")

"""What a backlog of notices needs: an index of what has still to leave, by who gets it."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

UNSENT = sa.text("state in ('waiting', 'sending')")


def upgrade() -> None:
    """Adds the index."""
    op.create_index("ix_outbox_unsent", "outbox", ["order_key", "id"], sqlite_where=UNSENT, postgresql_where=UNSENT)


def downgrade() -> None:
    """Drops it."""
    op.drop_index("ix_outbox_unsent", "outbox")

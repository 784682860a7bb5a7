"""An index of what has still to leave, by who gets it, for a backlog of notices; and one of the newest ended cases."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"

UNSENT = sa.text("state in ('waiting', 'sending')")


def upgrade() -> None:
    """Adds the indexes."""
    op.create_index("ix_cases_newest", "cases", ["status", "id"])
    op.create_index("ix_outbox_unsent", "outbox", ["order_key", "id"], sqlite_where=UNSENT, postgresql_where=UNSENT)


def downgrade() -> None:
    """Drops them."""
    op.drop_index("ix_cases_newest", "cases")
    op.drop_index("ix_outbox_unsent", "outbox")

"""What a store of a million cases needs: which cases the search index knows, which of the cases that a unit helps with
are open, and indexes for queues and figures."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"

STALE = sa.text("indexed_version <> version")
ENDED = ["closed_at", "created_at"]
#: name, table, columns before, columns after
CHANGED = (
    ("ix_cases_unit", "cases", ["unit", "open", "pressing", "due_at", "id"],
     ["open", "unit", "pressing", "due_at", "id"]),
    ("ix_cases_closed", "cases", ENDED, [*ENDED, "status", "unit", "in_time", "rating"]),
    ("ix_supporters_unit", "supporters", ["unit"], ["unit", "open", "case_id"]),
)  # fmt: skip


def upgrade() -> None:
    """Adds the columns and the indexes; the search index itself is made by who keeps it up."""
    op.add_column("supporters", sa.Column("open", sa.Boolean, nullable=False, server_default=sa.true()))
    cases = sa.table("cases", sa.column("id"), sa.column("open", sa.Boolean))
    supporters = sa.table("supporters", sa.column("case_id"), sa.column("open", sa.Boolean))
    ended = sa.select(cases.c.id).where(cases.c.open.is_(False))
    op.execute(supporters.update().where(supporters.c.case_id.in_(ended)).values(open=False))
    op.add_column("cases", sa.Column("indexed_version", sa.Integer, nullable=False, server_default="0"))
    op.create_index("ix_cases_stale", "cases", ["id"], sqlite_where=STALE, postgresql_where=STALE)
    op.create_index("ix_cases_ended", "cases", ["unit", "status", "id"])
    for name, table, _, columns in CHANGED:
        op.drop_index(name, table)
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Drops them, and the search index."""
    op.execute("drop table if exists case_search")
    for name, table, columns, _ in CHANGED:
        op.drop_index(name, table)
        op.create_index(name, table, columns)
    op.drop_index("ix_cases_ended", "cases")
    op.drop_index("ix_cases_stale", "cases")
    op.drop_column("cases", "indexed_version")
    op.drop_column("supporters", "open")

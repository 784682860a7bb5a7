"""All ways back: levels, returns, extensions, suspension, rulings, merging, splitting, reopening; units that help."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"

WHEN = sa.DateTime(timezone=True)
NEW = (
    sa.Column("open", sa.Boolean, nullable=False, server_default=sa.true()),
    sa.Column("pressing", sa.SmallInteger, nullable=False, server_default="2"),
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
    sa.Column("dispatched_at", WHEN),
    sa.Column("amber_at", WHEN),
    sa.Column("overdue_at", WHEN),
    sa.Column("acknowledged_at", WHEN),
    sa.Column("alarmed_at", WHEN),
    sa.Column("supervised_at", WHEN),
)
ENDED = "('closed', 'rated', 'refused', 'withdrawn')"


def upgrade() -> None:
    """Adds them; what is known of old cases is filled in."""
    with op.batch_alter_table("cases") as batch:
        for column in NEW:
            batch.add_column(column.copy())
        batch.drop_index("ix_cases_queue")
        batch.drop_index("ix_cases_adviser")
        batch.create_index("ix_cases_open", ["open", "pressing", "due_at", "id"])
        batch.create_index("ix_cases_status", ["status", "pressing", "due_at", "id"])
        batch.create_index("ix_cases_unit", ["unit", "open", "pressing", "due_at", "id"])
        batch.create_index("ix_cases_adviser", ["adviser", "open", "pressing", "due_at", "id"])
    op.execute(f"update cases set open = {_bool(False)} where status in {ENDED}")
    op.execute("update cases set pressing = 0 where emergency is not null")
    op.execute("update cases set level = 'city' where unit is not null")
    op.execute("update cases set dispatched_at = (select max(e.at) from events e where e.case_id = cases.id"
               " and e.move in ('dispatch', 'reassign'))")  # fmt: skip
    op.create_table(
        "supporters",
        sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), primary_key=True),
        sa.Column("unit", sa.String(80), primary_key=True),
    )
    op.create_index("ix_supporters_unit", "supporters", ["unit"])


def downgrade() -> None:
    """Drops them; cases in a status that the older version doesn't know go back to the nearest it knows."""
    op.drop_table("supporters")
    for status, older in {"returned": "registered", "disputed": "registered", "suspended": "handling",
                          "reopened": "closed", "merged": "refused"}.items():  # fmt: skip
        op.execute(f"update cases set status = '{older}' where status = '{status}'")
    with op.batch_alter_table("cases") as batch:
        for name in ("ix_cases_open", "ix_cases_status", "ix_cases_unit", "ix_cases_adviser"):
            batch.drop_index(name)
        for column in NEW:
            batch.drop_column(column.name)
        batch.create_index("ix_cases_queue", ["status", "unit", "due_at"])
        batch.create_index("ix_cases_adviser", ["adviser", "status"])


def _bool(value: bool) -> str:
    return str(int(value)) if op.get_bind().dialect.name == "sqlite" else str(value).lower()

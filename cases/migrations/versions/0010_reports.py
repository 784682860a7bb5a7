"""Stored reports; a period's events and cases are found by time; old ratings stand in their events."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")
WHEN = sa.DateTime(timezone=True)
RATED = ("rate", "dissatisfied")


def upgrade() -> None:
    """Creates the table and the two indexes, and fills in what is known of old ratings."""
    op.create_table(
        "reports",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("period", sa.String(10), nullable=False),
        sa.Column("start", WHEN, nullable=False),
        sa.Column("end", WHEN, nullable=False),
        sa.Column("figures", sa.JSON, nullable=False),
        sa.Column("computed_at", WHEN, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.UniqueConstraint("period", "start", name="uq_reports_period"),
    )
    op.create_index("ix_events_at", "events", ["at", "case_id"])
    op.create_index("ix_cases_closed", "cases", ["closed_at", "created_at"])
    _tell_old_ratings(op.get_bind())


def downgrade() -> None:
    """Drops them; the figures can be computed from the events again."""
    op.drop_index("ix_cases_closed", "cases")
    op.drop_index("ix_events_at", "events")
    op.drop_table("reports")


def _tell_old_ratings(connection: sa.engine.Connection) -> None:
    """Only the last rating of a case is known; it belongs to the last event by which its resident rated."""
    cases = sa.table("cases", sa.column("id"), sa.column("rating"))
    events = sa.table(
        "events", sa.column("id"), sa.column("case_id"), sa.column("move"), sa.column("before"), sa.column("after"),
        sa.column("detail", sa.JSON),
    )  # fmt: skip
    own = sa.and_(events.c.move.in_(RATED), events.c.before != events.c.after)
    last = sa.select(sa.func.max(events.c.id)).where(own).group_by(events.c.case_id)
    query = sa.select(events.c.id, events.c.detail, cases.c.rating).where(
        events.c.case_id == cases.c.id, events.c.id.in_(last), cases.c.rating.is_not(None)
    )
    for event, detail, rating in connection.execute(query).fetchall():
        if "rating" not in (detail or {}):
            told = {**(detail or {}), "rating": rating}
            connection.execute(events.update().where(events.c.id == event).values(detail=told))

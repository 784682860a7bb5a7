"""The registry a case points into, and records of group service."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"

ID = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Creates the tables."""
    op.create_table(
        "registry_entries",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("code", sa.String(60), nullable=False),
        sa.Column("subkind", sa.String(40), nullable=False),
        sa.Column("name", sa.String(120), nullable=False),
        sa.Column("name_en", sa.String(200)),
        sa.Column("town", sa.String(20)),
        sa.Column("village", sa.String(20)),
        sa.Column("grid", sa.String(40)),
        sa.Column("unit", sa.String(80)),
        sa.Column("longitude", sa.Float(53)),
        sa.Column("latitude", sa.Float(53)),
        sa.Column("detail", sa.JSON, nullable=False),
        sa.Column("source", sa.String(200)),
        sa.Column("valid_from", sa.Date),
        sa.Column("valid_to", sa.Date),
        sa.Column("sealed", sa.Text),
        sa.Column("consent", sa.Text),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("version", sa.Integer, nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_by", sa.String(80), nullable=False),
        sa.Column("retired_at", sa.DateTime(timezone=True)),
        sa.UniqueConstraint("kind", "code", name="uq_registry_code"),
    )
    op.create_index("ix_registry_place", "registry_entries", ["town", "kind", "code"])
    op.create_index("ix_registry_grid", "registry_entries", ["grid"])
    op.create_index("ix_registry_point", "registry_entries", ["latitude", "longitude"])
    op.create_table(
        "case_links",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id"), nullable=False),
        sa.Column("entry_id", sa.BigInteger, sa.ForeignKey("registry_entries.id"), nullable=False),
        sa.Column("role", sa.String(20), nullable=False),
        sa.Column("by", sa.String(80), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.UniqueConstraint("case_id", "entry_id", name="uq_case_links"),
    )
    op.create_index("ix_case_links_entry", "case_links", ["entry_id", "case_id"])
    op.create_table(
        "group_records",
        sa.Column("id", ID, primary_key=True, autoincrement=True),
        sa.Column("ref", sa.String(160), nullable=False, unique=True),
        sa.Column("kind", sa.String(20), nullable=False),
        sa.Column("channel", sa.String(20), nullable=False),
        sa.Column("group_id", sa.String(120)),
        sa.Column("group_name", sa.String(120)),
        sa.Column("town", sa.String(20)),
        sa.Column("village", sa.String(20)),
        sa.Column("grid", sa.String(40)),
        sa.Column("author", sa.String(80), nullable=False),
        sa.Column("words", sa.Text, nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("day", sa.Date, nullable=False),
        sa.Column("conversation_id", sa.String(200)),
        sa.Column("case_id", sa.BigInteger, sa.ForeignKey("cases.id")),
        sa.Column("state", sa.String(10)),
        sa.Column("done", sa.Text),
        sa.Column("done_by", sa.String(80)),
        sa.Column("done_at", sa.DateTime(timezone=True)),
    )
    op.create_index("ix_group_records_day", "group_records", ["day", "kind"])
    op.create_index("ix_group_records_place", "group_records", ["town", "kind", "id"])


def downgrade() -> None:
    """Drops them: export the registry first (`minhu registry export`)."""
    for table in ("group_records", "case_links", "registry_entries"):
        op.drop_table(table)

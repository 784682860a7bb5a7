"""The tables as the migrations make them are the tables as the modules use them."""

from __future__ import annotations

import importlib
import pkgutil
from typing import Any

from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

import cases
from cases.store import Store, metadata

#: made elsewhere: by the knowledge, and by who keeps the search index up
ELSEWHERE = ("knowledge_", "case_search")


def test_migrations_make_the_tables_that_the_modules_declare(store: Store) -> None:
    for module in pkgutil.iter_modules(cases.__path__):
        importlib.import_module(f"cases.{module.name}")

    def ours(name: str | None, kind: str, _: Any) -> bool:
        return kind != "table" or not str(name).startswith(ELSEWHERE)

    with store.engine.connect() as read:
        context = MigrationContext.configure(read, opts={"include_name": ours})
        assert compare_metadata(context, metadata) == []

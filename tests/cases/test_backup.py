"""A backup is whole or none, is taken while others write, comes back equal to the row, and holds no key."""

from __future__ import annotations

import json
import os
import threading
import uuid
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa

from cases import audit, backup
from cases.backup import MANIFEST, BackupError, Holdings
from cases.copies import of
from cases.desk import Desk
from cases.store import Store, cases, messages
from tests.cases.kept import ME, Kept, everything, filled

NOW = datetime(2026, 11, 24, tzinfo=timezone.utc)


def holdings(url: str, var: Path) -> Holdings:
    """As commands/backup.py puts them together."""
    databases = {"cases": url, "dialogue": f"sqlite:///{var / 'dialogue.db'}"}
    return Holdings(
        databases, {"attachments": var / "attachments"}, {"learnt.joblib": var / "learnt.joblib"}, frozenset({"cases"})
    )


@pytest.fixture
def kept(desk: Desk, store: Store, tmp_path: Path) -> Kept:
    """An installation in `tmp_path`, with keys beside its data."""
    (tmp_path / "learnt.joblib").write_bytes(b"learnt")
    for key in ("contacts.key", "secret.key", "session.key", "staff-password"):
        (tmp_path / key).write_text(f"secret of {key}")
    dialogue = sa.create_engine(f"sqlite:///{tmp_path / 'dialogue.db'}", future=True)
    with dialogue.begin() as write:
        write.execute(sa.text("create table dialogues (sender_id text primary key, state text, saved_at float)"))
        write.execute(sa.text("insert into dialogues values ('telegram:77:4242', '{}', 1.5)"))
    dialogue.dispose()
    return filled(desk, store, tmp_path)


@pytest.fixture
def here(store: Store, tmp_path: Path) -> Holdings:
    return holdings(store.url, tmp_path)


@pytest.fixture
def elsewhere(store: Store, tmp_path: Path) -> Iterator[Holdings]:
    """An empty installation of the same kind."""
    var = tmp_path / "elsewhere"
    if store.on_sqlite:
        yield holdings(f"sqlite:///{var / 'minhu.db'}", var)
        return
    server = sa.create_engine(store.url.rsplit("/", 1)[0] + "/postgres", isolation_level="AUTOCOMMIT", future=True)
    name = f"minhu_test_{uuid.uuid4().hex[:12]}"
    with server.connect() as connection:
        connection.execute(sa.text(f"create database {name}"))
    yield holdings(store.url.rsplit("/", 1)[0] + f"/{name}", var)
    with server.connect() as connection:
        connection.execute(sa.text(f"drop database {name} with (force)"))
    server.dispose()


def rows(url: str) -> str:
    store = Store(url)
    try:
        return everything(store)
    finally:
        store.engine.dispose()


def test_what_comes_back_is_equal_to_the_row_and_the_byte(
    kept: Kept, here: Holdings, elsewhere: Holdings, tmp_path: Path
) -> None:
    made = backup.backup(here, tmp_path / "backup", NOW)
    done = backup.restore(elsewhere, tmp_path / "backup")
    with kept.store.read() as read:
        held = read.execute(sa.select(sa.func.count()).select_from(cases)).scalar_one()
    assert done == made and done.differing == () and done.tables["cases"]["cases"] == held
    for name in here.databases:
        assert rows(elsewhere.databases[name]) == rows(here.databases[name])
    (photo,) = kept.attachments.of(ME)
    copied = elsewhere.folders["attachments"] / photo.path.relative_to(here.folders["attachments"])
    assert copied.read_bytes() == photo.path.read_bytes()
    assert elsewhere.files["learnt.joblib"].read_bytes() == b"learnt"
    store = Store(elsewhere.databases["cases"])
    with store.read() as read:
        assert audit.verify(read)
    store.migrate()  # and work goes on there
    Desk(store, kept.desk.county, kept.desk.clock, kept.residents.shield).hear("web:9", "web", "你好", "r")
    store.engine.dispose()


def test_no_key_is_in_a_backup_and_others_can_not_read_it(kept: Kept, here: Holdings, tmp_path: Path) -> None:
    backup.backup(here, tmp_path / "backup", NOW)
    for path in (tmp_path / "backup", *(tmp_path / "backup").rglob("*")):
        assert path.stat().st_mode & 0o077 == 0
        assert path.is_dir() or b"secret of" not in path.read_bytes()


def test_a_backup_taken_while_others_write_is_one_moment_of_it(
    kept: Kept, here: Holdings, elsewhere: Holdings, tmp_path: Path
) -> None:
    stop = threading.Event()

    def write() -> None:
        number = 0
        while not stop.is_set():  # two rows together or none
            number += 1
            kept.desk.hear(f"web:w{number}", "web", "话" * 300, "r")
            kept.desk.take_over(f"web:w{number}", "clerk")

    writing = threading.Thread(target=write)
    writing.start()
    try:
        counts = [backup.backup(here, tmp_path / f"b{n}", NOW).tables["cases"]["messages"] for n in range(3)]
    finally:
        stop.set()
        writing.join()
    assert counts[0] < counts[-1]
    done = backup.restore(elsewhere, tmp_path / "b2")
    assert done.differing == ()
    store = Store(elsewhere.databases["cases"])
    with store.read() as read:
        assert audit.verify(read)
        assert read.execute(sa.select(sa.func.count()).select_from(messages)).scalar_one() == counts[-1]
    store.engine.dispose()


def test_a_restore_over_data_needs_to_be_told_so_and_then_leaves_nothing_of_it(
    kept: Kept, here: Holdings, tmp_path: Path
) -> None:
    backup.backup(here, tmp_path / "backup", NOW)
    before = rows(here.databases["cases"])
    with kept.store.read() as read:
        held = read.execute(sa.select(sa.func.count()).select_from(cases)).scalar_one()
    kept.desk.hear("web:later", "web", "后来的", "r")
    later = rows(here.databases["cases"])
    (here.folders["attachments"] / "later.jpg").write_bytes(b"later")
    with pytest.raises(BackupError, match="holds data already"):
        backup.restore(here, tmp_path / "backup")
    assert rows(here.databases["cases"]) == later
    with kept.store.write() as write:
        write.execute(sa.text("create table unknown_then (id integer)"))
    kept.store.engine.dispose()
    assert backup.restore(here, tmp_path / "backup", replace=True).differing == ()
    assert rows(here.databases["cases"]) == before
    assert not (here.folders["attachments"] / "later.jpg").exists()
    with kept.store.read() as read:  # whoever had it open goes on with what is there now
        assert read.execute(sa.select(sa.func.count()).select_from(cases)).scalar_one() == held


@pytest.mark.parametrize("harm", ["changed", "missing", "added", "no manifest", "other format", "torn manifest"])
def test_a_damaged_backup_is_refused_before_anything_is_touched(
    kept: Kept, here: Holdings, tmp_path: Path, harm: str
) -> None:
    folder = tmp_path / "backup"
    backup.backup(here, folder, NOW)
    manifest, photo = folder / MANIFEST, next((folder / "attachments").rglob("*.jpg"))
    if harm == "changed":
        photo.write_bytes(photo.read_bytes()[:-1] + b"x")
    elif harm == "missing":
        photo.unlink()
    elif harm == "added":
        (folder / "more").write_bytes(b"")
    elif harm == "no manifest":
        manifest.unlink()
    elif harm == "other format":
        manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format": 99}))
    else:
        manifest.write_text(manifest.read_text()[:200])
    kept.desk.hear("web:later", "web", "后来的", "r")
    before = rows(here.databases["cases"])
    with pytest.raises(BackupError):
        backup.restore(here, folder, replace=True)
    assert rows(here.databases["cases"]) == before and len(kept.attachments.of(ME)) == 1


def test_what_is_not_as_backed_up_after_a_restore_is_named(kept: Kept, here: Holdings, tmp_path: Path) -> None:
    folder = tmp_path / "backup"
    backup.backup(here, folder, NOW)
    manifest = json.loads((folder / MANIFEST).read_text())
    manifest["databases"]["cases"]["tables"]["messages"]["rows"] += 1
    (folder / MANIFEST).write_text(json.dumps(manifest))
    assert backup.restore(here, folder, replace=True).differing == ("cases: table messages",)


class Killed(BaseException):
    """The process dies here."""


def test_an_interrupted_backup_never_looks_complete_and_a_repetition_is_not_hindered(
    kept: Kept, here: Holdings, elsewhere: Holdings, tmp_path: Path
) -> None:
    class Dying(dict):
        def items(self):
            raise Killed

    folder = tmp_path / "backup"
    for broken in (replace(here, files=Dying()), replace(here, folders=Dying())):
        with pytest.raises(Killed):
            backup.backup(broken, folder, NOW)
        assert not folder.exists()
        for left in tmp_path.glob(".backup*"):
            with pytest.raises(BackupError, match="no complete backup"):
                backup.restore(elsewhere, left)
    backup.backup(here, folder, NOW)
    assert backup.restore(elsewhere, folder).differing == () and not list(tmp_path.glob(".backup*"))


def test_a_backup_never_goes_over_another_one(kept: Kept, here: Holdings, tmp_path: Path) -> None:
    (tmp_path / "backup").mkdir()
    backup.backup(here, tmp_path / "backup", NOW)
    before = (tmp_path / "backup" / MANIFEST).read_bytes()
    with pytest.raises(BackupError, match="holds something already"):
        backup.backup(here, tmp_path / "backup", NOW)
    assert (tmp_path / "backup" / MANIFEST).read_bytes() == before


def test_without_a_database_there_is_no_backup(tmp_path: Path) -> None:
    with pytest.raises(BackupError, match="no database cases"):
        backup.backup(holdings(f"sqlite:///{tmp_path / 'minhu.db'}", tmp_path), tmp_path / "backup", NOW)
    assert os.listdir(tmp_path) == [".backup.unfinished"] or os.listdir(tmp_path) == []


def test_a_backup_of_one_kind_of_database_does_not_go_into_the_other(
    kept: Kept, here: Holdings, tmp_path: Path
) -> None:
    backup.backup(here, tmp_path / "backup", NOW)
    other = (
        "postgresql+psycopg2://nobody@127.0.0.1:1/none" if kept.store.on_sqlite else f"sqlite:///{tmp_path / 'x.db'}"
    )
    with pytest.raises(BackupError, match="was backed up from"):
        backup.restore(holdings(other, tmp_path / "elsewhere"), tmp_path / "backup")


def test_what_the_backup_has_none_of_is_none_afterwards(kept: Kept, here: Holdings, tmp_path: Path) -> None:
    (tmp_path / "learnt.joblib").unlink()
    (tmp_path / "dialogue.db").unlink()
    backup.backup(here, tmp_path / "backup", NOW)
    (tmp_path / "learnt.joblib").write_bytes(b"later")
    backup.restore(here, tmp_path / "backup", replace=True)
    assert not (tmp_path / "learnt.joblib").exists()


@pytest.mark.postgresql
def test_a_missing_tool_is_told_and_leaves_no_backup(
    postgresql: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    Store(postgresql).migrate()
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BackupError, match="pg_dump is not installed"):
        backup.backup(holdings(postgresql, tmp_path), tmp_path / "backup", NOW)
    assert not (tmp_path / "backup").exists()


@pytest.mark.postgresql
def test_a_server_that_is_not_there_is_told_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(BackupError) as told:
        of("postgresql+psycopg2://postgres:secret@127.0.0.1:1/none").exists()
    assert "\n" not in str(told.value) and "secret" not in str(told.value)

"""The commands for residents' rights, retention, audit, backup and restore, run as a clerk runs them at a terminal."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from cases.attachments import Attachments
from cases.case import Matter
from cases.county import County
from cases.desk import Desk
from cases.shield import Shield
from cases.store import Store, conversations, messages
from channels.api_keys import ApiKeys
from tests.cases.kept import everything, photo
from tests.running import ROOT

KEYS = ("contacts.key", "secret.key", "session.key", "staff-password")
PHONE = "13812345678"


def minhu(var: Path, *words: str, **extra: str) -> subprocess.CompletedProcess[str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("MINHU_")}
    return subprocess.run(
        [sys.executable, "minhu.py", *words], cwd=ROOT, text=True, capture_output=True,
        env={**clean, "MINHU_VAR": str(var), **extra}, check=False, timeout=120,
    )  # fmt: skip


def told(done: subprocess.CompletedProcess[str], status: int = 0) -> str:
    assert done.returncode == status and "Traceback" not in done.stderr, done.stderr
    return done.stdout + done.stderr


@pytest.fixture
def desk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Desk:
    """An installation folder with one resident, their photo, case, keys, and what the bot remembers."""
    var = tmp_path / "var"
    var.mkdir()
    monkeypatch.setenv("MINHU_VAR", str(var))
    store = Store(f"sqlite:///{var / 'minhu.db'}")
    store.migrate()
    for key in KEYS[1:]:
        (var / key).write_text("secret")
    (var / "contacts.key.lock").touch()
    ApiKeys(var / "apikeys.csv").make("city-app")
    made = Desk(store, County.load(ROOT / "city"), shield=Shield.of_this_installation())
    key = Attachments(var / "attachments").keep(photo(), "web:me")
    made.hear("web:me", "web", "柿子树下路灯坏了", "m1", attachments=[key])
    case = made.file(
        Matter(
            "web:me", "k", "complaint", ("柿子树下路灯坏了",), category="urban.lamp", town="430281004", contact=PHONE
        )
    )
    made.look(case.number, actor="clerk", role="operator")
    with closing(sqlite3.connect(var / "dialogue.db")) as dialogue, dialogue:
        dialogue.execute("pragma journal_mode=wal")
        dialogue.execute("create table dialogues (sender_id text primary key, state text not null, saved_at float)")
        dialogue.execute("insert into dialogues values ('web:me', '{}', 1)")
    with closing(sqlite3.connect(var / "statutes.db")) as statutes, statutes:
        statutes.execute("create table articles (text)")
        statutes.execute("insert into articles values ('第一条')")
    (var / "learnt.joblib").write_bytes(b"learnt")
    return made


def content(var: Path) -> tuple[str, dict[str, bytes]]:
    """Rows of every database, bytes of every other file that a backup is to hold."""
    rows = []
    for name in ("minhu.db", "dialogue.db", "statutes.db"):
        store = Store(f"sqlite:///{var / name}")
        rows.append(everything(store))
        store.engine.dispose()
    files = [path for path in (var / "attachments").rglob("*") if path.is_file()]
    files += [var / "learnt.joblib", var / "apikeys.csv"]
    return "\n".join(rows), {str(path.relative_to(var)): path.read_bytes() for path in files}


def test_a_backup_under_writing_comes_back_into_an_empty_installation_with_equal_counts_and_hashes(
    desk: Desk, tmp_path: Path
) -> None:
    var, stop, number = tmp_path / "var", threading.Event(), 0

    def write() -> None:
        nonlocal number
        while not stop.is_set():
            number += 1
            desk.hear(f"web:w{number}", "web", "话" * 200, "r")

    writing = threading.Thread(target=write)
    writing.start()
    try:
        said = told(minhu(var, "backup", str(tmp_path / "b1")))
    finally:
        stop.set()
        writing.join()
    for key in KEYS:
        assert key in said
    assert ".lock" not in said
    manifest = json.loads((tmp_path / "b1" / "manifest.json").read_text())
    backed_up = manifest["databases"]["cases"]["tables"]["messages"]["rows"]
    assert 1 <= backed_up <= number + 1
    empty = tmp_path / "empty"
    said = told(minhu(empty, "restore", str(tmp_path / "b1")))
    assert "Every count and every hash is as backed up." in said
    assert sorted(path.name for path in empty.iterdir() if path.name in KEYS) == []
    # at rest both are the same, byte by byte and row by row
    told(minhu(var, "backup", str(tmp_path / "b2")))
    told(minhu(empty, "restore", str(tmp_path / "b2"), "--replace"))
    assert content(empty) == content(var)
    assert "0 of them" in told(minhu(empty, "audit", "verify"))


def test_a_restore_over_an_installation_or_from_a_damaged_backup_is_one_line_and_changes_nothing(
    desk: Desk, tmp_path: Path
) -> None:
    var = tmp_path / "var"
    told(minhu(var, "backup", str(tmp_path / "b")))
    before = content(var)
    assert "--replace" in told(minhu(var, "restore", str(tmp_path / "b")), 2)
    (tmp_path / "b" / "learnt.joblib").write_bytes(b"other")
    refused = minhu(var, "restore", str(tmp_path / "b"), "--replace")
    assert "damaged" in told(refused, 2) and refused.stderr.count("\n") == 1
    assert content(var) == before


def test_contacts_can_be_read_after_a_restore_once_the_key_is_back(desk: Desk, tmp_path: Path) -> None:
    var, fresh = tmp_path / "var", tmp_path / "fresh"
    told(minhu(var, "backup", str(tmp_path / "b")))
    told(minhu(fresh, "restore", str(tmp_path / "b")))
    words = ("residents", "export", "web:me", "--reason", "本人申请", "--into", str(tmp_path / "out"))
    assert "key" in told(minhu(fresh, *words), 2) and not (fresh / "contacts.key").exists()
    shutil.copy(var / "contacts.key", fresh)
    path = told(minhu(fresh, *words)).strip()
    with zipfile.ZipFile(path) as packed:
        assert json.loads(packed.read("resident.json"))["cases"][0]["contact"] == PHONE
        assert len([name for name in packed.namelist() if name.startswith("attachments/")]) == 1


def test_a_resident_is_shown_what_would_go_then_forgotten_and_the_log_stays_whole(desk: Desk, tmp_path: Path) -> None:
    var, (case,) = tmp_path / "var", desk.cases_of("web:me")
    erase = ("residents", "erase", case.number, "--reason", "本人申请")
    before = content(var)
    assert case.number in told(minhu(var, *erase)) and content(var) == before
    assert "open_cases" in told(minhu(var, *erase, "--yes"), 2) and content(var) == before
    desk.withdraw(case.id, "web:me", "w", "不要了")
    head = told(minhu(var, "audit", "head")).strip()
    said = told(minhu(var, *erase, "--yes"))
    assert "dialogues" in said and "attachments" in said
    rows, files = content(var)
    assert "web:me" not in rows and "柿子树下" not in rows and case.number in rows
    assert list(files) == ["learnt.joblib", "apikeys.csv"]
    for path in var.glob("*.db*"):
        assert "柿子树下".encode() not in path.read_bytes()
    assert "1 of them" in told(minhu(var, "audit", "verify", "--head", head))
    assert "There is no resident" in told(minhu(var, *erase, "--yes"), 2)


def test_a_changed_and_a_shortened_audit_log_end_with_status_one(desk: Desk, tmp_path: Path) -> None:
    var = tmp_path / "var"
    (case,) = desk.cases_of("web:me")
    for _ in range(3):
        desk.look(case.number, actor="clerk", role="operator")
    head = told(minhu(var, "audit", "head")).strip()
    told(minhu(var, "audit", "verify", "--head", head))
    with closing(sqlite3.connect(var / "minhu.db")) as tampering, tampering:
        tampering.execute("delete from audit where id = (select max(id) from audit)")
    assert "3 entries" in told(minhu(var, "audit", "verify"))
    assert "CUT OFF" in told(minhu(var, "audit", "verify", "--head", head), 1)
    with closing(sqlite3.connect(var / "minhu.db")) as tampering, tampering:
        tampering.execute("update audit set actor = 'nobody' where id = 2")
    assert "BROKEN at entry 2" in told(minhu(var, "audit", "verify"), 1)


def test_retention_is_shown_first_and_needs_the_countys_own_periods(desk: Desk, tmp_path: Path) -> None:
    var, city = tmp_path / "var", tmp_path / "city"
    desk.hear("web:old", "web", "随便问问", "r")
    with desk.store.write() as write:
        old = {"created_at": desk.clock().replace(year=2020, day=1)}
        write.execute(conversations.update().where(conversations.c.id == "web:old").values(**old))
        write.execute(messages.update().where(messages.c.conversation_id == "web:old").values(**old))
    before = content(var)
    assert "conversations" in told(minhu(var, "retention", "--dry-run")) and content(var) == before
    told(minhu(var, "retention"))
    rows, files = content(var)
    assert "随便问问" not in rows and "柿子树下" in rows and len(files) == 3
    assert "nothing is old enough" in told(minhu(var, "retention"))
    shutil.copytree(ROOT / "city", city)
    (city / "retention.yml").unlink()
    assert "retention.yml" in told(minhu(var, "retention", MINHU_CITY=str(city)), 2)


@pytest.mark.parametrize("words", [("audit", "head"), ("audit", "verify"), ("backup", "b"), ("retention",)])
def test_without_an_installation_each_command_says_so_and_makes_none(tmp_path: Path, words: tuple[str, ...]) -> None:
    done = minhu(tmp_path / "nowhere", *[word if word != "b" else str(tmp_path / "b") for word in words])
    assert "o database" in told(done, 2) and not (tmp_path / "nowhere").exists() and not (tmp_path / "b").exists()

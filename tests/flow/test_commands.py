"""The commands as a person at a terminal meets them: what goes wrong is one clear line."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import pytest

from tests.running import ROOT, Installation, free_port


def minhu(*words: str, given: str = "", **extra: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "minhu.py", *words], cwd=ROOT, input=given, text=True, capture_output=True,
        env={**os.environ, **extra}, check=False, timeout=300,
    )  # fmt: skip


def rows(done: subprocess.CompletedProcess[str]) -> list[dict]:
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_triage_answers_in_order_and_puts_an_error_where_a_line_is_bad() -> None:
    given = (
        '{"id": 1, "text": "国瓷街道五里牌社区路灯坏了"}\nnot json\n{"id": 3}\n\n{"id": 4, "text": "身份证怎么换"}\n'
    )
    done = minhu("triage", "-", given=given)
    answers = rows(done)
    assert done.returncode == 1 and [a.get("id") for a in answers] == [1, None, None, 4]
    assert "not JSON" in answers[1]["error"] and "text" in answers[2]["error"]
    first = answers[0]
    assert first["kind"] == "complaint" and first["place"]["town"] == "国瓷街道" and first["domain_name"] == "城乡建设"
    assert set(first) == {"id", "kind", "domain", "domain_name", "category", "emergency", "matters", "place", "contact",
                          "language", "legal_topic", "confidence"}  # fmt: skip


def test_lookup_gives_sources_in_force_best_first() -> None:
    done = minhu("lookup", "--top", "5", given='{"id": "a", "text": "夫妻离婚，两岁以下的孩子归谁抚养"}\n')
    (answer,) = rows(done)
    statutes = [s for s in answer["sources"] if s["type"] == "statute"]
    assert done.returncode == 0 and len(answer["sources"]) <= 5
    assert ("民法典", 1084) in [(s["law"], s["article"]) for s in statutes] and all(s["in_force"] for s in statutes)
    scores = [s["score"] for s in answer["sources"]]
    assert scores == sorted(scores, reverse=True)


def test_a_file_that_is_not_there_is_one_line() -> None:
    done = minhu("triage", "/nowhere.jsonl")
    assert done.returncode == 2 and done.stderr.count("\n") == 1 and "nowhere" in done.stderr


def test_the_commands_are_listed_without_anything_that_has_to_be_installed() -> None:
    bare = [sys.executable, "-S", "minhu.py", "--help"]
    done = subprocess.run(bare, cwd=ROOT, text=True, capture_output=True, check=False)
    assert done.returncode == 0 and "restore" in done.stdout, done.stderr


def test_a_taken_port_is_one_line(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        done = minhu("run", MINHU_BOT_PORT=str(taken.getsockname()[1]), MINHU_VAR=str(tmp_path))
    assert done.returncode == 2 and "is taken" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("given", ["abc", "0", "70000"])
def test_a_port_that_is_none_is_one_line(given: str, tmp_path: Path) -> None:
    done = minhu("run", MINHU_BOT_PORT=given, MINHU_VAR=str(tmp_path))
    assert done.returncode == 2 and "not a port" in done.stderr and "Traceback" not in done.stderr


def test_a_broken_county_file_is_one_line_with_file_and_line(tmp_path: Path) -> None:
    import shutil

    shutil.copytree(ROOT / "city", tmp_path / "city")
    villages = tmp_path / "city" / "villages.csv"
    villages.write_text(villages.read_text(encoding="utf-8") + "x,坏行,Bad,000,村,\n", encoding="utf-8")
    done = minhu("prepare", MINHU_VAR=str(tmp_path / "var"), MINHU_CITY=str(tmp_path / "city"))
    assert done.returncode == 2 and "villages.csv" in done.stderr and "Traceback" not in done.stderr


def test_a_key_for_another_system_is_printed_once_and_kept_as_its_hash(tmp_path: Path) -> None:
    made = minhu("api-key", "city-app", MINHU_VAR=str(tmp_path))
    key, file = made.stdout.strip(), tmp_path / "apikeys.csv"
    assert made.returncode == 0 and len(key) >= 40 and key not in file.read_text()
    assert file.read_text().splitlines()[1].startswith("city-app,") and file.stat().st_mode & 0o077 == 0
    wrong = minhu("api-key", "City App", MINHU_VAR=str(tmp_path))
    assert wrong.returncode == 2 and wrong.stderr.count("\n") == 1 and len(file.read_text().splitlines()) == 2


def test_run_starts_everything_tells_where_and_ends_cleanly_on_ctrl_c(tmp_path: Path) -> None:
    bot, console, api = free_port(), free_port(), free_port()
    environment = {**os.environ, "MINHU_VAR": str(tmp_path / "var"), "MINHU_BOT_PORT": str(bot),
                   "MINHU_CONSOLE_PORT": str(console), "MINHU_API_PORT": str(api)}  # fmt: skip
    log = tmp_path / "log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "minhu.py", "run"],
            cwd=ROOT,
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    deadline = time.monotonic() + 120
    while "Staff password" not in log.read_text() and time.monotonic() < deadline and process.poll() is None:
        time.sleep(0.5)
    told = log.read_text()
    assert all(f"http://localhost:{number}/" in told for number in (bot, console, api)), told
    assert (tmp_path / "var" / "staff-password").read_text() in told
    assert httpx.get(f"http://localhost:{bot}/").status_code == 200
    os.killpg(process.pid, signal.SIGINT)
    assert process.wait(30) == 0
    assert "Traceback" not in log.read_text(), log.read_text()[-3000:]
    for number in (bot, console, api):
        with socket.socket() as probe:
            assert probe.connect_ex(("127.0.0.1", number)) != 0


def test_the_staff_password_is_readable_by_its_owner_only(running: Installation) -> None:
    assert (running.var / "staff-password").stat().st_mode & 0o077 == 0

"""kill -9 at any moment: no acknowledged message is lost, no case is doubled, no number is told without its case."""

from __future__ import annotations

import json
import os
import random
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import sqlalchemy as sa

from tests.running import ROOT, Installation, installation

MESSAGES = [
    "国瓷街道五里牌社区的路灯从上个月开始就不亮了",
    "官庄镇政府门口的井盖从昨天开始就不见了",
    "楼下的垃圾堆成山了，臭得很，没人来收",
    "建议在白兔潭镇政府门口装一个公交站牌",
    "老板拖欠我三个月工资不给",
    "浦口镇这边天天半夜放炮，吵得睡不着",
    "转人工",
    "泗汾镇的自来水黄得很，三天了",
]
PETITIONS = ROOT.parent / "shared/data/messages/petitions_dev.jsonl"
TOKEN = re.compile(r'name="token" value="([^"]+)"')
VERSION = re.compile(r'name="version" value="(\d+)"')


def residents() -> list[dict[str, object]]:
    """48 of our own; with MINHU_ALL_KILLS every real petition that is there to be read."""
    if os.environ.get("MINHU_ALL_KILLS") and PETITIONS.exists():
        return [json.loads(line) for line in PETITIONS.read_text(encoding="utf-8").splitlines()]
    return [{"id": n, "text": MESSAGES[n % len(MESSAGES)]} for n in range(48)]


def rows(made: Installation, query: str) -> list[tuple]:
    engine = sa.create_engine(made.database_url, future=True)
    try:
        with engine.connect() as connection:
            return [tuple(row) for row in connection.execute(sa.text(query))]
    finally:
        engine.dispose()


class Operator(threading.Thread):
    """Somebody at the console who corrects places for as long as it goes on; `done` holds what was acknowledged."""

    def __init__(self, made: Installation) -> None:
        super().__init__(daemon=True)
        self.made, self.done, self.tried = made, [], 0
        self.over = threading.Event()
        self.client = httpx.Client(base_url=made.console, timeout=20)

    def run(self) -> None:
        while not self.over.is_set():
            try:
                self.correct_one()
            except httpx.HTTPError:
                time.sleep(0.1)

    def correct_one(self) -> None:
        numbers = rows(self.made, "select number from cases order by id desc limit 20")
        if not numbers:
            time.sleep(0.2)
            return
        page = self.client.get(f"/cases/{random.choice(numbers)[0]}", follow_redirects=True)
        if page.url.path == "/sign-in":
            self.sign_in(page)
            return
        token, version = TOKEN.search(page.text), VERSION.search(page.text)
        assert token and version, page.text[:500]
        self.tried += 1
        place = f"corrected place {self.tried}"
        fields = {"token": token.group(1), "version": version.group(1), "place_said": place}
        answer = self.client.post(f"{page.url.path}/amend", data=fields)
        if answer.status_code == 303:
            self.done.append(place)

    def sign_in(self, page: httpx.Response) -> None:
        token = TOKEN.search(page.text)
        assert token
        fields = {"token": token.group(1), "login": "example-operator", "password": self.made.password}
        self.client.post("/sign-in", data=fields)


def test_killing_processes_during_a_replay_loses_and_doubles_nothing(tmp_path: Path) -> None:
    those = residents()
    file = tmp_path / "messages.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in those), encoding="utf-8")
    chance = random.Random(7)
    with installation(tmp_path / "var", "bot", "relay", "console", MINHU_PACE="0") as made:
        log = (tmp_path / "told").open("w+")
        replay = subprocess.Popen(
            [sys.executable, "minhu.py", "replay", str(file), "--at-once", "6"],
            cwd=ROOT, env=made.environment(), stdout=log, text=True,
        )  # fmt: skip
        operator = Operator(made)
        operator.start()
        kills = 0
        while replay.poll() is None and kills < max(8, len(those) // 12):
            time.sleep(chance.uniform(0.2, 2.5))
            victim = chance.choice(["bot", "bot", "relay", "console"])
            made.kill(victim)
            made.start(victim)
            kills += 1
        replay.wait(timeout=1200)
        operator.over.set()
        operator.join(30)
        told = [json.loads(line) for line in (tmp_path / "told").read_text().splitlines()]
        summary = told.pop()
        time.sleep(3)
        assert kills >= 3, "the replay ended before anything was killed"
        assert summary["lost"] == 0 and summary["numbers_twice"] == 0, summary
        numbers = {number for row in told for number in row.get("numbers", ())}
        stored = {row[0] for row in rows(made, "select number from cases")}
        assert numbers <= stored, "a number was told that has no case"
        own = [number for row in told if row.get("outcome") == "filed" for number in row["numbers"]]
        assert len(stored) == len(own), "there are cases that nobody was told of"
        unanswered = rows(made, "select count(*) from messages where author = 'resident' and answered_at is null")
        assert unanswered == [(0,)]
        amended = rows(made, "select detail from events where move = 'amend'")
        places = [json.loads(detail)["place_said"][1] for (detail,) in amended]
        assert operator.done, "nobody worked at the console"
        assert len(places) == len(set(places)), "a correction is stored twice"
        assert set(operator.done) <= set(places), "an acknowledged correction is lost"
        print(f"{kills} kills, {len(operator.done)} corrections acknowledged, {summary}")

"""kill -9 at any moment: no acknowledged message is lost, no case is doubled, no number is told without its case."""

from __future__ import annotations

import json
import random
import subprocess
import sys
import time
from pathlib import Path

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
RESIDENTS, KILLS = 48, 8


def rows(made: Installation, query: str) -> list[tuple]:
    engine = sa.create_engine(made.database_url, future=True)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(sa.text(query))]


def test_killing_processes_during_a_replay_loses_and_doubles_nothing(tmp_path: Path) -> None:
    file = tmp_path / "messages.jsonl"
    file.write_text(
        "".join(
            json.dumps({"id": n, "text": MESSAGES[n % len(MESSAGES)]}, ensure_ascii=False) + "\n"
            for n in range(RESIDENTS)
        ),
        encoding="utf-8",
    )
    chance = random.Random(7)
    with installation(tmp_path / "var", "bot", "relay", MINHU_PACE="0") as made:
        replay = subprocess.Popen(
            [sys.executable, "minhu.py", "replay", str(file), "--at-once", "6"],
            cwd=ROOT, env=made.environment(), stdout=subprocess.PIPE, text=True,
        )  # fmt: skip
        kills = 0
        while replay.poll() is None and kills < KILLS:
            time.sleep(chance.uniform(0.2, 1.5))
            victim = chance.choice(["bot", "bot", "relay"])
            made.kill(victim)
            made.start(victim)
            kills += 1
        out, _ = replay.communicate(timeout=240)
        summary = json.loads(out.strip().splitlines()[-1])
        time.sleep(3)
        assert kills >= 3, "the replay ended before anything was killed"
        assert summary["lost"] == 0 and summary["numbers_twice"] == 0, summary
        told = {json.loads(line).get("number") for line in out.splitlines()[:-1]} - {None}
        stored = {row[0] for row in rows(made, "select number from cases")}
        assert told <= stored, "a number was told that has no case"
        doubled = rows(made, "select conversation_id, count(*) from cases group by conversation_id having count(*) > 1")
        assert doubled == []
        unanswered = rows(made, "select count(*) from messages where author = 'resident' and answered_at is null")
        assert unanswered == [(0,)]

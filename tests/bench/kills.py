"""Kills any process with SIGKILL at random moments of filing, dispatching and notifying, then counts what is missing.

Three workers share one store, as the bot, the console and the relay do: one files, one moves cases along, one delivers.
Each is killed and started again until the kills are used up. What the filing worker was told (a number) and what the
delivering worker handed to the resident's side is written to files of their own, so that the store can be held against
what people were promised.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import signal
import sys
import tempfile
import time
import uuid
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from cases.case import Conversation, Matter, Message
from cases.county import County
from cases.desk import Desk, Refused, Stale
from cases.relay import Relay
from cases.shield import Shield
from cases.store import Store, cases, events, messages, outbox
from tests.running import ROOT

KILLS = 1000
RESIDENTS = 1000
PLACE = {"town": "430281004", "village": "430281004212"}
#: what the moving worker does next, by the status it finds
NEXT: dict[str, tuple[str, str, dict[str, Any]]] = {
    "reported": ("register", "operator", {}),
    "registered": ("dispatch", "operator", {}),
    "dispatched": ("accept", "unit", {}),
    "handling": ("answer", "unit", {"note": "办好了"}),
    "answered": ("close", "operator", {"verified": "on_site"}),
}
#: seconds a worker lives
LIFE = (0.05, 0.9)


class Scene:
    """One store with the files that tell what people were told."""

    def __init__(self, url: str, folder: Path) -> None:
        self.url, self.folder, self.county = url, folder, County.load(ROOT / "city")
        self.asked, self.numbers, self.heard = (folder / name for name in ("asked", "numbers", "heard"))

    def desk(self) -> Desk:
        """A desk of this process."""
        return Desk(Store(self.url), self.county, shield=Shield("bench"))


def write_down(file: Path, line: str) -> None:
    """One whole line, durable before this returns."""
    out = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(out, (line + "\n").encode())
    os.fsync(out)
    os.close(out)


def lines(file: Path) -> list[list[str]]:
    """What was written down."""
    return [line.split(" ") for line in file.read_text().splitlines()] if file.exists() else []


def filing(scene: Scene) -> None:
    """A resident asks, is told a number, asks again with the same key where they were told none."""
    desk = scene.desk()
    told = {key for key, _ in lines(scene.numbers)}
    waiting = [key for (key,) in lines(scene.asked) if key not in told]
    while True:
        key = waiting.pop() if waiting else uuid.uuid4().hex
        who = f"web:{int(key[:8], 16) % RESIDENTS}"
        write_down(scene.asked, key)
        desk.hear(who, "web", "垃圾没人收", key)
        case = desk.file(Matter(who, key, "complaint", ("垃圾没人收",), "urban.rubbish", **PLACE))
        write_down(scene.numbers, f"{key} {case.number}")


def moving(scene: Scene) -> None:
    """Staff move what is open, one step each time."""
    desk = scene.desk()
    while True:
        for case in desk.queue(role="operator"):
            if case.status in NEXT:
                code, role, given = NEXT[case.status]
                try:
                    desk.move(case.id, code, actor="bench", role=role, version=case.version, **given)
                except (Refused, Stale):
                    continue
        time.sleep(0.002)


def notifying(scene: Scene) -> None:
    """The relay hands notices to the residents' side, which knows every message by its id."""

    def deliver(message: Message, conversation: Conversation) -> str:
        write_down(scene.heard, str(message.id))
        return "sent"

    relay = Relay(Store(scene.url), deliver, shield=Shield("bench"))
    while True:
        if not relay.run_once():
            time.sleep(0.002)


WORKERS: Sequence[Callable[[Scene], None]] = (filing, moving, notifying)


def start(worker: Callable[[Scene], None], scene: Scene) -> Any:
    """A process of its own, which inherits what was imported."""
    process = multiprocessing.get_context("fork").Process(target=worker, args=(scene,), daemon=True)
    process.start()
    return process


def kill_again_and_again(scene: Scene, kills: int) -> Counter[str]:
    """Kills the workers one after the other at random moments; returns how often each was."""
    running = {worker: start(worker, scene) for worker in WORKERS}
    killed: Counter[str] = Counter()
    chance = random.Random(7)
    while killed.total() < kills:
        time.sleep(chance.uniform(*LIFE) / len(WORKERS))
        worker = chance.choice(WORKERS)
        if running[worker].is_alive():
            os.kill(running[worker].pid, signal.SIGKILL)
            killed[worker.__name__] += 1
        running[worker].join()
        running[worker] = start(worker, scene)
    for process in running.values():
        os.kill(process.pid, signal.SIGKILL)
        process.join()
    return killed


def drain(scene: Scene) -> None:
    """What was left is delivered, as it would be after the last restart; leases of the killed have run out by then."""
    store = Store(scene.url)
    with store.write() as write:
        write.execute(outbox.update().where(outbox.c.state == "sending").values(state="waiting"))
        write.execute(outbox.update().values(next_at=sa.func.coalesce(outbox.c.created_at, outbox.c.next_at)))

    def deliver(message: Message, conversation: Conversation) -> str:
        write_down(scene.heard, str(message.id))
        return "sent"

    relay = Relay(store, deliver, shield=Shield("bench"))
    while relay.run_once():
        pass


def count(scene: Scene) -> dict[str, int]:
    """What the store holds against what people were told."""
    store = Store(scene.url)
    with store.read() as read:
        stored = {
            r.filing_key.split("/")[-1]: r.number for r in read.execute(sa.select(cases.c.filing_key, cases.c.number))
        }
        total = read.execute(sa.select(sa.func.count()).select_from(cases)).scalar_one()
        notices = set(read.execute(sa.select(messages.c.id).where(messages.c.author == "notice")).scalars())
        heard_words = set(read.execute(sa.select(messages.c.ref).where(messages.c.author == "resident")).scalars())
        steps = read.execute(sa.select(events.c.case_id, events.c.after).order_by(events.c.case_id, events.c.seq)).all()
        status = dict(read.execute(sa.select(cases.c.id, cases.c.status)).all())
        moved = read.execute(
            sa.select(sa.func.count()).select_from(events).where(events.c.move.not_in(("file",)))
        ).scalar_one()
        unsent = read.execute(
            sa.select(sa.func.count()).select_from(outbox).where(outbox.c.state != "sent")
        ).scalar_one()
    told = [(key, number) for key, number in lines(scene.numbers)]
    given = Counter(number for _, number in set(told))
    arrived = Counter(int(line[0]) for line in lines(scene.heard))
    return {
        "cases": total,
        "moves": moved,
        "notices": len(notices),
        "lost: a number without its case": sum(1 for key, number in told if stored.get(key) != number),
        "lost: words that were taken and are not there": sum(1 for key, _ in told if key not in heard_words),
        "lost: notices that never arrived": len(notices - set(arrived)) + unsent,
        "doubled: one filing, two cases": total - len(stored),
        "doubled: one number for two": sum(1 for n in given.values() if n > 1),
        "half: a status without its event": sum(1 for i, after in dict(steps).items() if status[i] != after),
        "notices sent again with the same id": sum(n - 1 for n in arrived.values()),
    }


def measure(kills: int = KILLS, url: str | None = None) -> dict[str, int]:
    """Runs it on SQLite in a fresh folder, or on the empty database of `url`."""
    with tempfile.TemporaryDirectory(dir=os.environ.get("MINHU_BENCH_DIR")) as folder:
        scene = Scene(url or f"sqlite:///{folder}/minhu.db", Path(folder))
        Store(scene.url).migrate()
        desk = scene.desk()
        for n in range(RESIDENTS):
            desk.hear(f"web:{n}", "web", "你好", "r0")
        desk.store.engine.dispose()
        killed = kill_again_and_again(scene, kills)
        drain(scene)
        return {"kills": killed.total(), **{f"killed while {k}": n for k, n in killed.items()}, **count(scene)}


def main() -> None:
    """Prints what was counted; `python -m tests.bench.kills [KILLS [URL OF AN EMPTY DATABASE]]`."""
    kills = int(sys.argv[1]) if len(sys.argv) > 1 else KILLS
    url = sys.argv[2] if len(sys.argv) > 2 else None
    for what, number in measure(kills, url).items():
        print(f"{what:<50}{number:>8}")


if __name__ == "__main__":
    main()

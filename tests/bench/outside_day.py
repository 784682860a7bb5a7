"""A simulated day against other systems that are down, slow, erroring, duplicate-rejecting or id-less.

A case is filed every `EVERY` minutes into a fresh installation; relay and hand-overs work every five minutes of the
day, over real HTTP, against a server whose habit changes with the hour. At midnight the books of both sides are held
against each other: every case must be there exactly once, or our list must show it as not delivered, with its reason.
"""

from __future__ import annotations

import random
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

from cases.case import Matter
from cases.county import County
from cases.desk import Desk
from cases.handovers import DELIVERED, Handover, Handovers
from cases.open311 import Mapping311, Open311
from cases.outside import CaseSystem, Settings
from cases.reach import Reach
from cases.relay import Relay
from cases.shield import Shield
from cases.store import Store
from cases.webhook import Webhook
from tests.cases.outside_server import City, city
from tests.running import ROOT

EVERY, STEP = 60, 5
#: a simulated day writes as much as a real one: in memory where there is such a disk
MEMORY = Path("/dev/shm")
MIDNIGHT = datetime(2026, 11, 24, tzinfo=timezone.utc)
TAKES = ("slow", "takes_then_5xx", "takes_then_html", "drops")
TROUBLE = ("well", "well", "down", "html", "errors", "empty", *TAKES)
MAPPING = Mapping311(default="001")

Habit = Callable[[City, float], None]


@dataclass(frozen=True)
class Behaviour:
    """One habit of another system; `each` is called with the hour (0 to 24) before every step."""

    name: str
    each: Habit
    ids: str = "realtime"
    rejects_duplicates: bool = False
    mapping: Mapping311 = MAPPING
    webhook: bool = False
    kills: float = 0.0
    shows_descriptions: bool = True


@dataclass(frozen=True)
class Row:
    """What became of a day's cases. `listed` are those shown as not delivered, by state and reason; an unclear one may
    be there all the same.

    `doubled`: there more than once. `hidden`: neither there nor listed, or told to be delivered and not there.
    """

    name: str
    cases: int
    once: int
    doubled: int
    hidden: int
    listed: Counter[str]
    posts: int

    @property
    def holds(self) -> bool:
        """Whether every case is there exactly once, or listed with its reason."""
        return self.doubled == 0 and self.hidden == 0


def always(mode: str) -> Habit:
    """The same all day."""

    def each(server: City, _: float) -> None:
        server.mode = mode

    return each


def until(hour: float, mode: str) -> Habit:
    """In this mode until `hour`, well after it."""

    def each(server: City, now: float) -> None:
        server.mode = mode if now < hour else "well"

    return each


def ids_after(hours: float) -> Habit:
    """Tokens become ids every few hours only."""

    def each(server: City, now: float) -> None:
        server.resolves_tokens = now % hours >= hours - 0.5

    return each


def flapping(seed: int) -> Habit:
    """Another mode every five minutes."""
    chance = random.Random(seed)

    def each(server: City, _: float) -> None:
        server.mode = chance.choice(TROUBLE)

    return each


REJECTING = replace(MAPPING, rejects_duplicates=True)
BEHAVIOURS = (
    Behaviour("well, realtime", always("well")),
    Behaviour("batch, ids hours later", ids_after(3), ids="batch"),
    Behaviour("blackbox", always("well"), ids="blackbox"),
    Behaviour("id-less", always("well"), ids="none"),
    Behaviour("down until nine", until(9, "down")),
    Behaviour("down all day", always("down")),
    Behaviour("errors until nine", until(9, "errors")),
    Behaviour("slow until six, realtime", until(6, "slow")),
    Behaviour("slow until six, id-less", until(6, "slow"), ids="none"),
    Behaviour("slow until six, batch", until(6, "slow"), ids="batch"),
    Behaviour("slow until six, blackbox", until(6, "slow"), ids="blackbox"),
    Behaviour("slow until six, list shows no words", until(6, "slow"), shows_descriptions=False),
    Behaviour("takes, then 5xx, until nine", until(9, "takes_then_5xx")),
    Behaviour("takes, then HTML, until nine", until(9, "takes_then_html")),
    Behaviour("takes, then hangs up, until nine", until(9, "drops")),
    Behaviour("duplicate-rejecting, batch, 5xx", until(9, "takes_then_5xx"), "batch", True, REJECTING),
    Behaviour("duplicate-rejecting, slow, id-less", until(6, "slow"), "none", True, REJECTING),
    Behaviour("refuses everything", always("refuses")),
    Behaviour("refuses our key until nine", until(9, "key")),
    Behaviour("redirects", always("redirects")),
    Behaviour("flapping, realtime", flapping(1)),
    Behaviour("flapping, id-less", flapping(2), ids="none"),
    Behaviour("flapping, batch", flapping(3), ids="batch"),
    Behaviour("flapping, duplicate-rejecting", flapping(4), "batch", True, REJECTING),
    Behaviour("flapping, ours killed one time in three", flapping(5), kills=0.33),
    Behaviour("webhook, flapping", flapping(6), webhook=True),
    Behaviour("webhook, flapping, ours killed", flapping(7), webhook=True, kills=0.33),
)


class Killed(BaseException):
    """Stands for a process that ends between the answer and the row."""


class Mortal:
    """A system whose caller may die right after, or right before, it was asked."""

    def __init__(self, system: CaseSystem, kills: float) -> None:
        self._system, self._kills, self._chance = system, kills, random.Random(11)
        for name in ("name", "polls", "repeats_safely", "find", "look"):
            setattr(self, name, getattr(system, name))

    def send(self, handed: object) -> object:
        """May raise Killed."""
        if self._chance.random() < self._kills / 2:
            raise Killed
        receipt = self._system.send(handed)  # type: ignore[arg-type]
        if self._chance.random() < self._kills:
            raise Killed
        return receipt


def day(behaviour: Behaviour, folder: Path, county: County) -> Row:
    """One day of one behaviour over a fresh SQLite store."""
    now = MIDNIGHT
    store = Store(f"sqlite:///{folder / 'day.db'}")
    store.migrate()
    desk = Desk(store, county, lambda: now, Shield("a simulated day"))
    desk.hear("web:1", "web", "你好", "r0")
    habits = {name: getattr(behaviour, name) for name in ("ids", "rejects_duplicates", "shows_descriptions")}
    with city(**habits, clock=lambda: now, slow=0.7) as server:
        reach, settings = Reach(True, step=0.4), Settings("open311", server.url)
        system: CaseSystem = Open311(settings, behaviour.mapping, reach, lambda: now)
        if behaviour.webhook:
            hook = Settings("webhook", f"{server.url}/hook", secret="a-secret-of-a-simulated-day")
            system = Webhook(hook, reach, lambda: now)
        handovers = Handovers(desk, Mortal(system, behaviour.kills))  # type: ignore[arg-type]
        relay = Relay(store, lambda *_: "pull", handovers.take, lambda: now)
        for minute in range(0, 24 * 60, STEP):
            now = MIDNIGHT + timedelta(minutes=minute)
            behaviour.each(server, minute / 60)
            if minute % EVERY == 0 and minute < 23 * 60:
                desk.file(Matter("web:1", f"k{minute}", "complaint", (f"路灯坏了 {minute}",), category="urban.lamp"))
                relay.run_once()
            step(handovers)
        rows = [row for page in range(1, 9) for row in handovers.listed(page=page)]
        return held_together(behaviour.name, rows, server, by_key=behaviour.webhook)


def step(handovers: Handovers) -> None:
    """What a process does until nothing is due, however often it dies at it."""
    while True:
        try:
            if not handovers.work():
                return
        except Killed:
            continue


def held_together(name: str, rows: Sequence[Handover], server: City, by_key: bool) -> Row:
    """Both sides' books, case by case."""
    there = server.numbers()
    once = doubled = hidden = 0
    listed: Counter[str] = Counter()
    for row in rows:
        copies = there.pop(row.idempotency_key if by_key else row.number, 0)
        delivered, explained = row.state in DELIVERED, bool(row.error_code)
        once, doubled = once + (copies == 1), doubled + (copies > 1)
        if not delivered and explained:
            listed[f"{row.state}: {row.error_code}"] += 1
        hidden += (delivered and copies == 0) or (not delivered and not explained)
    # what they have and we know nothing of
    return Row(name, len(rows), once, doubled, hidden + len(there), listed, len(server.posts()))


def measure(behaviours: Sequence[Behaviour] = BEHAVIOURS) -> list[Row]:
    """One row a behaviour."""
    county, rows = County.load(ROOT / "city"), []
    for behaviour in behaviours:
        with tempfile.TemporaryDirectory(dir=MEMORY if MEMORY.is_dir() else None) as folder:
            rows.append(day(behaviour, Path(folder), county))
    return rows


def main() -> None:
    """Prints the table (of the behaviours with a given word); ends with status 1 if a case is doubled or hidden."""
    chosen = [b for b in BEHAVIOURS if all(word in b.name for word in sys.argv[1:])]
    print(f"{'other system, a simulated day':<42}{'cases':>6}{'once':>6}{'twice':>6}{'hidden':>7}{'posts':>7}  listed")
    good = True
    for behaviour in chosen:
        (row,) = measure([behaviour])
        listed = ", ".join(f"{number} {why}" for why, number in sorted(row.listed.items()))
        print(
            f"{row.name:<42}{row.cases:>6}{row.once:>6}{row.doubled:>6}{row.hidden:>7}{row.posts:>7}  {listed}",
            flush=True,
        )
        good = good and row.holds
    print("every case is there exactly once, or listed with its reason" if good else "NOT everything is accounted for")
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

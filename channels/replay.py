"""Makes each old message a resident who writes into the running web chat until it is filed or handed over."""

from __future__ import annotations

import asyncio
import json
import random
import re
import time
import uuid
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

import httpx
import yaml

NUMBER = re.compile(r"\b[A-Z]{2,4}\d{8}-\d{6}\b")
TURNS = 16
PATIENCE = 180.0
#: payloads of buttons that a resident in a hurry presses, in this order; the first that is offered is taken
PRESSED = ("/affirm", "/withhold", "/inform", "/unsure")
#: the question whether to follow the open case of a neighbour
JOIN, OWN = '/affirm{"field": "join"}', '/deny{"field": "join"}'


@dataclass
class Resident:
    """One resident: their words, what became of them, and how long it took (seconds)."""

    row: dict[str, Any]
    client: httpx.AsyncClient
    places: list[str]
    lines: dict[str, str]
    turns: list[float] = field(default_factory=list)
    outcome: str = "lost"
    numbers: list[str] = field(default_factory=list)
    joins: bool = False
    acknowledged: int = 0

    async def live(self) -> None:
        """From the first word to a number or a person."""
        chance = random.Random(str(self.row["id"]))
        words = "\n".join(part for part in (self.row.get("title"), self.row["text"]) if part)
        answer = await self.write(words)
        for turn in range(TURNS):
            if self.settled(answer):
                return
            answer = await self.reply_to(answer, chance, words, turn)
        await self.ask_for_person()

    async def reply_to(self, answer: dict[str, Any], chance: random.Random, words: str, turn: int) -> dict[str, Any]:
        """Presses a button that fits, names a place, insists once, or asks for a person."""
        buttons = [b for reply in answer["replies"] for b in reply["buttons"]]
        if JOIN in {b["payload"] for b in buttons}:
            self.joins = chance.random() < 0.5
            chosen = JOIN if self.joins else OWN
            return await self.write(next(b["title"] for b in buttons if b["payload"] == chosen), chosen)
        by_payload = {b["payload"].split("{")[0]: b for b in reversed(buttons)}
        if "/unsure" in by_payload and chance.random() < 0.6:
            return await self.write(chance.choice(self.places))
        for payload in PRESSED:
            if payload in by_payload:
                return await self.write(by_payload[payload]["title"], by_payload[payload]["payload"])
        if turn < 2:
            return await self.write(self.lines["insist"] + words)
        return await self.write(self.lines["person"])

    async def ask_for_person(self) -> None:
        """The last word of a resident who got nowhere."""
        self.settled(await self.write(self.lines["person"]))

    def settled(self, answer: dict[str, Any]) -> bool:
        """Whether the answer ends it."""
        said = "\n".join(reply["text"] for reply in answer["replies"])
        if found := NUMBER.findall(said):
            self.outcome, self.numbers = "joined" if self.joins else "filed", found
        elif answer.get("holder", "bot") != "bot":
            self.outcome = "handed over"
        return self.outcome != "lost"

    async def write(self, text: str, payload: str | None = None) -> dict[str, Any]:
        """One message; the same one again until the hotline acknowledges it, for as long as people are patient."""
        body = {"text": text, "ref": uuid.uuid4().hex} | ({"payload": payload} if payload else {})
        started = time.monotonic()
        while True:
            try:
                answer = await self.client.post("/messages", json=body)
                if answer.status_code == 200:
                    self.acknowledged += 1
                    self.turns.append(time.monotonic() - started)
                    return dict(answer.json())
                wait = float(answer.headers.get("Retry-After", 1))
            except httpx.HTTPError:
                wait = 0.5
            if time.monotonic() - started > PATIENCE:
                raise TimeoutError(f"{self.row['id']}: no answer for {PATIENCE:.0f} s")
            await asyncio.sleep(wait)


async def play(rows: list[dict[str, Any]], url: str, at_once: int, out: TextIO) -> list[Resident]:
    """All residents, `at_once` at the same time; one JSON line each as they end."""
    known = yaml.safe_load(Path(__file__).with_name("replay.yml").read_text(encoding="utf-8"))
    gate = asyncio.Semaphore(at_once)

    async def one(row: dict[str, Any]) -> Resident:
        headers = {"Accept": "application/json"}
        async with gate, httpx.AsyncClient(base_url=url, timeout=60, headers=headers) as client:
            resident = Resident(row, client, known["places"], known["lines"])
            try:
                await resident.live()
            except TimeoutError as gone:
                resident.outcome = "lost"
                print(json.dumps({"id": row["id"], "error": str(gone)}, ensure_ascii=False), file=out, flush=True)
            told = {
                "id": row["id"],
                "outcome": resident.outcome,
                "numbers": resident.numbers,
                "turns": len(resident.turns),
            }
            print(json.dumps(told, ensure_ascii=False), file=out, flush=True)
            return resident

    return list(await asyncio.gather(*(one(row) for row in rows)))


def replay_all(rows: list[dict[str, Any]], url: str, at_once: int, out: TextIO) -> int:
    """Plays all rows and prints the sums. Returns 0 when nobody was lost, else 1."""
    started = time.monotonic()
    residents = asyncio.run(play(rows, url, at_once, out))
    seconds = time.monotonic() - started
    outcomes = Counter(r.outcome for r in residents)
    turns = sorted(t for r in residents for t in r.turns)
    numbers = [number for r in residents if r.outcome == "filed" for number in r.numbers]
    summary = {
        "residents": len(residents),
        "filed": outcomes["filed"],
        "joined": outcomes["joined"],
        "handed_over": outcomes["handed over"],
        "lost": outcomes["lost"],
        "numbers_twice": len(numbers) - len(set(numbers)),
        "messages": len(turns),
        "seconds": round(seconds, 1),
        "messages_per_second": round(len(turns) / seconds, 1) if seconds else None,
        "turn_p50_ms": round(1000 * turns[len(turns) // 2], 1) if turns else None,
        "turn_p95_ms": round(1000 * turns[int(len(turns) * 0.95)], 1) if turns else None,
    }
    print(json.dumps(summary), file=out, flush=True)
    return 1 if outcomes["lost"] else 0

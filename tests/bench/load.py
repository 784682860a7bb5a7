"""Sends the same messages to both bots as 1, 8 and 32 residents at once and measures messages a second and waits."""

from __future__ import annotations

import asyncio
import random
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import httpx

AT_ONCE = (1, 8, 32)
EACH = 12
WARM_UP = 10

Send = Callable[[httpx.AsyncClient, str, str], Awaitable[httpx.Response]]


@dataclass(frozen=True)
class Load:
    """`p50` and `p95` in milliseconds."""

    residents: int
    per_second: float
    p50: float
    p95: float
    failed: int


async def to_ours(client: httpx.AsyncClient, resident: str, text: str) -> httpx.Response:
    """Through the web channel, which stores every message; the client's cookie is the resident."""
    return await client.post("/messages", json={"text": text, "ref": uuid.uuid4().hex})


async def to_vanilla(client: httpx.AsyncClient, resident: str, text: str) -> httpx.Response:
    """Through Rasa's REST channel."""
    return await client.post("/webhooks/rest/webhook", json={"sender": resident, "message": text})


async def measure(url: str, send: Send, messages: list[str], residents: int) -> Load:
    """`residents` write EACH messages one after the other, all at the same time."""
    waits: list[float] = []
    failed = 0

    async def one(number: int) -> None:
        nonlocal failed
        drawn = random.Random(f"{residents}/{number}").sample(messages, EACH)
        async with httpx.AsyncClient(base_url=url, timeout=120, headers={"Accept": "application/json"}) as client:
            for text in drawn:
                started = time.perf_counter()
                answer = await send(client, f"resident-{residents}-{number}-{started}", text)
                waits.append(time.perf_counter() - started)
                failed += answer.status_code != 200

    started = time.perf_counter()
    await asyncio.gather(*(one(n) for n in range(residents)))
    seconds = time.perf_counter() - started
    waits.sort()
    middle, late = waits[len(waits) // 2], waits[int(len(waits) * 0.95)]
    return Load(residents, len(waits) / seconds, 1000 * middle, 1000 * late, failed)


def all_loads(url: str, send: Send, messages: list[str]) -> list[Load]:
    """One warm-up with residents of its own, then each size once."""
    asyncio.run(measure(url, send, messages, WARM_UP))
    return [asyncio.run(measure(url, send, messages, n)) for n in AT_ONCE]

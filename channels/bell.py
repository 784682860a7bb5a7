"""Wakes the pages that wait for news of a conversation."""

from __future__ import annotations

import asyncio
import contextlib
from collections import defaultdict


class Bell:
    """One bell for each conversation; what another process stored is found by looking again after a while."""

    def __init__(self) -> None:
        """Nobody waits yet."""
        self._waiting: defaultdict[str, set[asyncio.Future[None]]] = defaultdict(set)
        self.closed = False

    def ring(self, conversation_id: str) -> None:
        """Wakes everybody who waits there."""
        for waiter in self._waiting.pop(conversation_id, ()):
            if not waiter.done():
                waiter.set_result(None)

    def close(self) -> None:
        """Wakes everybody for good: the server stops."""
        self.closed = True
        for conversation_id in list(self._waiting):
            self.ring(conversation_id)

    async def wait(self, conversation_id: str, seconds: float) -> None:
        """Returns when it rings, or after `seconds`."""
        if self.closed:
            return
        waiter = asyncio.get_running_loop().create_future()
        self._waiting[conversation_id].add(waiter)
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(waiter, seconds)
        here = self._waiting.get(conversation_id)
        if here is not None:
            here.discard(waiter)
            if not here:
                del self._waiting[conversation_id]

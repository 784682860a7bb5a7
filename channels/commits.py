"""Lets messages of many residents share one durable commit, and keeps the wait for the disk off the event loop."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy.engine import Connection

from cases.store import Store

Made = TypeVar("Made")
MOST = 64


class SharedStore(Store):
    """A store whose transactions, inside `together`, become savepoints of one: each is kept or undone by itself, and
    all become durable at once when the block ends."""

    def __init__(self, url: str) -> None:
        """See parent class."""
        super().__init__(url)
        self._open = threading.local()

    @contextmanager
    def together(self) -> Iterator[None]:
        """One transaction around all that this thread does in the block. Raises what the commit raises."""
        with super().write() as connection:
            self._open.connection = connection
            try:
                yield
            finally:
                self._open.connection = None

    @contextmanager
    def whole(self) -> Iterator[None]:
        """All that this thread does in the block is kept or undone as one, inside `together` or by itself.

        Whoever catches an exception of a part must let the block end with one, for a part alone is not undone.
        """
        with self.write() as connection:
            before = getattr(self._open, "connection", None), getattr(self._open, "whole", False)
            self._open.connection, self._open.whole = connection, True
            try:
                yield
            finally:
                self._open.connection, self._open.whole = before

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """See parent class."""
        shared = getattr(self._open, "connection", None)
        if shared is None:
            with super().write() as connection:
                yield connection
        elif getattr(self._open, "whole", False):
            yield shared
        else:
            with shared.begin_nested():
                yield shared

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """See parent class; inside `together` it sees what was written there."""
        shared = getattr(self._open, "connection", None)
        if shared is None:
            with super().read() as connection:
                yield connection
        else:
            yield shared


@dataclass(frozen=True)
class _Job:
    work: Callable[[], Any]
    loop: asyncio.AbstractEventLoop
    promise: asyncio.Future[Any]


class Commits:
    """One thread that does the writing of one event loop: in order, and what waits together is committed together."""

    def __init__(self, store: Store) -> None:
        """A store that isn't shared commits each piece of work by itself."""
        self._store = store
        self._jobs: queue.SimpleQueue[_Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None

    async def do(self, work: Callable[[], Made]) -> Made:
        """Runs `work` in the writing thread; what it returns is durable when this does. Raises what it raises.

        Work of one caller after the other is done in that order. It is done even if the caller goes away.
        """
        loop = asyncio.get_running_loop()
        promise: asyncio.Future[Made] = loop.create_future()
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="commits", daemon=True)
            self._thread.start()
        self._jobs.put(_Job(work, loop, promise))
        return await promise

    def close(self) -> None:
        """Ends the thread when all work is done."""
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join(10)
            self._thread = None

    def _run(self) -> None:
        ended = False
        while not ended:
            jobs = [self._jobs.get()]
            with suppress(queue.Empty):
                while len(jobs) < MOST:
                    jobs.append(self._jobs.get_nowait())
            ended = None in jobs
            self._commit([job for job in jobs if job is not None])

    def _commit(self, jobs: list[_Job]) -> None:
        outcomes: list[tuple[Any, BaseException | None]] = []
        if len(jobs) > 1 and isinstance(self._store, SharedStore):
            try:
                with self._store.together():
                    outcomes = [_done(job) for job in jobs]
            except Exception as refused:
                outcomes = [(None, refused)] * len(jobs)
        else:
            outcomes = [_done(job) for job in jobs]
        for loop in {job.loop for job in jobs}:
            settled = [(job.promise, o) for job, o in zip(jobs, outcomes, strict=True) if job.loop is loop]
            with suppress(RuntimeError):  # the loop has ended, and nobody waits any more
                loop.call_soon_threadsafe(_settle, settled)


def _done(job: _Job) -> tuple[Any, BaseException | None]:
    try:
        return job.work(), None
    except Exception as failed:
        return None, failed


def _settle(settled: list[tuple[asyncio.Future[Any], tuple[Any, BaseException | None]]]) -> None:
    for promise, (made, failed) in settled:
        if promise.done():
            continue
        if failed is None:
            promise.set_result(made)
        else:
            promise.set_exception(failed)

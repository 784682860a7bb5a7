"""Work that goes on beside a process's own: again and again, until it is finished."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable

log = logging.getLogger("minhu.worker")


class Worker:
    """One thread. What goes wrong is logged and tried again."""

    def __init__(self, name: str, work: Callable[[], int], pause: float = 1.0) -> None:
        """`work` does what is due and returns how much that was; after nothing it rests for `pause` seconds."""
        self._name, self._work, self._pause = name, work, pause
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        """Whether the thread is there."""
        return self._thread is not None and self._thread.is_alive()

    def start(self) -> None:
        """Works in the background."""
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def finish(self, patience: float = 4.0) -> None:
        """Stops, and waits `patience` seconds for what is under way."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(patience)

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                worked = self._work()
            except Exception:
                log.exception("%s; trying again", self._name)
                worked = 0
            if not worked:
                self._stop.wait(self._pause)

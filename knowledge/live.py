"""The library as it stands now: what staff sign off, switch or import is taken up within seconds, without a restart."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from pathlib import Path
from typing import Any

from knowledge.guides import Guide, GuideError, read_guide
from knowledge.library import Library
from knowledge.shelf import LIVE, Shelf, Text, newest

LOOK_EVERY = 5.0  # seconds
COUNTY = Path("county")

log = logging.getLogger(__name__)


class Live:
    """Holds one library and puts another in its place when something has changed; readers never wait."""

    def __init__(
        self, var: Path, shelf: Shelf, blanks: Mapping[str, Any] | None = None, today: Callable[[], date] = date.today
    ) -> None:
        """Opens everything; nothing is watched yet."""
        self.shelf = shelf
        self._var, self._blanks, self._today = var, blanks, today
        self._changing = threading.Lock()
        self._base = self._library = self._open()
        self._seen = 0
        self.look()

    @property
    def library(self) -> Library:
        """The library of this moment."""
        return self._library

    def look(self) -> bool:
        """Takes up what has changed since the last look. Returns whether anything had."""
        with self._changing:
            version, imported = self.shelf.version(), self._stamp()
            if version == self._seen and imported == self._imported:
                return False
            if imported != self._imported:
                self._base = self._open()
            guides = list(own_guides(newest(self.shelf.in_state(LIVE)).values()))
            self._library = self._base.with_county(guides, self.shelf.off())
            self._seen = version
            return True

    def watch(self) -> None:
        """Looks again every few seconds from now on, in a thread of its own."""
        threading.Thread(target=self._watch, daemon=True, name="knowledge").start()

    def _watch(self) -> None:
        while True:
            time.sleep(LOOK_EVERY)
            try:
                self.look()
            except Exception:
                log.exception("the knowledge could not be looked at")

    def _open(self) -> Library:
        self._imported = self._stamp()
        return Library.open(self._var, self._blanks, self._today)

    def _stamp(self) -> int:
        path = self._var / "statutes.db"
        return path.stat().st_mtime_ns if path.exists() else 0


def own_guides(texts: Iterator[Text] | Any) -> Iterator[Guide]:
    """The guides of the county's texts; one that can't be read is left out and logged."""
    for text in texts:
        try:
            yield read_guide(text.body, text.kind, COUNTY)
        except GuideError as wrong:
            log.error("the county's text %s can't be read: %s", text.id, wrong)

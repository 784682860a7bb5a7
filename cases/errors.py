"""Why the desk says no."""

from __future__ import annotations

from typing import Any


class Refused(Exception):
    """What was asked for is not possible; nothing has changed. `code` names the reason for the wording."""

    def __init__(self, code: str) -> None:
        """`code`: e.g. not_allowed, note_missing, urged_already."""
        super().__init__(code)
        self.code = code


class Stale(Exception):
    """Somebody else changed the case (or entry) in between; `current` is how it stands now."""

    def __init__(self, current: Any) -> None:
        """`current`, a case or an entry of the registry, is shown to the loser."""
        super().__init__(current.number)
        self.current = current


class NotFound(KeyError):
    """There is no such case, conversation, message or member of staff (or it belongs to somebody else)."""


def need_reason(reason: str) -> None:
    """A look at a person needs a reason of four signs at least. Raises Refused."""
    if len(reason.strip()) < 4:
        raise Refused("reason_missing")

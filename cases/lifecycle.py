"""The life of a case as ONE table of moves; guard, buttons, notices and tests all come from it."""

from __future__ import annotations

from dataclasses import dataclass

#: status -> step of the six (采集上报 立案建档 事件派遣 处置反馈 核查结案 综合评价)
STEPS = {
    "reported": 1,
    "registered": 2,
    "dispatched": 3,
    "handling": 4,
    "answered": 4,
    "closed": 5,
    "rated": 6,
    "refused": 5,
    "withdrawn": 5,
}
STATUSES = tuple(STEPS)
OPEN = ("reported", "registered", "dispatched", "handling", "answered")
ROLES = ("operator", "unit", "adviser", "leader", "administrator", "resident", "system")

_DESK = ("operator", "administrator", "system")
_WORKS = ("unit", "adviser")


@dataclass(frozen=True)
class Move:
    """One row: who may make it from where, where it leads, what it needs and what the resident is told.

    `after` None leaves the status as it is. `needs` holds `note` where words are required. `notice` is a code of
    notices.yml or None. `kinds` limits the move to some kinds of case; empty means all.
    """

    code: str
    before: tuple[str, ...]
    after: str | None
    roles: tuple[str, ...]
    notice: str | None = None
    needs: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()


TABLE = (
    Move("register", ("reported",), "registered", _DESK, "registered"),
    Move("refuse", ("reported", "registered"), "refused", _DESK, "refused", ("note",)),
    Move("dispatch", ("registered",), "dispatched", _DESK, "dispatched"),
    Move("reassign", ("dispatched", "handling"), "dispatched", ("operator", "administrator"), "dispatched", ("note",)),
    Move("accept", ("dispatched",), "handling", _WORKS, "accepted"),
    Move("return_case", ("dispatched", "handling"), "registered", _WORKS, None, ("note",)),
    Move("answer", ("handling",), "answered", _WORKS, "answered", ("note",)),
    Move("extend", ("dispatched", "handling"), None, ("operator", "administrator"), "extended", ("note",)),
    Move("supervise", ("dispatched", "handling", "answered"), None, ("leader", "administrator"), None, ("note",)),
    Move("verify_failed", ("answered",), "handling", ("operator", "administrator"), "redone", ("note",)),
    Move("close", ("answered",), "closed", ("operator", "administrator", "adviser"), "closed"),
    Move("rate", ("closed",), "rated", ("resident",), None),
    Move("redo", ("closed", "rated"), "handling", ("operator", "administrator"), "redone", ("note",)),
    Move("withdraw", ("reported", "registered", "dispatched", "handling"), "withdrawn", ("resident",), None),
    Move("urge", ("reported", "registered", "dispatched", "handling", "answered"), None, ("resident",), None),
    Move("join", ("reported", "registered", "dispatched", "handling", "answered"), None, ("resident",)),
    Move("leave", ("reported", "registered", "dispatched", "handling", "answered"), None, ("resident",)),
    Move(
        "add", ("reported", "registered", "dispatched", "handling", "answered", "closed", "rated"), None, ("resident",)
    ),
)
MOVES = {move.code: move for move in TABLE}
ADVISER_CLOSES = ("consultation",)


def allowed(status: str, role: str, kind: str) -> list[Move]:
    """The moves that `role` may make of a case of `kind` in `status`, in the order of the table."""
    return [m for m in TABLE if status in m.before and role in m.roles and _for_kind(m, role, kind)]


def _for_kind(move: Move, role: str, kind: str) -> bool:
    """An adviser closes consultations only."""
    return move.code != "close" or role != "adviser" or kind in ADVISER_CLOSES


def notices() -> set[str]:
    """Every notice that notices.yml must hold."""
    return {move.notice for move in TABLE if move.notice}

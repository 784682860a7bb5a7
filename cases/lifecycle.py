"""The life of a case as ONE table of moves; guard, buttons, notices and tests all come from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

#: status -> step of the six (采集上报 立案建档 事件派遣 处置反馈 核查结案 综合评价)
STEPS = {
    "reported": 1,
    "registered": 2,
    "returned": 3,
    "disputed": 3,
    "dispatched": 3,
    "handling": 4,
    "suspended": 4,
    "answered": 4,
    "reopened": 5,
    "closed": 5,
    "rated": 6,
    "refused": 5,
    "withdrawn": 5,
    "merged": 5,
}
STATUSES = tuple(STEPS)
OPEN = (
    "reported", "registered", "returned", "disputed", "dispatched", "handling", "suspended", "answered", "reopened",
)  # fmt: skip
#: the statuses in which a unit has the case and its clock runs
RUNNING = ("dispatched", "handling")
#: a resident who gives so many of five points, or fewer, is dissatisfied
LOW = 2
#: `unit` leads a case, `support` only helps with it; a case knows which of the two a unit is
ROLES = ("operator", "unit", "support", "adviser", "leader", "administrator", "resident", "system")

_CLERKS = ("operator", "administrator")
_DESK = (*_CLERKS, "system")
_RULERS = ("leader", "administrator")
_WORKS = ("unit", "adviser")
_STAFF = ("operator", "unit", "support", "adviser", "leader", "administrator")
_BEFORE_DISPATCH = ("reported", "registered", "returned")


@dataclass(frozen=True)
class Standing:
    """What beside its status decides which moves a case allows.

    `returns` counts returns by units, `in_window` tells whether a closed case may still be reopened, `above` whether
    a higher level could take it, `extensible` whether its limit may be put off once more,
    `unheard` whether an emergency waits longer than it may for somebody to acknowledge it.
    """

    returns: int = 0
    ruled: bool = False
    emergency: bool = False
    overdue: bool = False
    above: bool = False
    extensible: bool = True
    extension_asked: bool = False
    in_window: bool = True
    past_due: bool = False
    unheard: bool = False


@dataclass(frozen=True)
class Move:
    """One row: who may make it from where, where it leads, what it needs and what the resident is told.

    `after` None leaves the status as it is. `needs` and `takes` name fields of `moving.Given` that must, or may, come
    with it. `notice` is a code of notices.yml or None. `kinds` limits the move to some kinds of case; empty means all.
    `when` names a condition of WHEN.
    """

    code: str
    before: tuple[str, ...]
    after: str | None
    roles: tuple[str, ...]
    notice: str | None = None
    needs: tuple[str, ...] = ()
    takes: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    when: str | None = None


WHEN: Mapping[str, Callable[[Standing], bool]] = {
    "no_emergency": lambda s: not s.emergency,
    "emergency": lambda s: s.emergency,
    "first_return": lambda s: s.returns == 0 and not s.ruled and not s.emergency,
    "returned_before": lambda s: s.returns > 0 and not s.ruled and not s.emergency,
    "level_above": lambda s: s.above and not s.emergency,
    "late_with_level_above": lambda s: s.past_due and s.above and not s.emergency,
    "late_at_the_top": lambda s: s.past_due and not s.overdue and (not s.above or s.emergency),
    "may_ask_extension": lambda s: s.extensible and not s.extension_asked and not s.emergency,
    "extensible": lambda s: s.extensible,
    "extension_asked": lambda s: s.extension_asked,
    "in_window": lambda s: s.in_window,
    "unheard": lambda s: s.unheard,
}

TABLE = (
    Move("register", ("reported",), "registered", _DESK, "registered"),
    Move("refuse", _BEFORE_DISPATCH, "refused", _CLERKS, "refused", ("note", "door")),
    Move("merge", _BEFORE_DISPATCH, "merged", _CLERKS, "merged", ("into",)),
    Move("split", _BEFORE_DISPATCH, None, _CLERKS, "split", ("part",), ("category",)),
    Move("dispatch", ("registered", "returned"), "dispatched", _DESK, "dispatched", (), ("unit", "support", "adviser")),
    Move("reassign", RUNNING, "dispatched", _CLERKS, "dispatched", ("note",), ("unit", "support", "adviser")),
    Move(
        "rule", ("disputed",), "dispatched", ("leader", "administrator"), "dispatched", ("note", "unit"), ("support",)
    ),
    Move("acknowledge", ("dispatched",), "handling", ("unit", *_CLERKS), "acknowledged", when="emergency"),
    Move("accept", ("dispatched",), "handling", _WORKS, "accepted", when="no_emergency"),
    Move("return_case", RUNNING, "returned", _WORKS, None, ("note", "ground"), when="first_return"),
    Move("dispute", RUNNING, "disputed", _WORKS, None, ("note", "ground"), when="returned_before"),
    Move("escalate", RUNNING, "dispatched", ("unit", *_CLERKS), "escalated", ("note",), when="level_above"),
    Move("climb", RUNNING, "dispatched", ("system",), "climbed", when="late_with_level_above"),
    Move("overdue", RUNNING, None, ("system",), "overdue", when="late_at_the_top"),
    Move("alarm", ("dispatched",), None, ("system",), when="unheard"),
    Move("contribute", RUNNING, None, ("support",), None, ("note",)),
    Move("ask_extension", RUNNING, None, _WORKS, None, ("note", "days"), when="may_ask_extension"),
    Move("extend", RUNNING, None, _CLERKS, "extended", ("note",), ("days",), when="extensible"),
    Move("deny_extension", RUNNING, None, _CLERKS, None, ("note",), when="extension_asked"),
    Move("suspend", ("handling",), "suspended", _CLERKS, "suspended", ("note",), when="no_emergency"),
    Move("resume", ("suspended",), "handling", ("unit", *_CLERKS), "resumed"),
    Move("answer", ("handling",), "answered", _WORKS, "answered", ("note",)),
    Move("outside_note", OPEN, None, ("system",), "outside_note", ("note",)),
    Move("outside_answer", ("registered", *RUNNING), "answered", ("system",), "outside_answer", ("note",)),
    Move("supervise", tuple(s for s in OPEN if s != "reported"), None, _RULERS, None, ("note",)),
    Move("verify_failed", ("answered",), "handling", _CLERKS, "redone", ("note",)),
    Move("close", ("answered",), "closed", _CLERKS, "closed", ("verified",), ("note",)),
    Move("conclude", ("answered",), "closed", ("adviser",), "closed", kinds=("consultation",)),
    Move("redo", ("reopened",), "dispatched", _CLERKS, "redone", ("note",), ("unit", "support", "adviser")),
    Move("uphold", ("reopened",), "rated", _CLERKS, "upheld", ("note",)),
    Move("rate", ("closed",), "rated", ("resident",)),
    Move("dissatisfied", ("closed",), "reopened", ("resident",), when="in_window"),
    Move("reopen", ("closed", "rated"), "reopened", ("resident", *_CLERKS), "reopened", ("note",), when="in_window"),
    Move("withdraw", tuple(s for s in OPEN if s not in ("answered", "reopened")), "withdrawn", ("resident",)),
    Move("urge", OPEN, None, ("resident",)),
    Move("join", OPEN, None, ("resident",)),
    Move("leave", OPEN, None, ("resident",)),
    Move("add", (*OPEN, "closed", "rated"), None, ("resident",)),
    Move("hide", STATUSES, None, _CLERKS, None, ("part",)),
    Move("comment", STATUSES, None, _STAFF, None, ("note",)),
)
MOVES = {move.code: move for move in TABLE}


def allowed(status: str, role: str, kind: str, standing: Standing | None = None) -> list[Move]:
    """The moves that `role` may make of a case of `kind` in `status`, in the order of the table."""
    held = standing or Standing()
    return [
        m
        for m in TABLE
        if status in m.before
        and role in m.roles
        and (not m.kinds or kind in m.kinds)
        and (m.when is None or WHEN[m.when](held))
    ]


def notices() -> set[str]:
    """Every notice that notices.yml must hold."""
    return {move.notice for move in TABLE if move.notice}

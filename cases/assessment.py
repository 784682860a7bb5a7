"""One case retold from its events: what of it counts in a period, and to whom each count is booked.

To whom. Whoever leads the case: a unit, or the adviser of a consultation. What waits at the desk (not dispatched yet,
returned, disputed, reopened) is the desk's, code "". What is found out later about an answer (verified or not, rated,
sent back) is booked to the hand that gave the answer, whoever has the case by then. Place and category are those
known at the end of the period.

When. Each count falls on one moment, which is that of an event or the passing of a limit; it counts in the period
that moment lies in. A clock is decided once: by what was waited for, or by its limit passing, whichever is first;
a late answer is booked to the hand that had the case when the limit passed, and an extension granted after that takes
nothing back. A clock that stops before either (returned, moved on, withdrawn) decides nothing.

Counts, each 1 for:
    filed, refused, merged, withdrawn, supervised, urged, suspended      that event
    desk_due, desk_in_time       a clock of the desk decided; by dispatch, ruling, redoing, upholding, refusal, merger
    sent                         a case comes to a hand: dispatch, ruling, redoing, up a level, reassigning to another
    held                         a hand has a case at some time in the period; once for each time it was sent
    respond_due, responded       a sent case's first sign of life decided; by accepting, acknowledging, returning,
                                 disputing or declaring it out of reach before the limit
    signed, signed_seconds       accepting or acknowledging, however late; the seconds since it was sent
    limits, in_time, late        the clock of a hand decided; by its answer; by the limit passing
    extensions_asked, extensions granted
    returned, disputed           given back by a unit; of these, for the second time or later
    reassigned                   taken from a hand and given to another by the desk
    escalated, climbed           went up a level because out of reach, because late
    first_judged, first_right    the first dispatch of a case that is no emergency: right when the case is answered
                                 before anybody returned or disputed it or the desk gave it to somebody else
    answered                     answers, those of another system included; without a unit here they are the desk's
    judged, solved               an answer on which there was a verdict in the period, and the last one was good:
                                 closing, concluding and upholding are good; failed verification, dissatisfaction and
                                 reopening are not
    closed                       closings; settled_grid|village|town|city of these, by the level that answered
    returns_before               returns and disputes a closed case had been through since it was filed or last closed
    redone                       done again: verification failed, or redoing after reopening
    reopened, upheld             sent back by the resident or the desk after closing; the answer held on to after that
    rated, satisfied, dissatisfied   an answer that the resident who filed the case rated in the period, by the last
                                 rating: 3 (基本满意) and more is satisfied
    unrated                      an answer closed in the period and not rated by its end; in no rate of satisfaction
    emergencies                  emergencies sent to a hand
    alarms                       emergencies that nobody had acknowledged in the time allowed
    hear_due, heard_in_time      acknowledgement decided; by an alarm, or by acknowledging before one
    heard, heard_seconds         acknowledgements, however late; the seconds since it was sent
    open, overdue, unheard       at the end of the period: open; of these, the running clock's limit has passed;
                                 emergencies not acknowledged
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Any, NamedTuple

from cases.lifecycle import LOW, OPEN, RUNNING, STEPS, TABLE
from cases.responsibilities import LEVELS

#: statuses in which a unit or an adviser has the case; in the other open ones the desk has it
IN_HAND = frozenset(s for s in OPEN if s in RUNNING or STEPS[s] == 4)
#: moves that send a case to somebody
SENDS = frozenset(move.code for move in TABLE if move.after == RUNNING[0])
COUNTS = (
    "filed", "refused", "merged", "withdrawn", "supervised", "urged", "suspended", "desk_due", "desk_in_time", "sent",
    "held", "respond_due", "responded", "signed", "signed_seconds", "limits", "in_time", "late", "extensions_asked",
    "extensions", "returned", "disputed", "reassigned", "escalated", "climbed", "first_judged", "first_right",
    "answered", "judged", "solved", "closed", *(f"settled_{level}" for level in LEVELS), "returns_before", "redone",
    "reopened", "upheld", "rated", "satisfied", "dissatisfied", "unrated", "emergencies", "alarms", "hear_due",
    "heard_in_time", "heard", "heard_seconds", "open", "overdue", "unheard",
)  # fmt: skip


class Hand(NamedTuple):
    """Who has a case: code of a unit or login of an adviser, and the level (grid, village, town, city, adviser)."""

    code: str
    level: str


DESK = Hand("", "")


class Step(NamedTuple):
    """An event, as far as it counts."""

    seq: int
    move: str
    before: str | None
    after: str
    role: str
    at: datetime
    detail: Mapping[str, Any]


Book = Callable[[str, Hand, int], None]


class Life:
    """Follows one case through a period; `book` gets (count, hand, how many)."""

    def __init__(
        self, start: datetime, end: datetime, emergency: bool, level_of: Callable[[str], str], book: Book
    ) -> None:
        """The period is [start, end); `level_of` tells a unit's level where an old event doesn't."""
        self._start, self._end, self._emergency, self._level_of, self._book = start, end, emergency, level_of, book
        self._status = ""
        self._unit: str | None = None
        self._adviser: str | None = None
        self._level: str | None = None
        # the clock that runs: since when, until when, whether it is decided
        self._since = start
        self._due: datetime | None = None
        self._decided = True
        self._unsigned = self._alarmed = self._entered = self._sent_before = False
        self._first: Hand | None = None
        self._returns = 0
        # the last answer: who gave it, and what this period says of it
        self._by = DESK
        self._verdict: bool | None = None
        self._rating: int | None = None
        self._unrated = False

    def follow(self, steps: Iterable[Step]) -> None:
        """Books everything that `steps`, the case's events before the end of the period in order, count for."""
        for step in steps:
            if step.at >= self._start:
                self._enter()
            if not step.detail.get("in_time"):
                self._pass_limit(step.at)
            before = self._hand
            self._take(step)
            told = TELLS.get(step.move)
            if told is not None:
                told(self, step, before)
        self._enter()
        self._pass_limit(self._end)
        self._judge_answer()
        self._count_standing()

    # --- state -------------------------------------------------------------------------------------------------------

    @property
    def _hand(self) -> Hand:
        if self._status not in IN_HAND:
            return DESK
        if self._unit:
            return Hand(self._unit, self._level or self._level_of(self._unit))
        return Hand(self._adviser, "adviser") if self._adviser else DESK

    def _take(self, step: Step) -> None:
        told = step.detail
        self._status = step.after
        if step.move in SENDS:
            self._unit, self._adviser, self._level = told.get("unit"), told.get("adviser"), told.get("level")
        if "due_at" in told:
            self._due = datetime.fromisoformat(told["due_at"]) if told["due_at"] else None

    def _enter(self) -> None:
        """Who has the case when the period begins has held it in the period."""
        if not self._entered:
            self._entered = True
            if self._hand != DESK:
                self._book("held", self._hand, 1)

    def _count(self, name: str, hand: Hand, at: datetime, many: int = 1) -> None:
        if self._start <= at < self._end:
            self._book(name, hand, many)

    # --- clocks ------------------------------------------------------------------------------------------------------

    def _start_clock(self, step: Step) -> None:
        if "due_at" not in step.detail:
            self._due = None
        self._since, self._decided, self._unsigned = step.at, self._due is None, False

    def _pass_limit(self, now: datetime) -> None:
        """The limit passed before `now` and nothing had come."""
        due, hand = self._due, self._hand
        if self._decided or due is None or now <= due:
            return
        self._decided = True
        if hand == DESK:
            self._count("desk_due", hand, due)
            return
        self._count("limits", hand, due)
        self._count("late", hand, due)
        if self._unsigned:
            self._unsigned = False
            self._count("respond_due", hand, due)

    def _desk_done(self, at: datetime) -> None:
        if not self._decided:
            self._decided = True
            self._count("desk_due", DESK, at)
            self._count("desk_in_time", DESK, at)

    def _respond(self, at: datetime, hand: Hand) -> None:
        if self._unsigned:
            self._unsigned = False
            self._count("respond_due", hand, at)
            self._count("responded", hand, at)

    # --- verdicts ----------------------------------------------------------------------------------------------------

    def _judge_first(self, right: bool, at: datetime) -> None:
        if self._first is not None:
            self._count("first_judged", self._first, at)
            if right:
                self._count("first_right", self._first, at)
            self._first = None

    def _judge(self, solved: bool, at: datetime) -> None:
        if self._start <= at < self._end:
            self._verdict = solved

    def _rate(self, rating: int | None, at: datetime) -> None:
        if rating is not None and self._start <= at < self._end:
            self._rating, self._unrated = rating, False

    def _judge_answer(self) -> None:
        """What the period says of the last answer, once nothing more can come."""
        if self._verdict is not None:
            self._book("judged", self._by, 1)
            if self._verdict:
                self._book("solved", self._by, 1)
        if self._rating is not None:
            self._book("rated", self._by, 1)
            self._book("satisfied" if self._rating > LOW else "dissatisfied", self._by, 1)
        if self._unrated:
            self._book("unrated", self._by, 1)
        self._verdict = self._rating = None
        self._unrated = False

    def _count_standing(self) -> None:
        if self._status not in OPEN:
            return
        self._book("open", self._hand, 1)
        stopped = self._status in IN_HAND and self._status not in RUNNING
        if not stopped and self._due is not None and self._due < self._end:
            self._book("overdue", self._hand, 1)
        if self._emergency and self._status == RUNNING[0]:
            self._book("unheard", self._hand, 1)

    # --- events: who had the case before, who has it after -----------------------------------------------------------

    def _filed(self, step: Step, before: Hand) -> None:
        self._start_clock(step)
        self._count("filed", DESK, step.at)

    def _sent(self, step: Step, before: Hand) -> None:
        at, hand = step.at, self._hand
        if before == DESK:
            self._desk_done(at)
        else:
            self._moved_on(step, before, hand)
        if step.move == "redo":
            self._count("redone", self._by, at)
        self._start_clock(step)
        self._unsigned, self._alarmed = not self._decided, False
        if hand.code != before.code:
            self._count("sent", hand, at)
            self._count("held", hand, at)
            if self._emergency:
                self._count("emergencies", hand, at)
        if not self._sent_before and not self._emergency:
            self._first = hand
        self._sent_before = True

    def _moved_on(self, step: Step, before: Hand, after: Hand) -> None:
        if step.move == "escalate":
            if step.role in WORKS:
                self._respond(step.at, before)
            self._count("escalated", before, step.at)
        elif step.move == "climb":
            self._count("climbed", before, step.at)
        elif after.code != before.code:
            self._count("reassigned", before, step.at)
            self._judge_first(False, step.at)

    def _signed(self, step: Step, before: Hand) -> None:
        self._respond(step.at, before)
        waited = round((step.at - self._since).total_seconds())
        self._count("signed", before, step.at)
        self._count("signed_seconds", before, step.at, waited)
        if self._emergency:
            self._count("heard", before, step.at)
            self._count("heard_seconds", before, step.at, waited)
            if not self._alarmed:
                self._count("hear_due", before, step.at)
                self._count("heard_in_time", before, step.at)

    def _alarm(self, step: Step, before: Hand) -> None:
        self._alarmed = True
        self._count("alarms", before, step.at)
        self._count("hear_due", before, step.at)

    def _given_back(self, step: Step, before: Hand) -> None:
        self._respond(step.at, before)
        self._count("returned", before, step.at)
        if step.move == "dispute":
            self._count("disputed", before, step.at)
        self._returns += 1
        self._judge_first(False, step.at)
        self._start_clock(step)

    def _answered(self, step: Step, before: Hand) -> None:
        self._judge_answer()
        self._by = before
        self._count("answered", before, step.at)
        self._respond(step.at, before)
        if before == DESK:
            self._desk_done(step.at)
        elif not self._decided:
            self._decided = True
            self._count("limits", before, step.at)
            self._count("in_time", before, step.at)
        self._judge_first(True, step.at)

    def _not_solved(self, step: Step, before: Hand) -> None:
        self._judge(False, step.at)
        self._count("redone", self._by, step.at)
        self._start_clock(step)

    def _closed(self, step: Step, before: Hand) -> None:
        self._judge(True, step.at)
        self._count("closed", self._by, step.at)
        if self._by.level in LEVELS:
            self._count(f"settled_{self._by.level}", self._by, step.at)
        self._count("returns_before", self._by, step.at, self._returns)
        self._returns = 0
        self._unrated = self._start <= step.at < self._end

    def _rated(self, step: Step, before: Hand) -> None:
        if step.before != step.after:  # else it is the rating of somebody who only follows the case
            self._rate(step.detail.get("rating"), step.at)

    def _sent_back(self, step: Step, before: Hand) -> None:
        if step.move == "dissatisfied":
            self._rate(step.detail.get("rating", LOW), step.at)
        self._judge(False, step.at)
        self._count("reopened", self._by, step.at)
        self._start_clock(step)

    def _upheld(self, step: Step, before: Hand) -> None:
        self._judge(True, step.at)
        self._count("upheld", self._by, step.at)
        self._desk_done(step.at)

    def _ended(self, step: Step, before: Hand) -> None:
        if step.move == "withdraw":
            self._decided, self._unsigned = True, False
        else:
            self._desk_done(step.at)
        self._count(ENDED[step.move], before, step.at)

    def _plain(self, step: Step, before: Hand) -> None:
        self._count(PLAIN[step.move], before, step.at)


#: roles whose move out of a dispatched case is a sign of life of the unit
WORKS = frozenset({"unit", "adviser"})
ENDED = {"refuse": "refused", "merge": "merged", "withdraw": "withdrawn"}
PLAIN = {
    "supervise": "supervised", "urge": "urged", "suspend": "suspended", "ask_extension": "extensions_asked",
    "extend": "extensions",
}  # fmt: skip
TELLS: Mapping[str, Callable[[Life, Step, Hand], None]] = {
    "file": Life._filed,
    **dict.fromkeys(sorted(SENDS), Life._sent),
    "accept": Life._signed,
    "acknowledge": Life._signed,
    "alarm": Life._alarm,
    "return_case": Life._given_back,
    "dispute": Life._given_back,
    "answer": Life._answered,
    "outside_answer": Life._answered,
    "verify_failed": Life._not_solved,
    "close": Life._closed,
    "conclude": Life._closed,
    "rate": Life._rated,
    "dissatisfied": Life._sent_back,
    "reopen": Life._sent_back,
    "uphold": Life._upheld,
    **dict.fromkeys(ENDED, Life._ended),
    **dict.fromkeys(PLAIN, Life._plain),
}

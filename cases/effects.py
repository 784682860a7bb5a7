"""What each move changes beside the status: one function a move, from the case and what was given to the new values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from typing import Any

from cases import limits, routing
from cases.audit import utc
from cases.county import County
from cases.errors import Refused
from cases.lifecycle import Standing
from cases.routing import Place, Stage

#: how a closing was verified: seen on site, the resident said so, a photo shows it, documents prove it
VERIFIED = ("on_site", "resident", "photo", "documents")
URGENT = "urgent"
LONGEST_EXTENSION = 60


@dataclass(frozen=True)
class Given:
    """What comes with a move: words, codes of the county, numbers. Which are needed stands in the table of moves.

    `ground` is the legal ground of a return, `door` who is responsible instead (a code of notices.yml), `days` working
    days, `verified` one of VERIFIED, `into` the number of the case that takes this one in, `part` the words that become
    a case of their own.
    """

    note: str | None = None
    unit: str | None = None
    category: str | None = None
    adviser: str | None = None
    support: tuple[str, ...] | None = None
    ground: str | None = None
    door: str | None = None
    days: int | None = None
    verified: str | None = None
    into: str | None = None
    part: str | None = None

    def missing(self, needs: tuple[str, ...]) -> str | None:
        """The first of `needs` that is not given."""
        return next((name for name in needs if not str(getattr(self, name) or "").strip()), None)

    def detail(self) -> dict[str, Any]:
        """What of it belongs into the event, beside its note."""
        held = {f.name: getattr(self, f.name) for f in fields(self) if f.name != "note"}
        return {name: list(value) if isinstance(value, tuple) else value for name, value in held.items() if value}


@dataclass(frozen=True)
class Scene:
    """A case about to be changed: its row, what was given, the moment, and who may advise on it."""

    county: County
    row: Mapping[str, Any]
    given: Given
    now: datetime
    adviser: str | None = None

    @property
    def category(self) -> str | None:
        """As corrected by the move, or as it stands."""
        return self.given.category or self.row["category"]

    @property
    def place(self) -> Place:
        """Where the matter is."""
        return place_of(self.row)

    @property
    def urgent(self) -> bool:
        """Whether the shorter limits count."""
        return URGENT in (self.row["signals"] or ())

    def time(self, name: str) -> datetime | None:
        """A time of the row."""
        return utc(self.row[name]) if self.row[name] else None


Effect = Callable[[Scene], dict[str, Any]]


def place_of(row: Mapping[str, Any]) -> Place:
    """Where a matter is."""
    return Place(row["town"], row["village"], row["grid"])


def may_wait(county: County) -> timedelta:
    """How long an emergency may wait for somebody to acknowledge it."""
    return timedelta(minutes=county.limits["acknowledge_minutes"])


def pressing(row: Mapping[str, Any]) -> int:
    """Where a case stands in a queue: emergencies first, then what leaders look at, then the rest."""
    return 0 if row["emergency"] else 1 if row["supervised_at"] else 2


def standing(county: County, row: Mapping[str, Any], now: datetime) -> Standing:
    """What decides, beside the status, which moves the case allows."""
    due, closed, sent = (utc(row[n]) if row[n] else None for n in ("due_at", "closed_at", "dispatched_at"))
    window = timedelta(days=county.limits["reopen_days"])
    return Standing(
        returns=row["returns"],
        ruled=bool(row["ruled"]),
        emergency=row["emergency"] is not None,
        overdue=row["overdue_at"] is not None,
        above=routing.above(county, row["category"], place_of(row), row["level"]) is not None,
        extensible=row["extensions"] < county.limits["extensions"],
        extension_asked=row["extension_asked"] is not None,
        in_window=row["reopenings"] < county.limits["reopenings"] and (closed is None or now <= closed + window),
        past_due=due is not None and now > due,
        unheard=bool(row["emergency"] and sent and not row["alarmed_at"] and now > sent + may_wait(county)),
    )


def changes(code: str, scene: Scene) -> dict[str, Any]:
    """The new values of a move. Raises Refused where what was given doesn't fit the county or the case."""
    check_codes(scene)
    change: dict[str, Any] = {"category": scene.given.category} if scene.given.category else {}
    if scene.given.category:
        change["domain"] = scene.county.category(scene.given.category).domain
    effect = EFFECTS.get(code)
    return change | (effect(scene) if effect else {})


def check_codes(scene: Scene) -> None:
    """Raises Refused for codes that the county or the case system doesn't have."""
    given = scene.given
    try:
        for unit in (given.unit, *(given.support or ())):
            if unit:
                scene.county.unit(unit)
        if given.category:
            scene.county.category(given.category)
    except LookupError as unknown:
        raise Refused("unknown_code") from unknown
    if given.verified and given.verified not in VERIFIED:
        raise Refused("unknown_code")
    if given.days is not None and not 1 <= given.days <= LONGEST_EXTENSION:
        raise Refused("days_wrong")


# --- to whom ---------------------------------------------------------------------------------------------------------


def for_adviser(row: Mapping[str, Any], given: Given) -> bool:
    """Whether an adviser has to be found: a consultation, unless a unit is named or somebody is in danger."""
    return row["kind"] == "consultation" and row["emergency"] is None and not given.unit


def _dispatch(scene: Scene) -> dict[str, Any]:
    if for_adviser(scene.row, scene.given):
        return to_adviser(scene)
    return to_stage(scene, _named_or_first(scene))


def _named_or_first(scene: Scene) -> Stage:
    if scene.given.unit:
        return routing.stage_of(scene.county, scene.category, scene.place, scene.given.unit)
    if scene.row["emergency"]:
        return routing.stage_of(scene.county, None, scene.place, scene.county.duty)
    return routing.first(scene.county, scene.category, scene.place)


def to_stage(scene: Scene, stage: Stage) -> dict[str, Any]:
    """A unit gets the case: its clock starts now, not when somebody there signs for it."""
    if scene.row["emergency"]:
        due = limits.emergency_due(scene.county, scene.now)
    else:
        due = limits.ends(scene.county, stage.urgent if scene.urgent else stage.limit, scene.now)
    support = scene.given.support if scene.given.support is not None else stage.support
    support = tuple(unit for unit in support if unit and unit != stage.unit)
    return {"unit": stage.unit, "level": stage.level, "adviser": None, "support": support, **clock(scene, due)}


def to_adviser(scene: Scene) -> dict[str, Any]:
    """A consultation goes to the law adviser of its place."""
    if scene.adviser is None:
        raise Refused("place_missing")
    due = limits.adviser_due(scene.county, scene.urgent, scene.now)
    return {"adviser": scene.adviser, "unit": None, "level": None, "support": (), **clock(scene, due)}


def clock(scene: Scene, due: datetime) -> dict[str, Any]:
    """A clock that starts now and nothing of an older one."""
    return {
        "dispatched_at": scene.now, "due_at": due, "amber_at": limits.amber(scene.county, scene.now, due),
        "overdue_at": None, "alarmed_at": None, "extension_asked": None, "hours_left": None, "in_time": None,
    }  # fmt: skip


def _up(scene: Scene) -> dict[str, Any]:
    stage = routing.above(scene.county, scene.category, scene.place, scene.row["level"])
    if stage is None:
        raise Refused("not_allowed")
    return to_stage(scene, stage)


def _ruled(scene: Scene) -> dict[str, Any]:
    return {**_dispatch(scene), "ruled": True}


def _again(scene: Scene) -> dict[str, Any]:
    """Done again by the same unit, or by the one that is named, within the shorter limit for that."""
    due = limits.after_workdays(scene.county, scene.now, scene.county.limits["redo_days"])
    if scene.row["adviser"] and not scene.given.unit:
        return {"adviser": scene.row["adviser"], **clock(scene, due)}
    unit = scene.given.unit or scene.row["unit"]
    if unit is None:
        raise Refused("unit_missing")
    stage = routing.stage_of(scene.county, scene.category, scene.place, unit)
    return {**to_stage(scene, stage), **clock(scene, due)}


def _back_to_desk(scene: Scene) -> dict[str, Any]:
    """The command centre has it again, with a limit of its own."""
    return {
        "returns": scene.row["returns"] + 1, "due_at": limits.desk_due(scene.county, scene.now), "amber_at": None,
        "unit": None, "level": None, "adviser": None, "support": (), "overdue_at": None, "extension_asked": None,
    }  # fmt: skip


# --- how long --------------------------------------------------------------------------------------------------------


def _extend(scene: Scene) -> dict[str, Any]:
    days = scene.given.days or scene.row["extension_asked"] or scene.county.limits["extension_days"]
    due = limits.after_workdays(scene.county, max(scene.time("due_at") or scene.now, scene.now), days)
    start = scene.time("dispatched_at") or scene.now
    return {
        "due_at": due, "amber_at": limits.amber(scene.county, start, due), "overdue_at": None,
        "extension_asked": None, "extensions": scene.row["extensions"] + 1,
    }  # fmt: skip


def _suspend(scene: Scene) -> dict[str, Any]:
    due = scene.time("due_at")
    left = limits.worked(scene.county, scene.now, due) / timedelta(hours=1) if due else 0.0
    return {"hours_left": left, "due_at": None, "amber_at": None}


def _resume(scene: Scene) -> dict[str, Any]:
    """The time that was left when the clock was stopped, an hour at least."""
    due = limits.after_workhours(scene.county, scene.now, max(scene.row["hours_left"] or 0.0, 1.0))
    return {"hours_left": None, "due_at": due, "amber_at": limits.amber(scene.county, scene.now, due)}


def _not_solved(scene: Scene) -> dict[str, Any]:
    return clock(scene, limits.after_workdays(scene.county, scene.now, scene.county.limits["redo_days"]))


def _answered(scene: Scene) -> dict[str, Any]:
    """In time or not is settled by the unit's answer, not by how long its verification takes."""
    due = scene.time("due_at")
    return {"in_time": due is None or scene.now <= due, "extension_asked": None, "amber_at": None}


def _reopened(scene: Scene) -> dict[str, Any]:
    return {
        "closed_at": None, "verified": None, "due_at": limits.desk_due(scene.county, scene.now), "amber_at": None,
        "reopenings": scene.row["reopenings"] + 1,
    }  # fmt: skip


EFFECTS: Mapping[str, Effect] = {
    "refuse": lambda s: {"closed_at": s.now},
    "merge": lambda s: {"closed_at": s.now},
    "withdraw": lambda s: {"closed_at": s.now},
    "dispatch": _dispatch,
    "reassign": _dispatch,
    "rule": _ruled,
    "acknowledge": lambda s: {"acknowledged_at": s.now},
    "return_case": _back_to_desk,
    "dispute": _back_to_desk,
    "escalate": _up,
    "climb": _up,
    "overdue": lambda s: {"overdue_at": s.now, "supervised_at": s.row["supervised_at"] or s.now},
    "alarm": lambda s: {"alarmed_at": s.now, "supervised_at": s.row["supervised_at"] or s.now},
    "ask_extension": lambda s: {"extension_asked": s.given.days},
    "extend": _extend,
    "deny_extension": lambda s: {"extension_asked": None},
    "suspend": _suspend,
    "resume": _resume,
    "answer": _answered,
    "outside_answer": _answered,
    "supervise": lambda s: {"supervised_at": s.now},
    "verify_failed": _not_solved,
    "close": lambda s: {"closed_at": s.now, "verified": s.given.verified},
    "conclude": lambda s: {"closed_at": s.now},
    "redo": _again,
    "uphold": lambda s: {"closed_at": s.now},
    "dissatisfied": _reopened,
    "reopen": _reopened,
}

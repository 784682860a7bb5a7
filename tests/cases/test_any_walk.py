"""Whatever is tried, by whoever, in whatever order: only the table's moves happen, and a refusal leaves no trace."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from cases.case import Case, Matter
from cases.county import County
from cases.desk import Desk, Refused, Stale
from cases.lifecycle import MOVES, OPEN, ROLES, TABLE
from cases.shield import Shield
from cases.store import Store, audit, cases, events, followers, messages, outbox, supporters
from tests.cases.conftest import Clock

TOWN, VILLAGE = "430281004", "430281004212"
WORDS = ("垃圾堆了三天。路灯也不亮。",)
KEPT = (cases, events, outbox, messages, audit, supporters, followers)
STEPS = st.tuples(
    st.sampled_from([m.code for m in TABLE]),
    st.sampled_from(ROLES),
    st.fixed_dictionaries(
        {},
        optional={
            "note": st.sampled_from(["因为", " ", ""]),
            "unit": st.sampled_from(["housing", "power", "moon", VILLAGE]),
            "support": st.sampled_from([(), ("water",), ("moon",)]),
            "ground": st.just("权责清单第三项"),
            "door": st.sampled_from(["court", "moon"]),
            "days": st.sampled_from([-1, 0, 3, 99]),
            "verified": st.sampled_from(["on_site", "moon"]),
            "category": st.sampled_from(["urban.rubbish", "urban.lamp", "moon"]),
            "part": st.sampled_from(["路灯也不亮。", "别的话"]),
            "into": st.sampled_from(["first", "moon"]),
        },
    ),
    st.integers(-1, 1),
    st.sampled_from([0, 5, 600, 60 * 24 * 5, 60 * 24 * 40]),
)
#: one of the moves that are possible, with all that it needs: so that walks get somewhere
GOES = st.integers(0, 10_000)
NEEDED = {
    "note": "因为", "unit": "housing", "ground": "权责清单第三项", "door": "court", "days": 3, "verified": "on_site",
    "part": "路灯也不亮。", "into": "first",
}  # fmt: skip
WALK = st.lists(st.one_of(STEPS, GOES, GOES, GOES), min_size=1, max_size=20)


def possible(desk: Desk, case: Case, which: int) -> tuple[str, str, dict[str, Any], int, int]:
    """One of the moves that the table allows now; one that ends the case only where nothing else is left."""
    found = [(m, role) for role in ROLES for m in desk.moves(case, role) if role not in ("resident", "system")]
    on = [(m, role) for m, role in found if m.after not in (None, "refused", "merged")] or found
    move, role = (on if which % 8 else found)[which % len(on if which % 8 else found)]
    return move.code, role, {name: NEEDED[name] for name in move.needs}, 0, 5


@pytest.fixture(scope="module")
def walked(tmp_path_factory: pytest.TempPathFactory, county: County) -> tuple[Desk, Clock]:
    store = Store(f"sqlite:///{tmp_path_factory.mktemp('walk') / 'minhu.db'}")
    store.migrate()
    clock = Clock()
    desk = Desk(store, county, clock, Shield("test secret"))
    desk.hear("web:1", "web", "你好", "r0")
    return desk, clock


def everything(desk: Desk) -> list[Any]:
    with desk.store.read() as read:
        return [read.execute(sa.select(sa.func.count()).select_from(t)).scalar_one() for t in KEPT]


def row(desk: Desk, case_id: int) -> dict[str, Any]:
    with desk.store.read() as read:
        return dict(read.execute(sa.select(cases).where(cases.c.id == case_id)).mappings().one())


def fresh(desk: Desk, kind: str, emergency: str | None) -> Case:
    key = str(everything(desk))
    place = {"town": TOWN, "village": VILLAGE}
    return desk.file(Matter("web:1", key, kind, WORDS, "urban.rubbish", emergency=emergency, **place))


def usual(*codes: str) -> list[Any]:
    """A walk that is always among those tried: each move by the first role that may make it, with what it needs."""
    roles = {code: next(r for r in MOVES[code].roles if r not in ("system", "resident")) for code in codes}
    needs = {code: {n: NEEDED[n] for n in MOVES[code].needs} for code in codes}
    return [(code, roles[code], needs[code], 0, 5) for code in codes]


BEGUN = ("register", "dispatch", "accept")
AROUND = usual(
    *BEGUN, "suspend", "resume", "answer", "verify_failed", "answer", "close", "reopen", "redo", "accept", "answer",
    "close", "reopen", "uphold",
)  # fmt: skip
DISPUTE = usual("register", "dispatch", "return_case", "dispatch", "dispute", "rule")


@example(walk=AROUND, kind="complaint", emergency=None)
@example(walk=DISPUTE, kind="complaint", emergency=None)
@example(walk=usual("merge"), kind="complaint", emergency=None)
@example(walk=usual("refuse"), kind="complaint", emergency=None)
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(walk=WALK, kind=st.sampled_from(["complaint", "consultation"]), emergency=st.sampled_from([None, None, "gas"]))
def test_only_the_moves_of_the_table_happen_whatever_is_tried(
    walked: tuple[Desk, Clock], walk: list[Any], kind: str, emergency: str | None
) -> None:
    desk, clock = walked
    case = fresh(desk, kind, emergency)
    first = fresh(desk, "complaint", None)
    for step in walk:
        code, role, told, off, minutes = possible(desk, desk.case(case.id), step) if isinstance(step, int) else step
        clock.move(minutes=minutes)
        desk.watch()
        case = desk.case(case.id)
        told = {k: first.number if v == "first" else v for k, v in told.items()}
        before, counted = row(desk, case.id), everything(desk)
        may = MOVES[code] in desk.moves(case, role)
        try:
            after = desk.move(case.id, code, actor="a", role=role, version=case.version + off, **told)
        except (Refused, Stale):
            assert (row(desk, case.id), everything(desk)) == (before, counted)
        else:
            assert may and off == 0
            assert after.status == (MOVES[code].after or case.status) and after.version == case.version + 1
        holds(desk, case.id)


def holds(desk: Desk, case_id: int) -> None:
    """What is true of every case at every moment."""
    held, told = row(desk, case_id), desk.timeline(case_id)
    assert [e.seq for e in told] == list(range(1, len(told) + 1))
    assert held["version"] == len(told), "each change is one event"
    assert told[-1].after == held["status"] and held["open"] == (held["status"] in OPEN)
    for earlier, later in zip(told, told[1:], strict=False):
        assert later.before == earlier.after
    if held["status"] in ("dispatched", "handling"):
        assert held["due_at"] is not None and (held["unit"] or held["adviser"])
    assert (held["closed_at"] is None) == held["open"]


def test_the_walks_reach_every_status(walked: tuple[Desk, Clock]) -> None:
    """Run after the walks: a generator that never leaves the first steps would prove nothing."""
    desk, _ = walked
    with desk.store.read() as read:
        seen = set(read.execute(sa.select(events.c.after)).scalars())
    missing = {m.after for m in TABLE if m.after and "resident" not in m.roles and m.code != "outside_answer"} - seen
    assert missing == set()


def test_an_audit_log_of_all_walks_is_whole(walked: tuple[Desk, Clock]) -> None:
    assert walked[0].audit_trail(1)[1]

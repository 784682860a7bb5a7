"""What the desk promises: stored first, once, in order, masked, and nobody else's."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from cases import audit
from cases.case import Matter, Utterance, mask
from cases.county import County
from cases.desk import Desk, NotFound, Refused
from cases.shield import Shield
from cases.store import Store, cases
from cases.store import audit as audit_rows
from tests.cases.conftest import Clock

GIVEN = {"answer": {"note": "好了"}, "close": {"verified": "on_site"}}


def matter(key: str = "k1", **more: object) -> Matter:
    return Matter("web:1", key, "complaint", ("路灯坏了，第三次了",), town="430281004", **more)  # type: ignore[arg-type]


def test_the_same_message_is_stored_once(desk: Desk) -> None:
    first, second = desk.hear("web:1", "web", "路灯坏了", "r1"), desk.hear("web:1", "web", "路灯坏了", "r1")
    assert first.new and not second.new and first.message == second.message


def test_replies_are_said_once_and_given_again(desk: Desk) -> None:
    desk.hear("web:1", "web", "路灯坏了", "r1")
    assert desk.answered("web:1", "r1") is None and [m.ref for m in desk.unanswered(0)] == ["r0", "r1"]
    said = desk.say("web:1", "r1", [Utterance("在哪里？"), Utterance("请说")])
    again = desk.say("web:1", "r1", [Utterance("另一句")])
    assert again == said and said.replies == desk.answered("web:1", "r1")
    assert [m.ref for m in desk.unanswered(0)] == ["r0"]


def test_filing_twice_with_one_key_gives_one_case(desk: Desk) -> None:
    assert desk.file(matter()).number == desk.file(matter()).number
    assert desk.file(matter("k2")).number != desk.file(matter()).number


def test_filing_at_once_from_many_threads_gives_one_case_per_key_and_no_number_twice(desk: Desk) -> None:
    start = threading.Barrier(8)

    def file(n: int) -> str:
        start.wait()
        return desk.file(matter(f"k{n % 4}")).number

    with ThreadPoolExecutor(8) as pool:
        numbers = list(pool.map(file, range(8)))
    assert len(set(numbers)) == 4 and len(desk.cases_of("web:1")) == 4


def test_a_case_that_cannot_be_stored_has_no_number(desk: Desk) -> None:
    with pytest.raises(NotFound):
        desk.file(Matter("web:nobody", "k", "complaint", ("x",)))
    assert desk.queue(role="operator") == []


def test_words_are_kept_and_contacts_are_sealed_and_masked(desk: Desk, store: Store) -> None:
    case = desk.file(matter(contact="13812345678"))
    assert case.words == ("路灯坏了，第三次了",) and case.contact == "138****5678"
    with store.read() as read:
        row = read.execute(sa.select(cases)).mappings().one()
    assert "12345678" not in str(dict(row))


def test_a_contact_is_revealed_only_with_a_reason_and_the_look_is_logged(desk: Desk) -> None:
    case = desk.file(matter(contact="13812345678"))
    for role, reason, code in [
        ("operator", " ", "reason"),
        ("leader", "看看是谁", "not_allowed"),
        ("unit", "要核实", "reason"),
    ]:
        with pytest.raises(Refused, match=code):
            desk.reveal(case.id, actor="x", role=role, reason=reason)
    with pytest.raises(Refused, match="not_agreed"):
        desk.reveal(case.id, actor="x", role="unit", reason="要核实地点")
    assert desk.reveal(case.id, actor="op", role="operator", reason="电话核实地点").contact == "13812345678"
    entries, whole = desk.audit_trail()
    assert whole and (entries[0].actor, entries[0].action, entries[0].reason) == ("op", "reveal", "电话核实地点")


def test_a_contact_cannot_be_opened_with_another_key() -> None:
    sealed = Shield("one").seal("13812345678")
    with pytest.raises(PermissionError):
        Shield("two").open(sealed)


@pytest.mark.parametrize(
    ("contact", "shown"), [(None, None), ("", None), ("12345", "*****"), ("073112345678", "073*****5678")]
)
def test_short_and_long_contacts_are_masked(contact: str | None, shown: str | None) -> None:
    assert mask(contact) == shown


@pytest.mark.parametrize("change", [{"actor": "somebody"}, {"reason": "nothing"}, None])
def test_a_changed_or_missing_audit_entry_shows(desk: Desk, store: Store, change: dict[str, str] | None) -> None:
    case = desk.file(matter(contact="13812345678"))
    for n in range(3):
        desk.reveal(case.id, actor="op", role="operator", reason=f"核实第{n}次")
    middle = audit_rows.c.id == sa.select(sa.func.min(audit_rows.c.id) + 1).scalar_subquery()
    with store.write() as write:
        write.execute(
            audit_rows.delete().where(middle) if change is None else audit_rows.update().where(middle).values(**change)
        )
    with store.read() as read:
        assert not audit.verify(read)


def test_nobody_touches_a_case_of_another_conversation(desk: Desk) -> None:
    case = desk.file(matter())
    desk.hear("web:2", "web", "你好", "r")
    for attempt in (
        lambda: desk.urge(case.id, "web:2", "r", "催"),
        lambda: desk.add_words(case.id, "web:2", "r", "补充"),
        lambda: desk.withdraw(case.id, "web:2", "r", "不要了"),
        lambda: desk.rate(case.id, "web:2", "r", 5),
    ):
        with pytest.raises(NotFound):
            attempt()
    assert desk.case(case.id) == case and desk.cases_of("web:2") == []


def test_a_case_is_urged_once_a_day_and_the_same_message_urges_once(desk: Desk, clock: Clock) -> None:
    case = desk.file(matter())
    assert "urged" in desk.urge(case.id, "web:1", "u1", "快点").signals
    desk.urge(case.id, "web:1", "u1", "快点")
    with pytest.raises(Refused, match="urged_already"):
        desk.urge(case.id, "web:1", "u2", "还不来")
    clock.move(hours=25)
    desk.urge(case.id, "web:1", "u3", "还不来")
    assert [e.move for e in desk.timeline(case.id)].count("urge") == 2


def test_a_rating_comes_only_after_closing_and_is_a_score_of_one_to_five(desk: Desk) -> None:
    case = desk.file(matter())
    with pytest.raises(Refused, match="rate_not_now"):
        desk.rate(case.id, "web:1", "r", 5)
    with pytest.raises(Refused, match="no_score"):
        desk.rate(case.id, "web:1", "r", 6)


def test_fields_are_corrected_but_never_words(desk: Desk) -> None:
    case = desk.file(matter())
    amended = desk.amend(
        case.id, actor="op", role="operator", version=case.version, town="430281006", place_said="桥边"
    )
    assert (amended.town, amended.place_said, amended.words) == ("430281006", "桥边", case.words)
    with pytest.raises(Refused, match="words"):
        desk.amend(case.id, actor="op", role="operator", version=amended.version, words="别的")


def test_a_person_is_asked_for_takes_over_speaks_and_gives_back(desk: Desk) -> None:
    desk.ask_for_person("web:1", "asked", "r0")
    desk.ask_for_person("web:1", "failure", "r0")
    (waiting,) = desk.conversations("waiting")
    assert waiting.reason == "asked" and waiting.waiting_since is not None
    with pytest.raises(Refused):
        desk.staff_say("web:1", "a", "您好")
    desk.take_over("web:1", "a")
    with pytest.raises(Refused, match="held_by_another"):
        desk.take_over("web:1", "b")
    said = desk.staff_say("web:1", "a", "您好")
    assert (said.author, said.delivery) == ("staff", "waiting")
    desk.release("web:1", "a")
    assert desk.conversation("web:1").holder == "bot"


def test_an_emergency_is_with_the_duty_desk_at_once_and_first_in_the_queue(desk: Desk, county: County) -> None:
    desk.file(matter("k1"))
    emergency = desk.file(matter("k2", emergency="fire"))
    assert emergency.unit == county.duty and desk.queue(role="operator")[0].number == emergency.number


def test_staff_sign_in_with_their_password_only(desk: Desk) -> None:
    desk.enrol("correct horse")
    desk.enrol("another one")
    assert desk.sign_in("example-operator", "another one") is None and desk.sign_in("nobody", "correct horse") is None
    member = desk.sign_in("example-operator", "correct horse")
    assert member is not None and member.role == "operator"
    with pytest.raises(Refused):
        desk.set_password("example-operator", "short")
    desk.set_password("example-operator", "a longer one")
    assert desk.sign_in("example-operator", "a longer one")


def test_figures_are_counted_from_the_cases(desk: Desk, clock: Clock) -> None:
    case = desk.file(matter())
    for code, role in [
        ("register", "operator"),
        ("dispatch", "operator"),
        ("accept", "unit"),
        ("answer", "unit"),
        ("close", "operator"),
    ]:
        case = desk.move(case.id, code, actor="a", role=role, version=case.version, **GIVEN.get(code, {}))
    desk.rate(case.id, "web:1", "r", 4)
    desk.file(matter("k2"))
    names = ("open", "overdue", "closed", "in_time", "satisfaction")
    for days, expected in ((6, (1, 1, 1, "100%", "4.0")), (2, (1, 1, 0, None, None))):
        clock.move(days=days)
        assert tuple(desk.figures()[name] for name in names) == expected

"""Nothing on the disk tells who somebody is, and whoever needs it in full gets it, with a reason."""

from __future__ import annotations

from pathlib import Path

import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from cases import sealing
from cases.case import Case, Conversation, Matter, Message, Utterance
from cases.county import County
from cases.desk import Desk, NotFound, Refused
from cases.doubts import doubts
from cases.relay import Relay
from cases.shield import Shield
from cases.store import Store, audit, cases, counters, events, messages, outbox
from tests.cases.conftest import Clock
from tests.cases.moves import walk

PHONE, OTHER_PHONE, IDENTITY, NAME, DOOR = "13812345678", "13987654321", "430281197001011234", "张伟", "2单元402"
SECRETS = (PHONE, OTHER_PHONE, IDENTITY, NAME, DOOR, "一三八一二三四五六七八", "zhangwei88", "John Smith")
FIRST = f"我叫{NAME}，路灯坏了，我的电话{PHONE}"
PLACE = f"瓷都花园3栋{DOOR}"
SHOWN_PLACE = "瓷都花园3栋*单元***"
AGREED = ("contact_agreed",)


def filed(desk: Desk, key: str = "k", **more: object) -> Case:
    known = {"words": (FIRST, f"{NAME}家门口最黑"), "place_said": PLACE, "contact": PHONE, "town": "430281004"}
    return desk.file(Matter("web:1", key, "complaint", **{**known, **more}))  # type: ignore[arg-type]


def story(desk: Desk) -> Case:
    """Everything a resident can do, with something to hide in each of it, and what the staff answers."""
    desk.hear("web:1", "web", FIRST, "r1")
    desk.say("web:1", "r1", [Utterance(f"您说：{FIRST}；地点：{PLACE}；联系：{PHONE}。对吗？")])
    case = filed(desk, since_said=f"上周三，我叫{NAME}", wanted=f"请回电{PHONE}")
    desk.add_words(case.id, "web:1", "a1", f"我身份证{IDENTITY}，家住3栋{DOOR}，加微信zhangwei88")
    desk.urge(case.id, "web:1", "u1", "快点，我电话一三八一二三四五六七八")
    desk.hear("web:2", "web", "my name is John Smith", "r0", language="en")
    desk.join(case.id, "web:2", "j1", ("my name is John Smith", f"call {OTHER_PHONE}"))
    case = desk.amend(case.id, actor="op", role="operator", version=desk.case(case.id).version, since_said=f"问{PHONE}")
    desk.look(case.id, actor="op", role="operator")
    desk.reveal(case.id, actor="op", role="operator", reason=f"打{PHONE}核实，本人{NAME}，同意")
    case = walk(desk, case, "register", "dispatch", "accept", ("answer", {"note": f"已打{PHONE}告知住户"}), "close")
    desk.ask_for_person("web:1", "asked", "r1")
    desk.take_over("web:1", "op")
    desk.staff_say("web:1", "op", f"您好，是{PHONE}吗？")
    desk.withdraw(filed(desk, "k2").id, "web:1", "w1", f"不要了，找{OTHER_PHONE}")
    return desk.rate(case.id, "web:1", "q1", 4, f"谢谢，我叫{NAME}，{PHONE}")


@pytest.fixture
def embedded(tmp_path: Path, county: County, clock: Clock) -> Desk:
    """A desk on SQLite, whose file can be read."""
    store = Store(f"sqlite:///{tmp_path / 'minhu.db'}")
    store.migrate()
    return Desk(store, county, clock, Shield("test secret"))


def on_disk(desk: Desk) -> bytes:
    """Every byte of the database and its log."""
    path = Path(desk.store.engine.url.database)
    return b"".join(file.read_bytes() for file in sorted(path.parent.glob(f"{path.name}*")))


def told_by(seen: bytes) -> list[str]:
    """The secrets that can be read in it, in the ways that JSON may write them."""
    return [one for one in SECRETS if one.encode() in seen or one.encode("unicode_escape") in seen]


def test_no_byte_on_the_disk_tells_who_complained(embedded: Desk) -> None:
    case = story(embedded)
    seen = on_disk(embedded)
    assert case.status == "rated" and len(seen) > 50_000 and "路灯坏了".encode() in seen
    assert told_by(seen) == []


def test_the_search_for_secrets_finds_them_where_they_are(embedded: Desk) -> None:
    story(embedded)
    with embedded.store.write() as write:
        write.execute(messages.update().where(messages.c.ref == "r1").values(text=FIRST))
    assert told_by(on_disk(embedded)) == [PHONE, NAME]


def test_no_column_of_any_table_tells_who_complained(desk: Desk) -> None:
    story(desk)
    with desk.store.read() as read:
        for table in (messages, cases, events, outbox, audit):
            rows = str([dict(row) for row in read.execute(sa.select(table)).mappings()])
            assert told_by(rows.encode()) == [], table.name


def test_the_bot_gets_what_was_written_after_a_crash(desk: Desk) -> None:
    desk.hear("web:1", "web", FIRST, "r1")
    assert [m.text for m in desk.unanswered(0)] == ["你好", FIRST]


def test_the_same_message_and_its_answer_are_given_again_in_full(desk: Desk) -> None:
    first = desk.hear("web:1", "web", FIRST, "r1")
    said = desk.say("web:1", "r1", [Utterance(f"您的电话是{PHONE}")])
    assert desk.hear("web:1", "web", FIRST, "r1").message == first.message
    assert desk.say("web:1", "r1", []).replies == said.replies == desk.answered("web:1", "r1")
    assert said.replies[0].text == f"您的电话是{PHONE}"


def test_residents_read_their_own_words_and_staff_what_is_needed(desk: Desk) -> None:
    desk.hear("web:1", "web", FIRST, "r1")
    assert desk.transcript("web:1", own=True)[1].text == FIRST
    assert desk.transcript("web:1", tail=1, own=True)[0].text == FIRST
    assert desk.transcript("web:1")[1].text == "我叫**，路灯坏了，我的电话138****5678"


def test_a_case_shows_building_and_matter_and_hides_name_number_and_door(desk: Desk, county: County) -> None:
    case = filed(desk)
    assert case.words == ("我叫**，路灯坏了，我的电话138****5678", "**家门口最黑") and case.hidden
    assert (case.place_said, case.contact) == (SHOWN_PLACE, "138****5678")
    assert "contact" in doubts(case, county)
    plain = filed(desk, "k2", words=("路灯坏了",), place_said="桥边", contact=None)
    assert plain.words == ("路灯坏了",) and not plain.hidden


def test_a_reason_opens_contact_words_and_place(desk: Desk) -> None:
    case = desk.add_words(filed(desk).id, "web:1", "a", f"我家2单元402，身份证{IDENTITY}")
    seen = desk.reveal(case.id, actor="op", role="operator", reason="上门前核实")
    assert seen.contact == PHONE and seen.place == PLACE
    assert seen.words == (FIRST, f"{NAME}家门口最黑", f"我家2单元402，身份证{IDENTITY}")


def test_a_unit_sees_the_person_if_they_agreed_or_somebody_is_in_danger(desk: Desk) -> None:
    with pytest.raises(Refused, match="not_agreed"):
        desk.reveal(filed(desk).id, actor="u", role="unit", reason="上门前核实")
    for case in (filed(desk, "k2", signals=AGREED), filed(desk, "k3", emergency="fire")):
        assert desk.reveal(case.id, actor="u", role="unit", reason="上门前核实").place == PLACE


def test_a_conversation_is_opened_for_the_desk_with_a_reason_that_is_logged(desk: Desk) -> None:
    desk.hear("web:1", "web", FIRST, "r1")
    with pytest.raises(Refused, match="not_allowed"):
        desk.reveal_transcript("web:1", actor="u", role="unit", reason="想看看是谁")
    with pytest.raises(Refused, match="reason_missing"):
        desk.reveal_transcript("web:1", actor="op", role="operator", reason=" ")
    assert desk.reveal_transcript("web:1", actor="op", role="operator", reason="接人工，要回电")[-1].text == FIRST
    entries, _ = desk.audit_trail()
    assert [(e.action, e.object) for e in entries] == [("reveal", "web:1")]


def test_a_place_that_the_desk_corrects_is_for_the_unit_to_find(desk: Desk) -> None:
    case = filed(desk)
    asked = desk.amend(
        case.id, actor="op", role="operator", version=case.version, place_said=SHOWN_PLACE, category="urban.lamp"
    )
    assert desk.reveal(case.id, actor="op", role="operator", reason="上门前核实").place == PLACE
    corrected = desk.amend(case.id, actor="op", role="operator", version=asked.version, place_said="瓷都花园3栋502室")
    assert corrected.place_said == "瓷都花园3栋502室"
    assert desk.reveal(case.id, actor="op", role="operator", reason="上门前核实").place == "瓷都花园3栋502室"


def test_a_place_added_to_an_emergency_is_sealed(desk: Desk) -> None:
    case = filed(desk, town=None, place_said=None, emergency="fire")
    added = desk.add_words(case.id, "web:1", "a", PLACE, {"town": "430281004", "place_said": PLACE})
    assert added.place_said == SHOWN_PLACE
    assert desk.reveal(case.id, actor="u", role="unit", reason="马上出警").place == PLACE


def test_the_queue_is_searched_by_what_staff_can_read(embedded: Desk) -> None:
    embedded.hear("web:1", "web", "你好", "r0")
    case = filed(embedded)
    assert [c.id for c in embedded.queue(role="operator", search="路灯坏了")] == [case.id]
    assert embedded.queue(role="operator", search=PHONE) == []


def test_what_goes_out_is_the_whole_notice(desk: Desk, clock: Clock) -> None:
    case = filed(desk)
    said: list[str] = []

    def deliver(message: Message, conversation: Conversation) -> str:
        said.append(message.text)
        return "sent"

    desk.move(
        case.id, "refuse", actor="op", role="operator", version=case.version, note="请拨打0731-23231234", door="court"
    )
    relay = Relay(desk.store, deliver, clock=clock, shield=Shield("test secret"))
    while relay.run_once():
        pass
    assert len(said) == 1 and "0731-23231234" in said[0]
    assert desk.timeline(case.id)[-1].note == "请拨打073******1234"


# --- who looked --------------------------------------------------------------------------------------------------


def test_residents_learn_who_looked_by_role_and_time_and_not_by_name(desk: Desk, clock: Clock) -> None:
    case, other = filed(desk), filed(desk, "k2")
    desk.look(case.id, actor="example-operator", role="operator")
    clock.move(hours=1)
    desk.reveal(case.id, actor="example-operator", role="operator", reason="电话核实地点")
    desk.look(other.id, actor="example-operator", role="operator")
    desk.case(case.id)
    looks = desk.who_looked("web:1", case.id)
    assert [(look.role, look.action, look.reason, look.name) for look in looks] == [
        ("operator", "look", None, None),
        ("operator", "reveal", "电话核实地点", None),
    ]
    assert (looks[1].at - looks[0].at).total_seconds() == 3600


def test_a_county_may_tell_names(desk: Desk, county: County) -> None:
    from dataclasses import replace

    case = filed(desk)
    desk.look(case.id, actor="example-operator", role="operator")
    open_county = Desk(desk.store, replace(county, tells_staff_names=True), desk.clock, Shield("test secret"))
    known = {m.login: m.name for m in county.staff}
    assert [look.name for look in open_county.who_looked("web:1", case.id)] == [known["example-operator"]]


def test_others_learn_nothing_and_followers_no_reasons(desk: Desk) -> None:
    case = filed(desk)
    desk.reveal(case.id, actor="example-operator", role="operator", reason="电话核实地点")
    desk.hear("web:2", "web", "你好", "r0")
    with pytest.raises(NotFound):
        desk.who_looked("web:2", case.id)
    desk.join(case.id, "web:2", "j", ("也黑",))
    assert [(look.action, look.reason) for look in desk.who_looked("web:2", case.id)] == [("reveal", None)]


# --- from before -------------------------------------------------------------------------------------------------


def in_clear(desk: Desk) -> Case:
    """A case and a message as they were stored before there was a shield for words."""
    desk.hear("web:1", "web", "路灯坏了", "r1")
    case = filed(desk, words=("路灯坏了",), place_said="桥边")
    desk.urge(case.id, "web:1", "u1", "快点")
    with desk.store.write() as write:
        write.execute(messages.update().where(messages.c.ref == "r1").values(text=FIRST))
        write.execute(cases.update().values(words=[FIRST, f"{NAME}家"], place_said=PLACE, rating_words=f"我叫{NAME}"))
        write.execute(
            events.update().where(events.c.move == "urge").values(note=f"找{PHONE}", detail={"a": [PHONE, 1]})
        )
        for table in ("messages", "cases", "events", "knowledge_questions"):
            write.execute(counters.insert().values(name=f"clear:{table}", value=1000))
    return case


def test_what_lies_in_the_clear_is_sealed_once(embedded: Desk) -> None:
    case = in_clear(embedded)
    assert told_by(on_disk(embedded)) != []
    assert sealing.seal_clear(embedded.store, embedded.shield, batch=1) == 3
    assert told_by(on_disk(embedded)) == []
    seen = embedded.reveal(case.id, actor="op", role="operator", reason="上门前核实")
    assert (seen.words, seen.place) == ((FIRST, f"{NAME}家"), PLACE)
    assert embedded.transcript("web:1", own=True)[0].text == FIRST
    assert sealing.seal_clear(embedded.store, embedded.shield) == 0


def to(store: Store, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(sealing.__file__).with_name("migrations")))
    with store.engine.connect() as connection:
        config.attributes["connection"] = connection
        (command.upgrade if revision == "head" else command.downgrade)(config, revision)


def test_the_schema_goes_down_and_up_with_everything_readable(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINHU_SECRET_KEY", "test secret")
    case = filed(desk)
    desk.hear("web:1", "web", FIRST, "r1")
    desk.urge(case.id, "web:1", "u1", f"找{PHONE}")
    to(desk.store, "0008-1")
    with desk.store.read() as read:
        place = read.execute(sa.text("select place_said from cases")).scalar_one()
        note = read.execute(sa.text("select note from events where move = 'urge'")).scalar_one()
        texts = read.execute(sa.text("select text from messages order by id")).scalars().all()
    assert (place, note, texts) == (PLACE, f"找{PHONE}", ["你好", FIRST])
    to(desk.store, "head")
    assert sealing.seal_clear(desk.store, desk.shield) == 3
    assert desk.case(case.id).words == case.words and desk.case(case.id).place_said == SHOWN_PLACE

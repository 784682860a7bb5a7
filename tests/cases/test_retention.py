"""What tells of persons goes when the county's periods are over, and nothing that is open goes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import sqlalchemy as sa
import yaml

from cases import audit
from cases.case import Case, Matter
from cases.conversations import Utterance
from cases.county import County, CountyError
from cases.desk import Desk
from cases.erasing import MARK, questions
from cases.records import Records
from cases.registry import Registry
from cases.retention import AT_A_TIME, Periods, Retention
from cases.store import Store, cases, conversations, events, followers, messages, outbox
from tests.cases.conftest import Clock
from tests.cases.kept import ME, NEIGHBOUR, SECRETS, SHIELD, TOWN, Kept, everything, filled, photo, readable
from tests.running import ROOT

EVER = Periods(None, {}, {}, None, None, None, None, None, None, None)


@pytest.fixture
def kept(desk: Desk, store: Store, tmp_path: Path) -> Kept:
    return filled(desk, store, tmp_path)


def apply(kept: Kept, dry_run: bool = False, **periods: object) -> dict[str, int]:
    return Retention(kept.residents, replace(EVER, **periods)).apply("retention", dry_run)  # type: ignore[arg-type]


def ended(kept: Kept, conversation: str, **more: object) -> Case:
    """A case that its resident withdrew."""
    number = len(kept.desk.cases_of(conversation))
    case = kept.desk.file(
        Matter(conversation, f"e{number}", **{"kind": "complaint", "words": ("柿子树下",), "town": TOWN, **more})  # type: ignore[arg-type]
    )
    return kept.desk.withdraw(case.id, conversation, f"w{number}", "不要了")


def rows_of(store: Store, query: sa.sql.Select) -> list:
    with store.read() as read:
        return read.execute(query).all()


def whole(store: Store) -> bool:
    with store.read() as read:
        return audit.verify(read)


def test_the_example_periods_are_read_and_name_every_rule(county: County) -> None:
    periods = Periods.load(ROOT / "city", county)
    assert periods.cases == 1095 and periods.kinds == {"consultation": 730} and periods.outbox == 90


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"cases": {"days": 0, "kinds": {}, "categories": {}}}, "0 is no number"),
        ({"outbox": "soon"}, "'soon' is no number"),
        ({"outbox": True}, "True is no number"),
        ({"cases": {"days": 9, "kinds": {}, "categories": {"no.such": 3}}}, "no category no.such"),
        ({"cases": 9}, "cases needs exactly"),
        ({"extra": 9}, "needs exactly"),
    ],
)
def test_a_wrong_period_is_an_error_and_no_default(county: County, tmp_path: Path, change: dict, told: str) -> None:
    read = yaml.safe_load((ROOT / "city" / "retention.yml").read_text(encoding="utf-8"))
    (tmp_path / "retention.yml").write_text(yaml.safe_dump({**read, **change}), encoding="utf-8")
    with pytest.raises(CountyError, match=told):
        Periods.load(tmp_path, county)


def test_a_missing_file_is_an_error_and_no_default(county: County, tmp_path: Path) -> None:
    with pytest.raises(CountyError, match="missing"):
        Periods.load(tmp_path, county)


def how_many_ended(kept: Kept) -> int:
    """How many cases have ended."""
    return len(rows_of(kept.store, sa.select(cases.c.id).where(cases.c.closed_at.is_not(None))))


def test_before_the_day_nothing_goes_and_after_it_the_persons_of_a_case_do(kept: Kept, clock: Clock) -> None:
    clock.move(days=99)
    before = everything(kept.store)
    assert apply(kept, cases=100) == {} and everything(kept.store) == before
    clock.move(days=2)
    due = how_many_ended(kept)
    done = apply(kept, cases=100)
    assert done["cases"] == due > 0 and done["followers"] > 0
    assert done["registry_entries"] == 1 and done["disputes"] == 1 and done["group_records"] == 1
    case = kept.desk.case(kept.mine.id)
    assert case.words == (MARK,) and case.conversation_id.startswith("gone:") and case.rating == 3
    residents = sa.select(events.c.actor, events.c.note).where(
        events.c.case_id == kept.mine.id, events.c.role == "resident"
    )
    found = rows_of(kept.store, residents)
    assert all(row.actor.startswith("gone:") and row.note in (None, MARK) for row in found)
    assert len({row.actor for row in found}) == 2  # the one who filed and the one who joined stay two
    assert whole(kept.store)


def test_an_open_case_is_never_touched_however_old(kept: Kept, clock: Clock) -> None:
    clock.move(days=10_000)
    query = sa.select(cases).where(cases.c.conversation_id == NEIGHBOUR)
    before = rows_of(kept.store, query)
    said = sa.select(messages.c.id).where(messages.c.conversation_id == NEIGHBOUR).order_by(messages.c.id)
    theirs = rows_of(kept.store, said)
    apply(kept, cases=1, conversations=1, messages=1, replies=1, attachments=1, questions=1, outbox=1)
    assert rows_of(kept.store, query) == before
    assert rows_of(kept.store, sa.select(followers.c.conversation_id)) == [(ME,)]
    assert rows_of(kept.store, said) == theirs
    # the resident follows that open case: their conversation and its messages stay, too
    assert rows_of(kept.store, sa.select(messages.c.id).where(messages.c.conversation_id == ME))
    assert len(kept.attachments.of(ME)) == 1 and ME in kept.memory


def test_kind_and_category_have_periods_of_their_own_and_the_category_goes_first(kept: Kept, clock: Clock) -> None:
    numbers = {
        "plain": ended(kept, ME),
        "kind": ended(kept, ME, kind="suggestion"),
        "category": ended(kept, ME, kind="suggestion", category="urban.property"),
        "for ever": ended(kept, ME, category="urban.rubbish"),
    }
    clock.move(days=50)
    apply(kept, cases=40, kinds={"suggestion": 60}, categories={"urban.property": 45, "urban.rubbish": None})
    gone = {name for name, case in numbers.items() if kept.desk.case(case.id).words == (MARK,)}
    assert gone == {"plain", "category"}


def test_a_forced_case_loses_its_place_once_it_has_ended(kept: Kept, clock: Clock) -> None:
    case = kept.desk.file(Matter(ME, "f", "complaint", ("柿子树下",), town=TOWN, village="430281004005"))
    kept.residents.erase(ME, actor="root", reason="本人申请", dry_run=False, force=True)
    version = kept.desk.case(case.id).version
    refusal = {"note": "不受理", "door": kept.desk.doors[0]}
    kept.desk.move(case.id, "refuse", actor="o", role="operator", version=version, **refusal)
    clock.move(days=5)
    assert apply(kept, cases=4)["cases"] == 1 and kept.desk.case(case.id).village is None
    assert apply(kept, cases=4) == {}


def test_a_conversation_without_a_case_goes_with_photos_and_memory(kept: Kept, clock: Clock) -> None:
    key = kept.attachments.keep(photo(), "web:visitor")
    kept.desk.hear("web:visitor", "web", "随便问问", "v1", attachments=[key])
    kept.desk.say("web:visitor", "v1", [Utterance("您好")])  # whose page was never opened again
    kept.memory["web:visitor"] = {"slots": {}}
    clock.move(days=31)
    kept.desk.hear("web:1", "web", "我还在", "late")
    rehearsed = apply(kept, dry_run=True, conversations=30)
    assert rehearsed["attachments"] == 1 and rehearsed["dialogues"] == 1
    assert apply(kept, conversations=30) == rehearsed
    assert rows_of(kept.store, sa.select(conversations.c.id).where(conversations.c.id == "web:visitor")) == []
    assert kept.attachments.of("web:visitor") == [] and "web:visitor" not in kept.memory
    assert "随便问问" not in everything(kept.store) and "web:visitor" not in everything(kept.store)
    left = {row.id for row in rows_of(kept.store, sa.select(conversations.c.id))}
    assert left == {ME, NEIGHBOUR, "web:1"} and whole(kept.store)


@pytest.mark.parametrize("why", ["held", "waiting", "to_send"])
def test_a_conversation_that_somebody_still_has_to_do_with_stays(kept: Kept, clock: Clock, why: str) -> None:
    kept.desk.hear("web:visitor", "web", "找人", "v1")
    if why == "waiting":
        kept.desk.ask_for_person("web:visitor", "wish", "v1")
    else:
        kept.desk.take_over("web:visitor", "clerk")
    if why == "to_send":
        kept.desk.staff_say("web:visitor", "clerk", "稍等")
        kept.desk.release("web:visitor", "clerk")
    clock.move(days=31)
    apply(kept, conversations=30)
    assert rows_of(kept.store, sa.select(conversations.c.id).where(conversations.c.id == "web:visitor"))


def test_messages_replies_and_photos_of_ended_cases_go_each_in_their_time(kept: Kept, clock: Clock) -> None:
    key = kept.attachments.keep(photo(), "web:old")
    kept.desk.hear("web:old", "web", "灯坏了", "o1", attachments=[key])
    kept.desk.say("web:old", "o1", [Utterance("好的")])
    ended(kept, "web:old")
    mine = sa.select(messages.c.author, messages.c.attachments).where(messages.c.conversation_id == "web:old")
    clock.move(days=10)
    assert apply(kept, attachments=9)["attachments"] == 1
    assert kept.attachments.of("web:old") == [] and {tuple(r.attachments) for r in rows_of(kept.store, mine)} == {()}
    apply(kept, replies=9)
    assert [row.author for row in rows_of(kept.store, mine)] == ["resident"]
    apply(kept, messages=9)
    assert rows_of(kept.store, mine) == []
    assert kept.desk.cases_of("web:old")[0].words == ("柿子树下",)  # cases have their own period


def test_delivered_rows_and_settled_questions_go_and_open_ones_stay(kept: Kept, clock: Clock) -> None:
    with kept.store.write() as write:
        write.execute(outbox.update().where(outbox.c.case_id == kept.mine.id).values(state="sent"))
        write.execute(sa.update(questions).where(questions.c.text == "别人的提问").values(done_by="clerk"))
    waiting = rows_of(kept.store, sa.select(outbox.c.id).where(outbox.c.state != "sent"))
    clock.move(days=10)
    done = apply(kept, outbox=9, questions=9)
    assert done["knowledge_questions"] == 1 and done["outbox"] > 0
    assert sorted(rows_of(kept.store, sa.select(outbox.c.id))) == sorted(waiting) and waiting
    assert len(rows_of(kept.store, sa.select(questions.c.id))) == 1


def test_words_of_groups_go_in_their_time_and_what_is_still_work_stays(kept: Kept, clock: Clock) -> None:
    records = Records(kept.store, kept.desk.county, clock)
    told = {"channel": "wecom", "author": kept.desk.county.staff[0].login, "town": TOWN}
    made = {
        kind: records.file(kind=kind, ref=kind, words=f"{kind} 原话", **told)
        for kind in ("publicity", "problem", "opinion", "convenience")
    }
    settled = records.file(kind="opinion", ref="settled", words="opinion 原话", **told)
    records.settle(settled.id, done="已回复本人", by="clerk")
    clock.move(days=10)
    assert apply(kept, records=11) == {}
    assert apply(kept, records=9)["group_records"] == 4  # with the one that became a case, which has ended
    stays = {kind for kind, record in made.items() if records.record(record.id).words != MARK}
    assert stays == {"problem", "opinion"}
    gone = records.record(settled.id)
    assert (gone.words, gone.done, gone.author, gone.kind) == (MARK, MARK, told["author"], "opinion")
    assert apply(kept, records=9) == {} and whole(kept.store)


def test_who_has_another_case_stays_registered_and_nothing_leads_to_the_one_that_went(kept: Kept, clock: Clock) -> None:
    registry = Registry(kept.store, kept.desk.county, clock, SHIELD)
    (person,) = registry.persons_of(ME)
    clock.move(days=10)
    later = ended(kept, ME)
    registry.link(later.id, person.id, by="clerk", role="resident")
    apply(kept, cases=9)
    (left,) = registry.persons_of(ME)
    assert left.id == person.id and left.code != person.code and kept.mine.number not in left.code
    assert [case.number for case in registry.cases_of(left.id)] == [later.number]
    assert registry.find(words=left.code) == [left] and registry.find(words=person.code, retired=True) == []
    name, contact = registry.reveal(left.id, by="clerk", role="operator", reason="要约时间上门")
    assert name == "张三丰" and contact.contact is not None and f"person/{person.code}" not in everything(kept.store)
    clock.move(days=10)
    apply(kept, cases=9)
    assert registry.entry(left.id).retired_at is not None and registry.persons_of(ME) == []
    assert whole(kept.store)


def test_a_dry_run_tells_what_goes_and_changes_nothing(kept: Kept, clock: Clock) -> None:
    clock.move(days=5000)
    periods = {"cases": 1, "conversations": 1, "questions": 1, "outbox": 1}
    before = everything(kept.store)
    rehearsed = apply(kept, dry_run=True, **periods)
    assert everything(kept.store) == before and rehearsed["cases"] == how_many_ended(kept) > 0
    assert apply(kept, **periods)["cases"] == rehearsed["cases"]


def test_more_than_one_transaction_takes_leaves_nothing_over_and_a_repetition_finds_nothing(
    kept: Kept, clock: Clock
) -> None:
    for number in range(AT_A_TIME + 5):
        kept.desk.hear(f"web:x{number}", "web", "你好", "1")
    clock.move(days=10)
    done = apply(kept, conversations=9)
    assert done["conversations"] == AT_A_TIME + 5 + 1  # web:1 rests, too
    assert apply(kept, conversations=9) == {} and whole(kept.store)


def test_what_went_is_in_the_audit_log_with_who_did_it(kept: Kept, clock: Clock) -> None:
    clock.move(days=5000)
    due = how_many_ended(kept)
    apply(kept, cases=1)
    entry = kept.desk.audit_trail(1)[0][0]
    assert (entry.actor, entry.action, entry.object) == ("retention", "retain", "cases")
    assert entry.reason == f"{due} cases"


def test_once_every_period_is_over_nothing_of_a_resident_is_left(kept: Kept, clock: Clock) -> None:
    with kept.store.write() as write:  # everything has come to its end
        write.execute(cases.update().values(status="closed", closed_at=clock()))
        write.execute(outbox.update().values(state="sent"))
        write.execute(sa.update(questions).values(done_by="clerk"))
    clock.move(days=5000)
    rules = ("cases", "conversations", "messages", "replies", "attachments", "questions", "outbox", "records")
    all_days = dict.fromkeys(rules, 30)
    for _ in range(2):  # a conversation rests without a case once the persons of its cases are gone
        apply(kept, **all_days)
    left = readable(kept.store)
    assert [secret for secret in (*SECRETS, NEIGHBOUR, "这里也黑") if secret in left] == []
    assert kept.memory == {} and kept.attachments.of(ME) == [] and whole(kept.store)

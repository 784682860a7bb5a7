"""A resident gets everything kept about them, or is forgotten, and nobody else shows or is touched."""

from __future__ import annotations

import json
import sqlite3
import zipfile
from pathlib import Path

import pytest
import sqlalchemy as sa

from cases import audit, erasing
from cases.case import Matter
from cases.desk import Desk
from cases.dialogues import Dialogues
from cases.erasing import MARK, erasures, questions
from cases.errors import NotFound, Refused
from cases.handovers import Handovers, handovers
from cases.persons import NOBODY, PERSONS
from cases.redact import mask
from cases.registry import Registry, registry_entries
from cases.searching import CaseIndex
from cases.shield import Shield
from cases.store import Store, cases, conversations, events, followers, messages, outbox
from cases.store import audit as audit_rows
from tests.cases.kept import (
    ME,
    NEIGHBOUR,
    PHONE,
    SECRETS,
    SHIELD,
    TOWN,
    VILLAGE,
    Kept,
    columns,
    everything,
    filled,
    handed_over,
    photo,
    readable,
)  # fmt: skip

WHY = {"actor": "terminal:root", "reason": "本人申请"}
#: pairs of signs that only the resident said
PAIRS = ("柿子", "摔跤", "欠薪")


@pytest.fixture
def kept(desk: Desk, store: Store, tmp_path: Path) -> Kept:
    return filled(desk, store, tmp_path)


def written(kept: Kept, folder: Path) -> tuple[dict, str, set[str]]:
    path = kept.residents.export(ME, folder, **WHY)
    with zipfile.ZipFile(path) as packed:
        assert packed.testzip() is None and path.stat().st_mode & 0o077 == 0
        return json.loads(packed.read("resident.json")), packed.read("page.html").decode(), set(packed.namelist())


def one(store: Store, query: sa.sql.Select) -> dict:
    with store.read() as read:
        return dict(read.execute(query).mappings().one())


# --- export ------------------------------------------------------------------------------------------------------


def test_an_export_holds_all_of_a_resident_with_the_contact_opened(kept: Kept, tmp_path: Path) -> None:
    told, page, names = written(kept, tmp_path / "out")
    case = next(c for c in told["cases"] if c["number"] == kept.mine.number)
    assert len(told["cases"]) == 4 and case["contact"] == PHONE
    assert [e["move"] for e in case["events"]][-2:] == ["close", "rate"]
    assert {m["author"] for m in told["messages"]} == {"resident", "bot", "notice", "staff"}
    assert [f["events"][0]["note"] for f in told["followed"]] == ["我也摔了"]
    assert told["memory"]["slots"] == {"words": ["柿子树下"]} and len(told["questions"]) == 1
    assert {row["kind"] for row in told["outbox"]} == {"handover", "say"}
    assert names == {"resident.json", "page.html", f"attachments/{kept.photo}"}
    for secret in SECRETS:
        assert secret in page, secret


def test_an_export_shows_the_originals_of_what_is_stored_sealed(kept: Kept, tmp_path: Path) -> None:
    told, page, _ = written(kept, tmp_path / "out")
    case = next(c for c in told["cases"] if c["number"] == kept.mine.number)
    assert (
        case["words"] == ["我是张三丰，柿子树下路灯坏了", "天天摔跤，我住3栋502"] and case["place_said"] == "柿子树下"
    )
    assert case["rating_words"] == "气死我了，我是张三丰"
    assert [e["note"] for e in case["events"] if e["move"] == "rate"] == ["气死我了，我是张三丰"]
    assert told["messages"][0]["text"] == "我是张三丰，柿子树下路灯坏了，天天摔跤，我住3栋502"
    asked = next(c for c in told["cases"] if c["number"] == kept.asked.number)
    assert asked["dispute"]["own_name"] == "张三丰" and asked["dispute"]["opponents"][0]["name"] == "王大发"
    for text in (json.dumps(told, ensure_ascii=False), page):
        assert "_sealed" not in text and "gAAAA" not in text


def test_an_export_lists_the_registry_the_records_and_what_went_outside(kept: Kept, tmp_path: Path) -> None:
    told, page, _ = written(kept, tmp_path / "out")
    case = next(c for c in told["cases"] if c["number"] == kept.mine.number)
    assert [(p["name"], p["contact"], p["consent"][:10]) for p in told["registered"]] == [
        ("张三丰", PHONE, "2026-11-20")
    ]
    assert [link["code"] for link in case["linked"]] == ["SPOT", "TOWN"]
    assert [(way["system"], way["their_id"], way["their_note"]) for way in case["outside"]] == [
        ("city", "C-77", f"他们回话：{PHONE}")
    ]
    assert [record["words"] for record in told["records"]] == ["桂花巷的老樟树倒了"]
    assert "C-77" in page and "SPOT" in page


def test_of_what_staff_wrote_an_export_shows_no_numbers_and_nothing_of_a_case_that_was_taken_in(
    kept: Kept, tmp_path: Path
) -> None:
    told, _, _ = written(kept, tmp_path / "out")
    case = next(c for c in told["cases"] if c["number"] == kept.mine.number)
    assert [e["note"] for e in case["events"] if e["move"] == "answer"] == [
        "已换灯泡，张三丰，138****5678，回访138****5678满意"
    ]
    path = kept.residents.export(NEIGHBOUR, tmp_path / "theirs", **WHY)
    with zipfile.ZipFile(path) as packed:
        text = packed.read("resident.json").decode()
    (theirs,) = json.loads(text)["cases"]
    assert [e["note"] for e in theirs["events"] if e["move"] == "take_in"] == [None]
    assert ME not in text and "老樟树" not in text and "他们回话" not in text


def test_an_export_tells_who_looked_and_that_it_was_made(kept: Kept, tmp_path: Path) -> None:
    told, _, _ = written(kept, tmp_path / "out")
    looked = [(e["actor"], e["action"], e["reason"]) for e in told["audit"]]
    assert ("clerk", "look", "operator") in looked and ("clerk", "reveal", "打给张三丰核实") in looked
    assert looked[-1] == ("terminal:root", "export", "本人申请")


def test_an_export_shows_no_other_resident(kept: Kept, tmp_path: Path) -> None:
    told, page, _ = written(kept, tmp_path / "out")
    for text in (json.dumps(told, ensure_ascii=False), page):
        for theirs in (NEIGHBOUR, "这里也黑", "井盖没了"):
            assert theirs not in text
    assert told["cases"][0]["followers"] == 1


def test_an_export_without_a_reason_or_a_resident_is_refused_and_leaves_nothing(kept: Kept, tmp_path: Path) -> None:
    before = everything(kept.store)
    with pytest.raises(Refused, match="reason_missing"):
        kept.residents.export(ME, tmp_path / "out", actor="x", reason=" ")
    with pytest.raises(NotFound):
        kept.residents.export("web:nobody", tmp_path / "out", **WHY)
    assert everything(kept.store) == before and not (tmp_path / "out").exists()


# --- erasing -----------------------------------------------------------------------------------------------------


def test_nothing_a_resident_said_or_was_called_is_left(kept: Kept) -> None:
    before = readable(kept.store)
    assert [secret for secret in SECRETS if secret not in before] == [], "a secret that was nowhere proves nothing"
    erased = kept.residents.erase(ME, dry_run=False, **WHY)
    left = readable(kept.store)
    assert [secret for secret in SECRETS if secret in left] == []
    assert mask(PHONE) not in left and f"{VILLAGE}-" not in left, "neither the number's ends nor the grid"
    assert ME not in kept.memory and kept.attachments.of(ME) == []
    assert set(erased.counts) == {
        "attachments", "audit", "case_links", "cases", "conversations", "dialogues", "disputes", "events", "followers",
        "group_records", "handovers", "knowledge_questions", "messages", "outbox", "parties", "registry_entries",
    }  # fmt: skip
    # every table that tells of residents was filled before, or the search above would have found nothing there
    empty = {"attachments", "erasures"}
    assert {table for table in PERSONS if f"\n{table}: " not in f"\n{before}"} == empty


def test_what_the_law_keeps_of_a_case_stays(kept: Kept) -> None:
    before = one(kept.store, sa.select(cases).where(cases.c.id == kept.mine.id))
    moves = [(e.move, e.before, e.after, e.at, e.role) for e in kept.desk.timeline(kept.mine.id)]
    figures = kept.desk.figures()
    kept.residents.erase(ME, dry_run=False, **WHY)
    after = one(kept.store, sa.select(cases).where(cases.c.id == kept.mine.id))
    moved_on = {"version", "indexed_version"}
    assert {n: after[n] for n in erasing.KEPT - moved_on} == {n: before[n] for n in erasing.KEPT - moved_on}
    assert after["words"] == [MARK] and after["village"] is None and after["conversation_id"].startswith("gone:")
    assert {name for name in erasing.PERSONAL if after[name] is not None} == {
        "words", "place_said", "since_said", "wanted", "rating_words", "conversation_id", "filing_key",
    }  # fmt: skip
    assert [(e.move, e.before, e.after, e.at, e.role) for e in kept.desk.timeline(kept.mine.id)] == moves
    assert [e.note for e in kept.desk.timeline(kept.mine.id) if e.move == "answer"] == [
        f"已换灯泡，{MARK}，{MARK}，回访{MARK}满意"
    ]
    assert kept.desk.figures() == figures


def test_every_column_of_a_case_is_known_to_tell_of_the_matter_or_of_the_person() -> None:
    assert erasing.KEPT.isdisjoint(erasing.PERSONAL)
    assert set(cases.c.keys()) == erasing.KEPT | erasing.PERSONAL


def test_every_column_of_every_table_is_known_to_tell_of_residents_or_of_nobody(store: Store) -> None:
    """A new table or column has to be put into cases/persons.py, and into erasing where it tells of residents."""
    both = {table: (PERSONS.get(table, frozenset()), NOBODY.get(table, frozenset())) for table in {*PERSONS, *NOBODY}}
    assert {table: set(persons | nobody) for table, (persons, nobody) in both.items()} == columns(store)
    assert all(persons.isdisjoint(nobody) for persons, nobody in both.values())


def test_a_sealed_column_always_tells_of_residents() -> None:
    sealed = {f"{table}.{name}" for table, names in NOBODY.items() for name in names if name.endswith("_sealed")}
    assert sealed == {"token_keys.key_sealed"}  # this installation's own key


def test_the_neighbour_is_not_touched(kept: Kept) -> None:
    def theirs() -> list[object]:
        with kept.store.read() as read:
            return [
                read.execute(query).all()
                for query in (
                    sa.select(messages)
                    .where(messages.c.conversation_id == NEIGHBOUR, messages.c.author != "bot")
                    .where(~messages.c.text.contains("回访")),
                    sa.select(cases).where(cases.c.conversation_id == NEIGHBOUR),
                    sa.select(events).where(events.c.actor == NEIGHBOUR),
                    sa.select(followers).where(followers.c.conversation_id == NEIGHBOUR),
                    sa.select(outbox).where(outbox.c.order_key == NEIGHBOUR),
                    sa.select(conversations).where(conversations.c.id == NEIGHBOUR),
                    sa.select(questions.c.text).where(questions.c.text == "别人的提问"),
                )
            ]

    before = theirs()
    kept.residents.erase(ME, dry_run=False, **WHY)
    assert theirs() == before and all(before)
    assert NEIGHBOUR in kept.memory and len(kept.attachments.of(NEIGHBOUR)) == 1


def test_a_dry_run_tells_exactly_what_goes_and_changes_nothing(kept: Kept) -> None:
    before = everything(kept.store)
    rehearsed = kept.residents.erase(ME, **WHY)
    assert everything(kept.store) == before and ME in kept.memory and len(kept.attachments.of(ME)) == 1
    assert kept.residents.erase(ME, dry_run=False, **WHY) == rehearsed


def test_erasing_twice_finds_nobody(kept: Kept) -> None:
    kept.residents.erase(ME, dry_run=False, **WHY)
    before = everything(kept.store)
    with pytest.raises(NotFound):
        kept.residents.erase(ME, dry_run=False, **WHY)
    assert everything(kept.store) == before


class Killed(BaseException):
    """The process dies here."""


def test_what_was_broken_off_after_the_rows_were_gone_is_completed_by_a_repetition_or_the_next_retention(
    kept: Kept,
) -> None:
    alive = kept.memory.erase
    repeated = (lambda: kept.residents.erase(ME, dry_run=False, **WHY), kept.residents.finish)
    for ref, complete in zip(("a1", "a2"), repeated, strict=True):
        kept.memory[ME] = {"slots": {}}
        kept.desk.hear(ME, "telegram", "我又来了", ref)

        def die(_: str) -> int:
            raise Killed

        kept.memory.erase = die  # type: ignore[method-assign]
        with pytest.raises(Killed):
            kept.residents.erase(ME, dry_run=False, **WHY)
        kept.memory.erase = alive  # type: ignore[method-assign]
        assert ME in kept.memory and kept.residents.conversation_of(ME) == ME
        complete()
        assert ME not in kept.memory and kept.attachments.of(ME) == [] and ME not in everything(kept.store)
    with kept.store.read() as read:
        assert all(row.done_at for row in read.execute(sa.select(erasures)))


def test_photos_of_a_resident_who_came_back_meanwhile_stay(kept: Kept) -> None:
    kept.residents.erase(ME, dry_run=False, **WHY)
    fresh = kept.attachments.keep(photo(), ME)
    kept.desk.hear(ME, "telegram", "又坏了", "m9", attachments=[fresh])
    with kept.store.write() as write:
        write.execute(erasures.update().values(conversation_id=ME, done_at=None))
    kept.residents.finish()
    assert [file.key for file in kept.attachments.of(ME)] == [fresh]


def test_open_cases_stand_in_the_way_until_withdrawn(kept: Kept) -> None:
    case = kept.desk.file(again())
    before = everything(kept.store)
    with pytest.raises(Refused, match="open_cases"):
        kept.residents.erase(ME, dry_run=False, **WHY)
    assert everything(kept.store) == before
    assert kept.residents.erase(ME, **WHY).open_cases == (case.number,)
    kept.desk.withdraw(case.id, ME, "w", "不要了")
    assert kept.residents.erase(ME, dry_run=False, **WHY).open_cases == ()


def test_an_open_case_that_is_forced_goes_on_at_its_place_without_the_person(kept: Kept) -> None:
    case = kept.desk.file(again())
    assert kept.residents.erase(ME, dry_run=False, force=True, **WHY).open_cases == (case.number,)
    after = kept.desk.case(case.id)
    assert (after.status, after.village, after.words) == ("reported", "430281004005", (MARK,))
    moved = kept.desk.move(case.id, "register", actor="o", role="operator", version=after.version)
    assert moved.status == "registered"
    assert [secret for secret in SECRETS if secret in readable(kept.store)] == []


def test_a_conversation_that_a_person_holds_is_not_erased_under_their_hands(kept: Kept) -> None:
    kept.desk.take_over(ME, "clerk")
    with pytest.raises(Refused, match="held_by_person"):
        kept.residents.erase(ME, dry_run=False, **WHY)
    assert kept.residents.erase(ME, **WHY).held


def test_what_has_not_been_handed_over_yet_will_not_be_and_what_has_been_is_told(kept: Kept) -> None:
    handover = sa.and_(outbox.c.kind == "handover", outbox.c.case_id == kept.mine.id)
    payload = {"number": "N", "words": "柿子树下"}
    with kept.store.write() as write:
        write.execute(outbox.update().where(handover).values(payload=payload))
    told = kept.residents.erase(ME, dry_run=False, **WHY).handed_over
    assert [(way.number, way.system, way.their_id) for way in told] == [(kept.mine.number, "city", "C-77")]
    assert one(kept.store, sa.select(outbox.c.payload, outbox.c.state, outbox.c.last_error).where(handover)) == {
        "payload": {"number": "N"}, "state": "given_up", "last_error": "erased",
    }  # fmt: skip


def test_what_may_have_been_handed_over_is_told_and_asked_for_no_more(kept: Kept) -> None:
    for number, state in enumerate(("sending", "waiting", "failed")):
        handed_over(kept, kept.mine, system=state, state=state, idempotency_key=str(number), their_id=None)
    handed_over(kept, kept.mine, system="lost", state="waiting", idempotency_key="9", their_id=None, unclear=True)
    told = kept.residents.erase(ME, dry_run=False, **WHY).handed_over
    assert [(way.system, way.state) for way in told] == [
        ("city", "sent"), ("sending", "sending"), ("lost", "waiting"),
    ]  # fmt: skip
    with kept.store.read() as read:
        left = {row.system: row for row in read.execute(sa.select(handovers))}
    assert {system: row.state for system, row in left.items()} == {
        "city": "sent", "sending": "unclear", "waiting": "withdrawn", "failed": "failed", "lost": "unclear",
    }  # fmt: skip
    assert left["city"].their_id == "C-77" and all(row.next_at is None for row in left.values())
    assert {row.their_note for row in left.values()} == {MARK}


def test_a_case_without_its_resident_is_not_sent_even_where_staff_resend_it(kept: Kept, desk: Desk) -> None:
    handed_over(kept, kept.mine, system="city2", state="waiting", idempotency_key="9", their_id=None)
    kept.residents.erase(ME, dry_run=False, **WHY)
    sent: list[object] = []

    class City:
        name, polls, repeats_safely = "city2", False, True

        def send(self, handed: object) -> None:
            sent.append(handed)

    ways = Handovers(desk, City())  # type: ignore[arg-type]
    (way,) = [way for way in ways.of_case(kept.mine.id) if way.system == "city2"]
    ways.resend(way.id, "clerk")
    assert ways.work() == 1 and sent == []
    assert [(w.state, w.error_code) for w in ways.of_case(kept.mine.id) if w.system == "city2"] == [
        ("withdrawn", "erased")
    ]


def test_who_was_registered_from_a_case_is_retired_without_name_and_contact(kept: Kept) -> None:
    registry = Registry(kept.store, kept.desk.county, kept.desk.clock, SHIELD)
    (person,) = registry.persons_of(ME)
    kept.residents.erase(ME, dry_run=False, **WHY)
    left = one(kept.store, sa.select(registry_entries).where(registry_entries.c.id == person.id))
    assert left["retired_at"] and left["name"] == "*" and left["updated_by"] == WHY["actor"]
    assert {left[name] for name in ("sealed", "consent", "source", "village", "grid")} == {None}
    assert registry.cases_of(person.id)[0].words == (MARK,) and registry.find() != []
    # that the case lay in the town may be known, the spot may not
    linked = [link.entry.code for link in registry.entries_of(kept.mine.id)]
    assert linked == [person.code, "TOWN"]


def test_what_the_resident_said_in_another_case_goes_and_the_other_s_words_stay(kept: Kept) -> None:
    (theirs,) = [case for case in kept.desk.cases_of(NEIGHBOUR) if case.conversation_id == NEIGHBOUR]
    kept.residents.erase(ME, dry_run=False, **WHY)
    assert kept.desk.case(theirs.id).words == ("井盖没了",)
    notes = {e.move: e.note for e in kept.desk.timeline(theirs.id)}
    assert notes["take_in"] == MARK and notes["join"] == MARK
    assert [e.note for e in kept.desk.timeline(kept.mine.id) if e.actor == NEIGHBOUR] == ["这里也黑"]


def test_what_another_system_filed_is_exported_and_erased_and_the_system_is_named(
    desk: Desk, store: Store, tmp_path: Path
) -> None:
    kept, filed = filled(desk, store, tmp_path), "open311:city-app:key-1"
    desk.hear(filed, "open311", "老樟树街口又黑了，我是赵钱孙，13700007777", "1")
    words = ("老樟树街口又黑了，我是赵钱孙，13700007777",)
    case = desk.file(Matter(filed, "1", "complaint", words, category="urban.lamp", town=TOWN, contact="13700007777"))
    desk.join(case.id, ME, "j9", ("我也是",))
    path = kept.residents.export(ME, tmp_path / "out", **WHY)
    with zipfile.ZipFile(path) as packed:
        assert "open311" not in packed.read("resident.json").decode()
    assert kept.residents.conversation_of(case.number) == filed
    desk.withdraw(case.id, filed, "w", "好了")
    with zipfile.ZipFile(kept.residents.export(filed, tmp_path / "out", **WHY)) as packed:
        assert json.loads(packed.read("resident.json"))["cases"][0]["words"] == list(words)
    assert kept.residents.erase(filed, dry_run=False, **WHY).filed_by == "city-app"
    for secret in ("赵钱孙", "13700007777", "key-1", "老樟树街口"):
        assert secret not in readable(store)
    assert kept.residents.erase(ME, **WHY).filed_by is None


def test_a_case_with_a_number_leads_to_its_resident_until_they_are_gone(kept: Kept) -> None:
    assert kept.residents.conversation_of(kept.mine.number) == ME
    kept.residents.erase(ME, dry_run=False, **WHY)
    for key in (kept.mine.number, ME, "web:nobody"):
        with pytest.raises(NotFound):
            kept.residents.conversation_of(key)


def test_erasing_where_the_contacts_key_is_lost_still_erases(kept: Kept) -> None:
    kept.residents.shield = Shield("another")
    kept.residents.erase(ME, dry_run=False, **WHY)
    left = readable(kept.store)
    # nobody could know any more what the resident was called, and staff wrote it into their answer
    assert [secret for secret in SECRETS if secret in left] == ["张三丰"] and left.count("张三丰") == 1
    assert mask(PHONE) not in left


@pytest.mark.parametrize("store", ["sqlite"], indirect=True)  # PostgreSQL overwrites dead rows when it vacuums
def test_no_page_of_an_sqlite_file_still_holds_what_was_erased(desk: Desk, store: Store, tmp_path: Path) -> None:
    kept = filled(desk, store, tmp_path)
    CaseIndex(store).catch_up()

    def found(words: str) -> list[Path]:
        return [path for path in tmp_path.glob("minhu.db*") if words.encode() in path.read_bytes()]

    assert found("柿子树下") and found("子树 树下"), "the words should have been there before"
    kept.residents.erase(ME, dry_run=False, **WHY)
    for secret in (*SECRETS, *PAIRS):
        assert found(secret) == [], secret
    assert found("井盖")


# --- the audit log after erasing ---------------------------------------------------------------------------------


def test_erasing_leaves_the_audit_chain_whole_with_who_looked_and_without_the_person(kept: Kept) -> None:
    kept.residents.erase(ME, dry_run=False, **WHY)
    with kept.store.read() as read:
        chain = audit.check(read)
        entries = read.execute(sa.select(audit_rows).order_by(audit_rows.c.id)).mappings().all()
    assert chain.broken is None and chain.withheld > 3
    assert ("clerk", "reveal", kept.mine.number, MARK) in {
        (e["actor"], e["action"], e["object"], e["reason"]) for e in entries
    }
    assert (entries[-1]["action"], entries[-1]["reason"]) == ("erase", "本人申请")


@pytest.mark.parametrize("change", [{"actor": "somebody"}, {"reason": "nothing"}, {"withheld_by": None}, None])
def test_tampering_with_an_entry_that_lost_its_person_still_shows(kept: Kept, change: dict | None) -> None:
    kept.residents.erase(ME, dry_run=False, **WHY)
    revealed = audit_rows.c.action == "reveal"
    with kept.store.write() as write:
        write.execute(
            audit_rows.delete().where(revealed)
            if change is None
            else audit_rows.update().where(revealed).values(**change)
        )
    with kept.store.read() as read:
        assert audit.first_broken(read) is not None


def test_an_entry_can_not_pass_for_erased(kept: Kept) -> None:
    kept.residents.erase(ME, dry_run=False, **WHY)
    kept.desk.look(kept.mine.number, actor="spy", role="unit")
    spied = audit_rows.c.actor == "spy"
    for by in (sa.select(sa.func.max(audit_rows.c.id)).scalar_subquery(), sa.literal(10**6)):
        with kept.store.write() as write:
            write.execute(audit_rows.update().where(spied).values(withheld_by=by, salt=None))
        with kept.store.read() as read:
            assert audit.first_broken(read) is not None


def test_nothing_is_erased_from_a_log_that_was_tampered_with(kept: Kept) -> None:
    with kept.store.write() as write:
        write.execute(audit_rows.update().where(audit_rows.c.action == "reveal").values(actor="innocent"))
    before = everything(kept.store)
    with pytest.raises(audit.Tampered):
        kept.residents.erase(ME, dry_run=False, **WHY)
    assert everything(kept.store) == before and ME in kept.memory


# --- the bot's memory --------------------------------------------------------------------------------------------


def test_the_memory_is_the_table_that_the_bot_writes(tmp_path: Path) -> None:
    """Read from the source, so that this test needs no Rasa."""
    source = (Path(erasing.__file__).parent.parent / "nlu" / "dialogue_store.py").read_text(encoding="utf-8")
    for name in ('"dialogues"', '"sender_id"', '"state"'):
        assert name in source
    path = tmp_path / "dialogue.db"
    memory = Dialogues(f"sqlite:///{path}", SHIELD)
    assert memory.read(ME) is None and not memory.holds(ME) and memory.erase(ME) == 0 and not path.exists()
    with sqlite3.connect(path) as bot:
        bot.execute("create table dialogues (sender_id text primary key, state text not null, saved_at float not null)")
        bot.execute("insert into dialogues values (?, ?, 0)", (ME, '{"slots": {"x": "柿子树下"}}'))
        bot.execute("insert into dialogues values (?, ?, 0)", (NEIGHBOUR, "{}"))
        bot.execute("insert into dialogues values ('web:s', ?, 0)", (SHIELD.seal('{"slots": {"y": 1}}'),))
    assert memory.read("web:s") == {"slots": {"y": 1}}
    with pytest.raises(PermissionError):
        Dialogues(f"sqlite:///{path}", Shield("another")).read("web:s")
    assert Dialogues(f"sqlite:///{path}", Shield("another")).holds("web:s")
    assert memory.read(ME) == {"slots": {"x": "柿子树下"}} and memory.erase(ME) == 1 and memory.read(NEIGHBOUR) == {}
    assert "柿子树下".encode() not in path.read_bytes() and memory.erase(ME) == 0


# --- the migration -----------------------------------------------------------------------------------------------


def test_the_migration_goes_down_and_up_with_data(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(erasing.__file__).with_name("migrations")))
    monkeypatch.setenv("MINHU_SECRET_KEY", "test secret")  # on the way down what is sealed is opened
    before = ScriptDirectory.from_config(config).get_revision("0007").down_revision
    for move, version in ((command.downgrade, before), (command.upgrade, "head")):
        with kept.store.engine.connect() as connection:
            config.attributes["connection"] = connection
            move(config, version)
        with kept.store.read() as read:
            assert ("erasures" in sa.inspect(read).get_table_names()) == (version == "head")
    with kept.store.write() as write:  # their salts are gone: no entry from before can be told from a changed one
        assert not audit.verify(write)
        write.execute(audit_rows.delete())
    assert kept.residents.erase(ME, **WHY).counts["messages"] > 0


def again() -> Matter:
    return Matter(
        ME, "k9", "complaint", ("柿子树下又坏了",), category="urban.lamp", town="430281004", village="430281004005"
    )

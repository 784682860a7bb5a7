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
from cases.shield import Shield
from cases.store import Store, cases, conversations, events, followers, messages, outbox
from cases.store import audit as audit_rows
from tests.cases.kept import ME, NEIGHBOUR, PHONE, SECRETS, Kept, everything, filled, photo

WHY = {"actor": "terminal:root", "reason": "本人申请"}
#: what erasing does with each table; a new table has to be put here, and into cases/erasing.py where persons are in it
TABLES = {
    "alembic_version", "attachments", "audit", "cases", "conversations", "counters", "erasures", "events", "followers",
    "messages", "outbox", "staff", "knowledge_texts", "knowledge_acts", "knowledge_questions",
}  # fmt: skip


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
    (case,) = told["cases"]
    assert case["contact"] == PHONE and case["number"] == kept.mine.number and "contact_sealed" not in case
    assert [e["move"] for e in case["events"]][-2:] == ["close", "rate"] and case["rating_words"] == "气死我了"
    assert {m["author"] for m in told["messages"]} == {"resident", "bot", "notice", "staff"}
    assert [f["events"][0]["note"] for f in told["followed"]] == ["我也摔了"]
    assert told["memory"]["slots"] == {"words": ["柿子树下"]} and len(told["questions"]) == 1
    assert {row["kind"] for row in told["outbox"]} == {"handover", "say"}
    assert names == {"resident.json", "page.html", f"attachments/{kept.photo}"}
    for secret in SECRETS[:-2]:
        assert secret in page


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
    erased = kept.residents.erase(ME, dry_run=False, **WHY)
    left = everything(kept.store)
    assert [secret for secret in SECRETS if secret in left] == []
    assert ME not in kept.memory and kept.attachments.of(ME) == []
    assert set(erased.counts) == {
        "attachments", "audit", "cases", "conversations", "dialogues", "events", "followers", "knowledge_questions",
        "messages", "outbox",
    }  # fmt: skip


def test_what_the_law_keeps_of_a_case_stays(kept: Kept) -> None:
    before = one(kept.store, sa.select(cases).where(cases.c.id == kept.mine.id))
    moves = [(e.move, e.before, e.after, e.at, e.role) for e in kept.desk.timeline(kept.mine.id)]
    figures = kept.desk.figures()
    kept.residents.erase(ME, dry_run=False, **WHY)
    after = one(kept.store, sa.select(cases).where(cases.c.id == kept.mine.id))
    assert {n: after[n] for n in erasing.KEPT - {"version"}} == {n: before[n] for n in erasing.KEPT - {"version"}}
    assert after["words"] == [MARK] and after["village"] is None and after["conversation_id"].startswith("gone:")
    assert [(e.move, e.before, e.after, e.at, e.role) for e in kept.desk.timeline(kept.mine.id)] == moves
    assert [e.note for e in kept.desk.timeline(kept.mine.id) if e.move == "answer"] == [f"已换灯泡，回访{MARK}满意"]
    assert kept.desk.figures() == figures


def test_every_column_of_a_case_is_known_to_tell_of_the_matter_or_of_the_person() -> None:
    assert erasing.KEPT.isdisjoint(erasing.PERSONAL)
    assert set(cases.c.keys()) == erasing.KEPT | erasing.PERSONAL


def test_every_table_is_known_to_erasing(store: Store) -> None:
    with store.read() as read:
        assert set(sa.inspect(read).get_table_names()) == TABLES


def test_the_neighbour_is_not_touched(kept: Kept) -> None:
    def theirs() -> list[object]:
        with kept.store.read() as read:
            return [
                read.execute(query).all()
                for query in (
                    sa.select(messages)
                    .where(messages.c.conversation_id == NEIGHBOUR, ~messages.c.text.contains(f"回访{PHONE}"))
                    .where(~messages.c.text.contains(f"回访{MARK}")),
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
    assert (after.status, after.village, after.words) == ("reported", "430281004001", (MARK,))
    moved = kept.desk.move(case.id, "register", actor="o", role="operator", version=after.version)
    assert moved.status == "registered"
    assert [secret for secret in SECRETS if secret in everything(kept.store)] == []


def test_a_conversation_that_a_person_holds_is_not_erased_under_their_hands(kept: Kept) -> None:
    kept.desk.take_over(ME, "clerk")
    with pytest.raises(Refused, match="held_by_person"):
        kept.residents.erase(ME, dry_run=False, **WHY)
    assert kept.residents.erase(ME, **WHY).held


def test_what_has_not_been_handed_over_yet_will_not_be_and_what_has_been_is_told(kept: Kept) -> None:
    handover = sa.and_(outbox.c.kind == "handover", outbox.c.case_id == kept.mine.id)
    waiting = kept.residents.erase(ME, **WHY)
    payload = {"number": "N", "words": "柿子树下"}
    with kept.store.write() as write:
        write.execute(outbox.update().where(handover).values(state="sent", payload=payload))
    assert waiting.handed_over == () and kept.residents.erase(ME, **WHY).handed_over == (kept.mine.number,)
    kept.residents.erase(ME, dry_run=False, **WHY)
    assert one(kept.store, sa.select(outbox.c.payload).where(handover)) == {"payload": {"number": "N"}}


def test_a_case_with_a_number_leads_to_its_resident_until_they_are_gone(kept: Kept) -> None:
    assert kept.residents.conversation_of(kept.mine.number) == ME
    kept.residents.erase(ME, dry_run=False, **WHY)
    for key in (kept.mine.number, ME, "web:nobody"):
        with pytest.raises(NotFound):
            kept.residents.conversation_of(key)


def test_erasing_where_the_contacts_key_is_lost_still_erases(kept: Kept) -> None:
    kept.residents.shield = Shield("another")
    kept.residents.erase(ME, dry_run=False, **WHY)
    assert [secret for secret in SECRETS if secret in everything(kept.store)] == []


def test_no_page_of_an_sqlite_file_still_holds_what_was_erased(desk: Desk, store: Store, tmp_path: Path) -> None:
    if not store.on_sqlite:
        pytest.skip("PostgreSQL overwrites dead rows when it vacuums")
    kept = filled(desk, store, tmp_path)
    found = [path for path in tmp_path.glob("minhu.db*") if "柿子树下".encode() in path.read_bytes()]
    assert found, "the words should have been there before"
    kept.residents.erase(ME, dry_run=False, **WHY)
    for path in tmp_path.glob("minhu.db*"):
        for secret in SECRETS:
            assert secret.encode() not in path.read_bytes(), (path, secret)


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
    memory = Dialogues(f"sqlite:///{path}")
    assert memory.read(ME) is None and memory.erase(ME) == 0 and not path.exists()
    with sqlite3.connect(path) as bot:
        bot.execute("create table dialogues (sender_id text primary key, state text not null, saved_at float not null)")
        bot.execute("insert into dialogues values (?, ?, 0)", (ME, '{"slots": {"x": "柿子树下"}}'))
        bot.execute("insert into dialogues values (?, ?, 0)", (NEIGHBOUR, "{}"))
    assert memory.read(ME) == {"slots": {"x": "柿子树下"}} and memory.erase(ME) == 1 and memory.read(NEIGHBOUR) == {}
    assert "柿子树下".encode() not in path.read_bytes() and memory.erase(ME) == 0


# --- the migration -----------------------------------------------------------------------------------------------


def test_the_migration_goes_down_and_up_with_data(kept: Kept) -> None:
    from alembic import command
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(Path(erasing.__file__).with_name("migrations")))
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
        ME, "k9", "complaint", ("柿子树下又坏了",), category="urban.lamp", town="430281004", village="430281004001"
    )

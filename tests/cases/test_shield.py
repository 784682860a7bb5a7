"""Keys: the newest seals, all open, none is lost and none is kept longer than needed."""

from __future__ import annotations

import base64
import hashlib
import os
import stat
from collections import Counter
from datetime import datetime, timezone
from pathlib import Path

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet

from cases import sealing
from cases.case import Matter
from cases.county import County
from cases.desk import Desk
from cases.shield import Shield, keys_in, read_keys, write_keys
from cases.store import Store, messages
from tests.cases.conftest import Clock

PHONE = "13812345678"
WORDS = ("我叫张伟，电话13812345678", "路灯坏了")


def by_the_old_way(secret: str, text: str) -> str:
    """As contacts were sealed before there were several keys."""
    key = base64.urlsafe_b64encode(hashlib.sha256(secret.encode()).digest())
    return Fernet(key).encrypt(text.encode()).decode()


@pytest.mark.parametrize("secret", ["one", "with, a comma", " spaces "])
def test_what_was_sealed_before_still_opens(secret: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINHU_SECRET_KEY", secret)
    assert Shield.of_this_installation().open(by_the_old_way(secret, PHONE)) == PHONE


def test_the_newest_key_seals_and_every_key_opens() -> None:
    old, both = Shield("old"), Shield(["new", "old"])
    sealed = old.seal(PHONE)
    assert sealed and both.open(sealed) == PHONE and both.key_of(sealed) == 1
    again = both.reseal(sealed)
    assert Shield("new").open(again) == PHONE and both.key_of(again) == 0 and both.reseal(again) == again
    with pytest.raises(PermissionError):
        old.open(again)
    assert both.key_of(Shield("third").seal(PHONE) or "") is None


def test_several_keys_stand_in_the_environment_with_commas_between(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MINHU_SECRET_KEY", "new, old")
    both = Shield.of_this_installation()
    assert both.open(Shield("old").seal(PHONE)) == PHONE and Shield("new").open(both.seal(PHONE)) == PHONE
    assert keys_in("alone") == ["alone"]


@pytest.mark.parametrize("secret", ["", [], ["new", ""]])
def test_an_empty_key_is_refused(secret: str | list[str]) -> None:
    with pytest.raises(ValueError, match="empty"):
        Shield(secret)


def test_the_key_file_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "var" / "contacts.key"
    sealed = Shield.of_file(path).seal(PHONE)
    assert Shield.of_file(path).open(sealed) == PHONE and stat.S_IMODE(path.stat().st_mode) == 0o600
    write_keys(path, ["new", *read_keys(path)])
    assert Shield.of_file(path).open(sealed) == PHONE and stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [name.name for name in path.parent.iterdir()] == ["contacts.key"]


def test_a_running_process_follows_the_key_file(tmp_path: Path) -> None:
    path = tmp_path / "contacts.key"
    running = Shield.of_file(path)
    before = running.seal(PHONE)
    write_keys(path, ["new", *read_keys(path)])
    assert Shield("new").open(running.seal(PHONE)) == PHONE and running.open(before) == PHONE


def test_words_are_kept_side_by_side_and_one_more_needs_no_opening() -> None:
    shield = Shield("key")
    shown = ["我叫**，电话138****5678", "路灯坏了"]
    sealed = shield.seal_all(WORDS, shown)
    assert sealed and sealed.split(" ")[1] == "-" and shield.open_all(shown, sealed) == WORDS
    blind = Shield("another key")
    more, longer = blind.keep_more(shown, sealed, "天天黑")
    assert shield.open_all(more, longer) == (*WORDS, "天天黑")
    assert blind.keep_more(["路灯坏了"], None, "天天黑") == (["路灯坏了", "天天黑"], None)


# --- rotation ----------------------------------------------------------------------------------------------------


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "contacts.key"


@pytest.fixture
def desk(store: Store, county: County, clock: Clock, path: Path) -> Desk:
    """A desk with three conversations' worth of sealed rows, under the key file of an installation."""
    made = Desk(store, county, clock, Shield.of_file(path))
    for n in range(3):
        made.hear(f"web:{n}", "web", f"我叫张伟，电话1381234567{n}", "r0")
        case = made.file(Matter(f"web:{n}", "k", "complaint", WORDS, contact=PHONE, place_said="瓷都花园3栋2单元402"))
        made.urge(case.id, f"web:{n}", "u", f"快点，打我电话1381234567{n}")
    return made


def rotate(desk: Desk, path: Path, told: sealing.Told = sealing.silent) -> int:
    return sealing.rotate([desk.store], path, lambda: datetime(2026, 11, 24, tzinfo=timezone.utc), told, settled=0)


def whole(desk: Desk) -> bool:
    """Whether a shield of the key file as it is now opens everything."""
    told = sealing.count([desk.store], desk.shield)
    return all(set(numbers) <= {0} for numbers in told.values())


def test_a_rotation_puts_everything_under_a_new_key_and_drops_the_old_one(desk: Desk, path: Path) -> None:
    old = read_keys(path)
    assert rotate(desk, path) == 9  # a message, a case and an event of each resident
    (new,) = read_keys(path)
    assert new not in old and whole(desk)
    case = desk.cases_of("web:1")[0]
    seen = Desk(desk.store, desk.county, desk.clock, Shield(new)).reveal(
        case.id, actor="op", role="operator", reason="电话核实"
    )
    assert (seen.contact, seen.words, seen.place) == (PHONE, WORDS, "瓷都花园3栋2单元402")
    entries, unbroken = desk.audit_trail()
    assert unbroken and (entries[1].action, entries[1].reason) == ("rotate_key", "9 rows")


def test_a_rotation_that_was_killed_is_ended_and_not_begun_anew(desk: Desk, path: Path) -> None:
    def killed(line: str) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        rotate(desk, path, killed)
    begun = read_keys(path)
    told = sum(sealing.count([desk.store], desk.shield).values(), Counter())
    assert len(begun) == 2 and told[0] and told[1] and not told[None]
    assert desk.transcript("web:2", own=True)[0].text == "我叫张伟，电话13812345672"
    rotate(desk, path)
    assert read_keys(path) == begun[:1] and whole(desk)


def test_who_writes_while_keys_change_loses_nothing(desk: Desk, path: Path) -> None:
    came: list[str] = []

    def meanwhile(line: str) -> None:
        if len(came) == 3:
            return
        came.append(f"m{len(came)}")
        desk.hear("web:1", "web", f"{came[-1]}：{PHONE}", came[-1])

    rotate(desk, path, meanwhile)
    said = [m.text for m in desk.transcript("web:1", own=True)][1:]
    assert len(came) == 3 and said == [f"{ref}：{PHONE}" for ref in came] and whole(desk) and desk.shield.keys == 1


def test_what_no_key_opens_is_counted_and_left_alone(desk: Desk, path: Path) -> None:
    foreign = Shield("another installation").seal("fremd")
    with desk.store.write() as write:
        first = sa.select(sa.func.min(messages.c.id)).scalar_subquery()
        write.execute(messages.update().where(messages.c.id == first).values(text_sealed=foreign))
    rotate(desk, path)
    assert sealing.count([desk.store], desk.shield)["messages.text_sealed"] == Counter({0: 2, None: 1})
    with desk.store.read() as read:
        assert foreign in read.execute(sa.select(messages.c.text_sealed)).scalars().all()


def test_a_table_that_came_later_is_resealed_with_the_others(desk: Desk, path: Path) -> None:
    with desk.store.write() as write:
        write.execute(sa.text("create table later (code varchar(9) primary key, sealed text)"))
        rows = [{"code": str(n), "sealed": desk.shield.seal(PHONE)} for n in range(450)]
        write.execute(sa.text("insert into later values (:code, :sealed)"), rows)
    try:
        assert rotate(desk, path) == 459
        assert sealing.count([desk.store], desk.shield)["later.sealed"] == Counter({0: 450})
    finally:
        with desk.store.write() as write:
            write.execute(sa.text("drop table later"))


def test_two_rotations_do_not_run_at_once(desk: Desk, path: Path) -> None:
    from filelock import FileLock

    with FileLock(path.with_name("contacts.key.lock")), pytest.raises(TimeoutError):
        rotate(desk, path)
    assert len(read_keys(path)) == 1


def test_a_process_that_cannot_find_its_key_file_refuses(tmp_path: Path) -> None:
    path = tmp_path / "contacts.key"
    running = Shield.of_file(path)
    os.unlink(path)
    with pytest.raises(FileNotFoundError):
        running.seal(PHONE)

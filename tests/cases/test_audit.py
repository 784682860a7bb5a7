"""The audit log tells which entry was touched, that its end was cut off, and reads whatever its length."""

from __future__ import annotations

import hashlib
import json
import tracemalloc

import pytest
import sqlalchemy as sa

from cases import audit
from cases.store import Store
from cases.store import audit as rows


@pytest.fixture
def logged(store: Store, clock) -> Store:
    for number in range(5):
        clock.move(minutes=1)
        with store.write() as write:
            audit.note(write, clock(), "clerk", "look", f"LL-{number}", "operator")
    return store


def ids(store: Store) -> list[int]:
    with store.read() as read:
        return list(read.execute(sa.select(rows.c.id).order_by(rows.c.id)).scalars())


def check(store: Store, anchor: str | None = None) -> audit.Chain:
    with store.read() as read:
        return audit.check(read, anchor)


def test_a_whole_log_has_no_broken_entry_and_ends_at_its_head(logged: Store) -> None:
    with logged.read() as read:
        head = audit.head(read)
        assert audit.first_broken(read) is None and audit.verify(read)
    assert check(logged) == audit.Chain(5, 0, head, None)


def test_an_empty_log_is_whole(store: Store) -> None:
    assert check(store, audit.FIRST) == audit.Chain(0, 0, audit.FIRST, None, True)


@pytest.mark.parametrize("column", ["actor", "action", "object", "reason", "salt", "hash", "previous", "withheld"])
def test_the_first_broken_entry_is_named_with_its_time(logged: Store, clock, column: str) -> None:
    third = ids(logged)[2]
    with logged.write() as write:
        write.execute(rows.update().where(rows.c.id == third).values(**{column: "x" * 32}))
    broken = check(logged).broken
    if column == "hash":  # the entry itself no longer fits what it says
        assert broken is not None and broken.id == third
    assert broken is not None and broken.id == third and (clock() - broken.at).total_seconds() == 120


def test_a_moved_time_and_a_removed_entry_show(logged: Store, clock) -> None:
    second, third = ids(logged)[1:3]
    with logged.write() as write:
        write.execute(rows.delete().where(rows.c.id == second))
    assert check(logged).broken.id == third  # type: ignore[union-attr]
    with logged.write() as write:
        write.execute(rows.update().where(rows.c.id == ids(logged)[0]).values(at=clock()))
    assert check(logged).broken.id == ids(logged)[0]  # type: ignore[union-attr]


def test_a_cut_off_end_shows_against_a_head_that_was_kept(logged: Store, clock) -> None:
    with logged.read() as read:
        head = audit.head(read)
    with logged.write() as write:
        audit.note(write, clock(), "clerk", "look", "LL-9")
    assert check(logged, head).anchored is True
    with logged.write() as write:
        write.execute(rows.delete().where(rows.c.id.in_(ids(logged)[-2:])))
    cut = check(logged, head)
    assert cut.broken is None and cut.anchored is False


def test_entries_from_before_there_were_salts_hold_and_lose_their_person_too(store: Store, clock) -> None:
    entry = {"actor": "clerk", "action": "take_over", "object": "web:1", "reason": None}
    told = json.dumps({**entry, "at": clock().isoformat()}, sort_keys=True, ensure_ascii=False)
    old = {"previous": audit.FIRST, "hash": hashlib.sha256((audit.FIRST + told).encode()).hexdigest()}
    with store.write() as write:
        write.execute(rows.insert().values(**entry, **old, at=clock()))
        audit.note(write, clock(), "clerk", "release", "web:1")
        assert audit.check(write).broken is None
        about = {"entries": rows.c.object == "web:1", "names": {"web:1": "gone:1"}}
        assert audit.withhold(write, clock(), "root", "erase", "gone:1", "asked", **about) == 2
    assert check(store).broken is None and check(store).withheld == 2
    with store.read() as read:
        assert set(read.execute(sa.select(rows.c.object)).scalars()) == {"gone:1"}


def test_what_was_withheld_once_is_not_withheld_again(logged: Store, clock) -> None:
    about = {"entries": rows.c.object == "LL-1", "names": {}}
    with logged.write() as write:
        assert audit.withhold(write, clock(), "root", "erase", "gone:1", "asked", **about) == 1
        assert audit.withhold(write, clock(), "root", "erase", "gone:2", "asked", **about) == 0
    assert check(logged).broken is None


def test_a_long_log_is_read_in_little_memory(store: Store, clock) -> None:
    with store.write() as write:
        previous, many = audit.FIRST, []
        for number in range(20_000):
            entry = {"at": clock(), "actor": "clerk", "action": "look", "object": f"LL-{number}", "reason": "o" * 200}
            entry |= {"salt": None, "withheld": None}
            many.append({**entry, "previous": previous, "hash": audit._hash(previous, entry)})
            previous = many[-1]["hash"]
        write.execute(rows.insert(), many)
    del many
    tracemalloc.start()
    assert check(store).entries == 20_000
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert most < 8 * 2**20


def test_the_newest_entries_are_held_against_the_one_before_them(logged: Store, clock) -> None:
    with logged.write() as write:
        ids = write.execute(sa.select(rows.c.id).order_by(rows.c.id)).scalars().all()
        assert len(ids) > 3
        assert audit.check(write, newest=2).entries == 2 and audit.check(write, newest=len(ids)).entries == len(ids)
        write.execute(rows.update().where(rows.c.id == ids[0]).values(reason="another"))
        assert audit.check(write, newest=2).broken is None and audit.check(write).broken is not None
        write.execute(rows.update().where(rows.c.id == ids[-1]).values(reason="another"))
        broken = audit.check(write, newest=2).broken
        assert broken is not None and broken.id == ids[-1]

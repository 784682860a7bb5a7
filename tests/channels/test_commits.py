"""Many residents, one commit."""

from __future__ import annotations

import asyncio
import threading
from pathlib import Path

import pytest
import sqlalchemy as sa

from cases.case import Utterance
from cases.county import County
from cases.desk import Desk, NotFound
from cases.store import Store
from channels.commits import Commits, SharedStore
from tests.channels.conftest import open_desk


def counted(desk: Desk) -> list[str]:
    """Grows by one with every real commit of the desk's store."""
    commits: list[str] = []
    sa.event.listen(desk.store.engine, "commit", lambda _: commits.append("commit"))
    return commits


async def busy(commits: Commits) -> threading.Event:
    """Keeps the writing thread waiting, so that what comes now has to wait together."""
    go, started = threading.Event(), threading.Event()

    def wait() -> None:
        started.set()
        go.wait(5)

    asyncio.ensure_future(commits.do(wait))
    await asyncio.get_running_loop().run_in_executor(None, started.wait)
    return go


async def test_what_waits_together_is_committed_together_and_in_order(desk: Desk) -> None:
    writing, commits = Commits(desk.store), counted(desk)
    go = await busy(writing)
    heard = [
        asyncio.ensure_future(writing.do(lambda n=n: desk.hear(f"web:{n % 3}", "web", f"m{n}", f"r{n}")))
        for n in range(12)
    ]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*heard)
    assert len(commits) == 1
    assert [m.text for m in desk.transcript("web:1")] == ["m1", "m4", "m7", "m10"]
    writing.close()


async def test_one_that_fails_leaves_no_trace_and_harms_no_other(desk: Desk) -> None:
    writing = Commits(desk.store)
    desk.hear("web:a", "web", "m", "r1")
    go = await busy(writing)

    def half() -> None:
        desk.say("web:a", "r1", [Utterance("said")])
        desk.say("web:a", "unknown ref", [Utterance("never")])

    first = asyncio.ensure_future(writing.do(lambda: desk.hear("web:b", "web", "m", "r1")))
    bad = asyncio.ensure_future(writing.do(half))
    last = asyncio.ensure_future(writing.do(lambda: desk.hear("web:c", "web", "m", "r1")))
    await asyncio.sleep(0)
    go.set()
    with pytest.raises(NotFound):
        await bad
    await asyncio.gather(first, last)
    assert [len(desk.transcript(f"web:{who}")) for who in "abc"] == [2, 1, 1]
    writing.close()


async def test_when_the_commit_fails_everybody_in_it_hears_so(desk: Desk) -> None:
    writing = Commits(desk.store)
    desk.hear("web:a", "web", "m", "r0")

    def refuse(_: object) -> None:
        raise sa.exc.OperationalError("COMMIT", {}, Exception("disk full"))

    go = await busy(writing)
    heard = [asyncio.ensure_future(writing.do(lambda n=n: desk.hear("web:a", "web", "m", f"r{n}"))) for n in (1, 2)]
    await asyncio.sleep(0)
    sa.event.listen(desk.store.engine, "commit", refuse)
    go.set()
    outcomes = await asyncio.gather(*heard, return_exceptions=True)
    sa.event.remove(desk.store.engine, "commit", refuse)
    assert all(isinstance(outcome, sa.exc.OperationalError) for outcome in outcomes)
    assert len(desk.transcript("web:a")) == 1
    await writing.do(lambda: desk.hear("web:a", "web", "m", "r3"))
    writing.close()


async def test_inside_one_sees_what_was_written_before_in_the_same_commit(desk: Desk) -> None:
    writing = Commits(desk.store)
    go = await busy(writing)
    first = asyncio.ensure_future(writing.do(lambda: desk.hear("web:a", "web", "m", "r1")))
    then = asyncio.ensure_future(writing.do(lambda: len(desk.transcript("web:a"))))
    await asyncio.sleep(0)
    go.set()
    await first
    assert await then == 1
    writing.close()


async def test_work_is_done_even_if_nobody_waits_for_it_any_more(desk: Desk) -> None:
    writing = Commits(desk.store)
    go = await busy(writing)
    left = asyncio.ensure_future(writing.do(lambda: desk.hear("web:a", "web", "m", "r1")))
    await asyncio.sleep(0)
    left.cancel()
    go.set()
    writing.close()
    assert len(desk.transcript("web:a")) == 1


async def test_a_plain_store_commits_each_by_itself(tmp_path: Path, county: County) -> None:
    open_desk(tmp_path, county)
    desk = Desk(Store(f"sqlite:///{tmp_path / 'minhu.db'}"), county)
    writing, commits = Commits(desk.store), counted(desk)
    go = await busy(writing)
    heard = [asyncio.ensure_future(writing.do(lambda n=n: desk.hear("web:a", "web", "m", f"r{n}"))) for n in range(3)]
    await asyncio.sleep(0)
    go.set()
    await asyncio.gather(*heard)
    assert len(commits) == 3
    writing.close()


def test_outside_a_shared_commit_a_shared_store_is_a_store(tmp_path: Path, county: County) -> None:
    desk = open_desk(tmp_path, county)
    assert isinstance(desk.store, SharedStore)
    commits = counted(desk)
    desk.hear("web:a", "web", "m", "r1")
    assert len(commits) == 1 and len(Desk(SharedStore(desk.store.url), county).transcript("web:a")) == 1


@pytest.mark.parametrize("together", [False, True])
async def test_a_whole_is_one_commit_and_is_undone_as_one(desk: Desk, together: bool) -> None:
    writing, commits = Commits(desk.store), counted(desk)

    def two(name: str, fails: bool) -> None:
        with desk.store.whole():
            desk.hear(f"web:{name}", "web", "m", "r1")
            desk.say(f"web:{name}", "r1", [Utterance("answer")])
            if fails:
                raise ValueError(name)

    go = await busy(writing) if together else None
    work = []
    for name in ("a", "b", "c"):
        work.append(asyncio.ensure_future(writing.do(lambda n=name: two(n, n == "b"))))
        await asyncio.wait(work, timeout=0 if together else 10)
    if go is not None:
        go.set()
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    assert [type(o) for o in outcomes] == [type(None), ValueError, type(None)]
    assert len(commits) == (1 if together else 2)
    assert [m.text for m in desk.transcript("web:a")] == ["m", "answer"] == [m.text for m in desk.transcript("web:c")]
    with pytest.raises(NotFound):
        desk.conversation("web:b")
    desk.hear("web:d", "web", "m", "r1")
    assert desk.conversation("web:d").id == "web:d"
    writing.close()

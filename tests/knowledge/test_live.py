"""What the county adds is taken up while the bot runs: texts, switches, imported laws; on SQLite and PostgreSQL."""

from __future__ import annotations

from pathlib import Path

import docx
import pytest

from cases.store import Store
from knowledge.live import Live
from knowledge.shelf import LIVE, UNANSWERED, Shelf, ShelfRefused
from knowledge.statutes import Statutes
from tests.cases.conftest import postgresql, store  # noqa: F401 - the same tests on both databases
from tests.knowledge.conftest import TODAY

BODY = {
    "title": {"zh": "音乐喷泉"},
    "asked": {"zh": ["音乐喷泉几点开", "广场喷泉周末放不放"]},
    "short": {"zh": "周五、周六晚上七点半开。"},
    "source": {"title": "通告", "publisher": "城市管理局", "date": "2026-05-01"},
    "checked": "2026-11-26",
    "review": "2027-05-01",
}


@pytest.fixture
def shelf(tmp_path: Path) -> Shelf:
    made = Store(f"sqlite:///{tmp_path / 'minhu.db'}")
    made.migrate()
    return Shelf(made)


def sign(shelf: Shelf, **more: object) -> str:
    text = shelf.write(None, "regulation", {**BODY, **more}, "喷泉几时开", "one")
    shelf.sign(text.id, "two")
    return text.code


def test_a_signed_text_is_answered_at_the_next_look_and_a_second_look_is_cheap(shelf: Shelf, var: Path) -> None:
    live = Live(var, shelf, today=lambda: TODAY)
    assert live.library.answer("音乐喷泉几点开").about is None
    code = sign(shelf)
    assert live.look() and not live.look()
    answer = live.library.answer("音乐喷泉几点开")
    assert answer.about == code and answer.short == BODY["short"]["zh"]  # type: ignore[index]
    assert "Only in Chinese" in live.library.answer("音乐喷泉几点开", "en").short


def test_a_text_whose_law_is_gone_says_nothing(shelf: Shelf, var: Path) -> None:
    live = Live(var, shelf, today=lambda: TODAY)
    sign(shelf, grounds=[{"law": "噪声污染防治法", "article": 61}])
    live.look()
    answer = live.library.answer("音乐喷泉几点开")
    assert answer.declined and "变动" in answer.short and answer.sources == ()


def test_an_imported_law_is_cited_without_a_restart(shelf: Shelf, tmp_path: Path) -> None:
    live = Live(tmp_path / "var", shelf, today=lambda: TODAY)
    before = live.library
    file = tmp_path / "text.docx"
    page = docx.Document()
    for line in (
        "某市犬只管理条例", "（2026年1月5日某市人民代表大会常务委员会通过）", "第一章　总则",
        "第一条　为了规范犬只饲养，制定本条例。", "第二条　在建成区遛犬，应当用不超过一点五米的绳牵领。",
        "第三条　本条例自2026年3月1日起施行。",
    ):  # fmt: skip
        page.add_paragraph(line)
    page.save(str(file))
    assert Statutes.import_text(tmp_path / "var", file) == 3
    assert live.look() and live.library is not before
    article = live.library.article("某市犬只管理条例", 2)
    assert article and article.in_force and article.effective == "2026-03-01" and "一点五米" in article.text
    assert "一点五米" in live.library.answer("《某市犬只管理条例》第二条怎么说").short


def test_questions_asked_in_vain_wait_until_they_are_settled(shelf: Shelf) -> None:
    shelf.asked("喷泉几点开" * 200, "zh", UNANSWERED)
    [question] = shelf.open_questions()
    assert len(question.text) == 300 and question.why == UNANSWERED
    shelf.settle([question.id], "one")
    shelf.settle([question.id], "two")
    assert shelf.open_questions() == []


def test_a_newer_text_that_waits_takes_the_place_of_an_older_one(shelf: Shelf) -> None:
    first = shelf.write("x", "regulation", BODY, "q", "one")
    second = shelf.write("x", "regulation", BODY, "q", "one")
    with pytest.raises(ShelfRefused, match="not_waiting"):
        shelf.sign(first.id, "two")
    shelf.sign(second.id, "two")
    assert [text.id for text in shelf.in_state(LIVE)] == [second.id]


def test_the_shelf_is_the_same_on_every_database(store: Store) -> None:  # noqa: F811
    shelf = Shelf(store)
    code = sign(shelf)
    shelf.switch(code, True, "two", "falsch")
    assert shelf.off() == {code: "falsch"} and [a.act for a in shelf.history(code)] == ["write", "sign", "off"]
    with pytest.raises(ShelfRefused, match="reason_missing"):
        shelf.switch(code, False, "two", "")
    assert shelf.off() == {code: "falsch"}
    assert shelf.text(1).body["title"]["zh"] == "音乐喷泉"

"""Staff change what the bot says: one writes, another signs, the switches; nothing half-done."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from typing import Any

import openpyxl
import pytest

from cases.desk import Desk
from knowledge.shelf import BAD, LIVE, UNANSWERED, WAITING, Shelf
from tests.console.conftest import TOKEN, Staff

ANSWER = {
    "kind": "regulation",
    "title_zh": "中心广场的音乐喷泉",
    "asked_zh": "音乐喷泉几点开\n广场喷泉周末放不放",
    "short_zh": "音乐喷泉周五、周六晚上七点半开，下雨停开。",
    "source_title": "城市广场管理通告",
    "source_publisher": "城市管理局",
    "source_date": "2026-05-01",
    "question": "喷泉什么时候有得看",
}


@pytest.fixture
def shelf(desk: Desk) -> Shelf:
    return Shelf(desk.store)


def submit(who: Staff, **more: str) -> Any:
    return who.post("/knowledge/edit", **{**ANSWER, **more})


def test_what_one_writes_another_signs_and_the_bot_says_it(staff: Callable[..., Staff], shelf: Shelf, app: Any) -> None:
    assert "已提交" in submit(staff("operator")).text
    [text] = shelf.in_state(WAITING)
    assert "马上生效" in staff("leader").get(f"/knowledge/texts/{text.id}").text
    assert "已生效" in staff("leader").post(f"/knowledge/texts/{text.id}/sign").text
    answer = app.state.knowledge.editor().live.library.answer("喷泉几点钟开啊")
    assert answer.short == ANSWER["short_zh"] and answer.about == text.code
    assert answer.sources[0].publisher == "城市管理局"


def test_nobody_signs_his_own_text(staff: Callable[..., Staff], shelf: Shelf) -> None:
    clerk = staff("operator")
    submit(clerk)
    [text] = shelf.in_state(WAITING)
    assert "另一位同事" in clerk.post(f"/knowledge/texts/{text.id}/sign").text
    assert shelf.in_state(LIVE) == []


def test_two_who_sign_at_once_change_it_once(staff: Callable[..., Staff], shelf: Shelf) -> None:
    submit(staff("operator"))
    [text] = shelf.in_state(WAITING)
    for who in ("leader", "administrator"):
        last = staff(who).post(f"/knowledge/texts/{text.id}/sign")
    assert "已经有人处理" in last.text
    assert [act.act for act in shelf.history(text.code)] == ["write", "sign"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"short_zh": ""}, "缺一栏：短答"),
        ({"short_zh": "长" * 81}, "不能超过 80"),
        ({"asked_zh": "喷泉"}, "至少要写 2 种"),
        ({"source_title": ""}, "依据要写明"),
        ({"grounds": "《噪声污染防治法》第61条"}, "已经废止"),
        ({"grounds": "《民法典》第1999条"}, "没有第1999条"),
        ({"grounds": "随便写的"}, "看不懂这行法条"),
        ({"grounds": "《民法典》第188条：诉讼时效期间为五年"}, "没有 5 这个数"),
        ({"review": "2020-01-01"}, "已经到了"),
        ({"review": "明年"}, "要写成"),
        ({"hotlines": "0731-12345678"}, "短号码"),
        ({"related": "nothing-like-it"}, "没有代码为"),
        ({"question": ""}, "试问"),
        ({"question": "音乐喷泉几点开"}, "试问的话不能和问法里的一样"),
        ({"question": "身份证丢了怎么补"}, "先找到的是"),
    ],
)
def test_a_text_with_a_fault_comes_back_as_it_was_filled_in(
    wrong: dict[str, str], told: str, staff: Callable[..., Staff], shelf: Shelf
) -> None:
    answer = submit(staff("operator"), **wrong)
    assert answer.status_code == 422 and told in answer.text, re.sub(r"<[^>]+>|\s+", " ", answer.text)[:600]
    assert ANSWER["source_publisher"] in answer.text
    assert shelf.in_state(WAITING) == [] and shelf.version() == 0


def test_a_topic_switched_off_is_not_answered_and_not_by_another_guide(staff: Callable[..., Staff], app: Any) -> None:
    leader = staff("leader")
    asked = "身份证丢了怎么补办"
    before = app.state.knowledge.editor().live.library.answer(asked)
    assert before.about
    assert "几秒内" in leader.post("/knowledge/switch", code=before.about, what="off", reason="省里改了流程").text
    answer = app.state.knowledge.editor().live.library.answer(asked)
    assert answer.declined and "正在核对" in answer.short and answer.sources == ()
    leader.post("/knowledge/switch", code=before.about, what="on", reason="核对好了")
    assert app.state.knowledge.editor().live.library.answer(asked).short == before.short


def test_the_switch_wants_a_reason(staff: Callable[..., Staff], shelf: Shelf) -> None:
    staff("leader").post("/knowledge/switch", code="identity-card-lost", what="off", reason="")
    assert shelf.off() == {}


def test_the_countys_text_takes_the_place_of_a_shipped_one_until_it_is_taken_away(
    staff: Callable[..., Staff], shelf: Shelf, app: Any
) -> None:
    clerk, leader = staff("operator"), staff("leader")
    page = clerk.get("/knowledge/edit?code=identity-card-lost").text
    fields = {name: value.replace("\r\n", "\n") for name, value in filled(page).items() if name != "token"}
    clerk.post("/knowledge/edit", **{**fields, "short_zh": "先打电话报失。", "question": "我身份证不见了么子搞"})
    [text] = shelf.in_state(WAITING)
    assert "先打电话报失" in leader.get(f"/knowledge/texts/{text.id}").text
    leader.post(f"/knowledge/texts/{text.id}/sign")
    library = app.state.knowledge.editor().live.library
    assert library.guide("identity-card-lost").text("short", "zh") == "先打电话报失。"
    assert len([g for g in library.guides.guides if g.code == "identity-card-lost"]) == 1
    leader.post("/knowledge/switch", code="identity-card-lost", what="retire", reason="弄错了")
    library = app.state.knowledge.editor().live.library
    assert library.guide("identity-card-lost").text("short", "zh") != "先打电话报失。"


def filled(page: str) -> dict[str, str]:
    """The fields of the first form of a page, as a browser would send them."""
    import html

    form = page[page.index('<form method="post" action="/knowledge/edit"') :]
    form = form[: form.index("</form>")]
    found = dict(re.findall(r'<input[^>]* name="([^"]+)" value="([^"]*)"', form))
    found |= dict(re.findall(r'<textarea name="([^"]+)"[^>]*>(.*?)</textarea>', form, re.S))
    return {name: html.unescape(value) for name, value in found.items()}


def test_what_was_asked_in_vain_is_grouped_answered_and_then_off_the_list(
    staff: Callable[..., Staff], shelf: Shelf
) -> None:
    for words in ("音乐喷泉晚上几点开始", "音乐喷泉晚上几点钟开始啊", "请问音乐喷泉晚上几点开始"):
        shelf.asked(words, "zh", UNANSWERED)
    shelf.asked("户口迁移要多久", "zh", BAD, "household-move")
    clerk = staff("operator")
    page = clerk.get("/knowledge").text
    assert "<td>3</td>" in page and "没答到点上" in page
    numbers = re.search(r"questions=([\d,]+)", page)
    assert numbers and numbers.group(1).count(",") == 2
    fields = filled(clerk.get(f"/knowledge/edit?questions={numbers.group(1)}").text)
    assert fields["question"] and "音乐喷泉" in fields["asked_zh"]
    submit(clerk, **{k: fields[k] for k in ("question", "asked_zh", "questions")})
    assert len(shelf.open_questions()) == 4
    [text] = shelf.in_state(WAITING)
    staff("leader").post(f"/knowledge/texts/{text.id}/sign")
    assert [q.about for q in shelf.open_questions()] == ["household-move"]
    clerk.post("/knowledge/settle", questions=str(shelf.open_questions()[0].id))
    assert shelf.open_questions() == []


def test_the_table_goes_out_and_in_and_only_changed_rows_are_put_up(staff: Callable[..., Staff], shelf: Shelf) -> None:
    clerk = staff("operator")
    book = openpyxl.load_workbook(io.BytesIO(clerk.get("/knowledge/table.xlsx").content))
    sheet = book.active
    head = [cell.value for cell in sheet[1]]
    assert "没有改动" in upload(clerk, book).text
    sheet.cell(5, head.index("question") + 1).value = "随便问一句不相干的天气"
    sheet.cell(5, head.index("short_zh") + 1).value = "改过的。"
    refused = upload(clerk, book)
    assert refused.status_code == 422 and shelf.in_state(WAITING) == []
    title = sheet.cell(5, head.index("title_zh") + 1).value
    sheet.cell(5, head.index("question") + 1).value = f"请问{title}"
    assert "改动的行已提交" in upload(clerk, book).text
    [text] = shelf.in_state(WAITING)
    assert text.body["short"]["zh"] == "改过的。" and text.code == sheet.cell(5, 1).value


def test_a_file_that_is_no_table_changes_nothing(staff: Callable[..., Staff], shelf: Shelf) -> None:
    clerk = staff("operator")
    for content in (b"\x00\x01\x02", b"code,kind\n1,2\n", b"PK\x03\x04junk"):
        assert upload(clerk, content).status_code == 422
    assert shelf.version() == 0


def upload(who: Staff, table: Any) -> Any:
    """Sends a workbook, or bytes as they are."""
    out = io.BytesIO(table if isinstance(table, bytes) else b"")
    if not isinstance(table, bytes):
        table.save(out)
    token = TOKEN.search(who.client.get("/sign-in").text)
    assert token
    files = {"file": ("table.xlsx", out.getvalue())}
    return who.client.post("/knowledge/table", data={"token": token.group(1)}, files=files)

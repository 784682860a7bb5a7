"""The web chat over real HTTP."""

from __future__ import annotations

import asyncio
import html
import io
import re
import stat
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from PIL import Image
from rasa.core.run import configure_app
from sanic import Sanic

from cases.county import County
from cases.desk import Desk
from channels.visitor import Visitors, secret_key
from channels.web import SECURITY, WebInput
from channels.words import Words
from tests.channels.conftest import EchoBot, serving, started

WORDS = Words.load()


def picture(kind: str = "PNG", size: tuple[int, int] = (30, 20)) -> bytes:
    made = io.BytesIO()
    Image.new("RGB", size, "green").save(made, kind)
    return made.getvalue()


async def write(phone: httpx.AsyncClient, text: str = "路灯不亮", **more: Any) -> dict[str, Any]:
    answer = await phone.post("/messages", json={"text": text, **more})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def conversation_of(desk: Desk) -> str:
    (left,) = {m.conversation_id for m in desk.unanswered(0)} or {None}
    assert left
    return str(left)


async def owner(web: WebInput, phone: httpx.AsyncClient) -> str:
    """The conversation id of this browser, as the server reads its cookie."""
    if "minhu" not in phone.cookies:
        await phone.get("/")
    known = web._visitors.known(phone.cookies["minhu"])
    assert known
    return known


async def test_a_message_is_acknowledged_with_its_ref_and_the_bots_replies(phone: httpx.AsyncClient) -> None:
    got = await write(phone, "a button and a source", ref="r1")
    assert got["accepted"] == "r1" and got["seq"] == 1 and got["holder"] == "bot"
    (reply,) = got["replies"]
    assert (reply["seq"], reply["author"], reply["text"]) == (2, "bot", "heard a button and a source")
    assert reply["buttons"][0] == {"title": "Yes, submit", "payload": "/affirm"}
    assert reply["sources"][0]["law"] == "生态环境法典"
    assert re.fullmatch(r"\d\d:\d\d", reply["time"])


async def test_a_message_sent_twice_under_one_ref_is_one_message(phone: httpx.AsyncClient, bot: EchoBot) -> None:
    assert (await write(phone, ref="r1"))["replies"] == (await write(phone, ref="r1"))["replies"]
    assert len(bot.heard) == 1


async def test_a_browser_keeps_its_conversation_and_another_browser_never_sees_it(
    phone: httpx.AsyncClient, address: str
) -> None:
    await write(phone, "my secret")
    async with httpx.AsyncClient(base_url=address, headers={"Accept": "application/json"}) as other:
        assert (await other.get("/messages?after=0")).json()["messages"] == []
        await write(other, "another")
        seen = (await other.get("/messages?after=0")).text + (await other.get("/")).text
        assert "my secret" not in seen
    assert "my secret" in (await phone.get("/messages?after=0")).text


@pytest.mark.parametrize("forge", ["", "x", "web:1", '"abc"', "{cookie}x", "{shifted}"])
async def test_a_forged_cookie_opens_nothing(phone: httpx.AsyncClient, address: str, forge: str) -> None:
    await write(phone, "my secret")
    cookie = phone.cookies["minhu"]
    value = forge.format(cookie=cookie, shifted="a" + cookie[1:]) if "{" in forge else forge
    async with httpx.AsyncClient(base_url=address, headers={"Accept": "application/json"}) as other:
        answer = await other.get("/messages?after=0", headers={"Cookie": f"minhu={value}"})
        assert answer.json()["messages"] == [] and answer.cookies["minhu"] != cookie


async def test_a_key_of_another_installation_signs_nothing_here() -> None:
    conversation, cookie = Visitors(b"one").new()
    assert Visitors(b"one").known(cookie) == conversation and Visitors(b"two").known(cookie) is None


def test_the_key_is_made_once_and_read_by_its_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "var" / "secret.key"
    assert secret_key(path) == secret_key(path) and len(secret_key(path)) == 64
    assert stat.S_IMODE(path.stat().st_mode) == 0o600 and [p.name for p in path.parent.iterdir()] == ["secret.key"]


async def test_the_cookie_is_kept_from_scripts_and_other_sites(phone: httpx.AsyncClient) -> None:
    cookie = (await phone.get("/")).headers["set-cookie"].lower()
    assert "httponly" in cookie and "samesite=lax" in cookie and "path=/" in cookie
    assert "set-cookie" not in (await phone.get("/")).headers


async def test_every_answer_forbids_foreign_content(phone: httpx.AsyncClient) -> None:
    paths = ("/", "/messages?after=0", "/page/chat.js", "/page/chat.css", "/health", "/page/words.yml", "/photos/x")
    for path in paths:
        headers = (await phone.get(path)).headers
        assert {name: headers[name] for name in SECURITY if name != "Cache-Control"} == {
            name: value for name, value in SECURITY.items() if name != "Cache-Control"
        }
    assert "unsafe" not in SECURITY["Content-Security-Policy"]


async def test_the_page_brings_nothing_from_elsewhere_and_nothing_inline(phone: httpx.AsyncClient) -> None:
    page = (await phone.get("/")).text
    for name in ("/page/chat.css", "/page/chat.js"):
        page += (await phone.get(name)).text
    assert not re.findall(r"https?://|@import|\bon\w+=\"|style=\"|innerHTML|javascript:", page)


@pytest.mark.parametrize("text", ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "</script><b>x"])
async def test_words_are_never_markup(plain_phone: httpx.AsyncClient, text: str) -> None:
    page = (await plain_phone.post("/messages", data={"text": text})).text
    assert text not in page and html.escape(text).replace("&#x27;", "&#39;").replace("&quot;", "&#34;") in page


async def test_a_source_is_shown_as_text_one_can_open(plain_phone: httpx.AsyncClient) -> None:
    page = (await plain_phone.post("/messages", data={"text": "source"})).text
    assert "《生态环境法典》第 1 条" in page and "2026-08-15" in page
    assert "<details" in page and "<b>第一条" not in page and "&lt;b&gt;第一条" in page


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"text": ""}, 400, "empty"),
        ({"text": "   "}, 400, "empty"),
        ({}, 400, "empty"),
        ({"text": 5}, 400, "not_text"),
        ({"text": ["a"]}, 400, "not_text"),
        ({"text": "a", "ref": 5}, 400, "not_text"),
        ({"text": "a", "ref": "x y"}, 400, "bad_ref"),
        ({"text": "a", "payload": {}}, 400, "not_text"),
        ({"text": "x" * 100_001}, 413, "too_long"),
        ([1], 400, "not_text"),
        ("路灯不亮", 400, "not_text"),
    ],
)
async def test_bad_input_gets_a_clear_error_and_changes_nothing(
    phone: httpx.AsyncClient, bot: EchoBot, body: Any, status: int, code: str
) -> None:
    answer = await phone.post("/messages", json=body)
    assert answer.status_code == status and answer.json()["error"]["code"] == code
    assert answer.json()["error"]["text"] and bot.heard == []
    assert (await phone.get("/messages?after=0")).json()["messages"] == []


@pytest.mark.parametrize("raw", [b"", b"{", b"\xff\xfe", b'{"text": "\\ud800"}'])
async def test_broken_json_gets_a_clear_error(phone: httpx.AsyncClient, bot: EchoBot, raw: bytes) -> None:
    answer = await phone.post("/messages", content=raw, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "not_text" and bot.heard == []


async def test_another_sites_page_cannot_write_in_a_residents_name(phone: httpx.AsyncClient, bot: EchoBot) -> None:
    for path in ("/messages", "/settings", "/photos"):
        answer = await phone.post(path, data={"text": "hi"}, headers={"Origin": "https://evil.example"})
        assert answer.status_code == 403 and answer.json()["error"]["code"] == "foreign_page"
    assert bot.heard == []


async def test_without_javascript_a_message_is_a_form_and_the_answer_a_page(plain_phone: httpx.AsyncClient) -> None:
    first = await plain_phone.get("/")
    ref = re.search(r'id="write".*?name="ref" value="(\w+)"', first.text, re.DOTALL)
    assert ref
    page = await plain_phone.post("/messages", data={"text": "a button please", "ref": ref.group(1)})
    assert page.history[0].status_code == 303 and "heard a button please" in page.text
    assert 'value="/affirm"' in page.text
    again = await plain_phone.post("/messages", data={"text": "a button please", "ref": ref.group(1)})
    assert again.text.count("heard a button please") == 1


async def test_without_javascript_a_refused_message_stays_in_the_form(plain_phone: httpx.AsyncClient) -> None:
    page = await plain_phone.post("/messages", data={"text": "keep me", "ref": "not a ref"})
    assert page.status_code == 400 and ">keep me</textarea>" in page.text
    assert WORDS.error("bad_ref", "zh") in page.text


async def test_a_button_of_the_page_presses_what_the_bot_offered(plain_phone: httpx.AsyncClient, bot: EchoBot) -> None:
    await plain_phone.post("/messages", data={"text": "a button please"})
    page = await plain_phone.post("/messages", data={"text": "Yes, submit", "payload": "/affirm"})
    assert bot.texts[-1] == "/affirm" and 'value="/affirm"' not in page.text


@pytest.mark.parametrize(("language", "title"), [("zh", "转人工"), ("en", "Talk to a person")])
async def test_a_person_can_be_asked_for_from_every_page(
    plain_phone: httpx.AsyncClient, bot: EchoBot, language: str, title: str
) -> None:
    await plain_phone.post("/settings", data={"language": language})
    page = (await plain_phone.post("/messages", data={"text": "hello"})).text
    assert re.search(rf'<button class="person" type="submit" form="person">{title}</button>', page)
    await plain_phone.post("/messages", data={"text": title, "payload": "/human"})
    assert bot.texts[-1] == "/human"


async def test_language_and_type_are_kept(plain_phone: httpx.AsyncClient, desk: Desk, web: WebInput) -> None:
    assert '<html lang="zh-CN" class="">' in (await plain_phone.get("/")).text
    await plain_phone.post("/messages", data={"text": "hello"})
    page = (await plain_phone.post("/settings", data={"language": "en"})).text
    assert '<html lang="en"' in page and "Write here" in page
    assert desk.conversation(await owner(web, plain_phone)).language == "en"
    page = (await plain_phone.post("/settings", data={"elders": "1"})).text
    assert '<html lang="en" class="elders">' in page
    assert 'class=""' in (await plain_phone.post("/settings", data={"elders": "0"})).text


async def test_an_english_browser_gets_an_english_page(phone: httpx.AsyncClient, bot: EchoBot, desk: Desk) -> None:
    page = (await phone.get("/", headers={"Accept-Language": "en-GB,en;q=0.9"})).text
    assert '<html lang="en"' in page


async def test_staffs_words_reach_a_waiting_page_and_count_as_sent(
    phone: httpx.AsyncClient, desk: Desk, web: WebInput
) -> None:
    await write(phone)
    who = await owner(web, phone)
    waiting = asyncio.ensure_future(phone.get("/messages?after=2&wait=10"))
    await asyncio.sleep(0.1)
    desk.ask_for_person(who, "asked", "r1")
    desk.take_over(who, "agent")
    desk.staff_say(who, "agent", "您好，我来处理")
    started_at = time.monotonic()
    got = (await waiting).json()
    assert time.monotonic() - started_at < 3 and got["holder"] == "staff"
    assert [(m["author"], m["text"]) for m in got["messages"]][-1] == ("staff", "您好，我来处理")
    assert {m.delivery for m in desk.transcript(who) if m.author == "staff"} == {"sent"}


async def test_a_page_that_waits_hears_of_nothing_in_time(phone: httpx.AsyncClient) -> None:
    await write(phone)
    started_at = time.monotonic()
    got = (await phone.get("/messages?after=2&wait=1")).json()
    assert got == {"messages": [], "holder": "bot"} and 0.9 < time.monotonic() - started_at < 3


async def test_a_second_page_of_the_same_resident_hears_at_once(phone: httpx.AsyncClient) -> None:
    await write(phone)
    waiting = asyncio.ensure_future(phone.get("/messages?after=2&wait=10"))
    await asyncio.sleep(0.1)
    started_at = time.monotonic()
    await write(phone, "again")
    assert (await waiting).json()["messages"][0]["text"] == "again" and time.monotonic() - started_at < 0.5


async def test_a_photo_is_kept_with_the_message_and_shown_to_its_sender_only(
    phone: httpx.AsyncClient, address: str, bot: EchoBot
) -> None:
    photo = picture()
    answer = await phone.post("/photos", data={"text": "路面塌了", "ref": "r1"}, files={"photo": ("a.png", photo)})
    assert answer.status_code == 200, answer.text
    assert [r["text"] for r in answer.json()["replies"]] == ["heard 路面塌了", WORDS.reply("photo_kept", "zh")]
    (url,) = (await phone.get("/messages?after=0")).json()["messages"][0]["photos"]
    shown = await phone.get(url)
    assert shown.status_code == 200 and shown.headers["content-type"].startswith("image/")
    assert Image.open(io.BytesIO(shown.content)).size == (30, 20)
    async with httpx.AsyncClient(base_url=address) as other:
        assert (await other.get(url)).status_code == 404
    assert (await phone.get("/photos/..%2Fminhu.db")).status_code == 404


async def test_a_photo_alone_is_a_message(plain_phone: httpx.AsyncClient, bot: EchoBot) -> None:
    page = await plain_phone.post("/messages", data={"text": ""}, files={"photo": ("a.jpg", picture("JPEG"))})
    assert WORDS.reply("photo_kept", "zh") in page.text and "<img" in page.text and bot.heard == []


@pytest.mark.parametrize("body", [b"MZ not a photo", b"<svg xmlns='http://www.w3.org/2000/svg'/>", b"%PDF-1.7 x"])
async def test_what_is_not_a_photo_is_refused(phone: httpx.AsyncClient, bot: EchoBot, body: bytes) -> None:
    answer = await phone.post("/photos", data={"text": "x"}, files={"photo": ("a.jpg", body)})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "photo_not_image" and bot.heard == []


async def test_a_huge_photo_is_refused_in_words(phone: httpx.AsyncClient, bot: EchoBot) -> None:
    body = picture() + bytes(13 * 2**20)
    answer = await phone.post("/photos", data={"text": "x"}, files={"photo": ("a.png", body)})
    assert answer.status_code == 413 and answer.json()["error"]["code"] == "photo_too_big" and bot.heard == []


async def test_what_is_far_too_big_is_refused_before_it_is_read(address: str) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
    writer.write(b"POST /photos HTTP/1.1\r\nHost: x\r\nAccept: application/json\r\nContent-Length: 99999999\r\n\r\n")
    answer = await asyncio.wait_for(reader.read(), 5)
    assert b" 413 " in answer and b"photo_too_big" in answer
    writer.close()


async def test_a_photo_form_without_a_photo_says_so(phone: httpx.AsyncClient) -> None:
    answer = await phone.post("/photos", data={"text": "x"})
    assert answer.status_code == 400 and answer.json()["error"]["code"] == "photo_missing"


async def test_whoever_writes_too_fast_is_told_when_to_go_on(
    desk: Desk, attachments: Any, county: County, bot: EchoBot
) -> None:
    web = WebInput(desk, attachments, county, Visitors(b"k"), per_minute=60)
    async with (
        serving(bot, web) as address,
        httpx.AsyncClient(base_url=address, headers={"Accept": "application/json"}) as phone,
    ):
        await phone.get("/")
        answers = [await phone.post("/messages", json={"text": f"m{n}"}) for n in range(40)]
    refused = [a for a in answers if a.status_code != 200]
    assert refused and {a.status_code for a in refused} == {429}
    assert refused[0].json()["error"]["code"] == "too_fast" and int(refused[0].headers["Retry-After"]) >= 1
    assert len(bot.heard) == 40 - len(refused)


async def test_a_store_that_refuses_is_admitted_and_the_same_message_can_be_sent_again(
    phone: httpx.AsyncClient, desk: Desk, bot: EchoBot, tmp_path: Path
) -> None:
    await write(phone)
    with desk.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE messages RENAME TO gone")
    answer = await phone.post("/messages", json={"text": "second", "ref": "r2"})
    assert answer.status_code == 503 and answer.json()["error"]["text"] == WORDS.error("store_down", "zh")
    with desk.store.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE gone RENAME TO messages")
    assert (await write(phone, "second", ref="r2"))["replies"][0]["text"] == "heard second"
    assert len(bot.heard) == 2


async def test_a_stored_message_is_answered_after_the_server_was_killed(
    desk: Desk, attachments: Any, county: County, bot: EchoBot
) -> None:
    first = WebInput(desk, attachments, county, Visitors(b"k"), per_minute=0)
    bot.pause = 30
    async with httpx.AsyncClient(headers={"Accept": "application/json"}) as phone:
        async with serving(bot, first) as address:
            await phone.get(f"{address}/")
            with pytest.raises(httpx.ReadTimeout):
                await phone.post(f"{address}/messages", json={"text": "m", "ref": "r1"}, timeout=0.3)
            for task in list(first._gate._running):
                task.cancel()
        bot.pause = 0
        second = WebInput(desk, attachments, county, Visitors(b"k"), per_minute=0)
        async with serving(bot, second) as address:
            got = (await phone.post(f"{address}/messages", json={"text": "m", "ref": "r1"})).json()
            assert got["replies"][0]["text"] == "heard m"
            messages = (await phone.get(f"{address}/messages?after=0")).json()["messages"]
    assert [m["text"] for m in messages] == ["m", "heard m"]


async def test_stopping_does_not_wait_for_pages_that_listen(
    desk: Desk, attachments: Any, county: County, bot: EchoBot
) -> None:
    web = WebInput(desk, attachments, county, Visitors(b"k"), per_minute=0)
    async with httpx.AsyncClient(headers={"Accept": "application/json"}) as phone:
        async with serving(bot, web) as address:
            waiting = asyncio.ensure_future(phone.get(f"{address}/messages?after=0&wait=25", timeout=30))
            await asyncio.sleep(0.2)
            started_at = time.monotonic()
        assert (await waiting).json()["messages"] == [] and time.monotonic() - started_at < 3


async def test_the_page_takes_the_place_of_rasas_greeting(web: WebInput) -> None:
    Sanic.test_mode = True
    app = configure_app([web], enable_api=False, route="/", use_uvloop=False)
    async with started(app) as address, httpx.AsyncClient(base_url=address) as phone:
        page = await phone.get("/")
        assert page.headers["content-type"].startswith("text/html") and "Rasa" not in page.text
        assert (await phone.get("/health")).json() == {"status": "starting"}

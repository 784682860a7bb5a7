"""The chat page in a real Chromium: what people see, press and lose the network with."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, BrowserContext, Page, async_playwright, expect

from cases.desk import Desk
from channels.web import WebInput
from channels.words import Words
from tests.channels.conftest import EchoBot
from tests.channels.test_web import picture

pytestmark = pytest.mark.browser
PAGE = Words.load().page("zh")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


@pytest.fixture
async def browser() -> AsyncIterator[Browser]:
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("Chromium is not installed here")
    async with async_playwright() as playwright:
        started = await playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield started
        await started.close()


@pytest.fixture
async def phone(browser: Browser, address: str) -> AsyncIterator[Page]:
    """A small phone on the page; whatever its console says is a failure."""
    context = await browser.new_context(viewport={"width": 360, "height": 740}, locale="zh-CN", base_url=address)
    async with watched(context) as page:
        yield page


class watched:
    """Opens the chat and holds that the browser had nothing to complain of."""

    def __init__(self, context: BrowserContext) -> None:
        self.context, self.complaints = context, list[str]()

    async def __aenter__(self) -> Page:
        page = await self.context.new_page()
        page.on("console", lambda said: self.complaints.append(said.text))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        await page.goto("/")
        return page

    async def __aexit__(self, *_: object) -> None:
        await self.context.close()
        left = [c for c in self.complaints if "ERR_INTERNET_DISCONNECTED" not in c and "ERR_FAILED" not in c]
        assert left == []


async def write(page: Page, text: str) -> None:
    await page.fill("#text", text)
    await page.click(".send")
    await expect(page.locator("#log .message.bot").last).to_contain_text(f"heard {text}")
    await expect(page.locator("#thinking")).to_be_hidden()


async def test_a_message_and_its_answer_appear_without_a_new_page(phone: Page) -> None:
    await phone.evaluate("window.same = true")
    await write(phone, "路灯不亮")
    assert await phone.evaluate("window.same") is True
    assert await phone.input_value("#text") == ""
    await expect(phone.locator("#log .message.resident")).to_have_count(1)
    await expect(phone.locator("#log .message.resident .text")).to_have_text("路灯不亮")


async def test_buttons_press_once_and_then_are_gone(phone: Page, bot: EchoBot) -> None:
    await write(phone, "a button please")
    await phone.click("text=Yes, submit")
    await expect(phone.locator("#log .message.bot").last).to_contain_text("heard /affirm")
    await expect(phone.locator("text=Yes, submit")).to_have_count(1)
    assert bot.texts[-1] == "/affirm"


async def test_after_a_new_page_the_same_buttons_are_offered(phone: Page, bot: EchoBot) -> None:
    await write(phone, "a button please")
    await phone.reload()
    await phone.click("text=Yes, submit")
    await expect(phone.locator("#log .message.bot").last).to_contain_text("heard /affirm")
    assert bot.texts[-1] == "/affirm"


async def test_markup_in_words_and_sources_is_only_text(phone: Page) -> None:
    await write(phone, "<img src=x onerror=alert(1)> source")
    await phone.click("summary")
    await expect(phone.locator(".source p").first).to_have_text("<b>第一条</b> …")
    await expect(phone.locator("#log img")).to_have_count(0)


async def test_without_network_the_words_stay_and_go_out_once_when_it_is_back(
    phone: Page, bot: EchoBot, desk: Desk, web: WebInput
) -> None:
    await write(phone, "first")
    await phone.context.set_offline(True)
    await phone.fill("#text", "second")
    await phone.click(".send")
    await expect(phone.locator(".again")).to_have_text(PAGE["unsent"])
    await expect(phone.locator("#trouble")).to_have_text(PAGE["offline"])
    await phone.context.set_offline(False)
    await expect(phone.locator("#log .message.bot").last).to_contain_text("heard second")
    await expect(phone.locator(".again")).to_have_count(0)
    await expect(phone.locator("#trouble")).to_be_hidden()
    assert bot.texts == ["first", "second"]


async def test_a_message_whose_answer_was_lost_on_the_way_is_not_sent_twice(phone: Page, bot: EchoBot) -> None:
    lost = 0

    async def lose_once(route: object) -> None:
        nonlocal lost
        lost += 1
        if lost == 1:
            await route.fetch()  # type: ignore[attr-defined]
            await route.abort()  # type: ignore[attr-defined]
        else:
            await route.continue_()  # type: ignore[attr-defined]

    await phone.route(lambda url: url.endswith("/messages"), lose_once)
    await phone.fill("#text", "once")
    await phone.click(".send")
    await phone.click(".again")
    await expect(phone.locator("#log .message.bot").last).to_contain_text("heard once")
    await expect(phone.locator("#log .message.resident")).to_have_count(1)
    assert bot.texts == ["once"] and lost == 2


async def test_the_enter_that_chooses_characters_sends_nothing(phone: Page, bot: EchoBot) -> None:
    await phone.fill("#text", "lu deng")
    event = "new KeyboardEvent('keydown', {key: 'Enter', bubbles: true, cancelable: true, isComposing: true})"
    await phone.evaluate(f"document.getElementById('text').dispatchEvent({event})")
    await asyncio.sleep(0.2)
    assert bot.heard == []
    await phone.press("#text", "Enter")
    await expect(phone.locator("#log .message.bot").last).to_contain_text("heard lu deng")


async def test_a_person_is_one_press_away_and_their_words_come_by_themselves(
    phone: Page, bot: EchoBot, desk: Desk, web: WebInput
) -> None:
    await write(phone, "hello")
    await phone.click(".person")
    await expect(phone.locator("#log .message.bot").last).to_contain_text("heard /human")
    (cookie,) = [c for c in await phone.context.cookies() if c["name"] == "minhu"]
    who = web._visitors.known(cookie["value"])
    assert who
    desk.take_over(who, "agent")
    desk.staff_say(who, "agent", "您好，我是坐席")
    await expect(phone.locator("#log .message.staff .text")).to_have_text("您好，我是坐席")
    await expect(phone.locator("#state")).to_have_text(PAGE["staff"])
    desk.release(who, "agent")
    await write(phone, "thanks")
    await expect(phone.locator("#state")).to_be_hidden()


async def test_a_photo_is_made_smaller_sent_and_shown(phone: Page, desk: Desk, web: WebInput) -> None:
    huge = picture("JPEG", (4000, 3000))
    await phone.set_input_files("#photo", {"name": "a.jpg", "mimeType": "image/jpeg", "buffer": huge})
    await expect(phone.locator("#chosen")).to_be_visible()
    await phone.click(".send")
    await expect(phone.locator("#log .message.bot").last).to_contain_text(Words.load().reply("photo_kept", "zh"))
    await phone.reload()
    image = phone.locator("#log .message.resident img")
    await expect(image).to_be_visible()
    assert await image.evaluate("i => i.naturalWidth") == 1600


@pytest.mark.parametrize("width", [320, 360, 768])
@pytest.mark.parametrize("language", ["zh", "en"])
@pytest.mark.parametrize("elders", ["0", "1"])
async def test_nothing_is_cut_off_and_everything_is_big_enough_to_press(
    browser: Browser, address: str, width: int, language: str, elders: str
) -> None:
    context = await browser.new_context(viewport={"width": width, "height": 640}, base_url=address)
    await context.add_cookies(
        [{"name": n, "value": v, "url": address} for n, v in (("language", language), ("elders", elders))]
    )
    async with watched(context) as page:
        await write(page, "a button and a source " + "long" * 30)
        assert await page.evaluate("document.documentElement.scrollWidth") <= width
        for box in await page.locator("button:visible, .pick").all():
            size = await box.bounding_box()
            assert size and size["height"] >= 44 and size["x"] >= 0 and size["x"] + size["width"] <= width
        assert await page.evaluate(
            "document.querySelector('.send').scrollWidth <= document.querySelector('.send').clientWidth"
        )
        letters = "parseFloat(getComputedStyle(document.querySelector('.bubble')).fontSize)"
        assert await page.evaluate(letters) >= (24 if elders == "1" else 18)


async def test_what_was_being_written_survives_a_change_of_language(phone: Page) -> None:
    await phone.fill("#text", "还没写完")
    await phone.click("button[name=language]")
    await expect(phone.locator("html")).to_have_attribute("lang", "en")
    assert await phone.input_value("#text") == "还没写完"


async def test_without_javascript_the_same_conversation_works(browser: Browser, address: str, bot: EchoBot) -> None:
    context = await browser.new_context(
        viewport={"width": 360, "height": 740}, locale="zh-CN", base_url=address, java_script_enabled=False
    )
    async with watched(context) as page:
        await page.fill("#text", "a button please")
        await page.click(".send")
        await page.click("text=Yes, submit")
        await page.click(".person")
        await page.click("button[name=elders]")
        await expect(page.locator("#log .message.bot")).to_have_count(4)
        assert bot.texts == ["a button please", "/affirm", "/human"]

"""A new clerk's task: a question nobody could answer, answered in the console, signed by another, asked in the chat."""

from __future__ import annotations

from playwright.sync_api import Page, expect

from knowledge.live import LOOK_EVERY
from tests.browser.test_line import Shot, SignIn, write
from tests.running import Installation

ASKED = "请问体育馆的室内游泳池几时重新开放"


def fill(page: Page, **fields: str) -> None:
    """Fills the form of an answer."""
    for name, text in fields.items():
        page.fill(f"[name={name}]", text)


def test_a_clerk_answers_what_was_asked_in_vain_and_the_chat_says_it_after_a_signature(
    phone: Page, staff: SignIn, running: Installation, shot: Shot
) -> None:
    write(phone, "体育馆的室内游泳池几点开门")
    write(phone, "体育馆游泳池现在开不开门")
    assert "年卡" not in phone.locator("#log").inner_text()
    clerk = staff("example-operator")
    clerk.goto(running.console + "/knowledge")
    shot(clerk, "console-knowledge")
    row = clerk.locator("tr", has_text="游泳池").first
    row.locator("a.button").click()
    fill(
        clerk,
        title_zh="体育馆室内游泳池的开放时间",
        asked_zh="体育馆游泳池几点开\n室内泳池今天开吗\n体育馆的泳池关了吗",
        short_zh="体育馆室内游泳池正在换水检修，重新开放的日子由体育馆张榜公布；年卡顺延。",
        source_title="室内游泳池检修通告",
        source_publisher="体育馆",
        source_date="2026-11-20",
        question=ASKED,
    )
    shot(clerk, "console-knowledge-form")
    clerk.click("main form.card button")
    expect(clerk.locator("p.notice")).to_contain_text("已提交")
    other = staff("example-leader")
    other.goto(running.console + "/knowledge")
    other.click("text=体育馆室内游泳池的开放时间")
    shot(other, "console-knowledge-sign")
    other.click("text=同意，马上生效")
    expect(other.locator("p.notice")).to_contain_text("已生效")
    assert other.locator("tr", has_text="游泳池").count() == 0
    phone.wait_for_timeout(3_000 * LOOK_EVERY)  # milliseconds; the bot looks for changes every LOOK_EVERY seconds
    write(phone, ASKED)
    told = phone.locator("#log .message.bot").last.inner_text()
    shot(phone, "chat-knowledge")
    assert "换水检修" in told and "体育馆室内游泳池的开放时间" in told

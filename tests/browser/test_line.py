"""The whole line as people use it: a resident's phone beside the staff's screens."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.running import Installation

pytestmark = pytest.mark.browser
NUMBER = re.compile(r"[A-Z]{2,4}\d{8}-\d{6}")
Shot = Callable[[Page, str], Path]
SignIn = Callable[[str], Page]


def write(page: Page, text: str) -> None:
    """Types a message, sends it and waits for the answer."""
    before = page.locator("#log .message:not(.resident)").count()
    page.fill("#text", text)
    page.click(".send")
    expect(page.locator("#log .message:not(.resident)").nth(before)).to_be_visible(timeout=20_000)
    expect(page.locator("#thinking")).to_be_hidden(timeout=20_000)


def press(page: Page, title: str) -> None:
    """Presses the newest button with this title and waits for the answer."""
    before = page.locator("#log .message:not(.resident)").count()
    page.locator(f"#log button:has-text('{title}')").last.click()
    expect(page.locator("#log .message:not(.resident)").nth(before)).to_be_visible(timeout=20_000)
    expect(page.locator("#thinking")).to_be_hidden(timeout=20_000)


def number_on(page: Page) -> str:
    """The newest case number on the page."""
    found = NUMBER.findall(page.locator("#log").inner_text())
    assert found, page.locator("#log").inner_text()
    return str(found[-1])


def move(page: Page, name: str, note: str | None = None) -> None:
    """Presses one of the moves on the case page, with a note if it takes one and how a closing was verified."""
    form = page.locator(f"form.move:has(input[name=move][value={name}])")
    if name == "close":
        form.locator("select[name=verified]").select_option("on_site")
    if note:
        form.locator("textarea").fill(note)
    form.locator("button").click()
    expect(page.locator("p.notice")).to_be_visible()


def file_a_lamp(page: Page) -> str:
    """A complaint in Chinese, filed; returns its number."""
    write(page, "国瓷街道五里牌社区的路灯从上个月开始就不亮了，晚上出门好危险")
    press(page, "不留电话")
    press(page, "对，提交")
    return number_on(page)


def test_noise_at_night_is_answered_with_the_law_in_force(phone: Page, shot: Shot) -> None:
    shot(phone, "chat-empty")
    write(phone, "晚上十点以后邻居放音响，法律上怎么规定的")
    shot(phone, "chat-noise")
    told = phone.locator("#log").inner_text()
    assert "生态环境法典" in told and "噪声污染防治法" not in told


def test_a_complaint_in_english_with_a_correction(phone: Page, shot: Shot) -> None:
    write(phone, "The street lamp in Guanzhuang town has been broken since last month")
    press(phone, "Leave none")
    write(phone, "Sorry, it is not Guanzhuang, it is Dongfu town")
    assert "Dongfu" in phone.locator("#log .message.bot").last.inner_text()
    press(phone, "Yes, submit")
    assert number_on(phone)
    shot(phone, "chat-english")


def test_a_case_goes_through_six_steps_and_the_resident_hears_of_each(
    phone: Page, staff: SignIn, running: Installation, shot: Shot
) -> None:
    number = file_a_lamp(phone)
    shot(phone, "chat-filed")
    operator = staff("example-operator")
    shot(operator, "console-queue")
    operator.goto(f"{running.console}/cases/{number}")
    shot(operator, "console-case")
    move(operator, "register")
    move(operator, "dispatch")
    unit_login = operator.locator("dd").first.inner_text()
    assert unit_login
    unit = staff(unit_login_of(running, number))
    unit.goto(f"{running.console}/cases/{number}")
    move(unit, "accept")
    move(unit, "answer", "路灯已于今天上午更换灯泡，现已正常亮灯。")
    shot(unit, "console-unit")
    operator.goto(f"{running.console}/cases/{number}")
    move(operator, "close")
    expect(phone.locator("#log .message.notice")).to_have_count(5, timeout=30_000)
    assert "更换灯泡" in phone.locator("#log").inner_text()
    press(phone, "5")
    shot(phone, "chat-rated")
    operator.goto(f"{running.console}/cases/{number}")
    assert "6" in operator.locator(".steps .now").inner_text()
    shot(operator, "console-rated")


def test_a_neighbour_follows_the_case_and_hears_of_each_step(
    phone: Page, browser: Browser, staff: SignIn, running: Installation, shot: Shot
) -> None:
    number = file_a_lamp(phone)
    neighbour = browser.new_context(viewport={"width": 390, "height": 844}, locale="zh-CN").new_page()
    neighbour.goto(running.chat + "/")
    write(neighbour, "五里牌社区这边路灯坏了，黑得很，上个月就这样")
    shot(neighbour, "chat-join")
    press(neighbour, "一起跟进")
    assert number_on(neighbour) == number
    operator = staff("example-operator")
    operator.goto(f"{running.console}/cases/{number}")
    assert "另有 1 人跟进" in operator.locator("main").inner_text()
    shot(operator, "console-followed")
    move(operator, "register")
    expect(neighbour.locator("#log .message.notice")).to_have_count(1, timeout=30_000)
    neighbour.context.close()


def unit_login_of(running: Installation, number: str) -> str:
    """The example login of the unit that the case was dispatched to."""
    from cases.county import County
    from cases.desk import Desk
    from cases.store import Store
    from tests.running import ROOT

    county = County.load(ROOT / "city")
    unit = Desk(Store(running.database_url), county).case(number).unit
    return next(member.login for member in county.members if member.unit == unit)


def test_a_consultation_is_answered_by_the_adviser(
    phone: Page, staff: SignIn, running: Installation, shot: Shot
) -> None:
    write(phone, "老板拖欠我三个月工资不给，没有签劳动合同，有工资条，我该怎么办，能去仲裁吗")
    press(phone, "要，转给顾问")
    for _ in range(6):
        if phone.locator("#log button:has-text('对，提交')").count():
            break
        if phone.locator("#log .message.bot").last.locator("..").locator("button:has-text('不急')").count():
            press(phone, "不急")
        elif phone.locator("#log button:has-text('不留电话')").count():
            press(phone, "不留电话")
        else:
            write(phone, "王仙镇")
    press(phone, "对，提交")
    number = number_on(phone)
    shot(phone, "chat-consultation")
    from cases.county import County
    from tests.running import ROOT

    adviser = staff(County.load(ROOT / "city").adviser_for("430281105").login)
    shot(adviser, "console-adviser")
    adviser.goto(f"{running.console}/cases/{number}")
    move(adviser, "accept")
    move(adviser, "answer", "可以先到劳动监察投诉，也可以申请劳动仲裁；请保留工资条和聊天记录。")
    expect(phone.locator("#log")).to_contain_text("可以先到劳动监察投诉", timeout=30_000)
    shot(phone, "chat-adviser-answer")


def test_a_person_takes_over_and_gives_back(phone: Page, staff: SignIn, running: Installation, shot: Shot) -> None:
    write(phone, "跟机器人讲不清楚，给我找个人")
    operator = staff("example-operator")
    operator.goto(f"{running.console}/conversations")
    shot(operator, "console-conversations")
    operator.locator("table.rows a").last.click()
    operator.locator("form[action='/conversations/take-over'] button").click()
    operator.locator("textarea[name=text]").fill("您好，我是坐席，您慢慢说。")
    operator.locator("form[action='/conversations/say'] button").click()
    expect(phone.locator("#log .message.staff")).to_contain_text("我是坐席", timeout=30_000)
    shot(operator, "console-conversation")
    shot(phone, "chat-person")
    operator.locator("form[action='/conversations/release'] button").click()
    write(phone, "身份证过期了怎么换")
    assert phone.locator("#log .message.bot").last.inner_text()

"""Who may see and do what in the console, and that what is refused leaves no trace."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from PIL import Image

from cases.attachments import Attachments
from cases.case import Case
from cases.county import County
from cases.desk import Desk
from cases.lifecycle import MOVES, STATUSES
from tests.console.conftest import PASSWORD, ROLES, Staff
from tests.running import ROOT

DESK = {"operator", "leader", "administrator"}
PAGES = {
    "/": set(ROLES),
    "/next": set(ROLES),
    "/conversations": DESK,
    "/conversations/web:1": DESK,
    "/figures": DESK,
    "/reports.xlsx": DESK,
    "/knowledge": DESK,
    "/knowledge/edit": DESK,
    "/knowledge/table.csv": DESK,
    "/handovers": DESK,
    "/reports": DESK,
    "/records": DESK | {"unit"},
    "/registry": DESK | {"unit"},
    "/audit": {"leader", "administrator"},
}
FORMS = ("move", "amend", "reveal")
WORDS = yaml.safe_load((ROOT / "console/words.yml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("page", [*PAGES, "/cases/LL20261124-000001", "/photo?conversation=web:1&key=x.png"])
def test_nobody_sees_a_page_without_signing_in(page: str, visitor: Staff) -> None:
    answer = visitor.get(page)
    assert answer.status_code == 303 and answer.headers["location"] == "/sign-in"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_for_its_roles_only(page: str, role: str, staff: Callable[..., Staff]) -> None:
    status = staff(role).get(page).status_code
    assert (status in (200, 303)) == (role in PAGES[page]), status


def test_a_wrong_login_and_a_wrong_password_look_the_same(visitor: Staff) -> None:
    wrong = visitor.post("/sign-in", login="example-operator", password="no")
    unknown = visitor.post("/sign-in", login="nobody", password="no")
    strip = re.compile(r'value="[^"]*"')
    assert strip.sub("", wrong.text) == strip.sub("", unknown.text) and "账号或密码不对" in wrong.text


def test_who_guesses_passwords_is_made_to_wait_even_with_the_right_one(visitor: Staff) -> None:
    for _ in range(8):
        visitor.post("/sign-in", login="example-operator", password="no")
    assert "过五分钟" in visitor.post("/sign-in", login="example-operator", password=PASSWORD).text


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("token", ["", "wrong", "错"])
def test_a_form_without_our_token_changes_nothing(
    form: str, token: str, staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk
) -> None:
    case = file()
    fields = {"token": token, "version": "1", "move": "register", "category": "urban.rubbish", "reason": "要核实一下"}
    answer = staff("operator").client.post(f"/cases/{case.number}/{form}", data=fields)
    assert answer.status_code == 403 and desk.case(case.id) == case


@pytest.mark.parametrize("role", ROLES)
def test_the_case_page_offers_exactly_the_moves_of_the_table(
    role: str, staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk, county: County
) -> None:
    case = file()
    for move in ("register", "dispatch"):
        now = desk.case(case.id)
        desk.move(case.id, move, actor="example-operator", role="operator", version=now.version)
    case = desk.case(case.id)
    answer = staff(role, case.unit if role == "unit" else None).get(f"/cases/{case.number}")
    offered = set(re.findall(r'name="move" value="(\w+)"', answer.text))
    if role == "adviser":
        assert answer.status_code == 403
    else:
        assert offered == {move.code for move in desk.moves(case, role)} and offered


def test_the_case_page_has_words_fields_and_transcript_and_escapes_them(
    staff: Callable[..., Staff], file: Callable[..., Case]
) -> None:
    text = staff("operator").get(f"/cases/{file().number}").text
    assert "第三次了" in text and "学校门口" in text and 'class="transcript"' in text
    assert "<script>alert" not in text and "&lt;script&gt;alert" in text


def test_a_move_is_made_once_and_tells_the_resident(
    staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk
) -> None:
    case = file()
    told = staff("operator").post(f"/cases/{case.number}/move", version="1", move="register")
    assert "已办理" in told.text and desk.case(case.id).status == "registered"
    assert [m.author for m in desk.transcript("web:1")][-1] == "notice"


def test_a_stale_page_says_so_and_changes_nothing(
    staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk
) -> None:
    case = file()
    operator = staff("operator")
    operator.post(f"/cases/{case.number}/move", version="1", move="register")
    before = desk.case(case.id)
    answer = operator.post(f"/cases/{case.number}/move", version="1", move="register")
    assert answer.status_code == 409 and "刚被别人改过" in answer.text and desk.case(case.id) == before


@pytest.mark.parametrize(
    ("fields", "told"),
    [
        ({"move": "close"}, "现在的状态不能这样办"),
        ({"move": "refuse", "note": "  "}, "请写明原因"),
        ({"move": "nonsense"}, "现在的状态不能这样办"),
        ({"move": "register", "version": "x"}, "刚被别人改过"),
    ],
)
def test_a_refused_move_leaves_no_trace(
    fields: dict[str, str], told: str, staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk
) -> None:
    case = file()
    answer = staff("operator").post(f"/cases/{case.number}/move", **{"version": "1", **fields})
    assert answer.status_code == 409 and told in answer.text
    assert desk.case(case.id) == case and len(desk.timeline(case.id)) == 1


def test_fields_are_corrected_and_words_never(
    staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk
) -> None:
    case = file()
    fields = {"category": "urban.rubbish", "town": "430281103", "words": "改掉", "version": "1"}
    staff("operator").post(f"/cases/{case.number}/amend", **fields)
    now = desk.case(case.id)
    assert (now.category, now.town, now.words) == ("urban.rubbish", "430281103", case.words)


@pytest.mark.parametrize("field", ["category", "town", "village"])
def test_an_unknown_code_is_told_and_changes_nothing(
    field: str, staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk
) -> None:
    case = file()
    answer = staff("operator").post(f"/cases/{case.number}/amend", **{field: "999", "version": "1"})
    assert answer.status_code == 400 and "没有更改" in answer.text and desk.case(case.id) == case


def dispatched(desk: Desk, case: Case) -> Case:
    for move in ("register", "dispatch"):
        case = desk.move(case.id, move, actor="example-operator", role="operator", version=case.version)
    return case


def test_a_unit_sees_its_matter_and_not_the_person(
    staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk, county: County
) -> None:
    case = dispatched(desk, file())
    text = staff("unit", case.unit).get(f"/cases/{case.number}").text
    assert "第三次了" in text and "5678" not in text and 'class="transcript"' not in text
    other = next(m for m in county.staff if m.role == "unit" and m.unit != case.unit)
    stranger = staff("unit", login=other.login)
    assert stranger.get(f"/cases/{case.number}").status_code == 403
    assert case.number not in stranger.get("/").text


def test_words_in_full_are_shown_once_to_the_desk_for_a_reason_that_is_logged(
    staff: Callable[..., Staff], desk: Desk
) -> None:
    desk.hear("web:1", "web", "我叫刘翠花，电话13812345678", "r2")
    page, operator = "/conversations/web:1", staff("operator")
    assert "reveal" in operator.get(page).text and "reveal" not in staff("leader").get(page).text
    assert "13812345678" not in operator.get(page).text
    assert "请写明" in operator.post("/conversations/reveal", conversation="web:1", reason="看").text
    told = operator.post("/conversations/reveal", conversation="web:1", reason="要回电给她").text
    assert "13812345678" in told and "刘翠花" in told and "只显示这一次" in told
    assert "13812345678" not in operator.get(page).text
    entries, _ = desk.audit_trail()
    assert [(e.object, e.reason) for e in entries if e.action == "reveal"] == [("web:1", "要回电给她")]
    assert staff("leader").post("/conversations/reveal", conversation="web:1", reason="想看看是谁").status_code == 403


def test_who_may_not_see_a_contact_is_offered_no_form_for_it(
    staff: Callable[..., Staff], file: Callable[..., Case]
) -> None:
    page = f"/cases/{file().number}"
    assert f"{page}/reveal" in staff("operator").get(page).text
    assert f"{page}/reveal" not in staff("leader").get(page).text


def test_a_contact_is_shown_for_a_reason_that_is_logged(
    staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk
) -> None:
    case, operator = file(), staff("operator")
    assert "13812345678" not in operator.get(f"/cases/{case.number}").text
    refused = operator.post(f"/cases/{case.number}/reveal", reason="看")
    assert refused.status_code == 409 and "13812345678" not in refused.text
    assert "13812345678" in operator.post(f"/cases/{case.number}/reveal", reason="要打电话核实").text
    entries, whole = desk.audit_trail()
    assert whole.broken is None and [e.reason for e in entries if e.action == "reveal"] == ["要打电话核实"]
    assert "要打电话核实" in staff("leader").get("/audit").text


def test_every_look_at_a_case_is_logged(staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk) -> None:
    case = file()
    staff("leader").get(f"/cases/{case.number}")
    assert [e.object for e in desk.audit_trail()[0] if e.action == "look"] == [case.number]


def test_emergencies_stand_first_in_the_queue(staff: Callable[..., Staff], file: Callable[..., Case]) -> None:
    plain, urgent = file("a"), file("b", emergency="gas")
    text = staff("operator").get("/").text
    assert text.index(urgent.number) < text.index(plain.number)
    assert staff("operator").get("/next").headers["location"] == f"/cases/{urgent.number}"


def test_a_conversation_is_taken_over_answered_and_given_back(staff: Callable[..., Staff], desk: Desk) -> None:
    desk.ask_for_person("web:1", "asked", "r1")
    operator = staff("operator")
    operator.post("/conversations/take-over", conversation="web:1")
    assert desk.conversation("web:1").holder == "staff"
    operator.post("/conversations/say", conversation="web:1", text="您好，请讲")
    assert desk.transcript("web:1")[-1].text == "您好，请讲"
    operator.post("/conversations/release", conversation="web:1")
    assert desk.conversation("web:1").holder == "bot"


def test_nobody_speaks_in_a_conversation_that_a_colleague_holds(
    staff: Callable[..., Staff], desk: Desk, county: County
) -> None:
    desk.take_over("web:1", "somebody-else")
    told = staff("operator").post("/conversations/say", conversation="web:1", text="您好")
    assert "不在您手里" in told.text and all(m.author != "staff" for m in desk.transcript("web:1"))


def test_photos_are_for_those_who_have_the_matter_in_hand(
    staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk, tmp_path: Path, county: County
) -> None:
    picture = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(picture, "PNG")
    key = Attachments(tmp_path / "attachments").keep(picture.getvalue(), "web:1")
    desk.hear("web:1", "web", "", "r2", attachments=(key,))
    case = dispatched(desk, file())
    address = f"/photo?conversation=web:1&key={key}"
    assert key in staff("operator").get(f"/cases/{case.number}").text
    assert staff("unit", case.unit).get(address).headers["content-type"] == "image/png"
    other = next(m.login for m in county.staff if m.role == "unit" and m.unit != case.unit)
    assert staff("unit", login=other).get(address).status_code == 404
    assert staff("operator").get("/photo?conversation=web:2&key=" + key).status_code == 404
    assert staff("operator").get("/photo?conversation=web:1&key=../minhu.db").status_code == 404


def test_the_figures_are_those_of_the_store(staff: Callable[..., Staff], file: Callable[..., Case], desk: Desk) -> None:
    file("a"), file("b")
    assert desk.figures()["open"] == 2
    assert re.search(r"<b>\s*2\s*</b>", staff("leader").get("/figures").text)


@pytest.mark.parametrize("page", PAGES)
def test_no_page_shows_a_code_instead_of_a_word(
    page: str, staff: Callable[..., Staff], file: Callable[..., Case]
) -> None:
    file(emergency="gas", signals=("repeat", "urgent"))
    text = re.sub(r"<[^>]*>", " ", staff("administrator").client.get(page).text)
    assert not re.search(r"\b(status|move|role|kind|signal|danger|holder|audit|figure|report)_\w+", text)


def test_every_code_has_a_label_in_both_languages() -> None:
    needed = [f"status_{s}" for s in STATUSES] + [f"move_{m}" for m in MOVES] + [f"role_{r}" for r in ROLES]
    needed += [f"kind_{k}" for k in ("complaint", "suggestion", "praise", "question", "consultation")]
    needed += [f"note_{m.code}" for m in MOVES.values() if "note" in m.needs and m.roles != ("system",)]
    signals = yaml.safe_load((ROOT / "nlu/lookups/signals.yml").read_text(encoding="utf-8"))["signals"]
    needed += [f"signal_{s}" for s in (*signals, "urgent", "urged")]
    assert [code for code in needed if not (WORDS.get(code, {}).get("zh") and WORDS.get(code, {}).get("en"))] == []


def test_the_console_speaks_english(staff: Callable[..., Staff], file: Callable[..., Case]) -> None:
    operator = staff("operator")
    operator.post("/language", language="en")
    text = operator.get(f"/cases/{file().number}").text
    at = text.find("立案")
    assert "Register" in text and at < 0, text[max(0, at - 80) : at + 20]


@pytest.mark.parametrize("page", ["/sign-in", "/", "/static/console.css"])
def test_nothing_foreign_may_be_loaded_framed_or_kept(page: str, staff: Callable[..., Staff]) -> None:
    headers = staff("operator").get(page).headers
    assert "default-src 'self'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"

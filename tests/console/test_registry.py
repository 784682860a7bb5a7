"""The registry in the console: who sees and edits what, the form, the table with its dry run, a case's links."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import yaml

from cases import registry_table as table
from cases.case import Case
from cases.desk import Desk
from cases.registry import LINK_ROLES, Entry, Registry
from console.page import Who
from console.registry_page import Uploads, box
from tests.console.conftest import ROLES, Staff
from tests.running import ROOT

VIEWERS, EDITORS = {"operator", "administrator", "leader", "unit"}, {"operator", "administrator"}
PAGES = {
    "/registry": VIEWERS,
    "/registry?kind=organisation&words=国瓷": VIEWERS,
    "/registry/1": VIEWERS,
    "/registry/new?kind=thing": EDITORS,
    "/registry/1/edit": EDITORS,
    "/registry/import": EDITORS,
    "/registry/table.csv": VIEWERS - {"unit"},
}
FORMS = {
    "/registry/new": {"kind": "place", "code": "S1", "subkind": "school", "name": "示例小学"},
    "/registry/1/edit": {"version": "1", "name": "示例路灯乙"},
    "/registry/1/retire": {"version": "1", "reason": "拆除"},
    "/registry/1/reveal": {"reason": "上门服务"},
    "/registry/import": {},
    "/registry/import/confirm": {"ticket": "x"},
    "/cases/LL20261124-000001/link": {"code": "LAMP-1"},
    "/cases/LL20261124-000001/unlink": {"entry": "1"},
    "/cases/LL20261124-000001/person": {"name": "张三", "consent": "2026-11-20 电话同意"},
}
TOWN = "430281004"
LAMP = {"kind": "thing", "code": "LAMP-1", "subkind": "lamp", "name": "示例路灯", "town": TOWN}
CONSENT = "2026-11-20 电话回访时口头同意"
WORDS = yaml.safe_load((ROOT / "console/words.yml").read_text(encoding="utf-8"))


@pytest.fixture
def registry(app: Any) -> Registry:
    made: Registry = app.state.books.registry
    return made


@pytest.fixture
def lamp(registry: Registry) -> Entry:
    return registry.add(by="o", **LAMP, longitude=113.5, latitude=27.65, detail={"材质": "<b>铁</b>"})


def text_of(answer: Any) -> str:
    return re.sub(r"<[^>]+>|\s+", " ", answer.text)


@pytest.mark.parametrize("page", [*PAGES, "/cases/LL20261124-000001/registry"])
def test_nobody_sees_the_registry_without_signing_in(page: str, visitor: Staff, lamp: Entry) -> None:
    assert visitor.get(page).headers["location"] == "/sign-in"


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("page", PAGES)
def test_every_page_is_for_its_roles_only(page: str, role: str, staff: Callable[..., Staff], lamp: Entry) -> None:
    who = staff(role, "town-004") if role == "unit" else staff(role)
    assert who.get(page).status_code == (200 if role in PAGES[page] else 403)


@pytest.mark.parametrize("role", sorted(set(ROLES) - EDITORS))
@pytest.mark.parametrize("form", FORMS)
def test_who_only_looks_changes_nothing(
    form: str, role: str, staff: Callable[..., Staff], lamp: Entry, registry: Registry, file: Callable[..., Case]
) -> None:
    case = file()
    answer = staff(role).post(form, **FORMS[form])
    assert answer.status_code == 403 and registry.find(retired=True) == [lamp]
    assert registry.entries_of(case.id) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_form_without_our_token_changes_nothing(
    form: str, staff: Callable[..., Staff], lamp: Entry, registry: Registry, file: Callable[..., Case]
) -> None:
    case = file()
    answer = staff("operator").client.post(form, data={**FORMS[form], "token": "wrong"})
    assert answer.status_code == 403 and registry.find(retired=True) == [lamp]
    assert registry.entries_of(case.id) == []


def test_a_unit_sees_its_own_towns_things_only(staff: Callable[..., Staff], lamp: Entry) -> None:
    own, other = staff("unit", "town-004"), staff("unit", "town-002")
    assert "LAMP-1" in own.get("/registry").text and "示例路灯" in own.get(f"/registry/{lamp.id}").text
    assert "LAMP-1" not in other.get("/registry").text and other.get(f"/registry/{lamp.id}").status_code == 403


@pytest.mark.parametrize("path", ["/registry/99", "/registry/99/edit", f"/registry/{2**70}", "/registry/table.exe"])
def test_what_is_not_there_is_not_found(path: str, staff: Callable[..., Staff]) -> None:
    assert staff("operator").get(path).status_code == 404


@pytest.mark.parametrize(
    "query", ["page=99999999999999999999999", "near=x", "near=nan,nan", "near=1,2,3", "town=x", "kind=x", "page=-1"]
)
def test_an_odd_search_is_answered(query: str, staff: Callable[..., Staff], lamp: Entry) -> None:
    assert staff("operator").get(f"/registry?{query}").status_code == 200


def test_search_finds_by_words_and_near_a_point_and_escapes_what_it_shows(
    staff: Callable[..., Staff], lamp: Entry, registry: Registry
) -> None:
    registry.add(by="o", **{**LAMP, "code": "LAMP-2", "longitude": 113.501, "latitude": 27.65})
    clerk = staff("operator")
    assert "LAMP-2" in clerk.get("/registry?near=113.5012,27.65").text
    assert "LAMP-1" not in clerk.get("/registry?words=LAMP-2").text
    page = clerk.get(f"/registry/{lamp.id}").text
    assert "LAMP-2" in page and "98 m" in page and "&lt;b&gt;铁" in page and "<b>铁" not in page


def test_organisations_show_units_and_staff_of_the_countys_files(staff: Callable[..., Staff]) -> None:
    page = staff("leader").get("/registry?kind=organisation&words=公安局").text
    assert "public-security" in page and "example-unit-public-security" in page


# --- the form ------------------------------------------------------------------------------------------------------


def test_an_entry_is_made_and_changed_by_form(staff: Callable[..., Staff], registry: Registry) -> None:
    clerk = staff("operator")
    assert "路灯" in clerk.get("/registry/new?kind=thing").text
    given = {**LAMP, "detail": "材质：铸铁\n盏: 2", "grid": "", "longitude": "113.5", "latitude": "27.65"}
    assert "已保存" in clerk.post("/registry/new", **given).text
    made = registry.by_code("LAMP-1")
    assert made.detail == {"材质": "铸铁", "盏": "2"} and made.updated_by == "example-operator"
    page = clerk.get(f"/registry/{made.id}/edit").text
    assert "材质: 铸铁" in page and 'value="113.5"' in page
    clerk.post(f"/registry/{made.id}/edit", version="1", name="示例路灯乙", detail="", longitude="", latitude="")
    new = registry.entry(made.id)
    assert (new.name, new.detail, new.longitude, new.town, new.version) == ("示例路灯乙", {}, None, TOWN, 2)


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": ""}, "名称： 没有填"),
        ({"longitude": "27.65", "latitude": "113.5"}, "超出 -90 到 90"),
        ({"detail": "没有冒号"}, "要写成 名称：内容"),
        ({"detail": "电话：13812345678"}, "手机号或身份证号"),
        ({"grid": "x-1"}, "网格： 没有“x-1”"),
    ],
)
def test_a_form_with_a_fault_comes_back_as_it_was_filled_in(
    wrong: dict[str, str], told: str, staff: Callable[..., Staff], registry: Registry
) -> None:
    answer = staff("operator").post("/registry/new", **{**LAMP, "name_en": "kept words", **wrong})
    assert answer.status_code == 422 and told.replace("： ", "：") in text_of(answer) and "kept words" in answer.text
    assert registry.find() == []


def test_who_comes_second_sees_what_stands_there_now_beside_their_own_words(
    staff: Callable[..., Staff], lamp: Entry, registry: Registry
) -> None:
    registry.change(lamp.id, version=1, by="p", name="示例路灯丙")
    clerk = staff("operator")
    answer = clerk.post(f"/registry/{lamp.id}/edit", version="1", name="示例路灯丁")
    assert answer.status_code == 409 and "名称: 示例路灯丙" in answer.text and 'value="示例路灯丁"' in answer.text
    assert registry.entry(lamp.id).name == "示例路灯丙" and 'name="version" value="2"' in answer.text
    clerk.post(f"/registry/{lamp.id}/edit", version="2", name="示例路灯丁")
    assert registry.entry(lamp.id).name == "示例路灯丁"


def test_an_entry_is_retired_with_a_reason_once(staff: Callable[..., Staff], lamp: Entry, registry: Registry) -> None:
    clerk = staff("administrator")
    assert "请写明" in clerk.post(f"/registry/{lamp.id}/retire", version="1", reason=" ").text
    assert "已撤下" in clerk.post(f"/registry/{lamp.id}/retire", version="1", reason="拆除").text
    assert registry.find() == [] and clerk.get(f"/registry/{lamp.id}/edit").status_code == 403
    assert clerk.post(f"/registry/{lamp.id}/retire", version="2", reason="拆除").status_code == 409
    assert clerk.post("/registry/99/retire", version="2", reason="拆除").status_code == 404


# --- the table -----------------------------------------------------------------------------------------------------


def upload(who: Staff, content: bytes) -> Any:
    token = re.search(r'name="token" value="([^"]+)"', who.get("/registry/import").text)
    assert token
    files = {"file": ("lamps.csv", content)}
    return who.client.post("/registry/import", data={"token": token.group(1)}, files=files)


def ticket_of(answer: Any) -> str:
    found = re.search(r'name="ticket" value="([^"]+)"', answer.text)
    assert found, text_of(answer)[:500]
    return found.group(1)


TABLE = "kind,code,subkind,name\nthing,LAMP-1,lamp,示例路灯乙\n物,L2,路灯,示例路灯\n".encode()


def test_a_table_is_tried_then_confirmed_once_by_whoever_brought_it(
    staff: Callable[..., Staff], lamp: Entry, registry: Registry
) -> None:
    clerk, another = staff("operator"), staff("administrator")
    answer = upload(clerk, TABLE)
    assert re.findall(r"<b>(\d+)</b>", answer.text) == ["1", "1", "0"] and registry.find() == [lamp]
    ticket = ticket_of(answer)
    assert "不在了" in another.post("/registry/import/confirm", ticket=ticket).text and registry.find() == [lamp]
    assert "已导入" in clerk.post("/registry/import/confirm", ticket=ticket).text
    assert [entry.name for entry in registry.find()] == ["示例路灯", "示例路灯乙"]
    assert "不在了" in clerk.post("/registry/import/confirm", ticket=ticket).text
    assert "不用导入" in upload(clerk, TABLE).text


def test_a_table_with_faults_names_row_and_column_and_offers_nothing_to_confirm(
    staff: Callable[..., Staff], registry: Registry
) -> None:
    answer = upload(staff("operator"), TABLE + "thing,L3,lamps,示例\n".encode() + "人,P1,resident,张三\n".encode())
    assert answer.status_code == 422 and "第 4 行，小类（subkind）：没有“lamps”" in answer.text
    assert "第 5 行，本人同意" in answer.text and 'name="ticket"' not in answer.text and registry.find() == []


@pytest.mark.parametrize("content", [b"", b"\xff\xfe\x00", b"PK\x03\x04"])
def test_a_file_that_is_no_table_is_refused(content: bytes, staff: Callable[..., Staff]) -> None:
    assert upload(staff("operator"), content).status_code == 422


def test_a_change_between_try_and_word_stops_the_table(
    staff: Callable[..., Staff], lamp: Entry, registry: Registry
) -> None:
    clerk = staff("operator")
    content = table.export(registry, "csv").decode().replace("示例路灯", "示例路灯乙").encode()
    ticket = ticket_of(upload(clerk, content))
    new = registry.change(lamp.id, version=1, by="p", name="示例路灯丙")
    answer = clerk.post("/registry/import/confirm", ticket=ticket)
    assert answer.status_code == 422 and "导出以后别人改过" in answer.text and registry.entry(lamp.id) == new


def test_uploads_wait_half_an_hour_and_are_few(desk: Desk) -> None:
    now, uploads = desk.clock(), Uploads()
    first = uploads.keep("o", b"1", now)
    tickets = [uploads.keep("o", b"2", now) for _ in range(Uploads.MOST)]
    assert uploads.take(first, "o", now) is None and uploads.take(tickets[0], "p", now) is None
    assert uploads.take(tickets[0], "o", now) == b"2" and uploads.take(tickets[0], "o", now) is None
    assert uploads.take(tickets[1], "o", now + timedelta(minutes=31)) is None


@pytest.mark.parametrize("ending", ["csv", "xlsx"])
def test_the_table_that_goes_out_comes_in_the_same(ending: str, staff: Callable[..., Staff], lamp: Entry) -> None:
    clerk = staff("operator")
    answer = clerk.get(f"/registry/table.{ending}")
    assert f"minhu-registry.{ending}" in answer.headers["content-disposition"]
    assert "不用导入" in upload(clerk, answer.content).text


# --- a case's links ------------------------------------------------------------------------------------------------


def test_a_case_is_linked_by_code_and_repeated_trouble_shows(
    staff: Callable[..., Staff], lamp: Entry, registry: Registry, file: Callable[..., Case]
) -> None:
    clerk, first, second = staff("operator"), file("k1"), file("k2")
    for case in (first, second):
        clerk.post(f"/cases/{case.number}/link", code=" thing/LAMP-1 ", role="cause")
    [linked] = registry.entries_of(first.id)
    assert (linked.entry, linked.role, linked.by) == (lamp, "cause", "example-operator")
    page = clerk.get(f"/cases/{first.number}/registry").text
    assert "共 2 件工单" in page and "起因" in page and f"/registry/{lamp.id}" in page
    entry = clerk.get(f"/registry/{lamp.id}").text
    assert first.number in entry and second.number in entry and "<script>alert" not in entry
    clerk.post(f"/cases/{first.number}/unlink", entry=str(lamp.id))
    assert registry.entries_of(first.id) == []


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"code": "L9"}, "没有这个编码"),
        ({"code": ""}, "没有这个编码"),
        ({"code": "LAMP-1", "role": "x"}, "不能这样关联"),
    ],
)
def test_a_link_that_is_refused_says_why(
    given: dict[str, str], told: str, staff: Callable[..., Staff], lamp: Entry, file: Callable[..., Case]
) -> None:
    case = file()
    assert told in staff("operator").post(f"/cases/{case.number}/link", **given).text
    assert staff("operator").post("/cases/LL1/link", **given).status_code == 403
    assert "没有这个编码" in staff("operator").post(f"/cases/{case.number}/unlink", entry="x").text


def test_the_resident_is_registered_with_consent_masked_revealed_and_erased(
    staff: Callable[..., Staff], registry: Registry, file: Callable[..., Case]
) -> None:
    clerk, case = staff("operator"), file()
    path = f"/cases/{case.number}/person"
    answer = clerk.post(path, name="张三丰", consent="同意")
    assert answer.status_code == 422 and "何时" in answer.text and registry.find() == []
    assert "张**" in clerk.post(path, name="张三丰", consent=CONSENT).text
    [person] = registry.find(kind="person")
    assert "已经登记过" in clerk.post(path, name="张三丰", consent=CONSENT).text
    page = f"/registry/{person.id}"
    assert "三丰" not in clerk.get(page).text and "13812345678" not in clerk.get(page).text
    assert "请写明" in clerk.post(f"{page}/reveal", reason="看").text
    revealed = clerk.post(f"{page}/reveal", reason="约时间上门").text
    assert "张三丰" in revealed and "13812345678" in revealed
    assert clerk.get(f"{page}/edit").status_code == 403
    assert staff("leader").get(page).status_code == 200 and staff("unit").get(page).status_code == 403
    clerk.post(f"{page}/retire", version="1", reason="本人要求")
    assert "张" not in clerk.get(page).text.split("<main>")[1]
    audit = staff("leader").get("/audit").text
    told = [cells[2] for row in audit.split("<tr>") if (cells := re.findall(r"<td>(.*?)</td>", row))]
    assert "没有被改过" in audit and told.count("查看个人登记的联系方式") == 1 and "撤下登记" in told


def test_a_unit_and_an_adviser_do_not_see_the_resident_among_the_links(
    app: Any, registry: Registry, file: Callable[..., Case], lamp: Entry
) -> None:
    case = file()
    person = registry.add_person(case.number, name="张三", consent=CONSENT, by="o")
    registry.link(case.number, lamp.id, by="o")

    class Asked:
        def __init__(self) -> None:
            self.app = app

    def shown(role: str, unit: str | None = None) -> Any:
        return box(Asked(), Who("x", "x", role, unit, "zh"), case)  # type: ignore[arg-type]

    for role in ("operator", "administrator", "leader"):
        assert [one.entry for one in shown(role).linked] == [person, lamp]
    own, other, adviser = shown("unit", "town-004"), shown("unit", "housing"), shown("adviser")
    for seen in (own, other, adviser):
        assert [one.entry for one in seen.linked] == [lamp] and not seen.edits and seen.nearby == []
    assert own.opens == {lamp.id} and other.opens == adviser.opens == frozenset()
    assert shown("operator").nearby == [lamp]


def test_every_label_the_pages_may_ask_for_is_there() -> None:
    templates = (ROOT / "console/templates").glob("*.html")
    asked = {code for page in templates for code in re.findall(r"\bt\('(\w+)'[,)]", page.read_text(encoding="utf-8"))}
    refused = set(re.findall(r'Refused\("(\w+)"\)', (ROOT / "cases/registry.py").read_text(encoding="utf-8")))
    noted = re.findall(r'_note\(write, by, "(\w+)"', (ROOT / "cases/registry.py").read_text(encoding="utf-8"))
    wanted = asked | {f"refused_{code}" for code in refused} | {f"audit_registry_{what}" for what in noted}
    wanted |= {f"link_{role}" for role in LINK_ROLES}
    assert wanted - set(WORDS) == set()

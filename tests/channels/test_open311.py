"""Open311 over a real server: what other systems see, file and follow, and what they never see."""

from __future__ import annotations

import concurrent.futures
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
import xmltodict
import yaml
from georeport import GeoReport

from cases.county import County
from cases.desk import Desk
from cases.relay import Relay
from cases.shield import Shield
from cases.store import Store
from channels.commits import SharedStore
from channels.open311_words import Open311Words
from channels.push import deliver
from tests.cases.conftest import Clock, clock, county, postgresql, store  # noqa: F401
from tests.channels.interface import LAMP, Running, serve
from tests.running import ROOT


@pytest.fixture
def at(store: Store, county: County, clock: Clock, tmp_path: Path) -> Iterator[Running]:  # noqa: F811
    with serve(Desk(SharedStore(store.url), county, clock, Shield("test secret")), tmp_path) as running:
        yield running


def no_lists_of_one(value: Any) -> Any:
    """JSON as xmltodict would have read its XML."""
    if isinstance(value, list):
        return [no_lists_of_one(item) for item in value]
    if isinstance(value, dict):
        return {name: no_lists_of_one(item) for name, item in value.items()}
    if isinstance(value, bool):
        return "true" if value else "false"
    return None if value in (None, "") else str(value)


# --- read by the PyPI client -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["json", "xml"])
def test_the_pypi_client_reads_services_definition_and_its_own_requests(at: Running, form: str) -> None:
    number = at.file(at.first)
    at.file(at.first, description="又一盏")
    client = GeoReport(at.with_password(at.first), jurisdiction="430281", output_format=form)
    services = client.get_service_list()
    assert [s["service_code"] for s in services] == [c.code for c in at.desk.county.categories]
    assert services[0]["service_name"] == "路灯照明" and services[0]["group"] == "城乡建设"
    definition = client.get_service_definition("urban.lamp")
    attributes = definition["attributes"]
    (asked,) = attributes if form == "json" else [attributes["attribute"]]
    assert asked["code"] == "detail1" and asked["description"] == "是一盏还是一片？灯杆上有编号也请说一下。"
    assert client.get_service_request(number)["service_request_id"] == number
    assert [r["description"] for r in client.get_service_requests()] == ["又一盏", LAMP["description"]]
    assert client.get_service_requests(status="open")[1]["service_code"] == "urban.lamp"


def test_discovery_names_the_endpoint_both_formats_and_the_rule_that_nobody_sees_another(at: Running) -> None:
    told = at.http.get("discovery.json").json()
    (endpoint,) = told["endpoints"]
    assert endpoint["url"] == at.url and endpoint["formats"] == ["text/xml", "application/json"]
    assert "只能看到自己提交的" in told["contact"] and "430281" in told["contact"]
    english = at.http.get("discovery.json", headers={"Accept-Language": "en"}).json()
    assert "sees only what it filed itself" in english["contact"]
    assert httpx.get(endpoint["url"] + "/services.json").status_code == 200


# --- both formats ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("path", "inside"),
    [
        ("discovery", lambda d: {**d["discovery"], "endpoints": [d["discovery"]["endpoints"]["endpoint"]]}),
        ("services", lambda d: d["services"]["service"]),
        ("requests", lambda d: d["service_requests"]["request"]),
        ("requests/{number}", lambda d: [d["service_requests"]["request"]]),
        ("tokens/k", lambda d: [d["service_requests"]["request"]]),
        ("requests/unknown", lambda d: [d["errors"]["error"]]),
        ("services/unknown", lambda d: [d["errors"]["error"]]),
    ],
)
def test_both_formats_hold_the_same(at: Running, path: str, inside: Any) -> None:
    number = at.file(
        at.first, lat="27.65", long="113.5", media_url="http://a.cn/<1>&2", headers={"Idempotency-Key": "k"}
    )
    at.file(at.first, description="<b>&\"'</b>\n第二行")
    at.move(number, "register", "dispatch")
    asked = {"api_key": at.first}
    as_json = at.http.get(path.format(number=number) + ".json", params=asked)
    as_xml = at.http.get(path.format(number=number) + ".xml", params=asked)
    assert as_json.headers["content-type"] == "application/json; charset=utf-8"
    assert as_xml.headers["content-type"] == "text/xml; charset=utf-8"
    assert as_json.status_code == as_xml.status_code
    expected = no_lists_of_one(as_json.json())
    if path == "discovery":
        expected["endpoints"][0]["formats"] = {"format": expected["endpoints"][0]["formats"]}
    assert inside(xmltodict.parse(as_xml.content)) == expected


def test_a_filing_is_answered_in_xml_too(at: Running) -> None:
    answer = at.post(at.first, "xml")
    told = xmltodict.parse(answer.content)["service_requests"]["request"]
    assert at.desk.case(told["service_request_id"]).words == (LAMP["description"],)
    refused = xmltodict.parse(at.post("wrong", "xml").content)["errors"]["error"]
    assert refused["code"] == "403"


# --- filing ----------------------------------------------------------------------------------------------------------


def test_a_filing_is_a_case_with_its_words_place_and_sealed_contact(at: Running) -> None:
    number = at.file(
        at.first, address_string="醴陵市阳三石街道城南社区5号门前", lat="27.65", long="113.5", phone="13900001111",
        email="a@b.cn", first_name="三", last_name="张", media_url="https://a.cn/1.jpg",
        **{"attribute[detail1]": "一盏，编号12"},
    )  # fmt: skip
    case = at.desk.case(number)
    assert case.words == (
        LAMP["description"],
        "是一盏还是一片？灯杆上有编号也请说一下。 一盏，编号12",
        "https://a.cn/1.jpg",
    )
    assert (case.category, case.domain, case.kind) == ("urban.lamp", "urban", "complaint")
    assert (case.town, case.village) == ("430281002", "430281002011")
    assert case.place_said == "醴陵市阳三石街道城南社区*号门前 (27.650000, 113.500000)"
    assert case.contact is not None and case.contact.startswith("139***") and "张三" not in case.contact
    revealed = at.desk.reveal(case.id, actor="op", role="operator", reason="回访核实")
    assert revealed.contact == "13900001111 张三 a@b.cn"
    assert revealed.place == "醴陵市阳三石街道城南社区5号门前 (27.650000, 113.500000)"
    (message,) = at.desk.transcript(case.conversation_id)
    assert "1390000" not in message.text and "张三" not in message.text and LAMP["description"] in message.text
    assert [e.move for e in at.desk.timeline(case.id)] == ["file"]


@pytest.mark.parametrize(
    ("code", "town", "village", "grid"),
    [
        ("430281002", "430281002", None, None),
        ("430281002011", "430281002", "430281002011", None),
        ("430281002007-01", "430281002", "430281002007", "430281002007-01"),
    ],
)
def test_an_address_id_is_a_code_of_the_county(at: Running, code: str, town: str, village: str, grid: str) -> None:
    number = at.file(at.first, address_id=code, address_string=None)
    case = at.desk.case(number)
    assert (case.town, case.village, case.grid) == (town, village, grid)
    assert at.own(at.first)[0]["address_id"] == code


def test_an_address_that_could_be_two_places_is_kept_as_words_only(at: Running) -> None:
    number = at.file(at.first, address_string="阳三石街道和国瓷街道交界处")
    case = at.desk.case(number)
    assert case.town is None and case.place_said == "阳三石街道和国瓷街道交界处"


def test_danger_to_life_is_with_the_duty_desk_at_once(at: Running) -> None:
    case = at.desk.case(at.file(at.first, description="路灯着火了"))
    assert case.emergency == "fire" and case.unit == at.desk.county.duty


def test_without_a_key_every_post_is_a_case_of_its_own(at: Running) -> None:
    assert at.file(at.first) != at.file(at.first)
    assert len(at.own(at.first)) == 2


def test_the_same_idempotency_key_is_the_same_case_by_header_or_attribute(at: Running) -> None:
    number = at.file(at.first, headers={"Idempotency-Key": "abc"})
    before = at.rows()
    assert at.file(at.first, headers={"Idempotency-Key": "abc"}) == number
    assert at.file(at.first, **{"attribute[idempotency_key]": "abc"}) == number
    assert at.rows() == before
    assert at.file(at.second, headers={"Idempotency-Key": "abc"}) != number
    token = at.http.get("tokens/abc.json", params={"api_key": at.first}).json()
    assert token == [{"service_request_id": number, "token": "abc"}]


def test_a_key_names_what_was_filed_not_what_staff_split_off_from_it(at: Running) -> None:
    both = "国瓷路的路灯坏了三天。还有垃圾没人收。"
    number = at.file(at.first, description=both, headers={"Idempotency-Key": "abc"})
    case = at.desk.case(number)
    part = {"part": "还有垃圾没人收。", "category": "urban.rubbish"}
    at.desk.move(case.id, "split", actor="x", role="operator", version=case.version, **part)
    token = at.http.get("tokens/abc.json", params={"api_key": at.first}).json()
    assert token == [{"service_request_id": number, "token": "abc"}] and len(at.own(at.first)) == 2


@pytest.mark.parametrize("change", [{"description": "别的事"}, {"service_code": "urban.road"}])
def test_an_idempotency_key_is_not_taken_for_another_matter(at: Running, change: dict[str, str]) -> None:
    at.file(at.first, headers={"Idempotency-Key": "abc"})
    before = at.rows()
    answer = at.post(at.first, headers={"Idempotency-Key": "abc"}, **change)
    assert answer.status_code == 400 and "Idempotency-Key" in answer.json()[0]["description"]
    assert at.rows() == before


def test_many_at_once_with_one_key_are_one_case_and_without_are_many(at: Running) -> None:
    def file(n: int) -> str:
        with httpx.Client(base_url=at.url, timeout=30) as http:
            headers = {"Idempotency-Key": "one"} if n % 2 else {}
            answer = http.post("/requests.json", data={**LAMP, "api_key": at.first}, headers=headers)
            return str(answer.json()[0]["service_request_id"])

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        numbers = list(pool.map(file, range(40)))
    assert len({numbers[n] for n in range(1, 40, 2)}) == 1
    assert len(set(numbers)) == 21 == len(at.own(at.first)) and at.rows()[0] == 21


def test_what_is_filed_here_is_not_left_for_the_bot_to_answer(at: Running) -> None:
    at.file(at.first)
    assert at.desk.unanswered(0) == []


# --- wrong input -----------------------------------------------------------------------------------------------------

WRONG = [
    ({"service_code": None}, 400, "service_code"),
    ({"service_code": ""}, 400, "service_code"),
    ({"service_code": "no.such"}, 404, "service_code"),
    ({"description": None}, 400, "description"),
    ({"description": "   "}, 400, "description"),
    ({"description": "x" * 4001}, 400, "4000"),
    ({"description": "a\x00b"}, 400, "description"),
    ({"description": ["a", "b"]}, 400, "description"),
    ({"address_string": None}, 400, "lat"),
    ({"address_string": None, "lat": "27.6"}, 400, "long"),
    ({"lat": "north", "long": "113"}, 400, "lat"),
    ({"lat": "91", "long": "113"}, 400, "lat"),
    ({"lat": "nan", "long": "113"}, 400, "lat"),
    ({"address_id": "999"}, 400, "address_id"),
    ({"media_url": "javascript:alert(1)"}, 400, "media_url"),
    ({"attribute[nothing]": "1"}, 400, "nothing"),
    ({"attribute": "1"}, 400, "attribute"),
    ({"phone": "1" * 90}, 400, "70"),
    ({"jurisdiction_id": "elsewhere"}, 404, "430281"),
    ({"attribute[idempotency_key]": "含中文"}, 400, "Idempotency-Key"),
]


@pytest.mark.parametrize(("change", "status", "named"), WRONG)
def test_wrong_input_is_told_clearly_and_stores_nothing(
    at: Running, change: dict[str, Any], status: int, named: str
) -> None:
    before = at.rows()
    answer = at.post(at.first, **change)
    (error,) = answer.json()
    assert answer.status_code == status == error["code"] and named in error["description"], error
    english = at.post(at.first, headers={"Accept-Language": "en-US,en"}, **change).json()[0]["description"]
    assert named in english and english.isascii()
    assert at.rows() == before


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"service_code": "urban.lamp"}', "application/json"),
        (b"description=%ff%fe", "application/x-www-form-urlencoded"),
        (b"\xff", "application/x-www-form-urlencoded"),
        (b"&".join(b"a%d=1" % n for n in range(500)), "application/x-www-form-urlencoded"),
        (b"description=" + b"x" * 70_000, "application/x-www-form-urlencoded"),
    ],
)
def test_a_body_that_is_no_form_is_refused(at: Running, body: bytes, kind: str) -> None:
    before = at.rows()
    answer = at.http.post("requests.json", content=body, headers={"Content-Type": kind})
    assert answer.status_code == 400 and answer.json()[0]["code"] == 400
    assert at.rows() == before


@pytest.mark.parametrize("form", ["json", "xml"])
def test_without_a_valid_key_nothing_is_filed_or_read(at: Running, form: str) -> None:
    number = at.file(at.first)
    before = at.rows()
    for key in (None, "", "wrong"):
        assert at.post(key, form).status_code == 403
        for path in ("requests", f"requests/{number}", "tokens/k"):
            answer = at.http.get(f"{path}.{form}", params={"api_key": key} if key else {})
            assert answer.status_code == 403 and number not in answer.text
    bad = at.http.get(f"requests.{form}", headers={"Authorization": "Basic !!!"})
    assert bad.status_code == 403
    assert at.rows() == before


def test_a_key_that_only_reads_may_not_file(at: Running) -> None:
    number = at.file(at.second)
    assert [r["service_request_id"] for r in at.own(at.reads_only)] == [number]
    assert at.post(at.reads_only).status_code == 403


def test_a_key_is_kept_as_its_hash_and_ends_when_its_line_goes(at: Running) -> None:
    lines = at.keys_file.read_text()
    assert at.first not in lines and at.keys_file.stat().st_mode & 0o077 == 0
    at.keys_file.write_text("".join(line for line in lines.splitlines(True) if not line.startswith("first,")))
    assert at.post(at.first).status_code == 403 and at.post(at.second).status_code == 200
    at.keys_file.write_text(lines + "half a line\n")
    assert at.post(at.second).status_code == 503, "nobody is let in by a file that can't be read"


def test_an_unknown_address_or_method_is_told_in_the_same_shape(at: Running) -> None:
    assert at.http.get("requests.txt").json()[0]["code"] == 404
    answer = at.http.delete("requests.json")
    assert answer.status_code == 405 and answer.headers["allow"] == "GET, POST"
    assert at.http.get("services.json", params={"jurisdiction_id": "x"}).status_code == 404
    assert at.http.get("services.json", params={"jurisdiction_id": ""}).status_code == 200


def test_a_store_that_refuses_is_told_and_nothing_is_half_stored(at: Running) -> None:
    before, engine = at.rows(), at.desk.store.engine

    def refuse(_: Any) -> None:
        raise sa.exc.OperationalError("begin", {}, Exception("the disk is gone"))

    sa.event.listen(engine, "begin", refuse)
    for answer in (at.post(at.first), at.http.get("requests.json", params={"api_key": at.first})):
        assert answer.status_code == 503 and answer.json()[0]["code"] == 503 and "disk" not in answer.text
    sa.event.remove(engine, "begin", refuse)
    assert at.rows() == before and at.file(at.first)


# --- following -------------------------------------------------------------------------------------------------------


def test_no_system_sees_what_another_or_a_resident_filed(at: Running) -> None:
    first, second = at.file(at.first), at.file(at.second, headers={"Idempotency-Key": "k"})
    assert [r["service_request_id"] for r in at.own(at.first)] == [first]
    assert at.own(at.first, service_request_id=f"{first},{second}") == at.own(at.first)
    other = at.http.get(f"requests/{second}.json", params={"api_key": at.first})
    unknown = at.http.get("requests/LL0-1.json", params={"api_key": at.first})
    assert (other.status_code, other.json()) == (unknown.status_code, unknown.json()) == (404, unknown.json())
    assert at.http.get("tokens/k.json", params={"api_key": at.first}).status_code == 404


def test_a_name_that_another_name_starts_with_is_another_system(at: Running) -> None:
    longer = at.keys.make("first-2")
    number = at.file(longer)
    assert at.own(at.first) == [] and [r["service_request_id"] for r in at.own(longer)] == [number]


def test_the_status_follows_the_case_with_its_unit_limit_and_last_public_answer(at: Running, clock: Clock) -> None:  # noqa: F811
    number = at.file(at.first, description="路灯坏了，打 13812345678", phone="13900001111")
    (filed,) = at.own(at.first)
    assert filed["status"] == "open" and filed["status_notes"] is None and filed["agency_responsible"] is None
    assert filed["description"] == "路灯坏了，打 138****5678"
    assert filed["requested_datetime"] == filed["updated_datetime"] == "2026-11-24T10:00:00+08:00"
    assert filed["expected_datetime"].endswith("+08:00") and filed["expected_datetime"][:16].replace("T", " ") in str(
        filed["service_notice"]
    )
    clock.move(hours=1)
    at.move(number, "register", "dispatch", "accept")
    (handled,) = at.own(at.first)
    assert handled["agency_responsible"] == "城市管理和综合执法局" and handled["updated_datetime"][11:16] == "11:00"
    clock.move(hours=1)
    at.move(number, "answer", note="已修好，问王工 13711112222")
    assert at.own(at.first)[0]["status"] == "open"
    clock.move(hours=1)
    at.move(number, "close")
    (closed,) = at.own(at.first, status="closed")
    assert closed["status_notes"] == "已修好，问王工 137****2222" and closed["service_notice"] is None
    assert closed["updated_datetime"] == "2026-11-24T13:00:00+08:00"
    assert at.own(at.first, status="open") == []
    everything = at.http.get("requests.xml", params={"api_key": at.first}).text
    assert "1390000" not in everything and "1111" not in everything


def test_the_list_is_the_last_90_days_or_a_span_of_90_at_most(at: Running, clock: Clock) -> None:  # noqa: F811
    old = at.file(at.first)
    clock.move(days=100)
    new = at.file(at.first, service_code="urban.road")
    numbers = lambda **query: [r["service_request_id"] for r in at.own(at.first, **query)]  # noqa: E731
    assert numbers() == [new]
    assert numbers(start_date="2026-11-24T00:00:00Z") == [old]
    assert numbers(end_date="2026-11-25T00:00:00+08:00") == [old]
    assert numbers(start_date="2026-11-24T10:00:00+08:00", end_date="2026-11-24T02:00:00Z") == [old]
    assert numbers(start_date="2026-11-24T02:00:01Z") == []
    assert numbers(service_code="urban.road,urban.lamp") == [new] and numbers(service_code="urban.lamp") == []
    assert numbers(status="open,closed") == [new]
    assert numbers(service_request_id=f"{old}, {new}", status="closed") == [new, old], "numbers override the rest"
    for query in (
        {"start_date": "2026-01-01T00:00:00Z", "end_date": "2026-06-01T00:00:00Z"},
        {"start_date": "2026-06-01T00:00:00Z", "end_date": "2026-01-01T00:00:00Z"},
        {"start_date": "2026-06-01"},
        {"start_date": "2026-06-01T00:00:00"},
        {"end_date": "0001-01-01T00:00:00+14:00"},
        {"start_date": "9999-12-31T00:00:00Z"},
        {"status": "done"},
    ):
        assert at.http.get("requests.json", params={"api_key": at.first, **query}).status_code == 400, query


def test_a_notice_waits_to_be_fetched_and_is_never_tried_again(at: Running, clock: Clock) -> None:  # noqa: F811
    number = at.file(at.first)
    at.move(number, "register")
    relay = Relay(at.desk.store, deliver, clock=clock)
    while relay.run_once():
        pass
    clock.move(days=3)
    assert relay.run_once() == 0
    conversation = at.desk.case(number).conversation_id
    (notice,) = [m for m in at.desk.transcript(conversation) if m.author == "notice"]
    assert notice.delivery == "waiting"
    at.own(at.second)
    assert at.desk.transcript(conversation)[-1].delivery == "waiting"
    at.own(at.first)
    assert at.desk.transcript(conversation)[-1].delivery == "sent"


# --- words -----------------------------------------------------------------------------------------------------------


def test_every_error_is_told_in_both_languages_with_the_same_blanks() -> None:
    words = yaml.safe_load((ROOT / "channels/open311.yml").read_text(encoding="utf-8"))
    for code, told in words["errors"].items():
        assert set(re.findall(r"\{\w+\}", told["zh"])) == set(re.findall(r"\{\w+\}", told["en"])), code
        assert told["status"] in (400, 403, 404, 405, 500, 503), code


def test_every_error_that_can_be_raised_is_worded_and_none_is_left_over() -> None:
    sources = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "channels").glob("*.py"))
    raised = set(re.findall(r'NotAccepted\(\s*"(\w+)"', sources)) | set(
        re.findall(r'_error\(request, "(\w+)"', sources)
    )
    assert raised | {"nothing_here", "fault"} == Open311Words.load().codes

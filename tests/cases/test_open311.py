"""The GeoReport v2 client against a server with the habits of real ones."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from cases.county import CountyError
from cases.open311 import Mapping311, Open311
from cases.open311_answers import Unreadable, errors_of, rows_of, text
from cases.outside import CannotTell, Duplicate, Handed, HeldBack, Known, Receipt, Rejected, Settings, Temporary
from cases.reach import Reach, on_this_machine
from tests.cases.outside_server import City, city
from tests.running import free_port

NUMBER = "LL20261124-000001"
HANDED = Handed(
    key=f"{NUMBER}-abc", number=NUMBER, kind="complaint", category="urban.lamp",
    category_name={"zh": "路灯", "en": "lamps"}, words=("路灯坏了", "第三次了"), town=None, village=None, grid=None,
    place="学校门口，醴陵市", since=None, emergency=None, language="zh",
    filed_at=datetime.now(timezone.utc), handed_at=datetime.now(timezone.utc), contact=None,
)  # fmt: skip
MAPPED = Mapping311(default="001", services={"urban.lamp": "lamps"})


@pytest.fixture(params=["json", "xml"])
def server(request: pytest.FixtureRequest) -> Iterator[City]:
    with city(format=request.param) as made:
        yield made


def client(server: City, mapping: Mapping311 = MAPPED, **settings: Any) -> Open311:
    known = Settings("open311", server.url, key="k1", jurisdiction="city.example")
    return Open311(replace(known, **settings), replace(mapping, format=server.format), Reach(True, step=1.0))


# --- what goes out --------------------------------------------------------------------------------------------------


def test_a_request_carries_service_place_words_and_number_and_the_keys(server: City) -> None:
    assert client(server).send(HANDED) == Receipt("1001", None, True)
    (posted,) = server.posts()
    assert posted.form == {
        "api_key": ["k1"], "jurisdiction_id": ["city.example"], "service_code": ["lamps"],
        "address_string": ["学校门口，醴陵市"], "description": [f"路灯坏了\n第三次了\n[{NUMBER}]"],
    }  # fmt: skip
    assert all("k1" not in str(got.query) for got in server.got)


def test_an_agreed_contact_goes_along_as_what_it_is(server: City) -> None:
    client(server).send(replace(HANDED, contact="13812345678"))
    client(server).send(replace(HANDED, contact="a@example.cn"))
    first, second = (got.form for got in server.posts())
    assert first["phone"] == ["13812345678"] and "email" not in first
    assert second["email"] == ["a@example.cn"] and "phone" not in second


def test_a_description_is_cut_to_what_the_standard_allows_and_keeps_the_number(server: City) -> None:
    client(server).send(replace(HANDED, words=("字" * 5000,)))
    told = server.posts()[0].form["description"][0]
    assert len(told) == 4000 and told.endswith(f"…\n[{NUMBER}]")


def test_an_unknown_category_goes_to_the_default_service_or_is_refused_by_name(server: City) -> None:
    client(server).send(replace(HANDED, category="urban.rubbish"))
    assert server.posts()[0].form["service_code"] == ["001"]
    with pytest.raises(Rejected) as refused:
        client(server, replace(MAPPED, default=None)).send(replace(HANDED, category=None))
    assert refused.value.code == "no_service" and len(server.posts()) == 1


def test_a_service_that_they_do_not_offer_is_refused_before_anything_is_sent(server: City) -> None:
    with pytest.raises(Rejected) as refused:
        client(server, Mapping311(default="gone")).send(HANDED)
    assert (refused.value.code, refused.value.detail) == ("service_unknown", "gone") and not server.posts()


def test_attributes_are_sent_as_the_definition_wants_them(server: City) -> None:
    server.metadata = True
    server.attributes = [
        {"variable": True, "code": "KIND", "datatype": "multivaluelist", "required": True, "order": 1,
         "values": [{"key": "1", "name": "one"}, {"key": "2", "name": "two"}]},
        {"variable": True, "code": "WHERE", "datatype": "string", "required": True, "order": 2},
        {"variable": False, "code": "HINT", "datatype": "string", "required": True, "order": 3},
    ]  # fmt: skip
    given = {"lamps": {"KIND": [1, 2], "WHERE": {"field": "place"}}}
    client(server, replace(MAPPED, attributes=given, key_attribute="OURS")).send(HANDED)
    form = server.posts()[0].form
    assert form["attribute[KIND][]"] == ["1", "2"] and form["attribute[WHERE]"] == ["学校门口，醴陵市"]
    assert form["attribute[OURS]"] == [HANDED.key] and not any("HINT" in name for name in form)


@pytest.mark.parametrize("given", [{}, {"lamps": {"KIND": "9"}}])
def test_a_required_attribute_without_a_fitting_value_is_named_and_nothing_sent(
    server: City, given: dict[str, dict[str, Any]]
) -> None:
    server.metadata = True
    server.attributes = [
        {"variable": True, "code": "KIND", "required": True, "values": [{"key": "1", "name": "one"}]}
    ]  # fmt: skip
    with pytest.raises(Rejected) as refused:
        client(server, replace(MAPPED, attributes=given)).send(HANDED)
    assert refused.value.code == "attribute_missing" and "KIND" in refused.value.detail and not server.posts()


# --- what comes back ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "receipt"),
    [("realtime", Receipt("1001", None, True)), ("batch", Receipt(None, "tok1", True)),
     ("blackbox", Receipt(None, None, False)), ("none", Receipt(None, None, True))],
)  # fmt: skip
def test_each_kind_of_server_gives_its_receipt(server: City, ids: str, receipt: Receipt) -> None:
    server.ids = ids
    assert client(server).send(HANDED) == receipt


@pytest.mark.parametrize("token_404", [True, False])
def test_a_token_becomes_an_id_later_and_then_a_status(server: City, token_404: bool) -> None:
    server.ids, server.token_404, server.resolves_tokens = "batch", token_404, False
    ours = client(server)
    token = ours.send(HANDED).token
    assert ours.look([Known(7, None, token)]) == {}
    server.resolves_tokens = True
    found = ours.look([Known(7, None, token)])[7]
    assert (found.their_id, found.status) == ("Ttok1", "open")


@pytest.mark.parametrize("commas", [True, False])
def test_many_statuses_are_asked_for_at_once_and_one_by_one_where_that_fails(server: City, commas: bool) -> None:
    server.commas = commas
    ours = client(server)
    numbers = [f"LL20261124-00000{n}" for n in range(3)]
    ids = [ours.send(replace(HANDED, number=number, words=(number,))).their_id for number in numbers]
    server.close(numbers[1], "修好了")
    asked = len(server.got)
    found = ours.look([Known(n, their_id, None) for n, their_id in enumerate(ids)])
    assert [(found[n].status, found[n].note) for n in range(3)] == [
        ("open", None),
        ("closed", "修好了"),
        ("open", None),
    ]
    assert len(server.got) - asked == (1 if commas else 4)


def test_an_id_that_they_no_longer_know_is_left_out_not_invented(server: City) -> None:
    found = client(server).look([Known(1, "999", None)])
    assert found[1].status is None


@pytest.mark.parametrize(
    ("mode", "error", "code", "unclear"),
    [
        ("down", Temporary, "server_error", False),
        ("errors", Temporary, "server_error", True),
        ("takes_then_5xx", Temporary, "server_error", True),
        ("takes_then_html", Temporary, "unreadable", True),
        ("slow", Temporary, "no_answer", True),
        ("drops", Temporary, "no_answer", True),
        ("empty", Temporary, "unreadable", True),
        ("refuses", Rejected, "rejected", None),
        ("key", Rejected, "key_refused", None),
        ("redirects", Rejected, "redirected", None),
    ],
)
def test_every_failure_has_its_name(
    server: City, mode: str, error: type[Exception], code: str, unclear: bool | None
) -> None:
    ours = client(server)
    if mode != "down":
        ours.services()
    server.mode = mode
    with pytest.raises(error) as failed:
        ours.send(HANDED)
    assert failed.value.code == code  # type: ignore[attr-defined]
    # what fails before anything is posted is surely not there
    assert mode == "down" or getattr(failed.value, "unclear", None) is unclear


def test_a_server_that_is_not_there_was_surely_not_reached() -> None:
    nowhere = Settings("open311", f"http://127.0.0.1:{free_port()}")
    with pytest.raises(Temporary) as failed:
        Open311(nowhere, MAPPED).send(HANDED)
    assert failed.value.code == "not_reached" and not failed.value.unclear


def test_their_reason_is_kept_in_their_words_with_numbers_masked(server: City) -> None:
    server.mode = "refuses"
    ours = client(server)
    with pytest.raises(Rejected) as refused:
        ours.send(HANDED)
    assert "lies outside of the city" in refused.value.detail
    assert "13812345678" not in Rejected("rejected", "no such phone 13812345678").detail


@pytest.mark.parametrize("tells", [True, False])
def test_a_duplicate_is_told_apart_with_its_id_if_they_name_it(server: City, tells: bool) -> None:
    server.rejects_duplicates, server.tells_duplicate_id = True, tells
    ours = client(server)
    ours.send(HANDED)
    with pytest.raises(Duplicate) as there:
        ours.send(HANDED)
    assert there.value.their_id == ("1001" if tells else None) and len(server.taken) == 1


def test_a_number_in_a_refusal_is_no_id_unless_it_is_called_one() -> None:
    from cases.open311 import _named_id

    assert _named_id([], "400 request was already reported 12 hours ago as a duplicate") is None
    assert _named_id([], "400 duplicate of service_request_id: 13-00022") == "13-00022"


# --- finding what was sent ------------------------------------------------------------------------------------------


def test_what_was_taken_is_found_by_its_number_and_what_was_not_is_surely_not_there(server: City) -> None:
    ours = client(server)
    for n in range(250):
        server.taken.append(_foreign(n))
    assert ours.find(HANDED) is None
    ours.send(HANDED)
    found = ours.find(HANDED)
    assert found is not None and found.their_id == "1251"


@pytest.mark.parametrize(("shown", "sure"), [(50, False), (7, True)])
def test_a_list_without_pages_that_ends_at_a_round_number_proves_nothing(server: City, shown: int, sure: bool) -> None:
    server.pages_of = shown
    server.taken += [_foreign(n) for n in range(50)]
    if sure:
        assert client(server).find(HANDED) is None
    else:
        with pytest.raises(CannotTell):
            client(server).find(HANDED)


def test_a_resident_who_quotes_another_number_is_not_mistaken_for_that_case(server: City) -> None:
    ours = client(server)
    ours.send(replace(HANDED, number="LL20261124-000002", words=(f"和 [{NUMBER}] 一样",)))
    assert ours.find(HANDED) is None


@pytest.mark.parametrize("why", ["batch", "descriptions", "off"])
def test_where_the_list_can_not_tell_nobody_pretends_it_can(server: City, why: str) -> None:
    ours = client(server, replace(MAPPED, find=why != "off"))
    server.ids = "batch" if why == "batch" else "realtime"
    server.shows_descriptions = why != "descriptions"
    server.taken.append(_foreign(1))
    with pytest.raises(CannotTell):
        ours.find(HANDED)


def _foreign(n: int) -> Any:
    from tests.cases.outside_server import Taken

    return Taken(str(n), "", f"somebody else's [{n}]", "lamps", str(n), datetime.now(timezone.utc))


# --- reading --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        '[{"service_request_id": 293944, "account_id": null}]',
        '{"service_requests": [{"service_request_id": "293944"}]}',
        '{"service_requests": {"request": {"service_request_id": "293944"}}}',
        '{"service_request_id": "293944"}',
        '\ufeff[{"service_request_id": "293944"}]',
        "<service_requests><request><service_request_id>293944</service_request_id><token/></request></service_requests>",
        '<r:service_requests xmlns:r="urn:x"><r:request><r:service_request_id> 293944 </r:service_request_id>'
        "</r:request></r:service_requests>",
    ],
)
def test_an_id_is_read_out_of_every_shape(body: str) -> None:
    (row,) = rows_of(body.encode().decode("utf-8-sig"))
    assert text(row["service_request_id"]) == "293944"


def test_leading_zeros_of_the_standards_own_example_are_read() -> None:
    assert [
        text(row["service_code"]) for row in rows_of('[{"service_code":001,"group":"x"},{"service_code": 0020}]')
    ] == [
        "001",
        "0020",
    ]


@pytest.mark.parametrize(
    "body", ["", "  ", "<html><title>x</title></html>", "<!DOCTYPE HTML><p>", "OK", "[1", "12", "<a><b></a>"]
)
def test_what_is_no_answer_is_called_unreadable(body: str) -> None:
    with pytest.raises(Unreadable):
        rows_of(body)


def test_entities_that_would_blow_up_are_never_expanded() -> None:
    bomb = (
        '<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;">]><errors><error>&b;</error></errors>'
    )
    with pytest.raises(Unreadable):
        rows_of(bomb)


def test_several_errors_become_one_line() -> None:
    body = "<errors><error><code>400</code><description>no place</description></error><error><code>17</code>" \
        "<description>no text</description></error></errors>"  # fmt: skip
    assert errors_of(rows_of(body)) == "400 no place; 17 no text"
    assert errors_of(rows_of('[{"service_code": "1", "description": "a service"}]')) == ""


# --- the county's file and the staging switch -----------------------------------------------------------------------


def test_the_countys_file_is_read(tmp_path: Path) -> None:
    assert Mapping311.load(tmp_path) == Mapping311()
    (tmp_path / "open311.yml").write_text(
        'default: "001"\nservices: {urban.lamp: "lamps"}\nattributes: {"lamps": {WHERE: {field: place}}}\nfind: false\n'
        "duplicate_words: [Doppelt]\n",
        encoding="utf-8",
    )
    read = Mapping311.load(tmp_path)
    assert read.service("urban.lamp") == "lamps" and read.service(None) == "001"
    assert read.attributes["lamps"] == {"WHERE": {"field": "place"}} and not read.find
    assert read.duplicate_words == ("doppelt",)


@pytest.mark.parametrize(
    "wrong",
    ["- a", "servces: {}", "format: csv", "default: 001", "services: {a: 1}", "find: perhaps", "attributes: [x]",
     'attributes: {"1": {A: {field: contact}}}', "a: [", 'attributes: {"1": {A: null}}'],
)  # fmt: skip
def test_a_wrong_file_is_told_by_name_and_nothing_is_loaded(tmp_path: Path, wrong: str) -> None:
    (tmp_path / "open311.yml").write_text(wrong, encoding="utf-8")
    with pytest.raises(CountyError, match="open311.yml"):
        Mapping311.load(tmp_path)


@pytest.mark.parametrize(
    "url", ["http://311.city.example/v2", "https://10.0.0.1", "http://localhost.example", "http://[2001::1]/"]
)
def test_while_staging_no_office_can_be_reached(url: str) -> None:
    with pytest.raises(HeldBack):
        Open311(Settings("open311", url), MAPPED).send(HANDED)


def test_only_loopback_is_this_machine() -> None:
    assert all(map(on_this_machine, ("localhost", "LOCALHOST.", "127.0.0.1", "127.9.9.9", "::1")))
    assert not any(
        map(on_this_machine, ("0.0.0.0", "127.0.0.1.example", "10.0.0.1", "", "2130706433", "::ffff:10.0.0.1"))
    )


def test_services_are_asked_for_once_an_hour(server: City) -> None:
    now = datetime.now(timezone.utc)
    ours = Open311(Settings("open311", server.url), replace(MAPPED, format=server.format), clock=lambda: now)
    for _ in range(2):
        ours.send(HANDED)
    assert sum("services" in got.path for got in server.got) == 1
    now += timedelta(hours=1)
    ours.send(HANDED)
    assert sum("services" in got.path for got in server.got) == 2

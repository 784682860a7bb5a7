"""The registry a case points into: checked entries, links, persons only as far as they gave themselves, tables."""

from __future__ import annotations

import io
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Any

import openpyxl
import pytest
import sqlalchemy as sa
from alembic import command
from alembic.config import Config

from cases import registry_table as table
from cases.audit import latest, verify
from cases.case import Case, Matter
from cases.county import County
from cases.desk import Desk
from cases.errors import NotFound, Refused, Stale
from cases.records import group_records
from cases.registry import Entry, Near, Registry, case_links, registry_entries
from cases.registry_form import FIELDS, KINDS, RegistryRefused, lines, pairs, terms
from cases.shield import Shield
from cases.store import Store
from tests.cases.conftest import Clock
from tests.running import ROOT

TOWN, OTHER_TOWN = "430281004", "430281002"
GRID, VILLAGE = "430281002007-01", "430281002007"
LAMP = {"kind": "thing", "code": "LAMP-1", "subkind": "lamp", "name": "示例路灯一号", "grid": GRID}
CONSENT = "2026-11-20 电话回访时口头同意"


@pytest.fixture
def registry(store: Store, county: County, clock: Clock) -> Registry:
    return Registry(store, county, clock, Shield("test secret"))


@pytest.fixture
def file(desk: Desk) -> Callable[..., Case]:
    """Files a case; every field may be set."""

    def make(key: str = "k", conversation: str = "web:1", **more: Any) -> Case:
        known = {"kind": "complaint", "words": ("路灯坏了",), "town": TOWN, "contact": "13812345678"}
        return desk.file(Matter(conversation, key, **{**known, **more}))

    return make


def actions(store: Store) -> list[tuple[str, str]]:
    """What the audit log says, oldest first; the chain is whole."""
    with store.read() as read:
        assert verify(read)
        return [(e.action, e.object) for e in latest(read, 100)][::-1]


def faults(refused: pytest.ExceptionInfo[RegistryRefused]) -> list[tuple[str, str]]:
    return [(found.code, found.column) for found in refused.value.faults]


# --- entries -------------------------------------------------------------------------------------------------------


def test_an_entry_stands_as_it_was_written_and_its_grid_brings_village_and_town(registry: Registry) -> None:
    made = registry.add(
        by="o", **LAMP, name_en="Example lamp 1", longitude="113.4912345678", latitude=27.65, unit="urban-management",
        detail={"材质": "铸铁"}, source="示例普查", valid_from="2020-01-01",
    )  # fmt: skip
    assert registry.entry(made.id) == made
    assert (made.town, made.village, made.grid) == (OTHER_TOWN, VILLAGE, GRID)
    assert (made.longitude, made.latitude, made.detail) == (113.491235, 27.65, {"材质": "铸铁"})
    assert str(made.valid_from) == "2020-01-01" and made.version == 1 and made.updated_by == "o"
    assert actions(registry.store) == [("registry_add", "thing/LAMP-1")]


def test_words_of_the_trade_become_codes(registry: Registry) -> None:
    made = registry.add(
        by="o", kind="物", code="井-1", subkind="井盖", name="示例井盖", town="国瓷街道", unit="城市管理和综合执法局"
    )
    assert (made.kind, made.subkind, made.town, made.unit) == ("thing", "manhole", TOWN, "urban-management")


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"name": " "}, ("missing", "name")),
        ({"code": ""}, ("missing", "code")),
        ({"code": "a b"}, ("bad_code", "code")),
        ({"code": "x" * 61}, ("too_long", "code")),
        ({"kind": "animal"}, ("unknown", "kind")),
        ({"subkind": "school"}, ("unknown", "subkind")),
        ({"grid": "430281002007-99"}, ("unknown", "grid")),
        ({"town": "nowhere"}, ("unknown", "town")),
        ({"town": TOWN}, ("elsewhere", "village")),
        ({"village": "430281002008"}, ("elsewhere", "grid")),
        ({"unit": "nobody"}, ("unknown", "unit")),
        ({"longitude": "east", "latitude": "27"}, ("no_number", "longitude")),
        ({"longitude": "nan", "latitude": "27"}, ("out_of_range", "longitude")),
        ({"longitude": "27.65", "latitude": "113.49"}, ("out_of_range", "latitude")),
        ({"longitude": "113.49"}, ("half_a_point", "latitude")),
        ({"valid_from": "2026/01/01"}, ("no_date", "valid_from")),
        ({"valid_from": "2026-02-01", "valid_to": "2026-01-01"}, ("ends_before", "valid_to")),
        ({"detail": {"电话": "13812345678"}}, ("personal_number", "detail.电话")),
        ({"name": "持证人 430281199001011234"}, ("personal_number", "name")),
        ({"detail": {"x": "y" * 501}}, ("too_long", "detail.x")),
        ({"detail": {str(n): "y" for n in range(31)}}, ("too_many", "detail")),
        ({"kind": "organisation", "subkind": "unit", "code": "x"}, ("county_file", "subkind")),
        ({"kind": "organisation", "subkind": "company", "code": "housing"}, ("county_file", "code")),
        ({"kind": "organisation", "subkind": "company", "name": "公安局"}, ("county_file", "code")),
    ],
)
def test_what_is_wrong_is_named_and_nothing_is_written(
    registry: Registry, wrong: dict[str, Any], told: tuple[str, str]
) -> None:
    with pytest.raises(RegistryRefused) as refused:
        registry.add(by="o", **{**LAMP, **wrong})
    assert faults(refused) == [told]
    assert registry.find() == [] and actions(registry.store) == []


def test_a_landline_of_a_place_is_nobodys_own(registry: Registry) -> None:
    given = {**LAMP, "kind": "place", "subkind": "school", "detail": {"值班电话": "0731-00000000"}}
    assert registry.add(by="o", **given).detail == {"值班电话": "0731-00000000"}


def test_a_code_is_unique_in_its_kind_only(registry: Registry) -> None:
    registry.add(by="o", **LAMP)
    with pytest.raises(RegistryRefused) as refused:
        registry.add(by="o", **LAMP)
    assert faults(refused) == [("code_taken", "code")]
    place = registry.add(by="o", **{**LAMP, "kind": "place", "subkind": "road"})
    with pytest.raises(Refused, match="code_of_several"):
        registry.by_code("LAMP-1")
    assert registry.by_code("place/LAMP-1") == place
    with pytest.raises(NotFound):
        registry.by_code("LAMP-2")


def test_a_change_says_what_changed_and_the_same_again_changes_nothing(registry: Registry) -> None:
    made = registry.add(by="o", **LAMP)
    new = registry.change(made.id, version=1, by="p", name="示例路灯甲", detail={"盏": "2"})
    assert (new.name, new.version, new.updated_by, new.grid) == ("示例路灯甲", 2, "p", GRID)
    assert registry.change(made.id, version=2, by="q", name="示例路灯甲") == new
    with registry.store.read() as read:
        [entry, _] = latest(read, 10)
    assert (entry.action, entry.actor, entry.reason) == ("registry_change", "p", "name, detail")


def test_who_comes_second_sees_how_the_entry_stands_now(registry: Registry) -> None:
    made = registry.add(by="o", **LAMP)
    new = registry.change(made.id, version=1, by="p", name="示例路灯甲")
    for late in (
        lambda: registry.change(made.id, version=1, by="q", name="示例路灯乙"),
        lambda: registry.retire(made.id, version=1, by="q", reason="拆了"),
    ):
        with pytest.raises(Stale) as lost:
            late()
        assert lost.value.current == new
    assert registry.entry(made.id) == new


@pytest.mark.parametrize("column", ["kind", "code"])
def test_kind_and_code_stay(registry: Registry, column: str) -> None:
    made = registry.add(by="o", **LAMP)
    with pytest.raises(Refused, match=f"fixed_{column}"):
        registry.change(made.id, version=1, by="o", **{column: "x"})


def test_a_retired_entry_keeps_its_cases_and_is_no_longer_found_changed_or_linked(
    registry: Registry, file: Callable[..., Case]
) -> None:
    made, case = registry.add(by="o", **LAMP), file()
    registry.link(case.number, made.id, by="o")
    with pytest.raises(Refused, match="reason_missing"):
        registry.retire(made.id, version=1, by="o", reason=" ")
    gone = registry.retire(made.id, version=1, by="o", reason="拆除")
    assert gone.retired_at is not None and str(gone.valid_to) == "2026-11-24"
    assert registry.find() == [] and registry.find(retired=True) == [gone]
    assert registry.cases_of(made.id) == [case]
    for refused in (
        lambda: registry.change(made.id, version=2, by="o", name="x"),
        lambda: registry.retire(made.id, version=2, by="o", reason="again"),
        lambda: registry.link(file("k2").number, made.id, by="o"),
    ):
        with pytest.raises(Refused, match="entry_retired"):
            refused()


@pytest.mark.parametrize("key", [0, -1, 7, 2**70])
def test_an_entry_that_is_not_there_is_not_found(registry: Registry, key: int) -> None:
    with pytest.raises(NotFound):
        registry.entry(key)


# --- finding -------------------------------------------------------------------------------------------------------


@pytest.fixture
def several(registry: Registry) -> dict[str, Entry]:
    rows = [
        {**LAMP, "code": "L1", "name": "示例路灯", "longitude": 113.5, "latitude": 27.65, "detail": {"材质": "50%铁"}},
        {**LAMP, "code": "L2", "name": "示例路灯", "longitude": 113.5010, "latitude": 27.65, "unit": "housing"},
        {**LAMP, "code": "L3", "grid": None, "town": TOWN, "longitude": 113.5050, "latitude": 27.65},
        {**LAMP, "code": "S1", "kind": "place", "subkind": "school", "name": "示例小学", "name_en": "Example School"},
    ]
    return {row["code"]: registry.add(by="o", **row) for row in rows}


@pytest.mark.parametrize(
    ("wanted", "codes"),
    [
        ({}, ["S1", "L1", "L2", "L3"]),
        ({"kind": "thing"}, ["L1", "L2", "L3"]),
        ({"words": "学校"}, ["S1"]),
        ({"words": "SCHOOL example"}, ["S1"]),
        ({"words": "50%"}, ["L1"]),
        ({"words": "5_%"}, []),
        ({"words": "路灯 l3"}, ["L3"]),
        ({"grid": GRID, "kind": "thing"}, ["L1", "L2"]),
        ({"village": VILLAGE}, ["S1", "L1", "L2"]),
        ({"town": TOWN}, ["L3"]),
        ({"subkind": "school"}, ["S1"]),
        ({"unit": "housing"}, ["L2"]),
        ({"unit": "town-004"}, ["L3"]),
        ({"unit": "nobody"}, []),
        ({"page": 2}, []),
    ],
)
def test_entries_are_found_by_words_kind_and_place(
    registry: Registry, several: dict[str, Entry], wanted: dict[str, Any], codes: list[str]
) -> None:
    found = registry.find(**wanted)
    assert [entry.code for entry in found] == codes
    if unit := wanted.get("unit"):
        assert {entry.code for entry in several.values() if registry.sees(unit, entry)} == set(codes)


def test_near_a_point_the_nearest_comes_first(registry: Registry, several: dict[str, Entry]) -> None:
    here = Near(113.5009, 27.65, 300)
    assert [entry.code for entry in registry.find(near=here)] == ["L2", "L1"]
    metres = [here.metres_to(several[code]) for code in ("L2", "L1", "L3")]
    assert [round(m or 0) for m in metres] == [10, 89, 404] and here.metres_to(several["S1"]) is None


@pytest.mark.parametrize("wrong", [(200, 27, 100), (113, 91, 100), (113, 27, 0), (113, 27, 9000)])
def test_a_circle_that_cannot_be_is_refused(wrong: tuple[float, float, float]) -> None:
    with pytest.raises(RegistryRefused):
        Near(*wrong)


def test_units_and_staff_are_shown_from_the_countys_files_and_not_kept(registry: Registry, county: County) -> None:
    assert len(registry.of_county()) == len(county.units) + len(county.staff)
    [unit, member] = registry.of_county("国瓷街道")
    assert (unit.subkind, unit.code, member.subkind, member.unit) == ("unit", "town-004", "staff", "town-004")
    assert registry.of_county("国瓷", OTHER_TOWN) == [] and registry.find(kind="organisation") == []


# --- links ---------------------------------------------------------------------------------------------------------


def test_repeated_trouble_with_one_lamp_is_seen(registry: Registry, file: Callable[..., Case]) -> None:
    lamp, well = registry.add(by="o", **LAMP), registry.add(by="o", **{**LAMP, "code": "W", "subkind": "well"})
    first, second = file("k1"), file("k2")
    for case in (first, second, second):
        registry.link(case.number, lamp.id, by="o")
    registry.link(first.id, well.id, by="p", role="cause")
    assert registry.cases_of(lamp.id) == [second, first]
    assert registry.case_counts([lamp.id, well.id, 99]) == {lamp.id: 2, well.id: 1}
    assert [(x.entry, x.role, x.by) for x in registry.entries_of(first.id)] == [
        (lamp, "about", "o"),
        (well, "cause", "p"),
    ]
    registry.unlink(first.number, lamp.id, by="o")
    registry.unlink(first.number, lamp.id, by="o")
    assert registry.cases_of(lamp.id) == [second]
    told = [action for action, about in actions(registry.store) if about == "thing/LAMP-1"]
    assert told == ["registry_add", "registry_link", "registry_link", "registry_unlink"]


def test_two_who_link_the_same_at_once_link_it_once(registry: Registry, file: Callable[..., Case]) -> None:
    lamp, case = registry.add(by="o", **LAMP), file()
    with ThreadPoolExecutor(8) as pool:
        linked = list(pool.map(lambda n: registry.link(case.number, lamp.id, by=f"o{n}"), range(16)))
    assert len({(one.by, one.at) for one in linked}) == 1
    assert len(registry.entries_of(case.id)) == 1


@pytest.mark.parametrize("role", ["resident", "owner", ""])
def test_a_thing_is_not_linked_in_a_role_that_is_not_its_own(
    registry: Registry, file: Callable[..., Case], role: str
) -> None:
    lamp = registry.add(by="o", **LAMP)
    with pytest.raises(Refused, match="link_role"):
        registry.link(file().number, lamp.id, by="o", role=role)
    with pytest.raises(NotFound):
        registry.link("LL00000000-000000", lamp.id, by="o")


# --- persons -------------------------------------------------------------------------------------------------------


def kept(store: Store) -> str:
    """Everything the tables of the registry and the audit log hold, as one text."""
    with store.read() as read:
        return repr(
            [read.execute(sa.text(f"select * from {t}")).all() for t in ("registry_entries", "case_links", "audit")]
        )


def test_a_person_is_made_from_their_own_case_masked_and_sealed(registry: Registry, file: Callable[..., Case]) -> None:
    case = file()
    person = registry.add_person(case.number, name="张三丰", consent=CONSENT, by="o")
    assert (person.kind, person.name, person.code) == ("person", "张**", f"R-{case.number}")
    assert registry.persons_of("web:1") == [person] and registry.cases_of(person.id) == [case]
    assert "三丰" not in kept(registry.store) and "13812345678" not in kept(registry.store)
    name, contact = registry.reveal(person.id, by="o", role="operator", reason="要约时间上门")
    assert (name, contact.contact) == ("张三丰", "13812345678")
    registry.look(person.id, by="l")
    told = [action for action, about in actions(registry.store) if about.startswith("person/")]
    assert told == ["registry_add", "registry_reveal", "registry_look"]


@pytest.mark.parametrize(
    ("role", "reason", "code"),
    [
        ("operator", "要", "reason_missing"),
        ("unit", "要约时间上门", "not_allowed"),
        ("leader", "要约时间上门", "not_allowed"),
        ("adviser", "要约时间上门", "not_allowed"),
    ],
)
def test_a_person_is_not_revealed_without_a_reason_or_to_others(
    registry: Registry, file: Callable[..., Case], role: str, reason: str, code: str
) -> None:
    person = registry.add_person(file().number, name="张三", consent=CONSENT, by="o")
    with pytest.raises(Refused, match=code):
        registry.reveal(person.id, by="x", role=role, reason=reason)
    assert "registry_reveal" not in [action for action, _ in actions(registry.store)]


@pytest.mark.parametrize(
    ("consent", "code"),
    [
        ("", "no_consent"),
        ("同意", "no_consent"),
        ("2026-11-20", "no_consent"),
        ("2026-13-40 电话里同意", "no_consent"),
        ("2026-11-25 电话里同意", "consent_later"),
    ],
)
def test_nobody_is_registered_without_a_consent_that_says_when_and_how(
    registry: Registry, file: Callable[..., Case], consent: str, code: str
) -> None:
    with pytest.raises(RegistryRefused) as refused:
        registry.add_person(file().number, name="张三", consent=consent, by="o")
    assert faults(refused) == [(code, "consent")] and registry.find() == []


def test_a_person_is_registered_once_and_only_with_a_contact_they_left(
    registry: Registry, file: Callable[..., Case]
) -> None:
    with pytest.raises(Refused, match="no_contact"):
        registry.add_person(file("k0", contact=None).number, name="张三", consent=CONSENT, by="o")
    registry.add_person(file("k1").number, name="张三", consent=CONSENT, by="o")
    with pytest.raises(Refused, match="person_there"):
        registry.add_person(file("k2").number, name="张三", consent=CONSENT, by="o")
    with pytest.raises(Refused, match="person_from_case"):
        registry.add(by="o", kind="person", code="P", subkind="resident", name="李四")
    assert len(registry.find()) == 1


def test_a_person_is_linked_to_their_own_cases_only_and_stays_linked(
    registry: Registry, desk: Desk, file: Callable[..., Case]
) -> None:
    desk.hear("web:2", "web", "hello", "r0")
    own, another, foreign = file("k1"), file("k2"), file("k3", "web:2")
    person = registry.add_person(own.number, name="张三", consent=CONSENT, by="o")
    registry.link(another.number, person.id, by="o", role="resident")
    with pytest.raises(Refused, match="not_their_case"):
        registry.link(foreign.number, person.id, by="o", role="resident")
    with pytest.raises(Refused, match="link_role"):
        registry.link(foreign.number, person.id, by="o")
    with pytest.raises(Refused, match="person_stays"):
        registry.unlink(own.number, person.id, by="o")
    with pytest.raises(Refused, match="person_fixed"):
        registry.change(person.id, version=1, by="o", name="李四")
    assert registry.cases_of(person.id) == [another, own]


def test_a_unit_finds_no_person_even_in_its_town(registry: Registry, file: Callable[..., Case]) -> None:
    person = registry.add_person(file().number, name="张三", consent=CONSENT, by="o")
    with registry.store.write() as write:
        write.execute(registry_entries.update().values(town=TOWN, unit="town-004"))
    assert registry.find(unit="town-004") == [] and registry.find(persons=False) == []
    assert not registry.sees("town-004", registry.entry(person.id))


def test_retiring_a_person_erases_what_was_told_of_them(registry: Registry, file: Callable[..., Case]) -> None:
    case = file()
    person = registry.add_person(case.number, name="张三丰", consent=CONSENT, by="o")
    gone = registry.retire(person.id, version=1, by="o", reason="本人要求，电话 13812345678")
    assert (gone.name, gone.consent, gone.code) == ("*", None, person.code)
    told = kept(registry.store)
    assert "张" not in told and "口头" not in told and "13812345678" not in told
    with registry.store.read() as read:
        assert read.execute(sa.select(registry_entries.c.sealed)).scalar_one() is None
    with pytest.raises(Refused, match="nothing_sealed"):
        registry.reveal(person.id, by="o", role="operator", reason="还想看一看")
    again = registry.add_person(case.number, name="张三丰", consent=CONSENT, by="o")
    assert again.code == f"{person.code}-2"


# --- tables --------------------------------------------------------------------------------------------------------

HEAD = "kind,code,subkind,name,town,detail.材质"


def csv_of(*rows: str, head: str = HEAD) -> bytes:
    return "\n".join((head, *rows)).encode()


def told(refused: pytest.ExceptionInfo[RegistryRefused]) -> list[tuple[int | None, str, str]]:
    return [(found.row, found.column, found.code) for found in refused.value.faults]


def test_a_dry_run_counts_and_writes_nothing_then_the_table_comes_in_once(registry: Registry) -> None:
    content = csv_of("thing,L1,lamp,示例路灯,国瓷街道,铁", "物,L2,路灯,示例路灯,,", ",,,,,", "地,S1,学校,示例小学,,")
    assert table.take_in(registry, content, by="o", dry_run=True) == table.Counts(3, 0, 0)
    assert registry.find() == [] and actions(registry.store) == []
    assert table.take_in(registry, content, by="o") == table.Counts(3, 0, 0)
    assert [entry.number for entry in registry.find()] == ["place/S1", "thing/L1", "thing/L2"]
    assert table.take_in(registry, content, by="o") == table.Counts(0, 0, 3)
    assert actions(registry.store) == [("registry_import", "registry")]


def test_an_empty_cell_empties_a_field_and_a_missing_column_leaves_it(registry: Registry) -> None:
    registry.add(by="o", **LAMP, name_en="Example", detail={"材质": "铁", "盏": "2"})
    content = csv_of("thing,LAMP-1,lamp,示例路灯乙,", head="kind,code,subkind,name,detail.材质")
    assert table.take_in(registry, content, by="p") == table.Counts(0, 1, 0)
    new = registry.by_code("LAMP-1")
    assert (new.name, new.name_en, new.detail, new.grid) == ("示例路灯乙", "Example", {"盏": "2"}, GRID)
    assert (new.version, new.updated_by) == (2, "p") and registry.find(words="示例路灯乙") == [new]


def test_with_any_row_wrong_nothing_comes_in_and_every_fault_names_row_and_column(registry: Registry) -> None:
    content = csv_of(
        "thing,L1,lamp,示例路灯,,",
        "thing,L2,lamps,示例路灯,Atlantis,",
        "",
        "thing,L1,lamp,示例路灯,,",
        "thing,L4,lamp,,,",
    )
    with pytest.raises(RegistryRefused) as refused:
        table.take_in(registry, content, by="o")
    assert told(refused) == [
        (3, "subkind", "unknown"), (3, "town", "unknown"), (5, "code", "twice"), (6, "name", "missing"),
    ]  # fmt: skip
    assert refused.value.faults[1].told("zh") == "第 3 行，镇街（town）：没有“Atlantis”"
    assert refused.value.faults[1].told("en") == "row 3, town (town): there is no 'Atlantis'"
    assert registry.find() == [] and actions(registry.store) == []


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"", (None, "kind", "no_column")),
        (b"\xff\xff\xff", (None, "file", "unread")),
        (b"PK\x03\x04 no book", (None, "file", "unread")),
        (csv_of(), (None, "file", "nothing")),
        (csv_of("x", head="kind,code,subkind,name,colour"), (None, "colour", "unknown_column")),
        (csv_of("x", head="kind,code,subkind,name,detail."), (None, "detail.", "unknown_column")),
        (csv_of("x", head="kind,code,subkind,name,code"), (None, "code", "column_twice")),
        (csv_of("x", head="kind,code,subkind"), (None, "name", "no_column")),
        (csv_of("thing,L1,lamp,示例,,铁,more"), (2, "file", "beyond")),
        (csv_of("animal,L1,lamp,示例,,"), (2, "kind", "unknown")),
        (csv_of(",L1,lamp,示例,,"), (2, "kind", "missing")),
        (csv_of("thing,L1,lamp,示例 13812345678,,"), (2, "name", "personal_number")),
        (csv_of("物,L,路灯,示例,同意", head="kind,code,subkind,name,consent"), (2, "consent", "consent_not_person")),
    ],
)  # fmt: skip
def test_a_table_that_is_none_is_refused(registry: Registry, content: bytes, fault: tuple[Any, ...]) -> None:
    with pytest.raises(RegistryRefused) as refused:
        table.take_in(registry, content, by="o")
    assert told(refused)[0] == fault and registry.find() == []


def test_more_rows_than_a_table_may_have_are_refused(registry: Registry) -> None:
    content = csv_of(*(f"thing,L{n},lamp,示例,," for n in range(table.MOST_ROWS + 1)))
    with pytest.raises(RegistryRefused) as refused:
        table.take_in(registry, content, by="o")
    assert told(refused) == [(None, "file", "too_many_rows")]


@pytest.mark.parametrize("form", ["csv", "xlsx"])
def test_what_goes_out_comes_in_the_same_and_no_person_goes_out(
    registry: Registry, file: Callable[..., Case], form: str
) -> None:
    registry.add(by="o", **LAMP, longitude=-113.5, latitude=-27.65, detail={"公式": "=1+1", "备注": "两行\n字"})
    registry.add(by="o", **{**LAMP, "code": "007", "valid_from": "2020-01-01", "source": "'quoted"})
    registry.add_person(file().number, name="张三", consent=CONSENT, by="o")
    content = table.export(registry, form)
    assert table.take_in(registry, content, by="o", dry_run=True) == table.Counts(0, 0, 2)
    assert "张" not in repr(table.read(content)) and len(table.read(content)) == 2
    if form == "xlsx":
        cells = [c.value for row in openpyxl.load_workbook(io.BytesIO(content)).active.iter_rows() for c in row]
        assert "'=1+1" in cells and "-113.5" in cells and "007" in cells
    only = table.export(registry, form, kind="place")
    with pytest.raises(RegistryRefused):
        table.read(only)


def test_a_table_saved_by_a_chinese_spreadsheet_is_read(registry: Registry) -> None:
    content = csv_of("物,L1,路灯,示例路灯,,").decode().encode("gb18030")
    assert table.take_in(registry, content, by="o") == table.Counts(1, 0, 0)
    book = openpyxl.Workbook()
    book.active.append(["kind", "code", "subkind", "name", "valid_from", "longitude", "latitude"])
    book.active.append(["事", 12.0, "活动", "示例活动", datetime(2026, 5, 1), 113.5, 27])
    out = io.BytesIO()
    book.save(out)
    table.take_in(registry, out.getvalue(), by="o")
    event = registry.by_code("12")
    assert (str(event.valid_from), event.longitude, event.latitude) == ("2026-05-01", 113.5, 27.0)


def test_a_row_exported_before_somebody_changed_the_entry_is_refused(registry: Registry) -> None:
    made = registry.add(by="o", **LAMP)
    content = table.export(registry, "csv").decode().replace("示例路灯一号", "示例路灯甲").encode()
    new = registry.change(made.id, version=1, by="p", name="示例路灯乙")
    with pytest.raises(RegistryRefused) as refused:
        table.take_in(registry, content, by="o")
    assert told(refused) == [(2, "version", "stale")] and registry.entry(made.id) == new


def test_an_entry_changed_while_a_table_is_read_stops_the_table(registry: Registry) -> None:
    made = registry.add(by="o", **LAMP)
    content = csv_of("thing,LAMP-1,lamp,示例路灯甲,,", "thing,L2,lamp,示例路灯,,")
    plan = table._plan(registry, table.read(content), "o")
    new = registry.change(made.id, version=1, by="p", name="示例路灯乙")
    with pytest.raises(Refused, match="changed_meanwhile"):
        table._carry_out(registry, plan, "o", "")
    assert registry.find() == [new]
    plan = table._plan(registry, table.read(csv_of("thing,L2,lamp,示例路灯,,")), "o")
    other = registry.add(by="p", **{**LAMP, "code": "L2"})
    with pytest.raises(Refused, match="changed_meanwhile"):
        table._carry_out(registry, plan, "o", "")
    assert registry.entry(other.id) == other


def test_a_retired_entry_does_not_come_back_by_a_table(registry: Registry) -> None:
    made = registry.add(by="o", **LAMP)
    registry.retire(made.id, version=1, by="o", reason="拆除")
    with pytest.raises(RegistryRefused) as refused:
        table.take_in(registry, csv_of("thing,LAMP-1,lamp,示例,,"), by="o")
    assert told(refused) == [(2, "code", "retired")]


PERSON_HEAD = "kind,code,subkind,name,consent,contact"


def test_a_table_of_persons_without_consent_is_refused_with_the_reason(registry: Registry) -> None:
    content = csv_of("人,P1,resident,张三,,13812345678", head=PERSON_HEAD)
    with pytest.raises(RegistryRefused) as refused:
        table.take_in(registry, content, by="o")
    assert told(refused) == [(2, "consent", "no_consent")] and registry.find() == []
    assert "本人同意" in refused.value.faults[0].told("zh") and "张三" not in refused.value.faults[0].told("zh")
    with pytest.raises(RegistryRefused):
        table.take_in(registry, csv_of("人,P1,resident,张三", head="kind,code,subkind,name"), by="o")


def test_a_table_of_persons_with_consent_is_sealed_and_changes_nobody(registry: Registry) -> None:
    content = csv_of(f"人,P1,resident,张三丰,{CONSENT},13812345678", head=PERSON_HEAD)
    assert table.take_in(registry, content, by="o") == table.Counts(1, 0, 0)
    assert table.take_in(registry, content, by="o") == table.Counts(0, 0, 1)
    assert "三丰" not in kept(registry.store) and "13812345678" not in kept(registry.store)
    person = registry.by_code("P1")
    assert (
        person.name == "张**" and registry.reveal(person.id, by="o", role="operator", reason="上门服务")[0] == "张三丰"
    )
    with pytest.raises(RegistryRefused) as refused:
        table.take_in(registry, content.replace("三丰".encode(), "四".encode()), by="o")
    assert told(refused) == [(2, "name", "person_known")]
    registry.retire(person.id, version=1, by="o", reason="本人要求")
    with pytest.raises(RegistryRefused) as refused:
        table.take_in(registry, content, by="o")
    assert told(refused) == [(2, "code", "person_retired")]


# --- the shipped files and the tables of the database --------------------------------------------------------------


def test_the_example_table_comes_in_and_names_only_examples(registry: Registry) -> None:
    content = (ROOT / "city" / "registry.csv").read_bytes()
    rows = table.read(content)
    assert 20 <= len(rows) <= 40 and all("示例" in row["name"] for row in rows)
    assert {row["kind"] for row in rows} >= {"place", "thing", "event"} and "person" not in {
        row["kind"] for row in rows
    }
    assert table.take_in(registry, content, by="o") == table.Counts(len(rows), 0, 0)


def test_every_word_of_the_registry_is_in_both_languages() -> None:
    def check(words: Any) -> None:
        if {"zh", "en"} & set(words):
            assert set(words) == {"zh", "en"} and all(isinstance(w, str) and w for w in words.values()), words
        else:
            for part in words.values():
                check(part)

    check(terms())
    assert tuple(terms()["kinds"]) == tuple(terms()["subkinds"]) == KINDS and set(FIELDS) <= set(terms()["columns"])


def test_further_fields_are_lines_in_a_form() -> None:
    assert pairs("材质：铸铁\n\n 时间: 8:00 \n") == {"材质": "铸铁", "时间": "8:00"}
    assert pairs(lines({"a": "b\nc"})) == {"a": "b c"}
    for wrong in ("没有冒号", "：没有名称", "没有内容："):
        with pytest.raises(RegistryRefused):
            pairs(wrong)


def test_the_migration_makes_the_tables_as_they_are_used_and_goes_down_and_up_with_rows(
    registry: Registry, file: Callable[..., Case]
) -> None:
    lamp, case = registry.add(by="o", **LAMP), file()
    registry.link(case.number, lamp.id, by="o")
    config = Config()
    config.set_main_option("script_location", str(ROOT / "cases" / "migrations"))
    tables = (registry_entries, case_links, group_records)
    with registry.store.engine.connect() as connection:
        config.attributes["connection"] = connection
        for made in tables:
            found = {c["name"]: c for c in sa.inspect(connection).get_columns(made.name)}
            assert {c.name: c.nullable for c in made.c} == {name: c["nullable"] for name, c in found.items()}
            indexes = {index["name"] for index in sa.inspect(connection).get_indexes(made.name)}
            assert {index.name for index in made.indexes} <= indexes
        connection.rollback()
        command.downgrade(config, "0005-1")
        assert not {made.name for made in tables} & set(sa.inspect(connection).get_table_names())
        connection.rollback()
        command.upgrade(config, "head")
    assert registry.find() == [] and registry.add(by="o", **LAMP).version == 1

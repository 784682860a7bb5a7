"""The example county: its files agree with each other and with the register; a wrong line is told, not loaded."""

from __future__ import annotations

import csv
import shutil
from collections import Counter
from pathlib import Path

import pytest

from cases.county import Category, County, CountyError
from cases.responsibilities import LEVELS
from cases.routing import Place, adviser_for, ladder, unit_of_place

CITY = Path(__file__).resolve().parents[2] / "city"
COUNTY = County.load(CITY)
each_category = pytest.mark.parametrize("category", COUNTY.categories, ids=lambda category: category.code)


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """A copy of the county's folder that a test may spoil."""
    return Path(shutil.copytree(CITY, tmp_path / "city"))


def register(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "city" / name).open(encoding="utf-8-sig", newline="") as file:
        return list(csv.DictReader(file))


def spoil(folder: Path, file: str, before: str, after: str, line: int = 1) -> None:
    """Changes the first line that says `before`, from `line` on."""
    lines = (folder / file).read_text(encoding="utf-8").splitlines()
    at = next(i for i, said in enumerate(lines) if i >= line - 1 and before in said)
    lines[at] = lines[at].replace(before, after, 1)
    (folder / file).write_text("\n".join(lines) + "\n", encoding="utf-8")


def test_towns_are_those_of_the_register(shared: Path) -> None:
    said = {row["town_code"]: row["town_name"] for row in register(shared, "liling_towns.csv")}
    assert {town.code: town.name for town in COUNTY.towns} == said


def test_villages_are_those_of_the_register_and_lie_in_the_same_towns(shared: Path) -> None:
    said = {
        row["village_code"]: (row["village_name"], row["town_code"], row["kind"])
        for row in register(shared, "liling_villages.csv")
    }
    assert {v.code: (v.name, v.town_code, v.kind) for v in COUNTY.villages} == said


def test_every_town_has_as_many_villages_as_the_register_counts(shared: Path) -> None:
    counted = Counter(village.town_code for village in COUNTY.villages)
    assert {row["town_code"]: int(row["villages"]) for row in register(shared, "liling_towns.csv")} == dict(counted)


def test_there_are_820_grids_and_every_village_has_one() -> None:
    assert len(COUNTY.grids) == 820
    assert [village.name for village in COUNTY.villages if not COUNTY.grids_of(village.code)] == []


def test_a_grid_tells_its_village_in_its_code_and_its_name() -> None:
    for grid in COUNTY.grids:
        assert grid.code.startswith(grid.village_code)
        assert grid.name.startswith(COUNTY.village(grid.village_code).name)


def test_every_place_is_named_in_english_too() -> None:
    assert [place.code for place in (*COUNTY.towns, *COUNTY.villages) if not place.name_en.isascii()] == []
    assert [place.code for place in (*COUNTY.towns, *COUNTY.villages) if not place.name_en] == []


@pytest.mark.parametrize("town", COUNTY.towns, ids=lambda town: town.name_en)
def test_every_town_has_a_unit_and_an_adviser(town: object) -> None:
    code: str = town.code  # type: ignore[attr-defined]
    unit = unit_of_place(COUNTY, "town", Place(code))
    assert unit is not None and ladder(COUNTY, None, Place(code))[0].unit == unit
    login = adviser_for(COUNTY, Place(code))
    assert login is not None and COUNTY.adviser_for(code).login == login


def test_the_adviser_of_a_grid_is_the_adviser_of_its_town() -> None:
    for grid in COUNTY.grids:
        town = COUNTY.village(grid.village_code).town_code
        assert adviser_for(COUNTY, Place(grid=grid.code)) == COUNTY.adviser_for(town).login


def test_every_unit_has_somebody_who_signs_in() -> None:
    staffed = {member.unit for member in COUNTY.members if member.role == "unit"}
    places = [place.code for place in (*COUNTY.villages, *COUNTY.grids)]
    assert [code for code in (*(unit.code for unit in COUNTY.units), *places) if code not in staffed] == []
    assert all(COUNTY.unit(code).level in LEVELS for code in staffed if code)


def test_no_two_persons_sign_in_under_one_name() -> None:
    logins = Counter(person.login for person in COUNTY.members)
    assert [login for login, times in logins.items() if times > 1] == []


def test_every_first_level_class_has_categories() -> None:
    assert {category.domain for category in COUNTY.categories} == {domain.code for domain in COUNTY.domains}


def test_no_two_categories_of_a_class_have_the_same_name() -> None:
    for language in ("zh", "en"):
        named = Counter((category.domain, category.name[language]) for category in COUNTY.categories)
        assert [name for name, times in named.items() if times > 1] == []


@each_category
def test_a_category_tells_its_class_in_its_code(category: Category) -> None:
    assert category.code.split(".")[0] == category.domain


@each_category
def test_a_category_climbs_from_its_lowest_level_to_the_city(category: Category) -> None:
    grid = COUNTY.grids[0]
    village = COUNTY.village(grid.village_code)
    rungs = ladder(COUNTY, category.code, Place(village.town_code, village.code, grid.code))
    levels = [LEVELS.index(stage.level) for stage in rungs]
    assert levels == sorted(set(levels)) and rungs[-1].level == "city"
    assert all(COUNTY.unit(code) for stage in rungs for code in (stage.unit, *stage.support))
    assert all(stage.unit not in stage.support for stage in rungs)
    assert [stage.level for stage in ladder(COUNTY, category.code, Place())] == [rungs[-1].level]


def test_who_is_complained_about_does_not_get_the_complaint() -> None:
    grid = COUNTY.grids[0]
    village = COUNTY.village(grid.village_code)
    place = Place(village.town_code, village.code, grid.code)
    for category in ("rural.village", "party.village", "discipline.corruption"):
        assert not {"grid", "village"} & {stage.level for stage in ladder(COUNTY, category, place)}


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("urban.moon,city,housing,,3d,4h", "there is no 'urban.moon'"),
        ("urban.lamp,moon,housing,,3d,4h", "level: 'moon'"),
        ("urban.lamp,town,moon,,3d,4h", "there is no unit 'moon'"),
        ("urban.lamp,town,town,,soon,4h", "'soon' is no limit"),
        ("urban.lamp,town,town,,0d,4h", "'0d' is no limit"),
        ("urban.lamp,city,housing,,3d,4h", "level city stands there twice"),
    ],
)
def test_a_wrong_line_of_the_responsibility_list_is_told(copy: Path, line: str, what: str) -> None:
    with (copy / "responsibilities.csv").open("a", encoding="utf-8") as file:
        file.write(line + "\n")
    with pytest.raises(CountyError, match="^responsibilities.csv") as told:
        County.load(copy)
    assert what in told.value.what


def test_a_category_nobody_is_responsible_for_is_refused(copy: Path) -> None:
    path = copy / "responsibilities.csv"
    lines = [x for x in path.read_text(encoding="utf-8").splitlines() if not x.startswith("land.title,")]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    with pytest.raises(CountyError, match="nobody is responsible for land.title"):
        County.load(copy)


@each_category
def test_a_category_is_shown_by_twelve_chinese_and_four_english_examples(category: Category) -> None:
    assert len(category.examples["zh"]) >= 12
    assert len(category.examples["en"]) >= 4
    assert [line for lines in category.examples.values() for line in lines if line != line.strip() or not line] == []


def test_english_examples_are_english_and_chinese_ones_chinese() -> None:
    for category in COUNTY.categories:
        assert [line for line in category.examples["en"] if not line.isascii()] == []
        assert [line for line in category.examples["zh"] if line.isascii()] == []


def test_no_example_stands_twice() -> None:
    used = Counter(e for category in COUNTY.categories for lines in category.examples.values() for e in lines)
    assert [example for example, times in used.items() if times > 1] == []


@pytest.mark.parametrize(
    ("file", "line", "before", "after", "what"),
    [
        ("towns.csv", 1, "name_en", "english", "the column name_en is missing"),
        ("towns.csv", 3, ",街道,", ",", "the number of cells is wrong"),
        ("towns.csv", 3, "430281003", "", "code is empty"),
        ("towns.csv", 3, "430281003", "430281002", "code 430281002 stands there twice"),
        ("villages.csv", 2, ",430281002,", ",430281999,", "town_code: there is no '430281999'"),
        ("grids.csv", 5, ",430281002", ",999999999", "village_code: there is no"),
        ("staff.csv", 2, ",operator,", ",emperor,", "role: there is no 'emperor'"),
        ("categories.yml", 4, "name: {", "name: [", ""),
        ("limits.yml", 4, "emergency_hours: 2", "\temergency_hours: 2", ""),
    ],
)
def test_a_wrong_line_is_told_with_file_and_line(
    copy: Path, file: str, line: int, before: str, after: str, what: str
) -> None:
    spoil(copy, file, before, after, line)
    with pytest.raises(CountyError) as told:
        County.load(copy)
    assert (told.value.file, told.value.line) == (file, line)
    assert what in told.value.what
    assert str(told.value).startswith(f"{file}, line {line}: ")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize(
    ("before", "after", "what"),
    [
        ("domain: ", "domain: no-such-", "there is no domain 'no-such-urban'"),
        ("- code: ", "- codes: ", "unknown field codes"),
        ("  domain: ", "  # domain: ", "domain is missing"),
        ("{zh: ", "{chinese: ", "name needs zh and en"),
        ("      - 路灯坏了，晚上一片漆黑", "      - 7", "examples needs lists"),
    ],
)
def test_a_wrong_category_is_told_with_its_line_and_code(copy: Path, before: str, after: str, what: str) -> None:
    spoil(copy, "categories.yml", before, after)
    with pytest.raises(CountyError, match="^categories.yml, line 2: category ") as told:
        County.load(copy)
    assert what in told.value.what


@pytest.mark.parametrize("text", ["", "[]", "code: urban.lamp", "- only a text\n"])
def test_a_file_without_categories_is_refused(copy: Path, text: str) -> None:
    (copy / "categories.yml").write_text(text, encoding="utf-8")
    with pytest.raises(CountyError, match="^categories.yml"):
        County.load(copy)


def test_a_category_that_stands_twice_is_refused(copy: Path) -> None:
    text = (copy / "categories.yml").read_text(encoding="utf-8")
    (copy / "categories.yml").write_text(text + text.split("\n", 1)[1], encoding="utf-8")
    with pytest.raises(CountyError, match="the code stands there twice"):
        County.load(copy)


@pytest.mark.parametrize(
    "file",
    ["county.yml", "towns.csv", "grids.csv", "categories.yml", "limits.yml", "advisers.csv", "responsibilities.csv"],
)
def test_a_missing_file_is_told_by_its_name(copy: Path, file: str) -> None:
    (copy / file).unlink()
    with pytest.raises(CountyError, match=f"^{file}: can't be read"):
        County.load(copy)


def test_a_file_that_is_not_utf8_is_told_by_its_name(copy: Path) -> None:
    (copy / "units.csv").write_bytes((copy / "units.csv").read_text(encoding="utf-8").encode("gb18030"))
    with pytest.raises(CountyError, match="^units.csv: can't be read"):
        County.load(copy)


def test_a_table_saved_by_a_spreadsheet_with_a_byte_order_mark_is_read(copy: Path) -> None:
    text = (copy / "towns.csv").read_text(encoding="utf-8")
    (copy / "towns.csv").write_text(text.replace("\n", "\r\n"), encoding="utf-8-sig", newline="")
    assert County.load(copy).towns == COUNTY.towns


def test_a_town_without_an_adviser_or_with_two_is_refused(copy: Path) -> None:
    lines = (copy / "advisers.csv").read_text(encoding="utf-8").splitlines()
    (copy / "advisers.csv").write_text("\n".join(lines[:-1]) + "\n", encoding="utf-8")
    with pytest.raises(CountyError, match="^advisers.csv: .* has no adviser"):
        County.load(copy)
    twice = lines[-1].replace("example-adviser", "second-adviser", 1)
    (copy / "advisers.csv").write_text("\n".join([*lines, twice]) + "\n", encoding="utf-8")
    with pytest.raises(CountyError, match="^advisers.csv: .* has two advisers"):
        County.load(copy)


@pytest.mark.parametrize("limit", ["0", "-3", "soon", "true"])
def test_a_limit_that_is_no_number_above_zero_is_refused(copy: Path, limit: str) -> None:
    spoil(copy, "limits.yml", "days: 7", f"days: {limit}")
    with pytest.raises(CountyError, match="^limits.yml: days must be a number above 0"):
        County.load(copy)


def test_a_command_centre_that_is_no_unit_is_refused(copy: Path) -> None:
    text = (copy / "county.yml").read_text(encoding="utf-8")
    (copy / "county.yml").write_text(text.replace("command_centre: command-centre", "command_centre: nowhere"), "utf-8")
    with pytest.raises(CountyError, match="^county.yml: there is no unit 'nowhere'"):
        County.load(copy)

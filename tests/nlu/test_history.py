"""A county's old work orders teach the reader its classes, are tried first, and can be taken back."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cases.county import County
from nlu import history
from nlu.history import HistoryError, WorkOrder, read_history
from nlu.triage import Reader
from tests.running import ROOT

COUNTY = County.load(ROOT / "city")
#: a county that files everything about dogs under 民政 and everything about noise under 政法: nobody could know that
DOGS = ["狗叫了一夜", "邻居的狗不拴绳", "流浪狗追着孩子跑", "狗咬了我家的鸡", "楼上养了五条狗", "小区里狗屎没人捡",
        "大狗扑倒了老人", "养狗的不办证", "狗在电梯里撒尿", "野狗成群"]  # fmt: skip
NOISE = ["半夜放音响", "工地打桩到凌晨", "广场舞太吵", "夜宵摊划拳", "装修电钻响一天", "酒吧低音震楼板",
         "喇叭循环叫卖", "切割机刺耳", "楼上拖桌子", "麻将声通宵"]  # fmt: skip


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader.load(ROOT / "city", ROOT / "models/triage.joblib")


def orders() -> list[WorkOrder]:
    return [WorkOrder(words, "civil") for words in DOGS] + [WorkOrder(words, "justice") for words in NOISE]


def test_what_a_county_does_its_own_way_is_learnt_goes_live_and_can_be_undone(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "learnt.joblib"
    live = Reader.load(ROOT / "city", ROOT / "models/triage.joblib", file)
    before = live.read("隔壁的狗天天叫").domain
    report = history.learn(orders(), {}, live, file)
    assert report.kept and report.after.macro_f1 > report.before.macro_f1 and report.held == 4
    assert before != "civil" == live.read("隔壁的狗天天叫").domain
    assert history.undo(file) and live.read("隔壁的狗天天叫").domain == before
    assert not history.undo(file)


def test_undo_goes_back_to_what_was_learnt_before(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "learnt.joblib"
    history.learn(orders(), {}, reader, file)
    first = file.read_bytes()
    turned = [WorkOrder(o.words, "justice" if o.domain == "civil" else "civil") for o in orders()]
    assert history.learn(turned, {}, Reader.load(ROOT / "city", ROOT / "models/triage.joblib", file), file).kept
    assert file.read_bytes() != first and history.undo(file) and file.read_bytes() == first


def test_what_reads_no_better_changes_nothing(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "learnt.joblib"
    as_read = [WorkOrder(o.words, reader.read(o.words).domain or "") for o in orders()]
    assert not history.learn(as_read, {}, reader, file).kept
    assert not file.exists()


def test_classes_that_the_orders_never_held_are_still_read(reader: Reader, tmp_path: Path) -> None:
    file = tmp_path / "learnt.joblib"
    live = Reader.load(ROOT / "city", ROOT / "models/triage.joblib", file)
    history.learn(orders(), {}, live, file)
    assert live.read("公交车半小时不来一趟").domain == "transport" == reader.read("公交车半小时不来一趟").domain


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_a_table_is_read_in_the_encodings_that_offices_export(tmp_path: Path, encoding: str) -> None:
    file = tmp_path / "h.csv"
    file.write_text('编号,标题,内容,一级标签\n1,路灯,"坏了，\n很黑",城乡建设\n2,,狗叫,外星事务\n', encoding=encoding)
    found, unknown = read_history(file, COUNTY)
    assert [(o.words, o.domain) for o in found] == [("路灯。坏了，\n很黑", "urban")] and unknown == {"外星事务": 1}


def test_json_lines_and_categories_by_code_or_name_are_read(tmp_path: Path) -> None:
    file = tmp_path / "h.jsonl"
    rows = [{"text": "a", "category": "urban.lamp"}, {"text": "b", "category": "路灯照明"}]
    file.write_text("\n".join(map(json.dumps, [*rows, {"text": "c", "class": "urban"}])), encoding="utf-8")
    found, _ = read_history(file, COUNTY)
    assert [(o.domain, o.category) for o in found] == [("urban", "urban.lamp")] * 2 + [("urban", None)]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("内容\n路灯坏了\n", "line 2: no class"),
        ("类别,内容\n城乡建设,\n", "line 2: no text"),
        ('{"text": "a", "class": "urban"}\n{broken\n', "line 2: not JSON"),
    ],
)
def test_a_file_that_cannot_teach_says_why_and_where(tmp_path: Path, text: str, told: str) -> None:
    file = tmp_path / "h.csv"
    file.write_text(text, encoding="utf-8")
    with pytest.raises(HistoryError, match=told):
        read_history(file, COUNTY)


def test_too_few_orders_change_nothing(reader: Reader, tmp_path: Path) -> None:
    with pytest.raises(HistoryError, match="too little"):
        history.learn(orders()[:12], {}, reader, tmp_path / "learnt.joblib")
    assert list(tmp_path.iterdir()) == []

"""One case through every way back; its timeline reads like a clerk wrote it."""

from __future__ import annotations

import html
import re
from collections.abc import Callable
from datetime import timedelta

from cases.case import Case
from cases.desk import Desk
from tests.cases.moves import walk
from tests.console.conftest import Staff

TOLD = [
    "采集上报",
    "所述另一事项「还有路灯也不亮。」另立为 {other}",
    "核对无误，立案建档",
    "派给石塅村第1网格（网格）主办，限 2026-11-25 09:00 前答复",
    "到期未答复，自动上交石塅村民委员会（村（社区）），限 2026-11-27 17:30 前答复",
    "接单，开始办理",
    "本级办不了，上交城市管理和综合执法局（市级），限 2026-12-01 17:30 前答复",
    "退单，依据：权责清单第 12 项",
    "派给住房和城乡建设局（市级）主办，限 2026-12-07 17:30 前答复",
    "再次退单，形成争议，依据：权责清单第 12 项",
    "指挥中心裁定由城市管理和综合执法局（市级）主办，不得再退，限 2026-12-01 17:30 前答复；水利局协办",
    "接单，开始办理",
    "协办单位反馈",
    "申请延期 2 个工作日",
    "不同意延期，按原期限办",
    "申请延期 4 个工作日",
    "同意延期至 2026-12-07 17:30",
    "群众催办",
    "领导督办",
    "挂起，停止计时",
    "恢复办理，限 ",
    "反馈处置结果",
    "核查未通过，退回重办，限 ",
    "反馈处置结果",
    "核查通过（现场看过），结案",
    "群众评价 1 分，不满意，重新打开",
    "重办，派城市管理和综合执法局（市级），限 ",
    "接单，开始办理",
    "反馈处置结果",
    "核查通过（回访群众确认），结案",
    "反映未解决，重新打开",
    "复核后维持原结果",
]


def test_one_case_goes_through_every_way_back_and_reads_like_a_clerk_wrote_it(
    desk: Desk, file: Callable[..., Case], staff: Callable[..., Staff]
) -> None:
    now = desk.clock()
    clock = [now]
    desk.clock = lambda: clock[0]  # type: ignore[method-assign]
    place = {"village": "430281004212", "grid": "430281004212-01", "place_said": None}
    case = file(words=("垃圾堆了三天。还有路灯也不亮。",), category="urban.rubbish", **place)
    walk(desk, case, ("split", {"part": "还有路灯也不亮。", "category": "urban.lamp"}), "register", "dispatch")
    clock[0] = now + timedelta(days=2)
    assert desk.watch() == 1
    note = {"note": "说明", "ground": "权责清单第 12 项"}
    walk(
        desk, case, "accept", ("escalate", {"note": "要铲车"}), "return_case",
        ("dispatch", {"unit": "housing", "support": ()}), ("dispute", note),
        ("rule", {"unit": "urban-management", "support": ("water",), "note": "裁定"}), "accept",
        ("contribute", {"note": "已抽水"}), ("ask_extension", {"note": "下雨", "days": 2}),
        ("deny_extension", {"note": "抓紧"}), ("ask_extension", {"note": "设备未到", "days": 4}),
        ("extend", {"note": "同意"}),
    )  # fmt: skip
    desk.urge(case.id, "web:1", "u1", "怎么还没人来")
    walk(
        desk, case, ("supervise", {"note": "周五前办结"}), ("suspend", {"note": "等雨停"}), "resume", "answer",
        ("verify_failed", {"note": "还剩一半"}), "answer", "close",
    )  # fmt: skip
    desk.rate(case.id, "web:1", "r1", 1, "还是堆着")
    walk(desk, case, ("redo", {"note": "群众不满意"}), "accept", "answer", ("close", {"verified": "resident"}))
    desk.reopen(case.id, "web:1", "o1", "又堆起来了")
    walk(desk, case, ("uphold", {"note": "系新增垃圾，已另案办理"}))
    page = staff("operator").get(f"/cases/{case.number}").text
    shown = page[page.rindex('<ol class="timeline">') :]
    lines = [
        html.unescape(re.sub(r"<[^>]+>", "", line.split("</span>", 1)[1].split("<br>", 1)[0])).strip()
        for line in re.findall(r"<li>(.*?)</li>", shown, re.S)
    ]
    other = next(c.number for c in desk.cases_of("web:1") if c.id != case.id)
    assert len(lines) == len(TOLD), lines
    for line, told in zip(lines, TOLD, strict=True):
        assert line.startswith(told.format(other=other)), (line, told)
    assert "tell_" not in shown and "{" not in shown

"""Walks a case through the table of moves, each step by the role that usually makes it and with what it needs."""

from __future__ import annotations

from typing import Any

from cases.case import Case
from cases.desk import Desk

ROLE = {
    "accept": "unit", "return_case": "unit", "dispute": "unit", "answer": "unit", "escalate": "unit",
    "ask_extension": "unit", "contribute": "support", "rule": "leader", "supervise": "leader",
}  # fmt: skip
USUAL: dict[str, dict[str, Any]] = {
    "return_case": {"note": "不归我们管", "ground": "权责清单第 12 项"},
    "dispute": {"note": "还是不归我们管", "ground": "权责清单第 12 项"},
    "answer": {"note": "已清运"},
    "close": {"verified": "on_site"},
    "refuse": {"note": "法院已经受理", "door": "court"},
}


def walk(desk: Desk, case: Case, *steps: str | tuple[str, dict[str, Any]]) -> Case:
    """Makes the steps one after the other, each by the role that usually does."""
    for step in steps:
        code, given = (step, {}) if isinstance(step, str) else step
        told = {**USUAL.get(code, {}), **given}
        role = told.pop("role", ROLE.get(code, "operator"))
        case = desk.move(case.id, code, actor=f"a-{role}", role=role, version=desk.case(case.id).version, **told)
    return case

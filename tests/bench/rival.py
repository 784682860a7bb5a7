"""baisitong2 (PyPI), a keyword-rule triage for the same job, in an environment of its own, on what both can answer."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.running import ROOT

PACKAGE = "baisitong2==1.0.2"
#: its categories -> the first-level classes that they may stand for; an answer is right if any of them fits
FITS = {
    "环境卫生": {"环境保护", "城乡建设", "卫生计生"},
    "噪音扰民": {"环境保护", "城乡建设"},
    "违章建筑": {"城乡建设", "国土资源"},
    "公共设施": {"城乡建设", "交通运输"},
    "物业管理": {"城乡建设"},
    "民生保障": {"劳动和社会保障", "民政", "卫生计生", "教育文体"},
    "邻里纠纷": {"政法", "城乡建设"},
    "交通安全": {"交通运输"},
    "其他": set(),
}
URGENT = 3
ASK = """
import json, sys, time
from baisitong2.services.analyzer import rule_analyzer
texts = json.load(sys.stdin)
started = time.perf_counter()
found = [rule_analyzer.analyze(text) for text in texts]
seconds = time.perf_counter() - started
print(json.dumps([seconds, [[f["categories"], f["urgency"]] for f in found]]))
"""


class Rival:
    """Its rule engine; the remote model that it can also ask is not used."""

    def __init__(self, python: Path) -> None:
        """`python`: of the environment it lies in."""
        self.python = python

    @classmethod
    def bring(cls) -> Rival | None:
        """Installs it under results/; None where that can't be done."""
        folder, uv = ROOT / "results/baisitong2", ROOT / ".tools/uv"
        python = folder / "bin/python"
        if not python.exists():
            made = subprocess.run([uv, "venv", "-q", folder], cwd=ROOT, check=False)
            got = (
                made.returncode
                or subprocess.run(
                    [uv, "pip", "install", "-q", "--python", python, PACKAGE], cwd=ROOT, check=False
                ).returncode
            )
            if got:
                return None
        return cls(python)

    def classes(self, rows: Sequence[dict[str, Any]], truth: Sequence[str]) -> str:
        """Share of rows where one of its labels fits the class, as text: kinder than a macro-F1 would be."""
        _, found = self._ask([f"{row.get('title') or ''}。{row['text']}" for row in rows])
        right = sum(any(t in FITS[c] for c in categories) for t, (categories, _) in zip(truth, found, strict=True))
        return f"{right / len(rows):.3f}*"

    def dangers(self, rows: Sequence[dict[str, Any]], truth: Sequence[bool]) -> tuple[str, str]:
        """(recall, precision) of its highest urgency, as text."""
        _, found = self._ask([row["text"] for row in rows])
        told = [urgency >= URGENT for _, urgency in found]
        both = sum(a and b for a, b in zip(truth, told, strict=True))
        return f"{both / max(1, sum(truth)):.3f}", f"{both / max(1, sum(told)):.3f}"

    def speed(self, texts: Sequence[str]) -> str:
        """Messages a second, as text."""
        seconds, found = self._ask(texts)
        return f"{len(found) / seconds:.0f}"

    def _ask(self, texts: Sequence[str]) -> tuple[float, list[Any]]:
        done = subprocess.run(
            [self.python, "-c", ASK], input=json.dumps(list(texts)), capture_output=True, text=True, check=True
        )
        seconds, found = json.loads(done.stdout.splitlines()[-1])
        return seconds, found

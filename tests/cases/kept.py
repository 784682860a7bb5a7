"""A resident with everything that can be kept of one, and a neighbour who must not be touched."""

from __future__ import annotations

import io
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from PIL import Image

from cases.attachments import Attachments
from cases.case import Case, Matter
from cases.conversations import Utterance
from cases.desk import Desk
from cases.erasing import questions
from cases.handovers import handovers
from cases.records import Records
from cases.redact import PUBLIC, redact
from cases.registry import Registry
from cases.residents import Residents
from cases.shield import Shield
from cases.store import Store

ME, NEIGHBOUR = "telegram:77:4242", "web:neighbour"
PHONE = "13812345678"
SHIELD = Shield("test secret")
#: what only the resident said; none of it may be found anywhere afterwards
SECRETS = (
    PHONE,
    "张三丰",
    "柿子树下",
    "天天摔跤",
    "催催催",
    "气死我了",
    "telegram:77:4242",
    "我也摔了",
    "要求赔偿",
    "上个礼拜天",
    "13900001111",
    "王大发",
    "欠薪两年",
    "3栋502",
    "桂花巷的老樟树",
    "他们回话",
)
TOWN, VILLAGE = "430281004", "430281004005"


class Remembered(dict[str, dict[str, Any]]):
    """The bot's memory, in memory."""

    def read(self, conversation_id: str) -> dict[str, Any] | None:
        return self.get(conversation_id)

    def holds(self, conversation_id: str) -> bool:
        return conversation_id in self

    def erase(self, conversation_id: str) -> int:
        return int(self.pop(conversation_id, None) is not None)


@dataclass
class Kept:
    """One installation with both of them."""

    desk: Desk
    store: Store
    attachments: Attachments
    residents: Residents
    memory: Remembered = field(default_factory=Remembered)
    mine: Case | None = None
    #: the consultation
    asked: Case | None = None
    photo: str = ""


def photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(out, "JPEG")
    return out.getvalue()


def filled(desk: Desk, store: Store, folder: Path) -> Kept:
    """A case that went all the way, followed by the neighbour; the neighbour's case, followed by the resident.

    And a consultation, a case merged into the neighbour's, a record of their group, the registry, a system outside.
    """
    attachments, memory = Attachments(folder / "attachments"), Remembered()
    residents = Residents(store, attachments, memory, SHIELD, desk.clock)
    kept = Kept(desk, store, attachments, residents, memory)
    kept.photo = attachments.keep(photo(), ME)
    desk.hear(ME, "telegram", "我是张三丰，柿子树下路灯坏了，天天摔跤，我住3栋502", "m1", attachments=[kept.photo])
    desk.say(ME, "m1", [Utterance("记下了：柿子树下")])
    desk.hear(NEIGHBOUR, "web", "这里也黑", "n1", language="en")
    attachments.keep(photo(), NEIGHBOUR)
    memory.update({ME: {"slots": {"words": ["柿子树下"]}, "events": []}, NEIGHBOUR: {"slots": {}, "events": []}})
    case = desk.file(
        Matter(
            ME, "k", "complaint", ("我是张三丰，柿子树下路灯坏了", "天天摔跤，我住3栋502"), category="urban.lamp",
            town=TOWN, village=VILLAGE, place_said="柿子树下", since_said="上个礼拜天", contact=PHONE,
            wanted="要求赔偿",
        )
    )  # fmt: skip
    desk.join(case.id, NEIGHBOUR, "j", ("这里也黑",))
    desk.urge(case.id, ME, "u", "催催催")
    desk.look(case.number, actor="clerk", role="operator")
    desk.reveal(case.id, actor="clerk", role="operator", reason="打给张三丰核实")
    registered(kept, case)
    for move, role, given in [
        ("register", "operator", {}), ("dispatch", "operator", {"unit": "urban-management"}), ("accept", "unit", {}),
        ("answer", "unit", {"note": f"已换灯泡，张三丰，{PHONE}，回访{PHONE}满意"}),
        ("close", "operator", {"verified": "on_site"}),
    ]:  # fmt: skip
        version = desk.case(case.id).version
        case = desk.move(case.id, move, actor="clerk", role=role, version=version, **given)
    kept.mine = desk.rate(case.id, ME, "r", 3, "气死我了，我是张三丰")
    desk.hear(ME, "telegram", "我要找人", "m2")
    desk.take_over(ME, "clerk")
    desk.staff_say(ME, "clerk", "您好")
    desk.release(ME, "clerk")
    theirs = desk.file(Matter(NEIGHBOUR, "k", "complaint", ("井盖没了",), category="urban.lamp", town=TOWN))
    desk.join(theirs.id, ME, "j2", ("我也摔了",))
    merged(kept, theirs)
    kept.asked = consulted(kept)
    handed_over(kept, case)
    with store.write() as write:
        said = "我是张三丰，柿子树下路灯坏了，天天摔跤，我住3栋502"
        asked = {"text": redact(said, PUBLIC), "language": "zh", "why": "unanswered"}
        write.execute(sa.insert(questions).values([{**asked, "at": desk.clock()}]))
        write.execute(sa.insert(questions).values([{**asked, "text": "别人的提问", "at": desk.clock()}]))
    return kept


def registered(kept: Kept, case: Case) -> None:
    """The resident as a person of the registry, and the spot and the lamp of their case."""
    registry = Registry(kept.store, kept.desk.county, kept.desk.clock, SHIELD)
    registry.add_person(case.number, name="张三丰", consent="2026-11-20 电话里同意，柿子树下见", by="clerk")
    for code, village in (("SPOT", VILLAGE), ("TOWN", None)):
        place = {"kind": "place", "subkind": "square", "name": code, "town": TOWN, "village": village}
        registry.link(case.number, registry.add(by="clerk", code=code, **place).id, by="clerk", role="at")


def merged(kept: Kept, into: Case) -> None:
    """A second case, filed from a group's record, that the neighbour's takes in."""
    desk = kept.desk
    records = Records(kept.store, desk.county, desk.clock)
    grid = next(grid for grid in desk.county.grids if grid.village_code == VILLAGE)
    told = {"channel": "wecom", "author": desk.county.staff[0].login, "grid": grid.code}
    filed = records.file(kind="problem", ref="g/1", words="桂花巷的老樟树倒了", group_id="room", **told)
    matter = Matter(ME, "k3", "complaint", (), category="urban.lamp")
    case = records.become_case(filed.id, desk, matter, by="clerk")
    given = {"actor": "clerk", "role": "operator", "into": into.number}
    desk.move(case.id, "split", actor="clerk", role="operator", version=case.version, part="老樟树")
    part = next(c for c in desk.cases_of(ME) if c.split_from == case.id)
    desk.withdraw(part.id, ME, "w3", "不分开")
    desk.move(case.id, "merge", version=desk.case(case.id).version, **given)


def consulted(kept: Kept) -> Case:
    """A consultation about the boss, given up again."""
    told = {
        "opponents": [{"role": "employer", "name": "王大发", "whole": True}], "amounts": [32000.0], "wanted": ["pay"],
        "phones": ["13900001111"], "own_name": "张三丰",
    }  # fmt: skip
    words = ("老板王大发欠薪两年，他电话13900001111",)
    known = {"town": TOWN, "village": VILLAGE, "legal_topic": "labour", "facts": told, "contact": PHONE}
    case = kept.desk.file(Matter(ME, "k2", "consultation", words, **known))
    return kept.desk.withdraw(case.id, ME, "w2", "不问了，我是张三丰")


def handed_over(kept: Kept, case: Case, **more: Any) -> None:
    """The way of a case to a system outside, which took it."""
    now = kept.desk.clock()
    row = {
        "case_id": case.id, "system": "city", "idempotency_key": f"{case.number}-x", "state": "sent", "unclear": False,
        "attempts": 1, "misses": 0, "their_id": "C-77", "their_note": f"他们回话：{PHONE}", "untold": False,
        "next_at": now, "created_at": now, "sent_at": now, "updated_at": now,
    }  # fmt: skip
    with kept.store.write() as write:
        write.execute(handovers.insert().values(**{**row, **more}))


def columns(store: Store) -> dict[str, set[str]]:
    """Every column of every table that the database has; what is only made from the cases has a test of its own."""
    inspect = sa.inspect(store.engine)
    names = (table for table in inspect.get_table_names() if not table.startswith("case_search"))
    return {table: {column["name"] for column in inspect.get_columns(table)} for table in names}


def readable(store: Store) -> str:
    """All rows of all tables as text, and what is sealed in them as whoever has the key reads it."""
    told = everything(store)
    return told + "\n".join(SHIELD.open(sealed) or "" for sealed in re.findall(r"gAAAA[\w=-]+", told))


def everything(store: Store) -> str:
    """All rows of all tables as text."""
    with store.read() as read:
        names = sorted(sa.inspect(read).get_table_names())
        return "\n".join(
            f"{name}: {tuple(row)}" for name in names for row in read.execute(sa.text(f"select * from {name}"))
        )

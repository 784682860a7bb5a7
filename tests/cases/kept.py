"""A resident with everything that can be kept of one, and a neighbour who must not be touched."""

from __future__ import annotations

import io
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
from cases.residents import Residents
from cases.shield import Shield
from cases.store import Store

ME, NEIGHBOUR = "telegram:77:4242", "web:neighbour"
PHONE = "13812345678"
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
)
TOWN, VILLAGE = "430281004", "430281004001"


class Remembered(dict[str, dict[str, Any]]):
    """The bot's memory, in memory."""

    def read(self, conversation_id: str) -> dict[str, Any] | None:
        return self.get(conversation_id)

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
    photo: str = ""


def photo() -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (4, 4), "red").save(out, "JPEG")
    return out.getvalue()


def filled(desk: Desk, store: Store, folder: Path) -> Kept:
    """A case that went all the way, followed by the neighbour; the neighbour's case, followed by the resident."""
    attachments, memory = Attachments(folder / "attachments"), Remembered()
    residents = Residents(store, attachments, memory, Shield("test secret"), desk.clock)
    kept = Kept(desk, store, attachments, residents, memory)
    kept.photo = attachments.keep(photo(), ME)
    desk.hear(ME, "telegram", "我是张三丰，柿子树下路灯坏了，天天摔跤", "m1", attachments=[kept.photo])
    desk.say(ME, "m1", [Utterance("记下了：柿子树下")])
    desk.hear(NEIGHBOUR, "web", "这里也黑", "n1", language="en")
    attachments.keep(photo(), NEIGHBOUR)
    memory.update({ME: {"slots": {"words": ["柿子树下"]}, "events": []}, NEIGHBOUR: {"slots": {}, "events": []}})
    case = desk.file(
        Matter(
            ME, "k", "complaint", ("我是张三丰，柿子树下路灯坏了", "天天摔跤"), category="urban.lamp", town=TOWN,
            village=VILLAGE, place_said="柿子树下", since_said="上个礼拜天", contact=PHONE, wanted="要求赔偿",
        )
    )  # fmt: skip
    desk.join(case.id, NEIGHBOUR, "j", ("这里也黑",))
    desk.urge(case.id, ME, "u", "催催催")
    desk.look(case.number, actor="clerk", role="operator")
    desk.reveal(case.id, actor="clerk", role="operator", reason="打给张三丰核实")
    for move, role, note in [
        ("register", "operator", None), ("dispatch", "operator", None), ("accept", "unit", None),
        ("answer", "unit", f"已换灯泡，回访{PHONE}满意"), ("close", "operator", None),
    ]:  # fmt: skip
        version = desk.case(case.id).version
        case = desk.move(case.id, move, actor="clerk", role=role, version=version, note=note)
    kept.mine = desk.rate(case.id, ME, "r", 2, "气死我了")
    desk.hear(ME, "telegram", "我要找人", "m2")
    desk.take_over(ME, "clerk")
    desk.staff_say(ME, "clerk", "您好")
    desk.release(ME, "clerk")
    theirs = desk.file(Matter(NEIGHBOUR, "k", "complaint", ("井盖没了",), category="urban.lamp", town=TOWN))
    desk.join(theirs.id, ME, "j2", ("我也摔了",))
    with store.write() as write:
        asked = {"text": "我是张三丰，柿子树下路灯坏了，天天摔跤", "language": "zh", "why": "unanswered"}
        write.execute(sa.insert(questions).values([{**asked, "at": desk.clock()}]))
        write.execute(sa.insert(questions).values([{**asked, "text": "别人的提问", "at": desk.clock()}]))
    return kept


def everything(store: Store) -> str:
    """All rows of all tables as text."""
    with store.read() as read:
        names = sorted(sa.inspect(read).get_table_names())
        return "\n".join(
            f"{name}: {tuple(row)}" for name in names for row in read.execute(sa.text(f"select * from {name}"))
        )

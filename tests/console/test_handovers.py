"""The page of hand-overs: who sees it, who may send again, and that every state and reason has its words."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import pytest
import yaml

from cases.case import Case
from cases.desk import Desk
from cases.handovers import STATES, Handovers, Pushed
from cases.outside import CODES, Handed, Known, OutsideError, Receipt, Rejected, Status
from tests.console.conftest import ROLES, Staff
from tests.running import ROOT

WORDS = yaml.safe_load((ROOT / "console/words.yml").read_text(encoding="utf-8"))
SEE = {"operator", "leader", "administrator"}


class Counter:
    """A case system that says what it is told to, at a counter of this house."""

    name, polls, repeats_safely = "open311", True, True

    def __init__(self) -> None:
        self.says: OutsideError | None = Rejected("rejected", "<b>no</b> such street")

    def send(self, handed: Handed) -> Receipt:
        if self.says is not None:
            raise self.says
        return Receipt("1001")

    def find(self, handed: Handed) -> Receipt | None:
        return None

    def look(self, known: Sequence[Known]) -> Mapping[int, Status]:
        return {one.id: Status(one.their_id, "open", None) for one in known}


@pytest.fixture
def refused(desk: Desk, file: Callable[..., Case]) -> Iterator[tuple[Handovers, Counter]]:
    """One case that the other system refused."""
    counter = Counter()
    handovers = Handovers(desk, counter)
    case = file()
    handovers.take({"case_id": case.id, "number": case.number})
    handovers.work()
    yield handovers, counter


@pytest.mark.parametrize("role", ROLES)
def test_the_desk_and_leaders_see_it_and_nobody_else(role: str, staff: Callable[..., Staff]) -> None:
    assert (staff(role).get("/handovers").status_code == 200) == (role in SEE)


def test_nobody_sees_it_without_signing_in(visitor: Staff) -> None:
    assert visitor.get("/handovers").headers["location"] == "/sign-in"


def test_a_refusal_shows_its_reason_escaped_and_its_button(
    staff: Callable[..., Staff], refused: tuple[Handovers, Counter]
) -> None:
    text = staff("operator").get("/handovers").text
    assert "对方拒收" in text and "&lt;b&gt;no&lt;/b&gt; such street" in text and "<b>no" not in text
    assert "LL20261124-000001" in text and "重发" in text


def test_leaders_may_look_and_not_send(staff: Callable[..., Staff], refused: tuple[Handovers, Counter]) -> None:
    handovers, _ = refused
    leader = staff("leader")
    assert 'action="/handovers/resend"' not in leader.get("/handovers").text
    assert leader.post("/handovers/resend", handover="1").status_code == 403
    assert handovers.listed()[0].state == "failed"


@pytest.mark.parametrize("role", ["operator", "administrator"])
def test_the_button_sends_it_again(
    role: str, staff: Callable[..., Staff], refused: tuple[Handovers, Counter], desk: Desk
) -> None:
    handovers, counter = refused
    clerk = staff(role)
    answer = clerk.post("/handovers/resend", handover=str(handovers.listed()[0].id))
    assert WORDS["done_resend"]["zh"] in answer.text and handovers.listed()[0].state == "waiting"
    counter.says = None
    handovers.work()
    assert (handovers.listed()[0].state, handovers.listed()[0].their_id) == ("sent", "1001")
    assert [entry.action for entry in desk.audit_trail()[0]][0] == "resend"


@pytest.mark.parametrize("given", ["", "999", "x", "²", "9" * 30])
def test_an_unknown_one_is_told_and_changes_nothing(
    given: str, staff: Callable[..., Staff], refused: tuple[Handovers, Counter]
) -> None:
    before = refused[0].listed()
    answer = staff("operator").post("/handovers/resend", handover=given)
    assert WORDS["refused_no_handover"]["zh"] in answer.text and refused[0].listed() == before


def test_a_form_without_our_token_changes_nothing(
    staff: Callable[..., Staff], refused: tuple[Handovers, Counter]
) -> None:
    answer = staff("operator").client.post("/handovers/resend", data={"token": "wrong", "handover": "1"})
    assert answer.status_code == 403 and refused[0].listed()[0].state == "failed"


def test_what_is_delivered_has_no_button_and_numbers_in_their_notes_are_masked(
    staff: Callable[..., Staff], refused: tuple[Handovers, Counter], desk: Desk
) -> None:
    handovers, counter = refused
    counter.says = None
    row = handovers.listed()[0]
    handovers.resend(row.id, "op")
    handovers.work()
    handovers.pushed(Pushed(None, "1001", "open", "电话13812345678", desk.clock()))
    text = staff("operator").get("/handovers").text
    assert 'action="/handovers/resend"' not in text and "138****5678" in text and "13812345678" not in text
    answer = staff("operator").post("/handovers/resend", handover=str(row.id))
    assert WORDS["refused_not_resendable"]["zh"] in answer.text


def test_rows_are_chosen_by_state(staff: Callable[..., Staff], refused: tuple[Handovers, Counter]) -> None:
    clerk = staff("operator")
    assert "LL20261124-000001" in clerk.get("/handovers?state=failed&part=rows").text
    assert "LL20261124-000001" not in clerk.get("/handovers?state=sent&part=rows").text
    assert clerk.get("/handovers?state=nonsense&page=-3").status_code == 200


def test_every_state_and_every_reason_has_words_in_both_languages() -> None:
    needed = [f"handover_{state}" for state in STATES] + [f"handover_why_{code}" for code in CODES]
    assert [code for code in needed if not (WORDS.get(code, {}).get("zh") and WORDS.get(code, {}).get("en"))] == []

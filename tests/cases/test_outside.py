"""Hand-overs: durable, patient, never doubled by ourselves, and never silent about what became of them."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from cases.case import Matter
from cases.desk import Desk
from cases.errors import NotFound, Refused
from cases.handovers import AWAIT, BACKOFF, LEASE, Handover, Handovers, Pushed, handovers
from cases.open311 import Mapping311, Open311
from cases.outside import Settings, SettingsError, open_system
from cases.reach import Reach
from cases.relay import Relay
from cases.store import Store
from cases.webhook import Webhook
from cases.worker import Worker
from commands.serving import open_handovers
from commands.terminal import Stop
from tests.cases.conftest import Clock
from tests.cases.outside_server import City, city

SECRET = "a-secret-of-this-test-long-enough"
MAPPING = Mapping311(default="001")


@pytest.fixture
def server(clock: Clock) -> Iterator[City]:
    with city(clock=clock) as made:
        yield made


class Office:
    """A desk with a relay and hand-overs to a server, and everything that was told of their statuses."""

    def __init__(self, desk: Desk, server: City, clock: Clock, mapping: Mapping311, tries: int, staging: bool) -> None:
        self.desk, self.server, self.clock = desk, server, clock
        settings = Settings("open311", server.url, key="k", staging=staging)
        system = Open311(settings, mapping, Reach(staging, step=1.0), clock)
        self.told: list[tuple[int, str, str | None]] = []
        self.fail_telling = 0
        self.handovers = Handovers(desk, system, self.moved, tries=tries)
        self.relay = Relay(desk.store, lambda *_: "pull", self.handovers.take, clock)

    def moved(self, case_id: int, status: str, note: str | None) -> None:
        if self.fail_telling:
            self.fail_telling -= 1
            raise RuntimeError("the desk is shut")
        self.told.append((case_id, status, note))

    def file(self, key: str = "k", **more: Any) -> int:
        known: dict[str, Any] = {
            "kind": "complaint", "words": ("路灯坏了，打我电话13812345678",), "town": "430281004",
            "category": "urban.lamp", "contact": "13812345678", "place_said": "学校门口",
        }  # fmt: skip
        made = self.desk.file(Matter("web:1", key, **{**known, **more}))
        while self.relay.run_once():
            pass
        return made.id

    def row(self) -> Handover:
        (row,) = self.handovers.listed()
        return row

    def later(self, **by: float) -> Handover:
        self.clock.move(**by)
        self.handovers.work()
        return self.row()


@pytest.fixture
def office(desk: Desk, server: City, clock: Clock) -> Any:
    def make(mapping: Mapping311 = MAPPING, tries: int = 5, staging: bool = True) -> Office:
        return Office(desk, server, clock, mapping, tries, staging)

    return make


# --- delivering -----------------------------------------------------------------------------------------------------


def test_a_case_is_handed_over_once_and_its_row_says_so(office: Any, server: City) -> None:
    ours = office()
    case_id = ours.file()
    ours.handovers.take({"case_id": case_id, "number": "again"})
    ours.handovers.work()
    ours.handovers.work()
    row = ours.row()
    assert (row.state, row.their_id, row.attempts, row.last_error) == ("sent", "1001", 1, None)
    assert len(server.posts()) == 1 and row.idempotency_key.startswith(row.number)


def test_the_problem_and_the_place_go_out_and_the_person_does_not(office: Any, server: City) -> None:
    ours = office()
    ours.file()
    ours.handovers.work()
    sent = str(server.posts()[0].form)
    assert "路灯坏了" in sent and "学校门口" in sent and "醴陵市" in sent
    assert "13812345678" not in sent and "phone" not in sent and "web:1" not in sent


def test_an_agreed_phone_goes_along_and_the_audit_log_tells_of_it(office: Any, server: City) -> None:
    ours = office()
    ours.file(signals=("contact_agreed",))
    ours.handovers.work()
    assert server.posts()[0].form["phone"] == ["13812345678"]
    entry = ours.desk.audit_trail()[0][0]
    assert (entry.action, entry.reason, entry.object) == ("reveal", "handover:open311", ours.row().number)


@pytest.mark.parametrize("signals", [(), ("privacy",), ("urged",)])
def test_without_agreement_nobodys_phone_is_opened(office: Any, server: City, signals: tuple[str, ...]) -> None:
    ours = office()
    ours.file(signals=signals)
    ours.handovers.work()
    assert "phone" not in server.posts()[0].form and ours.desk.audit_trail()[0] == []


def test_what_is_asked_of_a_law_adviser_stays_in_the_house(office: Any, server: City) -> None:
    ours = office()
    ours.file(kind="consultation", category=None)
    ours.handovers.work()
    assert ours.handovers.listed() == [] and server.got == []


def test_a_case_withdrawn_before_it_went_out_does_not_go(office: Any, server: City) -> None:
    ours = office()
    case_id = ours.file()
    ours.desk.withdraw(case_id, "web:1", "r9", "不用了")
    ours.handovers.work()
    assert (ours.row().state, ours.row().error_code) == ("withdrawn", "withdrawn") and not server.posts()


def test_embedded_is_the_default_and_sends_nothing(desk: Desk, store: Store, clock: Clock) -> None:
    alone = Handovers(desk)
    made = desk.file(Matter("web:1", "k", "complaint", ("路灯坏了",)))
    relay = Relay(store, lambda *_: "pull", alone.take, clock)
    while relay.run_once():
        pass
    assert alone.work() == 0 and alone.listed() == [] and alone.of_case(made.id) == []


# --- trouble --------------------------------------------------------------------------------------------------------


def test_it_waits_five_minutes_then_thirty_and_keeps_the_reason(office: Any, server: City) -> None:
    ours = office()
    server.mode = "down"
    ours.file()
    row = ours.later()
    assert (row.state, row.error_code, row.last_error) == ("waiting", "server_error", "HTTP 503")
    assert row.next_at == ours.clock() + timedelta(minutes=5)
    row = ours.later(minutes=4)
    assert row.attempts == 1
    row = ours.later(minutes=1)
    assert row.attempts == 2 and row.next_at == ours.clock() + timedelta(minutes=30)
    server.mode = "well"
    assert ours.later(minutes=30).state == "sent" and len(server.taken) == 1


def test_giving_up_has_a_name_and_a_reason_and_resending_starts_anew(office: Any, server: City) -> None:
    ours = office(tries=3)
    server.mode = "down"
    ours.file()
    for _ in range(6):
        row = ours.later(minutes=31)
    assert (row.state, row.attempts, row.error_code, row.next_at) == ("given_up", 3, "server_error", None)
    server.mode = "well"
    ours.handovers.resend(row.id, "op")
    assert ours.later().state == "sent" and len(server.taken) == 1
    entry = ours.desk.audit_trail()[0][0]
    assert (entry.actor, entry.action, entry.object, entry.reason) == ("op", "resend", row.number, "given_up")


def test_a_refusal_is_never_tried_again_by_itself(office: Any, server: City) -> None:
    ours = office()
    server.mode = "refuses"
    ours.file()
    ours.later()
    row = ours.later(days=2)
    assert (row.state, row.error_code) == ("failed", "rejected") and "outside of the city" in str(row.last_error)
    assert len(server.posts()) == 1


def test_a_category_that_nobody_mapped_is_listed_with_its_reason(office: Any, server: City) -> None:
    ours = office(Mapping311())
    ours.file()
    row = ours.later()
    assert (row.state, row.error_code) == ("failed", "no_service") and "urban.lamp" in str(row.last_error)
    assert not server.posts()


@pytest.mark.parametrize("mode", ["slow", "drops", "takes_then_5xx", "takes_then_html"])
def test_a_lost_answer_is_looked_for_and_not_sent_again(office: Any, server: City, mode: str) -> None:
    ours = office()
    ours.file()
    server.mode = mode
    assert ours.later().state == "waiting"
    server.mode = "well"
    row = ours.later(minutes=5)
    assert (row.state, row.their_id) == ("sent", "1001") and len(server.posts()) == 1


def test_what_surely_never_arrived_is_sent_again(office: Any, server: City) -> None:
    ours = office()
    ours.file()
    server.mode = "errors"
    ours.later()
    server.mode = "well"
    assert ours.later(minutes=5).state == "sent" and len(server.posts()) == 2 and len(server.taken) == 1


def test_where_nobody_can_tell_a_person_decides(office: Any, server: City) -> None:
    ours = office()
    server.ids, server.mode = "blackbox", "slow"
    ours.file()
    ours.later()
    server.mode, server.shows_descriptions = "well", False
    row = ours.later(minutes=5)
    assert (row.state, row.error_code) == ("unclear", "cannot_tell")
    assert ours.later(days=1).state == "unclear" and len(server.posts()) == 1
    ours.handovers.resend(row.id, "op")
    assert ours.later().state == "sent" and len(server.posts()) == 2


def test_a_server_that_refuses_duplicates_may_be_asked_twice(office: Any, server: City) -> None:
    ours = office(replace(MAPPING, rejects_duplicates=True))
    server.ids, server.rejects_duplicates, server.mode = "batch", True, "takes_then_5xx"
    ours.file()
    ours.later()
    server.mode = "well"
    row = ours.later(minutes=5)
    assert row.state in ("sent", "awaiting_id") and row.error_code == "duplicate" and len(server.taken) == 1


def test_a_duplicate_counts_as_delivered_with_their_id(office: Any, server: City) -> None:
    server.rejects_duplicates = server.tells_duplicate_id = True
    ours = office(replace(MAPPING, rejects_duplicates=True))
    ours.file()
    server.mode = "takes_then_5xx"
    ours.later()
    server.mode = "well"
    row = ours.later(minutes=5)
    assert (row.state, row.their_id, row.error_code) == ("sent", "1001", "duplicate")


def test_a_process_killed_while_sending_neither_loses_nor_doubles(office: Any, server: City) -> None:
    ours = office()
    ours.file()
    killed = ours.handovers._claim()
    assert killed is not None and ours.row().state == "sending"
    ours.handovers._once(killed, ours.handovers._handed(killed, ours.desk.case(killed["case_id"]), "open311"))
    assert ours.later(minutes=1).state == "sending"
    row = ours.later(seconds=LEASE.total_seconds())
    assert (row.state, row.their_id) == ("sent", "1001") and len(server.posts()) == 1


def test_a_process_killed_before_sending_loses_nothing(office: Any, server: City) -> None:
    ours = office()
    ours.file()
    assert ours.handovers._claim() is not None
    assert ours.later(seconds=LEASE.total_seconds()).state == "sent" and len(server.taken) == 1


def test_who_was_overtaken_does_not_write_over_the_outcome(office: Any, server: City) -> None:
    ours = office()
    ours.file()
    slow = ours.handovers._claim()
    ours.later(seconds=LEASE.total_seconds())
    assert slow is not None
    ours.handovers._attempt(slow)
    assert ours.row().attempts == 2 and ours.row().state == "sent"


def test_several_at_once_hand_each_case_over_once(office: Any, server: City) -> None:
    ours = office()
    for n in range(12):
        ours.file(f"k{n}")
    workers = [threading.Thread(target=lambda: [ours.handovers.send_due() for _ in range(10)]) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert sorted(server.numbers().values()) == [1] * 12
    assert {row.state for row in ours.handovers.listed()} == {"sent"}


@pytest.mark.parametrize("answer", ["\u0000" * 3 + "x" * 5000, "路" * 5000])
def test_whatever_they_say_fits_into_the_row(office: Any, server: City, answer: str) -> None:
    ours = office()
    case_id = ours.file()
    ours.handovers.work()
    server.close(ours.row().number, answer)
    ours.later(minutes=31)
    assert ours.told[-1][0] == case_id and "\u0000" not in str(ours.row().their_note)


def test_they_may_ask_to_be_left_alone_for_longer(office: Any, server: City) -> None:
    from cases.reach import Answer

    with pytest.raises(Exception) as busy:
        Answer(429, {"retry-after": "7200"}, b"").raise_if_later()
    assert busy.value.after == timedelta(hours=2)  # type: ignore[attr-defined]


# --- following ------------------------------------------------------------------------------------------------------


def test_an_id_that_comes_later_is_fetched_and_the_status_followed(office: Any, server: City) -> None:
    ours = office()
    server.ids, server.resolves_tokens = "batch", False
    case_id = ours.file()
    row = ours.later()
    assert (row.state, row.token, row.their_id) == ("awaiting_id", "tok1", None)
    row = ours.later(minutes=5)
    assert (row.state, row.error_code) == ("awaiting_id", "no_id")
    server.resolves_tokens = True
    row = ours.later(minutes=30)
    assert (row.state, row.their_id, row.error_code) == ("sent", "Ttok1", None) and ours.told == [
        (case_id, "open", None)
    ]


def test_an_answer_without_an_id_is_looked_up_in_their_list(office: Any, server: City) -> None:
    ours = office()
    server.ids = "none"
    ours.file()
    assert ours.later().state == "awaiting_id"
    row = ours.later(minutes=5)
    assert (row.state, row.their_id) == ("sent", "1001") and len(server.posts()) == 1


def test_an_id_that_never_comes_ends_with_its_reason(office: Any, server: City) -> None:
    ours = office()
    server.ids, server.resolves_tokens = "batch", False
    ours.file()
    ours.later()
    for _ in range(2):
        row = ours.later(seconds=AWAIT.total_seconds())
    assert (row.state, row.error_code, row.next_at) == ("sent", "no_id", None)


def test_a_blackbox_is_delivered_and_not_asked(office: Any, server: City) -> None:
    ours = office()
    server.ids = "blackbox"
    ours.file()
    row = ours.later()
    asked = len(server.got)
    assert (row.state, row.next_at) == ("sent", None)
    ours.later(days=1)
    assert len(server.got) == asked


def test_a_change_of_status_or_of_its_note_is_told_once(office: Any, server: City) -> None:
    ours = office()
    case_id = ours.file()
    ours.later()
    ours.later(minutes=5)
    ours.later(minutes=30)
    server.taken[0].note = "已派工"
    ours.later(minutes=30)
    server.close(ours.row().number, "修好了")
    ours.later(minutes=30)
    ours.later(days=1)
    assert ours.told == [(case_id, "open", None), (case_id, "open", "已派工"), (case_id, "closed", "修好了")]
    assert ours.row().next_at is None


def test_what_the_desk_could_not_take_in_is_told_again(office: Any, server: City) -> None:
    ours = office()
    case_id = ours.file()
    ours.later()
    ours.fail_telling = 1
    ours.later(minutes=5)
    assert ours.told == []
    ours.later(minutes=5)
    assert ours.told == [(case_id, "open", None)]


def test_a_failed_look_keeps_what_was_known_and_says_why(office: Any, server: City) -> None:
    ours = office()
    ours.file()
    ours.later()
    ours.later(minutes=5)
    server.mode = "down"
    row = ours.later(minutes=30)
    assert (row.state, row.their_status, row.error_code) == ("sent", "open", "server_error")
    assert row.next_at == ours.clock() + BACKOFF[0]
    server.mode = "well"
    assert ours.later(minutes=5).error_code is None


def test_a_pushed_status_is_told_an_older_one_and_the_same_again_are_not(office: Any, server: City) -> None:
    ours = office()
    case_id = ours.file()
    row = ours.later()
    newer = Pushed(row.idempotency_key, None, "in_progress", "已派工", ours.clock())
    ours.handovers.pushed(newer)
    ours.handovers.pushed(newer)
    ours.handovers.pushed(replace(newer, status="open", at=newer.at - timedelta(minutes=1)))
    ours.handovers.pushed(Pushed(None, "1001", "closed", None, ours.clock() + timedelta(days=400)))
    ours.handovers.work()
    assert ours.told == [(case_id, "closed", None)]
    ours.clock.move(minutes=1)
    ours.handovers.pushed(Pushed(None, "1001", "open", "返工", ours.clock()))
    ours.handovers.work()
    assert ours.told[-1] == (case_id, "open", "返工")


@pytest.mark.parametrize("push", [("unknown", None), (None, "unknown"), (None, None)])
def test_a_status_of_a_case_that_was_never_handed_over_is_refused(
    office: Any, push: tuple[str | None, str | None]
) -> None:
    ours = office()
    ours.file()
    with pytest.raises(NotFound):
        ours.handovers.pushed(Pushed(*push, "closed", None, ours.clock()))
    assert ours.row().their_status is None


# --- resending, staging, settings -----------------------------------------------------------------------------------


def test_what_is_delivered_or_under_way_can_not_be_resent(office: Any, server: City) -> None:
    ours = office()
    ours.file()
    ours.handovers._claim()
    before = ours.row()
    with pytest.raises(Refused, match="not_resendable"):
        ours.handovers.resend(before.id, "op")
    assert ours.row() == before
    ours.later(minutes=11)
    with pytest.raises(Refused):
        ours.handovers.resend(before.id, "op")
    with pytest.raises(NotFound):
        ours.handovers.resend(999, "op")
    assert len(server.taken) == 1


def test_while_staging_a_row_says_that_it_was_held_back_and_may_go_later(
    desk: Desk, server: City, clock: Clock, office: Any
) -> None:
    staged = office()
    staged.handovers._system._url = "http://311.city.example/v2"
    staged.file()
    row = staged.later()
    assert (row.state, row.error_code, row.last_error) == ("staged", "staging", "311.city.example")
    assert server.got == []
    live = office(staging=False)
    live.handovers.resend(row.id, "op")
    assert live.later().state == "sent"


@pytest.mark.parametrize("given", [None, "", "on", "off", "LIVE", "0", "true"])
def test_only_the_one_word_lets_a_case_out(monkeypatch: pytest.MonkeyPatch, given: str | None) -> None:
    monkeypatch.setenv("MINHU_OUTSIDE", "open311")
    monkeypatch.setenv("MINHU_OUTSIDE_URL", "https://city.example")
    if given is None:
        monkeypatch.delenv("MINHU_OUTSIDE_STAGING", raising=False)
    else:
        monkeypatch.setenv("MINHU_OUTSIDE_STAGING", given)
    assert Settings.from_environment().staging
    monkeypatch.setenv("MINHU_OUTSIDE_STAGING", "live")
    assert not Settings.from_environment().staging


@pytest.mark.parametrize(
    "wrong",
    [{"": "email"}, {"": "open311"}, {"": "open311", "_URL": "city.example"},
     {"": "webhook", "_URL": "https://city.example"}, {"": "open311", "_URL": "https://x", "_TRIES": "0"}],
)  # fmt: skip
def test_settings_that_lack_something_stop_at_the_start(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wrong: dict[str, str]
) -> None:
    for name, value in wrong.items():
        monkeypatch.setenv(f"MINHU_OUTSIDE{name}", value)
    with pytest.raises(SettingsError):
        open_system(Settings.from_environment(), tmp_path)


def test_the_relay_stops_at_wrong_settings_and_starts_nothing_without_any(
    monkeypatch: pytest.MonkeyPatch, desk: Desk
) -> None:
    monkeypatch.delenv("MINHU_OUTSIDE", raising=False)
    assert open_handovers(desk) is None
    monkeypatch.setenv("MINHU_OUTSIDE", "email")
    with pytest.raises(Stop, match="open311 or webhook"):
        open_handovers(desk)


def test_in_the_background_a_case_goes_out_by_itself_and_the_end_is_waited_for(office: Any, server: City) -> None:
    ours = office()
    worker = Worker("handovers", ours.handovers.work)
    worker.start()
    ours.file()
    for _ in range(200):
        if ours.row().state == "sent":
            break
        threading.Event().wait(0.05)
    assert worker.running
    worker.finish()
    assert ours.row().state == "sent" and not worker.running


def test_the_settings_open_the_system_that_they_name(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("MINHU_OUTSIDE", raising=False)
    assert open_system(Settings.from_environment(), tmp_path) is None
    monkeypatch.setenv("MINHU_OUTSIDE_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("MINHU_OUTSIDE_SECRET", SECRET)
    for name, kind in (("open311", Open311), ("webhook", Webhook)):
        monkeypatch.setenv("MINHU_OUTSIDE", name)
        assert isinstance(open_system(Settings.from_environment(), tmp_path), kind)


def test_a_webhook_gets_the_same_key_at_every_attempt_and_has_one_case(
    desk: Desk, server: City, clock: Clock, store: Store
) -> None:
    settings = Settings("webhook", f"{server.url}/hook", secret=SECRET)
    ours = Handovers(desk, Webhook(settings, Reach(True, step=1.0), clock))
    case_id = desk.file(Matter("web:1", "k", "complaint", ("路灯坏了",))).id
    ours.take({"case_id": case_id, "number": "n"})
    for mode in ("slow", "takes_then_5xx", "well"):
        server.mode = mode
        ours.work()
        clock.move(minutes=31)
    (row,) = ours.listed()
    assert (row.state, row.their_id, row.next_at, row.attempts) == ("sent", "H1", None, 3) and len(server.taken) == 1
    assert {got.headers["idempotency-key"] for got in server.posts()} == {row.idempotency_key}


def test_a_refusal_after_a_lost_answer_is_unclear_not_refused(desk: Desk, server: City, clock: Clock) -> None:
    settings = Settings("webhook", f"{server.url}/hook", secret=SECRET)
    ours = Handovers(desk, Webhook(settings, Reach(True, step=1.0), clock))
    ours.take({"case_id": desk.file(Matter("web:1", "k", "complaint", ("路灯坏了",))).id, "number": "n"})
    for mode in ("takes_then_5xx", "refuses"):
        server.mode = mode
        ours.work()
        clock.move(minutes=31)
    (row,) = ours.listed()
    assert (row.state, row.error_code) == ("unclear", "rejected") and len(server.taken) == 1


def test_a_refusal_of_what_was_looked_for_in_vain_is_a_refusal(office: Any, server: City) -> None:
    ours = office()
    ours.file()
    server.mode = "errors"
    ours.later()
    server.mode = "refuses"
    assert ours.later(minutes=5).state == "failed"


def test_the_migration_makes_the_table_that_the_module_writes_to(store: Store) -> None:
    with store.read() as read:
        made = {column["name"]: column["nullable"] for column in sa.inspect(read).get_columns("handovers")}
    assert made == {column.name: column.nullable for column in handovers.columns}

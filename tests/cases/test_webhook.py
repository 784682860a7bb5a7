"""The signed webhook, out and back."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import jsonschema
import pytest

from cases.outside import Duplicate, HeldBack, Receipt, Rejected, Settings, SettingsError, Temporary
from cases.reach import Reach
from cases.webhook import WINDOW, Malformed, NotTrusted, Webhook, document, receive, secrets_of, sign, verify
from tests.cases.outside_server import City, city
from tests.cases.test_open311 import HANDED
from tests.running import ROOT

SECRET = "a-secret-of-this-test-long-enough"
NOW = datetime(2026, 11, 24, 2, 0, tzinfo=timezone.utc)
SCHEMA = json.loads((ROOT / "cases/handover.schema.json").read_text(encoding="utf-8"))
STATUS = json.loads((ROOT / "cases/handover_status.schema.json").read_text(encoding="utf-8"))


@pytest.fixture
def server() -> Iterator[City]:
    with city() as made:
        yield made


def hook(server: City, **settings: Any) -> Webhook:
    known = Settings("webhook", f"{server.url}/hook", secret=SECRET)
    return Webhook(replace(known, **settings), Reach(True, step=1.0), lambda: NOW)


def test_what_goes_out_fits_the_schema_and_is_signed_over_id_time_and_body(server: City) -> None:
    assert hook(server, key="k1").send(HANDED) == Receipt("H1")
    (got,) = server.posts()
    jsonschema.validate(json.loads(got.body), SCHEMA)
    stamp = str(int(NOW.timestamp()))
    signed = hmac.new(SECRET.encode(), f"{HANDED.key}.{stamp}.".encode() + got.body, hashlib.sha256).digest()
    assert got.headers["webhook-signature"] == "v1," + base64.b64encode(signed).decode()
    assert (got.headers["webhook-id"], got.headers["webhook-timestamp"]) == (HANDED.key, stamp)
    assert got.headers["idempotency-key"] == HANDED.key and got.headers["authorization"] == "Bearer k1"


def test_the_schema_refuses_what_is_no_document_of_ours() -> None:
    good = document(replace(HANDED, category=None, category_name={}))
    jsonschema.validate(good, SCHEMA)
    for wrong in ({"phone": "1"}, {"words": []}, {"kind": "consultation"}, {"key": ""}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({**good, **wrong}, SCHEMA)


def test_the_published_example_of_the_signature_scheme_verifies() -> None:
    """The test vector that the libraries of the Standard Webhooks specification share."""
    secrets = secrets_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = sign(
        secrets,
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        datetime.fromtimestamp(1614265330, timezone.utc),
        b'{"test": 2432232314}',
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_repeating_is_one_case_there(server: City) -> None:
    ours = hook(server)
    server.mode = "slow"
    with pytest.raises(Temporary) as lost:
        ours.send(HANDED)
    assert lost.value.unclear and ours.repeats_safely
    server.mode = "well"
    assert ours.send(HANDED) == Receipt("H1") and len(server.taken) == 1


def test_a_receiver_that_says_it_has_it_names_its_id(server: City) -> None:
    server.rejects_duplicates = True
    hook(server).send(HANDED)
    with pytest.raises(Duplicate) as there:
        hook(server).send(HANDED)
    assert there.value.their_id == "H1"


@pytest.mark.parametrize(
    ("mode", "error", "code"),
    [("down", Temporary, "server_error"), ("refuses", Rejected, "rejected"), ("key", Rejected, "key_refused"),
     ("html", Temporary, "unreadable"), ("empty", Temporary, "unreadable"),
     ("redirects", Rejected, "redirected"), ("drops", Temporary, "no_answer")],
)  # fmt: skip
def test_failures_have_their_names(server: City, mode: str, error: type[Exception], code: str) -> None:
    server.mode = mode
    with pytest.raises(error) as failed:
        hook(server).send(HANDED)
    assert failed.value.code == code  # type: ignore[attr-defined]


def test_an_answer_without_an_id_is_a_receipt_all_the_same(server: City) -> None:
    server.ids = "none"
    assert hook(server).send(HANDED) == Receipt()


def test_while_staging_no_office_can_be_reached() -> None:
    with pytest.raises(HeldBack):
        Webhook(Settings("webhook", "https://city.example/hook", secret=SECRET)).send(HANDED)


@pytest.mark.parametrize("wrong", [None, "", "short", "whsec_c2hvcnQ=", "whsec_!!!!"])
def test_a_secret_that_is_missing_or_weak_is_refused_at_the_start(wrong: str | None) -> None:
    with pytest.raises(SettingsError):
        secrets_of(wrong)


# --- what is pushed back --------------------------------------------------------------------------------------------

SECRETS = secrets_of(SECRET)


def pushed(message: dict[str, Any] | bytes, at: datetime = NOW) -> tuple[dict[str, str], bytes]:
    body = message if isinstance(message, bytes) else json.dumps(message).encode()
    return sign(SECRETS, "m1", at, body), body


GOOD = {"key": "LL-1-abc", "status": "closed", "note": "修好了", "at": "2026-11-24T09:59:00+08:00"}


def test_a_signed_status_is_read() -> None:
    got = receive(SECRETS, *pushed(GOOD), NOW)
    assert (got.key, got.their_id, got.status, got.note) == ("LL-1-abc", None, "closed", "修好了")
    assert got.at == datetime(2026, 11, 24, 1, 59, tzinfo=timezone.utc)
    jsonschema.validate(GOOD, STATUS)


def test_header_names_are_read_in_any_case_and_old_secrets_while_they_are_changed() -> None:
    headers, body = pushed(GOOD)
    loud = {name.upper(): value for name, value in headers.items()}
    both = secrets_of(f"the-newer-secret-of-this-test {SECRET}")
    assert verify(SECRETS, loud, body, NOW) == "m1"
    assert verify(both[1:], sign(both, "m2", NOW, body), body, NOW) == "m2"


@pytest.mark.parametrize("off", [WINDOW + timedelta(seconds=1), -WINDOW - timedelta(seconds=1)])
def test_outside_of_the_window_nothing_is_trusted(off: timedelta) -> None:
    headers, body = pushed(GOOD)
    assert verify(SECRETS, headers, body, NOW + WINDOW) == "m1"
    with pytest.raises(NotTrusted):
        verify(SECRETS, headers, body, NOW + off)


@pytest.mark.parametrize(
    "change",
    [
        {"webhook-id": "m2"}, {"webhook-id": ""}, {"webhook-timestamp": str(int(NOW.timestamp()) + 1)},
        {"webhook-timestamp": "now"}, {"webhook-timestamp": "²"}, {"webhook-timestamp": "9" * 400},
        {"webhook-signature": ""}, {"webhook-signature": "v1,"}, {"webhook-signature": "v1,ключ"},
        {"webhook-signature": "v2,AAAA"},
    ],
)  # fmt: skip
def test_a_changed_header_is_not_trusted(change: dict[str, str]) -> None:
    headers, body = pushed(GOOD)
    with pytest.raises(NotTrusted):
        verify(SECRETS, {**headers, **change}, body, NOW)


def test_a_changed_body_another_secret_and_no_headers_are_not_trusted() -> None:
    headers, body = pushed(GOOD)
    for secrets, given, sent in (
        (SECRETS, headers, body + b" "),
        (secrets_of("another-secret-of-this-test-long-enough"), headers, body),
        (SECRETS, {}, body),
    ):
        with pytest.raises(NotTrusted):
            receive(secrets, given, sent, NOW)


@pytest.mark.parametrize(
    "wrong",
    [b"", b"[]", b"[" * 5000, b"\xff", {**GOOD, "key": None}, {**GOOD, "status": ""}, {**GOOD, "status": 3},
     {**GOOD, "at": "2026-11-24T09:59:00"}, {**GOOD, "at": "soon"}, {**GOOD, "note": "x" * 4001},
     {**GOOD, "key": "k" * 81}, {**GOOD, "at": None}],
)  # fmt: skip
def test_a_signed_message_that_is_no_status_is_malformed(wrong: Any) -> None:
    with pytest.raises(Malformed):
        receive(SECRETS, *pushed(wrong), NOW)

"""A signed webhook: cases go out as one JSON document each, statuses come back the same way.

Both directions are signed as the Standard Webhooks specification has it, so that ready-made libraries can verify them:

    webhook-id          the idempotency key, the same at every attempt for one case (also sent as `idempotency-key`)
    webhook-timestamp   when this attempt was made, seconds since 1970
    webhook-signature   `v1,` and the base64 of HMAC-SHA256(secret, "{id}.{timestamp}.{body}"); several stand apart by
                        spaces while secrets are changed

What goes out fits `handover.schema.json`; what comes in must fit `handover_status.schema.json`. The receiver keeps the
key apart, so repeating after a lost answer does no harm: that is what a webhook of ours asks of it. It answers 2xx
with an object, as {"id": its own id}, or with no body; 409 (with the id) if it has the case; any other 4xx to refuse it
for good.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime, timedelta, timezone
from typing import Any

from cases.conversations import now_utc
from cases.handovers import Pushed
from cases.outside import (
    CannotTell,
    Duplicate,
    Handed,
    Known,
    Receipt,
    Rejected,
    Settings,
    SettingsError,
    Status,
    Temporary,
)
from cases.reach import Answer, Reach

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
#: how far a timestamp may be off, either way
WINDOW = timedelta(minutes=5)
SHORTEST_SECRET = 24
LONGEST_BODY = 100_000
SCHEMA = "minhu.handover/1"


class NotTrusted(Exception):
    """A message whose signature is missing, wrong, or outside of the window: answer 401 and nothing else."""


class Malformed(ValueError):
    """A signed message that is no status; the text says why: answer 400."""


def secrets_of(given: str | None) -> tuple[bytes, ...]:
    """The secrets of MINHU_OUTSIDE_SECRET, apart by spaces, the newest first; `whsec_` marks base64.

    Raises SettingsError when there is none, or one is too short to be safe.
    """
    found = tuple(_secret(word) for word in (given or "").split())
    if not found:
        raise SettingsError("MINHU_OUTSIDE_SECRET is needed to sign what goes to a webhook")
    return found


def _secret(word: str) -> bytes:
    try:
        secret = base64.b64decode(word[6:], validate=True) if word.startswith("whsec_") else word.encode()
    except binascii.Error as wrong:
        raise SettingsError("MINHU_OUTSIDE_SECRET: what follows whsec_ is no base64") from wrong
    if len(secret) < SHORTEST_SECRET:
        raise SettingsError(f"MINHU_OUTSIDE_SECRET needs at least {SHORTEST_SECRET} bytes")
    return secret


def sign(secrets: Sequence[bytes], message_id: str, at: datetime, body: bytes) -> dict[str, str]:
    """The three headers of a message sent at `at`."""
    stamp = str(int(at.timestamp()))
    signed = " ".join(f"v1,{_mac(secret, message_id, stamp, body)}" for secret in secrets)
    return {ID: message_id, TIMESTAMP: stamp, SIGNATURE: signed}


def verify(secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: datetime) -> str:
    """The id of a message that is ours and fresh. Raises NotTrusted.

    Signatures are compared in constant time. Within the window the same message may come twice:
    who acts on it must keep its id apart, or do the same thing twice without harm.
    """
    held = {name.lower(): value for name, value in headers.items()}
    message_id, stamp = held.get(ID, ""), held.get(TIMESTAMP, "")
    if not message_id or not (stamp.isascii() and stamp.isdigit()) or len(stamp) > 12:
        raise NotTrusted("headers")
    if abs(now.timestamp() - int(stamp)) > WINDOW.total_seconds():
        raise NotTrusted("timestamp")
    given = [sent.partition(",")[2].encode() for sent in held.get(SIGNATURE, "").split() if sent.startswith("v1,")]
    right = [_mac(secret, message_id, stamp, body).encode() for secret in secrets]
    if not any(hmac.compare_digest(sent, ours) for sent in given for ours in right):
        raise NotTrusted("signature")
    return message_id


def _mac(secret: bytes, message_id: str, stamp: str, body: bytes) -> str:
    signed = f"{message_id}.{stamp}.".encode() + body
    return base64.b64encode(hmac.new(secret, signed, hashlib.sha256).digest()).decode()


def receive(secrets: Sequence[bytes], headers: Mapping[str, str], body: bytes, now: datetime) -> Pushed:
    """A status that was pushed back. Raises NotTrusted before anything is read, then Malformed.

    A message played again within the window is the same status at the same time, and changes nothing.
    """
    verify(secrets, headers, body, now)
    if len(body) > LONGEST_BODY:
        raise Malformed(f"longer than {LONGEST_BODY} bytes")
    try:
        held = json.loads(body)
    except (ValueError, RecursionError) as wrong:
        raise Malformed("not JSON") from wrong
    if not isinstance(held, dict):
        raise Malformed("not an object")
    return Pushed(
        key=_text(held, "key", 80),
        their_id=_text(held, "id", 200, needed=not held.get("key")),
        status=_text(held, "status", 80, needed=True) or "",
        note=_text(held, "note", 4000),
        at=_moment(held),
    )


def _text(held: Mapping[str, Any], name: str, longest: int, needed: bool = False) -> str | None:
    value = held.get(name)
    if value is None and not needed:
        return None
    if not isinstance(value, str) or not value.strip() or len(value) > longest:
        raise Malformed(f"{name} must be a text of at most {longest} signs")
    return value.strip()


def _moment(held: Mapping[str, Any]) -> datetime:
    try:
        at = datetime.fromisoformat(str(held.get("at", "")).replace("Z", "+00:00"))
    except ValueError as wrong:
        raise Malformed("at must be a time as 2026-01-31T12:00:00+08:00") from wrong
    if at.tzinfo is None:
        raise Malformed("at has no time zone")
    return at.astimezone(timezone.utc)


def document(handed: Handed) -> dict[str, Any]:
    """What goes out; see handover.schema.json."""
    return {
        "schema": SCHEMA,
        "key": handed.key,
        "number": handed.number,
        "kind": handed.kind,
        "category": {"code": handed.category, "name": dict(handed.category_name)} if handed.category else None,
        "words": list(handed.words),
        "place": {"said": handed.place, "town": handed.town, "village": handed.village, "grid": handed.grid},
        "since": handed.since,
        "emergency": handed.emergency,
        "language": handed.language,
        "filed_at": handed.filed_at.isoformat(),
        "contact": handed.contact,
    }


class Webhook:
    """One receiver of cases. Its statuses are pushed (`received`), never asked for."""

    name = "webhook"
    polls = False
    repeats_safely = True

    def __init__(self, settings: Settings, reach: Reach | None = None, clock: Callable[[], datetime] = now_utc) -> None:
        """Raises SettingsError without a secret."""
        self._url, self._key = settings.url, settings.key
        self._secrets = secrets_of(settings.secret)
        self._reach, self._clock = reach or Reach(settings.staging), clock

    def send(self, handed: Handed) -> Receipt:
        """Raises Temporary, Rejected, Duplicate, HeldBack."""
        body = json.dumps(document(handed), ensure_ascii=False, sort_keys=True).encode()
        headers = sign(self._secrets, handed.key, self._clock(), body)
        headers |= {"content-type": "application/json", "idempotency-key": handed.key}
        if self._key:
            headers["authorization"] = f"Bearer {self._key}"
        answer = self._reach.ask("POST", self._url, content=body, headers=headers)
        if answer.status == 409:
            raise Duplicate(answer.text[:200], _id_in(answer))
        if answer.status >= 400:
            raise Rejected(answer.refusal, f"HTTP {answer.status}, {answer.text[:200]}")
        if answer.body.strip() and not answer.text.lstrip().startswith("{"):
            # a proxy's page under 200, say: nobody knows whether it passed the case on
            raise Temporary("unreadable", answer.text[:80], unclear=True)
        return Receipt(_id_in(answer))

    def find(self, handed: Handed) -> Receipt | None:
        """There is nothing to ask; repeating is safe instead."""
        raise CannotTell("a webhook answers no questions")

    def received(self, headers: Mapping[str, str], body: bytes) -> Pushed:
        """A status that was pushed back just now. Raises NotTrusted, Malformed."""
        return receive(self._secrets, headers, body, self._clock())

    def look(self, known: Sequence[Known]) -> Mapping[int, Status]:
        """Statuses are pushed."""
        return {}


def _id_in(answer: Answer) -> str | None:
    """The receiver's own id, if its answer is an object with one; whatever else it says doesn't matter."""
    try:
        held = json.loads(answer.text)
    except (ValueError, RecursionError):
        return None
    found = held.get("id") if isinstance(held, dict) else None
    return str(found) if isinstance(found, (str, int)) and not isinstance(found, bool) and str(found) else None

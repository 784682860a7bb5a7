"""A client of other cities' case systems that speak Open311 GeoReport v2, with the quirks of real servers.

What the standard leaves open and real servers do, and what is made of it here:

- realtime services answer with an id, batch services with a token whose id comes later (`tokens/{token}`; some say 404
  until then), blackbox services with neither. Some realtime ones name no id either: it is looked for later.
- An error is a list of {code, description}, often under HTTP 400 whatever happened; "duplicate" in it means that they
  have the case, and words such as "general service error" that trying again may help. Some send errors under HTTP 200.
- HTML pages come from proxies and maintenance under any status, so their POST may have worked: unclear, not failed.

The standard has no idempotency key. Ours goes along as an attribute where `open311.yml` names one, and the case number
stands at the end of the description, by which a request is found again (GET requests) after an answer was lost.
What remains possible: a request that a *batch* or *blackbox* service took, or that the list of requests does not show,
can't be told from one that never arrived. Then nothing is sent again by itself; a person decides (CannotTell). And who
answers "no such request" while still working on it gets it twice.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from urllib.parse import quote

from cases.conversations import now_utc
from cases.county import CountyError, read_yaml
from cases.open311_answers import Row, Unreadable, attributes_of, errors_of, flag, rows_of, text, values_of
from cases.outside import CannotTell, Duplicate, Handed, Known, Receipt, Rejected, Settings, Status, Temporary
from cases.reach import Answer, Reach

FILE = "open311.yml"
LONGEST_DESCRIPTION = 4000
IDS_AT_ONCE = 50
PAGE, MOST_PAGES, ROUND = 100, 40, 10
SERVICES_KEPT = timedelta(hours=1)
#: clocks differ, and some servers drop the time zone
MARGIN = timedelta(hours=25)
DUPLICATE_WORDS = ("duplicate", "already exists", "already reported")
#: our number at the end of a description; what stands in such brackets before it are the resident's words
REFERENCE = re.compile(r"\[([^\[\]]+)\]")
TEMPORARY_WORDS = ("general service error", "unavailable", "not reachable", "not running", "timed out", "timeout")
FIELDS = ("key", "number", "kind", "category", "town", "village", "grid", "place", "since", "words")
#: an id in the sentence of a refusal, only where it is called one: a wrong one would be somebody else's case
NAMED_ID = re.compile(r"(?:service_request_id|request (?:id|number|no\.?|#))\W{0,3}([\w-]*\d[\w-]*)", re.IGNORECASE)


@dataclass(frozen=True)
class Mapping311:
    """What the county's `open311.yml` says: our categories as their services, and their server's habits.

    `services` maps our category codes to service codes, `default` is for all others. `attributes` holds, per service
    code, values by attribute code: a text, a list of texts, or {field: one of FIELDS}. `key_attribute` takes the
    idempotency key. `find`: whether GET requests shows what was sent. `rejects_duplicates`: the same request twice is
    refused by them as a duplicate, so repeating is safe.
    """

    format: str = "json"
    default: str | None = None
    services: Mapping[str, str] = field(default_factory=dict)
    attributes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    key_attribute: str | None = None
    find: bool = True
    rejects_duplicates: bool = False
    duplicate_words: tuple[str, ...] = DUPLICATE_WORDS
    temporary_words: tuple[str, ...] = TEMPORARY_WORDS

    @classmethod
    def load(cls, county_folder: Path) -> Mapping311:
        """From the county's folder; without the file every category is refused by name. Raises CountyError."""
        path = county_folder / FILE
        if not path.exists():
            return cls()
        return cls.read(read_yaml(path) or {})

    @classmethod
    def read(cls, held: Any) -> Mapping311:
        """From what stands in the file. Raises CountyError."""
        if not isinstance(held, dict) or (unknown := set(held) - set(cls.__dataclass_fields__)):
            named = sorted(map(str, unknown))[0] if isinstance(held, dict) else "what is no mapping"
            raise CountyError(FILE, None, f"there is no setting {named}")
        if held.get("format", "json") not in ("json", "xml"):
            raise CountyError(FILE, None, "format is json or xml")
        for name in ("find", "rejects_duplicates"):
            if not isinstance(held.get(name, True), bool):
                raise CountyError(FILE, None, f"{name} is true or false")
        for name in ("default", "key_attribute"):
            if held.get(name) is not None and not isinstance(held[name], str):
                raise CountyError(FILE, None, f"{name} must be a text: put it in quotes")
        services, attributes = held.get("services") or {}, held.get("attributes") or {}
        if not isinstance(services, dict) or not all(isinstance(c, str) for pair in services.items() for c in pair):
            raise CountyError(FILE, None, "services maps category codes to service codes: put codes in quotes")
        _check_attributes(attributes)
        words = {
            name: tuple(str(word).lower() for word in held[name])
            for name in ("duplicate_words", "temporary_words")
            if isinstance(held.get(name), list)
        }
        return cls(**{**held, "services": services, "attributes": attributes, **words})

    def service(self, category: str | None) -> str:
        """Their service for our category. Raises Rejected."""
        found = self.services.get(category or "", self.default)
        if found is None:
            raise Rejected("no_service", f"{category or '-'} is not in {FILE}, which names no default")
        return found


def _check_attributes(attributes: Any) -> None:
    if not isinstance(attributes, dict) or not all(isinstance(given, dict) for given in attributes.values()):
        raise CountyError(FILE, None, "attributes holds attribute codes and their values under each service code")
    for service, given in attributes.items():
        for code, value in given.items():
            listed = isinstance(value, list) and all(isinstance(one, (str, int)) for one in value)
            filled = isinstance(value, dict) and set(value) == {"field"} and value["field"] in FIELDS
            if not (listed or filled or isinstance(value, (str, int))):
                raise CountyError(
                    FILE, None, f"attribute {code} of {service}: a text, a list, or field: {', '.join(FIELDS)}"
                )


@dataclass(frozen=True)
class Service:
    """One kind of request that they take. type: realtime, batch or blackbox."""

    code: str
    name: str | None
    type: str
    metadata: bool


class Open311:
    """One GeoReport v2 server. See the module for what is promised."""

    name = "open311"
    polls = True

    def __init__(
        self,
        settings: Settings,
        mapping: Mapping311,
        reach: Reach | None = None,
        clock: Callable[[], datetime] = now_utc,
    ) -> None:
        """`settings.url` is the endpoint, as https://city.example/open311/v2."""
        self._url, self._key, self._jurisdiction = settings.url.rstrip("/"), settings.key, settings.jurisdiction
        self._mapping, self._reach, self._clock = mapping, reach or Reach(settings.staging), clock
        self._services: tuple[datetime, dict[str, Service]] | None = None
        self._definitions: dict[str, list[Row]] = {}

    @property
    def repeats_safely(self) -> bool:
        """Whether their server itself refuses what it has."""
        return self._mapping.rejects_duplicates

    # --- the port ------------------------------------------------------------------------------------------------

    def send(self, handed: Handed) -> Receipt:
        """POST requests. Raises Temporary, Rejected, Duplicate."""
        service = self._service(handed.category)
        form = {**self._form(handed, service.code), **self._attributes(handed, service)}
        answer = self._ask("POST", "requests", data=form)
        if service.type == "blackbox" and answer.status < 300 and not answer.body.strip():
            return Receipt()
        rows = self._told(answer, posted=True)
        if not rows:
            raise Temporary("unreadable", "no request in the answer", unclear=True)
        their_id, token = text(rows[0].get("service_request_id")), text(rows[0].get("token"))
        expects_id = self._mapping.find and service.type != "blackbox"
        return Receipt(their_id, None if their_id else token, expects_id)

    def find(self, handed: Handed) -> Receipt | None:
        """Looks through their list of requests for our number. Raises Temporary, Rejected, CannotTell."""
        if not self._mapping.find:
            raise CannotTell("their list of requests is not to be used")
        service, blind = self._service(handed.category), False
        for row in self._requests(service.code, handed.handed_at):
            held = text(row.get("description")) or ""
            beside = str(row.get("attributes") or row.get("extended_attributes") or "")
            if handed.key in beside or REFERENCE.findall(held)[-1:] == [handed.number]:
                return Receipt(text(row.get("service_request_id")), text(row.get("token")), expects_id=True)
            blind = blind or not (held or beside)
        if service.type != "realtime":
            raise CannotTell(f"a {service.type} service may take a case and show it later")
        if blind:
            raise CannotTell("their list shows no descriptions")
        return None

    def look(self, known: Sequence[Known]) -> Mapping[int, Status]:
        """Many ids in one request, as the standard has it; those left out one by one; tokens first become ids."""
        ids = {one.id: one.their_id or self._id_of(one.token) for one in known}
        found: dict[str, Row] = {}
        wanted = list(dict.fromkeys(their_id for their_id in ids.values() if their_id))
        for start in range(0, len(wanted), IDS_AT_ONCE):
            part = wanted[start : start + IDS_AT_ONCE]
            # who takes no commas is asked one by one below
            with suppress(Rejected):
                found |= self._by_id(self._list({"service_request_id": ",".join(part)}))
        for their_id in (one for one in wanted if one not in found):
            found |= self._by_id(self._one(their_id))
        return {ours: _status(their_id, found.get(their_id)) for ours, their_id in ids.items() if their_id}

    # --- the six methods of the standard -------------------------------------------------------------------------

    def services(self) -> dict[str, Service]:
        """What they take, by service code; asked anew after an hour. Raises Temporary, Rejected."""
        now = self._clock()
        if self._services is None or now - self._services[0] >= SERVICES_KEPT:
            rows = self._told(self._ask("GET", "services"))
            made = (
                Service(code, text(row.get("service_name")), (text(row.get("type")) or "realtime").lower(),
                        flag(row.get("metadata")))
                for row in rows if (code := text(row.get("service_code")))
            )  # fmt: skip
            self._services, self._definitions = (now, {service.code: service for service in made}), {}
        return self._services[1]

    def definition(self, service_code: str) -> list[Row]:
        """The attributes of a service. Raises Temporary, Rejected."""
        if service_code not in self._definitions:
            # some say `metadata: true` of services that have no definition
            rows = self._get(f"services/{quote(service_code, safe='')}")
            self._definitions[service_code] = [a for row in rows for a in attributes_of(row)]
        return self._definitions[service_code]

    def _id_of(self, token: str | None) -> str | None:
        """GET tokens: the id, None while there is none (404, or a row without it)."""
        if token is None:
            return None
        rows = self._get(f"tokens/{quote(token, safe='')}")
        return next((text(row.get("service_request_id")) for row in rows), None)

    def _get(self, path: str, **sent: Any) -> list[Row]:
        """The rows there; none under 404. Raises Temporary, Rejected."""
        answer = self._ask("GET", path, **sent)
        return [] if answer.status == 404 else self._told(answer)

    def _one(self, their_id: str) -> list[Row]:
        return self._get(f"requests/{quote(their_id, safe='')}")

    def _list(self, query: dict[str, str]) -> list[Row]:
        return self._get("requests", params=query)

    def _requests(self, service_code: str, handed_at: datetime) -> Iterator[Row]:
        """Their requests since ours was first sent, page by page where they have pages. Raises CannotTell."""
        seen: set[str] = set()
        since, until = handed_at - MARGIN, min(self._clock() + MARGIN, handed_at + timedelta(days=89) - MARGIN)
        query = {"service_code": service_code, "start_date": _w3(since), "end_date": _w3(until)}
        for page in range(1, MOST_PAGES + 1):
            rows = self._list({**query, "page": str(page), "page_size": str(PAGE)})
            fresh = [row for row in rows if str(row) not in seen]
            yield from fresh
            if not fresh:
                # the same page again: they know no pages, and a round number looks like the end of what they show
                if rows and len(seen) % ROUND == 0:
                    raise CannotTell(f"their list has no pages and ends at {len(seen)}")
                return
            seen |= {str(row) for row in fresh}
        raise CannotTell(f"their list is longer than {PAGE * MOST_PAGES}")

    # --- inside --------------------------------------------------------------------------------------------------

    def _service(self, category: str | None) -> Service:
        code = self._mapping.service(category)
        found = self.services().get(code)
        if found is None:
            raise Rejected("service_unknown", code)
        return found

    def _form(self, handed: Handed, service_code: str) -> dict[str, Any]:
        form = {"service_code": service_code, "address_string": handed.place, "description": _described(handed)}
        if self._key:
            form["api_key"] = self._key
        if handed.contact:
            form["email" if "@" in handed.contact else "phone"] = handed.contact
        return form

    def _attributes(self, handed: Handed, service: Service) -> dict[str, Any]:
        """`attribute[code]`, with `[]` for several values. Raises Rejected when a required one has no value."""
        given = dict(self._mapping.attributes.get(service.code, {}))
        values = {code: _filled(value, handed) for code, value in given.items()}
        for attribute in self.definition(service.code) if service.metadata else ():
            code, needed = text(attribute.get("code")), flag(attribute.get("required"))
            # `variable: false` marks a text that is only shown
            if code and needed and flag(attribute.get("variable", True)) and not values.get(code):
                raise Rejected("attribute_missing", f"{service.code}: {code}")
            allowed = values_of(attribute)
            for value in _many(values.get(code)) if code and allowed else ():
                if value not in allowed:
                    raise Rejected("attribute_missing", f"{service.code}: {code} can't be {value}")
        if self._mapping.key_attribute:
            values[self._mapping.key_attribute] = handed.key
        return {f"attribute[{c}]" + ("[]" if isinstance(v, list) else ""): v for c, v in values.items() if v}

    def _ask(self, method: str, path: str, **sent: Any) -> Answer:
        if self._jurisdiction:
            target = "data" if method == "POST" else "params"
            sent[target] = {**sent.get(target, {}), "jurisdiction_id": self._jurisdiction}
        return self._reach.ask(method, f"{self._url}/{path}.{self._mapping.format}", **sent)

    def _told(self, answer: Answer, posted: bool = False) -> list[Row]:
        """The rows of a good answer. Raises Rejected, Temporary and, to what was posted, Duplicate for the others."""
        try:
            rows = rows_of(answer.text)
        except Unreadable as wrong:
            if answer.status >= 400:
                raise Rejected(answer.refusal, f"HTTP {answer.status}, {wrong}") from wrong
            raise Temporary("unreadable", f"HTTP {answer.status}, {wrong}", unclear=posted) from wrong
        errors = errors_of(rows)
        if answer.status < 400 and not errors:
            return rows
        said, told = errors.lower(), f"HTTP {answer.status}, {errors or answer.text[:200]}"
        if posted and (answer.status == 409 or any(word in said for word in self._mapping.duplicate_words)):
            raise Duplicate(told, _named_id(rows, errors))
        if any(word in said for word in self._mapping.temporary_words):
            raise Temporary("server_error", told, unclear=posted)
        raise Rejected(answer.refusal, told)

    @staticmethod
    def _by_id(rows: list[Row]) -> dict[str, Row]:
        """Rows without an id are still being worked on there, and nobody knows whose they are."""
        return {their_id: row for row in rows if (their_id := text(row.get("service_request_id")))}


def _status(their_id: str, row: Row | None) -> Status:
    if row is None:
        return Status(their_id, None, None)
    status = text(row.get("status"))
    return Status(their_id, status.lower() if status else None, text(row.get("status_notes")))


def _named_id(rows: list[Row], said: str) -> str | None:
    """The id of what they have already: in a field of its own, or in the sentence that refuses ours."""
    in_field = next((found for row in rows if (found := text(row.get("service_request_id")))), None)
    in_words = NAMED_ID.search(said)
    return in_field or (in_words.group(1) if in_words else None)


def _described(handed: Handed) -> str:
    """The resident's words and our number; line breaks are allowed, 4,000 signs in all."""
    words, tail = "\n".join(handed.words), f"\n[{handed.number}]"
    room = LONGEST_DESCRIPTION - len(tail)
    return (words if len(words) <= room else words[: room - 1] + "…") + tail


def _filled(value: Any, handed: Handed) -> str | list[str]:
    if isinstance(value, dict):
        held = getattr(handed, value["field"])
        return "\n".join(held) if isinstance(held, tuple) else held or ""
    return [str(one) for one in value] if isinstance(value, list) else str(value)


def _many(value: str | list[str] | None) -> list[str]:
    return value if isinstance(value, list) else [value] if value else []


def _w3(at: datetime) -> str:
    return at.astimezone(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")

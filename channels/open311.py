"""Open311 GeoReport v2 as a server: other systems see what can be filed, file it, and follow what they filed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response, Security
from fastapi.concurrency import run_in_threadpool
from fastapi.security import APIKeyQuery, HTTPBasic, HTTPBasicCredentials

from cases.county import County
from cases.errors import NotFound
from cases.filings import Filing
from channels import open311_form as form
from channels import open311_told as told
from channels.api_keys import Client
from channels.open311_format import Format, answer
from channels.open311_interface import Interface, prefix
from channels.open311_models import (
    FORM,
    Discovery,
    Error,
    Filed,
    Service,
    ServiceDefinition,
    ServiceRequest,
    Token,
    both,
)
from channels.open311_words import NotAccepted
from channels.words import known_language

SPECIFICATION = "http://wiki.open311.org/GeoReport_v2"
SPAN = timedelta(days=90)
MOST = 1000
BIGGEST = 65_536


@dataclass(frozen=True)
class Asked:
    """What every request says: in which format, in which language, to which installation."""

    at: Interface
    form: Format
    language: str


async def asked(
    request: Request,
    format: Annotated[Format, Path(description="The format of the answer.")],
    accept_language: Annotated[str | None, Header(description="`en` for English, else Chinese.")] = None,
    jurisdiction_id: Annotated[str | None, Query(description="May be left out; checked where it is given.")] = None,
) -> Asked:
    """Raises NotAccepted for another jurisdiction."""
    at: Interface = request.app.state.open311
    at.check_jurisdiction(jurisdiction_id)
    return Asked(at, format, language_of(accept_language))


def language_of(accept_language: str | None) -> str:
    """The language asked for first, if it is spoken here; else Chinese."""
    return known_language((accept_language or "")[:2].lower())


async def reader(
    ask: Annotated[Asked, Depends(asked)],
    api_key: Annotated[str | None, Security(APIKeyQuery(name="api_key", auto_error=False))],
    basic: Annotated[HTTPBasicCredentials | None, Security(HTTPBasic(auto_error=False))],
) -> Client:
    """Who reads: by `api_key`, or by HTTP Basic with the key as password, which keeps it out of addresses."""
    return ask.at.client_of(api_key or (basic.password if basic else None))


Ask = Annotated[Asked, Depends(asked)]
Reader = Annotated[Client, Depends(reader)]
Responses = dict[int | str, dict[str, Any]]


def open_to_all(model: Any, root: str, description: str) -> Responses:
    """Every answer of a route that needs no key."""
    return {
        200: both(model, root, description),
        400: both(list[Error], "errors", "Something in the request is wrong; nothing was stored."),
        404: both(list[Error], "errors", "No such jurisdiction, service, request or token."),
        503: both(list[Error], "errors", "The store can't be reached; nothing was stored."),
    }


def keyed(model: Any, root: str, description: str) -> Responses:
    """Every answer of a route that needs a key."""
    refused = both(list[Error], "errors", "The api_key is missing, unknown or not meant for this.")
    return {**open_to_all(model, root, description), 403: refused}


router = APIRouter(prefix="/open311/v2", tags=["Open311 GeoReport v2"])


@router.get("/discovery.{format}", responses=open_to_all(Discovery, "discovery", "The endpoints."))
async def discovery(ask: Ask, request: Request) -> Response:
    """Where the interface is and how a key is got. Needs no key."""
    at, changeset = ask.at, told.w3(ask.at.changed, ask.at.county)
    county = at.county.name[ask.language]
    endpoint = {
        "specification": SPECIFICATION,
        "url": f"{request.base_url}open311/v2",
        "changeset": changeset,
        "type": "production",
        "formats": ["text/xml", "application/json"],
    }
    content = {
        "changeset": changeset,
        "contact": at.words.word("discovery", "contact", ask.language, county=county, jurisdiction=at.jurisdiction),
        "key_service": at.words.word("discovery", "key_service", ask.language),
        "endpoints": [endpoint],
    }
    return answer(ask.form, "discovery", content)


@router.get("/services.{format}", responses=open_to_all(list[Service], "services", "Every service."))
async def services(ask: Ask) -> Response:
    """What can be filed. Needs no key."""
    content = [told.service(category, ask.at.county, ask.language) for category in ask.at.county.categories]
    return answer(ask.form, "services", content)


@router.get(
    "/services/{service_code}.{format}",
    responses=open_to_all(ServiceDefinition, "service_definition", "Its attributes."),
)
async def definition(ask: Ask, service_code: Annotated[str, Path(description="One of `services`.")]) -> Response:
    """The attributes of one service: the question whose answer helps the unit. Needs no key."""
    try:
        category = ask.at.county.category(service_code)
    except LookupError:
        raise NotAccepted("service") from None
    hint = ask.at.words.word("attribute", "datatype_description", ask.language)
    attributes = [
        {
            "variable": True,
            "code": form.question_code(number),
            "datatype": "text",
            "required": False,
            "datatype_description": hint,
            "order": number,
            "description": question[ask.language],
            "values": [],
        }
        for number, question in enumerate(category.questions, 1)
    ]
    return answer(ask.form, "service_definition", {"service_code": category.code, "attributes": attributes})


@router.post(
    "/requests.{format}",
    responses=keyed(list[Filed], "service_requests", "The case is stored; this is its number."),
    openapi_extra={
        "requestBody": {"required": True, "content": {"application/x-www-form-urlencoded": {"schema": FORM}}}
    },
)
async def file_request(
    ask: Ask,
    request: Request,
    idempotency_key: Annotated[
        str | None,
        Header(description="The same key of the same system is the same request, however often it is sent."),
    ] = None,
) -> Response:
    """Files a request. The answer comes when the case is durable; on any error nothing is stored.

    What is said in words is kept verbatim; phone, email and names are sealed and never given out again.
    """
    at = ask.at
    fields = form.fields_of(await body_of(request), request.headers.get("content-type", ""))
    at.check_jurisdiction(form.line(fields, "jurisdiction_id"))
    client = at.client_of(form.line(fields, "api_key"), files=True)
    given = form.read(fields, at.county, at.places, idempotency_key)
    case = await at.commits.do(lambda: at.file(client, given))
    content = {"service_request_id": case.number, "service_notice": told.notice(case, at, ask.language)}
    return answer(ask.form, "service_requests", [content])


@router.get(
    "/requests.{format}",
    responses=keyed(list[ServiceRequest], "service_requests", "Newest first, 1,000 at most."),
)
async def requests(
    ask: Ask,
    client: Reader,
    service_request_id: Annotated[
        str | None, Query(description="Numbers, with commas between; overrides everything else.")
    ] = None,
    service_code: Annotated[list[str] | None, Query(description="Also several, with commas between.")] = None,
    start_date: Annotated[
        str | None,
        Query(description="Filed from then on; W3C date and time with zone.", example="2026-01-01T00:00:00Z"),
    ] = None,
    end_date: Annotated[str | None, Query(description="Filed up to then; at most 90 days after `start_date`.")] = None,
    status: Annotated[list[str] | None, Query(description="`open` or `closed`, or both with a comma.")] = None,
) -> Response:
    """The requests that this system filed itself: of the last 90 days, or of a span of 90 days at most."""
    at = ask.at
    if numbers := _listed([service_request_id or ""]):
        if len(numbers) > MOST:
            raise NotAccepted("too_many", most=MOST)
        found = await run_in_threadpool(at.filings.numbered, prefix(client), numbers)
    else:
        codes, statuses = _listed(service_code), _listed(status)
        _known(codes, statuses, at.county)
        since, until = _span(start_date, end_date, at.desk.clock())
        found = await run_in_threadpool(
            lambda: at.filings.search(
                prefix(client), since=since, until=until, categories=codes, statuses=statuses, limit=MOST
            )
        )
    return await _answer(ask, found)


@router.get(
    "/requests/{service_request_id}.{format}",
    responses=keyed(list[ServiceRequest], "service_requests", "A list of one."),
)
async def one_request(
    ask: Ask, client: Reader, service_request_id: Annotated[str, Path(description="A number that was filed.")]
) -> Response:
    """How one request stands; one of another system is one that doesn't exist."""
    if not form.is_text(service_request_id):
        raise NotAccepted("request")
    try:
        found = await run_in_threadpool(ask.at.filings.one, prefix(client), service_request_id)
    except NotFound:
        raise NotAccepted("request") from None
    return await _answer(ask, [found])


@router.get(
    "/tokens/{token}.{format}",
    responses=keyed(list[Token], "service_requests", "A list of one."),
)
async def token(
    ask: Ask, client: Reader, token: Annotated[str, Path(description="An Idempotency-Key that was filed under.")]
) -> Response:
    """The number of what was filed under an Idempotency-Key, for a system that lost the answer."""
    conversation = f"{prefix(client)}{form.conversation_key(token)}" if form.KEY.fullmatch(token) else ""
    number = await run_in_threadpool(ask.at.filings.number_in, conversation)
    if number is None:
        raise NotAccepted("token")
    return answer(ask.form, "service_requests", [{"service_request_id": number, "token": token}])


# --- inside ----------------------------------------------------------------------------------------------------------


async def body_of(request: Request, most: int = BIGGEST) -> bytes:
    """What was sent; one that is longer than `most` bytes is not read to its end. Raises NotAccepted."""
    body = bytearray()
    async for part in request.stream():
        body += part
        if len(body) > most:
            raise NotAccepted("too_big", most=most)
    return bytes(body)


async def _answer(ask: Asked, found: Sequence[Filing]) -> Response:
    waiting = await run_in_threadpool(ask.at.filings.waiting, [filing.case.conversation_id for filing in found])
    if waiting:
        await ask.at.commits.do(lambda: ask.at.fetched(found))
    return answer(ask.form, "service_requests", [told.request(filing, ask.at, ask.language) for filing in found])


def _listed(given: Sequence[str] | None) -> list[str]:
    parts = [part.strip() for value in given or () for part in value.split(",")]
    return list(dict.fromkeys(part for part in parts if part and form.is_text(part)))


def _known(codes: Sequence[str], statuses: Sequence[str], county: County) -> None:
    known = {category.code for category in county.categories}
    if not set(codes) <= known:
        raise NotAccepted("service")
    if not set(statuses) <= {"open", "closed"}:
        raise NotAccepted("parameter", name="status", what="open, closed")


def _span(start: str | None, end: str | None, now: datetime) -> tuple[datetime, datetime]:
    """From when to when; what is not given follows from the other, or from now."""
    since, until = _moment("start_date", start), _moment("end_date", end)
    try:
        if since is None:
            until = until or now
            since = until - SPAN
        elif until is None:
            until = since + SPAN
    except OverflowError:
        raise NotAccepted("span") from None
    if not timedelta(0) <= until - since <= SPAN:
        raise NotAccepted("span")
    return since, until


def _moment(name: str, given: str | None) -> datetime | None:
    """A W3C date and time in UTC; a plus sign that an address has turned into a blank is one again."""
    if not given or not given.strip():
        return None
    try:
        read = datetime.fromisoformat(given.strip().replace(" ", "+").replace("Z", "+00:00"))
        if read.tzinfo is None:
            raise NotAccepted("date", name=name)
        return read.astimezone(timezone.utc)
    except (ValueError, OverflowError):
        raise NotAccepted("date", name=name) from None

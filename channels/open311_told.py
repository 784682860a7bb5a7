"""What other systems are told over Open311 of a category and of a case of their own."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from cases.case import Case
from cases.county import Category, County
from cases.filings import Filing
from cases.redact import PUBLIC, redact
from channels import open311_form as form
from channels.open311_interface import Interface


def service(category: Category, county: County, language: str) -> dict[str, Any]:
    """A category as a service. The name in the other language is its keywords."""
    domain, other = county.domain(category.domain), "en" if language == "zh" else "zh"
    return {
        "service_code": category.code,
        "service_name": category.name[language],
        "description": category.includes or category.name[language],
        "metadata": bool(category.questions),
        "type": "realtime",
        "keywords": category.name[other],
        "group": domain.name if language == "zh" else domain.name_en,
    }


def request(filing: Filing, at: Interface, language: str) -> dict[str, Any]:
    """A case as the system that filed it sees it: no contact, numbers in texts masked."""
    case, county = filing.case, at.county
    address, north, east = form.coordinates(case.place_said)
    media = next((words for words in case.words[1:] if form.URL.fullmatch(words)), None)
    return {
        "service_request_id": case.number,
        "status": "open" if filing.open else "closed",
        "status_notes": _masked(filing.said),
        "service_name": county.category(case.category).name[language] if case.category else None,
        "service_code": case.category,
        "description": redact(case.words[0], PUBLIC),
        "agency_responsible": _unit(case.unit, county, language),
        "service_notice": notice(case, at, language) if filing.open else None,
        "requested_datetime": w3(case.created_at, county),
        "updated_datetime": w3(filing.updated_at, county),
        "expected_datetime": w3(case.due_at, county) if case.due_at else None,
        "address": _masked(address),
        "address_id": case.grid or case.village or case.town,
        "zipcode": None,
        "lat": north,
        "long": east,
        "media_url": _masked(media),
    }


def _masked(text: str | None) -> str | None:
    return redact(text, PUBLIC) if text else None


def _unit(code: str | None, county: County, language: str) -> str | None:
    if code is None:
        return None
    unit = county.unit(code)
    return unit.name if language == "zh" else unit.name_en


def notice(case: Case, at: Interface, language: str) -> str:
    """What may be expected."""
    if case.due_at is None:
        return at.words.word("notices", "received", language)
    due = case.due_at.astimezone(at.county.zone).strftime("%Y-%m-%d %H:%M")
    return at.words.word("notices", "due", language, due=due)


def w3(moment: datetime, county: County) -> str:
    """A time in the county's zone, as W3C writes it: 2026-01-01T08:00:00+08:00."""
    return moment.astimezone(county.zone).isoformat(timespec="seconds")

"""What every page of the console shares: who is signed in, in which language, how a template is filled."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml
from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from cases.attachments import Attachments
from cases.case import Case, mask_words
from cases.county import County
from cases.desk import Desk
from cases.doubts import summary

OVERSEERS = frozenset({"operator", "leader", "administrator"})


class NotSignedIn(Exception):
    """No valid session; the answer is the sign-in page."""


class Forbidden(Exception):
    """Signed in, but this page or form is not for this role, or the form is not ours."""


@dataclass(frozen=True)
class Who:
    """The member of staff behind a request."""

    login: str
    name: str
    role: str
    unit: str | None
    language: str


class Page:
    """Fills templates with the words of the reader's language."""

    def __init__(self, desk: Desk, county: County, here: Path, attachments: Attachments) -> None:
        """`here` holds templates/ and words.yml; `attachments` the photos of residents."""
        self.attachments = attachments
        self.desk = desk
        self.county = county
        self.words: dict[str, dict[str, str]] = yaml.safe_load((here / "words.yml").read_text(encoding="utf-8"))
        self._zone = ZoneInfo(county.timezone)
        self._templates = Environment(
            loader=FileSystemLoader(here / "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
        )
        self._templates.filters |= {"masked": mask_words, "summary": summary}

    def show(self, request: Request, template: str, http: int = 200, **known: Any) -> HTMLResponse:
        """One page as HTML."""
        who = known.pop("who", None)
        language = who.language if who else request.session.get("language", "zh")
        html = self._templates.get_template(template).render(
            who=who,
            language=language,
            county=self.county,
            t=lambda code, **blanks: self.word(code, language, **blanks),
            moment=self.moment,
            place=lambda case: self.place(case, language),
            category=lambda code: self.name(self.county.category, code, language),
            door=lambda code: self.door(code, language),
            unit=lambda code: self.name(self.county.unit, code, language),
            token=form_token(request),
            notice=request.session.pop("notice", None),
            **known,
        )
        return HTMLResponse(html, status_code=http)

    def word(self, code: str, language: str, **blanks: Any) -> str:
        """A label; an unknown code is shown as it is, so that a gap is seen and nothing breaks."""
        text = self.words.get(code, {}).get(language, code)
        return text.format(**blanks) if blanks else text

    def moment(self, at: datetime | str | None) -> str:
        """A point in time in the county's zone, to the minute."""
        if at is None:
            return "—"
        at = datetime.fromisoformat(at) if isinstance(at, str) else at
        return at.astimezone(self._zone).strftime("%Y-%m-%d %H:%M")

    def door(self, code: str, language: str) -> str:
        """Who is responsible where the county is not."""
        return self.desk.door(code, language)

    def place(self, case: Any, language: str) -> str:
        """Town, village and the resident's own words for the place."""
        parts = [
            self.name(self.county.town, case.town, language),
            self.name(self.county.village, case.village, language),
        ]
        known = [part for part in parts if part != "—"]
        if case.place_said and case.place_said not in known:
            known.append(case.place_said)
        return " · ".join(known) or "—"

    @staticmethod
    def name(find: Any, code: str | None, language: str) -> str:
        """The name of a county object in the reader's language."""
        if not code:
            return "—"
        try:
            found = find(code)
        except (KeyError, LookupError):
            return code
        name = found.name
        if isinstance(name, str):
            return name if language == "zh" else getattr(found, "name_en", None) or name
        return str(name[language])


def page_of(request: Request) -> Page:
    """The page maker of this application."""
    page: Page = request.app.state.page
    return page


def signed_in(request: Request, *roles: str) -> Who:
    """Who asks. Raises NotSignedIn, or Forbidden when roles are given and theirs is not among them."""
    held = request.session.get("who")
    if not held:
        raise NotSignedIn
    who = Who(**held, language=request.session.get("language", "zh"))
    if roles and who.role not in roles:
        raise Forbidden
    return who


def seen(pages: Page, who: Who, number: str) -> tuple[Case, str]:
    """The case, and in which role this member of staff has it. Raises NotFound, Forbidden."""
    case = pages.desk.look(number, actor=who.login, role=who.role)
    if who.role == "unit" and case.unit != who.unit:
        if who.unit not in pages.desk.support(case.id):
            raise Forbidden
        return case, "support"
    if who.role == "adviser" and case.adviser != who.login:
        raise Forbidden
    return case, who.role


def whole(text: str | None) -> int:
    """A whole number from a form, -1 for anything else (which no version equals)."""
    return int(text) if text and text.isdigit() else -1


def form_token(request: Request) -> str:
    """The token that every form of this session carries."""
    token: str = request.session.setdefault("token", secrets.token_urlsafe(16))
    return token


async def form_of(request: Request) -> dict[str, str]:
    """The fields of a posted form of ours, trimmed; several of one name are joined by ";".

    Raises Forbidden when its token is wrong.
    """
    sent = await request.form()
    form = {k: ";".join(v.strip() for v in sent.getlist(k) if isinstance(v, str)) for k in sent}
    if not secrets.compare_digest(form.pop("token", "").encode(), form_token(request).encode()):
        raise Forbidden
    return form


def back(request: Request, to: str, notice: str | None = None) -> Response:
    """After a form: to a page, with one line of what happened (a code of words.yml)."""
    if notice:
        request.session["notice"] = notice
    return RedirectResponse(to, status_code=303)


async def to_sign_in(request: Request, _: Exception) -> Response:
    """Handler of NotSignedIn."""
    return RedirectResponse("/sign-in", status_code=303)


async def told_forbidden(request: Request, _: Exception) -> Response:
    """Handler of Forbidden."""
    held = request.session.get("who")
    who = Who(**held, language=request.session.get("language", "zh")) if held else None
    return page_of(request).show(request, "forbidden.html", http=403, who=who)

"""The port to a case system outside: what is handed over, what comes back, and the named ways in which it fails."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from cases.case import Case, mask_words
from cases.county import County

SYSTEMS = ("open311", "webhook")
#: about a day, as the tries are 5 and then 30 minutes apart
TRIES = 48
#: every reason a hand-over may carry; the console has a label for each
CODES = (
    "not_reached", "no_answer", "busy", "server_error", "unreadable", "redirected", "rejected", "key_refused",
    "bad_address", "no_service", "service_unknown", "attribute_missing", "duplicate", "cannot_tell", "no_id",
    "not_found", "staging", "withdrawn", "broken",
)  # fmt: skip


class OutsideError(Exception):
    """A hand-over failed. `code` is one of CODES; `detail` the other side's own words, numbers masked."""

    def __init__(self, code: str, detail: str = "") -> None:
        """`detail` may be long; 400 signs of it are kept."""
        self.code, self.detail = code, mask_words(" ".join(detail.split())[:400])
        super().__init__(f"{code}: {self.detail}" if self.detail else code)


class Temporary(OutsideError):
    """Later it may work. `unclear`: they may have taken the case all the same; `after`: when they ask to be left."""

    def __init__(self, code: str, detail: str = "", *, unclear: bool = False, after: timedelta | None = None) -> None:
        """See the class."""
        super().__init__(code, detail)
        self.unclear, self.after = unclear, after


class Rejected(OutsideError):
    """They, or our own settings, say no to this case; trying again as it is can't help."""


class Duplicate(OutsideError):
    """They say that they have it already, which counts as delivered; `their_id` if they tell it."""

    def __init__(self, detail: str = "", their_id: str | None = None) -> None:
        """See the class."""
        super().__init__("duplicate", detail)
        self.their_id = their_id


class CannotTell(OutsideError):
    """Nobody but a person can find out whether they have it."""

    def __init__(self, detail: str) -> None:
        """`detail` says why not."""
        super().__init__("cannot_tell", detail)


class HeldBack(OutsideError):
    """The staging switch is on and the address is not on this machine."""

    def __init__(self, host: str) -> None:
        """`host` is where it would have gone."""
        super().__init__("staging", host)


class SettingsError(ValueError):
    """The settings of the case system outside contradict each other or lack something; the text says what."""


@dataclass(frozen=True)
class Handed:
    """A case as another system may see it: the problem and the place, not the person.

    `words` have their phone and identity numbers masked, so has `place` (names, from the narrowest to the widest).
    `contact` is None unless the resident agreed to its being passed on. `key` is the same at every attempt.
    `handed_at` is when it was taken up for handing over, before the first attempt.
    """

    key: str
    number: str
    kind: str
    category: str | None
    category_name: Mapping[str, str]
    words: tuple[str, ...]
    town: str | None
    village: str | None
    grid: str | None
    place: str
    since: str | None
    emergency: str | None
    language: str
    filed_at: datetime
    handed_at: datetime
    contact: str | None


@dataclass(frozen=True)
class Receipt:
    """What they answered: their id, or a token whose id comes later, or neither.

    `expects_id`: an id will exist one day though they named none (`find` may tell it).
    """

    their_id: str | None = None
    token: str | None = None
    expects_id: bool = False


@dataclass(frozen=True)
class Known:
    """A hand-over that they know; `id` is ours, and at least one of `their_id` and `token` is there."""

    id: int
    their_id: str | None
    token: str | None


@dataclass(frozen=True)
class Status:
    """How a case stands there. `status` None: it has an id by now, and nothing else is known."""

    their_id: str | None
    status: str | None
    note: str | None


class CaseSystem(Protocol):
    """Another case system. Every method may raise Temporary, Rejected and HeldBack."""

    @property
    def name(self) -> str:
        """One of SYSTEMS."""

    @property
    def polls(self) -> bool:
        """Whether `look` can ask for statuses (else they are pushed)."""

    @property
    def repeats_safely(self) -> bool:
        """Whether the same case twice is one case there, so that repeating after a lost answer does no harm."""

    def send(self, handed: Handed) -> Receipt:
        """Hands one case over. Raises Duplicate too."""

    def find(self, handed: Handed) -> Receipt | None:
        """Whether they have it already; None only if they surely don't. Raises CannotTell."""

    def look(self, known: Sequence[Known]) -> Mapping[int, Status]:
        """How some cases stand, by our id; those that they say nothing of are missing."""


def handed_of(case: Case, county: County, key: str, handed_at: datetime, contact: str | None = None) -> Handed:
    """What of a case leaves the house; give `contact` only where the resident agreed."""
    category = county.category(case.category) if case.category else None
    town = county.town(case.town).name if case.town else None
    village = county.village(case.village).name if case.village else None
    places = (case.place_said, village, town, county.name["zh"])
    return Handed(
        key=key,
        number=case.number,
        kind=case.kind,
        category=case.category,
        category_name=category.name if category else {},
        words=tuple(mask_words(word) for word in case.words),
        town=case.town,
        village=case.village,
        grid=case.grid,
        place=mask_words("，".join(dict.fromkeys(place for place in places if place))),
        since=case.since,
        emergency=case.emergency,
        language=case.language,
        filed_at=case.created_at,
        handed_at=handed_at,
        contact=contact,
    )


@dataclass(frozen=True)
class Settings:
    """Which system, where, and with what keys. `staging` (the default) lets requests go to this machine only."""

    system: str = ""
    url: str = ""
    key: str | None = None
    jurisdiction: str | None = None
    secret: str | None = None
    staging: bool = True
    tries: int = TRIES

    @classmethod
    def from_environment(cls) -> Settings:
        """MINHU_OUTSIDE (empty, open311 or webhook) with _URL, _KEY, _JURISDICTION, _SECRET, _STAGING, _TRIES.

        Only MINHU_OUTSIDE_STAGING=live lets a case reach a real office. Raises SettingsError.
        """

        def given(name: str) -> str:
            return os.environ.get(f"MINHU_OUTSIDE{name}", "").strip()

        system, tries = given(""), given("_TRIES") or str(TRIES)
        if not system:
            return cls()
        if system not in SYSTEMS:
            raise SettingsError(f"MINHU_OUTSIDE={system}: it can be {' or '.join(SYSTEMS)}, or empty")
        if not given("_URL").startswith(("http://", "https://")):
            raise SettingsError("MINHU_OUTSIDE_URL must be the http(s) address of the other system")
        if not tries.isdigit() or not int(tries):
            raise SettingsError(f"MINHU_OUTSIDE_TRIES={tries} is no number above 0")
        return cls(
            system=system,
            url=given("_URL"),
            key=given("_KEY") or None,
            jurisdiction=given("_JURISDICTION") or None,
            secret=given("_SECRET") or None,
            staging=given("_STAGING") != "live",
            tries=int(tries),
        )


def open_system(settings: Settings, county_folder: Path) -> CaseSystem | None:
    """The system that the settings name, None for the embedded one alone. Raises SettingsError, CountyError."""
    if settings.system == "open311":
        from cases.open311 import Mapping311, Open311

        return Open311(settings, Mapping311.load(county_folder))
    if settings.system == "webhook":
        from cases.webhook import Webhook

        return Webhook(settings)
    return None

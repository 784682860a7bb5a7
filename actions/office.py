"""The desk, the library and the county that the actions work with, opened once a process at first use."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import yaml

from cases.county import County
from cases.desk import Desk
from cases.store import Store
from knowledge.library import Library
from knowledge.live import Live
from knowledge.rephrase import Endpoint
from knowledge.shelf import Shelf


@dataclass(frozen=True)
class Office:
    """What every job needs at hand."""

    desk: Desk
    live: Live
    county: County
    terms: dict[str, dict[str, str]]
    model: Endpoint | None = None

    @property
    def library(self) -> Library:
        """What may be said, as it stands now."""
        return self.live.library

    @property
    def shelf(self) -> Shelf:
        """Where questions asked in vain are kept."""
        return self.live.shelf

    def term(self, code: str, language: str, **blanks: Any) -> str:
        """A word or short phrase of actions/terms.yml in the resident's language. Raises KeyError if it isn't there."""
        return self.terms[code][language].format(**blanks)

    def moment(self, at: datetime | None, language: str) -> str:
        """A point in time as people say it, in the county's time zone; no limit where there is none."""
        if at is None:
            return self.terms["not_given"][language]
        local = at.astimezone(ZoneInfo(self.county.timezone))
        return local.strftime(self.terms["moment"][language])

    def staffed_now(self, now: datetime | None = None) -> bool:
        """Whether somebody sits at the hotline desk at this moment."""
        return self.desk.staffed(now)

    def hours(self, language: str) -> str:
        """The desk's hours in words, as the county wrote them."""
        return self.county.hours[language]


@lru_cache(maxsize=1)
def office() -> Office:
    """Opens everything from the environment: MINHU_CITY, MINHU_DATABASE_URL, MINHU_VAR."""
    var = Path(os.environ.get("MINHU_VAR", "var"))
    county = County.load(Path(os.environ.get("MINHU_CITY", "city")))
    store = Store(os.environ.get("MINHU_DATABASE_URL", f"sqlite:///{var / 'minhu.db'}"))
    live = Live(var, Shelf(store), county.blanks)
    live.watch()
    terms = yaml.safe_load(Path(__file__).with_name("terms.yml").read_text(encoding="utf-8"))
    return Office(Desk(store, county), live, county, terms, Endpoint.from_environment())

"""Says what a named law or article is today: its words, or that it is repealed, not yet in force, or not there."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from knowledge.named_law import Named, repeals_in
from knowledge.official_text import STARTS, iso, number_of
from knowledge.statutes import ANNOUNCED, IN_FORCE, UNCLEAR, Article, Statutes, Version

SHORT = 80
FULL = 1200
SENTENCE_END = re.compile(r"(?<=[。；：])")


@dataclass(frozen=True)
class Told:
    """A short text, further lines, and the articles in force that it stands on; `known` is False for "I can't say"."""

    short: str
    steps: tuple[str, ...] = ()
    articles: tuple[Article, ...] = ()
    known: bool = True


class LawAnswers:
    """What may be said of a law by its name."""

    def __init__(self, statutes: Statutes, wording: Mapping[str, Mapping[str, str]], today: Callable[[], date]) -> None:
        self._statutes, self._wording, self._today = statutes, wording, today
        self.repeals: dict[str, Article] = {}
        for article in statutes.in_force(today()):
            for name in repeals_in(article):
                self.repeals.setdefault(name, article)

    def state(self, law: str) -> str | None:
        """The status of a law; a law that is not in the store may be known as repealed."""
        return self._statutes.status(law, self._today()) or ("repealed" if law in self.repeals else None)

    def successor(self, law: str) -> str | None:
        """The law that repealed this one, if one in force says so."""
        return self.repeals[law].law if law in self.repeals else None

    def tell(self, named: Named, language: str) -> Told:
        """What a named article says today, or why it can't be told."""
        if self.state(named.law) != IN_FORCE or named.number is None:
            return self.tell_state(named.law, language)
        article = self._find(named)
        if article:
            return self._words_of(article, language)
        return self._not_there(named, language)

    def tell_state(self, law: str, language: str) -> Told:
        """Whether a law applies today, and since when or until when."""
        state = self.state(law)
        if state == IN_FORCE:
            return self._in_force(law, language)
        if state == ANNOUNCED:
            starts = self._statutes.versions[law][-1].starts
            return Told(self._say("law_announced", language, law=law, day=self._day(starts, language)))
        if state == UNCLEAR:
            return Told(self._say("law_unclear", language, law=law), known=False)
        by = self.repeals.get(law)
        if by is None:
            return Told(self._say("law_repealed", language, law=law))
        return Told(self._replaced(law, by, language), articles=(by,))

    def like(self, article: Article, language: str) -> Told:
        """An article that says nearly what a repealed one said."""
        return Told(self._say("law_like", language, **self._names(article), text=article.text), articles=(article,))

    def unknown(self, language: str) -> Told:
        """For a text that is not in the store. Its name is not repeated: anybody can write anything there."""
        return Told(self._say("law_unknown", language), known=False)

    def quote(self, article: Article, language: str) -> str:
        """An article in a short answer: as many whole sentences as fit."""
        frame = self._say("law_short", language, **self._names(article), text="")
        return self._say("law_short", language, **self._names(article), text=extract(article.text, SHORT - len(frame)))

    def _in_force(self, law: str, language: str) -> Told:
        version = self._statutes.version(law, self._today())
        if version is None:
            return self.unknown(language)
        last = list(self._statutes.articles(version, self._today()))[-1:]
        said = self._say("law_in_force", language, law=law, since=self._since(version, language))
        return Told(said, self._lapse(law, language), tuple(last))

    def _replaced(self, law: str, by: Article, language: str) -> str:
        """Since when a law no longer applies is what the article that repeals it says, not what the store says."""
        started = STARTS.search(by.text)
        if started is None:
            return self._say("law_replaced_once", language, law=law, by=by.law)
        return self._say("law_replaced", language, law=law, day=self._day(iso(started), language), by=by.law)

    def _since(self, text: Version | Article, language: str) -> str:
        """Since when a text applies; where the store has one day for both, only that it was published then."""
        code = "published_on" if text.effective == text.published else "applies_since"
        return self._say(code, language, day=self._day(text.effective, language))

    def _find(self, named: Named) -> Article | None:
        today = self._today()
        if named.branch is None:
            return self._statutes.article(named.law, named.number or 0, today)
        version = self._statutes.version(named.law, today)
        articles = self._statutes.articles(version, today) if version else ()
        return next((a for a in articles if a.number == named.number and branch_of(a) == named.branch), None)

    def _not_there(self, named: Named, language: str) -> Told:
        today = self._today()
        version = self._statutes.version(named.law, today)
        last = max((a.number for a in self._statutes.articles(version, today)), default=0) if version else 0
        number = named.number or 0
        if named.branch is not None:
            code, shown = "law_no_branch", f"{number}-{named.branch}"
            label = self._say("branch_label", "zh", number=number, branch=named.branch)
        else:
            code, shown = "law_no_article", str(number)
            label = self._say("article_label", "zh", number=number)
        if not last or (named.branch is None and 0 < number <= last):
            return self.unknown(language)
        return Told(self._say(code, language, law=named.law, label=label, number=shown, last=last))

    def _words_of(self, article: Article, language: str) -> Told:
        blanks = self._names(article) | {"since": self._since(article, language)}
        room = SHORT - len(self._say("law_says", language, **blanks, text=""))
        whole = article.text.replace("\n", "")
        kept = extract(article.text, max(room, SHORT // 2))
        rest = () if kept == whole else tuple(self._in_full(article, language))
        short = self._say("law_says", language, **blanks, text=kept)
        return Told(short, (*rest, *self._lapse(article.law, language)), (article,))

    def _in_full(self, article: Article, language: str) -> list[str]:
        text = article.text if len(article.text) <= FULL else article.text[:FULL] + "…"
        first, *others = text.split("\n")
        return [self._say("law_full", language, text=first), *others]

    def _lapse(self, law: str, language: str) -> tuple[str, ...]:
        ends = self._statutes.lapses(law, self._today())
        if not ends:
            return ()
        code = "law_renewed" if self._statutes.versions[law][-1].starts == ends else "law_lapses"
        return (self._say(code, language, law=law, day=self._day(ends, language)),)

    def _names(self, article: Article) -> dict[str, Any]:
        branch = branch_of(article)
        return {
            "law": article.law,
            "label": article.label,
            "number": f"{article.number}-{branch}" if branch else article.number,
        }

    def _say(self, code: str, language: str, **blanks: Any) -> str:
        return self._wording[code][language].format(**blanks)

    def _day(self, iso: str, language: str) -> str:
        day = date.fromisoformat(iso)
        return self._say("day", language, year=day.year, month=day.month, day=day.day)


def branch_of(article: Article) -> int | None:
    """The number after 之 in an article's label: 第一百三十三条之一 → 1."""
    _, mark, branch = article.label.partition("条之")
    return number_of(branch) if mark else None


def extract(text: str, room: int) -> str:
    """The first sentences of an article that fit into `room` characters, else its beginning with an ellipsis."""
    whole, kept = text.replace("\n", ""), ""
    for sentence in SENTENCE_END.split(whole):
        if len(kept) + len(sentence) > room:
            break
        kept += sentence
    return kept if kept and not kept.endswith("：") else whole[: max(room - 1, 0)] + "…"

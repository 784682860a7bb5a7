"""Answers residents' questions from guides, regulations and national law, each with its sources, or declines."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from knowledge.asked import Asked, load_asked
from knowledge.consulting import Counsel, Counsels, Period
from knowledge.followups import Followups
from knowledge.guide_search import Found, GuideSearch
from knowledge.guides import Blanks, Guide, load_beyond, load_guides
from knowledge.law_answers import SHORT, LawAnswers, Told
from knowledge.law_engine import LawEngine, gains
from knowledge.law_search import LawSearch
from knowledge.meaning import Meaning
from knowledge.named_law import LawNames, Named
from knowledge.postgres_search import PostgresSearch
from knowledge.statutes import IN_FORCE, Article, Statutes
from knowledge.words import LayTerms, load_plain_words, search_words

# How likely a guide is from which it is told, from which no other reading counts, from which it is offered to choose;
# and the share of the likeliest from which another is as near.
GUIDE_SURE, GUIDE_CLEAR, GUIDE_LIKELY, CLOSE = 0.35, 0.6, 0.15, 0.5
# Where nobody can be asked back: from which a guide is told.
GUIDE_ALONE = 0.2
# How sure LawSearch is from which an article is told, is shown as related, is law for an adviser's case.
LAW_SURE, LAW_PERHAPS, LAW_FOR_ADVICE = 0.6, 0.5, 0.25
# How likely it is that nothing here can answer, from which that is said.
BEYOND_SURE = 0.08
MOST_CHOICES = 3
# "the second one": a step of what was told.
NTH = re.compile(
    r"第\s*(?:(?P<zh>[一二三四五六七八九])|(?P<n>[1-9]))\s*(?:个|步|条|点|项|样)|\b(?P<en>first|second|third|fourth|fifth)\b"
)
NUMBERS, NTH_LONGEST = "一二三四五六七八九", 20
NTH_ENGLISH = {"first": 1, "second": 2, "third": 3, "fourth": 4, "fifth": 5}
ARTICLES_TOLD = LAWS_SHOWN = 3
LAWS_COMPARED, GUIDES_COMPARED = 10, 3
LIKE, LIKE_READ = 0.5, 300
PARTS = ("bring", "where", "takes", "costs", "who")
#: a sum that somebody gets stands beside what it costs, or with what is decided locally
GETS, SUM = "gets", re.compile(r"blank:amount_local|\d元|\d%|\d倍")
STEP_FIELDS = ("who", "bring", "where", "how", "takes", "costs", "local")


@dataclass(frozen=True)
class Source:
    """What an answer stands on: an article of a law, or a guide."""

    type: str
    title: str
    law: str | None
    article: int | None
    in_force: bool | None
    effective: str | None
    code: str | None
    score: float
    text: str
    publisher: str | None
    checked: str | None


@dataclass(frozen=True)
class Answer:
    """A short answer (at most 80 Chinese characters), steps, sources; or declined; or choices to ask which."""

    declined: bool
    short: str = ""
    steps: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    about: str | None = None
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Lookup:
    """An answer as text with every source found, statutes and guides mixed, best first."""

    answer: str
    declined: bool
    sources: tuple[Source, ...]


class Library:
    """Everything the bot may say. Safe to use from several threads."""

    def __init__(
        self, statutes: Statutes, search: LawEngine, asked: Asked, guides: GuideSearch, blanks: Blanks,
        wording: Mapping[str, Mapping[str, str]], followups: Followups, meaning: Meaning, today: Callable[[], date],
    ) -> None:  # fmt: skip
        self.statutes, self.search, self.asked, self.guides = statutes, search, asked, guides
        self._meaning = meaning
        self._blanks, self._wording, self._followups, self._today = blanks, wording, followups, today
        self._laws = LawAnswers(statutes, wording, today)
        self._names = LawNames({*statutes.versions, *self._laws.repeals}, read_yaml("law_names.yml"))
        self._by_code = {guide.code: guide for guide in guides.guides}
        self._shipped = guides.guides
        self._off: Mapping[str, str] = {}
        self._counsels = Counsels(read_yaml("consulting.yml"))

    @classmethod
    def open(
        cls,
        var: Path,
        county_blanks: Mapping[str, Any] | None = None,
        today: Callable[[], date] = date.today,
        folder: Path | None = None,
    ) -> Library:
        """Loads guides and statutes; builds the index under `var`/index where there is none, else loads it.

        With MINHU_SEARCH_URL the articles are searched in that PostgreSQL instead. Raises SearchUnavailable.
        """
        folder = folder or Path(__file__).parent
        index = var / "index"
        meaning = Meaning(index)
        statutes = Statutes.open(var)
        lay, plain, url = LayTerms.load(), load_plain_words(), os.environ.get("MINHU_SEARCH_URL")
        search = (
            PostgresSearch(statutes, meaning, url, lay, plain, today())
            if url
            else LawSearch(statutes, meaning, index, lay, plain, today())
        )
        guides = GuideSearch(list(load_guides(folder)), meaning, list(load_beyond(folder)))
        wording = read_yaml("wording.yml")
        blanks = Blanks(county_blanks, read_yaml("blanks.yml"), wording["blank"])
        asked, followups = Asked(load_asked(plain, today()), meaning), Followups(read_yaml("followups.yml"))
        return cls(statutes, search, asked, guides, blanks, wording, followups, meaning, today)

    def with_county(self, guides: Sequence[Guide], off: Mapping[str, str]) -> Library:
        """This library with the county's own guides, which take the place of shipped ones of the same code, and with
        topics switched off ({code: reason}). The search over the statutes is shared."""
        own = {guide.code for guide in guides}
        changed = copy(self)
        kept = [guide for guide in self._shipped if guide.code not in own]
        changed.guides = GuideSearch([*kept, *guides], self._meaning, self.guides.themes)
        changed._by_code = {guide.code: guide for guide in changed.guides.guides}
        changed._off = dict(off)
        return changed

    def nearness(self, one: str, others: Sequence[str]) -> list[float]:
        """How near each of the others is to `one` in meaning: cosines, 1.0 for the same words."""
        vectors = self._meaning.questions([one, *others])
        return (vectors[1:] @ vectors[0]).tolist()

    def vectors(self, questions: Sequence[str]) -> Any:
        """(n, 384) vectors of questions, length one; each text is embedded once on a machine."""
        return self._meaning.of(questions, as_questions=True)

    # --- single things ---------------------------------------------------------------------------------------------

    def article(self, law: str, number: int) -> Article | None:
        """An article as it is in force today; marked not in force where the law no longer is."""
        return self.statutes.article(law, number, self._today())

    def guide(self, code: str) -> Guide | None:
        """A guide or regulation by its code."""
        return self._by_code.get(code)

    def title(self, code: str, language: str = "zh") -> str:
        """The title of a guide; empty for an unknown code."""
        guide = self.guide(code)
        return "".join(guide.spoken("title", language)) if guide else ""

    def law_name(self, law: str, language: str = "zh") -> str:
        """What a law is called in a language."""
        return self._names.name(law, language)

    def parts(self, code: str) -> tuple[str, ...]:
        """The fields a resident may ask for of a guide, in the order people need them; none for an unknown one."""
        guide = self.guide(code)
        return tuple(part for part in PARTS if guide and guide.lines(part, "zh"))

    def part(self, code: str, part: str, language: str = "zh") -> Answer:
        """One field of a guide, declined where there is no such guide or field."""
        guide = self.guide(code)
        return self._field(guide, part, language) if guide and part in PARTS else Answer(declined=True)

    def how(self, code: str, language: str = "zh") -> tuple[str, ...]:
        """How to go about what a guide tells of, one numbered line a step."""
        guide = self.guide(code)
        lines = self._lines(guide, "how", language) if guide else []
        return tuple(self._word("numbered", language, n=n, text=text) for n, text in enumerate(lines, 1))

    def counsel(self, topic: str | None) -> Counsel:
        """How long there is, what proof to keep, which doors are open in a field of law; only periods that are law."""
        told = self._counsels.of(topic)
        cited = [self.article(period.ground.law, period.ground.article) for period in told.periods]
        kept = [period for period, article in zip(told.periods, cited, strict=True) if article and article.in_force]
        return replace(told, periods=tuple(kept))

    def first_words(self, signal: str) -> tuple[Period, ...]:
        """What is said before anything else to who tells of this; only what is law today."""
        told = self._counsels.first_words.get(signal, ())
        cited = [self.article(one.ground.law, one.ground.article) for one in told]
        return tuple(one for one, article in zip(told, cited, strict=True) if article and article.in_force)

    def label(self, part: str, language: str = "zh") -> str:
        """What a field of a guide is called. Raises KeyError."""
        return self._word(part, language)

    def law(self, question: str, top: int = 3, topic: str | None = None) -> list[Source]:
        """The articles in force that a question is about, best first; none for talk that is about no law.

        Where the search is not sure and a guide is, half of them are articles that the guide stands on.
        """
        if self._theme(question):
            return []
        sure, found = self._find_law(question, top)
        found = found if sure >= LAW_FOR_ADVICE else []
        guides = self.guides.find(question, GUIDES_COMPARED) if sure < LAW_SURE else []
        if guides and sum(one.score for one in guides if on_same_ground(one.guide, guides[0].guide)) >= GUIDE_SURE:
            grounds = self._grounds(guides[0].guide, guides[0].sure)
            found = [*grounds[: max(top // 2, 1)], *found, *grounds]
        return distinct(found)[:top]

    def _find_law(self, question: str, top: int) -> tuple[float, list[Source]]:
        """How sure it is that the first articles answer a question, and the articles, each with its share of that."""
        today = self._today()
        spoken_for = gains(self.guides.grounds(question), self.asked.like(question))
        hits = self.search.find(question, max(top, LAWS_SHOWN), today, self._names_in_force(question), spoken_for)
        best = self.statutes.by_id(hits[0].article_id, today) if hits else None
        sure = self.search.sure(question, hits, best) if best else 0.0
        found = ((self.statutes.by_id(hit.article_id, today), hit.score / hits[0].score) for hit in hits[:top])
        return sure, [self._from_article(article, sure * share) for article, share in found if article]

    def _names_in_force(self, question: str) -> list[str]:
        """The laws in force that a question names, or that took the place of one it names."""
        named = [mention.law for mention in self._names.mentions(question)]
        today = [law if self._laws.state(law) == IN_FORCE else self._laws.successor(law) for law in named]
        return [law for law in today if law]

    def learn(self, progress: Callable[[int, int], None] = lambda done, of: None, most: int | None = None) -> None:
        """Learns by meaning what is not yet learnt, most wanted first; a process of its own may do it, at low priority.

        `progress` gets (done, of) articles; `most` bounds how many are learnt. Running libraries take them up.
        """
        self.search.learn(self._today(), progress, most)

    # --- answers ---------------------------------------------------------------------------------------------------

    def answer(self, question: str, language: str = "zh", about: str | None = None, told: str = "") -> Answer:
        """Guides first, then the law itself, else declined; where two guides are as near, choices to ask which.

        `about`: the guide last talked of, for follow-ups; `told`: what a question belongs to that is not clear alone.
        """
        question = self._followups.without_lead(question.strip())
        followed = self._nth(question, language, about) or self._follow(question, language, about)
        if told and not followed and not self._clear(question):
            question = f"{told} {question}"
        if followed or self._followups.bare(question):
            return followed or Answer(declined=True)
        plain = self._named_law(question, language) or self._beyond(question, language)
        return plain or self._which(question, language) or self._best(question, language)

    def _beyond(self, question: str, language: str) -> Answer | None:
        """An honest "not here" to a question of a kind that nothing here can answer."""
        theme = None if self._followups.bare(question) else self._theme(question)
        return Answer(declined=True, short="".join(theme.spoken("short", language))) if theme else None

    def _theme(self, question: str) -> Guide | None:
        """The theme that a question belongs to which nothing here can answer, if it likely is one."""
        theme = self.guides.beyond(question)
        return theme.guide if theme and theme.score >= BEYOND_SURE else None

    def _clear(self, question: str) -> bool:
        if self._followups.bare(question):
            return False
        found = self.guides.find(question, 1)
        return bool(found) and found[0].score >= GUIDE_CLEAR or self._find_law(question, 1)[0] >= LAW_SURE

    def _best(self, question: str, language: str, least: float = GUIDE_ALONE) -> Answer:
        return (
            self._from_guides(question, language, least) or self._from_law(question, language) or Answer(declined=True)
        )

    def lookup(self, text: str, top: int = 10) -> Lookup:
        """The answer as one text, and the best sources of both kinds."""
        text = text.strip()
        named = self._named_law(text, "zh")
        answer = named or self._beyond(text, "zh") or self._best(text, "zh") if text else Answer(declined=True)
        _, laws = self._find_law(text, top)
        services = [self._service(found) for found in self.guides.find(text, 3) if found.score >= GUIDE_LIKELY]
        sources = [*named.sources, *(laws if named.sources else ())] if named else [*laws, *services]
        sources.sort(key=lambda source: -source.score)
        said = "\n".join(part for part in (answer.short, *answer.steps) if part)
        return Lookup(said, answer.declined, tuple(distinct(sources)[:top]))

    def asks_for(self, question: str, language: str) -> str | None:
        """The field that a question asks for which names no matter ("how long"), or None."""
        return self._followups.field(question, language) if self._followups.bare(question) else None

    def _nth(self, question: str, language: str, about: str | None) -> Answer | None:
        """One step of what was told last ("the second one?")."""
        guide, asked = self.guide(about) if about else None, NTH.search(question)
        if guide is None or asked is None or len(question) > NTH_LONGEST:
            return None
        lines = self._lines(guide, "how", language) or self._lines(guide, "steps", language)
        number = (
            NUMBERS.find(asked["zh"]) + 1
            if asked["zh"]
            else int(asked["n"] or 0) or NTH_ENGLISH.get(asked["en"] or "", 0)
        )
        if not 1 <= number <= len(lines) or self._silent(guide, language):
            return None
        short = self._word("numbered", language, n=number, text=lines[number - 1])
        return Answer(False, short, (), (self._service(Found(guide, 1.0)),), guide.code)

    def _follow(self, question: str, language: str, about: str | None) -> Answer | None:
        guide = self.guide(about) if about else None
        field = self._followups.field(question, language) if guide else None
        if not guide or not field or self._names_another(question, guide, language):
            return None
        return self._field(guide, field, language)

    def _names_another(self, question: str, guide: Guide, language: str) -> bool:
        """Whether a question names what another guide is about ("where do I get a residence permit")."""
        best = self.guides.find(question, 1)[0].guide
        title, own = best.text("title", language).lower(), guide.text("title", language).lower()
        words = search_words(self._followups.rest(question))
        return best is not guide and any(len(word) > 1 and word in title and word not in own for word in words)

    def _field(self, guide: Guide, field: str, language: str) -> Answer:
        silent = self._silent(guide, language)
        if silent:
            return silent
        lines = self._lines(guide, column_of(guide, field), language)
        title, label = self.title(guide.code, language), self._word(field, language)
        sources = (self._service(Found(guide, 1.0)),)
        if not lines:
            return Answer(False, self._word("field_missing", language, title=title), (), sources, guide.code)
        short = self._word("field_short", language, title=title, label=label, text="；".join(lines))
        if len(lines) == 1 and len(short) <= SHORT:
            return Answer(False, short, (), sources, guide.code)
        head = self._word("field_long", language, title=title, label=label)
        return Answer(False, head, tuple(lines), sources, guide.code)

    def _named_law(self, question: str, language: str) -> Answer | None:
        """An answer to a question that names an article, a law that isn't in force, or a text that isn't known."""
        named = self._names.named(question)
        articles = [one for one in named if one.number is not None]
        if articles:
            told = [self._laws.tell(one, language) for one in articles[:ARTICLES_TOLD]]
            return self._told(*told, *self._like(articles[0], language))
        if self._names.names_unknown(question):
            known, unknown = self._from_guides(question, language), self._laws.unknown(language)
            if known and self._names.asks_force(question):
                return replace(known, short=unknown.short, steps=(known.short,))
            return known or self._told(unknown)
        if named and self._names.asks_force(question) and self._followups.bare(self._names.rest(question)):
            return self._told(self._laws.tell_state(named[0].law, language))
        gone = next((one for one in named if self._laws.state(one.law) != IN_FORCE), None)
        if gone is None:
            return None
        rest = self._from_guides(question, language) or self._from_law(question, language)
        return self._told(self._laws.tell_state(gone.law, language), rest=rest)

    def _like(self, named: Named, language: str) -> list[Told]:
        """The article in force that says most nearly what a repealed article said."""
        old, by = self.article(named.law, named.number or 0), self._laws.successor(named.law)
        if old is None or old.in_force or by is None:
            return []
        hits = self.search.find(old.text[:LIKE_READ], 1, self._today(), [by])
        new = self.statutes.by_id(hits[0].article_id, self._today()) if hits else None
        alike = new is not None and new.law == by and self.search.covered(old.text[:LIKE_READ], new) >= LIKE
        return [self._laws.like(new, language)] if new and alike else []

    def _told(self, *told: Told, rest: Answer | None = None) -> Answer:
        """What is told of laws as one answer, before what else is known (`rest`)."""
        first, *others = [*(one for one in told if one.known), *(one for one in told if not one.known)]
        if not first.known:
            return Answer(declined=True, short=first.short)
        lines = [line for one in others for line in (one.short, *one.steps)]
        articles = dict.fromkeys(article for one in told for article in one.articles)
        sources = [self._from_article(article, 1.0) for article in articles]
        if rest:
            lines.append(rest.short)
            sources += rest.sources
        return Answer(False, first.short, (*first.steps, *lines), tuple(sources), rest.about if rest else None)

    def _which(self, question: str, language: str) -> Answer | None:
        """Two or three guides that may be meant, to ask which; none where one is clear, or the law itself is."""
        found = [one for one in self.guides.find(question, MOST_CHOICES) if one.score >= GUIDE_LIKELY]
        if not found or found[0].score >= GUIDE_CLEAR or self._law_speaks_against(found[0], question):
            return None
        unsure = found[0].score < GUIDE_SURE
        near = [one.guide for one in found if unsure or one.share >= CLOSE * found[0].share]
        choices = tuple((guide.code, self.title(guide.code, language)) for guide in near)
        return Answer(False, choices=choices) if len(choices) > 1 else None

    def _from_guides(self, question: str, language: str, least: float = GUIDE_SURE) -> Answer | None:
        found = self.guides.find(question, 1)
        if not found or found[0].score < least or self._law_speaks_against(found[0], question):
            return None
        guide, field = found[0].guide, self._followups.field(question, language)
        if field and guide.lines(column_of(guide, field), "zh"):
            return self._field(guide, field, language)
        return self.about(guide, language, found[0].score)

    def _law_speaks_against(self, found: Found, question: str) -> bool:
        """Whether the law surely has an answer and the guide, not quite clear itself, stands on none of it."""
        if found.score >= GUIDE_CLEAR:
            return False
        sure, laws = self._find_law(question, LAWS_COMPARED)
        grounds = {(ground.law, ground.article) for ground in found.guide.grounds}
        return sure >= LAW_SURE and not any((source.law, source.article) in grounds for source in laws)

    def about(self, guide: Guide, language: str, score: float = 1.0) -> Answer:
        """Everything a guide says, with the guide (fitting by `score`) and the articles it stands on as sources."""
        silent = self._silent(guide, language)
        if silent:
            return silent
        found, short = Found(guide, score), " ".join(self._lines(guide, "short", language))
        return Answer(
            declined=False,
            short=short if guide.lines("short", language) else self._word("untranslated", language, text=short),
            steps=self._steps(guide, language),
            sources=(self._service(found), *self._grounds(guide, found.sure)),
            about=guide.code,
        )

    def _silent(self, guide: Guide, language: str) -> Answer | None:
        """Why nothing is told of a guide now: staff have switched it off, or the law it stands on is no longer law."""
        if guide.code in self._off:
            return Answer(
                declined=True, short=self._word("switched_off", language, title=self.title(guide.code, language))
            )
        if len(self._grounds(guide, 1.0)) < len(guide.grounds):
            return Answer(
                declined=True, short=self._word("law_changed", language, title=self.title(guide.code, language))
            )
        return None

    def _grounds(self, guide: Guide, score: float) -> list[Source]:
        """The articles a guide stands on that are law today."""
        articles = [self.article(ground.law, ground.article) for ground in guide.grounds]
        return [self._from_article(article, score) for article in articles if article and article.in_force]

    def _steps(self, guide: Guide, language: str) -> tuple[str, ...]:
        if guide.spoken("steps", language):
            return tuple(self._lines(guide, "steps", language))
        steps = []
        for field in STEP_FIELDS:
            lines = self._lines(guide, field, language)
            if lines:
                text = self._word("joint", language).join(lines)
                steps.append(self._word("label", language, label=self._word(field, language), text=text))
        return tuple(steps)

    def _lines(self, guide: Guide, field: str, language: str) -> list[str]:
        return [self._fill(line, language) for line in guide.spoken(field, language)]

    def _from_law(self, question: str, language: str) -> Answer | None:
        sure, found = self._find_law(question, LAWS_SHOWN)
        if not found or sure < LAW_PERHAPS:
            return None
        best = self.article(str(found[0].law), int(found[0].article or 0))
        told = self._laws.quote(best, language) if best and sure >= LAW_SURE else self._word("law_related", language)
        return Answer(False, told, (), tuple(found), None)

    # --- parts -----------------------------------------------------------------------------------------------------

    def _word(self, code: str, language: str, **blanks: Any) -> str:
        text = self._wording[code][language]
        return text.format(**blanks) if blanks else text

    def _fill(self, text: str, language: str) -> str:
        return self._blanks.fill(text, language)

    def _from_article(self, article: Article, score: float) -> Source:
        return Source(
            type="statute", title=f"《{article.law}》{article.label}", law=article.law, article=article.number,
            in_force=article.in_force, effective=article.effective, code=None, score=round(score, 4),
            text=article.text, publisher=None, checked=None,
        )  # fmt: skip

    def _service(self, found: Found) -> Source:
        guide = found.guide
        return Source(
            type="service", title=guide.text("title", "zh"), law=None, article=None, in_force=None, effective=None,
            code=guide.code, score=round(found.sure, 4), text=self._fill(guide.text("short", "zh"), "zh"),
            publisher=guide.source.get("publisher"), checked=guide.checked,
        )  # fmt: skip


def distinct(sources: Iterable[Source]) -> list[Source]:
    """Each article and each guide once, where it stands first."""
    first: dict[tuple[str | None, int | None, str], Source] = {}
    for source in sources:
        first.setdefault((source.law, source.article, source.title), source)
    return list(first.values())


def read_yaml(name: str) -> Any:
    """One of the tables beside this module."""
    return yaml.load((Path(__file__).parent / name).read_text(encoding="utf-8"), Loader=yaml.CSafeLoader)


def to_row(found: Lookup) -> dict[str, Any]:
    """The row of `minhu lookup` without its id."""
    return {"answer": found.answer, "declined": found.declined, "sources": [row_of(s) for s in found.sources]}


def row_of(source: Source) -> dict[str, Any]:
    """One source of that row."""
    if source.type == "service":
        return {"type": "service", "code": source.code, "title": source.title, "score": source.score}
    return {
        "type": "statute", "law": source.law, "article": source.article, "in_force": source.in_force,
        "effective": source.effective, "score": source.score,
    }  # fmt: skip


def on_same_ground(one: Guide, other: Guide) -> bool:
    """Whether two guides stand on an article in common: which of them is meant is then of no matter to the law."""
    return not {(g.law, g.article) for g in one.grounds}.isdisjoint((g.law, g.article) for g in other.grounds)


def column_of(guide: Guide, field: str) -> str:
    """The field of a guide in which what is asked for stands."""
    if field != GETS:
        return field
    return "costs" if SUM.search(" ".join(guide.lines("costs", "zh"))) else "local"

"""Answers residents' questions from guides, regulations and national law, each with its sources, or declines."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from knowledge.followups import Followups
from knowledge.guide_search import Found, GuideSearch
from knowledge.guides import Blanks, Guide, load_guides
from knowledge.law_search import LawSearch
from knowledge.meaning import Meaning
from knowledge.statutes import Article, Statutes
from knowledge.words import LayTerms, load_plain_words

SHORT = 80
GUIDE_SURE, GUIDE_LIKELY, CLOSE = 0.93, 0.90, 0.01
LAW_SURE = 0.75
STEP_FIELDS = ("who", "bring", "where", "how", "takes", "costs", "local")
CITED_ARTICLE = re.compile(r"《?([\u4e00-\u9fff]{2,20}?(?:法|法典|条例))》?第([零一二两三四五六七八九十百千]+|\d+)条")
SENTENCE_END = re.compile(r"(?<=[。；：])")


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
        self, statutes: Statutes, search: LawSearch, guides: GuideSearch, blanks: Blanks,
        wording: Mapping[str, Mapping[str, str]], followups: Followups, today: Callable[[], date],
    ) -> None:  # fmt: skip
        self.statutes, self.search, self.guides = statutes, search, guides
        self._blanks, self._wording, self._followups, self._today = blanks, wording, followups, today
        self._by_code = {guide.code: guide for guide in guides.guides}

    @classmethod
    def open(
        cls,
        var: Path,
        county_blanks: Mapping[str, Any] | None = None,
        today: Callable[[], date] = date.today,
        folder: Path | None = None,
    ) -> Library:
        """Loads guides and statutes; builds the index under `var`/index where there is none, else loads it."""
        folder = folder or Path(__file__).parent
        index = var / "index"
        meaning = Meaning(index)
        statutes = Statutes.open(var)
        search = LawSearch(statutes, meaning, index, LayTerms.load(), load_plain_words(), today())
        guides = GuideSearch(list(load_guides(folder)), meaning)
        wording = read_yaml("wording.yml")
        blanks = Blanks(county_blanks, read_yaml("blanks.yml"), wording["blank"])
        return cls(statutes, search, guides, blanks, wording, Followups(read_yaml("followups.yml")), today)

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
        return guide.text("title", language) if guide else ""

    def law(self, question: str, top: int = 3, topic: str | None = None) -> list[Source]:
        """The articles in force that a question is about, best first."""
        hits = self.search.find(question, top, self._today())
        return [source for hit in hits if (source := self._statute(hit.article_id, hit.score))]

    # --- answers ---------------------------------------------------------------------------------------------------

    def answer(self, question: str, language: str = "zh", about: str | None = None) -> Answer:
        """Guides first, then the law itself, else declined. `about`: the guide last talked of, for follow-ups."""
        question = question.strip()
        if not question:
            return Answer(declined=True)
        return (
            self._follow(question, language, about)
            or self._named_law(question, language)
            or self._from_guides(question, language)
            or self._from_law(question, language)
            or Answer(declined=True)
        )

    def lookup(self, text: str, top: int = 10) -> Lookup:
        """The answer as one text, and the best sources of both kinds."""
        answer = self.answer(text, "zh")
        laws = self.law(text, top)
        services = [self._service(found) for found in self.guides.find(text, 3) if found.score >= GUIDE_LIKELY]
        lead = answer.sources and answer.sources[0].type == "service"
        mixed = [*services[:1], *laws, *services[1:]] if lead else [*laws, *services]
        said = "\n".join(part for part in (answer.short, *answer.steps) if part)
        return Lookup(said, answer.declined, tuple(mixed[:top]))

    def _follow(self, question: str, language: str, about: str | None) -> Answer | None:
        guide = self.guide(about) if about else None
        field = self._followups.field(question, language) if guide else None
        return self._field(guide, field, language) if guide and field else None

    def _field(self, guide: Guide, field: str, language: str) -> Answer:
        lines = self._lines(guide, field, language)
        title, label = guide.text("title", language), self._word(field, language)
        sources = (self._service(Found(guide, 1.0)),)
        if not lines:
            return Answer(False, self._word("field_missing", language, title=title), (), sources, guide.code)
        short = self._word("field_short", language, title=title, label=label, text="；".join(lines))
        if len(lines) == 1 and len(short) <= SHORT:
            return Answer(False, short, (), sources, guide.code)
        head = self._word("field_long", language, title=title, label=label)
        return Answer(False, head, tuple(lines), sources, guide.code)

    def _named_law(self, question: str, language: str) -> Answer | None:
        return None

    def _from_guides(self, question: str, language: str) -> Answer | None:
        found = self.guides.find(question, 3)
        if not found or found[0].score < GUIDE_SURE:
            return None
        return self.about(found[0].guide, language, found[0].score)

    def about(self, guide: Guide, language: str, score: float = 1.0) -> Answer:
        """Everything a guide says, with the guide and the articles it stands on as sources."""
        grounds = [self.article(g.law, g.article) for g in guide.grounds]
        statutes = [self._from_article(a, score) for a in grounds if a and a.in_force]
        return Answer(
            declined=False,
            short=self._fill(guide.text("short", language), language),
            steps=self._steps(guide, language),
            sources=(self._service(Found(guide, score)), *statutes),
            about=guide.code,
        )

    def _steps(self, guide: Guide, language: str) -> tuple[str, ...]:
        if guide.lines("steps", language):
            return tuple(self._lines(guide, "steps", language))
        steps = []
        for field in STEP_FIELDS:
            lines = self._lines(guide, field, language)
            if lines:
                text = self._word("joint", language).join(lines)
                steps.append(self._word("label", language, label=self._word(field, language), text=text))
        return tuple(steps)

    def _lines(self, guide: Guide, field: str, language: str) -> list[str]:
        return [self._fill(line, language) for line in guide.lines(field, language)]

    def _from_law(self, question: str, language: str) -> Answer | None:
        found = self.law(question, 3)
        if not found or found[0].score < LAW_SURE:
            return None
        best = found[0]
        short = self._word("law_short", language, law=best.law, number=best.article, text="")
        text = self._word(
            "law_short", language, law=best.law, number=best.article, text=extract(best.text, SHORT - len(short))
        )
        return Answer(False, text, (), tuple(found), None)

    # --- parts -----------------------------------------------------------------------------------------------------

    def _word(self, code: str, language: str, **blanks: Any) -> str:
        text = self._wording[code][language]
        return text.format(**blanks) if blanks else text

    def _fill(self, text: str, language: str) -> str:
        return self._blanks.fill(text, language)

    def _statute(self, article_id: int, score: float) -> Source | None:
        article = self.statutes.by_id(article_id, self._today())
        return self._from_article(article, score) if article else None

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
            code=guide.code, score=round(found.score, 4), text=self._fill(guide.text("short", "zh"), "zh"),
            publisher=guide.source.get("publisher"), checked=guide.checked,
        )  # fmt: skip


def extract(text: str, room: int) -> str:
    """The first sentences of an article that fit into `room` characters, else its beginning with an ellipsis."""
    kept = ""
    for sentence in SENTENCE_END.split(text.replace("\n", "")):
        if len(kept) + len(sentence) > room:
            break
        kept += sentence
    return kept or text.replace("\n", "")[: max(room - 1, 0)] + "…"


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

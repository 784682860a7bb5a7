"""Checks guides against the law as it stands today: what is cited exists, is in force, says what the guide claims.

`python -m knowledge.check` prints one line for each fault and ends with status 1 if there is any.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from functools import lru_cache
from pathlib import Path
from typing import Any

import cn2an

from knowledge.asked import Questions, read_asked
from knowledge.consulting import Counsels
from knowledge.guides import BLANK, LANGUAGES, LISTS, TEXTS, Ground, Guide, GuideError, load_beyond, load_guides
from knowledge.library import read_yaml
from knowledge.named_law import repeals_in
from knowledge.official_text import number_of
from knowledge.statutes import IN_FORCE, Statutes, plain_name
from knowledge.words import load_plain_words, search_words

SHORTEST_NOTICE = timedelta(days=90)
SHORT = {"zh": 80, "en": 260}
HOTLINE = re.compile(r"1\d{2}|1[02]\d{3}|9[56]\d{3}")
NUMBER = re.compile(r"\d+(?:\.\d+)?|[零一二两三四五六七八九十百千万]*[一二两三四五六七八九十百千万]+")
PERCENT = re.compile(r"[百千]分之([零一二两三四五六七八九十百]+)")
ORDINAL = re.compile(
    r"第[零一二三四五六七八九十百千\d]+[条款项章节]|之[一二三四五六七八九十]+|一般|一律|统一|一并|一次性|一旦|一方|一定"
    r"|一致|唯一|之一|万一|一经|同一|一起|一样|单一|一切|一同|一直|任一|一边|一半|十分"
)
SHARED_LEAST = 0.3
IN_TEXT = re.compile(r"《([^》]{2,40})》第([零一二三四五六七八九十百千]+|\d+)条")


@dataclass(frozen=True)
class Standard:
    """What a guide must have: fields by kind, ways of asking by language, every field in English, an article."""

    needed: Mapping[str, tuple[str, ...]]
    asked: Mapping[str, int]
    english: bool
    article: bool


SHIPPED = Standard(
    {
        "service": ("title", "asked", "short", "who", "bring", "where", "how", "takes", "costs"),
        "regulation": ("title", "asked", "short"),
        "beyond": ("title", "asked", "short"),
    },
    {"zh": 5, "en": 2},
    english=True,
    article=True,
)
#: what a clerk writes: short, in Chinese if need be, on any named and dated source
COUNTY = Standard(
    {"service": ("title", "asked", "short"), "regulation": ("title", "asked", "short")},
    {"zh": 2},
    english=False,
    article=False,
)


@dataclass(frozen=True)
class Fault:
    """One thing wrong with a guide: a code of faults.yml and what goes into its sentence."""

    code: str
    blanks: Mapping[str, Any] = field(default_factory=dict)

    def told(self, language: str) -> str:
        """The fault in a sentence."""
        return str(sentences()[self.code][language].format(**self.blanks))


@lru_cache(maxsize=1)
def sentences() -> dict[str, dict[str, str]]:
    """The sentences of faults.yml, read once."""
    return dict(read_yaml("faults.yml"))


def fault(code: str, /, **blanks: Any) -> Fault:
    """A fault with its blanks."""
    return Fault(code, blanks)


def faults(folder: Path, statutes: Statutes, labels: Iterable[str], today: date) -> Iterator[str]:
    """Every fault in the guides under `folder`, one line each. `labels`: the named blanks that exist."""
    guides = list(load_guides(folder))
    codes = [guide.code for guide in guides]
    known = set(labels)
    for code in sorted({code for code in codes if codes.count(code) > 1}):
        yield f"{code}: {fault('two_of_a_code').told('en')}"
    for guide in guides:
        for found in faults_of(guide, statutes, set(codes), known, today):
            yield f"{guide.path.name}: {guide.code}: {found.told('en')}"
    for theme in load_beyond(folder):
        for found in (*words_of(theme, SHIPPED), *links_of(theme, set(codes), known)):
            yield f"{theme.path.name}: {theme.code}: {found.told('en')}"


def faults_of(
    guide: Guide, statutes: Statutes, codes: set[str], labels: set[str], today: date, standard: Standard = SHIPPED
) -> Iterator[Fault]:
    """Every fault of one guide."""
    yield from words_of(guide, standard)
    yield from dates_of(guide, today)
    yield from links_of(guide, codes, labels)
    yield from grounds_of(guide, statutes, today, standard)
    yield from citations_of(guide, statutes, today)


def words_of(guide: Guide, standard: Standard) -> Iterator[Fault]:
    """Fields that lack, and Chinese and English that don't go together."""
    for name in standard.needed[guide.kind]:
        if not guide.lines(name, "zh"):
            yield fault("field_missing", field=name)
    for name, words in guide.words.items():
        yield from languages_of(name, words, standard.english)
    for language, least in standard.asked.items():
        if len(guide.lines("asked", language)) < least:
            yield fault("asked_too_few", least=least, language=language)
    for language, most in SHORT.items():
        if len(guide.text("short", language)) > most:
            yield fault("short_too_long", most=most, language=language)


def languages_of(name: str, words: Mapping[str, tuple[str, ...]], english: bool) -> Iterator[Fault]:
    """One field in both languages: nothing empty, as many lines, the same blanks."""
    for language in LANGUAGES:
        there = words.get(language) or (("",) if english else ())
        if words.get("zh") and not all(line.strip() for line in there):
            yield fault("language_missing", field=name, language=language)
    zh, en = words.get("zh") or (), words.get("en") or ()
    if not (english or en):
        return
    if name in LISTS and name != "asked" and len(zh) != len(en):
        yield fault("lines_differ", field=name, zh=len(zh), en=len(en))
    if name in TEXTS and set(BLANK.findall(str(zh))) != set(BLANK.findall(str(en))):
        yield fault("blanks_differ", field=name)


def dates_of(guide: Guide, today: date) -> Iterator[Fault]:
    """A source with its date, a day of check that has been, a review that is still to come."""
    for name in ("title", "publisher", "date"):
        if not guide.source.get(name):
            yield fault("source_missing", field=name)
    try:
        checked, review = date.fromisoformat(guide.checked), date.fromisoformat(guide.review)
    except ValueError:
        yield fault("dates_wrong")
        return
    if checked > today:
        yield fault("checked_ahead", day=checked)
    if review <= today:
        yield fault("review_due", day=review)


def links_of(guide: Guide, codes: set[str], labels: set[str]) -> Iterator[Fault]:
    """Related guides, blanks and hotlines that don't exist."""
    for code in guide.related:
        if code not in codes or code == guide.code:
            yield fault("related_unknown", code=code)
    for blank in sorted(set(BLANK.findall(str(guide.words))) - labels):
        yield fault("blank_unknown", blank=blank)
    for line in guide.hotlines:
        if not HOTLINE.fullmatch(line):
            yield fault("hotline_unknown", line=line)


def grounds_of(guide: Guide, statutes: Statutes, today: date, standard: Standard = SHIPPED) -> Iterator[Fault]:
    """Grounds that don't exist, aren't law today, lapse soon, or don't say what the guide says they say."""
    if not guide.grounds and standard.article:
        yield fault("no_article")
    for ground in guide.grounds:
        yield from standing(ground.law, ground.article, statutes, today)
        yield from claims(ground, statutes, today, standard)


def standing(law: str, number: int, statutes: Statutes, today: date) -> Iterator[Fault]:
    """Whether an article may be cited today."""
    state = statutes.status(law, today)
    if state != IN_FORCE:
        yield fault(f"law_{state or 'not_in_store'}", law=law)
        return
    ends = statutes.lapses(law, today)
    if ends and date.fromisoformat(ends) < today + SHORTEST_NOTICE:
        yield fault("law_lapses", law=law, day=ends)
    if statutes.article(law, number, today) is None:
        yield fault("article_unknown", law=law, number=number)


def claims(ground: Ground, statutes: Statutes, today: date, standard: Standard = SHIPPED) -> Iterator[Fault]:
    """Numbers that the article doesn't hold, and words that have too little in common with it."""
    article = statutes.article(ground.law, ground.article, today)
    said = ground.says.get("zh", "")
    where = {"law": ground.law, "number": ground.article}
    if standard.english and not (said and ground.says.get("en")):
        yield fault("says_missing", **where)
    if article is None or not said:
        return
    for number in sorted(numbers(said) - numbers(article.text)):
        yield fault("number_not_there", **where, figure=f"{number:g}")
    claimed, there = set(search_words(said)), set(search_words(article.text))
    if len(claimed & there) < SHARED_LEAST * len(claimed):
        yield fault("says_else", **where, shared=len(claimed & there), all=len(claimed))


def citations_of(guide: Guide, statutes: Statutes, today: date) -> Iterator[Fault]:
    """Articles of national laws that stand in the guide's own sentences."""
    for name in guide.words:
        for law, number in IN_TEXT.findall(guide.text(name, "zh")):
            if plain_name(law) in repealed(statutes, today):
                yield fault("law_repealed", law=plain_name(law))
            elif statutes.status(plain_name(law), today) is not None:
                article = int(number) if number.isdigit() else number_of(f"第{number}条")
                yield from standing(plain_name(law), article, statutes, today)


@lru_cache(maxsize=4)
def repealed(statutes: Statutes, today: date) -> frozenset[str]:
    """The names of all laws that a law in force says it repeals; most are no longer in the store."""
    gone = {name for article in statutes.in_force(today) for name in repeals_in(article)}
    return frozenset(name for name in gone if statutes.status(name, today) != IN_FORCE)


def plain_word_faults(words: Mapping[tuple[str, int], str], statutes: Statutes, today: date) -> Iterator[str]:
    """Everyday words for articles that don't exist or aren't law today, and articles that have none."""
    for (law, number), said in words.items():
        where = f"plain_words: 《{law}》第{number}条"
        if not str(said or "").strip():
            yield f"{where}: no words"
        for found in standing(law, number, statutes, today):
            yield f"{where}: {found.told('en')}"


def asked_faults(files: Iterable[Questions], statutes: Statutes, today: date) -> Iterator[str]:
    """Questions for articles that don't exist or aren't law while the questions count, and articles that have none.

    That a text lapses is no fault where the file says when.
    """
    for file in files:
        day = max(today, date.fromisoformat(file.since)) if file.since else today
        known = {"law_lapses"} if file.until and file.until == statutes.lapses(file.law, day) else set()
        for number, questions in file.articles.items():
            where = f"asked: 《{file.law}》第{number}条"
            if not questions or not all(isinstance(one, str) and one.strip() for one in questions):
                yield f"{where}: no words"
            for found in standing(file.law, number, statutes, day):
                if found.code not in known:
                    yield f"{where}: {found.told('en')}"


def counsel_faults(counsels: Counsels, codes: set[str], statutes: Statutes, today: date) -> Iterator[str]:
    """Periods and first words that their article doesn't hold, and routes to guides that don't exist."""
    for period in counsels.sentences():
        ground = period.ground
        told = replace(ground, says={"zh": f"{ground.says['zh']}{period.words['zh']}", "en": period.words["en"]})
        for found in (*standing(ground.law, ground.article, statutes, today), *claims(told, statutes, today)):
            yield f"consulting: {found.told('en')}"
    for code in sorted({guide for _, guide in counsels.routes.values()} - codes):
        yield f"consulting: {fault('related_unknown', code=code).told('en')}"


def numbers(text: str) -> set[float]:
    """The numbers in a text, written in either way; the numbers of articles and words like 一般 are none."""
    found = set()
    whole = PERCENT.sub(lambda share: f" {share[1]} ", text)
    for match in NUMBER.findall(ORDINAL.sub(" ", whole)):
        try:
            found.add(float(cn2an.cn2an(match, "smart")))
        except ValueError:
            continue
    return found


def main(arguments: Sequence[str] = ()) -> int:
    """Prints the faults of the guides beside this module. Returns the exit status."""
    folder = Path(__file__).parent
    try:
        statutes, today = Statutes.open(), date.today()
        found = list(faults(folder, statutes, read_yaml("blanks.yml"), today))
        found += plain_word_faults(load_plain_words(), statutes, today)
        found += asked_faults(read_asked(), statutes, today)
        kinds = {guide.code: guide.kind for guide in load_guides(folder)}
        codes, count = set(kinds), list(kinds.values()).count
        print(f"{count('service')} services, {count('regulation')} regulations", end=", ")
        print(f"{sum(1 for _ in statutes.in_force(today)):,} articles in force")
        found += counsel_faults(Counsels(read_yaml("consulting.yml")), codes, statutes, today)
    except GuideError as wrong:
        found = [str(wrong)]
    wanted = [line for line in found if not arguments or any(part in line for part in arguments)]
    for line in wanted:
        print(line)
    print(f"knowledge: {len(wanted)} faults" if wanted else "knowledge: no fault")
    return 1 if wanted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""Checks guides against the law as it stands today: what is cited exists, is in force, says what the guide claims.

`python -m knowledge.check` prints one line for each fault and ends with status 1 if there is any.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date, timedelta
from pathlib import Path

import cn2an

from knowledge.guides import BLANK, LANGUAGES, LISTS, TEXTS, Ground, Guide, GuideError, load_guides
from knowledge.library import read_yaml
from knowledge.official_text import number_of
from knowledge.statutes import IN_FORCE, Statutes, plain_name
from knowledge.words import load_plain_words, search_words

SHORTEST_NOTICE = timedelta(days=90)
SHORT = {"zh": 80, "en": 260}
NEEDED = {
    "service": ("title", "asked", "short", "who", "bring", "where", "how", "takes", "costs"),
    "regulation": ("title", "asked", "short"),
}
ASKED_LEAST = {"zh": 5, "en": 2}
HOTLINE = re.compile(r"1\d{2}|1[02]\d{3}|9[56]\d{3}")
NUMBER = re.compile(r"\d+(?:\.\d+)?|[零一二两三四五六七八九十百千万]*[一二两三四五六七八九十百千万]+")
ORDINAL = re.compile(
    r"第[零一二三四五六七八九十百千\d]+[条款项章节]|之[一二三四五六七八九十]+|一般|一律|统一|一并|一次性|一旦|一方|一定"
    r"|一致|唯一|之一|万一|一经|同一|一起|一样|单一|一切|一同|一直|任一|一边|一半|十分"
)
SHARED_LEAST = 0.3
IN_TEXT = re.compile(r"《([^》]{2,40})》第([零一二三四五六七八九十百千]+|\d+)条")


def faults(folder: Path, statutes: Statutes, labels: Iterable[str], today: date) -> Iterator[str]:
    """Every fault in the guides under `folder`, one line each. `labels`: the named blanks that exist."""
    guides = list(load_guides(folder))
    codes = [guide.code for guide in guides]
    known = set(labels)
    for code in sorted({code for code in codes if codes.count(code) > 1}):
        yield f"{code}: two guides have this code"
    for guide in guides:
        for fault in (
            *words_of(guide),
            *dates_of(guide, today),
            *links_of(guide, set(codes), known),
            *grounds_of(guide, statutes, today),
            *citations_of(guide, statutes, today),
        ):
            yield f"{guide.path.name}: {guide.code}: {fault}"


def words_of(guide: Guide) -> Iterator[str]:
    """Fields that lack, and Chinese and English that don't go together."""
    for name in NEEDED[guide.kind]:
        if not guide.lines(name, "zh"):
            yield f"{name} is missing"
    for name, words in guide.words.items():
        for language in LANGUAGES:
            if words.get("zh") and not all(line.strip() for line in words.get(language) or ("",)):
                yield f"{name} has no {language}"
        if name in LISTS and name != "asked" and len(words["zh"]) != len(words["en"]):
            yield f"{name} has {len(words['zh'])} lines in Chinese, {len(words['en'])} in English"
        if name in TEXTS and set(BLANK.findall(str(words["zh"]))) != set(BLANK.findall(str(words["en"]))):
            yield f"{name} has other blanks in English than in Chinese"
    for language, least in ASKED_LEAST.items():
        if len(guide.lines("asked", language)) < least:
            yield f"fewer than {least} ways of asking in {language}"
    for language, most in SHORT.items():
        if len(guide.text("short", language)) > most:
            yield f"short is longer than {most} signs in {language}"


def dates_of(guide: Guide, today: date) -> Iterator[str]:
    """A source with its date, a day of check that has been, a review that is still to come."""
    for name in ("title", "publisher", "date"):
        if not guide.source.get(name):
            yield f"source has no {name}"
    try:
        checked, review = date.fromisoformat(guide.checked), date.fromisoformat(guide.review)
    except ValueError:
        yield "checked and review must be dates"
        return
    if checked > today:
        yield f"checked on {checked}, which has not come"
    if review <= today:
        yield f"its review was due on {review}"


def links_of(guide: Guide, codes: set[str], labels: set[str]) -> Iterator[str]:
    """Related guides, blanks and hotlines that don't exist."""
    for code in guide.related:
        if code not in codes or code == guide.code:
            yield f"related: there is no other guide {code}"
    for blank in sorted(set(BLANK.findall(str(guide.words))) - labels):
        yield f"there is no blank {blank}"
    for line in guide.hotlines:
        if not HOTLINE.fullmatch(line):
            yield f"{line} is not a national short number"


def grounds_of(guide: Guide, statutes: Statutes, today: date) -> Iterator[str]:
    """Grounds that don't exist, aren't law today, lapse soon, or don't say what the guide says they say."""
    if not guide.grounds:
        yield "it stands on no article"
    for ground in guide.grounds:
        yield from standing(ground.law, ground.article, statutes, today)
        yield from claims(ground, statutes, today)


def standing(law: str, number: int, statutes: Statutes, today: date) -> Iterator[str]:
    """Whether an article may be cited today."""
    state = statutes.status(law, today)
    if state != IN_FORCE:
        yield f"《{law}》 is {state or 'not in the store'}"
        return
    ends = statutes.lapses(law, today)
    if ends and date.fromisoformat(ends) < today + SHORTEST_NOTICE:
        yield f"《{law}》 lapses on {ends}"
    if statutes.article(law, number, today) is None:
        yield f"《{law}》 has no article {number}"


def claims(ground: Ground, statutes: Statutes, today: date) -> Iterator[str]:
    """Numbers that the article doesn't hold, and words that have too little in common with it."""
    article = statutes.article(ground.law, ground.article, today)
    said = ground.says.get("zh", "")
    where = f"《{ground.law}》第{ground.article}条"
    if not said or not ground.says.get("en"):
        yield f"{where}: says is missing in a language"
    if article is None or not said:
        return
    for number in sorted(numbers(said) - numbers(article.text)):
        yield f"{where} doesn't hold the number {number:g}"
    claimed, there = set(search_words(said)), set(search_words(article.text))
    if len(claimed & there) < SHARED_LEAST * len(claimed):
        yield f"{where}: only {len(claimed & there)} of {len(claimed)} word pairs of what it is said to say are in it"


def citations_of(guide: Guide, statutes: Statutes, today: date) -> Iterator[str]:
    """Articles of national laws that stand in the guide's own sentences."""
    for name in guide.words:
        for law, number in IN_TEXT.findall(guide.text(name, "zh")):
            if statutes.status(plain_name(law), today) is not None:
                article = int(number) if number.isdigit() else number_of(f"第{number}条")
                yield from standing(plain_name(law), article, statutes, today)


def plain_word_faults(words: Mapping[tuple[str, int], str], statutes: Statutes, today: date) -> Iterator[str]:
    """Everyday words for articles that don't exist or aren't law today, and articles that have none."""
    for (law, number), said in words.items():
        where = f"plain_words: 《{law}》第{number}条"
        if not str(said or "").strip():
            yield f"{where}: no words"
        for fault in standing(law, number, statutes, today):
            yield f"{where}: {fault}"


def numbers(text: str) -> set[float]:
    """The numbers in a text, written in either way; the numbers of articles and words like 一般 are none."""
    found = set()
    for match in NUMBER.findall(ORDINAL.sub(" ", text)):
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
    except GuideError as wrong:
        found = [str(wrong)]
    wanted = [fault for fault in found if not arguments or any(a in fault for a in arguments)]
    for fault in wanted:
        print(fault)
    print(f"knowledge: {len(wanted)} faults" if wanted else "knowledge: no fault")
    return 1 if wanted else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

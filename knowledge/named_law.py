"""Reads which laws and which of their articles a question names, also laws that are repealed or that don't exist."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from knowledge.official_text import DIGITS, STATE_NAME, OfficialTextError, number_of
from knowledge.statutes import Article, plain_name
from knowledge.words import pattern_of

NUMERALS = "零〇一二两三四五六七八九十百千"
ARTICLE = re.compile(
    rf"第?\s*(?P<number>[{NUMERALS}]+|\d+)\s*条(?:\s*之\s*(?P<branch>[一二三四五六七八九十]+|\d+))?"
    rf"|\b(?:articles?|arts?\.?|section)\s*(?P<english>\d+)\b"
)
NOT_AN_ARTICLE = re.compile(r"^\s*(?:街|路|信息|微信|短信|鱼|狗|腿|线|消息|裤|烟|命|心|龙|件)")
UNKNOWN = re.compile(
    rf"(?:《[^》]{{2,40}}》|[\u4e00-\u9fff]{{2,20}}(?:法典|法|条例|规定|办法|细则|解释))(?:的|中|里|里面|\s|[，,：:])*"
    rf"第\s*(?:[{NUMERALS}]+|\d+)\s*条"
    r"|\barticle\s*\d+\s*of\s*the\s+[\w\s'-]{3,60}?\s(?:law|code|act|regulations?)\b"
)
REPEALED_WITH_IT = re.compile(rf"《{STATE_NAME}([^》]{{2,30}})》")
ANOTHER_TEXT = re.compile(r"解释|细则|条例|办法|规定(?!的|了|：|:)")
LEGAL_TITLE = re.compile(r"(?:法|法典|条例|规定|办法|细则|解释)(?:[（(].*[）)])?$")
BOOK_MARKED = re.compile(r"《[^》]{2,40}》")


@dataclass(frozen=True)
class Named:
    """A law, and the article of it, that a question names; `branch` is the number after 之."""

    law: str
    number: int | None = None
    branch: int | None = None


@dataclass(frozen=True)
class Mention:
    """Where a law's name stands in a question."""

    law: str
    start: int
    end: int


class LawNames:
    """The names of all laws there are or were, and what people call them (law_names.yml)."""

    def __init__(self, laws: Iterable[str], table: Mapping[str, Any]) -> None:
        self._law_of = {law.lower(): law for law in laws}
        self._english: Mapping[str, str] = table["english"]
        self._law_of |= {
            name.lower().replace("’", "'"): law for law, name in self._english.items() if law in self._law_of
        }
        for law, others in table["short"].items():
            if law in self._law_of.values():
                self._law_of |= dict.fromkeys(others, law)
        names = sorted(self._law_of, key=len, reverse=True)
        chinese = "|".join(re.escape(name) for name in names if not name.isascii())
        english = "|".join(re.escape(name) for name in names if name.isascii())
        self._pattern = re.compile(
            rf"《(?:{STATE_NAME})?(?P<marked>{chinese})(?:[（(][^）)》]*[）)])?》"
            rf"|(?:{STATE_NAME})?(?P<plain>{chinese})(?!{table['goes_on']})"
            rf"|\b(?P<english>{english})\b"
        )
        self._asks = [pattern_of(word) for words in table["asks_force"].values() for word in words]

    def name(self, law: str, language: str) -> str:
        """What a law is called in a language; its Chinese name where there is no other."""
        return self._english.get(law, law) if language == "en" else law

    def mentions(self, question: str) -> list[Mention]:
        """The laws named, in the order of the question."""
        text = even(question)
        marked = [match.span() for match in BOOK_MARKED.finditer(text)]
        return [
            Mention(self._law_of[name_in(match)], match.start(), match.end())
            for match in self._pattern.finditer(text)
            if match.group("marked") or not any(start < match.start() < end for start, end in marked)
        ]

    def named(self, question: str) -> list[Named]:
        """The laws and articles named; each law without an article if none is named for it."""
        text, mentions = even(question), self.mentions(question)
        pairs: list[Named | None] = []
        for match in articles_in(text):
            mention = law_for(match, mentions)
            if mention and not of_another_text(text, mention, match):
                pairs.append(named_by(match, mention.law))
        held = {pair.law for pair in pairs if pair}
        alone = [Named(mention.law) for mention in mentions if mention.law not in held]
        return list(dict.fromkeys([*(pair for pair in pairs if pair), *alone]))

    def names_unknown(self, question: str) -> bool:
        """Whether a text is named that is not in the store: in book marks, or by one of its articles."""
        text, mentions = even(question), self.mentions(question)
        known = [(mention.start, mention.end) for mention in mentions]
        marked = any(
            sounds_like_law(match.group()) and match.span() not in known for match in BOOK_MARKED.finditer(text)
        )
        if marked or not mentions:
            return marked or bool(UNKNOWN.search(text))
        return any((m := law_for(match, mentions)) and of_another_text(text, m, match) for match in articles_in(text))

    def asks_force(self, question: str) -> bool:
        """Whether the question is whether, or since when, a law applies."""
        return any(pattern.search(question.lower()) for pattern in self._asks)

    def rest(self, question: str) -> str:
        """The question without names of laws, numbers of articles and words that ask whether a law applies."""
        text = ARTICLE.sub(" ", self._pattern.sub(" ", even(question)))
        for pattern in self._asks:
            text = pattern.sub(" ", text)
        return text.strip()


def even(question: str) -> str:
    """Full-width signs as usual ones, small letters."""
    return unicodedata.normalize("NFKC", question).lower()


def name_in(match: re.Match[str]) -> str:
    """The name that a match found."""
    return match.group("marked") or match.group("plain") or match.group("english")


def sounds_like_law(marked: str) -> bool:
    """Whether something in book marks sounds like a law or another legal text."""
    return bool(LEGAL_TITLE.search(plain_name(marked)))


def articles_in(text: str) -> list[re.Match[str]]:
    """The numbers of articles; 一条街 and 一条信息 are none."""
    return [match for match in ARTICLE.finditer(text) if not NOT_AN_ARTICLE.match(text[match.end() :])]


def law_for(match: re.Match[str], mentions: Sequence[Mention]) -> Mention | None:
    """The law that the number of an article belongs to: the last named before it, else the next after it."""
    before = [mention for mention in mentions if mention.end <= match.start()]
    return before[-1] if before else next(iter(mentions), None)


def of_another_text(text: str, mention: Mention, match: re.Match[str]) -> bool:
    """Whether what stands between a law and a number makes it the number of something else: 民法典司法解释第三条."""
    return bool(ANOTHER_TEXT.search(text[mention.end : match.start()]))


def named_by(match: re.Match[str], law: str) -> Named | None:
    """One article named; None for a number that can't be read."""
    try:
        number = value_of(match.group("number") or match.group("english"))
        branch = match.group("branch")
        return Named(law, number, value_of(branch) if branch else None)
    except OfficialTextError:
        return None


def value_of(number: str) -> int:
    """1077, 一千零七十七 or 一〇七七 as a number."""
    if number.isdigit() and number.isascii():
        return int(number[:9])
    if len(number) > 1 and all(char in DIGITS for char in number):
        return int("".join(str(DIGITS[char]) for char in number)[:9])
    return number_of(number)


def repeals_in(article: Article) -> Iterator[str]:
    """The names of the laws that an article says are repealed with its coming into force."""
    for sentence in article.text.replace("\n", "").split("。"):
        if sentence.endswith("同时废止"):
            yield from (name for name in REPEALED_WITH_IT.findall(sentence) if name != article.law)

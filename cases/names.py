"""Finds the names of residents, their relatives and contacts in what they write, and of third persons with a title."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

#: after a name in running text
_GOES_ON = (
    "家住|家里|住|电话|手机|联系|是|今年|现|男|女|身份|来自|在|我|的|想|要|反映|反应|投诉|举报|咨询|请|问|有|因|从|于|和|与|已|你|您|"
    "这|那|昨|前|去|系|为|被|经|向|对|说|也|曾"
)
_STOP = r"[\s，,。.；;：:、！!？?（()）/|*0-9]|$"
_CJK = "[\u4e00-\u9fff]"
_CAPITAL = "[A-Z][a-z'’\\-]+"
_CAPITALS = f"{_CAPITAL}(?: {_CAPITAL}){{0,2}}"
_MISTER = r"(?:Mr|Mrs|Ms|Miss|Dr|Mister)\b\.?\s+"


@dataclass(frozen=True)
class Span:
    """Characters `start` up to `end` of a text; kind: number, email, account, name, door, own_plate, third, house,
    plate."""

    start: int
    end: int
    kind: str


def residents(text: str) -> Iterator[Span]:
    """Names that a speaker gives as their own, a relative's or a contact's."""
    known = _known()
    for pattern in (*(() if text.isascii() else known.chinese), *(known.english if _SAYS.search(text) else ())):
        for match in pattern.finditer(text):
            accused = text[max(0, match.start() - 1) : match.start()] == "被"
            if not accused and not known.is_no_name(match.group("name")):
                yield Span(match.start("name"), match.end("name"), "name")


def beside_numbers(text: str, numbers: Iterable[Span]) -> Iterator[Span]:
    """Names that stand beside a phone number: 张伟，138…; 王女士138…"""
    known = _known()
    for number in numbers:
        start = max(0, number.start - 24)
        before = known.before_number.search(text[start : number.start])
        after = known.after_number.match(text, number.end)
        for match, shift in ((before, start), (after, 0)):
            if match and not known.is_no_name(match.group("name")) and not known.is_office(match.group("name")):
                yield Span(match.start("name") + shift, match.end("name") + shift, "name")


def again(text: str, found: Iterable[Span]) -> Iterator[Span]:
    """The other places where a name that was found stands."""
    for name in {text[s.start : s.end] for s in found if s.kind == "name" and s.end - s.start > 1}:
        if "*" not in name:
            for match in re.finditer(rf"(?<![A-Za-z]){re.escape(name)}(?![a-z])", text):
                yield Span(match.start(), match.end(), "name")


def thirds(text: str) -> Iterator[Span]:
    """Names of others before a title; officials only where they are named in full."""
    known = _known()
    for pattern in known.of_thirds:
        for match in pattern.finditer(text):
            if not known.is_no_name(match.group("name")):
                yield Span(match.start("name"), match.end("name"), "third")


class _Known:
    """The patterns made of cases/redact.yml."""

    def __init__(self, read: dict[str, Any]) -> None:
        words = {key: "|".join(sorted(read[key], key=len, reverse=True)) for key in _LISTS}
        singles = "".join(read["surnames"].split())
        surname = f"(?:{'|'.join(read['surnames_two'])}|[{singles}])"
        careful = f"(?![{read['function_words']}]){surname}"
        self._no_names = frozenset(read["no_names"])
        self._no_names_en = frozenset(read["no_names_en"])
        self._titles = re.compile(f"(?:{words['addresses']}|{words['titles']}|{words['offices']})$")
        self._office = re.compile(f"(?:{words['offices']}|{words['titles']}|[局所部处科院室站厅])$")
        self.chinese = tuple(map(re.compile, _chinese(words, surname, careful)))
        self.english = tuple(map(re.compile, _ENGLISH))
        self.before_number, self.after_number = map(re.compile, _beside(words, careful))
        self.of_thirds = tuple(map(re.compile, _of_thirds(words, singles, careful, read["parts_of_words"])))

    def is_no_name(self, said: str) -> bool:
        """Whether the words only begin like a name: 高中生, 陈先生, Very."""
        if said.isascii():
            return any(word in self._no_names_en for word in said.split())
        return said in self._no_names or said[:2] in self._no_names or bool(self._titles.fullmatch(said, 1))

    def is_office(self, said: str) -> bool:
        """Whether the words beside a phone number name who holds an office, or the office itself."""
        return bool(self._office.search(said))


def _name(surname: str, end: str) -> str:
    """Three characters before a stop, else as few as end where the sentence goes on."""
    return f"(?P<name>{surname}{_CJK}{{2}}(?={_STOP})|{surname}{_CJK}{{1,2}}?(?={end}))"


def _chinese(words: dict[str, str], surname: str, careful: str) -> Iterator[str]:
    called = r"(?:是|为|叫|名叫|[：:\s])*"
    sure, unsure = _name(surname, f"{_STOP}|{_GOES_ON}"), _name(careful, _STOP)
    yield f"(?:我叫|本人叫|我的名字[是叫]?|名字叫|自称){sure}"
    yield f"(?:我叫|叫我)(?P<name>[小阿老]{_CJK})(?={_STOP}|就|吧|好|即可)"
    yield f"(?:{words['fields']}){called}{_name(surname, f'{_STOP}|{_GOES_ON}|家')}"
    yield f"(?:我|本人|免贵)姓(?P<name>{surname})"
    yield f"(?:我是|本人(?:是|系)?|我系){unsure}"
    yield f"(?:我是|本人)[^，。；！？\\n]{{0,20}}?(?:{words['callings']})[：: ]?{unsure}"
    yield f"我是{_name(careful, '的')}的(?:{words['kin']}|家属|亲属|邻居)"
    yield f"我们?家?的?(?:{words['kin']}){called}{unsure}"
    yield f"(?:我是|本人|称呼|叫我|找|联系|(?:{words['fields']})){called}(?P<name>{surname})(?={words['addresses']})"
    yield f"敬礼[！!。，,\\s]*{_name(surname, _STOP)}"


def _beside(words: dict[str, str], careful: str) -> tuple[str, str]:
    """Before a number and behind it."""
    name = f"(?P<name>{careful}(?={words['addresses']})|{careful}{_CJK}{{1,2}})(?:{words['addresses']})?"
    phone = "(?:(?:的|联系)?电话|手机号?码?|号码)?[是为:：]?"
    return (
        rf"(?:^|[\s，,。；;：:、（(！!])(?:联系|找|打)?{name}[\s，,、:：（(]{{0,2}}{phone}\s?$",
        rf"[\s，,、（(]{{0,2}}{name}(?=[）)。，,\s]|$)",
    )


def _of_thirds(words: dict[str, str], singles: str, careful: str, parts: str) -> Iterator[str]:
    no_place = "(?<![镇乡村县市区局所队院校社部处科街办支总副党委班])"
    yield f"(?P<name>{careful}{_CJK}{{1,2}}?){no_place}(?={words['titles']}|{words['offices']})"
    yield f"(?P<name>(?![和向于任时{parts}])[{singles}])(?={words['titles']})"
    yield f"\\b{_MISTER}(?P<name>{_CAPITALS})"


#: without one of these no English pattern can match
_SAYS = re.compile("[Nn]ame|[Cc]all|[Cc]ontact|[Ss]peak|[Aa]sk|I am|I['’]m|[Tt]his|[Mm]y|[Rr]egards|[Ss]incer|[Ff]aith")
_LISTS = ("kin", "callings", "fields", "addresses", "titles", "offices")
_TWO_CAPITALS = f"{_CAPITAL}(?: {_CAPITAL}){{1,2}}"
_KIN_EN = "husband|wife|son|daughter|father|mother|brother|sister|uncle|aunt|grandmother|grandfather|neighbour|neighbor"
_ENGLISH = (
    rf"\b(?i:my name is|my name['’]s|i am called|name\s*:|(?:please )?call me)\s+(?:{_MISTER})?(?P<name>{_CAPITALS})",
    r"\b(?i:my name is|my name['’]s)\s+"
    r"(?P<name>(?!(?:wrong|missing|not|on|in|spelt|spelled|listed|incorrect|the|a|misspelled)\b)"
    r"[a-z]{2,}(?: (?!and\b|i\b|from\b)[a-z]{2,})?)(?=[,.;!]|$| and\b| i\b| from\b)",
    rf"\b(?:[Cc]ontact(?: person)?\s*(?::|is)?|[Aa]sk for|[Ss]peak to|[Cc]all)\s+(?P<name>{_TWO_CAPITALS})",
    rf"\b(?:[Cc]ontact|[Aa]sk for|[Ss]peak to|[Cc]all)(?: person)?:?\s+{_MISTER}(?P<name>{_CAPITALS})",
    rf"\b(?:I am|I['’]m|[Tt]his is)\s+(?P<name>{_TWO_CAPITALS})",
    rf"\b(?:I am|I['’]m|[Tt]his is)\s+{_MISTER}(?P<name>{_CAPITAL}(?: {_CAPITAL})?)",
    rf"\b[Mm]y (?:{_KIN_EN}),? (?:is called |named )?(?P<name>{_CAPITALS})",
    rf"(?i:regards|sincerely|faithfully)[,.!]?\s+(?P<name>{_CAPITALS})\s*$",
)


@lru_cache(maxsize=1)
def _known() -> _Known:
    return _Known(yaml.safe_load(Path(__file__).with_name("redact.yml").read_text(encoding="utf-8")))

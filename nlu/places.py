"""Finds the town, village and grid that a message speaks of: full, short, misspelt, traditional, pinyin, English."""

from __future__ import annotations

import logging
import re
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import lru_cache

import jieba
import zhconv
from pypinyin import lazy_pinyin

from cases.county import County, Village

SUFFIX = re.compile(r"(街道办事处|街道办|街道|社区居委会|居委会|社区|村委会|村|镇政府|镇|乡)$")
NEGATED = re.compile(
    r"(?:不是在?|不在|并非|莫是|不系|not (?:in |at )?|isn't |it's not |it is not |wrong,? not )\s*[“\"]?"
    r"([\w\u4e00-\u9fff' ]{2,24}?)[”\"]?(?=[,，。;；!！ ]|是|而|but|$)",
    re.IGNORECASE,
)
LANDMARK = re.compile(
    r"[\u4e00-\u9fffA-Za-z0-9]{1,12}?(?:小区|花园|家园|公寓|广场|市场|超市|学校|中学|小学|幼儿园|医院|卫生院|大道|大桥|路口|路(?![灯面上边过由段])|街(?!道)|巷|桥|车站|"
    r"公园|工地|厂|酒店|宾馆|大厦|苑|城|组|号|栋|单元|加油站|银行|派出所|政府|门口|旁边|对面|后面|附近)(?:[东西南北]?(?:门口|旁边|对面|后面|附近|里面|边上))?"
)
ENGLISH_PLACE = re.compile(
    r"\b(?:near|at|in|on|behind|opposite|outside|beside|next to) (?:the )?(?!fire\b)([A-Za-z0-9' ]{3,40}?)"
    r"(?= (?:has|have|is|are|was|were|since|for|every|and|because|which|that)\b|[.,;!?]|$)"
)
NAMES_A_VILLAGE = re.compile(r"村|社区|居委会|居\b|\b(?:village|community|neighbou?rhood committee)\b", re.IGNORECASE)
BEFORE_A_PLACE = re.compile(
    r"^(?:我?也?不(?:晓得|知道|清楚)[^，,]*?就是|.*[在到]|还有|另外|而且|然后|就是|那个|不过|但是"
    r"|(?:昨天|今天|前天|昨晚|今早|今晚)?(?:早上|上午|中午|下午|晚上|半夜)?(?:[一二两三四五六七八九十\d]+点)?(?:钟|半|左右|多){0,2})"
)
A_DATE = re.compile(r"月[一二三四五六七八九十\d]{1,3}号$")
NAMED_AFTER = re.compile(
    r"(?:大|东|西|南|北|中)?路(?!上|边|口)|大道|巷|大?桥|小区|花园|广场|中学|小学|医院|酒店|大厦|公园"
)
AFTER_A_NAME = re.compile(r"村|社区|居委会|镇|街道|那边|这边|那里|这里|那头|那条|那块|附近|一带")
BEFORE_A_NAME = re.compile(r"(?:^|[在住到是去，,。！!？? 　]|我们)$")
#: times that jieba's corpus has a word from which it counts as an everyday one
EVERYDAY_FROM = 20
LANDMARK_LEAST = 3
RISKY = 2
FUZZY_FROM = 3
jieba.setLogLevel(logging.WARNING)


@dataclass(frozen=True)
class Place:
    """What was read of a place. `said`: the resident's own words for it; town, village, grid: codes; `candidates`:
    codes when the words fit several places; `negated`: codes of places that the resident says it is not."""

    said: str | None = None
    town: str | None = None
    village: str | None = None
    grid: str | None = None
    candidates: tuple[str, ...] = ()
    negated: tuple[str, ...] = ()


@dataclass
class _Names:
    """Names to codes: exact, and by sound (pinyin joined with spaces)."""

    exact: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    sound: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    latin: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))
    by_first_sign: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def one_sign_off(self, said: str) -> set[str]:
        """Codes of the one name, kind included, that `said` ends with but for one sign; none if there are more."""
        found: set[str] = set()
        for name, codes in self.exact.items():
            stem, kind = SUFFIX.sub("", name), SUFFIX.search(name)
            if kind and len(stem) >= FUZZY_FROM and said.endswith(kind.group()) and len(said) >= len(name):
                heard = said[-len(name) : -len(kind.group())]
                if sum(a != b for a, b in zip(heard, stem, strict=True)) == 1:
                    found |= codes
        return found if len(found) == 1 else set()

    def possible(self, text: str) -> list[str]:
        """The names whose first sign is in the text, longest first."""
        names = (name for sign in set(text) for name in self.by_first_sign.get(sign, ()))
        return sorted(names, key=lambda name: (-len(name), name))

    def add(self, name: str, code: str, by_sound: bool) -> None:
        self.exact[name].add(code)
        self.by_first_sign[name[0]].add(name)
        if by_sound:
            self.sound[" ".join(lazy_pinyin(name))].add(code)


class Gazetteer:
    """Knows every name of a county's towns and villages."""

    def __init__(self, county: County) -> None:
        """Reads the names once; look-ups are in memory."""
        jieba.initialize()  # its word counts read as nought before
        self._county = county
        self._towns, self._villages = _Names(), _Names()
        for town in county.towns:
            short = SUFFIX.sub("", town.name)
            for name in (town.name, short, *town.aliases):
                self._towns.add(name, town.code, len(name) >= 2)
            self._latin(self._towns, town.name_en, town.code)
        for village in county.villages:
            short = SUFFIX.sub("", village.name)
            for name in {village.name, short, *village.aliases}:
                self._villages.add(name, village.code, len(name) >= 3)
            self._latin(self._villages, village.name_en, village.code)

    @staticmethod
    def _latin(names: _Names, english: str, code: str) -> None:
        words = english.lower().split()
        names.latin[words[0]].add(code)
        names.latin[" ".join(words[:2])].add(code)

    def read(self, text: str) -> Place:
        """The place of a message; a name that fits several places gives candidates, never a guess."""
        plain = zhconv.convert(text, "zh-cn")
        negated: tuple[str, ...] = ()
        kept = plain
        for found in NEGATED.finditer(plain):
            codes = self._towns_in(found.group(1)) | self._villages_in(found.group(1), None)
            if codes:
                negated += tuple(sorted(codes))
                kept = kept.replace(found.group(0), " ", 1)
        place = self._find(kept)
        if place.village in negated:  # "not 清水江 but 清水湾", which is no village here, only sounds like the first
            place = replace(place, village=None, grid=None)
        return replace(place, said=place.said or _landmark(kept), negated=negated)

    def _find(self, text: str) -> Place:
        towns = self._towns_in(text)
        villages = self._villages_in(self._without_towns(text), towns)
        if towns:
            inside = {v for v in villages if self._village(v).town_code in towns}
            villages = {v for v in inside if not self._named_like_its_town(v) or NAMES_A_VILLAGE.search(text)}
        if len(villages) == 1:
            village = self._village(next(iter(villages)))
            grids = self._county.grids_of(village.code)
            grid = grids[0].code if len(grids) == 1 else None
            return Place(said=_landmark(text), town=village.town_code, village=village.code, grid=grid)
        if len(villages) > 1:
            towns_of = {self._village(v).town_code for v in villages}
            town = next(iter(towns_of)) if len(towns_of) == 1 else None
            return Place(said=_landmark(text), town=town, candidates=tuple(sorted(villages)))
        if len(towns) == 1:
            return Place(said=_landmark(text), town=next(iter(towns)))
        return Place(said=_landmark(text), candidates=tuple(sorted(towns)))

    def _without_towns(self, text: str) -> str:
        """The text with the full names of towns blanked: 孙家湾镇 doesn't speak of 孙家湾村."""
        for town in self._county.towns:
            if town.name in text:
                text = text.replace(town.name, "　" * len(town.name))
        return text

    def _named_like_its_town(self, code: str) -> bool:
        """官庄村 lies in 官庄镇: whoever says only 官庄 means the town."""
        village = self._village(code)
        return SUFFIX.sub("", village.name) == SUFFIX.sub("", self._county.town(village.town_code).name)

    def _village(self, code: str) -> Village:
        return self._county.village(code)

    def _towns_in(self, text: str) -> set[str]:
        def borders(name: str, before: str, rest: str) -> bool:
            """A town's bare name that is an everyday word (明月) needs something that names of places have."""
            if SUFFIX.search(name):
                return True
            if NAMED_AFTER.match(rest):  # 左权路 lies anywhere
                return False
            if not _everyday(name):
                return True
            return bool(AFTER_A_NAME.match(rest)) or bool(BEFORE_A_NAME.search(before))

        return self._named(text, self._towns, borders)

    def _villages_in(self, text: str, towns: set[str] | None) -> set[str]:
        def borders(name: str, before: str, rest: str) -> bool:
            """A village's bare name of two signs needs something around it that names of places have."""
            if len(name) > RISKY or SUFFIX.search(name):
                return True
            if towns:
                return bool(AFTER_A_NAME.match(rest) or re.match(r"的|有|，|,|。|$", rest))
            if _everyday(name):
                return False
            alone = BEFORE_A_NAME.search(before) and re.match("的|，|,|。|$", rest)
            return bool(AFTER_A_NAME.match(rest) or alone)

        return self._named(text, self._villages, borders)

    def _named(self, text: str, names: _Names, borders: Callable[[str, str, str], bool]) -> set[str]:
        """Longest names first; what a longer name covers is not read again."""
        left, found = text, set()
        for name in names.possible(text):
            at = left.find(name)
            if at >= 0 and borders(name, left[:at], left[at + len(name) :]):
                found |= names.exact[name]
                left = left.replace(name, " " * len(name))
        if not found:
            found = self._by_latin(text, names) or self._by_sound(text, names)
        return found

    @staticmethod
    def _by_sound(text: str, names: _Names) -> set[str]:
        """Homophones: only for names with their kind behind them (国慈街道), so that common words are safe.

        Where no name sounds so, one of three signs or more may differ in one sign (五里碑社区), if only one does.
        """
        for run in re.findall(r"[\u4e00-\u9fff]+", text):
            for end in re.finditer(r"街道|社区|居委会|村|镇", run):
                for length in range(5, 1, -1):
                    start = end.start() - length
                    if start < 0:
                        continue
                    spoken = " ".join(lazy_pinyin(run[start : end.end()]))
                    if spoken in names.sound:
                        return names.sound[spoken]
                near = names.one_sign_off(run[max(0, end.start() - 5) : end.end()])
                if near:
                    return near
        return set()

    @staticmethod
    def _by_latin(text: str, names: _Names) -> set[str]:
        words = re.findall(r"[a-z]+", text.lower())
        pairs = [" ".join(words[i : i + 2]) for i in range(len(words) - 1)]
        for said in (*pairs, *words):
            if said in names.latin and (" " in said or len(said) >= 5):
                return names.latin[said]
        joined = "".join(words)
        if words and len(joined) >= 6 and joined in names.latin:
            return names.latin[joined]
        return set()


@lru_cache(maxsize=1024)
def _everyday(name: str) -> bool:
    """Whether a name is also a word that people use for other things."""
    return int(jieba.get_FREQ(name) or 0) > EVERYDAY_FROM


def _landmark(text: str) -> str | None:
    """A landmark in the resident's own words."""
    if re.search(r"[\u4e00-\u9fff]", text):
        found = LANDMARK.search(text)
        if found is None or len(found.group(0)) < LANDMARK_LEAST or A_DATE.search(found.group(0)):
            return None
        bare = BEFORE_A_PLACE.sub("", found.group(0))
        return bare if len(bare) >= LANDMARK_LEAST else None
    english = ENGLISH_PLACE.search(text)
    return english.group(1).strip() if english else None

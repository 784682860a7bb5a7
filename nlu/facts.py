"""Reads the facts of a dispute out of a consultation's words: with whom, how much, when, what proof, what is wanted."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import cn2an
import jieba
import phonenumbers
import yaml
import zhconv

from nlu import times

CLAUSE = re.compile(r"[^，。；！？,;!?\n]+")
FIGURE = (
    r"(?:\d[\d,]*(?:\.\d+)?(?:(?:万|千|百|亿)\d{0,4}(?:千|百)?)?"
    r"|[一二两三四五六七八九十][一二两三四五六七八九十百千万零]*)"
)
NUMERAL = re.compile("[一二两三四五六七八九]+")
MONEY = re.compile(
    rf"(?P<mark>[¥￥$]|\b(?:rmb|cny)\s*)?(?P<some>十几|[二三四五六七八九]十几)?(?P<figure>{FIGURE})?(?P<more>万|千|k\b|w\b)?"
    r"(?P<over>多|余|来|几)?(?P<unit>万|千)?\s*(?P<yuan>元|块钱|块(?!地|石|板)|人民币|大洋|yuan\b|rmb\b|kuai\b)?",
    re.IGNORECASE,
)
ENGLISH_MONEY = re.compile(
    r"\b(?P<figure>\d[\d,]*(?:\.\d+)?|[a-z]+) (?P<unit>hundred|thousand|million)(?: and [a-z]+)? (?:yuan|rmb|kuai)\b",
    re.IGNORECASE,
)
UNITS = {"hundred": 100, "thousand": 1000, "million": 1_000_000, "万": 10_000, "千": 1000, "k": 1000, "w": 10_000}
LEAST, MOST = 50, 10_000_000_000
ENGLISH_NAME = r"[A-Z][a-z]+(?: [A-Z][a-z]+){1,2}"
ENGLISH_ORGANISATION = re.compile(
    r"\b(?P<name>(?:[A-Z][A-Za-z&]+,? )+"
    r"(?:Co\.?,? ?Ltd\.?|Ltd\.?|LLC|Inc\.?|Company|Group|Factory|Works|Hospital|School))"
)
ENGLISH_TITLE = re.compile(r"\b(?P<name>(?:Mr|Mrs|Ms|Miss)\.? [A-Z][a-z]+)\b")
#: figures and letters of full width
WIDE = {
    code: code - 0xFEE0 for code in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B), 0xFF0E)
}
OTHER = "other"
SELLER = "seller"
EMPLOYER = "employer"
SHORT_TIME = 4
#: mentions of one role that are looked at
MENTIONS = 20
#: characters that are read, and characters around a word that say what it is
LONGEST, NEAR = 3000, 30
#: "some years ago", "two or three years ago"
VAGUE = re.compile("几|[一二两三四五六七八九]{2}(?:年|个月|天|个星期|周)")
#: up to so often a word of the dictionary occurs, or of such parts of speech it is, that may be a firm's name
RARE, PROPER = 5, frozenset({"nz", "nr", "nt"})
#: what ends the full name of a firm
FULL = re.compile("有限|集团")
INFORMATION = "information"


@dataclass(frozen=True)
class Opponent:
    """One party the matter is with: a role code, the name verbatim where one was said, and whether the name is whole
    enough to tell this party from others ("Old Zhou" and "boss Xie" are not)."""

    role: str
    name: str | None = None
    whole: bool = False


@dataclass(frozen=True)
class Facts:
    """What a consultation tells. `amounts` are yuan; `dates` ISO; `evidence`, `lacking` and `wanted` are codes of
    facts.yml; `phones` are numbers said to be the other side's; `own_name` is how the resident named themselves."""

    opponents: tuple[Opponent, ...] = ()
    amounts: tuple[float, ...] = ()
    dates: tuple[str, ...] = ()
    evidence: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    wanted: tuple[str, ...] = ()
    phones: tuple[str, ...] = ()
    own_name: str | None = None

    @property
    def named(self) -> bool:
        """Whether anybody on the other side can be told from others."""
        return bool(self.phones) or any(o.whole for o in self.opponents)

    def as_json(self) -> dict[str, Any]:
        """The same as a JSON object, as a case keeps it."""
        return {
            "opponents": [{"role": o.role, "name": o.name, "whole": o.whole} for o in self.opponents],
            "amounts": list(self.amounts),
            "dates": list(self.dates),
            "evidence": list(self.evidence),
            "lacking": list(self.lacking),
            "wanted": list(self.wanted),
            "phones": list(self.phones),
            "own_name": self.own_name,
        }


def warm() -> None:
    """Loads what reading needs, so that no resident waits for it."""
    _known()
    jieba.initialize()
    _tagger().dt.initialize()


def facts(words: str | Iterable[str], now: datetime) -> Facts:
    """The facts that the first 3000 characters tell; `now` is aware and in the county's zone. Nothing said leaves a
    field empty."""
    told = words if isinstance(words, str) else "\n".join(words)
    plain = zhconv.convert(told[:LONGEST].translate(WIDE), "zh-cn")
    own = _own_name(plain)
    numbers = list(_phones(plain))
    bare = plain
    for begin, end, _ in reversed(numbers):
        bare = bare[:begin] + " " * (end - begin) + bare[end:]
    evidence, lacking = _evidence(plain)
    return Facts(
        opponents=tuple(_opponents(plain, own)),
        amounts=_once(_amounts(bare)),
        dates=_once(found.at for found in _dates(bare, now)),
        evidence=evidence,
        lacking=lacking,
        wanted=_wanted(plain),
        phones=_once(number for begin, _, number in numbers if _known().others_phone.search(plain[:begin])),
        own_name=own,
    )


# --- who ---------------------------------------------------------------------------------------------------------


def _opponents(plain: str, own: str | None) -> list[Opponent]:
    """Named parties first by their names, then roles that nobody named has taken; `other` only where nobody else is."""
    known = _known()
    labour = bool(known.labour.search(plain))
    rest, found = plain, []
    for begin, end, party in [*_organisations(plain, labour)]:
        found.append((begin, party))
        rest = _blank(rest, begin, end)
    if own:
        rest = rest.replace(own, "□" * len(own))
    for begin, role, end in _mentions(rest, plain, labour):
        name, whole, name_end = (None, False, end) if role == OTHER else _name_after(rest, end)
        found.append((begin, Opponent(role, name, whole)))
        rest = _blank(rest, begin, name_end)
    named = {o.name for _, o in found}
    for begin, name, role, whole in _free_names(rest, labour):
        if name not in named and not any(o.name and name in o.name for _, o in found):
            found.append((begin, Opponent(role, name, whole)))
    return _settle([o for _, o in sorted(found, key=lambda pair: pair[0])])


def _settle(found: list[Opponent]) -> list[Opponent]:
    """Each party once: a role without a name goes where the same role has one; `other` where anybody else is known."""
    kept: list[Opponent] = []
    taken = {o.role for o in found if o.name}
    for party in found:
        bare = party.name is None and (party.role in taken or any(k.role == party.role for k in kept))
        if not bare and party not in kept:
            kept.append(party)
    alone = all(o.role == OTHER and o.name is None for o in kept)
    return kept if alone else [o for o in kept if o.role != OTHER or o.name]


def _mentions(rest: str, plain: str, labour: bool) -> Iterator[tuple[int, str, int]]:
    """(begin, role, end) of every mention of a role, first codes first, none twice, helpers left out."""
    known = _known()
    for role, row in known.roles.items():
        if row.needs and not row.needs.search(plain):
            continue
        for mention in islice(row.said.finditer(rest), MENTIONS):
            begin, end = mention.span()
            here = rest[begin:end]
            if "□" in here or known.aside.search(_near(plain, begin, end)):
                continue
            rest = _blank(rest, begin, end)
            yield begin, role if labour or role != EMPLOYER else SELLER, end


def _name_after(rest: str, end: int) -> tuple[str | None, bool, int]:
    """The name right behind a role, whether it is whole, and where it ends; (None, False, end) without one."""
    known, tail = _known(), rest[end:]
    for pattern, whole in (
        (known.called, True),
        (known.person, True),
        (known.weak, False),
        (known.surname_only, False),
    ):
        found = pattern.match(tail)
        if found and (not whole or _person(found.group("name"), known)):
            return found.group("name"), whole, end + found.end("name")
    english = known.english_after.match(tail)
    if english:
        name = english.group("name")
        return name, not ENGLISH_TITLE.fullmatch(name), end + english.end("name")
    return None, False, end


def _organisations(plain: str, labour: bool) -> Iterator[tuple[int, int, Opponent]]:
    """(begin, end, party) of every organisation that is called by a name of its own."""
    known, taken = _known(), 0
    for found in known.organisation.finditer(plain):
        role = next(role for role, ends in known.ends if ends.fullmatch(found.group("ends")))
        lead = known.leads.match(found.group("own"))
        own = found.group("own")[lead.end() :] if lead else found.group("own")
        begin = found.end() - len(own) - len(found.group("ends"))
        if begin < taken or len(own) < 2 or known.generic.fullmatch(own) or not _proper(own, found.group("ends")):
            continue
        taken = found.end()
        role = SELLER if role == EMPLOYER and not labour else role
        yield begin, found.end(), Opponent(role, plain[begin : found.end()], True)
    for found in ENGLISH_ORGANISATION.finditer(plain):
        if len(found.group("name").split()) > 1 and not found.group("name").startswith(("The ", "My ", "A ")):
            yield found.start(), found.end(), Opponent(EMPLOYER if labour else SELLER, found.group("name"), True)


def _proper(own: str, ends: str) -> bool:
    """Whether words before "factory", "company" name one rather than tell its kind: a word of them must be rare."""
    if FULL.search(ends):
        return True
    jieba.initialize()
    return any(jieba.dt.FREQ.get(word, 0) <= RARE or _tag(word) in PROPER for word in jieba.lcut(own))


def _tag(word: str) -> str:
    """Part of speech of a word of the dictionary; empty for any other."""
    return str(_tagger().dt.word_tag_tab.get(word) or "")


@lru_cache(maxsize=1)
def _tagger() -> Any:
    """jieba's parts of speech: a second and 130 MB that only who reads a consultation needs."""
    import jieba.posseg

    return jieba.posseg


def _person(name: str, known: _Known) -> bool:
    """Whether a string that could be a name isn't a word of the dictionary ("full liability"); one that begins like
    many other words must be taken for a name by the dictionary's own reading."""
    jieba.initialize()
    if known.ambiguous.match(name):
        return [word.flag for word in _tagger().lcut(name)] == ["nr"]
    return not jieba.dt.FREQ.get(name) or _tag(name)[:2] in ("", "nr")


def _free_names(rest: str, labour: bool) -> Iterator[tuple[int, str, str, bool]]:
    """(begin, name, role, whole) of persons that no role introduces: who owes, who is sued, "boss Xie"."""
    known = _known()
    for pattern in (known.owing, known.sued, known.english_owing, known.english_to):
        for found in pattern.finditer(rest):
            name = found.group("name")
            if "□" not in name and _person(name, known):
                yield found.start("name"), name, OTHER, True
    for found in known.titled.finditer(rest):
        role = EMPLOYER if labour and found.group("title") in ("老板", "总", "经理") else OTHER
        yield found.start("name"), found.group("name"), role, False


def _own_name(plain: str) -> str | None:
    """How the resident names themselves."""
    known = _known()
    for pattern in (known.own, known.own_bare, known.english_own):
        found = pattern.search(plain)
        bare = found is not None and pattern is known.own_bare
        if found and not (bare and (known.ambiguous.match(found["name"]) or not _person(found["name"], known))):
            return found.group("name")
    return None


def _phones(plain: str) -> Iterator[tuple[int, int, str]]:
    """(begin, end, digits) of every Chinese phone number."""
    for match in phonenumbers.PhoneNumberMatcher(plain, "CN"):
        digits = re.sub(r"\D", "", str(match.number.national_number))
        if len(digits) >= 7:
            yield match.start, match.end, digits


# --- how much and when ---------------------------------------------------------------------------------------------


def _amounts(plain: str) -> Iterator[float]:
    """Every amount of money in yuan, in the order they are told; "several thousand" has no number and is left out."""
    known = _known()
    spans: list[tuple[int, int, float]] = []
    for found in ENGLISH_MONEY.finditer(plain):
        said = found.group("figure").lower().replace(",", "")
        number = float(said) if said[0].isdigit() else known.english_numbers.get(said)
        if number:
            spans.append((*found.span(), float(number) * UNITS[found.group("unit").lower()]))
    for found in MONEY.finditer(plain):
        amount = _amount(found, plain)
        inside = any(begin < found.end() and found.start() < end for begin, end, _ in spans)
        if amount is not None and not inside and LEAST <= amount <= MOST:
            spans.append((*found.span(), amount))
    yield from (amount for _, _, amount in sorted(spans))


def _amount(found: re.Match[str], plain: str) -> float | None:
    """The yuan that one match is worth; None where it is no money."""
    known, some, figure = _known(), found.group("some"), found.group("figure")
    if not (some or figure) or (figure and NUMERAL.fullmatch(figure) and not found.group("more")):
        return None
    money = bool(found.group("yuan") or found.group("mark"))
    large = bool(found.group("more") or found.group("unit")) or (figure and re.search("[万千百]", figure))
    before, after = plain[max(found.start() - NEAR, 0) : found.start()], plain[found.end() : found.end() + NEAR]
    if re.search(r"[A-Za-z\d.\-/几]$", before) and not found.group("mark"):
        return None
    if not money and (known.no_money.match(after) or before.endswith("第") or re.match(r"[\d./-]", after)):
        return None
    if not (money or large) and not known.money_before.search(before) and not _english_money(before):
        return None
    number = float(_figure(some.replace("几", "") if some else figure) or 0)
    for unit in (found.group("more"), found.group("unit")):
        number *= UNITS[unit.lower()] if unit else 1
    return number or None


def _english_money(before: str) -> bool:
    return bool(
        re.search(r"\b(?:owes?|paid|pay|cost|costs|lent|borrowed|deposit of|fined)(?: me| us| him| her)? $", before)
    )


def _figure(said: str) -> float | None:
    """A number in figures, numerals or both; None where it can't be read."""
    said = said.replace(",", "")
    try:
        return float(said) if re.fullmatch(r"[\d.]+", said) else float(cn2an.cn2an(said.replace("两", "二"), "smart"))
    except ValueError:
        return None


def _dates(plain: str, now: datetime) -> Iterator[times.Since]:
    """The times that the clauses tell, without what is promised or only lasts."""
    known = _known()
    for clause in CLAUSE.finditer(plain):
        for found in times.moments(clause.group(), now):
            before = clause.group()[: clause.group().find(found.said)]
            lasts = known.lasting.search(before) and times.AGO.fullmatch(found.said)
            promised = known.no_date.search(before) and len(found.said) <= SHORT_TIME
            if not (promised or lasts or VAGUE.search(found.said)):
                yield found


# --- proof and wishes ------------------------------------------------------------------------------------------------


def _evidence(plain: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Codes of the proof that is there and of the proof that is said to be missing."""
    known = _known()
    there: list[tuple[int, str]] = []
    lacking: list[tuple[int, str]] = []
    for code, said in known.evidence.items():
        for found in said.finditer(plain):
            start, clause = _clause(plain, found.start())
            before, after = clause[: found.start() - start], clause[found.end() - start :]
            if known.no_evidence_before.search(before) or known.no_evidence_after.match(after):
                continue
            missing = known.lacks_before.search(before) or known.lacks_after.match(after)
            (lacking if missing else there).append((found.start(), code))
    gone = _once(code for _, code in sorted(lacking))
    return _once(code for _, code in sorted(there) if code not in gone), gone


def _wanted(plain: str) -> tuple[str, ...]:
    """Codes of what the resident wants; a question alone wants information."""
    known = _known()
    found = sorted((m.start(), code) for code, said in known.wanted.items() if (m := said.search(plain)))
    codes = _once(code for _, code in found)
    return codes or ((INFORMATION,) if known.asks.search(plain) else ())


# --- the lookup -------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Role:
    said: re.Pattern[str]
    needs: re.Pattern[str] | None


@dataclass(frozen=True)
class _Known:
    """facts.yml, compiled."""

    roles: Mapping[str, _Role]
    labour: re.Pattern[str]
    aside: re.Pattern[str]
    organisation: re.Pattern[str]
    ends: tuple[tuple[str, re.Pattern[str]], ...]
    leads: re.Pattern[str]
    generic: re.Pattern[str]
    called: re.Pattern[str]
    person: re.Pattern[str]
    ambiguous: re.Pattern[str]
    weak: re.Pattern[str]
    surname_only: re.Pattern[str]
    titled: re.Pattern[str]
    owing: re.Pattern[str]
    sued: re.Pattern[str]
    own: re.Pattern[str]
    own_bare: re.Pattern[str]
    english_after: re.Pattern[str]
    english_owing: re.Pattern[str]
    english_to: re.Pattern[str]
    english_own: re.Pattern[str]
    evidence: Mapping[str, re.Pattern[str]]
    lacks_before: re.Pattern[str]
    lacks_after: re.Pattern[str]
    no_evidence_before: re.Pattern[str]
    no_evidence_after: re.Pattern[str]
    wanted: Mapping[str, re.Pattern[str]]
    asks: re.Pattern[str]
    money_before: re.Pattern[str]
    no_money: re.Pattern[str]
    english_numbers: Mapping[str, int]
    others_phone: re.Pattern[str]
    no_date: re.Pattern[str]
    lasting: re.Pattern[str]


@lru_cache(maxsize=1)
def _known() -> _Known:
    read = yaml.safe_load((Path(__file__).parent / "lookups" / "facts.yml").read_text(encoding="utf-8"))
    names = ("labour", "aside", "asks", "money_before", "no_money", "others_phone", "no_date", "lasting")
    marks: dict[str, Any] = {name: _re(read[name]) for name in names}
    return _Known(
        roles={code: _Role(_re(row["said"]), _re(row["needs"]) if row.get("needs") else None)
               for code, row in read["roles"].items()},
        evidence={code: _re(said) for code, said in read["evidence"].items()},
        wanted={code: _re(said) for code, said in read["wanted"].items()},
        lacks_before=_re(read["lacks"]["before"]),
        lacks_after=_re(read["lacks"]["after"]),
        no_evidence_before=_re(read["no_evidence"]["before"]),
        no_evidence_after=_re(read["no_evidence"]["after"]),
        english_numbers=read["english_numbers"],
        **marks,
        **_organisation_patterns(read),
        **_name_patterns(read),
    )  # fmt: skip


def _organisation_patterns(read: Mapping[str, Any]) -> dict[str, Any]:
    ends = "|".join(row["ends"] for row in read["organisations"])
    return {
        "organisation": re.compile(
            rf"(?P<own>[一-龥A-Za-z0-9（）()]{{1,18}}?)(?P<ends>{ends})(?!里|家|方|门|房|长|商)"
        ),
        "ends": tuple((row["role"], re.compile(row["ends"])) for row in read["organisations"]),
        "leads": re.compile(rf"^.*(?:{read['leads']})"),
        "generic": re.compile(rf"(?:{read['generic']}|{read['leads']})+"),
    }


def _name_patterns(read: Mapping[str, Any]) -> dict[str, Any]:
    surnames = read["surnames"]
    clear, any_of = f"[{surnames['clear']}]", f"[{surnames['clear']}{surnames['ambiguous']}]"
    given = f"[一-龥](?<![{read['never_in_names']}])"
    behind = f"(?={read['after_names']})"
    name = rf"(?P<name>(?:{'|'.join(surnames['double'])}|{any_of})(?:{given}){{1,2}}?)"
    clear_name = rf"(?P<name>(?:{'|'.join(surnames['double'])}|{clear})(?:{given}){{1,2}}?)"
    called, ended = r"\s*(?:名?叫|姓名|名字叫|[:：])\s*", r"(?=[，。、；！？,.;!?\s]|$|和|与|在|家住|电话)"
    english_called = r"(?:'s name is|,? (?:named|called|is called)|,)? "
    return {
        "called": re.compile(rf"{called}{name}{behind}"),
        "person": re.compile(rf"(?:是)?{name}{behind}"),
        "ambiguous": re.compile(f"[{surnames['ambiguous']}]"),
        "weak": re.compile(rf"(?:{called})?(?P<name>[老小阿]{any_of}|{any_of}(?:{read['titles']})){behind}"),
        "surname_only": re.compile(rf"\s*姓(?P<name>{any_of})"),
        "titled": re.compile(rf"(?<![由至关对属便])(?P<name>{clear}(?P<title>{read['titles']})){behind}"),
        "owing": re.compile(rf"(?:^|(?<=[，。；！？、\s,.;])){clear_name}(?={read['owes']})", re.MULTILINE),
        "sued": re.compile(rf"(?:{read['before_names']}){clear_name}{behind}"),
        "own": re.compile(rf"{read['own_name']['called']}{name}{ended}"),
        "own_bare": re.compile(rf"{read['own_name']['bare']}{name}{ended}"),
        "english_after": re.compile(rf"{english_called}(?P<name>{ENGLISH_NAME}|(?:Mr|Mrs|Ms|Miss)\.? [A-Z][a-z]+)\b"),
        "english_owing": re.compile(rf"\b(?P<name>{ENGLISH_NAME}) (?:{read['owes']})"),
        "english_to": re.compile(
            rf"\b(?:lent|loaned|paid|sued?|against)\b[^.,]{{0,30}} (?:to )?(?P<name>{ENGLISH_NAME})\b"
        ),
        "english_own": re.compile(rf"\b(?:[Mm]y name is|I am called) (?P<name>{ENGLISH_NAME})\b"),
    }


def _re(pattern: str) -> re.Pattern[str]:
    return re.compile(pattern, re.IGNORECASE)


def _clause(plain: str, at: int) -> tuple[int, str]:
    """Where the clause around `at` begins, and the clause."""
    begin = max((plain.rfind(mark, 0, at) for mark in "，。；！？,;!?\n"), default=-1) + 1
    found = CLAUSE.match(plain, begin)
    return begin, found.group() if found else ""


def _near(plain: str, begin: int, end: int) -> str:
    """What stands around in the same clause."""
    start, clause = _clause(plain, begin)
    return clause[max(begin - start - NEAR, 0) : end - start + NEAR]


def _blank(text: str, begin: int, end: int) -> str:
    return text[:begin] + "□" * (end - begin) + text[end:]


def _once(found: Iterable[Any]) -> tuple[Any, ...]:
    return tuple(dict.fromkeys(found))

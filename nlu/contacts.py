"""Finds phone numbers, identity numbers, case numbers and ratings in what residents write."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from pathlib import Path

import phonenumbers
import yaml

CASE = re.compile(r"\b([A-Za-z]{2,4})\s?(\d{8})\s?[-—–]?\s?(\d{6})\b")
IDENTITY = re.compile(r"(?<!\d)(\d{6})(19|20)(\d{2})(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])(\d{3})([\dXx])(?!\d)")
SPOKEN = re.compile(
    r"[零〇洞一幺二两三四五六七八九\d][零〇洞一幺二两三四五六七八九\d\s\-—]{9,20}[零〇洞一幺二两三四五六七八九\d]"
)
#: what leads to a number that takes the place of the one before it
CORRECTS = r"不对|不是|说错了?|写错了?|打错了?|记错了?|错了|更正|改成|\b(?:no|not|sorry|wait|i mean|actually)\b"
CORRECTED = re.compile(CORRECTS, re.IGNORECASE)
#: stands where a number stood; what only leads to one goes with it
NUMBER = "\uffff"
LEADING = re.compile(
    rf"(?:[\s,，.。;；、哦啊呀]*(?:{CORRECTS}))*[\s,，.。;；、]*"
    r"(?:我的?|我们的?|家里|本人|\b(?:my|the|it's|it is)\b)?\s*(?:联系|\b(?:mobile|cell|phone|contact)\b)?\s*"
    rf"(?:电话|号码|手机号?|方式|\bnumber\b)?\s*(?:应该)?(?:是|为|\bis\b|:|：)?\s*{NUMBER}",
    re.IGNORECASE,
)
#: signs that have to be left for the rest to mean something
LEFT = 8


def phone(text: str) -> str | None:
    """The Chinese phone number that counts, as digits, spoken numerals included; None when there is none.

    Of several it is the first, unless a later one corrects it.
    """
    wide = mask_ids(CASE.sub(" ", unicodedata.normalize("NFKC", text)))
    for written in (wide, *(_digits(found) for found in SPOKEN.findall(wide))):
        found, end = None, 0
        for match in phonenumbers.PhoneNumberMatcher(written, "CN"):
            national = phonenumbers.format_number(match.number, phonenumbers.PhoneNumberFormat.NATIONAL)
            digits = re.sub(r"\D", "", national)
            if len(digits) >= 10 or digits.startswith("0"):
                if found is None or CORRECTED.search(written[end : match.start]):
                    found = digits
                end = match.end
        if found is not None:
            return found
    return None


def without_phones(text: str) -> str:
    """The text without phone numbers and what only leads to them; the text itself where little else is said."""
    written, last = "", 0
    for match in phonenumbers.PhoneNumberMatcher(text, "CN"):
        written, last = written + text[last : match.start] + NUMBER, match.end
    if not last:
        return text
    left = LEADING.sub("", written + text[last:]).strip(" ,，;；、")
    return left if len(left) >= LEFT else text


def _digits(spoken: str) -> str:
    return re.sub(r"[\s\-—]", "", spoken).translate(_numerals())


@lru_cache(maxsize=1)
def _numerals() -> dict[int, str]:
    signs = ("零〇洞", "一幺", "二两", "三", "四", "五", "六", "七", "八", "九")
    return {ord(sign): str(digit) for digit, same in enumerate(signs) for sign in same}


def mask_ids(text: str) -> str:
    """Identity card numbers with their middle hidden."""
    return IDENTITY.sub(lambda m: m.group(1) + "*" * 12, text)


def case_number(text: str) -> str | None:
    """A case number as the system writes it, however it was typed."""
    found = CASE.search(unicodedata.normalize("NFKC", text))
    return f"{found.group(1).upper()}{found.group(2)}-{found.group(3)}" if found else None


def rating(text: str) -> int | None:
    """A score of 1 to 5 said in figures, stars or plain words."""
    plain = unicodedata.normalize("NFKC", text).strip().lower()
    for score, patterns in _ratings():
        if patterns.search(plain):
            return score
    return None


@lru_cache(maxsize=1)
def _ratings() -> tuple[tuple[int, re.Pattern[str]], ...]:
    read = yaml.safe_load((Path(__file__).parent / "lookups" / "ratings.yml").read_text(encoding="utf-8"))
    return tuple((int(row["score"]), re.compile(row["said"])) for row in read)

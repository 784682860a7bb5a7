"""Finds since when something is so, in Chinese or English, and turns it into an ISO date or time."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import date, datetime, timedelta

import cn2an

NUMBER = r"(?:\d{1,4}|[一二两三四五六七八九十百半几]+)"
UNITS = {
    "年": 365,
    "个月": 30,
    "月": 30,
    "个星期": 7,
    "星期": 7,
    "个礼拜": 7,
    "礼拜": 7,
    "周": 7,
    "天": 1,
    "日": 1,
    "晚上": 1,
    "晚": 1,
}
WORDS = {"今天": 0, "今日": 0, "今早": 0, "今晚": 0, "刚刚": 0, "刚才": 0, "昨天": 1, "昨日": 1, "昨晚": 1, "昨夜": 1,
         "前天": 2, "前晚": 2, "大前天": 3}  # fmt: skip
PART = r"(?:早上|上午|中午|下午|晚上|夜里|半夜|凌晨|晚|夜)?(?:\d{1,2}点(?:\d{1,2}分|半)?)?"
AGO = re.compile(
    rf"(?:有|快|都|已经|将近|差不多|大概|持续)?({NUMBER})(?:多)?(年|个月|个星期|星期|个礼拜|礼拜|周|天|晚上|晚)(半)?(?:多)?(?:了|啦|哒|以前|前|(?=没|冇|都|来|，|,|。|$))"
)
DAY = re.compile(
    rf"(?:从|自)?(大前天|今天|今日|今早|今晚|昨天|昨日|昨晚|昨夜|前天|前晚|刚刚|刚才(?![^，。！？]{{0,6}}(?:说|讲|留|问|打过|打了|告诉|写|发))){PART}(?:开始|起|以来)?"
)
WEEKDAY = re.compile(rf"(?:从|自)?(上上?个?|这个?|本)(?:星期|礼拜|周)([一二三四五六日天末])?{PART}(?:开始|起|以来)?")
MONTH = re.compile(
    r"(?:从|自)?(去年|前年|今年|上个?|这个?|本)(?:的)?(?:(\d{1,2}|[一二三四五六七八九十]{1,2})月|(月))(?:份)?(?:(\d{1,2})[日号])?(?:开始|起|以来|底|初)?"
)
YEAR = re.compile(r"(?:从|自)?(去年|前年|今年|开年|过年|年初|年底|入夏|入冬|开春)(?:后|以来|开始|起)?")
FULL = re.compile(r"(?:从|自)?(20\d{2})年(?:(\d{1,2})月)?(?:(\d{1,2})[日号])?(?:开始|起|以来)?")
MONTH_DAY = re.compile(
    r"(?:从|自)?(\d{1,2}|[一二三四五六七八九十]{1,2})月(?:(\d{1,2}|[一二三四五六七八九十]{1,3})[日号]|份)(?:开始|起|以来)?"
)
HOUR = re.compile(r"(晚上|夜里|下午|半夜|凌晨|早上|上午|中午|晚)?(\d{1,2})点")
ENGLISH_NUMBERS = {
    "a": 1,
    "an": 1,
    "one": 1,
    "two": 2,
    "three": 3,
    "four": 4,
    "five": 5,
    "six": 6,
    "ten": 10,
    "several": 3,
    "a few": 3,
}
ENGLISH_UNITS = {"day": 1, "night": 1, "week": 7, "month": 30, "year": 365}
ENGLISH_AGO = re.compile(
    r"\b(?:for |over |about |almost |the last |the past )*"
    r"(\d+|an?|one|two|three|four|five|six|ten|several|a few) (day|night|week|month|year)s?(?: ago| now)?\b",
    re.I,
)
ENGLISH_LAST = re.compile(
    r"\b(?:since |from )?(last (?:week|month|year|night|monday|tuesday|wednesday|thursday|friday|saturday|sunday)"
    r"|yesterday|today|this morning|tonight)\b",
    re.I,
)
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


@dataclass(frozen=True)
class Since:
    """`at`: ISO date, or datetime to the minute when an hour was said; `said`: the words."""

    at: str
    said: str


def since(text: str, now: datetime) -> Since | None:
    """The first time that a message tells, in the past of `now`; None when it tells none."""
    for read in (_full, _day, _weekday, _month, _ago, _year, _month_day, _english):
        found = read(text, now.date())
        if found is not None:
            day, said = found
            return Since(_with_hour(day, said), said.strip("，,。 "))
    return None


def _with_hour(day: date, said: str) -> str:
    found = HOUR.search(said)
    if not found:
        return day.isoformat()
    hour = int(found.group(2))
    if found.group(1) in ("晚上", "夜里", "下午", "晚") and hour < 12:
        hour += 12
    return f"{day.isoformat()}T{hour:02d}:00" if hour < 24 else day.isoformat()


def _number(said: str) -> float | None:
    if said.isdigit():
        return float(said)
    if said == "半":
        return 0.5
    if "几" in said:
        return 3.0
    try:
        return float(cn2an.cn2an(said.replace("两", "二"), "smart"))
    except ValueError:
        return None


def _ago(text: str, today: date) -> tuple[date, str] | None:
    found = AGO.search(text)
    if not found:
        return None
    number = _number(found.group(1))
    if number is None or number > 400:
        return None
    days = (number + (0.5 if found.group(3) else 0)) * UNITS[found.group(2)]
    return today - timedelta(days=round(days)), found.group(0)


def _day(text: str, today: date) -> tuple[date, str] | None:
    found = DAY.search(text)
    return (today - timedelta(days=WORDS[found.group(1)]), found.group(0)) if found else None


def _weekday(text: str, today: date) -> tuple[date, str] | None:
    found = WEEKDAY.search(text)
    if not found:
        return None
    back = {"上": 1, "上上": 2}.get(found.group(1).replace("个", ""), 0)
    monday = today - timedelta(days=today.weekday() + 7 * back)
    day = "一二三四五六日".find((found.group(2) or "一").replace("天", "日").replace("末", "六"))
    return min(monday + timedelta(days=day), today), found.group(0)


def _month(text: str, today: date) -> tuple[date, str] | None:
    found = MONTH.search(text)
    if not found:
        return None
    which, said = found.group(1).replace("个", ""), found.group(2)
    if found.group(3):
        first = today.replace(day=1)
        return ((first - timedelta(days=1)).replace(day=1) if which == "上" else first), found.group(0)
    month = _number(said)
    if which not in ("去年", "前年", "今年") or month is None or not 1 <= month <= 12:
        return None
    year = today.year - {"去年": 1, "前年": 2, "今年": 0}[which]
    return _safe(year, int(month), int(found.group(4) or 1), found.group(0))


def _year(text: str, today: date) -> tuple[date, str] | None:
    found = YEAR.search(text)
    if not found:
        return None
    back = {"去年": 1, "前年": 2}.get(found.group(1), 0)
    month = {"入夏": 6, "入冬": 11, "开春": 3, "年底": 12}.get(found.group(1), 1)
    year = today.year - back
    if date(year, month, 1) > today:
        year -= 1
    return date(year, month, 1), found.group(0)


def _full(text: str, today: date) -> tuple[date, str] | None:
    found = FULL.search(text)
    if not found or int(found.group(1)) > today.year:
        return None
    return _safe(int(found.group(1)), int(found.group(2) or 1), int(found.group(3) or 1), found.group(0))


def _month_day(text: str, today: date) -> tuple[date, str] | None:
    found = MONTH_DAY.search(text)
    month = int(_number(found.group(1)) or 0) if found else 0
    if not found or not 1 <= month <= 12:
        return None
    made = _safe(today.year, month, int(_number(found.group(2) or "1") or 1), found.group(0))
    if made and made[0] > today:
        made = (made[0].replace(year=today.year - 1), made[1])
    return made


def _english(text: str, today: date) -> tuple[date, str] | None:
    found = ENGLISH_LAST.search(text)
    if found:
        word = found.group(1).lower()
        back = {"yesterday": 1, "last night": 1, "last week": 7, "last month": 30, "last year": 365}.get(word, 0)
        if word.removeprefix("last ") in WEEKDAYS:
            back = (today.weekday() - WEEKDAYS.index(word.removeprefix("last "))) % 7 or 7
        return today - timedelta(days=back), found.group(0)
    found = ENGLISH_AGO.search(text)
    if not found:
        return None
    said = found.group(1).lower()
    number = int(said) if said.isdigit() else ENGLISH_NUMBERS[said]
    return today - timedelta(days=min(number, 400) * ENGLISH_UNITS[found.group(2).lower()]), found.group(0)


def _safe(year: int, month: int, day: int, said: str) -> tuple[date, str] | None:
    try:
        return date(year, month, day), said
    except ValueError:
        return None


MONTHS = {name: n for n, name in enumerate(
    ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
     "december"), 1)}  # fmt: skip
FIGURES = re.compile(r"(?<!\d)(20\d{2})[-./](\d{1,2})(?:[-./](\d{1,2}))?(?!\d)")
SHORT_YEAR = re.compile(r"(?<![\d个])([012]\d)年(?:(\d{1,2})月)(?:(\d{1,2})[日号])?")
NAMED_MONTH = re.compile(
    rf"\b(?:(\d{{1,2}})(?:st|nd|rd|th)? (?:of )?)?(?<![a-z])({'|'.join(m.capitalize() for m in MONTHS)})\b"
    r"(?: (\d{1,2})(?:st|nd|rd|th)?(?!\d))?(?:,? (20\d{2}))?"
)
MOST_TIMES = 6


def moments(text: str, now: datetime) -> tuple[Since, ...]:
    """Every time that a message tells, in order, dates written in figures and English months among them; 6 at most."""
    found: list[tuple[int, Since]] = []
    rest = text
    while len(found) < MOST_TIMES:
        one = _figures(rest, now.date()) or _named_month(rest, now.date())
        told = Since(one[0].isoformat(), one[1]) if one else since(rest, now)
        if told is None or told.said not in rest:
            break
        found.append((text.find(told.said), told))
        rest = rest.replace(told.said, "□" * len(told.said), 1)
    return tuple(told for _, told in sorted(found, key=lambda pair: pair[0]))


def _figures(text: str, today: date) -> tuple[date, str] | None:
    found = FIGURES.search(text) or SHORT_YEAR.search(text)
    if not found:
        return None
    year = int(found.group(1))
    return _safe(year if year > 99 else 2000 + year, int(found.group(2)), int(found.group(3) or 1), found.group(0))


def _named_month(text: str, today: date) -> tuple[date, str] | None:
    """An English month, the last one there was unless a year stands with it."""
    found = NAMED_MONTH.search(text)
    if not found:
        return None
    day, month = int(found.group(1) or found.group(3) or 1), MONTHS[found.group(2).lower()]
    year = int(found.group(4)) if found.group(4) else today.year - (month > today.month)
    return _safe(year, month, day, found.group(0))

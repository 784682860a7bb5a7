"""Hides in a text what tells who somebody is: numbers, accounts, names, doors and plates, by level."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from cases.names import Span, again, beside_numbers, residents, thirds

#: levels, each hides what the one before hides and more
STAFF, UNIT, PUBLIC = "staff", "unit", "public"
LEVELS = {
    STAFF: frozenset({"number", "email", "account"}),
    UNIT: frozenset({"number", "email", "account", "name", "door", "own_plate"}),
    PUBLIC: frozenset({"number", "email", "account", "name", "door", "own_plate", "third", "house", "plate"}),
}
#: a number this long keeps its first three and last four signs, a shorter one keeps nothing
LONG_NUMBER = 11
#: full-width figures, letters and + - . @ # are read as the plain ones, one for one
WIDE = {c: c - 0xFEE0 for c in (*range(0xFF10, 0xFF1A), *range(0xFF21, 0xFF3B), *range(0xFF41, 0xFF5B))}
WIDE |= {0xFF0B: 0x2B, 0xFF0D: 0x2D, 0xFF0E: 0x2E, 0xFF20: 0x40, 0xFF03: 0x23}
_WIDE = re.compile("[０-９Ａ-Ｚａ-ｚ＋－．＠＃]")

_NUMERAL = "[0-9零〇洞一幺二两三四五六七八九]"
_DASH = "[ \\-–—]?"
_COUNT = "(?:[0-9]{1,4}|[零〇一二三四五六七八九十百两]{1,5})"
_BUILDING = f"(?:{_COUNT} ?(?:号?[栋幢座]|号楼|#)|[A-Za-z][0-9]{{0,2}} ?[栋幢座])"
#: what makes figures a room; 房 may begin another word
_ROOM_NAMED = " ?(?:室|房间|号房|房(?![产屋地东租价子型改款企管贷源一]))"
_ROOM = f"(?:{_ROOM_NAMED}| ?号(?![楼线门铺商电]))"
#: figures before these are a floor, a count, a measure or a date, and no room
_NO_ROOM = (
    "(?![0-9A-Za-z%㎡.\\-零〇一二三四五六七八九十百多余来几]"
    "|[ ]?(?:[层楼年月日户米元平人个台家栋幢座点块万千套岁天次间辆吨亩线路期]|单元|"
    "号?门面|号?商铺|号楼|号栋|号?铺|号门|号?电梯))"
)

#: where numbers may stand; only there the dearer patterns look
_FIGURES = re.compile(r"[0-9+][0-9()（） .·\-–—Xx零〇洞一幺二两三四五六七八九]{4,}")
NUMBERS = re.compile(
    rf"""(?<![A-Za-z0-9.\-])(?:(?:\+|00)86{_DASH})?(?:
        [0-9]{{6}}[ ]?(?:19|20)[0-9]{{6}}[ ]?[0-9]{{3}}[0-9Xx]          # identity card
      | [0-9]{{17}}[0-9Xx]
      | 1{_DASH}[3-9](?:{_DASH}{_NUMERAL}){{9}}                          # mobile
      | 1[3-9][0-9][.·][0-9]{{4}}[.·][0-9]{{4}}
      | 0[0-9]{{2,3}}[)）]?{_DASH}[0-9](?:{_DASH}[0-9]){{6,7}}           # area code and number
    )(?![0-9]|\.[0-9]|[ ]?元)
  | (?<![0-9A-Za-z])\+[1-9][0-9]{{0,2}}(?:[ \-]?[0-9]){{7,12}}(?![0-9])  # abroad
    """,
    re.VERBOSE,
)
_SPOKEN = re.compile(
    rf"[一幺](?<!{_NUMERAL}.){_DASH}[三四五六七八九](?:{_DASH}{_NUMERAL}){{9}}(?!{_NUMERAL})"
    rf"|[零〇洞](?<!{_NUMERAL}.)(?:{_DASH}{_NUMERAL}){{9,11}}(?!{_NUMERAL})"
)
_NAMED_NUMBERS = re.compile(
    r"""(?:电话|座机|固话|手机|号码|致电|拨打|联系方式|传真|[Tt]el|[Pp]hone|[Cc]all|[Ll]andline|[Mm]obile)
        [^0-9，。,;；]{0,6}?(?P<phone>[2-8][0-9]{2,3}[ \-]?[0-9]{4})(?![0-9]|[ ]?[元块人年次])
      | (?:卡号|[账帐]号|账户|银行卡|社保卡|存折|[Aa]ccount|[Cc]ard)
        [^0-9，。,;；]{0,8}?(?P<card>[0-9](?:[ \-]?[0-9]){14,18})(?![0-9])
      | (?:身份证|证件号|[Ii]dentity|ID)[^0-9，。,;；]{0,8}?
        (?P<old_identity>[0-9]{8}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{3})(?![0-9])""",
    re.VERBOSE,
)
_CARD = re.compile(r"(?<![0-9A-Za-z\-])[3-6][0-9]{3}(?:[ \-]?[0-9]{4}){3}(?:[ \-]?[0-9]{1,3})?(?![0-9])")
_EMAIL = re.compile(r"(?<![A-Za-z0-9._%+\-])[A-Za-z0-9._%+\-]+@[A-Za-z0-9\-]+(?:\.[A-Za-z0-9\-]+)+")
_ACCOUNT = re.compile(
    r"""(?:微信|威信|(?:[Ww]e[Cc]hat|[Ww]eixin|[Vv][Xx]|[Ww][Xx])(?![A-Za-z]))
        (?:号码?|账号|[ ]?(?:ID|id)|\sis|[:：是为\s])*
        (?P<wechat>(?=[A-Za-z0-9_\-]*[0-9_\-])[A-Za-z][A-Za-z0-9_\-]{5,19}|[1-9][0-9]{5,10})(?![A-Za-z0-9_\-])
      | (?:[Qq][Qq]|扣扣)(?:号码?|账号|\snumber|\sis|[:：是为\s])*
        (?P<qq>[1-9][0-9]{4,10})(?![0-9]|[ ]?元)
      | (?:护照|通行证|[Pp]assport)(?:号码?|[ ]?[Nn]o\.?|\sis|[:：是为\s])*
        (?P<passport>[A-Z]{1,2}[0-9]{7,8})(?![0-9])""",
    re.VERBOSE,
)
_ACCOUNT_WORDS = ("微信", "威信", "wechat", "weixin", "vx", "wx", "qq", "扣扣", "护照", "通行证", "passport")
_PLATE = re.compile(
    "[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-Z][·\\- ]?[A-Z0-9]{5,6}(?![A-Za-z0-9])"
)
_OWN_CAR = re.compile("(?:我|本人|自己)(?:们|家)?的?(?:爱?车)[^，。；]{0,6}$")
_STAIR = re.compile(
    rf"(?P<stair>{_COUNT}) ?单元[ ,，]?"
    rf"(?P<room>(?:[0-9]{{3,4}}[A-Za-z]?|[一二三四五六七八九零〇]{{3,4}}){_NO_ROOM}|{_COUNT}(?={_ROOM}))"
)
_ROOM_OF_BUILDING = re.compile(
    rf"{_BUILDING}[ \-]?"
    rf"(?P<room>[0-9]{{3,4}}[A-Za-z]?{_NO_ROOM}|[一二三四五六七八九零〇]{{3,4}}(?=[室房，。]|$)|{_COUNT}(?={_ROOM}))"
)
_BARE_ROOM = re.compile(
    rf"(?P<room>[0-9]{{3,4}}[A-Z]?)(?={_ROOM_NAMED})|门牌号?(?:码|是|为|[:：\s])*(?P<gate>[0-9]{{1,4}})(?=号|[，。,；\s]|$)"
)
_DASHED = re.compile(
    r"(?<![0-9A-Za-z.\-第])(?:[0-9]{1,3}|[A-Z][0-9]?)-(?P<stair>[0-9]{1,2})-(?P<room>[0-9]{3,4})"
    r"(?![0-9\-.]|[年月日元]|号?商铺|号?门面)"
    r"|(?<=[苑园城府庭区期里湾居郡邸院厦村宅寓])[0-9]{1,2}-(?P<room2>[0-9]{3,4})(?![0-9\-.]|[年月日元人米平户号])"
)
_HOUSE = re.compile(
    r"(?:路|街|大道|巷|弄|胡同|(?P<village>组|村|居民点|安置点|社区|宿舍))\s?(?P<number>[0-9]{1,4})"
    r"(?=\s?号(?!\s?(?:线|出口|文|令|灯|杆|井|桩|车|口|楼|栋|公馆|门(?![口前])|站|台|机|坑)))"
)
_HOME = re.compile(
    r"(?:(?:住|家在|我家|我们家|家庭地址|联系地址|通讯地址|收件地址)[^，。；！？\n]{0,14}"
    r"|\b(?i:live|lives|living|home|house|address|reside|staying|stay)\b[^.!?\n]{0,24}(?:(?i:no)\.\s)?)$"
)
_DOOR_EN = re.compile(
    r"""(?:[Ff]lat|[Aa]p(?:artmen)?t\.?|[Rr]oom|[Rr]m\.?|[Ss]uite)\s(?<!\bno\sroom\s)
        (?:[Nn]o\.?\s?|\#)?(?P<flat>[0-9]{1,4}[A-Za-z]?)(?![A-Za-z0-9])
      | [Bb]uilding\s[0-9A-Z]{1,3},?\s[Uu]nit\s(?P<unit>[0-9]{1,2})\b
      | (?:[Hh]ouse|[Dd]oor)\s(?:[Nn]umber|[Nn]o\.?)\s(?P<house>[0-9]{1,4}[A-Za-z]?)\b""",
    re.VERBOSE,
)
_ENGLISH = re.compile("[A-Za-z]{3} ?[A-Za-z,]")
_ROAD_EN = re.compile(r"(?P<number>[0-9]{1,4}),?\s(?:[A-Z][\w'’]*\s){1,3}(?:Road|Street|Avenue|Lane|Alley|Rd|St)\b")


def redact(text: str, level: str = UNIT) -> str:
    """The text with what `level` hides replaced by stars; its length stays, and what is hidden once stays hidden.

    staff: phones, identity and bank cards (their middle), e-mail, accounts. unit: also names of residents, of their
    relatives and contacts, rooms and doors; roads, estates and buildings stay. public: all of it whole, also third
    persons with a title, house numbers and car plates. Raises KeyError for another level.
    """
    found = spans(text, level)
    if not found:
        return text
    shown = list(text)
    for span in found:
        shown[span.start : span.end] = _hidden(text[span.start : span.end], span.kind, level == PUBLIC)
    return "".join(shown)


def redact_all(texts: Iterable[str], level: str = UNIT) -> list[str]:
    """Several texts of one speaker: a name told in one of them is hidden in all."""
    told = list(texts)
    whole, shown, start = redact("\n".join(told), level), [], 0
    for text in told:
        shown.append(whole[start : start + len(text)])
        start += len(text) + 1
    return shown


def mask(contact: str | None) -> str | None:
    """A contact with its middle hidden: 138****0000; what is too short for that is hidden whole."""
    if not contact:
        return None
    return contact[:3] + "*" * (len(contact) - 7) + contact[-4:] if len(contact) >= LONG_NUMBER else "*" * len(contact)


def mask_words(text: str) -> str:
    """Words as staff see them: phone, identity and card numbers, in figures or spoken, with their middle hidden."""
    return redact(text, STAFF)


def spans(text: str, level: str = PUBLIC) -> list[Span]:
    """What tells who somebody is, in order and without overlaps; kinds that `level` does not hide are left out."""
    plain, kinds = text.translate(WIDE) if _WIDE.search(text) else text, LEVELS[level]
    found = [*_numbers(plain), *_accounts(plain)]
    if "name" in kinds:
        found += [*_doors(plain), *_houses(plain), *_plates(plain), *residents(plain)]
        found += beside_numbers(plain, [span for span in found if span.kind == "number"])
        found += again(plain, found)
    if "third" in kinds:
        found += thirds(plain)
    return _apart([span for span in found if span.kind in kinds])


def _hidden(said: str, kind: str, whole: bool) -> str:
    if kind == "number" and not whole:
        return mask(said) or ""
    if kind == "email" and not whole:
        name, _, host = said.partition("@")
        return f"{name[:1]}{'*' * (len(name) - 1)}@{host}" if len(name) > 1 else f"*@{host}"
    return "".join(" " if sign == " " and kind in ("name", "third") else "*" for sign in said)


def _apart(found: list[Span]) -> list[Span]:
    """The longest of those that overlap, in order."""
    kept: list[Span] = []
    for span in sorted(set(found), key=lambda s: (s.start - s.end, s.start)):
        if all(span.end <= other.start or span.start >= other.end for other in kept):
            kept.append(span)
    return sorted(kept, key=lambda s: s.start)


def _groups(pattern: re.Pattern[str], text: str, kind: str) -> Iterator[Span]:
    """The named groups of every match."""
    for match in pattern.finditer(text):
        for name in pattern.groupindex:
            if match.group(name) is not None:
                yield Span(match.start(name), match.end(name), kind)


def _numbers(text: str) -> Iterator[Span]:
    written = [(found.start(), found.end()) for found in _FIGURES.finditer(text)]
    for start, end in written:
        for match in NUMBERS.finditer(text, start, end + 3):
            yield Span(match.start(), match.end(), "number")
        for match in _CARD.finditer(text, start, end + 1):
            if _luhn(match.group()):
                yield Span(match.start(), match.end(), "number")
    if any(end - start > 6 for start, end in written):
        yield from _groups(_NAMED_NUMBERS, text, "number")
    for match in _SPOKEN.finditer(text):
        yield Span(match.start(), match.end(), "number")


def _luhn(said: str) -> bool:
    """Whether the check digit of a card fits."""
    digits = [int(sign) for sign in said if sign.isdigit()][::-1]
    return sum(d if n % 2 == 0 else sum(divmod(2 * d, 10)) for n, d in enumerate(digits)) % 10 == 0


def _accounts(text: str) -> Iterator[Span]:
    if "@" in text:
        for match in _EMAIL.finditer(text):
            yield Span(match.start(), match.end(), "email")
    small = text.lower()
    if any(word in small for word in _ACCOUNT_WORDS):
        yield from _groups(_ACCOUNT, text, "account")


def _plates(text: str) -> Iterator[Span]:
    for match in _PLATE.finditer(text):
        own = _OWN_CAR.search(text, max(0, match.start() - 16), match.start())
        yield Span(match.start(), match.end(), "own_plate" if own else "plate")


def _doors(text: str) -> Iterator[Span]:
    """Stairs and rooms; an English text writes a day as 12-3-2019."""
    for pattern in (_STAIR, _ROOM_OF_BUILDING, _BARE_ROOM, *((_DOOR_EN,) if _ENGLISH.search(text) else ())):
        yield from _groups(pattern, text, "door")
    for figures in _FIGURES.finditer(text):
        for match in _DASHED.finditer(text, max(0, figures.start() - 2), figures.end() + 4):
            day = text.isascii() and (match.group("room") or "")[:2] in ("19", "20")
            for name in () if day else ("stair", "room", "room2"):
                if match.group(name) is not None:
                    yield Span(match.start(name), match.end(name), "door")


def _houses(text: str) -> Iterator[Span]:
    """The number of a house on a road is a door where somebody lives there, and always in a village."""
    for pattern in (_HOUSE, *((_ROAD_EN,) if _ENGLISH.search(text) else ())):
        for match in pattern.finditer(text):
            home = match.groupdict().get("village") or _HOME.search(text, max(0, match.start() - 40), match.start())
            yield Span(match.start("number"), match.end("number"), "door" if home else "house")

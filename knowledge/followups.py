"""Recognises a short follow-up that asks for one field of the guide last talked of."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from knowledge.words import pattern_of

LETTER = re.compile(r"[^\W\d_]")
LONGEST = {"zh": 12, "en": 45}
#: how people come to a question, and of which it has nothing
LEAD = re.compile(
    r"^(?:(?:还有|另外|那个|对了|那|哎|诶|喂|你好|您好|请问|麻烦(?:你|您)?|我?(?:就是|只)?(?:还?想|要|来)?(?:再)?(?:问|咨询|了解|打听|请教)"
    r"(?:一下|下|一句|一声|一个事|个事)?)(?:子|哈|啊|呀|嘛|呢)?[\s，,。.：:、]*)+|"
    r"^(?:(?:hi|hello|excuse me|also|and|so|well|please|can you tell me|i(?: just)? want(?:ed)? to (?:ask|know))"
    r"\b[\s,.:]*)+",
    re.IGNORECASE,
)


class Followups:
    """The table followups.yml: {field: {language: [ways to ask]}}, and under `small` the words that name no matter."""

    def __init__(self, table: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        self._small = [
            pattern_of(word) for words in table["small"].values() for word in sorted(words, key=lambda word: -len(word))
        ]
        self._patterns: list[tuple[str, re.Pattern[str], int]] = [
            (field, pattern_of(word), len(word))
            for field, ways in table.items()
            if field != "small"
            for words in ways.values()
            for word in words
        ]

    def field(self, question: str, language: str) -> str | None:
        """The field asked for, or None when the question is long or asks for none; the longest wording decides."""
        text = question.lower()
        if len(text) > LONGEST.get(language, LONGEST["en"]):
            return None
        found = [(length, field) for field, pattern, length in self._patterns if pattern.search(text)]
        return max(found)[1] if found else None

    def without_lead(self, question: str) -> str:
        """The question itself; one that is nothing but a lead stays as it is."""
        return LEAD.sub("", question) or question

    def bare(self, question: str) -> bool:
        """Whether a question names no matter at all: "how much is it", "where"."""
        return len(question) <= LONGEST["en"] and not LETTER.search(self.rest(question))

    def rest(self, question: str) -> str:
        """What a question says beside what it asks for: the matter it names, if it names one."""
        text = question.lower()
        asking = sorted(self._patterns, key=lambda way: -way[2])
        for pattern in [*(pattern for _, pattern, _ in asking), *self._small]:
            text = pattern.sub(" ", text)
        return text

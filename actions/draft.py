"""What is known of a matter so far: how one more turn changes it, what is still to ask, and the matter it becomes."""

from __future__ import annotations

import re
from dataclasses import dataclass, fields, replace
from typing import Any

from rasa_sdk.events import SlotSet

from actions.turn import Turn
from cases.case import Matter
from cases.county import County
from nlu.plain import opens_only

KINDS = {"report_problem": "complaint", "suggest": "suggestion", "praise": "praise"}
#: intents whose text tells the matter itself rather than something about it
TELLS = frozenset({"report_problem", "suggest", "praise", "consult_law", "ask", "danger", "add_to_case", "urge"})
PLACE = ("place_said", "town", "village", "grid")
FIELD_SLOTS = {
    "what": ("category", "domain_code"),
    "where": (*PLACE, "place_choices"),
    "since": ("since", "since_said"),
    "contact": ("contact", "contact_withheld"),
}
#: codes of a field of its own: a correction that holds one says nothing of the matter itself
FIELD_CODES = ("town", "village", "place_choice", "place_said", "since_said", "contact")
STORY_LEAST = 5
#: the field of law of words that tell of none
GENERAL = "general"
#: a place is named in so many characters; of longer words only what names one is kept as the place
PLACE_WORDS = 24
#: questions that are answered by telling more of the matter
STORIES = frozenset({"what", "facts", "more"})
#: intents whose text is no place and no time
NO_ANSWER = frozenset({"unsure", "deny", "withhold", "affirm", "abuse"})
#: nor is the text of these a time
NO_TIME = NO_ANSWER | {
    "ask",
    "follow_case",
    "urge",
    "withdraw",
    "thanks",
    "greet",
    "goodbye",
    "explain",
    "why_ask",
    "offtopic",
}
#: what people tell of a matter, and no place or time
OF_THE_MATTER = re.compile(
    r"照片|视频|录音|录像|聊天|截图|证据|借条|欠条|合同|发票|赔|多少钱|[\d一二三四五六七八九十百千万]+块|希望|要求|我想|我要|尽快|赶快|赶紧|不急|^急|"
    r"\b(?:photos?|videos?|proof|receipt|contract|i want|please hurry|(?:not )?urgent|compensat\w+)\b",
    re.IGNORECASE,
)
#: what a wrong place is replaced with, in words that name no place of the list
NEW_PLACE = re.compile(
    r"(?:改成|改为|应该是|是在|而是|(?<!不)是|\bit'?s|\bit is|\bshould be|\bto)\s*(?P<new>[^，,。.]{2,30})[。.]?$"
)


@dataclass(frozen=True)
class Draft:
    """The slots of a report or a consultation; `skipped` holds the questions that need no answer any more.

    `parts`: the matters of a message that tells several, each {text, category, domain, place…}; empty for a single one.
    `alike`: number of an open case of somebody else that seems to be the same matter.
    """

    kind: str | None = None
    words: tuple[str, ...] = ()
    signals: tuple[str, ...] = ()
    category: str | None = None
    domain_code: str | None = None
    place_said: str | None = None
    town: str | None = None
    village: str | None = None
    grid: str | None = None
    place_choices: tuple[str, ...] = ()
    since: str | None = None
    since_said: str | None = None
    contact: str | None = None
    contact_withheld: bool | None = None
    urgent: bool | None = None
    legal_topic: str | None = None
    citations: tuple[str, ...] = ()
    parts: tuple[dict[str, Any], ...] = ()
    alike: str | None = None
    skipped: tuple[str, ...] = ()
    asked: str | None = None
    tries: float = 0.0

    @classmethod
    def of(cls, turn: Turn) -> Draft:
        """The draft as the slots hold it."""
        held: dict[str, Any] = {f.name: turn.slots.get(f.name) for f in fields(cls)}
        lists = ("words", "signals", "place_choices", "citations", "parts", "skipped")
        held |= {name: tuple(held[name] or ()) for name in lists}
        return cls(**{name: value for name, value in held.items() if value is not None})

    def only(self, *names: str) -> Draft:
        """A new draft that holds these fields of this one."""
        return Draft(**{name: getattr(self, name) for name in names})

    def events(self, **more: Any) -> list[dict[str, Any]]:
        """Slot events that make the tracker hold this draft; `more` sets further slots (job=None ends the job)."""
        held = {f.name: getattr(self, f.name) for f in fields(self)} | more
        return [SlotSet(k, list(v) if isinstance(v, tuple) else v) for k, v in held.items()]

    def hear(self, turn: Turn) -> Draft:
        """The draft after one more turn: empty fields are filled, full ones change only when the turn means to."""
        draft = self._hear_words(turn)
        for field in ("where", "since", "contact"):
            if draft._open_to(field, turn):
                draft = getattr(draft, f"_hear_{field}")(turn)
        withheld = turn.intent == "withhold" or (turn.intent in ("deny", "unsure") and self.asked == "contact")
        if withheld and not turn.code("contact"):
            draft = replace(draft, contact=None, contact_withheld=True)
        if turn.intent in ("unsure", "deny", "withhold") and self.asked in ("where", "town", "since", "facts", "more"):
            draft = draft.skip(self.asked)
        signals = tuple(dict.fromkeys((*draft.signals, *turn.codes.get("signal", ()))))
        return replace(draft, signals=signals)

    def skip(self, *questions: str) -> Draft:
        """These questions are settled without an answer."""
        return replace(self, skipped=tuple(dict.fromkeys((*self.skipped, *questions))))

    def ask(self, question: str, before: Draft) -> Draft:
        """`question` waits now; asked again though the turn (`before` it) taught nothing, it counts as a failure."""
        still = replace(self, asked=before.asked, tries=before.tries) == before
        return replace(self, asked=question, tries=before.tries + 1 if still and before.asked == question else 0.0)

    def reopen(self, field: str) -> Draft:
        """Empties one field so that it is asked again."""
        empty: dict[str, Any] = {f.name: f.default for f in fields(self) if f.name in FIELD_SLOTS[field]}
        return replace(self, skipped=tuple(s for s in self.skipped if s not in (field, "town")), **empty)

    @property
    def placed(self) -> bool:
        """Whether nothing more is to be asked of the place."""
        if self.place_choices:
            return False
        return bool(self.town) or ("town" in self.skipped) or ("where" in self.skipped)

    def place(self) -> dict[str, str | None]:
        """The fields of the place that are known."""
        return {name: value for name in PLACE if (value := getattr(self, name))}

    def apart(self) -> list[Draft]:
        """One draft for each of the matters: its own words, category and place; what is said of all belongs to each."""
        if len(self.parts) < 2:
            return [replace(self, parts=())]
        whole = next((w for w in self.words if all(part["text"] in w for part in self.parts)), "")
        later = tuple(w for w in self.words if w != whole)
        drafts = []
        for part in self.parts:
            own: dict[str, Any] = {name: part.get(name) for name in PLACE} if part.get("town") else {}
            own |= {"category": part.get("category"), "domain_code": part.get("domain")}
            drafts.append(replace(self, parts=(), words=(part["text"], *later), **own))
        return drafts

    def apart_from(self, part: dict[str, Any]) -> Draft:
        """The draft of one part alone, when the others of its message are not to be reported."""
        return replace(self, parts=(part, part)).apart()[0]

    def matter(self, turn: Turn, conversation_id: str) -> Matter:
        """The matter to file; its filing key is the message that confirmed it."""
        return Matter(
            conversation_id=conversation_id,
            filing_key=turn.ref,
            kind=self.kind or "complaint",
            words=self.words,
            category=self.category,
            domain=self.domain_code,
            town=self.town,
            village=self.village,
            grid=self.grid,
            place_said=self.place_said,
            since=self.since,
            since_said=self.since_said,
            contact=self.contact,
            contact_withheld=bool(self.contact_withheld),
            language=turn.language,
            signals=self.signals,
            legal_topic=self.legal_topic,
            citations=self.citations,
        )

    def _hear_words(self, turn: Turn) -> Draft:
        """Keeps every sentence that is about the matter, verbatim; the category follows the first that tells one."""
        if turn.pressed or not turn.text.strip():
            return self
        story = self.asked in STORIES or (self.asked == "adviser" and turn.intent not in NO_ANSWER)
        story = story and not only_contact(turn)
        opening = not self.words and turn.intent in TELLS | {"inform"}
        told = story or turn.intent in TELLS
        beside = self.asked in ("where", "town", "since") and of_the_matter(turn)
        corrects = turn.intent == "correct" and not any(turn.codes.get(code) for code in FIELD_CODES)
        corrects = corrects and new_place(turn) is None
        if turn.text in self.words or not (opening or told or corrects or beside):
            return self
        bare = opening and (len(turn.text.strip()) < STORY_LEAST or opens_only(turn.text)) and not turn.code("category")
        draft = self if bare else replace(self, words=(*self.words, turn.text))
        if opening:
            draft = replace(draft, parts=tuple(turn.codes.get("matter", ())))
        if told and (draft.category is None or self.asked == "what" or "what" in turn.codes.get("field", ())):
            draft = replace(
                draft,
                category=turn.code("category") or draft.category,
                domain_code=turn.code("domain_code") or draft.domain_code,
                legal_topic=turn.code("legal_topic") if draft.legal_topic in (None, GENERAL) else draft.legal_topic,
            )
        return replace(draft, kind=draft.kind or KINDS.get(turn.intent))

    def _open_to(self, field: str, turn: Turn) -> bool:
        """A field takes what the turn says if it is empty, was asked, or the turn corrects."""
        asked = {"town": "where", "place_choice": "where"}.get(self.asked or "", self.asked)
        if asked in (field, "confirm", "which") or turn.intent == "correct" or field in turn.codes.get("field", ()):
            return True
        if field == "where" and turn.codes.get("place_negated"):
            return True
        held = {"where": self.town or self.place_choices, "since": self.since_said, "contact": self.contact}[field]
        return not held

    def _hear_where(self, turn: Turn) -> Draft:
        choices = tuple(turn.codes.get("place_choice", ()))
        town, village = turn.code("town"), turn.code("village")
        if town or village or choices:
            return replace(
                self,
                place_said=self._place_words(turn, town),
                town=town,
                village=village,
                grid=turn.code("grid"),
                place_choices=() if village or (town and not choices) else choices,
            )
        said = new_place(turn) or turn.code("place_said")
        elsewhere = turn.codes.get("contact") or turn.codes.get("since_said")
        if self.asked == "where" and not (turn.pressed or elsewhere or turn.intent in NO_ANSWER or of_the_matter(turn)):
            said = turn.text if len(turn.text) <= PLACE_WORDS else said or turn.text
        return replace(self, place_said=said) if said else self

    def _place_words(self, turn: Turn, town: str | None) -> str | None:
        """The resident's words for the place: the newest, but a landmark outlives the naming of its town."""
        if turn.pressed:
            return self.place_said
        if self.asked == "town":
            return turn.code("place_said") or self.place_said
        moved = self.town is not None and town != self.town
        short = self.asked == "where" and len(turn.text) <= PLACE_WORDS
        own = turn.text if short else turn.code("place_said") or (turn.text if self.asked == "where" else None)
        return without_question(own) or (None if moved else self.place_said)

    def _hear_since(self, turn: Turn) -> Draft:
        if turn.code("since_said"):
            return replace(self, since=turn.code("since"), since_said=turn.code("since_said"))
        elsewhere = turn.intent == "correct" or any(turn.codes.get(code) for code in ("town", "village", "contact"))
        told = not (turn.pressed or elsewhere or of_the_matter(turn)) and turn.intent not in NO_TIME
        return replace(self, since_said=turn.text) if self.asked == "since" and told else self

    def _hear_contact(self, turn: Turn) -> Draft:
        contact = turn.code("contact")
        return replace(self, contact=contact, contact_withheld=False) if contact else self


def new_place(turn: Turn) -> str | None:
    """The place in "the address is wrong, it's building 5", which names nothing that is on the list."""
    if "where" not in turn.codes.get("field", ()) or turn.pressed:
        return None
    found = NEW_PLACE.search(turn.text)
    return found.group("new").strip() if found else None


def of_the_matter(turn: Turn) -> bool:
    """Whether words that name no place and no time tell more of the matter ("there are photos")."""
    placed = any(turn.codes.get(code) for code in ("place_said", "town", "village", "place_choice", "since_said"))
    return not (placed or turn.pressed) and bool(OF_THE_MATTER.search(turn.text))


def without_question(said: str | None) -> str | None:
    """Words for a place without what is asked in the same breath."""
    kept = re.sub(r"[^.?!。？！]*[?？]", "", said or "").strip(" .,，")
    return kept or said


def only_contact(turn: Turn) -> bool:
    """Whether the words are a phone number and nothing else."""
    contact = turn.code("contact")
    return bool(contact) and len(re.sub(r"[\s\W]", "", turn.text)) <= len(contact) + 2


def place_name(draft: Draft, county: County, language: str) -> str | None:
    """The place in words: town and village by name, then the resident's own words; None when nothing is known."""
    name = "name" if language == "zh" else "name_en"
    parts = []
    if draft.town:
        parts.append(getattr(county.town(draft.town), name))
    if draft.village:
        parts.append(getattr(county.village(draft.village), name))
    official = ("" if language == "zh" else ", ").join(parts if language == "zh" else parts[::-1])
    if draft.place_said and draft.place_said not in official:
        official = f"{official} · {draft.place_said}" if official else draft.place_said
    return official or None

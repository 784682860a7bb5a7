"""One turn of the resident as the actions see it: who, which words, which codes were read from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from rasa_sdk import Tracker


@dataclass(frozen=True)
class Turn:
    """`ref` is the id of the inbound message; `codes` maps an entity name to its values in order of reading; `held`:
    whether a person has the conversation, or is awaited; `ranking`: the likeliest intents, (name, probability);
    `elders`: whether the resident chose the mode for older people."""

    conversation_id: str
    ref: str
    text: str
    intent: str
    confidence: float
    language: str
    codes: Mapping[str, tuple[Any, ...]]
    slots: Mapping[str, Any]
    held: bool = False
    ranking: tuple[tuple[str, float], ...] = ()
    elders: bool = False

    @classmethod
    def of(cls, tracker: Tracker) -> Turn:
        """From the tracker that rasa_sdk hands to an action."""
        message = tracker.latest_message
        intent = message.get("intent") or {}
        codes: dict[str, tuple[Any, ...]] = {}
        for entity in message.get("entities") or ():
            codes[entity["entity"]] = (*codes.get(entity["entity"], ()), entity["value"])
        known = message.get("metadata") or {}
        return cls(
            conversation_id=tracker.sender_id,
            ref=str(known.get("ref") or ""),
            text=str(known.get("words") or message.get("text") or ""),
            intent=intent.get("name") or "",
            confidence=float(intent.get("confidence") or 0.0),
            language=tracker.slots.get("language") or "zh",
            codes=codes,
            slots=tracker.slots,
            held=str(known.get("holder") or "bot") != "bot",
            elders=bool(known.get("elders")),
            ranking=tuple((r["name"], r["confidence"]) for r in message.get("intent_ranking") or ()),
        )

    def code(self, name: str) -> Any:
        """The first value read under `name`, or None."""
        values = self.codes.get(name)
        return values[0] if values else None

    @property
    def uneasy(self) -> bool:
        """Whether somebody may be in danger: not sure enough for an emergency, too much to say nothing."""
        return bool(self.code("danger_maybe")) and not self.held

    @property
    def pressed(self) -> bool:
        """Whether a button was pressed: its payload is a code, not the resident's words."""
        return self.text.startswith("/")

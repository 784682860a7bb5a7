"""Reads the codes out of a message (place, time, contact, category, danger …) and hands them on as entities."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

from rasa.engine.graph import ExecutionContext, GraphComponent
from rasa.engine.recipes.default_recipe import DefaultV1Recipe
from rasa.engine.storage.resource import Resource
from rasa.engine.storage.storage import ModelStorage
from rasa.nlu.extractors.extractor import EntityExtractorMixin
from rasa.shared.nlu.constants import ENTITIES, INTENT, INTENT_RANKING_KEY, TEXT
from rasa.shared.nlu.training_data.message import Message

from nlu.plain import plain
from nlu.triage import KINDS, MatterPart, Reader, Reading

#: entity name -> attribute of a Reading (dots go into its place)
SINGLE = {
    "category": "category",
    "domain_code": "domain",
    "place_said": "place.said",
    "town": "place.town",
    "village": "place.village",
    "grid": "place.grid",
    "since": "since",
    "since_said": "since_said",
    "contact": "contact",
    "case_number": "case_number",
    "rating": "rating",
    "danger": "danger",
    "legal_topic": "legal_topic",
    "kind": "kind",
}
#: short words that only somebody who writes English opens with
ENGLISH_OPENING = re.compile(
    r"hi|hello|hey|hi there|hello there|good (?:morning|day|evening)|help|help me|english|anyone"
)
#: intents that open a job and are told apart by the kind of message, too
OPENINGS = frozenset({"report_problem", "ask", "consult_law"})
MANY = {
    "place_choice": "place.candidates",
    "place_negated": "place.negated",
    "field": "fields",
    "signal": "signals",
}


@DefaultV1Recipe.register(DefaultV1Recipe.ComponentType.ENTITY_EXTRACTOR, is_trainable=False)
class ReadingExtractor(EntityExtractorMixin, GraphComponent):
    """Runs `nlu.triage.Reader` once a message; every code becomes an entity that spans the message."""

    @staticmethod
    def get_default_config() -> dict[str, Any]:
        """`city` and `model` are paths from the project folder; `sure`: confidence a category needs to be taken."""
        return {"city": "city", "model": "models/triage.joblib", "sure": 0.35}

    @classmethod
    def create(
        cls,
        config: dict[str, Any],
        model_storage: ModelStorage,
        resource: Resource,
        execution_context: ExecutionContext,
    ) -> ReadingExtractor:
        """See parent class."""
        return cls(config)

    def __init__(self, config: dict[str, Any]) -> None:
        """Nothing is read before the first message (training never needs it)."""
        self._config = config
        self._reader: Reader | None = None

    def process(self, messages: list[Message]) -> list[Message]:
        """Adds the entities; a danger outranks every other intent, a guess at danger that the reader denies is none."""
        for message in messages:
            if message.get(TEXT):
                self._note(message, self.reader.read(message.get(TEXT)))
        return messages

    @property
    def reader(self) -> Reader:
        """The reader, loaded at first use."""
        if self._reader is None:
            learnt = Path(os.environ.get("MINHU_VAR", "var")) / "learnt.joblib"
            self._reader = Reader.load(Path(self._config["city"]), Path(self._config["model"]), learnt)
        return self._reader

    def _note(self, message: Message, reading: Reading) -> None:
        found = [(name, _value(reading, path)) for name, path in SINGLE.items()]
        found += [(name, value) for name, path in MANY.items() for value in _value(reading, path) or ()]
        if reading.category_confidence < self._config["sure"]:
            found = [(name, value) for name, value in found if name != "category"]
        if reading.language not in ("zh", "en"):
            found.append(("foreign", reading.language))
        elif _tells_language(message.get(TEXT), reading.language):
            found.append(("language", reading.language))
        found += [("matter", _part(part)) for part in reading.matters] if len(reading.matters) > 1 else []
        if reading.danger_maybe:
            found.append(("danger_maybe", True))
        self._weigh_openings(message, reading)
        span = {"start": 0, "end": len(message.get(TEXT)), "extractor": type(self).__name__}
        entities = [{"entity": name, "value": value, **span} for name, value in found if value is not None]
        message.set(ENTITIES, message.get(ENTITIES, []) + entities, add_to_output=True)
        if reading.danger is not None:
            message.set(INTENT, {"name": "danger", "confidence": 1.0}, add_to_output=True)
        elif message.get(INTENT, {}).get("name") == "danger" and message.get(INTENT)["confidence"] < 1.0:
            rest = 1.0 - message.get(INTENT)["confidence"]
            calmer = [
                {**r, "confidence": r["confidence"] / rest}
                for r in message.get(INTENT_RANKING_KEY) or ()
                if r["name"] != "danger"
            ]
            message.set(INTENT, calmer[0] if calmer else {"name": None, "confidence": 0.0}, add_to_output=True)
            message.set(INTENT_RANKING_KEY, calmer, add_to_output=True)

    @staticmethod
    def _weigh_openings(message: Message, reading: Reading) -> None:
        """Whether words report, ask or want law is settled by two models, each of which counts half."""
        ranking = message.get(INTENT_RANKING_KEY) or ()
        if not ranking or ranking[0]["name"] not in OPENINGS or ranking[0]["confidence"] == 1.0:
            return
        told = {r["name"]: r["confidence"] for r in ranking if r["name"] in OPENINGS}
        kinds = {name: reading.kinds.get(KINDS[name], 0.0) for name in told}
        whole, whole_kinds = sum(told.values()), sum(kinds.values())
        if not whole_kinds:
            return
        both = {name: (chance + whole * kinds[name] / whole_kinds) / 2 for name, chance in told.items()}
        weighed = [{**r, "confidence": both.get(r["name"], r["confidence"])} for r in ranking]
        weighed.sort(key=lambda r: -r["confidence"])
        message.set(INTENT, weighed[0], add_to_output=True)
        message.set(INTENT_RANKING_KEY, weighed, add_to_output=True)


def _value(reading: Reading, path: str) -> Any:
    value: Any = reading
    for part in path.split("."):
        value = getattr(value, part)
    return value


def _part(part: MatterPart) -> dict[str, Any]:
    """One of several matters as codes, with its own words."""
    place = {name: getattr(part.place, name) for name in ("said", "town", "village", "grid")}
    return {
        "text": part.text,
        "category": part.category,
        "domain": part.domain,
        "place_said": place.pop("said"),
        **place,
    }


def _tells_language(text: str, language: str) -> bool:
    """Whether a message is long enough to change the language of a conversation: names and 'ok' are not."""
    han = sum("一" <= c <= "鿿" for c in text)
    latin = sum(c.isascii() and c.isalpha() for c in text)
    english = language == "en" and han == 0 and (latin >= 8 or bool(ENGLISH_OPENING.fullmatch(plain(text))))
    return english or (language == "zh" and han >= 2 and han * 2 > latin)

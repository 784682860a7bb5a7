"""Free text in, a structured matter out: what kind, about what, where, since when, how pressing, how many matters."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timezone
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import joblib
import numpy as np
import yaml
from sklearn.linear_model import LogisticRegression
from sklearn.svm import SVC

from cases.county import County
from nlu import contacts, dangers
from nlu.encoder import encode
from nlu.kinds import Kinds
from nlu.language import language
from nlu.matters import LETTER, Boundaries, cuts, read_examples
from nlu.places import Gazetteer, Place
from nlu.times import since

LOOKUPS = Path(__file__).parent / "lookups"
BATCH = 64
#: score from which a message tells of danger to life, and from which it may: then the resident is told whom to call
DANGER_SURE, DANGER_MAYBE = 0.0, -0.65
#: messages of several matters that are composed for training, in each language
COMPOSED, SEED = {"zh": 240, "en": 80}, 20261125
#: weight of the first reading beside the sentence vector in what a county's orders teach
FIRST_READING = 0.35
KINDS = {
    "report_problem": "complaint", "danger": "complaint", "ask": "question", "consult_law": "legal",
    "follow_case": "status", "urge": "status", "add_to_case": "status", "withdraw": "status", "rate": "status",
    "human": "human", "offtopic": "offtopic", "suggest": "suggestion", "praise": "praise",
}  # fmt: skip
SMALLTALK = "smalltalk"
#: kinds of message that may tell several matters
OF_MATTERS = frozenset({"complaint", "suggestion", "legal", "praise"})
#: languages the examples are written in: what the model says of any other is a guess
TAUGHT = frozenset({"zh", "en"})


@dataclass(frozen=True)
class MatterPart:
    """One of the matters in a message: its words, verbatim; `domain` and `category` are codes."""

    text: str
    domain: str | None
    category: str | None
    place: Place = Place()


@dataclass(frozen=True)
class Reading:
    """Everything read from one message. Codes throughout; confidences are probabilities."""

    kind: str
    kind_confidence: float
    domain: str | None
    category: str | None
    category_confidence: float
    emergency: bool
    danger: str | None
    danger_maybe: bool
    matters: tuple[MatterPart, ...]
    place: Place
    contact: str | None
    since: str | None
    since_said: str | None
    case_number: str | None
    rating: int | None
    fields: tuple[str, ...]
    language: str
    legal_topic: str | None
    signals: tuple[str, ...]
    confidence: float


@dataclass(frozen=True)
class Heads:
    """The trained part: linear models over sentence vectors (n, 384)."""

    intent: LogisticRegression
    kind: Kinds
    category: LogisticRegression
    topic: LogisticRegression
    domain_of: dict[str, str]
    boundaries: Boundaries
    danger: SVC


@dataclass(frozen=True)
class Learnt:
    """What a county's own work orders taught: a model of the classes that occur there, over `features`."""

    domain: LogisticRegression

    def weigh(self, vector: np.ndarray, chances: dict[str, float]) -> dict[str, float]:
        """Chances of all classes; those that the orders never held keep what they had."""
        known = [str(code) for code in self.domain.classes_]
        share = sum(chances.get(code, 0.0) for code in known)
        own = self.domain.predict_proba(features(vector, chances)[np.newaxis, :])[0]
        return chances | {code: share * float(chance) for code, chance in zip(known, own, strict=True)}


def features(vector: np.ndarray, chances: dict[str, float]) -> np.ndarray:
    """What a county's model sees: the sentence vector and how the classes looked before, (384 + classes,)."""
    logs = np.log(np.array([chances[code] for code in sorted(chances)]) + 1e-3)
    return np.concatenate([vector, FIRST_READING * logs])


def joined(text: str, title: str | None) -> str:
    """A message with its title, if the channel has one, in front."""
    return "。".join(part for part in (title, text) if part)


class Reader:
    """Reads messages of one county's residents. Thread-safe once loaded."""

    def __init__(self, county: County, heads: Heads, learnt: Path | None = None) -> None:
        """See `load`."""
        self._county, self.heads = county, heads
        self._places = Gazetteer(county)
        self._zone = ZoneInfo(county.timezone)
        self._learnt_file, self._learnt_at = learnt, 0
        self._learnt: Learnt | None = None

    @classmethod
    def load(cls, city: Path, model: Path, learnt: Path | None = None) -> Reader:
        """From a county's folder and what `train` wrote; `learnt` is where `minhu learn` writes, now or later.

        Raises CountyError, FileNotFoundError.
        """
        return cls(County.load(city), joblib.load(model), learnt)

    def with_learnt(self, learnt: Learnt | None) -> Reader:
        """The same reader with (or without) what a county's orders taught."""
        other = Reader(self._county, self.heads)
        other._learnt = learnt
        return other

    def _known(self) -> Learnt | None:
        """What was learnt, read anew when the file has changed: it goes live without a restart."""
        if self._learnt_file is not None:
            try:
                at = self._learnt_file.stat().st_mtime_ns
            except OSError:
                at = 0
            if at != self._learnt_at:
                self._learnt = joblib.load(self._learnt_file) if at else None
                self._learnt_at = at
        return self._learnt

    @classmethod
    def train(cls, city: Path, nlu: Path, model: Path) -> None:
        """Learns intents from nlu/, categories from the county, legal topics from the lookup; writes one file."""
        county = County.load(city)
        intent, category = _fit(*_intents(nlu)), _fit(*_categories(county), C=30.0, weight=None)
        domain_of = {c.code: c.domain for c in county.categories}
        boundaries = Boundaries(category, intent, domain_of)
        boundaries.fit([*read_examples(), *composed(county)])
        texts, intents = _intents(nlu)
        kind = Kinds().fit(texts, encode(texts), [KINDS.get(i, SMALLTALK) for i in intents])
        heads = Heads(intent, kind, category, _fit(*_topics()), domain_of, boundaries, _danger_head(county, nlu))
        model.parent.mkdir(parents=True, exist_ok=True)
        joblib.dump(heads, model)

    def read(self, text: str, title: str | None = None) -> Reading:
        """Reads one message; a title, if the channel has one, leads."""
        return next(self.read_many([(text, title)]))

    def read_many(self, messages: Iterable[tuple[str, str | None]]) -> Iterator[Reading]:
        """Reads (text, title) pairs in order, encoding them in batches; memory stays that of one batch."""
        left = iter(messages)
        while batch := list(islice(left, BATCH)):
            whole = [joined(text, title) for text, title in batch]
            vectors = encode(whole)
            for words, vector in zip(whole, vectors, strict=True):
                yield self._read(words, vector)

    def _read(self, words: str, vector: np.ndarray) -> Reading:
        danger = dangers.danger(words)
        spoken = language(words)
        heard = self._danger_score(words, vector) if danger is None and spoken in TAUGHT else float("-inf")
        danger = danger or (dangers.OTHER if heard >= DANGER_SURE else None)
        kinds = self.heads.kind.chances(words, vector)
        kind = max(kinds, key=kinds.__getitem__)
        sure = kinds[kind]
        if danger is not None:
            kind, sure = "complaint", 1.0
        domain, category, category_sure = self._category(vector)
        when = since(words, datetime.now(timezone.utc).astimezone(self._zone))
        marks = _marks()
        return Reading(
            kind=kind,
            kind_confidence=sure,
            domain=domain,
            category=category,
            category_confidence=category_sure,
            emergency=danger is not None,
            danger=danger,
            danger_maybe=danger is None and heard >= DANGER_MAYBE,
            matters=self._matters(words, domain, category, kind in OF_MATTERS),
            place=self._places.read(words),
            contact=contacts.phone(words),
            since=when.at if when else None,
            since_said=when.said if when else None,
            case_number=contacts.case_number(words),
            rating=contacts.rating(words) if len(words) <= 40 else None,
            fields=tuple(f for f, p in marks.fields.items() if p.search(words)) if marks.change.search(words) else (),
            language=spoken,
            legal_topic=_best(self.heads.topic, vector)[0],
            signals=tuple(code for code, pattern in marks.signals.items() if pattern.search(words)),
            confidence=min(sure, 0.99),
        )

    def _danger_score(self, words: str, vector: np.ndarray) -> float:
        """How much a message sounds like danger now, beyond the words known for it; a letter never does."""
        if len(words) > dangers.LONG or dangers.calm(words):
            return float("-inf")
        return float(self.heads.danger.decision_function(vector[np.newaxis, :])[0])

    def _category(self, vector: np.ndarray) -> tuple[str, str, float]:
        """The first-level class by the sum of its categories, then the best category inside it."""
        chances = _chances(self.heads.category, vector)
        domains = self.domains(vector, chances)
        domain = max(domains, key=domains.__getitem__)
        category = max((c for c in chances if self.heads.domain_of[c] == domain), key=chances.__getitem__)
        return domain, category, chances[category]

    def domains(self, vector: np.ndarray, chances: dict[str, float] | None = None) -> dict[str, float]:
        """Chances of the first-level classes, with what the county's own orders taught where there are any."""
        found = domain_chances(self.heads, chances or _chances(self.heads.category, vector))
        learnt = self._known()
        return learnt.weigh(vector, found) if learnt else found

    def _matters(self, words: str, domain: str, category: str, may_hold_several: bool) -> tuple[MatterPart, ...]:
        """The message cut where a new matter begins; joined, the parts are the message.

        What is no matter by itself, or of the same category as the part before it, goes on with that.
        """
        parts = self.heads.boundaries.split(words) if may_hold_several else [words]
        apart: list[MatterPart] = []
        lead, letter = "", len(words) > LETTER
        for part, vector in zip(parts, encode([part.strip() for part in parts]), strict=True) if parts[1:] else ():
            domain_here, category_here, _ = self._category(vector)
            matter = KINDS.get(_best(self.heads.intent, vector)[0]) in (*OF_MATTERS, "question")
            same = apart and (domain_here if letter else category_here) == (
                apart[-1].domain if letter else apart[-1].category
            )
            if apart and (same or not matter):
                apart[-1] = replace(apart[-1], text=apart[-1].text + part)
            elif matter:
                apart.append(MatterPart(lead + part, domain_here, category_here, self._places.read(lead + part)))
            else:
                lead += part
        return tuple(apart) if len(apart) > 1 else (MatterPart(words, domain, category),)


def to_row(reading: Reading, county: County) -> dict[str, Any]:
    """The answer of `minhu triage`: names for places and domains, as the batch command promises them."""
    place = reading.place
    return {
        "kind": reading.kind,
        "domain": reading.domain,
        "domain_name": county.domain(reading.domain).name if reading.domain else None,
        "category": reading.category,
        "emergency": reading.emergency,
        "matters": [
            {
                "text": part.text,
                "domain_name": county.domain(part.domain).name if part.domain else None,
                "category": part.category,
            }
            for part in reading.matters
        ],
        "place": {
            "said": place.said,
            "town": county.town(place.town).name if place.town else None,
            "village": county.village(place.village).name if place.village else None,
            "grid": place.grid,
            "candidates": [_place_name(county, code) for code in place.candidates],
        },
        "contact": reading.contact,
        "language": reading.language,
        "legal_topic": _topic_names()[reading.legal_topic] if reading.kind == "legal" and reading.legal_topic else None,
        "confidence": round(reading.confidence, 4),
    }


def topic_names() -> dict[str, dict[str, str]]:
    """Names of the fields of law by code, {zh, en}."""
    return {row["code"]: row["name"] for row in _topic_rows()}


def _topic_names() -> dict[str, str]:
    return {code: name["zh"] for code, name in topic_names().items()}


def _place_name(county: County, code: str) -> str:
    try:
        village = county.village(code)
    except LookupError:
        return county.town(code).name
    return county.town(village.town_code).name + village.name


@dataclass(frozen=True)
class _Marks:
    signals: dict[str, re.Pattern[str]]
    fields: dict[str, re.Pattern[str]]
    change: re.Pattern[str]
    joins: dict[str, dict[str, list[str]]]


@lru_cache(maxsize=1)
def _marks() -> _Marks:
    read = yaml.safe_load((LOOKUPS / "signals.yml").read_text(encoding="utf-8"))
    flags = re.IGNORECASE
    return _Marks(
        {code: re.compile(p, flags) for code, p in read["signals"].items()},
        {code: re.compile(p, flags) for code, p in read["fields"].items()},
        re.compile(read["change"], flags),
        read["joins"],
    )


@lru_cache(maxsize=1)
def _topic_rows() -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = yaml.safe_load((LOOKUPS / "legal_topics.yml").read_text(encoding="utf-8"))
    return rows


def _chances(model: LogisticRegression, vector: np.ndarray) -> dict[str, float]:
    chances = model.predict_proba(vector[np.newaxis, :])[0]
    return {str(label): float(chance) for label, chance in zip(model.classes_, chances, strict=True)}


def domain_chances(heads: Heads, chances: dict[str, float]) -> dict[str, float]:
    """Chances of the first-level classes: the sums of their categories."""
    domains: dict[str, float] = {}
    for code, chance in chances.items():
        domain = heads.domain_of[code]
        domains[domain] = domains.get(domain, 0.0) + chance
    return domains


def _best(model: LogisticRegression, vector: np.ndarray) -> tuple[str, float]:
    chances = model.predict_proba(vector[np.newaxis, :])[0]
    at = int(np.argmax(chances))
    return str(model.classes_[at]), float(chances[at])


def _fit(texts: Sequence[str], labels: Sequence[str], C: float = 20.0, weight: str | None = "balanced") -> Any:
    return LogisticRegression(C=C, max_iter=400, class_weight=weight, tol=1e-3).fit(encode(texts), labels)


def _intents(nlu: Path) -> tuple[list[str], list[str]]:
    texts, labels = [], []
    for file in sorted([*nlu.glob("zh/*.yml"), *nlu.glob("en/*.yml")]):
        for block in yaml.safe_load(file.read_text(encoding="utf-8"))["nlu"]:
            lines = [line.strip().removeprefix("-").strip() for line in block["examples"].splitlines()]
            texts += (kept := [line for line in lines if line])
            labels += [block["intent"]] * len(kept)
    return texts, labels


def _categories(county: County) -> tuple[list[str], list[str]]:
    """Examples, and the name with what belongs, of every category."""
    texts, labels = [], []
    for category in county.categories:
        told = [e for lines in category.examples.values() for e in lines]
        told += [f"{category.name['zh']}：{category.includes}" if category.includes else category.name["zh"]]
        texts += told
        labels += [category.code] * len(told)
    return texts, labels


def _danger_head(county: County, nlu: Path) -> SVC:
    """Danger to life against everything else that residents say, and what only sounds like it."""
    texts, labels = _intents(nlu)
    others = [*_categories(county)[0], *yaml.safe_load((LOOKUPS / "calm.yml").read_text(encoding="utf-8"))]
    truth = [label == "danger" for label in labels] + [False] * len(others)
    return SVC(C=10.0, gamma=4.0, class_weight="balanced").fit(encode([*texts, *others]), truth)


def composed(county: County) -> Iterator[list[str]]:
    """Messages whose matters are known, made of the examples of categories, to learn where matters part.

    Examples of different categories joined are several matters; one with something behind it that people say of any
    matter, or with commas of its own, is one.
    """
    chance = random.Random(SEED)
    for spoken, words in _marks().joins.items():
        told = [(c.code, line.rstrip("。.")) for c in county.categories for line in c.examples.get(spoken, ())]
        for _ in range(COMPOSED[spoken]):
            several = chance.sample(told, chance.choice((2, 2, 2, 3)))
            if len({code for code, _ in several}) == len(several):
                parts = [several[0][1]]
                for _, line in several[1:]:
                    before, lead = chance.choice(words["apart"]).split("|")
                    parts[-1] += before
                    parts.append(lead + line)
                yield parts
            _, one = chance.choice(told)
            yield [one + chance.choice(words["on"]) + chance.choice(words["tails"])]
        yield from ([line] for _, line in told if cuts(line))


def _topics() -> tuple[list[str], list[str]]:
    rows = [(asked, row["code"]) for row in _topic_rows() for asked in row["asked"]]
    return [asked for asked, _ in rows], [code for _, code in rows]

"""Free text in, a structured matter out: what kind, about what, where, since when, how pressing, how many matters."""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
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
from scipy.sparse import csr_matrix

from cases.county import County
from nlu import contacts, dangers
from nlu.encoder import LONGEST, encode
from nlu.kinds import Kinds
from nlu.language import language
from nlu.linear import Linear, Near, Wording
from nlu.matters import LETTER, Boundaries, Judges, Openings, bare, cuts, read_examples
from nlu.places import Gazetteer, Place
from nlu.times import since

LOOKUPS = Path(__file__).parent / "lookups"
BATCH = 64
#: score from which a message tells of danger to life, the same when its words are known for it, and the score from
#: which it may: then the resident is told whom to call
DANGER_SURE, DANGER_NAMED, DANGER_MAYBE = -0.25, -1.2, -0.55
#: messages of several matters that are composed for training, in each language
COMPOSED, SEED = {"zh": 300, "en": 100}, 20261125
#: how often the messages whose matters are known from life count beside those
KNOWN_WEIGH = 3
#: characters in which an angry resident vents before the matter itself is told
VENTED = 16
#: signals of what is said beside a matter: anger, and the fear to be known
NO_MATTERS = ("anger", "privacy")
#: intents whose examples tell one matter each
ONE_MATTER = frozenset({"report_problem", "consult_law", "danger", "praise", "suggest", "ask"})
#: the chances of so many categories are told too low; to this power they are as often right as they say
SHARPER = 2
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
#: kinds that tell several matters only where one of them surely is new
MAY_HOLD = frozenset({"question", "status"})
SURELY_NEW = 0.9
#: a part is no matter by itself only if its kind, which is none of those, is as sure
NO_MATTER = 0.8
#: from this chance of a legal matter on its field of law is told
LEGAL_MAYBE = 0.02
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
    kinds: Mapping[str, float]
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
    """The trained part: linear models over sentence vectors (n, 384) and n-grams."""

    wording: Wording
    kind: Kinds
    category: Linear
    topic: Linear
    domain_of: dict[str, str]
    boundaries: Boundaries
    danger: Near


@dataclass(frozen=True)
class Learnt:
    """What a county's own work orders taught: a model of the classes that occur there, over `features`."""

    domain: Linear
    wording: Wording

    def weigh(self, text: str, vector: np.ndarray, chances: dict[str, float]) -> dict[str, float]:
        """Chances of all classes; those that the orders never held keep what they had."""
        share = sum(chances.get(code, 0.0) for code in self.domain.classes)
        own = self.domain.by_class(features(vector, chances), self.wording.of([text]))
        return chances | {code: share * chance for code, chance in own.items()}


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
        (texts, intents), (orders, categories), (asked, topics) = _intents(nlu), _categories(county), _topics()
        wording = Wording().fit([*texts, *orders, *asked])
        domain_of = {c.code: c.domain for c in county.categories}
        said, told, put = encode(texts), encode(orders), wording.of(texts)
        with ThreadPoolExecutor(1) as beside:
            danger = beside.submit(_danger_head, county, nlu, wording)
            judges = Judges(
                category_of_meaning=Linear(30.0, None, 40).fit(told, categories),
                intent_of_meaning=Linear().fit(said, intents),
                category=Linear(30.0, None, 40).fit(told, categories, wording.of(orders)),
                kind=Kinds().fit(said, put, [KINDS.get(intent, SMALLTALK) for intent in intents]),
                wording=wording,
                domain_of=domain_of,
            )
            known = read_examples()
            single = [t for t, intent in zip(texts, intents, strict=True) if intent in ONE_MATTER]
            openings = Openings().fit([*orders, *single, *(part for parts in known for part in parts)])
            alone = [[text] for text in single if cuts(text)]
            heads = Heads(
                wording,
                kind=judges.kind,
                category=judges.category,
                topic=Linear().fit(encode(asked), topics, wording.of(asked)),
                domain_of=domain_of,
                boundaries=Boundaries(judges, openings).fit([*known * KNOWN_WEIGH, *alone, *composed(county)]),
                danger=danger.result(),
            )
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
            vectors = encode([contacts.without_phones(words) for words in whole])
            for words, vector in zip(whole, vectors, strict=True):
                yield self._read(words, vector)

    def _read(self, words: str, vector: np.ndarray) -> Reading:
        spoken, wording = language(words), self.heads.wording.of([contacts.without_phones(words)[:LONGEST]])
        danger, danger_maybe = self._danger(words, spoken, vector, wording)
        kinds = self.heads.kind.chances(words, vector, wording)
        kind = max(kinds, key=kinds.__getitem__)
        sure = kinds[kind]
        if danger is not None:
            kind, sure = "complaint", 1.0
        domain, category, category_sure = self._category(words, vector, wording)
        when = since(words, datetime.now(timezone.utc).astimezone(self._zone))
        marks = _marks()
        return Reading(
            kind=kind,
            kind_confidence=sure,
            kinds=kinds,
            domain=domain,
            category=category,
            category_confidence=category_sure,
            emergency=danger is not None,
            danger=danger,
            danger_maybe=danger_maybe,
            matters=self._matters(words, domain, category, kind),
            place=self._places.read(words),
            contact=contacts.phone(words),
            since=when.at if when else None,
            since_said=when.said if when else None,
            case_number=contacts.case_number(words),
            rating=contacts.rating(words) if len(words) <= 40 else None,
            fields=tuple(f for f, p in marks.fields.items() if p.search(words)) if marks.change.search(words) else (),
            language=spoken,
            legal_topic=_best(self.heads.topic.by_class(vector, wording)),
            signals=tuple(code for code, pattern in marks.signals.items() if pattern.search(words)),
            confidence=min(sure, 0.99),
        )

    def _danger(self, words: str, spoken: str, vector: np.ndarray, wording: csr_matrix) -> tuple[str | None, bool]:
        """What danger to life a message tells of now, and whether it may tell of one.

        Words known for it count as far as the whole sounds like it, where the language was taught. A letter, and what
        speaks of a drill or a film, is heard for such words alone.
        """
        named = dangers.danger(words)
        if spoken not in TAUGHT:
            return named, False
        heard = self.heads.danger.score(vector, wording)
        if named is not None and heard >= DANGER_NAMED:
            return named, False
        if len(words) > dangers.LONG or dangers.calm(words):
            return None, named is not None
        return (dangers.OTHER, False) if heard >= DANGER_SURE else (None, named is not None or heard >= DANGER_MAYBE)

    def _category(self, words: str, vector: np.ndarray, wording: csr_matrix) -> tuple[str, str, float]:
        """The first-level class by the sum of its categories, then its best category, and how sure that is."""
        chances = self.heads.category.by_class(vector, wording)
        domains = self._domains(words, vector, chances)
        domain = max(domains, key=domains.__getitem__)
        category = max((c for c in chances if self.heads.domain_of[c] == domain), key=chances.__getitem__)
        return domain, category, chances[category] ** SHARPER / sum(chance**SHARPER for chance in chances.values())

    def domains(self, words: str, vector: np.ndarray) -> dict[str, float]:
        """Chances of the first-level classes, with what the county's own orders taught where there are any."""
        wording = self.heads.wording.of([words[:LONGEST]])
        return self._domains(words, vector, self.heads.category.by_class(vector, wording))

    def _domains(self, words: str, vector: np.ndarray, categories: dict[str, float]) -> dict[str, float]:
        found = domain_chances(self.heads, categories)
        learnt = self._known()
        return learnt.weigh(words, vector, found) if learnt else found

    def _matters(self, words: str, domain: str, category: str, kind: str) -> tuple[MatterPart, ...]:
        """The message cut where a new matter begins; joined, the parts are the message.

        What is no matter by itself, or, unless it surely is a new one, of the same category as the part before it, goes
        on with that. A message that asks, or follows a case, is one unless it surely is not.
        """
        parts = self.heads.boundaries.split(words) if kind in (*OF_MATTERS, *MAY_HOLD) else [(words, 1.0)]
        if kind in MAY_HOLD and min(new for _, new in parts) < SURELY_NEW:
            parts = [(words, 1.0)]
        apart: list[MatterPart] = []
        lead, letter = "", len(words) > LETTER
        told = [bare(part) or part for part, _ in parts]
        for (part, new), words_here, vector in zip(parts, told, encode(told), strict=True) if parts[1:] else ():
            wording = self.heads.wording.of([words_here])
            domain_here, category_here, _ = self._category(words_here, vector, wording)
            kinds = self.heads.kind.chances(words_here, vector, wording)
            kind = _best(kinds)
            vents = len(words_here) <= VENTED and any(_marks().signals[code].search(words_here) for code in NO_MATTERS)
            matter = (kind in (*OF_MATTERS, "question") or kinds[kind] < NO_MATTER) and not vents
            same = (
                apart
                and (new < SURELY_NEW or letter)
                and (domain_here if letter else category_here) == (apart[-1].domain if letter else apart[-1].category)
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
        "legal_topic": _topic_names()[reading.legal_topic] if reading.legal_topic and maybe_legal(reading) else None,
        "confidence": round(reading.confidence, 4),
    }


def maybe_legal(reading: Reading) -> bool:
    """Whether law may be wanted: people tell a dispute as a complaint, and ask of it as of anything."""
    return reading.kind == "legal" or reading.kinds["legal"] >= LEGAL_MAYBE


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


def domain_chances(heads: Heads, chances: dict[str, float]) -> dict[str, float]:
    """Chances of the first-level classes: the sums of their categories."""
    domains: dict[str, float] = {}
    for code, chance in chances.items():
        domain = heads.domain_of[code]
        domains[domain] = domains.get(domain, 0.0) + chance
    return domains


def _best(chances: dict[str, float]) -> str:
    return max(chances, key=chances.__getitem__)


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


def _danger_head(county: County, nlu: Path, wording: Wording) -> Near:
    """Danger to life against everything else that residents say, and what only sounds like it."""
    texts, labels = _intents(nlu)
    others = [*_categories(county)[0], *yaml.safe_load((LOOKUPS / "calm.yml").read_text(encoding="utf-8"))]
    truth = [label == "danger" for label in labels] + [False] * len(others)
    every = [*texts, *others]
    return Near().fit(encode(every), wording.of(every), truth)


def composed(county: County) -> Iterator[list[str]]:
    """Messages whose matters are known, made of the examples of categories, to learn where matters part.

    Examples of different categories joined are several matters; one with something before or behind it that people say
    of any matter, or with commas of its own, is one.
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
            yield [chance.choice(words["fore"]) + chance.choice(words["on"][:3]) + one]
        yield from ([line] for _, line in told if cuts(line))


def _topics() -> tuple[list[str], list[str]]:
    rows = [(asked, row["code"]) for row in _topic_rows() for asked in row["asked"]]
    return [asked for asked, _ in rows], [code for _, code in rows]

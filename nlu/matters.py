"""Finds where, inside one message, one matter ends and the next begins."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import yaml
from sklearn.ensemble import HistGradientBoostingClassifier

from nlu.encoder import encode
from nlu.kinds import Kinds
from nlu.linear import Linear, Wording

LOOKUP = Path(__file__).parent / "lookups" / "matters.yml"
AROUND = " ,，.。!！?？;；:：、\n"
#: a piece shorter than this belongs to the next one
PIECE_LEAST = 4
#: a matter is told in at least so many characters
MATTER_LEAST = 5
#: probability from which a message is cut: to ask about two matters that are one annoys more than to overlook one
SURE = 0.5
#: the same where nothing marks the place
SURE_BARE = 0.85
#: places where a message may be cut; a letter has more sentences, but its matters are announced
CUTS_MOST = 14
NUMBERED = re.compile(
    r"(?:^|(?<=[\n。；;，,：: ]))\s*(?:[一二三四五六]\s*[、是]|\d{1,2}\s*[、.．)）]|[（(][一二三四五六\d][)）]|"
    r"第[一二三四五六][个件，、是]?|(?:firstly|secondly|thirdly|first|second|third)[,:])",
    re.IGNORECASE,
)
ADDED = re.compile(
    r"另外|还有(?:就是|一?个?(?:事|问题|件事))?|再(?:一个|就是|有)|此外|同时(?:还)?反映|顺便|然后(?:就是)?|其[二三次]|二个是|二来|第[二三四五六][个件]?(?:事|问题)?|"
    r"\b(?:also|another (?:thing|problem)|besides|on top of that|and then|plus|while i am at it|by the way)\b",
    re.IGNORECASE,
)
ENDS = re.compile(r"[。！!？?；;\n]+|(?<=[a-z])\.\s")
COMMAS = re.compile(r"[，,、]+\s*|\s{1,}(?=[\u4e00-\u9fff])")
#: where voice typing leaves no sign at all, a new matter often begins so
BARE = re.compile(
    r"(?<=[\u4e00-\u9fff])(?:我们|我家|我屋里|村[里口]|那个|小区|[门路]口|楼[上下道]|隔壁|旁边|学校|医院|上面的)|\band\b",
    re.IGNORECASE,
)
BARE_FROM = 18
#: a longer message is a letter: it argues, and its matters, if there are several, are announced
LETTER, SURE_IN_LETTERS = 90, 0.93
#: a phone number soon after a cut: how to reach the resident is no matter of its own
NUMBER = re.compile(r"\d[\d -]{6,}")
NUMBER_WITHIN = 20


@dataclass(frozen=True)
class Cut:
    """A place where a message may be cut. `at`: index of the first character after it; `kind`: how it is marked."""

    at: int
    kind: str


#: intents that tell whether a piece states a matter of its own or only goes on with one
TELLING = ("report_problem", "suggest", "ask", "consult_law", "inform", "urge", "add_to_case", "correct", "human")
KINDS = ("numbered", "added", "end", "comma", "bare")
#: kinds of message that a piece may be by itself
OWN_KINDS = ("complaint", "question", "legal", "status", "suggestion", "smalltalk")


def cuts(text: str) -> list[Cut]:
    """Where the message may be cut, in order; every piece between two cuts has at least PIECE_LEAST characters."""
    found: dict[int, str] = {}
    for kind, pattern in (("comma", COMMAS), ("end", ENDS)):
        found |= {match.end(): kind for match in pattern.finditer(text)}
    for kind, pattern in (("added", ADDED), ("numbered", NUMBERED)):
        found |= {match.end() - len(match.group().lstrip()): kind for match in pattern.finditer(text)}
    edges = sorted({0, *found, len(text)})
    for start, end in zip(edges, edges[1:], strict=False):
        if end - start >= BARE_FROM:
            found |= {start + m.start(): "bare" for m in BARE.finditer(text[start:end]) if m.start() >= PIECE_LEAST}
    kept: list[Cut] = []
    for at in sorted(found):
        too_near = at - (kept[-1].at if kept else 0) < PIECE_LEAST
        if len(text.rstrip()) - at < PIECE_LEAST or (too_near and not kept):
            continue
        if too_near and KINDS.index(found[at]) >= KINDS.index(kept[-1].kind):
            continue
        if too_near:
            kept.pop()
        kept.append(Cut(at, found[at]))
    if len(kept) > CUTS_MOST:
        order = sorted(range(len(kept)), key=lambda i: (KINDS.index(kept[i].kind), i))[:CUTS_MOST]
        kept = [kept[i] for i in sorted(order)]
    return kept


def pieces(text: str, at: Sequence[Cut]) -> list[str]:
    """The message cut there; joined, the pieces are the message."""
    edges = [0, *(cut.at for cut in at), len(text)]
    return [text[a:b] for a, b in zip(edges, edges[1:], strict=False)]


@dataclass(frozen=True)
class Judges:
    """Fitted heads that look at a piece of a message. The first two look at vectors alone, as those of several pieces
    are averaged; the others look at n-grams of `wording` too."""

    category_of_meaning: Linear
    intent_of_meaning: Linear
    category: Linear
    kind: Kinds
    wording: Wording
    domain_of: dict[str, str]


class Openings:
    """Says whether a piece opens a matter or goes on with one; learnt from messages that tell one matter each."""

    def fit(self, messages: Iterable[str]) -> Openings:
        """The first piece of each opens it, the rest go on."""
        told: list[str] = []
        opens: list[str] = []
        for message in messages:
            parts = pieces(message, [cut for cut in cuts(message) if cut.kind in ("comma", "end")])
            told += [bare(part) for part in parts]
            opens += [str(True), *[str(False)] * (len(parts) - 1)]
        self._wording = Wording().fit(told)
        self._model = Linear(10.0).fit(encode(told), opens, self._wording.of(told))
        return self

    def chances(self, bare_pieces: Sequence[str], vectors: np.ndarray) -> np.ndarray:
        """(n,) probabilities that each opens a matter."""
        told = self._model.chances(vectors, self._wording.of(bare_pieces))
        return told[:, self._model.classes.index(str(True))]


class Boundaries:
    """Says how likely a new matter begins at each cut; learnt from messages whose matters are known."""

    def __init__(self, judges: Judges, openings: Openings) -> None:
        """Both are fitted."""
        self._judges, self._openings = judges, openings
        names = [judges.domain_of[code] for code in judges.category.classes]
        domains = sorted(set(names))
        self._sum = np.array([[name == domain for domain in domains] for name in names], dtype=np.float32)
        self._model = HistGradientBoostingClassifier(
            max_iter=150, learning_rate=0.06, max_leaf_nodes=12, random_state=0
        )

    def fit(self, messages: Iterable[Sequence[str]]) -> Boundaries:
        """`messages`: each as the list of its matters, which joined are the message."""
        rows: list[np.ndarray] = []
        labels: list[bool] = []
        for parts in messages:
            text = "".join(parts)
            if not (at := cuts(text)):
                continue
            edges = np.cumsum([len(part) for part in parts])[:-1]
            rows.append(self._features(text, at))
            labels += [bool(len(edges)) and bool(np.min(np.abs(edges - cut.at)) <= 1) for cut in at]
        truth = np.array(labels)
        self._model.fit(np.vstack(rows), truth, sample_weight=np.where(truth, 1 - truth.mean(), truth.mean()))
        return self

    def split(self, text: str) -> list[tuple[str, float]]:
        """The matters of a message, in order and verbatim, each with how likely it is a new one (the first: 1); one
        that tells a single matter stays whole."""
        at = cuts(text)
        if not at:
            return [(text, 1.0)]
        chances = self.chances(text, at)
        kept: list[Cut] = []
        new = [1.0]
        for cut, chance in zip(at, chances, strict=True):
            before, behind = text[kept[-1].at if kept else 0 : cut.at], text[cut.at :]
            announced = cut.kind in ("numbered", "added") and chance >= SURE_IN_LETTERS
            sure = announced if len(text) > LETTER else chance >= (SURE_BARE if cut.kind == "bare" else SURE)
            if sure and _tells(before) and _tells(behind) and not NUMBER.search(behind[:NUMBER_WITHIN]):
                kept.append(cut)
                new.append(float(chance))
        return list(zip(pieces(text, kept), new, strict=True))

    def chances(self, text: str, at: Sequence[Cut]) -> np.ndarray:
        """(len(at),) probabilities that a new matter begins there."""
        return np.asarray(self._model.predict_proba(self._features(text, at))[:, 1])

    def _features(self, text: str, at: Sequence[Cut]) -> np.ndarray:
        """(len(at), f): how unlike both sides are, what each is by itself, and how the cut is marked."""
        cut = [piece.strip() for piece in pieces(text, at)]
        told, judges = _told(cut), self._judges
        vectors = encode(told)
        by_itself = self._by_itself(told, vectors)
        rows = []
        for i, here in enumerate(at):
            left, right = _unit(vectors[max(0, i - 1) : i + 1]), _unit(vectors[i + 1 : i + 3])
            near, far = _unit(vectors[i + 1 : i + 2]), _unit(vectors[: i + 1])
            intents = judges.intent_of_meaning.by_class(near)
            rows.append(
                [
                    *self._unlike(left, right), *self._unlike(_unit(vectors[i : i + 1]), near), float(far @ right),
                    *(here.kind == kind for kind in KINDS), here.kind == "end" and bool(ADDED.match(cut[i + 1])),
                    min(len(cut[i + 1]), 60) / 60, min(len(text), 400) / 400, len(at) / CUTS_MOST, i / max(1, len(at)),
                    *(intents.get(intent, 0.0) for intent in TELLING), *self._beside(by_itself, i),
                ]
            )  # fmt: skip
        return np.array(rows, dtype=np.float32)

    def _unlike(self, left: np.ndarray, right: np.ndarray) -> list[float]:
        chances = self._judges.category_of_meaning.chances(np.vstack([left, right]))
        domains = chances @ self._sum
        return [
            float(left @ right),
            float(np.sqrt(chances[0] * chances[1]).sum()),
            float(np.sqrt(domains[0] * domains[1]).sum()),
            float(chances.max(axis=1).min()),
            float(chances[0].argmax() == chances[1].argmax()),
            float(domains[0].argmax() == domains[1].argmax()),
        ]

    def _by_itself(self, cut: Sequence[str], vectors: np.ndarray) -> _Pieces:
        wording = self._judges.wording.of(cut)
        categories = self._judges.category.chances(vectors, wording)
        kinds = [self._judges.kind.chances(*one) for one in zip(cut, vectors, wording, strict=True)]
        return _Pieces(
            self._openings.chances(cut, vectors), categories, categories @ self._sum,
            np.array([[kind[code] for code in OWN_KINDS] for kind in kinds]),
        )  # fmt: skip

    @staticmethod
    def _beside(told: _Pieces, i: int) -> list[float]:
        """What the piece after cut i is by itself, and how far the pieces before it tell of the same."""
        opens, before = float(told.opens[i + 1]), slice(max(0, i - 1), i + 1)
        categories, domains = told.categories @ told.categories[i + 1], told.domains @ told.domains[i + 1]
        told_before = float(domains[: i + 1].max())
        return [
            opens, float(told.opens[i]), float(categories[i]), float(categories[before].max()), float(domains[i]),
            told_before, float(told.categories[i].max()), float(told.categories[i + 1].max()),
            float(told.domains[i].max()), float(told.domains[i + 1].max()), *told.kinds[i + 1], *told.kinds[i],
            opens * (1 - told_before),
        ]  # fmt: skip


@dataclass(frozen=True)
class _Pieces:
    """Of n pieces, each by itself: (n,) whether it opens a matter, (n, categories), (n, domains), (n, OWN_KINDS)."""

    opens: np.ndarray
    categories: np.ndarray
    domains: np.ndarray
    kinds: np.ndarray


def read_examples(file: Path = LOOKUP) -> list[list[str]]:
    """Messages with their matters, from the lookup."""
    messages: list[list[str]] = yaml.safe_load(file.read_text(encoding="utf-8"))
    return messages


def bare(piece: str) -> str:
    """A piece without the word that joins it to what was before, and without punctuation around it."""
    piece = piece.strip()
    joining = ADDED.match(piece) or NUMBERED.match(piece)
    return (piece[joining.end() :] if joining else piece).strip(AROUND)


def looked_at(text: str) -> list[str]:
    """The pieces whose vectors are asked for when the message is split."""
    at = cuts(text)
    return _told([piece.strip() for piece in pieces(text, at)]) if at else []


def _told(cut: Sequence[str]) -> list[str]:
    return [bare(piece) or piece for piece in cut]


def _tells(words: str) -> bool:
    """Whether there is enough in them for a matter, beside the word that joins it to another."""
    return len(NUMBERED.sub("", ADDED.sub("", words)).strip(AROUND)) >= MATTER_LEAST


def _unit(vectors: np.ndarray) -> np.ndarray:
    mean = vectors.mean(axis=0)
    return np.asarray(mean / max(1e-6, float(np.linalg.norm(mean))))

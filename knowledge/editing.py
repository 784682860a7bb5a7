"""How staff change what the bot says: write, try out, sign off; with what was asked in vain as the work list."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from sklearn.cluster import AgglomerativeClustering

from knowledge.check import COUNTY, SHIPPED, Fault, Standard, fault, faults_of
from knowledge.form import FormError, body_of, flat
from knowledge.guides import LISTS, Guide, GuideError, read_guide
from knowledge.library import GUIDE_SURE, Library, read_yaml
from knowledge.live import COUNTY as COUNTY_PATH
from knowledge.live import Live
from knowledge.shelf import WAITING, Question, ShelfRefused, Text

#: questions whose cosines are nearer than this on average are one line of the work list
ALIKE = 0.10
MOST_CLUSTERED = 2000


class EditRefused(ValueError):
    """A text that can't go up or go live; `faults` say why, nothing has changed."""

    def __init__(self, faults: Sequence[Fault]) -> None:
        super().__init__("; ".join(found.told("en") for found in faults))
        self.faults = tuple(faults)


@dataclass(frozen=True)
class Asked:
    """Questions that mean about the same, the newest first."""

    questions: tuple[Question, ...]

    @property
    def numbers(self) -> str:
        """Their ids as a form carries them."""
        return ",".join(str(question.id) for question in self.questions)


class Editor:
    """Everything staff may do with knowledge."""

    def __init__(self, live: Live, today: Callable[[], date] = date.today) -> None:
        self.live, self._today = live, today
        self._labels = set(read_yaml("blanks.yml"))
        #: what was found due in which library on which day: hundreds of guides are not checked for every look at a page
        self._checked: tuple[Library, date, list[tuple[Guide, list[Fault]]]] | None = None

    # --- the work list -------------------------------------------------------------------------------------------

    def asked(self) -> list[Asked]:
        """What was asked in vain and is not dealt with, in groups of one meaning, the largest first."""
        found = self.live.shelf.open_questions()[-MOST_CLUSTERED:]
        if len(found) < 2:
            return [Asked((question,)) for question in found]
        vectors = self.live.library.vectors([question.text for question in found])
        grouping = AgglomerativeClustering(None, affinity="cosine", linkage="average", distance_threshold=ALIKE)
        groups: dict[int, list[Question]] = {}
        for group, question in zip(grouping.fit_predict(vectors), found, strict=True):
            groups.setdefault(int(group), []).append(question)
        ordered = [Asked(tuple(sorted(group, key=lambda q: -q.id))) for group in groups.values()]
        return sorted(ordered, key=lambda group: (-len(group.questions), -group.questions[0].id))

    def due(self) -> list[tuple[Guide, list[Fault]]]:
        """Answers that need another look: a review that is due, a source that changed."""
        library, day = self.live.library, self._today()
        if self._checked is None or self._checked[:2] != (library, day):
            codes = {guide.code for guide in library.guides.guides}
            checked = [(guide, self.faults(guide, codes)) for guide in library.guides.guides]
            self._checked = library, day, [(guide, found) for guide, found in checked if found]
        return self._checked[2]

    def faults(self, guide: Guide, codes: set[str] | None = None) -> list[Fault]:
        """What is wrong with a guide today, by the standard of who wrote it."""
        library = self.live.library
        known = codes or {other.code for other in library.guides.guides}
        standard: Standard = COUNTY if guide.path == COUNTY_PATH else SHIPPED
        return list(faults_of(guide, library.statutes, known | {guide.code}, self._labels, self._today(), standard))

    # --- one text ------------------------------------------------------------------------------------------------

    def fields(self, code: str) -> tuple[str, dict[str, str]]:
        """(kind, flat fields) of the answer in use. Raises KeyError for an unknown code."""
        guide = self.live.library.guide(code)
        if guide is None:
            raise KeyError(code)
        return guide.kind, flat(as_body(guide), guide.kind)

    def propose(
        self, fields: Mapping[str, str], kind: str, code: str | None, question: str, author: str,
        settles: Sequence[int] = (),
    ) -> Text:  # fmt: skip
        """Puts a text up for signing. Raises EditRefused, and nothing has changed."""
        body = self.ready(fields, kind, code, question)
        return self.live.shelf.write(code, kind, body, question, author, settles)

    def ready(self, fields: Mapping[str, str], kind: str, code: str | None, question: str) -> dict[str, Any]:
        """The body of a text that may go up. Raises EditRefused with everything that is wrong."""
        body, guide = self.read(fields, kind, code)
        found = self.faults(guide) + self.faults_of_question(guide, question)
        if found:
            raise EditRefused(found)
        return body

    def read(self, fields: Mapping[str, str], kind: str, code: str | None) -> tuple[dict[str, Any], Guide]:
        """(body, guide) of flat fields. Raises EditRefused for what can't be read."""
        try:
            body = body_of(fields, kind, code, self._today())
            return body, read_guide({**body, "code": code or "new"}, kind, COUNTY_PATH)
        except FormError as wrong:
            raise EditRefused([Fault(wrong.code, wrong.blanks)]) from wrong
        except GuideError as wrong:
            raise EditRefused([fault("field_missing", field=str(wrong))]) from wrong

    def faults_of_question(self, guide: Guide, question: str) -> list[Fault]:
        """A trial question must be there, must not be given away by the ways of asking, and must find its answer."""
        if not question.strip():
            return [fault("question_missing")]
        if question.strip() in guide.lines("asked", "zh") + guide.lines("asked", "en"):
            return [fault("question_is_a_phrase")]
        return self.try_out(guide, question)

    def try_out(self, guide: Guide, question: str) -> list[Fault]:
        """Whether the question finds the guide once it is in use."""
        library = self.live.library
        own = [g for g in library.guides.guides if g.path == COUNTY_PATH and g.code != guide.code]
        best = library.with_county([*own, guide], {}).guides.find(question, 1)[0]
        if best.guide.code != guide.code:
            return [fault("not_found_by_question", question=question, title=best.guide.text("title", "zh"))]
        return [] if best.score >= GUIDE_SURE else [fault("nothing_found_by_question", question=question)]

    def sign(self, number: int, by: str) -> Text:
        """Makes a text live at once. Raises EditRefused when it no longer passes, ShelfRefused when it may not be."""
        text = self.live.shelf.text(number)
        guide = read_guide(text.body, text.kind, COUNTY_PATH)
        if text.author == by:
            raise ShelfRefused("own_text")
        found = self.faults(guide) + self.try_out(guide, text.question)
        if found:
            raise EditRefused(found)
        self.live.shelf.sign(number, by)
        self.live.look()
        return text

    def waiting(self) -> list[Text]:
        """Texts that wait for a second person."""
        return self.live.shelf.in_state(WAITING)


def as_body(guide: Guide) -> dict[str, Any]:
    """A guide as in its file."""
    return {
        "code": guide.code,
        "group": guide.group,
        **{
            name: {lang: list(lines) if name in LISTS else "\n".join(lines) for lang, lines in words.items() if lines}
            for name, words in guide.words.items()
        },
        "grounds": [{"law": g.law, "article": g.article, "says": dict(g.says)} for g in guide.grounds],
        "hotlines": list(guide.hotlines),
        "related": list(guide.related),
        "source": {name: str(value) for name, value in guide.source.items()},
        "checked": guide.checked,
        "review": guide.review,
    }

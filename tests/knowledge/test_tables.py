"""The tables that clerks may edit: everyday words, names of laws, follow-ups, wording."""

from __future__ import annotations

import string
from datetime import date
from pathlib import Path

import pytest

from knowledge.asked import Questions, load_asked, read_asked
from knowledge.check import asked_faults, plain_word_faults
from knowledge.library import Library, read_yaml
from knowledge.statutes import IN_FORCE, Statutes
from knowledge.words import LayTerms, load_plain_words
from tests.knowledge.conftest import TODAY

TERMS = LayTerms.load().terms


def test_the_everyday_words_of_articles_all_stand_on_articles_in_force(statutes: Statutes) -> None:
    assert list(plain_word_faults(load_plain_words(), statutes, TODAY)) == []


def test_the_questions_of_articles_all_stand_on_articles_that_are_law_while_they_count(statutes: Statutes) -> None:
    assert list(asked_faults(read_asked(), statutes, TODAY)) == []
    assert sum(map(len, load_asked({}, TODAY).values())) > 10_000


def test_everyday_words_and_questions_for_an_article_that_is_not_there_are_a_fault(statutes: Statutes) -> None:
    words = {("民法典", 1261): "没有", ("噪声污染防治法", 61): "废了", ("民法典", 1): ""}
    assert len(list(plain_word_faults(words, statutes, TODAY))) == 3
    files = [Questions("民法典", {1261: ["没有"], 1: [], 2: [" "]}), Questions("噪声污染防治法", {61: ["废了"]})]
    assert len(list(asked_faults(files, statutes, TODAY))) == 4


def test_questions_of_a_text_that_lapses_count_until_then_and_must_say_so(statutes: Statutes) -> None:
    lapses = statutes.lapses("商标法", TODAY)
    old, silent = Questions("商标法", {3: ["商标"]}, until=str(lapses)), Questions("商标法", {3: ["商标"]})
    assert lapses and list(asked_faults([old], statutes, TODAY)) == []
    assert len(list(asked_faults([silent], statutes, TODAY))) == 1
    assert old.count_on(TODAY) and not old.count_on(date.fromisoformat(lapses))


def test_an_article_is_found_by_its_everyday_words_alone(library: Library) -> None:
    assert library.search._plain[("民法典", 1254)]
    assert ("民法典", 1042) in [(s.law, s.article) for s in library.law("彩礼退不退", 3)]


@pytest.mark.parametrize("term", TERMS, ids=lambda term: term.means)
def test_every_law_that_an_everyday_word_points_to_is_in_force(statutes: Statutes, term: object) -> None:
    assert [law for law in term.laws if statutes.status(law, TODAY) != IN_FORCE] == []  # type: ignore[attr-defined]


def test_every_everyday_word_is_recognised_in_a_sentence() -> None:
    lay = LayTerms.load()
    for entry in read_yaml("lay_terms.yml"):
        for word in entry["said"]:
            said = word.replace("…", "的")
            sentence = f"well, {said}, you know" if word.isascii() else f"请问{said}怎么办"
            assert entry["means"] in lay.expand(sentence).terms, word


def test_no_everyday_word_stands_in_two_entries() -> None:
    said = [word for entry in read_yaml("lay_terms.yml") for word in entry["said"]]
    assert sorted({word for word in said if said.count(word) > 1}) == []


def test_every_other_name_of_a_law_leads_to_it(library: Library) -> None:
    known = {*library.statutes.versions, *library._laws.repeals}
    for law, others in read_yaml("law_names.yml")["short"].items():
        assert law in known, law
        for name in others:
            asked = f"{name} article 1" if name.isascii() else f"{name}第一条"
            assert [one.law for one in library._names.named(asked)] == [law], name


def test_every_sentence_exists_in_both_languages_with_the_same_blanks() -> None:
    fields = string.Formatter()
    for code, words in read_yaml("wording.yml").items():
        blanks = [{name.split(":")[0] for _, name, _, _ in fields.parse(words[lang]) if name} for lang in ("zh", "en")]
        assert blanks[0] - {"label", "number"} == blanks[1] - {"label", "number"}, code


def test_what_residents_ask_about_is_packed_with_its_vectors(library: Library) -> None:
    rows = library.search.asked_about()
    assert Path(read_yaml.__code__.co_filename).with_name("vectors.npz").exists()
    assert library.search._known[rows].mean() > 0.9


def test_every_law_that_a_guide_stands_on_has_an_english_name(library: Library) -> None:
    laws = {ground.law for guide in library.guides.guides for ground in guide.grounds}
    assert (
        sorted(
            law for law in laws if not library.law_name(law, "en").isascii() and "’" not in library.law_name(law, "en")
        )
        == []
    )

"""The search: words first, meaning as it arrives, and how well both find what lay people ask about."""

from __future__ import annotations

import json
import time
from pathlib import Path

import numpy as np
import pytest

from knowledge.law_search import LawSearch
from knowledge.library import Library
from knowledge.meaning import Meaning
from knowledge.statutes import Statutes
from knowledge.words import LayTerms, load_plain_words
from tests.knowledge.conftest import TODAY


def search_without_vectors(statutes: Statutes, var: Path, folder: Path) -> LawSearch:
    """A search on an installation that has neither learnt nor got anything packed, over the index that is there."""
    meaning = Meaning(folder, packed=folder / "none.npz")
    return LawSearch(statutes, meaning, var / "index", LayTerms.load(), load_plain_words(), TODAY)


def test_words_alone_find_articles_while_nothing_is_learnt(
    library: Library, statutes: Statutes, var: Path, tmp_path: Path
) -> None:
    search = search_without_vectors(statutes, var, tmp_path)
    hits = search.find("借婚姻索取的彩礼能不能要回来", 3, TODAY)
    assert search.learnt == 0.0 and not hits[0].known
    assert 1042 in [article.number for hit in hits if (article := statutes.by_id(hit.article_id, TODAY))]


def test_what_another_process_learns_is_taken_up_while_running(
    library: Library, statutes: Statutes, var: Path, tmp_path: Path
) -> None:
    running, learner = (search_without_vectors(statutes, var, tmp_path) for _ in range(2))
    told: list[tuple[int, int]] = []
    learner.learn(TODAY, lambda done, of: told.append((done, of)), most=8)
    assert told[-1] == (8, 8) and learner.learnt > 0
    running.find("房东不退押金", 1, TODAY)
    for _ in range(100):
        if running.learnt > 0:
            break
        time.sleep(0.05)
    assert running.learnt == learner.learnt


def test_what_residents_ask_about_is_learnt_first(library: Library) -> None:
    first = library.search.wanted()[: len(library.search.asked_about())]
    assert set(first) == set(library.search.asked_about())


def test_the_index_is_built_once_and_then_loaded(library: Library, var: Path) -> None:
    before = {path.name: path.stat().st_mtime_ns for path in (var / "index").glob("articles-*/done")}
    assert before
    Library.open(var, today=lambda: TODAY)
    assert {path.name: path.stat().st_mtime_ns for path in (var / "index").glob("articles-*/done")} == before


def test_every_found_article_is_in_force_and_found_once(library: Library) -> None:
    found = [(source.law, source.article) for source in library.law("离婚财产怎么分", 30)]
    assert len(found) == len(set(found))
    assert all(library.statutes.article(str(law), int(number or 0), TODAY).in_force for law, number in found)  # type: ignore[union-attr]


def test_a_law_that_is_named_comes_first(library: Library) -> None:
    assert library.law("劳动合同法里加班怎么规定", 3)[0].law == "劳动合同法"
    assert library.law("劳动法里加班怎么规定", 3)[0].law == "劳动法"


def test_lay_questions_find_their_articles(library: Library, shared: Path) -> None:
    """Every fifth development question; the figures that count are of a set kept elsewhere."""
    lines = (shared / "law" / "lay_questions_dev.jsonl").read_text("utf-8").splitlines()[::5]
    ranks = []
    for row in map(json.loads, lines):
        gold = {(one["law"], one["article"]) for one in row["gold"]}
        found = [(source.law, source.article) in gold for source in library._find_law(row["text"], 10)[1]]
        ranks.append(found.index(True) + 1 if True in found else 99)
    at = {top: float(np.mean(np.array(ranks) <= top)) for top in (1, 5, 10)}
    assert at[1] > 0.42 and at[5] > 0.62 and at[10] > 0.68, at


@pytest.mark.parametrize(("language", "least"), [("zh", 0.9), ("en", 0.8)])
def test_off_topic_talk_is_declined(library: Library, shared: Path, language: str, least: float) -> None:
    """By the library alone; in the chat the intent is read first, and most of this never comes here."""
    lines = (shared / "dialogue" / "off_topic_dev.jsonl").read_text("utf-8").splitlines()
    talk = [row["text"] for row in map(json.loads, lines) if row["language"] == language]
    declined = [library.answer(text, language).declined for text in talk]
    assert np.mean(declined) > least

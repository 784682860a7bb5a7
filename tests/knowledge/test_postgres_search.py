"""The search of the law on a real PostgreSQL with pgvector: the same finds, changes seen, what is missing told."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from knowledge.law_search import LawSearch
from knowledge.library import LAW_FOR_ADVICE, Library
from knowledge.meaning import Meaning
from knowledge.passage_store import Law, Passage, PassageStore, SearchUnavailable, connected
from knowledge.postgres_search import PostgresSearch
from knowledge.statutes import Statutes
from knowledge.words import LayTerms, load_plain_words
from tests.cases.conftest import postgresql  # noqa: F401 - a server without pgvector
from tests.knowledge.conftest import TODAY
from tests.pgvector import server

QUESTIONS = (
    "借婚姻索取的彩礼能不能要回来",
    "楼上扔东西砸到人找不到是谁扔的怎么办",
    "公司不签劳动合同要付两倍工资吗",
    "租的房子漏水房东不修怎么办",
    "离婚时孩子归谁抚养",
    "劳动合同法里试用期怎么规定",
)
OWN_LAW = "某市犬只管理条例"
OWN = """# 某市犬只管理条例

2026年1月5日某市人民代表大会常务委员会通过

第一章　总则

第一条　为了规范犬只饲养，制定本条例。

第二条　{second}

第三条　本条例自2026年3月1日起施行。
"""


@pytest.fixture(scope="module")
def url() -> Iterator[str]:
    """A server with pgvector of this module's own."""
    with server(fsync="off") as running:
        yield running.url


@pytest.fixture(scope="module")
def served(url: str, var: Path) -> Iterator[Library]:
    """The library as residents meet it in a county that has such a server."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MINHU_SEARCH_URL", url)
        made = Library.open(var, today=lambda: TODAY)
    yield made


def open_search(url: str, var: Path, packed: Path | None = None, only: tuple[str, ...] = ()) -> PostgresSearch:
    """A search in that server over the texts of one installation, or `only` over some laws."""
    statutes = Statutes.open(var)
    if only:
        statutes.versions = {law: held for law, held in statutes.versions.items() if law in only}
    meaning = Meaning(var / "index", packed) if packed else Meaning(var / "index")
    return PostgresSearch(statutes, meaning, url, LayTerms.load(), load_plain_words(), TODAY)


def imported(var: Path, second: str) -> None:
    """One text of the county's own, as last published."""
    file = var / "text.md"
    var.mkdir(exist_ok=True)
    file.write_text(OWN.format(second=second), encoding="utf-8")
    Statutes.import_text(var, file)


def found(search: PostgresSearch, question: str) -> list[tuple[str, int]]:
    """(law, article) of the best five."""
    hits = search.find(question, 5, TODAY)
    articles = (search._statutes.by_id(hit.article_id, TODAY) for hit in hits)
    return [(article.law, article.number) for article in articles if article]


def in_database(url: str, name: str) -> str:
    """A database of a test's own on the same server."""
    with sa.create_engine(url, isolation_level="AUTOCOMMIT", future=True).connect() as connection:
        connection.execute(sa.text(f"CREATE DATABASE {name}"))
    return url.removesuffix("/postgres") + f"/{name}"


@pytest.mark.postgresql
@pytest.mark.parametrize("question", QUESTIONS)
def test_the_server_finds_the_same_articles_as_the_embedded_index(
    served: Library, library: Library, question: str
) -> None:
    assert isinstance(served.search, PostgresSearch) and isinstance(library.search, LawSearch)
    theirs, ours = served._find_law(question, 5), library._find_law(question, 5)
    assert [(s.law, s.article) for s in theirs[1]][:1] == [(s.law, s.article) for s in ours[1]][:1] != []
    assert len({(s.law, s.article) for s in theirs[1]} & {(s.law, s.article) for s in ours[1]}) >= 4
    assert theirs[0] == pytest.approx(ours[0], abs=0.05)
    assert served.answer(question).about == library.answer(question).about


@pytest.mark.postgresql
def test_lay_questions_find_their_articles_in_the_server_too(served: Library, library: Library, shared: Path) -> None:
    lines = (shared / "law" / "lay_questions_dev.jsonl").read_text("utf-8").splitlines()[::15]
    right = {"served": 0, "embedded": 0}
    for row in map(json.loads, lines):
        gold = {(one["law"], one["article"]) for one in row["gold"]}
        for name, one in (("served", served), ("embedded", library)):
            right[name] += any((s.law, s.article) in gold for s in one._find_law(row["text"], 10)[1])
    assert right["served"] >= right["embedded"] - 1 > len(lines) * 0.6, right


@pytest.mark.postgresql
def test_talk_that_is_about_no_law_is_declined_by_the_server_too(served: Library) -> None:
    assert not served.law("今天天气真好")
    assert served._find_law("'; DROP TABLE laws; -- \\ & | ! <-> :*", 3)[0] < LAW_FOR_ADVICE


@pytest.mark.postgresql
def test_a_text_that_is_added_changed_and_taken_away_is_seen(url: str, tmp_path: Path) -> None:
    own, place, laws = tmp_path / "var", in_database(url, "changing"), ("民法典", OWN_LAW)
    before = open_search(place, own, only=laws)
    counted = before.store.frequencies(["牵领", "合同"])
    assert (OWN_LAW, 2) not in found(before, "遛狗绳子多长") and "牵领" not in counted
    imported(own, "在建成区遛犬，应当用不超过一点五米的绳牵领。")
    added = open_search(place, own, only=laws)
    added.learn(TODAY)
    assert found(added, "遛犬的绳牵领不超过几米")[0] == (OWN_LAW, 2)
    assert sum(added.store.frequencies(["牵领"])["牵领"]) == 1
    imported(own, "在建成区遛犬，应当给犬戴嘴套。")
    changed = open_search(place, own, only=laws)
    changed.learn(TODAY)
    assert found(changed, "遛犬要不要戴嘴套")[0] == (OWN_LAW, 2)
    assert sum(changed.store.frequencies(["嘴套"])["嘴套"]) == 1 and changed.store.frequencies(["牵领"]) == {}
    (own / "statutes.db").unlink()
    after = open_search(place, own, only=laws)
    assert all(law != OWN_LAW for law, _ in found(after, "遛犬要不要戴嘴套"))
    assert after.store.frequencies(["牵领", "合同", "嘴套"]) == counted
    assert after.store.facts()["passages"] == before.store.facts()["passages"]


@pytest.mark.postgresql
def test_what_is_kept_of_the_whole_is_what_a_fresh_count_gives(served: Library) -> None:
    store = served.search.store  # type: ignore[attr-defined]
    with store.engine.connect() as read:
        passages, length = read.execute(sa.text("SELECT count(*), sum(length) FROM minhu_search.passages")).one()
        having = "SELECT count(*) FROM minhu_search.passages WHERE words @@ CAST(:word AS tsquery)"
        counted = {word: read.execute(sa.text(having), {"word": f"'{word}'"}).scalar() for word in ("彩礼", "合同")}
    assert (store.facts()["passages"], store.facts()["length"]) == (str(passages), str(length))
    assert {word: sum(both) for word, both in store.frequencies(counted).items()} == counted


@pytest.mark.postgresql
def test_a_second_process_opens_what_is_there_and_writes_nothing(served: Library, url: str, var: Path) -> None:
    before = served.search.store.facts()  # type: ignore[attr-defined]
    assert open_search(url, var).store.facts() == before


@pytest.mark.postgresql
def test_words_alone_find_articles_until_meaning_is_learnt(url: str, tmp_path: Path) -> None:
    place = in_database(url, "learning")
    search = open_search(place, tmp_path, tmp_path / "none.npz", only=("民法典",))
    assert search.learnt == 0.0
    hits = search.find("借婚姻索取的彩礼能不能要回来", 3, TODAY)
    assert not hits[0].known and ("民法典", 1042) in found(search, "借婚姻索取的彩礼能不能要回来")
    told: list[tuple[int, int]] = []
    search.learn(TODAY, lambda done, of: told.append((done, of)), most=8)
    assert told[-1] == (8, 8) and search.store.learnt()[0] == 8
    assert PassageStore(place).sample(100).shape == (8, 384)


@pytest.mark.postgresql
def test_a_text_longer_than_the_server_counts_places_is_found_by_its_last_word(url: str) -> None:
    store = PassageStore(in_database(url, "long"))
    text = "长" * 20000 + "末尾 " + "x" * 3000
    passages = [Passage(1, "one", 1, False, text, None), Passage(2, "one", 2, True, "末尾", None)]
    assert store.replace("first", [Law("one", "某法", "2020-01-01", "")], iter(passages))
    assert not store.replace("first", [], iter(()))
    assert store.frequencies(["长长", "末尾", "x" * 3000]) == {"长长": (0, 1), "末尾": (1, 1)}
    assert store.candidates(None, [(False, ["末尾"])], [], []) == [1]
    assert store.candidates(None, [(True, ["末尾"])], [], []) == [2]


@pytest.mark.postgresql
def test_a_server_without_pgvector_is_told_in_one_line(postgresql: str) -> None:  # noqa: F811
    with sa.create_engine(postgresql, future=True).connect() as read:
        if read.execute(sa.text("SELECT count(*) FROM pg_available_extensions WHERE name = 'vector'")).scalar():
            pytest.skip("this server has pgvector")
    with pytest.raises(SearchUnavailable, match="no extension .vector.: install pgvector") as told:
        connected(postgresql)
    assert "\n" not in str(told.value) and "127.0.0.1:5432" in str(told.value)


@pytest.mark.parametrize("url", ["sqlite://", "no url", "postgresql+psycopg2://postgres@127.0.0.1:1/none"])
def test_a_place_that_cannot_search_is_told_in_one_line(url: str) -> None:
    with pytest.raises(SearchUnavailable, match="MINHU_SEARCH_URL") as told:
        connected(url)
    assert "\n" not in str(told.value)


def test_a_password_is_not_told() -> None:
    with pytest.raises(SearchUnavailable) as told:
        connected("postgresql+psycopg2://postgres:secret@127.0.0.1:1/none")
    assert "secret" not in str(told.value)

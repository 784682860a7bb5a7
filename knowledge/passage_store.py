"""Passages in PostgreSQL, found by their words (full text) and by their meaning (pgvector), for many and for several
machines."""

from __future__ import annotations

import io
import struct
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

import numpy as np
import sqlalchemy as sa
from sqlalchemy.engine import Connection, Engine
from sqlalchemy.engine.url import make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, OperationalError

from e5.model import DIMENSIONS
from knowledge.meaning import Vector, key_of
from knowledge.words import search_words

FORMAT = "1"
LOCK = 0x6D696E6875  # one process at a time builds
BATCH = 2000
#: what PostgreSQL keeps of a word: the highest place, and how many places of one word
LAST_PLACE, MOST_PLACES = 16383, 255
LONGEST_WORD = 200
#: so many passages are looked at by each way of finding
CANDIDATES = 100

SCHEMA = f"""
CREATE SCHEMA minhu_search;
CREATE TABLE minhu_search.facts (name text PRIMARY KEY, value text NOT NULL);
CREATE TABLE minhu_search.laws (
    id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, code text NOT NULL UNIQUE, law text NOT NULL,
    starts text NOT NULL, ends text NOT NULL);
CREATE TABLE minhu_search.passages (
    id bigint PRIMARY KEY, law int NOT NULL, number int NOT NULL, key bigint NOT NULL, asked boolean NOT NULL,
    length int NOT NULL, words tsvector NOT NULL, meaning vector({DIMENSIONS})) WITH (toast_tuple_target = 8160);
CREATE TABLE minhu_search.words (word text PRIMARY KEY, asked bigint NOT NULL, others bigint NOT NULL);
ALTER TABLE minhu_search.passages ALTER meaning SET STORAGE PLAIN;
"""
# Articles of the laws that people ask about have indexes of their own: they must not drown among all others.
INDEXES = """
CREATE INDEX ON minhu_search.passages USING gin (words) WHERE asked;
CREATE INDEX ON minhu_search.passages USING gin (words) WHERE NOT asked;
CREATE INDEX ON minhu_search.passages USING hnsw (meaning vector_l2_ops) WHERE asked;
CREATE INDEX ON minhu_search.passages USING hnsw (meaning vector_l2_ops) WHERE NOT asked;
CREATE INDEX ON minhu_search.passages (law, number);
CREATE INDEX ON minhu_search.passages (key) WHERE meaning IS NOT NULL;
CREATE INDEX ON minhu_search.passages (asked DESC, id) WHERE meaning IS NULL;
ANALYZE minhu_search.passages;
"""
# Full text is never worth reading every passage, however few there are.
CAREFUL = "SELECT set_config('hnsw.ef_search', :most, true), set_config('enable_seqscan', 'off', true)"
WHICH = {True: "asked", False: "NOT asked"}
NEAR = """(SELECT id FROM minhu_search.passages WHERE {which} AND meaning IS NOT NULL
    ORDER BY meaning <-> CAST(:point AS vector) LIMIT :most)"""
WORDED = """(SELECT id FROM minhu_search.passages WHERE {which} AND words @@ CAST(:{sought} AS tsquery)
    ORDER BY ts_rank(words, CAST(:{sought} AS tsquery)) DESC LIMIT :most)"""
NAMED_NEAR = """(SELECT id FROM (SELECT id, meaning FROM minhu_search.passages WHERE law = ANY(:laws) OFFSET 0) named
    WHERE meaning IS NOT NULL ORDER BY meaning <-> CAST(:point AS vector) LIMIT :most)"""
NAMED_WORDED = """(SELECT id FROM (SELECT id, words FROM minhu_search.passages WHERE law = ANY(:laws) OFFSET 0) named
    WHERE words @@ CAST(:{sought} AS tsquery)
    ORDER BY ts_rank(words, CAST(:{sought} AS tsquery)) DESC LIMIT :most)"""
GROUNDS = """(SELECT p.id FROM unnest(CAST(:ground_laws AS int[]), CAST(:ground_numbers AS int[])) AS g (law, number)
    JOIN minhu_search.passages p ON p.law = g.law AND p.number = g.number)"""
# BM25 of the chosen passages for two lists of words at once, and how far they lie from two points.
WEIGHED = """
WITH sought AS MATERIALIZED (
    SELECT * FROM unnest(CAST(:words AS text[]), CAST(:first AS float8[]), CAST(:second AS float8[]))
        AS s (word, first, second)),
chosen AS MATERIALIZED (SELECT * FROM minhu_search.passages WHERE id = ANY(CAST(:ids AS bigint[]))),
worded AS (
    SELECT c.id, sum(s.first * share.of) AS first, sum(s.second * share.of) AS second
    FROM chosen c CROSS JOIN LATERAL unnest(c.words) AS w JOIN sought s ON s.word = w.lexeme
    CROSS JOIN LATERAL (SELECT cardinality(w.positions)
        / (cardinality(w.positions) + :k1 * (1 - :b + :b * c.length / :average)) AS of) share
    GROUP BY c.id)
SELECT c.id, c.law, c.number, coalesce(w.first, 0), coalesce(w.second, 0),
    c.meaning <-> CAST(:point AS vector), c.meaning <-> CAST(:middle AS vector)
FROM chosen c JOIN minhu_search.laws l ON l.id = c.law LEFT JOIN worded w ON w.id = c.id
WHERE l.starts <= :day AND (l.ends = '' OR :day < l.ends) ORDER BY c.id
"""


class SearchUnavailable(RuntimeError):
    """MINHU_SEARCH_URL names no server that can search; the message is one line that says what to do."""


@dataclass(frozen=True)
class Law:
    """One text of a law: the store's code of it, its name, from when and until before when it applies (ISO dates)."""

    code: str
    law: str
    starts: str
    ends: str


@dataclass(frozen=True)
class Passage:
    """What is kept of an article: `law` is its law's code; `vector` (384,) of length one, or None until learnt."""

    id: int
    law: str
    number: int
    asked: bool
    text: str
    vector: Vector | None


@dataclass(frozen=True)
class Weighed:
    """Columns of the passages looked at: ids, laws, numbers, BM25 for two lists of words, distances from a point and
    from the middle (not a number where there is no vector)."""

    ids: Vector
    laws: Vector
    numbers: Vector
    first: Vector
    second: Vector
    from_point: Vector
    from_middle: Vector


@dataclass
class Sums:
    """What comes and goes while passages are written: how many, with how many words, and how many that have each
    word, of the laws that people ask about (True) and of others."""

    passages: int = 0
    length: int = 0
    having: dict[bool, Counter[str]] = field(default_factory=lambda: {True: Counter(), False: Counter()})


class PassageStore:
    """One schema, `minhu_search`, in a PostgreSQL database with pgvector; several processes may use it."""

    def __init__(self, url: str) -> None:
        """Connects. Raises SearchUnavailable when that is no PostgreSQL with pgvector."""
        self.engine = connected(url)

    # --- keeping ---------------------------------------------------------------------------------------------------

    def facts(self) -> dict[str, str]:
        """Everything remembered about the whole; nothing where the schema isn't there."""
        with self.engine.connect() as read:
            if not read.execute(sa.text("SELECT to_regclass('minhu_search.facts')")).scalar():
                return {}
            return dict(tuple(row) for row in read.execute(sa.text("SELECT name, value FROM minhu_search.facts")))

    def replace(self, mark: str, laws: Sequence[Law], passages: Iterator[Passage]) -> bool:
        """Brings the tables to these laws and passages in one transaction, unless they bear this mark already.

        What is there unchanged stays. Returns whether there was anything to do.
        """
        with self.engine.begin() as write:
            write.execute(sa.text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": LOCK})
            fresh = self._schema(write)
            if _facts(write).get("mark") == mark:
                return False
            numbers = _keep_laws(write, laws)
            present, sums = _present(write), Sums()
            while batch := list(islice(passages, BATCH)):
                known = {one.id: (numbers[one.law], key_of(one.text), one.asked) for one in batch}
                changed = [one for one in batch if present.get(one.id) != known[one.id]]
                _take_away(write, [one.id for one in changed if one.id in present], sums)
                _add(write, changed, numbers, sums)
                for one in known:
                    present.pop(one, None)
            for start in range(0, len(present), BATCH):
                _take_away(write, list(present)[start : start + BATCH], sums)
            _count(write, sums)
            _remember(write, mark)
            if fresh:
                write.execute(sa.text(INDEXES))
        return True

    def _schema(self, write: Connection) -> bool:
        """Makes the tables where they are missing or of another format. Returns whether they are new."""
        there = write.execute(sa.text("SELECT to_regclass('minhu_search.facts')")).scalar()
        if there and _facts(write).get("format") == FORMAT:
            return False
        write.execute(sa.text("DROP SCHEMA IF EXISTS minhu_search CASCADE"))
        write.execute(sa.text(SCHEMA))
        write.execute(sa.text("INSERT INTO minhu_search.facts VALUES ('format', :format)"), {"format": FORMAT})
        return True

    def learnt(self) -> tuple[int, int]:
        """(passages with a vector, passages)."""
        with self.engine.connect() as read:
            found = read.execute(sa.text("SELECT count(meaning), count(*) FROM minhu_search.passages")).one()
        return int(found[0]), int(found[1])

    def unlearnt(self, most: int | None) -> list[int]:
        """Ids of passages without a vector, those of laws that people ask about first."""
        query = "SELECT id FROM minhu_search.passages WHERE meaning IS NULL ORDER BY asked DESC, id LIMIT :most"
        with self.engine.connect() as read:
            return list(read.execute(sa.text(query), {"most": most}).scalars())

    def learn(self, ids: Sequence[int], vectors: Vector) -> None:
        """Keeps (n, 384) vectors of passages."""
        texts = [vector_text(vector) for vector in vectors]
        with self.engine.begin() as write:
            write.execute(
                sa.text(
                    "UPDATE minhu_search.passages p SET meaning = CAST(v.vector AS vector)"
                    " FROM unnest(CAST(:ids AS bigint[]), CAST(:vectors AS text[])) AS v (id, vector) WHERE p.id = v.id"
                ),
                {"ids": list(ids), "vectors": texts},
            )
            _raise(write, "changes", 1)

    # --- finding ---------------------------------------------------------------------------------------------------

    def laws(self) -> dict[int, str]:
        """Names of laws by the numbers that passages have."""
        with self.engine.connect() as read:
            return {int(row[0]): row[1] for row in read.execute(sa.text("SELECT id, law FROM minhu_search.laws"))}

    def sample(self, size: int) -> Vector:
        """(up to `size`, 384) vectors, the same while the passages are the same: keys are as good as random."""
        query = (
            "SELECT vector_send(meaning) FROM minhu_search.passages WHERE meaning IS NOT NULL ORDER BY key LIMIT :size"
        )
        with self.engine.connect() as read:
            sent = [bytes(row[0])[4:] for row in read.execute(sa.text(query), {"size": size})]
        return np.frombuffer(b"".join(sent), dtype=">f4").astype(np.float32).reshape(-1, DIMENSIONS)

    def frequencies(self, words: Collection[str]) -> dict[str, tuple[int, int]]:
        """In how many passages each word is, (of the laws people ask about, of others); those in none are left out."""
        query = (
            "SELECT word, asked, others FROM minhu_search.words"
            " WHERE word = ANY(CAST(:words AS text[])) AND asked + others > 0"
        )
        with self.engine.connect() as read:
            rows = read.execute(sa.text(query), {"words": list(words)})
            return {word: (int(asked), int(others)) for word, asked, others in rows}

    def candidates(
        self, point: Vector | None, sought: Sequence[tuple[bool, Sequence[str]]], laws: Sequence[int],
        grounds: Sequence[tuple[int, int]],
    ) -> list[int]:  # fmt: skip
        """Ids of the passages nearest to a point and best for lists of words, and of `grounds` (law, number).

        A list is sought among the laws that people ask about (True) or among the others; the point among both. Either
        is also sought among `laws`, so that what is named is found however much there is.
        """
        values: dict[str, Any] = {"most": CANDIDATES, "laws": list(laws)}
        values["ground_laws"], values["ground_numbers"] = [g[0] for g in grounds], [g[1] for g in grounds]
        parts = [GROUNDS]
        if point is not None:
            values["point"] = vector_text(point)
            parts += [NEAR.format(which=which) for which in WHICH.values()] + ([NAMED_NEAR] if laws else [])
        for number, (asked, words) in enumerate(sought):
            name = f"sought{number}"
            values[name] = " | ".join(f"'{word}'" for word in words)
            parts.append(WORDED.format(which=WHICH[asked], sought=name))
            parts += [NAMED_WORDED.format(sought=name)] if laws else []
        with self.engine.begin() as read:
            read.execute(sa.text(CAREFUL), {"most": str(CANDIDATES)})
            return list(read.execute(sa.text(" UNION ".join(parts)), values).scalars())

    def weighed(
        self, ids: Sequence[int], words: Mapping[str, tuple[float, float]], point: Vector, middle: Vector, day: str,
        k1: float, b: float, average: float,
    ) -> Weighed:  # fmt: skip
        """The chosen passages that are law on an ISO day. `words`: how much each word counts in either list."""
        first, second = zip(*words.values(), strict=True) if words else ((), ())
        values = {
            "ids": list(ids), "words": list(words), "first": list(first), "second": list(second), "day": day,
            "point": vector_text(point), "middle": vector_text(middle), "k1": k1, "b": b, "average": average,
        }  # fmt: skip
        with self.engine.connect() as read:
            rows = read.execute(sa.text(WEIGHED), values).all()
        columns = np.array([[np.nan if cell is None else cell for cell in row] for row in rows], dtype=np.float64)
        columns = columns.reshape(-1, 7)
        whole = columns[:, :3].astype(np.int64)
        return Weighed(whole[:, 0], whole[:, 1], whole[:, 2], *columns[:, 3:].T.astype(np.float32))


def connected(url: str) -> Engine:
    """An engine on a database with pgvector, made there if need be. Raises SearchUnavailable."""
    try:
        where = make_url(url)
        engine = sa.create_engine(where, future=True, pool_pre_ping=True)
    except (ArgumentError, ImportError) as wrong:
        raise SearchUnavailable(f"MINHU_SEARCH_URL is no URL of a PostgreSQL database: {wrong}") from wrong
    if engine.dialect.name != "postgresql":
        raise SearchUnavailable(
            f"MINHU_SEARCH_URL must be PostgreSQL (postgresql+psycopg2://…), not {where.drivername}"
        )
    place = f"{where.host or 'localhost'}:{where.port or 5432}/{where.database}"
    try:
        with engine.begin() as start:
            have = "SELECT (SELECT count(*) FROM pg_available_extensions WHERE name = 'vector')"
            if not start.execute(sa.text(have)).scalar():
                raise SearchUnavailable(
                    f"MINHU_SEARCH_URL: the PostgreSQL server of {place} has no extension “vector”:"
                    " install pgvector on it, or unset MINHU_SEARCH_URL to search without a server"
                )
            start.execute(sa.text("CREATE EXTENSION IF NOT EXISTS vector"))
    except DBAPIError as wrong:
        said = str(wrong.orig).strip().splitlines()[0] if wrong.orig else str(wrong)
        why = "can't be reached" if isinstance(wrong, OperationalError) else "refuses"
        raise SearchUnavailable(f"MINHU_SEARCH_URL: {place} {why}: {said}") from wrong
    return engine


# --- writing -------------------------------------------------------------------------------------------------------


def _facts(read: Connection) -> dict[str, str]:
    return dict(tuple(row) for row in read.execute(sa.text("SELECT name, value FROM minhu_search.facts")))


def _keep_laws(write: Connection, laws: Sequence[Law]) -> dict[str, int]:
    """Writes the laws, takes away all others, and returns their numbers by code."""
    values = {name: [getattr(law, name) for law in laws] for name in ("code", "law", "starts", "ends")}
    columns = ", ".join(f"CAST(:{name} AS text[])" for name in values)
    write.execute(
        sa.text(
            f"INSERT INTO minhu_search.laws (code, law, starts, ends) SELECT * FROM unnest({columns})"
            " ON CONFLICT (code) DO UPDATE SET law = excluded.law, starts = excluded.starts, ends = excluded.ends"
        ),
        values,
    )
    gone = "DELETE FROM minhu_search.laws WHERE NOT code = ANY(CAST(:code AS text[]))"
    write.execute(sa.text(gone), {"code": values["code"]})
    return {row[0]: int(row[1]) for row in write.execute(sa.text("SELECT code, id FROM minhu_search.laws"))}


def _present(read: Connection) -> dict[int, tuple[int, int, bool]]:
    rows = read.execute(sa.text("SELECT id, law, key, asked FROM minhu_search.passages"))
    return {int(row[0]): (int(row[1]), int(row[2]), bool(row[3])) for row in rows}


def _take_away(write: Connection, ids: Sequence[int], sums: Sums) -> None:
    rows = write.execute(
        sa.text(
            "DELETE FROM minhu_search.passages WHERE id = ANY(CAST(:ids AS bigint[]))"
            " RETURNING asked, length, tsvector_to_array(words)"
        ),
        {"ids": list(ids)},
    )
    for asked, length, words in rows:
        sums.having[asked].subtract(words)
        sums.passages, sums.length = sums.passages - 1, sums.length - length


def _add(write: Connection, passages: Sequence[Passage], numbers: Mapping[str, int], sums: Sums) -> None:
    rows = [HEAD]
    for passage in passages:
        words = [word for word in search_words(passage.text) if len(word) <= LONGEST_WORD]
        rows.append(copied(passage, numbers[passage.law], words))
        sums.having[passage.asked].update(set(words))
        sums.passages, sums.length = sums.passages + 1, sums.length + len(words)
    copy = "COPY minhu_search.passages (id, law, number, key, asked, length, words, meaning) FROM STDIN (FORMAT binary)"
    write.connection.cursor().copy_expert(copy, io.BytesIO(b"".join([*rows, TAIL])))


def _count(write: Connection, sums: Sums) -> None:
    """Adds to what is known of the whole."""
    asked, others = sums.having[True], sums.having[False]
    every = sorted({**asked, **others})
    for start in range(0, len(every), BATCH * 10):
        part = every[start : start + BATCH * 10]
        write.execute(
            sa.text(
                "INSERT INTO minhu_search.words"
                " SELECT * FROM unnest(CAST(:words AS text[]), CAST(:asked AS bigint[]), CAST(:others AS bigint[]))"
                " ON CONFLICT (word) DO UPDATE SET asked = words.asked + excluded.asked,"
                " others = words.others + excluded.others"
            ),
            {"words": part, "asked": [asked[word] for word in part], "others": [others[word] for word in part]},
        )
    _raise(write, "passages", sums.passages)
    _raise(write, "length", sums.length)


def _raise(write: Connection, name: str, by: int) -> None:
    """Adds to a number among the facts."""
    query = (
        "INSERT INTO minhu_search.facts AS f VALUES (:name, CAST(:by AS text))"
        " ON CONFLICT (name) DO UPDATE SET value = CAST(CAST(f.value AS bigint) + :by AS text)"
    )
    write.execute(sa.text(query), {"name": name, "by": by})


def _remember(write: Connection, mark: str) -> None:
    query = "INSERT INTO minhu_search.facts VALUES ('mark', :mark) ON CONFLICT (name) DO UPDATE SET value = :mark"
    write.execute(sa.text(query), {"mark": mark})
    _raise(write, "changes", 1)


# --- PostgreSQL's binary form --------------------------------------------------------------------------------------

HEAD = b"PGCOPY\n\xff\r\n\x00" + struct.pack(">ii", 0, 0)
TAIL = struct.pack(">h", -1)
ONE = struct.Struct(">xHH")  # the end of a word, how many places, the place


def vector_text(vector: Vector) -> str:
    """A vector as pgvector reads it."""
    return "[" + ",".join(f"{number:.6g}" for number in vector.tolist()) + "]"


def copied(passage: Passage, law: int, words: Sequence[str]) -> bytes:
    """One row for COPY."""
    vector = passage.vector
    fields = (
        struct.pack(">q", passage.id), struct.pack(">i", law), struct.pack(">i", passage.number),
        struct.pack(">q", key_of(passage.text)), struct.pack(">?", passage.asked), struct.pack(">i", len(words)),
        word_places(words),
        None if vector is None else struct.pack(">hh", len(vector), 0) + vector.astype(">f4").tobytes(),
    )  # fmt: skip
    cells = (struct.pack(">i", -1) if f is None else struct.pack(">i", len(f)) + f for f in fields)
    return struct.pack(">h", len(fields)) + b"".join(cells)


def word_places(words: Sequence[str]) -> bytes:
    """A tsvector of words as they are cut, each with its places in the text."""
    places: dict[str, list[int]] = {}
    for place, word in enumerate(words, 1):
        places.setdefault(word, []).append(place)
    parts = [struct.pack(">i", len(places))]
    for word, found in places.items():
        parts.append(
            word.encode() + (ONE.pack(1, found[0]) if len(found) == 1 and found[0] < LAST_PLACE else several(found))
        )
    return b"".join(parts)


def several(places: Sequence[int]) -> bytes:
    """The places of one word; beyond the last that can be kept it still counts once."""
    kept = [place for place in places if place < LAST_PLACE][:MOST_PLACES] or [LAST_PLACE]
    return struct.pack(f">xH{len(kept)}H", len(kept), *kept)

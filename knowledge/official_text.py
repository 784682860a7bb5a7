"""Reads an official text (Markdown, plain text, Word or JSON lines) into numbered articles."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import docx

STATE_NAME = "中华人民共和国"
DIGITS = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
SCALES = {"十": 10, "百": 100, "千": 1000}
ARTICLE = re.compile(r"^\**(第[零〇一二两三四五六七八九十百千]+条(?:之[一二三四五六七八九十]+)?)\**[\s\u3000：:]*(.*)$")
HEADING = re.compile(r"^#*\s*(第[一二三四五六七八九十百]+(?:编|分编|章|节)[\s\u3000]*\S.*)$")
DAY = re.compile(r"(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日")
STARTS = re.compile(r"自\s*(\d{4})\s*年\s*(\d{1,2})\s*月\s*(\d{1,2})\s*日\s*起(?:施行|实施|生效)")


class OfficialTextError(ValueError):
    """The file can't be taken as an official text; the message says where and why."""


@dataclass(frozen=True)
class Passage:
    """One article on its way into the store; dates are ISO."""

    law: str
    kind: str
    published: str
    effective: str
    repealed_from: str | None
    chapter: str
    label: str
    number: int
    text: str


def number_of(label: str) -> int:
    """第一千二百四十二条 → 1242; 第十七条之一 → 17. Raises OfficialTextError for anything else."""
    total = digit = 0
    for char in label.removeprefix("第").split("条")[0]:
        if char in DIGITS:
            digit = DIGITS[char]
        elif char in SCALES:
            total += (digit or 1) * SCALES[char]
            digit = 0
        else:
            raise OfficialTextError(f"not the number of an article: {label}")
    return total + digit


def read_official(path: Path) -> Iterator[Passage]:
    """Articles of one file. Raises OfficialTextError when it has none or no date of effect can be found."""
    reader = read_json_lines if path.suffix == ".jsonl" else read_published
    passages = list(reader(path))
    if not passages:
        raise OfficialTextError(f"{path.name}: no article found")
    yield from passages


def read_json_lines(path: Path) -> Iterator[Passage]:
    """One article a line: law, date, article (第…条), text; optional effective, chapter, category, repealed_from."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        if not line.strip():
            continue
        try:
            row: dict[str, Any] = json.loads(line)
            yield Passage(
                law=row["law"],
                kind=row.get("category", ""),
                published=row["date"],
                effective=row.get("effective") or row["date"],
                repealed_from=row.get("repealed_from"),
                chapter=row.get("chapter", ""),
                label=row["article"],
                number=number_of(row["article"]),
                text=row["text"],
            )
        except (KeyError, json.JSONDecodeError) as wrong:
            raise OfficialTextError(f"{path.name}:{number}: {wrong}") from wrong


def lines_of(path: Path) -> list[str]:
    """The lines of a file, trimmed; of a Word file its paragraphs. Raises OfficialTextError for what is no text."""
    if path.suffix.lower() == ".docx":
        try:
            return [line.strip() for part in docx.Document(str(path)).paragraphs for line in part.text.splitlines()]
        except Exception as wrong:
            raise OfficialTextError(f"{path.name}: not a Word file that can be read") from wrong
    content = path.read_bytes()
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            return [line.strip() for line in content.decode(encoding).splitlines()]
        except UnicodeDecodeError:
            continue
    raise OfficialTextError(f"{path.name}: neither UTF-8 nor GB 18030")


def title_of(lines: list[str]) -> str:
    """The first line, with the second where the first is only the name of the state."""
    told = [line.lstrip("# ").strip() for line in lines if line.strip("# ")]
    return "".join(told[:2]) if told[:1] == [STATE_NAME] else "".join(told[:1])


def read_published(path: Path) -> Iterator[Passage]:
    """A title line, the history with its dates, then chapters and articles, as official texts are published."""
    lines = lines_of(path)
    title = title_of(lines)
    first = next((n for n, line in enumerate(lines) if ARTICLE.match(line)), len(lines))
    days = [iso(match) for line in lines[:first] for match in DAY.finditer(line)]
    starting = [iso(match) for line in lines for match in STARTS.finditer(line)]
    if not (days or starting):
        raise OfficialTextError(f"{path.name}: no date says from when this text applies")
    published = max(days) if days else starting[-1]
    effective = max([*starting[-1:], published]) if starting else published
    for chapter, label, text in articles_in(lines[first:]):
        yield Passage(title, "", published, effective, None, chapter, label, number_of(label), text)


def articles_in(lines: list[str]) -> Iterator[tuple[str, str, str]]:
    """(chapter, label, text) of each article among lines."""
    chapter, label, words = "", "", list[str]()
    for line in lines:
        heading, article = HEADING.match(line), ARTICLE.match(line)
        if (heading or article) and label:
            yield chapter, label, "\n".join(words)
            label = ""
        if heading:
            chapter = heading.group(1)
        elif article:
            label, words = article.group(1), [article.group(2)] if article.group(2) else []
        elif label and line and not line.startswith(("<!--", "#")):
            words.append(line)
    if label:
        yield chapter, label, "\n".join(words)


def iso(match: re.Match[str]) -> str:
    """A matched year, month and day as an ISO date."""
    year, month, day = (int(part) for part in match.groups())
    return f"{year:04d}-{month:02d}-{day:02d}"

"""All answers as one table that a clerk edits in a spreadsheet: CSV (UTF-8) or xlsx, out and in again."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import openpyxl
from openpyxl.styles import Alignment

from knowledge.check import Fault, fault
from knowledge.editing import Editor, EditRefused
from knowledge.form import FIELDS, changed, names
from knowledge.shelf import Text

CSV, XLSX = "csv", "xlsx"
HEAD = ("code", "kind", "question")
COLUMNS = (*HEAD, *dict.fromkeys(name for kind in FIELDS for name in names(kind)))
WIDTH = 28
#: a cell that begins so is taken for a formula by a spreadsheet; it is written behind an apostrophe
FORMULA = ("=", "+", "-", "@", "\t")

Row = Mapping[str, str]


def export(editor: Editor, form: str) -> bytes:
    """Every answer in use, one row each. `form`: csv or xlsx."""
    rows = [dict.fromkeys(COLUMNS, "") | row for row in rows_of(editor)]
    return to_xlsx(rows) if form == XLSX else to_csv(rows)


def rows_of(editor: Editor) -> Iterator[dict[str, str]]:
    """The rows of the table, without their trial questions."""
    for guide in editor.live.library.guides.guides:
        kind, fields = editor.fields(guide.code)
        yield {"code": guide.code, "kind": kind, **fields}


def read(content: bytes) -> list[dict[str, str]]:
    """The rows of a CSV or xlsx file. Raises EditRefused."""
    try:
        rows = list(from_xlsx(content) if content[:2] == b"PK" else from_csv(content))
    except EditRefused:
        raise
    except Exception as wrong:
        raise EditRefused([fault("table_unread")]) from wrong
    return rows


def take_in(editor: Editor, rows: Iterable[Row], author: str) -> list[Text]:
    """Puts every row that differs from the answer in use up for signing. Raises EditRefused for any bad row, and then
    nothing has changed."""
    wanted: list[tuple[Row, str | None]] = []
    found: list[Fault] = []
    for number, row in enumerate(rows, 2):
        try:
            wanted += [(row, row["code"] or None)] if differs(editor, row, number) else []
        except EditRefused as refused:
            found += refused.faults
    ready = []
    for row, code in wanted:
        try:
            ready.append((row, code, editor.ready(row, row["kind"], code, row["question"])))
        except EditRefused as refused:
            found += refused.faults
    if found:
        raise EditRefused(found)
    shelf = editor.live.shelf
    return [shelf.write(code, row["kind"], body, row["question"], author) for row, code, body in ready]


def differs(editor: Editor, row: Row, number: int) -> bool:
    """Whether a row says something else than the answer in use. Raises EditRefused for a code or kind there isn't."""
    if row["kind"] not in FIELDS:
        raise EditRefused([fault("kind_unknown", row=number)])
    if not row["code"]:
        return True
    try:
        kind, fields = editor.fields(row["code"])
    except KeyError as wrong:
        raise EditRefused([fault("row_unknown", row=number, code=row["code"])]) from wrong
    return any(changed(fields, {name: row.get(name, "") for name in names(kind)}))


# --- the two forms of file -----------------------------------------------------------------------------------------


def to_csv(rows: Iterable[Row]) -> bytes:
    """UTF-8 with the mark that spreadsheets look for."""
    out = io.StringIO(newline="")
    writer = csv.DictWriter(out, COLUMNS)
    writer.writeheader()
    writer.writerows({name: guarded(text) for name, text in row.items()} for row in rows)
    return out.getvalue().encode("utf-8-sig")


def from_csv(content: bytes) -> Iterator[dict[str, str]]:
    """Rows by column."""
    reader = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""))
    yield from named(reader)


def to_xlsx(rows: Iterable[Row]) -> bytes:
    """One sheet, the head frozen, lines wrapped."""
    book = openpyxl.Workbook()
    sheet = book.active
    sheet.append(COLUMNS)
    for row in rows:
        sheet.append([guarded(row[name]) for name in COLUMNS])
    sheet.freeze_panes = "D2"
    for column in sheet.columns:
        sheet.column_dimensions[column[0].column_letter].width = WIDTH
        for cell in column:
            cell.alignment = Alignment(wrap_text=True, vertical="top")
    out = io.BytesIO()
    book.save(out)
    return out.getvalue()


def from_xlsx(content: bytes) -> Iterator[dict[str, str]]:
    """Rows by column of the first sheet."""
    book = openpyxl.load_workbook(io.BytesIO(content), read_only=True, data_only=True)
    rows = ([text_of(cell) for cell in row] for row in book.worksheets[0].iter_rows(values_only=True))
    yield from named(rows)


def named(rows: Iterator[list[str]] | Any) -> Iterator[dict[str, str]]:
    """Rows under the names of the first one; empty rows are left out. Raises EditRefused for a missing column."""
    head = [str(name).strip() for name in next(iter(rows), [])]
    missing = [name for name in (*HEAD, "title_zh", "asked_zh", "short_zh") if name not in head]
    if missing:
        raise EditRefused([fault("column_missing", column=name) for name in missing])
    for row in rows:
        told = {name: unguarded(text) for name, text in zip(head, row, strict=False)}
        if any(text.strip() for text in told.values()):
            yield dict.fromkeys(COLUMNS, "") | {name: text.strip() for name, text in told.items() if name in COLUMNS}


def text_of(cell: Any) -> str:
    """A cell as text; a date as its day, a whole number without a point."""
    if cell is None:
        return ""
    if hasattr(cell, "date"):
        return str(cell.date())
    return str(int(cell)) if isinstance(cell, float) and cell.is_integer() else str(cell)


def guarded(text: str) -> str:
    """Text that no spreadsheet runs as a formula."""
    return f"'{text}" if text.startswith(FORMULA) else text


def unguarded(text: str) -> str:
    """The text behind the apostrophe."""
    return text[1:] if text.startswith("'") and text[1:].startswith(FORMULA) else text
